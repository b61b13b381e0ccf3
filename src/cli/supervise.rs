//! The process between `exec` and its command: it leaves nothing of the command behind.
//!
//! It is a process of its own so that it can do so even if `exec` is killed outright: the kernel then
//! asks it to end (on Linux). It is also the parent of whatever the command's processes leave without
//! a parent, so that none can hide by starting others and ending itself. Only who kills both outright
//! (`killall -9 planet-emulator`) leaves the command running.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Args;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group,
    test_kill_process_group, wait,
};
use tokio::signal::unix::{self, SignalKind};

use super::exit::{cannot_start, talk};
use crate::clock::{Stopwatch, timeout};

/// How long processes may take to end once asked to; containers are granted ten seconds in all.
const GRACE: Duration = Duration::from_secs(5);

/// How often it is looked who is left, once all are to end: most of them are not our own children,
/// so that nothing tells of their end.
const TICK: Duration = Duration::from_millis(20);

/// What shells say of a command that is there but cannot be run, and of one that is not there.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;

/// What shells add to the number of the signal that ended a command.
pub(super) const KILLED: i32 = 128;

#[derive(Debug, Args)]
pub(super) struct SuperviseArgs {
    /// Whose end is the end of all
    #[arg(long, value_name = "PID")]
    parent: u32,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Whether commands stay in our process group.
///
/// Ctrl-C, Ctrl-Z and reading from a terminal concern the one group that has the terminal. If that
/// may be ours, the command must be in it: in another, reading would stop it. It then gets the
/// terminal's signals by itself, so they are not passed on. Everywhere else it gets a group of its
/// own, and all of the group the signals that we get.
pub(super) fn shares_our_group() -> bool {
    io::stdin().is_terminal()
}

/// Runs the command to its end and ends all that it left; the status is the command's.
pub(super) async fn run(args: SuperviseArgs) -> ExitCode {
    let mut signals = match prepare(args.parent) {
        Ok(signals) => signals,
        Err(error) => return cannot_start(format_args!("cannot supervise a command: {error}")),
    };
    match Family::start(&args.command) {
        Ok(family) => ExitCode::from(family.ended(&mut signals).await),
        Err(error) => cannot_run(&args.command[0], &error),
    }
}

fn prepare(parent: u32) -> io::Result<Signals> {
    let signals = Signals::listen()?;
    if shares_our_group() {
        // A terminal sends these too. Who must end because of them is for `exec` and the command to
        // say; to outlive both is our duty.
        let _ = unix::signal(SignalKind::hangup())?;
        let _ = unix::signal(SignalKind::quit())?;
    }
    stay_with(parent)?;
    Ok(signals)
}

fn cannot_run(program: &OsString, error: &io::Error) -> ExitCode {
    let (status, hint) = match error.kind() {
        io::ErrorKind::NotFound => (NOT_FOUND, "is it installed, and in PATH?"),
        io::ErrorKind::PermissionDenied => (CANNOT_RUN, "is it a program, and executable?"),
        _ => (CANNOT_RUN, "is it a program for this machine?"),
    };
    let program = program.display();
    talk(format_args!(
        "error: cannot run `{program}`: {error}\nhint: {hint}"
    ));
    ExitCode::from(status)
}

/// From now on, the end of `parent` is a SIGTERM for us, and orphans below us become our children.
///
/// Elsewhere than on Linux there is neither: whoever kills `exec` outright leaves its command running.
fn stay_with(parent: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{set_child_subreaper, set_parent_process_death_signal};
        set_child_subreaper(Some(getpid()))?;
        set_parent_process_death_signal(Some(Signal::TERM))?;
    }
    // It may have ended before it could be asked for.
    if std::os::unix::process::parent_id() == parent {
        Ok(())
    } else {
        Err(io::Error::other("`exec` has ended"))
    }
}

/// The command's process and all that it started.
struct Family {
    command: Pid,
    /// The group that the command leads, as long as anybody is in it.
    group: Option<Pid>,
    status: Option<u8>,
    /// Who was asked to end.
    asked: HashSet<Pid>,
}

impl Family {
    fn start(command: &[OsString]) -> io::Result<Self> {
        let mut spawned = Command::new(&command[0]);
        spawned.args(&command[1..]);
        let shares_group = shares_our_group();
        if !shares_group {
            spawned.process_group(0);
        }
        let command = Pid::from_child(&spawned.spawn()?);
        Ok(Self {
            command,
            group: (!shares_group).then_some(command),
            status: None,
            asked: HashSet::new(),
        })
    }

