//! The cost of a token exchange (RFC 8693) for the upstream's access token, beside an introspection of the same token.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::flow::LOOPBACK;
use e2e::http::Page;
use e2e::system::{CROWD, MAIN, Plan, resource_server};
use tokio::task::JoinSet;

use crate::{MEASURED, Running, WARM_UP};

const SECRET: &str = "token-of-the-notes-server-0123456789abcdef";
const CALLERS: usize = 8;
/// Each question is measured this often, in turn, so that a drift of the machine shows.
const ROUNDS: usize = 3;

#[derive(Clone, Copy)]
enum Question {
    Introspection,
    Exchange,
}

impl Question {
    fn name(self) -> &'static str {
        match self {
            Self::Introspection => "introspection",
            Self::Exchange => "exchange",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Introspection => "introspect",
            Self::Exchange => "token",
        }
    }

    fn form(self, access_token: &str) -> Vec<(&'static str, String)> {
        match self {
            Self::Introspection => vec![("token", access_token.to_owned())],
            Self::Exchange => vec![
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange".to_owned()),
                ("subject_token", access_token.to_owned()),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token".to_owned()),
            ],
        }
    }
}

pub(crate) async fn measure() -> Result<()> {
    let all = "{ prefix_per_minute = 100000000, total_per_minute = 100000000 }";
    let running = Running::start(
        Plan {
            upstream_tokens: true,
            control_tables: resource_server("notes-server", SECRET, MAIN.resource),
            edge_settings: format!("{CROWD}\nlimits.introspections = {all}\n"),
            ..Plan::default()
        },
        None,
    )
    .await?;
    let tokens = running.system.gate(MAIN.id)?.app(&[LOOPBACK]).await?.tokens().await?;
    println!("\nA resource server, {CALLERS} calls at a time, about one access token:");
    println!("  question        calls/s    CPU µs per call: edge  control  together");
    for _ in 0..ROUNDS {
        for question in [Question::Introspection, Question::Exchange] {
            ask(&running, question, &tokens.access_token, WARM_UP).await?;
            let before = (running.edge.cpu()?, running.control.cpu()?);
            let (calls, took) = ask(&running, question, &tokens.access_token, MEASURED).await?;
            let per_call = |spent: Duration| spent.as_secs_f64() * 1_000_000.0 / calls as f64;
            let (edge, control) =
                (per_call(running.edge.cpu()? - before.0), per_call(running.control.cpu()? - before.1));
            let (name, rate, together) = (question.name(), calls as f64 / took.as_secs_f64(), edge + control);
            println!("  {name:14}  {rate:7.0}  {edge:21.0}  {control:7.0}  {together:8.0}");
        }
    }
    Ok(())
}

/// Asks for this time; returns the number of calls and the time until the last had its answer.
async fn ask(running: &Running, question: Question, access_token: &str, time: Duration) -> Result<(usize, Duration)> {
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let gate = running.system.gate(MAIN.id)?;
        let (url, form) = (format!("{}/{}", running.system.origin(), question.path()), question.form(access_token));
        callers.spawn(async move {
            let mut calls = 0;
            while begun.elapsed() < time {
                let page = Page::of(gate.http().post(&url).bearer_auth(SECRET).form(&form)).await?;
                ensure!(page.status == 200, "{}", page.summary());
                calls += 1;
            }
            anyhow::Ok(calls)
        });
    }
    let mut calls = 0;
    while let Some(ended) = callers.join_next().await {
        calls += ended??;
    }
    Ok((calls, begun.elapsed()))
}
