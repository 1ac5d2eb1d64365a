//! Clients with a metadata document at the URL that is their id (draft-ietf-oauth-client-id-metadata-document, CIMD).
//! This module decides what a document must say, not how it is fetched.

use super::authentication_method::client_keys;
use super::checked_metadata::describe;
use crate::Refusal;
use crate::client::claimed_name;
use crate::client::metadata::MetadataDocument;
use crate::client::metadata_url::MetadataUrl;
use crate::client::redirect_uri::{RedirectKind, RedirectUri};
use crate::client::{Authentication, AuthenticationMethod, Client, ClientOrigin, ClientStatus, UnsignedRequests};
use crate::id::ClientId;
use crate::issuer::{DocumentRedirects, Issuer};

/// True if a metadata document may be at `id`. Ids that Lychgate makes never look like a URL (CIMD §6.9).
pub fn is_url(id: &ClientId) -> bool {
    id.as_str().starts_with("https://")
}

/// The URL of the document, checked before anything is fetched.
///
/// Refuses with [`Refusal::MetadataUrlInvalid`], [`Refusal::MetadataHostForbidden`], or [`Refusal::ClientUnknown`] if
/// the issuer accepts no documents.
pub fn url(id: &ClientId, issuer: &Issuer) -> Result<MetadataUrl, Refusal> {
    let url = MetadataUrl::parse(id.as_str()).map_err(Refusal::MetadataUrlInvalid)?;
    match &issuer.policy.documents.hosts {
        _ if pinned(&url, issuer).is_some() => Ok(url),
        None => Err(Refusal::ClientUnknown),
        Some(hosts) if hosts.include(url.host()) => Ok(url),
        Some(_) => Err(Refusal::MetadataHostForbidden),
    }
}

/// The document that the operator keeps in place of the one at `url`.
pub fn pinned<'a>(url: &MetadataUrl, issuer: &'a Issuer) -> Option<&'a MetadataDocument> {
    issuer.policy.documents.pinned.iter().find(|document| document.client_id.as_deref() == Some(url.as_str()))
}

/// The URL of the client's document, whose website vouches for its metadata (CIMD §6.4); `None` for other clients.
pub fn url_of(client: &Client) -> Option<MetadataUrl> {
    match client.origin {
        ClientOrigin::Document => MetadataUrl::parse(client.id.as_str()).ok(),
        ClientOrigin::Configured | ClientOrigin::Registered { .. } => None,
    }
}

/// True if `uri` leads to another website than that of the client's document. A program on the person's own computer is
/// no website.
pub fn leads_elsewhere(document: &MetadataUrl, uri: &RedirectUri) -> bool {
    uri.kind() == RedirectKind::Web && !document.is_website_of(uri)
}

/// Checks that `document`, found at `url`, is valid for any issuer. An invalid document must not be cached (CIMD §4.3).
/// The error says what is wrong.
pub fn well_formed(url: &str, document: &MetadataDocument) -> Result<(), &'static str> {
    // Simple string comparison (CIMD §4.1, D4). Otherwise a document could be served under another client's name.
    if document.client_id.as_deref() != Some(url) {
        return Err("its client_id is not its URL, byte for byte");
    }
    if document.metadata.client_name.as_deref().and_then(claimed_name::recorded).is_none() {
        return Err("it has no client_name");
    }
    if document.metadata.redirect_uris.is_empty() {
        return Err("it has no redirect_uris");
    }
    // A secret in a public document is none (CIMD §4.1, D5).
    if document.secret {
        return Err("it has a client_secret");
    }
    let method = document.metadata.token_endpoint_auth_method.as_deref();
    if method.is_some_and(|method| method.starts_with("client_secret")) {
        return Err("it authenticates with a shared secret");
    }
    Ok(())
}

/// The client that `document`, found at `url`, describes. Refuses with [`Refusal::MetadataDocumentInvalid`].
pub fn client(url: &MetadataUrl, document: &MetadataDocument, issuer: &Issuer) -> Result<Client, Refusal> {
    let invalid = Refusal::MetadataDocumentInvalid;
    well_formed(url.as_str(), document).map_err(invalid)?;
    let described = describe(&document.metadata, issuer).map_err(as_document)?;
    let id = ClientId::parse(url.as_str()).ok_or(Refusal::ClientUnknown)?;
    let client = described.client(id, ClientOrigin::Document, ClientStatus::Enabled, authentication(document)?);
    let must_stay = issuer.policy.documents.redirects == DocumentRedirects::SameHost;
    if must_stay && client.redirect_uris.iter().any(|uri| leads_elsewhere(url, uri)) {
        return Err(invalid("it has a redirect URI on another website, which the operator does not permit"));
    }
    Ok(client)
}

