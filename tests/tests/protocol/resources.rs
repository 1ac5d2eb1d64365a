//! Protected resource metadata (RFC 9728) for servers that serve none, and access tokens that resource servers can
//! verify (RFC 9068).

use anyhow::{Context, Result};
use e2e::flow::{Gate, LOOPBACK};
use e2e::http::{Jar, Page};
use e2e::system::{Issuer, MAIN, Plan, System};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};

use crate::assert_no_null_or_fraction;

const AT: &str = "/.well-known/oauth-protected-resource";

const FILES: Issuer = Issuer { id: "files", path: "/t", resource: "https://files.example.com/tools/mcp", ..MAIN };

/// At the resource's own host, through its proxy, or at the issuer's host: by path.
///
/// Requirements: A23, C1, C2, C3, R53.
#[tokio::test]
async fn the_metadata_of_every_resource_are_at_its_path() -> Result<()> {
    let system = System::start(Plan { edges: 1, issuers: vec![MAIN, FILES], ..Plan::default() }).await?;
    let gate = Gate::new(&system.origin(), MAIN.resource)?;
    // Without a path, the only resource of the issuer at this host.
    for (path, Issuer { id, resource, .. }) in [("/mcp", MAIN), ("/tools/mcp", FILES), ("", MAIN), ("/", MAIN)] {
        let issuer = system.gate(id)?.issuer().to_owned();
        let page = gate.get(&format!("{AT}{path}")).await?;
        assert_eq!((page.status, page.header("content-type")), (200, Some("application/json")), "{}", page.summary());
        assert_eq!(page.header("access-control-allow-origin"), Some("*"), "R26");
        let document = page.json()?;
        assert_no_null_or_fraction(&document);
        assert_eq!((&document["resource"], &document["authorization_servers"]), (&json!(resource), &json!([issuer])));
        assert_eq!(document["scopes_supported"], json!(["profile:read", "notes:read"]), "A23: and no offline_access");
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    }
    for nothing in [format!("{AT}/other"), format!("{AT}/mcp/more")] {
        let page = gate.get(&nothing).await?;
        assert_eq!(page.status, 404, "{nothing}: {}", page.summary());
    }
    Ok(())
}

/// Requirements: A4, R52.
#[tokio::test]
async fn no_host_changes_what_the_metadata_say() -> Result<()> {
    let system = System::start(Plan { edges: 1, ..Plan::default() }).await?;
    let gate = system.gate(MAIN.id)?;
    let plain = gate.get(&format!("{AT}/mcp")).await?;
    for (name, value) in [("host", "mcp.example.com"), ("host", "evil.example"), ("x-forwarded-host", "evil.example")] {
        let request = gate.http().get(format!("{}{AT}/mcp", system.edge_url(0))).header(name, value);
        assert_eq!(Page::of(request).await?.body, plain.body, "{name}: {value}");
    }
    Ok(())
}

/// An issuer may sign with RS256 or EdDSA for verifiers that need it.
///
/// Requirements: R44, R45.
#[tokio::test]
async fn tokens_are_signed_as_the_issuer_is_configured() -> Result<()> {
    for (name, algorithm, kty) in
        [("ES256", Algorithm::ES256, "EC"), ("EdDSA", Algorithm::EdDSA, "OKP"), ("RS256", Algorithm::RS256, "RSA")]
    {
        let issuer_settings = format!("access_tokens.algorithm = \"{name}\"");
        let system = System::start(Plan { edges: 1, issuer_settings, ..Plan::default() }).await?;
        let gate = system.gate(MAIN.id)?;
        let tokens = gate.app(&[LOOPBACK]).await?.request().tokens(&mut Jar::new()?).await?;
        let header = decode_header(&tokens.access_token)?;
        assert_eq!((header.alg, header.typ.as_deref()), (algorithm, Some("at+jwt")), "{name}");
        let published = gate.get("/jwks.json").await?.json()?;
        let kid = header.kid.context("a kid")?;
        let all = published["keys"].as_array().context("keys")?;
        let own = all.iter().find(|key| key["kid"] == *kid).context("the key is published")?;
        assert_eq!((&own["kty"], &own["alg"], &own["use"]), (&json!(kty), &json!(name), &json!("sig")));
        for private in ["d", "p", "q", "dp", "dq", "qi"] {
            assert!(own.get(private).is_none(), "{name}: {private}");
        }
        let keys: JwkSet = serde_json::from_value(published.clone())?;
        let key = DecodingKey::from_jwk(keys.find(&kid).context("the key")?)?;
        let mut validation = Validation::new(algorithm);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        validation.set_issuer(&[gate.issuer()]);
        validation.set_audience(&[MAIN.resource]);
        decode::<Value>(&tokens.access_token, &key, &validation).context(name)?;
    }
    Ok(())
}
