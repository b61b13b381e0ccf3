//! `doctor`: each way for a callback URL to be wrong, against real sockets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;

use crate::cli::{ANY_PORT, Ended, Folder, Process, closed_url, program, run};

/// An app server that answers every connection with the same bytes, and tells the requests.
struct AppServer {
    address: SocketAddr,
    requests: mpsc::Receiver<String>,
}

impl AppServer {
    fn answering(status: &str) -> Self {
        let listener = TcpListener::bind(ANY_PORT).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, requests) = mpsc::channel();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 4096];
                let length = stream.read(&mut request).unwrap_or_default();
                let _ = seen.send(String::from_utf8_lossy(&request[..length]).into_owned());
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Self { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}/n", self.address)
    }
}

/// What `doctor` says of this URL for Notify; the other callbacks are left to the inbox.
fn examined(url: &str) -> Ended {
    let config = format!("callbacks: {{ notify: '{url}' }}\ndelivery: {{ timeout: 2s }}\n");
    run(
        &Folder::new().with("planet-emulator.yaml", &config),
        &["doctor"],
    )
}

/// Checks what is said of a URL that is wrong: its line, the explanation and the hint.
fn assert_told(ended: &Ended, verdict: &str, url: &str, told: &str, hint: &str) {
    let status = i32::from(verdict == "problem");
    assert_eq!(ended.status, Some(status), "{ended:?}");
    let mut lines = ended.stdout.lines();
    assert_eq!(
        lines.next(),
        Some(&*format!("{verdict:<7}  default notify {url}"))
    );
    for expected in [told, &format!("hint: {hint}")] {
        let line = lines.next().unwrap_or_default();
        let start = format!("         {expected}");
        assert!(
            line.starts_with(&start),
            "{line:?} should start with {start:?}"
        );
    }
}

#[test]
fn a_probe_is_a_bare_get_and_what_arrives_is_ok() {
    let app = AppServer::answering("200 OK");
    let url = format!("{}?tenant=7", app.url());
    let ended = examined(&url);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let expected = format!(
        "ok       default notify {url}\n         answered 200\n\
         ok       default agent_call_status (no URL)\n         goes to the emulator's own inbox\n\
         ok       default call_event (no URL)\n         goes to the emulator's own inbox\n"
    );
    assert_eq!(ended.stdout, expected);
    assert_eq!(ended.stderr, "3 callbacks, 0 problems, 0 warnings\n");

    let request = app.requests.recv().unwrap().to_lowercase();
    assert!(
        request.starts_with("get /n?tenant=7 http/1.1\r\n"),
        "{request}"
    );
    let agent = concat!(
        "\r\nuser-agent: planet-emulator/",
        env!("CARGO_PKG_VERSION"),
        "\r\n"
    );
    assert!(request.contains(agent), "{request}");
    assert!(app.requests.try_recv().is_err(), "one request is enough");
}

#[test]
fn each_status_is_explained() {
    for (status, verdict, told, hint) in [
        (
            "400 Bad Request",
            "warning",
            "answered 400: reached; ",
            "see what a real callback",
        ),
        (
            "401 Unauthorized",
            "problem",
            "answered 401",
            "let callbacks in without auth",
        ),
        (
            "404 Not Found",
            "problem",
            "answered 404",
            "compare the path",
        ),
        (
            "405 Method Not Allowed",
            "problem",
            "answered 405",
            "let the app server take GET",
        ),
        (
            "500 Internal Server Error",
            "problem",
            "answered 500",
            "see the app server's log",
        ),
        (
            "502 Bad Gateway",
            "problem",
            "answered 502",
            "a proxy answers",
        ),
        (
            "302 Found\r\nLocation: /login",
            "problem",
            "answered 302, a redirect to `/login`: redirects are not followed",
            "configure the URL",
        ),
    ] {
        let app = AppServer::answering(status);
        assert_told(&examined(&app.url()), verdict, &app.url(), told, hint);
    }
}

#[test]
fn a_name_that_does_not_resolve_is_explained() {
    let url = "http://nonexistent.invalid:3000/n";
    let told = "`nonexistent.invalid` does not resolve: ";
    assert_told(&examined(url), "problem", url, told, "compare the name");
}

#[test]
fn a_refused_connection_is_explained() {
    let url = format!("{}/n", closed_url());
    let told = format!(
        "connection refused by {}",
        &url["http://".len()..url.len() - 2]
    );
    // Where this test runs may itself be a container.
    assert_told(&examined(&url), "problem", &url, &told, "");
}

