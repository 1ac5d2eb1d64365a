//! What a client may register about itself (RFC 7591), and what becomes of it.
//!
//! Nothing it says is believed: names are made fit to be shown, and every limit here stands between a stranger and our
//! disk. What we do not use is kept only as far as it must be returned.

use url::Url;

use crate::Refusal;
use crate::client::{About, Client, GrantType, Origin, Status};
use crate::display::displayable;
use crate::id::{Attempt, ClientId};
use crate::issuer::Issuer;
use crate::keys::digest;
use crate::redirect_uri::{RedirectUri, Unacceptable};
use crate::time::Timestamp;

const MAX_REDIRECT_URIS: usize = 20;
const MAX_NAME_CHARS: usize = 128;
const MAX_LIST: usize = 20;
const MAX_TEXT: usize = 256;
const MAX_SCOPE: usize = 1024;
const MAX_URI: usize = 2048;

/// Client metadata as asked for, RFC 7591 §2.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    pub redirect_uris: Vec<String>,
    pub client_name: Option<String>,
    pub grant_types: Vec<String>,
    pub response_types: Vec<String>,
    pub jwks_uri: Option<String>,
    /// Whether there were keys by value.
    pub jwks: bool,
    pub about: About,
}

/// The client that `attempt` registers. Each registration is a client of its own: were identical ones merged, whoever
/// registered first would hold the others' registration (R35). Whatever authentication method was asked for, the
/// client is a public one, and the answer says so (RFC 7591 §3.2.1: the server may substitute).
pub fn register(asked: Registration, issuer: &Issuer, attempt: Attempt, now: Timestamp) -> Result<Client, Refusal> {
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
    // Keys are not registered here yet; but whoever sends both says two different things (RFC 7591 §2).
    if asked.jwks && asked.jwks_uri.is_some() {
        return Err(invalid("jwks and jwks_uri exclude each other"));
    }
    let redirect_uris = acceptable(&asked.redirect_uris, issuer)?;
    if !asked.response_types.is_empty() && !asked.response_types.iter().any(|response_type| response_type == "code") {
        return Err(invalid("response_types must include code"));
    }
    // Unknown grant types are passed over: real clients list what other servers know (D16).
    let mut grant_types: Vec<_> = asked.grant_types.iter().filter_map(|name| GrantType::parse(name)).collect();
    grant_types.dedup();
    if asked.grant_types.is_empty() {
        grant_types.push(GrantType::AuthorizationCode);
    }
    if !grant_types.contains(&GrantType::AuthorizationCode) {
        return Err(invalid("grant_types must include authorization_code"));
    }
    grant_types.sort_by_key(|grant_type| *grant_type as u8);
    grant_types.dedup();
    Ok(Client {
        id: client_id(issuer, attempt),
        origin: Origin::Registered { at: now, attempt },
        status: Status::Enabled,
        name: asked.client_name.as_deref().and_then(|name| displayable(name, MAX_NAME_CHARS)),
        redirect_uris,
        grant_types,
        about: about(asked.about)?,
    })
}

/// The id follows from the attempt alone, so that a repeated call finds the client it made.
pub fn client_id(issuer: &Issuer, attempt: Attempt) -> ClientId {
    let id = digest("client id", &[&issuer.url.digest(), attempt.bytes()]);
    ClientId::derived(id.first_chunk().expect("16 of 32 bytes"))
}

/// All redirect URIs, less those whose private scheme is not listed, if others remain: Cursor registers three at once
/// and must not fail because of one.
fn acceptable(asked: &[String], issuer: &Issuer) -> Result<Vec<RedirectUri>, Refusal> {
    let own = format!("{}/", issuer.url.origin());
    let mut redirect_uris: Vec<RedirectUri> = Vec::new();
    let mut passed_over = None;
    for text in asked {
        match RedirectUri::parse(text, &issuer.private_scheme_redirect_uris) {
            // Our own pages as a client's: the code would come back to us, in a chain nobody has thought through.
            Ok(uri) if uri.as_str().starts_with(&own) => {
                return Err(Refusal::RegistrationRedirectUriInvalid("a redirect URI must not lead to this server"));
            }
            Ok(uri) if redirect_uris.contains(&uri) => {}
            Ok(uri) => redirect_uris.push(uri),
            Err(Unacceptable::UnlistedScheme) => passed_over = Some(Unacceptable::UnlistedScheme),
            Err(dangerous) => return Err(dangerous.into()),
        }
    }
    match passed_over {
        Some(unlisted) if redirect_uris.is_empty() => Err(unlisted.into()),
        _ => Ok(redirect_uris),
    }
}

