//! Lookup of clients (configured, registered, or described by the document their id leads to), and the proof that a request
//! comes from one.
//!
//! A client is looked up anew at every step: it may have changed between a page and the press of its button.

mod assertion;

use lychgate_domain::Refusal;
use lychgate_domain::authentication::{AssertionAccepted, ClientAuthenticated, Credentials};
use lychgate_domain::client::jwk::PublicJwk;
use lychgate_domain::client::metadata_url::MetadataUrl;
use lychgate_domain::client::{Authentication, Client, ClientKeys, ClientStatus};
use lychgate_domain::id::ClientId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::registration::document;
use lychgate_process::telemetry::strangers::cut;
use lychgate_store::Versioned;
use url::Url;

pub(crate) use assertion::Assertion;

use crate::client_metadata::{ClientTrust, Document, DocumentError, Kind, key_set, parse_document};
use crate::ground::commit::Commit;
use crate::ground::error::Error;
use crate::ground::outbound::Class;
use crate::state::{CallContext, CommandContext};

/// A client as it is now.
#[derive(Clone, Debug)]
pub(crate) struct ResolvedClient {
    pub(crate) client: Client,
    /// The record of a registered client. A configured client and a client with a document have none.
    pub(crate) record: Option<Versioned<Client>>,
}

impl ResolvedClient {
    /// The status of a client without a record, which the store cannot know.
    pub(crate) fn unregistered_status(&self) -> Option<ClientStatus> {
        self.record.is_none().then_some(self.client.status)
    }
}

/// The status of a client that has no record, for uses that ask only whether it may act: no document is fetched.
pub(crate) fn unregistered_status(issuer: &Issuer, id: &ClientId) -> Option<ClientStatus> {
    match issuer.configured_client(id) {
        Some(client) => Some(client.status),
        None => document::is_url(id).then_some(ClientStatus::Enabled),
    }
}

/// The client credentials of a request, before anything of them is believed.
#[derive(Debug, Default)]
pub(crate) struct ClientCredentials {
    pub(crate) credentials: Credentials,
    pub(crate) assertion: Option<Assertion>,
}

/// The clients of the call's issuer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clients<'a>(pub(crate) &'a CallContext);

impl Clients<'_> {
    /// The client `id`.
    pub(crate) async fn resolve(&self, id: &ClientId, trust: ClientTrust) -> Result<ResolvedClient, Error> {
        let CallContext { state, now, .. } = self.0;
        let issuer = self.0.issuer();
        if let Some(client) = issuer.configured_client(id) {
            self.refuse_disabled(id).await?;
            return Ok(ResolvedClient { client: client.clone(), record: None });
        }
        if document::is_url(id) {
            let url = document::url(id, issuer)?;
            self.refuse_disabled(id).await?;
            return Ok(ResolvedClient { client: self.described(&url, trust).await?, record: None });
        }
        let record = state.store.client(issuer, id, *now).await?.ok_or(Refusal::ClientUnknown)?;
        Ok(ResolvedClient { client: record.value.clone(), record: Some(record) })
    }

    /// Refuses an unregistered client that an operator has disabled. This comes first: nothing is fetched for it.
    async fn refuse_disabled(&self, id: &ClientId) -> Result<(), Error> {
        match self.0.store().client_record(self.0.issuer(), id, self.0.now).await?.map(|found| found.value) {
            Some(record) => Ok(record.status().enabled()?),
            None => Ok(()),
        }
    }

    async fn described(&self, url: &MetadataUrl, trust: ClientTrust) -> Result<Client, Error> {
        let issuer = self.0.issuer();
        if let Some(pinned) = document::pinned(url, issuer) {
            return Ok(document::client(url, pinned, issuer)?);
        }
        let document = self.0.state.documents.get(url.as_url(), Kind::ClientMetadata, trust, self.0.now).await;
        let document = document.map_err(|error| refused(url.as_url(), &error))?;
        let document = parse_document(&document.value)
            .ok_or(Refusal::MetadataDocumentInvalid("it is not what a client's metadata must be"))?;
        Ok(document::client(url, &document, issuer)?)
    }

    /// Whether one of the client's keys signed `assertion`. If no key of a cached set did, the set is fetched again: the
    /// client may have published a new key since.
    async fn signed(&self, assertion: &Assertion, keys: &ClientKeys, trust: ClientTrust) -> Result<bool, Error> {
        let CallContext { state, now, .. } = self.0;
        let uri = match keys {
            ClientKeys::ByValue(keys) => return Ok(assertion.was_signed_by(keys)),
            ClientKeys::ByReference(uri) => uri,
        };
        let url = Url::parse(uri).map_err(|_| Refusal::MetadataDocumentInvalid("its jwks_uri is no URL"))?;
        let set = |document: &Document| key_set(&document.value).unwrap_or_default();
        let refused = |error: DocumentError| refused(&url, &error);
        let known = state.documents.get(&url, Kind::KeySet, trust, *now).await.map_err(refused)?;
        if assertion.was_signed_by(&set(&known)) {
            return Ok(true);
        }
        let newest = state.documents.get_recent(&url, Kind::KeySet, trust, *now).await.map_err(refused)?;
        let keys: Vec<PublicJwk> = set(&newest);
        Ok(newest.digest != known.digest && assertion.was_signed_by(&keys))
    }
}

