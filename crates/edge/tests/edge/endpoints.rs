//! Several endpoints of the control plane, their health, and the end of an edge.

use std::net::{SocketAddr, TcpListener};

use lychgate_api::v1::ExchangeResponse;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tonic_health::ServingStatus;

use crate::support::{Answer, FakeControl, RunningControl, TIMEOUT, TestEdge, any_port, header, lasting_address};

const FORM: &str = "grant_type=refresh_token&refresh_token=r&client_id=c";

/// A fake control plane with more answers than a test needs.
fn fake() -> FakeControl {
    let fake = FakeControl::with_issuers(&[("root", "https://gate.example")]);
    for _ in 0..1000 {
        fake.answer(Answer::Exchanged(ExchangeResponse::default()));
    }
    fake
}

/// Two control planes, and an edge that knows both and serves metrics.
struct Pair {
    fakes: [FakeControl; 2],
    controls: [RunningControl; 2],
    edge: TestEdge,
    metrics: SocketAddr,
}

impl Pair {
    async fn start() -> Self {
        let fakes = [fake(), fake()];
        let controls = [
            RunningControl::start(&fakes[0], lasting_address()).await,
            RunningControl::start(&fakes[1], lasting_address()).await,
        ];
        let urls = format!("url = ['http://{}', 'http://{}']", controls[0].address, controls[1].address);
        let metrics = free_address();
        let edge = TestEdge::start_at(&urls, &format!("metrics.listen = '{metrics}'")).await;
        edge.ready().await;
        Self { fakes, controls, edge, metrics }
    }

