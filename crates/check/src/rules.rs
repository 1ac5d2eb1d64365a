//! The requirements that can be judged from outside, by their ids in `tests/conformance.md`. Ids with an `L` exist only here.
//!
//! An id never changes its meaning, because people compare reports of different versions.

macro_rules! rules {
    ($($id:ident $level:ident $text:literal, $source:literal;)+) => {
        /// A requirement. A report lists them in this order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Rule { $($id),+ }

        impl Rule {
            pub(crate) const ALL: &[Rule] = &[$(Rule::$id),+];

            pub(crate) fn id(self) -> &'static str {
                match self { $(Rule::$id => stringify!($id)),+ }
            }

            pub(crate) fn level(self) -> Level {
                match self { $(Rule::$id => Level::$level),+ }
            }

            pub(crate) fn text(self) -> &'static str {
                match self { $(Rule::$id => $text),+ }
            }

            /// The specification and sections that state it.
            pub(crate) fn source(self) -> &'static str {
                match self { $(Rule::$id => $source),+ }
            }
        }
    };
}

/// The consequence of a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// The row fails, and with it the report.
    Must,
    /// The row warns.
    Should,
}

rules! {
    A2 Must "metadata is published where clients look", "MCP Authorization, AS discovery; RFC 8414 §3";
    A3 Must "all metadata URLs agree, none redirects or breaks", "MCP Authorization, AS discovery; RFC 8414 §3.1";
    A4 Must "issuer is the identifier, byte for byte", "RFC 8414 §3.3";
    A5 Must "PKCE S256 is advertised", "MCP Authorization, Authorization Code Protection; RFC 8414 §2";
    A6 Should "an authorization response has iss, exactly once", "RFC 9207 §2, §2.3, §3";
    A7 Should "client-id metadata documents are advertised", "MCP Authorization, Client ID Metadata Documents";
    A8 Should "any client can register", "MCP Authorization, Dynamic Client Registration; RFC 7591 §3";
    A10 Must "a redirect URI must equal a registered one", "RFC 9700 §2.1, §4.1.3; MCP Authorization, Open Redirection";
    A11 Should "early errors are not redirected to web addresses", "OAuth 2.1 §7.12.2";
    A14 Must "every endpoint is https, or loopback", "MCP Authorization, Communication Security";
    A15 Must "an error repeats no secret of the request", "OAuth 2.1 §7.1; RFC 9700 §4.2";
    A22 Must "errors have the right status and form, never 5xx", "RFC 6749 §5.2; MCP Authorization, Error Handling";
    A26 Must "a request without PKCE is refused", "OAuth 2.1 §4.1.2.1; RFC 9700 §2.1.1";
    B1 Must "a consent page comes before the identity provider", "MCP Security Best Practices, Confused Deputy";
    B5 Must "the page names the client, escaped", "MCP Security Best Practices, Consent UI";
    B6 Must "the page names the scopes", "MCP Security Best Practices, Consent UI";
    B7 Must "the page shows the redirect URI", "MCP Security Best Practices, Consent UI";
    B9 Must "no page can be framed", "MCP Security Best Practices, Consent UI; RFC 9700 §4.16";
    B10 Must "cookies have the __Host- prefix", "MCP Security Best Practices, Consent Cookie Security";
    B11 Must "cookies are Secure, HttpOnly, SameSite=Lax, Path=/", "MCP Security Best Practices, Consent Cookie Security";
    B21 Must "no state or consent cookie before an approval", "MCP Security Best Practices, OAuth State";
    B34 Must "no two clients get the same secret", "MCP Security Best Practices, Confused Deputy; RFC 7591 §3.2.1";
    B35 Should "an unknown client gets 4xx at once", "OAuth 2.1 §4.1.2.1; GHSA-wx5f-576r-gpcx";
    C1 Must "resource metadata names this issuer first", "RFC 9728 §2; MCP Authorization, AS location";
    C2 Must "resource metadata is at both well-known URLs", "RFC 9728 §3.1; MCP Authorization, PRM discovery";
    C3 Must "resource is the server's URL, byte for byte", "RFC 9728 §3.3";
    C4 Should "the challenge names the scopes", "MCP Authorization, Scope Selection";
    C7 Must "a token in the query is ignored", "MCP Authorization, Token Usage; OAuth 2.1 §5.1";
    C11 Must "SDKs can parse the challenge", "RFC 9728 §5.1; RFC 6750 §3";
    C12 Should "clients in web pages may call the resource (CORS)", "Fetch §3.2.3, §4.8; MCP Inspector in direct mode";
    A23 Should "offline_access is not the resource's scope", "MCP Authorization, Refresh Tokens; SEP-2207";
    R25 Must "a bad token gets 401 invalid_token, no token no error", "RFC 6750 §3.1";
    E6 Must "a request without scope is accepted", "OAuth 2.1 §1.4.1";
    E7 Should "parameters that real clients add are accepted", "OAuth 2.1 §3.1";
    R1 Must "an unknown client is never redirected", "RFC 6749 §4.1.2.1; OAuth 2.1 §4.1.2.1";
    R3 Must "a loopback redirect may have any port", "RFC 8252 §7.3; OAuth 2.1 §8.4.2";
    R4 Must "only code: no implicit, no password", "OAuth 2.1 §10; RFC 9700 §2.1.2, §2.4";
    R5 Must "only PKCE S256", "OAuth 2.1 §7.5; RFC 7636 §4.2";
    R7 Must "a repeated parameter is refused", "RFC 6749 §3.1, §3.2";
    R8 Must "no other origin reads the authorization endpoint", "OAuth 2.1 §3.1; RFC 9700 §2.6";
    R9 Must "no redirect is a 307 or 308", "RFC 9700 §4.12; OAuth 2.1 §7.5.3";
    R11 Must "state comes back unchanged", "RFC 6749 §4.1.2, §4.1.2.1";
    R12 Must "the token endpoint takes POSTed forms only", "RFC 6749 §3.2; OAuth 2.1 §3.2";
    R13 Must "unknown clients get 401; two auth methods are refused", "RFC 6749 §2.3, §5.2";
    R16 Must "responses with credentials are not cached", "RFC 6749 §5.1; RFC 7591 §3.2.1";
    R22 Should "every page has a content security policy", "OAuth 2.1 §7.11";
    R26 Should "clients in web pages may call (CORS)", "OAuth 2.1 §3.2; MCP SDKs";
    R30 Should "clients can give tokens back", "RFC 7009 §2, §2.2; RFC 8414 §2";
    R31 Must "a registration response is complete, without nulls", "RFC 7591 §3.2.1";
    R32 Must "harmful redirect URIs are refused with a JSON error", "RFC 7591 §3.2.2; OAuth 2.1 §2.3.2";
    R33 Should "registered response types are safe and consistent", "RFC 7591 §2.1, §3.2.1; RFC 9700 §2.1.2";
    R34 Should "client_secret_post can be registered", "RFC 7591 §2; hosted clients do";
    R35 Should "each registration is a client of its own", "RFC 7591 §5";
    R37 Should "a registration can be read and deleted", "RFC 7592 §2";
    R41 Must "metadata has the right members and content type", "RFC 8414 §2, §3.2";
    R42 Should "an unknown resource is refused", "RFC 8707 §2, §2.1";
    R44 Must "published keys are public and have kid and alg", "RFC 7517 §4, §9.3; RFC 9068 §4";
    R52 Should "pages do not leak their URLs to other sites", "RFC 9700 §4.2.4";
    L1 Must "every response ends in time and is small", "lychgate check: 512 KiB, --timeout";
    L2 Must "text of a request never becomes markup", "CWE-79; MCP Security Best Practices, Consent UI";
    L3 Should "pages of a flow are not cached", "RFC 9111 §5.2.2.5; RFC 9700 §4.2";
    L4 Should "a name cannot turn the text of the page around", "Unicode UAX 9 §2; MCP Security Best Practices, Consent UI";
    L5 Must "no header of a request changes the metadata", "RFC 8414 §3.3; RFC 9700 §4.13";
    L6 Should "Cursor can register", "Cursor's registration; RFC 8252 §7.1, §7.3";
    L7 Should "VS Code can register", "VS Code's registration; RFC 8252 §7.3";
    L8 Should "implicit and password are not advertised", "OAuth 2.1 §10; RFC 9700 §2.1.2, §2.4; RFC 8414 §2";
    L9 Should "an unknown scope is refused or left out", "RFC 6749 §3.3, §4.1.2.1";
    L10 Must "a callback without a code is refused with 4xx", "RFC 6749 §4.1.2; MCP Authorization, Error Handling";
    L11 Must "a token that no key signed is refused", "RFC 8725 §3.1, §3.2; RFC 9068 §4; RFC 6750 §3.1";
    L12 Must "a token for another resource is refused", "MCP Authorization, Token Audience Binding; RFC 8707 §2; RFC 9068 §4";
}
