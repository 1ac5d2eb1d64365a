//! Parses what clients publish as JSON: key sets and client metadata. Only the types of members are checked here; the
//! domain judges their meaning.

use lychgate_domain::client::ClientDescription;
use lychgate_domain::client::jwk::{JwkMembers, MAX_KEYS, PublicJwk};
use lychgate_domain::client::metadata::{ClientMetadata, MetadataDocument};
use lychgate_domain::registration::document::well_formed;
use serde_json::{Map, Value};
use url::Url;

use super::Kind;

/// The usable keys of a set (RFC 7517 §5: others are ignored); `None` if it is no key set.
pub fn key_set(document: &Value) -> Option<Vec<PublicJwk>> {
    let keys = document.get("keys")?.as_array()?;
    Some(keys.iter().filter_map(|key| PublicJwk::parse(members(key)?)).take(MAX_KEYS).collect())
}

/// Parses client metadata; `None` if it is no object or a member has the wrong type.
pub fn parse_document(document: &Value) -> Option<MetadataDocument> {
    let object = Object(document.as_object()?);
    let jwks = match object.member("jwks") {
        None => None,
        Some(set) => Some(set.get("keys")?.as_array()?.iter().filter_map(members).collect()),
    };
    let metadata = ClientMetadata {
        redirect_uris: object.texts("redirect_uris")?,
        client_name: object.text("client_name")?,
        grant_types: object.texts("grant_types")?,
        response_types: object.texts("response_types")?,
        token_endpoint_auth_method: object.text("token_endpoint_auth_method")?,
        jwks_uri: object.text("jwks_uri")?,
        jwks,
        about: ClientDescription {
            client_uri: object.text("client_uri")?,
            logo_uri: object.text("logo_uri")?,
            tos_uri: object.text("tos_uri")?,
            policy_uri: object.text("policy_uri")?,
            contacts: object.texts("contacts")?,
            scope: object.text("scope")?,
            application_type: object.text("application_type")?,
            software_id: object.text("software_id")?,
            software_version: object.text("software_version")?,
        },
    };
    Some(MetadataDocument {
        client_id: object.text("client_id")?,
        metadata,
        methods: object.texts("token_endpoint_auth_methods_supported")?,
        secret: object.member("client_secret").is_some() || object.member("client_secret_expires_at").is_some(),
    })
}

/// Checks that a document may be cached: only well-formed ones are (CIMD §4.3). Each issuer decides for itself whether it
/// accepts the client.
pub fn judge(kind: Kind, url: &Url, document: &Value) -> Result<(), &'static str> {
    match kind {
        Kind::KeySet => match key_set(document) {
            Some(keys) if !keys.is_empty() => Ok(()),
            Some(_) => Err("it has no usable key"),
            None => Err("it is no key set"),
        },
        Kind::ClientMetadata => match parse_document(document) {
            Some(document) => well_formed(url.as_str(), &document),
            None => Err("it is no client metadata"),
        },
    }
}

fn members(key: &Value) -> Option<JwkMembers> {
    let object = Object(key.as_object()?);
    Some(JwkMembers {
        kty: object.text("kty")??,
        kid: object.text("kid")?,
        r#use: object.text("use")?,
        alg: object.text("alg")?,
        crv: object.text("crv")?,
        x: object.text("x")?,
        y: object.text("y")?,
        n: object.text("n")?,
        e: object.text("e")?,
    })
}

struct Object<'a>(&'a Map<String, Value>);

impl<'a> Object<'a> {
    /// `null` counts as absent: clients write it for members that they do not set.
    fn member(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<Option<String>> {
        match self.member(name) {
            None => Some(None),
            Some(value) => value.as_str().map(|text| Some(text.to_owned())),
        }
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        let Some(value) = self.member(name) else { return Some(Vec::new()) };
        value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
    }
}
