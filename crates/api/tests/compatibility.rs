//! Compatibility of neighbouring versions on the wire: an old edge works with a new control plane, and a new edge with an old one,
//! because during an upgrade they do.
//!
//! `proto/previous` holds the protocol of the release before: its descriptors, and the messages of one authorization as that
//! release sent them. CONTRIBUTING.md says how both are renewed. The rules, each with a change in [`CHANGES`] that breaks it:
//!
//! | what the previous protocol has | what today's has | why |
//! |---|---|---|
//! | an RPC | the same RPC with the same types, streaming or not | the old side calls it |
//! | a field number of a message | the same name, type, cardinality, presence and `oneof` | the old side sends and reads it |
//! | a number of an enum | the same name | the old side means it |
//!
//! Anything may be added. A receiver skips a field that it does not know, and takes an unknown number of an enum for none.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use lychgate_api::{FILE_DESCRIPTORS, v1};
use prost::{Message, Name};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, MethodDescriptorProto,
};

const PREVIOUS: &[u8] = include_bytes!("../../../proto/previous/descriptors.binpb");
const EXCHANGES: &str = include_str!("../../../proto/previous/exchanges.txt");

/// What a protocol promises: the meaning of each RPC, field number and enum number, by its place.
type Promises = BTreeMap<String, String>;

fn promises(files: &FileDescriptorSet) -> Promises {
    let mut promises = Promises::new();
    for file in &files.file {
        let package = file.package();
        for service in &file.service {
            for method in &service.method {
                let place = format!("rpc {package}.{}/{}", service.name(), method.name());
                promises.insert(place, meaning_of_method(method));
            }
        }
        file.message_type.iter().for_each(|message| add_message(&mut promises, package, message));
        file.enum_type.iter().for_each(|numbers| add_enum(&mut promises, package, numbers));
    }
    promises
}

fn meaning_of_method(method: &MethodDescriptorProto) -> String {
    let stream = |is_stream: bool| if is_stream { "stream " } else { "" };
    let (asks, answers) = (stream(method.client_streaming()), stream(method.server_streaming()));
    format!("({asks}{}) returns ({answers}{})", method.input_type(), method.output_type())
}

fn add_message(promises: &mut Promises, parent: &str, message: &DescriptorProto) {
    let name = format!("{parent}.{}", message.name());
    for field in &message.field {
        let oneof = field.oneof_index.and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?));
        let oneof = oneof.map(|oneof| oneof.name()).unwrap_or_default();
        let meaning = format!(
            "{} {:?} {} {:?} {oneof} {}",
            field.name(),
            field.r#type(),
            field.type_name(),
            field.label(),
            field.proto3_optional()
        );
        promises.insert(format!("field {name}/{}", field.number()), meaning);
    }
    message.nested_type.iter().for_each(|nested| add_message(promises, &name, nested));
    message.enum_type.iter().for_each(|numbers| add_enum(promises, &name, numbers));
}

fn add_enum(promises: &mut Promises, parent: &str, numbers: &EnumDescriptorProto) {
    for value in &numbers.value {
        let place = format!("number {parent}.{}/{}", numbers.name(), value.number());
        promises.insert(place, value.name().to_owned());
    }
}

/// The promises of `previous` that `today` does not keep.
fn broken(previous: &FileDescriptorSet, today: &FileDescriptorSet) -> Vec<String> {
    let today = promises(today);
    let is_broken = |(place, meaning): &(String, String)| today.get(place) != Some(meaning);
    promises(previous).into_iter().filter(is_broken).map(|(place, meaning)| format!("{place}: {meaning}")).collect()
}

fn previous() -> FileDescriptorSet {
    FileDescriptorSet::decode(PREVIOUS).expect("descriptors")
}

#[test]
fn protocol_keeps_what_the_previous_release_needs() {
    let today = FileDescriptorSet::decode(FILE_DESCRIPTORS).expect("descriptors");
    assert_eq!(broken(&previous(), &today), Vec::<String>::new());
}

type Change = fn(&mut FileDescriptorSet);

