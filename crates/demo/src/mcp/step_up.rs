//! Challenges a tool call that needs more scopes with `insufficient_scope` (RFC 6750 §3.1). An HTTP challenge reaches the OAuth
//! code of the client, which then requests them; an error of the tool would not.
//!
//! This check protects nothing: it parses the message before the MCP library does, and passes on messages that it does not
//! understand. The enforced check is in each tool.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde::Deserialize;

use super::tools;
use crate::protect::{Caller, Challenge, Resource};

const BODY_LIMIT: usize = 1024 * 1024;

pub(super) async fn challenge(State(resource): State<Arc<Resource>>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let caller = parts.extensions.get::<Caller>();
    let needed = called_tool(&body).and_then(|tool| tools::scope_of(&tool));
    if let (Some(caller), Some(scope)) = (caller, needed)
        && !caller.may(scope)
    {
        let mut needed = resource.required_scopes.clone();
        needed.insert(scope.to_owned());
        return Challenge::InsufficientScope(needed).response(&resource);
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

fn called_tool(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Message {
        method: String,
        params: Call,
    }
    #[derive(Deserialize)]
    struct Call {
        name: String,
    }
    let message: Message = serde_json::from_slice(body).ok()?;
    (message.method == "tools/call").then_some(message.params.name)
}
