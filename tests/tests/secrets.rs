//! A15: no secret on a disk, in a log or in an error, in any spelling and at any log level. The test runs complete
//! flows against the real programs and then searches for every secret that occurred.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use e2e::flow::{App, AuthorizationRequest, Callback, LOOPBACK, Tokens};
use e2e::grpc::Caller;
use e2e::http::{Jar, Page, Visit};
use e2e::system::files;
use e2e::system::logged::Logged;
use e2e::system::service::until;
use e2e::upstream::Lie;
use lychgate_api::v1::ListRequest;
use serde_json::json;

/// Secrets that a client may send by mistake, or an attacker as a guess.
const MISTAKES: [&str; 3] =
    ["a-client-secret-sent-by-mistake", "a-basic-password-sent-by-mistake", "a-bearer-token-that-is-wrong"];

/// As the tests' upstream generates them.
const UPSTREAM_TOKENS: [&str; 2] = ["upstream-access-token-of-ada", "upstream-refresh-token-of-ada"];

/// Requirements: A15.
#[tokio::test]
async fn no_secret_of_a_whole_run_is_on_disk_in_a_log_or_in_an_error() -> Result<()> {
    let mut logged = Logged::start("json").await?;
    let tables_before = tables(&logged.store())?;
    let mut run = Run::begin(&logged).await?;
    run.succeeds(&logged).await?;
    run.fails_in_the_browser().await?;
    run.fails_at_the_token_endpoint().await?;
    run.fails_upstream(&logged).await?;
    run.fails_at_the_control_plane(&logged).await?;
    run.is_interrupted(&mut logged).await?;
    assert!(run.errors.len() >= 30, "{} errors", run.errors.len());
    let search = Search::of(&run.secrets);

    let said = |lines: [&'static str; 5], of: usize| {
        let logged = &logged;
        async move || logged.logs().is_ok_and(|logs| lines.iter().all(|line| has(&logs[of], line)))
    };
    let by_control = ["\"TRACE\"", "called", "CODE_REPLAYED", "the login failed at the upstream", "denied"];
    until("the control plane has logged it all", said(by_control, 0)).await?;
    let by_edge = [
        "\"TRACE\"",
        "answered",
        "CODE_REPLAYED",
        "the health of an endpoint of the control plane changed",
        "FORM_TOKEN_INVALID",
    ];
    until("the edge has logged it all", said(by_edge, 1)).await?;

    // After SIGKILL the writes since the last start are in the write-ahead log, which is not compressed.
    // Compression of a table could hide a secret from this search.
    logged.kill_control().await?;
    let store = files(&logged.store())?;
    for plain in [run.app.client_id.as_str(), LOOPBACK, "idp-of-main|ada", "profile:read"] {
        let is_there = store.iter().any(|(path, content)| path.extension().is_some_and(is_log) && has(content, plain));
        assert!(is_there, "{plain} is not in the log: the search proves nothing");
    }
    let [control, edge] = logged.logs()?;
    let errors = run.errors.iter().map(|page| format!("{:?}\n{}\n", page.headers, page.body)).collect::<String>();
    let mut places = store;
    places.extend([("control".into(), control), ("edge".into(), edge), ("errors".into(), errors.into_bytes())]);
    search.finds_nothing_in(&places);

    // The search would find each secret, in each spelling, inside any of these files.
    for (path, content) in &places {
        let (before, after) = content.split_at(content.len() / 2);
        let (before, after) = (&before[before.len().saturating_sub(64)..], &after[..after.len().min(64)]);
        for (name, spelling) in &search.spellings {
            let planted = [before, spelling, after].concat();
            assert!(search.found_in(&planted).contains(name.as_str()), "{name} is not found in {}", path.display());
        }
    }

    // A restart moves the log into tables, and SIGTERM ends the process cleanly.
    logged.start_control().await?;
    assert_ne!(tables(&logged.store())?, tables_before, "nothing was moved");
    run.app.tokens().await?;
    let (system, logs) = logged.stop().await?;
    let logs = logs.map(|log| (PathBuf::from("log"), log));
    search.finds_nothing_in(&logs);
    search.finds_nothing_in(&files(&system.directory().join("store"))?);
    Ok(())
}

