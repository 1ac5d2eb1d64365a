//! Golden files of every value that leaves the server and comes back: tickets, tokens, cookies, codes, and the values
//! derived for the upstream. With fixed keys, randomness and time each has exactly one text in `golden/`. The present
//! code must still make it and still accept it.
//!
//! The files are never edited, and no program writes them: browsers and clients hold cookies and tokens of this form,
//! and during an update old and new nodes accept each other's. A new form gets a new file (`ticket.v2.txt`); the old
//! file stays as long as the old form is accepted. A test with a missing file fails and prints the expected content.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

use lychgate_domain::account::{AccountLogin, AccountRevocation, AccountSession};
use lychgate_domain::authentication::{ClientAuthenticated, Credentials};
use lychgate_domain::browser::cookie::{self, Cookies, LoginCookie, SetCookie};
use lychgate_domain::browser::session::{NewSession, Person};
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::client::{Authentication, Client, ClientDescription, ClientOrigin, ClientStatus, GrantType};
use lychgate_domain::consent::form::{self, Displayed, TakeBack};
use lychgate_domain::consent::{Approval, Consent, Counters, Decided, DecisionPoint, PresentedScreen};
use lychgate_domain::entropy::Entropy;
use lychgate_domain::event::{self, Event, EventKind};
use lychgate_domain::flow::code::PresentedCode;
use lychgate_domain::flow::{Approved, CodeExchange, CodeIssued, CodePresentation, Redeemed, Transition};
use lychgate_domain::id::{self, Attempt, BrowserId, ClientId, IssuerId};
use lychgate_domain::issuer::{
    AddressPolicy, Choice, ClientPolicy, Effect, EmailDomain, EntryFacts, EntryRules, Issuer, IssuerUrl, LearnedClaims,
    OptionalScopes, OwnOrigins, PromptPolicy, Requested, Resource, ScopeDefinition, StatedClaim, StatedClaims,
    UpstreamRevocationMode, UpstreamTokenPolicy,
};
use lychgate_domain::keys::{Key, KeyId, Keys, Purpose};
use lychgate_domain::lifetimes::Lifetimes;
use lychgate_domain::registration;
use lychgate_domain::request::pkce::{CodeChallenge, challenge_of};
use lychgate_domain::request::ticket::{Ticket, WantedAccount};
use lychgate_domain::request::{AuthorizationRequest, WantedScreen};
use lychgate_domain::scope::{Scope, Scopes};
use lychgate_domain::secret::Secret;
use lychgate_domain::subject::{Subject, UpstreamId};
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::refresh_token::PresentedRefreshToken;
use lychgate_domain::token::{AccessTokenClaims, Grant};
use lychgate_domain::upstream::connection::connection_id;
use lychgate_domain::upstream::login::{self, LoginId, LoginSecrets, ReturnedLogin};
use lychgate_domain::upstream::tokens::{SealedFor, SealedTokens, UpstreamTokens};
use proptest::prelude::*;
use zeroize::Zeroizing;

const URL: &str = "https://gate.example";
/// An issuer on the same host; it must not accept values of the first one.
const OTHER_URL: &str = "https://gate.example/team";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

#[test]
fn derived_keys_never_change() {
    let mut lines = String::new();
    for url in [URL, OTHER_URL] {
        let keys = keys(url);
        for purpose in Purpose::ALL {
            let tag = keys.active(purpose).mac("golden", &[b"part", b""]);
            writeln!(lines, "mac {url} {}: {}", purpose.label(), hex(&tag)).unwrap();
        }
    }
    golden("keys.v1.txt", &lines);
}

#[test]
fn the_master_key_opens_earlier_keyrings() {
    let master = Key::wrapping(&Zeroizing::new([0xAA; 32]));
    let context: [&[u8]; 4] = [b"keyring", URL.as_bytes(), b"ticket", &[0x10, 0, 0, 1]];
    let kept = golden("wrapped-key.v1.txt", &line(&hex(&master.seal(&context, [7; 24], &[1; 32]))));
    assert_eq!(master.open(&context, &from_hex(&kept)).unwrap().as_slice(), [1; 32]);
}

#[test]
fn earlier_tickets_open() {
    let flow = Flow::new();
    let kept = golden("ticket.v1.txt", &line(&flow.ticket_text));
    assert_eq!(Ticket::open(kept.trim_end(), &flow.issuer, &flow.keys), Ok(flow.ticket));
}

