//! The operator's verbs: `lychgate issuers | consents | clients | grants | connections | keys | events | storage | doctor`.
//!
//! Each verb is a call of `lychgate.v1` (a list makes one per page, `events verify` none), which every caller with the token
//! can make; docs/operations.md shows each as a grpcurl recipe. The verbs decide nothing and keep nothing between two runs. They never
//! take a secret as an argument and never send another party's bytes to a terminal unescaped.

mod backup;
mod change;
mod clients;
mod connections;
mod consents;
mod control_plane;
mod doctor;
mod events;
mod explain;
mod failure;
mod grants;
mod issuers;
mod keys;
mod list;
mod revoke;
mod screen;
mod storage;
mod time;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use lychgate_process::random;
use lychgate_process::terminal::visible;
use tokio::runtime;

use control_plane::{Control, ControlPlane};
use failure::{Exit, Failure};
use screen::Screen;

const HELP: &str = "\
SUBJECT
  A SUBJECT is UPSTREAM_ID|USER_ID, for example idp|alice. Quote it, because | is special to a shell.

OUTPUT
  Tables are for people: text of clients and people is shown as printable ASCII, with everything else escaped. With
  --json, list and watch print one item per line, and the other verbs print the answer, as canonical protobuf JSON
  (as grpcurl does) in ASCII. Notes and errors go to standard error; an error is one line.

REQUEST IDS
  A change is done once per --request-id, however often it is sent. Without the option, a command makes an id and
  prints it before it sends the change: if you do not learn the outcome, repeat the command with this id.

EXIT CODE
  0 done, or yes    1 no, or no such record    2 usage    3 the control plane or its store cannot be reached
  4 the token is unknown, or its role may not do this    5 any other failure";

const MAX_LINE: usize = 1000;

/// The arguments of every noun.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    control_plane: ControlPlane,
    /// The issuer's id; not needed if there is only one issuer
    #[arg(long, global = true, value_name = "ID", env = "LYCHGATE_ISSUER", help_heading = "Control plane")]
    issuer: Option<String>,
    /// Prints protobuf JSON, one line per item, instead of a table
    #[arg(long, global = true)]
    json: bool,
}

/// A noun and one of its verbs.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(crate) struct Noun<V: Subcommand> {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: V,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Nouns {
    /// The issuers, which are the authorization servers of this deployment
    Issuers(Noun<issuers::Verb>),
    /// The consents that people gave to clients
    Consents(Noun<consents::Verb>),
    /// The clients, which ask people for consent
    Clients(Noun<clients::Verb>),
    /// The grants: each comes from a redeemed code, and its refresh tokens end with it
    Grants(Noun<grants::Verb>),
    /// The connections to people's accounts at the identity provider; resource servers may get their access tokens
    Connections(Noun<connections::Verb>),
    /// The keys of tokens, codes and cookies; never their secret parts
    Keys(Noun<keys::Verb>),
    /// The audit log: every change with its time, actor and reason
    Events(Noun<events::Verb>),
    /// Explains a request, a person or a client, step by step: from the audit log, and from logs
    Explain(explain::Explain),
    /// The stores: prepares a database, or moves all data from one store to another
    #[command(subcommand, after_long_help = storage::HELP)]
    Storage(storage::Verb),
    /// Checks the deployment from the control plane to the public URL, and names a remedy for each problem; exits with 1 if
    /// something failed
    Doctor(Box<doctor::Doctor>),
    /// Keeps a copy of the whole store while the control plane serves
    Backup(backup::Backup),
    /// Makes a new store of a backup, and ends again what was revoked since
    Restore(backup::Restore),
}

/// The result of a verb that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Yes, or done.
    Yes,
    No,
}

pub(crate) fn main(nouns: Nouns) -> ExitCode {
    let run = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Other, format!("cannot start the runtime: {error}")))
        .and_then(|runtime| runtime.block_on(run(nouns)));
    match run {
        Ok(Answer::Yes) => Exit::Done.into(),
        Ok(Answer::No) => Exit::No.into(),
        Err(failure) => {
            // Standard output that a reader closed early is not worth a line.
            if failure.exit != Exit::Done {
                eprintln!("lychgate: {}", visible(&failure.line, MAX_LINE));
            }
            failure.exit.into()
        }
    }
}

async fn run(nouns: Nouns) -> Result<Answer, Failure> {
    match nouns {
        Nouns::Issuers(Noun { common, verb }) => issuers::run(verb, &mut Session::open(common)?).await,
        Nouns::Consents(Noun { common, verb }) => consents::run(verb, &mut Session::open(common)?).await,
        Nouns::Clients(Noun { common, verb }) => clients::run(verb, &mut Session::open(common)?).await,
        Nouns::Grants(Noun { common, verb }) => grants::run(verb, &mut Session::open(common)?).await,
        Nouns::Connections(Noun { common, verb }) => connections::run(verb, &mut Session::open(common)?).await,
        Nouns::Keys(Noun { common, verb }) => keys::run(verb, &mut Session::open(common)?).await,
        Nouns::Events(Noun { common, verb }) => events::run(verb, common).await,
        Nouns::Explain(explain) => explain.run().await,
        Nouns::Storage(verb) => storage::run(verb).await,
        Nouns::Doctor(doctor) => doctor::run(*doctor).await,
        Nouns::Backup(backup) => backup::run(backup).await,
        Nouns::Restore(restore) => restore.run().await,
    }
}

/// 32 hexadecimal digits: the id of a call, or of a change that may be repeated.
#[expect(clippy::disallowed_methods, reason = "the control plane only compares ids; no test fixes one")]
fn fresh_id() -> Result<String, Failure> {
    random::hex::<16>().map_err(|error| Failure::new(Exit::Other, format!("{error:#}")))
}

/// The control plane, the issuer and the output of one command.
#[derive(Debug)]
struct Session {
    control: Control,
    issuer: Option<String>,
    screen: Screen,
}

impl Session {
    fn open(common: Common) -> Result<Self, Failure> {
        let control = common.control_plane.open()?;
        Ok(Self { control, issuer: common.issuer, screen: Screen::new(common.json) })
    }

    /// The id of the named issuer, or of the only one.
    async fn issuer(&self) -> Result<String, Failure> {
        match &self.issuer {
            Some(id) => Ok(id.clone()),
            None => issuers::only(&self.control).await,
        }
    }
}
