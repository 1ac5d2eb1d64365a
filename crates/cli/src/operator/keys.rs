//! `lychgate keys`.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use lychgate_api::v1;
use lychgate_api::v1::rotate_keys_request::Keys;

use super::change::{Confirmation, RequestId};
use super::failure::Failure;
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
    ("PROPAGATED", "propagate_time"),
    ("IMPACT", "impact"),
];

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Lists all keys
    List,
    /// Replaces keys now instead of at their age limit; without --compromised nothing issued becomes invalid
    Rotate(Rotate),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("keys").args(["purpose", "all"]).required(true))]
pub(crate) struct Rotate {
    /// Only the keys of this purpose
    #[arg(long)]
    purpose: Option<Purpose>,
    /// The keys of all purposes
    #[arg(long)]
    all: bool,
    /// The keys may be stolen: activates the new ones at once, deletes the old ones and invalidates everything made with them
    #[arg(long)]
    compromised: bool,
    #[command(flatten)]
    request_id: RequestId,
    #[command(flatten)]
    confirmation: Confirmation,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Purpose {
    /// Signs access tokens
    Signing,
    /// Seals authorization requests between /authorize and the consent page
    Ticket,
    /// Authenticates the form on the consent page
    Form,
    /// Authenticates cookies
    Cookie,
    /// Derives the state, nonce and PKCE verifier for the upstream
    Login,
    /// Derives authorization codes
    Code,
    /// Derives the secrets and registration access tokens of clients that register
    Client,
    /// Derives refresh tokens
    RefreshToken,
    /// Seals the stored tokens of the upstream
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
            let Rotate { purpose, all: _, compromised, request_id, confirmation } = rotate;
            if compromised && confirmation.is_due() {
                Confirmation::ask("Everything made with the old keys becomes invalid")?;
            }
            let request = v1::RotateKeysRequest {
                issuer_id,
                keys: Some(
                    purpose.map_or(Keys::All(v1::AllPurposes {}), |purpose| Keys::Purpose(wire(purpose).into())),
                ),
                request_id: request_id.or_fresh()?,
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
