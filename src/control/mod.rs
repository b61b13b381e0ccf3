//! The control API under `/_emulator/` (design 7): one routing table, one file per resource.
//!
//! Each resource's file lists its routes with their documentation ([`route`]). The table of all of them
//! drives the routing, the answers to wrong methods and paths, and the OpenAPI document ([`openapi`]).

mod arm;
mod callee;
mod calls;
mod clocks;
mod deliveries;
mod error;
mod events;
mod explain;
mod guard;
mod health;
mod inbox;
mod input;
mod json;
mod openapi;
mod page;
mod planet;
mod projects;
mod requests;
mod route;
mod scenarios;
mod verify;

use std::rc::Rc;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::ALLOW;
use actix_web::middleware::{Next, from_fn};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, web};

use crate::settings::ControlSettings;
use crate::yaml::nearest;
use error::ControlError;
use guard::Guard;
use input::{Body, Query};
use route::Route;

/// What all paths of the control API begin with.
const PREFIX: &str = "/_emulator";

/// What `{project}` stands for.
const NAME: &str = "The name of the project.";

/// Every route of the control API.
fn table() -> Vec<Route> {
    let resources = [
        health::routes(),
        projects::routes(),
        clocks::routes(),
        arm::routes(),
        calls::routes(),
        callee::routes(),
        deliveries::routes(),
        requests::routes(),
        verify::routes(),
        explain::routes(),
        scenarios::routes(),
        events::routes(),
        inbox::routes(),
        openapi::routes(),
    ];
    resources.into_iter().flatten().collect()
}

/// The routes of the control API, behind its guard.
pub(crate) fn configure(config: &mut web::ServiceConfig, settings: &ControlSettings) {
    let mut scope = web::scope(PREFIX);
    let mut table = table();
    while let Some(path) = table.first().map(|route| route.path) {
        let (here, elsewhere) = table.into_iter().partition(|route| route.path == path);
        table = elsewhere;
        scope = scope.service(resource(path, here));
    }
    let guard = Rc::new(Guard::new(settings));
    let guarded = from_fn(move |request, next: Next<BoxBody>| {
        let guard = guard.clone();
        async move { guard.admit(request, next).await }
    });
    config.service(scope.default_service(web::to(unknown_path)).wrap(guarded));
}

fn resource(path: &'static str, routes: Vec<Route>) -> actix_web::Resource {
    let methods: Vec<_> = routes
        .iter()
        .map(|route| route.method.to_string())
        .collect();
    let allowed = methods.join(", ");
    let handlers = routes.into_iter().map(|route| route.handler);
    let resource = handlers.fold(web::resource(path), actix_web::Resource::route);
    resource.default_service(web::to(move |request: HttpRequest| {
        let answer = method_not_allowed(&request, &allowed);
        async { answer }
    }))
}

fn method_not_allowed(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let message = format!("`{}` is not for {}", request.path(), request.method());
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let error = ControlError::new(status, "method_not_allowed", message);
    let mut response = error.with_hint(format!("use {allowed}")).error_response();
    if let Ok(allowed) = allowed.parse() {
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

async fn unknown_path(request: HttpRequest) -> ControlError {
    let message = format!("nothing answers {} {}", request.method(), request.path());
    let path = request.path().strip_prefix(PREFIX).unwrap_or_default();
    let known: Vec<_> = table()
        .iter()
        .map(|route| filled(route.path, path))
        .collect();
    let hint = match nearest(path, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{PREFIX}{near}`?"),
        None => format!("`GET {PREFIX}/openapi.json` lists every path"),
    };
    ControlError::not_found("unknown_path", message).with_hint(hint)
}

/// The pattern of a route, its parameters filled from a path: only what is fixed shall differ.
fn filled(pattern: &str, path: &str) -> String {
    let mut given = path.split('/');
    let segments = pattern.split('/').map(|segment| {
        let given = given.next().unwrap_or(segment);
        if segment.starts_with('{') {
            given
        } else {
            segment
        }
    });
    segments.collect::<Vec<_>>().join("/")
}
