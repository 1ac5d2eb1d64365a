//! The upstream's access token for resource servers: real libraries, three edges, a killed control plane.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use e2e::clients::Introspector;
use e2e::flow::{Gate, LOOPBACK, Tokens};
use e2e::http::Page;
use e2e::metrics::Metrics;
use e2e::system::ports::Claim;
use e2e::system::service::until;
use e2e::system::{CROWD, MAIN, Plan, System, resource_server};
use e2e::upstream::{Answer, Endpoint, Lie, ReceivedRequests};
use serde_json::{Value, json};
use tokio::task::JoinSet;

const SERVER: &str = "notes-server";
const SECRET: &str = "token-of-the-notes-server-0123456789abcdef";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const PARALLEL: usize = 1_000;

fn plan(edges: usize) -> Plan {
    Plan {
        edges,
        upstream_tokens: true,
        control_tables: resource_server(SERVER, SECRET, MAIN.resource),
        edge_settings: format!(
            "{CROWD}\nlimits.introspections = {{ prefix_per_minute = 1000000, total_per_minute = 1000000, prefix_concurrent = 2000, total_concurrent = 2000 }}\n"
        ),
        ..Plan::default()
    }
}

/// The answer of the edge at `origin` to a token exchange.
async fn exchange(gate: &Gate, origin: &str, access_token: &str) -> Result<Page> {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", access_token),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    Page::of(gate.http().post(format!("{origin}/token")).bearer_auth(SECRET).form(&form)).await
}

/// The tokens of a person whose upstream token is over.
async fn with_expired_token(system: &System, gate: &Gate) -> Result<Tokens> {
    let (app, upstream) = (gate.app(&[LOOPBACK]).await?, system.upstream(MAIN.id)?);
    upstream.lie(Lie::Member(Endpoint::Token, "expires_in", json!(1)));
    let tokens = app.tokens().await?;
    let first = exchange(gate, &system.origin(), &tokens.access_token).await?.json()?["access_token"].clone();
    ensure!(first.is_string(), "no token before it is over");
    // The next refresh gives a token that stays good.
    upstream.lie(Lie::Member(Endpoint::Token, "expires_in", json!(3600)));
    Ok(tokens)
}

/// Exchanges until the answer is another token than the first, or none: the first one may have a moment left.
async fn exchange_until_refreshed(gate: &Gate, origin: &str, access_token: &str) -> Result<()> {
    let mut first = None;
    loop {
        let page = exchange(gate, origin, access_token).await?;
        let given = page.json()?["access_token"].clone();
        if page.status != 200 || *first.get_or_insert_with(|| given.clone()) != given {
            return Ok(());
        }
    }
}

/// A token exchange by openid-client and by Authlib.
///
/// Requirements: A27.
#[tokio::test]
async fn real_resource_servers_exchange_tokens() -> Result<()> {
    let system = System::start(plan(1)).await?;
    let gate = system.gate(MAIN.id)?;
    let tokens = gate.app(&[LOOPBACK]).await?.tokens().await?;
    let all = [tokens.access_token.as_str(), tokens.refresh_token.as_str()];
    let given = system.upstream(MAIN.id)?.asked().tokens_given;
    for library in [Introspector::OpenidClient, Introspector::Authlib] {
        for method in ["client_secret_basic", "client_secret_post"] {
            let what = format!("{library:?} {method}");
            let answers = library.exchange(gate.issuer(), (SERVER, SECRET, method), &all).await?;
            let [Ok(answer), Err(refused)] = &answers[..] else { anyhow::bail!("{what}: {answers:?}") };
            let token = answer["access_token"].as_str().context("a token")?;
            assert!(given.iter().any(|given| given == token), "{what}: {answer}");
            assert_eq!(answer["issued_token_type"], ACCESS_TOKEN, "{what}");
            assert_eq!(answer["token_type"].as_str().map(str::to_lowercase).as_deref(), Some("bearer"), "{what}");
            assert_eq!(
                (&answer["scope"], &answer["refresh_token"]),
                (&json!("openid profile"), &Value::Null),
                "{what}"
            );
            assert!(
                answer["expires_in"].as_u64().is_some_and(|left| (3_500..=3_600).contains(&left)),
                "{what}: {answer}"
            );
            assert_eq!(refused, "invalid_request", "{what}: a refresh token is no access token");
        }
    }
    let page = exchange(&gate, &system.origin(), &tokens.access_token).await?;
    assert_eq!((page.header("cache-control"), page.header("pragma")), (Some("no-store"), Some("no-cache")));
    Ok(())
}

