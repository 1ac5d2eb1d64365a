//! One value of each kind and state, made of nothing but constants. Never changed: each belongs to a kept file.

use std::fmt;

use lychgate_domain::client::jwk::{KeyParameters, PublicJwk, SignatureAlgorithm};
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::client::secret::SecretDigest;
use lychgate_domain::client::{
    Authentication, AuthenticationMethod, Client, ClientDescription, ClientKeys, ClientOrigin, ClientStatus, GrantType,
    SecretMethod, UnsignedRequests,
};
use lychgate_domain::consent::{Consent, ConsentScreen, ConsentStatus, Counters, Decided, PresentedScreen};
use lychgate_domain::event::{self, Address, Event, EventKind, OperatorReason};
use lychgate_domain::flow::{
    Approved, Authorization, CodeIssued, Denied, Failed, Issuance, LoggingIn, LoginFailure, Redeemed, SignedIn,
};
use lychgate_domain::id::{Attempt, AuthorizationId, BrowserId, ClientId, EventId, GrantId};
use lychgate_domain::issuer::{IssuerUrl, RulesDigest};
use lychgate_domain::keys::rotation::{KeyFamily, RotationUrgency};
use lychgate_domain::keys::{KeyId, Purpose};
use lychgate_domain::request::pkce::CodeChallenge;
use lychgate_domain::revocation::{DeferredTokens, RevocationTarget, ScanPosition, UpstreamRevocation};
use lychgate_domain::scope::Scopes;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::{EndedBy, Grant, GrantPhase};
use lychgate_domain::upstream::connection::{Connection, ConnectionState, Lease, connection_id};
use lychgate_domain::upstream::tokens::{SealedFor, SealedTokens};
use prost::Message as _;

use crate::configuration::ConfigurationDigest;
use crate::copy::{CopyId, CopyProgress, Fence, FenceState, NextPart};
use crate::digests::{DigestChain, RangeDigest};
use crate::keyring::{KeyState, Keyring, SealedKey, SigningAlgorithm};
use crate::proto::{self, event::Kind};
use crate::record::{Counter, OperatorRequest, Record, UnregisteredClient, UsedAssertion, decode_event, encode_event};
use lychgate_engine::{Cursor, Incarnation, Space};

/// A value, as today's code writes it, and how it is read.
pub(super) struct Golden {
    /// Names kind, state and version.
    pub(super) file: String,
    pub(super) bytes: Vec<u8>,
    /// Fields that hold a message, and are set.
    pub(super) nested: &'static [u32],
    read: Reading,
}

type Reading = Box<dyn Fn(&[u8]) -> Option<Read>>;

/// The result of reading bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) is_the_value: bool,
    /// Written and read again, it is what it was.
    pub(super) is_stable: bool,
}

impl Golden {
    fn new<R: Record + PartialEq + fmt::Debug + 'static>(name: &str, nested: &'static [u32], value: R) -> Self {
        let bytes = value.encode_record();
        let read = move |bytes: &[u8]| {
            let read = R::decode_record(bytes)?;
            let again = R::decode_record(&read.encode_record());
            Some(Read { is_the_value: read == value, is_stable: again.as_ref() == Some(&read) })
        };
        Self { file: format!("{name}.v1.hex"), bytes, nested, read: Box::new(read) }
    }

    /// The name of the file of `event` if its kind has only one.
    fn event_called(name: &str, nested: &'static [u32], event: Event) -> Self {
        Self { file: format!("event-{name}.v1.hex"), ..Self::event(nested, event) }
    }

    /// Events are written for readers to come: what stands in them is held against the value field by field.
    fn event(nested: &'static [u32], event: Event) -> Self {
        let name = format!("event-{}", event.kind.name().replace(['.', '_'], "-"));
        let bytes = encode_event(&issuer(), &event);
        let read = move |bytes: &[u8]| {
            let read = proto::Event::decode(bytes).ok()?;
            let decoded = decode_event(bytes)?;
            let again = decode_event(&read.encode_to_vec());
            let is_the_value = says(&read, &event) && decoded == (issuer().as_str().to_owned(), event.clone());
            Some(Read { is_the_value, is_stable: again.as_ref() == Some(&decoded) })
        };
        Self { file: format!("{name}.v1.hex"), bytes, nested, read: Box::new(read) }
    }

    pub(super) fn read(&self, bytes: &[u8]) -> Option<Read> {
        (self.read)(bytes)
    }
}

