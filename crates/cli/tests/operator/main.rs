//! The operator's verbs: the real program against a scripted control plane, which may also be hostile, broken or silent.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that panics has failed")]

mod doctor;
mod server;

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use lychgate_api::v1::watch_response::Update;
use lychgate_api::{Reason, error_metadata, v1};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;
use tonic::{Code, Status};

use server::{Call, Reply, Server};

/// Far longer than any command takes: only a command that hangs reaches it.
const TIMEOUT: Duration = Duration::from_secs(60);
const TOKEN: &str = "the-token-of-the-tests";
const HOSTILE: &str = "a\u{1b}[2J\u{9b}1m\u{7}\r\n\u{202e}é";

/// A control plane with one issuer, which answers other calls by `script`.
async fn server(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |call| match call.method.as_str() {
        "IssuerService/List" => Reply::one(&issuers(&["main"])),
        _ => script(call),
    })
    .await
}

fn issuers(ids: &[&str]) -> v1::ListResponse {
    let issuer = |id: &&str| v1::Issuer { id: (*id).to_owned(), ..v1::Issuer::default() };
    v1::ListResponse { issuers: ids.iter().map(issuer).collect(), max_age: None }
}

fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lychgate"));
    command.args(arguments).env_clear().env("LYCHGATE_CONTROL", url).env("LYCHGATE_TOKEN", TOKEN).kill_on_drop(true);
    command
}

async fn run(server: &Server, arguments: &[&str]) -> Ran {
    ended(&mut command(&server.url, arguments)).await
}

/// The result of a command, which must end by itself.
async fn ended(command: &mut Command) -> Ran {
    Ran::of(timeout(TIMEOUT, command.output()).await.expect("it ends by itself").unwrap())
}

#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one line of a command that failed.
    #[track_caller]
    fn failed(&self, code: i32) -> &str {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{self:?}");
        assert!(self.stderr.starts_with("lychgate: ") && self.stderr.lines().count() == 1, "{self:?}");
        &self.stderr
    }
}

#[tokio::test]
async fn each_failure_has_its_exit_code_and_its_line() {
    for (reply, code, expected) in [
        (Reply::refusal(Code::NotFound, Reason::RecordUnknown, &[]), 1, "RECORD_UNKNOWN: because"),
        (Reply::refusal(Code::InvalidArgument, Reason::RequestMalformed, &[]), 2, "REQUEST_MALFORMED: because"),
        (Reply::refusal(Code::Unavailable, Reason::StoreUnavailable, &[]), 3, "with the same --request-id"),
        (Reply::refusal(Code::Unauthenticated, Reason::Unauthenticated, &[]), 4, "--token-file or LYCHGATE_TOKEN"),
        (Reply::refusal(Code::PermissionDenied, Reason::PermissionDenied, &[]), 4, "of another [[principals]]"),
        (Reply::refusal(Code::Internal, Reason::Fault, &[]), 5, "FAULT: because"),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let server = server(move |_| reply.lock().unwrap().take().unwrap()).await;
        let ran = run(&server, &["grants", "get", "G"]).await;
        let line = ran.failed(code);
        assert!(line.contains(expected) && line.ends_with("(call id-of-the-call)\n"), "{line}");
    }
}

#[tokio::test]
async fn an_unreachable_address_is_not_reported_as_another_server() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let ran = ended(&mut command(&closed, &["keys", "list"])).await;
    let line = ran.failed(3);
    assert!(line.contains(&closed) && line.contains("refused") && line.contains("LYCHGATE_CONTROL"), "{line}");

    let other = Server::start(|_| Reply::ended(Status::unimplemented("no such service"))).await;
    assert_eq!(run(&other, &["keys", "list"]).await.code, Some(5));
}

