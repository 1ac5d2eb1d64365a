//! Standard output: tables and paragraphs for people, lines of JSON for programs.
//!
//! Clients and people chose much of the text: tables make it visible, and JSON escapes it, so that no terminal obeys it.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::LazyLock;

use lychgate_api::FILE_DESCRIPTORS;
use lychgate_process::terminal::visible;
use prost::{Message, Name};
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _, SerializeOptions, Value,
};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use super::failure::Failure;

/// Longer than any identifier, so that none is cut and all can be copied.
const MAX_CELL: usize = 4096;
/// A longer cell does not widen its column for the following rows, which would be hard to read.
const MAX_WIDTH: usize = 40;
/// Shown for a field that is not set.
const NOTHING: &str = "-";

/// The heads of a table's columns, each with the proto field that it shows.
pub(crate) type Columns = &'static [(&'static str, &'static str)];

#[derive(Debug)]
pub(crate) struct Screen {
    json: bool,
    /// The column widths of the table so far; empty before its head.
    widths: Vec<usize>,
}

impl Screen {
    pub(super) fn new(json: bool) -> Self {
        Self { json, widths: Vec::new() }
    }

    pub(super) fn is_json(&self) -> bool {
        self.json
    }

    /// Prints rows of the list of this command. A table's head comes with the first ones.
    pub(super) fn rows<M: Message + Name>(&mut self, columns: Columns, items: &[M]) -> Result<(), Failure> {
        if self.json {
            return items.iter().try_for_each(|item| print(&json(&dynamic(item))?));
        }
        let heads = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
        let cells = |message: DynamicMessage| columns.iter().map(|(_, field)| cell(&message, field)).collect();
        let mut lines: Vec<Vec<String>> = items.iter().map(|item| cells(dynamic(item))).collect();
        if self.widths.is_empty() {
            self.widths = vec![0; columns.len()];
            lines.insert(0, heads);
        }
        for line in &lines {
            for (width, cell) in self.widths.iter_mut().zip(line) {
                *width = (*width).max(cell.len().min(MAX_WIDTH));
            }
        }
        let mut text = String::new();
        for line in &lines {
            let padded: Vec<_> = line.iter().zip(&self.widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            text.push_str(padded.join("  ").trim_end());
            text.push('\n');
        }
        print(text.trim_end_matches('\n'))
    }

    /// Prints one answer: for programs all of it, for people the part that matters.
    pub(super) fn message<M: Message + Name, N: Message + Name>(
        &self,
        whole: &M,
        for_people: Option<&N>,
    ) -> Result<(), Failure> {
        match for_people {
            Some(part) if !self.json => print(paragraph(&dynamic(part), 0).trim_end()),
            _ => self.outcome(whole, ""),
        }
    }

    /// Prints one item of the command's own: for programs as JSON, for people as `text`, which must be safe to show.
    pub(super) fn line<T: Serialize>(&self, item: &T, text: impl FnOnce(&T) -> String) -> Result<(), Failure> {
        if !self.json {
            return self.text(&text(item));
        }
        let mut line = Vec::new();
        item.serialize(&mut serde_json::Serializer::with_formatter(&mut line, Ascii)).map_err(io::Error::from)?;
        print(&String::from_utf8(line).map_err(io::Error::other)?)
    }

    /// Prints text that is safe to show.
    pub(super) fn text(&self, text: &str) -> Result<(), Failure> {
        print(text)
    }

    /// Prints one answer: for programs all of it, for people a sentence.
    pub(super) fn outcome<M: Message + Name>(&self, whole: &M, sentence: &str) -> Result<(), Failure> {
        print(&if self.json { json(&dynamic(whole))? } else { visible(sentence, MAX_CELL) })
    }
}

/// Writes all of standard output, except for exports.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    if text.is_empty() {
        return Ok(());
    }
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    Ok(stdout.flush()?)
}

