//! Exit statuses, as documented, and the talk that goes with them.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

/// A check found faults, or a call was refused.
pub(super) const FAULTS: u8 = 1;
/// The port is taken, or the configuration invalid.
pub(super) const CANNOT_START: u8 = 3;

/// Callbacks failed, and `--strict` was given.
pub(super) const STRICT_FAILURE: u8 = 70;

/// Prints a line to stderr. A closed stderr is nobody's loss.
pub(super) fn talk(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints a line to stdout, at once. A closed stdout ends nothing.
pub(super) fn say(line: impl Display) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

/// Says why, and gives the status for it.
pub(super) fn cannot_start(reason: impl Display) -> ExitCode {
    talk(format_args!("error: {reason}"));
    ExitCode::from(CANNOT_START)
}
