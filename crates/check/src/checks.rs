//! The checks, and their order. No check approves anything: no authorization gets further than the consent page.

mod authorize;
mod callback;
mod consent_page;
mod cors;
mod forged_tokens;
mod known_client;
mod metadata;
mod ping;
mod registration;
mod resource;
mod revocation;
mod token;

use anyhow::Result;
pub(crate) use forged_tokens::ForeignToken;

use crate::Args;
use crate::client::Client;
use crate::report::Outcome;
use crate::rules::Rule;
use crate::scan::Scan;
use crate::server::Server;

/// Runs every check that `args` allow. An outcome means that there is no authorization server to judge.
pub(crate) async fn run(scan: &mut Scan<'_>, args: &Args) -> Result<Option<Outcome>> {
    let server = match metadata::check(scan, &args.issuer).await {
        Ok(server) => server,
        Err(outcome) => {
            scan.report.unknown(Rule::ALL, "there is no metadata to go by");
            return Ok(Some(outcome));
        }
    };
    metadata::check_keys(scan, &server).await;
    authorize::check(scan, &server).await?;
    token::check(scan, &server).await?;
    cors::check(scan, &server).await;
    revocation::check(scan, &server);
    if let Some(callback) = &args.callback {
        callback::named(scan, callback).await?;
    }
    let scope = match &args.resource {
        Some(resource) => resource::check(scan, &server, resource, args.foreign_token_file.as_ref()).await?,
        None => server.first_scope(),
    };
    check_with_clients(scan, &server, args, scope.as_deref()).await?;
    scan.report.unknown(known_client::RULES, "needs a client: --register, or --client-id with --redirect-uri");
    scan.report.unknown(registration::RULES, "needs --register, which registers clients");
    scan.report.unknown(resource::RULES, "needs --resource, the MCP server's URL");
    scan.report.unknown(&[Rule::L12], "needs --foreign-token-file, a token of this issuer for another resource");
    scan.report.unknown(callback::RULES, "needs --callback, the redirect URI at the identity provider");
    scan.report.unknown(&[Rule::B10, Rule::B11], "no page in this scan set a cookie");
    Ok(None)
}

/// The checks that need a client: the given one, or those that this scan registers and deletes again.
async fn check_with_clients(scan: &mut Scan<'_>, server: &Server, args: &Args, scope: Option<&str>) -> Result<()> {
    let given = match (&args.client_id, &args.redirect_uri) {
        (Some(id), Some(redirect_uri)) => Some(Client::given(id, redirect_uri)),
        _ => None,
    };
    let registered =
        if args.register { registration::check(scan, server).await? } else { registration::Registered::default() };
    let resource = args.resource.as_ref().map(|resource| resource.text.as_str());
    let clients = || given.iter().chain(&registered.usable);
    for (n, client) in clients().enumerate() {
        let good = client.request(server, resource, scope)?;
        if !known_client::check(scan, server, client, &good).await {
            continue;
        }
        // The other clients would only repeat these requests.
        if n == 0 {
            known_client::check_parameters(scan, &good).await;
        }
        token::check_with(scan, server, client).await;
        revocation::check_with(scan, server, client).await?;
    }
    if let Some(client) = &registered.bidirectional {
        consent_page::direction(scan, client, &client.request(server, resource, scope)?).await;
    }
    registration::clean_up(scan, &registered).await;
    if clients().next().is_some() {
        scan.report.unknown(known_client::RULES, "no client in this scan can show it");
    }
    Ok(())
}
