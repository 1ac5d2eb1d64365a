//! `/register`: dynamic client registration (RFC 7591), and its management by the client's own token (RFC 7592).

use lychgate_domain::Refusal;
use lychgate_domain::capacity::Growth;
use lychgate_domain::client::Client;
use lychgate_domain::client::metadata::ClientMetadata;
use lychgate_domain::id::ClientId;
use lychgate_domain::registration::{self, Registered};
use lychgate_store::{Store, Versioned};

use crate::ground::commit::{Commit, until_committed};
use crate::ground::error::Error;
use crate::issuers::IssuerContext;
use crate::limits::Growing;
use crate::state::{CallContext, CommandContext};

/// A registration's id, and the token that proves that the caller manages it.
#[derive(Debug)]
pub(crate) struct Managed {
    pub(crate) client_id: String,
    pub(crate) token: String,
}

/// The body of an update (RFC 7592 §2.2).
#[derive(Debug)]
pub(crate) struct Replacement {
    pub(crate) metadata: ClientMetadata,
    /// The client id and secret as the body repeats them.
    pub(crate) client_id: Option<String>,
    pub(crate) client_secret: Option<String>,
}

/// Reading and deleting of registrations.
pub(crate) struct Registration(pub(crate) CallContext);

/// Registering and updating.
pub(crate) struct Registering(pub(crate) CommandContext);

impl Registering {
    pub(crate) async fn register(
        self,
        metadata: ClientMetadata,
        token: Option<String>,
    ) -> Result<(Registered, IssuerContext), Error> {
        let call = self.0;
        call.state
            .clone()
            .to_the_end(async move {
                let (store, issuer, keys, now) = (call.store(), call.issuer(), call.keys(), call.now);
                registration::may_register(issuer, token.as_deref())?;
                let registered = registration::register(metadata, issuer, keys, call.attempt, now)?;
                call.admit(Growth::Registration).await?;
                let expires_at = Some(now + issuer.lifetimes.unused_registration);
                let size = Store::registration_size(issuer, &registered.client, expires_at);
                let growing = Growing { size, before: None };
                call.state.limits.registrations.make_room(store, issuer, &growing, now).await?;
                let found = until_committed(|| async {
                    Ok::<_, Error>(match store.register(issuer, &registered.client, now).await? {
                        Commit::Done(_) => Commit::Done(None),
                        // The same attempt was here before: the client as it was registered then.
                        Commit::Conflict => match store.client(issuer, &registered.client.id, now).await? {
                            Some(found) => Commit::Done(Some(found.value)),
                            None => Commit::Conflict,
                        },
                    })
                });
                let registered = match found.await? {
                    None => registered,
                    Some(client) => Registered::again(client, keys, call.attempt),
                };
                Ok((registered, call.serving.clone()))
            })
            .await
    }

    pub(crate) async fn replace(
        self,
        managed: Managed,
        replacement: Replacement,
    ) -> Result<(Registered, IssuerContext), Error> {
        let call = self.0;
        call.state
            .clone()
            .to_the_end(async move {
                let (store, issuer, keys) = (call.store(), call.issuer(), call.keys());
                let Replacement { metadata, client_id, client_secret } = &replacement;
                call.admit(Growth::Registration).await?;
                let replaced = until_committed(|| async {
                    let stored = managed.client(&call).await?;
                    registration::is_of(&stored.value, client_id.as_deref(), client_secret.as_deref())?;
                    let replaced =
                        registration::replace(stored.value.clone(), metadata.clone(), issuer, keys, call.attempt)?;
                    let before = Store::registration_size(issuer, &stored.value, stored.expires_at).bytes;
                    let size = Store::registration_size(issuer, &replaced.client, stored.expires_at);
                    let growing = Growing { size, before: Some(before) };
                    call.state.limits.registrations.make_room(store, issuer, &growing, call.now).await?;
                    let commit = store.replace_client(issuer, &stored, &replaced.client, call.now).await?;
                    Ok::<_, Error>(commit.with(replaced))
                });
                Ok((replaced.await?, call.serving.clone()))
            })
            .await
    }
}

impl Registration {
    pub(crate) async fn read(self, managed: &Managed) -> Result<(Registered, IssuerContext), Error> {
        let client = managed.client(&self.0).await?.value;
        Ok((Registered { client, secret: None, management_token: None }, self.0.serving))
    }

    pub(crate) async fn delete(self, managed: Managed) -> Result<(), Error> {
        let call = self.0;
        call.state
            .clone()
            .to_the_end(async move {
                let (store, issuer) = (call.store(), call.issuer());
                let deleted = until_committed(|| async {
                    let stored = managed.client(&call).await?;
                    let size = Store::registration_size(issuer, &stored.value, stored.expires_at);
                    Ok::<_, Error>(store.delete_client(issuer, &stored, call.now).await?.with(size))
                });
                let deleted = deleted.await?;
                call.state.limits.registrations.deleted(issuer, &deleted).await;
                Ok(())
            })
            .await
    }
}

impl Managed {
    /// An unknown client and a token that is not its own get the same answer (RFC 7592 §2).
    async fn client(&self, call: &CallContext) -> Result<Versioned<Client>, Error> {
        let unknown = || Error::from(Refusal::RegistrationAccessTokenInvalid);
        let id = ClientId::parse(&self.client_id).ok_or_else(unknown)?;
        let stored = call.store().client(call.issuer(), &id, call.now).await?.ok_or_else(unknown)?;
        registration::may_manage(&stored.value, &self.token)?;
        Ok(stored)
    }
}