#[test]
fn earlier_tickets_without_state_open() {
    let flow = Flow::new();
    let request = AuthorizationRequest { state: None, ..request() };
    let (ticket, text) = Ticket::issue(request, &flow.issuer, &flow.keys, &CountingUp::default(), at(0)).unwrap();
    let kept = golden("ticket-without-state.v1.txt", &line(&text));
    assert_eq!(Ticket::open(kept.trim_end(), &flow.issuer, &flow.keys), Ok(ticket));
}

#[test]
fn earlier_form_tokens_are_accepted() {
    let flow = Flow::new();
    let shown = Displayed::new(&flow.issuer, client(&flow.issuer), &flow.ticket.request, &flow.issuer.resources[0]);
    let token = form::token(&flow.keys, &flow.ticket, flow.browser, shown);
    let kept = golden("form-token.v1.txt", &line(&token));
    assert_eq!(form::displayed(kept.trim_end(), &flow.keys, &flow.ticket, &[flow.browser]), Ok((flow.browser, shown)));
    // Key id, displayed digest, MAC.
    let bytes: [u8; 52] = id::decode(&token).unwrap();
    golden("displayed-digest.v1.txt", &line(&hex(&bytes[4..20])));
}

#[test]
fn earlier_buttons_that_take_back_are_accepted() {
    let flow = Flow::new();
    let what = TakeBack { authorization: flow.approved.decided.id, consent_epoch: 7 };
    let kept = golden("take-back-form.v1.txt", &line(&form::take_back_token(&flow.keys, flow.browser, what)));
    assert_eq!(form::take_back(kept.trim_end(), &flow.keys, &[flow.browser]), Ok(what));
}

#[test]
fn the_displayed_digest_never_changes() {
    golden("client-metadata-digest.v1.txt", &line(&hex(&client(&issuer(URL)).metadata_digest())));
}

#[test]
fn earlier_browser_and_login_cookies_are_accepted() {
    let flow = Flow::new();
    let browser = golden("browser-cookie.v2.txt", &cookie_text(&flow.browser_cookie()));
    let login = golden("login-cookie.v1.txt", &cookie_text(&flow.login_cookie()));
    // Earlier releases set the same value under a name without the id.
    for browser in [sent(&browser), sent(include_str!("golden/browser-cookie.v1.txt"))] {
        let cookies = Cookies(vec![browser, sent(&login)]);
        assert_eq!(cookies.browsers(&flow.issuer, &flow.keys), [flow.browser]);
        let proven = cookies.login(&flow.issuer, &flow.keys, flow.approved.decided.id, at(60)).unwrap();
        assert_eq!(proven.browser(), flow.browser);
    }
}

#[test]
fn earlier_tickets_for_the_full_page_open() {
    let flow = Flow::new();
    let request = AuthorizationRequest { screen: WantedScreen::Full, ..request() };
    let (ticket, text) = Ticket::issue(request, &flow.issuer, &flow.keys, &CountingUp::default(), at(0)).unwrap();
    let kept = golden("ticket-for-the-whole-page.v1.txt", &line(&text));
    assert_eq!(Ticket::open(kept.trim_end(), &flow.issuer, &flow.keys), Ok(ticket));
}

#[test]
fn earlier_tickets_with_packed_scopes_open() {
    let mut issuer = issuer(URL);
    let definition = issuer.resources[0].scopes[0].clone();
    let named = |n| ScopeDefinition { scope: Scope::parse(&format!("scope-{n:04}")).unwrap(), ..definition.clone() };
    issuer.resources[0].scopes = (0..100).map(named).collect();
    let scopes: Scopes = issuer.resources[0].scopes.iter().step_by(3).map(|named| named.scope.clone()).collect();
    for (screen, file) in [
        (WantedScreen::Any, "ticket-with-packed-scopes.v1.txt"),
        (WantedScreen::Full, "ticket-with-packed-scopes-for-the-full-screen.v1.txt"),
    ] {
        let request = AuthorizationRequest { screen, scopes: scopes.clone(), ..request() };
        let (ticket, text) = Ticket::issue(request, &issuer, &keys(URL), &CountingUp::default(), at(0)).unwrap();
        let kept = golden(file, &line(&text));
        assert_eq!(Ticket::open(kept.trim_end(), &issuer, &keys(URL)), Ok(ticket.clone()));
        let other = ticket.for_another_account(&issuer, &keys(URL)).unwrap();
        let kept = golden("ticket-with-packed-scopes-for-another-account.v1.txt", &line(&other));
        let opened = Ticket::open(kept.trim_end(), &issuer, &keys(URL)).unwrap();
        assert_eq!((opened.account(), &opened.request.scopes), (WantedAccount::Another, &scopes));
    }
}