#[expect(clippy::too_many_lines, reason = "a table of values")]
pub(super) fn all() -> Vec<Golden> {
    let fixed = [
        Golden::new("store-meta", &[], proto::StoreMeta { record_level: 1 }),
        Golden::new("store-leaving", &[], fence(FenceState::Leaving)),
        Golden::new("store-left", &[], fence(FenceState::Left)),
        Golden::new("store-arriving-events", &[5], fence(arriving(NextPart::Events))),
        Golden::new("store-arriving-records", &[5], fence(arriving(NextPart::Records(Space::Grants, b"key".to_vec())))),
        Golden::new("store-arriving-complete", &[5], fence(arriving(NextPart::Complete))),
        Golden::new("store-arrived", &[], fence(FenceState::Arrived)),
        Golden::new("counter", &[], Counter(0x0102_0304_0506)),
        Golden::new("keyring", &[], keyring()),
        Golden::new("keyring-with-algorithms", &[], keyring_with_algorithms()),
        Golden::new("client-registered", &[8], registered_client()),
        Golden::new("client-with-all-fields", &[8], client_with_all_fields()),
        Golden::new("client-disabled", &[8], Client { status: ClientStatus::Disabled, ..registered_client() }),
        Golden::new("client-with-secret", &[8, 10], client_with_secret()),
        Golden::new("client-with-keys", &[8, 11], client_with_keys()),
        Golden::new("client-with-jwks-uri", &[8], client_with_jwks_uri()),
        Golden::new("assertion-used", &[], UsedAssertion(attempt(0x12))),
        Golden::new("consent-live", &[], consent()),
        Golden::new("consent-revoked", &[], revoked_consent()),
        Golden::new("consent-with-counters", &[14], consent_with_counters()),
        Golden::new("consent-one-button", &[], Consent { how: ConsentScreen::OneClick, ..consent() }),
        Golden::new("consent-silent", &[], Consent { how: ConsentScreen::Skipped, ..consent() }),
        Golden::new("consent-under-policy", &[], Consent { policy_version: Some("2026-11".to_owned()), ..consent() }),
        Golden::new(
            "consent-with-client-name",
            &[],
            Consent { client_name: Some("Notizen für Ä".to_owned()), ..consent() },
        ),
        Golden::new(
            "consent-under-counters",
            &[14],
            Consent { counters: Counters { issuer: 1, client: 2, subject: 3 }, ..consent() },
        ),
        Golden::new("consent-with-upstream-tokens", &[], Consent { upstream_tokens: true, ..consent() }),
        Golden::new("client-marked", &[], UnregisteredClient { id: client_id(), status: ClientStatus::Disabled }),
        Golden::new("range-digest", &[3, 4], range_digest()),
        Golden::new(
            "digest-chain",
            &[1],
            DigestChain { newest: range_digest(), kept_from: 3, announced: Some(KeyId(0x1000_0006)) },
        ),
        Golden::new("digest-chain-begun", &[1], DigestChain { newest: range_digest(), kept_from: 1, announced: None }),
        Golden::new("configuration-seen", &[], ConfigurationDigest([0xC0; 32])),
        Golden::new("operator-request", &[], OperatorRequest { digest: [0x0D; 32], at: at(90) }),
        Golden::new("grant-live", &[8, 11, 17], grant()),
        Golden::new("grant-with-previous-key", &[8, 11, 17], rotated_grant()),
        Golden::new("grant-of-signing-client", &[8, 11, 17], grant_of_signing_client()),
        Golden::new("grant-without-upstream-tokens", &[8, 11], grant().without_upstream_tokens()),
    ];
    let ended =
        [EndedBy::CodeReplay, EndedBy::RefreshTokenReplay, EndedBy::Client, EndedBy::Operator, EndedBy::EntryRules];
    let ended = ended.map(ended_grant);
    let less = Approved { decided: Decided { scopes: scopes("read"), ..decided() }, ..approved() };
    let without_state = Approved { decided: Decided { state: None, ..decided() }, ..approved() };
    let approved_as = [
        ("named", PresentedScreen::Full { presented_to: Some(subject()) }),
        ("button", PresentedScreen::OneClick { presented_to: subject() }),
        ("silently", PresentedScreen::Skipped { presented_to: subject() }),
    ]
    .map(|(name, seen)| {
        let value = Authorization::Approved(Approved { seen, ..approved() });
        Golden::new(&format!("authorization-approved-{name}"), &[1, 3], value)
    });
    let under_policy = Decided { policy_version: Some("2026-11".to_owned()), ..decided() };
    let under_policy = Authorization::Approved(Approved { decided: under_policy, ..approved() });
    let third = Decided { answer: 2, replaced: vec![attempt(0x3A), attempt(0x3B)], ..decided() };
    let approved_again = Authorization::Approved(Approved { decided: third.clone(), ..approved() });
    let later = [
        Golden::new("authorization-approved-again", &[1, 3], approved_again),
        Golden::new("authorization-denied-after-all", &[1, 2], Authorization::Denied(Denied { decided: third })),
    ];
    let under_rules = SignedIn { admitted_under: Some(RulesDigest([0x8D; 16])), ..signed_in() };
    let under_rules = Authorization::SignedIn(under_rules);
    let named = Decided { client_name: Some("Notizen für Ä".to_owned()), ..decided() };
    let named = Authorization::Approved(Approved { decided: named, ..approved() });
    let authorizations = [
        Authorization::Denied(Denied { decided: decided() }),
        Authorization::Approved(approved()),
        Authorization::LoggingIn(LoggingIn { approved: approved(), attempt: attempt(0x32), at: at(3) }),
        Authorization::SignedIn(signed_in()),
        Authorization::CodeIssued(code_issued()),
        Authorization::Redeemed(redeemed()),
        failed(LoginFailure::UpstreamUnavailable),
        failed(LoginFailure::UpstreamInvalid),
        failed(LoginFailure::UpstreamDenied),
        failed(LoginFailure::NotMe),
        failed(LoginFailure::NotAdmitted),
    ];
    let rotated = EventKind::KeysRotated {
        keys: vec![(KeyFamily::Derived(Purpose::Ticket), KeyId(0x1000_0001)), (KeyFamily::Signing, KeyId(0x1000_0002))],
        urgency: RotationUrgency::Compromised,
    };
    let events = [
        (&[10], approved_for("read write", None)),
        (&[11], EventKind::GrantIssued { grant_id: grant_id(0x51), scopes: "read write".to_owned() }),
        (&[12], EventKind::CodeReplayed { grant_id: grant_id(0x51) }),
        (&[13], EventKind::RefreshTokenReplayed { grant_id: grant_id(0x51) }),
        (&[14], EventKind::GrantSuperseded { grant_id: grant_id(0x51) }),
        (&[17], EventKind::GrantReturned { grant_id: grant_id(0x51) }),
        (&[15], EventKind::ConsentRevoked { reason: None }),
        (&[18], EventKind::GrantRevoked { grant_id: grant_id(0x51), reason: reason() }),
    ];
    let approved_less = approved_for("read", None);
    let approved_by = [
        event::ApprovedOn::Screen(ConsentScreen::Full),
        event::ApprovedOn::Screen(ConsentScreen::OneClick),
        event::ApprovedOn::Screen(ConsentScreen::Skipped),
        event::ApprovedOn::Confirmation,
    ]
    .map(|how| {
        let name = format!("consent-approved-{}", how.as_str());
        Golden::event_called(&name, &[10], event(approved_for("read write", Some(how))))
    });
    let unsaid = [
        (&[24], EventKind::ConsentDenied { requested: "read write".to_owned() }),
        (&[25], EventKind::LoginQuestioned { requested: "read write".to_owned() }),
        (&[26], EventKind::LoginRefused),
        (&[31], EventKind::EntryRefused),
    ];
    let configured = EventKind::ConfigurationChanged { digest: [0xC0; 32] };
    let from =
        |text: &str| Event { address: Some(Address::from_record(text.to_owned())), ..event(EventKind::LoginRefused) };
    let by_operator = EventKind::ConsentRevoked { reason: Some(reason()) };
    let wider = [
        (&[19], EventKind::ClientRevoked { client_id: client_id(), reason: reason() }),
        (&[20], EventKind::SubjectRevoked { subject: subject(), reason: reason() }),
        (&[21], EventKind::IssuerRevoked { reason: reason() }),
        (&[22], EventKind::ClientDisabled { client_id: client_id(), reason: reason() }),
        (&[23], EventKind::ClientEnabled { client_id: client_id(), reason: reason() }),
    ];
    fixed
        .into_iter()
        .chain(ended)
        .chain(authorizations.map(authorization))
        .chain([Golden::new("authorization-approved-without-state", &[1, 3], Authorization::Approved(without_state))])
        .chain(approved_as)
        .chain(upstream_revocations())
        .chain(deferred_tokens())
        .chain(events.map(|(nested, kind)| Golden::event(nested, event(kind))))
        .chain([Golden::event(&[16], Event { about: None, ..event(rotated) })])
        .chain([Golden::new("authorization-approved-under-policy", &[1, 3], under_policy)])
        .chain([Golden::new("authorization-approved-with-client-name", &[1, 3], named)])
        .chain([Golden::new("authorization-approved-less", &[1, 3], Authorization::Approved(less))])
        .chain(later)
        .chain([Golden::new("authorization-signed-in-under-entry-rules", &[1, 8], under_rules)])
        .chain([Golden::event_called("consent-approved-less", &[10], event(approved_less))])
        .chain([Golden::event_called("consent-revoked-by-operator", &[15], event(by_operator))])
        .chain(wider.map(|(nested, kind)| Golden::event(nested, Event { about: None, ..event(kind) })))
        .chain(approved_by)
        .chain(unsaid.map(|(nested, kind)| Golden::event(nested, event(kind))))
        .chain([Golden::event(&[27], Event { about: None, ..event(configured) })])
        .chain([Golden::event_called("login-refused-from", &[26], from("203.0.113.0/24"))])
        .chain(connections())
        .collect()
}

