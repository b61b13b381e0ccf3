//! Programs under load: starting them, and what they cost.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::floor;

/// A running program; ended when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) port: u16,
    /// From starting it until it said that it is ready.
    pub(crate) started_in: Duration,
}

impl Program {
    /// The emulator with no file and no variable.
    pub(crate) fn bare() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_planet-emulator"));
        command.args(["--listen", "127.0.0.1:0"]);
        command.current_dir(std::env::temp_dir());
        Self::start(command)
    }

    /// The emulator with this configuration. Its log goes to a pipe that is read and thrown away, as
    /// a container engine reads it.
    pub(crate) fn emulator(config: &str) -> Self {
        let name = format!("planet-emulator-load-{}.yaml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, config).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_planet-emulator"));
        command.arg("--config").arg(&path);
        command.args(["--listen", "127.0.0.1:0"]);
        command.current_dir(std::env::temp_dir());
        let program = Self::start(command);
        // It is read at the start and never again.
        fs::remove_file(path).unwrap();
        program
    }

    /// A floor of this kind that sends its callbacks to this port.
    pub(crate) fn floor(kind: &str, receiver: u16) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .env(floor::ROLE, kind)
            .env(floor::RECEIVER, receiver.to_string());
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let begun = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut ready).unwrap();
        let started_in = begun.elapsed();
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            std::io::copy(&mut BufReader::new(stderr), &mut std::io::sink())
        });
        let port = ready.split("127.0.0.1:").nth(1);
        let port = port.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        Self {
            child,
            port: port.unwrap_or_else(|| panic!("not ready: {ready}")),
            started_in,
        }
    }

    /// The processor time taken so far, by all threads.
    pub(crate) fn cpu_time(&self) -> Duration {
        let stat = self.proc("stat");
        // Behind the name in parentheses, which may hold anything; times are the 12th and 13th from there.
        let fields: Vec<_> = stat
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }

    /// The memory in use, in KiB.
    pub(crate) fn resident_kib(&self) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap_or(0)
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(
            Path::new("/proc")
                .join(self.child.id().to_string())
                .join(file),
        )
        .unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The size of the emulator's binary, in bytes.
pub(crate) fn binary_size() -> u64 {
    fs::metadata(env!("CARGO_BIN_EXE_planet-emulator"))
        .unwrap()
        .len()
}