#[test]
fn earlier_tickets_for_another_account_open() {
    let flow = Flow::new();
    let other = flow.ticket.clone().for_another_account(&flow.issuer, &flow.keys).unwrap();
    let anew = Ticket::start_over(flow.approved.decided.id, at(5), request(), &flow.issuer, &flow.keys).unwrap();
    for (file, text) in [("ticket-for-another-account.v1.txt", other), ("ticket-to-start-over.v1.txt", anew)] {
        let kept = golden(file, &line(&text));
        let opened = Ticket::open(kept.trim_end(), &flow.issuer, &flow.keys).unwrap();
        let expected = AuthorizationRequest { screen: WantedScreen::Full, ..request() };
        assert_eq!((opened.account(), opened.request), (WantedAccount::Another, expected), "{file}");
    }
}

#[test]
fn earlier_sessions_are_accepted() {
    let flow = Flow::new();
    let person = Person::new(Subject::new(&flow.issuer.upstream, "alice").unwrap(), Some("Älice"), Some("a@b.example"));
    let cookie = NewSession { person: &person, browser: flow.browser }.set(
        &flow.issuer,
        &flow.keys,
        &CountingUp::default(),
        at(0),
    );
    let kept = golden("session-cookie.v1.txt", &cookie_text(&cookie));
    let browser = flow.browser_cookie();
    let cookies = Cookies(vec![sent(&kept), (browser.name, browser.value)]);
    let found = cookies.session(&flow.issuer, &flow.keys, at(60));
    assert_eq!(found.unwrap().person, person);
}

#[test]
fn names_of_cookies_never_change() {
    let flow = Flow::new();
    let mut lines = String::new();
    for url in [URL, OTHER_URL] {
        let (issuer, keys) = (issuer(url), keys(url));
        let login = LoginCookie::new(flow.approved.decided.id, flow.browser, &issuer, at(0));
        for cookie in [
            cookie::set_browser(&issuer, &keys, flow.browser),
            login.set(&issuer, keys.active(Purpose::Cookie)),
            cookie::delete_login(&issuer, flow.approved.decided.id),
        ] {
            writeln!(lines, "{url} {} {:?}", cookie.name, cookie.max_age.map(|age| age.as_secs())).unwrap();
        }
    }
    golden("cookie-names.v2.txt", &lines);
    let before = kept("cookie-names.v1.txt").unwrap();
    assert!(before.lines().filter(|line| line.contains("-login-")).all(|line| lines.contains(line)));
}

#[test]
fn values_for_the_upstream_never_change() {
    let flow = Flow::new();
    let authorization = flow.approved.decided.id;
    for (answer, file) in [(0, "upstream-login.v1.txt"), (2, "upstream-login-of-third-answer.v1.txt")] {
        let id = LoginId { authorization, answer };
        let secrets = LoginSecrets::derive(flow.keys.active(Purpose::Login), id);
        let (verifier, nonce) = (secrets.verifier.expose(), secrets.nonce.expose());
        let text = format!("{}\nverifier {verifier}\nnonce {nonce}\n", secrets.state);
        let kept = golden(file, &text);
        let state = kept.lines().next();
        assert_eq!(login::returned(state, &flow.keys), Ok(ReturnedLogin::Authorization(id)));
    }
}

