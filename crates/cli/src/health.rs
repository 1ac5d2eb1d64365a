//! `lychgate health`: the health check of a container. Its image has neither a shell nor an HTTP client.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::{Args, Subcommand};
use lychgate_process::ConfigError;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, Uri};
use zeroize::Zeroizing;

use crate::probe::{Probe, grpc};

#[derive(Debug, Subcommand)]
pub(crate) enum HealthCommand {
    /// Asks the /readyz of an edge
    Edge {
        /// The address of the edge
        #[arg(default_value = "127.0.0.1:8080")]
        address: SocketAddr,
    },
    /// Asks the health service of a control plane, which needs no token
    Control(ControlArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ControlArgs {
    /// The URL of the control plane; over https its certificate must have this name
    #[arg(default_value = "http://127.0.0.1:7441")]
    url: Uri,
    /// The address to connect to, instead of the host of the URL
    #[arg(long)]
    address: Option<SocketAddr>,
    /// The CA certificates (PEM) that verify the control plane's certificate, instead of the system's
    #[arg(long, value_name = "FILE", env = "LYCHGATE_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// A caller's certificate and its chain (PEM), for a control plane that requires one
    #[arg(long, value_name = "FILE", env = "LYCHGATE_CERT_FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", env = "LYCHGATE_KEY_FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
}

/// Succeeds if the process is ready.
pub(crate) async fn main(command: HealthCommand) -> anyhow::Result<()> {
    let is_ready = match command {
        HealthCommand::Edge { address } => Probe::Http(address, "/readyz").ask().await?,
        HealthCommand::Control(args) => grpc(&args.endpoint()?).await?,
    };
    if is_ready { Ok(()) } else { bail!("the process answers, and is not ready") }
}

impl ControlArgs {
    fn endpoint(&self) -> Result<Endpoint, ConfigError> {
        let wrong = || ConfigError::new("URL", "is not the URL of a control plane", "write http(s)://HOST:PORT");
        let (Some(scheme), Some(host)) = (self.url.scheme_str(), self.url.host()) else { return Err(wrong()) };
        let endpoint = match self.address {
            None => Endpoint::from(self.url.clone()),
            Some(address) => {
                let endpoint = Endpoint::from_shared(format!("{scheme}://{address}")).map_err(|_| wrong())?;
                endpoint.origin(self.url.clone())
            }
        };
        match scheme {
            "http" => Ok(endpoint),
            "https" => endpoint.tls_config(self.tls(host)?).map_err(|error| {
                let problem = format_args!("TLS cannot be set up: {error}");
                ConfigError::new("--ca-file, --cert-file, --key-file", problem, "give certificates and the key in PEM")
            }),
            _ => Err(wrong()),
        }
    }

    fn tls(&self, host: &str) -> Result<ClientTlsConfig, ConfigError> {
        let tls = ClientTlsConfig::new().domain_name(host.trim_start_matches('[').trim_end_matches(']'));
        let tls = match &self.ca_file {
            Some(file) => tls.ca_certificate(Certificate::from_pem(read("--ca-file", file)?)),
            None => tls.with_native_roots(),
        };
        let (Some(cert), Some(key)) = (&self.cert_file, &self.key_file) else { return Ok(tls) };
        let key = Zeroizing::new(read("--key-file", key)?);
        Ok(tls.identity(Identity::from_pem(read("--cert-file", cert)?, key.as_slice())))
    }
}

fn read(option: &str, file: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(file).map_err(|error| {
        ConfigError::new(option, format_args!("{} cannot be read: {error}", file.display()), "correct the path")
    })
}
