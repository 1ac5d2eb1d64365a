//! A real nginx and a real Envoy, configured by the examples, in front of a server that trusts their headers.

use anyhow::{Context, Result, ensure};
use axum::http::HeaderMap;
use e2e::clients::{McpClient, python};
use e2e::examples::{Behind, Neighbours, Proxy, assert_preflight_passes};
use e2e::flow::{App, Gate, LOOPBACK, Tokens};
use e2e::http::{self, Jar, Page};
use e2e::system::ports::Claim;
use e2e::system::service::{Service, until};
use e2e::system::{Issuer, MAIN, Plan, System, resource_server};
use e2e::upstream::{Endpoint, Lie};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const ENVOYS_TOKEN: &str = "token-of-the-envoy-of-the-tests-0123456789abc";
const OTHER: &str = "https://other.example.com/mcp";
/// The scope that both examples require.
const SCOPE: &str = "notes:read";
const CHALLENGE: &str = "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"";

/// Lychgate, a proxy, and a server behind it.
struct Guarded {
    system: System,
    app: App,
    behind: Behind,
    origin: String,
    _proxy: Service,
    _claim: Claim,
    _directory: tempfile::TempDir,
}

impl Guarded {
    async fn start(proxy: Proxy) -> Result<Self> {
        Self::start_with(proxy, false).await
    }

    /// `upstream_token`: the server wants the identity provider's token in place of ours.
    async fn start_with(proxy: Proxy, upstream_token: bool) -> Result<Self> {
        let plan = Plan {
            edges: 1,
            upstream_tokens: upstream_token,
            edge_deadline_seconds: 1,
            control_tables: resource_server("envoy", ENVOYS_TOKEN, MAIN.resource),
            issuer_tables: format!(
                "[[issuers.resources]]\nuri = \"{OTHER}\"\nname = \"Another\"\n\
                 scopes = [{{ name = \"{SCOPE}\", description = \"Read\", default = true }}]\n"
            ),
            ..Plan::default()
        };
        let (system, behind) = (System::start(plan).await?, Behind::start().await?);
        let (claim, directory) = (Claim::choose()?, tempfile::tempdir()?);
        let neighbours = Neighbours {
            listen: claim.address(),
            edge: system.edge_address(0),
            control: system.control_address(),
            token: ENVOYS_TOKEN,
            server: behind.address,
            resource: MAIN.resource,
            upstream_token,
        };
        let service = proxy.start(neighbours, directory.path()).await?;
        let gate: Gate = system.gate(MAIN.id)?;
        let app = gate.app(&[LOOPBACK]).await?;
        let origin = format!("http://{}", claim.address());
        Ok(Self { system, app, behind, origin, _proxy: service, _claim: claim, _directory: directory })
    }

    fn get(&self, path: &str) -> Result<RequestBuilder> {
        Ok(http::client()?.get(format!("{}{path}", self.origin)))
    }

    /// The tokens of a client that requests these scopes.
    async fn tokens(&self, scope: &str) -> Result<Tokens> {
        self.app.request().with("scope", scope).tokens(&mut Jar::new()?).await
    }

    /// The response to `request` is this one, and the server received nothing.
    #[track_caller]
    fn assert_stopped(&self, page: &Page, status: u16, challenge: Option<&str>, why: &str) {
        assert_eq!((page.status, page.header("www-authenticate")), (status, challenge), "{why}: {}", page.summary());
        assert!(self.behind.arrived().is_empty(), "{why}: it got through");
    }

    /// The headers of the only request that reached the server.
    #[track_caller]
    fn arrived(&self) -> HeaderMap {
        let mut arrived = self.behind.arrived();
        assert_eq!(arrived.len(), 1);
        arrived.remove(0)
    }
}

/// Every header that the server could take for one of ours, as it reads them.
fn identity(headers: &HeaderMap) -> Vec<(String, String)> {
    let ours = |name: &str| name.to_lowercase().replace('_', "-").starts_with("x-lychgate-");
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut identity: Vec<_> = headers
        .iter()
        .filter(|(name, _)| ours(name.as_str()))
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect();
    identity.sort();
    identity
}

