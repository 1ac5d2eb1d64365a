//! The credentials of a client, and the proof that they are its own. Besides its tests this module has no children, so
//! that nothing else can make the proof.

use super::AssertionAccepted;
use crate::Refusal;
use crate::client::{Authentication, AuthenticationMethod, Client, UnsignedRequests};
use crate::id::ClientId;

/// Client credentials as they were sent, before any check.
#[derive(Clone, Default)]
pub struct Credentials {
    /// `client_id` of the form.
    pub client_id: Option<String>,
    /// `client_secret` of the form.
    pub client_secret: Option<String>,
    /// User and password of the Basic header, without the form encoding (RFC 6749 §2.3.1).
    pub basic: Option<(String, String)>,
    /// The same before the form encoding was removed, if that changed anything. Many clients leave the encoding out, so that a
    /// secret with `+` or `%` would otherwise never match.
    pub basic_verbatim: Option<(String, String)>,
    /// `sub` of the `client_assertion`; a client may then leave out `client_id` (RFC 7521 §4.2).
    pub assertion_subject: Option<String>,
}

/// A secret that a resource server sent, and the name that it gave with it. A bearer token comes without a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResourceServerSecret<'a> {
    /// The client id, which must be the name of the token's principal.
    pub name: Option<&'a str>,
    /// A token of the resource server's principal.
    pub token: &'a str,
}

impl std::fmt::Debug for ResourceServerSecret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ResourceServerSecret({:?}, ..)", self.name)
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?}, ..)", self.client_id)
    }
}

impl Credentials {
    /// The client that the credentials name. Refuses with [`Refusal::ClientAuthenticationAmbiguous`] if they use two
    /// methods or name two clients (RFC 6749 §2.3): parsers would disagree on which one counts.
    pub fn client_id(&self) -> Result<ClientId, Refusal> {
        if self.methods() > 1 {
            return Err(Refusal::ClientAuthenticationAmbiguous);
        }
        let basic = self.basic.as_ref().map(|(id, _)| id.as_str());
        let mut named = [self.form_id(), basic, self.assertion_subject.as_deref()].into_iter().flatten();
        let id = named.next().ok_or(Refusal::ClientAuthenticationFailed)?;
        if named.any(|other| other != id) {
            return Err(Refusal::ClientAuthenticationAmbiguous);
        }
        ClientId::parse(id).ok_or(Refusal::ClientUnknown)
    }

    /// The credential of a resource server at the introspection endpoint (RFC 7662 §2.1): `bearer`, or the secret that
    /// `client_secret_basic` or `client_secret_post` sent. Empty without either; two for a Basic header that reads differently
    /// with and without form encoding.
    ///
    /// Refuses with [`Refusal::ClientAuthenticationAmbiguous`] two methods in one request, and a `client_id` of the form that is
    /// not the header's (RFC 6749 §2.3).
    pub fn resource_server<'a>(&'a self, bearer: Option<&'a str>) -> Result<Vec<ResourceServerSecret<'a>>, Refusal> {
        if self.methods() + usize::from(bearer.is_some()) > 1 {
            return Err(Refusal::ClientAuthenticationAmbiguous);
        }
        if let Some(token) = bearer {
            return Ok(vec![ResourceServerSecret { name: None, token }]);
        }
        let form = self.form_id();
        let secret = |name, token| ResourceServerSecret { name: Some(name), token };
        let mut secrets: Vec<_> = match (&self.basic, self.form_secret()) {
            (Some(basic), _) => {
                let readings = [Some(basic), self.basic_verbatim.as_ref()].into_iter().flatten();
                let named = readings.filter(|(name, _)| form.is_none_or(|form| form == name));
                let secrets: Vec<_> = named.map(|(name, token)| secret(name.as_str(), token.as_str())).collect();
                if secrets.is_empty() {
                    return Err(Refusal::ClientAuthenticationAmbiguous);
                }
                secrets
            }
            (None, Some(token)) => form.map(|name| secret(name, token)).into_iter().collect(),
            (None, None) => Vec::new(),
        };
        secrets.retain(|secret| !secret.token.is_empty());
        Ok(secrets)
    }