/// A client that proved its identity, by an assertion perhaps.
pub(crate) struct AuthenticatedClient {
    pub(crate) client: Client,
    pub(crate) proof: ClientAuthenticated,
    /// Not used up yet: [`use_up`].
    pub(crate) assertion: Option<AssertionAccepted>,
}

/// Authenticates the client that `presented` names (RFC 6749 §3.2.1). Nothing is written: an assertion is used up by
/// [`use_up`].
pub(crate) async fn authenticate(
    call: &CommandContext,
    presented: &ClientCredentials,
    trust: ClientTrust,
) -> Result<AuthenticatedClient, Error> {
    let (clients, issuer, now) = (Clients(call), call.issuer(), call.now);
    let resolved = clients.resolve(&presented.credentials.client_id()?, trust).await?;
    let accepted = match (&presented.assertion, &resolved.client.authentication) {
        (Some(assertion), Authentication::Keys { keys, .. }) => {
            resolved.client.enabled()?;
            let accepted = AssertionAccepted::check(assertion.claims(), &resolved.client, issuer, now)?;
            if !clients.signed(assertion, keys, trust).await? {
                return Err(Refusal::ClientAssertionInvalid("no key of the client's signed this").into());
            }
            Some(accepted)
        }
        (Some(_) | None, _) => None,
    };
    let proof = presented.credentials.authenticate(&resolved.client, accepted.as_ref())?;
    Ok(AuthenticatedClient { client: resolved.client, proof, assertion: accepted })
}

/// Uses an assertion up. Called once a code or token of the client's was found, so that a client with a key of its own
/// cannot have a record written for every request it makes up.
pub(crate) async fn use_up(call: &CommandContext, assertion: &AssertionAccepted) -> Result<(), Error> {
    match call.store().use_assertion(call.issuer(), assertion, call.attempt, call.now).await? {
        Commit::Done(_) => Ok(()),
        Commit::Conflict => Err(Refusal::ClientAssertionReplayed.into()),
    }
}

/// The refusal says coarsely what is wrong, so that the page cannot be used to scan networks; the log says it exactly.
fn refused(url: &Url, error: &DocumentError) -> Error {
    let (host, error_text) = (url.host_str().unwrap_or_default(), cause(error));
    tracing::info!(document.host = %cut(host), error = %cut(&error_text), "a client's document cannot be used");
    let refusal = match error.class() {
        Class::Unreachable => Refusal::MetadataDocumentUnavailable,
        Class::NoHost => Refusal::MetadataDocumentInvalid("its host has no public address"),
        Class::Gone => Refusal::MetadataDocumentInvalid("there is none at that URL"),
        Class::Refused => Refusal::MetadataDocumentInvalid("it is at a place from which nothing is fetched"),
        Class::Invalid => {
            Refusal::MetadataDocumentInvalid("what is there is no client metadata or key set of that URL")
        }
    };
    refusal.into()
}

fn cause(error: &DocumentError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
