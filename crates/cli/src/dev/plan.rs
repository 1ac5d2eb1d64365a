//! Which processes there are, and what each is told: one configuration file per process, as an operator would write it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use lychgate_control::config as control;
use lychgate_process::config::Secret;
use lychgate_process::metrics::MetricsConfig;
use lychgate_process::telemetry::{LogFormat, Telemetry};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::config::{Config, own_key};
use super::directory::{Directory, SecretFile, random_secret};
use super::greeting::{Demo, Greeting};
use super::ports::Ports;
use super::probe::Probe;
use super::processes::Program;

/// The id of the one issuer; part of its callback's path, so it never changes.
const ISSUER_ID: &str = "demo";
const UPSTREAM_CLIENT_ID: &str = "lychgate";
const DEMO_SCOPE: &str = "profile:read";
const COMMENT: &str = "Written by `lychgate dev` at every start; changes made here are lost.";

#[derive(Debug)]
pub(super) struct Plan {
    /// In the order of their start.
    pub(super) programs: Vec<Program>,
    pub(super) log_format: LogFormat,
    pub(super) greeting: Greeting,
}

impl Plan {
    /// Writes a configuration file for each process into `directory`. The executables lie in `binaries`.
    pub(super) fn write(
        directory: &Directory,
        binaries: &Path,
        ip: IpAddr,
        ports: Ports,
        config: Config,
    ) -> anyhow::Result<Self> {
        let addresses = Addresses::new(ip, ports);
        let demo = Demo { provider: config.upstream.is_none(), mcp: config.resources.is_empty() };
        let telemetry = config.telemetry.clone();
        let edge_token = directory.secret("edge.token")?;
        let operator_token = random_secret()?;

        let mut programs = Vec::new();
        let mut program = |name, binary: &str, config: PathBuf, probe| {
            programs.push(Program { name, executable: binaries.join(binary), config, probe });
        };
        let upstream_secret = directory.secret("upstream.secret")?;
        if demo.provider {
            let provider = provider(directory, &addresses, &upstream_secret, &telemetry);
            let file = directory.write_toml("provider.toml", COMMENT, &provider)?;
            program("provider", "lychgate-demo-provider", file, Probe::Http(addresses.provider, "/healthz"));
        }
        let control = control(directory, &addresses, config, &upstream_secret, &edge_token, &operator_token)?;
        control.issuers().map_err(|error| error.map_key(own_key))?;
        let control_config = directory.write_toml("control.toml", COMMENT, &control)?;
        program("control", "lychgate-control", control_config.clone(), Probe::Grpc(addresses.control));
        let edge_config = directory.write_toml("edge.toml", COMMENT, &edge(&addresses, &edge_token, &telemetry))?;
        program("edge", "lychgate-edge", edge_config.clone(), Probe::Http(addresses.edge, "/readyz"));
        if demo.mcp {
            let file = directory.write_toml("mcp.toml", COMMENT, &mcp(&addresses, &telemetry))?;
            program("mcp", "lychgate-demo-mcp", file, Probe::Http(addresses.mcp, "/healthz"));
        }

        let issuer = &control.issuers[0];
        let greeting = Greeting {
            issuer: addresses.issuer(),
            mcp_url: issuer.resources[0].uri.clone(),
            upstream_issuer: issuer.upstream.url().to_owned(),
            upstream_redirect_uri: addresses.upstream_redirect_uri(),
            control_grpc: addresses.control,
            operator_token,
            edge_listen: addresses.edge,
            data_dir: directory.path().to_owned(),
            control_config,
            edge_config,
            edge_token_file: edge_token.path,
            demo,
            command: binaries.join("lychgate"),
        };
        Ok(Self { programs, log_format: telemetry.format, greeting })
    }
}

#[derive(Debug, Clone, Copy)]
struct Addresses {
    edge: SocketAddr,
    control: SocketAddr,
    provider: SocketAddr,
    mcp: SocketAddr,
}

impl Addresses {
    fn new(ip: IpAddr, ports: Ports) -> Self {
        let at = |port| SocketAddr::new(ip, port);
        Self { edge: at(ports.edge), control: at(ports.control), provider: at(ports.provider), mcp: at(ports.mcp) }
    }

