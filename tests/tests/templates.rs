//! The pages of an operator, changed while an edge serves them.

use std::fs;

use anyhow::Result;
use e2e::system::logged::Logged;
use e2e::system::service::until;
use e2e::system::{MAIN, Plan};

const RELOADED: &str = "reloaded the templates, words and brands of the pages";
const REFUSED: &str = "cannot reload the pages; the old ones stay in use";

/// SIGHUP loads a changed template at once; a broken one is refused, named, and changes nothing.
#[tokio::test]
async fn a_template_is_replaced_on_a_signal_and_a_broken_one_leaves_the_old_page() -> Result<()> {
    let templates = tempfile::tempdir()?;
    let home = |text: &str| fs::write(templates.path().join("home.hbs"), text);
    home("<!doctype html><title>{{title}}</title><p>The first words")?;
    let logged = start(&templates).await?;
    assert_shows(&logged, "The first words").await?;
    logged.hang_up_edge()?;
    edge_says(&logged, RELOADED, 1).await?;

    home("<!doctype html><title>{{title}}</title><p>The second words")?;
    logged.hang_up_edge()?;
    edge_says(&logged, RELOADED, 2).await?;
    assert_shows(&logged, "The second words").await?;

    home("<!doctype html><title>{{title}}</title><p>{{no_such_thing}}")?;
    logged.hang_up_edge()?;
    edge_says(&logged, REFUSED, 1).await?;
    assert!(edge_log(&logged)?.contains("home.hbs"), "the log names the file");
    assert_shows(&logged, "The second words").await?;

    home("<!doctype html><title>{{title}}</title><p>The third words")?;
    logged.hang_up_edge()?;
    edge_says(&logged, RELOADED, 3).await?;
    assert_shows(&logged, "The third words").await?;
    logged.stop().await.map(drop)
}

/// A misspelt id would otherwise be found by looking at a page.
#[tokio::test]
async fn a_brand_of_no_issuer_is_named_in_the_log() -> Result<()> {
    let templates = tempfile::tempdir()?;
    fs::create_dir(templates.path().join("brands"))?;
    let brand = |issuer: &str| {
        let text = format!("[brand]\nname = \"The brand of {issuer}\"\n");
        fs::write(templates.path().join(format!("brands/{issuer}.toml")), text)
    };
    brand("main")?;
    brand("mian")?;
    let logged = start(&templates).await?;
    edge_says(&logged, "a brand has no effect", 1).await?;
    brand("mani")?;
    logged.hang_up_edge()?;
    edge_says(&logged, "a brand has no effect", 3).await?;
    assert_shows(&logged, "The brand of main").await?;
    let (_system, [_, log]) = logged.stop().await?;
    let log = String::from_utf8(log)?;
    let warned: Vec<_> = log.lines().filter(|line| line.contains("a brand has no effect")).collect();
    for (id, times) in [("mian", 2), ("mani", 1), ("\"main\"", 0)] {
        assert_eq!(warned.iter().filter(|line| line.contains(id)).count(), times, "{id}: {warned:?}");
    }
    Ok(())
}

async fn start(templates: &tempfile::TempDir) -> Result<Logged> {
    let plan = Plan { edge_settings: format!("templates_dir = {:?}", templates.path()), ..Plan::default() };
    Logged::start_with(plan, "text", "info").await
}

/// The page at the issuer's own address.
async fn shown(logged: &Logged) -> Result<String> {
    Ok(logged.system.gate(MAIN.id)?.get("/").await?.body)
}

async fn assert_shows(logged: &Logged, text: &str) -> Result<()> {
    let page = shown(logged).await?;
    assert!(page.contains(text), "not {text}: {page}");
    Ok(())
}

fn edge_log(logged: &Logged) -> Result<String> {
    let [_, log] = logged.logs()?;
    Ok(String::from_utf8(log)?)
}

async fn edge_says(logged: &Logged, what: &str, times: usize) -> Result<()> {
    until(what, async || edge_log(logged).is_ok_and(|log| log.matches(what).count() >= times)).await
}
