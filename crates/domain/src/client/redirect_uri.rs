//! Redirect URIs: which may be registered, and which request matches which registration.
//!
//! URIs are compared byte for byte and never normalised: a browser may treat two URIs differently that a normaliser
//! makes equal (RFC 9700 §4.1.3). The one exception is the port of a loopback URI (RFC 8252 §7.3). So that two spellings
//! never lead to one place, a URI with an authority is accepted only in normal form ([`crate::origin`]).

use std::fmt;

use url::Url;

use crate::Refusal;
use crate::origin::{self, HostKind, NormalUrl, Origin, UrlFlaw};

/// A redirect URI that may be registered: absolute, in normal form if it has an authority, without fragment, user
/// information, dot segments and query parameters that a response would carry. One from a record
/// ([`RedirectUri::from_record`]) may be older than these rules; [`Issuer::permits`](crate::issuer::Issuer::permits)
/// checks it again at every step.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RedirectUri {
    uri: String,
    kind: RedirectKind,
}

/// Which kind of program receives the authorization response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RedirectKind {
    /// A server: an https host that a network leads to.
    Web,
    /// A program on the person's own computer, under any name of that computer, with http or https.
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
        if let Some(flaw) = flaw(text) {
            return Err(Dangerous(advice(flaw)));
        }
        let url = Url::parse(text).map_err(|_| Dangerous(advice(UrlFlaw::Unparsable)))?;
        let reserved = ["code", "error", "error_description", "error_uri", "iss", "state"];
        if url.query_pairs().any(|(name, _)| reserved.contains(&name.as_ref())) {
            return Err(Dangerous("a redirect URI must not have a parameter named like one of the response's"));
        }
        let kind = match url.scheme() {
            "https" => kind_of(&url),
            "http" => {
                Loopback::parse(text).ok_or(Dangerous(
                    "an http redirect URI must be on localhost, 127.0.0.1 or [::1]; use https for all others",
                ))?;
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

    /// A URI from a stored record or a ticket, parsed before it was written, maybe by an earlier release.
    pub fn from_record(uri: String) -> Self {
        let kind = Url::parse(&uri).map_or(RedirectKind::PrivateScheme, |url| kind_of(&url));
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

    /// The origin it leads to; `None` for a private scheme, which has none. Computed on demand, since most URIs are only
    /// compared.
    pub fn origin(&self) -> Option<Origin> {
        match self.kind {
            RedirectKind::Web | RedirectKind::Loopback => Origin::of(&Url::parse(&self.uri).ok()?),
            RedirectKind::PrivateScheme => None,
        }
    }

    /// The part that decides who gets the code, for pages: host and port, or the private scheme.
    pub fn target(&self) -> String {
        let scheme = || self.uri.split(':').next().unwrap_or_default().to_owned();
        self.origin().map_or_else(scheme, |origin| origin.to_string())
    }

    /// The URI without the port that a program may choose anew for each request: the form in which two requests of one
    /// program are equal.
    pub fn without_chosen_port(&self) -> String {
        match Loopback::parse(&self.uri) {
            Some(Loopback { host, rest }) => format!("http://{host}{rest}"),
            None => self.uri.clone(),
        }
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

/// The kind by scheme and parsed host. Plain http on a network host is never registered; if a record has it, it counts as
/// a program that could be anyone's.
fn kind_of(url: &Url) -> RedirectKind {
    match (url.scheme(), Origin::of(url).map(|origin| origin.host_kind())) {
        ("https", Some(HostKind::Network)) => RedirectKind::Web,
        ("https" | "http", Some(HostKind::Network | HostKind::ThisComputer)) => RedirectKind::Loopback,
        _ => RedirectKind::PrivateScheme,
    }
}

/// Why `text` is not in the one spelling that all parsers read alike; `None` if it is. A private-use scheme may go without
/// an authority (RFC 8252 §7.1).
fn flaw(text: &str) -> Option<UrlFlaw> {
    let flaw = NormalUrl::parse(text).err()?;
    let without_authority = |(scheme, rest): (&str, &str)| {
        !matches!(scheme, "http" | "https") && (!rest.starts_with("//") || rest.starts_with("///"))
    };
    match (flaw, text.split_once(':')) {
        (UrlFlaw::Spelling | UrlFlaw::Host, Some(parts)) if without_authority(parts) => {
            let is_normal = Url::parse(text).is_ok_and(|url| url.as_str() == text);
            if origin::has_dot_segment(parts.1) {
                Some(UrlFlaw::DotSegment)
            } else {
                (!is_normal).then_some(UrlFlaw::Spelling)
            }
        }
        (flaw, _) => Some(flaw),
    }
}

fn advice(flaw: UrlFlaw) -> &'static str {
    match flaw {
        UrlFlaw::Characters => "a redirect URI consists of the characters of RFC 3986; encode all others",
        UrlFlaw::Fragment => "a redirect URI must not have a fragment",
        UrlFlaw::Unparsable => "a redirect URI must be an absolute URI",
        UrlFlaw::UserInformation => "a redirect URI must not have user information",
        UrlFlaw::Escape => "in a redirect URI, % begins an escape of two hexadecimal digits",
        UrlFlaw::DotSegment => "a redirect URI must not have . or .. segments",
        UrlFlaw::Spelling => {
            "write a redirect URI in its normal form: lower-case scheme and host, no default port, addresses as usual"
        }
        UrlFlaw::Host => "write the host of a redirect URI in its plain form",
    }
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
            ("http://localhost:33418", RedirectKind::Loopback, "localhost:33418"),
            ("https://localhost:8443/cb", RedirectKind::Loopback, "localhost:8443"),
            ("https://[::1]/cb", RedirectKind::Loopback, "[::1]"),
            ("https://app.localhost/", RedirectKind::Loopback, "app.localhost"),
            ("https://127.8.8.8/cb", RedirectKind::Loopback, "127.8.8.8"),
            ("https://[::ffff:7f00:1]/cb", RedirectKind::Loopback, "[::ffff:7f00:1]"),
            ("https://0.0.0.0:8443/cb", RedirectKind::Loopback, "0.0.0.0:8443"),
            ("https://app.example", RedirectKind::Web, "app.example"),
            (CURSOR, RedirectKind::PrivateScheme, "cursor"),
        ] {
            let parsed = parse(uri).unwrap_or_else(|why| panic!("{uri}: {why:?}"));
            assert_eq!((parsed.kind(), parsed.target().as_str()), (kind, target), "{uri}");
        }
    }

    /// Requirements: R1, conflict 2.
    #[test]
    #[expect(clippy::too_many_lines, reason = "one URI for each entry")]
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
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "https://app.example:/cb",
            "https://app.example./cb",
            "https://XN--BCHER-KVA.example/cb",
            "https://127.1/cb",
            "https://[::ffff:127.0.0.1]/cb",
            "https://[0:0::1]/cb",
            "https://app.example/a%2F..%2fcb",
            "https://app.example/%",
            "http://localhost:80/cb",
            "http://LOCALHOST/cb",
            "http:/127.0.0.1/cb",
            "cursor://Anysphere.cursor-mcp/oauth/callback",
            "cursor://anysphere.cursor-mcp/oauth/../callback",
            "cursor:/oauth/../callback",
            "cursor:///a/%2e%2E/callback",
        ] {
            assert!(matches!(parse(uri), Err(RedirectUriError::Dangerous(_))), "{uri:?}: {:?}", parse(uri));
        }
        for listed in ["com.app:/cb", "com.app:cb", "com.app:///cb", "com.app://host/cb", "com.app://host"] {
            let parsed = RedirectUri::parse(listed, &[listed.to_owned()]);
            assert!(parsed.is_ok_and(|uri| uri.target() == "com.app"), "{listed}");
            assert_eq!(parse(listed), Err(RedirectUriError::UnlistedScheme), "{listed}");
        }
        assert_eq!(parse("cursor://anysphere.cursor-mcp/oauth/callbacks"), Err(RedirectUriError::UnlistedScheme));
        assert!(parse(&format!("https://app.example/{}", "x".repeat(2048))).is_err());
    }

    /// A record may hold what an earlier release accepted. Its kind and origin follow from the parsed host all the same.
    ///
    /// Requirements: B7, B31.
    #[test]
    fn a_stored_uri_in_another_spelling_is_judged_by_its_parsed_host() {
        for (stored, kind, target) in [
            ("https://GATE.example:443/authorize", RedirectKind::Web, "gate.example"),
            ("https://LOCALHOST:8443/cb", RedirectKind::Loopback, "localhost:8443"),
            ("https://localhost./cb", RedirectKind::Loopback, "localhost."),
            ("https://0x7f.1/cb", RedirectKind::Loopback, "127.0.0.1"),
            ("https://[::ffff:127.0.0.1]/cb", RedirectKind::Loopback, "[::ffff:7f00:1]"),
            ("http://app.example/cb", RedirectKind::Loopback, "app.example"),
            ("https://", RedirectKind::PrivateScheme, "https"),
        ] {
            let uri = RedirectUri::from_record(stored.to_owned());
            assert_eq!((uri.kind(), uri.target().as_str()), (kind, target), "{stored}");
        }
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
                prop_assert_eq!(Origin::of(&url).map(|origin| origin.to_string()), uri.origin().map(|_| uri.target()));
                if url.scheme() == "http" {
                    prop_assert!(["localhost", "127.0.0.1", "[::1]"].contains(&url.host_str().unwrap()));
                }
            }
        }
    }
}