/// The client's authentication: by a signature if it has keys, and also without one if the document lists `none`.
fn authentication(document: &MetadataDocument) -> Result<Authentication, Refusal> {
    let invalid = Refusal::MetadataDocumentInvalid;
    let registered = document.metadata.token_endpoint_auth_method.as_deref();
    let named: Vec<&str> = registered.into_iter().chain(document.methods.iter().map(String::as_str)).collect();
    let lists = |method: AuthenticationMethod| named.contains(&method.as_str());
    let public = named.is_empty() || lists(AuthenticationMethod::None);
    if !lists(AuthenticationMethod::PrivateKeyJwt) {
        return if public { Ok(Authentication::Public) } else { Err(invalid("it has no method that is spoken here")) };
    }
    let unsigned = if public { UnsignedRequests::Public } else { UnsignedRequests::Refused };
    match (client_keys(&document.metadata).map_err(as_document)?, unsigned) {
        (Some(keys), unsigned) => Ok(Authentication::Keys { keys, unsigned }),
        (None, UnsignedRequests::Public) => Ok(Authentication::Public),
        (None, UnsignedRequests::Refused) => Err(invalid("it has no key that can be used, neither jwks nor jwks_uri")),
    }
}

/// Metadata that is refused in a registration is refused in a document.
fn as_document(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::RegistrationRedirectUriInvalid(why) | Refusal::RegistrationMetadataInvalid(why) => {
            Refusal::MetadataDocumentInvalid(why)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::jwk::tests::ec;
    use crate::client::metadata::ClientMetadata;
    use crate::client::{ClientKeys, GrantType};
    use crate::issuer::tests::issuer;
    use crate::issuer::{ClientPolicy, DocumentPolicy, HostPatterns};

    const CLAUDE_CODE: &str = "https://claude.ai/oauth/claude-code-client-metadata";

    fn at(url: &str) -> MetadataUrl {
        MetadataUrl::parse(url).unwrap()
    }

    /// A document like that of Claude Code.
    fn document() -> MetadataDocument {
        MetadataDocument {
            client_id: Some(CLAUDE_CODE.to_owned()),
            metadata: ClientMetadata {
                redirect_uris: ["http://localhost/callback", "http://127.0.0.1/callback"].map(str::to_owned).to_vec(),
                client_name: Some("Claude Code".to_owned()),
                grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"]
                    .map(str::to_owned)
                    .to_vec(),
                token_endpoint_auth_method: Some("none".to_owned()),
                ..ClientMetadata::default()
            },
            ..MetadataDocument::default()
        }
    }

    fn with(metadata: impl FnOnce(&mut ClientMetadata)) -> MetadataDocument {
        let mut document = document();
        metadata(&mut document.metadata);
        document
    }

    fn with_documents(documents: DocumentPolicy) -> Issuer {
        Issuer { policy: ClientPolicy { documents, ..issuer().policy }, ..issuer() }
    }

    fn read(document: &MetadataDocument) -> Result<Client, Refusal> {
        client(&at(CLAUDE_CODE), document, &issuer())
    }

    /// Requirements: D2, D6, D16.
    #[test]
    fn a_valid_document_makes_a_client() {
        let client = read(&document()).unwrap();
        assert_eq!((client.id.as_str(), client.origin.clone()), (CLAUDE_CODE, ClientOrigin::Document));
        assert_eq!(client.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
        assert_eq!(client.authentication, Authentication::Public);
        assert!(client.redirect_uris[1].matching("http://127.0.0.1:54321/callback").is_some());
    }

    /// Requirements: D4, D5.
    #[test]
    fn each_flaw_makes_a_document_invalid() {
        let text = |text: &str| Some(text.to_owned());
        for (why, document) in [
            ("no client_id", MetadataDocument { client_id: None, ..document() }),
            ("a slash more", MetadataDocument { client_id: text(&format!("{CLAUDE_CODE}/")), ..document() }),
            ("another case", MetadataDocument { client_id: text(&CLAUDE_CODE.replace("ai", "AI")), ..document() }),
            ("encoded", MetadataDocument { client_id: text(&CLAUDE_CODE.replace("oauth", "%6Fauth")), ..document() }),
            ("a secret", MetadataDocument { secret: true, ..document() }),
            ("no name", with(|metadata| metadata.client_name = None)),
            ("an empty name", with(|metadata| metadata.client_name = text(" "))),
            ("no redirect URIs", with(|metadata| metadata.redirect_uris.clear())),
            (
                "a redirect URI that could harm",
                with(|metadata| metadata.redirect_uris = vec!["javascript:x".to_owned()]),
            ),
            ("a shared secret", with(|metadata| metadata.token_endpoint_auth_method = text("client_secret_basic"))),
            ("a method of others", with(|metadata| metadata.token_endpoint_auth_method = text("tls_client_auth"))),
            ("no keys", with(|metadata| metadata.token_endpoint_auth_method = text("private_key_jwt"))),
        ] {
            assert!(matches!(read(&document), Err(Refusal::MetadataDocumentInvalid(_))), "{why}");
        }
    }

    /// Requirements: D15.
    #[test]
    fn a_document_with_private_key_jwt_and_none_makes_signatures_optional() {
        let signing = |methods: &[&str]| MetadataDocument {
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            ..with(|metadata| {
                metadata.token_endpoint_auth_method = Some("private_key_jwt".to_owned());
                metadata.jwks_uri = Some("https://chatgpt.com/oauth/jwks.json".to_owned());
            })
        };
        let keys = || ClientKeys::ByReference("https://chatgpt.com/oauth/jwks.json".to_owned());
        let authentication = |methods: &[&str]| read(&signing(methods)).unwrap().authentication;
        let refused = Authentication::Keys { keys: keys(), unsigned: UnsignedRequests::Refused };
        assert_eq!(authentication(&[]), refused);
        assert_eq!(authentication(&["private_key_jwt"]), refused);
        let either = Authentication::Keys { keys: keys(), unsigned: UnsignedRequests::Public };
        assert_eq!(authentication(&["private_key_jwt", "none"]), either);
        let by_value = with(|metadata| {
            metadata.token_endpoint_auth_method = Some("private_key_jwt".to_owned());
            metadata.jwks = Some(vec![ec("a")]);
        });
        assert!(matches!(
            read(&by_value).unwrap().authentication,
            Authentication::Keys { keys: ClientKeys::ByValue(_), .. }
        ));
    }

    /// Requirements: A20, D1.
    #[test]
    fn a_forbidden_host_is_refused_before_any_fetch() {
        let id = |text: &str| ClientId::parse(text).unwrap();
        let policy = issuer().policy.documents;
        let with = |hosts| with_documents(DocumentPolicy { hosts, ..policy.clone() });
        let listed = HostPatterns::parse(&["claude.ai".to_owned()]).unwrap();
        assert_eq!(url(&id(CLAUDE_CODE), &with(Some(listed.clone()))).unwrap().as_str(), CLAUDE_CODE);
        assert_eq!(url(&id("https://evil.example/c"), &with(Some(listed))), Err(Refusal::MetadataHostForbidden));
        assert_eq!(url(&id(CLAUDE_CODE), &with(None)), Err(Refusal::ClientUnknown));
        let bad = url(&id("https://claude.ai/../c"), &with(Some(HostPatterns::Any)));
        assert!(matches!(bad, Err(Refusal::MetadataUrlInvalid(_))));
    }

    /// Requirements: A20, D14.
    #[test]
    fn a_pinned_document_replaces_the_one_at_its_url() {
        let policy = DocumentPolicy { hosts: None, pinned: vec![document()], ..issuer().policy.documents };
        let issuer = with_documents(policy);
        let id = |text: &str| ClientId::parse(text).unwrap();
        assert_eq!(pinned(&url(&id(CLAUDE_CODE), &issuer).unwrap(), &issuer), Some(&document()));
        assert_eq!(url(&id("https://claude.ai/oauth/other"), &issuer), Err(Refusal::ClientUnknown));
    }

    /// Requirements: D18.
    #[test]
    fn redirects_to_another_host_are_subject_to_the_operators_policy() {
        let policy = issuer().policy.documents;
        let issuer = |redirects| with_documents(DocumentPolicy { redirects, ..policy.clone() });
        let elsewhere = with(|metadata| metadata.redirect_uris.push("https://claude.com/cb".to_owned()));
        let here = with(|metadata| metadata.redirect_uris.push("https://claude.ai/cb".to_owned()));
        let read = |document, redirects| client(&at(CLAUDE_CODE), document, &issuer(redirects));
        assert!(read(&elsewhere, DocumentRedirects::Anywhere).is_ok());
        assert!(read(&here, DocumentRedirects::SameHost).is_ok(), "and loopback");
        assert!(matches!(read(&elsewhere, DocumentRedirects::SameHost), Err(Refusal::MetadataDocumentInvalid(_))));
    }

    /// The policy and the page ask the same function, for every port.
    ///
    /// Requirements: D18.
    #[test]
    fn a_website_is_the_same_with_the_same_host_and_port() {
        let policy = DocumentPolicy { redirects: DocumentRedirects::SameHost, ..issuer().policy.documents };
        let issuer = with_documents(policy);
        for (document_url, uri, is_elsewhere) in [
            ("https://app.example/c", "https://app.example/cb", false),
            ("https://app.example:8443/c", "https://app.example:8443/cb", false),
            ("https://[2001:db8::1]:8443/c", "https://[2001:db8::1]:8443/cb", false),
            ("https://app.example/c", "https://app.example:8443/cb", true),
            ("https://app.example:8443/c", "https://app.example/cb", true),
            ("https://app.example:8443/c", "https://app.example:8444/cb", true),
            ("https://app.example/c", "https://www.app.example/cb", true),
            ("https://[2001:db8::1]/c", "https://[2001:db8::2]/cb", true),
            ("https://app.example:8443/c", "http://127.0.0.1:9/cb", false),
            ("https://app.example:8443/c", "https://localhost:9/cb", false),
            ("https://localhost:8443/c", "https://localhost:8443/cb", false),
        ] {
            let mut document = document();
            document.client_id = Some(document_url.to_owned());
            document.metadata.redirect_uris = vec![uri.to_owned()];
            let parsed = RedirectUri::parse(uri, &[]).unwrap();
            assert_eq!(leads_elsewhere(&at(document_url), &parsed), is_elsewhere, "{document_url} {uri}");
            assert_eq!(client(&at(document_url), &document, &issuer).is_err(), is_elsewhere, "{document_url} {uri}");
        }
    }
}
