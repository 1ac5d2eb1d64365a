//! Many consents at once: what one approval wrote, written again for others.

use std::time::Duration;

use lychgate_domain::keys::digest;
use lychgate_store::engine::{Batch, Engine as _, Entry, Expectation, Key, Space};

use super::World;

/// A consent as it lies in the store, and others made of it.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    key: Key,
    entry: Entry,
}

impl Pattern {
    /// Of the only consent there is.
    pub(crate) async fn of(world: &World) -> Self {
        let (key, entry) = world.kept(Space::Consents).await.remove(0);
        Self { key, entry }
    }

    /// The same of somebody else: a field of the record that stands there again, as `subject` does here, is the last one.
    pub(crate) fn put(&self, batch: Batch, person: &str) -> Batch {
        let subject = format!("idp|{person}");
        let length = u8::try_from(subject.len()).expect("a short name");
        let value = [self.entry.value.as_slice(), &[0x0A, length], subject.as_bytes()].concat();
        batch.put(self.key(&subject), Expectation::Absent, value, self.entry.expires_at)
    }

    /// For each of `people`.
    pub(crate) async fn write(&self, world: &World, people: &[String]) {
        for some in people.chunks(Batch::MAX_OPERATIONS) {
            let batch = Batch::new(world.now(), world.now() + Duration::from_secs(10));
            let batch = some.iter().fold(batch, |batch, person| self.put(batch, person));
            world.engine.commit(batch).await.expect("it is written");
        }
    }

    fn key(&self, subject: &str) -> Key {
        let mut bytes = self.key.bytes.clone();
        bytes[16..32].copy_from_slice(&digest("key", &[subject.as_bytes()])[..16]);
        Key::new(Space::Consents, bytes)
    }
}
