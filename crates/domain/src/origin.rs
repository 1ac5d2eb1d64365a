//! Origins of URLs, what their hosts are, and the one spelling in which a stranger's URL is accepted.
//!
//! A stranger's URL is compared, shown to people and opened by browsers. Only a URL in its normal form is accepted, which
//! every URL parser reads alike: the host on the page is the host that is opened, and two spellings never name one origin.
//! Nothing is normalised here. Decisions about hosts and origins are made from the parsed URL, never from its text.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// An absolute URL with an authority, in normal form: a host in its plain form, no user information, default port,
/// fragment or dot segments. The path may be empty where the normal form has `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NormalUrl {
    url: Url,
    origin: Origin,
}

/// The reason why a text is no URL in normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFlaw {
    /// A character outside of RFC 3986. A backslash, a space or a control character means one host to one parser and
    /// another to the next.
    Characters,
    /// A fragment.
    Fragment,
    /// No URL parser reads it.
    Unparsable,
    /// User information, also an empty one.
    UserInformation,
    /// A `%` without two hexadecimal digits.
    Escape,
    /// `.` or `..` between slashes, in any encoding. A server or proxy that resolves them would open another path.
    DotSegment,
    /// Another spelling than the normal one: upper case, the default port, an address in disguise such as 0x7f.1.
    Spelling,
    /// A host that is no plain name and no address. A final dot would be a second spelling of the host.
    Host,
}

impl NormalUrl {
    /// Parses a URL that is in normal form already.
    pub fn parse(text: &str) -> Result<Self, UrlFlaw> {
        if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7E))
            || text.contains(['\\', '"', '<', '>', '^', '`', '{', '|', '}'])
        {
            return Err(UrlFlaw::Characters);
        }
        if text.contains('#') {
            return Err(UrlFlaw::Fragment);
        }
        let url = Url::parse(text).map_err(|_| UrlFlaw::Unparsable)?;
        let after_scheme = text.strip_prefix(url.scheme()).and_then(|rest| rest.strip_prefix("://"));
        let after_scheme = after_scheme.ok_or(UrlFlaw::Spelling)?;
        let (authority, rest) = after_scheme.split_at(after_scheme.find(['/', '?']).unwrap_or(after_scheme.len()));
        if authority.contains('@') {
            return Err(UrlFlaw::UserInformation);
        }
        if !has_whole_escapes(rest) {
            return Err(UrlFlaw::Escape);
        }
        if has_dot_segment(rest) {
            return Err(UrlFlaw::DotSegment);
        }
        let root = if rest.starts_with('/') { "" } else { "/" };
        if url.as_str() != text && url.as_str() != format!("{}://{authority}{root}{rest}", url.scheme()) {
            return Err(UrlFlaw::Spelling);
        }
        match url.host() {
            Some(Host::Domain(name)) if is_plain(name) => {}
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => {}
            Some(Host::Domain(_)) | None => return Err(UrlFlaw::Host),
        }
        let origin = Origin::of(&url).ok_or(UrlFlaw::Host)?;
        Ok(Self { url, origin })
    }

    /// The parsed URL.
    pub fn as_url(&self) -> &Url {
        &self.url
    }

    /// The URL's origin.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

/// Scheme, host and port of a URL (RFC 6454 §4). `Display` is the host, and the port unless it is the scheme's default.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    scheme: String,
    /// As parsed; an IPv6 address in brackets.
    host: String,
    /// `None` if it is the scheme's default.
    port: Option<u16>,
    kind: HostKind,
}

/// The kind of a host, by its parsed form and for every scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostKind {
    /// A host that a network leads to.
    Network,
    /// The computer on which the name is used: `localhost` and all names below it (RFC 6761 §6.3), loopback and
    /// unspecified addresses, and IPv6 addresses that carry one of them.
    ThisComputer,
}

impl Origin {
    /// The origin of a parsed URL; `None` if it has no host.
    pub fn of(url: &Url) -> Option<Self> {
        let host = url.host()?;
        Some(Self {
            scheme: url.scheme().to_owned(),
            kind: HostKind::of(&host),
            host: host.to_string(),
            port: url.port(),
        })
    }

    /// The host without the port; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The kind of the host.
    pub fn host_kind(&self) -> HostKind {
        self.kind
    }

    /// True if both lead to one server: the same host and port. All names of this computer are one host, and a final dot
    /// makes no other host. The scheme does not count: a browser may replace `http` by `https` (RFC 6797 §8.3).
    pub fn is_served_with(&self, other: &Origin) -> bool {
        let host = match (self.kind, other.kind) {
            (HostKind::ThisComputer, HostKind::ThisComputer) => true,
            (HostKind::Network, HostKind::Network) => {
                self.host.trim_end_matches('.') == other.host.trim_end_matches('.')
            }
            (HostKind::ThisComputer, HostKind::Network) | (HostKind::Network, HostKind::ThisComputer) => false,
        };
        host && self.effective_port() == other.effective_port()
    }

