//! All issuers of one answer of the control plane, found by id or by path.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Bytes;
use lychgate_api::v1;
use url::Url;

use super::documents::{self, ResourceDocument};

/// An issuer's public data.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) id: String,
    /// The issuer identifier.
    pub(crate) url: String,
    pub(crate) name: String,
    /// The path of its URL, without a final slash: "" or "/t".
    pub(crate) path: String,
    /// Host and port of its URL: "example.com", "localhost:8080".
    pub(crate) authority: String,
    pub(crate) is_https: bool,
    /// The server metadata document (RFC 8414).
    pub(crate) metadata: Bytes,
    /// The key set document (RFC 7517).
    pub(crate) keys: Bytes,
    pub(crate) resources: Vec<v1::ProtectedResource>,
}

impl Issuer {
    pub(super) fn new(described: v1::DescribeResponse) -> Result<Self, &'static str> {
        let issuer = described.issuer.ok_or("its description is missing")?;
        let url = Url::parse(&issuer.issuer).map_err(|_| "its identifier is not a URL")?;
        url.host_str().ok_or("its identifier has no host")?;
        Ok(Self {
            id: issuer.id,
            name: issuer.name,
            path: url.path().trim_end_matches('/').to_owned(),
            authority: authority_of(&url),
            is_https: url.scheme() == "https",
            metadata: documents::server_document(described.metadata.ok_or("its metadata is missing")?),
            keys: documents::key_document(described.keys),
            resources: described.resources,
            url: issuer.issuer,
        })
    }
}

/// Every issuer, and every protected resource of theirs.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    issuers: Vec<Arc<Issuer>>,
    resources: Vec<ResourceEntry>,
}

/// A protected resource, by the path and host of its identifier.
#[derive(Debug)]
struct ResourceEntry {
    path: String,
    authority: String,
    document: ResourceDocument,
}

impl Directory {
    pub(crate) fn of(issuers: impl IntoIterator<Item = Issuer>) -> Self {
        let issuers: Vec<_> = issuers.into_iter().map(Arc::new).collect();
        let mut resources: Vec<ResourceEntry> = Vec::new();
        let mut seen = HashSet::new();
        for resource in issuers.iter().flat_map(|issuer| &issuer.resources) {
            let Ok(url) = Url::parse(&resource.resource) else { continue };
            if !seen.insert(&resource.resource) {
                continue;
            }
            // Lists every issuer that issues tokens for the resource; clients use the first (C1).
            let serves = |issuer: &&Arc<Issuer>| issuer.resources.iter().any(|own| own.resource == resource.resource);
            let servers: Vec<&str> = issuers.iter().filter(serves).map(|issuer| issuer.url.as_str()).collect();
            resources.push(ResourceEntry {
                path: url.path().trim_end_matches('/').to_owned(),
                authority: authority_of(&url),
                document: documents::resource_document(resource, &servers),
            });
        }
        Self { issuers, resources }
    }

    /// The metadata of the resource with this path (RFC 9728 §3.1). Among several, the host of the request decides.
    pub(crate) fn resource(&self, path: &str, authority: Option<&str>) -> Option<&ResourceDocument> {
        let mut same: Vec<_> = self.resources.iter().filter(|resource| resource.path == path).collect();
        if same.len() > 1 {
            same.retain(|resource| authority.is_some_and(|host| host.eq_ignore_ascii_case(&resource.authority)));
        }
        same.pop().map(|resource| &resource.document)
    }

    pub(crate) fn len(&self) -> usize {
        self.issuers.len()
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<Issuer>> {
        self.issuers.iter().find(|issuer| issuer.id == id)
    }

    /// The issuer with exactly this path. Among several, the host of the request decides.
    pub(crate) fn by_path(&self, path: &str, authority: Option<&str>) -> Option<&Arc<Issuer>> {
        let mut same: Vec<_> = self.issuers.iter().filter(|issuer| issuer.path == path).collect();
        if same.len() > 1 {
            same.retain(|issuer| authority.is_some_and(|authority| names(authority, issuer)));
        }
        same.pop()
    }
}

fn authority_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn names(authority: &str, issuer: &Issuer) -> bool {
    let default_port = if issuer.is_https { ":443" } else { ":80" };
    authority.strip_suffix(default_port).unwrap_or(authority).eq_ignore_ascii_case(&issuer.authority)
}