    /// The number of authentication methods that the request uses.
    fn methods(&self) -> usize {
        let methods = [self.basic.is_some(), self.form_secret().is_some(), self.assertion_subject.is_some()];
        methods.into_iter().filter(|used| *used).count()
    }

    fn form_id(&self) -> Option<&str> {
        self.client_id.as_deref().filter(|id| !id.is_empty())
    }

    /// An empty secret counts as none.
    fn form_secret(&self) -> Option<&str> {
        self.client_secret.as_deref().filter(|secret| !secret.is_empty())
    }

    /// The method by which a secret was sent, and what the secret may be. `None` without a secret.
    fn secret(&self) -> Option<(AuthenticationMethod, [Option<&str>; 2])> {
        let (method, secrets) = match &self.basic {
            Some((_, secret)) => {
                let verbatim = self.basic_verbatim.as_ref().map(|(_, secret)| secret.as_str());
                (AuthenticationMethod::ClientSecretBasic, [Some(secret.as_str()), verbatim])
            }
            None => (AuthenticationMethod::ClientSecretPost, [self.form_secret(), None]),
        };
        secrets.iter().flatten().any(|secret| !secret.is_empty()).then_some((method, secrets))
    }

    /// Authenticates `client` by these credentials. `assertion` is the checked assertion, if one was sent.
    ///
    /// Refuses with [`Refusal::ClientDisabled`] or [`Refusal::ClientAuthenticationFailed`].
    pub fn authenticate(
        &self,
        client: &Client,
        assertion: Option<&AssertionAccepted>,
    ) -> Result<ClientAuthenticated, Refusal> {
        client.enabled()?;
        let failed = Err(Refusal::ClientAuthenticationFailed);
        let proven = |method| Ok(ClientAuthenticated { client_id: client.id.clone(), method });
        let assertion = assertion.filter(|assertion| *assertion.client_id() == client.id);
        match (&client.authentication, self.secret(), assertion) {
            (Authentication::Secret { digest, .. }, Some((method, secrets)), None)
                if secrets.into_iter().flatten().any(|secret| digest.is_of(secret)) =>
            {
                proven(method)
            }
            (Authentication::Keys { .. }, None, Some(_)) => proven(AuthenticationMethod::PrivateKeyJwt),
            (Authentication::Public | Authentication::Keys { unsigned: UnsignedRequests::Public, .. }, None, None) => {
                // An unchecked assertion is a failed authentication, never one to ignore.
                if self.assertion_subject.is_some() { failed } else { proven(AuthenticationMethod::None) }
            }
            // Credentials that the client does not have are refused, not ignored: the sender believes to talk about
            // another client.
            (Authentication::Public | Authentication::Secret { .. } | Authentication::Keys { .. }, _, _) => failed,
        }
    }
}

/// The proof that a request comes from a client, with the method used. Only [`Credentials::authenticate`] makes it.
#[derive(Clone, Debug)]
pub struct ClientAuthenticated {
    client_id: ClientId,
    method: AuthenticationMethod,
}

impl ClientAuthenticated {
    /// The authenticated client.
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The method by which it authenticated.
    pub fn method(&self) -> AuthenticationMethod {
        self.method
    }
}

#[cfg(test)]
mod tests {
    use super::super::assertion::tests::claims;
    use super::*;
    use crate::client::jwk::PublicJwk;
    use crate::client::jwk::tests::ec;
    use crate::client::secret::SecretDigest;
    use crate::client::{ClientKeys, SecretMethod};
    use crate::issuer::tests::issuer;
    use crate::time::Timestamp;

    fn credentials(form: Option<&str>, secret: Option<&str>, basic: Option<(&str, &str)>) -> Credentials {
        Credentials {
            client_id: form.map(str::to_owned),
            client_secret: secret.map(str::to_owned),
            basic: basic.map(|(id, secret)| (id.to_owned(), secret.to_owned())),
            ..Credentials::default()
        }
    }

    fn verbatim(decoded: (&str, &str), verbatim: (&str, &str)) -> Credentials {
        let verbatim = (verbatim.0.to_owned(), verbatim.1.to_owned());
        Credentials { basic_verbatim: Some(verbatim), ..credentials(None, None, Some(decoded)) }
    }

