//! What is sent when: never a callback before the answer, never one callback before another.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use planet_emulator::Emulator;
use tokio::sync::Semaphore;

use crate::helpers::{AT_ONCE, Receiver, TestBed, answer_of, client, path, sound_body};

const USUAL: [&str; 3] = ["notify", "agent_call_status", "call_event"];

/// More bytes than all answers that may lie unread on one connection.
const ANSWERS: usize = 64 * 1024;

/// The sockets of callers that have not read their answers yet, by callee.
type Callers = Arc<Mutex<HashMap<String, TcpStream>>>;

/// What a caller's socket holds to be read, without reading it.
fn readable(callers: &Callers, callee: &str) -> String {
    let mut buffer = vec![0; ANSWERS];
    match callers.lock().unwrap()[callee].peek(&mut buffer) {
        Ok(length) => String::from_utf8_lossy(&buffer[..length]).into_owned(),
        Err(error) if error.kind() == ErrorKind::WouldBlock => String::new(),
        Err(error) => panic!("{error}"),
    }
}

/// Sends a call over a connection of its own; the answer stays unread.
fn call(address: &str, callers: &Callers, callee: &str) {
    let caller = TcpStream::connect(address).unwrap();
    caller.set_nonblocking(true).unwrap();
    send(&caller, callers, &[callee.to_owned()]);
}

/// Sends calls one after the other over this connection, with no regard to answers.
fn send(mut caller: &TcpStream, callers: &Callers, callees: &[String]) {
    for callee in callees {
        let socket = caller.try_clone().unwrap();
        callers.lock().unwrap().insert(callee.clone(), socket);
    }
    let body = sound_body().to_string();
    let request = |callee: &String| {
        format!(
            "POST {} HTTP/1.1\r\nHost: emulator\r\nAuthorization: Basic a2V5OnNlY3JldA==\r\n\
             Accept: application/json\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            path("shop-eval", callee),
            body.len()
        )
    };
    let requests: String = callees.iter().map(request).collect();
    caller.write_all(requests.as_bytes()).unwrap();
}

