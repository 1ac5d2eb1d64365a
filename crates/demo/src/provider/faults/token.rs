//! Faults of the token response and the key set: forged ID tokens, wrong keys, a code that is accepted twice.

use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::AlgorithmParameters;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Map, Value, json};

use super::super::token::basic_credentials;
use super::fault::{self, Fault, Signature};
use super::{FaultInjector, Parameters};

const ID_TOKEN: &str = "id_token";
const OTHER_USER: &str = "somebody-else";

type Claims = Map<String, Value>;

impl FaultInjector {
    /// The response to a code that was redeemed before.
    pub(super) fn second_answer(&self, faults: &[Fault], form: &Parameters) -> Option<Value> {
        let code = form.get("code").filter(|_| faults.contains(&Fault::SecondAnswer))?;
        let mut again = self.state().answers.get(code)?.clone();
        let mut claims = claims(&again)?;
        claims.insert("sub".to_owned(), OTHER_USER.into());
        again[ID_TOKEN] = self.provider.key.sign(&claims).ok()?.into();
        Some(again)
    }

    pub(super) fn alter_tokens(&self, answer: &mut Value, faults: &[Fault], headers: &HeaderMap, form: &Parameters) {
        if let (true, Some(code)) = (faults.contains(&Fault::SecondAnswer), form.get("code")) {
            self.state().answers.entry(code.clone()).or_insert_with(|| answer.clone());
        }
        if let Some(mut claims) = claims(answer) {
            fault::alter_claims(&mut claims, faults);
            let client_secret = basic_credentials(headers).ok().flatten().unwrap_or_default().1;
            if let Some(forged) = self.sign(&claims, fault::signature(faults), &client_secret) {
                answer[ID_TOKEN] = forged.into();
            }
        }
    }

    pub(super) fn alter_keys(&self, keys: &mut Value, faults: &[Fault]) {
        if faults.contains(&Fault::NewKeySet) {
            *keys = json!({ "keys": [self.new_key.public()] });
        }
    }

    fn sign(&self, claims: &Claims, signature: Option<Signature>, client_secret: &str) -> Option<String> {
        let key = &self.provider.key;
        match signature {
            None => key.sign(claims).ok(),
            Some(Signature::None) => {
                let part = |json: Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
                let header = json!({ "alg": "none", "kid": key.public().common.key_id });
                Some(format!("{}.{}.", part(header), part(claims.clone().into())))
            }
            Some(Signature::ClientSecret) => self.hmac(claims, client_secret.as_bytes()),
            Some(Signature::PublicKey) => self.hmac(claims, &self.public_point()?),
            Some(Signature::OtherKey) => self.new_key.sign_as(key.public(), claims).ok(),
            Some(Signature::NewKey) => self.new_key.sign(claims).ok(),
        }
    }

    fn hmac(&self, claims: &Claims, secret: &[u8]) -> Option<String> {
        let kid = self.provider.key.public().common.key_id.clone();
        let header = Header { kid, ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret)).ok()
    }

    /// The public point, uncompressed (SEC 1 §2.3.3), as libraries store it. `None` for an RSA key.
    fn public_point(&self) -> Option<Vec<u8>> {
        let AlgorithmParameters::EllipticCurve(point) = &self.provider.key.public().algorithm else { return None };
        let [x, y] = [&point.x, &point.y].map(|coordinate| BASE64_URL_SAFE_NO_PAD.decode(coordinate).ok());
        Some([vec![4], x?, y?].concat())
    }
}

fn claims(answer: &Value) -> Option<Claims> {
    let payload = answer[ID_TOKEN].as_str()?.split('.').nth(1)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}