#[test]
fn earlier_cookies_and_forms_of_the_account_page_are_accepted() {
    let flow = Flow::new();
    let (issuer, keys, entropy) = (&flow.issuer, &flow.keys, CountingUp::default);
    let (session, login) = (flow.account_session(), flow.account_login());
    let kept = golden("account-cookie.v2.txt", &cookie_text(&session.set(issuer, keys, &entropy(), at(1))));
    assert_eq!(AccountSession::of(&Cookies(vec![sent(&kept)]), issuer, keys, at(2)), Ok(session.clone()));
    // Earlier releases sealed the subject alone.
    let before = sent(include_str!("golden/account-cookie.v1.txt"));
    let before = AccountSession::of(&Cookies(vec![before]), issuer, keys, at(2)).unwrap();
    assert_eq!(*before.person(), Person::new(session.subject().clone(), None, None));
    let revocation =
        AccountRevocation::One { client_id: client(issuer).id.clone(), resource: "https://mcp.example/mcp".to_owned() };
    let kept = golden("account-form.v1.txt", &line(&session.form_token(&revocation, keys, &entropy())));
    assert_eq!(session.revocation(kept.trim_end(), keys), Ok(revocation));
    let kept =
        golden("account-form-for-all.v1.txt", &line(&session.form_token(&AccountRevocation::All, keys, &entropy())));
    assert_eq!(session.revocation(kept.trim_end(), keys), Ok(AccountRevocation::All));
    let connection = AccountRevocation::Connection;
    let kept = golden("account-form-for-connection.v1.txt", &line(&session.form_token(&connection, keys, &entropy())));
    assert_eq!(session.revocation(kept.trim_end(), keys), Ok(connection));

    let secrets = login.secrets(keys);
    let (verifier, nonce) = (secrets.verifier.expose(), secrets.nonce.expose());
    let text = format!("{}\nverifier {verifier}\nnonce {nonce}\n", secrets.state);
    let kept = golden("account-upstream-login.v1.txt", &text);
    let Ok(ReturnedLogin::Account { id, secrets: again }) = login::returned(kept.lines().next(), keys) else {
        panic!("it is an account's")
    };
    assert_eq!(again, secrets);
    let kept = golden("account-login-cookie.v1.txt", &cookie_text(&login.set(issuer, keys)));
    assert_eq!(AccountLogin::came_back(&Cookies(vec![sent(&kept)]), issuer, keys, id, at(60)), Ok(()));
}

#[test]
fn earlier_codes_are_redeemed() {
    let flow = Flow::new();
    let kept = golden("code.v1.txt", &line(flow.issued.code(&flow.keys).unwrap().expose()));
    let code = PresentedCode::parse(kept.trim_end()).unwrap();
    assert_eq!(code.authorization_id(), flow.issued.approved.decided.id);
    let asked = CodeExchange { code_verifier: Some(VERIFIER.to_owned()), ..CodeExchange::default() };
    let (issuer, keys) = (&flow.issuer, &flow.keys);
    assert!(
        flow.issued
            .authenticate(
                &CodePresentation { code: &code, client: &authenticated(issuer), exchange: &asked },
                issuer,
                keys
            )
            .is_ok()
    );
}

#[test]
fn earlier_refresh_tokens_of_two_generations_are_accepted() {
    let flow = Flow::new();
    for (file, grant) in [("refresh-token.v1.txt", &flow.grant), ("refresh-token-rotated.v1.txt", &flow.rotated())] {
        let kept = golden(file, &line(grant.refresh_token(&grant.current, &flow.keys).unwrap().expose()));
        let token = PresentedRefreshToken::parse(kept.trim_end()).unwrap();
        assert_eq!((token.grant_id(), token.generation()), (grant.id, grant.current.generation));
        assert!(grant.authenticate(&token, &authenticated(&flow.issuer), &flow.keys).is_ok());
    }
}

fn learned_claims() -> LearnedClaims {
    let groups = StatedClaim { name: "groups".to_owned(), values: vec!["staff".to_owned(), "all".to_owned()] };
    let claims = StatedClaims { email_domain: EmailDomain::parse("example.com"), named: vec![groups] };
    LearnedClaims { claims, at: at(1) }
}

#[test]
fn earlier_sealed_upstream_tokens_open() {
    let flow = Flow::new();
    let whole = UpstreamTokens {
        access_token: Secret::new("upstream-access-token"),
        refresh_token: Some(Secret::new("upstream-refresh-token")),
        expires_at: Some(at(3600)),
        scopes: String::new(),
        claims: None,
    };
    let bare = UpstreamTokens { refresh_token: None, expires_at: None, ..whole.clone() };
    let scoped = UpstreamTokens { scopes: "repo read:user".to_owned(), ..whole.clone() };
    let stated = UpstreamTokens { claims: Some(learned_claims()), ..scoped.clone() };
    let (authorization, grant) = (SealedFor::Authorization(flow.approved.decided.id), SealedFor::Grant(flow.grant.id));
    // Of releases that kept no scopes.
    for (file, tokens, record) in [
        ("upstream-tokens-of-authorization.v1.txt", &whole, authorization),
        ("upstream-tokens-of-grant.v1.txt", &whole, grant),
        ("upstream-tokens-without-refresh-token.v1.txt", &bare, grant),
    ] {
        let kept = kept(file).unwrap();
        let mut sealed = tokens.seal(record, &flow.issuer, &flow.keys, &CountingUp::default());
        sealed.bytes = from_hex(kept.lines().nth(1).unwrap());
        assert_eq!(UpstreamTokens::open(&sealed, record, &flow.issuer, &flow.keys).as_ref(), Some(tokens));
    }
    let connection = SealedFor::Connection(connection_id(&flow.issued.subject));
    for (file, tokens, record) in [
        ("upstream-tokens-of-authorization.v2.txt", &scoped, authorization),
        ("upstream-tokens-of-connection.v2.txt", &scoped, connection),
        ("upstream-tokens-without-refresh-token.v2.txt", &bare, connection),
        ("upstream-tokens-with-claims.v3.txt", &stated, connection),
    ] {
        let mut sealed = tokens.seal(record, &flow.issuer, &flow.keys, &CountingUp::default());
        let kept = golden(file, &format!("key {:08x}\n{}\n", sealed.key.0, hex(&sealed.bytes)));
        sealed.bytes = from_hex(kept.lines().nth(1).unwrap());
        assert_eq!(UpstreamTokens::open(&sealed, record, &flow.issuer, &flow.keys).as_ref(), Some(tokens));
    }
}

