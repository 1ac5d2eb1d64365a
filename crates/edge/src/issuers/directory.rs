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
    uri: String,
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
                uri: resource.resource.clone(),
                path: url.path().trim_end_matches('/').to_owned(),
                authority: authority_of(&url),
                document: documents::resource_document(resource, &servers),
            });
        }
        Self { issuers, resources }
    }

    /// The metadata of the resource with this path (RFC 9728 §3.1). Among several, the host of the request decides. Clients
    /// that got no answer at the resource's path ask without one; the answer is then the only resource that can be meant.
    pub(crate) fn resource(&self, path: &str, authority: Option<&str>) -> Option<&ResourceDocument> {
        let mut same: Vec<_> = self.resources.iter().filter(|resource| resource.path == path).collect();
        if same.len() > 1 {
            same.retain(|resource| resource.is_at(authority));
        }
        let found = same.pop().or_else(|| if path.is_empty() { self.only_resource(authority) } else { None });
        found.map(|resource| &resource.document)
    }

    /// The only resource of all, or of the request's host, or of the issuer at this host.
    fn only_resource(&self, authority: Option<&str>) -> Option<&ResourceEntry> {
        if let [only] = self.resources.as_slice() {
            return Some(only);
        }
        let at_host: Vec<_> = self.resources.iter().filter(|resource| resource.is_at(authority)).collect();
        if !at_host.is_empty() {
            return single(at_host);
        }
        let mut issuers: Vec<_> =
            self.issuers.iter().filter(|issuer| authority.is_some_and(|authority| names(authority, issuer))).collect();
        // A URL without a path belongs to the issuer without one.
        if issuers.iter().any(|issuer| issuer.path.is_empty()) {
            issuers.retain(|issuer| issuer.path.is_empty());
        }
        let of_issuers = |entry: &&ResourceEntry| {
            issuers.iter().any(|issuer| issuer.resources.iter().any(|own| own.resource == entry.uri))
        };
        single(self.resources.iter().filter(of_issuers).collect())
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(|issuer| issuer.id.as_str())
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

impl ResourceEntry {
    fn is_at(&self, authority: Option<&str>) -> bool {
        authority.is_some_and(|host| host.eq_ignore_ascii_case(&self.authority))
    }
}

/// The only element of `some`.
fn single<T: Copy>(some: Vec<T>) -> Option<T> {
    if let [one] = some.as_slice() { Some(*one) } else { None }
}

fn authority_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn names(authority: &str, issuer: &Issuer) -> bool {
    let default_port = if issuer.is_https { ":443" } else { ":80" };
    authority.strip_suffix(default_port).unwrap_or(authority).eq_ignore_ascii_case(&issuer.authority)
}
