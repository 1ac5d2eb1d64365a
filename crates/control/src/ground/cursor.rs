//! Cursors of the event log as text: in messages, and in an error's metadata.

use lychgate_domain::id::{decode, encode};
use lychgate_engine::{Cursor, Incarnation};

pub(crate) fn cursor(Cursor { incarnation, position }: Cursor) -> String {
    encode(&[incarnation.0, position.to_be_bytes()].concat())
}

pub(crate) fn parse_cursor(text: &str) -> Option<Cursor> {
    let bytes: [u8; 32] = decode(text)?;
    let (incarnation, position) = bytes.split_first_chunk()?;
    Some(Cursor { incarnation: Incarnation(*incarnation), position: u128::from_be_bytes(position.try_into().ok()?) })
}
