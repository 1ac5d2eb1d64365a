//! Direct access to the records of an environment's store.

use std::time::Duration;

use lychgate_domain::event::{Event, EventCaller, EventKind, EventTarget};
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::issuer::{Issuer, IssuerUrl};
use lychgate_domain::keys::{self, Keys, Purpose};
use lychgate_domain::revocation::UpstreamRevocation;
use lychgate_domain::subject::{Subject, UpstreamId};
use lychgate_domain::upstream::tokens::SealedFor;
use lychgate_engine::{Batch, Cursor, Engine as _, Entry, Expectation, Key, KeyRange, Limit, Space, random};
use lychgate_engine_suite::TestEntropy;
use lychgate_store::consents::{ConsentKey, ConsentRevocation};
use lychgate_store::keyring::KeyState;
use lychgate_store::{Commit, Store};
use prost::encoding;
use zeroize::Zeroizing;

use super::environment::MASTER_KEY;
use super::{Environment, ISSUER_URL, RESOURCE, TIMEOUT};

impl Environment {
    /// The entries of `space`.
    pub(crate) async fn entries(&self, space: Space) -> Vec<(Key, Entry)> {
        let limit = Limit { results: 10_000, rows: 10_000 };
        self.engine.scan(space, KeyRange::prefix(b""), self.now(), limit).await.expect("it can be read").entries
    }

    /// All stored events.
    pub(crate) async fn events(&self) -> Vec<Vec<u8>> {
        let revision = self.engine.read(&[], self.now()).await.expect("it can be read").revision;
        let cursor = Cursor { incarnation: revision.incarnation, position: 0 };
        let page = self.engine.events(cursor, Duration::ZERO, 10_000).await.expect("it can be read");
        page.events.into_iter().map(|event| event.value).collect()
    }

    /// The number of entries per space, and of events: an action that happens once is counted once.
    pub(crate) async fn record_counts(&self) -> Vec<(&'static str, usize)> {
        let mut counts = Vec::new();
        for space in Space::ALL {
            counts.push((space.name(), self.entries(space).await.len()));
        }
        counts.push(("events", self.events().await.len()));
        counts
    }

    /// Revokes the consent of `person` to `app`; repeats after a conflict.
    pub(crate) async fn revoke_consent(&self, person: &str, app: &str) {
        let issuer = self.config.issuers().expect("a good configuration").remove(0);
        let store = Store::open(self.engine.open(), self.now()).await.expect("it opens");
        let about = EventTarget {
            subject: Subject::new(&UpstreamId::parse("idp").expect("an id"), person).expect("a subject"),
            client_id: ClientId::parse(app).expect("a client id"),
            resource: RESOURCE.to_owned(),
            authorization_id: None,
        };
        let caller =
            EventCaller { principal: "operator".to_owned(), request_id: "revocation".to_owned(), address: None };
        let attempt = Attempt::from_bytes(random(&TestEntropy));
        let now = self.now();
        loop {
            let consent = store
                .consent(
                    &issuer,
                    ConsentKey { subject: &about.subject, client: &about.client_id, resource: RESOURCE },
                    now,
                )
                .await;
            let consent = consent.expect("it can be read").expect("there is one");
            let event = Event::new(EventKind::ConsentRevoked { reason: None }, about.clone(), &caller, attempt, now);
            let revoked = consent.value.clone().revoke(now);
            match store
                .revoke_consent(&issuer, &ConsentRevocation { read: &consent, revoked: &revoked, event: &event }, now)
                .await
                .expect("it can be written")
            {
                Commit::Done(_) => return,
                Commit::Conflict => {}
            }
        }
    }

    /// Waits until no upstream revocation is pending.
    pub(crate) async fn upstream_revocations_done(&self) {
        self.pending_upstream_revocations(|pending| pending.is_empty()).await;
    }

    /// Waits until every pending upstream revocation waits for its next try.
    pub(crate) async fn upstream_revocations_paused(&self) {
        self.pending_upstream_revocations(|pending| {
            pending.iter().all(|revocation| revocation.not_before > self.now())
        })
        .await;
    }

    async fn pending_upstream_revocations(&self, enough: impl Fn(&[UpstreamRevocation]) -> bool) {
        let store = Store::open(self.engine.open(), self.now()).await.expect("it opens");
        let issuer = self.config.issuers().expect("a good configuration").remove(0);
        let looking = async {
            let mut looks = tokio::time::interval(Duration::from_millis(10));
            loop {
                let page = store.upstream_revocations(&issuer, None, self.now()).await.expect("it can be read");
                let pending: Vec<_> = page.pending.into_iter().map(|pending| pending.value).collect();
                if enough(&pending) {
                    return;
                }
                looks.tick().await;
            }
        };
        if tokio::time::timeout(TIMEOUT, looking).await.is_err() {
            panic!("{:?} at {:?}", store.upstream_revocations(&issuer, None, self.now()).await, self.now());
        }
    }

