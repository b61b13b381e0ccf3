use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::Hosts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};

use super::names::Names;
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn options() -> DeliveryOptions {
    DeliveryOptions {
        timeout: PATIENCE,
        max_in_flight: 8,
        max_in_flight_per_host: 8,
        allow_hosts: Vec::new(),
        redirects: Redirects::NotFollowed,
    }
}

/// A courier that knows the names of `hosts_file` and no DNS.
fn courier(options: &DeliveryOptions, hosts_file: &str) -> Courier {
    let allowed = Arc::new(AllowedHosts::parse(&options.allow_hosts).unwrap());
    let client = Client::with_names(options, &allowed, names(hosts_file));
    Courier::with_client(options, allowed, client)
}

fn names(hosts_file: &str) -> Names {
    let mut hosts = Hosts::default();
    hosts.read_hosts_conf(hosts_file.as_bytes()).unwrap();
    Names::new(hosts, Err("no DNS here".to_owned()), PATIENCE)
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

/// An app server that answers each request with the same bytes.
struct Receiver {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<String>,
    connections: Arc<AtomicUsize>,
    /// Each answer of [`Receiver::holding`] waits for this.
    release: Arc<Notify>,
}

impl Receiver {
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), false).await
    }

    async fn holding(answer: impl Into<Vec<u8>>) -> Self {
        Self::start(answer.into(), true).await
    }

    async fn start(answer: Vec<u8>, hold: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, requests) = mpsc::unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let release = Arc::new(Notify::new());
        let (count, gate) = (Arc::clone(&connections), Arc::clone(&release));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (answer, seen, gate) = (answer.clone(), seen.clone(), Arc::clone(&gate));
                tokio::spawn(async move {
                    while let Some(request) = read_request(&mut stream).await {
                        let _ = seen.send(request);
                        if hold {
                            gate.notified().await;
                        }
                        if stream.write_all(&answer).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self {
            address,
            requests,
            connections,
            release,
        }
    }

    fn url(&self, path: &str) -> Url {
        url(&format!("http://{}{path}", self.address))
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(request).unwrap())
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn redirect_to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

/// An address on which nobody listens.
async fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[test]
fn hosts_are_allowed_by_name_and_address() {
    let all: &[&str] = &[];
    let some: &[&str] = &[
        "App.example.com",
        "*.Shop.test",
        "10.0.0.7:8080",
        "::1",
        "[fd00::1]:80",
        "localhost:3000",
    ];
    for (entries, target, allowed) in [
        (all, "http://127.0.0.1:3000/", true),
        (all, "http://[::1]/", true),
        (all, "https://app.example.com/", true),
        (all, "ftp://app.example.com/", false),
        (all, "file:///etc/hosts", false),
        (all, "http://169.254.169.254/latest/meta-data", false),
        (all, "http://0xa9fea9fe/", false),
        (all, "http://[::ffff:169.254.1.1]/", false),
        (all, "http://[fe80::1]/", false),
        (all, "http://[febf::1]/", false),
        (all, "http://[fec0::1]/", true),
        (all, "http://[fd00:ec2::254]/", false),
        (all, "http://[fd00:ec2::253]/", true),
        (some, "http://APP.example.com:81/", true),
        (some, "http://app.example.com./", true),
        (some, "http://x.app.example.com/", false),
        (some, "http://a.shop.test/", true),
        (some, "http://a.b.shop.test/", true),
        (some, "http://shop.test/", false),
        (some, "http://webshop.test/", false),
        (some, "http://10.0.0.7/", true),
        (some, "http://[::ffff:10.0.0.7]/", true),
        (some, "http://10.0.0.8/", false),
        (some, "http://[::1]:3000/", true),
        (some, "http://[fd00::1]/", true),
        (some, "http://localhost/", true),
        (some, "http://127.0.0.1/", false),
        (&["169.254.169.254"], "http://169.254.169.254/", false),
    ] {
        let entries: Vec<String> = entries.iter().map(|&entry| entry.to_owned()).collect();
        let rules = AllowedHosts::parse(&entries).unwrap();
        assert_eq!(rules.check(&url(target)).is_ok(), allowed, "{target}");
    }
}

#[test]
fn an_entry_that_is_no_host_is_an_error() {
    for entry in ["", "http://app.example.com", "*", "*.", "a b", "*.10.0.0.7"] {
        let error = AllowedHosts::parse(&[entry.to_owned()]).expect_err(entry);
        assert!(error.to_string().starts_with("allow_hosts: "), "{error}");
    }
}

#[tokio::test]
async fn names_come_from_the_hosts_file() {
    let names = names("172.17.0.1 host.docker.internal\n127.0.0.9 localhost.test\n");
    for (name, expected) in [
        ("host.docker.internal", &["172.17.0.1"][..]),
        ("HOST.docker.internal.", &["172.17.0.1"]),
        ("localhost", &["127.0.0.1", "::1"]),
        ("app.localhost", &["127.0.0.1", "::1"]),
        ("localhost.test", &["127.0.0.9"]),
    ] {
        let expected: Vec<IpAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(names.addresses(name).await.unwrap(), expected, "{name}");
    }
    let error = names.addresses("elsewhere.test").await.unwrap_err();
    let told = "`elsewhere.test` does not resolve: no DNS here";
    assert_eq!(error.to_string(), told);
}

#[tokio::test]
async fn a_forbidden_address_of_a_name_is_left_out() {
    let names = names("169.254.1.1 both only\nfe80::1 only\n10.0.0.7 both\n");
    let both = names.addresses("both").await.unwrap();
    assert_eq!(both, ["10.0.0.7".parse::<IpAddr>().unwrap()]);
    let error = names.addresses("only").await.unwrap_err();
    assert!(matches!(&error, DeliveryError::NotAllowed { host, .. } if host == "only"));
}

#[tokio::test]
async fn a_callback_is_a_get_with_the_emulators_name() {
    let mut receiver = Receiver::answering(ok("fine")).await;
    let attempt = courier(&options(), "")
        .send(&receiver.url("/n?x=1&a=%3D"))
        .await;
    let expected = Answer {
        status: 200,
        body: "fine".into(),
        location: None,
    };
    assert_eq!(attempt.result, Ok(expected));
    let request = receiver.requests.recv().await.unwrap();
    assert!(
        request.starts_with("GET /n?x=1&a=%3D HTTP/1.1\r\n"),
        "{request}"
    );
    let user_agent = format!(
        "user-agent: planet-emulator/{}\r\n",
        env!("CARGO_PKG_VERSION")
    );
    assert!(request.to_lowercase().contains(&user_agent), "{request}");
}

#[tokio::test]
async fn the_credentials_of_a_url_are_sent_as_a_header() {
    let mut receiver = Receiver::answering(ok("")).await;
    let courier = courier(&options(), "");
    let version = env!("CARGO_PKG_VERSION");
    for (credentials, expected) in [
        ("", ""),
        ("user@", "authorization: Basic dXNlcjo=\r\n"),
        (":pw@", "authorization: Basic OnB3\r\n"),
        (
            "us%40er:p%3Ass@",
            "authorization: Basic dXNAZXI6cDpzcw==\r\n",
        ),
    ] {
        let host = receiver.address;
        let target = url(&format!("http://{credentials}{host}/n"));
        courier.send(&target).await.result.unwrap();
        let told = format!(
            "GET /n HTTP/1.1\r\n{expected}accept: */*\r\nuser-agent: planet-emulator/{version}\r\nhost: {host}\r\n\r\n"
        );
        assert_eq!(receiver.requests.recv().await.unwrap(), told);
    }
}

#[tokio::test]
async fn credentials_follow_a_redirect_only_within_their_host() {
    let options = DeliveryOptions {
        redirects: Redirects::Followed,
        ..options()
    };
    let courier = courier(&options, "");
    let mut target = Receiver::answering(ok("")).await;
    let mut there = Receiver::answering(redirect_to(target.url("/").as_str())).await;
    let mut here = Receiver::answering(redirect_to("/again")).await;
    let with_credentials = |receiver: &Receiver| {
        let mut url = receiver.url("/");
        url.set_username("me").unwrap();
        url
    };

    courier
        .send(&with_credentials(&there))
        .await
        .result
        .unwrap();
    let first = there.requests.recv().await.unwrap();
    assert!(first.contains("authorization: "), "{first}");
    let second = target.requests.recv().await.unwrap();
    assert!(!second.contains("authorization: "), "{second}");

    courier
        .send(&with_credentials(&here))
        .await
        .result
        .unwrap_err();
    for _ in 0..2 {
        let request = here.requests.recv().await.unwrap();
        assert!(request.contains("authorization: "), "{request}");
    }
}

#[tokio::test]
async fn after_a_redirect_the_host_that_failed_is_told() {
    let options = DeliveryOptions {
        redirects: Redirects::Followed,
        ..options()
    };
    let address = free_address().await;
    let receiver = Receiver::answering(redirect_to(&format!("http://{address}/"))).await;
    let attempt = courier(&options, "").send(&receiver.url("/")).await;
    let told = format!("connection refused by {address}: is the app server running?");
    assert_eq!(attempt.result.unwrap_err().to_string(), told);
}

#[tokio::test]
async fn of_a_long_body_the_first_kib_is_kept() {
    for (body, expected) in [
        ("x".repeat(5000), "x".repeat(1024)),
        ("x".repeat(1024), "x".repeat(1024)),
        // The last character does not fit.
        (
            "é".repeat(2000).replacen('é', "e", 1),
            format!("e{}", "é".repeat(511)),
        ),
    ] {
        let receiver = Receiver::answering(ok(&body)).await;
        let attempt = courier(&options(), "").send(&receiver.url("/")).await;
        assert_eq!(*attempt.result.unwrap().body, *expected);
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let receiver = Receiver::answering(ok(&"x".repeat(1024))).await;
    let courier = courier(&options(), "");
    for _ in 0..3 {
        courier.send(&receiver.url("/")).await.result.unwrap();
    }
    assert_eq!(receiver.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let receiver = Receiver::answering(redirect_to("/elsewhere")).await;
    let attempt = courier(&options(), "").send(&receiver.url("/")).await;
    let answer = attempt.result.unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(answer.location.as_deref(), Some("/elsewhere"));
}

#[tokio::test]
async fn redirects_are_followed_on_request_but_not_anywhere() {
    let options = DeliveryOptions {
        redirects: Redirects::Followed,
        ..options()
    };
    let courier = courier(&options, "169.254.169.254 metadata.test\n");

    let mut target = Receiver::answering(ok("there")).await;
    let receiver = Receiver::answering(redirect_to(target.url("/there").as_str())).await;
    let answer = courier
        .send(&receiver.url("/?secret=1"))
        .await
        .result
        .unwrap();
    assert_eq!((answer.status, &*answer.body), (200, "there"));
    let request = target.requests.recv().await.unwrap().to_lowercase();
    assert!(!request.contains("secret"), "{request}");

    for forbidden in ["http://169.254.169.254/", "http://metadata.test/"] {
        let receiver = Receiver::answering(redirect_to(forbidden)).await;
        let error = courier.send(&receiver.url("/")).await.result.unwrap_err();
        assert!(matches!(error, DeliveryError::NotAllowed { .. }), "{error}");
    }

    let endless = Receiver::answering(redirect_to("/")).await;
    let error = courier.send(&endless.url("/")).await.result.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no usable answer: more than 10 redirects"
    );
}

#[tokio::test]
async fn a_refused_connection_is_told_with_its_address() {
    let address = free_address().await;
    let target = url(&format!("http://{address}/n?token=secret"));
    let error = courier(&options(), "")
        .send(&target)
        .await
        .result
        .unwrap_err();
    let told = format!("connection refused by {address}: is the app server running?");
    assert_eq!(error.to_string(), told);
}

#[tokio::test]
async fn a_silent_receiver_is_given_up() {
    let timeout = Duration::from_millis(50);
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"] {
        let receiver = Receiver::answering(answer).await;
        let options = DeliveryOptions {
            timeout,
            ..options()
        };
        let attempt = courier(&options, "").send(&receiver.url("/")).await;
        assert!(attempt.latency >= timeout);
        let error = attempt.result.unwrap_err();
        assert_eq!(error.to_string(), "no answer within 50ms");
    }
}

#[tokio::test]
async fn what_is_not_http_is_told() {
    let receiver = Receiver::answering("+OK hello\r\n\r\n").await;
    let target = receiver.url("/n?token=secret");
    let error = courier(&options(), "")
        .send(&target)
        .await
        .result
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "no usable answer: invalid HTTP version parsed"
    );

    let mut target = target;
    target.set_scheme("https").unwrap();
    // It never sees the end of a request in a TLS greeting, so it must speak first.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    target
        .set_port(Some(listener.local_addr().unwrap().port()))
        .unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        let _ = stream.read_u8().await;
    });
    let error = courier(&options(), "")
        .send(&target)
        .await
        .result
        .unwrap_err();
    let told = error
        .to_string()
        .replace(&**Message::to(target).target.place(), "[place]");
    assert_eq!(
        told,
        "no TLS connection to [place]: received corrupt message of type InvalidContentType"
    );
    assert!(matches!(error, DeliveryError::Tls { .. }));
}