    fn asserting(subject: &str) -> Credentials {
        Credentials { assertion_subject: Some(subject.to_owned()), ..Credentials::default() }
    }

    fn client(authentication: Authentication) -> Client {
        Client { authentication, ..issuer().clients[0].clone() }
    }

    fn with_secret() -> Client {
        client(Authentication::Secret { registered: SecretMethod::Basic, digest: SecretDigest::of("right") })
    }

    fn with_keys(unsigned: UnsignedRequests) -> Client {
        let keys = ClientKeys::ByValue(vec![PublicJwk::parse(ec("a")).unwrap()]);
        client(Authentication::Keys { keys, unsigned })
    }

    fn accepted() -> AssertionAccepted {
        let now = Timestamp::from_seconds(1_000);
        AssertionAccepted::check(&claims(), &issuer().clients[0], &issuer(), now).unwrap()
    }

    fn method(
        credentials: &Credentials,
        client: &Client,
        assertion: Option<&AssertionAccepted>,
    ) -> Result<AuthenticationMethod, Refusal> {
        credentials.authenticate(client, assertion).map(|authenticated| authenticated.method())
    }

    /// Requirements: R13, R14.
    #[test]
    fn two_methods_or_two_clients_are_ambiguous() {
        let ambiguous = Err(Refusal::ClientAuthenticationAmbiguous);
        assert_eq!(credentials(Some("a"), None, Some(("b", ""))).client_id(), ambiguous);
        assert_eq!(credentials(Some("a"), Some("s"), Some(("a", "s"))).client_id(), ambiguous);
        assert_eq!(Credentials { client_id: Some("a".to_owned()), ..asserting("b") }.client_id(), ambiguous);
        assert_eq!(Credentials { client_secret: Some("s".to_owned()), ..asserting("a") }.client_id(), ambiguous);
        assert_eq!(credentials(None, None, None).client_id(), Err(Refusal::ClientAuthenticationFailed));
        assert_eq!(credentials(Some("a"), Some(""), Some(("a", ""))).client_id().unwrap().as_str(), "a");
        assert_eq!(credentials(None, None, Some(("a", ""))).client_id().unwrap().as_str(), "a");
        assert_eq!(asserting("a").client_id().unwrap().as_str(), "a");
    }

    #[test]
    fn a_public_client_with_a_secret_or_assertion_is_refused() {
        let client = &issuer().clients[0];
        let none = Ok(AuthenticationMethod::None);
        assert_eq!(method(&credentials(Some("configured"), None, None), client, None), none);
        assert_eq!(method(&credentials(None, None, Some(("configured", ""))), client, None), none);
        let failed = Err(Refusal::ClientAuthenticationFailed);
        assert_eq!(method(&credentials(Some("configured"), Some("guess"), None), client, None), failed);
        assert_eq!(method(&asserting("configured"), client, Some(&accepted())), failed);
        assert_eq!(method(&asserting("configured"), client, None), failed);
    }

    /// Requirements: R13, R14.
    #[test]
    fn a_secret_is_accepted_in_the_header_and_in_the_form() {
        let client = with_secret();
        let basic = credentials(None, None, Some(("configured", "right")));
        let post = credentials(Some("configured"), Some("right"), None);
        assert_eq!(method(&basic, &client, None), Ok(AuthenticationMethod::ClientSecretBasic));
        assert_eq!(method(&post, &client, None), Ok(AuthenticationMethod::ClientSecretPost));
        for wrong in [
            credentials(Some("configured"), None, None),
            credentials(Some("configured"), Some("wrong"), None),
            credentials(None, None, Some(("configured", ""))),
            credentials(None, None, Some(("configured", "righ"))),
            asserting("configured"),
        ] {
            assert_eq!(method(&wrong, &client, None), Err(Refusal::ClientAuthenticationFailed), "{wrong:?}");
        }
    }