    fn effective_port(&self) -> Option<u16> {
        self.port.or(match self.scheme.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl HostKind {
    /// The kind of a parsed host.
    fn of(host: &Host<&str>) -> Self {
        let is_here = match host {
            Host::Domain(name) => is_local_name(name),
            Host::Ipv4(address) => is_local(*address),
            Host::Ipv6(address) => is_local_v6(*address),
        };
        if is_here { HostKind::ThisComputer } else { HostKind::Network }
    }
}

/// RFC 6761 §6.3, and the names that systems give their own addresses in `/etc/hosts`.
fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || matches!(
            name.as_str(),
            "localhost.localdomain" | "localhost6" | "localhost6.localdomain6" | "ip6-localhost" | "ip6-loopback"
        )
}

/// 127.0.0.0/8 (RFC 1122 §3.2.1.3), and 0.0.0.0/8, whose first address systems connect to themselves.
fn is_local(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.octets()[0] == 0
}

/// ::1, ::, and every form that carries an IPv4 address (RFC 4291 §2.5.5, RFC 2765 §2.1, RFC 6052 §2.1, RFC 3056 §2).
fn is_local_v6(address: Ipv6Addr) -> bool {
    if address.is_loopback() || address.is_unspecified() {
        return true;
    }
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0 | 0xFFFF, high, low]
        | [0, 0, 0, 0, 0xFFFF, 0, high, low]
        | [0x64, 0xFF9B, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, _, _, _, _, _] => is_local(v4(high, low)),
        _ => false,
    }
}

