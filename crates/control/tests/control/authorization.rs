//! Authorization of callers per method, and the contents of errors.

use lychgate_api::{FILE_DESCRIPTORS, Reason, channel, error_metadata, v1};
use lychgate_control::config::Role;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Request;
use tonic::client::Grpc;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use crate::support::{
    ApiClient, App, Authority, CHECKER_TOKEN, ControlPlane, EDGE_TOKEN, Environment, Failure, Flow, ISSUER,
    OPERATOR_TOKEN, READER_TOKEN, Refused as _, TlsSetup, principal,
};

const ROLES: [(Role, &str); 5] = [
    (Role::Edge, EDGE_TOKEN),
    (Role::Checker, CHECKER_TOKEN),
    (Role::Reader, READER_TOKEN),
    (Role::Resource, "token-of-the-resource"),
    (Role::Operator, OPERATOR_TOKEN),
];

/// The roles permitted for each method, written independently of the product.
fn allowed(method: &str) -> &'static [Role] {
    match method {
        "AuthorizationService/Begin"
        | "AuthorizationService/Show"
        | "AuthorizationService/Decide"
        | "AuthorizationService/FinishLogin"
        | "AuthorizationService/ConfirmLogin"
        | "TokenService/Verify"
        | "TokenService/Revoke"
        | "RegistrationService/Register"
        | "RegistrationService/Read"
        | "RegistrationService/Update"
        | "RegistrationService/Delete"
        | "AccountService/Show"
        | "AccountService/SignIn"
        | "AccountService/Revoke"
        | "AccountService/SignOut"
        | "IssuerService/Checkup" => &[Role::Edge],
        "TokenService/Exchange" | "TokenService/Introspect" => &[Role::Edge, Role::Resource],
        "UpstreamTokenService/Get" | "UpstreamTokenService/ReportRejected" => &[Role::Resource],
        "envoy.service.auth.v3.Authorization/Check" => &[Role::Resource],
        "ConsentService/Check" | "ConsentService/BatchCheck" => &[Role::Checker],
        "ConsentService/Get" | "ConsentService/List" | "ConsentService/Watch" => &[Role::Reader, Role::Operator],
        "IssuerService/List" | "IssuerService/Describe" => &[Role::Edge, Role::Reader, Role::Operator],
        "AdminService/ListKeys"
        | "AdminService/RotateKeys"
        | "AdminService/ListClients"
        | "AdminService/GetClient"
        | "AdminService/DisableClient"
        | "AdminService/EnableClient"
        | "AdminService/ListGrants"
        | "AdminService/GetGrant"
        | "AdminService/ListConnections"
        | "AdminService/Revoke"
        | "AdminService/RevokeSubjects"
        | "AdminService/ListEvents"
        | "AdminService/ExportEvents"
        | "AdminService/Backup"
        | "AdminService/Diagnose"
        | "AdminService/ReadCheckup" => &[Role::Operator],
        undecided => panic!("decide who may call {undecided}"),
    }
}

/// Every method as `Service/Method`; with its package unless it is `lychgate.v1`.
fn methods() -> Vec<String> {
    let descriptors = FileDescriptorSet::decode(FILE_DESCRIPTORS).unwrap();
    let services =
        descriptors.file.iter().flat_map(|file| file.service.iter().map(|service| (file.package(), service)));
    let methods = services.flat_map(|(package, service)| {
        service.method.iter().map(move |method| {
            // A method that streams its reply is refused like any other: an empty message never gets as far as the
            // stream.
            assert!(!method.client_streaming());
            let name = format!("{package}.{}/{}", service.name(), method.name());
            name.strip_prefix("lychgate.v1.").map_or(name.clone(), str::to_owned)
        })
    });
    methods.collect()
}

fn full_name(name: &str) -> String {
    if name.contains('.') { name.to_owned() } else { format!("lychgate.v1.{name}") }
}

