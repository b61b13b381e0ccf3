//! The emulator from the outside: real HTTP in, real HTTP out.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod calls;
mod cli;
mod control_safety;
mod doctor;
mod embed;
mod errors;
mod exec;
mod helpers;
mod not_initiated;
mod order;
mod scenarios;
mod stopping;
mod wire;