/// The server sees the identity in the token, regardless of other headers of the request.
async fn passes_the_identity(proxy: Proxy) -> Result<()> {
    let guarded = Guarded::start(proxy).await?;
    let tokens = guarded.tokens(&format!("profile:read {SCOPE}")).await?;
    let claims = tokens.claims()?;
    let claim = |name: &str| claims[name].as_str().map(str::to_owned).context("a claim");
    let expected = [
        ("x-lychgate-client", claim("client_id")?),
        ("x-lychgate-expires", claims["exp"].to_string()),
        ("x-lychgate-issuer", claim("iss")?),
        ("x-lychgate-resource", MAIN.resource.to_owned()),
        ("x-lychgate-scope", claim("scope")?),
        ("x-lychgate-subject", claim("sub")?),
    ]
    .map(|(name, value)| (name.to_owned(), value));

    let good = || anyhow::Ok(guarded.get("/mcp?q=1")?.bearer_auth(&tokens.access_token));
    let page = Page::of(good()?).await?;
    assert_eq!((page.status, page.body.as_str()), (200, "the server says 200"), "{}", page.summary());
    let headers = guarded.arrived();
    assert_eq!(identity(&headers), expected);
    assert!(!headers.contains_key("authorization"), "the token goes no further (C9)");

    let mut forged = good()?;
    for (name, value) in [
        ("X-Lychgate-Subject", "idp|root"),
        ("X-Lychgate-Subject", "idp|root-again"),
        ("x-lychgate-scope", "admin"),
        ("X_Lychgate_Subject", "idp|root"),
        ("X-Lychgate_Scope", "admin"),
        ("X-Original-URI", "/mcp?resource=https://other.example.com/mcp"),
        ("X-Forwarded-Host", "other.example.com"),
        ("lychgate-resource", OTHER),
    ] {
        forged = forged.header(name, value);
    }
    assert_eq!(Page::of(forged).await?.status, 200);
    assert_eq!(identity(&guarded.arrived()), expected, "only the token tells the identity");

    // The proxy passes the server's own errors on.
    for status in [403, 500] {
        let page = Page::of(guarded.get(&format!("/{status}"))?.bearer_auth(&tokens.access_token)).await?;
        assert_eq!((page.status, page.body), (status, format!("the server says {status}")));
        guarded.arrived();
    }
    // The edge answers a request without a token with the challenge; the server is not asked.
    let page =
        Page::of(guarded.get("/.well-known/oauth-protected-resource/mcp")?.header("host", "mcp.example.com")).await?;
    assert_eq!((page.status, page.json()?["resource"].as_str()), (200, Some(MAIN.resource)), "{}", page.summary());
    assert!(guarded.behind.arrived().is_empty());
    Ok(())
}

/// A server that understands nothing but the identity provider's token gets it, whatever headers a client sends. Where only the
/// person can help, the client gets the challenge that makes it start a login; while the provider is away, it keeps its
/// token.
async fn hands_over_the_upstreams_token(proxy: Proxy) -> Result<()> {
    let guarded = Guarded::start_with(proxy, true).await?;
    let upstream = guarded.system.upstream(MAIN.id)?;
    let tokens = guarded.tokens(SCOPE).await?;
    let get = |token: &str| anyhow::Ok(guarded.get("/mcp")?.bearer_auth(token));
    let forged = get(&tokens.access_token)?.header("x-lychgate-proxy-authorization", "Bearer guess");
    for request in [get(&tokens.access_token)?, forged.header("x-lychgate-upstream-token", "forged")] {
        assert_eq!(Page::of(request).await?.status, 200);
        let headers = guarded.arrived();
        let all: Vec<_> = headers.get_all("authorization").iter().collect();
        let [value] = all[..] else { anyhow::bail!("one Authorization header: {all:?}") };
        let value = value.to_str()?;
        let token = value.strip_prefix("Bearer ").context("a bearer token")?;
        ensure!(token != tokens.access_token && upstream.asked().tokens_given.iter().any(|given| given == token));
        let person = http::client()?.get(format!("{}/userinfo", upstream.issuer())).bearer_auth(token);
        assert_eq!(Page::of(person).await?.json()?["sub"], "ada", "the provider's own API takes it");
    }

    // A client that has only its access token cannot fetch the provider's.
    let path = format!("/verify?upstream_token=authorization&resource={}", MAIN.resource);
    for proxy_token in [None, Some("Bearer guess"), Some("Bearer"), Some(tokens.access_token.as_str())] {
        let request = guarded.system.gate(MAIN.id)?.http().get(format!("{}{path}", guarded.system.origin()));
        let request = request.bearer_auth(&tokens.access_token);
        let page = Page::of(
            proxy_token
                .into_iter()
                .fold(request, |request, token| request.header("x-lychgate-proxy-authorization", token)),
        );
        let page = page.await?;
        assert_eq!((page.status, page.header("authorization")), (401, None), "{}", page.summary());
    }

    upstream.lie(Lie::Member(Endpoint::Token, "expires_in", json!(1)));
    let tokens = guarded.tokens(SCOPE).await?;
    upstream.lie(Lie::TokenFails);
    let unavailable = async || Page::of(get(&tokens.access_token)?).await.map(|page| page.status);
    until("the provider's token is over", async || unavailable().await.is_ok_and(|status| status == 503)).await?;
    let _ = guarded.behind.arrived();
    // The connection ends at the provider: only the person can help.
    let refused = guarded.tokens(SCOPE).await;
    ensure!(refused.is_err(), "the provider fails");
    upstream.lie(Lie::TokenRefuses);
    let challenge = format!("{CHALLENGE}, scope=\"{SCOPE}\", error=\"invalid_token\"");
    until("the provider has refused", async || unavailable().await.is_ok_and(|status| status == 401)).await?;
    let page = Page::of(get(&tokens.access_token)?).await?;
    guarded.assert_stopped(&page, 401, Some(&challenge), "the person has to sign in again");

    upstream.be_honest();
    let tokens = guarded.tokens(SCOPE).await?;
    assert_eq!(Page::of(get(&tokens.access_token)?).await?.status, 200, "the next login repairs the connection");
    Ok(())
}

