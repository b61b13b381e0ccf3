use std::error::Error;
use std::fmt::Write as _;

use anyhow::Context as _;

use crate::delivery::tls;

/// Where an emulator is by default.
pub(super) const USUAL_PORT: u16 = 7526;

/// A client for talking to an emulator.
pub(super) fn client() -> anyhow::Result<reqwest::Client> {
    reqwest::Client::builder()
        .user_agent(concat!("planet-emulator/", env!("CARGO_PKG_VERSION")))
        // A proxy from the environment would not reach a local emulator.
        .no_proxy()
        .tls_backend_preconfigured(tls()?)
        .build()
        .context("cannot set up the HTTP client")
}

/// What went wrong, with its causes: the client's own text says only that something did.
pub(super) fn told(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    if error.is_connect() {
        text.push_str("\nhint: start it with `planet-emulator`, or say with `--url` where it is");
    }
    text
}