    /// `a+b` in a Basic header is the secret `a b` of a client that form-encodes, and `a+b` of one that does not.
    ///
    /// Requirements: R14.
    #[test]
    fn a_secret_in_the_header_counts_with_and_without_form_encoding() {
        let client = |secret| {
            client(Authentication::Secret { registered: SecretMethod::Basic, digest: SecretDigest::of(secret) })
        };
        let sent = verbatim(("configured", "a b"), ("configured", "a+b"));
        for secret in ["a b", "a+b"] {
            let proven = method(&sent, &client(secret), None);
            assert_eq!(proven, Ok(AuthenticationMethod::ClientSecretBasic), "{secret}");
        }
        assert_eq!(method(&sent, &client("a%20b"), None), Err(Refusal::ClientAuthenticationFailed));
    }

    /// Requirements: R13, R14, R39.
    #[test]
    fn a_resource_server_uses_one_method() {
        let both = verbatim(("a b", "s t"), ("a+b", "s+t"));
        let with_form = |id: &str| Credentials { client_id: Some(id.to_owned()), ..both.clone() };
        let asserting_with_secret = Credentials { client_secret: Some("s".to_owned()), ..asserting("a") };
        let (bearer, named) = ((None, "t"), |name, token| (Some(name), token));
        for (sent, token, expected) in [
            (credentials(None, None, None), None, Some(vec![])),
            (credentials(Some("a"), None, None), None, Some(vec![])),
            (credentials(Some("a"), Some(""), None), None, Some(vec![])),
            (credentials(None, Some("s"), None), None, Some(vec![])),
            (credentials(None, None, Some(("a", ""))), None, Some(vec![])),
            (asserting("a"), None, Some(vec![])),
            (credentials(None, None, None), Some("t"), Some(vec![bearer])),
            (credentials(Some("a"), None, None), Some("t"), Some(vec![bearer])),
            (credentials(Some("a"), Some("s"), None), None, Some(vec![named("a", "s")])),
            (credentials(Some("a"), None, Some(("a", "s"))), None, Some(vec![named("a", "s")])),
            (both.clone(), None, Some(vec![named("a b", "s t"), named("a+b", "s+t")])),
            (with_form("a+b"), None, Some(vec![named("a+b", "s+t")])),
            (with_form("other"), None, None),
            (credentials(Some("b"), None, Some(("a", "s"))), None, None),
            (credentials(Some("a"), Some("s"), Some(("a", "s"))), None, None),
            (asserting_with_secret, None, None),
            (credentials(Some("a"), Some("s"), None), Some("t"), None),
            (credentials(None, Some("s"), None), Some("s"), None),
            (credentials(None, None, Some(("a", "s"))), Some("t"), None),
            (asserting("a"), Some("t"), None),
        ] {
            let expected = expected.ok_or(Refusal::ClientAuthenticationAmbiguous);
            let secrets = sent.resource_server(token);
            let secrets = secrets.map(|all| all.into_iter().map(|one| (one.name, one.token)).collect::<Vec<_>>());
            assert_eq!(secrets, expected, "{sent:?} {token:?}");
        }
    }

    /// Requirements: D15.
    #[test]
    fn a_client_with_keys_must_sign_unless_its_document_lists_none() {
        let (signing, either) = (with_keys(UnsignedRequests::Refused), with_keys(UnsignedRequests::Public));
        let (signed, plain) = (asserting("configured"), credentials(Some("configured"), None, None));
        let failed = Err(Refusal::ClientAuthenticationFailed);
        for client in [&signing, &either] {
            let proven = method(&signed, client, Some(&accepted()));
            assert_eq!(proven, Ok(AuthenticationMethod::PrivateKeyJwt));
            assert_eq!(method(&signed, client, None), failed, "an unchecked assertion");
        }
        assert_eq!(method(&plain, &signing, None), failed);
        assert_eq!(method(&plain, &either, None), Ok(AuthenticationMethod::None));
        let other = Client { id: ClientId::parse("other").unwrap(), ..signing };
        assert_eq!(method(&signed, &other, Some(&accepted())), failed, "another client's assertion");
    }

    #[test]
    fn a_disabled_client_cannot_authenticate() {
        let client = Client { status: crate::client::ClientStatus::Disabled, ..issuer().clients[0].clone() };
        let disabled = Err(Refusal::ClientDisabled);
        assert_eq!(method(&credentials(Some("configured"), None, None), &client, None), disabled);
    }
}