/// The message with its descriptor, by which fields are found by name.
#[expect(clippy::expect_used, reason = "the messages and their descriptors are compiled from the same files")]
fn dynamic<M: Message + Name>(message: &M) -> DynamicMessage {
    static DESCRIPTORS: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(FILE_DESCRIPTORS).expect("the proto compiler wrote the descriptors"));
    let descriptor = DESCRIPTORS.get_message_by_name(&M::full_name());
    let descriptor = descriptor.expect("every message has a descriptor");
    DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .expect("a message decodes from its own encoding")
}

/// One line of canonical JSON (<https://protobuf.dev/programming-guides/json/>).
fn json(message: &DynamicMessage) -> Result<String, Failure> {
    let mut line = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, Ascii);
    message.serialize_with_options(&mut serializer, &SerializeOptions::new()).map_err(io::Error::from)?;
    Ok(String::from_utf8(line).map_err(io::Error::other)?)
}

/// A formatter that escapes everything but printable ASCII.
#[derive(Debug)]
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for c in fragment.chars() {
            if matches!(c, ' '..='~') {
                CompactFormatter.write_string_fragment(writer, c.encode_utf8(&mut [0; 4]))?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// The text of a field. A test ensures that every column names a field.
fn cell(message: &DynamicMessage, field: &str) -> String {
    match message.descriptor().get_field_by_name(field) {
        Some(field) if message.has_field(&field) => text(&message.get_field(&field), &field),
        _ => NOTHING.to_owned(),
    }
}

/// One line for each field that is set, with the fields of nested messages indented.
fn paragraph(message: &DynamicMessage, depth: usize) -> String {
    let fields: Vec<_> = message.descriptor().fields().filter(|field| message.has_field(field)).collect();
    let width = fields.iter().map(|field| field.name().len()).max().unwrap_or_default();
    let mut shown = String::new();
    let indent = "  ".repeat(depth);
    for field in fields {
        let value = message.get_field(&field);
        let parts = match &*value {
            Value::Message(part) if timestamp(part).is_none() => vec![part],
            Value::List(values) => values.iter().filter_map(Value::as_message).collect(),
            _ => Vec::new(),
        };
        // Writing to a String cannot fail.
        let _ = match parts.as_slice() {
            [] => writeln!(shown, "{indent}{:width$}  {}", field.name(), text(&value, &field)),
            parts => parts
                .iter()
                .try_for_each(|part| write!(shown, "{indent}{}\n{}", field.name(), paragraph(part, depth + 1))),
        };
    }
    shown
}

fn text(value: &Value, field: &FieldDescriptor) -> String {
    match value {
        Value::String(text) => visible(text, MAX_CELL),
        Value::Bool(is) => if *is { "yes" } else { "no" }.to_owned(),
        Value::I32(number) => number.to_string(),
        Value::I64(number) => number.to_string(),
        Value::U32(number) => number.to_string(),
        Value::U64(number) => number.to_string(),
        Value::F32(number) => number.to_string(),
        Value::F64(number) => number.to_string(),
        Value::Bytes(bytes) => format!("{bytes:?}"),
        Value::EnumNumber(number) => word(*number, field),
        Value::List(values) => values.iter().map(|value| text(value, field)).collect::<Vec<_>>().join(" "),
        Value::Message(message) => match timestamp(message) {
            Some(at) => at.to_string(),
            None => paragraph(message, 0).replace('\n', " "),
        },
        Value::Map(_) => NOTHING.to_owned(),
    }
}

fn timestamp(message: &DynamicMessage) -> Option<prost_types::Timestamp> {
    (message.descriptor().full_name() == "google.protobuf.Timestamp").then(|| message.transcode_to().ok()).flatten()
}

/// The word for an enum value: `KEY_STATE_ACTIVE` is "active". A value that this version does not know is its number.
fn word(number: i32, field: &FieldDescriptor) -> String {
    let Kind::Enum(kind) = field.kind() else { return number.to_string() };
    let unspecified = kind.default_value().name().to_owned();
    let prefix = unspecified.trim_end_matches("UNSPECIFIED");
    match kind.get_value(number) {
        Some(value) => value.name().trim_start_matches(prefix).to_ascii_lowercase().replace('_', "-"),
        None => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use lychgate_api::v1;
    use prost_types::Timestamp;

    use super::*;
    use crate::operator::clients::Clients;
    use crate::operator::connections::Connections;
    use crate::operator::consents::Consents;
    use crate::operator::events::Events;
    use crate::operator::grants::Grants;
    use crate::operator::list::Filter as _;
    use crate::operator::{issuers, keys, watch};

    const HOSTILE: &str = "a\u{1b}[2J\u{9b}1m\u{7}\r\n\u{202e}é\u{7f}𝕏\"\\";

    fn hostile() -> v1::Client {
        v1::Client {
            name: HOSTILE.to_owned(),
            state: v1::ClientState::Disabled.into(),
            redirect_uris: vec![HOSTILE.to_owned(), "x".to_owned()],
            create_time: Some(Timestamp { seconds: 0, nanos: 5_000_000 }),
            ..v1::Client::default()
        }
    }

    #[test]
    fn every_column_is_a_field() {
        fn columns<M: Message + Name + Default>(columns: Columns) {
            let descriptor = dynamic(&M::default()).descriptor();
            for (_, field) in columns {
                assert!(descriptor.get_field_by_name(field).is_some(), "{field}");
            }
        }
        columns::<v1::Issuer>(issuers::COLUMNS);
        columns::<v1::Consent>(Consents::COLUMNS);
        columns::<v1::Client>(Clients::COLUMNS);
        columns::<v1::Grant>(Grants::COLUMNS);
        columns::<v1::Connection>(Connections::COLUMNS);
        columns::<v1::Key>(keys::COLUMNS);
        columns::<v1::KeyRotation>(keys::ROTATION);
        columns::<v1::Event>(Events::COLUMNS);
        columns::<v1::Change>(watch::COLUMNS);
    }

    #[test]
    fn control_characters_are_escaped_in_tables_and_json() {
        let message = dynamic(&hostile());
        for text in [json(&message).unwrap(), cell(&message, "name"), paragraph(&message, 0).replace('\n', "")] {
            assert!(text.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{text}");
        }
    }

    /// The names and forms are those of the proto3 JSON mapping, and the escapes lose nothing.
    #[test]
    fn json_is_canonical_and_complete() {
        let read: serde_json::Value = serde_json::from_str(&json(&dynamic(&hostile())).unwrap()).unwrap();
        let expected = serde_json::json!({
            "name": HOSTILE,
            "state": "CLIENT_STATE_DISABLED",
            "redirectUris": [HOSTILE, "x"],
            "createTime": "1970-01-01T00:00:00.005Z",
        });
        assert_eq!(read, expected);
        let estimate = v1::RevocationEstimate { live_grants: 3, ..v1::RevocationEstimate::default() };
        assert_eq!(json(&dynamic(&estimate)).unwrap(), r#"{"liveGrants":"3"}"#);
    }

    #[test]
    fn a_table_shows_words_and_times() {
        let message = dynamic(&hostile());
        assert_eq!((cell(&message, "state").as_str(), cell(&message, "kind").as_str()), ("disabled", NOTHING));
        assert_eq!(cell(&message, "create_time"), "1970-01-01T00:00:00.005Z");
        let newer = v1::Client { state: 99, ..v1::Client::default() };
        assert_eq!(cell(&dynamic(&newer), "state"), "99");
        let grant = v1::Grant { end_reason: v1::GrantEndReason::CodeReplay.into(), ..v1::Grant::default() };
        assert_eq!(paragraph(&dynamic(&grant), 0), "end_reason  code-replay\n");
    }
}
