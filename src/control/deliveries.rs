use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};

use super::ControlError;
use super::calls::{self, SID};
use super::route::{Route, post};
use crate::call::NotReplayable;
use crate::domain::Sid;
use crate::emulator::Core;
use crate::journal::CallEntry;

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/calls/{sid}/deliveries/{n}/replay", replay)
            .summary("Sends a callback once more, at once.")
            .path_param::<Sid>("sid", SID)
            .path_param::<u32>("n", "The number of the delivery in the call's record.")
            .answers::<CallEntry>(200, "The call, with the replay as its newest delivery.")
            .refuses(404, "unknown_call")
            .refuses(404, "unknown_delivery")
            .refuses(409, "not_replayable"),
    ]
}

async fn replay(
    core: Data<Core>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ControlError> {
    let (sid, number) = path.into_inner();
    let entry = calls::find(&core, &sid)?;
    let unknown = || {
        let count = entry.read(|record| record.deliveries.len());
        let message = format!("the call has {count} deliveries, and no `{number}` among them");
        ControlError::not_found("unknown_delivery", message).with_hint("they are counted from 1")
    };
    let index: Option<usize> = number.parse().ok();
    let index = index.and_then(|number| number.checked_sub(1));
    let index = index.ok_or_else(unknown)?;
    let project = &entry.placed().origin.project;
    let begun = core
        .projects
        .find(project)
        .and_then(|project| project.begin());
    let (run, activity) = begun.ok_or_else(|| calls::unknown(&sid))?;
    // Not in this request's own task: a callback on its way is not cut off if the client goes.
    let replaying = run.line.clone().replay(activity, entry.clone(), index);
    let replayed = actix_web::rt::spawn(replaying).await;
    match replayed.unwrap_or(Err(NotReplayable::Unknown)) {
        Ok(_) => Ok(calls::record(StatusCode::OK, &entry)),
        Err(NotReplayable::Unknown) => Err(unknown()),
        Err(refused) => Err(ControlError::conflict(
            "not_replayable",
            format!("delivery {number}: {refused}"),
        )),
    }
}
