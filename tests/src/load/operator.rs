//! The callers of gRPC: checks of consents, and the operator's revocations.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lychgate_api::v1::admin_service_revoke_request::Target as RevocationTarget;
use lychgate_api::v1::consistency::Requirement;
use lychgate_api::v1::{
    AdminServiceRevokeRequest, CheckRequest, CheckVerdict, ConsentKey, Consistency, FullyConsistent,
};
use tokio::time::timeout;
use tonic::Status;

use super::user::Reply;
use crate::cluster::Cluster;
use crate::grpc::{self, Caller};
use crate::history::client::Target;
use crate::system::{MAIN, configuration::secret};

/// The longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Callers of every control node, used in turn.
#[derive(Debug)]
pub(super) struct Operator {
    checkers: Vec<Caller>,
    operators: Vec<Caller>,
    turn: AtomicUsize,
}

/// A consent of the load's resource.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) subject: String,
    pub(super) client_id: String,
}

impl Operator {
    pub(super) fn of(cluster: &Cluster) -> Result<Self> {
        let tokens = cluster.tokens();
        let (checkers, operators) = (cluster.callers(&tokens.checker)?, cluster.callers(&tokens.operator)?);
        Ok(Self { checkers, operators, turn: AtomicUsize::new(0) })
    }

    /// Asks one control node if the consent is live.
    pub(super) async fn check(&self, about: &Subject) -> Result<Reply<()>> {
        let message = CheckRequest {
            issuer_id: MAIN.id.to_owned(),
            subject: about.subject.clone(),
            client_id: about.client_id.clone(),
            resource: MAIN.resource.to_owned(),
            scopes: Vec::new(),
            consistency: Some(Consistency { requirement: Some(Requirement::FullyConsistent(FullyConsistent {})) }),
        };
        let mut consents = self.next(&self.checkers).consents();
        let answer = match timeout(PATIENCE, consents.check(message)).await {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => return unknown(&status),
            Err(_) => return Ok(Reply::Unknown("a gRPC call without an answer".to_owned())),
        };
        match answer.result.context("a result")?.verdict() {
            CheckVerdict::Granted => Ok(Reply::Yes(())),
            CheckVerdict::Denied => Ok(Reply::No),
            other => bail!("the verdict is {other:?}"),
        }
    }

    /// Revokes, and repeats the call with the same request id at the other control nodes until it is acknowledged.
    pub(super) async fn revoke(&self, target: Target, about: &Subject) -> Result<Reply<()>> {
        let target = match target {
            Target::Client => RevocationTarget::ClientId(about.client_id.clone()),
            Target::Subject => RevocationTarget::Subject(about.subject.clone()),
            Target::Consent => RevocationTarget::Consent(ConsentKey {
                subject: about.subject.clone(),
                client_id: about.client_id.clone(),
                resource: MAIN.resource.to_owned(),
            }),
        };
        let message = AdminServiceRevokeRequest {
            issuer_id: MAIN.id.to_owned(),
            target: Some(target),
            dry_run: false,
            reason: "the test revokes".to_owned(),
            request_id: secret(),
        };
        let mut last = Reply::Unknown("a revocation that was never acknowledged".to_owned());
        for _ in 0..6 {
            let mut admin = self.next(&self.operators).admin();
            last = match timeout(PATIENCE, admin.revoke(message.clone())).await {
                Ok(Ok(_)) => return Ok(Reply::Yes(())),
                Ok(Err(status)) => unknown(&status)?,
                Err(_) => Reply::Unknown("a gRPC call without an answer".to_owned()),
            };
        }
        Ok(last)
    }

    fn next<'a>(&self, callers: &'a [Caller]) -> &'a Caller {
        &callers[self.turn.fetch_add(1, Ordering::Relaxed) % callers.len()]
    }
}

/// The outcome of a call with this status is not known; any other refusal is an error of the test or of the product.
fn unknown(status: &Status) -> Result<Reply<()>> {
    match grpc::refusal(status) {
        Err(_) => Ok(Reply::Unknown(format!("gRPC {:?}", status.code()))),
        Ok((_, reason)) if reason == "STORE_UNAVAILABLE" => Ok(Reply::Unknown(reason)),
        Ok((code, reason)) => bail!("{code:?} {reason}: {}", status.message()),
    }
}