/// One of each state, and the events about them.
fn connections() -> Vec<Golden> {
    let with_upstream_tokens = Decided { upstream_tokens: true, ..decided() };
    let without = CodeIssued { upstream_tokens: None, ..code_issued() };
    let ended = |reason| Event { about: None, ..event(EventKind::ConnectionEnded { subject: subject(), reason }) };
    let states = [
        ConnectionState::Live,
        ConnectionState::Refreshing(Lease { attempt: attempt(0x34), until: at(20), after_unknown: true }),
        ConnectionState::Uncertain,
        ConnectionState::Rejected { at: at(30) },
        ConnectionState::Ended { at: at(30) },
    ];
    let states = states.into_iter().map(|state| {
        let (name, nested): (_, &[u32]) = match state {
            ConnectionState::Live => ("connection-live", &[3, 7]),
            ConnectionState::Refreshing(_) => ("connection-refreshing", &[3, 8]),
            ConnectionState::Uncertain => ("connection-uncertain", &[3, 9]),
            ConnectionState::Rejected { .. } => ("connection-rejected", &[10]),
            ConnectionState::Ended { .. } => ("connection-ended", &[11]),
        };
        let connection = Connection { state, ..connection() };
        let tokens = connection.tokens.clone().filter(|_| connection.is_live());
        Golden::new(name, nested, Connection { tokens, ..connection })
    });
    let waiting = Connection { retry_at: Some(at(25)), ..connection() };
    states
        .chain([
            Golden::new("connection-waiting", &[3, 7], waiting),
            Golden::new(
                "authorization-approved-with-upstream-tokens",
                &[1, 3],
                Authorization::Approved(Approved { decided: with_upstream_tokens, ..approved() }),
            ),
            Golden::new(
                "authorization-code-issued-without-upstream-tokens",
                &[1, 5],
                Authorization::CodeIssued(without),
            ),
            Golden::event(&[28], event(EventKind::ConnectionRejected)),
            Golden::event(&[29], ended(None)),
            Golden::event_called("connection-ended-by-operator", &[29], ended(Some(reason()))),
            Golden::event(&[30], event(EventKind::UpstreamTokenGiven { grant_id: grant_id(0x51) })),
        ])
        .collect()
}

