//! `lychgate check`: judges an authorization server, of any vendor, from outside, by what MCP clients need of it and what
//! keeps their users safe.
//!
//! It is a guest: a few dozen requests, one after another, and nothing that changes anything unless `--register` asks for
//! it. It must never believe what it reads: the server may be hostile, and its bytes are shown escaped, its addresses
//! asked only where the person named them.

mod authorize;
mod client;
mod consent;
mod fetch;
mod metadata;
mod pages;
mod programs;
mod register;
mod report;
mod resource;
mod rules;
mod token;

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use lychgate_process::random;
use lychgate_process::terminal::visible;
use reqwest::RequestBuilder;
use tokio::runtime;
use url::Url;

use client::Client;
use fetch::{Answer, Fetch};
use metadata::Server;
use register::Registered;
use report::{Finished, Outcome, Report};
use rules::Rule;

/// A host that nobody can have (RFC 2606 §2): what a server sends there reaches nobody.
const NOWHERE: &str = "https://lychgate-check.invalid";

const HELP: &str = "\
RESULTS
  holds    as required, as far as it can be seen from outside
  FAILS    something that a text says MUST be so is not
  warns    something that SHOULD be so is not, or cannot be told for sure
  skipped  not judged; the evidence says why
  IDs are those of Lychgate's conformance table; L1 to L3 are this command's own. -v names the sources.

WHAT IT DOES TO THE SERVER
  60 requests at the most, one after another, beside those that delete what was registered; no redirect is followed,
  except within the authorization endpoint's own pages. Only the origins of ISSUER_URL, --resource and --also are
  asked, wherever metadata may point. Without --register nothing is changed.

JSON
  {tool, issuer, outcome, requests, changes: [text], summary: {holds, fails, warns, skipped},
   rows: [{id, level: must|should, requirement, source, result: holds|fails|warns|skipped, evidence}]}
  outcome: holds | fails | unreachable | not_an_authorization_server

EXIT CODE
  0 nothing fails    1 something fails    2 usage    3 unreachable, or not an authorization server";

#[derive(Debug, clap::Args)]
#[command(after_long_help = HELP)]
pub struct Args {
    /// The issuer, byte for byte as clients know it (with or without a slash at its end)
    #[arg(value_name = "ISSUER_URL", value_parser = web_url)]
    issuer: Named,
    /// Checks this MCP server's side, too: its challenge and its metadata
    #[arg(long, value_name = "URL", value_parser = web_url)]
    resource: Option<Named>,
    /// Registers a few clients for the checks that need one, and deletes them if the server lets it (RFC 7592)
    #[arg(long)]
    register: bool,
    /// Makes the checks that need a client with this one instead; changes nothing
    #[arg(long, value_name = "ID", requires = "redirect_uri", conflicts_with = "register")]
    client_id: Option<String>,
    /// A redirect URI of that client
    #[arg(long, value_name = "URI", requires = "client_id")]
    redirect_uri: Option<String>,
    /// Another origin that belongs to this server and may be asked; can be repeated
    #[arg(long, value_name = "ORIGIN", value_parser = web_url)]
    also: Vec<Named>,
    /// How long one answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
    /// Prints one JSON document instead of a table
    #[arg(long)]
    json: bool,
    /// Says where each requirement is written
    #[arg(short, long)]
    verbose: bool,
}

