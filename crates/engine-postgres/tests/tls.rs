//! Connections with TLS: only to a server that proves its name by a trusted authority.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use lychgate_engine::Engine;
use lychgate_engine_postgres::{OpenError, Options, Postgres, migrate};
use lychgate_engine_suite::TestEntropy;
use lychgate_test_postgres::{Server, Sync};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use support::{WallClock, creation, has};

#[expect(dead_code, reason = "each test file uses a part of it")]
mod support;

/// Every address of 127.0.0.0/8 is this machine's.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 83, 17, 1);
/// An address that the certificate does not name.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 83, 17, 2);

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("an authority can be made").pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// The certificate and the key of a server at [`ADDRESS`], in PEM.
    fn certify(&self) -> (String, String) {
        let key = KeyPair::generate().expect("a key can be made");
        let params = CertificateParams::new([ADDRESS.to_string()]).expect("an address is a name");
        let certificate = params.signed_by(&key, &self.issuer).expect("it can be signed");
        (certificate.pem(), key.serialize_pem())
    }

    fn file(&self, directory: &TempDir, name: &str) -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, &self.certificate).expect("the directory can be written to");
        path
    }
}

async fn opened(address: Ipv4Addr, database: &str, roots: &std::path::Path) -> Result<Postgres, OpenError> {
    let url = format!("postgresql://postgres@{address}/{database}?sslrootcert={}", roots.display());
    let url = url.parse().expect("the URL can be parsed");
    migrate(&url, Arc::new(WallClock), &TestEntropy).await?;
    Postgres::open(Options { allow_single: true, ..Options::new(url) }, Arc::new(WallClock)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_server_that_proves_its_name_is_used() {
    let (directory, authority) = (tempfile::tempdir().expect("there is room"), Authority::new());
    let trusted = authority.file(&directory, "trusted.pem");
    let other = Authority::new().file(&directory, "other.pem");
    let server = Server::start(Sync::Off, "");
    let (certificate, key) = authority.certify();
    server.listen_with_tls(ADDRESS, &certificate, &key);
    server.sql("CREATE DATABASE one");

    let engine = opened(ADDRESS, "one", &trusted).await.expect("the server is trusted");
    engine.commit(creation("a")).await.expect("a commit succeeds");
    assert!(has(&engine, "a").await);
    let encrypted = "SELECT count(*) > 1 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = 'one'";
    assert_eq!(server.sql(encrypted), "t", "every connection has TLS");
    drop(engine);

    let refused = opened(ADDRESS, "one", &other).await.expect_err("another authority of the same name");
    assert!(format!("{refused:?}").contains("BadSignature"), "{refused:?}");
    // The certificate does not name this address.
    server.listen_with_tls(OTHER, &certificate, &key);
    let refused = opened(OTHER, "one", &trusted).await.expect_err("another name");
    assert!(format!("{refused:?}").contains("NotValidForName"), "{refused:?}");
    // A server without TLS gets no plaintext.
    server.listen_without_tls(ADDRESS);
    let refused = opened(ADDRESS, "one", &trusted).await.expect_err("no TLS");
    assert!(format!("{refused:?}").contains("TLS"), "{refused:?}");
}
