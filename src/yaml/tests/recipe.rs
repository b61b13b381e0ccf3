//! The type that the made-up files are read into, with everything that types of ours have.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Recipe {
    /// Unique, in kebab-case.
    #[schemars(regex(pattern = "^[a-z][a-z0-9-]*$"), extend("x-expected" = "a name in kebab-case"))]
    pub(super) name: String,
    description: Option<String>,
    priority: Option<i32>,
    #[schemars(range(min = 1, max = 10))]
    copies: Option<u8>,
    /// How long to wait.
    after: Option<Delay>,
    pub(super) step: Option<Step>,
    clock: Option<ClockMode>,
    #[serde(default)]
    set: BTreeMap<String, Scalar>,
    #[serde(default)]
    pub(super) sizes: BTreeMap<String, Span>,
    #[schemars(length(min = 1))]
    in_turn: Option<Vec<Step>>,
    #[serde(default)]
    remove: BTreeSet<String>,
    #[schemars(extend("x-nullable" = true))]
    seed: Option<u64>,
    strict: Option<bool>,
    ratio: Option<f64>,
    mark: Option<Mark>,
    any_of: Option<OneOrMany>,
    limits: Option<Limits>,
    numbered: Option<BTreeMap<u8, String>>,
    per_action: Option<BTreeMap<Action, Span>>,
    #[schemars(extend("propertyNames" = { "enum": ["real", "manual"] }))]
    per_clock: Option<BTreeMap<String, Span>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct Limits {
    least: u8,
    most: u8,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) action: Action,
    after: Option<Delay>,
    prepares_for: Option<Span>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    Answer,
    /// Says no.
    Decline,
    HangUp,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(super) struct Span(
    #[schemars(extend("format" = "span", "x-expected" = "a duration such as `50ms`"))] String,
);

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Delay {
    Fixed(Span),
    Uniform(Uniform),
    LogNormal(LogNormal),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Uniform {
    min: Span,
    max: Span,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LogNormal {
    median: Span,
    #[schemars(range(min = 0.0))]
    sigma: f64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Scalar {
    Text(String),
    Number(f64),
    Bool(bool),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum ClockMode {
    Named(ClockName),
    Speed(
        #[schemars(regex(pattern = "^[0-9]+x$"), extend("x-expected" = "a speed such as `20x`"))]
        String,
    ),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ClockName {
    Real,
    Manual,
}

/// An enum with contents, tagged from outside.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    None,
    Count(u8),
    Named { name: String },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}
