use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;

use crate::clock::Parking;
use crate::domain::{CalleeAction, DisconnectReason, Moment, Plan, PlannedEnd, Releaser, Sid};
use crate::sync::locked;

/// What can be done with the callee's phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PhoneAction {
    /// Take the call that rings.
    Answer,
    /// Reject it.
    Decline { user_rel_code: Option<Arc<str>> },
    /// End the call that was taken.
    HangUp { user_rel_code: Option<Arc<str>> },
}

/// The phones that ring or are in a call.
#[derive(Debug, Default)]
pub(crate) struct Phones(Mutex<HashMap<Sid, Arc<Phone>>>);

#[derive(Debug)]
struct Phone {
    /// The call that makes it ring.
    sid: Sid,
    parking: Arc<Parking>,
    state: Mutex<PhoneState>,
}

#[derive(Debug, Default)]
struct PhoneState {
    is_answered: bool,
    /// What was done last and the call has not taken up yet, with whom to tell when it has.
    action: Option<(PhoneAction, oneshot::Sender<()>)>,
}

impl Phones {
    /// Acts on the phone that this call has made ring. What it gives back is told once the call has
    /// taken the action up, and gone if the call ended first.
    ///
    /// `None` if that cannot be done now.
    pub(crate) fn act(&self, sid: Sid, action: PhoneAction) -> Option<oneshot::Receiver<()>> {
        let phone = locked(&self.0).get(&sid)?.clone();
        let (done, is_done) = oneshot::channel();
        {
            let mut state = locked(&phone.state);
            let is_possible = state.is_answered == matches!(action, PhoneAction::HangUp { .. });
            if !is_possible || state.action.is_some() {
                return None;
            }
            state.action = Some((action, done));
        }
        phone.parking.rouse();
        Some(is_done)
    }

    /// Lets the phone ring for a call.
    pub(super) fn ring(self: &Arc<Self>, sid: Sid, parking: Arc<Parking>) -> RingingPhone {
        let phone = Arc::new(Phone {
            sid,
            parking,
            state: Mutex::default(),
        });
        locked(&self.0).insert(sid, phone.clone());
        RingingPhone {
            among: self.clone(),
            phone,
        }
    }
}

/// The phone of one call, from ringing to the end of the call; silent when dropped.
#[derive(Debug)]
pub(super) struct RingingPhone {
    among: Arc<Phones>,
    phone: Arc<Phone>,
}

impl RingingPhone {
    /// The call was taken.
    pub(super) fn is_answered(&self) {
        locked(&self.phone.state).is_answered = true;
    }

    /// What was done and not taken up yet. Who acts later rouses the call, if that is asleep.
    pub(super) fn take_action(&self) -> Option<(PhoneAction, oneshot::Sender<()>)> {
        locked(&self.phone.state).action.take()
    }
}

impl Drop for RingingPhone {
    fn drop(&mut self) {
        locked(&self.among.0).remove(&self.phone.sid);
    }
}

/// Rewrites the rest of a plan as the callee does `action` at `now`, in a call that rings since `ringing`.
pub(super) fn amend(plan: &mut Plan, action: PhoneAction, ringing: Moment, now: Moment) {
    let by_callee = |user_rel_code| PlannedEnd {
        by: Some(Releaser::Callee),
        user_rel_code,
        ..PlannedEnd::default()
    };
    match action {
        PhoneAction::Answer => {
            plan.callee.action = CalleeAction::Answer;
            plan.callee.after = now.since(ringing).into();
        }
        PhoneAction::Decline { user_rel_code } => {
            plan.callee.action = CalleeAction::Decline;
            plan.callee.after = now.since(ringing).into();
            plan.end = Some(Box::new(by_callee(user_rel_code)));
        }
        PhoneAction::HangUp { user_rel_code } => {
            let answered = ringing + plan.callee.after;
            plan.end = Some(Box::new(PlannedEnd {
                after: Some(now.since(answered)),
                reason: Some(DisconnectReason::Normal),
                ..by_callee(user_rel_code)
            }));
        }
    }
}