/// Each is the valid request with one thing changed, or the valid one after a change elsewhere.
async fn stops_every_other_request(proxy: Proxy) -> Result<()> {
    let mut guarded = Guarded::start(proxy).await?;
    let tokens = guarded.tokens(SCOPE).await?;
    let (token, unscoped) = (tokens.access_token.as_str(), guarded.tokens("profile:read").await?.access_token);
    let elsewhere = {
        let request = guarded.app.request().with("resource", OTHER);
        let code = request.code(&mut Jar::new()?).await?;
        request.redemption(&code).with("resource", OTHER).tokens().await?.access_token
    };
    let get = |path: &str| guarded.get(path);
    let nothing = format!("{CHALLENGE}, scope=\"{SCOPE}\"");
    let invalid = format!("{nothing}, error=\"invalid_token\"");
    let insufficient = format!("{nothing}, error=\"insufficient_scope\"");
    for (why, request, status, challenge) in [
        ("nothing", get("/mcp")?, 401, &nothing),
        ("a token in the query (C7)", get(&format!("/mcp?access_token={token}"))?, 401, &nothing),
        ("a token in a cookie", get("/mcp")?.header("cookie", format!("access_token={token}")), 401, &nothing),
        ("Basic", get("/mcp")?.basic_auth("user", Some(token)), 401, &nothing),
        ("no token of ours", get("/mcp")?.bearer_auth("a.b.c"), 401, &invalid),
        ("a refresh token", get("/mcp")?.bearer_auth(&tokens.refresh_token), 401, &invalid),
        ("another resource's token", get("/mcp")?.bearer_auth(&elsewhere), 401, &invalid),
        (
            "another resource's token, and headers that say so",
            {
                let request = get("/mcp")?.bearer_auth(&elsewhere).header("x-lychgate-resource", OTHER);
                request.header("x-original-url", OTHER).header("host", "other.example.com")
            },
            401,
            &invalid,
        ),
        ("a token without the scope", get("/mcp")?.bearer_auth(&unscoped), 403, &insufficient),
        (
            "the same, and a query that asks for less",
            get("/mcp?scope=profile:read")?.bearer_auth(&unscoped),
            403,
            &insufficient,
        ),
    ] {
        guarded.assert_stopped(&Page::of(request).await?, status, Some(challenge), why);
    }
    // nginx itself refuses a second Authorization header.
    let twice = Page::of(get("/mcp")?.bearer_auth(token).header("authorization", format!("Bearer {unscoped}"))).await?;
    assert!([400, 401].contains(&twice.status), "{}", twice.summary());
    assert!(guarded.behind.arrived().is_empty(), "of two tokens none counts");
    if matches!(proxy, Proxy::Nginx) {
        let page = Page::of(get("/_lychgate")?.bearer_auth(token)).await?;
        guarded.assert_stopped(&page, 404, None, "/verify is not reachable from outside");
    }

    let good = || anyhow::Ok(guarded.get("/mcp")?.bearer_auth(token));
    assert_eq!(Page::of(good()?).await?.status, 200);
    guarded.arrived();
    let (request, revoked) = (good()?, good()?);
    let form = [("token", tokens.refresh_token.as_str()), ("client_id", &guarded.app.client_id)];
    assert_eq!(Page::of(guarded.app.gate.http().post(guarded.app.gate.url("/revoke")).form(&form)).await?.status, 200);
    guarded.assert_stopped(&Page::of(request).await?, 401, Some(&invalid), "taken back, at once");
    stops_all_while_the_control_plane_is_away(&mut guarded, revoked).await
}

