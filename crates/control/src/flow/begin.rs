//! `GET /authorize`: the request is checked and becomes a ticket. Nothing is written.

use lychgate_domain::capacity::Growth;
use lychgate_domain::flow::response;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::request::ticket::Ticket;
use lychgate_domain::request::{self, AuthorizationRequest};

use crate::client_metadata::ClientTrust;
use crate::clients::Clients;
use crate::ground::error::{Error, reason};
use crate::next::Next;
use crate::state::CallContext;

pub(crate) async fn begin(call: &CallContext, pairs: Vec<(String, String)>) -> Result<Next, Error> {
    call.admit(Growth::Authorization).await?;
    let issuer = call.issuer();
    let parameters = Parameters::new(pairs)?;
    let client_id = request::client_id(&parameters)?;
    let client = Clients(call).resolve(&client_id, ClientTrust::Stranger).await?.client;
    let redirect_uri = request::redirect_uri(&parameters, issuer, &client)?;
    let ticket = AuthorizationRequest::check(&parameters, issuer, &client, redirect_uri.clone())
        .and_then(|request| Ticket::issue(request, issuer, call.keys(), call.entropy(), call.now));
    match ticket {
        Ok((_, ticket)) => Ok(Next::redirect(call.serving.consent_url(&ticket))),
        Err(refusal) => {
            let state = parameters.single("state").ok().flatten();
            let error = (reason(&refusal).oauth_error(), &refusal);
            match response::early_error(&redirect_uri, error, state, &issuer.url) {
                Some(response) if request::tell_client(&client, &redirect_uri) => Ok(Next::redirect(response)),
                Some(response) => Err(Error::from(refusal).returning(response, redirect_uri.target())),
                None => Err(refusal.into()),
            }
        }
    }
}
