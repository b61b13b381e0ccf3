//! Scenarios: what happens in one call.
//!
//! [`mod@file`] is their shape in YAML, [`phases`] what one variant of a scenario says, [`Catalog`] all
//! scenarios and the choice among them, [`plan`] the drawing of one call's plan. Pure but for loading.

mod builtin;
mod catalog;
mod delay;
mod file;
mod files;
mod index;
mod lint;
mod load;
mod matching;
mod phases;
mod planning;
mod seed;
mod store;
mod text;

pub(crate) use catalog::{Catalog, ChosenBy, Origin, Scenario};
pub(crate) use file::{MatchFile, Per, scenario_schema};
pub(crate) use files::{ScenarioFiles, scenario_sources};
pub(crate) use load::{LoadError, catalog_of};
pub(crate) use matching::Conditions;
pub(crate) use phases::Phases;
pub(crate) use planning::{Surroundings, plan};
pub(crate) use seed::{draw_sid, random_of_call};
pub(crate) use store::{ScenarioStore, Undeletable};
