//! From an admitted request to a call, or to a foresight of one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arcstr::ArcStr;

use super::Core;
use crate::call::Life;
use crate::clock::Activity;
use crate::domain::{Callee, MakeCall, Moment};
use crate::journal::PlacedCall;
use crate::project::{Placement, Project};
use crate::scenario::{Catalog, ChosenBy, Scenario};
use crate::validate::{self, Rules};
use crate::wire::{BodyFault, ErrorAnswer, MakeCallBody, body_text};

/// A request that is not accepted: what to answer, and when.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) answer: ErrorAnswer,
    /// On the project's clock; `None` for at once.
    pub(crate) due: Option<Box<(Activity, Moment)>>,
    /// The scenario that refuses it.
    pub(crate) scenario: Option<Arc<str>>,
}

impl From<ErrorAnswer> for Refusal {
    fn from(answer: ErrorAnswer) -> Self {
        Self {
            answer,
            due: None,
            scenario: None,
        }
    }
}

/// What a request would bring about.
#[derive(Debug)]
pub(crate) struct Foresight {
    pub(crate) call: MakeCall,
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) chosen_by: ChosenBy,
    pub(crate) placement: Placement,
}

impl Core {
    /// Accepts a call, or says why not. The life it gives back begins once the answer is written.
    ///
    /// # Errors
    /// 400, 403, 503, or what the scenario says.
    pub(crate) fn place(
        &self,
        project: &Project,
        catalog: &Catalog,
        scenario: Option<&str>,
        to: Callee,
        body: &[u8],
    ) -> Result<Box<Life>, Refusal> {
        let begun = project.begin();
        let (run, activity) =
            begun.ok_or_else(|| ErrorAnswer::new(503, "the project takes no calls any more"))?;
        let accepted_at = project.clock.now();
        let (call, request) = self.read_call(project, to, body)?;
        self.check_room()?;
        let armed = run.take_armed(&call);
        let (scenario, chosen_by) = choose(catalog, armed, scenario, &call)?;
        let (sid, plan) = match project.place(&run, &call, &scenario) {
            Placement::Accepted(sid, plan) => (sid, plan),
            Placement::Refused(answer, after) => {
                return Err(Refusal {
                    answer,
                    due: Some(Box::new((activity, accepted_at + after))),
                    scenario: Some(scenario.name.clone()),
                });
            }
        };
        let placed = PlacedCall {
            sid,
            origin: run.origin.clone(),
            scenario: scenario.name.clone(),
            chosen_by: chosen_by.name(),
            call,
            request,
        };
        let entry = self.journal.open(placed, accepted_at);
        if chosen_by == ChosenBy::Default
            && let callee = &entry.placed().call.to.user_id
            && let Some(near) = catalog.nearest_magic_id(callee)
        {
            entry.remark(format!(
                "no scenario is for the callee `{callee}`: did you mean `{near}`?"
            ));
        }
        let line = (run.line.clone(), activity);
        Ok(Life::new(plan, line, entry, accepted_at))
    }

    /// What a request would bring about; nothing happens, and nothing is counted.
    ///
    /// # Errors
    /// 400 or 403. What a scenario says is not among the errors: the foresight tells it.
    pub(crate) fn foresee(
        &self,
        project: &Project,
        catalog: &Catalog,
        scenario: Option<&str>,
        to: Callee,
        body: &[u8],
    ) -> Result<Foresight, ErrorAnswer> {
        let run = project.run();
        let (call, _) = self.read_call(project, to, body)?;
        let (scenario, chosen_by) = choose(catalog, run.armed(&call), scenario, &call)?;
        Ok(Foresight {
            placement: project.foresee(&run, &call, &scenario),
            call,
            scenario,
            chosen_by,
        })
    }

    /// The call that a request asks for, and the text of its body.
    fn read_call(
        &self,
        project: &Project,
        to: Callee,
        body: &[u8],
    ) -> Result<(MakeCall, ArcStr), ErrorAnswer> {
        let refused = |fault: BodyFault| ErrorAnswer::new(400, fault.to_string());
        let text = body_text(body).map_err(refused)?;
        let body = MakeCallBody::parse(&text).map_err(refused)?;
        self.check_permission(project, &body, &to)?;
        let rules = Rules {
            fidelity: &self.fidelity,
            is_uploaded: &|id| project.is_uploaded(id),
        };
        let call = validate::make_call(&body, to, &rules)
            .map_err(|violations| ErrorAnswer::violations("invalid parameter", violations))?;
        Ok((call, text))
    }

    fn check_room(&self) -> Result<(), ErrorAnswer> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(ErrorAnswer::new(503, "the emulator is shutting down"));
        }
        if self.journal.live() >= self.live_calls_at_most {
            let limit = self.live_calls_at_most;
            let message = format!("more than {limit} calls are live (limits.live_calls)");
            return Err(ErrorAnswer::new(503, message));
        }
        Ok(())
    }
}

fn choose(
    catalog: &Catalog,
    armed: Option<Arc<Scenario>>,
    by_header: Option<&str>,
    call: &MakeCall,
) -> Result<(Arc<Scenario>, ChosenBy), ErrorAnswer> {
    if let Some(armed) = armed {
        return Ok((armed, ChosenBy::Armed));
    }
    match by_header {
        Some(name) => {
            let named = catalog.find(name);
            let named = named.map_err(|reason| ErrorAnswer::new(400, reason))?;
            Ok((named, ChosenBy::Header))
        }
        None => Ok(catalog.choose(call)),
    }
}
