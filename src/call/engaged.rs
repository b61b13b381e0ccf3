use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::domain::{CalleeInCall, CallerInCall, DisconnectReason, Fidelity, PeerKey};
use crate::journal::CallEntry;
use crate::sync::locked;

/// Who is in a call now, within one project (contract 10-33, 10-34).
#[derive(Debug, Default)]
pub(crate) struct Engagements(Mutex<Engaged>);

#[derive(Debug, Default)]
struct Engaged {
    /// The callees, each with the number of calls and whether one of them was answered.
    callees: HashMap<PeerKey, Callee>,
    callers: HashMap<PeerKey, usize>,
}

#[derive(Debug, Default)]
struct Callee {
    calls: usize,
    talking: bool,
}

/// Caller and callee of one call, engaged until this is dropped.
#[derive(Debug)]
pub(super) struct Engagement {
    of: Arc<Engagements>,
    call: Arc<CallEntry>,
}

impl Engagements {
    /// Engages both sides of a call; neither if that is of no consequence.
    ///
    /// # Errors
    /// Why it must end instead, if one of them is in another call.
    pub(super) fn engage(
        self: &Arc<Self>,
        call: &Arc<CallEntry>,
        fidelity: &Fidelity,
    ) -> Result<Option<Engagement>, DisconnectReason> {
        let in_call = (fidelity.callee_in_call, fidelity.caller_in_call);
        if in_call == (CalleeInCall::Allow, CallerInCall::Allow) {
            return Ok(None);
        }
        let [callee, caller] = parties(call);
        let engaged = &mut *locked(&self.0);
        if let Some(other) = engaged.callees.get(&callee) {
            match fidelity.callee_in_call {
                CalleeInCall::Allow => {}
                CalleeInCall::AlreadyGotACall if !other.talking => {
                    return Err(DisconnectReason::AlreadyGotACall);
                }
                _ => return Err(DisconnectReason::Busy),
            }
        }
        let in_call = fidelity.caller_in_call == CallerInCall::MultidevInUse;
        if in_call && engaged.callers.contains_key(&caller) {
            return Err(DisconnectReason::MultidevInUse);
        }
        engaged.callees.entry(callee).or_default().calls += 1;
        *engaged.callers.entry(caller).or_default() += 1;
        Ok(Some(Engagement {
            of: self.clone(),
            call: call.clone(),
        }))
    }
}

/// Callee and caller.
fn parties(call: &CallEntry) -> [PeerKey; 2] {
    let call = &call.placed().call;
    [call.to.key(), call.from.key()]
}

impl Engagement {
    /// The callee answered.
    pub(super) fn talks(&self) {
        let engaged = &mut *locked(&self.of.0);
        if let Some(callee) = engaged.callees.get_mut(&self.call.placed().call.to.key()) {
            callee.talking = true;
        }
    }
}

impl Drop for Engagement {
    fn drop(&mut self) {
        let [callee, caller] = parties(&self.call);
        let engaged = &mut *locked(&self.of.0);
        if let Some(of_callee) = engaged.callees.get_mut(&callee) {
            of_callee.calls -= 1;
            if of_callee.calls == 0 {
                engaged.callees.remove(&callee);
            }
        }
        if let Some(calls) = engaged.callers.get_mut(&caller) {
            *calls -= 1;
            if *calls == 0 {
                engaged.callers.remove(&caller);
            }
        }
    }
}
