//! Golden files of all records: `crates/store/golden` keeps the bytes of one value of each kind and state. Today's code must
//! write the same bytes and read them.
//!
//! The golden files are never edited, and no program writes them: released versions wrote these bytes. A new field gets a new
//! value in [`values`] and a new file beside the old ones; the old value keeps its bytes, because unset
//! fields are not written. A test fails if its file is missing, and prints the content.

mod values;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use lychgate_domain::id::{Attempt, AuthorizationId, ClientId, EventId, GrantId};
use lychgate_domain::issuer::IssuerUrl;
use lychgate_domain::keys::KeyId;
use lychgate_domain::revocation::DeferredTokens;
use lychgate_domain::subject::Subject;
use lychgate_domain::upstream::connection::connection_id;
use lychgate_domain::upstream::tokens::{SealedFor, SealedTokens};
use proptest::prelude::*;
use prost::Message as _;

use crate::{key, proto};
use lychgate_engine::Space;
use values::{Golden, Read, all};

/// Keys of records, by the release that introduced them.
const KEYS: [&str; 7] =
    ["keys.v1.txt", "keys.v2.txt", "keys.v3.txt", "keys.v4.txt", "keys.v5.txt", "keys.v6.txt", "keys.v7.txt"];

/// Requirements: E5.
#[test]
fn every_record_is_written_as_released() {
    let mut wrong = String::new();
    for Golden { file, bytes, .. } in all() {
        match std::fs::read_to_string(directory().join(&file)) {
            Ok(kept) if kept == hex(&bytes) => {}
            Ok(_) => write!(wrong, "{file}: today's bytes differ from the released ones\n\n").unwrap(),
            Err(_) => {
                write!(wrong, "{file} is missing. If the format is new, this belongs there:\n{}\n", hex(&bytes))
                    .unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_record_of_a_released_version_is_read() {
    for golden in all() {
        let read = golden.read(&golden.kept());
        assert_eq!(read, Some(Read { is_the_value: true, is_stable: true }), "{}", golden.file);
    }
}

/// A node of the next release may write more fields in any message; this version must still read the record.
#[test]
fn fields_of_a_later_release_are_ignored() {
    for golden in all() {
        let whole_message = [varint(1000, 7), fixed64(1001), delimited(1002, b"later"), fixed32(1003)].concat();
        let nested = golden.nested.iter().map(|field| delimited(*field, &delimited(1000, b"later")));
        for later in std::iter::once(whole_message).chain(nested) {
            let read = golden.read(&[golden.kept(), later.clone()].concat());
            assert_eq!(read, Some(Read { is_the_value: true, is_stable: true }), "{} and {later:02x?}", golden.file);
        }
    }
}

/// A record with an unknown state, status or reason cannot be read: its meaning must not be guessed.
#[test]
fn a_value_of_a_later_release_is_not_read_as_another() {
    let kept = |file: &str| all().into_iter().find(|golden| golden.file == file).unwrap();
    for (file, later) in [
        ("client-registered.v1.hex", varint(2, 99)),
        ("client-registered.v1.hex", delimited(5, b"a-later-grant-type")),
        ("authorization-failed-upstream-denied.v1.hex", delimited(7, &varint(4, 99))),
        ("authorization-failed-not-me.v1.hex", delimited(7, &varint(4, 99))),
        ("authorization-signed-in.v1.hex", delimited(8, &delimited(6, b"a-later-digest"))),
        ("authorization-approved-named.v1.hex", delimited(3, &varint(3, 99))),
        ("authorization-approved-without-state.v1.hex", delimited(3, &varint(3, 1))),
        ("consent-live.v1.hex", varint(10, 99)),
        ("grant-live.v1.hex", delimited(9, b"a_later_method")),
        ("grant-ended-by-code-replay.v1.hex", delimited(16, &varint(2, 99))),
        ("keyring.v1.hex", delimited(1, &varint(3, 99))),
        ("client-with-secret.v1.hex", delimited(10, &varint(1, 99))),
        ("client-with-keys.v1.hex", delimited(11, &delimited(1, &delimited(2, b"a-later-algorithm")))),
        ("keyring-with-algorithms.v1.hex", delimited(1, &[varint(3, 2), varint(6, 99)].concat())),
        ("grant-ended-by-operator.v1.hex", delimited(16, &varint(2, 99))),
        ("client-marked.v1.hex", varint(2, 99)),
        ("upstream-revocation-issuer.v1.hex", delimited(9, &varint(1, 99))),
        ("event-consent-approved-page.v1.hex", delimited(10, &varint(3, 99))),
        ("store-leaving.v1.hex", varint(2, 99)),
        ("store-arriving-records.v1.hex", delimited(5, &varint(4, 99))),
        ("connection-refreshing.v1.hex", delimited(8, &delimited(1, b"too short"))),
    ] {
        let golden = kept(file);
        assert!(golden.read(&golden.kept()).is_some(), "{file} without it");
        assert_eq!(golden.read(&[golden.kept(), later].concat()), None, "{file}");
    }
    // An unknown state in place of a known one: the rest is a decision without a state.
    let decided = proto::Authorization::decode(&*kept("authorization-denied.v1.hex").kept()).unwrap().decided;
    let stateless = proto::Authorization { decided, state: None }.encode_to_vec();
    let golden = kept("authorization-denied.v1.hex");
    assert_eq!(golden.read(&[stateless, delimited(99, b"")].concat()), None);
}

#[test]
fn a_truncated_record_is_never_read_as_the_whole() {
    for golden in all() {
        let kept = golden.kept();
        for length in 0..kept.len() {
            let read = golden.read(&kept[..length]);
            assert!(read.is_none_or(|read| !read.is_the_value && read.is_stable), "{} cut at {length}", golden.file);
        }
    }
}

#[test]
fn no_flipped_bit_makes_reading_panic() {
    for golden in all() {
        let mut bytes = golden.kept();
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            let read = golden.read(&bytes);
            assert!(read.is_none_or(|read| read.is_stable), "{} with bit {bit} flipped", golden.file);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

proptest! {
    #[test]
    fn no_damage_makes_reading_panic(
        of: prop::sample::Index,
        from: prop::sample::Index,
        to: prop::sample::Index,
        garbage in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let golden = all().swap_remove(of.index(all().len()));
        let mut bytes = golden.kept();
        let (from, to) = (from.index(bytes.len() + 1), to.index(bytes.len() + 1));
        bytes.splice(from.min(to)..from.max(to), garbage);
        prop_assert!(golden.read(&bytes).is_none_or(|read| read.is_stable), "{}", golden.file);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one line for each kind of key")]
fn every_record_has_its_released_key() {
    let subject = Subject::from_record("idp|alice".to_owned());
    let client = ClientId::parse("client-AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    let authorization = AuthorizationId::from_bytes(*b"authorization-id");
    let grant = GrantId::from_bytes(*b"grant-identifier");
    let [mut first, mut second, mut third, mut fourth, mut fifth, mut sixth, mut seventh] =
        [const { String::new() }; 7];
    for space in Space::ALL {
        let lines = match space {
            Space::Assertions => &mut second,
            Space::Requests => &mut third,
            Space::UpstreamRevocations => &mut fourth,
            Space::Digests => &mut fourth,
            Space::Connections => &mut sixth,
            Space::Meta
            | Space::Clients
            | Space::Authorizations
            | Space::Consents
            | Space::Grants
            | Space::Counters => &mut first,
        };
        writeln!(lines, "space {} {}", space as u8, space.name()).unwrap();
    }
    writeln!(first, "store meta: {:?}", key::store_meta()).unwrap();
    writeln!(seventh, "part in a copy: {:?}", key::store_fence()).unwrap();
    for url in ["https://gate.example", "https://gate.example/team"] {
        let url = IssuerUrl::parse(url).unwrap();
        for (name, key) in [
            ("keyring", key::keyring(&url)),
            ("client", key::client(&url, &client)),
            ("authorization", key::authorization(&url, authorization)),
            ("consent", key::consent(&url, &subject, &client, "https://mcp.example/mcp")),
            ("grant", key::grant(&url, grant)),
            ("issuer counter", key::issuer_counter(&url)),
            ("client counter", key::client_counter(&url, &client)),
            ("subject counter", key::subject_counter(&url, &subject)),
        ] {
            writeln!(first, "{name} at {}: {key:?}", url.as_str()).unwrap();
        }
        writeln!(second, "assertion at {}: {:?}", url.as_str(), key::assertion(&url, &[0x71; 32])).unwrap();
        let request = key::request(&url, Attempt::from_bytes([0x81; 16]));
        writeln!(third, "request at {}: {request:?}", url.as_str()).unwrap();
        let revocation = key::upstream_revocation(&url, EventId::from_bytes([0x91; 16]));
        writeln!(fourth, "upstream revocation at {}: {revocation:?}", url.as_str()).unwrap();
        for (name, sealed_for) in
            [("grant", SealedFor::Grant(grant)), ("code", SealedFor::Authorization(authorization))]
        {
            let (revocation, subject) = (EventId::from_bytes([0x91; 16]), subject.clone());
            let tokens = SealedTokens { key: KeyId(1), bytes: Vec::new() };
            let deferred = key::deferred_tokens(&url, &DeferredTokens { revocation, subject, sealed_for, tokens });
            writeln!(fifth, "deferred tokens of a {name} at {}: {deferred:?}", url.as_str()).unwrap();
        }
        writeln!(sixth, "connection at {}: {:?}", url.as_str(), key::connection(&url, &subject)).unwrap();
        let (revocation, person) = (EventId::from_bytes([0x91; 16]), subject.clone());
        let (sealed_for, tokens) =
            (SealedFor::Connection(connection_id(&person)), SealedTokens { key: KeyId(1), bytes: Vec::new() });
        let deferred = key::deferred_tokens(&url, &DeferredTokens { revocation, subject: person, sealed_for, tokens });
        writeln!(sixth, "deferred tokens of a connection at {}: {deferred:?}", url.as_str()).unwrap();
        for (name, key) in [
            ("digest chain", key::digest_chain(&url)),
            ("digest 258", key::range_digest(&url, 258)),
            ("configuration", key::configuration_digest(&url)),
        ] {
            writeln!(fourth, "{name} at {}: {key:?}", url.as_str()).unwrap();
        }
    }
    for (file, lines) in KEYS.into_iter().zip([first, second, third, fourth, fifth, sixth, seventh]) {
        let kept = std::fs::read_to_string(directory().join(file));
        let kept =
            kept.unwrap_or_else(|_| panic!("{file} is missing. If the format is new, this belongs there:\n{lines}"));
        assert_eq!(lines, kept, "records under the released keys would not be found");
    }
}

/// A golden file that no test reads proves nothing.
#[test]
fn every_kept_file_is_read() {
    let files = all().into_iter().map(|golden| golden.file).chain(KEYS.map(str::to_owned));
    let kept = std::fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(kept.collect::<BTreeSet<_>>(), files.collect());
}

impl Golden {
    /// The bytes of the golden file.
    fn kept(&self) -> Vec<u8> {
        let text = std::fs::read_to_string(directory().join(&self.file)).unwrap();
        from_hex(&text)
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// 32 bytes a line.
fn hex(bytes: &[u8]) -> String {
    let line = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    bytes.chunks(32).map(line).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(|byte| *byte != b'\n').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// A field, as protobuf writes it: number and wire type, then the value.
fn varint(field: u32, value: u64) -> Vec<u8> {
    let mut bytes = tag(field, 0);
    prost::encoding::encode_varint(value, &mut bytes);
    bytes
}

fn fixed64(field: u32) -> Vec<u8> {
    [tag(field, 1), vec![1; 8]].concat()
}

fn delimited(field: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = tag(field, 2);
    prost::encoding::encode_varint(value.len() as u64, &mut bytes);
    [bytes.as_slice(), value].concat()
}

fn fixed32(field: u32) -> Vec<u8> {
    [tag(field, 5), vec![1; 4]].concat()
}

fn tag(field: u32, wire_type: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    prost::encoding::encode_varint(u64::from(field << 3 | wire_type), &mut bytes);
    bytes
}
