//! Converts JSON to the domain's types without checks; a member of another type counts as missing.

use lychgate_domain::authentication::AssertionClaims;
use lychgate_domain::client::ClientDescription;
use lychgate_domain::client::jwk::JwkMembers;
use lychgate_domain::client::metadata::{ClientMetadata, MetadataDocument};
use lychgate_domain::time::Timestamp;
use serde_json::Value;

pub(crate) const REGISTRATION: &str = r#"{"client_name":"An app","redirect_uris":["http://127.0.0.1/cb",
"https://app.example/cb","cursor://anysphere.cursor-mcp/oauth/callback"],"grant_types":["authorization_code",
"refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"client_secret_basic","scope":"read write",
"contacts":["ops@app.example"],"client_uri":"https://app.example/","application_type":"native","software_id":"1"}"#;

pub(crate) const DOCUMENT: &str = r#"{"client_id":"https://app.example/client.json","client_name":"An app",
"redirect_uris":["http://localhost/callback","https://app.example/cb"],"token_endpoint_auth_method":"none",
"grant_types":["authorization_code","urn:ietf:params:oauth:grant-type:jwt-bearer"]}"#;

pub(crate) const SIGNING: &str = r#"{"client_id":"https://app.example/client.json","client_name":"An app",
"redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"private_key_jwt",
"token_endpoint_auth_methods_supported":["private_key_jwt","none"],"jwks":{"keys":[{"kty":"OKP","crv":"Ed25519",
"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"k","alg":"EdDSA","use":"sig"}]}}"#;

pub(crate) fn registration(json: &Value) -> Option<ClientMetadata> {
    json.as_object()?;
    Some(ClientMetadata {
        redirect_uris: texts(json, "redirect_uris"),
        client_name: text(json, "client_name"),
        grant_types: texts(json, "grant_types"),
        response_types: texts(json, "response_types"),
        token_endpoint_auth_method: text(json, "token_endpoint_auth_method"),
        jwks_uri: text(json, "jwks_uri"),
        jwks: json["jwks"]["keys"].as_array().map(|keys| keys.iter().map(key).collect()),
        about: ClientDescription {
            client_uri: text(json, "client_uri"),
            logo_uri: text(json, "logo_uri"),
            tos_uri: text(json, "tos_uri"),
            policy_uri: text(json, "policy_uri"),
            contacts: texts(json, "contacts"),
            scope: text(json, "scope"),
            application_type: text(json, "application_type"),
            software_id: text(json, "software_id"),
            software_version: text(json, "software_version"),
        },
    })
}

pub(crate) fn document(json: &Value) -> Option<MetadataDocument> {
    Some(MetadataDocument {
        client_id: text(json, "client_id"),
        metadata: registration(json)?,
        methods: texts(json, "token_endpoint_auth_methods_supported"),
        secret: json.get("client_secret").is_some(),
    })
}

pub(crate) fn claims(json: &Value) -> Option<AssertionClaims> {
    let time = |name: &str| json[name].as_f64().map(|seconds| Timestamp::from_seconds(seconds as u64));
    Some(AssertionClaims {
        iss: text(json, "iss")?,
        sub: text(json, "sub")?,
        aud: text(json, "aud"),
        exp: time("exp")?,
        nbf: time("nbf"),
        iat: time("iat"),
        jti: text(json, "jti"),
    })
}

fn key(json: &Value) -> JwkMembers {
    JwkMembers {
        kty: text(json, "kty").unwrap_or_default(),
        kid: text(json, "kid"),
        r#use: text(json, "use"),
        alg: text(json, "alg"),
        crv: text(json, "crv"),
        x: text(json, "x"),
        y: text(json, "y"),
        n: text(json, "n"),
        e: text(json, "e"),
    }
}

fn text(json: &Value, name: &str) -> Option<String> {
    json[name].as_str().map(str::to_owned)
}

fn texts(json: &Value, name: &str) -> Vec<String> {
    json[name].as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
}
