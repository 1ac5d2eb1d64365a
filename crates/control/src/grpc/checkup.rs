//! `Checkup` of an edge and `ReadCheckup` of an operator: an observation, sealed and opened again.

use lychgate_api::v1;
use prost::Message as _;

use super::wire::{cookies, set_cookie};
use crate::checkup::Checkup;
use crate::ground::error::Error;
use crate::state::CallContext;

/// Seals what the edge saw.
pub(super) fn answer(call: CallContext, request: v1::CheckupRequest) -> Result<v1::CheckupResponse, Error> {
    let accepted = Checkup(call).accept(&request.pass)?;
    let cookie_returned = accepted.cookie_returned(&cookies(request.cookies));
    let observation = v1::CheckupObservation { cookie_returned, ..request.observation.unwrap_or_default() };
    let (answer, cookie) = accepted.answer(&observation.encode_to_vec())?;
    Ok(v1::CheckupResponse { answer, set_cookies: vec![set_cookie(cookie)] })
}

/// Opens an answer.
pub(super) fn read(call: CallContext, request: &v1::ReadCheckupRequest) -> Result<v1::ReadCheckupResponse, Error> {
    let opened = Checkup(call).accept(&request.pass)?.read(&request.answer)?;
    let observation = v1::CheckupObservation::decode(opened.as_slice()).map_err(|error| Error::Fault(error.into()))?;
    Ok(v1::ReadCheckupResponse { observation: Some(observation) })
}
