//! The emulator from the outside: real HTTP in, real HTTP out.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod arm;
mod callee;
mod calls;
mod cli;
mod clock;
mod control;
mod control_docs;
mod control_inputs;
mod control_safety;
mod doctor;
mod embed;
mod errors;
mod events;
mod exec;
mod explain;
mod helpers;
mod lists;
mod metrics;
mod not_initiated;
mod order;
mod parallel;
mod projects;
mod replay;
mod requests;
mod reset;
mod scenarios;
mod scenarios_reload;
mod stopping;
mod verify;
mod wire;