/// Named after its state: a new state does not compile until it has a name here, and then lacks a file.
fn authorization(value: Authorization) -> Golden {
    let (name, nested): (_, &[u32]) = match &value {
        Authorization::Denied(_) => ("denied", &[1, 2]),
        Authorization::Approved(_) => ("approved", &[1, 3]),
        Authorization::LoggingIn(_) => ("logging-in", &[1, 4]),
        Authorization::SignedIn(_) => ("signed-in", &[1, 8]),
        Authorization::CodeIssued(_) => ("code-issued", &[1, 5]),
        Authorization::Redeemed(_) => ("redeemed", &[1, 6]),
        Authorization::Failed(failed) => (
            match failed.failure {
                LoginFailure::UpstreamUnavailable => "failed-upstream-unavailable",
                LoginFailure::UpstreamInvalid => "failed-upstream-invalid",
                LoginFailure::UpstreamDenied => "failed-upstream-denied",
                LoginFailure::NotMe => "failed-not-me",
                LoginFailure::NotAdmitted => "failed-not-admitted",
            },
            &[1, 7],
        ),
    };
    Golden::new(&format!("authorization-{name}"), nested, value)
}

fn ended_grant(why: EndedBy) -> Golden {
    let name = match why {
        EndedBy::CodeReplay => "grant-ended-by-code-replay",
        EndedBy::RefreshTokenReplay => "grant-ended-by-refresh-token-replay",
        EndedBy::Client => "grant-ended-by-client",
        EndedBy::Operator => "grant-ended-by-operator",
        EndedBy::EntryRules => "grant-ended-by-entry-rules",
    };
    let phase = GrantPhase::Ended { at: at(70), why };
    Golden::new(name, &[8, 11, 16, 17], Grant { phase, ..rotated_grant() })
}

