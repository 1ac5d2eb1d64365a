//! `Backup`: a backup, as messages.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use lychgate_api::v1::backup_response::Part as Sent;
use lychgate_api::v1::{BackupBegin, BackupEnd, BackupFile, BackupResponse};
use tonic::Status;

use crate::admin::backup::{Backup, Part};

/// Part after part; an error is the last of them.
pub(super) fn parts(backup: Backup, call_id: String) -> BoxStream<'static, Result<BackupResponse, Status>> {
    let parts = stream::unfold(Some((backup, call_id)), |under_way| async {
        let (mut backup, call_id) = under_way?;
        match backup.next().await? {
            Ok(part) => Some((Ok(message(part)), Some((backup, call_id)))),
            Err(error) => Some((Err(error.into_status(&call_id)), None)),
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
