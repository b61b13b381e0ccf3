use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::domain::{CalleeInCall, CallerInCall, DisconnectReason, Fidelity, MakeCall, PeerKey};
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
    callee: PeerKey,
    caller: PeerKey,
}

impl Engagements {
    /// Engages both sides of a call.
    ///
    /// # Errors
    /// Why it must end instead, if one of them is in another call.
    pub(super) fn engage(
        self: &Arc<Self>,
        call: &MakeCall,
        fidelity: &Fidelity,
    ) -> Result<Engagement, DisconnectReason> {
        let callee = call.to.key();
        let caller = (
            call.from.service_id.as_str().into(),
            call.from.user_id.as_str().into(),
        );
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
        engaged.callees.entry(callee.clone()).or_default().calls += 1;
        *engaged.callers.entry(caller.clone()).or_default() += 1;
        Ok(Engagement {
            of: self.clone(),
            callee,
            caller,
        })
    }
}

impl Engagement {
    /// The callee answered.
    pub(super) fn talks(&self) {
        let engaged = &mut *locked(&self.of.0);
        if let Some(callee) = engaged.callees.get_mut(&self.callee) {
            callee.talking = true;
        }
    }
}

impl Drop for Engagement {
    fn drop(&mut self) {
        let engaged = &mut *locked(&self.of.0);
        if let Some(callee) = engaged.callees.get_mut(&self.callee) {
            callee.calls -= 1;
            if callee.calls == 0 {
                engaged.callees.remove(&self.callee);
            }
        }
        if let Some(calls) = engaged.callers.get_mut(&self.caller) {
            *calls -= 1;
            if *calls == 0 {
                engaged.callers.remove(&self.caller);
            }
        }
    }
}