/// No request passes, and no client is told that its token is invalid. `revoked` is a request with a revoked token.
async fn stops_all_while_the_control_plane_is_away(guarded: &mut Guarded, revoked: RequestBuilder) -> Result<()> {
    let another = guarded.tokens(SCOPE).await?.access_token;
    guarded.system.kill_control().await?;
    guarded.assert_stopped(&Page::of(revoked).await?, 503, None, "the control plane is away");
    let request = guarded.get("/mcp")?.bearer_auth(&another);
    guarded.assert_stopped(&Page::of(request).await?, 503, None, "also for a token that is good");
    guarded.system.start_control().await?;
    e2e::system::service::until("it lets good tokens through again", async || {
        let Ok(request) = guarded.get("/mcp") else { return false };
        Page::of(request.bearer_auth(&another)).await.is_ok_and(|page| page.status == 200)
    })
    .await?;
    assert_eq!(identity(&guarded.arrived()).len(), 6);
    Ok(())
}

/// A page of another origin sends a preflight without a token first, and must be able to read the challenges.
async fn lets_web_pages_in(proxy: Proxy) -> Result<()> {
    let mut guarded = Guarded::start(proxy).await?;
    let (good, unscoped) =
        (guarded.tokens(SCOPE).await?.access_token, guarded.tokens("profile:read").await?.access_token);
    let page = |request: RequestBuilder| request.header("origin", "https://page.example");
    for path in ["/mcp", "/", "/.well-known/oauth-protected-resource/mcp"] {
        for method in ["POST", "GET", "DELETE"] {
            assert_preflight_passes(&format!("{}{path}", guarded.origin), method).await?;
        }
    }
    assert!(guarded.behind.arrived().is_empty(), "the proxy answers preflights itself");
    // OPTIONS without the headers of a preflight is a request like any other.
    let options = http::client()?.request(reqwest::Method::OPTIONS, format!("{}/mcp", guarded.origin));
    assert_eq!(Page::of(page(options)).await?.status, 401);

    for (request, status) in [
        (guarded.get("/mcp")?, 401),
        (guarded.get("/mcp")?.bearer_auth("a.b.c"), 401),
        (guarded.get("/mcp")?.bearer_auth(&unscoped), 403),
        (guarded.get("/mcp")?.bearer_auth(&good), 200),
        // The server's own 403 and 500.
        (guarded.get("/403")?.bearer_auth(&good), 403),
        (guarded.get("/500")?.bearer_auth(&good), 500),
        (guarded.get("/.well-known/oauth-protected-resource/mcp")?.header("host", "mcp.example.com"), 200),
    ] {
        assert_readable(&Page::of(page(request)).await?, status);
    }
    guarded.system.kill_control().await?;
    assert_readable(&Page::of(page(guarded.get("/mcp")?.bearer_auth(&good))).await?, 503);
    Ok(())
}

/// A page of another origin reads this response, with its challenge.
#[track_caller]
fn assert_readable(page: &Page, status: u16) {
    assert_eq!((page.status, page.header("access-control-allow-origin")), (status, Some("*")), "{}", page.summary());
    assert_eq!(page.headers.get_all("access-control-allow-origin").iter().count(), 1, "{}", page.summary());
    let exposed = page.header("access-control-expose-headers").unwrap_or_default().to_lowercase();
    let challenged = page.header("www-authenticate").is_some();
    assert!(!challenged || exposed.contains("www-authenticate"), "{}: {exposed}", page.summary());
    assert!(page.header("access-control-allow-credentials").is_none(), "{}", page.summary());
}