/// Stored records are found by these ids, which follow from one another and from the attempt.
#[test]
fn derived_ids_never_change() {
    let flow = Flow::new();
    let other = flow.ticket.authorization_id(&flow.issuer, &flow.keys, BrowserId::from_bytes([8; 16])).unwrap();
    let about = event::EventTarget {
        subject: flow.issued.subject.clone(),
        client_id: flow.grant.client_id.clone(),
        resource: flow.grant.resource.clone(),
        authorization_id: Some(flow.grant.authorization_id),
    };
    let caller = event::EventCaller { principal: "edge".to_owned(), request_id: "r".to_owned(), address: None };
    let grant_id = flow.grant.id;
    let kinds = [
        EventKind::ConsentApproved { requested: "read".to_owned(), scopes: "read".to_owned(), how: None },
        EventKind::GrantIssued { grant_id, scopes: "read".to_owned() },
        EventKind::CodeReplayed { grant_id },
        EventKind::RefreshTokenReplayed { grant_id },
        EventKind::GrantSuperseded { grant_id },
    ];
    let mut lines = format!(
        "ticket {}\nauthorization {}\nauthorization in another browser {other}\ngrant {grant_id}\nclient {}\nclient of another issuer {}\n",
        flow.ticket.id,
        flow.approved.decided.id,
        registration::client_id(&flow.issuer, attempt(9)),
        registration::client_id(&issuer(OTHER_URL), attempt(9)),
    );
    for (number, event) in Event::several(kinds, &about, &caller, attempt(4), at(7)).into_iter().enumerate() {
        writeln!(lines, "event {} {number}: {}", event.kind.name(), event.id).unwrap();
    }
    golden("ids.v1.txt", &lines);
}

#[test]
fn claims_of_access_tokens_never_change() {
    let flow = Flow::new();
    for (file, grant) in [("access-token.v1.txt", &flow.grant), ("access-token-refreshed.v1.txt", &flow.rotated())] {
        let AccessTokenClaims { iss, aud, sub, client_id, scope, iat, exp, jti, grant_id } =
            AccessTokenClaims::new(grant, &grant.current, &flow.issuer);
        let claims = format!(
            "iss {iss}\naud {aud}\nsub {sub}\nclient_id {client_id}\nscope {scope}\niat {}\nexp {}\njti {jti}\ngrant_id {grant_id}\n",
            iat.seconds(),
            exp.seconds()
        );
        golden(file, &claims);
    }
}

/// A file that no test reads would freeze nothing.
#[test]
fn every_golden_file_is_read() {
    let source = include_str!("golden.rs");
    for entry in std::fs::read_dir(directory()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(source.contains(&format!("\"{name}\"")), "{name} is kept, but no test reads it");
    }
}

/// Replacing a key must not invalidate a value that a client or browser holds.
#[test]
fn values_of_a_retired_key_are_still_accepted() {
    let flow = Flow::new();
    let (mut active, mut retired) = (Vec::new(), Vec::new());
    for (purpose, key) in family(URL) {
        let id = KeyId(key.id.0 + 0x1000_0000);
        active.push((purpose, Key::derive(id, purpose, URL, &Zeroizing::new([0xEE; 32]))));
        retired.push((purpose, key));
    }
    let strange = Keys::new(active).unwrap();
    for file in TAKEN {
        assert!(!flow.takes(file, &first_text(file), &strange), "{file} with keys of others");
    }
    let rotated = retired.into_iter().fold(strange, |keys, (purpose, key)| keys.and(purpose, key));
    for file in TAKEN {
        assert!(flow.takes(file, &first_text(file), &rotated), "{file}");
    }
    let record = SealedFor::Authorization(flow.approved.decided.id);
    assert!(UpstreamTokens::open(&flow.sealed, record, &flow.issuer, &rotated).is_some());
    assert_eq!(flow.issued.code(&rotated), flow.issued.code(&flow.keys));
    let current = &flow.grant.current;
    assert_eq!(flow.grant.refresh_token(current, &rotated), flow.grant.refresh_token(current, &flow.keys));
}