#[tokio::test]
async fn missing_or_unsafe_arguments_are_refused_before_any_call() {
    let server = server(|_| Reply::default()).await;
    let with = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = command(&server.url, arguments);
        command.envs(variables.iter().copied());
        command
    };
    let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let mut without = command(&server.url, &["keys", "list"]);
    without.env_remove("LYCHGATE_TOKEN");
    for (mut command, expected) in [
        (without, "no credentials: "),
        (with(&[], &["keys", "list", "--cert-file", "/nowhere", "--key-file", "/nowhere"]), "--cert-file: /nowhere"),
        (with(&[], &["keys", "list", "--cert-file", pem, "--key-file", pem]), "--cert-file: http://127.0.0.1:"),
        (with(&[("LYCHGATE_TOKEN", "")], &["keys", "list"]), "is empty"),
        (with(&[], &["keys", "list", "--token-file", "/nowhere"]), "--token-file: "),
        (with(&[], &["keys", "list", "--ca-file", "/nowhere"]), "--ca-file: /nowhere cannot be read"),
        (with(&[], &["keys", "list", "--control", "http://192.0.2.1:1"]), "use https"),
        (with(&[], &["keys", "list", "--control", "control:1"]), "--control: control:1 is not http(s)://HOST:PORT"),
        (
            with(&[], &["consents", "revoke", "--subject", "a|b", "--client", "c", "--reason", "r"]),
            "one consent needs one",
        ),
    ] {
        let ran = ended(&mut command).await;
        assert!(ran.failed(2).contains(expected), "{expected}: {ran:?}");
    }
    // Errors of clap have more than one line and the same exit code.
    for arguments in [
        &["keys", "list", "--token", TOKEN][..],
        &["keys", "list", "--cert-file", pem],
        &["keys", "list", "--key-file", pem],
        &["consents", "revoke", "--reason", "r"],
        &["consents", "revoke", "--subject", "a|b"],
        &["consents", "revoke", "--everything", "https://as.example", "--client", "c", "--reason", "r"],
        &["keys", "rotate"],
        &["keys", "rotate", "--all", "--purpose", "code"],
        &["events", "list", "--since", "yesterday"],
        &["connections", "end", "--reason", "r"],
        &["connections", "end", "a|b"],
        &["connections", "list", "--state", "expired"],
    ] {
        assert_eq!(run(&server, arguments).await.code, Some(2), "{arguments:?}");
    }
    assert!(server.calls().is_empty());
}

#[tokio::test]
async fn a_call_carries_the_token_and_an_id_of_its_own() {
    let server = server(|_| Reply::one(&v1::ListKeysResponse::default())).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "a-token-of-a-file\n").unwrap();
    let path = file.path().to_str().unwrap();
    assert_eq!(run(&server, &["keys", "list"]).await.code, Some(0));
    assert_eq!(run(&server, &["keys", "list", "--token-file", path]).await.code, Some(0));
    let calls = server.calls();
    let said = |n: usize, name: &str| calls[n].headers[name].to_str().unwrap().to_owned();
    assert_eq!(calls.len(), 4, "one to find the issuer, one to list");
    assert_eq!(said(1, "authorization"), format!("Bearer {TOKEN}"));
    assert_eq!(said(3, "authorization"), "Bearer a-token-of-a-file");
    let mut ids: Vec<_> = (0..4).map(|n| said(n, "x-request-id")).collect();
    ids.sort();
    ids.dedup();
    assert!(ids.len() == 4 && ids.iter().all(|id| id.len() == 32), "{ids:?}");
}

#[tokio::test]
async fn the_issuer_may_be_omitted_only_if_there_is_one() {
    for (listed, code, expected) in [
        (Reply::one(&issuers(&["a", "b"])), 2, "there are several issuers, a, b: name one with --issuer"),
        (Reply::one(&issuers(&[])), 2, "this token has access to no issuer"),
        (Reply::refusal(Code::PermissionDenied, Reason::PermissionDenied, &[]), 2, "name one with --issuer"),
        (Reply::refusal(Code::Unauthenticated, Reason::Unauthenticated, &[]), 4, "UNAUTHENTICATED"),
    ] {
        let listed = std::sync::Mutex::new(Some(listed));
        let server = Server::start(move |call| match call.method.as_str() {
            "IssuerService/List" => listed.lock().unwrap().take().unwrap(),
            _ => Reply::one(&v1::ListKeysResponse::default()),
        })
        .await;
        let ran = run(&server, &["keys", "list"]).await;
        assert!(ran.failed(code).contains(expected), "{ran:?}");
        assert_eq!(run(&server, &["keys", "list", "--issuer", "b"]).await.code, Some(0));
        assert_eq!(server.calls().last().unwrap().read::<v1::ListKeysRequest>().issuer_id, "b");
    }
}

