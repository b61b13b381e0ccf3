//! The app server: takes callbacks and answers 200.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// What arrived so far; on the generator's own thread.
#[derive(Default)]
pub(crate) struct Receiver {
    pub(crate) port: u16,
    state: Rc<State>,
}

#[derive(Default)]
struct State {
    arrived: RefCell<u64>,
    news: Notify,
    /// If it is wanted: how far each call is, to find callbacks out of order.
    order: RefCell<Option<HashMap<String, usize>>>,
    out_of_order: RefCell<u64>,
    delay: RefCell<Duration>,
}

impl Receiver {
    /// Takes connections from now on.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            state: Rc::default(),
        };
        let state = receiver.state.clone();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true);
                tokio::task::spawn_local(take(stream, state.clone()));
            }
        });
        receiver
    }

    pub(crate) fn arrived(&self) -> u64 {
        *self.state.arrived.borrow()
    }

    /// Waits until so many have arrived in all; false if they do not within `patience`.
    pub(crate) async fn has_got(&self, wanted: u64, patience: Duration) -> bool {
        let all = async {
            while self.arrived() < wanted {
                self.state.news.notified().await;
            }
        };
        tokio::time::timeout(patience, all).await.is_ok()
    }

    /// From now on, watches the order within each call.
    pub(crate) fn watch_order(&self) {
        *self.state.order.borrow_mut() = Some(HashMap::new());
    }

    pub(crate) fn out_of_order(&self) -> u64 {
        *self.state.out_of_order.borrow()
    }

    /// Answers this late from now on.
    pub(crate) fn answer_after(&self, delay: Duration) {
        *self.state.delay.borrow_mut() = delay;
    }
}

async fn take(mut stream: TcpStream, state: Rc<State>) {
    let mut buffer = Vec::with_capacity(4096);
    while let Ok(read) = stream.read_buf(&mut buffer).await {
        if read == 0 {
            return;
        }
        while let Some(end) = find(&buffer, b"\r\n\r\n") {
            note(&buffer[..end], &state);
            buffer.drain(..end + 4);
            let delay = *state.delay.borrow();
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}

fn note(head: &[u8], state: &State) {
    *state.arrived.borrow_mut() += 1;
    state.news.notify_one();
    let Some(order) = &mut *state.order.borrow_mut() else {
        return;
    };
    let head = String::from_utf8_lossy(head);
    let kinds = ["/notify?", "/agent_call_status?", "/call_event?"];
    let kind = kinds.iter().position(|kind| head.contains(kind));
    let sid = head.split("sid=").nth(1).and_then(|rest| rest.get(..36));
    if let (Some(kind), Some(sid)) = (kind, sid) {
        let next = order.entry(sid.to_owned()).or_default();
        if *next != kind {
            *state.out_of_order.borrow_mut() += 1;
        }
        *next = kind + 1;
    }
}

pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
