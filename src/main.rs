//! The `planet-emulator` program.

fn main() {}
