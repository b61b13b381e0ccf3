use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderName};
use actix_web::web::{Bytes, Data};
use futures_util::{Stream, stream};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Query;
use super::route::{Route, get};
use crate::emulator::Core;
use crate::journal::{Event, Metrics};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/events", stream_events)
            .summary("Tells what happens while it happens, as server-sent events.")
            .query::<EventsQuery>()
            .answers_text(
                200,
                "text/event-stream",
                "One server-sent event for each `Event`: its number as `id`, its type as `event`, the whole as \
                 `data`. A reader that is too slow is told by an event `missed` with `{\"missed\": n}`.",
            ),
        get("/metrics", get_metrics)
            .summary("Shows counts and histograms in the text format of Prometheus.")
            .answers_text(200, Metrics::CONTENT_TYPE, "All metrics."),
    ]
}

/// Which events.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct EventsQuery {
    /// Only those of this project and those that concern all projects.
    project: Option<String>,
    /// Only those after the one of this number: 0 for all that are held; if left out, those to come. The
    /// header `Last-Event-ID` of a reader that comes back counts as well.
    since: Option<u64>,
}

async fn stream_events(
    core: Data<Core>,
    request: actix_web::HttpRequest,
    Query(query): Query<EventsQuery>,
) -> HttpResponse {
    let last_seen = request
        .headers()
        .get(HeaderName::from_static("last-event-id"));
    let last_seen = last_seen.and_then(|value| value.to_str().ok()?.parse().ok());
    let since = query.since.or(last_seen);
    let reader = Reader {
        seen: since.unwrap_or_else(|| core.journal.events().last()),
        project: query.project,
        core,
    };
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(reader.stream())
}

/// Somebody who follows the events.
struct Reader {
    core: Data<Core>,
    project: Option<String>,
    seen: u64,
}

impl Reader {
    /// The text of the events, from now on and without end.
    fn stream(self) -> impl Stream<Item = Result<Bytes, actix_web::Error>> {
        // Said at once, so that a client knows that it is heard.
        let hello = stream::iter([Ok(Bytes::from_static(b": listening\n\n"))]);
        let events = stream::unfold(self, |mut reader| async {
            let text = reader.next().await;
            Some((Ok(Bytes::from(text)), reader))
        });
        futures_util::StreamExt::chain(hello, events)
    }

    /// Waits for events that this reader wants.
    async fn next(&mut self) -> String {
        loop {
            let events = self.core.journal.events();
            let (missed, batch) = events.since(self.seen);
            let Some(last) = batch.last() else {
                events.wait_past(self.seen).await;
                continue;
            };
            self.seen = last.n;
            let mut text = match missed {
                0 => String::new(),
                _ => format!("event: missed\ndata: {{\"missed\": {missed}}}\n\n"),
            };
            text.extend(batch.iter().filter(|event| self.wants(event)).map(sent));
            if !text.is_empty() {
                return text;
            }
        }
    }

    fn wants(&self, event: &Event) -> bool {
        match (&self.project, &event.project) {
            (Some(wanted), Some(project)) => **wanted == **project,
            _ => true,
        }
    }
}

/// One event as text. JSON has no line breaks of its own.
fn sent(event: &Event) -> String {
    let data = serde_json::to_string(event).unwrap_or_default();
    format!(
        "id: {}\nevent: {}\ndata: {data}\n\n",
        event.n,
        event.what.name()
    )
}

async fn get_metrics(core: Data<Core>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(Metrics::CONTENT_TYPE)
        .body(core.journal.metrics())
}