/// Requirements: C12.
#[tokio::test]
async fn nginx_lets_web_pages_in() -> Result<()> {
    lets_web_pages_in(Proxy::Nginx).await
}

/// Requirements: C12.
#[tokio::test]
async fn envoy_lets_web_pages_in() -> Result<()> {
    lets_web_pages_in(Proxy::Envoy).await
}

/// Requirements: A27.
#[tokio::test]
async fn nginx_hands_over_the_upstreams_token() -> Result<()> {
    hands_over_the_upstreams_token(Proxy::Nginx).await
}

/// Requirements: A27.
#[tokio::test]
async fn envoy_hands_over_the_upstreams_token() -> Result<()> {
    hands_over_the_upstreams_token(Proxy::Envoy).await
}

/// Requirements: C9.
#[tokio::test]
async fn nginx_passes_the_identity_and_removes_forged_headers() -> Result<()> {
    passes_the_identity(Proxy::Nginx).await
}

/// Requirements: C5, C6, C7, C8.
#[tokio::test]
async fn nginx_stops_every_other_request() -> Result<()> {
    stops_every_other_request(Proxy::Nginx).await
}

/// Requirements: C9.
#[tokio::test]
async fn envoy_passes_the_identity_and_removes_forged_headers() -> Result<()> {
    passes_the_identity(Proxy::Envoy).await
}

/// Requirements: C5, C6, C7, C8.
#[tokio::test]
async fn envoy_stops_every_other_request() -> Result<()> {
    stops_every_other_request(Proxy::Envoy).await
}

/// The SDK alone goes through challenge, metadata, registration, login, tools and refresh. The server has no
/// protection of its own and trusts the proxy's headers.
async fn leads_a_real_client_through(proxy: Proxy) -> Result<()> {
    let (ours, servers, directory) = (Claim::choose()?, Claim::choose()?, tempfile::tempdir()?);
    let mcp_url = format!("http://{}/mcp", ours.address());
    // A plan consists of constants, and this URL is known only now; the leak lasts as long as the test.
    let issuer = Issuer { resource: mcp_url.clone().leak(), ..MAIN };
    let control_tables = resource_server("envoy", ENVOYS_TOKEN, &mcp_url);
    let system = System::start(Plan { edges: 1, issuers: vec![issuer], control_tables, ..Plan::default() }).await?;
    let mut server = python("believing_server.py");
    server.args(["--port", &servers.address().port().to_string()]);
    let mut server = Service::of("believing_server.py", &mut server)?;
    server.until("listens", async || tokio::net::TcpStream::connect(servers.address()).await.is_ok()).await?;
    let neighbours = Neighbours {
        listen: ours.address(),
        edge: system.edge_address(0),
        control: system.control_address(),
        token: ENVOYS_TOKEN,
        server: servers.address(),
        resource: &mcp_url,
        upstream_token: false,
    };
    let _proxy = proxy.start(neighbours, directory.path()).await?;

    let client = McpClient::python(&mcp_url, "Through a proxy").await?;
    let mut jar = Jar::new()?;
    let asked = jar.open(client.authorize.as_str()).await?;
    let consent = jar.follow(&asked).await?;
    let mut page = jar.press(&consent, ("decision", "approve")).await?;
    while page.redirects() {
        page = jar.follow(&page).await?;
    }
    let session = client.session().await?;
    let claims = serde_json::from_value::<Tokens>(session.tokens[0].clone())?.claims()?;
    for said in [&session.whoami, &session.whoami_after_refresh] {
        let said: Value = serde_json::from_str(said)?;
        for (name, claim) in [("subject", "sub"), ("client", "client_id"), ("scope", "scope"), ("resource", "aud")] {
            assert_eq!(said[name], claims[claim], "{said}");
        }
    }
    assert!(session.access_token_changed);
    Ok(())
}

#[tokio::test]
async fn a_real_client_finds_its_way_through_nginx() -> Result<()> {
    leads_a_real_client_through(Proxy::Nginx).await
}

#[tokio::test]
async fn a_real_client_finds_its_way_through_envoy() -> Result<()> {
    leads_a_real_client_through(Proxy::Envoy).await
}
