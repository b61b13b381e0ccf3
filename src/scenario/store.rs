//! The scenarios in force, and how they change while calls are made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, Guard};

use super::catalog::{Catalog, Origin, Scenario};
use super::files::ScenarioFiles;
use super::load::{LoadError, Loaded, catalog_of, only_scenario};
use crate::clock::{Clock, ClockMode};
use crate::domain::Moment;
use crate::sync::locked;
use crate::yaml::{Fault, Source};

/// The catalog in force. It only ever changes as a whole, and not at all if any part of it is faulty.
#[derive(Debug)]
pub(crate) struct ScenarioStore {
    /// Asked for every request, hence read without a lock.
    in_force: ArcSwap<Catalog>,
    /// Held throughout a change, so that changes come one after the other.
    parts: Mutex<Parts>,
    default: String,
    /// The machine's: scenarios belong to no project.
    clock: Clock,
}

/// What the catalog is made of, beside what is built in.
#[derive(Debug, Default)]
struct Parts {
    /// Put through the control API, by name.
    put: BTreeMap<String, Source>,
    /// Given at the start.
    given: Vec<Source>,
    files: ScenarioFiles,
    /// What the files said when they were last in order.
    read: Vec<Source>,
    /// Why the files as they are now are not in force.
    faults: Vec<Fault>,
    loaded_at: Option<Moment>,
}

/// Since when the catalog is in force, and why a later one is not.
#[derive(Debug)]
pub(crate) struct StoreStatus {
    pub(crate) loaded_at: Option<Moment>,
    pub(crate) faults: Vec<Fault>,
}

/// A scenario that was put.
#[derive(Debug)]
pub(crate) struct PutScenario {
    pub(crate) scenario: Arc<Scenario>,
    /// Whether none was put under this name before.
    pub(crate) is_new: bool,
    pub(crate) warnings: Vec<Fault>,
}

/// Why a scenario stays.
#[derive(Debug)]
pub(crate) enum Undeletable {
    /// There is none; the reason names the nearest one.
    Unknown(String),
    /// It was not put but comes from here.
    NotPut(Arc<str>),
    /// Without it there would be no default scenario.
    Default(String),
}

impl ScenarioStore {
    /// The store of what is built in, the `given` texts and the files as they are now.
    ///
    /// # Errors
    /// When there is anything wrong with any of them, or none has the name `default`.
    pub(crate) fn load(
        given: Vec<Source>,
        mut files: ScenarioFiles,
        default: &str,
    ) -> Result<Self, LoadError> {
        let read = files.changed().unwrap_or(Ok(Vec::new()));
        let clock = Clock::new(ClockMode::Real);
        let mut parts = Parts {
            given,
            files,
            read: read.map_err(LoadError::Unreadable)?,
            ..Parts::default()
        };
        let loaded = parts.catalog(default)?;
        parts.loaded_at = Some(clock.now());
        warn(&loaded.warnings);
        Ok(Self {
            in_force: ArcSwap::from_pointee(loaded.catalog),
            parts: Mutex::new(parts),
            default: default.to_owned(),
            clock,
        })
    }

    /// The catalog as it is now. Whoever asks it more than one question keeps it meanwhile.
    pub(crate) fn catalog(&self) -> Guard<Arc<Catalog>> {
        self.in_force.load()
    }

    pub(crate) fn status(&self) -> StoreStatus {
        let parts = locked(&self.parts);
        StoreStatus {
            loaded_at: parts.loaded_at,
            faults: parts.faults.clone(),
        }
    }

    /// Whether files can ever change the catalog.
    pub(crate) fn has_files(&self) -> bool {
        locked(&self.parts).files.are_named()
    }

    /// Takes up the files if any of them changed: all of them or, if there is anything wrong, none. `None` if
    /// they are as before.
    pub(crate) fn take_up_files(&self) -> Option<Result<Arc<Catalog>, LoadError>> {
        let parts = &mut *locked(&self.parts);
        let taken_up = match parts.files.changed()? {
            Ok(read) => self.take_up(parts, read),
            Err(reason) => Err(LoadError::Unreadable(reason)),
        };
        parts.faults = match &taken_up {
            Ok(_) => Vec::new(),
            Err(error) => error.faults(),
        };
        Some(taken_up)
    }

    fn take_up(&self, parts: &mut Parts, read: Vec<Source>) -> Result<Arc<Catalog>, LoadError> {
        let before = std::mem::replace(&mut parts.read, read);
        let loaded = parts.catalog(&self.default);
        let loaded = loaded.inspect_err(|_| parts.read = before)?;
        warn(&loaded.warnings);
        Ok(self.enforce(parts, loaded.catalog))
    }

    /// Puts the one scenario of a text, which wins over those of files and those built in.
    ///
    /// # Errors
    /// Everything that is wrong with the text; the catalog is as before.
    pub(crate) fn put(&self, name: &str, text: &str) -> Result<PutScenario, Vec<Fault>> {
        let source = Source::new(format!("<put>/{name}.yaml"), text);
        only_scenario(&source, name)?;
        let parts = &mut *locked(&self.parts);
        let before = parts.put.insert(name.to_owned(), source.clone());
        let is_new = before.is_none();
        let loaded = parts.catalog(&self.default).map_err(|error| {
            parts.put_back(name, before);
            error.faults()
        })?;
        let scenario = self.enforce(parts, loaded.catalog).find(name);
        let warnings = loaded.warnings.into_iter();
        let own = warnings.filter(|warning| warning.source.name == source.name);
        Ok(PutScenario {
            scenario: scenario.map_err(|reason| LoadError::Default(reason).faults())?,
            is_new,
            warnings: own.collect(),
        })
    }

