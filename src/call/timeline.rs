use std::sync::Arc;
use std::time::Duration;

use super::course::{Course, course, failed_end};
use crate::domain::{
    AgentCallResult, CallEnd, CallState, Callback, CalleeAction, Fidelity, MakeCall, Moment, Plan,
    PlannedDelivery, SendWhen,
};

/// Something that a plan foresees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreseen {
    /// From the request on.
    pub(crate) after: Duration,
    pub(crate) what: Happening,
}

/// What can happen in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Happening {
    /// The API request is answered.
    Answered,
    /// A callback is sent.
    Sent(Callback),
    /// The call enters a state.
    Entered(CallState),
    /// The call ends.
    Ended(Arc<CallEnd>),
}

/// What happens in a call if every callback is answered with success at once, in order of time.
pub(crate) fn timeline(plan: &Plan, call: &MakeCall, fidelity: &Fidelity) -> Vec<Foreseen> {
    let setup = Moment::from_epoch(Duration::ZERO);
    let mut line = Timeline {
        setup,
        steps: Vec::new(),
    };
    let answered = setup + plan.response_after;
    line.add(answered, Happening::Answered);
    let reaches_callee =
        call.initiation_failure.is_none() && plan.callee.action != CalleeAction::Busy;
    let notified = match plan.notify.send {
        SendWhen::BeforeResponse => setup,
        _ => answered,
    };
    let notified = match reaches_callee {
        true => line.send(Callback::Notify, &plan.notify, notified + plan.notify.after),
        false => answered,
    };
    let step = notified.max(answered);
    let status_due = match plan.agent_call_status.send {
        SendWhen::BeforeResponse => setup,
        SendWhen::BeforeNotify => answered,
        _ => step + plan.agent_call_status.after,
    };
    let judged = step + plan.agent_call_status.after;
    let course = match &plan.result {
        AgentCallResult::Success => {
            line.add(judged, Happening::Entered(CallState::Ringing));
            Some(course(plan, fidelity, setup, judged))
        }
        AgentCallResult::Fail(_) => {
            line.add(judged, Happening::Entered(CallState::Failed));
            failed_end(plan, call, fidelity, setup, judged).map(|end| Course {
                states: Vec::new(),
                end: Arc::new(end),
            })
        }
    };
    let overtaken = plan.call_event.send == SendWhen::BeforeAgentCallStatus && course.is_some();
    if !overtaken {
        line.send(
            Callback::AgentCallStatus,
            &plan.agent_call_status,
            status_due,
        );
    }
    if let Some(Course { states, end }) = course {
        for (state, at) in states {
            line.add(at, Happening::Entered(state));
        }
        let ended = end.times.end;
        line.add(ended, Happening::Ended(end));
        let event = line.send(
            Callback::CallEvent,
            &plan.call_event,
            ended + plan.call_event.after,
        );
        if overtaken {
            let due = event + plan.agent_call_status.after;
            line.send(Callback::AgentCallStatus, &plan.agent_call_status, due);
        }
    }
    line.steps.sort_by_key(|step| step.after);
    line.steps
}

struct Timeline {
    setup: Moment,
    steps: Vec<Foreseen>,
}

impl Timeline {
    fn add(&mut self, at: Moment, what: Happening) {
        let after = at.since(self.setup);
        self.steps.push(Foreseen { after, what });
    }

    /// Adds a callback with its copies, unless it is never sent. Gives back when the step is over.
    fn send(&mut self, callback: Callback, planned: &PlannedDelivery, due: Moment) -> Moment {
        if planned.send != SendWhen::Never {
            for due in planned.dues(due) {
                self.add(due, Happening::Sent(callback));
            }
        }
        due
    }
}