    /// Waits until nobody is left; gives back the command's status.
    async fn ended(mut self, signals: &mut Signals) -> u8 {
        let mut ending: Option<Stopwatch> = None;
        loop {
            let children_left = self.reap();
            if let Some(status) = self.status {
                if !children_left && !self.group_is_left() {
                    return status;
                }
                ending.get_or_insert_with(Stopwatch::start);
            }
            let event = match ending {
                None => signals.next().await,
                Some(since) => {
                    self.end(since);
                    // That nothing came is just as well: it is only time to look again.
                    let event = timeout(TICK, signals.next()).await;
                    event.unwrap_or(Event::ChildEnded)
                }
            };
            match event {
                Event::ChildEnded => {}
                Event::Terminate => {
                    ending.get_or_insert_with(Stopwatch::start);
                }
                // How to take it is up to the command, and so is the time it needs.
                Event::Interrupt => self.signal_group(Signal::INT),
            }
        }
    }

    /// Takes notice of children that have ended; whether there are others.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.command => {
                    self.status = Some(status_of(status));
                }
                Ok(Some(_)) => {}
                Ok(None) => return true,
                // Nobody is left to wait for: neither children nor, on Linux, their descendants,
                // who would have become our children.
                Err(_) => return false,
            }
        }
    }

    fn group_is_left(&mut self) -> bool {
        // Once empty, the group's number may be given to another one.
        self.group = self
            .group
            .filter(|group| test_kill_process_group(*group).is_ok());
        self.group.is_some()
    }

    /// Asks everybody to end, each of them once; after the grace, ends them.
    ///
    /// Others than the group's members are reached once they are our children, which all become at
    /// the latest when their parents have ended. Until they are waited for, a child's number cannot
    /// be another process's, so no stranger is ever hit.
    fn end(&mut self, since: Stopwatch) {
        let is_over = since.elapsed() >= GRACE;
        let signal = if is_over { Signal::KILL } else { Signal::TERM };
        if let Some(group) = self.group
            && (self.asked.insert(group) || is_over)
        {
            self.signal_group(signal);
        }
        for (child, group) in children() {
            let was_reached = self.group == Some(group);
            if !was_reached && (self.asked.insert(child) || is_over) {
                // It may have ended meanwhile.
                let _ = kill_process(child, signal);
            }
        }
    }

    fn signal_group(&mut self, signal: Signal) {
        if self.group_is_left()
            && let Some(group) = self.group
        {
            let _ = kill_process_group(group, signal);
        }
    }
}

fn status_of(status: WaitStatus) -> u8 {
    let status = match status.terminating_signal() {
        Some(signal) => KILLED + signal,
        None => status.exit_status().unwrap_or_default(),
    };
    u8::try_from(status).unwrap_or(u8::MAX)
}

/// Our children with their groups, as the kernel lists them; none where there is no `/proc`.
fn children() -> Vec<(Pid, Pid)> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| {
            let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
            let (pid, parent, group) = kinship(&stat)?;
            (parent == getpid()).then_some((pid, group))
        })
        .collect()
}

/// Process, parent and group from a line of `/proc/PID/stat`: `7 (any (name)) S 1 7 …`.
fn kinship(stat: &str) -> Option<(Pid, Pid, Pid)> {
    let number = |text: &str| Pid::from_raw(text.parse().ok()?);
    let (pid, _) = stat.split_once(' ')?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(1);
    Some((
        number(pid)?,
        number(fields.next()?)?,
        number(fields.next()?)?,
    ))
}

/// What `exec` and the process between it and its command wait for.
pub(super) struct Signals {
    child: unix::Signal,
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

pub(super) enum Event {
    ChildEnded,
    Terminate,
    Interrupt,
}

impl Signals {
    /// From now on, none of them is missed, and none ends this process.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            child: unix::signal(SignalKind::child())?,
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }

    pub(super) async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.child.recv() => Event::ChildEnded,
            _ = self.terminate.recv() => Event::Terminate,
            _ = self.interrupt.recv() => Event::Interrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinship_is_read_whatever_the_process_calls_itself() {
        let pid = |number| Pid::from_raw(number).unwrap();
        for (stat, expected) in [
            ("7 (sh) S 1 6 5 0", Some((pid(7), pid(1), pid(6)))),
            ("7 (a) S 2 3) Z 1 6 5 0", Some((pid(7), pid(1), pid(6)))),
            ("2 (kthreadd) S 0 0 0 0", None),
            ("7 (sh", None),
            ("", None),
        ] {
            assert_eq!(kinship(stat), expected, "{stat}");
        }
    }
}
