//! Callers that authenticate with client certificates.

use std::time::Duration;

use lychgate_api::v1;
use lychgate_api::v1::issuer_service_client::IssuerServiceClient;
use lychgate_control::config::{ClientCertificates, Role};
use rcgen::{DnType, ExtendedKeyUsagePurpose, SanType, date_time_ymd};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::support::{
    ApiClient, App, Authority, CertificateAndKey, ControlPlane, EDGE_TOKEN, Environment, Flow, Log, READER_TOKEN,
    Refused as _, TlsSetup, principal, wait_until,
};

const EDGE: &str = "spiffe://example/edge";
const READER: &str = "reader.internal";

/// An environment with an edge and a reader, each with a token and a certificate name, and one authority for all
/// certificates.
async fn environment() -> (Environment, Authority, TlsSetup) {
    let mut env = Environment::new().await;
    let authority = Authority::new();
    let tls = TlsSetup::new(&mut env, &authority, &authority);
    env.config.principals[0].certificate_sans = vec![EDGE.to_owned()];
    let mut reader = principal("reader", Role::Reader, READER_TOKEN);
    reader.certificate_sans = vec![READER.to_owned()];
    env.config.principals.push(reader);
    (env, authority, tls)
}

/// Reason and message of a refused call.
async fn refusal(caller: &ApiClient) -> (String, String) {
    let status = IssuerServiceClient::new(caller.channel.clone()).list(v1::ListRequest {}).await.unwrap_err();
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    (reason, status.message().to_owned())
}

