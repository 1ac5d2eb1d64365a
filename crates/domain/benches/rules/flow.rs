//! One flow with its state before each step. Everything in it is fixed.

use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};

use lychgate_domain::authentication::Credentials;
use lychgate_domain::browser::cookie::{self, Cookies, LoginCookie};
use lychgate_domain::client::metadata::ClientMetadata;
use lychgate_domain::client::{Client, ClientDescription};
use lychgate_domain::consent::form::{self, Displayed};
use lychgate_domain::consent::{Approval, Consent, Counters, Decided, DecisionPoint, GrantStatus, PresentedScreen};
use lychgate_domain::entropy::Entropy;
use lychgate_domain::flow::code::PresentedCode;
use lychgate_domain::flow::{Approved, CodeExchange, CodeIssued, CodePresentation};
use lychgate_domain::id::{Attempt, BrowserId, IssuerId};
use lychgate_domain::issuer::{
    Choice, ClientPolicy, Effect, EntryFacts, EntryRules, Issuer, IssuerUrl, OptionalScopes, OwnOrigins, PromptPolicy,
    Requested, Resource, ScopeDefinition, UpstreamRevocationMode, UpstreamTokenPolicy,
};
use lychgate_domain::keys::{Key, KeyId, Keys, Purpose};
use lychgate_domain::lifetimes::Lifetimes;
use lychgate_domain::registration;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::request::pkce::challenge_of;
use lychgate_domain::request::ticket::Ticket;
use lychgate_domain::request::{self, AuthorizationRequest};
use lychgate_domain::scope::Scope;
use lychgate_domain::secret::Secret;
use lychgate_domain::subject::{Subject, UpstreamId};
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::Grant;
use lychgate_domain::upstream::connection::{Connection, NewLogin, connection_id};
use lychgate_domain::upstream::login::LoginSecrets;
use lychgate_domain::upstream::tokens::{SealedFor, UpstreamTokens};
use zeroize::Zeroizing;

use crate::Result;

pub(crate) const URL: &str = "https://gate.example";
const RESOURCE: &str = "https://mcp.example/mcp";
const REDIRECT_URI: &str = "http://127.0.0.1:49152/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) struct Flow {
    pub(crate) issuer: Issuer,
    pub(crate) keys: Keys,
    pub(crate) entropy: CountingUp,
    pub(crate) metadata: ClientMetadata,
    pub(crate) client: Client,
    pub(crate) credentials: Credentials,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) ticket: String,
    pub(crate) browser: BrowserId,
    pub(crate) form_token: String,
    /// The cookies of the browser and of this login.
    pub(crate) cookies: Cookies,
    pub(crate) approved: Approved,
    /// The `state` that the upstream returns.
    pub(crate) state: String,
    pub(crate) issued: CodeIssued,
    pub(crate) code: String,
    pub(crate) exchange: CodeExchange,
    pub(crate) grant: Grant,
    pub(crate) standing: GrantStatus,
    pub(crate) refresh_token: String,
}

impl Flow {
    #[expect(clippy::too_many_lines, reason = "one flow, step by step")]
    pub(crate) fn new() -> Result<Self> {
        let (issuer, keys, entropy) = (issuer()?, keys()?, CountingUp::default());
        let metadata = ClientMetadata {
            redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
            client_name: Some("An app".to_owned()),
            grant_types: vec!["authorization_code".to_owned(), "refresh_token".to_owned()],
            response_types: Vec::new(),
            about: ClientDescription::default(),
            token_endpoint_auth_method: Some("none".to_owned()),
            jwks_uri: None,
            jwks: None,
        };
        let client = registration::register(metadata.clone(), &issuer, &keys, attempt(9), at(0))?.client;
        let credentials = Credentials { client_id: Some(client.id.as_str().to_owned()), ..Credentials::default() };
        let authenticated = credentials.authenticate(&client, None)?;
        let query = query(&client);
        let parameters = Parameters::new(query.clone())?;
        let redirect_uri = request::redirect_uri(&parameters, &issuer, &client)?;
        let request = AuthorizationRequest::check(&parameters, &issuer, &client, redirect_uri)?;
        let (ticket, ticket_text) = Ticket::issue(request, &issuer, &keys, &entropy, at(0))?;

        let browser = BrowserId::from_bytes([7; 16]);
        let displayed = Displayed::new(&issuer, &client, &ticket.request, &issuer.resources[0]);
        let form_token = form::token(&keys, &ticket, browser, displayed);
        let id = ticket.authorization_id(&issuer, &keys, browser)?;
        let login_cookie = LoginCookie::new(id, browser, &issuer, at(2)).set(&issuer, keys.active(Purpose::Cookie));
        let cookies = [cookie::set_browser(&issuer, &keys, browser), login_cookie];
        let decided =
            Decided::new(ticket, &issuer, &client, DecisionPoint { id, browser, attempt: attempt(1), at: at(2) });
        let approved = Approved::new(decided, PresentedScreen::Full { presented_to: None }, &keys);

        let consent = consent(&approved.decided, &issuer)?;
        let issued = issue_code(approved.clone(), &consent, &issuer, &keys, &entropy)?;
        let code = issued.code(&keys).ok_or("no code")?.expose().to_owned();
        let exchange = CodeExchange {
            redirect_uri: Some(REDIRECT_URI.to_owned()),
            code_verifier: Some(VERIFIER.to_owned()),
            resources: vec![RESOURCE.to_owned()],
        };
        let presented = PresentedCode::parse(&code).ok_or("no code")?;
        let presentation = CodePresentation { code: &presented, client: &authenticated, exchange: &exchange };
        let verified = issued.authenticate(&presentation, &issuer, &keys)?;
        let redeemed = issued.clone().redeem(&verified, &keys, attempt(3), at(5));
        let grant = Grant::first(&redeemed, &authenticated, [0x5E; 32], None, &issuer.lifetimes);
        let refresh_token = grant.refresh_token(&grant.current, &keys).ok_or("no refresh token")?.expose().to_owned();
        Ok(Self {
            metadata,
            credentials,
            query,
            ticket: ticket_text,
            browser,
            form_token,
            cookies: Cookies(cookies.map(|cookie| (cookie.name, cookie.value)).to_vec()),
            state: LoginSecrets::derive(keys.active(Purpose::Login), approved.login_id()).state,
            approved,
            issued,
            code,
            exchange,
            grant,
            standing: GrantStatus {
                consent: Some(consent),
                client: Some(client.status),
                counters: Counters::default(),
            },
            refresh_token,
            client,
            entropy,
            keys,
            issuer,
        })
    }
}

