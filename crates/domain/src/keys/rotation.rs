//! The life of keys: `announced → active → retired`, family by family.
//!
//! A key is announced long enough before it is used for every node and every verifier to know it, and stays long enough
//! after it was replaced for everything that was made with it to have ended. So a rotation is nowhere to be noticed,
//! whether it comes by itself, by an operator's wish or because another algorithm was configured. The one exception is
//! [`RotationUrgency::Compromised`], which means to break what somebody else may have made.

use std::time::Duration;

use crate::keys::{KeyId, Purpose};
use crate::lifetimes::Lifetimes;
use crate::time::{CLOCK_SKEW, Timestamp};

/// What access tokens are signed with (RFC 7518 §3.1, RFC 8037 §3.1). All asymmetric: with an HMAC, whoever verifies
/// could mint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256.
    #[default]
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what every verifier of RFC 9068 §2.1 understands.
    Rs256,
}

impl SigningAlgorithm {
    /// The name in `alg` (RFC 7515 §4.1.1).
    pub fn as_str(self) -> &'static str {
        match self {
            SigningAlgorithm::Es256 => "ES256",
            SigningAlgorithm::EdDsa => "EdDSA",
            SigningAlgorithm::Rs256 => "RS256",
        }
    }
}

/// All keys of one use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFamily {
    /// Keys from which others are derived.
    Derived(Purpose),
    /// Signs access tokens.
    Signing,
    /// Signs digests of the event log. No verifier of tokens ever hears of its keys.
    Events,
}

impl KeyFamily {
    pub fn all() -> impl Iterator<Item = KeyFamily> {
        Purpose::ALL.into_iter().map(KeyFamily::Derived).chain([KeyFamily::Signing, KeyFamily::Events])
    }

    /// What its keys sign with, if they sign; `configured` is what access tokens are to be signed with.
    pub fn algorithm(self, configured: SigningAlgorithm) -> Option<SigningAlgorithm> {
        match self {
            KeyFamily::Derived(_) => None,
            KeyFamily::Signing => Some(configured),
            // Whoever verifies digests years later should not have to ask which.
            KeyFamily::Events => Some(SigningAlgorithm::Es256),
        }
    }

    /// Stands on disk and in what keys are sealed for: stable.
    pub fn label(self) -> &'static str {
        match self {
            KeyFamily::Derived(purpose) => purpose.label(),
            KeyFamily::Signing => "signing",
            KeyFamily::Events => "events",
        }
    }

    /// How long the longest-lived of all that is made with a key of this family lives.
    pub fn longest(self, lifetimes: &Lifetimes) -> Duration {
        match self {
            // From a ticket to the end of the grant it leads to.
            KeyFamily::Derived(_) => lifetimes.decision() + lifetimes.grant,
            // Not longer: a signing key that leaked is cured by its rotation only once verifiers have forgotten it.
            KeyFamily::Signing => lifetimes.access_token,
            // Older digests are vouched for by younger ones: each contains the hash of the one before.
            KeyFamily::Events => Duration::from_secs(400 * 86_400),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Known to verifiers, not used yet.
    Announced,
    /// What new things are made with. One in each family.
    Active,
    /// Still verifies and opens, makes nothing new.
    Retired,
}

/// One key of a family, as far as its life is concerned. A family is a list of them, in the order they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAge {
    pub id: KeyId,
    pub state: KeyState,
    pub created_at: Timestamp,
    /// When it took over; unset before that, and for keys that did so before it was recorded.
    pub active_at: Option<Timestamp>,
    /// What a signing key signs with; no other key has one.
    pub algorithm: Option<SigningAlgorithm>,
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
pub enum RotationStep {
    /// The family's first key, used at once: there is nothing yet that anybody could know it from.
    Begin,
    Announce,
    /// The announced key takes over; the active one retires.
    Activate(KeyId),
    /// Nothing that was made with it is left.
    Forget(KeyId),
    /// A new key is used at once, and every other one is forgotten at once: what they made is worth nothing now.
    Replace,
}

/// How an operator wants a key replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationUrgency {
    /// As it happens by itself, only now. Nothing breaks.
    Planned,
    /// Somebody else may have the keys.
    Compromised,
}

