//! An identity provider that a test controls: the demo provider in a process of its own, with its control endpoints
//! enabled. It remembers people who signed in and shows them no page, it records requests, and it lies, stalls and
//! breaks off when a test says so.
//!
//! Its protocol checks are strict: it refuses from Lychgate what it would refuse from any client.

mod lie;

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::system::ports::Claim;
use crate::system::service::{Service, until};

pub use lie::{Answer, Endpoint, Lie};

/// The deadline of a response of the control endpoints.
const PATIENCE: Duration = Duration::from_secs(30);

const CLIENT_ID: &str = "lychgate-at-upstream";
const CLIENT_SECRET: &str = "upstream-secret-that-nobody-else-may-see";
const SECRET_VARIABLE: &str = "E2E_UPSTREAM_SECRET";

pub type Parameters = BTreeMap<String, String>;

/// A running provider; dropping it stops it.
#[derive(Debug)]
pub struct Upstream {
    issuer: String,
    address: SocketAddr,
    told: Mutex<Told>,
    _service: Service,
    _claim: Claim,
    _directory: TempDir,
}

/// The requests that the provider received.
#[derive(Clone, Debug, Deserialize)]
pub struct ReceivedRequests {
    /// The parameters of each authorization request, oldest first.
    pub authorizations: Vec<Parameters>,
    /// The number of them that it answered without a login page: the danger of a static client id.
    pub remembered: usize,
    pub codes_given: usize,
    /// The form of each request at the token endpoint, oldest first.
    pub exchanges: Vec<Parameters>,
    /// The number of them with a code that was redeemed before.
    pub codes_repeated: usize,
    /// Every access and refresh token that it issued.
    pub tokens_given: Vec<String>,
    pub discovery: usize,
    pub jwks: usize,
    pub userinfo: usize,
    /// The form of each request at the revocation endpoint, oldest first.
    pub revocations: Vec<Parameters>,
    /// Requests at a URL that no client must be led to.
    pub redirected: usize,
}

#[derive(Debug)]
struct Told {
    person: String,
    lies: Value,
}

impl ReceivedRequests {
    /// The number of times this code came to the token endpoint.
    pub fn exchanges_of(&self, code: &str) -> usize {
        self.exchanges.iter().filter(|form| form.get("code").is_some_and(|sent| sent == code)).count()
    }
}

impl Upstream {
    pub async fn start() -> Result<Self> {
        let (claim, directory) = (Claim::choose()?, tempfile::tempdir()?);
        let address = claim.address();
        let issuer = format!("http://{address}");
        let (config, secret) = (directory.path().join("provider.toml"), directory.path().join("client.secret"));
        fs::write(&secret, CLIENT_SECRET)?;
        let key = directory.path().join("key.pem");
        let settings = format!(
            "listen = \"{address}\"\nissuer = \"{issuer}\"\nkey_file = {key:?}\nfault_injection = true\n\
             [[clients]]\nid = \"{CLIENT_ID}\"\nsecret = {{ file = {secret:?} }}\nredirect_uris = []\n\
             [telemetry]\nfilter = \"warn\"\n"
        );
        fs::write(&config, settings)?;
        let mut service = Service::start("lychgate-demo-provider", &config)?;
        service.answers_at(&format!("{issuer}/healthz")).await?;
        let told = Mutex::new(Told { person: "ada".to_owned(), lies: json!([]) });
        let upstream = Self { issuer, address, told, _service: service, _claim: claim, _directory: directory };
        upstream.be_honest();
        Ok(upstream)
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `[upstream]` table that makes it Lychgate's upstream.
    pub fn config(&self) -> String {
        format!(
            "[upstream]\nkind = \"oidc\"\nissuer = \"{}\"\nscopes = [\"openid\", \"profile\"]\n{}",
            self.issuer,
            self.identity()
        )
    }

    /// The `[upstream]` table for the same provider as plain OAuth 2.0 with a userinfo endpoint.
    pub fn oauth2_config(&self) -> String {
        let Self { issuer, .. } = self;
        format!(
            "[upstream]\nkind = \"oauth2\"\nauthorization_endpoint = \"{issuer}/authorize\"\n\
             token_endpoint = \"{issuer}/token\"\nuserinfo_endpoint = \"{issuer}/userinfo\"\n\
             subject_claim = \"sub\"\nscopes = [\"profile\"]\n{}",
            self.identity()
        )
    }

    /// The environment variable that holds the client secret.
    pub fn environment(&self) -> [(&'static str, &'static str); 1] {
        [(SECRET_VARIABLE, CLIENT_SECRET)]
    }

    /// The id and the secret of its only client, for a test that acts as this client.
    pub fn client(&self) -> (&'static str, &'static str) {
        (CLIENT_ID, CLIENT_SECRET)
    }

    /// Sets the person who signs in next in a browser that the provider does not remember.
    pub fn sign_in_as(&self, person: &str) {
        self.tell(|told| person.clone_into(&mut told.person));
    }

    /// Lies from the next request on.
    pub fn lie(&self, lie: Lie) {
        self.tell(|told| told.lies = lie.told());
    }

    pub fn be_honest(&self) {
        self.tell(|told| told.lies = json!([]));
    }

    /// Releases the responses that [`Answer::Stalls`] holds back.
    pub fn release(&self) {
        self.request("POST", "/faults/release", "");
    }

    /// The requests so far.
    pub fn asked(&self) -> ReceivedRequests {
        let answer = self.request("GET", "/faults", "");
        serde_json::from_slice(&answer).expect("the provider returns its recorded requests")
    }

    /// Waits until `enough` holds for the received requests.
    pub async fn asked_until(&self, mut enough: impl FnMut(&ReceivedRequests) -> bool) -> Result<ReceivedRequests> {
        until("the upstream is asked", async || enough(&self.asked()))
            .await
            .with_context(|| format!("{:?}", self.asked()))?;
        Ok(self.asked())
    }

    fn identity(&self) -> String {
        format!(
            "id = \"idp\"\nname = \"Test provider\"\nclient_id = \"{CLIENT_ID}\"\n\
             client_secret = {{ env = \"{SECRET_VARIABLE}\" }}\n"
        )
    }

    fn tell(&self, change: impl FnOnce(&mut Told)) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut told);
        let Told { person, lies } = &*told;
        self.request("PUT", "/faults", &json!({ "user": person, "faults": lies }).to_string());
    }

    /// Sends a blocking request to the control endpoints: the provider's state changes exactly between two
    /// steps of a flow.
    ///
    /// # Panics
    /// If the provider has ended or rejects the request: the test cannot continue.
    fn request(&self, method: &str, path: &str, body: &str) -> Vec<u8> {
        self.exchange(method, path, body).expect("the provider answers")
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> Result<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").context("no whole head")?;
        ensure!(answer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&answer));
        Ok(answer.split_off(head + 4))
    }
}
