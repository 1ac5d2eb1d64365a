//! Redirect URIs: which may be registered, and which request matches which registration.
//!
//! URIs are compared byte for byte and never normalised: a browser may treat two URIs differently that a normaliser
//! makes equal (RFC 9700 §4.1.3). The one exception is the port of a loopback URI (RFC 8252 §7.3).

use std::fmt;

use url::{Host, Url};

use crate::Refusal;

/// A redirect URI that may be registered: absolute, printable ASCII, without fragment, user information, dot segments
/// and query parameters that a response would carry.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedirectUri {
    uri: String,
    kind: RedirectKind,
}

/// Which kind of program receives the authorization response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RedirectKind {
    /// A server: an https host.
    Web,
    /// A program on the person's own computer, listening on loopback.
    Loopback,
    /// A program on the person's own computer that claimed a URI scheme.
    PrivateScheme,
}

/// Why a redirect URI cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectUriError {
    /// It could harm, or parsers read it differently. The text says what to change.
    Dangerous(&'static str),
    /// A private-use scheme that the operator has not listed.
    UnlistedScheme,
}

impl From<RedirectUriError> for Refusal {
    fn from(unacceptable: RedirectUriError) -> Self {
        Refusal::RegistrationRedirectUriInvalid(match unacceptable {
            RedirectUriError::Dangerous(why) => why,
            RedirectUriError::UnlistedScheme => {
                "redirect URIs with a scheme of their own must be listed by the operator; use https or http on loopback"
            }
        })
    }
}

const MAX_BYTES: usize = 2048;

/// Schemes that never lead to a client but execute, show or hand over their content. An operator cannot allow them
/// either.
const FORBIDDEN_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "chrome",
    "content",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "ms-appx",
    "resource",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

impl RedirectUri {
    /// Parses a URI for registration. `private_schemes` are the exact URIs with a private-use scheme that the operator
    /// allows.
    pub fn parse(text: &str, private_schemes: &[String]) -> Result<Self, RedirectUriError> {
        use RedirectUriError::Dangerous;
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(Dangerous("a redirect URI has 1 to 2048 characters"));
        }
        // A backslash, a space or a control character means one host to one parser and another to the next.
        if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7E))
            || text.contains(['\\', '"', '<', '>', '^', '`', '{', '|', '}'])
        {
            return Err(Dangerous("a redirect URI consists of the characters of RFC 3986; encode all others"));
        }
        if text.contains('#') {
            return Err(Dangerous("a redirect URI must not have a fragment"));
        }
        let url = Url::parse(text).map_err(|_| Dangerous("a redirect URI must be an absolute URI"))?;
        if !text.starts_with(&format!("{}:", url.scheme())) {
            return Err(Dangerous("write the scheme of a redirect URI in lower case"));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || text.split(['/', '?']).nth(2).is_some_and(|authority| authority.contains('@'))
        {
            return Err(Dangerous("a redirect URI must not have user information"));
        }
        if has_dot_segment(text) {
            return Err(Dangerous("a redirect URI must not have . or .. segments"));
        }
        let reserved = ["code", "error", "error_description", "error_uri", "iss", "state"];
        if url.query_pairs().any(|(name, _)| reserved.contains(&name.as_ref())) {
            return Err(Dangerous("a redirect URI must not have a parameter named like one of the response's"));
        }
        let kind = match url.scheme() {
            "https" => {
                let after_scheme =
                    text.strip_prefix("https://").ok_or(Dangerous("an https redirect URI begins with https://"))?;
                let host = url.host_str().unwrap_or_default();
                // The host as written must be the host as parsed, or the page would show another host than the browser
                // opens.
                if !after_scheme.to_ascii_lowercase().starts_with(host) || host.is_empty() || host.contains('*') {
                    return Err(Dangerous("write the host of a redirect URI in its plain form"));
                }
                RedirectKind::Web
            }
            "http" => {
                Loopback::parse(text).ok_or(Dangerous(
                    "an http redirect URI must be on localhost, 127.0.0.1 or [::1]; use https for all others",
                ))?;
                debug_assert!(matches!(url.host(), Some(Host::Domain("localhost") | Host::Ipv4(_) | Host::Ipv6(_))));
                RedirectKind::Loopback
            }
            scheme if FORBIDDEN_SCHEMES.contains(&scheme) || scheme.starts_with("http") => {
                return Err(Dangerous("redirect URIs with this scheme are never accepted"));
            }
            _ if private_schemes.iter().any(|allowed| allowed == text) => RedirectKind::PrivateScheme,
            _ => return Err(RedirectUriError::UnlistedScheme),
        };
        Ok(Self { uri: text.to_owned(), kind })
    }

    /// A URI from a stored record or a ticket, parsed before it was written.
    pub fn from_record(uri: String) -> Self {
        let kind = match uri.split_once(':') {
            Some(("https", _)) => RedirectKind::Web,
            Some(("http", _)) => RedirectKind::Loopback,
            _ => RedirectKind::PrivateScheme,
        };
        Self { uri, kind }
    }

    /// The URI, byte for byte.
    pub fn as_str(&self) -> &str {
        &self.uri
    }

    /// The kind of program that it leads to.
    pub fn kind(&self) -> RedirectKind {
        self.kind
    }

    /// The part that decides who gets the code: host and port, or the private scheme. Computed on demand, since most
    /// URIs are only compared.
    pub fn target(&self) -> String {
        let url = match self.kind {
            RedirectKind::Web | RedirectKind::Loopback => Url::parse(&self.uri).ok(),
            RedirectKind::PrivateScheme => None,
        };
        let scheme = || self.uri.split(':').next().unwrap_or_default().to_owned();
        url.map_or_else(scheme, |url| authority(&url))
    }

    /// The URI to answer to, if a request that names `requested` matches this registration. Bytes must be equal, except
    /// for the port if both are http on the same loopback host (RFC 8252 §7.3, OAuth 2.1 §4.1.1). `localhost` and
    /// `127.0.0.1` do not match each other: different programs may listen there.
    pub fn matching(&self, requested: &str) -> Option<RedirectUri> {
        if requested == self.uri {
            return Some(self.clone());
        }
        let (registered, requested_parts) = (Loopback::parse(&self.uri)?, Loopback::parse(requested)?);
        (registered.host == requested_parts.host && registered.rest == requested_parts.rest)
            .then(|| RedirectUri { uri: requested.to_owned(), kind: RedirectKind::Loopback })
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.uri)
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedirectUri({:?})", self.uri)
    }
}

