use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use actix_web::body::{BoxBody, EitherBody};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use arcstr::ArcStr;
use futures_util::{FutureExt as _, StreamExt as _};
use percent_encoding::percent_decode_str;

use super::answer::{AnswerBody, accept, error_response, refuse, request_record};
use super::method_not_allowed;
use crate::call::Life;
use crate::clock::{Clock, unless_dismissed};
use crate::domain::{Callee, Moment, part_of};
use crate::emulator::{Core, Refusal, RequestHeaders, SCENARIO_HEADER};
use crate::project::Project;
use crate::wire::ErrorAnswer;

/// The largest request body, in bytes (`limits.body`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimit(pub(crate) usize);

/// How many times the limit is read of a body that is too large. A client that is still sending may
/// never see an answer sent meanwhile; an endless body must end somewhere all the same.
const READ_ON: usize = 16;

type Answer = HttpResponse<EitherBody<AnswerBody, BoxBody>>;

/// Make Agent 1-to-1 Call (contract 3).
pub(super) async fn make_agent_call(
    request: HttpRequest,
    payload: web::Payload,
    core: web::Data<Core>,
    limit: web::Data<BodyLimit>,
) -> Answer {
    if request.method() != Method::POST {
        return method_not_allowed(&request, &core).map_into_right_body();
    }
    let answering = answer(&request, payload, &core, **limit);
    guarded(&core, &request, answering).await
}

/// Answers a panic as Planet answers what it cannot categorise (contract 5.1).
async fn guarded(
    core: &Core,
    request: &HttpRequest,
    answering: impl Future<Output = Answer>,
) -> Answer {
    let caught = AssertUnwindSafe(answering).catch_unwind().await;
    caught.unwrap_or_else(|_| {
        let error = ErrorAnswer::new(500, "INTERNAL_SERVER_ERROR");
        refuse(core, request, &error).map_into_right_body()
    })
}

async fn answer(
    request: &HttpRequest,
    payload: web::Payload,
    core: &Core,
    limit: BodyLimit,
) -> Answer {
    let mut exchange = Exchange {
        core,
        request,
        path: request.path().into(),
        project: None,
        body: web::Bytes::new(),
    };
    let refusal = match exchange.take(payload, limit).await {
        Ok(mut life) => match life.live_until_answer().await {
            Some(now) => return exchange.accept(life, now).map_into_left_body(),
            None => was_reset().into(),
        },
        Err(refusal) => refusal,
    };
    exchange.refuse(refusal).await.map_into_right_body()
}

/// One request, and what is known of it so far.
struct Exchange<'a> {
    core: &'a Core,
    request: &'a HttpRequest,
    /// The request's, shared by what goes on record of it.
    path: ArcStr,
    project: Option<Arc<Project>>,
    body: web::Bytes,
}

impl Exchange<'_> {
    async fn take(
        &mut self,
        payload: web::Payload,
        limit: BodyLimit,
    ) -> Result<Box<Life>, Refusal> {
        let given = self.request.headers();
        let accept = joined(given, header::ACCEPT);
        let headers = RequestHeaders {
            accept: accept.as_deref(),
            content_type: text(given.get(header::CONTENT_TYPE)),
            scenario: text(given.get(SCENARIO_HEADER)),
        };
        let authorization = text(given.get(header::AUTHORIZATION));
        let project = self.core.authenticate(authorization)?;
        let project = self.project.insert(project);
        let source = self.request.peer_addr().map(|address| address.ip());
        let catalog = self.core.scenarios.catalog();
        self.core.admit(project, &headers, source, &catalog)?;
        read(payload, limit, &mut self.body).await?;
        let to = callee(&self.path);
        self.core
            .place(project, &catalog, headers.scenario, to, &self.body)
    }

    fn accept(&self, life: Box<Life>, now: Moment) -> HttpResponse<AnswerBody> {
        let record = request_record(self.request, self.path.clone(), now);
        let placed = life.entry().placed();
        let record = record
            .of(placed.origin.project.clone(), placed.origin.generation)
            .scenario(placed.scenario.clone())
            .accepted(placed.sid);
        self.core.journal.requested(record);
        accept(life, now)
    }

    async fn refuse(&self, refusal: Refusal) -> HttpResponse {
        let mut answer = refusal.answer;
        if let Some(due) = refusal.due {
            let (activity, due) = *due;
            let due = activity.sleep_until(due);
            if unless_dismissed(activity.parking(), due).await.is_none() {
                answer = was_reset();
            }
        }
        let clock = self.project.as_ref().map(|project| &project.clock);
        let now = clock.map_or_else(|| self.core.now(), Clock::now);
        let mut record = request_record(self.request, self.path.clone(), now);
        if let Some(project) = &self.project {
            record = record.of(project.name.clone(), project.run().origin.generation);
        }
        if let Some(scenario) = refusal.scenario {
            record = record.scenario(scenario);
        }
        self.core
            .journal
            .requested(record.refused(&answer, &self.body));
        error_response(self.core, &answer, now)
    }
}

