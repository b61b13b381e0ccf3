//! LINE Planet Cloud's *Audio Caller* on one's own machine.

mod api;
mod call;
pub mod cli;
mod clock;
mod control;
mod delivery;
mod domain;
mod embed;
mod emulator;
mod journal;
mod project;
mod rate_limit;
mod scenario;
mod settings;
mod startup;
mod sync;
mod telemetry;
mod validate;
mod verify;
mod wire;
mod yaml;

pub use embed::{Delivered, Emulator, EmulatorBuilder, Expectation};

/// The README, whose Rust is compiled with the other examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