/// One of each kind, and one on its way.
fn upstream_revocations() -> Vec<Golden> {
    let kinds = [
        (
            &[3, 9],
            "consent",
            RevocationTarget::Consent {
                subject: subject(),
                client_id: client_id(),
                resource: resource(),
                epoch: 7,
                grants: vec![grant_id(0x51), grant_id(0x52)],
            },
        ),
        (&[5, 9], "superseded", {
            let holder = SealedFor::Grant(grant_id(0x51));
            RevocationTarget::Superseded { holder, subject: subject(), tokens: sealed(0xE2) }
        }),
        (&[5, 9], "superseded-connection", {
            let holder = SealedFor::Connection(connection_id(&subject()));
            RevocationTarget::Superseded { holder, subject: subject(), tokens: sealed(0xE2) }
        }),
        (&[6, 9], "client", RevocationTarget::Client { client_id: client_id(), counter: 2 }),
        (&[7, 9], "subject", RevocationTarget::Subject { subject: subject(), counter: 3 }),
        (&[8, 9], "issuer", RevocationTarget::Issuer { counter: 1 }),
    ];
    let new = |what| UpstreamRevocation::new(EventId::from_bytes([0x91; 16]), what, at(80));
    let on_its_way = UpstreamRevocation {
        place: ScanPosition::Codes { from: Some(vec![0xF0; 32]) },
        passes: 2,
        skipped_any: true,
        revoked_count: 40,
        failures: 3,
        failing_since: Some(at(81)),
        not_before: at(121),
        ..new(RevocationTarget::Grant(grant_id(0x51)))
    };
    let golden = |name: &str, nested, value| Golden::new(&format!("upstream-revocation-{name}"), nested, value);
    let mut all: Vec<_> = kinds.into_iter().map(|(nested, name, what)| golden(name, nested, new(what))).collect();
    all.push(golden("grant", &[9], new(RevocationTarget::Grant(grant_id(0x51)))));
    all.push(golden("on-its-way", &[9], on_its_way));
    all
}

fn deferred_tokens() -> [Golden; 3] {
    let of = |sealed_for| DeferredTokens {
        revocation: EventId::from_bytes([0x91; 16]),
        subject: subject(),
        sealed_for,
        tokens: sealed(0xE2),
    };
    let authorization = SealedFor::Authorization(AuthorizationId::from_bytes([0x31; 16]));
    [
        Golden::new("deferred-tokens-of-a-code", &[5], of(authorization)),
        Golden::new("deferred-tokens-of-a-grant", &[5], of(SealedFor::Grant(grant_id(0x51)))),
        Golden::new("deferred-tokens-of-a-connection", &[5], of(SealedFor::Connection(connection_id(&subject())))),
    ]
}

fn keyring() -> Keyring {
    let key = |id, purpose: &str, state, material: &[u8]| SealedKey {
        id: KeyId(id),
        purpose: purpose.to_owned(),
        state,
        created_at: at(u64::from(id & 0xF)),
        active_at: None,
        algorithm: (purpose == "signing").then_some(SigningAlgorithm::Es256),
        sealed_material: material.to_vec(),
    };
    Keyring {
        keys: vec![
            key(0x1000_0001, "ticket", KeyState::Retired, &[0xA1; 72]),
            key(0x1000_0002, "ticket", KeyState::Active, &[0xA2; 72]),
            key(0x1000_0003, "ticket", KeyState::Announced, &[0xA3; 72]),
            key(0x1000_0004, "signing", KeyState::Active, &[0xA4; 178]),
        ],
    }
}

fn keyring_with_algorithms() -> Keyring {
    let signing = |id, state, algorithm, material: &[u8]| SealedKey {
        id: KeyId(id),
        purpose: "signing".to_owned(),
        state,
        created_at: at(u64::from(id & 0xF)),
        active_at: (state != KeyState::Announced).then(|| at(u64::from(id & 0xF) + 3600)),
        algorithm: Some(algorithm),
        sealed_material: material.to_vec(),
    };
    Keyring {
        keys: vec![
            signing(0x1000_0001, KeyState::Retired, SigningAlgorithm::Es256, &[0xA1; 178]),
            signing(0x1000_0002, KeyState::Active, SigningAlgorithm::EdDsa, &[0xA2; 88]),
            signing(0x1000_0003, KeyState::Announced, SigningAlgorithm::Rs256, &[0xA3; 120]),
        ],
    }
}

fn registered_client() -> Client {
    Client {
        id: client_id(),
        origin: ClientOrigin::Registered { at: at(0), attempt: attempt(0x11), management: None },
        status: ClientStatus::Enabled,
        name: None,
        redirect_uris: vec![uri("http://127.0.0.1/callback")],
        grant_types: vec![GrantType::AuthorizationCode],
        authentication: Authentication::Public,
        about: ClientDescription::default(),
    }
}

fn client_with_secret() -> Client {
    let management = Some(SecretDigest::from_bytes([0x13; 32]));
    let digest = SecretDigest::from_bytes([0x14; 32]);
    Client {
        origin: ClientOrigin::Registered { at: at(0), attempt: attempt(0x11), management },
        authentication: Authentication::Secret { registered: SecretMethod::Post, digest },
        ..registered_client()
    }
}

fn client_with_keys() -> Client {
    let text = |text: &str| text.to_owned();
    let key = |kid: &str, algorithm, parameters| PublicJwk { kid: Some(text(kid)), algorithm, parameters };
    let keys = vec![
        key("r", Some(SignatureAlgorithm::Rs256), KeyParameters::Rsa { n: text("bg"), e: text("AQAB") }),
        key("e", None, KeyParameters::Ec { x: text("eA"), y: text("eQ") }),
        key("o", Some(SignatureAlgorithm::EdDsa), KeyParameters::Okp { x: text("eA") }),
    ];
    with_keys(ClientKeys::ByValue(keys))
}

