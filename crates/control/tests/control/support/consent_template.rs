//! Writes many consents at once, by copying one that an approval wrote.

use lychgate_domain::keys::digest;
use lychgate_engine::{Batch, Engine as _, Entry, Expectation, Key, Space};

use super::Environment;

/// A stored consent, copied for other people.
#[derive(Clone, Debug)]
pub(crate) struct ConsentTemplate {
    key: Key,
    entry: Entry,
}

impl ConsentTemplate {
    /// Takes the only consent in the store.
    pub(crate) async fn of(env: &Environment) -> Self {
        let (key, entry) = env.entries(Space::Consents).await.remove(0);
        Self { key, entry }
    }

    /// Adds the same consent of `person` to `batch`. The copy appends the record's `subject` field once more: the last
    /// value of a protobuf field wins.
    pub(crate) fn put(&self, batch: Batch, person: &str) -> Batch {
        let subject = format!("idp|{person}");
        let length = u8::try_from(subject.len()).expect("a short name");
        let value = [self.entry.value.as_slice(), &[0x0A, length], subject.as_bytes()].concat();
        batch.put(self.key(&subject), Expectation::Absent, value, self.entry.expires_at)
    }

    /// Writes the consent for each of `people`.
    pub(crate) async fn write(&self, env: &Environment, people: &[String]) {
        for some in people.chunks(Batch::MAX_OPERATIONS) {
            let batch = env.batch();
            let batch = some.iter().fold(batch, |batch, person| self.put(batch, person));
            env.engine.commit(batch).await.expect("it is written");
        }
    }

    fn key(&self, subject: &str) -> Key {
        let mut bytes = self.key.bytes.clone();
        bytes[16..32].copy_from_slice(&digest("key", &[subject.as_bytes()])[..16]);
        Key::new(Space::Consents, bytes)
    }
}
