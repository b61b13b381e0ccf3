//! What is measured, and how.

use std::fs;
use std::future::Future;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::LocalSet;

use crate::control::Control;
use crate::generator::{pace, request, saturate};
use crate::process::{Program, binary_size};
use crate::receiver::Receiver;
use crate::report::{Figure, heading, line, quantiles, ratio};

/// How much is measured.
pub(crate) struct Size {
    rounds: usize,
    connections: usize,
    /// In one round.
    calls: usize,
    paced_calls: usize,
    live_calls: usize,
    starts: usize,
}

pub(crate) const MEASURED: Size = Size {
    rounds: 7,
    connections: 64,
    calls: 30_000,
    paced_calls: 20_000,
    live_calls: 1_000_000,
    starts: 20,
};

pub(crate) const TRIED: Size = Size {
    rounds: 1,
    connections: 4,
    calls: 40,
    paced_calls: 40,
    live_calls: 200,
    starts: 1,
};

/// Nothing here takes that long unless something is lost.
const PATIENCE: Duration = Duration::from_secs(120);

/// Callbacks that are due once everything else is over.
const FAR: &str = "name: far\nmatch: { to_user_id: [far, far-*] }\nnotify: { after: 6h }\n";
const ONE: &str = "name: one\nmatch: { to_user_id: one }\nnotify: { after: 0ms }\n\
    agent_call_status: { send: never }\ncallee: { action: decline, after: 0ms }\ncall_event: { send: never }\n";
const THREE: &str = "name: three\nmatch: { to_user_id: three }\nnotify: { after: 0ms }\n\
    agent_call_status: { after: 0ms }\ncallee: { action: answer, after: 0ms }\nend: { after: 0ms }\ncall_event: { after: 0ms }\n";
const PACED: &str = "name: paced\nmatch: { to_user_id: paced }\nnotify: { after: 100ms }\n\
    agent_call_status: { after: 100ms }\ncallee: { action: decline, after: 300ms }\ncall_event: { after: 100ms }\n";
const SOON: &str = "name: soon\nmatch: { to_user_id: soon }\nnotify: { after: 1m }\n\
    agent_call_status: { send: never }\ncallee: { action: decline, after: 0ms }\ncall_event: { send: never }\n";

fn run(measuring: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    LocalSet::new().block_on(&runtime, measuring);
}

/// A folder of scenario files; gone when dropped.
struct Scenarios(PathBuf);

impl Scenarios {
    fn new(texts: impl IntoIterator<Item = String>) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("planet-emulator-scenarios-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        for (index, text) in texts.into_iter().enumerate() {
            fs::write(folder.join(format!("{index}.yaml")), text).unwrap();
        }
        Self(folder)
    }

    fn usual() -> Self {
        Self::new([FAR, ONE, THREE, PACED, SOON].map(str::to_owned))
    }

    fn with_many(count: usize) -> Self {
        let many =
            (0..count).map(|n| format!("name: many-{n}\nmatch: {{ to_user_id: many-{n} }}\n"));
        Self::new(many.chain([FAR.to_owned()]))
    }

    fn config(&self, receiver: u16, more: &str) -> String {
        let url = format!("http://127.0.0.1:{receiver}");
        format!(
            "scenarios: [{}]\ndefault_audio_duration: 0ms\nlimits: {{ live_calls: 2000000 }}\n\
             fidelity: {{ callee_in_call: allow }}\n\
             callbacks: {{ notify: '{url}/notify', agent_call_status: '{url}/agent_call_status', call_event: '{url}/call_event' }}\n{more}",
            self.0.display()
        )
    }
}

