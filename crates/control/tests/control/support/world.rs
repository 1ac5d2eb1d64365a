//! What outlives every control plane of a test: the store, the upstream, the configuration and the clock.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lychgate_control::config::{
    Config, IssuerConfig, LifetimesConfig, PrincipalConfig, RevocationMode, Role, UpstreamConfig,
};
use lychgate_control::{Engine, Memory};
use lychgate_domain::event::{Event, EventCaller, EventKind, EventTarget};
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::revocation::UpstreamRevocation;
use lychgate_domain::subject::{Subject, UpstreamId};
use lychgate_engine::{Clock as _, Cursor, Entry, Key, KeyRange, Limit, OpenEngine, Space, Timestamp, random};
use lychgate_engine_suite::fault::Faulty;
use lychgate_engine_suite::{TestClock, TestEntropy};
use lychgate_process::config::{self, Secret};
use lychgate_store::{Commit, Store};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::idp::{CLIENT_ID, CLIENT_SECRET};
use super::{Control, Idp, Log, PATIENCE};

pub(crate) const ISSUER: &str = "main";
pub(crate) const ISSUER_URL: &str = "http://127.0.0.1:7440";
pub(crate) const RESOURCE: &str = "https://mcp.example/mcp";
pub(crate) const EDGE_TOKEN: &str = "token-of-the-edge";
pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Everything but the process.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) engine: Arc<Faulty>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) idp: Idp,
    pub(crate) config: Config,
    files: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Log::prepare();
        let clock = Arc::<TestClock>::default();
        let engine = Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy))));
        let (idp, files) = (Idp::start().await, TempDir::new().expect("a directory"));
        let config = good_config(&files, &idp);
        Self { engine, clock, idp, config, files }
    }

    /// A control plane with the world's configuration and clock.
    pub(crate) async fn start(&self) -> Control {
        self.start_with(self.config.clone()).await
    }

    pub(crate) async fn start_with(&self, config: Config) -> Control {
        Control::start(config, self.engine.open(), self.clock.clone()).await.expect("it starts")
    }

    /// One whose clock says something else.
    pub(crate) async fn start_at(&self, now: Timestamp) -> Control {
        let clock = Arc::new(TestClock::new(now));
        Control::start(self.config.clone(), self.engine.open(), clock).await.expect("it starts")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(crate) fn issuer(&mut self) -> &mut IssuerConfig {
        &mut self.config.issuers[0]
    }

    pub(crate) fn lifetimes(&mut self) -> &mut LifetimesConfig {
        &mut self.issuer().lifetimes
    }

    /// A secret in a file.
    pub(crate) fn secret(&self, name: &str, value: &str) -> Secret {
        Secret::File(self.file(name, value.as_bytes()))
    }

    pub(crate) fn file(&self, name: &str, contents: &[u8]) -> PathBuf {
        file(&self.files, name, contents)
    }

    /// What is kept in `space` now.
    pub(crate) async fn kept(&self, space: Space) -> Vec<(Key, Entry)> {
        let limit = Limit { results: 10_000, rows: 10_000 };
        self.engine.scan(space, KeyRange::prefix(b""), self.now(), limit).await.expect("it can be read").entries
    }

    /// The whole log.
    pub(crate) async fn events(&self) -> Vec<Vec<u8>> {
        let revision = self.engine.read(&[], self.now()).await.expect("it can be read").revision;
        let cursor = Cursor { incarnation: revision.incarnation, position: 0 };
        let page = self.engine.events(cursor, Duration::ZERO, 10_000).await.expect("it can be read");
        page.events.into_iter().map(|event| event.value).collect()
    }

    /// How much there is of everything: what is done once is there once.
    pub(crate) async fn census(&self) -> Vec<(&'static str, usize)> {
        let mut census = Vec::new();
        for space in Space::ALL {
            census.push((space.name(), self.kept(space).await.len()));
        }
        census.push(("events", self.events().await.len()));
        census
    }

    /// Takes back what `person` allowed `app`: decided again as long as somebody else is quicker.
    pub(crate) async fn revoke_consent(&self, person: &str, app: &str) {
        let issuer = self.config.issuers().expect("a good configuration").remove(0);
        let store = Store::open(self.engine.clone(), self.now()).await.expect("it opens");
        let about = EventTarget {
            subject: Subject::new(&UpstreamId::parse("idp").expect("an id"), person).expect("a subject"),
            client_id: ClientId::parse(app).expect("a client id"),
            resource: RESOURCE.to_owned(),
            authorization_id: None,
        };
        let caller =
            EventCaller { principal: "operator".to_owned(), request_id: "revocation".to_owned(), address: None };
        let attempt = Attempt::from_bytes(random(&TestEntropy));
        let now = self.now();
        loop {
            let consent = store.consent(&issuer, &about.subject, &about.client_id, RESOURCE, now).await;
            let consent = consent.expect("it can be read").expect("there is one");
            let event = Event::new(EventKind::ConsentRevoked { reason: None }, about.clone(), &caller, attempt, now);
            let revoked = consent.value.clone().revoke(now);
            match store.revoke_consent(&issuer, &consent, &revoked, &event, now).await.expect("it can be written") {
                Commit::Done(_) => return,
                Commit::Conflict => {}
            }
        }
    }

    /// From the next start on, the upstream of every issuer is told of revocations.
    pub(crate) fn tell_upstream(&mut self, when: RevocationMode) {
        for issuer in &mut self.config.issuers {
            match &mut issuer.upstream {
                UpstreamConfig::Oidc(oidc) => oidc.revocation = when,
                other => panic!("another upstream: {other:?}"),
            }
        }
    }

    /// Waits until there is nothing left to tell the upstream.
    pub(crate) async fn all_is_told(&self) {
        self.telling(|pending| pending.is_empty()).await;
    }

    /// Waits until there is nothing to tell the upstream just now: it could not be told a moment ago.
    pub(crate) async fn telling_rests(&self) {
        self.telling(|pending| pending.iter().all(|revocation| revocation.not_before > self.now())).await;
    }

    async fn telling(&self, enough: impl Fn(&[UpstreamRevocation]) -> bool) {
        let store = Store::open(self.engine.clone(), self.now()).await.expect("it opens");
        let issuer = self.config.issuers().expect("a good configuration").remove(0);
        let looking = async {
            let mut looks = tokio::time::interval(Duration::from_millis(10));
            loop {
                let page = store.upstream_revocations(&issuer, None, self.now()).await.expect("it can be read");
                let pending: Vec<_> = page.pending.into_iter().map(|pending| pending.value).collect();
                if enough(&pending) {
                    return;
                }
                looks.tick().await;
            }
        };
        if tokio::time::timeout(PATIENCE, looking).await.is_err() {
            panic!("{:?} at {:?}", store.upstream_revocations(&issuer, None, self.now()).await, self.now());
        }
    }

    /// How many grants still keep tokens of the upstream's.
    pub(crate) async fn grants_with_upstream_tokens(&self) -> usize {
        let store = Store::open(self.engine.clone(), self.now()).await.expect("it opens");
        let issuer = self.config.issuers().expect("a good configuration").remove(0);
        let grants = store.grants(&issuer, None, self.now()).await.expect("it can be read").items;
        grants.iter().filter(|(_, grant)| grant.upstream_tokens.is_some()).count()
    }

    pub(crate) fn issuer_at(&self, id: &str, url: &str) -> IssuerConfig {
        issuer_at(&self.files, &self.idp, id, url)
    }
}

