//! `ExportEvents`: an export, as messages.

use std::collections::VecDeque;

use futures_util::stream::BoxStream;
use lychgate_api::v1::{ExportEventsRequest, ExportEventsResponse};
use lychgate_domain::Refusal;
use lychgate_domain::id::{decode_vec, encode};
use lychgate_engine::{Cursor, Incarnation};
use tonic::Status;

use super::records;
use crate::events::{Export, ExportPosition, ExportRequest, Line};
use crate::ground::error::Error;
use crate::grpc::authentication::Admission;
use crate::grpc::pages::{self, Pages};

pub(super) fn request(request: &ExportEventsRequest) -> Result<ExportRequest, Refusal> {
    let position = match request.cursor.as_str() {
        "" => None,
        text => Some(parse_position(text).ok_or(Refusal::RequestMalformed("this is no cursor"))?),
    };
    Ok(ExportRequest {
        from: request.start_time.map(records::time).transpose()?,
        before: request.end_time.map(records::time).transpose()?,
        position,
    })
}

impl Pages for Export {
    type Page = VecDeque<Line>;

    async fn next(&mut self) -> Result<Option<VecDeque<Line>>, Error> {
        Ok(Some(self.next().await?).filter(|lines| !lines.is_empty()))
    }
}

pub(super) fn lines(export: Export, admission: Admission) -> BoxStream<'static, Result<ExportEventsResponse, Status>> {
    pages::messages(export, admission, |lines| lines.into_iter().map(message))
}

fn message(Line { text, next }: Line) -> ExportEventsResponse {
    let number = next.number.to_be_bytes();
    let after = next.after.map(|Cursor { incarnation, position }| [incarnation.0, position.to_be_bytes()].concat());
    ExportEventsResponse { line: text, cursor: encode(&[number.as_slice(), &after.unwrap_or_default()].concat()) }
}

fn parse_position(text: &str) -> Option<ExportPosition> {
    let bytes = decode_vec(text)?;
    let (number, after) = bytes.split_first_chunk()?;
    let after = match after {
        [] => None,
        after => {
            let (incarnation, position) = after.split_first_chunk()?;
            let position = u128::from_be_bytes(position.try_into().ok()?);
            Some(Cursor { incarnation: Incarnation(*incarnation), position })
        }
    };
    let number = Some(u64::from_be_bytes(*number)).filter(|number| *number > 0)?;
    Some(ExportPosition { number, after })
}
