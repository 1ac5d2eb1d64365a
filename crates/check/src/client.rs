//! An OAuth client that the server knows, as far as a scan knows it.

use anyhow::{Context, Result};
use url::{Host, Url};

use crate::authorization::Request;
use crate::server::Server;

/// A client, given on the command line or registered by this scan. It has no `Debug`, because it may hold a secret.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) redirect_uri: String,
    /// The name it registered with.
    pub(crate) name: Option<String>,
    pub(crate) secret: Option<String>,
    /// The client configuration endpoint and its access token (RFC 7592).
    pub(crate) management: Option<(Url, String)>,
}

impl Client {
    pub(crate) fn given(id: &str, redirect_uri: &str) -> Self {
        let (id, redirect_uri) = (id.to_owned(), redirect_uri.to_owned());
        Self { id, redirect_uri, name: None, secret: None, management: None }
    }

    /// A correct authorization request of this client.
    pub(crate) fn request(&self, server: &Server, resource: Option<&str>, scope: Option<&str>) -> Result<Request> {
        let endpoint = server.endpoint("authorization_endpoint").context("there is no authorization endpoint")?;
        let mut request = Request::new(endpoint, &self.id, &self.redirect_uri)?;
        for (name, value) in [("resource", resource), ("scope", scope)] {
            if let Some(value) = value {
                request = request.with(name, value);
            }
        }
        Ok(request)
    }

    /// True if its redirect URI leads to a program on the person's own computer.
    pub(crate) fn is_loopback(&self) -> bool {
        Url::parse(&self.redirect_uri).is_ok_and(|url| is_loopback(&url))
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
