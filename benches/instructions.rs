//! How many instructions it takes to take a request and to plan its call:
//! `cargo bench --profile instructions --bench instructions`.
//!
//! Unlike times, these figures hardly depend on what else the machine does, so that a change which makes
//! one worse can fail. The emulator runs within valgrind's `callgrind`, which counts what happens in one
//! of its functions and below; `instructions.txt` beside this file says how much that was when it was
//! recorded. Once a change is meant to cost something, `RECORD=1` before the command records anew.
#![expect(clippy::print_stdout, reason = "a benchmark's figures are for reading")]
#![expect(clippy::unwrap_used, reason = "a benchmark that fails has no figures")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use planet_emulator::Emulator;
use reqwest::Client;

/// The program's own: a part of the instructions are the allocator's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COMMAND: &str = "cargo bench --profile instructions --bench instructions";

/// The profile that the figures are of.
const PROFILE: &str = "instructions";

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/instructions.txt");

/// By how many percent a figure may differ. From run to run it is 0.3: hash seeds, session IDs, draws.
const MARGIN: f64 = 5.0;

/// Enough that what only the first request does is little beside it.
const REQUESTS: u32 = 500;

/// Names the case that the process shall play, and nothing else.
const ROLE: &str = "PLANET_EMULATOR_BENCH_CASE";

/// The functions that are counted, as callgrind spells them. From the body of a request that was let in
/// to a call on record: validation, choice of a scenario, planning.
const TAKING: &str = "*::Core>::place";
/// Of that, what draws the session ID and plans.
const PLANNING: &str = "*::Project::place";

const SOUND: &str = r#"{
    "requestContext": { "serviceId": "shop-eval", "userId": "agent" },
    "mediaSourceType": "STORED_SOURCE",
    "storedSource": { "storedAudioSources": [{ "contentId": "5498f04048fa" }], "playCount": 1 }
}"#;

const UNSOUND: &str = r#"{
    "requestContext": { "serviceId": "no service", "userId": "" },
    "mediaSourceType": "LIVE",
    "storedSource": { "storedAudioSources": [{ "contentId": "5498" }], "playCount": 9 },
    "recordOnCloud": "yes",
    "colour": "red"
}"#;

/// One kind of request, and what is counted of it.
struct Case {
    name: &'static str,
    counted: &'static str,
    scenarios: fn() -> Vec<String>,
    callee: &'static str,
    body: &'static str,
    status: u16,
}

const FIXED: Case = Case {
    name: "fixed_delays",
    counted: TAKING,
    scenarios: || {
        vec![
            "name: fixed\nmatch: { to_user_id: fixed }\n\
             callee: { action: answer, after: 4s }\nend: { after: 9s }"
                .to_owned(),
        ]
    },
    callee: "fixed",
    body: SOUND,
    status: 200,
};

const DRAWN: Case = Case {
    name: "drawn_delays",
    scenarios: || {
        vec![
            "name: drawn\nmatch: { to_user_id: drawn }\n\
             notify: { after: { min: 10ms, max: 90ms } }\n\
             agent_call_status: { after: { median: 50ms, sigma: 0.5 } }\n\
             callee: { action: answer, after: { median: 4s, sigma: 0.6 } }\n\
             end: { after: { min: 5s, max: 9s } }"
                .to_owned(),
        ]
    },
    callee: "drawn",
    ..FIXED
};

const CASES: [Case; 6] = [
    FIXED,
    Case {
        name: "fixed_delays.planning",
        counted: PLANNING,
        ..FIXED
    },
    DRAWN,
    Case {
        name: "drawn_delays.planning",
        counted: PLANNING,
        ..DRAWN
    },
    Case {
        name: "violations",
        body: UNSOUND,
        status: 400,
        ..FIXED
    },
    Case {
        name: "one_of_1000_scenarios",
        scenarios: || {
            (0..1000)
                .map(|n| format!("name: many-{n}\nmatch: {{ to_user_id: many-{n} }}"))
                .collect()
        },
        callee: "many-637",
        ..FIXED
    },
];

impl Case {
    /// Makes so many requests. The clock stands still, so that no call goes on.
    #[tokio::main(flavor = "current_thread")]
    async fn play(&self, requests: u32) {
        let scenarios = (self.scenarios)().into_iter();
        let builder = scenarios.fold(Emulator::builder(), |builder, yaml| builder.scenario(yaml));
        let emulator = builder.clock("manual").start().await.unwrap();
        let path = "tas/v2/agt_call/audio_caller/shop-eval";
        let url = format!("{}/{path}/{}", emulator.url(), self.callee);
        let client = Client::builder().no_proxy().tls_certs_only([]);
        let client = client.build().unwrap();
        for _ in 0..requests {
            let request = client.post(&url).basic_auth("key", Some("secret"));
            let request = request.header("Accept", "application/json");
            let request = request.header("Content-Type", "application/json");
            let answer = request.body(self.body).send().await.unwrap();
            let status = answer.status();
            assert_eq!(status, self.status, "{}", answer.text().await.unwrap());
        }
    }

