//! Random commands to an engine, over few keys and small numbers, so that they affect each other.

use std::ops::RangeInclusive;

use lychgate_engine::{CLOCK_SKEW, Key, Space};
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
pub(super) enum Command {
    Advance { millis: u64 },
    Commit { skew: Skew, late: bool, steps: Vec<Step>, events: u8 },
    Read { skew: Skew, keys: Vec<Place> },
    Scan { skew: Skew, from: Place, to: Option<Place>, results: usize, rows: usize },
    Events { cursor: Index, limit: usize },
    Forget { cursor: Index },
}

/// The difference between a caller's clock and the engine's, in milliseconds.
pub(super) type Skew = i64;

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub place: Place,
    pub guess: Guess,
    pub act: Act,
}

/// The caller's belief about a key.
#[derive(Clone, Debug)]
pub(super) enum Guess {
    /// The current entry.
    Right,
    Absent,
    /// One of the key's past or present versions; if it has none, a version that no key ever has.
    Version(Index),
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    Keep,
    Delete,
    /// `lifetime` is counted from the engine's clock, in milliseconds.
    Put {
        value: Vec<u8>,
        lifetime: Option<i64>,
    },
}

/// One of twelve keys in two spaces, some of them prefixes of others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(u8);

impl Place {
    pub(super) fn key(self) -> Key {
        let space = if self.0.is_multiple_of(2) { Space::Grants } else { Space::Consents };
        Key::new(space, [&b"a"[..], b"a\0", b"aa", b"b", b"\xff", b"\xff\xff"][usize::from(self.0 / 2)])
    }
}

const SKEW: i64 = CLOCK_SKEW.as_millis() as i64;

pub(super) fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        2 => prop_oneof![1..50_u64, 1..90_000_u64].prop_map(|millis| Command::Advance { millis }),
        12 => (skew(), prop::bool::weighted(0.05), prop::collection::vec(step(), 0..5), 0..3_u8)
            .prop_map(|(skew, late, steps, events)| Command::Commit { skew, late, steps, events }),
        4 => (skew(), prop::collection::vec(place(), 0..6)).prop_map(|(skew, keys)| Command::Read { skew, keys }),
        3 => (skew(), place(), prop::option::of(place()), 1..5_usize, 1..5_usize)
            .prop_map(|(skew, from, to, results, rows)| Command::Scan { skew, from, to, results, rows }),
        3 => (any::<Index>(), 0..6_usize).prop_map(|(cursor, limit)| Command::Events { cursor, limit }),
        1 => any::<Index>().prop_map(|cursor| Command::Forget { cursor }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (place(), guess(), act()).prop_map(|(place, guess, act)| Step { place, guess, act })
}

fn guess() -> impl Strategy<Value = Guess> {
    prop_oneof![
        12 => Just(Guess::Right),
        1 => Just(Guess::Absent),
        1 => any::<Index>().prop_map(Guess::Version),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let lifetime = prop::option::of(prop_oneof![millis(-SKEW..=SKEW), millis(1..=3 * SKEW)]);
    prop_oneof![
        2 => Just(Act::Keep),
        2 => Just(Act::Delete),
        6 => (prop::collection::vec(any::<u8>(), 0..4), lifetime)
            .prop_map(|(value, lifetime)| Act::Put { value, lifetime }),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    (0..12_u8).prop_map(Place)
}

fn skew() -> impl Strategy<Value = Skew> {
    prop_oneof![Just(0), millis(-SKEW..=SKEW)]
}

fn millis(range: RangeInclusive<i64>) -> impl Strategy<Value = i64> {
    range
}
