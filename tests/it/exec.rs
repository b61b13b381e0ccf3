//! `exec`: what the command gets, what is told of it, and that nothing of it stays behind.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::cli::{ANY_PORT, Ended, Folder, Process, closed_url, program, run};

const PROGRAM: &str = env!("CARGO_BIN_EXE_planet-emulator");

/// A shell script below `exec`, to its end.
fn run_script(folder: &Folder, options: &[&str], script: &str) -> Ended {
    Process::start(script_command(folder, options, script)).ended()
}

/// The script finds the program itself as `$0`.
fn script_command(folder: &Folder, options: &[&str], script: &str) -> Command {
    let command = ["--", "sh", "-c", script, PROGRAM];
    program(folder, &[&["exec"], options, &command].concat())
}

#[test]
fn the_command_finds_the_emulator_in_every_variable_and_has_stdout_for_itself() {
    let script = r#"echo "$PLANET_EMULATOR_URL"; echo "$ONE"; echo "$OTHER"; "$0" healthcheck"#;
    let ended = run_script(&Folder::new(), &["--env", "ONE", "--env", "OTHER"], script);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let urls: Vec<_> = ended.stdout.lines().collect();
    assert!(urls[0].starts_with("http://127.0.0.1:"), "{urls:?}");
    assert_eq!(urls, [urls[0]; 3]);
    let ready = format!(" ready on {} (", urls[0]);
    assert!(ended.stderr.contains(&ready), "{ended:?}");
}

#[test]
fn only_the_flag_says_where_it_listens() {
    let folder = Folder::new().with("planet-emulator.yaml", "listen: 127.0.0.1:1\n");
    let script = r#""$0" healthcheck && cat port"#;
    let ended = run_script(&folder, &["--port-file", "port"], script);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_ne!(ended.stdout, "1\n");

    let ended = run_script(
        &folder,
        &["--listen", "[::1]:0"],
        "echo $PLANET_EMULATOR_URL",
    );
    assert!(ended.stdout.starts_with("http://[::1]:"), "{ended:?}");
}

