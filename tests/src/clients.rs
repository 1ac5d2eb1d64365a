//! The programs in `tests/clients`: MCP clients built on the official SDKs, and the OpenID provider
//! `oidc-provider`. The programs make their own HTTP requests; tests only observe them.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

use crate::program::Program;

/// A client that has discovered the server, has a client id, and waits for the browser at its redirect URI.
#[derive(Debug)]
pub struct McpClient {
    program: Program,
    /// The URL that the client opens in the person's browser.
    pub authorize: Url,
}

/// The SDK that a client program uses.
#[derive(Clone, Copy, Debug)]
pub enum Sdk {
    /// `@modelcontextprotocol/client`.
    TypeScript,
    /// `mcp`.
    Python,
}

/// How a client gets its client id.
#[derive(Clone, Copy, Debug)]
pub enum Identity<'a> {
    /// The client registers itself with this `token_endpoint_auth_method`.
    Registers(&'a str),
    /// The client id is the URL of the metadata document, if the server supports that.
    Document(&'a str),
    /// The client id and the secret come from configuration; the client authenticates by this method.
    Configured { id: &'a str, secret: &'a str, method: &'a str },
}

impl McpClient {
    pub async fn typescript(mcp_url: &str, name: &str) -> Result<Self> {
        Self::start(Sdk::TypeScript, mcp_url, name, Identity::Registers("none")).await
    }

    pub async fn python(mcp_url: &str, name: &str) -> Result<Self> {
        Self::start(Sdk::Python, mcp_url, name, Identity::Registers("none")).await
    }

    pub async fn start(sdk: Sdk, mcp_url: &str, name: &str, identity: Identity<'_>) -> Result<Self> {
        let (kind, mut command) = match sdk {
            Sdk::TypeScript => ("the TypeScript client", node("client_typescript.mjs")),
            Sdk::Python => ("the Python client", python("client_python.py")),
        };
        command.args(["--mcp-url", mcp_url, "--name", name]);
        match identity {
            Identity::Registers(method) => command.args(["--auth-method", method]),
            Identity::Document(url) => command.args(["--client-metadata-url", url]),
            Identity::Configured { id, secret, method } => {
                command.args(["--client-id", id, &client_secret(secret), "--auth-method", method])
            }
        };
        let mut program = Program::spawn(kind, &mut command)?;
        match Line::parse(program.line().await?)? {
            Line::Authorize(authorize) => Ok(Self { program, authorize: authorize.parse()? }),
            other => Err(anyhow!("{kind} did not ask for a browser: {other:?}")),
        }
    }

    /// The result of the flow, once the browser has reached the redirect URI.
    pub async fn outcome(mut self) -> Result<Outcome> {
        match Line::parse(self.program.line().await?)? {
            Line::Result(session) => Ok(Outcome::Connected(session)),
            Line::Failure(failure) => Ok(Outcome::Failed(failure)),
            Line::Authorize(again) => bail!("the client asks for a second authorization: {again}"),
        }
    }

    /// The session of a successful flow, or an error with the client's own message.
    pub async fn session(self) -> Result<Session> {
        match self.outcome().await? {
            Outcome::Connected(session) => Ok(*session),
            Outcome::Failed(failure) => bail!("the client gave up: {failure:?}"),
        }
    }
}

#[derive(Debug)]
pub enum Outcome {
    Connected(Box<Session>),
    Failed(Failure),
}

/// The report of a client that completed the flow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The issuer in the metadata that the client discovered.
    pub issuer: String,
    /// The client id that the registration returned.
    pub client_id: String,
    pub redirect_uri: String,
    /// The scope of the first token response.
    pub scope: Option<String>,
    /// The names of the MCP server's tools.
    pub tools: Vec<String>,
    /// The result of the tool `whoami` with the first access token, and with the refreshed one.
    pub whoami: String,
    pub whoami_after_refresh: String,
    /// The `iss` parameter of the authorization response (RFC 9207).
    pub iss: Option<String>,
    /// The SDK refused the same response with another `iss`, and with no `iss`.
    pub forged_iss_refused: bool,
    pub token_responses: usize,
    pub access_token_changed: bool,
    pub refresh_token_rotated: bool,
    /// All token responses, in order.
    pub tokens: Vec<Value>,
}

/// The report of a client that failed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The OAuth error code, or the SDK's name of the error.
    pub error: String,
    pub message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Authorize(String),
    Result(Box<Session>),
    Failure(Failure),
}

impl Line {
    fn parse(line: Value) -> Result<Self> {
        serde_json::from_value(line.clone()).with_context(|| format!("an unexpected line: {line}"))
    }
}

/// A library with which a resource server introspects.
#[derive(Clone, Copy, Debug)]
pub enum Introspector {
    /// npm's `openid-client`.
    OpenidClient,
    /// Python's Authlib.
    Authlib,
    /// The verifier of FastMCP servers.
    FastMcp,
}

impl Introspector {
    pub const ALL: [Introspector; 3] = [Introspector::OpenidClient, Introspector::Authlib, Introspector::FastMcp];

    /// The answers of the token endpoint to the exchange of `tokens` (RFC 8693); `Err` with the library's error.
    pub async fn exchange(
        self,
        issuer: &str,
        (id, secret, method): (&str, &str, &str),
        tokens: &[&str],
    ) -> Result<Vec<Result<Value, String>>> {
        let endpoint = format!("{issuer}/token");
        let mut command = match self {
            Introspector::OpenidClient => node("introspect.mjs"),
            Introspector::Authlib | Introspector::FastMcp => python("introspect.py"),
        };
        match self {
            Introspector::OpenidClient => command.args(["--issuer", issuer]),
            Introspector::Authlib | Introspector::FastMcp => {
                command.args(["--library", "authlib", "--endpoint", &endpoint])
            }
        };
        command.args(["--client-id", id, &client_secret(secret), "--auth-method", method]);
        let mut program = Program::spawn("the resource server", &mut command)?;
        program.line().await?;
        ask_each(&mut program, "exchange", tokens).await
    }

