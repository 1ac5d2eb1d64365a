//! The checks of a client's metadata, in a registration as in a metadata document.

use url::Url;

use super::MAX_URI;
use crate::Refusal;
use crate::client::claimed_name;
use crate::client::metadata::ClientMetadata;
use crate::client::redirect_uri::{RedirectUri, RedirectUriError};
use crate::client::{Authentication, Client, ClientDescription, ClientOrigin, ClientStatus, GrantType};
use crate::display::displayable;
use crate::id::ClientId;
use crate::issuer::{Issuer, MAX_ISSUER_SCOPES};

const MAX_REDIRECT_URIS: usize = 20;
const MAX_LIST: usize = 20;
const MAX_TEXT: usize = 256;
/// All scopes that an issuer may advertise, and `offline_access`.
const MAX_SCOPE: usize = MAX_ISSUER_SCOPES + " offline_access".len();

/// Checked metadata: all of a client but its id, origin, status and authentication.
#[derive(Debug)]
pub(super) struct Described {
    name: Option<String>,
    redirect_uris: Vec<RedirectUri>,
    grant_types: Vec<GrantType>,
    about: ClientDescription,
}

impl Described {
    pub(super) fn client(
        self,
        id: ClientId,
        origin: ClientOrigin,
        status: ClientStatus,
        authentication: Authentication,
    ) -> Client {
        let Self { name, redirect_uris, grant_types, about } = self;
        Client { id, origin, status, name, redirect_uris, grant_types, authentication, about }
    }
}

pub(super) fn describe(asked: &ClientMetadata, issuer: &Issuer) -> Result<Described, Refusal> {
    let invalid = Refusal::RegistrationMetadataInvalid;
    if asked.redirect_uris.is_empty() {
        return Err(Refusal::RegistrationRedirectUriInvalid("register at least one redirect URI"));
    }
    if asked.redirect_uris.len() > MAX_REDIRECT_URIS {
        return Err(Refusal::RegistrationRedirectUriInvalid("register at most 20 redirect URIs"));
    }
    if asked.grant_types.len() > MAX_LIST
        || asked.response_types.len() > MAX_LIST
        || asked.about.contacts.len() > MAX_LIST
    {
        return Err(invalid("a list has at most 20 members"));
    }
    let redirect_uris = acceptable(&asked.redirect_uris, issuer)?;
    if !asked.response_types.is_empty() && !asked.response_types.iter().any(|response_type| response_type == "code") {
        return Err(invalid("response_types must include code"));
    }
    // Unknown grant types are ignored: clients list those of other servers, too (D16).
    let mut grant_types: Vec<_> = asked.grant_types.iter().filter_map(|name| GrantType::parse(name)).collect();
    if asked.grant_types.is_empty() {
        grant_types.push(GrantType::AuthorizationCode);
    }
    if !grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(invalid("grant_types must include authorization_code"));
    }
    grant_types.sort_by_key(|grant_type| *grant_type as u8);
    grant_types.dedup();
    let name = asked.client_name.as_deref().and_then(claimed_name::recorded);
    Ok(Described { name, redirect_uris, grant_types, about: about(asked.about.clone())? })
}

/// The acceptable redirect URIs. One with an unlisted private scheme is ignored if others remain: Cursor registers
/// three at once and must not fail because of one.
fn acceptable(asked: &[String], issuer: &Issuer) -> Result<Vec<RedirectUri>, Refusal> {
    let mut redirect_uris: Vec<RedirectUri> = Vec::new();
    let mut passed_over = None;
    for text in asked {
        match RedirectUri::parse(text, &issuer.policy.private_scheme_redirect_uris) {
            Ok(uri) if !issuer.policy.redirect_hosts.permit(&uri) => {
                return Err(Refusal::RegistrationRedirectUriInvalid("the operator does not permit this redirect URI"));
            }
            Ok(uri) if issuer.own_origins.include(&uri) => {
                return Err(Refusal::RegistrationRedirectUriInvalid("a redirect URI must not lead to this server"));
            }
            Ok(uri) if redirect_uris.contains(&uri) => {}
            Ok(uri) => redirect_uris.push(uri),
            Err(RedirectUriError::UnlistedScheme) => passed_over = Some(RedirectUriError::UnlistedScheme),
            Err(dangerous) => return Err(dangerous.into()),
        }
    }
    match passed_over {
        Some(unlisted) if redirect_uris.is_empty() => Err(unlisted.into()),
        _ => Ok(redirect_uris),
    }
}

fn about(asked: ClientDescription) -> Result<ClientDescription, Refusal> {
    let text = |text: Option<String>, max: usize| match text {
        Some(text) if text.len() > max => {
            Err(Refusal::RegistrationMetadataInvalid("a text of the metadata is too long"))
        }
        text => Ok(text.and_then(|text| displayable(&text, max))),
    };
    Ok(ClientDescription {
        client_uri: web_uri(asked.client_uri)?,
        logo_uri: web_uri(asked.logo_uri)?,
        tos_uri: web_uri(asked.tos_uri)?,
        policy_uri: web_uri(asked.policy_uri)?,
        contacts: asked
            .contacts
            .into_iter()
            .filter_map(|contact| text(Some(contact), MAX_TEXT).transpose())
            .collect::<Result<_, _>>()?,
        scope: text(asked.scope, MAX_SCOPE)?,
        // Only a hint: Cursor says `web` with cursor:// URIs (A24).
        application_type: asked.application_type.filter(|kind| kind == "native" || kind == "web"),
        software_id: text(asked.software_id, MAX_TEXT)?,
        software_version: text(asked.software_version, MAX_TEXT)?,
    })
}

