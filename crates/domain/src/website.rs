//! A host of the web as pages show it: the registrable domain stands out, since its owner decides who answers at every
//! host below it.

use crate::confusable::is_deceptive_label;
use crate::display::displayable;
use crate::origin::Origin;

/// The longest host name (RFC 1035 §3.1), with room for its Unicode form.
const MAX_HOST_CHARS: usize = 255;

/// A host of the web as pages show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Website {
    /// The host in ASCII, with the port unless it is the scheme's default.
    pub host: String,
    /// The registrable domain in ASCII (Public Suffix List, also its private part): what the host without its port ends
    /// with. `None` for an IP address, and for a host that is itself a public suffix.
    pub registrable_domain: Option<String>,
    /// The host in Unicode (UTS #46), with the port. `None` if that is the same as in ASCII, or cannot be shown.
    pub unicode_host: Option<String>,
    /// The host in Unicode can be taken for another host (UTS #39), or cannot be shown.
    pub confusable: bool,
}

impl Website {
    /// The website at `origin`.
    pub fn of(origin: &Origin) -> Self {
        let (host, shown) = (origin.host(), origin.to_string());
        let (unicode, valid) = idna::domain_to_unicode(host);
        let is_unicode = unicode != host;
        let is_shown = valid.is_ok() && displayable(&unicode, MAX_HOST_CHARS).as_ref() == Some(&unicode);
        Self {
            registrable_domain: registrable_domain(host),
            confusable: is_unicode && (!is_shown || unicode.split('.').any(is_deceptive_label)),
            unicode_host: (is_unicode && is_shown).then(|| format!("{unicode}{}", &shown[host.len()..])),
            host: shown,
        }
    }
}

/// The registrable domain of a host in ASCII.
pub fn registrable_domain(host: &str) -> Option<String> {
    let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    if is_address {
        return None;
    }
    // The list is in Unicode, so the host's last labels are counted there.
    let (unicode, _) = idna::domain_to_unicode(host.trim_end_matches('.'));
    let labels = psl::domain_str(&unicode)?.split('.').count();
    let host = host.trim_end_matches('.');
    let start = host.rmatch_indices('.').nth(labels - 1).map_or(0, |(dot, _)| dot + 1);
    Some(host[start..].to_owned())
}