    /// Takes back a scenario that was put. One of the same name from a file, or built in, shows again.
    ///
    /// # Errors
    /// When it was not put, or cannot be missed; the catalog is as before.
    pub(crate) fn delete(&self, name: &str) -> Result<(), Undeletable> {
        let parts = &mut *locked(&self.parts);
        let Some(before) = parts.put.remove(name) else {
            let found = self.catalog().find(name);
            return Err(match found {
                Ok(scenario) => Undeletable::NotPut(scenario.source.clone()),
                Err(reason) => Undeletable::Unknown(reason),
            });
        };
        let loaded = parts.catalog(&self.default).map_err(|error| {
            parts.put_back(name, Some(before));
            Undeletable::Default(error.to_string())
        })?;
        self.enforce(parts, loaded.catalog);
        Ok(())
    }

    fn enforce(&self, parts: &mut Parts, catalog: Catalog) -> Arc<Catalog> {
        let catalog = Arc::new(catalog);
        self.in_force.store(catalog.clone());
        parts.loaded_at = Some(self.clock.now());
        catalog
    }
}

impl Parts {
    fn catalog(&self, default: &str) -> Result<Loaded, LoadError> {
        let put: Vec<_> = self.put.values().cloned().collect();
        let files = [&self.given[..], &self.read[..]].concat();
        catalog_of(&[(Origin::Put, &put), (Origin::File, &files)], default)
    }

    fn put_back(&mut self, name: &str, before: Option<Source>) {
        match before {
            Some(source) => self.put.insert(name.to_owned(), source),
            None => self.put.remove(name),
        };
    }
}

fn warn(warnings: &[Fault]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: &str = "name: alice\nmatch: { to_user_id: alice }\ncallee: { action: busy }";
    const DECLINES: &str = "name: alice\ncallee: { action: decline }";

    fn store(given: &[&str]) -> ScenarioStore {
        let given = given.iter().map(|text| Source::new("given.yaml", *text));
        let files = ScenarioFiles::default();
        ScenarioStore::load(given.collect(), files, "answered").unwrap()
    }

    fn origin(store: &ScenarioStore, name: &str) -> Option<Origin> {
        let found = store.catalog().find(name).ok();
        found.map(|scenario| scenario.origin)
    }

    fn told(faults: &[Fault]) -> Vec<String> {
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_put_wins_and_what_it_hid_shows_again() {
        let store = store(&[BUSY]);
        assert!(store.put("alice", DECLINES).unwrap().is_new);
        assert!(!store.put("alice", DECLINES).unwrap().is_new);
        assert_eq!(origin(&store, "alice"), Some(Origin::Put));

        store.delete("alice").unwrap();
        assert_eq!(origin(&store, "alice"), Some(Origin::File));
        assert!(matches!(
            store.delete("alice"),
            Err(Undeletable::NotPut(source)) if &*source == "given.yaml"
        ));
        assert!(matches!(
            store.delete("answered"),
            Err(Undeletable::NotPut(_))
        ));
        assert!(matches!(
            store.delete("alica"),
            Err(Undeletable::Unknown(_))
        ));
    }

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let store = store(&[]);
        let before = store.catalog();
        store.put("alice", DECLINES).unwrap();
        assert!(before.find("alice").is_err());
        assert_eq!(store.catalog().len(), before.len() + 1);
    }

    #[test]
    fn a_faulty_text_changes_nothing_and_says_where() {
        let store = store(&[]);
        store.put("alice", BUSY).unwrap();
        for (what, text, expected) in [
            (
                "an unknown key",
                "name: alice\ncalle: { action: busy }",
                "<put>/alice.yaml:2:1: unknown key `calle`; hint: did you mean `callee`?",
            ),
            (
                "nothing",
                "# later\n",
                "<put>/alice.yaml:1:1: expected one scenario, found none",
            ),
            (
                "two",
                "name: alice\n---\nname: bob\n",
                "<put>/alice.yaml:3:1: expected one scenario, found another one; hint: put each under its own name",
            ),
            (
                "another name",
                "name: bob\n",
                "<put>/alice.yaml:1:7: expected the name `alice`, as in the path, found `bob`",
            ),
        ] {
            let faults = store.put("alice", text).expect_err(what);
            assert_eq!(told(&faults), [expected], "{what}");
        }
        let alice = store.catalog().find("alice").unwrap();
        assert_eq!(&*alice.yaml, BUSY);
    }

    #[test]
    fn the_default_scenario_cannot_be_deleted() {
        let files = ScenarioFiles::default();
        let given = vec![Source::new("given.yaml", "name: mine")];
        let store = ScenarioStore::load(given, files, "mine").unwrap();
        store.put("mine", "name: mine\ndescription: put").unwrap();
        store.delete("mine").unwrap();
        assert_eq!(origin(&store, "mine"), Some(Origin::File));
    }

    #[test]
    fn a_put_scenario_of_no_effect_is_warned_of() {
        let store = store(&[]);
        let text = "name: alice\nrepeat: cycle";
        let warnings = store.put("alice", text).unwrap().warnings;
        let expected = "<put>/alice.yaml:2:1: warning: `repeat` has no effect without `in_turn`";
        assert_eq!(told(&warnings), [expected]);
    }
}