/// Accepts http and https only: a page that shows another scheme could execute it. An empty URI counts as none.
fn web_uri(uri: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(uri) = uri.filter(|uri| !uri.is_empty()) else { return Ok(None) };
    let web = Url::parse(&uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    let plain = uri.len() <= MAX_URI && uri.bytes().all(|byte| matches!(byte, 0x21..=0x7E));
    if web && plain {
        Ok(Some(uri))
    } else {
        Err(Refusal::RegistrationMetadataInvalid(
            "client_uri, logo_uri, tos_uri and policy_uri must be http or https URLs",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issuer::tests::issuer;
    use crate::issuer::{ClientPolicy, HostPatterns};
    use crate::registration;
    use crate::registration::tests::{NOW, asked, attempt, k, register};

    /// Requirements: R31.
    #[test]
    fn unknown_grant_types_are_ignored() {
        let mut registration = asked(&["https://app.example/cb"]);
        registration.grant_types =
            ["refresh_token", "device_code", "authorization_code", "authorization_code"].map(str::to_owned).to_vec();
        let client = register(registration).unwrap();
        assert_eq!(client.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
    }

    /// Requirements: R33.
    #[test]
    fn unusable_grant_and_response_types_are_refused() {
        let mut registration = asked(&["https://app.example/cb"]);
        registration.grant_types = vec!["client_credentials".to_owned()];
        assert!(matches!(register(registration), Err(Refusal::RegistrationMetadataInvalid(_))));
        let mut registration = asked(&["https://app.example/cb"]);
        registration.response_types = vec!["token".to_owned()];
        assert!(matches!(register(registration), Err(Refusal::RegistrationMetadataInvalid(_))));
    }

    /// Requirements: B33.
    #[test]
    fn a_redirect_uri_on_an_unlisted_host_is_refused() {
        let redirect_hosts = HostPatterns::parse(&["app.example", "*.trusted.example"].map(str::to_owned)).unwrap();
        let issuer = Issuer { policy: ClientPolicy { redirect_hosts, ..issuer().policy }, ..issuer() };
        let register = |uri| registration::register(asked(&[uri]), &issuer, &k(), attempt(1), NOW);
        for good in ["https://app.example/cb", "https://a.trusted.example:8443/cb", "http://127.0.0.1/cb"] {
            assert!(register(good).is_ok(), "{good}");
        }
        for bad in ["https://evil.example/cb", "https://trusted.example/cb", "https://sub.app.example/cb"] {
            assert!(matches!(register(bad), Err(Refusal::RegistrationRedirectUriInvalid(_))), "{bad}");
        }
    }

    /// Requirements: conflict 2.
    #[test]
    fn an_unlisted_private_scheme_is_ignored_only_beside_other_redirect_uris() {
        let all = ["zed://oauth", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"];
        let client = register(asked(&all)).unwrap();
        assert_eq!(client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), &all[1..]);
        assert!(matches!(register(asked(&all[..1])), Err(Refusal::RegistrationRedirectUriInvalid(_))));
        assert!(matches!(register(asked(&["javascript:x", all[1]])), Err(Refusal::RegistrationRedirectUriInvalid(_))));
    }

    /// Requirements: A10, B31.
    #[test]
    fn a_redirect_uri_on_an_own_origin_is_refused() {
        for own in [
            "https://gate.example/callback/demo",
            "https://gate.example",
            "https://GATE.example/authorize",
            "https://gate.example:443/authorize",
            "https://gate.example./authorize",
            "https://other.example/authorize",
            "https://other.example/t/authorize?client_id=trusted",
            "http://127.0.0.1:8080/authorize",
            "http://localhost:8080/authorize",
            "https://app.localhost:8080/authorize",
        ] {
            let refused = register(asked(&["https://app.example/cb", own]));
            assert!(matches!(refused, Err(Refusal::RegistrationRedirectUriInvalid(_))), "{own}");
        }
    }

    /// Requirements: R31.
    #[test]
    fn metadata_beyond_the_limits_is_refused_or_cut() {
        let many: Vec<String> = (0..21).map(|n| format!("https://app.example/{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(register(asked(&many)).is_err());
        assert!(register(asked(&many[..20])).is_ok());
        assert!(register(asked(&[])).is_err());
        let mut registration = asked(&["https://app.example/cb"]);
        registration.client_name = Some("x".repeat(10_000));
        assert_eq!(register(registration).unwrap().name.unwrap().len(), 128);
        for (length, is_good) in [(MAX_ISSUER_SCOPES + " offline_access".len(), true), (MAX_ISSUER_SCOPES + 16, false)]
        {
            let mut registration = asked(&["https://app.example/cb"]);
            registration.about.scope = Some("s".repeat(length));
            assert_eq!(register(registration).is_ok(), is_good, "{length}");
        }
        let mut registration = asked(&["https://app.example/cb"]);
        registration.about.logo_uri = Some("javascript:alert(1)".to_owned());
        assert!(matches!(register(registration), Err(Refusal::RegistrationMetadataInvalid(_))));
    }
}
