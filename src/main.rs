//! The `planet-emulator` program.

use std::process::ExitCode;

/// A call is made on one thread and looked at from others, in dozens of small pieces: the system's
/// allocator takes a quarter of the time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    planet_emulator::cli::run()
}
