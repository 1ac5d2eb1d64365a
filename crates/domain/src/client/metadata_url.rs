//! Client ids that are URLs of metadata documents (draft-ietf-oauth-client-id-metadata-document-01 §3).
//!
//! Such an id is compared byte for byte, shown to people and fetched, so it is in normal form ([`crate::origin`]).

use std::fmt;

use url::Url;

use crate::client::redirect_uri::RedirectUri;
use crate::origin::{NormalUrl, Origin, UrlFlaw};

const MAX_BYTES: usize = 512;

/// A client id that may be fetched: an https URL in normal form, with a path and without a query.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataUrl(NormalUrl);

impl MetadataUrl {
    /// The error says what to change.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        if text.len() > MAX_BYTES {
            return Err("a client id that is a URL has at most 512 characters");
        }
        let parsed = NormalUrl::parse(text);
        if parsed == Err(UrlFlaw::Characters) {
            return Err(advice(UrlFlaw::Characters));
        }
        let after_scheme = text.strip_prefix("https://").ok_or("a client id that is a URL begins with https://")?;
        if text.contains('#') {
            return Err(advice(UrlFlaw::Fragment));
        }
        // With a query, one document could be any number of clients.
        if text.contains('?') {
            return Err("a client id must not have a query");
        }
        if after_scheme.split_once('/').is_none_or(|(_, path)| path.is_empty()) {
            return Err("a client id that is a URL has a path");
        }
        parsed.map(Self).map_err(advice)
    }

    /// The id, byte for byte.
    pub fn as_str(&self) -> &str {
        self.as_url().as_str()
    }

    /// The id as a parsed URL.
    pub fn as_url(&self) -> &Url {
        self.0.as_url()
    }

    /// The website that vouches for the client: host and port.
    pub fn website(&self) -> &Origin {
        self.0.origin()
    }

    /// The host without the port; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.website().host()
    }

    /// True if `uri` leads to the document's website: the same scheme, host and port. Another port of the host may belong
    /// to another owner.
    pub fn is_website_of(&self, uri: &RedirectUri) -> bool {
        uri.origin().as_ref() == Some(self.website())
    }
}

impl fmt::Display for MetadataUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for MetadataUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MetadataUrl({:?})", self.as_str())
    }
}

