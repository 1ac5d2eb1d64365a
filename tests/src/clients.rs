//! The programs under `tests/clients`, from a test's point of view: MCP clients built on the official SDKs, and an
//! OpenID provider nobody here wrote. They do their own HTTP; a test only watches, and must never help them along.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

use crate::program::Program;

/// A client that has discovered the server, registered itself, and now waits for a person to open a page.
#[derive(Debug)]
pub struct McpClient {
    program: Program,
    /// Where it sends the person's browser.
    pub authorize: Url,
}

/// Which SDK it is built on.
#[derive(Clone, Copy, Debug)]
pub enum Sdk {
    /// `@modelcontextprotocol/client`.
    TypeScript,
    /// `mcp`.
    Python,
}

/// How it comes by its id.
#[derive(Clone, Copy, Debug)]
pub enum Identity<'a> {
    /// It registers itself, for this `token_endpoint_auth_method`.
    Registers(&'a str),
    /// Its id is the URL of its metadata document, where the server takes one.
    Document(&'a str),
    /// An operator has told it; it authenticates by this method.
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
                command.args(["--client-id", id, "--client-secret", secret, "--auth-method", method])
            }
        };
        let mut program = Program::spawn(kind, &mut command)?;
        match Line::parse(program.line().await?)? {
            Line::Authorize(authorize) => Ok(Self { program, authorize: authorize.parse()? }),
            other => Err(anyhow!("{kind} did not ask for a browser: {other:?}")),
        }
    }

    /// What came of it, once the browser has been to the redirect URI.
    pub async fn outcome(mut self) -> Result<Outcome> {
        match Line::parse(self.program.line().await?)? {
            Line::Result(session) => Ok(Outcome::Connected(session)),
            Line::Failure(failure) => Ok(Outcome::Failed(failure)),
            Line::Authorize(again) => bail!("the client asks for a second authorization: {again}"),
        }
    }

    /// The session it ended up with; an error, with the client's own words, if it has none.
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

/// What a client that went all the way has to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// The issuer of the metadata it found.
    pub issuer: String,
    /// What registration gave it.
    pub client_id: String,
    pub redirect_uri: String,
    /// Of the first token response.
    pub scope: Option<String>,
    /// The names of the server's tools.
    pub tools: Vec<String>,
    /// What the tool `whoami` said with the first access token, and with the one after the refresh.
    pub whoami: String,
    pub whoami_after_refresh: String,
    /// The `iss` of the authorization response (RFC 9207).
    pub iss: Option<String>,
    /// The SDK refused the same response with another `iss`, and with none.
    pub forged_iss_refused: bool,
    pub token_responses: usize,
    pub access_token_changed: bool,
    pub refresh_token_rotated: bool,
    /// Every token response, in order.
    pub tokens: Vec<Value>,
}

/// What a client that stopped half-way has to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The OAuth error code, or the SDK's name for what happened.
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

/// The npm package `oidc-provider`, with one confidential client: us.
///
/// Any login with any password is an account. It remembers its session and what was granted in it. When a code is
/// redeemed twice, it also forgets the grant, so the next authorization asks for consent again.
#[derive(Debug)]
pub struct Provider {
    program: Program,
    log: Vec<ProviderEvent>,
    pub issuer: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ProviderEvent {
    /// A call of the token endpoint. `presented` is a digest of the code or refresh token, to tell one from another.
    Token {
        grant_type: Option<String>,
        presented: Option<String>,
        status: u16,
        error: Option<String>,
    },
    /// A page was shown: `login` or `consent`.
    Prompt {
        prompt: String,
    },
    /// A code was sent to the client.
    Authorization,
    /// An error was sent to the client, or shown.
    AuthorizationError {
        error: String,
    },
    /// A command was obeyed.
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

    /// Registers where codes may be sent: our callback, which is known only once we are up.
    pub async fn allow_redirect(&mut self, uri: &str) -> Result<()> {
        self.command(json!({ "cmd": "redirect_uris", "redirect_uris": [uri] }), &ProviderEvent::RedirectUris).await
    }

    /// Everything that has happened so far, in order.
    pub async fn log(&mut self) -> Result<&[ProviderEvent]> {
        self.command(json!({ "cmd": "sync" }), &ProviderEvent::Sync).await?;
        Ok(&self.log)
    }

    /// How often the token endpoint has been given an authorization code.
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

/// One of the Node programs.
pub(crate) fn node(file: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(directory().join(file)).current_dir(directory()).kill_on_drop(true);
    command
}

/// One of the Python programs, run by the interpreter that has the SDK.
pub fn python(file: &str) -> Command {
    let mut command = Command::new(interpreter());
    command.arg(directory().join(file)).current_dir(directory()).kill_on_drop(true);
    command
}

/// The interpreter that has what `requirements.txt` asks for.
pub fn interpreter() -> OsString {
    std::env::var_os("LYCHGATE_PYTHON").unwrap_or_else(|| "python3".into())
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients")
}