/// The secrets that occurred, and the error responses.
struct Run {
    app: App,
    secrets: BTreeSet<String>,
    errors: Vec<Page>,
    /// The redeemed code.
    spent: Option<(AuthorizationRequest, String, Tokens)>,
}

impl Run {
    async fn begin(logged: &Logged) -> Result<Self> {
        let mut secrets: BTreeSet<String> = MISTAKES.into_iter().chain(UPSTREAM_TOKENS).map(str::to_owned).collect();
        secrets.extend(logged.system.secrets_of_control().into_iter().map(str::to_owned));
        secrets.insert(fs::read_to_string(logged.system.directory().join("edge-0.token"))?);
        let app = logged.system.gate("main")?.app(&[LOOPBACK]).await?;
        Ok(Self { app, secrets, errors: Vec::new(), spent: None })
    }

    async fn succeeds(&mut self, logged: &Logged) -> Result<()> {
        let mut jar = Jar::new()?;
        let callback = self.callback(&mut jar).await?;
        let answer = callback.finish(&mut jar).await?;
        let code = self.met(answer.code()?);
        let tokens = callback.request.redemption(&code).tokens().await?;
        let refreshed = self.app.refresh(&tokens.refresh_token).tokens().await?;
        for Tokens { access_token, refresh_token, .. } in [&tokens, &refreshed] {
            self.met(refresh_token.clone());
            // The claims are no secret; the signature is.
            self.met(access_token.rsplit('.').next().context("a signature")?.to_owned());
        }
        for asked in logged.system.upstream("main")?.asked().authorizations {
            self.met(asked["nonce"].clone());
        }
        for exchange in logged.system.upstream("main")?.asked().exchanges {
            self.met(exchange["code_verifier"].clone());
        }
        self.errors.push(callback.visit(&mut jar).await?);
        self.spent = Some((callback.request, code, refreshed));
        Ok(())
    }

    async fn fails_in_the_browser(&mut self) -> Result<()> {
        let mut jar = Jar::new()?;
        let redirect = self.app.request().send(&mut jar).await?;
        let url = redirect.location()?;
        // The URL ends with its ticket.
        let altered_ticket = self.altered(url.as_str());
        self.no(jar.open(altered_ticket).await?);
        let consent = self.app.request().open(&mut jar).await?;
        let form = consent.form("approve")?;
        let form_token = self.met(consent.page.hidden("form_token")?);
        for wrong in [
            form.clone().field("form_token", &self.altered(&form_token)),
            form.clone().field("ticket", &format!("{}A", consent.page.hidden("ticket")?)),
            form.clone().without_field("decision"),
            form.clone().cookie_header(""),
            form.clone().header("sec-fetch-site", "cross-site")?,
            form.clone().field("padding", &"x".repeat(70_000)),
            form.clone().cookie_header(format!("{form_token}={}", "x".repeat(17_000))),
        ] {
            self.no(jar.clone().send(wrong).await?);
        }
        consent.deny(&mut jar).await?;
        self.no(jar.send(form).await?);

        let callback = self.callback(&mut jar).await?;
        let state = callback.url.query_pairs().find(|(name, _)| name == "state").context("state")?.1.into_owned();
        let twice = Visit::open(format!("{}&state={state}", callback.url))?;
        self.no(callback.visit(&mut Jar::new()?).await?);
        let altered = self.altered(&state);
        self.no(callback.clone().with("state", Some(&altered)).visit(&mut jar).await?);
        self.no(jar.clone().send(twice).await?);
        for (name, value) in [("scope", "admin"), ("resource", "https://other.example"), ("redirect_uri", "https://x")]
        {
            self.errors.push(self.app.request().with(name, value).send(&mut jar).await?);
        }
        Ok(())
    }