    fn issuer(&self) -> String {
        origin(self.edge)
    }

    fn upstream_redirect_uri(&self) -> String {
        format!("{}/callback/{ISSUER_ID}", self.issuer())
    }

    fn upstream_issuer(&self) -> String {
        origin(self.provider)
    }

    fn mcp_url(&self) -> String {
        format!("{}/mcp", origin(self.mcp))
    }
}

/// As a browser writes it: without the scheme's own port.
fn origin(address: SocketAddr) -> String {
    match (address.port(), address.ip()) {
        (80, IpAddr::V4(ip)) => format!("http://{ip}"),
        (80, IpAddr::V6(ip)) => format!("http://[{ip}]"),
        _ => format!("http://{address}"),
    }
}

fn control(
    directory: &Directory,
    addresses: &Addresses,
    config: Config,
    upstream_secret: &SecretFile,
    edge_token: &SecretFile,
    operator_token: &str,
) -> anyhow::Result<control::Config> {
    let demo_upstream = || control::OidcConfig {
        id: "demo-idp".to_owned(),
        name: "Demo identity provider".to_owned(),
        issuer: addresses.upstream_issuer(),
        client_id: UPSTREAM_CLIENT_ID.to_owned(),
        client_secret: Secret::File(upstream_secret.path.clone()),
        scopes: ["openid", "profile", "email"].map(str::to_owned).into(),
        // It keeps tokens apart.
        revocation: control::RevocationMode::Each,
    };
    let upstream = config.upstream.unwrap_or_else(|| control::UpstreamConfig::Oidc(demo_upstream()));
    let resources = if config.resources.is_empty() { vec![demo_resource(addresses)] } else { config.resources };
    let principal = |name: &str, role, token: &str| control::PrincipalConfig {
        name: name.to_owned(),
        role,
        token_sha256: vec![hex_digest(token)],
        certificate_sans: Vec::new(),
        issuers: None,
        resources: None,
    };
    Ok(control::Config {
        listen: addresses.control,
        tls: None,
        master_key: Secret::File(directory.secret("master.key")?.path),
        keys: control::KeysConfig::default(),
        events: control::EventsConfig::default(),
        outbound: control::OutboundConfig::default(),
        store: control::StoreConfig {
            engine: control::EngineName::Rocksdb,
            path: Some(directory.subdirectory("store")?),
            remembered_checks: control::StoreConfig::REMEMBERED_CHECKS,
        },
        principals: vec![
            principal("dev-edge", control::Role::Edge, &edge_token.secret),
            principal("dev-operator", control::Role::Operator, operator_token),
        ],
        issuers: vec![control::IssuerConfig {
            id: ISSUER_ID.to_owned(),
            url: addresses.issuer(),
            name: config.issuer.name,
            private_scheme_redirect_uris: config.issuer.private_scheme_redirect_uris,
            access_tokens: control::AccessTokensConfig::default(),
            upstream,
            resources,
            clients: config.clients,
            registration: control::RegistrationConfig::default(),
            metadata_documents: control::MetadataDocumentsConfig::default(),
            redirect_hosts: None,
            prompt: config.prompt,
            policy: None,
            events: control::IssuerEventsConfig::default(),
            lifetimes: config.lifetimes,
        }],
        telemetry: config.telemetry,
        metrics: MetricsConfig::default(),
    })
}

fn demo_resource(addresses: &Addresses) -> control::ResourceConfig {
    let scope = |name: &str, description: &str, default| control::ScopeConfig {
        name: name.to_owned(),
        description: description.to_owned(),
        default,
        optional: !default,
    };
    control::ResourceConfig {
        uri: addresses.mcp_url(),
        name: "Demo MCP server".to_owned(),
        scopes: vec![
            scope(DEMO_SCOPE, "See who you are", true),
            scope("notes:read", "Read the notes you keep there", false),
            scope("notes:write", "Keep notes for you there", false),
        ],
    }
}