fn has_whole_escapes(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

/// Finds `.` and `..` between the slashes of the path, also percent-encoded, and also between percent-encoded slashes.
pub(crate) fn has_dot_segment(path_and_query: &str) -> bool {
    let path = path_and_query.split('?').next().unwrap_or_default();
    let decoded = path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    decoded.split('/').any(|segment| matches!(segment, "." | ".."))
}

/// True if all labels consist of letters, digits, hyphens and underscores.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    name.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin(text: &str) -> Origin {
        Origin::of(&Url::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))).unwrap()
    }

    /// Requirements: A10, D1.
    #[test]
    fn a_url_in_normal_form_is_accepted_for_every_scheme() {
        for (text, shown) in [
            ("https://app.example/cb", "app.example"),
            ("https://app.example", "app.example"),
            ("https://app.example?x=%41&y=..", "app.example"),
            ("https://app.example:8443/a//b;c=d/%C3%A9/...", "app.example:8443"),
            ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
            ("https://[::1]:8443/", "[::1]:8443"),
            ("http://127.0.0.1:33418", "127.0.0.1:33418"),
            ("cursor://anysphere.cursor-mcp/oauth/callback", "anysphere.cursor-mcp"),
            ("zed://oauth", "oauth"),
        ] {
            let url = NormalUrl::parse(text).unwrap_or_else(|flaw| panic!("{text}: {flaw:?}"));
            assert_eq!(url.origin().to_string(), shown, "{text}");
        }
    }

    /// Requirements: A10, D1.
    #[test]
    fn every_other_spelling_of_a_url_is_refused() {
        for (text, flaw) in [
            ("", UrlFlaw::Unparsable),
            ("app.example/cb", UrlFlaw::Unparsable),
            ("https://app.example%40evil.example/cb", UrlFlaw::Unparsable),
            ("https:app.example/cb", UrlFlaw::Spelling),
            ("https:/app.example/cb", UrlFlaw::Spelling),
            ("https:///app.example/cb", UrlFlaw::Spelling),
            ("HTTPS://app.example/cb", UrlFlaw::Spelling),
            ("https://APP.example/cb", UrlFlaw::Spelling),
            ("https://app.example:443/cb", UrlFlaw::Spelling),
            ("https://app.example:/cb", UrlFlaw::Spelling),
            ("https://app.example:08443/cb", UrlFlaw::Spelling),
            ("http://localhost:80/cb", UrlFlaw::Spelling),
            ("https://ex%61mple.com/cb", UrlFlaw::Spelling),
            ("https://%67ate.example", UrlFlaw::Spelling),
            ("https://0x7f.1/cb", UrlFlaw::Spelling),
            ("https://0177.0.0.1/cb", UrlFlaw::Spelling),
            ("https://2130706433/cb", UrlFlaw::Spelling),
            ("https://127.1/cb", UrlFlaw::Spelling),
            ("https://127.0.0.1./cb", UrlFlaw::Spelling),
            ("https://[::0:1]/cb", UrlFlaw::Spelling),
            ("https://[::ffff:127.0.0.1]/cb", UrlFlaw::Spelling),
            ("https://XN--BCHER-KVA.example/cb", UrlFlaw::Spelling),
            ("https://app.example/cb?x='a'", UrlFlaw::Spelling),
            ("https://app.example./cb", UrlFlaw::Host),
            ("https://localhost./cb", UrlFlaw::Host),
            ("https://*.example/cb", UrlFlaw::Host),
            ("https://app..example/cb", UrlFlaw::Host),
            ("cursor://Anysphere/cb", UrlFlaw::Host),
            ("cursor://a%41/cb", UrlFlaw::Host),
            ("cursor:///cb", UrlFlaw::Host),
            ("https://@app.example/cb", UrlFlaw::UserInformation),
            ("https://u:p@app.example", UrlFlaw::UserInformation),
            ("cursor://u@host/cb", UrlFlaw::UserInformation),
            ("https://app.example/a/../cb", UrlFlaw::DotSegment),
            ("https://app.example/%2E%2e", UrlFlaw::DotSegment),
            ("https://app.example/a%2f..%5cb", UrlFlaw::DotSegment),
            ("https://app.example/.", UrlFlaw::DotSegment),
            ("https://app.example/%", UrlFlaw::Escape),
            ("https://app.example?x=%zz", UrlFlaw::Escape),
            ("https://app.example/cb#", UrlFlaw::Fragment),
            ("https://app.example\\@evil.example/", UrlFlaw::Characters),
            ("https://app.ex\u{e4}mple/cb", UrlFlaw::Characters),
            ("https://app.example/c b", UrlFlaw::Characters),
            ("https://app.example/cb\n", UrlFlaw::Characters),
            ("https://app\u{3002}example/cb", UrlFlaw::Characters),
        ] {
            assert_eq!(NormalUrl::parse(text).map(|url| url.origin().to_string()), Err(flaw), "{text:?}");
        }
    }

    /// Requirements: B7, R40.
    #[test]
    fn every_spelling_of_this_computer_is_this_computer() {
        for text in [
            "https://localhost:8443/cb",
            "https://LOCALHOST/cb",
            "https://localhost./cb",
            "https://app.localhost/",
            "https://a.b.localhost./",
            "https://localhost.localdomain/",
            "https://ip6-loopback/",
            "http://127.0.0.1/",
            "https://127.0.0.2/",
            "https://127.255.255.254/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://2130706433/",
            "https://0/",
            "https://0.0.0.0/",
            "https://[::1]/cb",
            "https://[0:0::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:2]/",
            "https://[::ffff:0:0]/",
            "https://[::127.0.0.1]/",
            "https://[::ffff:0:127.0.0.1]/",
            "https://[64:ff9b::127.0.0.1]/",
            "https://[2002:7f00:1::]/",
        ] {
            assert_eq!(origin(text).host_kind(), HostKind::ThisComputer, "{text}");
        }
        for text in [
            "https://app.example/",
            "https://localhost.evil.example/",
            "https://notlocalhost/",
            "https://localhosts/",
            "https://126.255.255.255/",
            "https://128.0.0.1/",
            "https://[::2:0:0]/",
            "https://[2001:db8::1]/",
            "https://[::ffff:8.8.8.8]/",
        ] {
            assert_eq!(origin(text).host_kind(), HostKind::Network, "{text}");
        }
    }

    #[test]
    fn one_server_is_recognised_under_every_name() {
        let (gate, here) = (origin("https://gate.example"), origin("http://127.0.0.1:8080"));
        for same in [
            "https://GATE.example:443/x",
            "https://gate.example./",
            "https://g%61te.example",
            "http://gate.example:443",
        ] {
            assert!(gate.is_served_with(&origin(same)), "{same}");
        }
        for other in [
            "https://gate.example:8443",
            "https://gate.example.evil.example",
            "https://agate.example",
            "http://gate.example",
        ] {
            assert!(!gate.is_served_with(&origin(other)), "{other}");
        }
        for same in
            ["http://localhost:8080/", "https://[::1]:8080", "http://127.9.9.9:8080", "https://x.localhost:8080"]
        {
            assert!(here.is_served_with(&origin(same)), "{same}");
        }
        for other in ["http://localhost", "http://127.0.0.1:8081", "https://gate.example:8080"] {
            assert!(!here.is_served_with(&origin(other)), "{other}");
        }
    }

    proptest! {
        /// Splitting an accepted text without a URL parser finds the origin that the parser found.
        ///
        /// Requirements: A10, D1.
        #[test]
        fn every_parser_reads_an_accepted_url_alike(
            text in r"(https|http|cursor)://[aA0-9.:@\[\]%x_-]{0,12}([/?][a.%2eEfF/\\?#@;:]{0,6}){0,3}"
        ) {
            if let Ok(url) = NormalUrl::parse(&text) {
                let (scheme, rest) = text.split_once("://").unwrap();
                let authority = rest.split(['/', '?']).next().unwrap();
                prop_assert_eq!(authority, url.origin().to_string());
                prop_assert_eq!(scheme, url.as_url().scheme());
                prop_assert_eq!(url.origin(), &Origin::of(&Url::parse(&text).unwrap()).unwrap());
            }
        }

        #[test]
        fn no_text_makes_parsing_panic(text in any::<String>(), tail in any::<String>()) {
            _ = NormalUrl::parse(&text);
            _ = NormalUrl::parse(&format!("https://{tail}"));
        }
    }
}