fn advice(flaw: UrlFlaw) -> &'static str {
    match flaw {
        UrlFlaw::Characters => "a client id that is a URL consists of the characters of RFC 3986; encode all others",
        UrlFlaw::Fragment => "a client id must not have a fragment",
        UrlFlaw::Unparsable => "a client id that looks like a URL must be one",
        UrlFlaw::UserInformation => "a client id must not have user information",
        UrlFlaw::Escape => "in a client id, % begins an escape of two hexadecimal digits",
        UrlFlaw::DotSegment => "a client id must not have . or .. segments",
        UrlFlaw::Spelling => "write a client id that is a URL in its normal form",
        UrlFlaw::Host => "write the host of a client id in its plain form",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Requirements: D1.
    #[test]
    fn ids_of_real_clients_are_accepted_byte_for_byte() {
        for (text, host) in [
            ("https://claude.ai/oauth/mcp-oauth-client-metadata", "claude.ai"),
            ("https://chatgpt.com/oauth/client.json", "chatgpt.com"),
            ("https://vscode.dev/oauth/client-metadata.json", "vscode.dev"),
            ("https://app.example:8443/client.json", "app.example"),
            ("https://xn--bcher-kva.example/a/", "xn--bcher-kva.example"),
            ("https://my_app.example/a//b;c=d/%C3%A9/...", "my_app.example"),
            ("https://localhost:8443/client.json", "localhost"),
            ("https://127.0.0.1:8443/client.json", "127.0.0.1"),
            ("https://[::1]:8443/client.json", "[::1]"),
        ] {
            let url = MetadataUrl::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!((url.as_str(), url.host()), (text, host));
        }
    }

    /// Requirements: D1.
    #[test]
    #[expect(clippy::too_many_lines, reason = "one line for each refused text")]
    fn an_id_that_is_not_in_normal_form_is_refused() {
        let (path, host) = ("a client id that is a URL has a path", "write the host of a client id in its plain form");
        let (normal, scheme) =
            ("write a client id that is a URL in its normal form", "a client id that is a URL begins with https://");
        let dots = "a client id must not have . or .. segments";
        let user = "a client id must not have user information";
        let characters = "a client id that is a URL consists of the characters of RFC 3986; encode all others";
        let escape = "in a client id, % begins an escape of two hexadecimal digits";
        for (text, why) in [
            ("", scheme),
            ("client-1", scheme),
            ("http://app.example/c", scheme),
            ("HTTPS://app.example/c", scheme),
            ("https:app.example/c", scheme),
            ("https:/app.example/c", scheme),
            ("//app.example/c", scheme),
            ("https://app.example", path),
            ("https://app.example/", path),
            ("https://app.example/c#", "a client id must not have a fragment"),
            ("https://app.example/c#x", "a client id must not have a fragment"),
            ("https://app.example/c?", "a client id must not have a query"),
            ("https://app.example/c?x=1", "a client id must not have a query"),
            ("https://@app.example/c", user),
            ("https://me@app.example/c", user),
            ("https://me:pw@app.example/c", user),
            ("https://app.example%40evil.example/c", "a client id that looks like a URL must be one"),
            ("https://app.example/./c", dots),
            ("https://app.example/a/../c", dots),
            ("https://app.example/..", dots),
            ("https://app.example/a/%2e%2E/c", dots),
            ("https://app.example/a/.%2e/c", dots),
            ("https://app.example/a%2f..%2Fc", dots),
            ("https://app.example/a%5c..%5Cc", dots),
            ("https://app.example/%", escape),
            ("https://app.example/%2", escape),
            ("https://app.example/%zz", escape),
            ("https://app.example\\@evil.example/c", characters),
            ("https://app.example/c d", characters),
            (" https://app.example/c", characters),
            ("https://app.example/c\n", characters),
            ("https://app.ex\u{e4}mple/c", characters),
            ("https://app.example/{c}", characters),
            ("https://App.example/c", normal),
            ("https://app.example:443/c", normal),
            ("https://app.example:/c", normal),
            ("https://app.example:08443/c", normal),
            ("https://ex%61mple.com/c", normal),
            ("https://2130706433/c", normal),
            ("https://0x7f.1/c", normal),
            ("https://0177.0.0.1/c", normal),
            ("https://127.1/c", normal),
            ("https://127.0.0.1./c", normal),
            ("https://[::0:1]/c", normal),
            ("https://[::ffff:127.0.0.1]/c", normal),
            ("https:///c", normal),
            ("https://app.example./c", host),
            ("https://localhost./c", host),
            ("https://app..example/c", host),
            ("https://*.example/c", host),
            ("https://app.example:99999/c", "a client id that looks like a URL must be one"),
            ("https://[::1/c", "a client id that looks like a URL must be one"),
        ] {
            assert_eq!(MetadataUrl::parse(text), Err(why), "{text:?}");
        }
        let fits = format!("https://app.example/{}", "c".repeat(MAX_BYTES - "https://app.example/".len()));
        assert!(MetadataUrl::parse(&fits).is_ok());
        let long = MetadataUrl::parse(&(fits + "c"));
        assert_eq!(long, Err("a client id that is a URL has at most 512 characters"));
    }

    /// Requirements: D18.
    #[test]
    fn host_and_port_make_the_website_of_a_document() {
        let redirect = |text: &str| RedirectUri::parse(text, &["app.example://cb".to_owned()]).unwrap();
        for (document, website, here, elsewhere) in [
            (
                "https://app.example/c",
                "app.example",
                ["https://app.example/cb", "https://app.example?x=1"],
                ["https://app.example:8443/cb", "https://www.app.example/cb"],
            ),
            (
                "https://app.example:8443/c",
                "app.example:8443",
                ["https://app.example:8443/cb", "https://app.example:8443"],
                ["https://app.example/cb", "https://app.example:8444/cb"],
            ),
            (
                "https://[2001:db8::1]:8443/c",
                "[2001:db8::1]:8443",
                ["https://[2001:db8::1]:8443/cb", "https://[2001:db8::1]:8443/"],
                ["https://[2001:db8::1]/cb", "https://[2001:db8::2]:8443/cb"],
            ),
        ] {
            let url = MetadataUrl::parse(document).unwrap();
            assert_eq!(url.website().to_string(), website);
            assert!(here.iter().all(|uri| url.is_website_of(&redirect(uri))), "{document}");
            assert!(!elsewhere.iter().any(|uri| url.is_website_of(&redirect(uri))), "{document}");
        }
        assert!(!MetadataUrl::parse("https://app.example/c").unwrap().is_website_of(&redirect("app.example://cb")));
    }

    proptest! {
        /// Every parser finds the same host in an accepted id: between `https://` and the next `/` or `:`.
        ///
        /// Requirements: D1.
        #[test]
        fn every_parser_reads_an_accepted_client_id_alike(
            text in r"(https://)?[aA0-9.:@\[\]%x_-]{0,12}(/[a.%2eEfF/\\?#@;:]{0,6}){0,3}"
        ) {
            if let Ok(url) = MetadataUrl::parse(&text) {
                prop_assert_eq!(url.as_str(), &text);
                let reparsed = Url::parse(&text).unwrap();
                prop_assert_eq!(reparsed.as_str(), &text);
                let rest = text.strip_prefix("https://").unwrap();
                let after_host = rest.strip_prefix(url.host()).unwrap();
                prop_assert!(after_host.starts_with(['/', ':']));
                prop_assert_eq!(url.as_url().path(), &rest[rest.find('/').unwrap()..]);
            }
        }

        #[test]
        fn no_text_makes_parsing_panic(text in any::<String>(), tail in any::<String>()) {
            _ = MetadataUrl::parse(&text);
            _ = MetadataUrl::parse(&format!("https://{tail}"));
        }
    }
}
