//! `ExportEvents`: an export, as messages.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use lychgate_api::v1::{ExportEventsRequest, ExportEventsResponse};
use lychgate_domain::Refusal;
use lychgate_domain::id::{decode_vec, encode};
use lychgate_engine::{Cursor, Incarnation};
use tonic::Status;

use super::records;
use crate::events::{Export, ExportPosition, ExportRequest, Line};

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

/// Line after line; an error is the last of them.
pub(super) fn lines(export: Export, call_id: String) -> BoxStream<'static, Result<ExportEventsResponse, Status>> {
    let pages = stream::unfold(Some((export, call_id)), |under_way| async {
        let (mut export, call_id) = under_way?;
        match export.next().await {
            Ok(lines) if lines.is_empty() => None,
            Ok(lines) => {
                let messages: VecDeque<_> = lines.into_iter().map(|line| Ok(message(line))).collect();
                Some((messages, Some((export, call_id))))
            }
            Err(error) => Some((VecDeque::from([Err(error.into_status(&call_id))]), None)),
        }
    });
    pages.flat_map(stream::iter).boxed()
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
