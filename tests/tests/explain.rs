//! `lychgate explain`: a login that failed, by the request id of its page, and then everything about its client.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::flow::LOOPBACK;
use e2e::http::Jar;
use e2e::system::configuration::secret;
use e2e::system::logged::Logged;
use e2e::system::{MAIN, Plan, principal};
use e2e::upstream::{Answer, Endpoint, Lie};
use serde_json::Value;
use tokio::process::Command;

#[tokio::test]
async fn a_failed_login_is_explained_by_the_id_on_its_page() -> Result<()> {
    for format in ["text", "json"] {
        let operator = secret();
        let plan = Plan { control_tables: principal("night-shift", "operator", &operator), ..Plan::default() };
        let logged = Logged::start_with(plan, format, "info").await?;
        let system = &logged.system;
        let app = system.gate(MAIN.id)?.app(&[LOOPBACK]).await?;
        app.tokens().await?;
        system.upstream(MAIN.id)?.lie(Lie::Answer(Endpoint::Token, Answer::Status(503)));
        let mut jar = Jar::new()?;
        let callback = app.request().open(&mut jar).await?.approve(&mut jar).await?.sign_in(&mut jar).await?;
        let page = callback.visit(&mut jar).await?;
        assert_eq!(page.status, 503, "{}", page.summary());
        let id = page.header("x-request-id").context("an id")?.to_owned();
        let client = app.client_id.clone();
        let (mut system, _) = logged.stop().await?;
        ensure!(page.body.contains(&id), "the person can read it");

        system.start_control().await?;
        let explain = async |arguments: &[&str]| -> Result<Output> {
            let mut command = Command::new(binary("lychgate")?);
            command.arg("explain").args(arguments).args(["--control", &system.control_url()]);
            Ok(command.env("LYCHGATE_TOKEN", &operator).output().await?)
        };
        let logs = [system.control_config(), system.edge_config(0)].map(|config| config.with_extension("log"));
        let logs = logs.map(|log| log.display().to_string());
        let said = explain(&[&id, "--log", &logs[0], "--log", &logs[1]]).await?;
        let stdout = String::from_utf8(said.stdout)?;
        ensure!(said.status.code() == Some(0), "{stdout}{}", String::from_utf8_lossy(&said.stderr));
        ensure!(stdout.contains("  edge       answered GET /callback/main with 503"), "{stdout}");
        ensure!(stdout.contains("UPSTREAM_UNAVAILABLE, \"") && stdout.contains("  control  "), "{stdout}");

        let said = explain(&[&client, "--json"]).await?;
        let steps = String::from_utf8(said.stdout)?;
        let steps = steps.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        let words: Vec<_> = steps.iter().filter_map(|step| step["words"].as_str()).collect();
        ensure!(words.len() == 2, "{words:?}");
        ensure!(words[0].contains(" allowed ") && words[0].contains("on the consent page"), "{words:?}");
        ensure!(words[1].contains("redeemed the code"), "{words:?}");

        let said = explain(&["unknown-request-id-0000"]).await?;
        ensure!(said.status.code() == Some(1) && said.stdout.is_empty());
        let said = explain(&[&id, "--log", "/nowhere"]).await?;
        ensure!(said.status.code() == Some(2), "{}", String::from_utf8_lossy(&said.stderr));
    }
    Ok(())
}