proptest! {
    #[test]
    fn a_changed_character_of_a_golden_text_is_refused(at: prop::sample::Index, to in "[ -~]") {
        let flow = Flow::new();
        for file in TAKEN {
            let whole = first_text(file);
            prop_assert!(flow.takes(file, &whole, &flow.keys), "{} as kept", file);
            let mut changed = whole.clone();
            let at = at.index(whole.len());
            changed.replace_range(at..=at, &to);
            prop_assert_eq!(flow.takes(file, &changed, &flow.keys), changed == whole, "{}: {}", file, changed);
        }
    }
}

/// The values that are accepted from outside.
const TAKEN: [&str; 18] = [
    "ticket.v1.txt",
    "ticket-for-another-account.v1.txt",
    "form-token.v1.txt",
    "take-back-form.v1.txt",
    "upstream-login.v1.txt",
    "upstream-login-of-third-answer.v1.txt",
    "code.v1.txt",
    "refresh-token.v1.txt",
    "login-cookie.v1.txt",
    "browser-cookie.v1.txt",
    "browser-cookie.v2.txt",
    "account-cookie.v1.txt",
    "account-cookie.v2.txt",
    "account-login-cookie.v1.txt",
    "account-upstream-login.v1.txt",
    "account-form.v1.txt",
    "account-form-for-all.v1.txt",
    "account-form-for-connection.v1.txt",
];

/// The text; of a cookie, its value.
fn first_text(file: &str) -> String {
    let kept = kept(file).unwrap();
    kept.lines().next().and_then(|first| first.rsplit('=').next()).unwrap().to_owned()
}

/// One flow from the ticket to the grant, in which everything is fixed.
struct Flow {
    issuer: Issuer,
    keys: Keys,
    browser: BrowserId,
    ticket: Ticket,
    ticket_text: String,
    approved: Approved,
    /// The upstream's tokens, for the authorization.
    sealed: SealedTokens,
    issued: CodeIssued,
    grant: Grant,
}

impl Flow {
    fn new() -> Self {
        let (issuer, keys, browser) = (issuer(URL), keys(URL), BrowserId::from_bytes([7; 16]));
        let (ticket, ticket_text) = Ticket::issue(request(), &issuer, &keys, &CountingUp::default(), at(0)).unwrap();
        let id = ticket.authorization_id(&issuer, &keys, browser).unwrap();
        let decided = Decided::new(
            ticket.clone(),
            &issuer,
            client(&issuer),
            DecisionPoint { id, browser, attempt: attempt(1), at: at(2) },
        );
        let approved = Approved::new(decided.clone(), PresentedScreen::Full { presented_to: None }, &keys);
        let subject = Subject::new(&issuer.upstream, "alice").unwrap();
        let consent = Consent::approve(
            None,
            &Approval { decided: &decided, subject: &subject, counters: Counters::default() },
            &issuer.lifetimes,
            at(3),
        );
        let tokens = UpstreamTokens {
            access_token: Secret::new("upstream-access-token"),
            refresh_token: None,
            expires_at: None,
            scopes: String::new(),
            claims: None,
        };
        let sealed = tokens.seal(SealedFor::Authorization(id), &issuer, &keys, &CountingUp::default());
        let person = issuer.admit(&decided.resource, &EntryFacts::new(subject)).unwrap();
        let signed_in = approved.clone().claim(attempt(2), at(3)).sign_in(person, sealed.clone(), at(4));
        let issued = signed_in.issue_code(&consent, &keys, attempt(2), at(4));
        let code = PresentedCode::parse(issued.code(&keys).unwrap().expose()).unwrap();
        let exchange = CodeExchange { code_verifier: Some(VERIFIER.to_owned()), ..CodeExchange::default() };
        let presentation = CodePresentation { code: &code, client: &authenticated(&issuer), exchange: &exchange };
        let verified = issued.authenticate(&presentation, &issuer, &keys).unwrap();
        let redeemed: Redeemed = issued.clone().redeem(&verified, &keys, attempt(3), at(5));
        let client = authenticated(&issuer);
        let grant = Grant::first(&redeemed, &client, [0x5E; 32], None, &issuer.lifetimes);
        Self { issuer, keys, browser, ticket, ticket_text, approved, sealed, issued, grant }
    }