/// The answer to a request that a reset of its project has overtaken.
fn was_reset() -> ErrorAnswer {
    ErrorAnswer::new(
        503,
        "the project was reset while this call waited for its answer",
    )
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}

/// All values of a header that may be given more than once.
fn joined(headers: &HeaderMap, name: HeaderName) -> Option<Cow<'_, str>> {
    let values = headers.get_all(name);
    let values = values.filter_map(|value| value.to_str().ok());
    values.map(Cow::from).reduce(|all, next| all + ", " + next)
}

/// Reads the body, as long as it is within the limit.
async fn read(
    mut payload: web::Payload,
    limit: BodyLimit,
    body: &mut web::Bytes,
) -> Result<(), ErrorAnswer> {
    let mut length = 0_usize;
    while let Some(chunk) = payload.next().await {
        let chunk = chunk
            .map_err(|error| ErrorAnswer::new(400, format!("broken request body: {error}")))?;
        length += chunk.len();
        if length <= limit.0 {
            append(body, chunk);
        } else if length > limit.0.saturating_mul(READ_ON) {
            break;
        }
    }
    if length > limit.0 {
        let message = format!("the body is larger than {} bytes", limit.0);
        return Err(ErrorAnswer::new(413, message));
    }
    Ok(())
}

/// Adds what came next; what came at once, as nearly all bodies do, is not copied.
fn append(body: &mut web::Bytes, chunk: web::Bytes) {
    if body.is_empty() {
        *body = chunk;
        return;
    }
    let mut all = web::BytesMut::from(std::mem::take(body));
    all.extend_from_slice(&chunk);
    *body = all.freeze();
}

/// Whom the path names, decoded once from what came: the router would keep some escapes.
fn callee(path: &ArcStr) -> Callee {
    let mut segments = path.rsplit('/');
    let mut segment = || {
        let segment = percent_decode_str(segments.next().unwrap_or_default());
        part_of(path, &segment.decode_utf8_lossy())
    };
    let user_id = segment();
    Callee {
        service_id: segment(),
        user_id,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::test::TestRequest;
    use url::Url;

    use super::*;
    use crate::scenario::{ScenarioFiles, ScenarioStore};
    use crate::settings::Settings;

    #[actix_web::test]
    async fn a_panic_is_answered_in_the_error_body_of_all_others() {
        let settings = Settings::default();
        let files = ScenarioFiles::default();
        let scenarios = ScenarioStore::load(Vec::new(), files, "answered").unwrap();
        let base = Url::parse("http://127.0.0.1:1").unwrap();
        let core = Core::new(&settings, scenarios, &base).unwrap();

        let request = TestRequest::default().to_http_request();

        let answer = guarded(&core, &request, async { panic!("on purpose") }).await;

        assert_eq!(answer.status(), 500);
        let body = to_bytes(answer.into_body()).await.ok().unwrap();
        let text = String::from_utf8_lossy(&body);
        let expected =
            r#"{"status":"error","code":"500","message":"INTERNAL_SERVER_ERROR","data":null,"#;
        assert!(text.starts_with(expected), "{text}");
    }
}
