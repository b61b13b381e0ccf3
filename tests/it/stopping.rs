//! A stop from outside: what is being answered is delivered, the rest is told; and the log as JSON.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use serde_json::Value;

use crate::cli::{ANY_PORT, Ended, Folder, PATIENCE, Process, program, run, url_in};

/// Ends a call as soon as it rings.
const AT_ONCE: &str = "
name: at-once
match: { to_user_id: alice }
callee: { action: decline, after: 0ms }
";

/// What the emulator says of callbacks that it gave up.
const GIVEN_UP: &str = "not sent";

/// An app server that answers a callback only when told to.
struct AppServer {
    url: String,
    callbacks: mpsc::Receiver<Unanswered>,
}

/// A callback that waits for its answer.
struct Unanswered {
    /// The path without the slash, such as `notify`.
    callback: String,
    connection: TcpStream,
}

impl AppServer {
    fn start() -> Self {
        let listener = TcpListener::bind(ANY_PORT).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, callbacks) = mpsc::channel();
        // Ends with the first connection after its test.
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if sender.send(Unanswered::read(connection.unwrap())).is_err() {
                    return;
                }
            }
        });
        Self { url, callbacks }
    }

    fn next(&self) -> Unanswered {
        let next = self.callbacks.recv_timeout(PATIENCE);
        next.expect("a callback should arrive")
    }
}

impl Unanswered {
    fn read(connection: TcpStream) -> Self {
        let mut lines = BufReader::new(&connection).lines().map(Result::unwrap);
        let request = lines.next().unwrap();
        assert!(lines.any(|line| line.is_empty()), "the end of the head");
        let path = request.split(['/', '?']).nth(1).unwrap();
        Self {
            callback: path.to_owned(),
            connection,
        }
    }

    /// Answers 200; the next callback then comes over a connection of its own.
    fn answer(mut self) {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        self.connection.write_all(answer).unwrap();
    }
}

/// An emulator whose callbacks go to `app`, with a call made to `alice`.
fn calling(app: &AppServer, grace: &str, log: &str) -> Process {
    let folder = Folder::new().with("scenarios/at-once.yaml", AT_ONCE);
    let mut command = program(&folder, &["--listen", ANY_PORT, "--log", log]);
    for callback in ["notify", "agent_call_status", "call_event"] {
        let variable = format!(
            "PLANET_EMULATOR_CALLBACKS__{}",
            callback.to_ascii_uppercase()
        );
        command.env(variable, format!("{}/{callback}", app.url));
    }
    command.env("PLANET_EMULATOR_SHUTDOWN_GRACE", grace);
    let (emulator, line) = Process::serving(command);
    let call = run(&folder, &["call", "alice", "--url", &url_in(&line)]);
    assert_eq!(call.status, Some(0), "{call:?}");
    emulator
}

/// Sends the signal and waits until the emulator has taken notice of it.
fn stop(emulator: &Process, signal: &str) {
    emulator.signal(signal);
    while !emulator.told().contains("stopping") {}
}

fn ended_well(emulator: Process) -> Ended {
    let ended = emulator.ended();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "");
    ended
}

#[test]
fn a_callback_that_is_being_answered_is_delivered_and_those_to_come_are_told() {
    for signal in ["TERM", "INT"] {
        let app = AppServer::start();
        let emulator = calling(&app, "30s", "text");
        let notify = app.next();
        assert_eq!(notify.callback, "notify");

        stop(&emulator, signal);
        notify.answer();

        let stderr = ended_well(emulator).stderr;
        let answered = stderr.find("notify answered").expect(&stderr);
        let given_up = stderr.find("stopped with 2 callbacks not sent");
        assert!(given_up > Some(answered), "SIG{signal}: {stderr}");
        assert!(app.callbacks.try_recv().is_err(), "nothing is begun");
    }
}

#[test]
fn nothing_is_given_up_if_the_last_callback_is_being_answered() {
    let app = AppServer::start();
    let emulator = calling(&app, "30s", "text");
    app.next().answer();
    app.next().answer();
    let event = app.next();
    assert_eq!(event.callback, "call_event");

    stop(&emulator, "TERM");
    event.answer();

    let stderr = ended_well(emulator).stderr;
    assert!(stderr.contains("call_event answered"), "{stderr}");
    assert!(!stderr.contains(GIVEN_UP), "{stderr}");
}

#[test]
fn a_callback_that_is_not_answered_in_time_is_given_up() {
    let app = AppServer::start();
    let emulator = calling(&app, "20ms", "text");
    let _notify = app.next();

    stop(&emulator, "TERM");

    let stderr = ended_well(emulator).stderr;
    assert!(
        stderr.contains("stopped with 3 callbacks not sent"),
        "{stderr}"
    );
}

#[test]
fn a_json_log_is_an_object_per_line_with_stable_fields() {
    let app = AppServer::start();
    let emulator = calling(&app, "20ms", "json");
    app.next().answer();
    let _status = app.next();
    emulator.signal("TERM");

    let stderr = ended_well(emulator).stderr;
    let lines: Vec<Value> = stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert!(lines.iter().all(Value::is_object), "{stderr}");
    let with = |key: &str, value: Value| {
        let found = lines.iter().find(|line| line[key] == value);
        found.unwrap_or_else(|| panic!("no {key} {value}: {stderr}"))
    };
    let accepted = with("message", "call accepted".into());
    let answered = with("callback", "notify".into());
    assert!(accepted["sid"].is_string(), "{accepted}");
    assert_eq!(answered["sid"], accepted["sid"]);
    assert_eq!(answered["status"], 200);
    assert_eq!(with("abandoned", 2.into())["level"], "WARN");
}
