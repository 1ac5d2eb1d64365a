//! `lychgate keys`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use lychgate_api::v1;
use lychgate_api::v1::rotate_keys_request::Keys;

use super::failure::Failure;
use super::order::{Assurance, RequestId};
use super::screen::Columns;
use super::{Answer, Session};

pub(super) const COLUMNS: Columns = &[
    ("PURPOSE", "purpose"),
    ("KEY", "key_id"),
    ("STATE", "state"),
    ("ALG", "algorithm"),
    ("CREATED", "create_time"),
    ("ACTIVE", "active_time"),
    ("RETIRED", "retire_time"),
    ("FORGOTTEN", "forget_time"),
];

pub(super) const ROTATION: Columns = &[
    ("PURPOSE", "purpose"),
    ("KEY", "key_id"),
    ("ACTIVE", "active_time"),
    ("OLD FORGOTTEN", "forget_time"),
    ("KNOWN", "propagate_time"),
    ("BREAKS", "impact"),
];

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Every key there is
    List,
    /// Has keys replaced now, as happens by itself when they are old; nothing breaks, unless they are compromised
    Rotate(Rotate),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("keys").args(["purpose", "all"]).required(true))]
pub struct Rotate {
    /// Those of one purpose
    #[arg(long)]
    purpose: Option<Purpose>,
    /// Those of every purpose
    #[arg(long)]
    all: bool,
    /// Somebody else may have them: the new key is used at once, the others are forgotten, and what they made is worth nothing
    #[arg(long)]
    compromised: bool,
    #[command(flatten)]
    request_id: RequestId,
    #[command(flatten)]
    assurance: Assurance,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Purpose {
    /// Access tokens
    Signing,
    /// The way from /authorize to the consent page
    Ticket,
    /// The form on the consent page
    Form,
    /// Browsers' cookies
    Cookie,
    /// What is sent to the upstream
    Login,
    /// Authorization codes
    Code,
    /// Ids of clients that register
    Client,
    /// Refresh tokens
    RefreshToken,
    /// The upstream's tokens, which are kept sealed
    UpstreamTokens,
}

pub(super) async fn run(verb: Verb, session: &mut Session) -> Result<Answer, Failure> {
    let issuer_id = session.issuer().await?;
    let Session { control, screen, .. } = session;
    match verb {
        Verb::List => {
            let call = async |request| control.admin().list_keys(request).await;
            let reply = control.call(v1::ListKeysRequest { issuer_id }, call).await?;
            screen.rows(COLUMNS, &reply.keys)?;
        }
        Verb::Rotate(rotate) => {
            let Rotate { purpose, all: _, compromised, request_id, assurance } = rotate;
            if compromised && assurance.is_due() {
                Assurance::ask("What the old keys made is worth nothing from then on")?;
            }
            let request = v1::RotateKeysRequest {
                issuer_id,
                keys: Some(
                    purpose.map_or(Keys::All(v1::AllPurposes {}), |purpose| Keys::Purpose(wire(purpose).into())),
                ),
                request_id: request_id.settle()?,
                compromised,
            };
            let reply = control.call(request, async |request| control.admin().rotate_keys(request).await).await?;
            screen.rows(ROTATION, &reply.rotations)?;
        }
    }
    Ok(Answer::Yes)
}

fn wire(purpose: Purpose) -> v1::KeyPurpose {
    match purpose {
        Purpose::Signing => v1::KeyPurpose::Signing,
        Purpose::Ticket => v1::KeyPurpose::Ticket,
        Purpose::Form => v1::KeyPurpose::Form,
        Purpose::Cookie => v1::KeyPurpose::Cookie,
        Purpose::Login => v1::KeyPurpose::Login,
        Purpose::Code => v1::KeyPurpose::Code,
        Purpose::Client => v1::KeyPurpose::Client,
        Purpose::RefreshToken => v1::KeyPurpose::RefreshToken,
        Purpose::UpstreamTokens => v1::KeyPurpose::UpstreamTokens,
    }
}
