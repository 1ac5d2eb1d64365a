//! The fixed world of all targets: an issuer with a client, and the values of an honest flow.

use lychgate_domain::browser::cookie;
use lychgate_domain::client::metadata::ClientMetadata;
use lychgate_domain::client::{Client, ClientDescription};
use lychgate_domain::consent::form::{self, Displayed};
use lychgate_domain::entropy::Entropy;
use lychgate_domain::id::{Attempt, BrowserId, IssuerId};
use lychgate_domain::issuer::{
    Choice, ClientPolicy, EntryRules, Issuer, IssuerUrl, OwnOrigins, PromptPolicy, Requested, Resource,
    ScopeDefinition, UpstreamRevocationMode, UpstreamTokenPolicy,
};
use lychgate_domain::keys::{Key, KeyId, Keys, Purpose};
use lychgate_domain::lifetimes::Lifetimes;
use lychgate_domain::registration;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::request::ticket::Ticket;
use lychgate_domain::request::{self, AuthorizationRequest};
use lychgate_domain::scope::Scope;
use lychgate_domain::subject::UpstreamId;
use lychgate_domain::time::Timestamp;
use zeroize::Zeroizing;

const URL: &str = "https://gate.example";
const RESOURCE: &str = "https://mcp.example/mcp";

pub(crate) struct World {
    pub(crate) issuer: Issuer,
    pub(crate) keys: Keys,
    pub(crate) entropy: Fixed,
    pub(crate) client: Client,
    pub(crate) browser: BrowserId,
    /// A valid authorization request, form-encoded.
    pub(crate) query: String,
    /// Its ticket.
    pub(crate) ticket: String,
    pub(crate) form_token: String,
    /// The cookies that the browser sends.
    pub(crate) cookie_header: String,
    pub(crate) cookie_value: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let (issuer, keys, entropy) = (issuer(), keys(), Fixed);
        let metadata = ClientMetadata {
            redirect_uris: vec!["http://127.0.0.1/callback".to_owned()],
            client_name: Some("An app".to_owned()),
            about: ClientDescription::default(),
            ..ClientMetadata::default()
        };
        let registered = registration::register(metadata, &issuer, &keys, attempt(), now());
        let client = registered.expect("the registration and request are valid").client;
        let pairs = [
            ("response_type", "code"),
            ("client_id", client.id.as_str()),
            ("redirect_uri", "http://127.0.0.1:49152/callback"),
            ("state", "VGhlIGNsaWVudCdzIG93biBzdGF0ZQ"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
            ("scope", "read write"),
            ("resource", RESOURCE),
        ];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let parameters = Parameters::new(owned).expect("the registration and request are valid");
        let redirect_uri =
            request::redirect_uri(&parameters, &issuer, &client).expect("the registration and request are valid");
        let request = AuthorizationRequest::check(&parameters, &issuer, &client, redirect_uri)
            .expect("the registration and request are valid");
        let (opened, ticket) = Ticket::issue(request, &issuer, &keys, &entropy, now()).expect("the ticket is small");
        let browser = BrowserId::from_bytes([7; 16]);
        let displayed = Displayed::new(&issuer, &client, &opened.request, &issuer.resources[0]);
        let form_token = form::token(&keys, &opened, browser, displayed);
        let set = cookie::set_browser(&issuer, &keys, browser);
        let cookie_header = format!("theme=dark; {}={}", set.name, set.value);
        Self {
            issuer,
            keys,
            entropy,
            client,
            browser,
            query,
            ticket,
            form_token,
            cookie_header,
            cookie_value: set.value,
        }
    }

    /// The claims of a client assertion (RFC 7523 §3).
    pub(crate) fn assertion(&self) -> String {
        let (id, iat) = (self.client.id.as_str(), now().seconds());
        let exp = iat + 60;
        format!(r#"{{"iss":"{id}","sub":"{id}","aud":"{URL}","iat":{iat},"exp":{exp},"jti":"one"}}"#)
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(1_795_406_400)
}

pub(crate) fn attempt() -> Attempt {
    Attempt::from_bytes([9; 16])
}

/// Randomness that is the same in every run.
#[derive(Debug)]
pub(crate) struct Fixed;

impl Entropy for Fixed {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0x5E);
    }
}

fn keys() -> Keys {
    let key = |(n, purpose): (u8, &Purpose)| {
        let id = KeyId(0x1000_0001 + u32::from(n));
        (*purpose, Key::derive(id, *purpose, URL, &Zeroizing::new([n + 1; 32])))
    };
    Keys::new((0u8..).zip(&Purpose::ALL).map(key).collect()).expect("every purpose has a key")
}

fn issuer() -> Issuer {
    let definition = |name: &str, requested| ScopeDefinition {
        scope: Scope::parse(name).expect("a scope"),
        description: format!("may {name}"),
        requested,
        choice: Choice::WithTheRest,
        effect: lychgate_domain::issuer::Effect::Unstated,
        tools: None,
    };
    let private_scheme_redirect_uris = vec!["cursor://anysphere.cursor-mcp/oauth/callback".to_owned()];
    Issuer {
        id: IssuerId::parse("demo").expect("an id"),
        url: IssuerUrl::parse(URL).expect("a URL"),
        own_origins: OwnOrigins::of([&IssuerUrl::parse(URL).expect("a URL")]),
        name: "Demo".to_owned(),
        upstream: UpstreamId::parse("idp").expect("an id"),
        upstream_name: "Demo IdP".to_owned(),
        resources: vec![Resource {
            uri: RESOURCE.to_owned(),
            name: "Notes".to_owned(),
            scopes: vec![definition("read", Requested::ByDefault), definition("write", Requested::ByName)],
            upstream_tokens: UpstreamTokenPolicy::Withheld,
            entry: EntryRules::default(),
        }],
        clients: Vec::new(),
        policy: ClientPolicy { private_scheme_redirect_uris, ..ClientPolicy::default() },
        entry: EntryRules::default(),
        prompt: PromptPolicy::default(),
        optional_scopes: lychgate_domain::issuer::OptionalScopes::default(),
        published_policy: None,
        upstream_revocation: UpstreamRevocationMode::WhenLastGrantEnds,
        addresses: lychgate_domain::issuer::AddressPolicy::default(),
        lifetimes: Lifetimes::default(),
    }
}