/// Requirements: A27.
#[tokio::test]
async fn a_thousand_exchanges_on_three_edges_cost_the_provider_one_refresh() -> Result<()> {
    let (of_control, plan) = (Claim::choose()?, plan(3));
    let metrics = format!("[metrics]\nlisten = \"{}\"\n", of_control.address());
    let system = System::start(Plan { control_tables: metrics + &plan.control_tables, ..plan }).await?;
    let gate = system.gate(MAIN.id)?;
    let tokens = with_expired_token(&system, &gate).await?;
    let before = system.upstream(MAIN.id)?.asked().exchanges.len();
    let mut calls = JoinSet::new();
    for n in 0..PARALLEL {
        let (gate, token) = (system.gate(MAIN.id)?, tokens.access_token.clone());
        let origin = system.edge_url(n % 3);
        // The issuer's host, by which an edge finds the issuer, is the balancer's.
        let host = system.origin().replace("http://", "");
        calls.spawn(async move {
            let form = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token", token.as_str()),
                ("subject_token_type", ACCESS_TOKEN),
            ];
            let request = gate.http().post(format!("{origin}/token")).header("host", host).bearer_auth(SECRET);
            Page::of(request.form(&form)).await
        });
    }
    let mut given = BTreeSet::new();
    for page in calls.join_all().await {
        let page = page?;
        assert_eq!(page.status, 200, "{}", page.summary());
        given.insert(page.json()?["access_token"].to_string());
    }
    assert!(given.len() <= 2, "the new token, and the old one while it had some time left: {given:?}");
    // By now the first one is over.
    until("the new token is given", async || {
        exchange(&gate, &system.origin(), &tokens.access_token).await.is_ok_and(|page| page.status == 200)
    })
    .await?;
    let refreshes = &system.upstream(MAIN.id)?.asked().exchanges[before..];
    assert_eq!(refreshes.len(), 1, "{refreshes:?}");
    assert_eq!(refreshes[0]["grant_type"], "refresh_token");
    let waits = "lychgate_upstream_refresh_wait_seconds_count";
    assert!(Metrics::at(&of_control).await?.of(waits, &["\"this_process\""]) >= 1.0);
    Ok(())
}

/// How far the refresh of a person came when the control plane is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interrupted {
    /// The provider has rotated the refresh token, and its answer has not arrived.
    AfterTheProvider,
    /// The request has arrived at the provider, which has not looked at it.
    BeforeTheProvider,
    /// The answer is stored.
    Not,
}

impl Interrupted {
    const ALL: [Self; 3] = [Self::AfterTheProvider, Self::BeforeTheProvider, Self::Not];
}

const PERSONS_OF_EACH_KIND: usize = 7;

/// A person whose upstream token is over when the control plane is killed.
struct Person {
    name: String,
    interrupted: Interrupted,
    gate: Gate,
    tokens: Tokens,
}

impl Person {
    async fn sign_in(system: &System, interrupted: Interrupted, name: String) -> Result<Self> {
        system.upstream(MAIN.id)?.be_honest();
        system.upstream(MAIN.id)?.sign_in_as(&name);
        let gate = system.gate(MAIN.id)?;
        let tokens = with_expired_token(system, &gate).await?;
        Ok(Self { name, interrupted, gate, tokens })
    }

    /// The outcome of the refresh after the control plane was started again.
    async fn outcome(&self, system: &System) -> Result<Page> {
        let mut last = None;
        until("the outcome is known", async || {
            last = exchange(&self.gate, &system.origin(), &self.tokens.access_token).await.ok();
            last.as_ref().is_some_and(|page| page.status != 503)
        })
        .await?;
        last.context("no answer")
    }

    /// A login repairs the connection for every grant of the person.
    async fn sign_in_again(&self, system: &System) -> Result<()> {
        system.upstream(MAIN.id)?.sign_in_as(&self.name);
        let again = self.gate.app(&[LOOPBACK]).await?.tokens().await?;
        for token in [&again.access_token, &self.tokens.access_token] {
            let page = exchange(&self.gate, &system.origin(), token).await?;
            assert_eq!(page.status, 200, "{}", page.summary());
        }
        Ok(())
    }
}

