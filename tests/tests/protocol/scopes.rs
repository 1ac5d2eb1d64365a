//! Everything that is advertised can be asked for, through every process and page.

use anyhow::{Context, Result};
use e2e::flow::Stage;
use e2e::http::Jar;
use serde_json::json;

/// Two hundred scopes are as many as a resource may have; twenty URLs are what providers use.
///
/// Requirements: E1, E6, R31.
#[tokio::test]
async fn all_advertised_scopes_are_registered_asked_for_ticked_and_granted() -> Result<()> {
    let urls: Vec<_> =
        (0..20).map(|n| format!("https://www.googleapis.example/auth/notes.shared.{n:02}.readonly")).collect();
    let short: Vec<_> = (0..200).map(|n| format!("n:{n:03}")).collect();
    for names in [urls, short] {
        let stage = Stage::start_with_resources(&config(&names)).await?;
        let metadata = stage.gate.get("/.well-known/oauth-authorization-server").await?.json()?;
        let advertised = metadata["scopes_supported"].as_array().context("an array")?;
        assert_eq!(advertised.len(), names.len());
        let scope = advertised.iter().filter_map(|scope| scope.as_str()).collect::<Vec<_>>().join(" ");
        let asked = json!({
            "redirect_uris": ["http://127.0.0.1/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": scope,
        });
        let registered = stage.gate.register(&asked).await?;
        assert_eq!(registered.status, 201, "{}", registered.summary());
        let registered = registered.json()?;
        assert_eq!(registered["scope"], json!(scope));

        let id = registered["client_id"].as_str().context("an id")?;
        let request = stage.gate.configured(id, "http://127.0.0.1/callback").request().with("scope", &scope);
        let mut jar = Jar::new()?;
        let consent = request.with("state", &"s".repeat(512)).open(&mut jar).await?;
        let form = names.iter().fold(consent.form("approve")?, |form, name| form.and_field("chosen_scope", name));
        let page = jar.send(form).await?;
        let upstream = e2e::flow::SentUpstream { request: consent.request.clone(), page };
        let code = upstream.sign_in(&mut jar).await?.finish(&mut jar).await?.code()?;
        let tokens = consent.request.redemption(&code).tokens().await?;
        assert_eq!(tokens.scope, scope);
        let again = consent.request.app.refresh(&tokens.refresh_token).tokens().await?;
        assert_eq!(again.scope, scope);
        stage.stop().await?;
    }
    Ok(())
}

/// The resource of a stage with these scopes, all but the first optional for the person.
fn config(names: &[String]) -> String {
    let scope = |(n, name): (usize, &String)| {
        format!(
            "[[resources.scopes]]\nname = {name:?}\ndescription = \"May {n}\"\ndefault = {}\noptional = {}\n",
            n == 0,
            n > 0
        )
    };
    let scopes: String = names.iter().enumerate().map(scope).collect();
    format!("[[resources]]\nuri = \"{}\"\nname = \"Notes\"\n{scopes}", e2e::flow::RESOURCE)
}
