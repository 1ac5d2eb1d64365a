//! `POST /register` (RFC 7591 §3.1): JSON in, one `Register`, JSON out.
//!
//! What is acceptable in a registration is the control plane's affair; here only the types of the members matter.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use lychgate_api::Reason;
use lychgate_api::v1::{ClientMetadata, RegisterRequest, RegisterResponse};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::locate::At;
use crate::router::App;
use crate::{body, entropy, response};

pub(crate) async fn register(State(app): State<Arc<App>>, at: At, request: Request) -> Result<Response, Failure> {
    // RFC 7591 §3.2.2: whatever is wrong with the body, this is the code for it.
    let body = body::json(request).await.map_err(|failure| failure.oauth_error("invalid_client_metadata"))?;
    let message = RegisterRequest {
        issuer_id: at.issuer.id.clone(),
        attempt: entropy::attempt(),
        metadata: Some(client_metadata(body)?),
    };
    let answer = app.control.register(&at.request_id, message).await?;
    response::secret_json(StatusCode::CREATED, &Registered::try_from(answer)?)
}

/// RFC 7591 §2: what is unknown is ignored; `null` is as good as absent, since clients send it for what they do not set.
fn client_metadata(body: Value) -> Result<ClientMetadata, Failure> {
    let Value::Object(members) = body else { return Err(invalid("the body is not a JSON object".to_owned())) };
    let mut members = Members(members);
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
        jwks: members.0.get("jwks").is_some_and(|keys| !keys.is_null()),
    })
}

struct Members(Map<String, Value>);

impl Members {
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
    let failure = Failure::new(Reason::RegistrationMetadataInvalid).oauth_error("invalid_client_metadata");
    failure.describe(description)
}

/// RFC 7591 §3.2.1: everything that was registered. No null and no fraction: clients are known to break on both.
#[derive(Serialize)]
struct Registered {
    client_id: String,
    client_id_issued_at: i64,
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
}

impl TryFrom<RegisterResponse> for Registered {
    type Error = Failure;

    fn try_from(answer: RegisterResponse) -> Result<Self, Failure> {
        let (Some(metadata), Some(issued)) = (answer.metadata, answer.client_id_issue_time) else {
            return Err(Failure::new(Reason::Fault));
        };
        Ok(Self {
            client_id: answer.client_id,
            client_id_issued_at: issued.seconds,
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
            },
        })
    }
}