    /// Number of connections that hold upstream tokens.
    pub(crate) async fn connections_with_tokens(&self) -> usize {
        let store = Store::open(self.engine.open(), self.now()).await.expect("it opens");
        let issuer = self.config.issuers().expect("a good configuration").remove(0);
        let (mut holding, mut from) = (0, None);
        loop {
            let page = store.connections(&issuer, from, self.now()).await.expect("it can be read");
            holding += page.items.iter().filter(|(_, connection)| connection.tokens.is_some()).count();
            from = page.next;
            if from.is_none() {
                return holding;
            }
        }
    }

    /// Moves the upstream's tokens of every connection to the only grant, as releases without connections stored them. The copy
    /// of the grant appends the record's field 17, `upstream_tokens`.
    pub(crate) async fn move_tokens_to_grant(&self) {
        let store = Store::open(self.engine.open(), self.now()).await.expect("it opens");
        let issuer = self.config.issuers().expect("a good configuration").remove(0);
        let keys = self.keys(&store, &issuer).await;
        let connections = store.connections(&issuer, None, self.now()).await.expect("it can be read").items;
        let [(_, connection)] = connections.as_slice() else { panic!("one connection: {connections:?}") };
        let tokens = connection.open_tokens(&issuer, &keys).expect("the connection has tokens");
        let grants = store.grants(&issuer, None, self.now()).await.expect("it can be read").items;
        let [(_, grant)] = grants.as_slice() else { panic!("one grant: {grants:?}") };
        let sealed = tokens.seal(SealedFor::Grant(grant.id), &issuer, &keys, &TestEntropy);

        let mut member = Vec::new();
        encoding::fixed32::encode(1, &sealed.key.0, &mut member);
        encoding::bytes::encode(2, &sealed.bytes, &mut member);
        let (key, entry) = self.entries(Space::Grants).await.remove(0);
        let mut record = entry.value;
        encoding::bytes::encode(17, &member, &mut record);
        let put = self.batch().put(key, Expectation::Version(entry.version), record, entry.expires_at);
        self.engine.commit(put).await.expect("it commits");
        self.delete_only(Space::Connections).await;
    }

    /// The keys of an issuer, unwrapped with the master key.
    async fn keys(&self, store: &Store, issuer: &Issuer) -> Keys {
        let material = |bytes: &[u8]| Zeroizing::new(<[u8; 32]>::try_from(bytes).expect("32 bytes"));
        let master = keys::Key::wrapping(&Zeroizing::new(lychgate_domain::id::decode(MASTER_KEY).expect("a key")));
        let keyring = store.keyring(&issuer.url, self.now()).await.expect("it can be read").expect("a keyring").value;
        let active = Purpose::ALL.into_iter().map(|purpose| {
            let mut of_purpose = keyring.keys.iter().filter(|key| key.purpose == purpose.label());
            let sealed = of_purpose.find(|key| key.state == KeyState::Active).expect("each purpose has an active key");
            let (url, id) = (issuer.url.as_str(), sealed.id.bytes());
            let context = [b"keyring", url.as_bytes(), sealed.purpose.as_bytes(), &id];
            let opened = master.open(&context, &sealed.sealed_material).expect("the master key opens it");
            (purpose, keys::Key::derive(sealed.id, purpose, url, &material(&opened)))
        });
        Keys::new(active.collect()).expect("a key for each purpose")
    }

    /// Changes the status of the only stored client to disabled. The copy appends the record's field 2, `status`, once more: the last
    /// value of a protobuf field wins.
    pub(crate) async fn disable_stored_client(&self) {
        let (key, entry) = self.entries(Space::Clients).await.remove(0);
        let disabled = [entry.value.as_slice(), &[0x10, 0x02]].concat();
        let put = self.batch().put(key, Expectation::Version(entry.version), disabled, entry.expires_at);
        self.engine.commit(put).await.expect("it commits");
    }

    /// Registers another redirect URI for the only stored client, as a release without today's rules could have. The copy
    /// appends the record's field 4, `redirect_uris`, once more: a repeated field has all its values.
    pub(crate) async fn register_unchecked(&self, redirect_uri: &str) {
        let (key, entry) = self.entries(Space::Clients).await.remove(0);
        let length = u8::try_from(redirect_uri.len()).ok().filter(|length| *length < 0x80).expect("a short URI");
        let more = [entry.value.as_slice(), &[0x22, length], redirect_uri.as_bytes()].concat();
        let put = self.batch().put(key, Expectation::Version(entry.version), more, entry.expires_at);
        self.engine.commit(put).await.expect("it commits");
    }

    /// Deletes the only entry of `space`.
    pub(crate) async fn delete_only(&self, space: Space) {
        let (key, entry) = self.entries(space).await.remove(0);
        self.engine.commit(self.batch().delete(key, entry.version)).await.expect("it commits");
    }

    /// Revokes everything of the issuer: raises its revocation counter from 0 to 1.
    pub(crate) async fn raise_issuer_counter(&self) {
        let url = IssuerUrl::parse(ISSUER_URL).expect("a URL");
        let key = Key::new(Space::Counters, [url.digest().as_slice(), b"i"].concat());
        let put = self.batch().put(key, Expectation::Absent, vec![0x08, 0x01], None);
        self.engine.commit(put).await.expect("it commits");
    }

    pub(crate) fn batch(&self) -> Batch {
        Batch::new(self.now(), self.now() + Duration::from_secs(10))
    }
}
