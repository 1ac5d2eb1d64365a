//! The URLs of the control plane: one, or a list.

use std::fmt;
use std::net::IpAddr;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use url::{Host, Url};

/// Written as `"URL"`, or as `["URL", "URL"]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Urls {
    One(String),
    List(Vec<String>),
}

impl Urls {
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let urls = match self {
            Self::One(url) => std::slice::from_ref(url),
            Self::List(urls) => urls,
        };
        urls.iter().map(String::as_str)
    }

    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }

    /// The configuration key of the `n`th URL.
    pub(super) fn key(&self, n: usize) -> String {
        match self {
            Self::One(_) => "control.url".to_owned(),
            Self::List(_) => format!("control.url[{n}]"),
        }
    }
}

impl From<&str> for Urls {
    fn from(url: &str) -> Self {
        Self::One(url.to_owned())
    }
}

/// True if the URL's host is an address, which is one endpoint; a name may be several.
pub(super) fn has_address(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        Some(Host::Domain(name)) => name.parse::<IpAddr>().is_ok(),
        None => false,
    }
}

/// Not derived: a derived implementation does not say what it expects.
impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UrlsVisitor)
    }
}

struct UrlsVisitor;

impl<'de> Visitor<'de> for UrlsVisitor {
    type Value = Urls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a URL, or a list of URLs")
    }

    fn visit_str<E: de::Error>(self, url: &str) -> Result<Urls, E> {
        Ok(Urls::One(url.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, urls: A) -> Result<Urls, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(urls)).map(Urls::List)
    }
}