    /// A minute later, with fewer scopes.
    fn rotated(&self) -> Grant {
        let read = Scopes::parse("read").unwrap();
        self.grant.clone().rotate(
            read,
            &self.keys,
            &self.issuer.lifetimes,
            Transition { attempt: attempt(4), at: at(65) },
        )
    }

    /// True if `text` is accepted in place of the content of `file`.
    fn takes(&self, file: &str, text: &str, keys: &Keys) -> bool {
        let (issuer, id) = (&self.issuer, self.approved.decided.id);
        match file {
            "ticket.v1.txt" | "ticket-for-another-account.v1.txt" => Ticket::open(text, issuer, keys).is_ok(),
            "take-back-form.v1.txt" => form::take_back(text, keys, &[self.browser]).is_ok(),
            "form-token.v1.txt" => form::displayed(text, keys, &self.ticket, &[self.browser]).is_ok(),
            "upstream-login.v1.txt" | "upstream-login-of-third-answer.v1.txt" => {
                matches!(login::returned(Some(text), keys), Ok(ReturnedLogin::Authorization(_)))
            }
            "account-upstream-login.v1.txt" => {
                matches!(login::returned(Some(text), keys), Ok(ReturnedLogin::Account { .. }))
            }
            "account-form.v1.txt" | "account-form-for-all.v1.txt" | "account-form-for-connection.v1.txt" => {
                self.account_session().revocation(text, keys).is_ok()
            }
            "account-cookie.v1.txt" | "account-cookie.v2.txt" => {
                let name = self.account_session().set(issuer, &self.keys, &CountingUp::default(), at(1)).name;
                AccountSession::of(&Cookies(vec![(name, text.to_owned())]), issuer, keys, at(2)).is_ok()
            }
            "account-login-cookie.v1.txt" => {
                let login = self.account_login();
                let Ok(ReturnedLogin::Account { id, .. }) =
                    login::returned(Some(&login.secrets(&self.keys).state), &self.keys)
                else {
                    return false;
                };
                let cookies = Cookies(vec![(login.set(issuer, &self.keys).name, text.to_owned())]);
                AccountLogin::came_back(&cookies, issuer, keys, id, at(1)).is_ok()
            }
            "code.v1.txt" => PresentedCode::parse(text).is_some_and(|code| {
                let asked = CodeExchange { code_verifier: Some(VERIFIER.to_owned()), ..CodeExchange::default() };
                self.issued
                    .authenticate(
                        &CodePresentation { code: &code, client: &authenticated(issuer), exchange: &asked },
                        issuer,
                        keys,
                    )
                    .is_ok()
            }),
            "refresh-token.v1.txt" => PresentedRefreshToken::parse(text)
                .is_some_and(|token| self.grant.authenticate(&token, &authenticated(issuer), keys).is_ok()),
            "login-cookie.v1.txt" => {
                let changed = SetCookie { value: text.to_owned(), ..self.login_cookie() };
                let cookies = [self.browser_cookie(), changed].map(|cookie| (cookie.name, cookie.value));
                Cookies(cookies.to_vec()).login(issuer, keys, id, at(1)).is_ok()
            }
            "browser-cookie.v1.txt" | "browser-cookie.v2.txt" => {
                Cookies(vec![(self.browser_cookie().name, text.to_owned())]).form_browsers(issuer, keys).is_ok()
            }
            other => panic!("no check for {other}"),
        }
    }

    fn account_session(&self) -> AccountSession {
        let subject = Subject::new(&self.issuer.upstream, "alice").unwrap();
        let person = Person::new(subject, Some("Älice"), Some("a@b.example"));
        AccountSession::begin(person, &CountingUp::default(), at(0))
    }

    fn account_login(&self) -> AccountLogin {
        AccountLogin::begin(&self.issuer, &CountingUp::default(), at(0))
    }

    fn browser_cookie(&self) -> SetCookie {
        cookie::set_browser(&self.issuer, &self.keys, self.browser)
    }

    fn login_cookie(&self) -> SetCookie {
        let decided = &self.approved.decided;
        let cookie = LoginCookie::new(decided.id, self.browser, &self.issuer, decided.at);
        cookie.set(&self.issuer, self.keys.active(Purpose::Cookie))
    }
}

/// Seconds after 2026-11-23T04:00:00Z, and a fraction.
fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_795_406_400_123 + seconds * 1000)
}

