//! LINE Planet Cloud's *Audio Caller* on one's own machine.

mod clock;
mod domain;
mod validate;
mod wire;
mod yaml;
