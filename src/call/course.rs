use std::sync::Arc;

use crate::domain::{
    CallEnd, CallState, CallTimes, CalleeAction, DisconnectReason, Fidelity, MakeCall, Moment,
    Plan, PlaybackEndReleaser, Releaser,
};

/// How a call goes on once it rings: the states it enters, and its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Course {
    /// In order of time.
    pub(super) states: Vec<(CallState, Moment)>,
    pub(super) end: Arc<CallEnd>,
}

/// The course of a call that was made at `setup` and rings since `ringing`.
pub(super) fn course(plan: &Plan, fidelity: &Fidelity, setup: Moment, ringing: Moment) -> Course {
    let given_up = ringing + fidelity.no_answer_after.0;
    let acts = ringing + plan.callee.after;
    if plan.callee.action == CalleeAction::Answer && acts < given_up {
        return talk(plan, fidelity, setup, acts);
    }
    let unanswered = |reason, end| CallEnd::new(reason, times(fidelity, setup, None, end));
    let by_itself = match plan.callee.action {
        CalleeAction::Decline if acts < given_up => unanswered(DisconnectReason::Decline, acts),
        _ => unanswered(DisconnectReason::NoAnswer, given_up),
    };
    let end = match &plan.end {
        Some(planned) => {
            let planned_at = planned.after.map(|after| ringing + after);
            match planned_at {
                Some(at) if at > by_itself.times.end => by_itself,
                Some(at) => {
                    let reason = match planned.by {
                        Some(Releaser::Callee) => DisconnectReason::Decline,
                        Some(Releaser::CloudServer) => DisconnectReason::ServerInternalError,
                        Some(Releaser::AppServer) => DisconnectReason::UserError,
                        _ => DisconnectReason::Cancel,
                    };
                    unanswered(reason, at).changed_by(planned)
                }
                None => by_itself.changed_by(planned),
            }
        }
        None => by_itself,
    };
    Course {
        states: Vec::new(),
        end: Arc::new(end),
    }
}

fn talk(plan: &Plan, fidelity: &Fidelity, setup: Moment, answered: Moment) -> Course {
    let ends = |reason, end| CallEnd::new(reason, times(fidelity, setup, Some(answered), end));
    let playback_end = answered + plan.playback;
    let releaser = match fidelity.playback_end_releaser {
        PlaybackEndReleaser::Caller => Releaser::Caller,
        PlaybackEndReleaser::CloudServer => Releaser::CloudServer,
    };
    let mut end = ends(DisconnectReason::Normal, playback_end).by(releaser);
    let longest = fidelity.max_call_time.map(|longest| answered + longest.0);
    if let Some(longest) = longest.filter(|&longest| longest < playback_end) {
        end = ends(DisconnectReason::MaxCallTimeExceeded, longest);
    }
    if let Some(planned) = &plan.end {
        end = match planned.after.map(|after| answered + after) {
            Some(at) if at > end.times.end => end,
            Some(at) => ends(DisconnectReason::Normal, at).changed_by(planned),
            None => end.changed_by(planned),
        };
    }
    let talking = answered + plan.callee.prepares_for;
    let states = [
        (CallState::Preparing, answered),
        (CallState::Talking, talking),
    ];
    let skipped = usize::from(talking == answered);
    let entered = states.into_iter().skip(skipped);
    Course {
        states: entered.filter(|(_, at)| *at <= end.times.end).collect(),
        end: Arc::new(end),
    }
}

/// The end of a call of which the plan says that it fails before it rings, at `failed`; `None` if nothing
/// but Agent Call Status follows.
pub(super) fn failed_end(
    plan: &Plan,
    call: &MakeCall,
    fidelity: &Fidelity,
    setup: Moment,
    failed: Moment,
) -> Option<CallEnd> {
    let ends = |reason, at| unconnected(reason, fidelity, setup, at);
    let is_busy = plan.callee.action == CalleeAction::Busy && call.initiation_failure.is_none();
    match &plan.end {
        None => is_busy.then(|| ends(DisconnectReason::Busy, failed)),
        Some(planned) if is_busy => Some(ends(DisconnectReason::Busy, failed).changed_by(planned)),
        Some(planned) => {
            let at = failed + planned.after.unwrap_or_default();
            Some(ends(DisconnectReason::ServerInternalError, at).changed_by(planned))
        }
    }
}

/// The end of a call that was never connected.
pub(super) fn unconnected(
    reason: DisconnectReason,
    fidelity: &Fidelity,
    setup: Moment,
    end: Moment,
) -> CallEnd {
    CallEnd::new(reason, times(fidelity, setup, None, end))
}

fn times(fidelity: &Fidelity, setup: Moment, start: Option<Moment>, end: Moment) -> CallTimes {
    CallTimes {
        setup,
        start,
        end,
        connected_duration_at_least: fidelity.connected_duration_at_least,
    }
}
