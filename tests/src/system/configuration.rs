//! The configuration of each process: a file per process, and secrets in separate files.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest, Sha256};

use super::certified::{self, Authority, name_of_edge};
use crate::flow::LOOPBACK;
use crate::upstream::Upstream;

/// The processes and settings of a system.
#[derive(Clone, Debug)]
pub struct Plan {
    pub edges: usize,
    pub issuers: Vec<Issuer>,
    /// The deadline of an edge's calls to the control plane, in seconds.
    pub edge_deadline_seconds: u64,
    /// Limits of the shell that starts each process, such as `ulimit -n 128`; empty for none.
    pub process_limits: &'static str,
    /// Edges authenticate by certificates only; if false, by tokens over plain HTTP.
    pub certified: bool,
    /// The time between SIGTERM and the end of listening, of each process.
    pub drain_seconds: u64,
    /// Lines of TOML for each edge, before any table.
    pub edge_settings: String,
    /// Lines of TOML for `[issuers.lifetimes]` of each issuer.
    pub lifetimes: String,
    /// Tables of TOML for the control plane, such as `[outbound]` and `[[principals]]`.
    pub control_tables: String,
    /// Lines of TOML for each issuer before its tables, with tables as dotted keys.
    pub issuer_settings: String,
    /// The resource of each issuer may have upstream tokens.
    pub upstream_tokens: bool,
    /// Additional tables for each issuer, such as `[[issuers.clients]]`.
    pub issuer_tables: String,
    /// Lines of TOML for `[store]` of each control node; empty for one on RocksDB in the system's directory.
    pub stores: Vec<String>,
}

/// An authorization server with its own resource and identity provider.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub id: &'static str,
    /// The path of its URL: `""` or `"/t"`.
    pub path: &'static str,
    pub resource: &'static str,
    /// The scope of a client that requests none.
    pub scope: &'static str,
}

/// The issuer of the default plan.
pub const MAIN: Issuer =
    Issuer { id: "main", path: "", resource: "https://mcp.example.com/mcp", scope: "profile:read" };

/// [`Plan::edge_settings`] for measurements: all clients have one address, and the default limits would refuse
/// them.
pub const CROWD: &str = "limits.registrations = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.strangers = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.browsers = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.decisions = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.codes = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.refreshes = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.managements = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.documents = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.unlisted = { prefix_per_minute = 1000000, total_per_minute = 1000000 }
limits.failed_authentications = { prefix_per_minute = 1000000 }";

/// The id of a client that each issuer's configuration contains.
pub const CONFIGURED_CLIENT: &str = "configured-app";

