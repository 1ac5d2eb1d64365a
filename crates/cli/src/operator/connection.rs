//! The way to the control plane: where it is, who calls, and one call of it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use lychgate_api::channel::{self, AuthenticatedChannel, ChannelError, ClientCertificate, Credentials, RequestId};
use lychgate_api::v1::admin_service_client::AdminServiceClient;
use lychgate_api::v1::consent_service_client::ConsentServiceClient;
use lychgate_api::v1::issuer_service_client::IssuerServiceClient;
use lychgate_process::config::Secret;
use tokio::time::timeout;
use tonic::{Request, Response, Status};
use zeroize::Zeroizing;

use super::failure::Failure;
use super::fresh_id;

/// How long one answer may take. A peer that is gone is noticed long before.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a token is looked for. It is never an argument: those are everybody's on this machine to read.
const TOKEN: &str = "LYCHGATE_TOKEN";

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct Connection {
    /// The control plane: http on this machine, https anywhere else
    #[arg(long, global = true, value_name = "URL", env = "LYCHGATE_CONTROL", default_value = "http://127.0.0.1:7441")]
    control: String,
    /// The file with the caller's token; without it, the environment's LYCHGATE_TOKEN is used, if there is one
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The authority (PEM) that the control plane's certificate must come from, instead of the system's
    #[arg(long, global = true, value_name = "FILE", env = "LYCHGATE_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// A certificate (PEM) that says who calls, then its chain; with it a token may be missing
    #[arg(long, global = true, value_name = "FILE", env = "LYCHGATE_CERT_FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", env = "LYCHGATE_KEY_FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
}

impl Connection {
    /// Nothing is connected yet: the first call does that.
    pub(super) fn open(&self) -> Result<Control, Failure> {
        let secret = match &self.token_file {
            Some(path) => Some(Secret::File(path.clone()).read("--token-file")),
            None => env::var_os(TOKEN).map(|_| Secret::Env(TOKEN.to_owned()).read(TOKEN)),
        };
        let token = secret.transpose().map_err(|error| Failure::usage(error.to_string()))?;
        let ca = pem("--ca-file", self.ca_file.as_deref())?;
        let cert = pem("--cert-file", self.cert_file.as_deref())?;
        let key = pem("--key-file", self.key_file.as_deref())?.map(Zeroizing::new);
        let certificate = cert.zip(key);
        let certificate =
            certificate.as_ref().map(|(cert, key)| ClientCertificate { cert_pem: cert, key_pem: key.as_slice() });
        let credentials = Credentials { token: token.as_ref().map(|token| token.as_str()), certificate };
        let channel =
            channel::open_as(&self.control, ca.as_deref(), credentials).map_err(|error| self.refused(&error))?;
        Ok(Control { url: self.control.clone(), channel })
    }

    fn refused(&self, error: &ChannelError) -> Failure {
        let url = &self.control;
        Failure::usage(match error {
            ChannelError::Url => format!("--control: {url} is not http(s)://HOST:PORT"),
            ChannelError::Plaintext => {
                format!(
                    "--control: {url} is another machine, and the token would cross the network in plaintext; use https"
                )
            }
            ChannelError::CaWithoutTls => format!("--ca-file: {url} is plain http; write https, or leave it out"),
            ChannelError::Token => "the token contains what no header can carry; is it the right file?".to_owned(),
            ChannelError::CertificateWithoutTls => {
                format!("--cert-file: {url} is plain http; write https, or leave it out")
            }
            ChannelError::NoCredentials => format!(
                "nobody is calling: put a token into a file for --token-file or into {TOKEN}, or give --cert-file and --key-file"
            ),
            ChannelError::Tls(error) => format!("--ca-file: {error}; it must hold certificates in PEM"),
            ChannelError::Certificate(error) => {
                format!("--cert-file, --key-file: {error}; they must hold a certificate and its own key in PEM")
            }
        })
    }
}

fn pem(option: &str, path: Option<&Path>) -> Result<Option<Vec<u8>>, Failure> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| {
            let path = path.display();
            Failure::usage(format!("{option}: {path} cannot be read: {error}; correct the path"))
        })
    };
    path.map(read).transpose()
}

/// The control plane.
#[derive(Clone, Debug)]
pub(super) struct Control {
    url: String,
    channel: AuthenticatedChannel,
}

impl Control {
    pub(super) fn admin(&self) -> AdminServiceClient<AuthenticatedChannel> {
        AdminServiceClient::new(self.channel.clone())
    }

    pub(super) fn consents(&self) -> ConsentServiceClient<AuthenticatedChannel> {
        ConsentServiceClient::new(self.channel.clone())
    }

    pub(super) fn issuers(&self) -> IssuerServiceClient<AuthenticatedChannel> {
        IssuerServiceClient::new(self.channel.clone())
    }

    /// One call, under an id of its own, by which the control plane's logs and its audit log know it.
    pub(super) async fn call<M, R>(
        &self,
        message: M,
        method: impl AsyncFnOnce(Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, Failure> {
        let id = fresh_id()?;
        let mut request = Request::new(message);
        request.extensions_mut().insert(RequestId::parse(&id).expect("hexadecimal digits are an id"));
        let failed = |status: &Status| Failure::of(status, &self.url, &id);
        match timeout(PATIENCE, method(request)).await {
            Ok(answered) => answered.map(Response::into_inner).map_err(|status| failed(&status)),
            Err(_) => Err(failed(&Status::deadline_exceeded(format!("no answer in {} seconds", PATIENCE.as_secs())))),
        }
    }

    /// What ended a stream that this control plane sent.
    pub(super) fn broke(&self, status: &Status) -> Failure {
        Failure::of(status, &self.url, "a stream")
    }
}
