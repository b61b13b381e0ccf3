use std::error::Error;
use std::fmt::Write as _;

use anyhow::Context as _;
use clap::Args;
use reqwest::RequestBuilder;

use crate::delivery::tls;
use crate::settings::Secret;

/// How a command proves itself to the control API.
#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// The emulator's setting `control.token`, if it has one
    #[arg(
        long,
        value_name = "TOKEN",
        env = "PLANET_EMULATOR_CONTROL__TOKEN",
        hide_env_values = true
    )]
    token: Option<Secret>,
}

impl TokenArgs {
    /// The request with the token.
    pub(super) fn authorize(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) if !token.expose().is_empty() => request.bearer_auth(token.expose()),
            _ => request,
        }
    }
}

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