/// Ten clients on four pages, one of them empty.
fn pages(call: &Call) -> Reply {
    let request: v1::ListClientsRequest = call.read();
    let (from, to, next) = match request.page_token.as_str() {
        "" => (0, 4, "second"),
        "second" => (4, 4, "third"),
        "third" => (4, 7, "fourth"),
        _ => (7, 10, ""),
    };
    let client = |n: usize| v1::Client { client_id: format!("client-{n}"), ..v1::Client::default() };
    Reply::one(&v1::ListClientsResponse { clients: (from..to).map(client).collect(), next_page_token: next.to_owned() })
}

#[tokio::test]
async fn pages_are_followed_to_the_limit_and_no_further() {
    for (limit, listed, sizes, note) in [
        (&[][..], 10, &[100, 96, 96, 93][..], false),
        (&["--all"], 10, &[1000, 1000, 1000, 1000], false),
        (&["--limit", "10"], 10, &[10, 6, 6, 3], false),
        (&["--limit", "7"], 7, &[7, 3, 3], true),
        (&["--limit", "5"], 5, &[5, 1, 1], true),
        (&["--limit", "4"], 4, &[4], true),
        // Configured clients come in addition to the page's size.
        (&["--limit", "2"], 2, &[2], true),
    ] {
        let server = server(pages).await;
        let ran = run(&server, &[&["clients", "list", "--json"], limit].concat()).await;
        let expected: Vec<_> = (0..listed).map(|n| json!({ "clientId": format!("client-{n}") })).collect();
        assert_eq!((ran.code, ran.json()), (Some(0), expected), "{limit:?}");
        let asked: Vec<_> =
            server.calls()[1..].iter().map(|call| call.read::<v1::ListClientsRequest>().page_size).collect();
        assert_eq!(asked, sizes, "{limit:?}");
        assert_eq!(ran.stderr.contains("--all"), note, "{limit:?}: {}", ran.stderr);
    }
}

/// The head comes once for all pages, and a long id does not widen the rows after it.
#[tokio::test]
async fn a_table_has_one_head_and_cuts_no_id() {
    let long = format!("https://app.example/{}", "x".repeat(100));
    let server = server(move |call| {
        let client = |id: &str, name: &str| v1::Client {
            client_id: id.to_owned(),
            name: name.to_owned(),
            kind: v1::ClientKind::Registered.into(),
            ..v1::Client::default()
        };
        let (clients, next) = match call.read::<v1::ListClientsRequest>().page_token.as_str() {
            "" => {
                let name_doubts = vec![v1::NameDoubt::Instructs.into(), v1::NameDoubt::Cut.into()];
                (vec![v1::Client { name_doubts, ..client("client-1", "One") }], "more")
            }
            _ => (vec![client(&long, ""), client("client-3", "Three")], ""),
        };
        Reply::one(&v1::ListClientsResponse { clients, next_page_token: next.to_owned() })
    })
    .await;
    let ran = run(&server, &["clients", "list"]).await;
    let long = format!("https://app.example/{}", "x".repeat(100));
    let expected = [
        "CLIENT    KIND        STATE  REGISTERED  NAME  DOUBTS".to_owned(),
        "client-1  registered  -      -           One   instructs cut".to_owned(),
        format!("{long}  registered  -      -           -      -"),
        format!("{:40}  registered  -      -           Three  -", "client-3"),
    ];
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), expected);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
}

