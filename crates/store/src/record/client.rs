//! Registered clients. Of configured clients and clients with a metadata document only the status is stored.

use lychgate_domain::client::claimed_name;
use lychgate_domain::client::jwk::{KeyParameters, PublicJwk, SignatureAlgorithm};
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::client::secret::SecretDigest;
use lychgate_domain::client::{
    Authentication, Client, ClientDescription, ClientKeys, ClientOrigin, ClientStatus, GrantType, SecretMethod,
    UnsignedRequests,
};
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use super::{Record, decode_attempt};
use crate::proto;
use crate::proto::client::Authentication as Kept;
use crate::proto::client_key::Parameters;

/// The record of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientRecord {
    /// A registration (RFC 7591).
    Registered(Box<Client>),
    /// The status of a client without registration.
    Unregistered(UnregisteredClient),
}

/// The status that an operator gave a client without registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnregisteredClient {
    /// The client's id.
    pub id: ClientId,
    /// Enabled or disabled.
    pub status: ClientStatus,
}

impl ClientRecord {
    /// The client's id.
    pub fn id(&self) -> &ClientId {
        match self {
            ClientRecord::Registered(client) => &client.id,
            ClientRecord::Unregistered(marked) => &marked.id,
        }
    }

    /// Enabled or disabled.
    pub fn status(&self) -> ClientStatus {
        match self {
            ClientRecord::Registered(client) => client.status,
            ClientRecord::Unregistered(marked) => marked.status,
        }
    }
}

impl Record for ClientRecord {
    const KIND: &'static str = Client::KIND;

    fn encode_record(&self) -> Vec<u8> {
        match self {
            ClientRecord::Registered(client) => client.encode_record(),
            ClientRecord::Unregistered(marked) => marked.encode_record(),
        }
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        match Client::decode_record(bytes) {
            Some(client) => Some(ClientRecord::Registered(Box::new(client))),
            None => UnregisteredClient::decode_record(bytes).map(ClientRecord::Unregistered),
        }
    }
}

impl Record for UnregisteredClient {
    const KIND: &'static str = Client::KIND;

    fn encode_record(&self) -> Vec<u8> {
        let (client_id, status) = (self.id.as_str().to_owned(), encode_status(self.status).into());
        proto::Client { client_id, status, ..Default::default() }.encode_to_vec()
    }

    /// A damaged registration must not decode as an unregistered client.
    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::Client::decode(bytes).ok()?;
        let is_registration =
            record.description.is_some() || !record.attempt.is_empty() || !record.redirect_uris.is_empty();
        let (id, status) = (ClientId::parse(&record.client_id)?, decode_status(record.status())?);
        (!is_registration).then_some(Self { id, status })
    }
}

impl Record for Client {
    const KIND: &'static str = "client";

    fn encode_record(&self) -> Vec<u8> {
        let (registered_at, attempt, management) = match &self.origin {
            ClientOrigin::Registered { at, attempt, management } => (*at, *attempt, management.as_ref()),
            ClientOrigin::Configured | ClientOrigin::Document => (Timestamp::EPOCH, Attempt::from_bytes([0; 16]), None),
        };
        let about = self.about.clone();
        let record = proto::Client {
            client_id: self.id.as_str().to_owned(),
            status: encode_status(self.status).into(),
            name: self.name.clone(),
            redirect_uris: self.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
            grant_types: self.grant_types.iter().map(|grant_type| grant_type.as_str().to_owned()).collect(),
            registered_at: registered_at.millis(),
            attempt: attempt.bytes().to_vec(),
            description: Some(proto::ClientDescription {
                client_uri: about.client_uri,
                logo_uri: about.logo_uri,
                tos_uri: about.tos_uri,
                policy_uri: about.policy_uri,
                contacts: about.contacts,
                scope: about.scope,
                application_type: about.application_type,
                software_id: about.software_id,
                software_version: about.software_version,
            }),
            management_digest: management.map(|digest| digest.bytes().to_vec()),
            authentication: encode_authentication(&self.authentication),
        };
        record.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::Client::decode(bytes).ok()?;
        let status = decode_status(record.status())?;
        let about = record.description?;
        Some(Self {
            id: ClientId::parse(&record.client_id)?,
            origin: ClientOrigin::Registered {
                at: Timestamp::from_millis(record.registered_at),
                attempt: decode_attempt(record.attempt)?,
                management: match record.management_digest {
                    Some(bytes) => Some(SecretDigest::from_bytes(bytes.try_into().ok()?)),
                    None => None,
                },
            },
            status,
            name: record.name.as_deref().and_then(claimed_name::recorded),
            redirect_uris: record.redirect_uris.into_iter().map(RedirectUri::from_record).collect(),
            grant_types: record.grant_types.iter().map(|name| GrantType::parse(name)).collect::<Option<_>>()?,
            authentication: decode_authentication(record.authentication)?,
            about: ClientDescription {
                client_uri: about.client_uri,
                logo_uri: about.logo_uri,
                tos_uri: about.tos_uri,
                policy_uri: about.policy_uri,
                contacts: about.contacts,
                scope: about.scope,
                application_type: about.application_type,
                software_id: about.software_id,
                software_version: about.software_version,
            },
        })
    }
}

