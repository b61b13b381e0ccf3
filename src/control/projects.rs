use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, Responder};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::route::{Route, delete, get, post, put};
use super::{Body, ControlError, NAME, clocks::ClockView};
use crate::domain::{Callback, HumanDuration};
use crate::emulator::Core;
use crate::project::{Project, Taken};
use crate::settings::{Identity, ProjectRequest};
use crate::yaml::nearest;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/projects", list)
            .summary("Lists the projects.")
            .answers::<ProjectList>(200, "Every project, without secrets."),
        post("/projects", create)
            .summary("Creates a project.")
            .body::<ProjectRequest>("What is left out is made up.", json!({ "clock": "manual" }))
            .answers::<CreatedProject>(201, "The project with its secret, which is shown this once.")
            .refuses(409, "project_exists")
            .refuses(409, "api_key_taken"),
        get("/projects/{project}", read)
            .summary("Shows a project, without secrets.")
            .path_param::<String>("project", NAME)
            .answers::<ProjectView>(200, "The project.")
            .refuses(404, "unknown_project"),
        put("/projects/{project}", replace)
            .summary("Replaces a project; of what was before, only credentials and service ID stay, unless given.")
            .path_param::<String>("project", NAME)
            .body::<ProjectRequest>("Its new settings.", json!({ "clock": "20x", "seed": 42 }))
            .answers::<ProjectView>(200, "The project.")
            .refuses(404, "unknown_project")
            .refuses(409, "api_key_taken")
            .refuses(409, "another_name")
            .refuses(409, "open_project"),
        delete("/projects/{project}", remove)
            .summary("Deletes a project with everything in it.")
            .path_param::<String>("project", NAME)
            .answers_nothing(204, "It is gone, and nothing of it happens any more.")
            .refuses(404, "unknown_project")
            .refuses(409, "open_project"),
        post("/projects/{project}/reset", reset)
            .summary("Begins a project anew: a barrier.")
            .path_param::<String>("project", NAME)
            .answers_nothing(
                204,
                "Timers are cancelled, callbacks in flight were waited for, journal, counters and arms are \
                 empty. Nothing of before arrives after this answer.",
            )
            .refuses(404, "unknown_project"),
    ]
}

/// A project, without secrets.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ProjectView {
    /// What the control API calls it.
    name: Arc<str>,
    /// The service that the API key belongs to; null for the project that accepts any.
    service_id: Option<String>,
    /// The user of Basic authentication; null for the project that accepts any.
    api_key: Option<String>,
    /// Where callbacks go.
    callbacks: CallbacksView,
    /// The length of each uploaded audio source; with none listed, every content ID is known.
    #[schemars(with = "BTreeMap<String, String>")]
    audio_sources: BTreeMap<String, HumanDuration>,
    /// Operations per second; null for no limit.
    rate_limit: Option<u32>,
    /// Makes every random choice repeatable.
    seed: Option<u64>,
    clock: ClockView,
}

/// Where the callbacks of a project go; null where no URL is registered.
#[derive(Debug, Serialize, JsonSchema)]
struct CallbacksView {
    notify: Option<String>,
    agent_call_status: Option<String>,
    call_event: Option<String>,
}

