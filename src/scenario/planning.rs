use std::time::Duration;

use super::phases::{DeliveryPhase, Phases};
use super::seed::CallRandom;
use crate::domain::{
    AgentCallResult, CalleeAction, ContentId, Fidelity, MakeCall, Plan, PlannedCallee,
    PlannedDelivery, PlannedEnd, PlayWaitFrom, SendWhen, Span,
};

/// What a plan depends on beside the call and the scenario.
pub(crate) struct Surroundings<'a> {
    pub(crate) fidelity: &'a Fidelity,
    /// How long an audio source is.
    pub(crate) audio_length: &'a dyn Fn(ContentId) -> Duration,
}

/// What will happen in `call`: the same call, phases and random source give the same plan.
pub(crate) fn plan(
    call: &MakeCall,
    phases: &Phases,
    surroundings: &Surroundings<'_>,
    random: &mut CallRandom,
) -> Plan {
    let fidelity = surroundings.fidelity;
    let mut plan = Plan {
        response_after: phases.response_after.draw(random).into(),
        notify: deliver(&phases.notify, fidelity.notify_after.0, random),
        agent_call_status: deliver(
            &phases.agent_call_status,
            fidelity.agent_call_status_after.0,
            random,
        ),
        result: phases.result.clone(),
        callee: PlannedCallee {
            action: phases.callee,
            after: phases.callee_after.draw(random).into(),
            prepares_for: Span::ZERO,
        },
        playback: Span::ZERO,
        end: phases.end.as_ref().map(|(after, end)| {
            Box::new(PlannedEnd {
                after: after.map(|delay| delay.draw(random)),
                ..end.clone()
            })
        }),
        call_event: deliver(&phases.call_event, fidelity.call_event_after.0, random),
    };
    // A request for preparation that the caller does not support is ignored (contract 3.1).
    if call.use_responder_preparation {
        plan.callee.prepares_for = phases.prepares_for.into();
    }
    let prepares_for = plan.callee.prepares_for.into();
    plan.playback = playback(call, prepares_for, surroundings).into();
    if let Some(failure) = call.initiation_failure {
        // Nothing reaches the callee (contract 7.3, malformed callee ID).
        plan.notify.send = SendWhen::Never;
        plan.result = AgentCallResult::Fail(failure.fail_reason().into());
        plan.end = None;
    } else if plan.callee.action == CalleeAction::Busy {
        plan.notify.send = SendWhen::Never;
        plan.result = AgentCallResult::Fail(fidelity.busy_fail_reason.as_str().into());
    }
    plan
}

fn deliver(phase: &DeliveryPhase, usual: Duration, random: &mut CallRandom) -> PlannedDelivery {
    let usual = match phase.send {
        SendWhen::Normal | SendWhen::Never => usual,
        // Sent ahead of its place: nothing to wait for.
        _ => Duration::ZERO,
    };
    PlannedDelivery {
        after: phase.after.map_or(usual, |delay| delay.draw(random)).into(),
        send: phase.send,
        manner: phase.manner.clone(),
    }
}

/// From the connection to the end of the last file: preparation, `playWaitTime`, then
/// `playCount` times all files, with the gaps of contract 10-31.
fn playback(call: &MakeCall, prepares_for: Duration, surroundings: &Surroundings<'_>) -> Duration {
    let fidelity = surroundings.fidelity;
    let count = u32::from(call.play_count);
    let ids = call.content_ids.iter().copied();
    let once: Duration = ids.map(surroundings.audio_length).sum();
    let played = count * u32::try_from(call.content_ids.len()).unwrap_or(u32::MAX);
    let gaps = fidelity.playback_gap.0 * played.saturating_sub(1);
    let wait = Duration::from_millis(call.play_wait_millis.into());
    let before = match fidelity.play_wait_from {
        PlayWaitFrom::PreparationEnd => prepares_for + wait,
        PlayWaitFrom::Answer => prepares_for.max(wait),
    };
    before + once * count + gaps
}