/// Begins the refreshes of `persons`, and returns when they have come as far as `interrupted` says.
async fn begin_refreshes(system: &System, interrupted: Interrupted, persons: &[&Person]) -> Result<()> {
    let upstream = system.upstream(MAIN.id)?;
    match interrupted {
        Interrupted::Not => (),
        Interrupted::BeforeTheProvider => upstream.lie(Lie::TokenStalls),
        Interrupted::AfterTheProvider => upstream.lie(Lie::Answer(Endpoint::Token, Answer::Drips)),
    }
    let asked = upstream.asked();
    let (sent, given) = (asked.exchanges.len(), asked.tokens_given.len());
    for person in persons {
        let (gate, origin, token) = (person.gate.clone(), system.origin(), person.tokens.access_token.clone());
        tokio::spawn(async move { exchange_until_refreshed(&gate, &origin, &token).await });
    }
    // The provider gives an access token and a refresh token each.
    let have_come = |asked: &ReceivedRequests| match interrupted {
        Interrupted::BeforeTheProvider => asked.exchanges.len() == sent + persons.len(),
        Interrupted::Not | Interrupted::AfterTheProvider => asked.tokens_given.len() == given + 2 * persons.len(),
    };
    upstream.asked_until(have_come).await?;
    if interrupted == Interrupted::Not {
        for person in persons {
            assert_eq!(exchange(&person.gate, &system.origin(), &person.tokens.access_token).await?.status, 200);
        }
    }
    Ok(())
}

/// Kills the control plane while it refreshes the tokens of 21 persons at a provider that rotates refresh tokens and accepts
/// none twice. Only the persons whose refresh token is lost are asked to sign in, and their next login repairs it.
async fn kill_during_refreshes(system: &mut System, round: usize) -> Result<()> {
    let mut persons = Vec::new();
    for interrupted in Interrupted::ALL {
        for n in 0..PERSONS_OF_EACH_KIND {
            let name = format!("person-{round}-{interrupted:?}-{n}");
            persons.push(Person::sign_in(system, interrupted, name).await?);
        }
    }
    let before = system.upstream(MAIN.id)?.asked().exchanges.len();
    // The answers to the refreshes that are not interrupted are stored before the provider begins to lie.
    for interrupted in Interrupted::ALL.into_iter().rev() {
        let persons: Vec<_> = persons.iter().filter(|person| person.interrupted == interrupted).collect();
        begin_refreshes(system, interrupted, &persons).await?;
    }
    system.kill_control().await?;
    system.upstream(MAIN.id)?.be_honest();
    system.start_control().await?;

    // Once the leases of the killed process are over, each old refresh token is tried once.
    for person in &persons {
        let page = person.outcome(system).await?;
        let body = page.json()?;
        let told = (page.status, body["error"].as_str(), body["error_uri"].as_str().is_some());
        let expected = match person.interrupted {
            Interrupted::AfterTheProvider => (400, Some("invalid_grant"), true),
            Interrupted::BeforeTheProvider | Interrupted::Not => (200, None, false),
        };
        assert_eq!(told, expected, "{:?}: {}", person.interrupted, page.summary());
    }
    let asked = system.upstream(MAIN.id)?.asked();
    let mut sent = BTreeMap::<_, usize>::new();
    for form in &asked.exchanges[before..] {
        *sent.entry(&form["refresh_token"]).or_default() += 1;
    }
    let times = |times: usize| sent.values().filter(|sent| **sent == times).count();
    assert_eq!((times(1), times(2)), (PERSONS_OF_EACH_KIND, 2 * PERSONS_OF_EACH_KIND), "{sent:?}");
    assert_eq!(sent.len(), 3 * PERSONS_OF_EACH_KIND, "{sent:?}");

    for person in persons.iter().filter(|person| person.interrupted == Interrupted::AfterTheProvider) {
        person.sign_in_again(system).await?;
    }
    Ok(())
}

/// Requirements: A27.
#[tokio::test]
async fn a_refresh_that_a_kill_interrupts_is_never_guessed() -> Result<()> {
    kill_during_refreshes(&mut System::start(plan(1)).await?, 0).await
}

#[tokio::test]
#[ignore = "315 refreshes, of which 210 are interrupted by 15 kills, take ten minutes: `make torture`"]
async fn two_hundred_refreshes_during_kills_are_never_guessed() -> Result<()> {
    let mut system = System::start(plan(1)).await?;
    for round in 0..15 {
        kill_during_refreshes(&mut system, round).await?;
    }
    Ok(())
}