fn good_config(files: &TempDir, idp: &Idp) -> Config {
    let mut config: Config = parse(&format!(
        r#"
        listen = "127.0.0.1:0"
        master_key = {{ file = "{}" }}
        principals = []
        issuers = []
        [store]
        engine = "memory"
        [events]
        digest_seconds = 604800
        "#,
        file(files, "master-key", MASTER_KEY.as_bytes()).display()
    ));
    config.principals.push(principal("edge", Role::Edge, EDGE_TOKEN));
    config.issuers.push(issuer_at(files, idp, ISSUER, ISSUER_URL));
    config
}

/// Two resources, one app, and the upstream that every issuer here has.
fn issuer_at(files: &TempDir, idp: &Idp, id: &str, url: &str) -> IssuerConfig {
    parse(&format!(
        r#"
        id = "{id}"
        url = "{url}"
        name = "Gate {id}"
        [upstream]
        kind = "oidc"
        id = "idp"
        name = "The Login"
        issuer = "{issuer}"
        client_id = "{CLIENT_ID}"
        client_secret = {{ file = "{secret}" }}
        revocation = "never"
        [[resources]]
        uri = "{RESOURCE}"
        name = "Notes"
        scopes = [
            {{ name = "read", description = "May read", default = true }},
            {{ name = "write", description = "May write" }},
        ]
        [[resources]]
        uri = "https://other.example/mcp"
        name = "Other notes"
        scopes = [{{ name = "read", description = "May read", default = true }}]
        [[clients]]
        id = "app"
        name = "The App"
        redirect_uris = ["https://app.example/cb"]
        "#,
        issuer = idp.issuer,
        secret = file(files, "client-secret", CLIENT_SECRET.as_bytes()).display(),
    ))
}

fn file(files: &TempDir, name: &str, contents: &[u8]) -> PathBuf {
    let path = files.path().join(name);
    std::fs::write(&path, contents).expect("a file");
    path
}

pub(crate) fn principal(name: &str, role: Role, token: &str) -> PrincipalConfig {
    let digest: String = Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut principal: PrincipalConfig =
        parse(&format!("name = \"{name}\"\nrole = \"edge\"\ntoken_sha256 = [\"{digest}\"]"));
    principal.role = role;
    principal.resources = (role == Role::Resource).then(|| vec![RESOURCE.to_owned()]);
    principal
}

fn parse<T: DeserializeOwned>(text: &str) -> T {
    config::parse(text).expect("it is good")
}
