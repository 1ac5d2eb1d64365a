//! Key rotation: `announced → active → retired`, family by family.
//!
//! A key is announced before its use, long enough for every node and verifier to learn it. A replaced key stays until
//! everything it made has ended. So a rotation interrupts nothing, whether it is due, requested by an operator, or
//! caused by a newly configured algorithm. The exception is [`RotationUrgency::Compromised`], which deliberately breaks
//! what an attacker may have made.

use std::time::Duration;

use crate::keys::{KeyId, Purpose};
use crate::lifetimes::Lifetimes;
use crate::time::{CLOCK_SKEW, Timestamp};

/// The algorithm of access tokens (RFC 7518 §3.1, RFC 8037 §3.1). All are asymmetric: with an HMAC, every verifier
/// could mint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256.
    #[default]
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256, which every verifier of RFC 9068 §2.1 supports.
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

/// The keys of one use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFamily {
    /// Keys from which others are derived.
    Derived(Purpose),
    /// Signs access tokens.
    Signing,
    /// Signs digests of the event log. Not published with the keys of access tokens.
    Events,
}

impl KeyFamily {
    /// Every family.
    pub fn all() -> impl Iterator<Item = KeyFamily> {
        Purpose::ALL.into_iter().map(KeyFamily::Derived).chain([KeyFamily::Signing, KeyFamily::Events])
    }

    /// The algorithm that the family signs with; `None` if it does not sign. `configured` is the algorithm of access
    /// tokens.
    pub fn algorithm(self, configured: SigningAlgorithm) -> Option<SigningAlgorithm> {
        match self {
            KeyFamily::Derived(_) => None,
            KeyFamily::Signing => Some(configured),
            // Fixed, so that a verifier of digests years later need not ask which.
            KeyFamily::Events => Some(SigningAlgorithm::Es256),
        }
    }

    /// The name in stored records and in the context of sealed keys. Stable.
    pub fn label(self) -> &'static str {
        match self {
            KeyFamily::Derived(purpose) => purpose.label(),
            KeyFamily::Signing => "signing",
            KeyFamily::Events => "events",
        }
    }

    /// The longest life of anything that a key of this family makes.
    pub fn longest(self, lifetimes: &Lifetimes) -> Duration {
        match self {
            // From a ticket to the end of its grant.
            KeyFamily::Derived(_) => lifetimes.decision() + lifetimes.grant,
            // Not longer: the rotation of a leaked signing key takes effect only when verifiers have dropped the old
            // one.
            KeyFamily::Signing => lifetimes.access_token,
            // Younger digests vouch for older ones: each contains the hash of its predecessor.
            KeyFamily::Events => Duration::from_secs(400 * 86_400),
        }
    }
}

/// The state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Verifiers know it, and it is not used yet.
    Announced,
    /// Makes new values. One in each family.
    Active,
    /// Verifies and opens, and makes nothing new.
    Retired,
}

/// The age and state of one key. A family is a list of them, in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyAge {
    /// The id.
    pub id: KeyId,
    /// The key's state.
    pub state: KeyState,
    /// The time it was made.
    pub created_at: Timestamp,
    /// When it became active; `None` before that, and for keys of releases that did not record it.
    pub active_at: Option<Timestamp>,
    /// The algorithm of a signing key; `None` for other keys.
    pub algorithm: Option<SigningAlgorithm>,
}

/// The schedule of rotations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The age at which a key gets a successor.
    pub every: Duration,
    /// How long a successor is announced before it becomes active.
    pub announcement: Duration,
}

/// One change to a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationStep {
    /// Make the family's first key, active at once.
    Begin,
    /// Make a key that will become active later.
    Announce,
    /// Make the announced key active, and retire the active one.
    Activate(KeyId),
    /// Delete a retired key: everything it made has ended.
    Forget(KeyId),
    /// Make a new active key and delete all others: everything they made becomes invalid.
    Replace,
}

/// How an operator wants a key replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationUrgency {
    /// As in a scheduled rotation, but now. Interrupts nothing.
    Planned,
    /// An attacker may have the keys.
    Compromised,
}

/// The times at which a key changes its state, as far as they are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLife {
    /// When it becomes active.
    pub active_at: Timestamp,
    /// `None` as long as there is no successor.
    pub retires_at: Option<Timestamp>,
    /// When it is deleted; `None` as long as there is no successor.
    pub forgotten_at: Option<Timestamp>,
}

/// The family has [`MAX_FAMILY`] keys. The keyring of an issuer is one record, and a larger one could exceed the
/// store's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyFull;

/// The most keys of a family: ten full families take at most two thirds of a record.
pub const MAX_FAMILY: usize = 16;

impl Rotation {
    /// The next step that is due; `None` if there is none. `algorithm` is the configured one of the family, `longest`
    /// is [`KeyFamily::longest`].
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
        // An announced key of an outdated algorithm becomes active all the same. If it were withdrawn, two nodes with
        // different configurations, as during an update, would undo each other's announcements forever.
        // A key of the future is outdated, too: the clock was set back, and the key's age is unknown. An announced key and a
        // retired one still wait for their instants: used or deleted too early, they would invalidate what others hold.
        let outdated = !now.age_of_record(active.created_at).is_below(self.every) || active.algorithm != algorithm;
        if announced.is_none() && outdated && family.len() < MAX_FAMILY {
            return Some(RotationStep::Announce);
        }
        let past = |key: &&KeyAge| {
            key.state == KeyState::Retired
                && self.life(key, family, longest).forgotten_at.is_some_and(|forgotten| forgotten <= now)
        };
        family.iter().find(past).map(|retired| RotationStep::Forget(retired.id))
    }

    /// The times of `key`, one of `family`.
    pub fn life(&self, key: &KeyAge, family: &[KeyAge], longest: Duration) -> KeyLife {
        let active_at = |key: &KeyAge| key.active_at.unwrap_or(key.created_at + self.announcement);
        let successors = family.iter().skip_while(|other| other.id != key.id).skip(1);
        let retires_at = successors.map(active_at).min();
        let forgotten_at = retires_at.map(|retires_at| retires_at + longest + CLOCK_SKEW);
        KeyLife { active_at: active_at(key), retires_at, forgotten_at }
    }
}