    fn calls(&self) -> [usize; 2] {
        [self.fakes[0].calls().len(), self.fakes[1].calls().len()]
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind(any_port()).expect("a port").local_addr().expect("an address")
}

async fn exchange(edge: &TestEdge) {
    assert_eq!(edge.post_form("/token", FORM).await.status(), 200);
}

async fn metrics(edge: &TestEdge, address: SocketAddr) -> String {
    let response = edge.send(edge.http.get(format!("http://{address}/metrics"))).await;
    response.text().await.expect("text")
}

/// Waits until the metrics have this line.
async fn until_counted(edge: &TestEdge, address: SocketAddr, line: &str) {
    let counted = async { while !metrics(edge, address).await.lines().any(|found| found == line) {} };
    tokio::time::timeout(TIMEOUT, counted).await.unwrap_or_else(|_| panic!("never {line}"));
}

fn endpoints(health: &str, number: usize) -> String {
    format!("lychgate_control_endpoints{{health=\"{health}\"}} {number}")
}

#[tokio::test]
async fn endpoint_that_dies_costs_no_request_and_is_used_again_when_it_is_back() {
    let Pair { edge, metrics, fakes, controls } = Pair::start().await;
    let [first, second] = controls;
    until_counted(&edge, metrics, &endpoints("serving", 2)).await;
    for _ in 0..20 {
        exchange(&edge).await;
    }
    assert!(fakes.iter().all(|fake| fake.calls().len() >= 8), "both have calls");
    let address = first.address;
    first.stop().await;
    for _ in 0..20 {
        exchange(&edge).await;
    }
    until_counted(&edge, metrics, &endpoints("unreachable", 1)).await;
    let before = fakes[0].calls().len();
    for _ in 0..20 {
        exchange(&edge).await;
    }
    assert_eq!(fakes[0].calls().len(), before);
    let first = RunningControl::start(&fakes[0], address).await;
    until_counted(&edge, metrics, &endpoints("serving", 2)).await;
    second.stop().await;
    for _ in 0..20 {
        exchange(&edge).await;
    }
    assert!(fakes[0].calls().len() >= before + 20 - 2);
    first.stop().await;
}

#[tokio::test]
async fn endpoint_that_drains_gets_no_new_calls_while_another_serves() {
    let pair = Pair::start().await;
    let Pair { edge, metrics, controls, .. } = &pair;
    controls[0].health.set_service_status("", ServingStatus::NotServing).await;
    until_counted(edge, *metrics, &endpoints("not_serving", 1)).await;
    let [before, other] = pair.calls();
    for _ in 0..20 {
        exchange(edge).await;
    }
    assert_eq!(pair.calls(), [before, other + 20]);
    controls[0].health.set_service_status("", ServingStatus::Serving).await;
    until_counted(edge, *metrics, &endpoints("serving", 2)).await;
    for _ in 0..4 {
        exchange(edge).await;
    }
    assert!(pair.calls()[0] > before, "it is used again");
    controls[0].health.set_service_status("", ServingStatus::NotServing).await;
    controls[1].health.set_service_status("", ServingStatus::NotServing).await;
    until_counted(edge, *metrics, &endpoints("not_serving", 2)).await;
    exchange(edge).await;
}

/// A server that has another name's certificate, from the same authority, gets no call and no token. The name in the URL counts,
/// and not the address that it was resolved to.
#[tokio::test]
async fn server_with_another_name_gets_no_call() {
    let authority = Authority::new();
    let (right, wrong) = (fake(), fake());
    let (cert, key) = authority.certify("localhost");
    let named = RunningControl::start_secured(&right, &cert, &key).await;
    let (cert, key) = authority.certify("other.internal");
    let impostor = RunningControl::start_secured(&wrong, &cert, &key).await;
    let files = tempfile::tempdir().expect("a directory");
    let ca = files.path().join("ca.pem");
    std::fs::write(&ca, &authority.pem).expect("a file");
    let (named, impostor) = (named.address.port(), impostor.address.port());
    let control = format!(
        "url = ['https://localhost:{named}', 'https://127.0.0.1:{impostor}', 'https://localhost:{impostor}']\nca_file = '{}'",
        ca.display()
    );
    let metrics = free_address();
    let edge = TestEdge::start_at(&control, &format!("metrics.listen = '{metrics}'")).await;
    edge.ready().await;
    for _ in 0..20 {
        exchange(&edge).await;
    }
    assert_eq!((right.calls().len(), wrong.calls().len()), (20, 0));
    until_counted(&edge, metrics, &endpoints("serving", 1)).await;
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key, in PEM.
    fn certify(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new([name.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        (params.signed_by(&key, &self.issuer).expect("a certificate").pem(), key.serialize_pem())
    }
}

#[tokio::test]
async fn repetitions_are_counted_by_cause() {
    let fake = FakeControl::with_issuers(&[("root", "https://gate.example")]);
    let control = RunningControl::start(&fake, any_port()).await;
    let metrics = free_address();
    let edge = TestEdge::start_with(control.address, &format!("metrics.listen = '{metrics}'")).await;
    edge.ready().await;
    fake.refuse(tonic::Status::unavailable("a proxy in between"));
    fake.answer(Answer::Exchanged(ExchangeResponse::default()));
    exchange(&edge).await;
    until_counted(&edge, metrics, "lychgate_control_repetitions_total{cause=\"lost\"} 1").await;
    until_counted(&edge, metrics, "lychgate_control_repetition_budget_exhausted_total 0").await;
    let counted = self::metrics(&edge, metrics).await;
    let age = counted.lines().find_map(|line| line.strip_prefix("lychgate_issuers_age_seconds "));
    assert!(age.and_then(|age| age.parse::<f64>().ok()).is_some_and(|age| age < 20.0), "{age:?}");
}

/// A deletion that was lost may have succeeded: its repetition would be told that the client is unknown.
#[tokio::test]
async fn lost_deletion_is_not_repeated() {
    let fake = FakeControl::with_issuers(&[("root", "https://gate.example")]);
    let control = RunningControl::start(&fake, any_port()).await;
    let edge = TestEdge::start(control.address).await;
    edge.ready().await;
    fake.refuse(tonic::Status::unavailable("a proxy in between"));
    fake.answer(Answer::Deleted);
    let request = edge.http.delete(edge.url("/register/c")).bearer_auth("registration-token");
    assert_eq!(edge.send(request).await.status(), 503);
    assert_eq!(fake.calls().len(), 1);
}

/// A load balancer that asks `/readyz` has time to notice, and a connection that stays open gets no further request.
#[tokio::test]
async fn edge_that_ends_says_so_and_still_serves() {
    let fake = fake();
    let control = RunningControl::start(&fake, any_port()).await;
    let edge = TestEdge::start_with(control.address, "drain_seconds = 2").await;
    edge.ready().await;
    let kept = edge.post_form("/token", FORM).await;
    assert_eq!((kept.status().as_u16(), header(&kept, "connection")), (200, ""));
    edge.shutdown.trigger();
    let fresh = reqwest::Client::builder().no_proxy().build().expect("a client");
    let readyz = fresh.get(edge.url("/readyz")).send().await.expect("the edge listens");
    assert_eq!((readyz.status().as_u16(), header(&readyz, "connection")), (503, "close"));
    assert_eq!(readyz.text().await.expect("text"), "shutting down\n");
    let answer = edge.post_form("/token", FORM).await;
    assert_eq!((answer.status().as_u16(), header(&answer, "connection")), (200, "close"));
    tokio::time::timeout(TIMEOUT, edge.serving).await.expect("it ends").expect("it ends well");
    fresh.get(format!("http://{}/healthz", edge.address)).send().await.expect_err("nothing listens");
}

#[tokio::test]
async fn documents_are_served_without_the_control_plane_up_to_an_age() {
    let fake = FakeControl::with_issuers(&[("root", "https://gate.example")]);
    let control = RunningControl::start(&fake, lasting_address()).await;
    let address = control.address;
    let edge = TestEdge::start_at(&format!("url = 'http://{address}'\nstale_seconds = 3"), "").await;
    edge.ready().await;
    let documents = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration", "/jwks.json"];
    control.stop().await;
    for path in documents {
        assert_eq!(edge.get(path).await.status(), 200, "{path}");
    }
    assert_eq!(edge.get("/readyz").await.status(), 200);
    let too_old = async { while edge.get("/readyz").await.status() == 200 {} };
    tokio::time::timeout(TIMEOUT, too_old).await.expect("the documents become too old");
    for path in documents {
        let response = edge.get(path).await;
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (503, "5"), "{path}");
    }
    let readyz = edge.get("/readyz").await;
    assert_eq!(readyz.text().await.expect("text"), "the control plane has been away for too long\n");
    let control = RunningControl::start(&fake, address).await;
    edge.ready().await;
    assert_eq!(edge.get("/jwks.json").await.status(), 200);
    control.stop().await;
}
