//! LINE Planet Cloud's *Audio Caller* on one's own machine.

mod clock;
mod delivery;
mod domain;
mod scenario;
mod validate;
mod wire;
mod yaml;