fn client_with_jwks_uri() -> Client {
    with_keys(ClientKeys::ByReference("https://app.example/jwks.json".to_owned()))
}

fn with_keys(keys: ClientKeys) -> Client {
    Client { authentication: Authentication::Keys { keys, unsigned: UnsignedRequests::Refused }, ..registered_client() }
}

fn client_with_all_fields() -> Client {
    let text = |text: &str| Some(text.to_owned());
    Client {
        name: text("Notizen für Ä"),
        redirect_uris: vec![
            uri("https://app.example:8443/cb?x=1"),
            uri("http://localhost/callback"),
            uri("cursor://anysphere.cursor-mcp/oauth/callback"),
        ],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        about: ClientDescription {
            client_uri: text("https://app.example"),
            logo_uri: text("https://app.example/logo.png"),
            tos_uri: text("https://app.example/tos"),
            policy_uri: text("https://app.example/policy"),
            contacts: vec!["one@app.example".to_owned(), "two@app.example".to_owned()],
            scope: text("read write"),
            application_type: text("web"),
            software_id: text("4NRB1-0XZABZI9E6-5SM3R"),
            software_version: text("2.2"),
        },
        ..registered_client()
    }
}

fn decided() -> Decided {
    Decided {
        id: authorization_id(),
        client_id: client_id(),
        redirect_uri: uri("http://127.0.0.1:49152/callback"),
        state: Some("s\"t ä/te".to_owned()),
        code_challenge: CodeChallenge([0xC0; 32]),
        resource: resource(),
        requested_scopes: scopes("read write"),
        scopes: scopes("read write"),
        metadata_digest: [0xD0; 32],
        client_name: None,
        policy_version: None,
        upstream_tokens: false,
        browser: BrowserId::from_bytes([0xB0; 16]),
        attempt: attempt(0x31),
        at: at(2),
        answer: 0,
        replaced: Vec::new(),
    }
}

fn approved() -> Approved {
    Approved { decided: decided(), login_key: KeyId(0x1000_0001), seen: PresentedScreen::Full { presented_to: None } }
}

fn signed_in() -> SignedIn {
    SignedIn {
        approved: Approved { seen: PresentedScreen::Full { presented_to: Some(subject()) }, ..approved() },
        attempt: attempt(0x32),
        at: at(3),
        subject: Subject::from_record("idp|bob".to_owned()),
        upstream_tokens: sealed(0xE1),
        admitted_under: None,
    }
}

fn failed(failure: LoginFailure) -> Authorization {
    Authorization::Failed(Failed { approved: approved(), attempt: attempt(0x32), at: at(3), failure })
}

fn code_issued() -> CodeIssued {
    CodeIssued {
        approved: approved(),
        attempt: attempt(0x32),
        at: at(4),
        code_key: KeyId(0x1000_0002),
        subject: subject(),
        consent_epoch: at(3).millis(),
        counters: Counters { issuer: 1, client: 2, subject: 3 },
        upstream_tokens: Some(sealed(0xE1)),
    }
}

fn redeemed() -> Redeemed {
    Redeemed {
        issued: code_issued(),
        attempt: attempt(0x33),
        at: at(5),
        grant_id: grant_id(0x51),
        refresh_key: KeyId(0x1000_0003),
    }
}

fn consent() -> Consent {
    Consent {
        subject: subject(),
        client_id: client_id(),
        resource: resource(),
        scopes: scopes("read write"),
        redirect_uris: vec!["http://127.0.0.1/callback".to_owned(), "https://app.example:8443/cb?x=1".to_owned()],
        metadata_digest: [0xD0; 32],
        client_name: None,
        created_at: at(3),
        approved_at: at(4),
        expires_at: at(31_536_004),
        how: ConsentScreen::Full,
        policy_version: None,
        upstream_tokens: false,
        epoch: at(3).millis(),
        status: ConsentStatus::Live,
        grants: vec![(grant_id(0x51), at(7_776_005)), (grant_id(0x52), at(7_776_010))],
        counters: Counters::default(),
    }
}

fn connection() -> Connection {
    Connection {
        subject: subject(),
        generation: 3,
        tokens: Some(sealed(0xE3)),
        obtained_at: at(6),
        signed_in_at: at(4),
        logins: vec![authorization_id()],
        state: ConnectionState::Live,
        retry_at: None,
        given_to: vec![[0x61; 16], [0x62; 16]],
    }
}

fn consent_with_counters() -> Consent {
    Consent { counters: Counters { issuer: 1, client: 2, subject: 3 }, ..consent() }
}

fn revoked_consent() -> Consent {
    Consent {
        status: ConsentStatus::Revoked { at: at(80) },
        epoch: at(3).millis() + 1,
        grants: Vec::new(),
        ..consent()
    }
}

