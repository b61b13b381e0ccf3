use std::process::ExitCode;

use clap::Args;

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {}

pub(super) async fn run(_: HealthcheckArgs) -> ExitCode {
    ExitCode::SUCCESS
}
