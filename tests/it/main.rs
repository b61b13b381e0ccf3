//! The emulator from the outside: real HTTP in, real HTTP out.

mod calls;
mod helpers;
mod scenarios;
