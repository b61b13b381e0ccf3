use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::exit;
use crate::{scenario, settings};

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Which files it is for
    kind: Kind,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Config,
    Scenario,
}

pub(super) fn run(args: SchemaArgs) -> ExitCode {
    let schema = match args.kind {
        Kind::Config => settings::config_schema(),
        Kind::Scenario => scenario::scenario_schema().clone(),
    };
    exit::say(format_args!("{schema:#}"));
    ExitCode::SUCCESS
}
