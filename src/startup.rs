//! The composition root: from settings and scenarios to a listening server.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use thiserror::Error;
use tokio::task::JoinHandle;
use url::Url;

use crate::api::{self, BodyLimit};
use crate::clock::pause;
use crate::control;
use crate::emulator::Core;
use crate::scenario::ScenarioStore;
use crate::settings::Settings;

/// How often scenario files are looked at: a change is to be taken up within a second.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Why the emulator cannot start.
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("cannot listen on {listen}: {source}{hint}")]
    Listen {
        listen: String,
        source: io::Error,
        hint: &'static str,
    },
    #[error("{0:#}")]
    Setup(anyhow::Error),
}

/// A running emulator. Stops at once when dropped; [`Running::stop`] gives callbacks their grace.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) core: Arc<Core>,
    handle: ServerHandle,
    server: Option<JoinHandle<io::Result<()>>>,
    watching: JoinHandle<()>,
    grace: Duration,
}

/// Binds the port and starts serving.
///
/// # Errors
/// When the address cannot be bound or callbacks cannot be sent at all.
pub(crate) fn start(settings: &Settings, scenarios: ScenarioStore) -> Result<Running, StartError> {
    let listener = bind(&settings.listen)?;
    let setup = |error: io::Error| StartError::Setup(error.into());
    let address = listener.local_addr().map_err(setup)?;
    let core = Core::new(settings, scenarios, &base_url(address)).map_err(StartError::Setup)?;
    let core = Arc::new(core);
    let shared = web::Data::from(core.clone());
    let body_limit = web::Data::new(BodyLimit(settings.limits.body));
    let access = settings.control.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(body_limit.clone())
            .configure(api::configure)
            .configure(|config| control::configure(config, &access))
            .default_service(web::to(api::not_found))
    })
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)
    .map_err(setup)?
    .run();
    Ok(Running {
        address,
        watching: tokio::spawn(watch_scenario_files(core.clone())),
        core,
        handle: server.handle(),
        server: Some(tokio::spawn(server)),
        grace: settings.shutdown_grace,
    })
}

/// Looks at the scenario files again and again.
async fn watch_scenario_files(core: Arc<Core>) {
    while core.scenarios.has_files() {
        pause(LOOK_EVERY).await;
        core.take_up_scenario_files();
    }
}

/// A port that is taken must be an error, not shared with whoever has it: hence no `SO_REUSEPORT`.
fn bind(listen: &str) -> Result<TcpListener, StartError> {
    let failed = |source: io::Error| {
        let hint = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "\nhint: another program has this port; stop it, or choose another with `--listen 127.0.0.1:0` (any free port)"
            }
            io::ErrorKind::PermissionDenied => "\nhint: ports below 1024 need special rights",
            _ => "",
        };
        let listen = listen.to_owned();
        StartError::Listen {
            listen,
            source,
            hint,
        }
    };
    let addresses: Vec<_> = listen.to_socket_addrs().map_err(failed)?.collect();
    TcpListener::bind(&*addresses).map_err(failed)
}

/// The URL at which this process reaches itself.
fn base_url(address: SocketAddr) -> Url {
    let ip = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => [127, 0, 0, 1].into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => std::net::Ipv6Addr::LOCALHOST.into(),
        other => other.ip(),
    };
    let reachable = SocketAddr::new(ip, address.port());
    #[expect(clippy::expect_used, reason = "a socket address is a valid authority")]
    Url::parse(&format!("http://{reachable}")).expect("a socket address is a valid authority")
}

impl Running {
    /// The base URL for app servers and for the control API, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        base_url(self.address)
            .as_str()
            .trim_end_matches('/')
            .to_owned()
    }

    /// Stops: accepts no more calls, gives callbacks in flight their grace, journals the rest as
    /// abandoned. Gives back how many callbacks were abandoned.
    pub(crate) async fn stop(mut self) -> usize {
        self.handle.pause().await;
        let abandoned = self.core.close(self.grace).await;
        self.handle.stop(false).await;
        if let Some(server) = self.server.take() {
            let _ = server.await;
        }
        abandoned
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.watching.abort();
        // The command to stop is sent at once; there is nobody left to wait for its end.
        drop(self.handle.stop(false));
    }
}
