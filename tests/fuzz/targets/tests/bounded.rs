//! Runs every target for a bounded time, on valid inputs with pieces inserted, removed and doubled, and on noise.

use std::time::{Duration, Instant};

use lychgate_fuzz_targets::{ALL, Target};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

/// Far longer than any input takes, so that only a hanging target exceeds it.
const TIMEOUT: Duration = Duration::from_secs(2);
const LARGEST: usize = 80 * 1024;

#[test]
fn no_input_makes_a_parser_panic_hang_or_grow() {
    for Target { name, run, seeds } in ALL {
        let config = Config { cases: 3_000, failure_persistence: None, ..Config::default() };
        let ran = TestRunner::new(config).run(&inputs(seeds()), |input| {
            let begun = Instant::now();
            run(&input);
            prop_assert!(begun.elapsed() < TIMEOUT, "{:?}", begun.elapsed());
            Ok(())
        });
        if let Err(error) = ran {
            panic!("{name}: {error}");
        }
    }
}

/// A target that refuses its own seeds would test nothing behind its first check.
#[test]
fn every_seed_is_accepted() {
    for Target { name, run, seeds } in ALL {
        assert!(seeds().iter().all(|seed| run(seed)), "{name}");
    }
}

fn inputs(seeds: Vec<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    let piece = prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..4),
        4 => select(PIECES.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => (any::<u8>(), 0..LARGEST).prop_map(|(byte, length)| vec![byte; length]),
    ];
    let edit = (any::<prop::sample::Index>(), 0..24_usize, piece);
    let edited = (select(seeds), proptest::collection::vec(edit, 0..4)).prop_map(|(mut input, edits)| {
        for (at, without, piece) in edits {
            let from = at.index(input.len() + 1);
            let to = (from + without).min(input.len());
            input.splice(from..to, piece);
        }
        input
    });
    prop_oneof![8 => edited, 1 => proptest::collection::vec(any::<u8>(), 0..512)].boxed()
}

/// Pieces that parsers disagree about.
const PIECES: [&str; 28] = [
    "%00",
    "%2e%2e/",
    "%",
    "&",
    "=",
    "&client_id=",
    "&state=",
    "#",
    "?",
    "@",
    ":",
    "//",
    "\\",
    "\r\n",
    "\t",
    "\u{202e}",
    "\u{0}",
    "xn--",
    "[::1]",
    "0x7f.1",
    ";",
    "null",
    "1e400",
    "-1",
    "[",
    "{\"",
    "\",\"a\":\"",
    "\u{1F469}\u{200D}",
];
