//! `Backup`: a backup, as messages.

use futures_util::stream::BoxStream;
use lychgate_api::v1::backup_response::Part as Sent;
use lychgate_api::v1::{BackupBegin, BackupEnd, BackupFile, BackupResponse};
use tonic::Status;

use crate::admin::backup::{Backup, Part};
use crate::ground::error::Error;
use crate::grpc::authentication::Admission;
use crate::grpc::pages::{self, Pages};

impl Pages for Backup {
    type Page = Part;

    async fn next(&mut self) -> Result<Option<Part>, Error> {
        self.next().await.transpose()
    }
}

pub(super) fn parts(backup: Backup, admission: Admission) -> BoxStream<'static, Result<BackupResponse, Status>> {
    pages::messages(backup, admission, |part| [message(part)])
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