#[test]
fn its_status_is_the_commands() {
    let folder = Folder::new();
    for (script, expected) in [
        ("exit 7", 7),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
    ] {
        let ended = run_script(&folder, &["--strict"], script);
        assert_eq!(ended.status, Some(expected), "{script}: {ended:?}");
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn a_command_that_cannot_be_run_ends_with_what_shells_say() {
    let folder = Folder::new().with("text", "no program");
    for (command, status, told) in [
        (
            "no-such-program",
            127,
            "error: cannot run `no-such-program`: ",
        ),
        ("./text", 126, "error: cannot run `./text`: "),
    ] {
        let ended = run(&folder, &["exec", "--", command]);
        assert_eq!(ended.status, Some(status), "{ended:?}");
        assert!(ended.stderr.contains(told), "{ended:?}");
        assert!(ended.stderr.contains("\nhint: "), "{ended:?}");
    }
}

#[test]
fn wrong_usage_of_exec_ends_with_2() {
    let folder = Folder::new();
    for arguments in [
        &["exec"][..],
        &["exec", "--"],
        &["exec", "--env", "A=B", "--", "true"],
    ] {
        let ended = run(&folder, arguments);
        assert_eq!(ended.status, Some(2), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn without_an_emulator_the_command_is_not_run() {
    let folder = Folder::new().with("planet-emulator.yaml", "clok: 20x\n");
    let ended = run_script(&folder, &[], "echo run");
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("did you mean `clock`?"), "{ended:?}");

    let taken = std::net::TcpListener::bind(ANY_PORT).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run_script(&Folder::new(), &["--listen", &address], "echo run");
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert_eq!(ended.stdout, "");
}

/// Makes a call and waits until it is settled.
const CALL: &str = r#""$0" call alice --follow >&2"#;

/// A folder where callbacks go to nobody, but for Call Event, which goes to the inbox.
fn unreachable() -> Folder {
    let url = closed_url();
    let config =
        format!("callbacks: {{ notify: {url}/n, agent_call_status: {url}/a }}\nclock: 1000x\n");
    Folder::new().with("planet-emulator.yaml", &config)
}

#[test]
fn the_summary_tells_which_callbacks_failed_and_why() {
    let ended = run_script(&unreachable(), &[], CALL);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "");
    let summary = ended.stderr.split_once("\nplanet-emulator: ").unwrap().1;
    let lines: Vec<_> = summary.lines().collect();
    assert_eq!(
        lines[0],
        "1 call; callbacks: 1 delivered, 2 failed, 0 abandoned"
    );
    assert_eq!(lines.len(), 3, "{summary}");
    for (line, callback) in lines[1..].iter().zip(["notify", "agent_call_status"]) {
        assert!(line.starts_with(&format!("  {callback} of ")), "{line}");
        assert!(
            line.contains(" (to alice): connection refused by "),
            "{line}"
        );
    }
}

#[test]
fn failed_callbacks_fail_a_strict_run_unless_the_command_did() {
    let failing = unreachable();
    let ended = run_script(&failing, &["--strict"], CALL);
    assert_eq!(ended.status, Some(70), "{ended:?}");
    let ended = run_script(&failing, &["--strict"], &format!("{CALL}; exit 5"));
    assert_eq!(ended.status, Some(5), "{ended:?}");

    let ended = run_script(&Folder::new(), &["--strict", "--clock", "1000x"], CALL);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let told = "planet-emulator: 1 call; callbacks: 3 delivered, 0 failed, 0 abandoned\n";
    assert!(ended.stderr.ends_with(told), "{ended:?}");
}

#[test]
fn a_call_that_is_cut_short_is_told_and_is_no_failure() {
    let script = r#""$0" call emu-no-answer >&2"#;
    let ended = run_script(&Folder::new(), &["--strict"], script);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let told = "planet-emulator: 1 call; callbacks: 0 delivered, 0 failed, 3 abandoned\n";
    assert!(ended.stderr.ends_with(told), "{ended:?}");
}

/// Starts a child, one that leaves the group, and one that does so below another; then says so.
const FAMILY: &str = "
    echo $$ >>pids
    sleep 300 & echo $! >>pids
    (setsid sleep 300 & echo $! >>pids)
    (setsid sh -c 'sleep 300 & echo $! >>pids; wait' & echo $! >>pids)
    while [ $(wc -l <pids) -lt 5 ]; do :; done
    echo up
";

/// Whether a process runs; one that has ended and is not waited for does not.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Runs the family with this before and after it, sends the signal once it is up, and looks who is left.
fn end_of_family(before: &str, after: &str, signal: Option<&str>) -> Ended {
    let folder = Folder::new();
    let script = format!("{before}{FAMILY}{after}");
    let exec = Process::start(script_command(&folder, &[], &script));
    assert_eq!(exec.line(), "up");
    if let Some(name) = signal {
        exec.signal(name);
    }
    let ended = exec.ended();
    let pids = fs::read_to_string(folder.path("pids")).unwrap();
    let left: Vec<_> = pids.lines().filter(|pid| is_running(pid)).collect();
    assert!(left.is_empty(), "{left:?}: {ended:?}");
    ended
}

#[test]
fn nothing_is_left_of_a_command_that_ended() {
    assert_eq!(end_of_family("", "exit 0", None).status, Some(0));
}

#[test]
fn sigterm_and_sigint_reach_the_command_and_nothing_is_left() {
    for (signal, status) in [("TERM", 143), ("INT", 130)] {
        let ended = end_of_family("", "wait", Some(signal));
        assert_eq!(ended.status, Some(status), "{ended:?}");
        assert!(
            ended.stderr.contains("\nplanet-emulator: 0 calls; "),
            "{ended:?}"
        );
    }
}

#[test]
fn the_command_may_take_a_signal_as_it_likes() {
    let last = "trap 'echo interrupted; exit 4' INT; echo ready; wait";
    let exec = Process::start(script_command(
        &Folder::new(),
        &[],
        &format!("sleep 300 & {last}"),
    ));
    assert_eq!(exec.line(), "ready");
    exec.signal("INT");
    let ended = exec.ended();
    assert_eq!(
        (ended.status, &*ended.stdout),
        (Some(4), "interrupted\n"),
        "{ended:?}"
    );
}

#[test]
fn a_command_deaf_to_sigterm_is_killed_and_so_are_its_children() {
    // What is ignored is ignored by children too.
    let ended = end_of_family("trap '' TERM", "exec sleep 300", Some("TERM"));
    assert_eq!(ended.status, Some(137), "{ended:?}");
}

#[test]
fn nothing_is_left_even_if_exec_is_killed_outright() {
    // All that is left would hold the pipes open, to whose end this waits.
    assert_eq!(end_of_family("", "wait", Some("KILL")).status, None);
}

/// A terminal with a shell script below `exec` in it.
struct Terminal {
    keyboard_and_screen: File,
    exec: Process,
}

impl Terminal {
    fn start(script: &str) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = File::options()
            .read(true)
            .write(true)
            .open(Path::new(&name))
            .unwrap();
        // What is stdin becomes the terminal of a new session, and no signal is ignored, whatever it
        // is that runs the tests.
        let mut command = Command::new("env");
        command
            .args([
                "--default-signal",
                "setsid",
                "--ctty",
                "--wait",
                PROGRAM,
                "exec",
                "--",
                "sh",
                "-c",
                script,
            ])
            .current_dir(std::env::temp_dir())
            .stdin(slave)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            keyboard_and_screen: master.into(),
            exec: Process::start(command),
        }
    }

    fn type_in(&mut self, text: &str) {
        self.keyboard_and_screen.write_all(text.as_bytes()).unwrap();
        // The echo; a screen that nobody reads blocks the keyboard.
        let _ = self.keyboard_and_screen.read(&mut [0; 64]).unwrap();
    }
}

#[test]
fn a_command_may_read_from_the_terminal() {
    let mut terminal = Terminal::start("echo ready; read line; echo \"got $line\"");
    assert_eq!(terminal.exec.line(), "ready");
    terminal.type_in("hello\n");
    let ended = terminal.exec.ended();
    assert_eq!(
        (ended.status, &*ended.stdout),
        (Some(0), "got hello\n"),
        "{ended:?}"
    );
}

#[test]
fn nothing_is_left_in_a_terminal_either() {
    // All of it is deaf to the terminal's going.
    let script = "trap '' HUP; (setsid sleep 300 & echo $!); sleep 300 & echo $!; echo $$; wait";
    let terminal = Terminal::start(script);
    let pids: Vec<_> = (0..3).map(|_| terminal.exec.line()).collect();
    drop(terminal.keyboard_and_screen);
    let ended = terminal.exec.ended();
    let left: Vec<_> = pids.iter().filter(|pid| is_running(pid)).collect();
    assert!(left.is_empty(), "{left:?}: {ended:?}");
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    let script = "trap 'echo interrupted; came=1' INT; echo ready
        while [ -z \"$came\" ]; do :; done; read line; echo \"$line\"";
    let mut terminal = Terminal::start(script);
    assert_eq!(terminal.exec.line(), "ready");
    terminal.type_in("\x03");
    assert_eq!(terminal.exec.line(), "interrupted");
    terminal.type_in("still here\n");
    let ended = terminal.exec.ended();
    assert_eq!(
        (ended.status, &*ended.stdout),
        (Some(0), "still here\n"),
        "{ended:?}"
    );
}
