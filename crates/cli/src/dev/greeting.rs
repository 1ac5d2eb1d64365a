//! The output of `lychgate dev` once all processes answer: text for people, or JSON for scripts.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

/// The first line on standard output with `--json`. Keys are added, never renamed.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Greeting {
    /// The authorization server's URL.
    pub(super) issuer: String,
    /// The MCP server to connect to: the demo, or the first configured resource.
    pub(super) mcp_url: String,
    pub(super) upstream_issuer: String,
    /// The redirect URI to register at the upstream.
    pub(super) upstream_redirect_uri: String,
    /// `HOST:PORT`, without TLS.
    pub(super) control_grpc: SocketAddr,
    /// The URLs of the metrics of the control plane and of the edge.
    pub(super) control_metrics: String,
    pub(super) edge_metrics: String,
    /// Valid until this run ends.
    pub(super) operator_token: String,
    pub(super) edge_listen: SocketAddr,
    /// Absolute, like all paths here.
    pub(super) data_dir: PathBuf,
    pub(super) control_config: PathBuf,
    pub(super) edge_config: PathBuf,
    pub(super) edge_token_file: PathBuf,
    #[serde(skip)]
    pub(super) demo: Demo,
    /// The path of this program, for a shell.
    #[serde(skip)]
    pub(super) command: PathBuf,
}

/// The demo servers that were started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Demo {
    pub(super) provider: bool,
    pub(super) mcp: bool,
}

impl Greeting {
    /// One line of JSON.
    pub(super) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)?)
    }
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.addresses(f)?;
        self.clients(f)?;
        self.operator(f)?;
        writeln!(
            f,
            "\nThe pages open in your browser. Use a current Chromium (Chrome, Edge, Brave) or Firefox: Safari does not keep\n\
             __Host- cookies over http, not even on this machine, and then asks again and again.\n"
        )?;
        if self.demo.provider {
            self.own_provider(f)?;
        }
        write!(f, "Ctrl-C stops everything. State stays in {}.", self.data_dir.display())
    }
}

