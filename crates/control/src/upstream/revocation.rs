//! The upstream takes back what it gave: RFC 7009, and GitHub's own way.

use lychgate_domain::upstream::tokens::UpstreamTokens;
use oauth2::AuthType;
use reqwest::StatusCode;
use serde::Deserialize;

use super::UpstreamError;
use super::code_flow::CodeFlow;
use super::http::SendError;

/// Where an upstream is told.
#[derive(Clone, Debug)]
pub(super) enum Endpoint {
    /// RFC 7009 §2.
    Rfc7009 { url: String, auth_type: AuthType },
    /// "Delete an app token" of GitHub's REST API: the one token, and no other of that person's.
    Github { url: String },
}

/// What came of telling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The token is good for nothing, there.
    Told,
    /// It will not take this token back, however often it is asked.
    Refused,
}

impl CodeFlow {
    /// The refresh token, because with it goes what was made of it (RFC 7009 §2.1); the access token where there is none.
    pub(super) async fn revoke(&self, endpoint: &Endpoint, tokens: &UpstreamTokens) -> Result<Answer, UpstreamError> {
        let request = match endpoint {
            Endpoint::Rfc7009 { url, auth_type } => {
                let (token, hint) = match &tokens.refresh_token {
                    Some(token) => (token.expose(), "refresh_token"),
                    None => (tokens.access_token.expose(), "access_token"),
                };
                let mut form = vec![("token", token), ("token_type_hint", hint)];
                let request = self.http.post(url);
                let request = match auth_type {
                    AuthType::RequestBody => {
                        form.extend([("client_id", &*self.client_id), ("client_secret", self.client_secret.secret())]);
                        request
                    }
                    // RFC 6749 §2.3.1: each is encoded before they are joined.
                    _ => request.basic_auth(encoded(&self.client_id), Some(encoded(self.client_secret.secret()))),
                };
                request.form(&form)
            }
            Endpoint::Github { url } => self
                .http
                .delete(url)
                .basic_auth(&self.client_id, Some(self.client_secret.secret()))
                .header("accept", "application/vnd.github+json")
                .json(&serde_json::json!({ "access_token": tokens.access_token.expose() })),
        };
        let request = request.build().map_err(|error| UpstreamError::invalid(error.without_url()))?;
        let (status, body) = self.http.send(request).await.map_err(SendError::into_upstream)?;
        match endpoint {
            Endpoint::Rfc7009 { .. } => judge(status, &body),
            Endpoint::Github { .. } => match status {
                StatusCode::NO_CONTENT => Ok(Answer::Told),
                // It knows no such token.
                StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Ok(Answer::Told),
                status => Err(not_told(status)),
            },
        }
    }
}

/// RFC 7009 §2.2. A token that is unknown is as revoked as can be, and is answered with 200; some say 400 all the same.
fn judge(status: StatusCode, body: &[u8]) -> Result<Answer, UpstreamError> {
    if status.is_success() {
        return Ok(Answer::Told);
    }
    if status != StatusCode::BAD_REQUEST {
        return Err(not_told(status));
    }
    let error = serde_json::from_slice::<Refusal>(body).map(|refusal| refusal.error).unwrap_or_default();
    match error.as_str() {
        "invalid_token" | "invalid_grant" => Ok(Answer::Told),
        // That is about us, or about now: an operator or a while puts it right.
        "invalid_client" | "unauthorized_client" | "temporarily_unavailable" | "server_error" => Err(not_told(status)),
        _ => Ok(Answer::Refused),
    }
}

fn not_told(status: StatusCode) -> UpstreamError {
    UpstreamError::unavailable(anyhow::anyhow!("the revocation endpoint answers {status}"))
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requirements: R30.
    #[test]
    fn what_the_upstream_does_not_take_is_tried_again_only_if_that_may_help() {
        let judge = |status: u16, error: &str| {
            let body = format!(r#"{{"error":"{error}"}}"#);
            judge(StatusCode::from_u16(status).unwrap(), body.as_bytes()).ok()
        };
        for (status, error, expected) in [
            (200, "", Some(Answer::Told)),
            (204, "", Some(Answer::Told)),
            (400, "invalid_token", Some(Answer::Told)),
            (400, "unsupported_token_type", Some(Answer::Refused)),
            (400, "", Some(Answer::Refused)),
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
        assert_eq!(super::judge(StatusCode::BAD_REQUEST, b"<html>").ok(), Some(Answer::Refused));
    }
}
