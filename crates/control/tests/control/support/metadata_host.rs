//! An HTTPS host on which a client publishes its metadata document and its keys.

use std::collections::HashMap;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use lychgate_control::config::OutboundConfig;
use lychgate_engine::{Timestamp, random};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::{Authority, Environment, ISSUER_URL};

/// Ends with the test's runtime.
#[derive(Clone, Debug)]
pub(crate) struct MetadataHost {
    address: SocketAddr,
    authority_pem: String,
    pages: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// True while responses are withheld.
    withheld: Arc<watch::Sender<bool>>,
}

impl MetadataHost {
    pub(crate) async fn start() -> Self {
        let authority = Authority::new();
        let (authority_pem, acceptor) = (authority.pem().to_owned(), authority.acceptor(&["localhost"]));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let site =
            Self { address, authority_pem, pages: Arc::default(), asked: Arc::default(), withheld: Arc::default() };
        let serving = site.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream, acceptor.clone()));
            }
        });
        site
    }

    /// The outbound configuration with which a control plane reaches this host.
    pub(crate) fn outbound(&self, env: &Environment) -> OutboundConfig {
        OutboundConfig {
            extra_ca_file: Some(env.file("authority.pem", self.authority_pem.as_bytes())),
            // Every address of `localhost` has to be permitted.
            permitted_addresses: vec![self.address, (Ipv6Addr::LOCALHOST, self.address.port()).into()],
            ports: vec![self.address.port()],
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    pub(crate) fn publish(&self, path: &str, page: &Value) {
        self.pages.lock().expect("unpoisoned").insert(path.to_owned(), page.to_string());
    }

    pub(crate) fn withdraw(&self, path: &str) {
        self.pages.lock().expect("unpoisoned").remove(path);
    }

    /// Records requests and withholds their responses until [`MetadataHost::release`].
    pub(crate) fn withhold(&self) {
        self.withheld.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.withheld.send_replace(false);
    }

    /// Number of requests for `path`.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.asked.lock().expect("unpoisoned").iter().filter(|asked| *asked == path).count()
    }

    /// A client's metadata document; `members` are added or replace others.
    pub(crate) fn document(&self, path: &str, members: &Value) -> Value {
        let mut document = json!({
            "client_id": self.url(path),
            "client_name": "Documented",
            "redirect_uris": ["http://127.0.0.1/cb", "https://app.example/cb"],
            "grant_types": ["authorization_code", "refresh_token", "urn:example:unknown"],
            "token_endpoint_auth_method": "none",
        });
        for (name, value) in members.as_object().expect("an object") {
            document[name] = value.clone();
        }
        document
    }

    async fn serve(self, stream: TcpStream, acceptor: TlsAcceptor) {
        let Ok(mut stream) = acceptor.accept(stream).await else { return };
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = stream.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).expect("text");
        let path = head.split(' ').nth(1).expect("a path").to_owned();
        let page = self.pages.lock().expect("unpoisoned").get(&path).cloned();
        self.asked.lock().expect("unpoisoned").push(path);
        self.withheld.subscribe().wait_for(|withheld| !withheld).await.expect("the sender is in self");
        let (status, body) = page.map_or(("404 Not Found", String::new()), |page| ("200 OK", page));
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncache-control: max-age=60\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        // A client that has read enough may hang up; that is no failure here.
        _ = stream.write_all(answer.as_bytes()).await;
        _ = stream.shutdown().await;
    }
}

/// A client's signing key for `private_key_jwt`.
pub(crate) struct ClientKey {
    pub(crate) kid: String,
    key: EncodingKey,
    jwk: Value,
}

impl ClientKey {
    pub(crate) fn new(kid: &str) -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .expect("valid parameters");
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).expect("valid parameters");
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let text = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": text(x), "y": text(y) });
        Self { kid: kid.to_owned(), key: EncodingKey::from_ec_der(pkcs8.as_ref()), jwk }
    }

    pub(crate) fn set(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }

    pub(crate) fn claims(client: &str, now: Timestamp) -> Value {
        let jti = format!("{:x?}", random::<16>(&lychgate_engine_suite::TestEntropy));
        json!({ "iss": client, "sub": client, "aud": ISSUER_URL, "iat": now.seconds(), "exp": now.seconds() + 60, "jti": jti })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::ES256) };
        jsonwebtoken::encode(&header, claims, &self.key).expect("valid parameters")
    }
}