    async fn fails_at_the_token_endpoint(&mut self) -> Result<()> {
        let (request, code, tokens) = self.spent.clone().context("a run that succeeded")?;
        let fresh = self.app.request();
        let unspent = fresh.code(&mut Jar::new()?).await?;
        let (good, refresh) = (fresh.redemption(&self.met(unspent.clone())), self.app.refresh(&tokens.refresh_token));
        let basic = BASE64_STANDARD.encode(format!("{}:{}", self.app.client_id, MISTAKES[1]));
        self.met(fresh.verifier.clone());
        let wrong = [
            good.clone().with("code_verifier", &self.altered(&fresh.verifier)),
            good.clone().without("code_verifier"),
            good.clone().with("code", &self.altered(&unspent)),
            good.clone().and("code", &unspent),
            good.clone().with("redirect_uri", "http://127.0.0.1/elsewhere"),
            good.clone().with("client_id", "client-unknown"),
            good.clone().with("client_secret", MISTAKES[0]),
            good.clone().without("client_id").header("authorization", format!("Basic {basic}")),
            good.clone().with("grant_type", "password"),
            good.clone().with("resource", "https://other.example"),
            refresh.clone().with("refresh_token", &self.altered(&tokens.refresh_token)),
            refresh.clone().with("scope", "admin"),
            // This case is last because it ends the grant.
            request.redemption(&code),
            refresh,
        ];
        for wrong in wrong {
            self.no(wrong.send().await?);
        }
        let gate = self.app.gate.clone();
        let http = gate.http();
        let body = json!({ "code": code, "code_verifier": request.verifier, "redirect_uris": [code], "jwks": 1 });
        for path in ["/token", "/register", "/consent"] {
            self.no(Page::of(http.post(gate.url(path)).json(&body)).await?);
        }
        self.no(Page::of(http.get(gate.url(&format!("/token?code={code}&client_secret={}", MISTAKES[0])))).await?);
        Ok(())
    }

    async fn fails_upstream(&mut self, logged: &Logged) -> Result<()> {
        let upstream = logged.system.upstream("main")?;
        for lie in [
            Lie::TokenFails,
            Lie::TokenRefuses,
            Lie::TokenIsNoJson,
            Lie::TokenBreaksOff,
            Lie::TokenRedirects,
            Lie::Nonce,
            Lie::Unsigned,
            Lie::OtherKey,
            Lie::NoIdToken,
            Lie::EmptySubject,
            Lie::CallbackOfAnother,
            Lie::CallbackError("server_error"),
        ] {
            let mut jar = Jar::new()?;
            upstream.lie(lie);
            let request = self.app.request();
            let consent = request.open(&mut jar).await?;
            let callback = consent.approve(&mut jar).await?.sign_in(&mut jar).await?;
            callback.code().map(|code| self.met(code)).unwrap_or_default();
            self.no(callback.visit(&mut jar).await?);
        }
        upstream.be_honest();
        Ok(())
    }

    async fn fails_at_the_control_plane(&mut self, logged: &Logged) -> Result<()> {
        let stranger = Caller::new(&logged.system.control_url(), MISTAKES[2])?;
        ensure!(stranger.issuers().list(ListRequest {}).await.is_err());
        Ok(())
    }

    /// The edge repeats the call until the control plane is back.
    async fn is_interrupted(&mut self, logged: &mut Logged) -> Result<()> {
        let request = self.app.request();
        let code = self.met(request.code(&mut Jar::new()?).await?);
        logged.kill_control().await?;
        let redemption = request.redemption(&code);
        let waiting = tokio::spawn(async move { redemption.tokens().await });
        // Whichever comes first: the call meets the outage, or the edge notices it and lets the call wait.
        let noticed = |edge: &_| has(edge, "repeating a call") || has(edge, "unreachable");
        until("the edge notices the outage", async || logged.logs().is_ok_and(|[_, edge]| noticed(&edge))).await?;
        logged.start_control().await?;
        let tokens = waiting.await??;
        self.met(tokens.refresh_token);
        Ok(())
    }

    /// Continues to the upstream's callback and records each secret.
    async fn callback(&mut self, jar: &mut Jar) -> Result<Callback> {
        let request = self.app.request();
        let consent = request.open(jar).await?;
        let sent = consent.approve(jar).await?;
        let callback = sent.sign_in(jar).await?;
        let ours = jar.cookies().into_iter().filter(|cookie| cookie.name.starts_with("__Host-"));
        let met = [consent.page.hidden("ticket")?, consent.page.hidden("form_token")?, sent.state()?, callback.code()?];
        self.secrets.extend(ours.map(|cookie| cookie.value).chain(met).chain([request.verifier]));
        Ok(callback)
    }