impl Default for Plan {
    /// One issuer at the root, three edges.
    fn default() -> Self {
        Self {
            edges: 3,
            issuers: vec![MAIN],
            edge_deadline_seconds: 30,
            process_limits: "",
            certified: false,
            drain_seconds: 0,
            edge_settings: String::new(),
            lifetimes: String::new(),
            control_tables: String::new(),
            issuer_settings: String::new(),
            upstream_tokens: false,
            issuer_tables: String::new(),
            stores: Vec::new(),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Addresses {
    pub controls: Vec<SocketAddr>,
    /// For each edge, the address at which it reaches the control plane.
    pub links: Vec<SocketAddr>,
    pub edges: Vec<SocketAddr>,
    pub balancer: SocketAddr,
}

impl Addresses {
    pub fn origin(&self) -> String {
        format!("http://{}", self.balancer)
    }

    pub fn issuer(&self, issuer: &Issuer) -> String {
        format!("{}{}", self.origin(), issuer.path)
    }
}

/// The written files, and the secrets in clear.
#[derive(Debug)]
pub struct Written {
    pub controls: Vec<PathBuf>,
    pub edges: Vec<PathBuf>,
    pub edge_tokens: Vec<String>,
    pub master_key: String,
    pub upstream_secrets: Vec<String>,
}

pub fn write(directory: &Path, addresses: &Addresses, plan: &Plan, upstreams: &[Upstream]) -> Result<Written> {
    let files = Files { directory };
    let edge_tokens: Vec<_> = (0..plan.edges).map(|_| secret()).collect();
    let master_key = secret();
    let upstream_secrets: Vec<_> = upstreams.iter().map(|upstream| upstream.client().1.to_owned()).collect();

    let master_key_file = files.write("master.key", &master_key)?;
    let mut control = String::new();
    let tls = plan.certified.then(|| certificates(directory, plan.edges)).transpose()?;
    if let Some(tls) = &tls {
        let [cert, key, callers] = ["control.pem", "control-key.pem", "callers-ca.pem"].map(|name| tls.path(name));
        write!(control, "[tls]\ncert_file = {cert:?}\nkey_file = {key:?}\nclient_ca_file = {callers:?}\n")?;
    }
    for (edge, token) in edge_tokens.iter().enumerate() {
        match plan.certified {
            true => {
                let name = name_of_edge(edge);
                writeln!(
                    control,
                    "[[principals]]\nname = \"edge-{edge}\"\nrole = \"edge\"\ncertificate_sans = [\"{name}\"]"
                )?;
            }
            false => control.push_str(&principal(&format!("edge-{edge}"), "edge", token)),
        }
    }
    control.push_str(&plan.control_tables);
    for (config, upstream) in plan.issuers.iter().zip(upstreams) {
        let secret = files.write(&format!("upstream-{}.secret", config.id), upstream.client().1)?;
        control.push_str(&issuer(config, &addresses.issuer(config), upstream, &secret, plan));
    }

    let mut edges = Vec::new();
    for (n, (address, token)) in addresses.edges.iter().zip(&edge_tokens).enumerate() {
        let (deadline, settings, drain) = (plan.edge_deadline_seconds, &plan.edge_settings, plan.drain_seconds);
        let shown = match &tls {
            Some(tls) => {
                let (cert, key) = (tls.path(&format!("edge-{n}.pem")), tls.path(&format!("edge-{n}-key.pem")));
                let ca = tls.path("control-ca.pem");
                let url = format!("https://{}", addresses.links[n]);
                format!("url = \"{url}\"\ncert_file = {cert:?}\nkey_file = {key:?}\nca_file = {ca:?}\n")
            }
            None => {
                let token = files.write(&format!("edge-{n}.token"), token)?;
                format!("url = \"http://{}\"\ntoken = {{ file = {token:?} }}\n", addresses.links[n])
            }
        };
        let edge = format!(
            "listen = \"{address}\"\ndrain_seconds = {drain}\n{settings}\n[control]\n{shown}deadline_seconds = {deadline}\n"
        );
        edges.push(files.write(&format!("edge-{n}.toml"), &edge)?);
    }
    let mut controls = Vec::new();
    for (n, address) in addresses.controls.iter().enumerate() {
        let rocksdb = format!("engine = \"rocksdb\"\npath = {:?}", directory.join("store"));
        let store = plan.stores.get(n).unwrap_or(&rocksdb);
        let own = format!(
            "listen = \"{address}\"\ndrain_seconds = {}\nmaster_key = {{ file = {master_key_file:?} }}\n[store]\n{store}\n",
            plan.drain_seconds
        );
        controls.push(files.write(&format!("control-{n}.toml"), &(own + &control))?);
    }
    Ok(Written { controls, edges, edge_tokens, master_key, upstream_secrets })
}

/// Writes an authority for the control plane and one for its callers, with their certificates.
fn certificates(directory: &Path, edges: usize) -> Result<certified::Files> {
    let files = certified::Files::of(directory);
    files.make()?;
    let (control, callers) =
        (Authority::new("authority of the control plane")?, Authority::new("authority of callers")?);
    files.trust_control(&[&control])?;
    files.certify_control(&control)?;
    files.trust_callers(&[&callers])?;
    for edge in 0..edges {
        files.certify_edge(edge, &callers)?;
    }
    Ok(files)
}

/// 32 random bytes, base64url.
pub fn secret() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(crate::random::<32>())
}

struct Files<'a> {
    directory: &'a Path,
}

impl Files<'_> {
    fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        fs::write(&path, content)?;
        // Secrets are among them.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        Ok(path)
    }
}

/// The SHA-256 digest of a secret in hexadecimal, as in configuration files.
pub fn digest(secret: &str) -> String {
    Sha256::digest(secret).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The table of a principal with role `resource` for `resource`.
pub fn resource_server(name: &str, token: &str, resource: &str) -> String {
    principal(name, "resource", token) + &format!("resources = [\"{resource}\"]\n")
}

/// The table of a principal.
pub fn principal(name: &str, role: &str, token: &str) -> String {
    let digest = digest(token);
    format!("[[principals]]\nname = \"{name}\"\nrole = \"{role}\"\ntoken_sha256 = [\"{digest}\"]\n")
}

fn issuer(issuer: &Issuer, url: &str, upstream: &Upstream, secret: &Path, plan: &Plan) -> String {
    let Issuer { id, resource, scope, .. } = issuer;
    let (provider, client_id) = (upstream.issuer(), upstream.client().0);
    let Plan { lifetimes, issuer_settings, issuer_tables, upstream_tokens, .. } = plan;
    format!(
        r#"
[[issuers]]
id = "{id}"
url = "{url}"
name = "The tests' {id}"
{issuer_settings}
[issuers.upstream]
kind = "oidc"
id = "idp-of-{id}"
name = "Identity provider of {id}"
issuer = "{provider}"
client_id = "{client_id}"
client_secret = {{ file = {secret:?} }}
scopes = ["openid", "profile"]
[[issuers.resources]]
uri = "{resource}"
name = "The resource of {id}"
upstream_tokens = {upstream_tokens}
[[issuers.resources.scopes]]
name = "{scope}"
description = "See who you are"
default = true
[[issuers.resources.scopes]]
name = "notes:read"
description = "Read your notes"
[[issuers.clients]]
id = "{CONFIGURED_CLIENT}"
name = "A configured app"
redirect_uris = ["{LOOPBACK}"]
{issuer_tables}
[issuers.lifetimes]
{lifetimes}
"#
    )
}