fn grant() -> Grant {
    Grant {
        id: grant_id(0x51),
        authorization_id: authorization_id(),
        subject: subject(),
        client_id: client_id(),
        resource: resource(),
        scopes: scopes("read write"),
        consent_epoch: at(3).millis(),
        counters: Counters { issuer: 1, client: 2, subject: 3 },
        client_method: AuthenticationMethod::None,
        secret: [0x5E; 32],
        current: Issuance {
            generation: 0,
            key: KeyId(0x1000_0003),
            attempt: attempt(0x33),
            at: at(5),
            scopes: scopes("read write"),
        },
        previous_key: None,
        created_at: at(5),
        idle_end: at(2_592_005),
        end: at(7_776_005),
        phase: GrantPhase::Live,
        upstream_tokens: Some(sealed(0xE2)),
    }
}

fn grant_of_signing_client() -> Grant {
    Grant { client_method: AuthenticationMethod::PrivateKeyJwt, ..grant() }
}

fn rotated_grant() -> Grant {
    Grant {
        current: Issuance {
            generation: 1,
            key: KeyId(0x1000_0004),
            attempt: attempt(0x34),
            at: at(65),
            scopes: scopes("read"),
        },
        previous_key: Some(KeyId(0x1000_0003)),
        idle_end: at(2_592_065),
        ..grant()
    }
}

fn event(kind: EventKind) -> Event {
    // A person or an operator revokes, and no authorization.
    let authorization_id = (!matches!(kind, EventKind::ConsentRevoked { .. })).then(authorization_id);
    Event {
        id: EventId::from_bytes([0xEE; 16]),
        at: at(5),
        kind,
        about: Some(event::EventTarget {
            subject: subject(),
            client_id: client_id(),
            resource: resource(),
            authorization_id,
        }),
        principal: "edge-1".to_owned(),
        request_id: "0123456789-_abcdefABCD".to_owned(),
        address: None,
    }
}

fn approved_for(scopes: &str, how: Option<event::ApprovedOn>) -> EventKind {
    EventKind::ConsentApproved { requested: "read write".to_owned(), scopes: scopes.to_owned(), how }
}

fn fence(state: FenceState) -> Fence {
    let (copy, peer_incarnation) = (CopyId(*b"copy-identifier!"), Incarnation([0x1C; 16]));
    Fence { copy, state, peer: "rocksdb:/var/lib/lychgate".to_owned(), peer_incarnation }
}

fn arriving(next: NextPart) -> FenceState {
    let events_position = 0x0102_0304_0506_0708_090A;
    FenceState::Arriving(CopyProgress { instant: at(5), events_position, events: 7, next, records: 9 })
}

fn range_digest() -> RangeDigest {
    let place = |position| Cursor { incarnation: Incarnation([0x1C; 16]), position };
    RangeDigest {
        number: 0x0102_0304,
        jws: "eyJ.eyJ.sig".to_owned(),
        begin: place(0x0102_0304_0506_0708_090A),
        end: place(0x0102_0304_0506_0708_090B),
        count: 2,
        newest_at: at(5),
    }
}

