//! The `planet-emulator` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    planet_emulator::cli::run()
}
