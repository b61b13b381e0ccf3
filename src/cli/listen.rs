use std::io;
use std::net::{TcpListener, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::ContentType;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use clap::Args;
use url::form_urlencoded;

use super::exit::{cannot_start, say, talk};
use crate::clock::pause;
use crate::domain::parse_duration;

#[derive(Debug, Args)]
pub(super) struct ListenArgs {
    /// Where to listen; port 0 is any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: String,
    /// The status to answer with
    #[arg(long, value_name = "STATUS", default_value_t = 200, value_parser = clap::value_parser!(u16).range(200..=599))]
    answer: u16,
    /// How long to wait before answering, such as `50ms` or `3s`
    #[arg(long, value_name = "DURATION", default_value = "0ms", value_parser = parse_duration)]
    after: Duration,
}

/// How callbacks are answered.
#[derive(Debug, Clone)]
struct Manner {
    status: StatusCode,
    after: Duration,
}

pub(super) async fn run(args: ListenArgs) -> ExitCode {
    match serve(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let hint = match error.kind() {
                io::ErrorKind::AddrInUse => {
                    "\nhint: another program has this port; stop it, or choose another with `--listen 127.0.0.1:0` (any free port)"
                }
                io::ErrorKind::PermissionDenied => "\nhint: ports below 1024 need special rights",
                _ => "",
            };
            cannot_start(format_args!(
                "cannot listen on {}: {error}{hint}",
                args.listen
            ))
        }
    }
}

async fn serve(args: &ListenArgs) -> io::Result<()> {
    // Before the port is open, so that no stop is missed.
    let stop = stop_asked()?;
    let addresses: Vec<_> = args.listen.to_socket_addrs()?.collect();
    let listener = TcpListener::bind(&*addresses)?;
    let address = listener.local_addr()?;
    let manner = web::Data::new(Manner {
        status: StatusCode::from_u16(args.answer).unwrap_or(StatusCode::OK),
        after: args.after,
    });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(manner.clone())
            .default_service(web::to(answer))
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?
    .run();
    let handle = server.handle();
    talk(format_args!(
        "listening on http://{address} (answering {})",
        args.answer
    ));
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended,
        () = stop => {}
    }
    let (ended, ()) = tokio::join!(server, handle.stop(false));
    ended
}

/// Handlers of its own, since the first process of a container is not ended by these signals.
#[cfg(unix)]
fn stop_asked() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "as where handlers can fail to be set up"
)]
fn stop_asked() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}

async fn answer(request: HttpRequest, manner: web::Data<Manner>) -> HttpResponse {
    let uri = request.uri().to_string();
    say(callback_line(request.method().as_str(), &uri));
    if !manner.after.is_zero() {
        pause(manner.after).await;
    }
    HttpResponse::build(manner.status)
        .content_type(ContentType::json())
        .body(format!(r#"{{"received":"{}"}}"#, Query::of(&uri).kind()))
}

struct Query(Vec<(String, String)>);

impl Query {
    fn of(uri: &str) -> Self {
        let query = uri.split_once('?').map_or("", |(_, query)| query);
        Self(
            form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// A value in a form that cannot break the line.
    fn shown(&self, name: &str) -> String {
        let found = self.0.iter().find(|(known, _)| known == name);
        let value = found.map_or("-", |(_, value)| value);
        let escape = |c: char| match c.is_control() {
            true => c.escape_default().collect::<String>(),
            false => c.to_string(),
        };
        value.chars().map(escape).collect()
    }

    /// By the parameters, since an app server is free in its paths.
    fn kind(&self) -> &'static str {
        let marks = [
            ("param", "notify"),
            ("agent_type", "agent_call_status"),
            ("disconnect_reason", "call_event"),
        ];
        let found = marks.into_iter().find(|(mark, _)| self.has(mark));
        found.map_or("request", |(_, kind)| kind)
    }
}

fn callback_line(method: &str, uri: &str) -> String {
    let query = Query::of(uri);
    let kind = query.kind();
    let sid = query.shown("sid");
    let told = match kind {
        "agent_call_status" => {
            let result = query.shown("result");
            match query.shown("fail_reason").as_str() {
                "None" | "-" | "" => format!(" {result}"),
                reason => format!(" {result} {reason}"),
            }
        }
        "call_event" => format!(
            " {} ({}), {} s",
            query.shown("rel_code_str"),
            query.shown("disconnect_reason"),
            query.shown("duration")
        ),
        _ => String::new(),
    };
    format!("{kind:<17} {sid}{told}  {method} {uri}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_the_callback_by_its_parameters() {
        for (uri, start) in [
            ("/n?sid=s1&param=e30%3D", "notify            s1"),
            (
                "/a?sid=s1&agent_type=AUDIO_CALLER&result=SUCCESS&fail_reason=None",
                "agent_call_status s1 SUCCESS",
            ),
            (
                "/a?sid=s1&agent_type=AUDIO_CALLER&result=FAIL&fail_reason=Invalid%20peerId",
                "agent_call_status s1 FAIL Invalid peerId",
            ),
            (
                "/c?sid=s1&rel_code_str=REJECT&disconnect_reason=1002&duration=0",
                "call_event        s1 REJECT (1002), 0 s",
            ),
            ("/x?sid=a%0Ab", "request           a\\nb"),
            ("/", "request           -"),
        ] {
            assert_eq!(callback_line("GET", uri), format!("{start}  GET {uri}"));
        }
    }
}