/// Changes of the protocol, and the first promise that each breaks.
const CHANGES: &[(&str, Change, &str)] = &[
    (
        "an RPC is removed",
        |files| service(files).retain(|method| method.name() != "Exchange"),
        "rpc lychgate.v1.TokenService/Exchange",
    ),
    ("an RPC has another request", |files| method(files).input_type = Some(".x".to_owned()), "Exchange: (.lych"),
    ("an RPC streams", |files| method(files).server_streaming = Some(true), "rpc lychgate.v1.TokenService/Exchange"),
    (
        "a field is removed",
        |files| message(files).field.retain(|field| field.name() != "attempt"),
        "field lychgate.v1.ExchangeRequest/2",
    ),
    ("a field has another number", |files| field(files).number = Some(999), "field lychgate.v1.ExchangeRequest/2"),
    ("a number is used again", |files| field(files).name = Some("other".to_owned()), "ExchangeRequest/2: attempt"),
    ("a field has another type", |files| field(files).r#type = Some(Type::String.into()), "ExchangeRequest/2: attempt"),
    ("a field repeats", |files| field(files).label = Some(Label::Repeated.into()), "ExchangeRequest/2: attempt"),
    ("a field has presence", |files| field(files).proto3_optional = Some(true), "ExchangeRequest/2: attempt"),
    ("a field joins a oneof", |files| field(files).oneof_index = Some(0), "ExchangeRequest/2: attempt"),
    (
        "a number of an enum means something else",
        |files| decision(files).value[1].name = Some("DECISION_OTHER".to_owned()),
        "number lychgate.v1.Decision/1",
    ),
    ("a number of an enum is removed", |files| drop(decision(files).value.pop()), "number lychgate.v1.Decision/"),
];

fn service(files: &mut FileDescriptorSet) -> &mut Vec<MethodDescriptorProto> {
    let mut services = files.file.iter_mut().flat_map(|file| &mut file.service);
    &mut services.find(|service| service.name() == "TokenService").expect("the service").method
}

fn method(files: &mut FileDescriptorSet) -> &mut MethodDescriptorProto {
    service(files).iter_mut().find(|method| method.name() == "Exchange").expect("the method")
}

fn message(files: &mut FileDescriptorSet) -> &mut DescriptorProto {
    let mut messages = files.file.iter_mut().flat_map(|file| &mut file.message_type);
    messages.find(|message| message.name() == "ExchangeRequest").expect("the message")
}

fn field(files: &mut FileDescriptorSet) -> &mut FieldDescriptorProto {
    message(files).field.iter_mut().find(|field| field.name() == "attempt").expect("the field")
}

fn decision(files: &mut FileDescriptorSet) -> &mut EnumDescriptorProto {
    let mut enums = files.file.iter_mut().flat_map(|file| &mut file.enum_type);
    enums.find(|numbers| numbers.name() == "Decision").expect("the enum")
}

#[test]
fn change_that_breaks_a_rule_is_found() {
    for (what, change, expected) in CHANGES {
        let mut changed = previous();
        change(&mut changed);
        let broken = broken(&previous(), &changed);
        assert!(broken.first().is_some_and(|first| first.contains(expected)), "{what}: {broken:?}");
    }
}

#[test]
fn added_fields_messages_and_rpcs_break_nothing() {
    let mut changed = previous();
    let added =
        FieldDescriptorProto { name: Some("later".to_owned()), number: Some(999), ..field(&mut changed).clone() };
    message(&mut changed).field.push(added);
    let later = MethodDescriptorProto { name: Some("Later".to_owned()), ..method(&mut changed).clone() };
    service(&mut changed).push(later);
    assert_eq!(broken(&previous(), &changed), Vec::<String>::new());
}

/// True if today's type reads `bytes` completely, and reads them beside a field that it does not know.
fn is_read<M: Message + Default + PartialEq>(bytes: &[u8]) -> bool {
    // Field 1000, four bytes.
    let later = [bytes, &[0xc2, 0x3e, 4, 1, 2, 3, 4]].concat();
    let Ok(message) = M::decode(bytes) else { return false };
    // Today's type would not write a field that it did not read.
    message.encode_to_vec() == bytes && M::decode(&later[..]).is_ok_and(|later| later == message)
}

macro_rules! types {
    ($($message:ident)+) => {
        fn is_read_by_name(name: &str, bytes: &[u8]) -> Option<bool> {
            $(if name == v1::$message::full_name() { return Some(is_read::<v1::$message>(bytes)); })+
            None
        }
    };
}

types! {
    BeginRequest BeginResponse ShowRequest ShowResponse DecideRequest DecideResponse FinishLoginRequest FinishLoginResponse
    ExchangeRequest ExchangeResponse IntrospectRequest IntrospectResponse VerifyRequest VerifyResponse RevokeRequest
    RevokeResponse RegisterRequest RegisterResponse DescribeRequest DescribeResponse
}

#[test]
fn recorded_exchanges_of_the_previous_release_are_read() {
    let mut names = Vec::new();
    for line in EXCHANGES.lines().filter(|line| !line.starts_with('#')) {
        // A message without fields has no bytes.
        let (name, hex) = line.split_once(' ').unwrap_or((line, ""));
        let byte = |n: usize| u8::from_str_radix(&hex[n..n + 2], 16).expect("hexadecimal digits");
        let bytes: Vec<_> = (0..hex.len()).step_by(2).map(byte).collect();
        assert_eq!(is_read_by_name(name, &bytes), Some(true), "{name}");
        names.push(name);
    }
    for name in ["BeginResponse", "ShowResponse", "DecideResponse", "FinishLoginResponse", "ExchangeResponse"] {
        assert!(names.contains(&format!("lychgate.v1.{name}").as_str()), "one whole authorization has a {name}");
    }
    let expected = "ExchangeRequest";
    assert_eq!(names.iter().filter(|name| name.ends_with(expected)).count(), 2, "a code and a refresh token");
}
