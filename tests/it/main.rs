//! The emulator from the outside: real HTTP in, real HTTP out.

mod calls;
mod errors;
mod helpers;
mod order;
mod wire;
