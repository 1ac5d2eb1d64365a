//! Revocation of an upstream's tokens: RFC 7009, and GitHub's own API.

use lychgate_domain::upstream::tokens::UpstreamTokens;
use oauth2::AuthType;
use reqwest::StatusCode;

use super::UpstreamError;
use super::code_flow::CodeFlow;
use super::http::SendError;
use super::reply::Reply;
use crate::metrics::upstream_calls::CalledEndpoint;

/// The revocation endpoint of an upstream.
#[derive(Clone, Debug)]
pub(super) enum Endpoint {
    /// RFC 7009 §2.
    Rfc7009 { url: String, auth_type: AuthType },
    /// "Delete an app token" of GitHub's REST API: deletes one token and no other of that person.
    Github { url: String },
}

/// The outcome of a revocation request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RevocationReply {
    /// The token is revoked, or was invalid before.
    Revoked,
    /// The upstream will never revoke this token.
    Refused,
}

impl CodeFlow {
    /// Revokes the refresh token, which ends access tokens too (RFC 7009 §2.1), or else the access token.
    pub(super) async fn revoke(
        &self,
        endpoint: &Endpoint,
        tokens: &UpstreamTokens,
    ) -> Result<RevocationReply, UpstreamError> {
        let request = match endpoint {
            Endpoint::Rfc7009 { url, auth_type } => {
                let (token, hint) = match &tokens.refresh_token {
                    Some(token) => (token.expose(), "refresh_token"),
                    None => (tokens.access_token.expose(), "access_token"),
                };
                let form = vec![("token", token), ("token_type_hint", hint)];
                self.authenticated(self.http.post(url), form, auth_type)
            }
            Endpoint::Github { url } => self
                .http
                .delete(url)
                .basic_auth(&self.client_id, Some(self.client_secret.secret()))
                .header("accept", "application/vnd.github+json")
                .json(&serde_json::json!({ "access_token": tokens.access_token.expose() })),
        };
        let request = request.build().map_err(|error| UpstreamError::invalid(error.without_url()))?;
        let (status, body) =
            self.http.send(CalledEndpoint::Revocation, request).await.map_err(SendError::into_upstream)?;
        match endpoint {
            Endpoint::Rfc7009 { .. } => judge(status, &body),
            Endpoint::Github { .. } => match status {
                StatusCode::NO_CONTENT => Ok(RevocationReply::Revoked),
                // GitHub does not know the token.
                StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Ok(RevocationReply::Revoked),
                status => Err(retry_later(status)),
            },
        }
    }
}

/// Judges the answer (RFC 7009 §2.2). An unknown token is as good as revoked and answered with 200; some providers
/// answer 400.
fn judge(status: StatusCode, body: &[u8]) -> Result<RevocationReply, UpstreamError> {
    if status.is_success() {
        return Ok(RevocationReply::Revoked);
    }
    if status != StatusCode::BAD_REQUEST {
        return Err(retry_later(status));
    }
    let reply = Reply::parse(body).ok();
    match reply.as_ref().and_then(Reply::refusal).unwrap_or_default() {
        "invalid_token" | "invalid_grant" => Ok(RevocationReply::Revoked),
        // An error about our client or a temporary one: a later try may succeed.
        "invalid_client" | "unauthorized_client" | "temporarily_unavailable" | "server_error" => {
            Err(retry_later(status))
        }
        _ => Ok(RevocationReply::Refused),
    }
}

fn retry_later(status: StatusCode) -> UpstreamError {
    UpstreamError::unavailable(anyhow::anyhow!("the revocation endpoint answers {status}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requirements: R30.
    #[test]
    fn a_failed_revocation_is_retried_only_if_that_may_help() {
        let judge = |status: u16, error: &str| {
            let body = format!(r#"{{"error":"{error}"}}"#);
            judge(StatusCode::from_u16(status).unwrap(), body.as_bytes()).ok()
        };
        for (status, error, expected) in [
            (200, "", Some(RevocationReply::Revoked)),
            (204, "", Some(RevocationReply::Revoked)),
            (400, "invalid_token", Some(RevocationReply::Revoked)),
            (400, "unsupported_token_type", Some(RevocationReply::Refused)),
            (400, "", Some(RevocationReply::Refused)),
            (400, "invalid_client", None),
            (401, "invalid_client", None),
            (302, "", None),
            (404, "", None),
            (429, "", None),
            (500, "", None),
            (503, "", None),
        ] {
            assert_eq!(judge(status, error), expected, "{status} {error}");
        }
        assert_eq!(super::judge(StatusCode::BAD_REQUEST, b"<html>").ok(), Some(RevocationReply::Refused));
    }
}
