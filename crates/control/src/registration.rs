//! `/register`: a client of its own for each registration (RFC 7591), managed by whoever registered it (RFC 7592).

use std::sync::Arc;

use lychgate_domain::Refusal;
use lychgate_domain::client::metadata::ClientMetadata;
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::registration::{self, Registered};
use lychgate_domain::time::Timestamp;
use lychgate_store::Versioned;

use crate::ground::caller::Caller;
use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::issuers::Serving;
use crate::state::Control;

/// Whose registration, and the proof that the caller manages it.
#[derive(Debug)]
pub struct Managed {
    pub client_id: String,
    pub token: String,
}

/// What replaces a registration.
#[derive(Debug)]
pub struct Replacement {
    pub metadata: ClientMetadata,
    /// As the body repeats them.
    pub client_id: Option<String>,
    pub client_secret: Option<String>,
}

impl Control {
    pub async fn register(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        attempt: Attempt,
        asked: ClientMetadata,
        token: Option<String>,
    ) -> Result<(Registered, Serving), Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = control.issuer(&issuer_id, &caller).await?;
            let (issuer, keys, now) = (&*serving.issuer, serving.keys(), control.clock.now());
            registration::may_register(issuer, token.as_deref())?;
            let registered = until_committed(|| async {
                let registered = registration::register(asked.clone(), issuer, keys, attempt, now)?;
                Ok::<_, Error>(match control.store.register(issuer, &registered.client, now).await? {
                    Commit::Done(_) => Commit::Done(registered),
                    // The same attempt was here before: its client, as it was registered then.
                    Commit::Conflict => match control.store.client(issuer, &registered.client.id, now).await? {
                        Some(found) => Commit::Done(Registered::again(found.value, keys, attempt)),
                        None => Commit::Conflict,
                    },
                })
            })
            .await?;
            Ok((registered, serving))
        })
        .await
    }

    pub async fn read_registration(
        &self,
        caller: &Caller,
        issuer_id: &str,
        managed: &Managed,
    ) -> Result<(Registered, Serving), Error> {
        let serving = self.issuer(issuer_id, caller).await?;
        let client = self.managed(&serving, managed, self.clock.now()).await?.value;
        Ok((Registered { client, secret: None, management_token: None }, serving))
    }

    pub async fn replace_registration(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        attempt: Attempt,
        managed: Managed,
        asked: Replacement,
    ) -> Result<(Registered, Serving), Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = control.issuer(&issuer_id, &caller).await?;
            let (issuer, keys, now) = (&*serving.issuer, serving.keys(), control.clock.now());
            let replaced = until_committed(|| async {
                let stored = control.managed(&serving, &managed, now).await?;
                registration::is_of(&stored.value, asked.client_id.as_deref(), asked.client_secret.as_deref())?;
                let replaced =
                    registration::replace(stored.value.clone(), asked.metadata.clone(), issuer, keys, attempt)?;
                let commit = control.store.replace_client(issuer, &stored, &replaced.client, now).await?;
                Ok::<_, Error>(commit.with(replaced))
            })
            .await?;
            Ok((replaced, serving))
        })
        .await
    }

    pub async fn delete_registration(
        &self,
        caller: Arc<Caller>,
        issuer_id: String,
        managed: Managed,
    ) -> Result<(), Error> {
        let control = self.clone();
        self.to_the_end(async move {
            let serving = control.issuer(&issuer_id, &caller).await?;
            let now = control.clock.now();
            until_committed(|| async {
                let stored = control.managed(&serving, &managed, now).await?;
                Ok(control.store.delete_client(&serving.issuer, &stored, now).await?.with(()))
            })
            .await
        })
        .await
    }

    /// A client that is not there and a token that is not its own are answered alike (RFC 7592 §2).
    async fn managed(
        &self,
        serving: &Serving,
        managed: &Managed,
        now: Timestamp,
    ) -> Result<Versioned<lychgate_domain::client::Client>, Error> {
        let unknown = || Error::from(Refusal::RegistrationAccessTokenInvalid);
        let id = ClientId::parse(&managed.client_id).ok_or_else(unknown)?;
        let stored = self.store.client(&serving.issuer, &id, now).await?.ok_or_else(unknown)?;
        registration::may_manage(&stored.value, &managed.token)?;
        Ok(stored)
    }
}
