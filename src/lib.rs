//! LINE Planet Cloud's *Audio Caller* on one's own machine.

mod call;
mod clock;
mod delivery;
mod domain;
mod journal;
mod scenario;
mod validate;
mod wire;
mod yaml;
