use std::hash::{Hash, Hasher};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use siphasher::sip::SipHasher13;

use crate::domain::{Callee, Sid};

/// The random source of one call.
pub(crate) type CallRandom = ChaCha8Rng;

/// The random source of the `nth` call (from 0) that a callee has had in a project.
///
/// With a seed it depends on these four alone, so that the order in which calls to different callees
/// arrive changes nothing; the hash and the generator are ones whose output never changes. Without a
/// seed every call differs.
pub(crate) fn random_of_call(
    seed: Option<u64>,
    project: &str,
    callee: &Callee,
    nth: u64,
) -> CallRandom {
    let Some(seed) = seed else {
        return CallRandom::from_rng(&mut rand::rng());
    };
    let mut hasher = SipHasher13::new_with_keys(seed, 0);
    for text in [project, &callee.service_id, &callee.user_id] {
        (text.len() as u64).hash(&mut hasher);
        hasher.write(text.as_bytes());
    }
    hasher.write(&nth.to_le_bytes());
    CallRandom::seed_from_u64(hasher.finish())
}

/// Draws the session ID of a call; always the first draw.
pub(crate) fn draw_sid(random: &mut CallRandom) -> Sid {
    Sid::from_random_bytes(random.random())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(seed: u64, project: &str, user: &str, nth: u64) -> String {
        let callee = Callee {
            service_id: "shop".into(),
            user_id: user.into(),
        };
        draw_sid(&mut random_of_call(Some(seed), project, &callee, nth)).to_string()
    }

    #[test]
    fn a_seed_fixes_the_sid_of_each_call_of_each_callee() {
        // Written out, since users may have written it out too: it must survive upgrades.
        assert_eq!(
            sid(42, "default", "alice", 0),
            sid(42, "default", "alice", 0)
        );
        assert_eq!(
            sid(42, "default", "alice", 0),
            "103d86df-8c7a-4ef1-81fe-bd7c7b9faf09"
        );
        let others = [
            sid(43, "default", "alice", 0),
            sid(42, "other", "alice", 0),
            sid(42, "default", "bob", 0),
            sid(42, "default", "alice", 1),
        ];
        for other in others {
            assert_ne!(other, sid(42, "default", "alice", 0));
        }
    }
}
