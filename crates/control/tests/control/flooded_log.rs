//! Calls without a known caller write little to the log, also if they are long and many.

use http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

use crate::support::{ControlPlane, Environment, Log, TIMEOUT};

const CALLS: usize = 500;

/// A call of the method `path` with this `authorization`.
async fn call(channel: &Channel, path: &str, authorization: &str) -> Code {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(());
    request.metadata_mut().insert("authorization", authorization.parse().unwrap());
    let path = PathAndQuery::try_from(path).unwrap();
    client.unary::<(), (), _>(request, path, ProstCodec::default()).await.unwrap_err().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_without_a_token_cannot_fill_the_log() {
    let env = Environment::new().await;
    let log = Log::default();
    let (config, engine, clock) = (env.config.clone(), env.engine.open(), env.clock.clone());
    let control = ControlPlane::start_on(&mut log.runtime(), config, engine, clock).await.unwrap();
    let channel = Channel::from_shared(format!("http://{}", control.address)).unwrap().connect().await.unwrap();
    let path = format!("/lychgate.v1.TokenService/{}", "x".repeat(8_000));
    for n in 0..CALLS {
        let authorization = if n % 2 == 0 { "Bearer wrong" } else { "Basic eA==" };
        assert_eq!(call(&channel, &path, authorization).await, Code::Unauthenticated);
    }
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.contains("denied") && !line.contains("TRACE")).map(str::to_owned).collect()
    };
    let read = || String::from_utf8_lossy(&log.read()).into_owned();
    let denied = lines(&read());
    assert!((1..=60).contains(&denied.len()), "{} lines for {CALLS} calls", denied.len());
    let longest = denied.iter().map(String::len).max().unwrap_or_default();
    assert!(longest < 1_024, "{longest} bytes in one line");
    let told = async {
        while !read().contains("lines about unknown callers were left out of the log") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, told).await.expect("the number of dropped lines is told");
    let text = read();
    let count = text.split("left out of the log dropped=").nth(1).and_then(|rest| rest.split_whitespace().next());
    let dropped: usize = count.and_then(|count| count.parse().ok()).unwrap_or_default();
    assert!(dropped >= CALLS - 60, "{dropped}");
}
