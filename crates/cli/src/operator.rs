//! What an operator types: `lychgate issuers | consents | clients | grants | keys | events`.
//!
//! Each verb is one call of `lychgate.v1` (a list: one a page; to verify an export: none), as anybody may make it who has the
//! token; README.md has the grpcurl recipe of each. It must never decide anything, hold anything from one run to the next, show a terminal bytes that
//! somebody else chose, or take a secret as an argument.

mod clients;
mod connection;
mod consents;
mod events;
mod failure;
mod grants;
mod issuers;
mod keys;
mod order;
mod pages;
mod revoke;
mod screen;
mod time;
mod watch;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use lychgate_process::{random, terminal::visible};
use tokio::runtime;

use connection::{Connection, Control};
use failure::{Exit, Failure};
use screen::Screen;

const HELP: &str = "\
OUTPUT
  Tables are for people: what strangers chose is shown as printable ASCII, everything else of it escaped. With --json a
  list or a watch prints an item a line, and whatever has one answer that answer, each as canonical protobuf JSON, as
  grpcurl does, and in ASCII. Notes and errors go to standard error, an error as one line.

REQUEST IDS
  What changes something is done once for each --request-id, however often it is sent. Without one, one is made and
  printed before it is used: with it, the same command may be repeated when its outcome is not known.

EXIT CODE
  0 done, or yes    1 the answer is no, or there is no such thing    2 usage    3 the control plane cannot be reached, or
  not its store    4 the token is not known, or its role may not do this    5 anything else that went wrong";

/// What every noun takes.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    connection: Connection,
    /// The issuer's id; not needed if there is but one
    #[arg(long, global = true, value_name = "ID", env = "LYCHGATE_ISSUER", help_heading = "Connection")]
    issuer: Option<String>,
    /// Prints protobuf JSON, a line for each item, instead of a table
    #[arg(long, global = true)]
    json: bool,
}

/// One thing that an operator works on, and what can be done with it.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub struct Noun<V: Subcommand> {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: V,
}

#[derive(Debug, Subcommand)]
pub enum Nouns {
    /// The authorization servers of this deployment
    Issuers(Noun<issuers::Verb>),
    /// What people allowed which client at which resource
    Consents(Noun<consents::Verb>),
    /// Who may ask people for anything
    Clients(Noun<clients::Verb>),
    /// What redeemed codes gave: refresh tokens live as long as these
    Grants(Noun<grants::Verb>),
    /// What tokens, codes and cookies are made with; never their material
    Keys(Noun<keys::Verb>),
    /// The audit log: who did what to whom, and why
    Events(Noun<events::Verb>),
}

/// Whether what was asked for is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Also: it is done.
    Yes,
    No,
}

pub fn main(nouns: Nouns) -> ExitCode {
    let run = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Other, format!("cannot start the runtime: {error}")))
        .and_then(|runtime| runtime.block_on(run(nouns)));
    match run {
        Ok(Answer::Yes) => Exit::Done.into(),
        Ok(Answer::No) => Exit::No.into(),
        Err(failure) => {
            // Whoever closed standard output early, as `head` does, wants to hear no more.
            if failure.exit != Exit::Done {
                eprintln!("lychgate: {}", visible(&failure.line, 1000));
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
        Nouns::Keys(Noun { common, verb }) => keys::run(verb, &mut Session::open(common)?).await,
        Nouns::Events(Noun { common, verb }) => events::run(verb, common).await,
    }
}

/// 32 hexadecimal digits, for a call or for a request that may be repeated.
fn fresh_id() -> Result<String, Failure> {
    random::hex::<16>().map_err(|error| Failure::new(Exit::Other, format!("{error:#}")))
}

/// What every verb works with.
#[derive(Debug)]
struct Session {
    control: Control,
    issuer: Option<String>,
    screen: Screen,
}

impl Session {
    fn open(common: Common) -> Result<Self, Failure> {
        let control = common.connection.open()?;
        Ok(Self { control, issuer: common.issuer, screen: Screen::new(common.json) })
    }

    /// The issuer that is meant: the one that was named, or the only one there is.
    async fn issuer(&self) -> Result<String, Failure> {
        match &self.issuer {
            Some(id) => Ok(id.clone()),
            None => issuers::only(&self.control).await,
        }
    }
}
