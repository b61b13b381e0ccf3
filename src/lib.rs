//! LINE Planet Cloud's *Audio Caller* on one's own machine.

pub mod yaml;
