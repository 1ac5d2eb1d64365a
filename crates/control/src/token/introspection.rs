//! `POST /introspect` (RFC 7662): whether an access token is good now, for the resource server it was presented to.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, decode_header};
use lychgate_domain::Refusal;
use lychgate_domain::id::GrantId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::time::Timestamp;
use lychgate_store::GrantStatusKey;
use serde::Deserialize;

use crate::clients::unregistered_status;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::ground::jws::verified;
use crate::ground::principal::Principal;
use crate::ground::principal::Role;
use crate::issuers::Serving;
use crate::state::Control;

/// What is said of an access token that is good.
#[derive(Clone, Debug)]
pub struct Introspection {
    pub iss: String,
    pub aud: String,
    pub sub: String,
    pub client_id: String,
    pub scope: String,
    pub exp: Timestamp,
    pub iat: Timestamp,
    pub jti: String,
    pub grant_id: GrantId,
}

impl Control {
    /// `None` if it is not active: expired, revoked, of another issuer, for another resource server, or no access token at
    /// all. Nothing tells these apart (RFC 7662 §2.2), and a refresh token is never described.
    pub async fn introspect(
        &self,
        caller: &Caller,
        issuer_id: &str,
        token: &str,
        resource_server_token: Option<&str>,
    ) -> Result<Option<Introspection>, Error> {
        let serving = &self.issuer(issuer_id, caller).await?;
        let (issuer, now) = (&*serving.issuer, self.clock.now());
        let server = self.resource_server(&caller.principal, issuer, resource_server_token)?;
        if token.is_empty() {
            return Err(Refusal::ParameterMissing("token").into());
        }
        let claims = serving.access_token(token).filter(|claims| server.may_access_resource(&claims.aud));
        match claims {
            Some(claims) => self.living(issuer, claims, now).await,
            None => Ok(None),
        }
    }

    /// `claims`, if they are good `now`: before their end, and while their grant lives.
    pub(super) async fn living(
        &self,
        issuer: &Issuer,
        claims: Introspection,
        now: Timestamp,
    ) -> Result<Option<Introspection>, Error> {
        if now >= claims.exp {
            return Ok(None);
        }
        let Some(grant) = self.store.grant(issuer, claims.grant_id, now).await? else { return Ok(None) };
        let (grant, id) = (grant.value, &claims.client_id);
        let unregistered_status = unregistered_status(issuer, &grant.client_id);
        let standing = self
            .store
            .grant_status(
                issuer,
                GrantStatusKey {
                    subject: &grant.subject,
                    client: &grant.client_id,
                    unregistered_status,
                    resource: &grant.resource,
                },
                now,
            )
            .await?;
        let is_of_grant = grant.client_id.as_str() == id && grant.resource == claims.aud;
        Ok((is_of_grant && grant.live(&standing.status, now).is_ok()).then_some(claims))
    }

    /// For whom it is asked: the caller itself, or whose token an edge brought.
    fn resource_server(
        &self,
        caller: &Arc<Principal>,
        issuer: &Issuer,
        token: Option<&str>,
    ) -> Result<Arc<Principal>, Refusal> {
        let server = match caller.role {
            Role::Resource => Some(Arc::clone(caller)),
            Role::Edge | Role::Checker | Role::Reader | Role::Operator => {
                token.and_then(|token| self.principals.by_token(token))
            }
        };
        let server = server.filter(|server| server.role == Role::Resource && server.may_access(&issuer.id));
        server.ok_or(Refusal::ResourceServerUnknown)
    }
}

impl Serving {
    /// What `token` says, if it is an access token of this issuer's, whatever has become of its grant (RFC 9068 §4).
    pub(super) fn access_token(&self, token: &str) -> Option<Introspection> {
        let header = decode_header(token).ok()?;
        if header.typ.as_deref() != Some("at+jwt") {
            return None;
        }
        let published = self.published_keys().iter().find(|key| Some(&key.kid) == header.kid.as_ref())?;
        // The key says which algorithm is right (RFC 8725 §3.1).
        let algorithm: Algorithm = published.alg.parse().ok()?;
        let key = match published.kty.as_str() {
            "EC" => DecodingKey::from_ec_components(&published.x, &published.y),
            "OKP" => DecodingKey::from_ed_components(&published.x),
            "RSA" => DecodingKey::from_rsa_components(&published.n, &published.e),
            _ => return None,
        };
        let claims: Claims = verified(token, &key.ok()?, algorithm)?;
        if claims.iss != self.issuer.url.as_str() {
            return None;
        }
        Some(Introspection {
            iss: claims.iss,
            aud: claims.aud,
            sub: claims.sub,
            client_id: claims.client_id,
            scope: claims.scope,
            exp: Timestamp::from_seconds(claims.exp),
            iat: Timestamp::from_seconds(claims.iat),
            jti: claims.jti,
            grant_id: GrantId::parse(&claims.grant_id)?,
        })
    }
}

#[derive(Clone, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    scope: String,
    exp: u64,
    iat: u64,
    jti: String,
    grant_id: String,
}