fn about(asked: About) -> Result<About, Refusal> {
    let text = |text: Option<String>, max: usize| match text {
        Some(text) if text.len() > max => {
            Err(Refusal::RegistrationMetadataInvalid("a text of the metadata is too long"))
        }
        text => Ok(text.and_then(|text| displayable(&text, max))),
    };
    Ok(About {
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
        // A hint and nothing more: Cursor says `web` of cursor:// (A24).
        application_type: asked.application_type.filter(|kind| kind == "native" || kind == "web"),
        software_id: text(asked.software_id, MAX_TEXT)?,
        software_version: text(asked.software_version, MAX_TEXT)?,
    })
}

/// http or https; anything else might be opened by whoever shows it. An empty one is as good as none.
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

    const NOW: Timestamp = Timestamp::EPOCH;

    fn asked(redirect_uris: &[&str]) -> Registration {
        Registration {
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            ..Registration::default()
        }
    }

    fn attempt(n: u8) -> Attempt {
        Attempt::from_bytes([n; 16])
    }

    fn register(asked: Registration) -> Result<Client, Refusal> {
        super::register(asked, &issuer(), attempt(1), NOW)
    }

    #[test]
    fn r31_unknown_grant_types_are_passed_over() {
        let mut registration = asked(&["https://app.example/cb"]);
        registration.grant_types =
            ["refresh_token", "device_code", "authorization_code", "authorization_code"].map(str::to_owned).to_vec();
        let client = register(registration).unwrap();
        assert_eq!(client.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
    }

    #[test]
    fn r33_types_that_cannot_work_are_refused() {
        let mut registration = asked(&["https://app.example/cb"]);
        registration.grant_types = vec!["client_credentials".to_owned()];
        assert!(matches!(register(registration), Err(Refusal::RegistrationMetadataInvalid(_))));
        let mut registration = asked(&["https://app.example/cb"]);
        registration.response_types = vec!["token".to_owned()];
        assert!(matches!(register(registration), Err(Refusal::RegistrationMetadataInvalid(_))));
    }

    #[test]
    fn r33_keys_come_by_value_or_by_reference() {
        let with = |jwks, jwks_uri: Option<&str>| {
            let jwks_uri = jwks_uri.map(str::to_owned);
            register(Registration { jwks, jwks_uri, ..asked(&["https://app.example/cb"]) })
        };
        assert!(with(true, None).is_ok() && with(false, Some("https://app.example/jwks")).is_ok());
        let both = with(true, Some("https://app.example/jwks"));
        assert!(matches!(both, Err(Refusal::RegistrationMetadataInvalid(_))));
    }

    #[test]
    fn r35_each_registration_is_a_client_of_its_own() {
        let one = super::register(asked(&["https://app.example/cb"]), &issuer(), attempt(1), NOW).unwrap();
        let same = super::register(asked(&["https://app.example/cb"]), &issuer(), attempt(1), NOW).unwrap();
        let other = super::register(asked(&["https://app.example/cb"]), &issuer(), attempt(2), NOW).unwrap();
        assert_eq!(one.id, same.id);
        assert_ne!(one.id, other.id);
    }

    #[test]
    fn cursor_registers_with_an_unlisted_scheme_among_others_but_not_alone() {
        let all = ["zed://oauth", "https://www.cursor.com/agents/mcp/oauth/callback", "http://localhost:8787/callback"];
        let client = register(asked(&all)).unwrap();
        assert_eq!(client.redirect_uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>(), &all[1..]);
        assert!(matches!(register(asked(&all[..1])), Err(Refusal::RegistrationRedirectUriInvalid(_))));
        assert!(matches!(register(asked(&["javascript:x", all[1]])), Err(Refusal::RegistrationRedirectUriInvalid(_))));
    }

    #[test]
    fn our_own_pages_are_nobodys_redirect_uri() {
        assert!(matches!(
            register(asked(&["https://gate.example/callback/demo"])),
            Err(Refusal::RegistrationRedirectUriInvalid(_))
        ));
    }

    #[test]
    fn r31_limits_hold() {
        let many: Vec<String> = (0..21).map(|n| format!("https://app.example/{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(register(asked(&many)).is_err());
        assert!(register(asked(&many[..20])).is_ok());
        assert!(register(asked(&[])).is_err());
        let mut registration = asked(&["https://app.example/cb"]);
        registration.client_name = Some("x".repeat(10_000));
        assert_eq!(register(registration).unwrap().name.unwrap().len(), 128);
        let mut registration = asked(&["https://app.example/cb"]);
        registration.about.logo_uri = Some("javascript:alert(1)".to_owned());
        assert!(matches!(register(registration), Err(Refusal::RegistrationMetadataInvalid(_))));
    }
}
