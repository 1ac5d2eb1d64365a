//! Who a client is (configured, registered, or described by the document its id leads to), and the proof that a request
//! comes from it.
//!
//! A client is looked up anew at every step: what was true when a page was shown may not be when its button is pressed.

mod assertion;

use lychgate_domain::Refusal;
use lychgate_domain::authentication::{AssertionAccepted, ClientAuthenticated, Credentials};
use lychgate_domain::client::jwk::PublicJwk;
use lychgate_domain::client::metadata_url::MetadataUrl;
use lychgate_domain::client::{Authentication, Client, ClientKeys, ClientStatus};
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::issuer::Issuer;
use lychgate_domain::registration::document;
use lychgate_domain::time::Timestamp;
use lychgate_store::{Commit, Versioned};
use url::Url;

pub use assertion::Assertion;

use crate::client_metadata::{ClientTrust, Document, DocumentError, Kind, key_set, parse_document};
use crate::ground::error::Error;
use crate::ground::outbound::Class;
use crate::state::Control;

/// A client as it is now.
#[derive(Clone, Debug)]
pub struct ResolvedClient {
    pub client: Client,
    /// What it was read from; a client that is configured or has a document has no record.
    pub record: Option<Versioned<Client>>,
}

impl ResolvedClient {
    /// What the store cannot know.
    pub fn unregistered_status(&self) -> Option<ClientStatus> {
        self.record.is_none().then_some(self.client.status)
    }
}

/// The status of a client that has no record, where it matters only whether it may act: nobody's document is fetched.
pub fn unregistered_status(issuer: &Issuer, id: &ClientId) -> Option<ClientStatus> {
    match issuer.configured_client(id) {
        Some(client) => Some(client.status),
        None => document::is_url(id).then_some(ClientStatus::Enabled),
    }
}

/// What a request says of its client.
#[derive(Debug, Default)]
pub struct Presented {
    pub credentials: Credentials,
    pub assertion: Option<Assertion>,
}

impl Control {
    /// The client `id`.
    pub(crate) async fn client(
        &self,
        issuer: &Issuer,
        id: &ClientId,
        trust: ClientTrust,
        now: Timestamp,
    ) -> Result<ResolvedClient, Error> {
        if let Some(client) = issuer.configured_client(id) {
            self.not_disabled(issuer, id, now).await?;
            return Ok(ResolvedClient { client: client.clone(), record: None });
        }
        if document::is_url(id) {
            let url = document::url(id, issuer)?;
            self.not_disabled(issuer, id, now).await?;
            return Ok(ResolvedClient { client: self.described(issuer, &url, trust, now).await?, record: None });
        }
        let record = self.store.client(issuer, id, now).await?.ok_or(Refusal::ClientUnknown)?;
        Ok(ResolvedClient { client: record.value.clone(), record: Some(record) })
    }

    /// The client that `presented` proves to come from. An assertion is used up by it, whatever comes of the request.
    pub(crate) async fn authenticate(
        &self,
        issuer: &Issuer,
        presented: &Presented,
        trust: ClientTrust,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<(ResolvedClient, ClientAuthenticated), Error> {
        let id = presented.credentials.client_id()?;
        let resolved = self.client(issuer, &id, trust, now).await?;
        let accepted = match (&presented.assertion, &resolved.client.authentication) {
            (Some(assertion), Authentication::Keys { keys, .. }) => {
                resolved.client.enabled()?;
                let accepted = AssertionAccepted::check(assertion.claims(), &resolved.client, issuer, now)?;
                if !self.signed(assertion, keys, trust, now).await? {
                    return Err(Refusal::ClientAssertionInvalid("no key of the client's signed this").into());
                }
                match self.store.use_assertion(issuer, &accepted, attempt, now).await? {
                    Commit::Done(_) => Some(accepted),
                    Commit::Conflict => return Err(Refusal::ClientAssertionReplayed.into()),
                }
            }
            (Some(_) | None, _) => None,
        };
        let authenticated = presented.credentials.authenticate(&resolved.client, accepted.as_ref())?;
        Ok((resolved, authenticated))
    }

    /// That no operator has disabled a client that is not registered. Nothing is fetched for one that is.
    async fn not_disabled(&self, issuer: &Issuer, id: &ClientId, now: Timestamp) -> Result<(), Error> {
        match self.store.client_record(issuer, id, now).await?.map(|found| found.value) {
            Some(record) => Ok(record.status().enabled()?),
            None => Ok(()),
        }
    }

    async fn described(
        &self,
        issuer: &Issuer,
        url: &MetadataUrl,
        trust: ClientTrust,
        now: Timestamp,
    ) -> Result<Client, Error> {
        if let Some(pinned) = document::pinned(url, issuer) {
            return Ok(document::client(url, pinned, issuer)?);
        }
        let document = self.documents.get(url.as_url(), Kind::ClientMetadata, trust, now).await;
        let document = document.map_err(|error| refused(url.as_url(), &error))?;
        let document = parse_document(&document.value)
            .ok_or(Refusal::MetadataDocumentInvalid("it is not what a client's metadata must be"))?;
        Ok(document::client(url, &document, issuer)?)
    }

    /// Whether one of the client's keys signed `assertion`. A key that is not in a set that was fetched earlier may be in it
    /// by now.
    async fn signed(
        &self,
        assertion: &Assertion,
        keys: &ClientKeys,
        trust: ClientTrust,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let uri = match keys {
            ClientKeys::ByValue(keys) => return Ok(assertion.was_signed_by(keys)),
            ClientKeys::ByReference(uri) => uri,
        };
        let url = Url::parse(uri).map_err(|_| Refusal::MetadataDocumentInvalid("its jwks_uri is no URL"))?;
        let set = |document: &Document| key_set(&document.value).unwrap_or_default();
        let refused = |error: DocumentError| refused(&url, &error);
        let known = self.documents.get(&url, Kind::KeySet, trust, now).await.map_err(refused)?;
        if assertion.was_signed_by(&set(&known)) {
            return Ok(true);
        }
        let newest = self.documents.get_recent(&url, Kind::KeySet, trust, now).await.map_err(refused)?;
        let keys: Vec<PublicJwk> = set(&newest);
        Ok(newest.digest != known.digest && assertion.was_signed_by(&keys))
    }
}

/// On the page it is said coarsely what is wrong, lest the page be a scanner of networks; in the log exactly.
fn refused(url: &Url, error: &DocumentError) -> Error {
    tracing::info!(document.host = url.host_str(), error = cause(error), "a client's document cannot be used");
    let refusal = match error.class() {
        Class::Unreachable => Refusal::MetadataDocumentUnavailable,
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