/// Calls `method` with an empty message.
async fn call(edge: &ApiClient, method: &str) -> Result<(), Failure> {
    let mut grpc = Grpc::new(edge.channel.clone());
    grpc.ready().await.unwrap();
    let path = format!("/{}", full_name(method)).parse().unwrap();
    let reply = grpc.unary(Request::new(()), path, ProstCodec::<(), ()>::default()).await;
    reply.map(|_| ()).map_err(Failure::from)
}

async fn with_all_roles() -> (Environment, ControlPlane) {
    let mut env = Environment::new().await;
    env.config.principals = ROLES.iter().map(|(role, token)| principal(&format!("{role:?}"), *role, token)).collect();
    let control = env.start().await;
    (env, control)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_is_open_to_the_listed_roles_only() {
    let (_world, control) = with_all_roles().await;
    let methods = methods();
    assert!(methods.len() >= 13);
    let callers = ROLES.map(|(role, token)| (role, control.caller(token)));
    walk(&methods, &callers).await;
    for method in &methods {
        for token in ["", "wrong", "token-of-the-edge ", "TOKEN-OF-THE-EDGE", "token-of-the-edg"] {
            let outcome = call(&control.caller(token), method).await;
            // Space around a token belongs to the header.
            let expected = token.trim() != EDGE_TOKEN;
            let refused = outcome.is_err_and(|failure| failure.reason == "UNAUTHENTICATED");
            assert_eq!(refused, expected, "{method} with {token:?}");
        }
    }
}

/// The same with certificates instead of tokens.
#[tokio::test(flavor = "multi_thread")]
async fn each_method_is_open_to_certificates_of_the_listed_roles_only() {
    let mut env = Environment::new().await;
    let authority = Authority::new();
    let tls = TlsSetup::new(&mut env, &authority, &authority);
    let name = |role: Role| format!("spiffe://example/{role:?}");
    env.config.principals.clear();
    for (role, token) in ROLES {
        let mut principal = principal(&format!("{role:?}"), role, token);
        principal.token_sha256.clear();
        principal.certificate_sans = vec![name(role)];
        env.config.principals.push(principal);
    }
    let control = env.start().await;
    let caller = |name: &str| tls.caller(&control, None, Some(&authority.client(&[name])));
    walk(&methods(), &ROLES.map(|(role, _)| (role, caller(&name(role))))).await;
    for (method, stranger) in methods().iter().zip(["spiffe://example/Else", "spiffe://example/edge"].iter().cycle()) {
        assert_eq!(call(&caller(stranger), method).await.reason(), "UNAUTHENTICATED", "{method} as {stranger}");
    }
    let stranger = tls.caller(&control, Some(EDGE_TOKEN), None);
    assert_eq!(stranger.list().await.reason(), "UNAUTHENTICATED", "the token belongs to no principal");
}

/// Calls every method as every role, and one method that does not exist.
async fn walk(methods: &[String], callers: &[(Role, ApiClient)]) {
    for (role, caller) in callers {
        for method in methods {
            let outcome = call(caller, method).await;
            let reason = outcome.as_ref().err().map(|failure| failure.reason.as_str());
            assert!(reason.is_none_or(|reason| reason != "UNAUTHENTICATED" && !reason.contains("no ErrorInfo")));
            let denied = reason == Some("PERMISSION_DENIED");
            assert_eq!(denied, !allowed(method).contains(role), "{method} as {role:?}");
        }
        let unlisted = call(caller, "AdminService/Everything").await;
        assert_eq!(unlisted.reason(), "PERMISSION_DENIED", "an unlisted method is denied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_token_is_unauthenticated() {
    let (_world, control) = with_all_roles().await;
    let channel = Endpoint::from_shared(format!("http://{}", control.address)).unwrap().connect_lazy();
    for method in &methods() {
        for authorization in [None, Some("Basic dG9rZW4tb2YtdGhlLWVkZ2U="), Some(EDGE_TOKEN), Some("Bearer")] {
            let mut grpc = Grpc::new(channel.clone());
            grpc.ready().await.unwrap();
            let mut request = Request::new(());
            if let Some(authorization) = authorization {
                request.metadata_mut().insert("authorization", authorization.parse().unwrap());
            }
            let path = format!("/{}", full_name(method)).parse().unwrap();
            let reply = grpc.unary(request, path, ProstCodec::<(), ()>::default()).await;
            assert_eq!(reply.map_err(Failure::from).reason(), "UNAUTHENTICATED", "{method} with {authorization:?}");
        }
    }
}

/// A caller that is limited to one issuer does not learn of another.
#[tokio::test(flavor = "multi_thread")]
async fn a_principal_of_one_issuer_does_not_see_the_other() {
    let mut env = Environment::new().await;
    env.add_other_issuer();
    let mut scoped = principal("scoped", Role::Edge, "scoped-token");
    scoped.issuers = Some(vec!["other".to_owned()]);
    env.config.principals.push(scoped);
    let control = env.start().await;
    let (all, one) = (control.edge(), control.caller("scoped-token"));
    let ids = |list: v1::ListResponse| list.issuers.into_iter().map(|issuer| issuer.id).collect::<Vec<_>>();
    assert_eq!(ids(all.list().await.unwrap()), [ISSUER, "other"]);
    assert_eq!(ids(one.list().await.unwrap()), ["other"]);
    assert_eq!(one.describe(ISSUER).await.reason(), "ISSUER_UNKNOWN");
    let mut flow = Flow::new(App::configured());
    let page = flow.consent_page(&all).await;
    assert_eq!(one.begin(flow.begin()).await.reason(), "ISSUER_UNKNOWN");
    assert_eq!(one.show(flow.show(&page.ticket)).await.reason(), "ISSUER_UNKNOWN");
    assert_eq!(one.decide(flow.decide(&page, v1::Decision::Approve)).await.reason(), "ISSUER_UNKNOWN");
    assert_eq!(one.register(App::registration("none")).await.reason(), "ISSUER_UNKNOWN");
    all.decide(flow.decide(&page, v1::Decision::Approve)).await.unwrap();
    Flow::at("other", App::configured()).tokens(&one, &env.idp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_needs_no_authentication() {
    let env = Environment::new().await;
    let control = env.start().await;
    let channel = Endpoint::from_shared(format!("http://{}", control.address)).unwrap().connect_lazy();
    let mut health = HealthClient::new(channel);
    let request = HealthCheckRequest { service: String::new() };
    // The first check of the store takes a moment: wait for its result.
    let mut news = health.watch(request.clone()).await.unwrap().into_inner();
    while news.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    assert_eq!(health.check(request).await.unwrap().into_inner().status(), ServingStatus::Serving);
}

/// Callers that watch the health service have the time to use another node: calls are still served. The watcher authenticates,
/// as an edge does, so its connection keeps its place although it makes no other call.
#[tokio::test(flavor = "multi_thread")]
async fn control_plane_that_ends_says_so_before_it_stops_listening() {
    let mut env = Environment::new().await;
    env.config.drain_seconds = 2;
    let control = env.start().await;
    let channel = Endpoint::from_shared(format!("http://{}", control.address)).unwrap().connect_lazy();
    let mut health = HealthClient::with_interceptor(channel, |mut request: tonic::Request<()>| {
        request.metadata_mut().insert("authorization", format!("Bearer {EDGE_TOKEN}").parse().unwrap());
        Ok(request)
    });
    let mut news = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    while news.message().await.unwrap().unwrap().status() != ServingStatus::Serving {}
    control.shutdown.trigger();
    while news.message().await.unwrap().unwrap().status() != ServingStatus::NotServing {}
    // Over a new connection.
    control.edge().list().await.unwrap();
    // A stream that stays open does not keep the process from ending: the report is withdrawn.
    assert!(news.message().await.unwrap().is_none());
    control.stop().await;
}

macro_rules! reflected {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version as pb;
        let request = |message_request| pb::ServerReflectionRequest {
            message_request: Some(message_request),
            ..Default::default()
        };
        let asked = futures_util::stream::iter([
            request(pb::server_reflection_request::MessageRequest::ListServices(String::new())),
            request(pb::server_reflection_request::MessageRequest::FileContainingSymbol(
                "lychgate.v1.TokenService".to_owned(),
            )),
        ]);
        let mut client = pb::server_reflection_client::ServerReflectionClient::new($channel);
        let mut answers = client.server_reflection_info(asked).await.unwrap().into_inner();
        let list = answers.message().await.unwrap().unwrap().message_response.unwrap();
        let pb::server_reflection_response::MessageResponse::ListServicesResponse(list) = list else {
            panic!("{list:?}")
        };
        let file = answers.message().await.unwrap().unwrap().message_response.unwrap();
        let pb::server_reflection_response::MessageResponse::FileDescriptorResponse(file) = file else {
            panic!("{file:?}")
        };
        assert!(!file.file_descriptor_proto.is_empty());
        list.service.into_iter().map(|service| service.name).collect::<Vec<_>>()
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_needs_no_authentication_and_names_every_service_in_both_versions() {
    let env = Environment::new().await;
    let control = env.start().await;
    let channel = Endpoint::from_shared(format!("http://{}", control.address)).unwrap().connect_lazy();
    for listed in [reflected!(v1, channel.clone()), reflected!(v1alpha, channel.clone())] {
        let mut expected: Vec<_> =
            methods().iter().map(|method| full_name(method.split('/').next().unwrap())).collect();
        expected.push("grpc.health.v1.Health".to_owned());
        for service in expected {
            assert!(listed.contains(&service), "{service} is not in {listed:?}");
        }
    }
}

/// Methods that accept an empty message; Envoy's `Check` answers it with "401".
const WELL_ASKED_BY_NOTHING: [&str; 2] = ["IssuerService/List", "envoy.service.auth.v3.Authorization/Check"];

/// Errors and logs carry one request id: the caller's if it is well-formed, otherwise a new one.
#[tokio::test(flavor = "multi_thread")]
async fn every_error_has_reason_domain_and_request_id() {
    let (_world, control) = with_all_roles().await;
    let longest = "x".repeat(64);
    for (token, given, taken_over) in [
        (EDGE_TOKEN, "edge-1_A", true),
        (EDGE_TOKEN, longest.as_str(), true),
        ("wrong", "edge-1_A", true),
        ("token-of-the-resource", "edge-1_A", true),
        (EDGE_TOKEN, "", false),
        (EDGE_TOKEN, "two words", false),
        (EDGE_TOKEN, "a/b", false),
        (EDGE_TOKEN, &"x".repeat(65), false),
    ] {
        let edge = control.caller(token);
        for method in methods().iter().filter(|method| !WELL_ASKED_BY_NOTHING.contains(&method.as_str())) {
            let mut grpc = Grpc::new(edge.channel.clone());
            grpc.ready().await.unwrap();
            let mut request = Request::new(());
            request.metadata_mut().insert("x-request-id", given.parse().unwrap());
            let path = format!("/{}", full_name(method)).parse().unwrap();
            let reply = grpc.unary(request, path, ProstCodec::<(), ()>::default()).await;
            let failure = Failure::from(reply.unwrap_err());
            assert!(Reason::parse(&failure.reason).is_some(), "{method}: {failure:?}");
            let id = &failure.metadata[error_metadata::REQUEST_ID];
            assert_eq!(id == given, taken_over, "{method}: {given:?} became {id:?}");
            assert!((1..=64).contains(&id.len()), "{id:?}");
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{id:?}");
        }
    }
}

/// Also when the message reaches no service.
#[tokio::test(flavor = "multi_thread")]
async fn an_undecodable_message_is_refused_with_a_reason() {
    let (_world, control) = with_all_roles().await;
    // Two messages have no fields.
    let empty = ["IssuerService/List", "AdminService/Diagnose"];
    for method in methods().iter().filter(|method| !empty.contains(&method.as_str())) {
        let (_, token) = ROLES.into_iter().find(|(role, _)| allowed(method).contains(role)).unwrap();
        let mut grpc = Grpc::new(control.caller(token).channel);
        grpc.ready().await.unwrap();
        let path = format!("/{}", full_name(method)).parse().unwrap();
        // Field 1 is a string in every message; these bytes are no string.
        let reply = grpc.unary(Request::new(vec![0xFF]), path, ProstCodec::<Vec<u8>, ()>::default()).await;
        assert_eq!(reply.map_err(Failure::from).reason(), "REQUEST_MALFORMED", "{method}");
    }
}

/// Two requests without an id get different ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_id_gets_one_of_its_own() {
    let (_world, control) = with_all_roles().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let failure = call(&control.edge(), "TokenService/Exchange").await.unwrap_err();
        ids.push(failure.metadata[error_metadata::REQUEST_ID].clone());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_beyond_loopback_refuses_to_start() {
    let mut env = Environment::new().await;
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        env.config.listen = listen.parse().unwrap();
        let refused = ControlPlane::start(env.config.clone(), env.engine.open(), env.clock.clone()).await.unwrap_err();
        assert_eq!(
            format!("{refused:#}"),
            format!(
                "tls: is missing although {listen} is not a loopback address; set [tls] cert_file and key_file, or listen on 127.0.0.1"
            )
        );
    }
}

/// Requirements: A14.
#[tokio::test(flavor = "multi_thread")]
async fn calls_over_tls_reach_only_a_server_with_a_trusted_certificate() {
    let mut env = Environment::new().await;
    let authority = Authority::new();
    let tls = TlsSetup::new(&mut env, &authority, &authority);
    let control = env.start().await;
    let edge = tls.caller(&control, Some(EDGE_TOKEN), None);
    Flow::new(App::configured()).tokens(&edge, &env.idp).await;
    let url = tls.url(&control);
    let stranger = ApiClient::connect(&url, Some(Authority::new().pem().as_bytes()), EDGE_TOKEN);
    assert!(stranger.list().await.reason().starts_with("no ErrorInfo"), "another authority is not trusted");
    let plain = ApiClient::connect(&url.replace("https", "http"), None, EDGE_TOKEN);
    assert!(plain.list().await.reason().starts_with("no ErrorInfo"), "plaintext is not answered");
    assert!(channel::open("http://192.0.2.1:1", None, EDGE_TOKEN).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_certificate_refuses_to_start_with_one_line() {
    let mut env = Environment::new().await;
    let authority = Authority::new();
    TlsSetup::new(&mut env, &authority, &authority);
    let good = env.config.tls.clone().unwrap();
    let other = env.file("other-key.pem", authority.server().key.as_bytes());
    let nonsense = env.file("nonsense.pem", b"nonsense");
    for (cert_file, key_file, ca_file, named) in [
        (Some("/nowhere/c.pem".into()), None, None, "tls.cert_file: /nowhere/c.pem cannot be read"),
        (None, Some("/nowhere/k.pem".into()), None, "tls.key_file: /nowhere/k.pem cannot be read"),
        (None, None, Some("/nowhere/a.pem".into()), "tls.client_ca_file: /nowhere/a.pem cannot be read"),
        (Some(nonsense.clone()), None, None, "tls.cert_file: "),
        (None, Some(nonsense.clone()), None, "tls.key_file: "),
        (None, None, Some(nonsense), "tls.client_ca_file: "),
        (None, Some(other), None, "tls: cannot be used: "),
    ] {
        let mut tls = good.clone();
        tls.cert_file = cert_file.unwrap_or(tls.cert_file);
        tls.key_file = key_file.unwrap_or(tls.key_file);
        tls.client_ca_file = ca_file.or(tls.client_ca_file);
        env.config.tls = Some(tls);
        let refused = ControlPlane::start(env.config.clone(), env.engine.open(), env.clock.clone()).await.unwrap_err();
        let line = format!("{refused:#}");
        assert!(line.starts_with(named) && line.contains("; ") && !line.contains('\n'), "{line}");
    }
}