    /// Has a process of its own play under callgrind; gives back the instructions of one request.
    fn count(&self) -> Result<u64, String> {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.callgrind", self.name));
        let output = Command::new("valgrind")
            .arg("--tool=callgrind")
            .arg(format!("--toggle-collect={}", self.counted))
            .arg(format!("--callgrind-out-file={}", file.display()))
            .arg(std::env::current_exe().unwrap())
            .env(ROLE, self.name)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("valgrind ended with {}:\n{told}", output.status));
        }
        let profile = fs::read_to_string(&file).unwrap();
        let total = profile
            .lines()
            .find_map(|line| line.strip_prefix("totals: "));
        match total.and_then(|total| total.parse::<u64>().ok()) {
            Some(total) if total > 0 => Ok(total / u64::from(REQUESTS)),
            _ => Err(format!(
                "callgrind found no function `{}`: was it renamed, or is it inlined now? Name another in {}",
                self.counted,
                file!()
            )),
        }
    }
}

/// What the figures depend on beside the code.
fn compiler() -> String {
    let output = Command::new("rustc").arg("-vV").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let host = lines.iter().find_map(|line| line.strip_prefix("host: "));
    format!("{}, {}", lines[0], host.unwrap())
}

/// Figures by name, and what they were compiled with.
#[derive(Default)]
struct Figures {
    compiler: String,
    by_name: BTreeMap<String, u64>,
}

impl Figures {
    fn counted() -> Result<Self, String> {
        let mut by_name = BTreeMap::new();
        for case in CASES {
            let count = case
                .count()
                .map_err(|fault| format!("{}: {fault}", case.name))?;
            by_name.insert(case.name.to_owned(), count);
        }
        let compiler = compiler();
        Ok(Self { compiler, by_name })
    }

    /// Those in [`RECORDED`].
    fn recorded() -> Self {
        let text = fs::read_to_string(RECORDED).unwrap();
        let mut figures = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
            if name == "compiler" {
                figures.compiler = value.to_owned();
            } else {
                let figure = value.parse().unwrap();
                figures.by_name.insert(name.to_owned(), figure);
            }
        }
        figures
    }

    fn record(&self) {
        let mut text = format!("compiler: {}\n", self.compiler);
        for (name, figure) in &self.by_name {
            writeln!(text, "{name}: {figure}").unwrap();
        }
        fs::write(RECORDED, text).unwrap();
    }

    /// Tells how they differ from what was counted now. Gives back how many of those are too high.
    fn compare(&self, counted: &Self) -> usize {
        println!(
            "{:<28}{:>9}{:>9}",
            "instructions per request", "recorded", "found"
        );
        let mut faults = 0;
        for (name, &found) in &counted.by_name {
            let Some(&recorded) = self.by_name.get(name) else {
                println!("{name:<28}{:>9}{found:>9}  NOT RECORDED", "-");
                faults += 1;
                continue;
            };
            let percent = (found as f64 / recorded as f64 - 1.0) * 100.0;
            let verdict = match percent {
                _ if percent > MARGIN => "TOO MANY",
                _ if percent < -MARGIN => "fewer: worth recording",
                _ => "",
            };
            println!("{name:<28}{recorded:>9}{found:>9}{percent:>+8.1} %  {verdict}");
            faults += usize::from(percent > MARGIN);
        }
        faults
    }
}

/// Counts, and compares or records.
fn check() -> Result<(), String> {
    let counted = Figures::counted()?;
    if std::env::var_os("RECORD").is_some() {
        counted.record();
        println!("recorded in {RECORDED}");
        return Ok(());
    }
    let recorded = Figures::recorded();
    let faults = recorded.compare(&counted);
    if recorded.compiler != counted.compiler {
        println!(
            "warning: recorded with {}, found with {}: nothing is judged",
            recorded.compiler, counted.compiler
        );
        return Ok(());
    }
    match faults {
        0 => Ok(()),
        _ => Err(format!(
            "{faults} figures are not recorded, or more than {MARGIN} % above what is.\n\
             Where they come from: callgrind_annotate --inclusive=yes {}/NAME.callgrind\n\
             If that is what it shall cost: RECORD=1 {COMMAND}",
            env!("CARGO_TARGET_TMPDIR")
        )),
    }
}

/// Why nothing can be counted here.
fn obstacle() -> Option<String> {
    let program = std::env::current_exe().unwrap();
    // PROFILE/deps/PROGRAM
    if program.iter().nth_back(2) != Some(OsStr::new(PROFILE)) {
        return Some(format!("this is another profile; use `{COMMAND}`"));
    }
    let valgrind = Command::new("valgrind").arg("--version").output();
    let error = valgrind.err()?;
    Some(format!("valgrind cannot be run ({error})"))
}

fn main() -> ExitCode {
    // The HTTP client is built without a provider for TLS of its own.
    let _ = rustls::crypto::ring::default_provider().install_default();
    if let Some(name) = std::env::var_os(ROLE) {
        let case = CASES.iter().find(|case| name == case.name);
        case.unwrap().play(REQUESTS);
        return ExitCode::SUCCESS;
    }
    // Without `--bench`, as in `cargo test --benches`, it is only seen to run.
    if !std::env::args().any(|argument| argument == "--bench") {
        CASES.iter().for_each(|case| case.play(2));
        println!("each case plays; `{COMMAND}` counts their instructions");
        return ExitCode::SUCCESS;
    }
    if let Some(obstacle) = obstacle() {
        println!("instructions are not counted: {obstacle}");
        return ExitCode::SUCCESS;
    }
    match check() {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!("{fault}");
            ExitCode::FAILURE
        }
    }
}
