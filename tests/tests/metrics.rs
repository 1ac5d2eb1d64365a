//! Metrics of refused requests; no label contains text of a client.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use e2e::flow::LOOPBACK;
use e2e::grpc::Caller;
use e2e::http::{Jar, Page};
use e2e::system::ports::Claim;
use e2e::system::service::until;
use e2e::system::{MAIN, Plan, System, principal};
use lychgate_api::v1::{ListRequest, WatchRequest};
use reqwest::Method;

/// The metrics of one process, by their OpenMetrics lines.
struct Counted(BTreeMap<String, f64>);

impl Counted {
    async fn at(claim: &Claim) -> Result<Self> {
        let page = Page::of(reqwest::Client::new().get(format!("http://{}/metrics", claim.address()))).await?;
        assert_eq!(page.status, 200);
        let form = page.header("content-type").context("it says what it is")?;
        assert!(form.starts_with("application/openmetrics-text"), "{form}");
        assert!(page.body.ends_with("# EOF\n"), "it is whole");
        let lines = page.body.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').context("no value")?;
            Ok((series.to_owned(), value.parse()?))
        });
        Ok(Self(lines.collect::<Result<_>>()?))
    }

    /// The value of the only series with this name and all of these labels.
    #[track_caller]
    fn of(&self, name: &str, labels: &[&str]) -> f64 {
        let is_it =
            |series: &str| series.split('{').next() == Some(name) && labels.iter().all(|&has| series.contains(has));
        let found: Vec<_> = self.0.iter().filter(|(series, _)| is_it(series)).collect();
        let [(_, value)] = found[..] else { panic!("{name} with {labels:?}: {found:?} of {:#?}", self.0.keys()) };
        *value
    }

    fn names(&self, text: &str) -> bool {
        self.0.keys().any(|series| series.contains(text))
    }
}

#[tokio::test]
async fn requests_are_counted_under_fixed_labels() -> Result<()> {
    let (of_control, of_edge) = (Claim::choose()?, Claim::choose()?);
    let system = System::start(Plan {
        edges: 1,
        control_tables: format!("[metrics]\nlisten = \"{}\"\n", of_control.address()),
        edge_settings: format!(
            "metrics.listen = \"{}\"\nlimits.registrations.prefix_per_minute = 2",
            of_edge.address()
        ),
        ..Plan::default()
    })
    .await?;
    let gate = system.gate(MAIN.id)?;
    gate.app(&[LOOPBACK]).await?.request().tokens(&mut Jar::new()?).await?;
    // Client-chosen text: a method, a path, an issuer, a client, a code.
    let invented = Method::from_bytes(b"INVENTED")?;
    for request in [
        gate.http().request(invented, gate.url("/token")),
        gate.http().get(gate.url("/invented-path")),
        gate.http().get(gate.url("/authorize?client_id=invented-client")),
        gate.http().get(gate.url("/authorize?client_id=invented-client")),
    ] {
        Page::of(request).await?;
    }
    for _ in 0..2 {
        let metadata = serde_json::json!({ "redirect_uris": [LOOPBACK], "client_name": "invented-name" });
        Page::of(gate.http().post(gate.url("/register")).json(&metadata)).await?;
    }

    let edge = Counted::at(&of_edge).await?;
    let answers = "http_server_request_duration_seconds_count";
    assert_eq!(edge.of(answers, &["POST", "\"/register\"", "\"201\""]), 2.0);
    assert_eq!(edge.of(answers, &["POST", "\"/register\"", "\"429\""]), 1.0);
    assert_eq!(edge.of("lychgate_http_refusals_total", &["\"/register\"", "\"TOO_MANY_REQUESTS\""]), 1.0);
    assert_eq!(edge.of(answers, &["GET", "\"/callback/{issuer}\"", "\"303\""]), 1.0);
    assert_eq!(edge.of(answers, &["\"_OTHER\"", "\"/token\"", "\"405\""]), 1.0);
    assert_eq!(edge.of(answers, &["GET", "http_route=\"\"", "\"404\""]), 1.0);
    assert_eq!(edge.of("lychgate_http_refusals_total", &["\"/authorize\"", "\"CLIENT_UNKNOWN\""]), 2.0);

    let control = Counted::at(&of_control).await?;
    let calls = "rpc_server_duration_seconds_count";
    assert_eq!(control.of(calls, &["RegistrationService/Register", "\"0\""]), 2.0);
    assert_eq!(control.of("lychgate_rpc_refusals_total", &["AuthorizationService/Begin", "\"CLIENT_UNKNOWN\""]), 2.0);
    assert!(!control.names("invented") && !edge.names("invented") && !edge.names("INVENTED"));
    Ok(())
}

/// An unauthenticated caller of the control plane.
#[tokio::test]
async fn refused_callers_are_counted() -> Result<()> {
    let of_control = Claim::choose()?;
    let control_tables = format!("[metrics]\nlisten = \"{}\"\n", of_control.address());
    let system = System::start(Plan { edges: 1, control_tables, ..Plan::default() }).await?;
    let stranger = Caller::new(&system.control_url(), "no token of ours")?;
    stranger.issuers().list(ListRequest {}).await.unwrap_err();
    let counted = Counted::at(&of_control).await?;
    assert_eq!(counted.of("lychgate_rpc_refusals_total", &["IssuerService/List", "\"UNAUTHENTICATED\""]), 1.0);
    Ok(())
}

/// A watcher is told at least every second up to when it has every event, and metrics say the same.
#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the metric is an instant of the process's clock, which is the machine's")]
async fn the_feed_tells_how_far_it_is() -> Result<()> {
    const TOKEN: &str = "token-of-a-reader-0123456789";
    let of_control = Claim::choose()?;
    let metrics = format!("[metrics]\nlisten = \"{}\"\n", of_control.address());
    let control_tables = metrics + &principal("watcher", "reader", TOKEN);
    let system = System::start(Plan { edges: 1, control_tables, ..Plan::default() }).await?;
    let before = Counted::at(&of_control).await?;
    assert_eq!(before.of("lychgate_feed_watchers", &[]), 0.0);
    let request = WatchRequest { issuer_id: MAIN.id.to_owned(), cursor: String::new() };
    let mut watch = Caller::new(&system.control_url(), TOKEN)?.consents().watch(request).await?.into_inner();
    watch.message().await?.context("the feed ended")?;
    let during = Counted::at(&of_control).await?;
    assert_eq!(during.of("lychgate_feed_watchers", &[]), 1.0);
    let complete_to = during.of("lychgate_feed_complete_to_timestamp_seconds", &[]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    assert!((now - 10.0..now + 1.0).contains(&complete_to), "{complete_to} at {now}");
    drop(watch);
    let is_left = async || Counted::at(&of_control).await.is_ok_and(|now| now.of("lychgate_feed_watchers", &[]) == 0.0);
    until("the watcher has left", is_left).await
}
