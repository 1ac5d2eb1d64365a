//! The arguments of one call that commits a group of batches.

use std::collections::HashMap;

use lychgate_engine::{Batch, Change, Expectation, Key, Space, Version};
use tokio_postgres::types::ToSql;

/// The expectation of a version that no key has.
const NEVER: i64 = -1;

/// The expectation of an absent key. Sequences begin at 1.
const ABSENT: i64 = 0;

/// The arguments of `lychgate.commit_batches`.
#[derive(Debug, Default)]
pub(crate) struct Arguments<'a> {
    /// The place in the group of each batch of the call.
    pub order: Vec<usize>,
    clock_now: i64,
    deadlines: Vec<i64>,
    nows: Vec<i64>,
    waves: Vec<i32>,
    op_batch: Vec<i32>,
    op_place: Vec<i32>,
    op_space: Vec<i16>,
    op_key: Vec<&'a [u8]>,
    op_expected: Vec<i64>,
    put_op: Vec<i32>,
    put_value: Vec<&'a [u8]>,
    put_expires_at: Vec<Option<i64>>,
    delete_op: Vec<i32>,
    event_batch: Vec<i32>,
    event_index: Vec<i64>,
    event_value: Vec<&'a [u8]>,
}

impl<'a> Arguments<'a> {
    /// The arguments for `group`, each batch with its deadline in microseconds of the database's clock.
    pub(crate) fn new(group: &[(&'a Batch, i64)], clock_now: i64) -> Self {
        let waves = waves(group.iter().map(|(batch, _)| *batch));
        let mut order: Vec<_> = (0..group.len()).collect();
        // Stable: within a wave, a batch that reads a key stays before the one that writes it.
        order.sort_by_key(|place| waves[*place]);
        let mut arguments = Self { clock_now, ..Self::default() };
        for (number, place) in (1..).zip(&order) {
            let (batch, deadline) = group[*place];
            arguments.deadlines.push(deadline);
            arguments.nows.push(signed(batch.now.millis()));
            arguments.waves.push(waves[*place]);
            arguments.add(number, batch);
        }
        arguments.order = order;
        arguments
    }

    fn add(&mut self, number: i32, batch: &'a Batch) {
        for (place, operation) in (1..).zip(batch.operations()) {
            self.op_batch.push(number);
            self.op_place.push(place);
            self.op_space.push(space(operation.key.space));
            self.op_key.push(&operation.key.bytes);
            self.op_expected.push(match operation.expectation {
                Expectation::Absent => ABSENT,
                Expectation::Version(Version(0)) => NEVER,
                Expectation::Version(Version(version)) => i64::try_from(version).unwrap_or(NEVER),
            });
            let op = self.op_key.len() as i32;
            match &operation.change {
                Change::Keep => {}
                Change::Put { value, expires_at } => {
                    self.put_op.push(op);
                    self.put_value.push(value);
                    self.put_expires_at.push(expires_at.map(|end| signed(end.millis())));
                }
                Change::Delete => self.delete_op.push(op),
            }
        }
        for (index, event) in (0..).zip(batch.events()) {
            self.event_batch.push(number);
            self.event_index.push(index);
            self.event_value.push(event);
        }
    }

    /// In the order of the function's parameters.
    pub(crate) fn parameters(&self) -> [&(dyn ToSql + Sync); 16] {
        [
            &self.clock_now,
            &self.deadlines,
            &self.nows,
            &self.waves,
            &self.op_batch,
            &self.op_place,
            &self.op_space,
            &self.op_key,
            &self.op_expected,
            &self.put_op,
            &self.put_value,
            &self.put_expires_at,
            &self.delete_op,
            &self.event_batch,
            &self.event_index,
            &self.event_value,
        ]
    }
}

/// The wave of each batch, from 1. The batches of a wave are checked together and then written together, so a batch comes
/// after the wave of every earlier batch that writes one of its keys, and not before one that reads a key it writes.
fn waves<'a>(batches: impl Iterator<Item = &'a Batch>) -> Vec<i32> {
    /// The last waves that read and wrote a key.
    #[derive(Clone, Copy, Default)]
    struct Last {
        read: i32,
        written: i32,
    }
    let mut last: HashMap<&Key, Last> = HashMap::new();
    let assign = |batch: &'a Batch| {
        let mut wave = 1;
        for operation in batch.operations() {
            let before = last.get(&operation.key).copied().unwrap_or_default();
            let read = if operation.change == Change::Keep { 0 } else { before.read };
            wave = wave.max(before.written + 1).max(read);
        }
        for operation in batch.operations() {
            let now = last.entry(&operation.key).or_default();
            now.read = now.read.max(wave);
            if operation.change != Change::Keep {
                now.written = wave;
            }
        }
        wave
    };
    batches.map(assign).collect()
}

/// The number of a space in the table of entries: its discriminant.
pub(crate) fn space(space: Space) -> i16 {
    i16::from(space as u8)
}

/// Instants have 48 bits.
pub(crate) fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lychgate_engine::Timestamp;

    use super::*;

    fn batch(reads: &[&str], writes: &[&str]) -> Batch {
        let now = Timestamp::from_seconds(1);
        let key = |name: &&str| Key::new(Space::Grants, *name);
        let batch = Batch::new(now, now + Duration::from_secs(1));
        let batch = reads.iter().fold(batch, |batch, name| batch.expect(key(name), Expectation::Absent));
        writes.iter().fold(batch, |batch, name| batch.put(key(name), Expectation::Absent, vec![], None))
    }

    #[test]
    fn a_batch_comes_after_the_wave_that_wrote_its_keys() {
        let batches = [
            batch(&[], &["a"]),
            batch(&[], &["b"]),
            batch(&["a"], &["c"]),
            batch(&["x"], &[]),
            batch(&[], &["x"]),
            batch(&["x"], &[]),
            batch(&["c"], &["a"]),
            batch(&[], &["a"]),
            batch(&[], &[]),
        ];
        assert_eq!(waves(batches.iter()), [1, 1, 2, 1, 1, 2, 3, 4, 1]);
    }

    #[test]
    fn the_batches_of_a_call_are_in_the_order_of_their_waves() {
        let batches = [batch(&[], &["a"]), batch(&[], &["a"]), batch(&["b"], &[]).event(vec![7])];
        let group: Vec<_> = batches.iter().zip([10, 20, 30]).collect();
        let arguments = Arguments::new(&group, 5);
        assert_eq!(arguments.order, [0, 2, 1]);
        assert_eq!((arguments.deadlines, arguments.waves), (vec![10, 30, 20], vec![1, 1, 2]));
        assert_eq!((arguments.op_batch, arguments.put_op), (vec![1, 2, 3], vec![1, 3]));
        assert_eq!((arguments.event_batch, arguments.event_value), (vec![2], vec![&[7][..]]));
    }
}
