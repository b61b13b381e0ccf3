//! Projects that come, change and go while the emulator runs.

use std::sync::Arc;

use url::Url;

use super::Core;
use crate::call::{Line, Targets};
use crate::clock::Clock;
use crate::domain::Callback;
use crate::journal::{Happening, ProjectChange};
use crate::project::{Project, Taken};
use crate::settings::{Access, ProjectSettings};
use crate::wire::Target;

impl Core {
    /// Adds a project at run time.
    ///
    /// # Errors
    /// When its name or API key is taken.
    pub(crate) fn add_project(&self, settings: ProjectSettings) -> Result<Arc<Project>, Taken> {
        let project = Arc::new(self.project(settings));
        self.projects.add(project.clone())?;
        self.announce(&project, ProjectChange::Created);
        Ok(project)
    }

    /// Puts a project in the place of the one of the same name, of which nothing is left; `None` if there
    /// is none.
    ///
    /// # Errors
    /// When its API key is another project's.
    pub(crate) async fn replace_project(
        &self,
        settings: ProjectSettings,
    ) -> Result<Option<Arc<Project>>, Taken> {
        let project = Arc::new(self.project(settings));
        let Some(replaced) = self.projects.replace(project.clone())? else {
            return Ok(None);
        };
        self.end_project(&replaced).await;
        self.announce(&project, ProjectChange::Replaced);
        Ok(Some(project))
    }

    /// Takes out a project and everything in it. False if there is none of this name.
    pub(crate) async fn delete_project(&self, name: &str) -> bool {
        let Some(project) = self.projects.remove(name) else {
            return false;
        };
        self.end_project(&project).await;
        self.announce(&project, ProjectChange::Deleted);
        true
    }

    async fn end_project(&self, project: &Project) {
        project.end().await;
        self.journal
            .forget(&project.name, project.run().origin.generation + 1);
    }

    /// A barrier: once this returns, nothing of before happens any more, and nothing of it is on record.
    pub(crate) async fn reset_project(&self, project: &Project) {
        let generation = project.reset().await;
        self.journal.forget(&project.name, generation);
        self.announce(project, ProjectChange::Reset);
    }

    fn announce(&self, project: &Project, change: ProjectChange) {
        let what = Happening::Project { change };
        self.journal
            .announce(project.clock.now(), Some(project.name.clone()), what);
    }

    fn project(&self, settings: ProjectSettings) -> Project {
        let targets = targets_of(&settings, self.access, &self.base);
        let line = Line::new(
            Clock::new(settings.clock),
            self.courier.clone(),
            self.fidelity.clone(),
            Arc::new(targets),
            self.journal.clone(),
        );
        Project::new(settings, line, self.project_defaults.default_audio_duration)
    }
}

/// Where the callbacks of a project go: in open mode, to the inbox unless configured.
fn targets_of(project: &ProjectSettings, access: Access, base: &Url) -> Targets {
    let target = |callback: Callback| {
        let configured = project.callbacks.get(callback).cloned();
        let url = match access {
            Access::Open => {
                let inbox = || base.join(&format!("/_emulator/inbox/{callback}")).ok();
                configured.or_else(inbox)
            }
            Access::Strict => configured,
        };
        url.map(|url| Arc::new(Target::new(url)))
    };
    Targets {
        notify: target(Callback::Notify),
        agent_call_status: target(Callback::AgentCallStatus),
        call_event: target(Callback::CallEvent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{ScenarioFiles, ScenarioStore};
    use crate::settings::{Identity, ProjectRequest, Settings};

    #[tokio::test]
    async fn a_reset_does_not_revive_a_project_that_was_deleted() {
        let settings = Settings::default();
        let files = ScenarioFiles::default();
        let scenarios = ScenarioStore::load(Vec::new(), files, "answered").unwrap();
        let base = Url::parse("http://127.0.0.1:1").unwrap();
        let core = Core::new(&settings, scenarios, &base).unwrap();
        let shop = ProjectRequest::default().settings(Identity::made_up(), &settings);
        let shop = core.add_project(shop).unwrap();
        core.reset_project(&shop).await;
        assert!(shop.begin().is_some());

        core.delete_project(&shop.name).await;
        core.reset_project(&shop).await;

        assert!(shop.begin().is_none());
    }
}
