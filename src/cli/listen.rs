use std::process::ExitCode;

use clap::Args;

#[derive(Debug, Args)]
pub(super) struct ListenArgs {}

pub(super) async fn run(_: ListenArgs) -> ExitCode {
    ExitCode::SUCCESS
}
