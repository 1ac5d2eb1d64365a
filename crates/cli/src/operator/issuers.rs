//! `lychgate issuers`.

use clap::Subcommand;
use lychgate_api::{Reason, v1};

use super::control_plane::Control;
use super::failure::Failure;
use super::screen::Columns;
use super::{Answer, Session};

pub(super) const COLUMNS: Columns = &[("ID", "id"), ("ISSUER", "issuer"), ("NAME", "name")];

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists the issuers that the token has access to
    List,
    /// Shows the public metadata, keys and resources of one issuer
    Describe,
}

pub(super) async fn run(verb: Verb, session: &mut Session) -> Result<Answer, Failure> {
    match verb {
        Verb::List => {
            let issuers = list(&session.control).await?;
            session.screen.rows(COLUMNS, &issuers)?;
        }
        Verb::Describe => {
            let request = v1::DescribeRequest { issuer_id: session.issuer().await? };
            let call = async |request| session.control.issuers().describe(request).await;
            let reply = session.control.call(request, call).await?;
            session.screen.message(&reply, Some(&reply))?;
        }
    }
    Ok(Answer::Yes)
}

/// The id of the only issuer. With several, a guess could change the wrong one.
pub(super) async fn only(control: &Control) -> Result<String, Failure> {
    let issuers = match list(control).await {
        Err(failure) if failure.reason == Some(Reason::PermissionDenied) => {
            return Err(Failure::usage("this token may not list issuers: name one with --issuer"));
        }
        listed => listed?,
    };
    match issuers.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => Err(Failure::usage("this token has access to no issuer")),
        several => {
            let ids: Vec<_> = several.iter().map(|issuer| issuer.id.as_str()).collect();
            Err(Failure::usage(format!("there are several issuers, {}: name one with --issuer", ids.join(", "))))
        }
    }
}

async fn list(control: &Control) -> Result<Vec<v1::Issuer>, Failure> {
    let call = async |request| control.issuers().list(request).await;
    Ok(control.call(v1::ListRequest {}, call).await?.issuers)
}