    fn met(&mut self, secret: String) -> String {
        self.secrets.insert(secret.clone());
        secret
    }

    /// The secret with its end changed: most of it is still secret.
    fn altered(&mut self, secret: &str) -> String {
        let (rest, last) = secret.split_at(secret.len() - 1);
        self.met(format!("{rest}{}", if last == "A" { "E" } else { "A" }))
    }

    #[track_caller]
    fn no(&mut self, page: Page) {
        assert!(page.status >= 400, "{}", page.summary());
        self.errors.push(page);
    }
}

/// Searches for many spellings in one pass.
struct Search {
    spellings: Vec<(String, Vec<u8>)>,
    /// The spellings by their first two bytes.
    by_start: Vec<Vec<(String, Vec<u8>)>>,
}

impl Search {
    fn of(secrets: &BTreeSet<String>) -> Self {
        let spellings: Vec<_> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
        let mut by_start = vec![Vec::new(); 1 << 16];
        for named in &spellings {
            by_start[start(&named.1)].push(named.clone());
        }
        Self { spellings, by_start }
    }

    fn found_in(&self, content: &[u8]) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        for n in 0..content.len().saturating_sub(1) {
            for (name, spelling) in &self.by_start[start(&content[n..])] {
                if content[n..].starts_with(spelling) {
                    found.insert(name.as_str());
                }
            }
        }
        found
    }

    #[track_caller]
    fn finds_nothing_in(&self, places: &[(PathBuf, Vec<u8>)]) {
        for (path, content) in places {
            let found = self.found_in(content);
            assert!(found.is_empty(), "in {}: {found:?}", path.display());
        }
    }
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

/// The secret as sent, as bytes, and base64-encoded inside other text. The last bytes stand for the whole: the
/// first bytes of our secrets are ids, which are not secret.
fn spellings(secret: &str) -> Vec<(String, Vec<u8>)> {
    const TAIL: usize = 16;
    let bare = ["lgc_", "lgr_"].iter().find_map(|prefix| secret.strip_prefix(prefix)).unwrap_or(secret);
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(bare).ok().filter(|bytes| bytes.len() >= TAIL);
    let texts = [Some(secret.as_bytes().to_vec()), decoded];
    let mut all = Vec::new();
    for (form, bytes) in ["text", "bytes"].into_iter().zip(texts).filter_map(|(form, bytes)| Some((form, bytes?))) {
        let tail = &bytes[bytes.len().saturating_sub(TAIL)..];
        let mut say = |how: &str, spelling: Vec<u8>| all.push((format!("{secret} as {form}, {how}"), spelling));
        say("plain", tail.to_vec());
        say("hex", tail.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes());
        say("upper hex", tail.iter().map(|byte| format!("{byte:02X}")).collect::<String>().into_bytes());
        say("a list of bytes", format!("{tail:?}")[1..].trim_end_matches(']').as_bytes().to_vec());
        say("escaped", format!("{}", tail.escape_ascii()).into_bytes());
        say("percent-encoded", form_urlencoded::byte_serialize(tail).collect::<String>().into_bytes());
        // The encoding depends on the offset in the encoded text; characters that share bits with their
        // neighbours are omitted.
        for before in 0..3 {
            let padded = [&vec![0; before], tail].concat();
            let whole = padded.len() / 3 * 4;
            for (alphabet, text) in [
                ("base64", BASE64_STANDARD_NO_PAD.encode(&padded)),
                ("base64url", BASE64_URL_SAFE_NO_PAD.encode(&padded)),
            ] {
                say(&format!("{alphabet} at {before}"), text.as_bytes()[(before * 8).div_ceil(6)..whole].to_vec());
            }
        }
    }
    all
}

/// The table files.
fn tables(store: &Path) -> Result<BTreeSet<PathBuf>> {
    let all = files(store)?.into_iter().map(|(path, _)| path);
    Ok(all.filter(|path| path.extension().is_some_and(|extension| extension == "sst")).collect())
}

fn is_log(extension: &std::ffi::OsStr) -> bool {
    extension == "log"
}

fn has(content: &[u8], text: &str) -> bool {
    content.windows(text.len()).any(|window| window == text.as_bytes())
}
