//! The environment of a test's control planes: store, upstream, configuration and clock. It outlives each of them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lychgate_control::Memory;
use lychgate_control::config::{
    Config, IssuerConfig, LifetimesConfig, PrincipalConfig, RevocationMode, Role, UpstreamConfig,
};
use lychgate_engine::{Clock as _, OpenEngine, Timestamp};
use lychgate_engine_suite::fault::Faulty;
use lychgate_engine_suite::{TestClock, TestEntropy};
use lychgate_process::config::{self, Secret};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::idp::{CLIENT_ID, CLIENT_SECRET};
use super::{ControlPlane, Idp, Log};

pub(crate) const ISSUER: &str = "main";
pub(crate) const ISSUER_URL: &str = "http://127.0.0.1:7440";
pub(crate) const RESOURCE: &str = "https://mcp.example/mcp";
pub(crate) const EDGE_TOKEN: &str = "token-of-the-edge";
pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// Everything that a control plane needs to start.
#[derive(Debug)]
pub(crate) struct Environment {
    pub(crate) engine: Arc<Faulty>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) idp: Idp,
    pub(crate) config: Config,
    files: TempDir,
}

impl Environment {
    pub(crate) async fn new() -> Self {
        Log::prepare();
        let clock = Arc::<TestClock>::default();
        let engine = Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy))));
        let (idp, files) = (Idp::start().await, TempDir::new().expect("a directory"));
        let config = good_config(&files, &idp);
        Self { engine, clock, idp, config, files }
    }

    /// Starts a control plane with the environment's configuration and clock.
    pub(crate) async fn start(&self) -> ControlPlane {
        self.start_with(self.config.clone()).await
    }

    pub(crate) async fn start_with(&self, config: Config) -> ControlPlane {
        ControlPlane::start(config, self.engine.open(), self.clock.clone()).await.expect("it starts")
    }

    /// Starts a control plane with a clock of its own.
    pub(crate) async fn start_at(&self, now: Timestamp) -> ControlPlane {
        let clock = Arc::new(TestClock::new(now));
        ControlPlane::start(self.config.clone(), self.engine.open(), clock).await.expect("it starts")
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

    /// Writes a secret to a file.
    pub(crate) fn secret(&self, name: &str, value: &str) -> Secret {
        Secret::File(self.file(name, value.as_bytes()))
    }

    pub(crate) fn file(&self, name: &str, contents: &[u8]) -> PathBuf {
        file(&self.files, name, contents)
    }

    /// Sets the upstream revocation mode of every issuer, from the next start on.
    pub(crate) fn set_upstream_revocation(&mut self, when: RevocationMode) {
        for issuer in &mut self.config.issuers {
            match &mut issuer.upstream {
                UpstreamConfig::Oidc(oidc) => oidc.revocation = when,
                other => panic!("another upstream: {other:?}"),
            }
        }
    }

    /// Configures a second issuer, `other`, at a path of the first one's origin.
    pub(crate) fn add_other_issuer(&mut self) {
        let other = self.issuer_at("other", &format!("{ISSUER_URL}/t"));
        self.config.issuers.push(other);
    }

    pub(crate) fn issuer_at(&self, id: &str, url: &str) -> IssuerConfig {
        issuer_at(&self.files, &self.idp, id, url)
    }
}

fn good_config(files: &TempDir, idp: &Idp) -> Config {
    let mut config: Config = parse(&format!(
        r#"
        listen = "127.0.0.1:0"
        drain_seconds = 0
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

/// A configuration of two resources, one client, and the upstream that every issuer here shares.
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
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("a file");
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
