//! `/register` (RFC 7591) and `/register/{client_id}` (RFC 7592).
//!
//! The edge checks the JSON types of the members; the control plane decides what a registration may contain.

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse as _, Response};
use lychgate_api::Reason;
use lychgate_api::v1::{
    ClientInformation, ClientMetadata, DeleteRequest, Jwk, KeySet, ReadRequest, RegisterRequest, UpdateRequest,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::entropy;
use crate::failure::Failure;
use crate::http::{bearer, body, response};
use crate::issuers::KeyDocument;
use crate::request_context::RequestContext;

/// `POST /register` (RFC 7591 §3.1).
pub(crate) async fn register(
    State(app): State<App>,
    context: RequestContext,
    request: Request,
) -> Result<Response, Failure> {
    let token = bearer::token(request.headers());
    let sent = token.is_some();
    let message = RegisterRequest {
        issuer_id: context.issuer.id.clone(),
        attempt: entropy::idempotency_key(),
        metadata: Some(client_metadata(&mut members(request).await?)?),
        initial_access_token: token,
    };
    let answer = app.control.register(&context.call, message).await;
    let answer = answer.map_err(|failure| bearer::challenge(failure, &context.issuer.url, sent))?;
    information(StatusCode::CREATED, answer.client)
}

/// `GET /register/{client_id}` (RFC 7592 §2.1).
pub(crate) async fn read(
    State(app): State<App>,
    context: RequestContext,
    Path(client_id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let token = bearer::token(request.headers());
    let (issuer_id, sent) = (context.issuer.id.clone(), token.is_some());
    let message = ReadRequest { issuer_id, client_id, registration_access_token: token.unwrap_or_default() };
    let answer = app.control.read_registration(&context.call, message).await;
    let answer = answer.map_err(|failure| bearer::challenge(failure, &context.issuer.url, sent))?;
    information(StatusCode::OK, answer.client)
}

/// `PUT /register/{client_id}` (RFC 7592 §2.2). Members that only the control plane sets are ignored: clients send back the
/// whole registration that they received.
pub(crate) async fn update(
    State(app): State<App>,
    context: RequestContext,
    Path(client_id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let token = bearer::token(request.headers());
    let sent = token.is_some();
    let mut members = members(request).await?;
    let message = UpdateRequest {
        issuer_id: context.issuer.id.clone(),
        attempt: entropy::idempotency_key(),
        client_id,
        registration_access_token: token.unwrap_or_default(),
        metadata: Some(client_metadata(&mut members)?),
        body_client_id: members.string("client_id")?,
        body_client_secret: members.string("client_secret")?,
    };
    let answer = app.control.update_registration(&context.call, message).await;
    let answer = answer.map_err(|failure| bearer::challenge(failure, &context.issuer.url, sent))?;
    information(StatusCode::OK, answer.client)
}

/// `DELETE /register/{client_id}` (RFC 7592 §2.3).
pub(crate) async fn delete(
    State(app): State<App>,
    context: RequestContext,
    Path(client_id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let token = bearer::token(request.headers());
    let (issuer_id, sent) = (context.issuer.id.clone(), token.is_some());
    let message = DeleteRequest { issuer_id, client_id, registration_access_token: token.unwrap_or_default() };
    let answer = app.control.delete_registration(&context.call, message).await;
    answer.map_err(|failure| bearer::challenge(failure, &context.issuer.url, sent))?;
    Ok((StatusCode::NO_CONTENT, [(CACHE_CONTROL, "no-store")]).into_response())
}

/// The body's members. Every error in the body has the code `invalid_client_metadata` (RFC 7591 §3.2.2).
async fn members(request: Request) -> Result<Members, Failure> {
    match body::json(request).await.map_err(|failure| failure.with_reason(Reason::RegistrationMetadataInvalid))? {
        Value::Object(members) => Ok(Members(members)),
        _ => Err(invalid("the body is not a JSON object".to_owned())),
    }
}

/// The client metadata in `members` (RFC 7591 §2). Unknown members are ignored. `null` counts as absent, because clients
/// send it for members that they do not set.
fn client_metadata(members: &mut Members) -> Result<ClientMetadata, Failure> {
    Ok(ClientMetadata {
        redirect_uris: members.strings("redirect_uris")?,
        client_name: members.string("client_name")?,
        client_uri: members.string("client_uri")?,
        logo_uri: members.string("logo_uri")?,
        tos_uri: members.string("tos_uri")?,
        policy_uri: members.string("policy_uri")?,
        contacts: members.strings("contacts")?,
        grant_types: members.strings("grant_types")?,
        response_types: members.strings("response_types")?,
        token_endpoint_auth_method: members.string("token_endpoint_auth_method")?,
        scope: members.string("scope")?,
        application_type: members.string("application_type")?,
        software_id: members.string("software_id")?,
        software_version: members.string("software_version")?,
        jwks_uri: members.string("jwks_uri")?,
        jwks: members.key_set("jwks")?,
    })
}

struct Members(Map<String, Value>);

impl Members {
    /// A key set (RFC 7517 §5). Only the members of a public key are read; a private key goes no further than this.
    fn key_set(&mut self, name: &str) -> Result<Option<KeySet>, Failure> {
        let set = match self.0.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(set) => set,
        };
        let wrong = || invalid(format!("{name} is not a key set"));
        let Some(Value::Array(keys)) = set.get("keys") else { return Err(wrong()) };
        let key = |key: &Value| {
            let member = |name: &str| match key.get(name) {
                None | Some(Value::Null) => Ok(String::new()),
                Some(Value::String(text)) => Ok(text.clone()),
                Some(_) => Err(wrong()),
            };
            Ok(Jwk {
                kty: member("kty")?,
                r#use: member("use")?,
                alg: member("alg")?,
                kid: member("kid")?,
                crv: member("crv")?,
                x: member("x")?,
                y: member("y")?,
                n: member("n")?,
                e: member("e")?,
            })
        };
        Ok(Some(KeySet { keys: keys.iter().map(key).collect::<Result<_, Failure>>()? }))
    }

    fn string(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid(format!("{name} is not a string"))),
        }
    }

    fn strings(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let wrong = || invalid(format!("{name} is not an array of strings"));
        let values = match self.0.remove(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(values)) => values,
            Some(_) => return Err(wrong()),
        };
        let texts = values.into_iter().map(|value| match value {
            Value::String(text) => Ok(text),
            _ => Err(wrong()),
        });
        texts.collect()
    }
}

