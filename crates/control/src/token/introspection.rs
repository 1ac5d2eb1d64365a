//! `POST /introspect` (RFC 7662): whether an access token is good now, for the resource server it was presented to.

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::authentication::Credentials;

use super::AccessToken;
use super::live::live;
use crate::ground::error::Error;
use crate::ground::principal::{Principal, Principals, Role};
use crate::state::CallContext;

/// The credentials of a resource server for which an edge calls, before anything of them is believed. It authenticates with a
/// token of its principal, sent as bearer token, by `client_secret_basic` or by `client_secret_post`; the client id is the
/// principal's name (RFC 7662 §2.1).
#[derive(Debug, Default)]
pub(crate) struct ResourceServerCredentials {
    pub(crate) bearer: Option<String>,
    pub(crate) client: Credentials,
}

impl ResourceServerCredentials {
    fn authenticate(&self, principals: &Principals) -> Result<Arc<Principal>, Refusal> {
        let secrets = self.client.resource_server(self.bearer.as_deref())?;
        let mut found = secrets.iter().filter_map(|secret| principals.by_token_and_name(secret.token, secret.name));
        found.next().ok_or(Refusal::ResourceServerUnknown)
    }
}

/// `POST /introspect` and `GET /verify`.
pub(crate) struct TokenChecks(pub(crate) CallContext);

impl TokenChecks {
    /// `None` if the token is not active: expired, revoked, of another issuer, for another resource server, or no access
    /// token. The answer does not distinguish these (RFC 7662 §2.2), and a refresh token is never described.
    pub(crate) async fn introspect(
        &self,
        token: &str,
        credentials: &ResourceServerCredentials,
    ) -> Result<Option<AccessToken>, Error> {
        let server = self.resource_server(credentials)?;
        if token.is_empty() {
            return Err(Refusal::ParameterMissing("token").into());
        }
        match AccessToken::verify(token, &self.0.serving) {
            Some(token) if server.may_access_resource(&token.aud) => self.active(token).await,
            Some(_) | None => Ok(None),
        }
    }

    /// The token, if it has not expired and its grant is live.
    pub(super) async fn active(&self, token: AccessToken) -> Result<Option<AccessToken>, Error> {
        let call = &self.0;
        if !token.is_in_time(call.now) {
            return Ok(None);
        }
        let Some(grant) = call.store().grant(call.issuer(), token.grant_id, call.now).await? else { return Ok(None) };
        let grant = grant.value;
        match live(call, &grant).await {
            Ok(_) => Ok(Some(token).filter(|token| token.is_of(&grant))),
            Err(Error::Refused(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The resource server that asks: the caller itself, or the one whose credentials an edge passes on.
    pub(super) fn resource_server(&self, credentials: &ResourceServerCredentials) -> Result<Arc<Principal>, Refusal> {
        let caller = &self.0.caller.principal;
        let server = match caller.role {
            Role::Resource => Arc::clone(caller),
            Role::Edge | Role::Checker | Role::Reader | Role::Operator => {
                credentials.authenticate(&self.0.state.principals)?
            }
        };
        let is_allowed = server.role == Role::Resource && server.may_access(&self.0.issuer().id);
        if is_allowed { Ok(server) } else { Err(Refusal::ResourceServerUnknown) }
    }
}
