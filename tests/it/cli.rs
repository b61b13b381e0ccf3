//! The program as a user runs it: what it prints, and how it ends.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// Far beyond what anything here takes; only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An empty folder, gone with its test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("planet-emulator-cli-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        // What an earlier process of the same ID may have left.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn with(self, name: &str, text: &str) -> Self {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program in this folder, with no variable set that changes what it does.
pub(crate) fn program(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_planet-emulator"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PLANET_EMULATOR_") {
            command.env_remove(name);
        }
    }
    command
        .env_remove("RUST_LOG")
        .args(arguments)
        .current_dir(&folder.0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What a program that has ended left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program to its end.
pub(crate) fn run(folder: &Folder, arguments: &[&str]) -> Ended {
    Process::start(program(folder, arguments)).ended()
}

/// A running program, killed when the test is over or has waited too long.
pub(crate) struct Process {
    pid: u32,
    stdout: mpsc::Receiver<String>,
    stderr: mpsc::Receiver<String>,
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (out, stdout_lines) = mpsc::channel();
        let (err, stderr_lines) = mpsc::channel();
        let readers = vec![
            std::thread::spawn(move || lines_to(stdout, &out)),
            std::thread::spawn(move || lines_to(stderr, &err)),
        ];
        Self {
            pid: child.id(),
            stdout: stdout_lines,
            stderr: stderr_lines,
            child,
            readers,
        }
    }

    /// An emulator that is ready; gives back its ready line too.
    pub(crate) fn serving(command: Command) -> (Self, String) {
        let process = Self::start(command);
        let line = process.line();
        (process, line)
    }

    /// The next line on stdout.
    pub(crate) fn line(&self) -> String {
        let line = self.stdout.recv_timeout(PATIENCE);
        line.unwrap_or_else(|error| {
            let told: Vec<_> = self.stderr.try_iter().collect();
            panic!("no line on stdout: {error}; stderr: {told:?}")
        })
    }

    /// The next line on stderr.
    pub(crate) fn told(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).unwrap()
    }

    fn terminate(&self) {
        self.signal("TERM");
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid.to_string();
        let kill = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for the end; gives back what was printed and not taken yet.
    pub(crate) fn ended(mut self) -> Ended {
        let rest = |lines: &mpsc::Receiver<String>| {
            let mut text = String::new();
            loop {
                match lines.recv_timeout(PATIENCE) {
                    Ok(line) => text += &(line + "\n"),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return text,
                    Err(mpsc::RecvTimeoutError::Timeout) => panic!("still running after: {text}"),
                }
            }
        };
        let (stdout, stderr) = (rest(&self.stdout), rest(&self.stderr));
        // Its pipes are closed, so it has ended.
        let status = self.child.wait().unwrap();
        Ended {
            status: status.code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

fn lines_to(pipe: impl std::io::Read, lines: &mpsc::Sender<String>) {
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        if lines.send(line).is_err() {
            return;
        }
    }
}

/// The URL in a ready line, or in what `listen` says.
pub(crate) fn url_in(line: &str) -> String {
    let start = line
        .find("http://")
        .unwrap_or_else(|| panic!("no URL: {line}"));
    let end = line[start..].find(' ').map_or(line.len(), |n| start + n);
    line[start..end].to_owned()
}

fn port_of(url: &str) -> u16 {
    url.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// An address at which nobody listens.
pub(crate) fn closed_url() -> String {
    let listener = std::net::TcpListener::bind(ANY_PORT).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// How many scenarios are built in.
fn built_in() -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    names
        .filter(|p| p.extension().is_some_and(|e| e == "yaml"))
        .count()
}

#[test]
fn the_ready_line_is_all_of_stdout_and_sigterm_ends_well() {
    let folder = Folder::new();
    for arguments in [
        &["--listen", ANY_PORT][..],
        &["serve", "--listen", ANY_PORT],
    ] {
        let (emulator, line) = Process::serving(program(&folder, arguments));
        let port = port_of(&url_in(&line));
        assert_eq!(
            line,
            format!(
                "planet-emulator {} ready on http://127.0.0.1:{port} ({} scenarios, 1 project, clock real)",
                env!("CARGO_PKG_VERSION"),
                built_in()
            )
        );
        emulator.terminate();
        let ended = emulator.ended();
        assert_eq!(ended.status, Some(0), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn the_port_file_is_there_once_it_is_ready() {
    let folder = Folder::new();
    let arguments = ["--listen", ANY_PORT, "--port-file", "port"];
    let (_emulator, line) = Process::serving(program(&folder, &arguments));
    let port = fs::read_to_string(folder.path("port")).unwrap();
    assert_eq!(port, format!("{}\n", port_of(&url_in(&line))));
}

#[test]
fn the_clock_may_be_set_by_a_variable_and_the_flag_wins() {
    let folder = Folder::new();
    let mut command = program(&folder, &["--listen", ANY_PORT]);
    command.env("PLANET_EMULATOR_CLOCK", "100x");
    let (_emulator, line) = Process::serving(command);
    assert!(line.ends_with(", clock 100x)"), "{line}");

    let mut command = program(&folder, &["--listen", ANY_PORT, "--clock", "20x"]);
    command.env("PLANET_EMULATOR_CLOCK", "100x");
    let (_emulator, line) = Process::serving(command);
    assert!(line.ends_with(", clock 20x)"), "{line}");
}

#[test]
fn a_taken_port_ends_with_3_and_a_hint() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind(ANY_PORT).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for arguments in [
        &["--listen", &*address][..],
        &["listen", "--listen", &*address],
    ] {
        let ended = run(&folder, arguments);
        assert_eq!(ended.status, Some(3), "{ended:?}");
        assert_eq!(ended.stdout, "");
        assert!(
            ended
                .stderr
                .contains(&format!("error: cannot listen on {address}: "))
                && ended
                    .stderr
                    .contains("\nhint: another program has this port"),
            "{ended:?}"
        );
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = Folder::new();
    for arguments in [
        &["--lisen", ANY_PORT][..],
        &["--clock", "fast"],
        &["schema", "scenarios"],
        &["call"],
    ] {
        let ended = run(&folder, arguments);
        assert_eq!(ended.status, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_faulty_config_ends_with_3_naming_the_key_and_the_likely_one() {
    let folder = Folder::new().with("planet-emulator.yaml", "delivery:\n  timout: 3s\n");
    let ended = run(&folder, &["--listen", ANY_PORT]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert!(
        ended.stderr.contains("planet-emulator.yaml:2:3")
            && ended.stderr.contains("`timout`")
            && ended.stderr.contains("did you mean `timeout`?"),
        "{}",
        ended.stderr
    );
}

#[test]
fn an_unknown_variable_ends_with_3_naming_the_likely_one() {
    let folder = Folder::new();
    let mut command = program(&folder, &["--listen", ANY_PORT]);
    command.env("PLANET_EMULATOR_CLOK", "100x");
    let ended = Process::start(command).ended();
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(
        ended.stderr.contains("PLANET_EMULATOR_CLOK")
            && ended
                .stderr
                .contains("did you mean `PLANET_EMULATOR_CLOCK`?"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_faulty_scenario_ends_with_3() {
    let folder = Folder::new().with("scenarios/mine.yaml", "name: mine\ncalee: {}\n");
    let ended = run(&folder, &["--listen", ANY_PORT]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.stderr.contains("mine.yaml:2:1"), "{}", ended.stderr);
}

#[test]
fn a_clean_folder_is_checked_with_0() {
    let folder = Folder::new()
        .with("planet-emulator.yaml", "clock: 20x\n")
        .with(
            "scenarios/mine.yaml",
            "name: mine\nmatch: { to_user_id: bob }\ncallee: { action: decline, after: 2s }\n",
        );
    let ended = run(&folder, &["check"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stderr, "2 files, 0 errors, 0 warnings\n");
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_typo_is_checked_with_1_and_shown_in_its_place() {
    let folder = Folder::new().with(
        "scenarios/mine.yaml",
        "name: mine\nmatch: { to_user_id: bob }\ncallee: { acton: decline, after: 2s }\n",
    );
    let ended = run(&folder, &["check"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    insta::assert_snapshot!(ended.stderr, @r"
    error: unknown key `acton`
     --> scenarios/mine.yaml:3:11
      |
    3 | callee: { acton: decline, after: 2s }
      |           ^^^^^
      |
      = hint: did you mean `action`?
    1 file, 1 error, 0 warnings
    ");
}

#[test]
fn warnings_do_not_fail_a_check() {
    let folder = Folder::new().with(
        "mine.yaml",
        "name: mine\nmatch: { to_user_id: bob }\ncallee: { action: decline, prepares_for: 1s }\n",
    );
    let ended = run(&folder, &["check", "mine.yaml"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(
        ended.stderr.contains("`prepares_for` has no effect")
            && ended.stderr.contains("1 file, 0 errors, 1 warning\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn what_is_not_there_cannot_be_checked() {
    let folder = Folder::new();
    let ended = run(&folder, &["check", "nowhere.yaml"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("nowhere.yaml"), "{}", ended.stderr);
}

#[test]
fn schemas_are_json() {
    let folder = Folder::new();
    for (kind, key) in [("config", "listen"), ("scenario", "callee")] {
        let ended = run(&folder, &["schema", kind]);
        assert_eq!(ended.status, Some(0), "{ended:?}");
        let schema: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert!(schema["$schema"].is_string(), "{schema:#}");
        assert!(schema["properties"][key].is_object(), "{schema:#}");
    }
}

#[test]
fn a_healthcheck_tells_whether_an_emulator_is_ready() {
    let folder = Folder::new();
    let (emulator, line) = Process::serving(program(&folder, &["--listen", ANY_PORT]));
    let url = url_in(&line);
    let ended = run(&folder, &["healthcheck", "--url", &url]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "");

    let mut command = program(&folder, &["healthcheck"]);
    let listen = url.trim_start_matches("http://");
    command.env("PLANET_EMULATOR_LISTEN", listen);
    assert_eq!(Process::start(command).ended().status, Some(0));

    emulator.terminate();
    assert_eq!(emulator.ended().status, Some(0));
    let ended = run(&folder, &["healthcheck", "--url", &closed_url()]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.stderr.starts_with("not ready: http://127.0.0.1:"));
}

/// What a followed call tells, without times and addresses.
fn events(stdout: &str) -> Vec<&str> {
    let lines = stdout.lines().skip(1);
    lines
        .filter_map(|line| line.split_once("s  ")?.1.split(':').next())
        .collect()
}

#[test]
fn a_followed_call_tells_its_callbacks_and_its_end() {
    let folder = Folder::new();
    let arguments = ["--listen", ANY_PORT, "--clock", "100x"];
    let (_emulator, line) = Process::serving(program(&folder, &arguments));
    let ended = run(
        &folder,
        &["call", "alice", "--follow", "--url", &url_in(&line)],
    );
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let answer: Value = serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap();
    assert!(answer["data"]["sid"].is_string(), "{answer:#}");
    let events = events(&ended.stdout);
    let callbacks = events.iter().filter(|event| event.contains(' '));
    assert_eq!(
        callbacks.collect::<Vec<_>>(),
        [
            &"notify delivered",
            &"agent_call_status delivered",
            &"call_event delivered"
        ],
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("\nended: NORMAL ("),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_refused_call_ends_with_1() {
    let folder = Folder::new();
    let (_emulator, line) = Process::serving(program(&folder, &["--listen", ANY_PORT]));
    let url = url_in(&line);
    let ended = run(&folder, &["call", "emu-http-404", "--url", &url]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("refused: 404"), "{ended:?}");
}

#[test]
fn a_call_to_nothing_ends_with_1_and_a_hint() {
    let folder = Folder::new();
    let ended = run(&folder, &["call", "alice", "--url", &closed_url()]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert!(
        ended
            .stderr
            .contains("\nhint: start it with `planet-emulator`, or say with `--url` where it is"),
        "{ended:?}"
    );
}

#[test]
fn a_listener_prints_a_line_for_each_callback() {
    let folder = Folder::new();
    let listener = Process::start(program(&folder, &["listen", "--listen", ANY_PORT]));
    let told = listener.told();
    assert!(told.ends_with(" (answering 200)"), "{told}");
    let app = url_in(&told);
    let mut command = program(&folder, &["--listen", ANY_PORT, "--clock", "100x"]);
    for name in ["NOTIFY", "AGENT_CALL_STATUS", "CALL_EVENT"] {
        let variable = format!("PLANET_EMULATOR_CALLBACKS__{name}");
        command.env(variable, format!("{app}/{}", name.to_lowercase()));
    }
    let (_emulator, line) = Process::serving(command);
    let ended = run(&folder, &["call", "alice", "--url", &url_in(&line)]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    for name in ["notify", "agent_call_status", "call_event"] {
        let line = listener.line();
        assert!(line.starts_with(name), "{line}");
        assert!(line.contains(&format!("  GET /{name}?")), "{line}");
    }
    listener.terminate();
    let ended = listener.ended();
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "");
}