/// What the demo provider reads.
#[derive(Debug, Serialize)]
struct ProviderConfig {
    listen: SocketAddr,
    issuer: String,
    key_file: PathBuf,
    clients: [ProviderClient; 1],
    telemetry: Telemetry,
}

#[derive(Debug, Serialize)]
struct ProviderClient {
    id: &'static str,
    secret: Secret,
    redirect_uris: [String; 1],
}

fn provider(
    directory: &Directory,
    addresses: &Addresses,
    upstream_secret: &SecretFile,
    telemetry: &Telemetry,
) -> ProviderConfig {
    ProviderConfig {
        listen: addresses.provider,
        issuer: addresses.upstream_issuer(),
        key_file: directory.file("provider.key"),
        clients: [ProviderClient {
            id: UPSTREAM_CLIENT_ID,
            secret: Secret::File(upstream_secret.path.clone()),
            redirect_uris: [addresses.upstream_redirect_uri()],
        }],
        telemetry: telemetry.clone(),
    }
}

/// What the edge reads.
#[derive(Debug, Serialize)]
struct EdgeConfig {
    listen: SocketAddr,
    control: EdgeControl,
    telemetry: Telemetry,
}

#[derive(Debug, Serialize)]
struct EdgeControl {
    url: String,
    token: Secret,
}

fn edge(addresses: &Addresses, token: &SecretFile, telemetry: &Telemetry) -> EdgeConfig {
    EdgeConfig {
        listen: addresses.edge,
        control: EdgeControl { url: origin(addresses.control), token: Secret::File(token.path.clone()) },
        telemetry: telemetry.clone(),
    }
}

/// What the demo MCP server reads.
#[derive(Debug, Serialize)]
struct McpConfig {
    listen: SocketAddr,
    resource: String,
    issuer: String,
    name: &'static str,
    required_scopes: [&'static str; 1],
    telemetry: Telemetry,
}

fn mcp(addresses: &Addresses, telemetry: &Telemetry) -> McpConfig {
    McpConfig {
        listen: addresses.mcp,
        resource: addresses.mcp_url(),
        issuer: addresses.issuer(),
        name: "Demo MCP server",
        required_scopes: [DEMO_SCOPE],
        telemetry: telemetry.clone(),
    }
}

/// SHA-256 in lower-case hexadecimal digits.
fn hex_digest(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;

    use lychgate_process::config::{load, parse};

    use super::*;

    const PORTS: Ports = Ports { edge: 7440, control: 20000, provider: 20001, mcp: 20002 };

    fn plan(directory: &Directory, config: &str) -> Plan {
        let config = parse(config).unwrap();
        Plan::write(directory, Path::new("/bin"), Ipv4Addr::LOCALHOST.into(), PORTS, config).unwrap()
    }

    fn names(plan: &Plan) -> Vec<&'static str> {
        plan.programs.iter().map(|program| program.name).collect()
    }

    #[test]
    fn everything_finds_everything() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let plan = plan(&directory, "");
        assert_eq!(names(&plan), ["provider", "control", "edge", "mcp"]);
        assert_eq!(plan.greeting.issuer, "http://127.0.0.1:7440");
        assert_eq!(plan.greeting.mcp_url, "http://127.0.0.1:20002/mcp");
        assert_eq!(plan.greeting.upstream_issuer, "http://127.0.0.1:20001");
        assert_eq!(plan.greeting.control_grpc.to_string(), "127.0.0.1:20000");