fn unauthenticated(message: &str) -> (String, String) {
    ("UNAUTHENTICATED".to_owned(), message.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_needs_no_token_with_a_certificate() {
    let (mut env, authority, tls) = environment().await;
    env.config.principals[0].token_sha256.clear();
    let control = env.start().await;
    let edge = tls.caller(&control, None, Some(&authority.client(&[EDGE])));
    Flow::new(App::configured()).tokens(&edge, &env.idp).await;
}

/// Each certificate is the valid one with one thing changed: the connection fails, and the log says why.
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_certificate_makes_no_connection() {
    let (env, authority, tls) = environment().await;
    let now = env.now();
    let changed = [
        ("UnknownIssuer", Authority::new().client(&[EDGE])),
        ("certificate expired", authority.client_until(&[EDGE], now + Duration::from_secs(1))),
        ("not valid yet", authority.certify(&[EDGE], |params| params.not_before = date_time_ymd(2026, 1, 1))),
        ("extended key usage", {
            authority.certify(&[EDGE], |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth])
        }),
    ];
    env.advance(Duration::from_secs(2));
    let good = authority.client_until(&[EDGE], now + Duration::from_secs(3));
    for (why, certificate) in &changed {
        let log = Log::default();
        let mut runtime = log.runtime();
        let control = ControlPlane::start_on(&mut runtime, env.config.clone(), env.engine.open(), env.clock.clone());
        let control = control.await.unwrap();
        tls.caller(&control, None, Some(&good)).list().await.unwrap();
        // A token does not help.
        for token in [None, Some(EDGE_TOKEN)] {
            let refused = tls.caller(&control, token, Some(certificate)).list().await.reason();
            assert!(refused.starts_with("no ErrorInfo"), "{why}: {refused}");
        }
        let said = || {
            String::from_utf8_lossy(&log.read())
                .lines()
                .any(|line| line.contains("client certificate rejected") && line.contains(why))
        };
        wait_until(why, async || said()).await;
    }
}

/// Only a whole alternative name identifies a principal.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_a_known_name_is_unauthenticated() {
    let (env, authority, tls) = environment().await;
    let control = env.start().await;
    let named = |name: &str| authority.client(&[name]);
    let common_name = authority.certify(&["other.internal"], |params| {
        params.distinguished_name.push(DnType::CommonName, READER);
    });
    let mail = authority.certify(&[], |params| {
        params.subject_alt_names = vec![SanType::Rfc822Name(READER.try_into().unwrap())];
    });
    let unknown = |names: &str| {
        unauthenticated(&format!(
            "no configured principal has a name of the client certificate ({names}): add one to its certificate_sans"
        ))
    };
    for (certificate, names) in [
        (named("spiffe://example/else"), "spiffe://example/else"),
        (named("spiffe://example/edge/"), "spiffe://example/edge/"),
        (named("*.internal"), "*.internal"),
        (common_name, "other.internal"),
        (mail, "it has no DNS name and no URI"),
    ] {
        let caller = tls.caller(&control, None, Some(&certificate));
        assert_eq!(refusal(&caller).await, unknown(names));
        let with_token = tls.caller(&control, Some(EDGE_TOKEN), Some(&certificate));
        assert_eq!(refusal(&with_token).await, unknown(names), "a token does not replace the name");
    }
    tls.caller(&control, None, Some(&authority.client(&["other.internal", READER]))).list().await.unwrap();
    let nothing = tls.caller(&control, Some("wrong"), None);
    assert_eq!(refusal(&nothing).await, unauthenticated("the bearer token belongs to no configured principal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn token_and_certificate_must_name_one_principal() {
    let (env, authority, tls) = environment().await;
    let control = env.start().await;
    let (edge, reader) = (authority.client(&[EDGE]), authority.client(&[READER]));
    for (token, certificate) in [(EDGE_TOKEN, &edge), (READER_TOKEN, &reader)] {
        tls.caller(&control, Some(token), Some(certificate)).list().await.unwrap();
    }
    let contradiction =
        unauthenticated("the bearer token and the client certificate belong to different principals: send one of them");
    for (token, certificate) in [(READER_TOKEN, &edge), (EDGE_TOKEN, &reader)] {
        let caller = tls.caller(&control, Some(token), Some(certificate));
        assert_eq!(refusal(&caller).await, contradiction);
    }
    let wrong = tls.caller(&control, Some("wrong"), Some(&edge));
    assert_eq!(refusal(&wrong).await, unauthenticated("the bearer token belongs to no configured principal"));
    let several = tls.caller(&control, None, Some(&authority.client(&[EDGE, READER])));
    let message = "the client certificate has names of several principals: use names of one principal only";
    assert_eq!(refusal(&several).await, unauthenticated(message));
    // A certificate has the rights of its principal's role.
    let request = v1::RevokeRequest::default();
    let caller = tls.caller(&control, None, Some(&reader));
    assert_eq!(caller.revoke(request).await.reason(), "PERMISSION_DENIED");
}

/// The connection was opened while the certificate was valid.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_is_refused_on_an_open_connection() {
    let (env, authority, tls) = environment().await;
    let control = env.start().await;
    let ends = env.now() + Duration::from_secs(600);
    let until_then = tls.caller(&control, None, Some(&authority.client_until(&[EDGE], ends)));
    let longer = tls.caller(&control, None, Some(&authority.client(&[EDGE])));
    until_then.list().await.unwrap();
    env.advance(Duration::from_secs(600));
    until_then.list().await.unwrap();
    env.advance(Duration::from_secs(1));
    let (reason, message) = refusal(&until_then).await;
    assert_eq!(reason, "UNAUTHENTICATED");
    assert!(
        message.starts_with("the client certificate is no longer believed (") && message.contains("expired"),
        "{message}"
    );
    longer.list().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_certificate_is_demanded_of_every_connection() {
    let (mut env, authority, tls) = environment().await;
    let health = async |control: &ControlPlane| {
        let client_tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&tls.ca));
        let endpoint = Endpoint::from_shared(tls.url(control)).unwrap().tls_config(client_tls).unwrap();
        HealthClient::new(endpoint.connect_lazy()).check(HealthCheckRequest { service: String::new() }).await
    };
    let optional = env.start().await;
    tls.caller(&optional, Some(EDGE_TOKEN), None).list().await.unwrap();
    health(&optional).await.unwrap();
    env.config.tls.as_mut().unwrap().client_certificates = ClientCertificates::Required;
    let required = env.start().await;
    let certified: CertificateAndKey = authority.client(&[EDGE]);
    tls.caller(&required, None, Some(&certified)).list().await.unwrap();
    tls.caller(&required, Some(EDGE_TOKEN), Some(&certified)).list().await.unwrap();
    let bare = tls.caller(&required, Some(EDGE_TOKEN), None).list().await.reason();
    assert!(bare.starts_with("no ErrorInfo"), "{bare}");
    health(&required).await.unwrap_err();
}

/// A rotation has two credentials of each kind for a while.
#[tokio::test(flavor = "multi_thread")]
async fn a_principal_may_have_several_tokens_and_certificates() {
    let (mut env, authority, tls) = environment().await;
    let next = principal("edge", Role::Edge, "next-token").token_sha256;
    env.config.principals[0].token_sha256.extend(next);
    env.config.principals[0].certificate_sans.push("edge-2.internal".to_owned());
    let control = env.start().await;
    for token in [EDGE_TOKEN, "next-token"] {
        tls.caller(&control, Some(token), None).list().await.unwrap();
        for name in [EDGE, "edge-2.internal", "EDGE-2.internal"] {
            tls.caller(&control, Some(token), Some(&authority.client(&[name]))).list().await.unwrap();
        }
    }
}
