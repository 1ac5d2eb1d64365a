//! `lychgate check`: judges any vendor's authorization server from outside, by the needs of MCP clients and the safety of
//! their users.
//!
//! A scan sends a few dozen requests, one after another, and changes nothing at the server without `--register`. The server
//! may be hostile: a scan escapes all of its bytes before it prints them, and asks no origin that the person did not name.

mod authorization;
mod checks;
mod client;
mod fetch;
mod page_headers;
mod report;
mod rules;
mod scan;
mod server;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime;

use checks::ForeignToken;
use fetch::Fetch;
use report::{Finished, Outcome, Report};
use rules::Rule;
use scan::{NamedUrl, Scan};

const HELP: &str = "\
RESULTS
  holds    as required, as far as it can be seen from outside
  FAILS    the server violates a MUST of a specification
  warns    the server violates a SHOULD, or may violate a MUST: look at it yourself
  skipped  not judged; the evidence says why
  IDs are those of Lychgate's conformance table; L1 to L12 exist only here. -v names the sources.

REQUESTS TO THE SERVER
  A scan sends at most 95 requests, one after another, and then deletes the clients that it registered. It follows
  redirects only within the authorization endpoint's own pages. It asks only the origins of ISSUER_URL, --resource,
  --callback and --also, even if metadata names others. Without --register it changes nothing.

JSON
  {tool, issuer, outcome, requests, changes: [text], summary: {holds, fails, warns, skipped},
   rows: [{id, level: must|should, requirement, source, result: holds|fails|warns|skipped, evidence}]}
  outcome: holds | fails | unreachable | not_an_authorization_server

EXIT CODE
  0 nothing fails    1 something fails    2 usage    3 unreachable, or not an authorization server";

/// The arguments of `lychgate check`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// The issuer, byte for byte as clients know it (with or without a slash at its end)
    #[arg(value_name = "ISSUER_URL", value_parser = NamedUrl::parse)]
    issuer: NamedUrl,
    /// Also checks the MCP server at this URL: its challenge and its metadata
    #[arg(long, value_name = "URL", value_parser = NamedUrl::parse)]
    resource: Option<NamedUrl>,
    /// Also presents the access token in this file to the MCP server, which must refuse it: one of the same issuer for another
    /// resource. The MCP server sees the token
    #[arg(long, value_name = "FILE", requires = "resource", value_parser = ForeignToken::read)]
    foreign_token_file: Option<ForeignToken>,
    /// Also checks this server's redirect URI at its identity provider: a call without a code must be refused
    #[arg(long, value_name = "URL", value_parser = NamedUrl::parse)]
    callback: Option<NamedUrl>,
    /// Registers a few clients for the checks that need one, and deletes them if the server allows it (RFC 7592)
    #[arg(long)]
    register: bool,
    /// Uses this client for the checks that need one; changes nothing at the server
    #[arg(long, value_name = "ID", requires = "redirect_uri", conflicts_with = "register")]
    client_id: Option<String>,
    /// A redirect URI of that client
    #[arg(long, value_name = "URI", requires = "client_id")]
    redirect_uri: Option<String>,
    /// Another origin of this server that the scan may ask; can be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = NamedUrl::parse)]
    also: Vec<NamedUrl>,
    /// The time limit for each answer
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// Prints one JSON document instead of a table
    #[arg(long)]
    json: bool,
    /// Prints a SARIF 2.1.0 log instead of a table
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
    /// Names the source of each requirement
    #[arg(short, long)]
    verbose: bool,
}

/// Scans the server, writes the report to `stdout` and notes and errors to `stderr`.
pub fn main(args: &Args, stdout: &mut dyn Write, stderr: &mut dyn Write) -> ExitCode {
    let finished = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(run(args, stderr)));
    match finished.and_then(|finished| print(args, &finished, stdout).map(|()| finished.outcome)) {
        Ok(Outcome::Holds) => ExitCode::SUCCESS,
        Ok(Outcome::Fails) => ExitCode::FAILURE,
        Ok(Outcome::Unreachable | Outcome::NotAnAuthorizationServer) => ExitCode::from(3),
        Err(error) => {
            scan::note(stderr, format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &Args, stderr: &mut dyn Write) -> anyhow::Result<Finished> {
    let options = [Some(&args.issuer), args.resource.as_ref(), args.callback.as_ref()];
    let named = options.into_iter().flatten().chain(&args.also);
    let origins = named.map(|named| named.url.origin()).collect();
    let fetch = Fetch::new(origins, Duration::from_secs(args.timeout)).context("cannot start the HTTP client")?;
    let mut scan = Scan { fetch, report: Report::new(), stderr };
    let outcome = checks::run(&mut scan, args).await?;
    match scan.fetch.complaints() {
        [] => scan.report.holds(Rule::L1, format_args!("all {} did", scan.fetch.requests())),
        [first, rest @ ..] => scan.report.violated(Rule::L1, format_args!("{first} (and {} more)", rest.len())),
    }
    Ok(scan.report.finish(&args.issuer.text, scan.fetch.requests(), outcome))
}

/// A reader may close standard output early, as `head` does; that is no failure of the server.
fn print(args: &Args, finished: &Finished, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let text = match (args.json, args.sarif) {
        (true, _) => finished.json()?,
        (_, true) => finished.sarif()?,
        _ => finished.table(args.verbose).to_string(),
    };
    let _closed = writeln!(stdout, "{text}");
    Ok(())
}