pub(crate) fn consent(decided: &Decided, issuer: &Issuer) -> Result<Consent> {
    let subject = Subject::new(&issuer.upstream, "alice").ok_or("no subject")?;
    Ok(Consent::approve(
        None,
        &Approval { decided, subject: &subject, counters: Counters::default() },
        &issuer.lifetimes,
        at(3),
    ))
}

pub(crate) fn issue_code(
    approved: Approved,
    consent: &Consent,
    issuer: &Issuer,
    keys: &Keys,
    entropy: &CountingUp,
) -> Result<CodeIssued> {
    let tokens = UpstreamTokens {
        access_token: Secret::new("upstream-access-token-of-alice"),
        refresh_token: Some(Secret::new("upstream-refresh-token-of-alice")),
        expires_at: Some(at(3600)),
        scopes: "openid profile".to_owned(),
        claims: None,
    };
    let sealed = tokens.seal(SealedFor::Authorization(approved.decided.id), issuer, keys, entropy);
    let facts = EntryFacts::new(consent.subject.clone());
    let person = issuer.admit(&consent.resource, &facts).map_err(|_| "not admitted")?;
    let authorization = approved.decided.id;
    let signed_in = approved.claim(attempt(2), at(3)).sign_in(person, sealed, at(4));
    // The subject's connection gets the tokens.
    let sealed_for = SealedFor::Authorization(authorization);
    if let Some(tokens) = UpstreamTokens::open(&signed_in.upstream_tokens, sealed_for, issuer, keys) {
        let sealed_for = SealedFor::Connection(connection_id(&consent.subject));
        let tokens = tokens.seal(sealed_for, issuer, keys, entropy);
        let login = NewLogin { authorization, tokens, at: at(4) };
        black_box(Connection::after_login(None, &consent.subject, login));
    }
    Ok(signed_in.issue_code(consent, keys, attempt(2), at(4)))
}

pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_795_406_400_123 + seconds * 1000)
}

pub(crate) fn attempt(n: u8) -> Attempt {
    Attempt::from_bytes([n; 16])
}

/// Bytes that count up: the same in every run.
#[derive(Debug, Default)]
pub(crate) struct CountingUp(AtomicU8);

impl Entropy for CountingUp {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill_with(|| self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn query(client: &Client) -> Vec<(String, String)> {
    let pairs = [
        ("response_type", "code"),
        ("client_id", client.id.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("state", "VGhlIGNsaWVudCdzIG93biBzdGF0ZQ"),
        ("code_challenge", &challenge_of(VERIFIER)),
        ("code_challenge_method", "S256"),
        ("resource", RESOURCE),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn keys() -> Result<Keys> {
    let key = |(n, purpose): (u8, &Purpose)| {
        let id = KeyId(0x1000_0001 + u32::from(n));
        (*purpose, Key::derive(id, *purpose, URL, &Zeroizing::new([n + 1; 32])))
    };
    Keys::new((0u8..).zip(&Purpose::ALL).map(key).collect()).ok_or_else(|| "a purpose without a key".into())
}

fn issuer() -> Result<Issuer> {
    let definition = |name: &str, requested| {
        let scope = Scope::parse(name).ok_or("no scope")?;
        Ok::<_, &str>(ScopeDefinition {
            scope,
            description: format!("may {name}"),
            requested,
            choice: Choice::WithTheRest,
            effect: Effect::Unstated,
            tools: None,
        })
    };
    Ok(Issuer {
        id: IssuerId::parse("demo").ok_or("no issuer id")?,
        url: IssuerUrl::parse(URL)?,
        own_origins: OwnOrigins::of([&IssuerUrl::parse(URL)?]),
        name: "Demo".to_owned(),
        upstream: UpstreamId::parse("idp").ok_or("no upstream id")?,
        upstream_name: "Demo IdP".to_owned(),
        resources: vec![Resource {
            uri: RESOURCE.to_owned(),
            name: "Notes".to_owned(),
            scopes: vec![definition("read", Requested::ByDefault)?, definition("write", Requested::ByName)?],
            upstream_tokens: UpstreamTokenPolicy::Withheld,
            entry: EntryRules::default(),
        }],
        clients: Vec::new(),
        policy: ClientPolicy::default(),
        entry: EntryRules::default(),
        prompt: PromptPolicy::default(),
        optional_scopes: OptionalScopes::default(),
        published_policy: None,
        upstream_revocation: UpstreamRevocationMode::WhenLastGrantEnds,
        addresses: lychgate_domain::issuer::AddressPolicy::default(),
        lifetimes: Lifetimes::default(),
    })
}
