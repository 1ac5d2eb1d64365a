//! An MCP server's verification of access tokens: offline, with the issuer's published keys (RFC 9068 §4).

use anyhow::{Context, Result, ensure};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;

use crate::flow::Gate;

/// The server of one resource, with the keys it fetched once.
#[derive(Clone, Debug)]
pub struct ResourceServer {
    issuer: String,
    resource: String,
    keys: JwkSet,
}

/// A token that is valid for this resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    pub kid: String,
    pub claims: Value,
}

impl ResourceServer {
    pub async fn new(gate: &Gate) -> Result<Self> {
        let keys = gate.get("/jwks.json").await?;
        ensure!(keys.status == 200, "no keys: {}", keys.summary());
        Ok(Self {
            issuer: gate.issuer().to_owned(),
            resource: gate.resource().to_owned(),
            keys: serde_json::from_value(keys.json()?)?,
        })
    }

    pub fn verify(&self, access_token: &str) -> Result<Verified> {
        let header = decode_header(access_token)?;
        ensure!(header.typ.as_deref() == Some("at+jwt"), "the type is {:?}", header.typ);
        let kid = header.kid.context("no kid")?;
        let key = self.keys.find(&kid).context("the issuer has no such key")?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.resource]);
        let claims = decode::<Value>(access_token, &DecodingKey::from_jwk(key)?, &validation)?.claims;
        Ok(Verified { kid, claims })
    }
}