        let control: control::Config = load(&plan.greeting.control_config).unwrap();
        let read = |name: &str| load::<toml::Table>(&directory.file(name)).unwrap();
        let (edge, provider, mcp) = (read("edge.toml"), read("provider.toml"), read("mcp.toml"));
        assert_eq!(edge["control"]["url"].as_str(), Some("http://127.0.0.1:20000"));
        assert_eq!(mcp["issuer"].as_str(), Some("http://127.0.0.1:7440"));
        assert_eq!(mcp["resource"].as_str(), Some("http://127.0.0.1:20002/mcp"));
        let control::UpstreamConfig::Oidc(upstream) = &control.issuers[0].upstream else {
            panic!("the demo provider speaks OpenID Connect")
        };
        let client = &provider["clients"][0];
        assert_eq!(client["redirect_uris"][0].as_str(), Some("http://127.0.0.1:7440/callback/demo"));
        assert_eq!(client["id"].as_str(), Some(upstream.client_id.as_str()));
        assert_eq!(client["secret"]["file"].as_str(), Some(directory.file("upstream.secret").to_str().unwrap()));
        let token = Secret::File(plan.greeting.edge_token_file).read("token").unwrap();
        assert_eq!(control.principals[0].token_sha256, [hex_digest(&token)]);
        assert_eq!(control.principals[1].token_sha256, [hex_digest(&plan.greeting.operator_token)]);
    }

    #[test]
    fn a_second_start_changes_nothing_but_the_operators_token() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let files = || {
            let file = |name: &str| fs::read_to_string(directory.file(name)).unwrap();
            ["provider.toml", "edge.toml", "mcp.toml", "edge.token", "upstream.secret", "master.key"].map(file)
        };
        let (first, first_files) = (plan(&directory, "").greeting, files());
        let (second, second_files) = (plan(&directory, "").greeting, files());
        assert_eq!(first_files, second_files);
        assert_ne!(first.operator_token, second.operator_token);
        let with_its_token = Greeting { operator_token: first.operator_token.clone(), ..second };
        assert_eq!(with_its_token.json().unwrap(), first.json().unwrap());
    }

    #[test]
    fn what_is_ones_own_replaces_the_demo() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let upstream = "[upstream]\nkind = \"oidc\"\nid = \"my-idp\"\nname = \"Mine\"\nissuer = \"https://idp.example\"\n\
                        client_id = \"x\"\nclient_secret = { env = \"X\" }\n";
        let resource = "[[resources]]\nuri = \"http://127.0.0.1:8000/mcp\"\nname = \"Mine\"\n\
                        [[resources.scopes]]\nname = \"notes:read\"\ndescription = \"Read your notes\"\ndefault = true\n";
        let own_provider = plan(&directory, upstream);
        assert_eq!(names(&own_provider), ["control", "edge", "mcp"]);
        assert_eq!(own_provider.greeting.upstream_issuer, "https://idp.example");
        let own_resource = plan(&directory, resource);
        assert_eq!(names(&own_resource), ["provider", "control", "edge"]);
        assert_eq!(own_resource.greeting.mcp_url, "http://127.0.0.1:8000/mcp");
    }

    #[test]
    fn settings_reach_control() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let plan = plan(
            &directory,
            "[issuer]\nname = \"Mine\"\n[lifetimes]\naccess_token_seconds = 5\n[telemetry]\nfilter = \"debug\"\n\
             [[clients]]\nid = \"c\"\nname = \"C\"\nredirect_uris = [\"http://127.0.0.1/cb\"]\n",
        );
        let control = load::<toml::Table>(&plan.greeting.control_config).unwrap();
        let issuer = &control["issuers"][0];
        assert_eq!(issuer["name"].as_str(), Some("Mine"));
        assert_eq!(issuer["lifetimes"]["access_token_seconds"].as_integer(), Some(5));
        assert_eq!(issuer["clients"][0]["id"].as_str(), Some("c"));
        assert_eq!(control["telemetry"]["filter"].as_str(), Some("debug"));
    }

    #[test]
    fn what_control_would_refuse_is_refused_by_its_key_here() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let config = parse("[lifetimes]\ncode_seconds = 0\n").unwrap();
        let error = Plan::write(&directory, Path::new("/bin"), Ipv4Addr::LOCALHOST.into(), PORTS, config).unwrap_err();
        assert!(error.to_string().starts_with("lifetimes.code_seconds: is 0; "), "{error}");
    }

    #[test]
    fn an_origin_has_no_port_that_its_scheme_implies() {
        for (address, expected) in
            [("127.0.0.1:80", "http://127.0.0.1"), ("[::1]:80", "http://[::1]"), ("[::1]:8080", "http://[::1]:8080")]
        {
            assert_eq!(origin(address.parse().unwrap()), expected);
        }
    }
}
