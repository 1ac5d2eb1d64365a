//! Management of a registration by its client (RFC 7592).

use super::authentication_method::{authentication, secret_again};
use super::checked_metadata::describe;
use super::{Registered, bounded};
use crate::Refusal;
use crate::client::metadata::ClientMetadata;
use crate::client::{Authentication, Client, ClientOrigin};
use crate::id::Attempt;
use crate::issuer::Issuer;
use crate::keys::Keys;

/// Checks that `token` manages `client` (RFC 7592 §2). Refuses with [`Refusal::RegistrationAccessTokenInvalid`].
pub fn may_manage(client: &Client, token: &str) -> Result<(), Refusal> {
    match &client.origin {
        ClientOrigin::Registered { management: Some(digest), .. } if digest.is_of(token) => Ok(()),
        ClientOrigin::Registered { .. } | ClientOrigin::Configured | ClientOrigin::Document => {
            Err(Refusal::RegistrationAccessTokenInvalid)
        }
    }
}

/// Checks that `client_id` and `client_secret` of an update are the client's own, if they were sent (RFC 7592 §2.2).
/// Refuses with [`Refusal::RegistrationMetadataInvalid`].
pub fn is_of(client: &Client, id: Option<&str>, secret: Option<&str>) -> Result<(), Refusal> {
    let id_is = id.is_none_or(|id| id == client.id.as_str());
    let secret_is = match (&client.authentication, secret.filter(|secret| !secret.is_empty())) {
        (_, None) => true,
        (Authentication::Secret { digest, .. }, Some(secret)) => digest.is_of(secret),
        (Authentication::Public | Authentication::Keys { .. }, Some(_)) => false,
    };
    if id_is && secret_is {
        Ok(())
    } else {
        Err(Refusal::RegistrationMetadataInvalid("client_id and client_secret are the client's own, or left out"))
    }
}

/// Replaces the client's metadata (RFC 7592 §2.2). The client keeps its secret as long as it authenticates with one; a
/// newly made secret is returned once.
pub fn replace(
    client: Client,
    asked: ClientMetadata,
    issuer: &Issuer,
    keys: &Keys,
    attempt: Attempt,
) -> Result<Registered, Refusal> {
    let described = describe(&asked, issuer)?;
    // For a repeated call: it has already made the secret.
    let again = secret_again(&client, keys, attempt);
    let (authentication, secret) = authentication(&asked, &client.id, Some(&client.authentication), keys, attempt)?;
    let replaced = bounded(described.client(client.id, client.origin, client.status, authentication))?;
    Ok(Registered { client: replaced, secret: secret.or(again), management_token: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::tests::issuer;
    use crate::registration;
    use crate::registration::tests::{NOW, attempt, k, registered, with_method};

    /// Requirements: R37.
    #[test]
    fn a_registration_access_token_manages_only_its_own_client() {
        let (one, token) = {
            let Registered { client, management_token, .. } = registered(with_method("none")).unwrap();
            (client, management_token.unwrap())
        };
        let other = registration::register(with_method("none"), &issuer(), &k(), attempt(2), NOW).unwrap().client;
        assert_eq!(may_manage(&one, token.expose()), Ok(()));
        for (client, token) in
            [(&other, token.expose()), (&one, ""), (&one, "lgm_"), (&issuer().clients[0], token.expose())]
        {
            assert_eq!(may_manage(client, token), Err(Refusal::RegistrationAccessTokenInvalid));
        }
    }

    /// Requirements: R37.
    #[test]
    fn a_replaced_registration_keeps_its_id_and_the_secret_it_uses() {
        let Registered { client, secret, .. } = registered(with_method("client_secret_basic")).unwrap();
        let replace =
            |client: &Client, asked| super::replace(client.clone(), asked, &issuer(), &k(), attempt(7)).unwrap();
        let again = replace(&client, with_method("client_secret_post"));
        assert_eq!((&again.client.id, &again.client.origin, again.secret), (&client.id, &client.origin, None));
        assert_eq!(secret_again(&again.client, &k(), attempt(1)), secret);
        let public = replace(&client, with_method("none")).client;
        assert_eq!(public.authentication, Authentication::Public);
        let anew = replace(&public, with_method("client_secret_basic"));
        assert!(anew.secret.is_some() && anew.secret != secret);
        assert_eq!(
            replace(&anew.client, with_method("client_secret_basic")).secret,
            anew.secret,
            "the same call again"
        );
        let stated = |id, secret| is_of(&client, id, secret);
        let secret = secret.unwrap();
        assert_eq!(stated(Some(client.id.as_str()), Some(secret.expose())), Ok(()));
        assert_eq!(stated(None, None), Ok(()));
        assert!(stated(Some("other"), None).is_err() && stated(None, Some("guess")).is_err());
    }
}