impl Drop for Scenarios {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// From starting the program to its ready line; and what it takes when it has nothing to do.
pub(crate) fn start(size: &Size) {
    heading("start and rest");
    let figure = |start: &dyn Fn() -> Program| {
        let times = (0..size.starts).map(|_| start().started_in.as_secs_f64() * 1e3);
        Figure::of(times)
    };
    line(
        "ready, no file, ms",
        format!("{}  bar 10", figure(&Program::bare)),
    );
    let scenarios = Scenarios::with_many(1_000);
    let many = scenarios.config(1, "");
    let times = figure(&|| Program::emulator(&many));
    line(
        "ready, 1,000 scenario files, ms",
        format!("{times}  bar 100"),
    );
    let emulator = Program::bare();
    std::thread::sleep(Duration::from_millis(500));
    line(
        "memory at rest, MiB",
        format!("{:.1}  bar 8", emulator.resident_kib() as f64 / 1024.0),
    );
    line(
        "binary, MiB",
        format!("{:.1}  bar 10", binary_size() as f64 / 1048576.0),
    );
}

/// A figure for the emulator and the same for its floor, from alternating rounds.
#[derive(Default)]
struct Pair {
    emulator: Figure,
    floor: Figure,
    cpu_emulator: Figure,
    cpu_floor: Figure,
}

/// Saturates floor and emulator in turn with calls that bring so many callbacks each.
async fn in_turn(size: &Size, kind: &str, callee: &str, callbacks: u64) -> Pair {
    let receiver = Receiver::start().await;
    let scenarios = Scenarios::usual();
    let emulator = Program::emulator(&scenarios.config(receiver.port, ""));
    let floor = Program::floor(kind, receiver.port);
    let control = Control::new(emulator.port);
    let mut pair = Pair::default();
    let request = Rc::new(request(callee, "key"));
    // The first round of each warms up and does not count.
    for round in 0..=size.rounds {
        for (program, rates, cpu) in [
            (&floor, &mut pair.floor, &mut pair.cpu_floor),
            (&emulator, &mut pair.emulator, &mut pair.cpu_emulator),
        ] {
            let (before, cpu_before) = (receiver.arrived(), program.cpu_time());
            let begun = Instant::now();
            let request = request.clone();
            saturate(program.port, size.connections, size.calls, move |_| {
                request.clone()
            })
            .await;
            let wanted = before + callbacks * size.calls as u64;
            assert!(
                receiver.has_got(wanted, PATIENCE).await,
                "callbacks are missing"
            );
            let took = begun.elapsed();
            if round > 0 {
                rates.add(size.calls as f64 / took.as_secs_f64());
                let cpu_time = program.cpu_time().saturating_sub(cpu_before);
                cpu.add(cpu_time.as_secs_f64() * 1e6 / size.calls as f64);
            }
        }
        control.reset().await;
    }
    pair
}

fn compare(size: &Size, what: &str, (kind, callee, callbacks, bar): (&str, &str, u64, f64)) {
    heading(what);
    run(async {
        let pair = in_turn(size, kind, callee, callbacks).await;
        line("emulator, calls/s", &pair.emulator);
        line("floor, calls/s", &pair.floor);
        ratio("ratio", &pair.emulator, &pair.floor, bar);
        line("emulator, processor us/call", &pair.cpu_emulator);
        line("floor, processor us/call", &pair.cpu_floor);
    });
}

/// Calls whose callbacks are due far in the future.
pub(crate) fn accept(size: &Size) {
    compare(size, "accepting calls", ("api", "far", 0, 0.80));
}

pub(crate) fn one_callback(size: &Size) {
    compare(size, "calls with one callback", ("one", "one", 1, 0.85));
}

pub(crate) fn three_callbacks(size: &Size) {
    compare(
        size,
        "answered calls with three callbacks",
        ("three", "three", 3, 0.85),
    );
}

/// 1,000 calls/s with three callbacks each.
pub(crate) fn lateness(size: &Size) {
    heading("lateness at 1,000 calls/s with three callbacks, ms  (bar: p99 3, p99.9 10)");
    run(async {
        let receiver = Receiver::start().await;
        receiver.watch_order();
        let scenarios = Scenarios::usual();
        let config = scenarios.config(receiver.port, "");
        let emulator =
            Program::emulator(&config.replace("limits: {", "limits: { journal_calls: 100000,"));
        let request = Rc::new(request("paced", "key"));
        let latencies = pace(
            emulator.port,
            size.connections,
            1_000,
            size.paced_calls,
            request,
        )
        .await;
        assert!(
            receiver
                .has_got(3 * size.paced_calls as u64, PATIENCE)
                .await,
            "callbacks are missing"
        );
        let latencies = latencies.iter().map(|latency| latency.as_secs_f64() * 1e3);
        quantiles("API answer, ms", &Figure::of(latencies));
        let lateness = Control::new(emulator.port).lateness("default").await;
        quantiles("callback sent after due, ms", &Figure::of(lateness));
        line("callbacks out of order", receiver.out_of_order());
    });
}

/// Ten projects, of which one has an app server that takes a second for each answer.
pub(crate) fn slow_neighbour(size: &Size) {
    heading("lateness in nine projects beside one with a slow app server, ms");
    run(async {
        let slow = Receiver::start().await;
        let receiver = Receiver::start().await;
        let scenarios = Scenarios::usual();
        for (what, delay) in [
            ("all alike", Duration::ZERO),
            ("one slow", Duration::from_secs(1)),
        ] {
            slow.answer_after(delay);
            let projects: Vec<_> = (0..10).map(|n| {
                let url = format!("http://127.0.0.1:{}", if n == 0 { slow.port } else { receiver.port });
                json!({ "name": format!("p{n}"), "service_id": "shop-eval", "api_key": format!("k{n}"), "api_secret": "secret",
                    "callbacks": { "notify": format!("{url}/notify"), "agent_call_status": format!("{url}/agent_call_status"), "call_event": format!("{url}/call_event") } })
            }).collect();
            let config = scenarios.config(receiver.port, "");
            let config: Vec<_> = config
                .lines()
                .filter(|line| !line.starts_with("callbacks"))
                .collect();
            let config = format!("{}\nprojects: {}\n", config.join("\n"), json!(projects));
            let emulator =
                Program::emulator(&config.replace("limits: {", "limits: { journal_calls: 100000,"));
            let calls = size.paced_calls / 40;
            let paced = (0..10).map(|n| {
                let request = Rc::new(request("paced", &format!("k{n}")));
                pace(emulator.port, size.connections.min(8), 30, calls, request)
            });
            futures_util::future::join_all(paced).await;
            let control = Control::new(emulator.port);
            let wanted = 9 * calls;
            let mut all = Vec::new();
            for n in 1..10 {
                let project = format!("p{n}");
                let settled = format!("/calls?project={project}&settled=false&limit=1");
                while control.get(&settled).await["calls"]
                    .as_array()
                    .is_some_and(|calls| !calls.is_empty())
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                all.extend(control.lateness(&project).await);
            }
            assert_eq!(all.len(), 3 * wanted);
            quantiles(what, &Figure::of(all));
        }
    });
}

/// Accepting calls with few and with many scenarios.
pub(crate) fn matching(size: &Size) {
    heading("accepting calls with 10 and with 1,000 scenarios more, calls/s");
    run(async {
        let request = Rc::new(request("far", "key"));
        let mut figures = [Figure::default(), Figure::default()];
        for _ in 0..size.rounds {
            for (figure, count) in figures.iter_mut().zip([10, 1_000]) {
                let scenarios = Scenarios::with_many(count);
                let emulator = Program::emulator(&scenarios.config(1, ""));
                let request = request.clone();
                let took = saturate(emulator.port, size.connections, size.calls, move |_| {
                    request.clone()
                })
                .await;
                figure.add(size.calls as f64 / took.as_secs_f64());
            }
        }
        line("10", &figures[0]);
        line("1,000", &figures[1]);
        ratio("ratio", &figures[1], &figures[0], 1.0);
    });
}

/// Memory of calls that wait, what starting one costs among many, and whether all are played.
pub(crate) fn live_calls(size: &Size) {
    heading("calls that wait");
    run(async {
        let receiver = Receiver::start().await;
        let scenarios = Scenarios::usual();
        let config = scenarios.config(receiver.port, "clock: manual\n");
        let emulator = Program::emulator(&config);
        let at_rest = emulator.resident_kib();
        let steps = 5;
        for step in 1..=steps {
            let begun = emulator.cpu_time();
            let calls = size.live_calls / steps;
            // Callees of their own: nobody is called twice at once.
            let request = move |n: usize| Rc::new(request(&format!("far-{step}-{n}"), "key"));
            let took = saturate(emulator.port, size.connections, calls, request).await;
            let cpu = emulator.cpu_time().saturating_sub(begun).as_secs_f64() * 1e6 / calls as f64;
            line(
                &format!("{} live", step * calls),
                format!(
                    "{:.0} calls/s, {cpu:.1} us/call",
                    calls as f64 / took.as_secs_f64()
                ),
            );
        }
        let taken = (emulator.resident_kib() - at_rest) as f64 * 1024.0 / size.live_calls as f64;
        line(
            "bytes per call with its record",
            format!("{taken:.0}  bar 1536"),
        );
        let begun = Instant::now();
        let control = Control::new(emulator.port);
        control
            .post(
                "/projects/default/clock/advance",
                &json!({ "until": "idle" }),
            )
            .await;
        let took = begun.elapsed();
        assert_eq!(control.live_calls().await, 0);
        assert_eq!(
            receiver.arrived(),
            3 * size.live_calls as u64,
            "callbacks are missing"
        );
        line(
            "played, callbacks/s",
            format!("{:.0}", 3.0 * size.live_calls as f64 / took.as_secs_f64()),
        );
        // The allocator gives back what is free after a while.
        tokio::time::sleep(Duration::from_secs(3)).await;
        line(
            "memory after that, MiB",
            format!("{:.1}", emulator.resident_kib() as f64 / 1024.0),
        );
    });
}

/// Moving a manual clock over many callbacks, against a floor that sends as many one after the other.
pub(crate) fn advance(size: &Size) {
    heading("an advance over many due callbacks");
    run(async {
        let receiver = Receiver::start().await;
        let scenarios = Scenarios::usual();
        let emulator = Program::emulator(&scenarios.config(receiver.port, "clock: manual\n"));
        let floor = Program::floor("api", receiver.port);
        let control = Control::new(emulator.port);
        let calls = size.live_calls / 10;
        let request = Rc::new(request("soon", "key"));
        let mut ratios = Figure::default();
        for _ in 0..size.rounds.min(3) {
            let request = request.clone();
            saturate(emulator.port, size.connections, calls, move |_| {
                request.clone()
            })
            .await;
            let begun = Instant::now();
            control
                .post("/projects/default/clock/advance", &json!({ "by": "2m" }))
                .await;
            let advanced = begun.elapsed();
            control.reset().await;

            let url = format!("http://127.0.0.1:{}/in_turn/{calls}", floor.port);
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let begun = Instant::now();
            client.get(url).send().await.unwrap();
            ratios.add(advanced.as_secs_f64() / begun.elapsed().as_secs_f64());
        }
        assert_eq!(receiver.arrived(), (2 * calls * size.rounds.min(3)) as u64);
        line("time against plain sending", format!("{ratios}  bar 1.2"));
    });
}