/// Reports whether a record has the content of `event`.
#[expect(clippy::too_many_lines, reason = "one arm for each kind of event")]
fn says(record: &proto::Event, event: &Event) -> bool {
    let grant = |id: &GrantId| id.bytes().to_vec();
    let kind = match &event.kind {
        EventKind::ConsentApproved { requested, scopes, how } => Kind::ConsentApproved(proto::ConsentApproved {
            scopes: scopes.clone(),
            requested: if requested == scopes { String::new() } else { requested.clone() },
            method: match how {
                None => 0,
                Some(event::ApprovedOn::Screen(ConsentScreen::Full)) => 1,
                Some(event::ApprovedOn::Screen(ConsentScreen::OneClick)) => 2,
                Some(event::ApprovedOn::Screen(ConsentScreen::Skipped)) => 3,
                Some(event::ApprovedOn::Confirmation) => 4,
            },
        }),
        EventKind::ConsentDenied { requested } => {
            Kind::ConsentDenied(proto::ConsentDenied { requested: requested.clone() })
        }
        EventKind::LoginQuestioned { requested } => {
            Kind::LoginQuestioned(proto::LoginQuestioned { requested: requested.clone() })
        }
        EventKind::LoginRefused => Kind::LoginRefused(proto::LoginRefused {}),
        EventKind::ConnectionRejected => Kind::ConnectionRefused(proto::ConnectionRefused {}),
        EventKind::ConnectionEnded { subject, reason } => Kind::ConnectionTerminated(proto::ConnectionTerminated {
            subject: subject.to_string(),
            reason: reason.as_ref().map(|reason| reason.as_str().to_owned()).unwrap_or_default(),
        }),
        EventKind::UpstreamTokenGiven { grant_id } => {
            Kind::UpstreamTokenGiven(proto::UpstreamTokenGiven { grant_id: grant(grant_id) })
        }
        EventKind::EntryRefused => Kind::EntryRefused(proto::EntryRefused {}),
        EventKind::ConfigurationChanged { digest } => {
            Kind::ConfigurationChanged(proto::ConfigurationChanged { digest: digest.to_vec() })
        }
        EventKind::GrantIssued { grant_id, scopes } => {
            Kind::GrantIssued(proto::GrantIssued { grant_id: grant(grant_id), scopes: scopes.clone() })
        }
        EventKind::CodeReplayed { grant_id } => Kind::CodeReplayed(proto::CodeReplayed { grant_id: grant(grant_id) }),
        EventKind::RefreshTokenReplayed { grant_id } => {
            Kind::RefreshTokenReplayed(proto::RefreshTokenReplayed { grant_id: grant(grant_id) })
        }
        EventKind::GrantSuperseded { grant_id } => {
            Kind::GrantSuperseded(proto::GrantSuperseded { grant_id: grant(grant_id) })
        }
        EventKind::GrantReturned { grant_id } => {
            Kind::GrantReturned(proto::GrantReturned { grant_id: grant(grant_id) })
        }
        EventKind::KeysRotated { keys, urgency } => {
            let key = |(family, id): &(KeyFamily, KeyId)| proto::RotatedKey {
                purpose: family.label().to_owned(),
                key_id: id.0,
            };
            let compromised = matches!(urgency, RotationUrgency::Compromised);
            Kind::KeysRotated(proto::KeysRotated { keys: keys.iter().map(key).collect(), compromised })
        }
        EventKind::ConsentRevoked { reason } => {
            let reason = reason.as_ref().map(|reason| reason.as_str().to_owned()).unwrap_or_default();
            Kind::ConsentRevoked(proto::ConsentRevoked { reason })
        }
        EventKind::GrantRevoked { grant_id, reason } => {
            Kind::GrantRevoked(proto::GrantRevoked { grant_id: grant(grant_id), reason: reason.as_str().to_owned() })
        }
        EventKind::ClientRevoked { client_id, reason } => Kind::ClientRevoked(proto::ClientRevoked {
            client_id: client_id.to_string(),
            reason: reason.as_str().to_owned(),
        }),
        EventKind::SubjectRevoked { subject, reason } => Kind::SubjectRevoked(proto::SubjectRevoked {
            subject: subject.to_string(),
            reason: reason.as_str().to_owned(),
        }),
        EventKind::IssuerRevoked { reason } => {
            Kind::IssuerRevoked(proto::IssuerRevoked { reason: reason.as_str().to_owned() })
        }
        EventKind::ClientDisabled { client_id, reason } => Kind::ClientDisabled(proto::ClientDisabled {
            client_id: client_id.to_string(),
            reason: reason.as_str().to_owned(),
        }),
        EventKind::ClientEnabled { client_id, reason } => Kind::ClientEnabled(proto::ClientEnabled {
            client_id: client_id.to_string(),
            reason: reason.as_str().to_owned(),
        }),
    };
    let about = match &event.about {
        Some(about) => {
            record.subject == about.subject.as_str()
                && record.client_id == about.client_id.as_str()
                && record.resource == about.resource
                && record.authorization_id == about.authorization_id.map_or_else(Vec::new, |id| id.bytes().to_vec())
        }
        None => {
            [&record.subject, &record.client_id, &record.resource].into_iter().all(String::is_empty)
                && record.authorization_id.is_empty()
        }
    };
    about
        && record.kind == Some(kind)
        && record.event_id == event.id.bytes()
        && record.at == event.at.millis()
        && record.issuer == issuer().as_str()
        && record.principal == event.principal
        && record.request_id == event.request_id
        && record.address == event.address.as_ref().map_or("", Address::as_str)
}

/// Seconds after 2026-11-23T04:00:00Z, and a fraction.
fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_795_406_400_123 + seconds * 1000)
}

fn issuer() -> IssuerUrl {
    IssuerUrl::parse("https://gate.example").unwrap()
}

fn client_id() -> ClientId {
    ClientId::parse("client-AAAAAAAAAAAAAAAAAAAAAA").unwrap()
}

fn subject() -> Subject {
    Subject::from_record("idp|alice".to_owned())
}

fn reason() -> OperatorReason {
    OperatorReason::parse("ticket 4711: the app was sold").unwrap()
}

fn resource() -> String {
    "https://mcp.example/mcp".to_owned()
}

fn authorization_id() -> AuthorizationId {
    AuthorizationId::new(at(0), &[0xA0; 32])
}

fn grant_id(n: u8) -> GrantId {
    GrantId::from_bytes([n; 16])
}

fn attempt(n: u8) -> Attempt {
    Attempt::from_bytes([n; 16])
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

fn uri(text: &str) -> RedirectUri {
    RedirectUri::from_record(text.to_owned())
}

fn sealed(n: u8) -> SealedTokens {
    SealedTokens { key: KeyId(0x1000_0005), bytes: vec![n; 60] }
}
