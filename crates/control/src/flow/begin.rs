//! `GET /authorize`: the checks, and a ticket. Nothing is written.

use lychgate_domain::flow::response;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::request::ticket::Ticket;
use lychgate_domain::request::{self, AuthorizationRequest};

use super::Next;
use crate::client_metadata::ClientTrust;
use crate::ground::caller::Caller;
use crate::ground::error::Error;
use crate::state::Control;

impl Control {
    pub async fn begin(&self, caller: &Caller, issuer_id: &str, pairs: Vec<(String, String)>) -> Result<Next, Error> {
        let serving = &self.issuer(issuer_id, caller).await?;
        let (issuer, now) = (&*serving.issuer, self.clock.now());
        let parameters = Parameters::new(pairs)?;
        let client_id = request::client_id(&parameters)?;
        let client = self.client(issuer, &client_id, ClientTrust::Stranger, now).await?.client;
        let redirect_uri = request::redirect_uri(&parameters, issuer, &client)?;
        let ticket = AuthorizationRequest::check(&parameters, issuer, &client, redirect_uri.clone())
            .and_then(|request| Ticket::issue(request, serving.keys(), &*self.entropy, now));
        match ticket {
            Ok((_, ticket)) => Ok(Next::redirect(serving.consent_url(&ticket))),
            Err(refusal) => {
                let state = parameters.single("state").ok().flatten();
                let response = response::error(&redirect_uri, &refusal, state, &issuer.url);
                if request::tell_client(&client, &redirect_uri) {
                    return Ok(Next::redirect(response));
                }
                Err(Error::from(refusal).returning(response, redirect_uri.target()))
            }
        }
    }
}
