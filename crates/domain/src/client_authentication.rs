//! Who a client is at the token endpoint, RFC 6749 §2.3 and §3.2.1.

use crate::Refusal;
use crate::client::{AuthenticationMethod, Client};
use crate::id::ClientId;

/// What was sent, before anything is believed.
#[derive(Clone, Default)]
pub struct Credentials {
    /// `client_id` of the form.
    pub client_id: Option<String>,
    /// `client_secret` of the form.
    pub client_secret: Option<String>,
    /// The Basic header's two halves.
    pub basic: Option<(String, String)>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({:?}, ..)", self.client_id)
    }
}

impl Credentials {
    /// Whom they speak of. One method only: with two, which of them counts would be anybody's guess.
    pub fn client_id(&self) -> Result<ClientId, Refusal> {
        let form = self.client_id.as_deref().filter(|id| !id.is_empty());
        let basic = self.basic.as_ref().map(|(id, _)| id.as_str());
        let id = match (form, basic) {
            (Some(form), Some(basic)) if form != basic => return Err(Refusal::ClientAuthenticationAmbiguous),
            (_, Some(_)) if self.client_secret.as_deref().is_some_and(|secret| !secret.is_empty()) => {
                return Err(Refusal::ClientAuthenticationAmbiguous);
            }
            (Some(id), _) | (None, Some(id)) => id,
            (None, None) => return Err(Refusal::ClientAuthenticationFailed),
        };
        ClientId::parse(id).ok_or(Refusal::ClientUnknown)
    }

    fn secret(&self) -> Option<&str> {
        let basic = self.basic.as_ref().map(|(_, secret)| secret.as_str());
        basic.or(self.client_secret.as_deref()).filter(|secret| !secret.is_empty())
    }

    /// The proof that the request comes from `client`, as far as its method can prove it.
    pub fn authenticate(&self, client: &Client) -> Result<ClientAuthenticated, Refusal> {
        client.enabled()?;
        match client.authentication_method() {
            // Whoever sends a secret believes to have one; to pass over it would hide that they talk about another client.
            AuthenticationMethod::None if self.secret().is_some() => Err(Refusal::ClientAuthenticationFailed),
            method @ AuthenticationMethod::None => Ok(ClientAuthenticated { client_id: client.id.clone(), method }),
        }
    }
}

/// The proof that a request comes from a client, by the method it has to use. Only [`Credentials::authenticate`] makes it.
#[derive(Clone, Debug)]
pub struct ClientAuthenticated {
    client_id: ClientId,
    method: AuthenticationMethod,
}

impl ClientAuthenticated {
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    pub fn method(&self) -> AuthenticationMethod {
        self.method
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::tests::issuer;

    fn credentials(form: Option<&str>, secret: Option<&str>, basic: Option<(&str, &str)>) -> Credentials {
        Credentials {
            client_id: form.map(str::to_owned),
            client_secret: secret.map(str::to_owned),
            basic: basic.map(|(id, secret)| (id.to_owned(), secret.to_owned())),
        }
    }

    #[test]
    fn r13_one_method_and_one_client() {
        let ambiguous = Err(Refusal::ClientAuthenticationAmbiguous);
        assert_eq!(credentials(Some("a"), None, Some(("b", ""))).client_id(), ambiguous);
        assert_eq!(credentials(Some("a"), Some("s"), Some(("a", "s"))).client_id(), ambiguous);
        assert_eq!(credentials(None, None, None).client_id(), Err(Refusal::ClientAuthenticationFailed));
        assert_eq!(credentials(Some("a"), Some(""), Some(("a", ""))).client_id().unwrap().as_str(), "a");
        assert_eq!(credentials(None, None, Some(("a", ""))).client_id().unwrap().as_str(), "a");
    }

    #[test]
    fn a_public_client_has_no_secret() {
        let client = &issuer().clients[0];
        assert!(credentials(Some("configured"), None, None).authenticate(client).is_ok());
        assert!(credentials(None, None, Some(("configured", ""))).authenticate(client).is_ok());
        let failed = credentials(Some("configured"), Some("guess"), None).authenticate(client);
        assert_eq!(failed.unwrap_err(), Refusal::ClientAuthenticationFailed);
    }

    #[test]
    fn a_disabled_client_is_nobody() {
        let client = Client { status: crate::client::Status::Disabled, ..issuer().clients[0].clone() };
        assert_eq!(
            credentials(Some("configured"), None, None).authenticate(&client).unwrap_err(),
            Refusal::ClientDisabled
        );
    }
}
