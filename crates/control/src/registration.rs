//! `POST /register`: a client of its own for each registration.

use lychgate_domain::client::Client;
use lychgate_domain::id::Attempt;
use lychgate_domain::registration::{self, Registration};
use lychgate_store::StoreError;

use crate::control::{Caller, Control};
use crate::error::Error;

impl Control {
    pub async fn register(
        &self,
        caller: Caller,
        issuer_id: String,
        attempt: Attempt,
        asked: Registration,
    ) -> Result<Client, Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let issuer = &*control.issuer(&issuer_id, &caller).await?.issuer;
            let now = control.clock.now();
            let client = registration::register(asked, issuer, attempt, now)?;
            match control.store.register(issuer, &client, now).await {
                Ok(()) => Ok(client),
                Err(StoreError::Conflict) => {
                    // The same attempt was here before: its client, as it was registered then.
                    let found = control.store.client(issuer, &client.id, now).await?;
                    Ok(found.ok_or(StoreError::Conflict)?.value)
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
    }
}