fn attempt(n: u8) -> Attempt {
    Attempt::from_bytes([n; 16])
}

fn keys(url: &str) -> Keys {
    Keys::new(family(url)).unwrap()
}

fn family(url: &str) -> Vec<(Purpose, Key)> {
    let key = |(n, purpose): (u8, &Purpose)| {
        let id = KeyId(0x1000_0001 + u32::from(n));
        (*purpose, Key::derive(id, *purpose, url, &Zeroizing::new([n + 1; 32])))
    };
    (0u8..).zip(&Purpose::ALL).map(key).collect()
}

fn issuer(url: &str) -> Issuer {
    let definition = |name: &str, requested| ScopeDefinition {
        scope: Scope::parse(name).unwrap(),
        description: format!("may {name}"),
        requested,
        choice: Choice::WithTheRest,
        effect: Effect::Unstated,
        tools: None,
    };
    Issuer {
        id: IssuerId::parse("demo").unwrap(),
        url: IssuerUrl::parse(url).unwrap(),
        own_origins: OwnOrigins::of([&IssuerUrl::parse(url).unwrap()]),
        name: "Demo".to_owned(),
        upstream: UpstreamId::parse("idp").unwrap(),
        upstream_name: "Demo IdP".to_owned(),
        resources: vec![Resource {
            uri: "https://mcp.example/mcp".to_owned(),
            name: "Notes".to_owned(),
            scopes: vec![definition("read", Requested::ByDefault), definition("write", Requested::ByName)],
            upstream_tokens: UpstreamTokenPolicy::Withheld,
            entry: EntryRules::default(),
        }],
        clients: vec![Client {
            id: ClientId::parse("configured").unwrap(),
            origin: ClientOrigin::Configured,
            status: ClientStatus::Enabled,
            name: Some("Configured".to_owned()),
            redirect_uris: vec![
                RedirectUri::parse("https://app.example/cb", &[]).unwrap(),
                RedirectUri::parse("http://127.0.0.1/cb", &[]).unwrap(),
            ],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            authentication: Authentication::Public,
            about: ClientDescription::default(),
        }],
        policy: ClientPolicy::default(),
        entry: EntryRules::default(),
        prompt: PromptPolicy::default(),
        optional_scopes: OptionalScopes::default(),
        published_policy: None,
        upstream_revocation: UpstreamRevocationMode::WhenLastGrantEnds,
        addresses: AddressPolicy::default(),
        lifetimes: Lifetimes::default(),
    }
}

fn client(issuer: &Issuer) -> &Client {
    &issuer.clients[0]
}

fn authenticated(issuer: &Issuer) -> ClientAuthenticated {
    let credentials = Credentials { client_id: Some("configured".to_owned()), ..Credentials::default() };
    credentials.authenticate(client(issuer), None).unwrap()
}

fn request() -> AuthorizationRequest {
    AuthorizationRequest {
        client_id: ClientId::parse("configured").unwrap(),
        redirect_uri: RedirectUri::parse("https://app.example/cb", &[]).unwrap(),
        state: Some("s\"t ä/te".to_owned()),
        code_challenge: CodeChallenge::parse(Some(&challenge_of(VERIFIER)), Some("S256")).unwrap(),
        resource: "https://mcp.example/mcp".to_owned(),
        scopes: Scopes::parse("read write").unwrap(),
        screen: WantedScreen::Any,
    }
}

/// Bytes that count up: the same in every run.
#[derive(Debug, Default)]
struct CountingUp(AtomicU8);

impl Entropy for CountingUp {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
    }
}

/// The content of `file`, which the present code must still make.
fn golden(file: &str, made: &str) -> String {
    let Some(kept) = kept(file) else {
        panic!("{file} is missing. If the form is new, this belongs there:\n{made}");
    };
    assert_eq!(made, kept, "{file}: what is made today is not what was made before");
    kept
}

fn kept(file: &str) -> Option<String> {
    std::fs::read_to_string(directory().join(file)).ok()
}

fn directory() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn line(text: &str) -> String {
    format!("{text}\n")
}

fn cookie_text(cookie: &SetCookie) -> String {
    let max_age = cookie.max_age.map(|age| age.as_secs());
    format!("{}={}\nmax age {max_age:?}\n", cookie.name, cookie.value)
}

/// Name and value, as a browser sends them.
fn sent(kept: &str) -> (String, String) {
    let (name, value) = kept.lines().next().and_then(|first| first.split_once('=')).unwrap();
    (name.to_owned(), value.to_owned())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.trim_end().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