#[tokio::test]
async fn an_unknown_name_is_told() {
    let error = courier(&options(), "")
        .send(&url("http://elsewhere.test/"))
        .await
        .result
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`elsewhere.test` does not resolve: no DNS here"
    );
}

#[tokio::test]
async fn a_forbidden_host_is_refused_before_it_takes_a_place() {
    let courier = courier(&options(), "fe80::1 metadata.test\n");
    let attempt = courier.send(&url("http://169.254.169.254/")).await;
    assert_eq!(attempt.latency, Duration::ZERO);
    assert_eq!(
        attempt.result.unwrap_err().to_string(),
        "`169.254.169.254` may not be called: link-local and metadata addresses are never called"
    );
    let attempt = courier.send(&url("http://metadata.test/")).await;
    assert_eq!(
        attempt.result.unwrap_err().to_string(),
        "`metadata.test` may not be called: all its addresses are link-local or metadata ones, which are never called"
    );
}

#[tokio::test]
async fn a_queue_before_one_host_holds_no_other_up() {
    let options = DeliveryOptions {
        max_in_flight: 2,
        max_in_flight_per_host: 1,
        ..options()
    };
    let courier = courier(&options, "");
    let mut slow = Receiver::holding(ok("slow")).await;
    let quick = Receiver::answering(ok("quick")).await;

    let sending = |target: Url| {
        let courier = courier.clone();
        tokio::spawn(async move { courier.send(&target).await })
    };
    let first = sending(slow.url("/1"));
    assert!(slow.requests.recv().await.unwrap().starts_with("GET /1 "));
    let second = sending(slow.url("/2"));
    let third = sending(slow.url("/3"));
    while courier.0.limits.visitors() < 3 {
        tokio::task::yield_now().await;
    }

    courier.send(&quick.url("/")).await.result.unwrap();
    assert!(slow.requests.try_recv().is_err());

    // One that is given up while it waits leaves its place to the next.
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    slow.release.notify_one();
    first.await.unwrap().result.unwrap();
    assert!(slow.requests.recv().await.unwrap().starts_with("GET /3 "));
    slow.release.notify_one();
    let third = third.await.unwrap();
    third.result.unwrap();
    assert_eq!(courier.0.limits.visitors(), 0);
}

#[tokio::test]
async fn a_courier_for_the_system_can_be_made() {
    let receiver = Receiver::answering(ok("")).await;
    let courier = Courier::new(&options()).unwrap();
    let target = url(&format!("http://localhost:{}/", receiver.address.port()));
    assert_eq!(courier.send(&target).await.result.unwrap().status, 200);
    let future = courier.send(&target);
    assert!(size_of_val(&future) <= 512, "{}", size_of_val(&future));
}

#[test]
fn a_courier_is_made_without_a_runtime() {
    Courier::new(&options()).unwrap();
}