/// A project as it is shown once.
#[derive(Debug, Serialize, JsonSchema)]
struct CreatedProject {
    #[serde(flatten)]
    project: ProjectView,
    /// The password of Basic authentication.
    api_secret: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProjectList {
    projects: Vec<ProjectView>,
    /// Always null: the list is whole.
    next_cursor: Option<String>,
}

impl From<&Project> for ProjectView {
    fn from(project: &Project) -> Self {
        let settings = &project.settings;
        let run = project.run();
        let url = |callback: Callback| run.line.targets.of(callback).map(|target| target.shown());
        Self {
            name: project.name.clone(),
            service_id: settings
                .service_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
            api_key: settings.credentials.as_ref().map(|own| own.api_key.clone()),
            callbacks: CallbacksView {
                notify: url(Callback::Notify),
                agent_call_status: url(Callback::AgentCallStatus),
                call_event: url(Callback::CallEvent),
            },
            audio_sources: settings
                .audio_sources
                .iter()
                .map(|(id, length)| (id.to_string(), HumanDuration(*length)))
                .collect(),
            rate_limit: settings.rate_limit,
            seed: settings.seed,
            clock: ClockView::from(&project.clock),
        }
    }
}

/// The project of this name.
///
/// # Errors
/// 404, with the name that was probably meant.
pub(super) fn find(core: &Core, name: &str) -> Result<Arc<Project>, ControlError> {
    core.projects.find(name).ok_or_else(|| {
        let projects = core.projects.all();
        let near = nearest(name, projects.iter().map(|project| &*project.name));
        let hint = near.map_or_else(
            || "`GET /_emulator/projects` lists them".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        ControlError::not_found("unknown_project", format!("no project is named `{name}`"))
            .with_hint(hint)
    })
}

async fn list(core: Data<Core>) -> HttpResponse {
    let projects = core.projects.all();
    HttpResponse::Ok().json(ProjectList {
        projects: projects
            .iter()
            .map(|project| ProjectView::from(&**project))
            .collect(),
        next_cursor: None,
    })
}

async fn read(core: Data<Core>, name: Path<String>) -> Result<HttpResponse, ControlError> {
    let project = find(&core, &name)?;
    Ok(HttpResponse::Ok().json(ProjectView::from(&*project)))
}

async fn create(
    core: Data<Core>,
    Body(request): Body<ProjectRequest>,
) -> Result<HttpResponse, ControlError> {
    let settings = request.settings(Identity::made_up(), core.project_defaults());
    let credentials = settings.credentials.as_ref();
    let api_secret = credentials.map(|own| own.api_secret.expose().to_owned());
    let project = core.add_project(settings).map_err(taken)?;
    Ok(HttpResponse::Created().json(CreatedProject {
        project: ProjectView::from(&*project),
        api_secret,
    }))
}

async fn replace(
    core: Data<Core>,
    name: Path<String>,
    Body(request): Body<ProjectRequest>,
) -> Result<HttpResponse, ControlError> {
    let before = find(&core, &name)?;
    if let Some(other) = request.name().filter(|other| **other != **name) {
        let message = format!("expected `{name}` as in the path, found `{other}` as name");
        return Err(ControlError::conflict("another_name", message)
            .with_hint("leave the name out: a project keeps it"));
    }
    if before.settings.credentials.is_none() && request.has_credentials() {
        let message = format!("`{name}` accepts any credentials and service IDs");
        return Err(ControlError::conflict("open_project", message)
            .with_hint("leave service_id, api_key and api_secret out, or create another project"));
    }
    let identity = Identity::from(&before.settings);
    let settings = request.settings(identity, core.project_defaults());
    let project = core.replace_project(settings).await.map_err(taken)?;
    let project = match project {
        Some(project) => project,
        // Deleted a moment ago.
        None => find(&core, &name)?,
    };
    Ok(HttpResponse::Ok().json(ProjectView::from(&*project)))
}

async fn remove(core: Data<Core>, name: Path<String>) -> Result<impl Responder, ControlError> {
    let project = find(&core, &name)?;
    if project.settings.credentials.is_none() {
        let message = format!("`{name}` is the project of open mode, which stays");
        return Err(
            ControlError::conflict("open_project", message).with_hint(format!(
                "`POST /_emulator/projects/{name}/reset` empties it"
            )),
        );
    }
    core.delete_project(&name).await;
    Ok(HttpResponse::NoContent())
}

async fn reset(core: Data<Core>, name: Path<String>) -> Result<impl Responder, ControlError> {
    let project = find(&core, &name)?;
    core.reset_project(&project).await;
    Ok(HttpResponse::NoContent())
}

fn taken(taken: Taken) -> ControlError {
    let (code, hint) = match &taken {
        Taken::Name(name) => (
            "project_exists",
            format!(
                "choose another name, or leave it out; `PUT /_emulator/projects/{name}` replaces it"
            ),
        ),
        Taken::ApiKey(_) => ("api_key_taken", "leave it out: one is made up".to_owned()),
    };
    ControlError::conflict(code, taken.to_string()).with_hint(hint)
}
