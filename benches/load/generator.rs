//! The load: API requests over connections that are kept.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::receiver::find;

const BODY: &str = r#"{"requestContext":{"serviceId":"shop-eval","userId":"AGENT"},"mediaSourceType":"STORED_SOURCE","storedSource":{"storedAudioSources":[{"contentId":"5498f04048fa"}],"playCount":1},"appSvrData":"order 42"}"#;

/// A connection to the API.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            buffer: Vec::with_capacity(4096),
        }
    }

    /// Makes one call and waits for its answer, which has to be a success.
    pub(crate) async fn call(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.unwrap();
        self.buffer.clear();
        let length = loop {
            assert!(
                self.stream.read_buf(&mut self.buffer).await.unwrap() > 0,
                "closed"
            );
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4 + content_length(&self.buffer[..end]);
            }
        };
        while self.buffer.len() < length {
            assert!(
                self.stream.read_buf(&mut self.buffer).await.unwrap() > 0,
                "closed"
            );
        }
        assert!(
            self.buffer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&self.buffer)
        );
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = head.split("content-length:").nth(1).unwrap_or("0");
    value.split_whitespace().next().unwrap().parse().unwrap()
}

/// The request of a call to `callee` with the credentials of `key`.
pub(crate) fn request(callee: &str, key: &str) -> Vec<u8> {
    use base64::Engine as _;
    let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{key}:secret"));
    format!(
        "POST /tas/v2/agt_call/audio_caller/shop-eval/{callee} HTTP/1.1\r\nhost: 127.0.0.1\r\n\
         authorization: Basic {credentials}\r\naccept: application/json\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    )
    .into_bytes()
}

/// Makes `calls` calls over so many connections, each as soon as the one before it is answered. The
/// request of each is made by `request` from its number. Gives back how long that took.
pub(crate) async fn saturate(
    port: u16,
    connections: usize,
    calls: usize,
    request: impl Fn(usize) -> Rc<Vec<u8>> + Clone + 'static,
) -> Duration {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(port).await);
    }
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (first, mut connection) in open.into_iter().enumerate() {
        let request = request.clone();
        tasks.spawn_local(async move {
            for number in (first..calls).step_by(connections) {
                connection.call(&request(number)).await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    begun.elapsed()
}

/// Makes calls at a steady rate, whatever the answers do. Latencies count from when a request was to be
/// sent, not from when it could be: who has to wait for a slow answer before has waited as well.
pub(crate) async fn pace(
    port: u16,
    connections: usize,
    per_second: u32,
    calls: usize,
    request: Rc<Vec<u8>>,
) -> Vec<Duration> {
    let mut tasks = JoinSet::new();
    let begun = tokio::time::Instant::now() + Duration::from_millis(100);
    for first in 0..connections {
        let request = request.clone();
        let mut connection = Connection::open(port).await;
        tasks.spawn_local(async move {
            let mut latencies = Vec::new();
            for number in (first..calls).step_by(connections) {
                let due = begun + Duration::from_secs_f64(number as f64 / f64::from(per_second));
                tokio::time::sleep_until(due).await;
                connection.call(&request).await;
                latencies.push(due.elapsed());
            }
            latencies
        });
    }
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done.unwrap());
    }
    latencies
}
