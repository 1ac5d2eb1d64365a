//! `Backup`: a backup, as messages.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use lychgate_api::v1::backup_response::Part as Sent;
use lychgate_api::v1::{BackupBegin, BackupEnd, BackupFile, BackupResponse};
use tonic::Status;

use crate::admin::backup::{Backup, Part};
use crate::grpc::authentication::Admission;

/// Part after part; an error is the last of them. A caller that is no longer admitted gets no further part.
pub(super) fn parts(
    backup: Backup,
    admission: Admission,
    call_id: String,
) -> BoxStream<'static, Result<BackupResponse, Status>> {
    let parts = stream::unfold(Some((backup, admission, call_id)), |under_way| async {
        let (mut backup, admission, call_id) = under_way?;
        let part = backup.next().await?.map_err(|error| error.into_status(&call_id));
        match part.and_then(|part| admission.check().map(|()| part)) {
            Ok(part) => Some((Ok(message(part)), Some((backup, admission, call_id)))),
            Err(status) => Some((Err(status), None)),
        }
    });
    parts.boxed()
}

fn message(part: Part) -> BackupResponse {
    let part = match part {
        Part::Begin { total_bytes } => Sent::Begin(BackupBegin { total_bytes }),
        Part::File { name } => Sent::File(BackupFile { name }),
        Part::Data(bytes) => Sent::Data(bytes),
        Part::End { sha256 } => Sent::End(BackupEnd { sha256: sha256.to_vec() }),
    };
    BackupResponse { part: Some(part) }
}