/// The reader closes its end while an endless list is printed.
#[tokio::test]
async fn a_reader_that_leaves_early_ends_a_list_quietly() {
    let server = server(|call| {
        let mut page = v1::ListClientsResponse { next_page_token: "more".to_owned(), ..Default::default() };
        let id = format!("client-after-{}", call.read::<v1::ListClientsRequest>().page_token);
        page.clients = vec![v1::Client { client_id: id, ..v1::Client::default() }; 100];
        Reply::one(&page)
    })
    .await;
    for arguments in [&["clients", "list", "--all"][..], &["clients", "list", "--all", "--json"]] {
        let mut command = command(&server.url, arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next_line().await.unwrap().is_some());
        drop(lines);
        let output = timeout(TIMEOUT, child.wait_with_output()).await.expect("it ends by itself");
        let ran = Ran::of(output.unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    }
}

/// In tables, paragraphs, JSON, sentences, questions and errors.
#[tokio::test]
async fn control_characters_are_escaped_in_every_output() {
    let hostile = HOSTILE.to_owned();
    let server = server(move |call| match call.method.as_str() {
        "AdminService/ListEvents" => {
            let event = v1::Event { subject: hostile.clone(), reason: hostile.clone(), ..v1::Event::default() };
            Reply::one(&v1::ListEventsResponse { events: vec![event], next_page_token: String::new() })
        }
        "AdminService/GetClient" => {
            let uris = vec![hostile.clone()];
            let client = v1::Client { name: hostile.clone(), redirect_uris: uris, ..v1::Client::default() };
            Reply::one(&v1::GetClientResponse { client: Some(client) })
        }
        "AdminService/RevokeSubjects" => {
            let failure = v1::RevocationFailure { reason: hostile.clone(), message: hostile.clone() };
            let outcome = Some(v1::subject_revocation::Outcome::Failure(failure));
            let revocations = vec![v1::SubjectRevocation { subject: hostile.clone(), outcome }];
            Reply::one(&v1::RevokeSubjectsResponse { revocations })
        }
        "ConsentService/Watch" => {
            let change = v1::Change { subject: hostile.clone(), ..v1::Change::default() };
            let update = Some(Update::Change(change));
            let message = v1::WatchResponse { cursor: "c".to_owned(), update }.encode_to_vec();
            Reply::refusal(Code::Internal, Reason::Fault, &[]).after(vec![message])
        }
        _ => Reply::refusal(Code::OutOfRange, Reason::Fault, &[(error_metadata::OLDEST_CURSOR, &hostile)]),
    })
    .await;
    for arguments in [
        &["events", "list"][..],
        &["events", "list", "--json"],
        &["clients", "get", "c"],
        &["clients", "get", "c", "--json"],
        &["consents", "revoke", "--subject", "a|b", "--subject", "c|d", "--reason", "r"],
        &["events", "watch"],
        &["events", "watch", "--json"],
        &["grants", "get", "g"],
    ] {
        let ran = run(&server, arguments).await;
        let shown = [ran.stdout, ran.stderr].concat();
        assert!(shown.contains("[2J"), "{arguments:?}: the text is missing: {shown}");
        assert!(shown.chars().all(|c| matches!(c, ' '..='~' | '\n')), "{arguments:?}: {shown:?}");
    }
    let read = run(&server, &["clients", "get", "c", "--json"]).await.json();
    assert_eq!(read, [json!({ "client": { "name": HOSTILE, "redirectUris": [HOSTILE] } })]);
}

#[tokio::test]
async fn a_request_id_is_given_or_made_and_printed_before_use() {
    let server = server(|_| Reply::one(&v1::DisableClientResponse { changed: true })).await;
    let sent = || server.calls().last().unwrap().read::<v1::DisableClientRequest>();
    let disable = ["clients", "disable", "c", "--reason", "spam"];
    let ran = run(&server, &disable).await;
    let made = sent().request_id;
    assert_eq!((made.len(), sent().reason.as_str(), ran.stdout.as_str()), (32, "spam", "disabled\n"));
    assert!(ran.stderr.ends_with(&format!("--request-id {made}\n")), "{}", ran.stderr);
    let ran = run(&server, &[&disable[..], &["--request-id", &made]].concat()).await;
    assert_eq!((sent().request_id, ran.stderr), (made.clone(), String::new()));
    run(&server, &disable).await;
    assert_ne!(sent().request_id, made, "another command is another request");
}

#[tokio::test]
async fn a_check_that_is_not_granted_exits_with_one() {
    for (verdict, code) in [
        (v1::CheckVerdict::Granted.into(), 0),
        (v1::CheckVerdict::Denied.into(), 1),
        (v1::CheckVerdict::MissingScopes.into(), 1),
        (v1::CheckVerdict::Unspecified.into(), 1),
        // A verdict that this version does not know is not granted.
        (99, 1),
    ] {
        let result = v1::CheckResult { verdict, ..v1::CheckResult::default() };
        let reply = v1::CheckResponse { result: Some(result), revision: "r".to_owned() };
        let server = server(move |_| Reply::one(&reply)).await;
        let check = ["consents", "check", "--subject", "a|b", "--client", "c", "--resource", "https://r.example"];
        assert_eq!(run(&server, &check).await.code, Some(code), "{verdict}");
    }
    let server = server(|_| Reply::one(&v1::CheckResponse::default())).await;
    let check = ["consents", "check", "--subject", "a|b", "--client", "c", "--resource", "https://r.example"];
    assert_eq!(run(&server, &check).await.code, Some(1), "without a result nothing is granted");
}

fn change(n: usize) -> Vec<u8> {
    let change = v1::Change { event_id: n.to_string(), kind: "consent.approved".to_owned(), ..v1::Change::default() };
    v1::WatchResponse { cursor: format!("-cursor-{n}"), update: Some(Update::Change(change)) }.encode_to_vec()
}

/// The stream ends, the watcher is too slow, the store is unavailable: each time the watch continues after its last event. Any
/// other failure ends it, and its line says how to continue.
#[tokio::test]
async fn a_watch_reconnects_with_its_last_cursor_until_that_is_lost() {
    let server = server(|call| match call.read::<v1::WatchRequest>().cursor.as_str() {
        "" => Reply::stream(&[change(1), change(2)]),
        "-cursor-2" => Reply::refusal(Code::ResourceExhausted, Reason::WatchTooSlow, &[]).after(vec![change(3)]),
        "-cursor-3" => Reply::refusal(Code::Unavailable, Reason::StoreUnavailable, &[]).after(vec![change(4)]),
        "-cursor-4" => Reply::refusal(Code::OutOfRange, Reason::CursorLost, &[(error_metadata::OLDEST_CURSOR, "OLD")]),
        _ => Reply::refusal(Code::Unauthenticated, Reason::Unauthenticated, &[]).after(vec![change(5)]),
    })
    .await;
    let ran = run(&server, &["events", "watch", "--json"]).await;
    let seen: Vec<_> = ran.json().into_iter().map(|line| line["change"]["eventId"].clone()).collect();
    assert_eq!((ran.code, seen), (Some(5), vec![json!("1"), json!("2"), json!("3"), json!("4")]));
    let last = ran.stderr.lines().last().unwrap();
    assert!(last.contains("CURSOR_LOST") && last.contains("--after OLD"), "{last}");
    assert!(!last.contains("-cursor-4"), "a lost cursor must not be suggested: {last}");

    let ran = run(&server, &["events", "watch", "--after", "-another", "--json"]).await;
    assert_eq!(ran.code, Some(4));
    assert!(ran.stderr.contains("to continue: --after -cursor-5"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_watch_that_never_got_an_answer_does_not_reconnect() {
    let server = server(|_| Reply::refusal(Code::Unavailable, Reason::StoreUnavailable, &[])).await;
    let ran = run(&server, &["consents", "watch"]).await;
    ran.failed(3);
}

/// Events of grants and keys end no consent, but an event about all clients of a person may.
#[tokio::test]
async fn a_watch_shows_the_kinds_of_its_noun_since_a_time() {
    let server = server(|_| {
        let kinds = ["consent.approved", "connection.ended", "subject.revoked", "keys.rotated", "something.new"];
        let mut messages: Vec<_> = kinds
            .into_iter()
            .enumerate()
            .map(|(n, kind)| {
                let time = Some(prost_types::Timestamp { seconds: 100 + i64::try_from(n).unwrap(), nanos: 0 });
                let change = v1::Change { kind: kind.to_owned(), time, ..v1::Change::default() };
                v1::WatchResponse { cursor: "c".to_owned(), update: Some(Update::Change(change)) }.encode_to_vec()
            })
            .collect();
        let checkpoint = Update::Checkpoint(v1::Checkpoint::default());
        messages.push(v1::WatchResponse { cursor: "c".to_owned(), update: Some(checkpoint) }.encode_to_vec());
        Reply::refusal(Code::Internal, Reason::Fault, &[]).after(messages)
    })
    .await;
    for (arguments, expected) in [
        (
            &["events"][..],
            &["consent.approved", "connection.ended", "subject.revoked", "keys.rotated", "something.new"][..],
        ),
        (&["consents"], &["consent.approved", "subject.revoked", "something.new"]),
        (&["consents", "--since", "1970-01-01T00:01:42Z"], &["subject.revoked", "something.new"]),
        (&["consents", "--since", "1970-01-01T00:01:44Z", "--checkpoints"], &["something.new", "checkpoint"]),
    ] {
        let ran = run(&server, &[&arguments[..1], &["watch", "--json"], &arguments[1..]].concat()).await;
        let shown = ran.json().into_iter().map(|line| match line["change"]["kind"].as_str() {
            Some(kind) => kind.to_owned(),
            None => line.as_object().unwrap().keys().find(|key| *key == "checkpoint").unwrap().clone(),
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{arguments:?}");
    }
}

fn revocations(call: &Call) -> Reply {
    use v1::admin_service_revoke_response::Outcome;
    let request: v1::AdminServiceRevokeRequest = call.read();
    let outcome = if request.dry_run {
        Outcome::Estimate(v1::RevocationEstimate {
            live_consents: 3,
            live_grants: 2,
            incomplete: true,
            ..Default::default()
        })
    } else {
        Outcome::Revocation(v1::Revocation { changed: true, revoke_time: None })
    };
    Reply::one(&v1::AdminServiceRevokeResponse { outcome: Some(outcome) })
}

/// The question names the extent of the revocation.
#[tokio::test]
async fn a_wide_revocation_asks_for_confirmation_on_a_terminal_only() {
    let server = server(revocations).await;
    let revocations_sent = || {
        let requests = server.calls().into_iter().filter(|call| call.method == "AdminService/Revoke");
        let requests = requests.map(|call| call.read::<v1::AdminServiceRevokeRequest>());
        requests.filter(|request| !request.dry_run).count()
    };
    let wide = ["consents", "revoke", "--subject", "idp|alice", "--reason", "lost"];
    let one = ["grants", "revoke", "-hG", "--reason", "lost"];
    let connection = ["connections", "end", "idp|alice", "--reason", "lost"];
    for (arguments, answer, asked, code) in [
        (&wide[..], "n\n", true, 1),
        (&wide, "\n", true, 1),
        (&wide, "y\n", true, 0),
        (&["clients", "revoke", "c", "--reason", "lost"], "n\n", true, 1),
        (&["consents", "revoke", "--everything", "https://as.example", "--reason", "r"], "n\n", true, 1),
        (&[&wide[..], &["--yes"]].concat(), "n\n", false, 0),
        (&[&wide[..], &["--dry-run"]].concat(), "n\n", false, 0),
        (&one, "n\n", false, 0),
        (&connection, "n\n", false, 0),
    ] {
        let before = revocations_sent();
        let (shown, status) = on_a_terminal(&server, arguments, answer).await;
        assert_eq!(status, Some(code), "{arguments:?} {answer:?}: {shown}");
        assert_eq!(shown.contains("at least 3 live consents and 2 live grants. Go on? [y/N]"), asked, "{shown}");
        let done = usize::from(code == 0 && !arguments.contains(&"--dry-run"));
        assert_eq!(revocations_sent() - before, done, "{arguments:?} {answer:?}: {shown}");
    }
    let before = revocations_sent();
    let ran = run(&server, &wide).await;
    assert_eq!((ran.code, ran.stdout.as_str(), revocations_sent() - before), (Some(0), "revoked\n", 1));
}

/// The output and the exit code after a person answered the question.
async fn on_a_terminal(server: &Server, arguments: &[&str], answer: &str) -> (String, Option<i32>) {
    let words = [&[env!("CARGO_BIN_EXE_lychgate")], arguments].concat();
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &quoted.join(" "), "/dev/null"]);
    command.env("LYCHGATE_CONTROL", &server.url).env("LYCHGATE_TOKEN", TOKEN).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, answer.as_bytes()).await.unwrap();
    let output = timeout(TIMEOUT, child.wait_with_output()).await.expect("it ends by itself");
    let ran = Ran::of(output.unwrap());
    drop(stdin);
    (ran.stdout, ran.code)
}

#[tokio::test]
async fn a_connection_is_listed_and_ended_by_its_subject() {
    use v1::admin_service_revoke_request::Target;
    use v1::admin_service_revoke_response::Outcome;
    let server = server(|call| {
        if call.method == "AdminService/Revoke" {
            let request: v1::AdminServiceRevokeRequest = call.read();
            let outcome = if request.dry_run {
                Outcome::Estimate(v1::RevocationEstimate { live_connections: 1, ..Default::default() })
            } else {
                Outcome::Revocation(v1::Revocation { changed: true, revoke_time: None })
            };
            return Reply::one(&v1::AdminServiceRevokeResponse { outcome: Some(outcome) });
        }
        let time = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let connection = v1::Connection {
            subject: "idp|alice".to_owned(),
            state: v1::ConnectionState::Uncertain.into(),
            sign_in_time: time(1),
            obtain_time: time(2),
            generation: 3,
            scopes: vec!["repo".to_owned(), "read:user".to_owned()],
            end_time: None,
        };
        Reply::one(&v1::ListConnectionsResponse { connections: vec![connection], next_page_token: String::new() })
    })
    .await;
    let list = ["connections", "list", "--subject", "idp|alice", "--state", "uncertain"];
    let ran = run(&server, &list).await;
    let expected = [
        "SUBJECT    STATE      SIGNED IN             OBTAINED              GENERATION  SCOPES",
        "idp|alice  uncertain  1970-01-01T00:00:01Z  1970-01-01T00:00:02Z  3           repo read:user",
    ];
    assert_eq!((ran.code, ran.stdout.lines().collect::<Vec<_>>()), (Some(0), expected.to_vec()));
    let asked: v1::ListConnectionsRequest = server.calls().last().unwrap().read();
    assert_eq!((asked.subject.as_str(), asked.state()), ("idp|alice", v1::ConnectionState::Uncertain));

    let ran = run(&server, &["connections", "end", "idp|alice", "--dry-run"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "would end a live connection\n"));
    let ran = run(&server, &["connections", "end", "idp|alice", "--reason", "lost"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "revoked\n"));
    let sent: v1::AdminServiceRevokeRequest = server.calls().last().unwrap().read();
    assert_eq!((sent.target, sent.reason.as_str()), (Some(Target::ConnectionOf("idp|alice".to_owned())), "lost"));
}

#[tokio::test]
async fn a_subject_that_fails_is_reported_and_the_others_are_revoked() {
    use v1::subject_revocation::Outcome;
    let server = server(|call| {
        if call.method == "AdminService/Revoke" {
            return revocations(call);
        }
        let request: v1::RevokeSubjectsRequest = call.read();
        let revoke_time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
        let done = Outcome::Revocation(v1::Revocation { changed: true, revoke_time });
        let failed = Outcome::Failure(v1::RevocationFailure { reason: "FAULT".to_owned(), message: "no".to_owned() });
        let outcomes = [done, failed].into_iter().map(Some);
        let one = |(subject, outcome)| v1::SubjectRevocation { subject, outcome };
        let revocations = request.subjects.into_iter().zip(outcomes).map(one).collect();
        Reply::one(&v1::RevokeSubjectsResponse { revocations })
    })
    .await;
    let both = ["consents", "revoke", "--subject", "a|b", "--subject", "c|d"];
    let ran = run(&server, &[&both[..], &["--reason", "lost"]].concat()).await;
    assert_eq!(ran.stdout, "a|b: revoked at 1970-01-01T00:00:01Z\nc|d: FAILED: FAULT: no\n");
    assert_eq!(ran.code, Some(5));
    assert!(ran.stderr.contains("1 of 2 failed"), "{}", ran.stderr);
    let ran = run(&server, &[&both[..], &["--dry-run", "--json"]].concat()).await;
    let estimate = json!({ "estimate": { "liveConsents": "3", "liveGrants": "2", "incomplete": true } });
    assert_eq!((ran.code, ran.json()), (Some(0), vec![estimate.clone(), estimate]));
}

#[tokio::test]
async fn completions_have_every_noun_and_verb() {
    let server = server(|_| Reply::default()).await;
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&server, &["completions", shell]).await;
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        for word in
            ["issuers", "consents", "clients", "grants", "connections", "keys", "events", "rotate", "watch", "dry-run"]
        {
            assert!(ran.stdout.contains(word), "{shell}: {word}");
        }
    }
    // A shell that is installed must be able to parse its script.
    if Path::new("/bin/bash").exists() {
        // In a file: the script is longer than an argument may be.
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(script.path(), run(&server, &["completions", "bash"]).await.stdout).unwrap();
        let status = Command::new("/bin/bash").arg("-n").arg(script.path()).status().await.unwrap();
        assert!(status.success());
    }
    assert_eq!(run(&server, &["completions", "cmd"]).await.code, Some(2));
}