fn encode_status(status: ClientStatus) -> proto::ClientStatus {
    match status {
        ClientStatus::Enabled => proto::ClientStatus::Enabled,
        ClientStatus::Disabled => proto::ClientStatus::Disabled,
    }
}

fn decode_status(status: proto::ClientStatus) -> Option<ClientStatus> {
    match status {
        proto::ClientStatus::Enabled => Some(ClientStatus::Enabled),
        proto::ClientStatus::Disabled => Some(ClientStatus::Disabled),
        proto::ClientStatus::Unspecified => None,
    }
}

fn encode_authentication(authentication: &Authentication) -> Option<Kept> {
    match authentication {
        Authentication::Public => None,
        Authentication::Secret { registered, digest } => Some(Kept::Secret(proto::ClientSecret {
            method: match registered {
                SecretMethod::Basic => proto::ClientSecretMethod::Basic,
                SecretMethod::Post => proto::ClientSecretMethod::Post,
            }
            .into(),
            digest: digest.bytes().to_vec(),
        })),
        // Only a document can say `otherwise`, and documents are not kept.
        Authentication::Keys { keys: ClientKeys::ByValue(keys), .. } => {
            Some(Kept::Jwks(proto::ClientKeySet { keys: keys.iter().map(encode_key).collect() }))
        }
        Authentication::Keys { keys: ClientKeys::ByReference(uri), .. } => Some(Kept::JwksUri(uri.clone())),
    }
}

fn decode_authentication(kept: Option<Kept>) -> Option<Authentication> {
    let keys = |keys| Some(Authentication::Keys { keys, unsigned: UnsignedRequests::Refused });
    match kept {
        None => Some(Authentication::Public),
        Some(Kept::Secret(secret)) => {
            let registered = match secret.method() {
                proto::ClientSecretMethod::Basic => SecretMethod::Basic,
                proto::ClientSecretMethod::Post => SecretMethod::Post,
                proto::ClientSecretMethod::Unspecified => return None,
            };
            let digest = SecretDigest::from_bytes(secret.digest.try_into().ok()?);
            Some(Authentication::Secret { registered, digest })
        }
        Some(Kept::Jwks(set)) => {
            keys(ClientKeys::ByValue(set.keys.into_iter().map(decode_key).collect::<Option<_>>()?))
        }
        Some(Kept::JwksUri(uri)) => keys(ClientKeys::ByReference(uri)),
    }
}

fn encode_key(key: &PublicJwk) -> proto::ClientKey {
    proto::ClientKey {
        kid: key.kid.clone(),
        alg: key.algorithm.map(|algorithm| algorithm.as_str().to_owned()),
        parameters: Some(match key.parameters.clone() {
            KeyParameters::Rsa { n, e } => Parameters::Rsa(proto::RsaKey { n, e }),
            KeyParameters::Ec { x, y } => Parameters::P256(proto::P256Key { x, y }),
            KeyParameters::Okp { x } => Parameters::Ed25519(proto::Ed25519Key { x }),
        }),
    }
}

fn decode_key(key: proto::ClientKey) -> Option<PublicJwk> {
    Some(PublicJwk {
        kid: key.kid,
        algorithm: match key.alg {
            Some(name) => Some(SignatureAlgorithm::parse(&name)?),
            None => None,
        },
        parameters: match key.parameters? {
            Parameters::Rsa(proto::RsaKey { n, e }) => KeyParameters::Rsa { n, e },
            Parameters::P256(proto::P256Key { x, y }) => KeyParameters::Ec { x, y },
            Parameters::Ed25519(proto::Ed25519Key { x }) => KeyParameters::Okp { x },
        },
    })
}