/// An `http://` URI on one of the three loopback hosts, split without decoding.
struct Loopback<'a> {
    host: &'a str,
    /// Path and query, as written.
    rest: &'a str,
}

impl<'a> Loopback<'a> {
    fn parse(uri: &'a str) -> Option<Self> {
        let after_scheme = uri.strip_prefix("http://")?;
        let end = after_scheme.find(['/', '?', '#']).unwrap_or(after_scheme.len());
        let (authority, rest) = after_scheme.split_at(end);
        let host = ["localhost", "127.0.0.1", "[::1]"].into_iter().find(|host| authority.starts_with(host))?;
        match &authority[host.len()..] {
            "" => {}
            port => {
                let digits = port.strip_prefix(':')?;
                let number: u16 = digits.parse().ok()?;
                if digits.starts_with(['0', '+']) || number == 0 {
                    return None;
                }
            }
        }
        Some(Self { host: &authority[..host.len()], rest })
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Finds `.` and `..` between slashes, also percent-encoded: browsers resolve them, so the path shown would not be the
/// path opened.
fn has_dot_segment(uri: &str) -> bool {
    let path = uri.split('?').next().unwrap_or_default();
    path.split('/').any(|segment| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CURSOR: &str = "cursor://anysphere.cursor-mcp/oauth/callback";

    fn parse(text: &str) -> Result<RedirectUri, RedirectUriError> {
        RedirectUri::parse(text, &[CURSOR.to_owned()])
    }

    /// Requirements: R40.
    #[test]
    fn redirect_uris_of_real_clients_are_accepted() {
        for (uri, kind, target) in [
            ("https://claude.ai/api/mcp/auth_callback", RedirectKind::Web, "claude.ai"),
            ("https://vscode.dev/redirect", RedirectKind::Web, "vscode.dev"),
            ("https://app.example:8443/cb?x=1", RedirectKind::Web, "app.example:8443"),
            ("http://127.0.0.1/", RedirectKind::Loopback, "127.0.0.1"),
            ("http://127.0.0.1:33418/", RedirectKind::Loopback, "127.0.0.1:33418"),
            ("http://localhost:8787/callback", RedirectKind::Loopback, "localhost:8787"),
            ("http://[::1]:9/cb", RedirectKind::Loopback, "[::1]:9"),
            (CURSOR, RedirectKind::PrivateScheme, "cursor"),
        ] {
            let parsed = parse(uri).unwrap_or_else(|why| panic!("{uri}: {why:?}"));
            assert_eq!((parsed.kind(), parsed.target().as_str()), (kind, target), "{uri}");
        }
    }

    /// Requirements: R1, conflict 2.
    #[test]
    fn dangerous_redirect_uris_are_refused() {
        for uri in [
            "",
            "callback",
            "/callback",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "vbscript:x",
            "blob:https://a.example/x",
            "mailto:a@b.example",
            "about:blank",
            "http://app.example/cb",
            "http://127.0.0.2/cb",
            "http://0.0.0.0/cb",
            "http://localhost.evil.example/cb",
            "http://localhost:0/cb",
            "http://localhost:00080/cb",
            "http://localhost:99999/cb",
            "http://127.1/cb",
            "http://2130706433/cb",
            "http://user@localhost/cb",
            "https://user:pw@app.example/cb",
            "https://@app.example/cb",
            "https://app.example/cb#x",
            "https://app.example\\@evil.example/",
            "https://app.example/a/../cb",
            "https://app.example/%2e%2e/cb",
            "https://app.example/./cb",
            "https://app.example/c b",
            "https://app.example/cb\n",
            "https://*.example/cb",
            "https://app.example/cb?code=1",
            "https://app.example/cb?st%61te=1",
            "https://app.example/cb?iss=x",
            "HTTPS://app.example/cb",
            "https:app.example/cb",
            "https:///app.example/cb",
            "httpx://a/b",
            "https://ex%61mple.com/cb",
            "https://app.ex\u{e4}mple/cb",
            "https://0x7f.1/cb",
        ] {
            assert!(matches!(parse(uri), Err(RedirectUriError::Dangerous(_))), "{uri:?}: {:?}", parse(uri));
        }
        assert_eq!(parse("cursor://anysphere.cursor-mcp/oauth/callbacks"), Err(RedirectUriError::UnlistedScheme));
        assert!(parse(&format!("https://app.example/{}", "x".repeat(2048))).is_err());
    }

    /// Requirements: R3, R40, conflict 1.
    #[test]
    fn only_the_port_of_a_loopback_uri_may_differ() {
        let registered = parse("http://127.0.0.1/callback?x=1").unwrap();
        let matched = registered.matching("http://127.0.0.1:54321/callback?x=1").unwrap();
        assert_eq!(matched.target(), "127.0.0.1:54321");
        for requested in [
            "http://localhost:54321/callback?x=1",
            "http://[::1]:54321/callback?x=1",
            "http://127.0.0.1:54321/callback",
            "http://127.0.0.1:54321/Callback?x=1",
            "http://127.0.0.1:54321/callback/?x=1",
            "https://127.0.0.1/callback?x=1",
            "http://127.0.0.1:54321/callback?x=1#f",
            "http://a@127.0.0.1:54321/callback?x=1",
            "http://127.0.0.1:/callback?x=1",
            "http://127.0.0.1:0/callback?x=1",
            "http://127.0.0.1.evil.example/callback?x=1",
            "http://127.0.0.1:1@evil.example/callback?x=1",
            "HTTP://127.0.0.1:54321/callback?x=1",
            "http://127.0.0.1:+80/callback?x=1",
        ] {
            assert_eq!(registered.matching(requested), None, "{requested}");
        }
    }

    /// Requirements: A10.
    #[test]
    fn an_https_uri_matches_only_itself() {
        let registered = parse("https://app.example/cb").unwrap();
        for requested in [
            "https://app.example:443/cb",
            "https://app.example:444/cb",
            "https://APP.example/cb",
            "https://app.example/cb/",
            "https://app.example/CB",
            "https://app.example/cb?",
            "https://app.example/%63b",
            "http://app.example/cb",
            "https://u@app.example/cb",
            "https://app.example/cb#",
            "https://app.example/./cb",
            "https://app.example./cb",
            "",
        ] {
            assert_eq!(registered.matching(requested), None, "{requested}");
        }
        assert!(registered.matching("https://app.example/cb").is_some());
    }

    proptest! {
        #[test]
        fn a_loopback_uri_matches_only_itself_with_any_port(path in "[a-z/%.?]{0,8}", port in 1u16.., noise in "[ -~]{0,24}") {
            if let Ok(registered) = parse(&format!("http://localhost/{path}")) {
                let requested = format!("http://localhost:{port}/{path}");
                prop_assert!(registered.matching(&requested).is_some());
                let strange = format!("http://localhost{noise}/{path}");
                if let Some(matched) = registered.matching(&strange) {
                    prop_assert!(noise.is_empty() || noise.strip_prefix(':').is_some_and(|p| p.parse::<u16>().is_ok()), "{}", matched);
                }
            }
        }

        #[test]
        fn a_url_parser_agrees_about_every_accepted_uri(text in "(https|http|cursor)://[ -~]{0,40}") {
            if let Ok(uri) = parse(&text) {
                let url = Url::parse(uri.as_str()).unwrap();
                prop_assert!(url.fragment().is_none() && url.username().is_empty());
                if uri.kind() == RedirectKind::Loopback {
                    prop_assert!(["localhost", "127.0.0.1", "[::1]"].contains(&url.host_str().unwrap()));
                }
            }
        }
    }
}
