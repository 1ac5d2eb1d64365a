//! What a node reports besides its readiness: an upstream that is wrong or absent, and another configuration than that of the other
//! nodes of its store. Neither makes the process unready.

use futures_util::StreamExt as _;
use lychgate_control::config::UpstreamConfig;
use tokio::net::TcpListener;
use tonic::Streaming;
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::support::{ControlPlane, Environment, ISSUER, Log, TIMEOUT};

/// Follows the health service `service`.
async fn watch(control: &ControlPlane, service: &str) -> Streaming<HealthCheckResponse> {
    let address = format!("http://{}", control.address);
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let request = HealthCheckRequest { service: service.to_owned() };
    HealthClient::new(channel).watch(request).await.unwrap().into_inner()
}

/// Waits until a check has another result than `before`, and returns it.
async fn next_status(statuses: &mut Streaming<HealthCheckResponse>, before: ServingStatus) -> ServingStatus {
    let known = async {
        loop {
            let status = statuses.next().await.unwrap().unwrap().status();
            if ![ServingStatus::Unknown, ServingStatus::ServiceUnknown, before].contains(&status) {
                return status;
            }
        }
    };
    tokio::time::timeout(TIMEOUT, known).await.unwrap()
}

/// Waits until the first check of the health service `service`, and returns its status.
async fn status(control: &ControlPlane, service: &str) -> ServingStatus {
    next_status(&mut watch(control, service).await, ServingStatus::Unknown).await
}

/// Starts as a process does, with the issuer identifier of its upstream changed.
async fn start(change: impl FnOnce(&mut String)) -> (Environment, ControlPlane, Log) {
    let mut env = Environment::new().await;
    let UpstreamConfig::Oidc(oidc) = &mut env.issuer().upstream else { panic!("another upstream") };
    change(&mut oidc.issuer);
    let (log, file) = (Log::default(), env.file("control.toml", b""));
    let (config, engine, clock) = (env.config.clone(), env.engine.open(), env.clock.clone());
    let control = ControlPlane::start_from(Some(file), &mut log.runtime(), config, engine, clock).await.unwrap();
    (env, control, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_absent_upstream_is_noticed_at_start() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let absent = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let service = format!("upstream/{ISSUER}");
    type Change = Box<dyn FnOnce(&mut String)>;
    let changes: [(&str, Change); 3] = [
        ("absent", Box::new(move |issuer| *issuer = absent)),
        ("another issuer's metadata", Box::new(|issuer| issuer.push('/'))),
        ("no metadata", Box::new(|issuer| issuer.push_str("/nowhere"))),
    ];
    for (what, change) in changes {
        let (_env, control, log) = start(change).await;
        assert_eq!(status(&control, &service).await, ServingStatus::NotServing, "{what}");
        let text = String::from_utf8_lossy(&log.read()).into_owned();
        let warning = text.lines().find(|line| line.contains("the upstream cannot be used")).unwrap_or_default();
        let names_the_key = warning.contains("issuers[0].upstream.issuer") && warning.contains("WARN");
        assert!(names_the_key, "{what}: {text}");
        assert_eq!(status(&control, "").await, ServingStatus::Serving, "{what}: the process is ready");
        control.stop().await;
    }
    let (_env, control, _log) = start(|_| {}).await;
    assert_eq!(status(&control, &service).await, ServingStatus::Serving);
}

/// The node that was started first differs, until it is started anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_another_configuration_than_the_last_one_says_so() {
    let service = format!("configuration/{ISSUER}");
    let mut env = Environment::new().await;
    let old = env.start().await;
    let mut statuses = watch(&old, &service).await;
    assert_eq!(next_status(&mut statuses, ServingStatus::Unknown).await, ServingStatus::Serving);
    let same = env.start().await;
    env.issuer().name = "Another name".to_owned();
    let new = env.start().await;
    assert_eq!(next_status(&mut statuses, ServingStatus::Serving).await, ServingStatus::NotServing);
    assert_eq!(status(&new, &service).await, ServingStatus::Serving);
    assert_eq!(status(&old, "").await, ServingStatus::Serving, "the process is ready");
    same.stop().await;
    let again = env.start().await;
    assert_eq!(status(&again, &service).await, ServingStatus::Serving);
}
