//! What is asked of an authorization server: the requirements that can be judged from outside, by their ids in
//! tests/conformance.md. `L` are this tool's own.
//!
//! An id keeps its meaning for ever: reports are compared across versions.

macro_rules! rules {
    ($($id:ident $level:ident $text:literal, $source:literal;)+) => {
        /// A requirement. The order is that of a report.
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

            /// Where it is written.
            pub(crate) fn source(self) -> &'static str {
                match self { $(Rule::$id => $source),+ }
            }
        }
    };
}

/// What it means not to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// It fails.
    Must,
    /// It warns.
    Should,
}

rules! {
    A2 Must "metadata is published where clients look", "MCP Authorization, AS discovery; RFC 8414 §3";
    A3 Must "every place gives the same, none redirects or breaks", "MCP Authorization, AS discovery; RFC 8414 §3.1";
    A4 Must "issuer is the identifier, byte for byte", "RFC 8414 §3.3";
    A5 Must "PKCE S256 is advertised", "MCP Authorization, Authorization Code Protection; RFC 8414 §2";
    A6 Should "every answer names its issuer, once", "RFC 9207 §2, §2.3, §3";
    A7 Should "client-id metadata documents are advertised", "MCP Authorization, Client ID Metadata Documents";
    A8 Should "any client can register", "MCP Authorization, Dynamic Client Registration; RFC 7591 §3";
    A10 Must "a redirect URI is a registered one, exactly", "RFC 9700 §2.1, §4.1.3; MCP Authorization, Open Redirection";
    A11 Should "no early error is redirected to a stranger", "OAuth 2.1 §7.12.2";
    A14 Must "every endpoint is https, or loopback", "MCP Authorization, Communication Security";
    A15 Must "no secret comes back in an error", "OAuth 2.1 §7.1; RFC 9700 §4.2";
    A22 Must "errors have the right status and form, never 5xx", "RFC 6749 §5.2; MCP Authorization, Error Handling";
    A26 Must "nobody is let in without PKCE", "OAuth 2.1 §4.1.2.1; RFC 9700 §2.1.1";
    B1 Must "a page asks before anybody is sent to a provider", "MCP Security Best Practices, Confused Deputy";
    B5 Must "the page names the client, escaped", "MCP Security Best Practices, Consent UI";
    B6 Must "the page names the scopes", "MCP Security Best Practices, Consent UI";
    B7 Must "the page shows where the access goes", "MCP Security Best Practices, Consent UI";
    B9 Must "no page can be framed", "MCP Security Best Practices, Consent UI; RFC 9700 §4.16";
    B10 Must "cookies have the __Host- prefix", "MCP Security Best Practices, Consent Cookie Security";
    B11 Must "cookies are Secure, HttpOnly, SameSite=Lax, Path=/", "MCP Security Best Practices, Consent Cookie Security";
    B21 Must "no state or consent cookie before an approval", "MCP Security Best Practices, OAuth State";
    B34 Must "no two clients get the same secret", "MCP Security Best Practices, Confused Deputy; RFC 7591 §3.2.1";
    B35 Should "an unknown client is answered by 4xx at once", "OAuth 2.1 §4.1.2.1; GHSA-wx5f-576r-gpcx";
    C1 Must "resource metadata names this issuer first", "RFC 9728 §2; MCP Authorization, AS location";
    C2 Must "resource metadata is at both places", "RFC 9728 §3.1; MCP Authorization, PRM discovery";
    C3 Must "resource is the server's URL, byte for byte", "RFC 9728 §3.3";
    C4 Should "the challenge names the scopes", "MCP Authorization, Scope Selection";
    C7 Must "a token in the query is not read", "MCP Authorization, Token Usage; OAuth 2.1 §5.1";
    C11 Must "the challenge is what SDKs can parse", "RFC 9728 §5.1; RFC 6750 §3";
    A23 Should "offline_access is not the resource's scope", "MCP Authorization, Refresh Tokens; SEP-2207";
    R25 Must "a bad token is 401 invalid_token, none is no error", "RFC 6750 §3.1";
    E6 Must "a request without scope goes on", "OAuth 2.1 §1.4.1";
    E7 Should "what clients add is no error", "OAuth 2.1 §3.1";
    R1 Must "an unknown client is never redirected", "RFC 6749 §4.1.2.1; OAuth 2.1 §4.1.2.1";
    R3 Must "a loopback redirect may have any port", "RFC 8252 §7.3; OAuth 2.1 §8.4.2";
    R4 Must "only code: no implicit, no password", "OAuth 2.1 §10; RFC 9700 §2.1.2, §2.4";
    R5 Must "only PKCE S256", "OAuth 2.1 §7.5; RFC 7636 §4.2";
    R7 Must "a repeated parameter is refused", "RFC 6749 §3.1, §3.2";
    R8 Must "no other origin reads the authorization endpoint", "OAuth 2.1 §3.1; RFC 9700 §2.6";
    R9 Must "no 307 or 308", "RFC 9700 §4.12; OAuth 2.1 §7.5.3";
    R11 Must "state comes back exactly", "RFC 6749 §4.1.2, §4.1.2.1";
    R12 Must "the token endpoint takes POSTed forms only", "RFC 6749 §3.2; OAuth 2.1 §3.2";
    R13 Must "an unknown client is 401 invalid_client, one method", "RFC 6749 §2.3, §5.2";
    R16 Must "what holds a credential is not cached", "RFC 6749 §5.1; RFC 7591 §3.2.1";
    R22 Should "every page has a content security policy", "OAuth 2.1 §7.11";
    R26 Should "programs in web pages may call", "OAuth 2.1 §3.2; MCP SDKs";
    R31 Must "a registration's answer is complete and plain", "RFC 7591 §3.2.1";
    R32 Must "harmful redirect URIs are refused, as JSON", "RFC 7591 §3.2.2; OAuth 2.1 §2.3.2";
    R34 Should "client_secret_post may be asked for", "RFC 7591 §2; hosted clients do";
    R35 Should "each registration is a client of its own", "RFC 7591 §5";
    R37 Should "a registration can be read and deleted", "RFC 7592 §2";
    R41 Must "metadata is whole: members, types, content type", "RFC 8414 §2, §3.2";
    R44 Must "published keys are public, and named", "RFC 7517 §4, §9.3; RFC 9068 §4";
    R52 Should "pages tell nobody where one came from", "RFC 9700 §4.2.4";
    L1 Must "every answer ends, soon and small", "lychgate check: 512 KiB, --timeout";
    L2 Must "what a stranger sends is not markup", "CWE-79; MCP Security Best Practices, Consent UI";
    L3 Should "no page of a flow is stored", "RFC 9111 §5.2.2.5; RFC 9700 §4.2";
}
