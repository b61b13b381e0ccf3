use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::exit::{FAULTS, talk};
use super::http::{TokenArgs, USUAL_PORT, client, told};
use crate::clock::timeout;

const LIMIT: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    /// Where the emulator is [default: this machine, at the port of `PLANET_EMULATOR_LISTEN` or 7526]
    #[arg(long, value_name = "URL", env = "PLANET_EMULATOR_URL")]
    url: Option<String>,
    #[command(flatten)]
    token: TokenArgs,
}

pub(super) async fn run(args: HealthcheckArgs) -> ExitCode {
    let url = args.url.unwrap_or_else(|| {
        let listen = std::env::var("PLANET_EMULATOR_LISTEN").ok();
        format!("http://127.0.0.1:{}", port(listen.as_deref()))
    });
    let checked = match timeout(LIMIT, check(&url, &args.token)).await {
        Ok(checked) => checked,
        Err(_) => Err(format!("no answer within {} s", LIMIT.as_secs())),
    };
    match checked {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            let reason = reason.lines().next().unwrap_or_default();
            talk(format_args!("not ready: {url}: {reason}"));
            ExitCode::from(FAULTS)
        }
    }
}

fn port(listen: Option<&str>) -> u16 {
    let port = listen.and_then(|listen| listen.rsplit_once(':')?.1.parse().ok());
    port.unwrap_or(USUAL_PORT)
}

async fn check(url: &str, token: &TokenArgs) -> Result<(), String> {
    let client = client().map_err(|error| format!("{error:#}"))?;
    let url = format!("{}/_emulator/health", url.trim_end_matches('/'));
    let response = token.authorize(client.get(url)).send().await;
    let response = response.map_err(|error| told(&error))?;
    let status = response.status();
    if status != reqwest::StatusCode::OK {
        return Err(format!("answered {}", status.as_u16()));
    }
    let body = response.bytes().await.map_err(|error| told(&error))?;
    match serde_json::from_slice::<Value>(&body) {
        Ok(health) if health["ready"] == true => Ok(()),
        Ok(_) => Err("answered without `\"ready\":true`".to_owned()),
        Err(_) => Err("answered what is no JSON: is this an emulator?".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_that_which_the_emulator_listens_at() {
        assert_eq!(port(None), 7526);
        assert_eq!(port(Some("0.0.0.0:8080")), 8080);
        assert_eq!(port(Some("[::]:81")), 81);
        assert_eq!(port(Some("nonsense")), 7526);
    }
}
