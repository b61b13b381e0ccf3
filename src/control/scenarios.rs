use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Path};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::ControlError;
use super::error::FaultView;
use super::input::Text;
use super::route::{Route, delete, get, put};
use crate::emulator::Core;
use crate::journal::ScenariosChange;
use crate::scenario::{Conditions, Origin, Scenario, Undeletable};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/scenarios", list)
            .summary("Lists the scenarios in force, by name.")
            .answers::<ScenarioList>(200, "All of them.")
            .example(json!({
                "scenarios": [{
                    "name": "callee-declines",
                    "description": "The callee rejects the call after letting it ring.",
                    "source": "<built-in>/callee-declines.yaml",
                    "origin": "built_in",
                    "priority": 0,
                    "match": { "to_user_id": ["emu-declines"] },
                }],
                "next_cursor": null,
            })),
        get("/scenarios/{name}", read)
            .summary("Shows a scenario with its YAML.")
            .path_param::<String>("name", NAME)
            .answers::<ScenarioView>(200, "The scenario.")
            .refuses(404, "unknown_scenario"),
        put("/scenarios/{name}", replace)
            .summary("Adds or replaces a scenario; it wins over those of files and those built in.")
            .path_param::<String>("name", NAME)
            .text_body(
                "One scenario as YAML, whatever the content type says; its `name` is that of the path.",
                "application/yaml",
                "name: alice-declines\nmatch: { to_user_id: alice }\ncallee: { action: decline }\n",
            )
            .answers::<TakenScenario>(200, "It has replaced one that was put before.")
            .answers::<TakenScenario>(201, "It was added.")
            .refuses(422, "invalid_scenario"),
        delete("/scenarios/{name}", remove)
            .summary("Takes back a scenario that was put; one of the same name that it hid shows again.")
            .path_param::<String>("name", NAME)
            .answers_nothing(204, "It is gone.")
            .refuses(404, "unknown_scenario")
            .refuses(409, "not_put")
            .refuses(409, "default_scenario"),
    ]
}

const NAME: &str = "The name of the scenario.";

#[derive(Debug, Serialize, JsonSchema)]
struct ScenarioList {
    scenarios: Vec<ScenarioSummary>,
    /// Always null: the list is whole.
    next_cursor: Option<String>,
}

/// A scenario without its YAML.
#[derive(Debug, Serialize, JsonSchema)]
struct ScenarioSummary {
    #[schemars(example = &"callee-declines")]
    name: Arc<str>,
    /// What it is good for.
    description: Option<Arc<str>>,
    /// The file it stands in.
    #[schemars(example = &"<built-in>/callee-declines.yaml")]
    source: Arc<str>,
    origin: Origin,
    /// Higher is asked first.
    priority: i32,
    /// Which calls take it, any of the patterns of each field; null if it is chosen by its name only.
    #[schemars(with = "Option<BTreeMap<String, Vec<String>>>")]
    r#match: Option<Conditions>,
}

/// A scenario.
#[derive(Debug, Serialize, JsonSchema)]
struct ScenarioView {
    #[serde(flatten)]
    summary: ScenarioSummary,
    /// As it was written.
    #[schemars(example = &"name: alice-declines\nmatch: { to_user_id: alice }\ncallee: { action: decline }")]
    yaml: Arc<str>,
}

/// A scenario that was put.
#[derive(Debug, Serialize, JsonSchema)]
struct TakenScenario {
    #[serde(flatten)]
    scenario: ScenarioView,
    /// What in it can never come to pass.
    warnings: Vec<FaultView>,
}

impl From<&Scenario> for ScenarioSummary {
    fn from(scenario: &Scenario) -> Self {
        Self {
            name: scenario.name.clone(),
            description: scenario.description.clone(),
            source: scenario.source.clone(),
            origin: scenario.origin,
            priority: scenario.priority,
            r#match: scenario.conditions.clone(),
        }
    }
}

impl From<&Scenario> for ScenarioView {
    fn from(scenario: &Scenario) -> Self {
        Self {
            summary: scenario.into(),
            yaml: scenario.yaml.clone(),
        }
    }
}

async fn list(core: Data<Core>) -> Json<ScenarioList> {
    let catalog = core.scenarios.catalog();
    let scenarios = catalog.all().into_iter().map(ScenarioSummary::from);
    Json(ScenarioList {
        scenarios: scenarios.collect(),
        next_cursor: None,
    })
}

async fn read(core: Data<Core>, name: Path<String>) -> Result<Json<ScenarioView>, ControlError> {
    let scenario = core.scenarios.catalog().find(&name).map_err(unknown)?;
    Ok(Json((&*scenario).into()))
}

async fn replace(
    core: Data<Core>,
    name: Path<String>,
    Text(text): Text,
) -> Result<HttpResponse, ControlError> {
    let put = core.scenarios.put(&name, &text).map_err(|faults| {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        let message = "the scenario is faulty; those of before stay in force";
        ControlError::new(status, "invalid_scenario", message).with_faults_in_text(faults)
    })?;
    core.tell_of_scenarios(ScenariosChange::Reloaded, &format!("`{name}` was put"));
    let status = match put.is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    Ok(HttpResponse::build(status).json(TakenScenario {
        scenario: (&*put.scenario).into(),
        warnings: put.warnings.into_iter().map(FaultView::in_text).collect(),
    }))
}

async fn remove(core: Data<Core>, name: Path<String>) -> Result<HttpResponse, ControlError> {
    core.scenarios.delete(&name).map_err(|why| match why {
        Undeletable::Unknown(reason) => unknown(reason),
        Undeletable::NotPut(source) => {
            let message = format!("`{name}` was not put here but comes from {source}");
            ControlError::conflict("not_put", message)
                .with_hint("put another one of this name over it, or change the file")
        }
        Undeletable::Default(reason) => ControlError::conflict("default_scenario", reason)
            .with_hint("calls that no scenario matches take it"),
    })?;
    core.tell_of_scenarios(ScenariosChange::Reloaded, &format!("`{name}` was deleted"));
    Ok(HttpResponse::NoContent().finish())
}

fn unknown(reason: String) -> ControlError {
    ControlError::not_found("unknown_scenario", reason)
        .with_hint("`GET /_emulator/scenarios` lists them")
}
