use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use subtle::ConstantTimeEq as _;
use thiserror::Error;

use super::Project;
use crate::sync::locked;

/// All projects, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Projects {
    /// Asked for every request, hence read without a lock.
    all: ArcSwap<Vec<Arc<Project>>>,
    /// Held while they change.
    changing: Mutex<()>,
}

/// Why a project cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Taken {
    #[error("there is already a project `{0}`")]
    Name(Arc<str>),
    /// The key itself is not told: it may be somebody else's.
    #[error("the API key belongs to project `{0}`")]
    ApiKey(Arc<str>),
}

impl Projects {
    pub(crate) fn all(&self) -> Vec<Arc<Project>> {
        Vec::clone(&self.all.load())
    }

    pub(crate) fn count(&self) -> usize {
        self.all.load().len()
    }

    /// The oldest one; in open mode the one that accepts any credentials.
    pub(crate) fn first(&self) -> Option<Arc<Project>> {
        self.all.load().first().cloned()
    }

    /// The project of this name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Project>> {
        let projects = self.all.load();
        projects
            .iter()
            .find(|project| &*project.name == name)
            .cloned()
    }

    /// The project that accepts any credentials, if there is one.
    pub(crate) fn open(&self) -> Option<Arc<Project>> {
        let projects = self.all.load();
        let open = projects.iter().find(|p| p.settings.credentials.is_none());
        open.cloned()
    }

    /// The project of this API key. Every key is compared, so that the time taken does not depend on
    /// which one it is.
    pub(crate) fn of_key(&self, api_key: &str) -> Option<Arc<Project>> {
        let mut found = None;
        for project in self.all.load().iter() {
            let own = project.settings.credentials.as_ref();
            let own = own.map_or(&[][..], |own| own.api_key.as_bytes());
            if own.ct_eq(api_key.as_bytes()).into() && !own.is_empty() {
                found = Some(project.clone());
            }
        }
        found
    }

    /// Whether a project has this service ID.
    pub(crate) fn have_service(&self, service_id: &str) -> bool {
        let projects = self.all.load();
        let mut ids = projects.iter().filter_map(|project| project.service_id());
        ids.any(|id| id.as_str() == service_id)
    }

    /// Adds a project.
    ///
    /// # Errors
    /// When its name or API key is taken.
    pub(crate) fn add(&self, project: Arc<Project>) -> Result<(), Taken> {
        self.change(|projects| {
            if let Some(same) = projects.iter().find(|other| other.name == project.name) {
                return Err(Taken::Name(same.name.clone()));
            }
            require_own_key(projects, &project)?;
            projects.push(project);
            Ok(())
        })
    }

    /// Puts `project` in the place of the one of the same name, which it gives back; `None` if there is
    /// none.
    ///
    /// # Errors
    /// When its API key is another project's.
    pub(crate) fn replace(&self, project: Arc<Project>) -> Result<Option<Arc<Project>>, Taken> {
        self.change(|projects| {
            require_own_key(projects, &project)?;
            let same = projects.iter_mut().find(|other| other.name == project.name);
            Ok(same.map(|place| std::mem::replace(place, project)))
        })
    }

    /// Takes out the project of this name.
    pub(crate) fn remove(&self, name: &str) -> Option<Arc<Project>> {
        self.change(|projects| {
            let index = projects.iter().position(|project| &*project.name == name)?;
            Some(projects.remove(index))
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut Vec<Arc<Project>>) -> T) -> T {
        let _changing = locked(&self.changing);
        let mut projects = self.all();
        let result = change(&mut projects);
        self.all.store(Arc::new(projects));
        result
    }
}

fn require_own_key(projects: &[Arc<Project>], project: &Project) -> Result<(), Taken> {
    let key_of = |project: &Project| {
        let credentials = project.settings.credentials.as_ref();
        credentials.map(|credentials| credentials.api_key.clone())
    };
    let Some(key) = key_of(project) else {
        return Ok(());
    };
    let mut others = projects.iter().filter(|other| other.name != project.name);
    let owner = others.find(|other| key_of(other).is_some_and(|other| other == key));
    owner.map_or(Ok(()), |owner| Err(Taken::ApiKey(owner.name.clone())))
}