/// The session IDs in all answers that lie in this socket.
fn sids(mut caller: &TcpStream) -> Vec<String> {
    let mut buffer = vec![0; ANSWERS];
    let length = caller.read(&mut buffer).unwrap();
    let answers = String::from_utf8_lossy(&buffer[..length]).into_owned();
    let after_key = answers.split(r#""sid":""#).skip(1);
    after_key.map(|rest| rest[..36].to_owned()).collect()
}

/// The callbacks of this many calls, by session ID.
async fn callbacks(bed: &mut TestBed, calls: usize) -> HashMap<String, Vec<String>> {
    let mut arrived: HashMap<String, Vec<String>> = HashMap::new();
    for _ in 0..3 * calls {
        let received = bed.receiver.next().await;
        let sid = received.parameter("sid").unwrap();
        arrived.entry(sid).or_default().push(received.callback);
    }
    arrived
}

/// An emulator with this scenario, whose receiver notes each Notify that came before the answer: when
/// it arrives, the answer must lie in the caller's socket, since what is written to a local connection
/// can be read at once.
async fn watched(scenario: &str) -> (TestBed, Callers, Arc<Mutex<Vec<String>>>) {
    let callers = Callers::default();
    let overtaking = Arc::new(Mutex::new(Vec::new()));
    let receiver = Receiver::answering({
        let (callers, overtaking) = (callers.clone(), overtaking.clone());
        Arc::new(move |received| {
            if received.callback == "notify" {
                let parameters = received.parameters();
                let answer = readable(&callers, &parameters["to_user_id"]);
                if !answer.contains(&parameters["sid"]) {
                    overtaking.lock().unwrap().push(parameters["sid"].clone());
                }
            }
            HttpResponse::Ok().finish()
        })
    });
    let bed = TestBed::with_receiver(receiver, |builder| builder.scenario(scenario).clock("100x"));
    (bed.await, callers, overtaking)
}

#[tokio::test]
async fn under_load_no_callback_is_early_or_lost() {
    const WAVES: usize = 10;
    const WAVE: usize = 50;
    let (mut bed, callers, overtaking) = watched(AT_ONCE).await;
    let address = bed.emulator.url().trim_start_matches("http://").to_owned();

    for wave in 0..WAVES {
        let callees: Vec<_> = (0..WAVE).map(|n| format!("callee-{wave}-{n}")).collect();
        for callee in &callees {
            call(&address, &callers, callee);
        }
        let mut arrived = callbacks(&mut bed, WAVE).await;
        for callee in &callees {
            let caller = callers.lock().unwrap().remove(callee).unwrap();
            let sids = sids(&caller);
            assert_eq!(sids.len(), 1, "{callee}");
            let callbacks = arrived.remove(&sids[0]);
            assert_eq!(callbacks.as_deref(), Some(&USUAL.map(str::to_owned)[..]));
        }
        assert!(arrived.is_empty(), "{arrived:?}");
    }

    assert!(bed.receiver.rest().is_empty());
    let overtaking = overtaking.lock().unwrap();
    assert!(overtaking.is_empty(), "{} of them", overtaking.len());
}

#[tokio::test]
async fn no_callback_is_early_or_lost_when_calls_are_pipelined() {
    const CONNECTIONS: usize = 6;
    const PIPELINED: usize = 50;
    let (mut bed, callers, overtaking) = watched(AT_ONCE).await;
    let address = bed.emulator.url().trim_start_matches("http://").to_owned();
    let connect = |_| {
        let connection = TcpStream::connect(&address).unwrap();
        connection.set_nonblocking(true).unwrap();
        connection
    };
    let connections: Vec<_> = (0..CONNECTIONS).map(connect).collect();

    for wave in 0..2 {
        for (n, connection) in connections.iter().enumerate() {
            let callee = |call| format!("callee-{wave}-{n}-{call}");
            let callees: Vec<_> = (0..PIPELINED).map(callee).collect();
            send(connection, &callers, &callees);
        }
        let mut arrived = callbacks(&mut bed, CONNECTIONS * PIPELINED).await;
        for connection in &connections {
            let sids = sids(connection);
            assert_eq!(sids.len(), PIPELINED);
            for sid in sids {
                let callbacks = arrived.remove(&sid);
                assert_eq!(callbacks.as_deref(), Some(&USUAL.map(str::to_owned)[..]));
            }
        }
        assert!(arrived.is_empty(), "{arrived:?}");
    }

    assert!(bed.receiver.rest().is_empty());
    let overtaking = overtaking.lock().unwrap();
    assert!(overtaking.is_empty(), "{} of them", overtaking.len());
}

/// Shows that the checks above can fail.
#[tokio::test]
async fn a_notify_before_the_answer_is_noticed() {
    let scenario = AT_ONCE.replace("{ after: 0ms }\nagent", "{ send: before_response }\nagent");
    let (mut bed, callers, overtaking) = watched(&scenario).await;
    let address = bed.emulator.url().trim_start_matches("http://").to_owned();

    call(&address, &callers, "callee-1");
    let sid = bed.receiver.next().await.parameter("sid").unwrap();

    assert_eq!(*overtaking.lock().unwrap(), [sid]);
}

#[tokio::test]
async fn a_slow_app_server_delays_only_the_call_it_is_slow_for() {
    let gate = Arc::new(Semaphore::new(0));
    let server = HttpServer::new({
        let gate = gate.clone();
        move || {
            let gate = gate.clone();
            App::new().default_service(web::to(move |request: HttpRequest| {
                let gate = gate.clone();
                async move {
                    let slow = request.query_string().contains("to_user_id=callee-slow");
                    if slow && request.path() == "/notify" {
                        drop(gate.acquire().await);
                    }
                    HttpResponse::Ok().finish()
                }
            }))
        }
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    let emulator = Emulator::builder()
        .callbacks(url)
        .config("delivery: { timeout: 60s }")
        .scenario(AT_ONCE)
        .start()
        .await
        .unwrap();
    let client = client();
    let record = |sid: String, until: &'static str| {
        let url = format!("{}/_emulator/calls/{sid}{until}", emulator.url());
        answer_of(client.get(url))
    };
    let accepted = async |callee: &str| {
        let url = format!("{}{}", emulator.url(), path("shop-eval", callee));
        let request = client.post(url).basic_auth("key", Some("secret"));
        let request = request.header("Accept", "application/json");
        let request = request.header("Content-Type", "application/json");
        let (status, body) = answer_of(request.body(sound_body().to_string())).await;
        assert_eq!(status, 200, "{body}");
        body["data"]["sid"].as_str().unwrap().to_owned()
    };
    const SETTLED: &str = "/wait?for=settled&timeout=30s";

    let slow = accepted("callee-slow").await;
    let fast = accepted("callee-fast").await;
    let (status, fast) = record(fast, SETTLED).await;
    assert_eq!((status, &fast["end"]["reason"]), (200, &"DECLINE".into()));
    let (_, waiting) = record(slow.clone(), "").await;
    assert_eq!(waiting["settled"], false, "{waiting:#}");

    gate.add_permits(1);
    let (status, slow) = record(slow, SETTLED).await;
    assert_eq!((status, &slow["end"]["reason"]), (200, &"DECLINE".into()));
    handle.stop(false).await;
}
