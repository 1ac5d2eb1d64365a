//! The connection to the control plane: its URL, the caller's credentials, and calls.

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

/// The time limit for one answer. HTTP/2 keep-alive notices a lost peer earlier.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// The environment variable with the token. There is no such argument, because all users of a machine can read arguments.
const TOKEN_VARIABLE: &str = "LYCHGATE_TOKEN";

#[derive(Debug, Args)]
#[command(next_help_heading = "Control plane")]
pub(crate) struct ControlPlane {
    /// The control plane's URL: http on this machine, https to any other
    #[arg(long, global = true, value_name = "URL", env = "LYCHGATE_CONTROL", default_value = "http://127.0.0.1:7441")]
    control: String,
    /// The file with the caller's token; without it the environment variable LYCHGATE_TOKEN is used
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The CA certificates (PEM) that verify the control plane's certificate, instead of the system's
    #[arg(long, global = true, value_name = "FILE", env = "LYCHGATE_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// The caller's certificate and its chain (PEM); it can replace the token
    #[arg(long, global = true, value_name = "FILE", env = "LYCHGATE_CERT_FILE", requires = "key_file")]
    cert_file: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, global = true, value_name = "FILE", env = "LYCHGATE_KEY_FILE", requires = "cert_file")]
    key_file: Option<PathBuf>,
}

impl ControlPlane {
    /// Reads the credentials. The first call connects.
    pub(super) fn open(&self) -> Result<Control, Failure> {
        let secret = match &self.token_file {
            Some(path) => Some(Secret::File(path.clone()).read("--token-file")),
            None => env::var_os(TOKEN_VARIABLE).map(|_| Secret::Env(TOKEN_VARIABLE.to_owned()).read(TOKEN_VARIABLE)),
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
                format!("--control: {url} is another machine, and http would send the token in plaintext; use https")
            }
            ChannelError::CaWithoutTls => format!("--ca-file: {url} is plain http; write https, or omit the option"),
            ChannelError::Token => {
                "the token has characters that no header can carry; check that it is the right file".to_owned()
            }
            ChannelError::CertificateWithoutTls => {
                format!("--cert-file: {url} is plain http; write https, or omit the option")
            }
            ChannelError::NoCredentials => format!(
                "no credentials: put a token into a file for --token-file or into {TOKEN_VARIABLE}, or give --cert-file and --key-file"
            ),
            ChannelError::Tls(error) => format!("--ca-file: {error}; it must hold certificates in PEM"),
            ChannelError::Certificate(error) => {
                format!("--cert-file, --key-file: {error}; they must hold a certificate and its private key in PEM")
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

/// A client of the control plane.
#[derive(Clone, Debug)]
pub(crate) struct Control {
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

    /// Sends one call with a fresh request id, which also stands in the control plane's logs and audit log.
    pub(super) async fn call<M, R>(
        &self,
        message: M,
        method: impl AsyncFnOnce(Request<M>) -> Result<Response<R>, Status>,
    ) -> Result<R, Failure> {
        let id = fresh_id()?;
        let mut request = Request::new(message);
        #[expect(clippy::expect_used, reason = "hexadecimal digits are a request id")]
        request.extensions_mut().insert(RequestId::parse(&id).expect("hexadecimal digits"));
        let failed = |status: &Status| Failure::of(status, &self.url, &id);
        match timeout(ANSWER_TIMEOUT, method(request)).await {
            Ok(answered) => answered.map(Response::into_inner).map_err(|status| failed(&status)),
            Err(_) => {
                Err(failed(&Status::deadline_exceeded(format!("no answer in {} seconds", ANSWER_TIMEOUT.as_secs()))))
            }
        }
    }

    /// The failure that ended a stream of this control plane.
    pub(super) fn stream_failure(&self, status: &Status) -> Failure {
        Failure::of(status, &self.url, "a stream")
    }
}
