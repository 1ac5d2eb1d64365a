//! Which issuers there are, as the control plane last said, and their public documents ready to serve.
//!
//! A cache and no authority: it is asked for at start and whenever it has grown old, and served stale for as long as the
//! control plane is away. Nothing secret is in it.

use std::collections::HashSet;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use axum::body::Bytes;
use lychgate_api::v1;
use tokio::time::sleep;
use url::Url;

use crate::control::Control;
use crate::metadata::{self, ResourceDocument};

/// What the control plane may ask for, kept within reason.
const FRESH_AT_LEAST: Duration = Duration::from_secs(1);
const FRESH_AT_MOST: Duration = Duration::from_secs(3600);

/// How long to wait after the control plane was not there: growing, but short enough for people to wait.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// One issuer, as far as the edge knows it.
#[derive(Debug)]
pub(crate) struct Issuer {
    pub(crate) id: String,
    /// The issuer identifier.
    pub(crate) url: String,
    pub(crate) name: String,
    /// What its URL has after the host: "" or "/t".
    pub(crate) path: String,
    /// What its URL has before the path: "example.com", "localhost:8080".
    pub(crate) authority: String,
    pub(crate) is_https: bool,
    /// RFC 8414.
    pub(crate) metadata: Bytes,
    /// RFC 7517.
    pub(crate) keys: Bytes,
    pub(crate) resources: Vec<v1::ProtectedResource>,
}

impl Issuer {
    fn new(described: v1::DescribeResponse) -> Result<Self, &'static str> {
        let issuer = described.issuer.ok_or("it is not described")?;
        let url = Url::parse(&issuer.issuer).map_err(|_| "its identifier is not a URL")?;
        url.host_str().ok_or("its identifier has no host")?;
        Ok(Self {
            id: issuer.id,
            name: issuer.name,
            path: url.path().trim_end_matches('/').to_owned(),
            authority: authority_of(&url),
            is_https: url.scheme() == "https",
            metadata: metadata::server_document(described.metadata.ok_or("it has no metadata")?),
            keys: metadata::key_document(described.keys),
            resources: described.resources,
            url: issuer.issuer,
        })
    }
}

/// Every issuer there is.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    issuers: Vec<Arc<Issuer>>,
    resources: Vec<Resource>,
}

/// A protected resource, by what its metadata is asked for.
#[derive(Debug)]
struct Resource {
    path: String,
    authority: String,
    document: ResourceDocument,
}

impl Directory {
    pub(crate) fn of(issuers: impl IntoIterator<Item = Issuer>) -> Self {
        let issuers: Vec<_> = issuers.into_iter().map(Arc::new).collect();
        let mut resources: Vec<Resource> = Vec::new();
        let mut seen = HashSet::new();
        for resource in issuers.iter().flat_map(|issuer| &issuer.resources) {
            let Ok(url) = Url::parse(&resource.resource) else { continue };
            if !seen.insert(&resource.resource) {
                continue;
            }
            // Every issuer that gives tokens for it; clients use the first (C1).
            let serves = |issuer: &&Arc<Issuer>| issuer.resources.iter().any(|own| own.resource == resource.resource);
            let servers: Vec<&str> = issuers.iter().filter(serves).map(|issuer| issuer.url.as_str()).collect();
            resources.push(Resource {
                path: url.path().trim_end_matches('/').to_owned(),
                authority: authority_of(&url),
                document: ResourceDocument(metadata::resource_document(resource, &servers)),
            });
        }
        Self { issuers, resources }
    }

    /// The metadata of the resource with this path (RFC 9728 §3.1); among several, of the one whose host the request names.
    pub(crate) fn resource(&self, path: &str, authority: Option<&str>) -> Option<&ResourceDocument> {
        let mut same: Vec<_> = self.resources.iter().filter(|resource| resource.path == path).collect();
        if same.len() > 1 {
            same.retain(|resource| authority.is_some_and(|host| host.eq_ignore_ascii_case(&resource.authority)));
        }
        same.pop().map(|resource| &resource.document)
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Arc<Issuer>> {
        self.issuers.iter().find(|issuer| issuer.id == id)
    }

    /// The issuer with exactly this path; among several, the one whose host the request names.
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

/// The directory as it is now, and the task that keeps it fresh.
#[derive(Debug, Default)]
pub(crate) struct Issuers {
    current: RwLock<Option<Arc<Directory>>>,
}

impl Issuers {
    /// `None` until the control plane has been heard once.
    pub(crate) fn current(&self) -> Option<Arc<Directory>> {
        self.current.read().expect("nothing panics while holding it").clone()
    }

    /// Never returns; may be dropped at any point.
    pub(crate) async fn keep_fresh(&self, control: &Control) {
        let mut pause = FIRST_PAUSE;
        let mut reachable = true;
        loop {
            match fetch(control).await {
                Ok((directory, max_age)) => {
                    if !reachable || self.current().is_none() {
                        tracing::info!(issuers = directory.issuers.len(), "issuers are known");
                    }
                    *self.current.write().expect("nothing panics while holding it") = Some(Arc::new(directory));
                    (pause, reachable) = (FIRST_PAUSE, true);
                    sleep(max_age).await;
                }
                Err(error) => {
                    // Said once per outage: the control plane being away for an hour is one event.
                    if reachable {
                        tracing::warn!(error, "issuers cannot be refreshed; what is known is served on");
                    }
                    reachable = false;
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

/// All issuers or none: half a list would answer 404 for the other half.
async fn fetch(control: &Control) -> Result<(Directory, Duration), String> {
    let list = control.list_issuers().await.map_err(|status| status.to_string())?;
    let mut max_age = bounded(list.max_age);
    let mut issuers = Vec::with_capacity(list.issuers.len());
    for issuer in list.issuers {
        let described = control.describe_issuer(issuer.id.clone()).await.map_err(|status| status.to_string())?;
        max_age = max_age.min(bounded(described.max_age));
        let issuer = Issuer::new(described).map_err(|error| format!("issuer {:?}: {error}", issuer.id))?;
        issuers.push(issuer);
    }
    Ok((Directory::of(issuers), max_age))
}

fn bounded(max_age: Option<prost_types::Duration>) -> Duration {
    let max_age = max_age.and_then(|max_age| Duration::try_from(max_age).ok()).unwrap_or_default();
    max_age.clamp(FRESH_AT_LEAST, FRESH_AT_MOST)
}
