//! The plan of a start: writes one configuration file per process and lists the programs to start.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use lychgate_process::telemetry::LogFormat;

use super::addresses::{Addresses, origin};
use super::config::{Config, own_key};
use super::directory::Directory;
use super::greeting::{Demo, Greeting};
use super::ports::Ports;
use super::processes::Program;
use super::program_configs::{ProgramConfigs, Secrets};
use crate::probe::Probe;

const COMMENT: &str = "Written by `lychgate dev` at every start; changes made here are lost.";

#[derive(Debug)]
pub(super) struct Plan {
    /// In the order of their start.
    pub(super) programs: Vec<Program>,
    pub(super) log_format: LogFormat,
    pub(super) greeting: Greeting,
    addresses: Addresses,
}

impl Plan {
    /// Writes a configuration file for each process into `directory`. The executables are in `binaries`.
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
        let configs = ProgramConfigs { directory, addresses, secrets: Secrets::open(directory)?, telemetry };

        let mut programs = Vec::new();
        let mut program = |name, binary: &str, config: PathBuf, probe| {
            programs.push(Program { name, executable: binaries.join(binary), config, probe });
        };
        if demo.provider {
            let file = directory.write_toml("provider.toml", COMMENT, &configs.provider(&config.issuer.name))?;
            program("provider", "lychgate-demo-provider", file, Probe::Http(addresses.provider, "/healthz"));
        }
        let control = configs.control(config)?;
        control.issuers().map_err(|error| error.map_key(own_key))?;
        let control_config = directory.write_toml("control.toml", COMMENT, &control)?;
        program("control", "lychgate-control", control_config.clone(), Probe::Grpc(addresses.control));
        let edge_config = directory.write_toml("edge.toml", COMMENT, &configs.edge())?;
        program("edge", "lychgate-edge", edge_config.clone(), Probe::Http(addresses.edge, "/readyz"));
        if demo.mcp {
            let file = directory.write_toml("mcp.toml", COMMENT, &configs.mcp())?;
            program("mcp", "lychgate-demo-mcp", file, Probe::Http(addresses.mcp, "/healthz"));
        }

        let issuer = &control.issuers[0];
        let greeting = Greeting {
            issuer: addresses.issuer(),
            mcp_url: issuer.resources[0].uri.clone(),
            upstream_issuer: issuer.upstream.url().to_owned(),
            upstream_redirect_uri: addresses.upstream_redirect_uri(),
            control_grpc: addresses.control,
            control_metrics: metrics_url(addresses.control_metrics),
            edge_metrics: metrics_url(addresses.edge_metrics),
            operator_token: configs.secrets.operator_token,
            edge_listen: addresses.edge,
            data_dir: directory.path().to_owned(),
            control_config,
            edge_config,
            edge_token_file: configs.secrets.edge_token.path,
            demo,
            command: binaries.join("lychgate"),
        };
        let log_format = configs.telemetry.format;
        Ok(Self { programs, log_format, greeting, addresses })
    }

    /// Every address that a program of this plan listens at, with the name of its port.
    pub(super) fn listens(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let served = self.programs.iter().map(|program| (program.name, program.probe.address()));
        let Addresses { control_metrics, edge_metrics, .. } = self.addresses;
        served.chain([("control_metrics", control_metrics), ("edge_metrics", edge_metrics)])
    }
}

fn metrics_url(address: SocketAddr) -> String {
    format!("{}/metrics", origin(address))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;

    use lychgate_control::config as control;
    use lychgate_process::config::{Secret, load, parse};

    use super::*;
    use crate::dev::program_configs::hex_digest;

    const PORTS: Ports =
        Ports { edge: 7440, control: 20000, provider: 20001, mcp: 20002, control_metrics: 20003, edge_metrics: 20004 };

    fn plan(directory: &Directory, config: &str) -> Plan {
        let config = parse(config).unwrap();
        Plan::write(directory, Path::new("/bin"), Ipv4Addr::LOCALHOST.into(), PORTS, config).unwrap()
    }

    fn names(plan: &Plan) -> Vec<&'static str> {
        plan.programs.iter().map(|program| program.name).collect()
    }

    #[test]
    fn the_configurations_fit_together() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let plan = plan(&directory, "");
        assert_eq!(names(&plan), ["provider", "control", "edge", "mcp"]);
        assert_eq!(plan.greeting.issuer, "http://127.0.0.1:7440");
        assert_eq!(plan.greeting.mcp_url, "http://127.0.0.1:20002/mcp");
        assert_eq!(plan.greeting.upstream_issuer, "http://127.0.0.1:20001");
        assert_eq!(plan.greeting.control_grpc.to_string(), "127.0.0.1:20000");
        assert_eq!(plan.greeting.control_metrics, "http://127.0.0.1:20003/metrics");
        assert_eq!(plan.greeting.edge_metrics, "http://127.0.0.1:20004/metrics");

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
    fn a_configured_upstream_or_resource_replaces_the_demo() {
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
    fn a_setting_that_control_refuses_is_named_by_its_key_in_dev() {
        let parent = tempfile::tempdir().unwrap();
        let directory = Directory::open(parent.path()).unwrap();
        let config = parse("[lifetimes]\ncode_seconds = 0\n").unwrap();
        let error = Plan::write(&directory, Path::new("/bin"), Ipv4Addr::LOCALHOST.into(), PORTS, config).unwrap_err();
        assert!(error.to_string().starts_with("lifetimes.code_seconds: is 0; "), "{error}");
    }
}