    /// The answers of the issuer about `tokens`, as the library gives them to its user: `Err` with the library's error.
    pub async fn ask(
        self,
        issuer: &str,
        (id, secret, method): (&str, &str, &str),
        tokens: &[&str],
    ) -> Result<Vec<Result<Value, String>>> {
        let endpoint = format!("{issuer}/introspect");
        let mut command = match self {
            Introspector::OpenidClient => node("introspect.mjs"),
            Introspector::Authlib | Introspector::FastMcp => python("introspect.py"),
        };
        match self {
            Introspector::OpenidClient => command.args(["--issuer", issuer]),
            Introspector::Authlib => command.args(["--library", "authlib", "--endpoint", &endpoint]),
            Introspector::FastMcp => command.args(["--library", "fastmcp", "--endpoint", &endpoint]),
        };
        command.args(["--client-id", id, &client_secret(secret), "--auth-method", method]);
        let mut program = Program::spawn("the resource server", &mut command)?;
        let first = program.line().await?;
        if matches!(self, Introspector::OpenidClient) {
            let advertised = first["advertised"].as_array().context("the metadata name no method")?;
            ensure!(advertised.iter().any(|known| known == method), "{method} is not advertised: {first}");
        }
        ask_each(&mut program, "token", tokens).await
    }
}

/// The option in one argument: a secret may begin with a hyphen.
fn client_secret(secret: &str) -> String {
    format!("--client-secret={secret}")
}

async fn ask_each(program: &mut Program, order: &str, tokens: &[&str]) -> Result<Vec<Result<Value, String>>> {
    let mut answers = Vec::new();
    for token in tokens {
        program.send(&json!({ order: token })).await?;
        let line = program.line().await?;
        answers.push(match line["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(line["answer"].clone()),
        });
    }
    Ok(answers)
}

/// The browser build of the npm package `oidc-client-ts`, which defines the global `oidc`.
pub fn oidc_client_ts() -> Result<String> {
    let file = directory().join("node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js");
    std::fs::read_to_string(&file).with_context(|| format!("no {}: run npm ci", file.display()))
}

/// The npm package `oidc-provider` with one confidential client, which is Lychgate.
///
/// The provider accepts any login with any password, keeps a session, and remembers grants. When a code is redeemed
/// twice, it revokes the grant, so the next authorization asks for consent again.
#[derive(Debug)]
pub struct Provider {
    program: Program,
    log: Vec<ProviderEvent>,
    pub issuer: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ProviderEvent {
    /// A request at the token endpoint. `presented` is a digest of the code or the refresh token.
    Token {
        grant_type: Option<String>,
        presented: Option<String>,
        status: u16,
        error: Option<String>,
    },
    /// The provider showed a page: `login` or `consent`.
    Prompt {
        prompt: String,
    },
    /// The provider sent a code to the client.
    Authorization,
    /// The provider sent an error to the client, or showed one.
    AuthorizationError {
        error: String,
    },
    /// The provider has set the redirect URIs.
    RedirectUris,
    Sync,
}

impl Provider {
    pub const CLIENT_ID: &str = "lychgate";
    pub const CLIENT_SECRET: &str = "the-static-secret-of-the-tests-only";

    pub async fn start() -> Result<Self> {
        let mut command = node("provider.mjs");
        command.args(["--client-id", Self::CLIENT_ID, "--client-secret", Self::CLIENT_SECRET]);
        let mut program = Program::spawn("oidc-provider", &mut command)?;
        let first = program.line().await?;
        let issuer = first["issuer"].as_str().with_context(|| format!("oidc-provider has no issuer: {first}"))?.into();
        Ok(Self { program, log: Vec::new(), issuer })
    }

    /// Registers the redirect URI, which is known only once Lychgate is running.
    pub async fn allow_redirect(&mut self, uri: &str) -> Result<()> {
        self.command(json!({ "cmd": "redirect_uris", "redirect_uris": [uri] }), &ProviderEvent::RedirectUris).await
    }

    /// All events so far, in order.
    pub async fn log(&mut self) -> Result<&[ProviderEvent]> {
        self.command(json!({ "cmd": "sync" }), &ProviderEvent::Sync).await?;
        Ok(&self.log)
    }

    /// The number of authorization codes that the token endpoint has received.
    pub async fn redemptions(&mut self) -> Result<usize> {
        let redemption = |event: &&ProviderEvent| matches!(event, ProviderEvent::Token { grant_type: Some(grant), .. } if grant == "authorization_code");
        Ok(self.log().await?.iter().filter(redemption).count())
    }

    async fn command(&mut self, command: Value, answer: &ProviderEvent) -> Result<()> {
        self.program.send(&command).await?;
        loop {
            let line = self.program.line().await?;
            let event: ProviderEvent = serde_json::from_value(line)?;
            if event == *answer {
                return Ok(());
            }
            self.log.push(event);
        }
    }
}

/// A command that runs a Node program of `tests/clients`.
pub fn node(file: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(directory().join(file)).current_dir(directory()).kill_on_drop(true);
    command
}

/// A command that runs a Python program of `tests/clients` with the interpreter that has the SDK.
pub fn python(file: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(directory().join(file)).current_dir(directory()).kill_on_drop(true);
    command
}

/// The Python interpreter that has the packages of `requirements.txt`.
pub fn interpreter() -> OsString {
    std::env::var_os("LYCHGATE_PYTHON").unwrap_or_else(|| "python3".into())
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients")
}