#[test]
fn loopback_inside_a_container_is_explained() {
    let url = format!("{}/n", closed_url());
    let config = format!("callbacks: {{ notify: '{url}' }}\n");
    let folder = Folder::new().with("planet-emulator.yaml", &config);
    let mut command = program(&folder, &["doctor"]);
    command.env("container", "podman");
    let ended = Process::start(command).ended();
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let hint = ended.stdout.lines().nth(2).unwrap();
    for expected in [
        "in a container",
        "`127.0.0.1` is the container itself",
        "`host.docker.internal`",
    ] {
        assert!(hint.contains(expected), "{hint}");
    }
}

#[test]
fn a_server_without_tls_behind_an_https_url_is_explained() {
    let app = AppServer::answering("400 Bad Request");
    let url = format!("https://{}/n", app.address);
    let told = format!("no TLS connection to {}: ", app.address);
    assert_told(
        &examined(&url),
        "problem",
        &url,
        &told,
        "if the app server speaks http",
    );
}

#[test]
fn a_server_that_speaks_no_http_is_explained() {
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let url = format!("http://{}/n", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"220 mail.example.com ESMTP\r\n");
        }
    });
    assert_told(
        &examined(&url),
        "problem",
        &url,
        "no usable answer: ",
        "compare scheme and port",
    );
}

#[test]
fn a_server_that_never_answers_is_explained() {
    // Connections are taken by the system, and nobody reads from them.
    let listener = TcpListener::bind(ANY_PORT).unwrap();
    let url = format!("http://{}/n", listener.local_addr().unwrap());
    assert_told(
        &examined(&url),
        "problem",
        &url,
        "no answer within 2s",
        "is the app server stuck",
    );
}

#[test]
fn a_host_that_may_not_be_called_is_explained() {
    let url = "http://169.254.169.254/n";
    let told = "`169.254.169.254` may not be called: ";
    assert_told(
        &examined(url),
        "problem",
        url,
        told,
        "add the host to `delivery.allow_hosts`",
    );
}

#[test]
fn every_project_is_examined_and_missing_urls_are_told() {
    let app = AppServer::answering("200 OK");
    let url = app.url();
    let config = format!(
        "projects:\n\
         - {{ name: shop, service_id: a, api_key: k1, api_secret: hush, callbacks: {{ notify: '{url}' }} }}\n\
         - {{ name: bank, service_id: b, api_key: k2, api_secret: hush }}\n"
    );
    let folder = Folder::new().with("mine.yaml", &config);
    let ended = run(&folder, &["doctor", "--config", "mine.yaml"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert_eq!(ended.stderr, "6 callbacks, 1 problem, 4 warnings\n");
    let lines: Vec<_> = ended
        .stdout
        .lines()
        .filter(|line| !line.starts_with(' '))
        .collect();
    assert_eq!(
        lines,
        [
            &*format!("ok       shop notify {url}"),
            "warning  shop agent_call_status (no URL)",
            "warning  shop call_event (no URL)",
            "problem  bank notify (no URL)",
            "warning  bank agent_call_status (no URL)",
            "warning  bank call_event (no URL)",
        ]
    );
    assert!(
        ended
            .stdout
            .contains("calls end with PUSH_ERROR without it"),
        "{ended:?}"
    );
    assert!(!ended.stdout.contains("hush"), "{ended:?}");
}

#[test]
fn a_url_that_cannot_be_one_is_explained_and_ends_with_3() {
    for (url, hint) in [
        (
            "localhost:3000/n",
            "hint: begin it with a scheme: `http://localhost:3000/n`",
        ),
        (
            "http://localhost:3000/n#top",
            "hint: remove `#` and what follows: it is never sent",
        ),
        (
            "ftp://localhost/n",
            "hint: the scheme must be `http` or `https`, not `ftp`",
        ),
    ] {
        let ended = examined(url);
        assert_eq!(ended.status, Some(3), "{ended:?}");
        assert_eq!(ended.stdout, "");
        for expected in [
            "no callback URL was probed",
            "planet-emulator.yaml:1:",
            hint,
        ] {
            assert!(ended.stderr.contains(expected), "{}", ended.stderr);
        }
    }
}

#[test]
fn variables_configure_doctor_too() {
    let app = AppServer::answering("200 OK");
    let folder = Folder::new();
    let mut command = program(&folder, &["doctor"]);
    command.env("PLANET_EMULATOR_CALLBACKS__CALL_EVENT", app.url());
    let ended = Process::start(command).ended();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let expected = format!(
        "ok       default call_event {}\n         answered 200\n",
        app.url()
    );
    assert!(ended.stdout.ends_with(&expected), "{ended:?}");
}
