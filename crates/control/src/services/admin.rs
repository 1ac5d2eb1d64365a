//! `AdminService`: what an operator does by hand.

use lychgate_api::v1;
use lychgate_api::v1::admin_service_server::AdminService;
use lychgate_api::v1::{ListKeysRequest, ListKeysResponse, RotateKeysRequest, RotateKeysResponse};
use lychgate_domain::Refusal;
use lychgate_domain::keyring::{Family, KeyState, Urgency};
use lychgate_domain::keys::Purpose;
use tonic::{Request, Response, Status};

use super::{caller, reply};
use crate::access_token::kid;
use crate::admin::{KeysAsked, Rotated};
use crate::control::Control;
use crate::error::Error;
use crate::keyring::ListedKey;
use crate::wire;

#[tonic::async_trait]
impl AdminService for Control {
    async fn list_keys(&self, request: Request<ListKeysRequest>) -> Result<Response<ListKeysResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let keys = Control::list_keys(self, &caller, &request.issuer_id).await;
        reply(keys, &caller.request_id, |keys| ListKeysResponse { keys: keys.into_iter().map(key).collect() })
    }

    async fn rotate_keys(&self, request: Request<RotateKeysRequest>) -> Result<Response<RotateKeysResponse>, Status> {
        let (caller, request) = (caller(&request)?, request.into_inner());
        let request_id = caller.request_id.clone();
        let rotated = async {
            let asked = KeysAsked {
                families: families(request.keys)?,
                request_id: request.request_id,
                urgency: if request.compromised { Urgency::Compromised } else { Urgency::Planned },
            };
            Control::rotate_keys(self, caller, request.issuer_id, asked).await
        };
        let wire =
            |rotated: Vec<Rotated>| RotateKeysResponse { rotations: rotated.into_iter().map(rotation).collect() };
        reply(rotated.await, &request_id, wire)
    }
}

/// What is not said is not guessed: "all" has to be written.
fn families(keys: Option<v1::rotate_keys_request::Keys>) -> Result<Vec<Family>, Error> {
    match keys {
        Some(v1::rotate_keys_request::Keys::All(v1::AllPurposes {})) => Ok(Family::all().collect()),
        Some(v1::rotate_keys_request::Keys::Purpose(of)) => {
            let family = Family::all().find(|family| i32::from(purpose(*family)) == of);
            Ok(vec![family.ok_or(Refusal::RequestMalformed("there is no such purpose"))?])
        }
        None => Err(Refusal::ParameterMissing("purpose").into()),
    }
}

fn key(listed: ListedKey) -> v1::Key {
    let ListedKey { family, key, life } = listed;
    let state = match key.state {
        KeyState::Announced => v1::KeyState::Announced,
        KeyState::Active => v1::KeyState::Active,
        KeyState::Retired => v1::KeyState::Retired,
    };
    v1::Key {
        key_id: kid(key.id),
        purpose: purpose(family).into(),
        state: state.into(),
        algorithm: key.algorithm.map(|algorithm| algorithm.as_str().to_owned()).unwrap_or_default(),
        create_time: Some(wire::timestamp(key.created_at)),
        active_time: Some(wire::timestamp(life.active_at)),
        retire_time: life.retires_at.map(wire::timestamp),
        forget_time: life.forgotten_at.map(wire::timestamp),
    }
}

fn rotation(rotated: Rotated) -> v1::KeyRotation {
    v1::KeyRotation {
        purpose: purpose(rotated.family).into(),
        key_id: kid(rotated.successor),
        active_time: Some(wire::timestamp(rotated.active_at)),
        forget_time: rotated.forgotten_at.map(wire::timestamp),
        breaks: rotated.broken.as_ref().map(|broken| broken.what.to_owned()).unwrap_or_default(),
        known_time: rotated.broken.map(|broken| wire::timestamp(broken.known_at)),
    }
}

fn purpose(family: Family) -> v1::KeyPurpose {
    match family {
        Family::Signing => v1::KeyPurpose::Signing,
        Family::Derived(Purpose::Ticket) => v1::KeyPurpose::Ticket,
        Family::Derived(Purpose::Form) => v1::KeyPurpose::Form,
        Family::Derived(Purpose::Cookie) => v1::KeyPurpose::Cookie,
        Family::Derived(Purpose::Login) => v1::KeyPurpose::Login,
        Family::Derived(Purpose::Code) => v1::KeyPurpose::Code,
        Family::Derived(Purpose::Client) => v1::KeyPurpose::Client,
        Family::Derived(Purpose::RefreshToken) => v1::KeyPurpose::RefreshToken,
        Family::Derived(Purpose::UpstreamTokens) => v1::KeyPurpose::UpstreamTokens,
    }
}
