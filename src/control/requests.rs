use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Data;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Query;
use super::page::{Cursor, usual_limit};
use super::route::{Route, get};
use crate::emulator::Core;
use crate::journal::{RequestEntry, RequestFilter};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/requests", list)
            .summary(
                "Lists the requests to the emulated API, the refused ones too, in their order.",
            )
            .query::<ListQuery>()
            .answers::<RequestList>(200, "One page of them."),
    ]
}

/// Which requests are listed: those of which everything given is true.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// The name of the project.
    project: Option<String>,
    /// The status of the answer.
    #[schemars(range(min = 100, max = 599))]
    status: Option<u16>,
    /// How many at most.
    #[serde(default = "usual_limit")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: Option<Cursor>,
}

/// Some requests.
#[derive(Debug, Serialize, JsonSchema)]
struct RequestList {
    requests: Vec<Arc<RequestEntry>>,
    /// What to give as `cursor` for the next page; null on the last one.
    next_cursor: Option<Cursor>,
}

async fn list(core: Data<Core>, Query(query): Query<ListQuery>) -> HttpResponse {
    let filter = RequestFilter {
        project: query.project,
        status: query.status,
    };
    let cursor = query.cursor.map(|cursor| cursor.0);
    let (requests, next) = core.journal.requests(&filter, query.limit, cursor);
    HttpResponse::Ok().json(RequestList {
        requests,
        next_cursor: next.map(Cursor),
    })
}