fn invalid(description: String) -> Failure {
    Failure::new(Reason::RegistrationMetadataInvalid).describe(description)
}

fn information(status: StatusCode, client: Option<ClientInformation>) -> Result<Response, Failure> {
    let client = client.ok_or_else(|| Failure::new(Reason::Fault))?;
    response::secret_json(status, &Registered::try_from(client)?)
}

/// The response: everything that was registered (RFC 7591 §3.2.1), without null and without fractions, on which some
/// clients break.
#[derive(Serialize)]
struct Registered {
    client_id: String,
    client_id_issued_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<String>,
    /// 0, which means never. Present only with a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_client_uri: Option<String>,
    #[serde(flatten)]
    metadata: Metadata,
}

#[derive(Serialize)]
struct Metadata {
    redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logo_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tos_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contacts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    grant_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_endpoint_auth_method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<KeyDocument>,
}

impl TryFrom<ClientInformation> for Registered {
    type Error = Failure;

    fn try_from(answer: ClientInformation) -> Result<Self, Failure> {
        let (Some(metadata), Some(issued)) = (answer.metadata, answer.client_id_issue_time) else {
            return Err(Failure::new(Reason::Fault));
        };
        Ok(Self {
            client_id: answer.client_id,
            client_id_issued_at: issued.seconds,
            client_secret_expires_at: answer.client_secret.as_ref().map(|_| 0),
            client_secret: answer.client_secret,
            registration_access_token: answer.registration_access_token,
            registration_client_uri: answer.registration_client_uri,
            metadata: Metadata {
                redirect_uris: metadata.redirect_uris,
                client_name: metadata.client_name,
                client_uri: metadata.client_uri,
                logo_uri: metadata.logo_uri,
                tos_uri: metadata.tos_uri,
                policy_uri: metadata.policy_uri,
                contacts: metadata.contacts,
                grant_types: metadata.grant_types,
                response_types: metadata.response_types,
                token_endpoint_auth_method: metadata.token_endpoint_auth_method,
                scope: metadata.scope,
                application_type: metadata.application_type,
                software_id: metadata.software_id,
                software_version: metadata.software_version,
                jwks_uri: metadata.jwks_uri,
                jwks: metadata.jwks.map(|set| KeyDocument::new(set.keys)),
            },
        })
    }
}
