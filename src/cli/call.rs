use std::process::ExitCode;

use clap::Args;

#[derive(Debug, Args)]
pub(super) struct CallArgs {}

pub(super) async fn run(_: CallArgs) -> ExitCode {
    ExitCode::SUCCESS
}