/// When the parts of a key's life begin; those to come as far as they are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLife {
    pub active_at: Timestamp,
    /// Unset as long as there is no successor.
    pub retires_at: Option<Timestamp>,
    pub forgotten_at: Option<Timestamp>,
}

/// A family has so many keys that its issuer's keyring, one record, could outgrow what a store takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyFull;

/// The most keys a family has: ten families of so many are two thirds of a record at the most.
pub const MAX_FAMILY: usize = 16;

impl Rotation {
    /// The next step that is due; `None` if the family is as it should be. `algorithm` is what is configured for it,
    /// `longest` is [`KeyFamily::longest`].
    pub fn due(
        &self,
        family: &[KeyAge],
        algorithm: Option<SigningAlgorithm>,
        longest: Duration,
        now: Timestamp,
    ) -> Option<RotationStep> {
        let Some(active) = in_state(family, KeyState::Active) else { return Some(RotationStep::Begin) };
        let announced = in_state(family, KeyState::Announced);
        if let Some(announced) = announced.filter(|key| self.life(key, family, longest).active_at <= now) {
            return Some(RotationStep::Activate(announced.id));
        }
        // An announced key of another algorithm takes over all the same: were it withdrawn, two nodes with different
        // configurations, as during their update, would undo each other's announcements for ever.
        let outdated = active.created_at + self.every <= now || active.algorithm != algorithm;
        if announced.is_none() && outdated && family.len() < MAX_FAMILY {
            return Some(RotationStep::Announce);
        }
        let past = |key: &&KeyAge| {
            key.state == KeyState::Retired
                && self.life(key, family, longest).forgotten_at.is_some_and(|forgotten| forgotten <= now)
        };
        family.iter().find(past).map(|retired| RotationStep::Forget(retired.id))
    }

    /// When `key`, one of `family`, lives which part of its life.
    pub fn life(&self, key: &KeyAge, family: &[KeyAge], longest: Duration) -> KeyLife {
        let active_at = |key: &KeyAge| key.active_at.unwrap_or(key.created_at + self.announcement);
        let successors = family.iter().skip_while(|other| other.id != key.id).skip(1);
        let retires_at = successors.map(active_at).min();
        let forgotten_at = retires_at.map(|retires_at| retires_at + longest + CLOCK_SKEW);
        KeyLife { active_at: active_at(key), retires_at, forgotten_at }
    }
}

/// What an operator's wish for a new key comes to; `None` if it has been fulfilled. `successor` follows from the
/// request, so that the same request again finds its key and makes no second one: with [`RotationUrgency::Compromised`] that
/// would end what was made since.
pub fn requested_step(
    family: &[KeyAge],
    successor: KeyId,
    urgency: RotationUrgency,
) -> Result<Option<RotationStep>, FamilyFull> {
    if family.iter().any(|key| key.id == successor) {
        return Ok(None);
    }
    match urgency {
        RotationUrgency::Planned if in_state(family, KeyState::Announced).is_some() => Ok(None),
        RotationUrgency::Planned if family.len() >= MAX_FAMILY => Err(FamilyFull),
        RotationUrgency::Planned => Ok(Some(RotationStep::Announce)),
        RotationUrgency::Compromised => Ok(Some(RotationStep::Replace)),
    }
}