impl Greeting {
    fn addresses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mcp, upstream) = match self.demo {
            Demo { provider: true, mcp: true } => ("Demo MCP server", "Demo identity provider"),
            Demo { provider: true, mcp: false } => ("Your MCP server", "Demo identity provider"),
            Demo { provider: false, mcp: true } => ("Demo MCP server", "Your identity provider"),
            Demo { provider: false, mcp: false } => ("Your MCP server", "Your identity provider"),
        };
        writeln!(f, "Lychgate is running.\n")?;
        writeln!(f, "  {:<24} {}", "Authorization server", self.issuer)?;
        writeln!(
            f,
            "  {:<24} {}",
            "  its metadata",
            format_args!("{}/.well-known/oauth-authorization-server", self.issuer)
        )?;
        writeln!(f, "  {mcp:<24} {}", self.mcp_url)?;
        writeln!(f, "  {upstream:<24} {}", self.upstream_issuer)?;
        if self.demo.provider {
            writeln!(f, "  {:<24} sign in as any of its made-up people; there are no passwords", "")?;
        }
        writeln!(f, "  {:<24} {}", "Control plane (gRPC)", self.control_grpc)?;
        writeln!(f, "  {:<24} {}", "  its metrics", self.control_metrics)?;
        writeln!(f, "  {:<24} {}", "Metrics of the edge", self.edge_metrics)
    }

    fn operator(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (control, token, command) = (self.control_grpc, &self.operator_token, self.command.display());
        write!(
            f,
            r#"
To be the operator, paste this into another shell; the token is valid for this run.

  export LYCHGATE_CONTROL=http://{control}
  export LYCHGATE_TOKEN={token}
  {command} events watch        (--help shows all commands)
"#
        )
    }

    fn clients(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = &self.mcp_url;
        write!(
            f,
            r#"
Connect a client to the MCP server; it discovers the authorization server.

  Claude Code      claude mcp add --transport http lychgate-demo {url}
                   then /mcp in a session, and "Authenticate"
  VS Code          .vscode/mcp.json
                   {{ "servers": {{ "lychgate-demo": {{ "type": "http", "url": "{url}" }} }} }}
  Cursor           .cursor/mcp.json
                   {{ "mcpServers": {{ "lychgate-demo": {{ "url": "{url}" }} }} }}
  MCP Inspector    npx @modelcontextprotocol/inspector
                   transport "Streamable HTTP", URL {url}
"#
        )
    }

    fn own_provider(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r#"To sign in at a real identity provider, register a web application there with the redirect URI
  {}
write a file my.toml (crates/cli/dev.example.toml shows every key)
  [upstream]
  kind = "oidc"
  id = "my-idp"
  name = "My identity provider"
  issuer = "https://idp.example.com"
  client_id = "…"
  client_secret = {{ env = "MY_CLIENT_SECRET" }}
  scopes = ["openid", "profile", "email"]
and start again with `lychgate dev --config my.toml`.

"#,
            self.upstream_redirect_uri
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Greeting {
        Greeting {
            issuer: "http://127.0.0.1:7440".to_owned(),
            mcp_url: "http://127.0.0.1:20002/mcp".to_owned(),
            upstream_issuer: "http://127.0.0.1:20001".to_owned(),
            upstream_redirect_uri: "http://127.0.0.1:7440/callback/demo".to_owned(),
            control_grpc: ([127, 0, 0, 1], 20000).into(),
            control_metrics: "http://127.0.0.1:20003/metrics".to_owned(),
            edge_metrics: "http://127.0.0.1:20004/metrics".to_owned(),
            operator_token: "token".to_owned(),
            edge_listen: ([127, 0, 0, 1], 7440).into(),
            data_dir: "/data".into(),
            control_config: "/data/control.toml".into(),
            edge_config: "/data/edge.toml".into(),
            edge_token_file: "/data/edge.token".into(),
            demo: Demo { provider: true, mcp: true },
            command: "/bin/lychgate".into(),
        }
    }

    #[test]
    fn json_is_one_line() {
        let json = sample().json().unwrap();
        assert!(!json.contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        for (key, value) in [
            ("issuer", "http://127.0.0.1:7440"),
            ("mcp_url", "http://127.0.0.1:20002/mcp"),
            ("upstream_issuer", "http://127.0.0.1:20001"),
            ("control_grpc", "127.0.0.1:20000"),
            ("control_metrics", "http://127.0.0.1:20003/metrics"),
            ("edge_metrics", "http://127.0.0.1:20004/metrics"),
            ("operator_token", "token"),
            ("data_dir", "/data"),
        ] {
            assert_eq!(read[key], value, "{key}");
        }
    }

    #[test]
    fn the_text_has_commands_to_paste_and_names_unsuitable_browsers() {
        let text = sample().to_string();
        for expected in [
            "claude mcp add --transport http lychgate-demo http://127.0.0.1:20002/mcp\n",
            r#"{ "servers": { "lychgate-demo": { "type": "http", "url": "http://127.0.0.1:20002/mcp" } } }"#,
            r#"{ "mcpServers": { "lychgate-demo": { "url": "http://127.0.0.1:20002/mcp" } } }"#,
            "npx @modelcontextprotocol/inspector\n",
            "http://127.0.0.1:7440/callback/demo\n",
            "  export LYCHGATE_CONTROL=http://127.0.0.1:20000\n  export LYCHGATE_TOKEN=token\n  /bin/lychgate events watch",
            "Safari",
        ] {
            assert!(text.contains(expected), "{expected} is missing in:\n{text}");
        }
        let own = Greeting { demo: Demo { provider: false, mcp: true }, ..sample() }.to_string();
        assert!(own.contains("Your identity provider") && !own.contains("[upstream]"), "{own}");
    }
}