/// The step that an operator's request leads to; `None` if it is already fulfilled. The id `successor` follows from the
/// request, so that a repeated request finds its key and makes no second one: with [`RotationUrgency::Compromised`]
/// that would invalidate everything made since.
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

    /// A key of a release that did not record the time of activation.
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
    fn a_family_rotates_every_ninety_days() {
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
    fn a_successor_is_announced_for_an_hour_before_it_becomes_active() {
        let family = [key(1, KeyState::Active, 0), key(2, KeyState::Announced, 90 * DAY)];
        let due = |now| ROTATION.due(&family, None, TICKET.longest(&Lifetimes::default()), at(now));
        assert_eq!(due(90 * DAY + 3599), None);
        assert_eq!(due(90 * DAY + 3600), Some(RotationStep::Activate(KeyId(2))));
    }

    #[test]
    fn a_retired_key_outlives_everything_it_made() {
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

    /// The end counts from the successor's recorded activation, not from the configured announcement.
    #[test]
    fn a_shorter_announcement_does_not_delete_a_retired_key_early() {
        let successor = KeyAge { active_at: Some(at(3600)), ..key(2, KeyState::Active, 0) };
        let (family, longest) = ([key(1, KeyState::Retired, 0), successor], Duration::from_secs(600));
        let shorter = Rotation { announcement: Duration::from_secs(600), ..ROTATION };
        assert_eq!(shorter.due(&family, None, longest, at(3600 + 659)), None);
        assert_eq!(shorter.due(&family, None, longest, at(3600 + 660)), Some(RotationStep::Forget(KeyId(1))));
    }

    #[test]
    fn a_new_algorithm_is_announced_before_it_is_used() {
        let (longest, wanted) = (Duration::from_secs(600), Some(SigningAlgorithm::EdDsa));
        let mut family = vec![KeyAge { algorithm: Some(SigningAlgorithm::Es256), ..key(1, KeyState::Active, 0) }];
        assert_eq!(ROTATION.due(&family, Some(SigningAlgorithm::Es256), longest, at(1)), None);
        assert_eq!(ROTATION.due(&family, wanted, longest, at(1)), Some(RotationStep::Announce));
        apply(&mut family, RotationStep::Announce, wanted, at(1));
        assert_eq!(ROTATION.due(&family, wanted, longest, at(3600)), None);
        // A node that still has the old configuration undoes nothing.
        assert_eq!(ROTATION.due(&family, Some(SigningAlgorithm::Es256), longest, at(3600)), None);
        assert_eq!(ROTATION.due(&family, wanted, longest, at(3601)), Some(RotationStep::Activate(family[1].id)));
        let announced = family[1].id;
        apply(&mut family, RotationStep::Activate(announced), wanted, at(3601));
        assert_eq!(ROTATION.due(&family, wanted, longest, at(3601 + 659)), None);
        assert_eq!(ROTATION.due(&family, wanted, longest, at(3601 + 660)), Some(RotationStep::Forget(KeyId(1))));
    }

    #[test]
    fn a_repeated_rotation_request_makes_no_second_key() {
        let mut family = vec![key(1, KeyState::Active, 0)];
        assert_eq!(requested_step(&family, KeyId(9), RotationUrgency::Planned), Ok(Some(RotationStep::Announce)));
        family.push(key(9, KeyState::Announced, 1));
        assert_eq!(requested_step(&family, KeyId(9), RotationUrgency::Planned), Ok(None), "the same request");
        assert_eq!(
            requested_step(&family, KeyId(8), RotationUrgency::Planned),
            Ok(None),
            "another request: a successor is already announced"
        );
        assert_eq!(
            requested_step(&family, KeyId(8), RotationUrgency::Compromised),
            Ok(Some(RotationStep::Replace)),
            "an attacker with one key may have both"
        );
        assert_eq!(requested_step(&family, KeyId(9), RotationUrgency::Compromised), Ok(None));
    }

    #[test]
    fn a_full_family_gets_no_further_key() {
        let mut family: Vec<_> = (0..MAX_FAMILY as u32).map(|n| key(n, KeyState::Retired, 0)).collect();
        family[MAX_FAMILY - 1].state = KeyState::Active;
        let longest = TICKET.longest(&Lifetimes::default());
        assert_eq!(ROTATION.due(&family, None, longest, at(90 * DAY)), None, "the next key waits for room");
        assert_eq!(requested_step(&family, KeyId(99), RotationUrgency::Planned), Err(FamilyFull));
        assert_eq!(requested_step(&family, KeyId(99), RotationUrgency::Compromised), Ok(Some(RotationStep::Replace)));
    }

    #[test]
    fn the_times_of_a_key_follow_from_its_successor() {
        let (active, announced) = (key(1, KeyState::Active, 0), key(2, KeyState::Announced, 0));
        let life = |key, family: &[KeyAge]| ROTATION.life(key, family, Duration::from_secs(600));
        assert_eq!(life(&active, &[active]).forgotten_at, None);
        let told = life(&active, &[active, announced]);
        // Both were made in the same millisecond; their order in the list decides.
        assert_eq!((told.retires_at, told.forgotten_at), (Some(at(3600)), Some(at(3600 + 660))));
        assert_eq!(life(&announced, &[active, announced]).active_at, at(3600));
    }
}