fn in_state(family: &[KeyAge], state: KeyState) -> Option<&KeyAge> {
    family.iter().find(|key| key.state == state)
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

    const TICKET: KeyFamily = KeyFamily::Derived(Purpose::Ticket);

    /// A key of before the time of its activation was recorded.
    fn key(id: u32, state: KeyState, created_at: u64) -> KeyAge {
        KeyAge { id: KeyId(id), state, created_at: at(created_at), active_at: None, algorithm: None }
    }

    fn apply(family: &mut Vec<KeyAge>, step: RotationStep, algorithm: Option<SigningAlgorithm>, now: Timestamp) {
        let next = family.len() as u32 + now.seconds() as u32;
        let make = |state| KeyAge { algorithm, ..key(next, state, now.seconds()) };
        match step {
            RotationStep::Begin => family.push(KeyAge { active_at: Some(now), ..make(KeyState::Active) }),
            RotationStep::Announce => family.push(make(KeyState::Announced)),
            RotationStep::Activate(id) => {
                for key in family.iter_mut() {
                    match key.state {
                        KeyState::Active => key.state = KeyState::Retired,
                        KeyState::Announced if key.id == id => {
                            (key.state, key.active_at) = (KeyState::Active, Some(now));
                        }
                        KeyState::Announced | KeyState::Retired => {}
                    }
                }
            }
            RotationStep::Forget(id) => family.retain(|key| key.id != id),
            RotationStep::Replace => *family = vec![KeyAge { active_at: Some(now), ..make(KeyState::Active) }],
        }
    }

    #[test]
    fn a_year_of_a_family() {
        let (mut family, mut log, lifetimes) = (Vec::new(), Vec::new(), Lifetimes::default());
        for hour in 0..24 * 365 {
            let now = at(hour * 3600);
            while let Some(step) = ROTATION.due(&family, None, TICKET.longest(&lifetimes), now) {
                apply(&mut family, step, None, now);
                log.push((hour / 24, step));
            }
            let active = family.iter().filter(|key| key.state == KeyState::Active).count();
            assert_eq!(active, 1, "at hour {hour}");
        }
        let days = |wanted: fn(&RotationStep) -> bool| -> Vec<u64> {
            log.iter().filter(|(_, step)| wanted(step)).map(|(day, _)| *day).collect()
        };
        assert_eq!(days(|step| matches!(step, RotationStep::Begin)), [0]);
        assert_eq!(days(|step| matches!(step, RotationStep::Announce)), [90, 180, 270, 360]);
        assert_eq!(days(|step| matches!(step, RotationStep::Activate(_))), [90, 180, 270, 360]);
        assert_eq!(
            days(|step| matches!(step, RotationStep::Forget(_))),
            [180, 270, 360],
            "90 days of grants after each"
        );
    }

    #[test]
    fn a_successor_is_known_before_it_is_used() {
        let family = [key(1, KeyState::Active, 0), key(2, KeyState::Announced, 90 * DAY)];
        let due = |now| ROTATION.due(&family, None, TICKET.longest(&Lifetimes::default()), at(now));
        assert_eq!(due(90 * DAY + 3599), None);
        assert_eq!(due(90 * DAY + 3600), Some(RotationStep::Activate(KeyId(2))));
    }

    #[test]
    fn a_retired_key_outlives_what_was_made_with_it() {
        let (retired, active) = (key(1, KeyState::Retired, 0), key(2, KeyState::Active, 90 * DAY));
        let lifetimes = Lifetimes::default();
        let due = |family: &[KeyAge], now| ROTATION.due(family, None, TICKET.longest(&lifetimes), now);
        let last_grant_ends = active.created_at + ROTATION.announcement + lifetimes.decision() + lifetimes.grant;
        assert_eq!(due(&[retired, active], last_grant_ends), Some(RotationStep::Announce));
        let announced = key(3, KeyState::Announced, last_grant_ends.seconds());
        assert_eq!(due(&[retired, active, announced], last_grant_ends), None);
        assert_eq!(
            due(&[retired, active, announced], last_grant_ends + CLOCK_SKEW),
            Some(RotationStep::Forget(KeyId(1)))
        );
    }

    /// It counts from when the successor did take over, not from when today's settings would have had it.
    #[test]
    fn a_shorter_announcement_does_not_have_a_retired_key_forgotten_early() {
        let successor = KeyAge { active_at: Some(at(3600)), ..key(2, KeyState::Active, 0) };
        let (family, longest) = ([key(1, KeyState::Retired, 0), successor], Duration::from_secs(600));
        let shorter = Rotation { announcement: Duration::from_secs(600), ..ROTATION };
        assert_eq!(shorter.due(&family, None, longest, at(3600 + 659)), None);
        assert_eq!(shorter.due(&family, None, longest, at(3600 + 660)), Some(RotationStep::Forget(KeyId(1))));
    }

    #[test]
    fn another_algorithm_comes_as_every_successor_does() {
        let (longest, wanted) = (Duration::from_secs(600), Some(SigningAlgorithm::EdDsa));
        let mut family = vec![KeyAge { algorithm: Some(SigningAlgorithm::Es256), ..key(1, KeyState::Active, 0) }];
        assert_eq!(ROTATION.due(&family, Some(SigningAlgorithm::Es256), longest, at(1)), None);
        assert_eq!(ROTATION.due(&family, wanted, longest, at(1)), Some(RotationStep::Announce));
        apply(&mut family, RotationStep::Announce, wanted, at(1));
        assert_eq!(ROTATION.due(&family, wanted, longest, at(3600)), None);
        // A node that was not told yet undoes nothing.
        assert_eq!(ROTATION.due(&family, Some(SigningAlgorithm::Es256), longest, at(3600)), None);
        assert_eq!(ROTATION.due(&family, wanted, longest, at(3601)), Some(RotationStep::Activate(family[1].id)));
        let announced = family[1].id;
        apply(&mut family, RotationStep::Activate(announced), wanted, at(3601));
        assert_eq!(ROTATION.due(&family, wanted, longest, at(3601 + 659)), None);
        assert_eq!(ROTATION.due(&family, wanted, longest, at(3601 + 660)), Some(RotationStep::Forget(KeyId(1))));
    }

    #[test]
    fn a_wish_is_fulfilled_once() {
        let mut family = vec![key(1, KeyState::Active, 0)];
        assert_eq!(requested_step(&family, KeyId(9), RotationUrgency::Planned), Ok(Some(RotationStep::Announce)));
        family.push(key(9, KeyState::Announced, 1));
        assert_eq!(requested_step(&family, KeyId(9), RotationUrgency::Planned), Ok(None), "the same request");
        assert_eq!(
            requested_step(&family, KeyId(8), RotationUrgency::Planned),
            Ok(None),
            "another one: a successor is announced"
        );
        assert_eq!(
            requested_step(&family, KeyId(8), RotationUrgency::Compromised),
            Ok(Some(RotationStep::Replace)),
            "who has one may have both"
        );
        assert_eq!(requested_step(&family, KeyId(9), RotationUrgency::Compromised), Ok(None));
    }

    #[test]
    fn a_family_grows_only_so_far() {
        let mut family: Vec<_> = (0..MAX_FAMILY as u32).map(|n| key(n, KeyState::Retired, 0)).collect();
        family[MAX_FAMILY - 1].state = KeyState::Active;
        let longest = TICKET.longest(&Lifetimes::default());
        assert_eq!(ROTATION.due(&family, None, longest, at(90 * DAY)), None, "the next key waits for room");
        assert_eq!(requested_step(&family, KeyId(99), RotationUrgency::Planned), Err(FamilyFull));
        assert_eq!(requested_step(&family, KeyId(99), RotationUrgency::Compromised), Ok(Some(RotationStep::Replace)));
    }

    #[test]
    fn a_life_is_told_before_it_is_lived() {
        let (active, announced) = (key(1, KeyState::Active, 0), key(2, KeyState::Announced, 0));
        let life = |key, family: &[KeyAge]| ROTATION.life(key, family, Duration::from_secs(600));
        assert_eq!(life(&active, &[active]).forgotten_at, None);
        let told = life(&active, &[active, announced]);
        // Made in the same millisecond: which came first is still known.
        assert_eq!((told.retires_at, told.forgotten_at), (Some(at(3600)), Some(at(3600 + 660))));
        assert_eq!(life(&announced, &[active, announced]).active_at, at(3600));
    }
}