/// Scans the server, prints the report to `stdout` and everything else to `stderr`.
pub fn main(args: &Args, stdout: &mut dyn Write, stderr: &mut dyn Write) -> ExitCode {
    let finished = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(scan(args, stderr)));
    match finished.and_then(|finished| print(args, &finished, stdout).map(|()| finished.outcome)) {
        Ok(Outcome::Holds) => ExitCode::SUCCESS,
        Ok(Outcome::Fails) => ExitCode::FAILURE,
        Ok(Outcome::Unreachable | Outcome::NotAnAuthorizationServer) => ExitCode::from(3),
        Err(error) => {
            note(stderr, format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What every check works with.
struct Scan<'a> {
    fetch: Fetch,
    report: Report,
    stderr: &'a mut dyn Write,
}

impl Scan<'_> {
    /// Tells the person something before it happens.
    fn announce(&mut self, what: impl Display) {
        note(self.stderr, what);
    }

    /// Without an answer, what `rules` ask is not known.
    async fn send(&mut self, rules: &[Rule], request: RequestBuilder) -> Option<Answer> {
        match self.fetch.send(request).await {
            Ok(answer) => Some(answer),
            Err(why) => {
                for rule in rules {
                    self.report.skipped(*rule, &why);
                }
                None
            }
        }
    }
}

async fn scan(args: &Args, stderr: &mut dyn Write) -> anyhow::Result<Finished> {
    let named = [Some(&args.issuer), args.resource.as_ref()].into_iter().flatten().chain(&args.also);
    let origins = named.map(|named| named.url.origin()).collect();
    let fetch = Fetch::new(origins, Duration::from_secs(args.timeout)).context("cannot start the HTTP client")?;
    let mut scan = Scan { fetch, report: Report::new(), stderr };
    let outcome = match metadata::check(&mut scan, &args.issuer).await {
        Ok(server) => {
            let result = judge(&mut scan, &server, args).await;
            result.map(|()| None)?
        }
        Err(outcome) => {
            scan.report.unknown(Rule::ALL, "there is no metadata to go by");
            Some(outcome)
        }
    };
    match scan.fetch.complaints() {
        [] => scan.report.holds(Rule::L1, format_args!("all {} did", scan.fetch.requests())),
        [first, rest @ ..] => scan.report.violated(Rule::L1, format_args!("{first} (and {} more)", rest.len())),
    }
    Ok(scan.report.finish(&args.issuer.text, scan.fetch.requests(), outcome))
}

async fn judge(scan: &mut Scan<'_>, server: &Server, args: &Args) -> anyhow::Result<()> {
    metadata::keys(scan, server).await;
    authorize::check(scan, server).await?;
    token::check(scan, server).await?;
    programs::check(scan, server).await;
    let scope = match &args.resource {
        Some(resource) => resource::check(scan, server, resource).await,
        None => server.first_scope(),
    };
    let resource = args.resource.as_ref().map(|resource| resource.text.clone());
    let mut registered = Registered::default();
    let given = match (&args.client_id, &args.redirect_uri) {
        (Some(id), Some(redirect_uri)) => Some(Client::given(id, redirect_uri)),
        _ => None,
    };
    if args.register {
        registered = register::check(scan, server).await?;
    }
    for (n, client) in given.iter().chain(&registered.good).enumerate() {
        let good = client.request(server, resource.as_deref(), scope.as_deref())?;
        client::check(scan, server, client, good, n == 0).await;
    }
    register::clean_up(scan, &registered).await;
    if given.is_some() || !registered.good.is_empty() {
        scan.report.unknown(client::RULES, "the client that was used does not show it");
    }
    scan.report.unknown(client::RULES, "needs a client: --register, or --client-id with --redirect-uri");
    scan.report.unknown(register::RULES, "needs --register, which registers clients");
    scan.report.unknown(resource::RULES, "needs --resource, the MCP server's URL");
    scan.report.unknown(&[Rule::B10, Rule::B11], "no page that was seen sets a cookie");
    Ok(())
}

/// Standard output may be closed early, by `head` for one; that changes nothing about the server.
fn print(args: &Args, finished: &Finished, stdout: &mut dyn Write) -> anyhow::Result<()> {
    let text = if args.json { finished.json()? } else { finished.table(args.verbose).to_string() };
    let _closed = writeln!(stdout, "{text}");
    Ok(())
}

fn note(stderr: &mut dyn Write, what: impl Display) {
    let _closed = writeln!(stderr, "lychgate check: {}", visible(&what.to_string(), 500));
}

/// A URL as it was typed, and understood: identifiers are compared by their bytes.
#[derive(Debug, Clone)]
struct Named {
    text: String,
    url: Url,
}

fn web_url(text: &str) -> Result<Named, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err("write https://HOST".to_owned());
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err("a fragment, a user and a password have no place in it".to_owned());
    }
    Ok(Named { text: text.to_owned(), url })
}

/// 64 random bits.
fn word() -> anyhow::Result<String> {
    random::hex::<8>()
}
