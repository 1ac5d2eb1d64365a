//! The life of keys: `announced → active → retired`, family by family.
//!
//! A key is announced long enough before it is used for every node and every verifier to know it, and stays long enough
//! after it was replaced for everything that was made with it to have ended. So a rotation is nowhere to be noticed.

use std::time::Duration;

use crate::issuer::Lifetimes;
use crate::keys::KeyId;
use crate::time::{CLOCK_SKEW, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Known to verifiers, not used yet.
    Announced,
    /// What new things are made with. One in each family.
    Active,
    /// Still verifies and opens, makes nothing new.
    Retired,
}

/// One key of a family, as far as its life is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAge {
    pub id: KeyId,
    pub state: KeyState,
    pub created_at: Timestamp,
}

/// How often keys are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The age at which a key gets a successor.
    pub every: Duration,
    /// How long the successor is known before it is used.
    pub announcement: Duration,
}

/// What is to be done to a family now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The family's first key, used at once: there is nothing yet that anybody could know it from.
    Begin,
    Announce,
    /// The announced key takes over; the active one retires.
    Activate(KeyId),
    /// Nothing that was made with it is left.
    Forget(KeyId),
}

impl Rotation {
    /// The next step that is due; `None` if the family is as it should be. `longest` is how long the longest-lived of
    /// all that is made with a key of this family lives.
    pub fn due(&self, family: &[KeyAge], longest: Duration, now: Timestamp) -> Option<Step> {
        let in_state = |state| family.iter().filter(move |key| key.state == state);
        let Some(active) = in_state(KeyState::Active).next() else { return Some(Step::Begin) };
        let announced = in_state(KeyState::Announced).next();
        if let Some(announced) = announced.filter(|key| key.created_at + self.announcement <= now) {
            return Some(Step::Activate(announced.id));
        }
        if announced.is_none() && active.created_at + self.every <= now {
            return Some(Step::Announce);
        }
        let kept = self.announcement + longest + CLOCK_SKEW;
        in_state(KeyState::Retired)
            .find(|retired| {
                let successors = family.iter().filter(|key| key.created_at > retired.created_at);
                successors.map(|key| key.created_at).min().is_some_and(|replaced| replaced + kept <= now)
            })
            .map(|retired| Step::Forget(retired.id))
    }
}

/// How long what is derived from, or sealed with, a key may live: from a ticket to the end of the grant it leads to.
pub fn longest_derived(lifetimes: &Lifetimes) -> Duration {
    lifetimes.decision() + lifetimes.grant
}

/// How long a signature may live. Not longer: a signing key that leaked is cured by its rotation only once verifiers
/// have forgotten it.
pub fn longest_signed(lifetimes: &Lifetimes) -> Duration {
    lifetimes.access_token
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;
    const ROTATION: Rotation =
        Rotation { every: Duration::from_secs(90 * DAY), announcement: Duration::from_secs(3600) };

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn apply(family: &mut Vec<KeyAge>, step: Step, now: Timestamp) {
        let next = KeyId(family.len() as u32 + now.seconds() as u32);
        match step {
            Step::Begin => family.push(KeyAge { id: next, state: KeyState::Active, created_at: now }),
            Step::Announce => family.push(KeyAge { id: next, state: KeyState::Announced, created_at: now }),
            Step::Activate(id) => {
                for key in family.iter_mut() {
                    match key.state {
                        KeyState::Active => key.state = KeyState::Retired,
                        KeyState::Announced if key.id == id => key.state = KeyState::Active,
                        KeyState::Announced | KeyState::Retired => {}
                    }
                }
            }
            Step::Forget(id) => family.retain(|key| key.id != id),
        }
    }

    #[test]
    fn a_year_of_a_family() {
        let (mut family, mut log, lifetimes) = (Vec::new(), Vec::new(), Lifetimes::default());
        for hour in 0..24 * 365 {
            let now = at(hour * 3600);
            while let Some(step) = ROTATION.due(&family, longest_derived(&lifetimes), now) {
                apply(&mut family, step, now);
                log.push((hour / 24, step));
            }
            let active = family.iter().filter(|key| key.state == KeyState::Active).count();
            assert_eq!(active, 1, "at hour {hour}");
        }
        let days = |wanted: fn(&Step) -> bool| -> Vec<u64> {
            log.iter().filter(|(_, step)| wanted(step)).map(|(day, _)| *day).collect()
        };
        assert_eq!(days(|step| matches!(step, Step::Begin)), [0]);
        assert_eq!(days(|step| matches!(step, Step::Announce)), [90, 180, 270, 360]);
        assert_eq!(days(|step| matches!(step, Step::Activate(_))), [90, 180, 270, 360]);
        assert_eq!(days(|step| matches!(step, Step::Forget(_))), [180, 270, 360], "90 days of grants after each");
    }

    #[test]
    fn a_successor_is_known_before_it_is_used() {
        let active = KeyAge { id: KeyId(1), state: KeyState::Active, created_at: at(0) };
        let announced = KeyAge { id: KeyId(2), state: KeyState::Announced, created_at: at(90 * DAY) };
        let due = |now| ROTATION.due(&[active, announced], longest_derived(&Lifetimes::default()), at(now));
        assert_eq!(due(90 * DAY + 3599), None);
        assert_eq!(due(90 * DAY + 3600), Some(Step::Activate(KeyId(2))));
    }

    #[test]
    fn a_retired_key_outlives_what_was_made_with_it() {
        let retired = KeyAge { id: KeyId(1), state: KeyState::Retired, created_at: at(0) };
        let active = KeyAge { id: KeyId(2), state: KeyState::Active, created_at: at(90 * DAY) };
        let lifetimes = Lifetimes::default();
        let last_grant_ends = active.created_at + ROTATION.announcement + lifetimes.decision() + lifetimes.grant;
        assert_eq!(
            ROTATION.due(&[retired, active], longest_derived(&lifetimes), last_grant_ends),
            Some(Step::Announce)
        );
        let announced = KeyAge { id: KeyId(3), state: KeyState::Announced, created_at: last_grant_ends };
        assert_eq!(ROTATION.due(&[retired, active, announced], longest_derived(&lifetimes), last_grant_ends), None);
    }
}
