//! The layout on disk. Append-only: rows that a released version wrote stay readable, or [`FORMAT`] is raised.
//!
//! | family | key | value |
//! |---|---|---|
//! | `default` | `format`, `incarnation`, `sequence` | `u32`, 16 bytes, `u64` |
//! | `default` | `oldest-event`: events before it are deleted; without it none is | an event's key |
//! | one for each space, by its name | as given | version `u64` ‖ expires at `u64` ‖ value |
//! | `events` | sequence `u64` ‖ index in its batch `u32` | committed at `u64` ‖ event |
//!
//! Integers are big-endian, so that bytes sort as numbers do; instants are milliseconds since the epoch.

use lychgate_engine::{Space, Timestamp, Version};

/// The number of the layout above.
pub(crate) const FORMAT: u32 = 1;

pub(crate) const EVENTS: &str = "events";

pub(crate) const FORMAT_KEY: &[u8] = b"format";
pub(crate) const INCARNATION_KEY: &[u8] = b"incarnation";
pub(crate) const SEQUENCE_KEY: &[u8] = b"sequence";
pub(crate) const OLDEST_EVENT_KEY: &[u8] = b"oldest-event";

/// The column families besides the default one.
pub(crate) fn families() -> impl Iterator<Item = &'static str> {
    Space::ALL.into_iter().map(Space::name).chain([EVENTS])
}

/// Bytes in a form that this version does not write.
#[derive(Debug, thiserror::Error)]
#[error("{0} in the database is damaged")]
pub(crate) struct Damaged(pub &'static str);

/// The fixed part of a row, before its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub version: Version,
    pub expires_at: Option<Timestamp>,
}

impl Header {
    /// Later than every instant: a timestamp has 48 bits.
    const NEVER: u64 = u64::MAX;

    pub(crate) fn write(self, row: &mut Vec<u8>) {
        row.extend(self.version.0.to_be_bytes());
        row.extend(self.expires_at.map_or(Self::NEVER, Timestamp::millis).to_be_bytes());
    }

    pub(crate) fn split(row: &[u8]) -> Result<(Self, &[u8]), Damaged> {
        let (version, rest) = split_u64(row).ok_or(Damaged("a version"))?;
        let (expires_at, value) = split_u64(rest).ok_or(Damaged("an expiry"))?;
        let expires_at = (expires_at != Self::NEVER).then(|| Timestamp::from_millis(expires_at));
        Ok((Self { version: Version(version), expires_at }, value))
    }

    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }
}

/// The key of an event. A cursor's position is the first key that was not read yet, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EventKey {
    pub sequence: u64,
    pub index: u32,
}

impl EventKey {
    /// Before every possible event.
    pub(crate) const FIRST: Self = Self { sequence: 0, index: 0 };

    pub(crate) fn position(self) -> u128 {
        u128::from(self.sequence) << 32 | u128::from(self.index)
    }

    /// The key at `position`; `None` if no event can have it.
    pub(crate) fn at(position: u128) -> Option<Self> {
        let sequence = u64::try_from(position >> 32).ok()?;
        Some(Self { sequence, index: position as u32 })
    }

    pub(crate) fn bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[8..].copy_from_slice(&self.index.to_be_bytes());
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Damaged> {
        let (sequence, rest) = split_u64(bytes).ok_or(Damaged("an event's key"))?;
        let index = rest.try_into().map_err(|_| Damaged("an event's key"))?;
        Ok(Self { sequence, index: u32::from_be_bytes(index) })
    }
}

pub(crate) fn write_event(committed_at: Timestamp, event: &[u8], row: &mut Vec<u8>) {
    row.extend(committed_at.millis().to_be_bytes());
    row.extend(event);
}

/// The commit time, and the event.
pub(crate) fn split_event(row: &[u8]) -> Result<(Timestamp, &[u8]), Damaged> {
    let (committed_at, event) = split_u64(row).ok_or(Damaged("an event"))?;
    Ok((Timestamp::from_millis(committed_at), event))
}

fn split_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    bytes.split_first_chunk().map(|(first, rest)| (u64::from_be_bytes(*first), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Golden: released versions wrote these bytes.
    #[test]
    fn rows_are_laid_out_as_released() {
        let mut row = Vec::new();
        Header { version: Version(7), expires_at: Some(Timestamp::from_millis(0x0102)) }.write(&mut row);
        assert_eq!(row, [0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 1, 2]);
        row.clear();
        Header { version: Version(1), expires_at: None }.write(&mut row);
        assert_eq!(row, [0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255]);
        row.clear();
        write_event(Timestamp::from_millis(3), b"e", &mut row);
        assert_eq!(row, [0, 0, 0, 0, 0, 0, 0, 3, b'e']);
        assert_eq!(EventKey { sequence: 2, index: 1 }.bytes(), [0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1]);
    }

    #[test]
    fn a_written_row_is_read_back() {
        for expires_at in [None, Some(Timestamp::from_millis(0)), Some(Timestamp::from_millis(u64::MAX))] {
            let header = Header { version: Version(u64::MAX), expires_at };
            let mut row = Vec::new();
            header.write(&mut row);
            row.push(b'v');
            assert_eq!(Header::split(&row).unwrap(), (header, &b"v"[..]));
        }
        assert!(Header::split(&[0; 15]).is_err());
        assert!(EventKey::parse(&[0; 11]).is_err() && EventKey::parse(&[0; 13]).is_err());
    }

    #[test]
    fn positions_are_in_the_order_of_keys() {
        let keys = [(0, 0), (0, u32::MAX), (1, 0), (1, 1), (u64::MAX, u32::MAX)];
        let keys = keys.map(|(sequence, index)| EventKey { sequence, index });
        assert!(keys.is_sorted_by_key(|key| key.position()) && keys.is_sorted_by_key(|key| key.bytes()));
        for key in keys {
            assert_eq!(EventKey::at(key.position()), Some(key));
            assert_eq!(EventKey::parse(&key.bytes()).unwrap(), key);
        }
        assert_eq!(EventKey::at(keys[4].position() + 1), None);
    }
}
