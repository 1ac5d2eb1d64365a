//! Each transition is one batch over the records its decision was based on: it is applied once and whole, or not at all.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::sync::Arc;
use std::time::Duration;

use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::client::{
    Authentication, AuthenticationMethod, Client, ClientDescription, ClientOrigin, ClientStatus, GrantType,
};
use lychgate_domain::consent::Approval;
use lychgate_domain::consent::{CheckInputs, Consent, Decided, DenialReason, PresentedScreen, Verdict};
use lychgate_domain::event::{Event, EventCaller, EventKind, EventTarget};
use lychgate_domain::flow::{Approved, Authorization, CodeIssued, Denied, LoggingIn, Redeemed};
use lychgate_domain::id::{Attempt, AuthorizationId, BrowserId, ClientId, EventId, GrantId, IssuerId};
use lychgate_domain::issuer::{
    AddressPolicy, ClientPolicy, EntryRules, Issuer, IssuerUrl, OptionalScopes, OwnOrigins, PromptPolicy,
    UpstreamRevocationMode,
};
use lychgate_domain::keys::KeyId;
use lychgate_domain::lifetimes::Lifetimes;
use lychgate_domain::request::pkce::CodeChallenge;
use lychgate_domain::revocation::{DeferredTokens, MAX_DEFERRED};
use lychgate_domain::scope::Scopes;
use lychgate_domain::subject::{Subject, UpstreamId};
use lychgate_domain::time::{CLOCK_SKEW, Clock as _, Timestamp};
use lychgate_domain::token::{self, EndedBy, Grant};
use lychgate_domain::upstream::connection::{Connection, NewLogin};
use lychgate_domain::upstream::tokens::{SealedFor, SealedTokens};
use lychgate_engine::{
    Batch, Engine as _, Entry, Expectation, Key, KeyRange, Limit, Memory, OpenEngine, Space, Version,
};
use lychgate_engine_suite::fault::{Fault, Faulty};
use lychgate_engine_suite::{TestClock, TestEntropy};
use lychgate_store::authorizations::{FinishedLogin, NewDecision, Redemption};
use lychgate_store::connections::ConnectionUpdate;
use lychgate_store::consents::{ConsentKey, ConsentRevocation};
use lychgate_store::grants::{GrantEnd, Rotation, StoredGrantStatus};
use lychgate_store::{Commit, GrantStatusKey, Store, StoreError, Versioned};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const RESOURCE: &str = "https://mcp.example/mcp";

/// A store, and one registered client in it.
struct World {
    engine: Arc<Faulty>,
    clock: Arc<TestClock>,
    store: Store,
    issuer: Issuer,
    client: Client,
}

async fn world() -> World {
    let clock = Arc::<TestClock>::default();
    let engine = Arc::new(Faulty::new(OpenEngine::sole_writer(Memory::new(clock.clone(), &TestEntropy))));
    let store = Store::open(engine.open(), clock.now()).await.unwrap();
    let issuer = Issuer {
        id: IssuerId::parse("main").unwrap(),
        url: IssuerUrl::parse("https://gate.example").unwrap(),
        own_origins: OwnOrigins::default(),
        name: "Gate".to_owned(),
        upstream: UpstreamId::parse("idp").unwrap(),
        upstream_name: "Login".to_owned(),
        resources: Vec::new(),
        clients: Vec::new(),
        policy: ClientPolicy::default(),
        entry: EntryRules::default(),
        prompt: PromptPolicy::default(),
        optional_scopes: OptionalScopes::default(),
        published_policy: None,
        upstream_revocation: UpstreamRevocationMode::WhenLastGrantEnds,
        addresses: AddressPolicy::default(),
        lifetimes: Lifetimes::default(),
    };
    let client = Client {
        id: ClientId::parse("app").unwrap(),
        origin: ClientOrigin::Registered { at: clock.now(), attempt: attempt(0), management: None },
        status: ClientStatus::Enabled,
        name: Some("App".to_owned()),
        redirect_uris: vec![RedirectUri::parse("https://app.example/cb", &[]).unwrap()],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        authentication: Authentication::Public,
        about: ClientDescription::default(),
    };
    done(store.register(&issuer, &client, clock.now()).await);
    World { engine, clock, store, issuer, client }
}

fn attempt(n: u8) -> Attempt {
    Attempt::from_bytes([n; 16])
}

/// The counter that revokes every grant of an issuer.
fn issuer_counter(issuer: &Issuer) -> Key {
    Key::new(Space::Counters, [issuer.url.digest().as_slice(), b"i"].concat())
}

impl World {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn subject(&self) -> Subject {
        Subject::new(&self.issuer.upstream, "alice").unwrap()
    }

    fn approved(&self, n: u8) -> Approved {
        let decided = Decided {
            id: AuthorizationId::new(self.now(), &[n; 32]),
            client_id: self.client.id.clone(),
            redirect_uri: self.client.redirect_uris[0].clone(),
            state: None,
            code_challenge: CodeChallenge([0; 32]),
            resource: RESOURCE.to_owned(),
            requested_scopes: Scopes::parse("read").unwrap(),
            scopes: Scopes::parse("read").unwrap(),
            metadata_digest: self.client.metadata_digest(),
            client_name: None,
            policy_version: None,
            upstream_tokens: false,
            browser: BrowserId::from_bytes([n; 16]),
            attempt: attempt(n),
            at: self.now(),
            answer: 0,
            replaced: Vec::new(),
        };
        Approved { decided, login_key: KeyId(1), seen: PresentedScreen::Full { presented_to: None } }
    }

    async fn client(&self) -> Versioned<Client> {
        self.store.client(&self.issuer, &self.client.id, self.now()).await.unwrap().unwrap()
    }

    async fn authorization(&self, n: u8) -> Versioned<Authorization> {
        let id = self.approved(n).decided.id;
        self.store.authorization(&self.issuer, id, self.now()).await.unwrap().unwrap()
    }

    async fn grant_status(&self) -> StoredGrantStatus {
        let (subject, client) = (self.subject(), &self.client.id);
        let key = GrantStatusKey { subject: &subject, client, unregistered_status: None, resource: RESOURCE };
        self.store.grant_status(&self.issuer, key, self.now()).await.unwrap()
    }

    /// Approved and claimed.
    async fn claimed(&self, n: u8) -> (LoggingIn, Version) {
        let approved = self.approved(n);
        let authorization = Authorization::Approved(approved.clone());
        done(self.store.decide(&self.issuer, &decision(&authorization), self.now()).await);
        let claim = approved.claim(attempt(n), self.now());
        let expected = self.authorization(n).await.version;
        done(self.store.claim_login(&self.issuer, expected, &claim, self.now()).await);
        (claim, self.authorization(n).await.version)
    }

    fn issued(&self, claim: LoggingIn, status: &StoredGrantStatus) -> (CodeIssued, Consent) {
        let (existing, lifetimes) = (status.status.consent.clone(), &self.issuer.lifetimes);
        let (decided, counters) = (&claim.approved.decided, status.status.counters);
        let consent = Consent::approve(
            existing,
            &Approval { decided, subject: &self.subject(), counters },
            lifetimes,
            self.now(),
        );
        let issued = CodeIssued {
            approved: claim.approved,
            attempt: claim.attempt,
            at: self.now(),
            code_key: KeyId(1),
            subject: self.subject(),
            consent_epoch: consent.epoch,
            counters: status.status.counters,
            upstream_tokens: None,
        };
        (issued, consent)
    }

    async fn issue(&self, n: u8) -> CodeIssued {
        let (claim, expected) = self.claimed(n).await;
        let status = self.grant_status().await;
        let (issued, consent) = self.issued(claim, &status);
        let event = self.event(
            n,
            EventKind::ConsentApproved { requested: "read".to_owned(), scopes: "read".to_owned(), how: None },
        );
        let (read, next) = self.connection(&issued).await;
        let connection = connecting(read.as_ref(), &next);
        let login = FinishedLogin { issued: &issued, consent: &consent, status: &status, event: &event, connection };
        done(self.store.issue_code(&self.issuer, expected, &login, self.now()).await);
        issued
    }

    /// The subject's connection, and what a login makes of it.
    async fn connection(&self, issued: &CodeIssued) -> (Option<Versioned<Connection>>, Connection) {
        let read = self.store.connection(&self.issuer, &self.subject(), self.now()).await.unwrap();
        let login = NewLogin { authorization: issued.approved.decided.id, tokens: sealed(), at: self.now() };
        let existing = read.as_ref().map(|read| &read.value);
        let next = Connection::after_login(existing, &self.subject(), login);
        (read, next)
    }

    fn grant(&self, issued: &CodeIssued, status: &StoredGrantStatus) -> (Redeemed, Grant) {
        let grant_id = GrantId::from_bytes(*issued.approved.decided.id.bytes());
        let redeemed = Redeemed {
            issued: issued.clone(),
            attempt: issued.attempt,
            at: self.now(),
            grant_id,
            refresh_key: KeyId(1),
        };
        let decided = &issued.approved.decided;
        let grant = Grant {
            id: grant_id,
            authorization_id: decided.id,
            subject: issued.subject.clone(),
            client_id: decided.client_id.clone(),
            resource: decided.resource.clone(),
            scopes: decided.scopes.clone(),
            consent_epoch: issued.consent_epoch,
            counters: status.status.counters,
            client_method: AuthenticationMethod::None,
            secret: [7; 32],
            current: redeemed.issuance(),
            previous_key: None,
            created_at: self.now(),
            idle_end: self.now() + self.issuer.lifetimes.grant_idle,
            end: self.now() + self.issuer.lifetimes.grant,
            phase: token::GrantPhase::Live,
            upstream_tokens: Some(sealed()),
        };
        (redeemed, grant)
    }

    /// Redeems a code and expects the records that were read before.
    async fn redeem(
        &self,
        issued: &CodeIssued,
        expected: Version,
        status: &StoredGrantStatus,
    ) -> Result<Commit<Grant>, StoreError> {
        let (redeemed, grant) = self.grant(issued, status);
        let consent = status.status.consent.clone().unwrap();
        let (consent, leaving) = consent.admit(grant.id, grant.end, self.now());
        let events = [self.event(9, EventKind::GrantIssued { grant_id: grant.id, scopes: "read".to_owned() })];
        let redemption = Redemption {
            redeemed: &redeemed,
            grant: &grant,
            consent: &consent,
            leaving: &leaving,
            status,
            events: &events,
        };
        Ok(self.store.redeem(&self.issuer, expected, &redemption, self.now()).await?.with(grant))
    }

    fn event(&self, n: u8, kind: EventKind) -> Event {
        let about = EventTarget {
            subject: self.subject(),
            client_id: self.client.id.clone(),
            resource: RESOURCE.to_owned(),
            authorization_id: Some(self.approved(n).decided.id),
        };
        let caller = EventCaller { principal: "edge".to_owned(), request_id: "r".to_owned(), address: None };
        Event::new(kind, about, &caller, attempt(n), self.now())
    }

    async fn kept(&self, space: Space) -> Vec<(Key, Entry)> {
        let limit = Limit { results: 1000, rows: 1000 };
        self.engine.scan(space, KeyRange::prefix(b""), self.now(), limit).await.unwrap().entries
    }

    /// Another writer rewrites the first record of `space` unchanged.
    async fn touch(&self, space: Space) {
        let (key, entry) = self.kept(space).await.remove(0);
        let batch = self.batch().put(key, Expectation::Version(entry.version), entry.value, entry.expires_at);
        self.engine.commit(batch).await.unwrap();
    }

    async fn raise_counter(&self) {
        let batch = self.batch().put(issuer_counter(&self.issuer), Expectation::Absent, vec![0x08, 0x01], None);
        self.engine.commit(batch).await.unwrap();
    }

    fn batch(&self) -> Batch {
        Batch::new(self.now(), self.now() + Duration::from_secs(10))
    }

    /// All entries, without their versions.
    async fn all(&self) -> Vec<(Key, Vec<u8>)> {
        let mut all = Vec::new();
        for space in Space::ALL {
            all.extend(self.kept(space).await.into_iter().map(|(key, entry)| (key, entry.value)));
        }
        all
    }
}

fn sealed() -> SealedTokens {
    SealedTokens { key: KeyId(1), bytes: vec![1, 2, 3] }
}

fn connecting<'a>(read: Option<&'a Versioned<Connection>>, next: &'a Connection) -> ConnectionUpdate<'a> {
    ConnectionUpdate { read, connection: next, superseded: None, event: None }
}

fn conflicts<T>(outcome: Result<Commit<T>, StoreError>) -> bool {
    matches!(outcome, Ok(Commit::Conflict))
}

/// A decision about no registered client, without an event.
fn decision(authorization: &Authorization) -> NewDecision<'_> {
    NewDecision { authorization, replaces: None, absent: &[], client: None, event: None }
}

/// The value of a commit that must succeed.
fn done<T>(outcome: Result<Commit<T>, StoreError>) -> T {
    outcome.unwrap().done().unwrap()
}

#[tokio::test]
async fn a_decision_is_made_once() {
    let world = world().await;
    let approved = Authorization::Approved(world.approved(1));
    done(
        world
            .store
            .decide(
                &world.issuer,
                &NewDecision { client: Some(&world.client().await), ..decision(&approved) },
                world.now(),
            )
            .await,
    );
    let denied = Authorization::Denied(Denied { decided: world.approved(1).decided });
    assert!(conflicts(world.store.decide(&world.issuer, &decision(&denied), world.now()).await));
    assert_eq!(world.authorization(1).await.value, approved);
}

/// A claim and a later answer expect the same version: one of them counts.
#[tokio::test]
async fn a_later_answer_and_a_claim_exclude_one_another() {
    for claims_first in [true, false] {
        let world = world().await;
        let approved = world.approved(1);
        let stored = Authorization::Approved(approved.clone());
        done(world.store.decide(&world.issuer, &decision(&stored), world.now()).await);
        let read = world.authorization(1).await.version;
        let denied = Decided { attempt: attempt(2), ..approved.decided.clone() }.after(&approved.decided);
        let denied = Authorization::Denied(Denied { decided: denied });
        let answer = NewDecision { replaces: Some(read), ..decision(&denied) };
        let claim = approved.claim(attempt(3), world.now());
        let expected = if claims_first {
            done(world.store.claim_login(&world.issuer, read, &claim, world.now()).await);
            assert!(conflicts(world.store.decide(&world.issuer, &answer, world.now()).await));
            Authorization::LoggingIn(claim)
        } else {
            done(world.store.decide(&world.issuer, &answer, world.now()).await);
            assert!(conflicts(world.store.claim_login(&world.issuer, read, &claim, world.now()).await));
            denied
        };
        assert_eq!(world.authorization(1).await.value, expected);
    }
}

/// Of a browser with two ids, the first answer under one of them excludes a first answer under the other.
#[tokio::test]
async fn a_browser_with_two_ids_gives_one_first_answer() {
    let world = world().await;
    let (one, two) = (world.approved(1), world.approved(2));
    let ids = [one.decided.id, two.decided.id];
    let [one, two] = [one, two].map(Authorization::Approved);
    done(world.store.decide(&world.issuer, &NewDecision { absent: &ids, ..decision(&one) }, world.now()).await);
    let other = NewDecision { absent: &ids, ..decision(&two) };
    assert!(conflicts(world.store.decide(&world.issuer, &other, world.now()).await));
    let found = world.store.authorizations(&world.issuer, &ids, world.now()).await.unwrap();
    assert_eq!(found.into_iter().map(|found| found.value).collect::<Vec<_>>(), [one]);
}

#[tokio::test]
async fn no_decision_is_recorded_about_a_changed_client() {
    let world = world().await;
    let read = world.client().await;
    world.touch(Space::Clients).await;
    let approved = Authorization::Approved(world.approved(1));
    assert!(conflicts(
        world
            .store
            .decide(&world.issuer, &NewDecision { client: Some(&read), ..decision(&approved) }, world.now())
            .await
    ));
    assert!(world.kept(Space::Authorizations).await.is_empty());
    done(
        world
            .store
            .decide(
                &world.issuer,
                &NewDecision { client: Some(&world.client().await), ..decision(&approved) },
                world.now(),
            )
            .await,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_parallel_claims_succeeds() {
    let world = Arc::new(world().await);
    let approved = world.approved(1);
    let authorization = Authorization::Approved(approved.clone());
    done(world.store.decide(&world.issuer, &decision(&authorization), world.now()).await);
    let expected = world.authorization(1).await.version;
    let start = Arc::new(Barrier::new(64));
    let mut claims = JoinSet::new();
    for n in 0..64 {
        let (world, start, claim) = (world.clone(), start.clone(), approved.clone().claim(attempt(n), world.now()));
        claims.spawn(async move {
            start.wait().await;
            let outcome = world.store.claim_login(&world.issuer, expected, &claim, world.now()).await;
            (claim, outcome)
        });
    }
    let outcomes = claims.join_all().await;
    let won: Vec<_> = outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Ok(Commit::Done(_))))
        .map(|(claim, _)| claim.clone())
        .collect();
    let [winner] = won.as_slice() else { panic!("exactly one stands: {won:?}") };
    assert_eq!(world.authorization(1).await.value, Authorization::LoggingIn(winner.clone()));
}

#[tokio::test]
async fn a_login_finishes_whole_or_not_at_all() {
    for changed in [Space::Authorizations, Space::Clients, Space::Counters] {
        let world = world().await;
        let (claim, expected) = world.claimed(1).await;
        let status = world.grant_status().await;
        let (issued, consent) = world.issued(claim, &status);
        let event = world.event(
            1,
            EventKind::ConsentApproved { requested: "read".to_owned(), scopes: "read".to_owned(), how: None },
        );
        let (read, next) = world.connection(&issued).await;
        let connection = connecting(read.as_ref(), &next);
        let login = FinishedLogin { issued: &issued, consent: &consent, status: &status, event: &event, connection };
        match changed {
            Space::Counters => world.raise_counter().await,
            space => world.touch(space).await,
        }
        let before = world.all().await;
        assert!(conflicts(world.store.issue_code(&world.issuer, expected, &login, world.now()).await), "{changed:?}");
        assert_eq!(world.all().await, before, "{changed:?}");
    }
}

/// Of two first logins of one person the second finds the first one's consent.
#[tokio::test]
async fn two_logins_do_not_overwrite_each_others_consent() {
    let world = world().await;
    let (claim, expected) = world.claimed(1).await;
    let status = world.grant_status().await;
    world.issue(2).await;
    let (issued, consent) = world.issued(claim, &status);
    let event = world
        .event(1, EventKind::ConsentApproved { requested: "read".to_owned(), scopes: "read".to_owned(), how: None });
    let (read, next) = world.connection(&issued).await;
    let connection = connecting(read.as_ref(), &next);
    let login = FinishedLogin { issued: &issued, consent: &consent, status: &status, event: &event, connection };
    assert!(conflicts(world.store.issue_code(&world.issuer, expected, &login, world.now()).await));
    let status = world.grant_status().await;
    let login = FinishedLogin { status: &status, ..login };
    done(world.store.issue_code(&world.issuer, expected, &login, world.now()).await);
}

/// Of two logins of one person, the second finds the first one's connection: the first one's tokens are not lost.
#[tokio::test]
async fn two_logins_do_not_overwrite_each_others_connection() {
    let world = world().await;
    let (claim, expected) = world.claimed(1).await;
    let status = world.grant_status().await;
    let (issued, consent) = world.issued(claim, &status);
    let (read, next) = world.connection(&issued).await;
    world.issue(2).await;
    let status = world.grant_status().await;
    let event = world
        .event(1, EventKind::ConsentApproved { requested: "read".to_owned(), scopes: "read".to_owned(), how: None });
    let connection = connecting(read.as_ref(), &next);
    let login = FinishedLogin { issued: &issued, consent: &consent, status: &status, event: &event, connection };
    assert!(conflicts(world.store.issue_code(&world.issuer, expected, &login, world.now()).await));
    let (read, next) = world.connection(&issued).await;
    let login = FinishedLogin { connection: connecting(read.as_ref(), &next), ..login };
    done(world.store.issue_code(&world.issuer, expected, &login, world.now()).await);
}

/// A revocation between the decision to redeem and its commit: no grant is minted.
#[tokio::test]
async fn no_code_is_redeemed_after_a_change_of_its_records() {
    for changed in ["authorization", "consent", "client", "counter"] {
        let world = world().await;
        let issued = world.issue(1).await;
        let (expected, status) = (world.authorization(1).await.version, world.grant_status().await);
        match changed {
            "authorization" => world.touch(Space::Authorizations).await,
            "consent" => world.touch(Space::Consents).await,
            "client" => world.touch(Space::Clients).await,
            _ => world.raise_counter().await,
        }
        let before = world.all().await;
        assert!(conflicts(world.redeem(&issued, expected, &status).await), "{changed}");
        assert_eq!(world.all().await, before, "{changed}");
    }
    let world = world().await;
    let issued = world.issue(1).await;
    let (expected, status) = (world.authorization(1).await.version, world.grant_status().await);
    done(world.redeem(&issued, expected, &status).await);
    assert!(conflicts(world.redeem(&issued, expected, &status).await), "and it is redeemed once");
    assert_eq!(world.kept(Space::Grants).await.len(), 1);
}

#[tokio::test]
async fn no_refresh_token_is_rotated_after_a_change_of_its_records() {
    for changed in ["grant", "consent", "client", "counter", "nothing"] {
        let world = world().await;
        let issued = world.issue(1).await;
        let (expected, status) = (world.authorization(1).await.version, world.grant_status().await);
        let grant = done(world.redeem(&issued, expected, &status).await);
        let stored = world.store.grant(&world.issuer, grant.id, world.now()).await.unwrap().unwrap();
        let status = world.grant_status().await;
        match changed {
            "grant" => world.touch(Space::Grants).await,
            "consent" => world.touch(Space::Consents).await,
            "client" => world.touch(Space::Clients).await,
            "counter" => world.raise_counter().await,
            _ => {}
        }
        let next = Grant { previous_key: Some(KeyId(1)), ..grant.clone() };
        let rotated = world
            .store
            .rotate(&world.issuer, &Rotation { expected: stored.version, grant: &next, status: &status }, world.now())
            .await;
        assert_eq!(conflicts(rotated), changed != "nothing", "{changed}");
        let found = world.store.grant(&world.issuer, grant.id, world.now()).await.unwrap().unwrap().value;
        assert_eq!(found == next, changed == "nothing", "{changed}");
    }
}

/// A revocation of the whole issuer and a redemption at the same moment: in either order no grant stays live.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_misses_no_grant_that_is_minted_beside_it() {
    for _ in 0..64 {
        let world = Arc::new(world().await);
        let issued = world.issue(1).await;
        let (expected, status) = (world.authorization(1).await.version, world.grant_status().await);
        let start = Arc::new(Barrier::new(2));
        let revocation = tokio::spawn({
            let (world, start) = (world.clone(), start.clone());
            async move {
                start.wait().await;
                world.raise_counter().await;
            }
        });
        start.wait().await;
        let redeemed = world.redeem(&issued, expected, &status).await;
        revocation.await.unwrap();
        if let Commit::Done(grant) = redeemed.unwrap() {
            assert!(grant.live(&world.grant_status().await.status, world.now()).is_err());
        }
    }
}

/// One commit ends every grant and every unredeemed code of the consent; it conflicts if the consent has changed.
#[tokio::test]
async fn a_consent_is_revoked_with_all_its_grants_or_not_at_all() {
    let world = world().await;
    let (first, second) = (world.issue(1).await, world.issue(2).await);
    let (subject, client) = (world.subject(), &world.client.id);
    let read = || async {
        let consent = world
            .store
            .consent(&world.issuer, ConsentKey { subject: &subject, client, resource: RESOURCE }, world.now())
            .await;
        consent.unwrap().unwrap()
    };
    let event = world.event(1, EventKind::ConsentRevoked { reason: None });
    let before = read().await;
    let grant = done(world.redeem(&first, world.authorization(1).await.version, &world.grant_status().await).await);
    let revoked = before.value.clone().revoke(world.now());
    let outcome = world
        .store
        .revoke_consent(
            &world.issuer,
            &ConsentRevocation { read: &before, revoked: &revoked, event: &event },
            world.now(),
        )
        .await;
    assert!(conflicts(outcome), "a grant came between, and the list of them with it");

    let consent = read().await;
    let revoked = consent.value.clone().revoke(world.now());
    let commits = world.engine.commits();
    done(
        world
            .store
            .revoke_consent(
                &world.issuer,
                &ConsentRevocation { read: &consent, revoked: &revoked, event: &event },
                world.now(),
            )
            .await,
    );
    assert_eq!((world.engine.commits(), read().await.value), (commits + 1, revoked));
    let status = world.grant_status().await;
    assert!(grant.live(&status.status, world.now()).is_err());
    assert!(world.grant(&second, &status).1.live(&status.status, world.now()).is_err());
    // A new approval gives a live grant, and the old ones stay ended.
    let third = world.issue(3).await;
    let status = world.grant_status().await;
    assert!(world.grant(&third, &status).1.live(&status.status, world.now()).is_ok());
    assert!(grant.live(&status.status, world.now()).is_err());
}

/// An ended grant stays on record, so that its tokens are recognised as revoked; ending it expects the version read.
#[tokio::test]
async fn an_ended_grant_stays_on_record() {
    let world = world().await;
    let issued = world.issue(1).await;
    let (expected, status) = (world.authorization(1).await.version, world.grant_status().await);
    let grant = done(world.redeem(&issued, expected, &status).await);
    let stored = world.store.grant(&world.issuer, grant.id, world.now()).await.unwrap().unwrap();
    let ended = grant.clone().end_by(EndedBy::CodeReplay, world.now());
    let event = world.event(1, EventKind::CodeReplayed { grant_id: grant.id });
    let end = GrantEnd { expected: stored.version, ended: &ended, event: &event };
    done(world.store.end_grant(&world.issuer, &end, world.now()).await);
    let again = world.store.end_grant(&world.issuer, &end, world.now()).await;
    assert!(conflicts(again));
    let found = world.store.grant(&world.issuer, grant.id, world.now()).await.unwrap().unwrap();
    assert_eq!((found.value, found.expires_at), (ended, stored.expires_at));
}

/// A client's record outlives its grants. A redemption writes it only if it would expire earlier.
#[tokio::test]
async fn a_grant_extends_its_clients_expiry_once() {
    let world = world().await;
    for n in 1..=2 {
        let before = world.client().await;
        let issued = world.issue(n).await;
        let (expected, status) = (world.authorization(n).await.version, world.grant_status().await);
        let grant = done(world.redeem(&issued, expected, &status).await);
        let after = world.client().await;
        assert!(after.expires_at.unwrap() >= grant.end + CLOCK_SKEW);
        assert_eq!(after.value, before.value);
        assert_eq!(after.version == before.version, n == 2);
    }
}

#[tokio::test]
async fn a_commit_of_unknown_outcome_is_sent_again_and_recognised() {
    for fault in [Fault::UnknownBefore, Fault::UnknownAfter] {
        let world = world().await;
        let approved = Authorization::Approved(world.approved(1));
        world.engine.fail(0, fault);
        done(world.store.decide(&world.issuer, &decision(&approved), world.now()).await);
        assert_eq!(world.authorization(1).await.value, approved, "{fault:?}");
    }
}

/// Another decision is committed between a commit of unknown outcome and its resend: the other one stands.
#[tokio::test]
async fn a_commit_of_unknown_outcome_is_not_mistaken_for_another() {
    let world = Arc::new(world().await);
    let (ours, theirs) = (world.approved(1), world.approved(1));
    let theirs = Approved { decided: Decided { attempt: attempt(77), ..theirs.decided }, ..theirs };
    world.engine.fail(0, Fault::UnknownBefore);
    let mut resent = world.engine.hold(1);
    let deciding = tokio::spawn({
        let (world, ours) = (world.clone(), Authorization::Approved(ours));
        async move { world.store.decide(&world.issuer, &decision(&ours), world.now()).await }
    });
    resent.arrived().await;
    let theirs = Authorization::Approved(theirs);
    done(world.store.decide(&world.issuer, &decision(&theirs), world.now()).await);
    resent.release();
    assert!(conflicts(deciding.await.unwrap()));
    assert_eq!(world.authorization(1).await.value, theirs);
}

/// The same for a deletion: a record that another writer replaced is still there, and the deletion conflicts.
#[tokio::test]
async fn a_deletion_of_unknown_outcome_is_not_reported_while_its_record_is_there() {
    let world = Arc::new(world().await);
    world.engine.fail(0, Fault::UnknownBefore);
    let mut resent = world.engine.hold(1);
    let read = world.client().await;
    let deleting = tokio::spawn({
        let (world, read) = (world.clone(), read.clone());
        async move { world.store.delete_client(&world.issuer, &read, world.now()).await }
    });
    resent.arrived().await;
    let renamed = Client { name: Some("Renamed".to_owned()), ..world.client.clone() };
    done(world.store.replace_client(&world.issuer, &read, &renamed, world.now()).await);
    resent.release();
    assert!(conflicts(deleting.await.unwrap()));
    assert_eq!(world.client().await.value, renamed);
}

#[tokio::test]
async fn a_deletion_of_unknown_outcome_is_sent_again_and_recognised() {
    for fault in [Fault::UnknownBefore, Fault::UnknownAfter] {
        let world = world().await;
        let read = world.client().await;
        world.engine.fail(0, fault);
        done(world.store.delete_client(&world.issuer, &read, world.now()).await);
        assert!(world.kept(Space::Clients).await.is_empty(), "{fault:?}");
    }
}

/// A resend that the engine does not take says nothing about the try before it, which may have been applied.
#[tokio::test]
async fn an_unknown_outcome_stays_unknown_when_the_engine_is_unavailable_afterwards() {
    for fault in [Fault::UnknownBefore, Fault::UnknownAfter] {
        let world = world().await;
        let approved = Authorization::Approved(world.approved(1));
        world.engine.fail(0, fault);
        world.engine.fail(1, Fault::Unavailable);
        let outcome = world.store.decide(&world.issuer, &decision(&approved), world.now()).await;
        assert!(matches!(outcome, Err(StoreError::Unknown(_))), "{fault:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_unknown_outcome_and_an_unavailable_engine_are_reported() {
    let world = world().await;
    let approved = Authorization::Approved(world.approved(1));
    world.engine.fail(0, Fault::Unavailable);
    let away = world.store.decide(&world.issuer, &decision(&approved), world.now()).await;
    assert!(matches!(away, Err(StoreError::Unavailable(_))));
    for nth in 0..4 {
        world.engine.fail(nth, Fault::UnknownBefore);
    }
    let unknown = world.store.decide(&world.issuer, &decision(&approved), world.now()).await;
    assert!(matches!(unknown, Err(StoreError::Unknown(_))));
    assert!(world.kept(Space::Authorizations).await.is_empty());
}

impl World {
    async fn check_inputs_of(&self, unregistered_status: Option<ClientStatus>, now: Timestamp) -> Arc<CheckInputs> {
        let subject = self.subject();
        let of =
            [GrantStatusKey { subject: &subject, client: &self.client.id, unregistered_status, resource: RESOURCE }];
        let (mut bases, revision) = self.store.check_inputs(&self.issuer, &of, None, now).await.unwrap();
        assert_eq!(revision, self.engine.read(&[], now).await.unwrap().revision, "no other write happens");
        bases.remove(0).unwrap()
    }

    async fn check_inputs(&self) -> Arc<CheckInputs> {
        self.check_inputs_of(None, self.now()).await
    }
}

/// A write to the consent, the client or a counter makes a cached value stale.
#[tokio::test]
async fn check_inputs_are_cached_until_one_of_their_records_is_written() {
    for written in [Space::Consents, Space::Clients, Space::Counters] {
        let mut world = world().await;
        world.store = world.store.clone().caching_checks(16);
        world.issue(1).await;
        world.raise_counter().await;
        let basis = world.check_inputs().await;
        assert!(Arc::ptr_eq(&basis, &world.check_inputs().await), "it is not made again");
        // Nothing that it was made of.
        world.touch(Space::Authorizations).await;
        assert!(Arc::ptr_eq(&basis, &world.check_inputs().await));
        world.touch(written).await;
        let made_again = world.check_inputs().await;
        assert!(!Arc::ptr_eq(&basis, &made_again), "{written:?}");
        assert_eq!(basis, made_again, "the record was rewritten unchanged");
        assert!(Arc::ptr_eq(&made_again, &world.check_inputs().await));
    }
}

#[tokio::test]
async fn a_cached_check_is_of_the_same_question() {
    let mut world = world().await;
    world.store = world.store.clone().caching_checks(16);
    world.issue(1).await;
    let granted =
        |basis: &Arc<CheckInputs>| matches!(basis.check(&Scopes::default(), world.now()), Verdict::Granted { .. });
    assert!(granted(&world.check_inputs().await));
    // The same question, after the configuration has disabled the client.
    let disabled = world.check_inputs_of(Some(ClientStatus::Disabled), world.now()).await;
    assert_eq!(disabled.check(&Scopes::default(), world.now()), Verdict::Denied(DenialReason::ClientDisabled));
    let other = Subject::new(&world.issuer.upstream, "mallory").unwrap();
    for (subject, client, resource) in [
        (&other, &world.client.id, RESOURCE),
        (&world.subject(), &ClientId::parse("another").unwrap(), RESOURCE),
        (&world.subject(), &world.client.id, "https://another.example/mcp"),
    ] {
        let of = [GrantStatusKey { subject, client, unregistered_status: Some(ClientStatus::Enabled), resource }];
        let (bases, _) = world.store.check_inputs(&world.issuer, &of, None, world.now()).await.unwrap();
        assert!(!granted(bases[0].as_ref().unwrap()), "{of:?}");
    }
    let elsewhere = Issuer { url: IssuerUrl::parse("https://other.example").unwrap(), ..world.issuer.clone() };
    let subject = world.subject();
    let of =
        [GrantStatusKey { subject: &subject, client: &world.client.id, unregistered_status: None, resource: RESOURCE }];
    let (bases, _) = world.store.check_inputs(&elsewhere, &of, None, world.now()).await.unwrap();
    assert!(!granted(bases[0].as_ref().unwrap()));
}

/// An expired record is absent, although no write removed it.
#[tokio::test]
async fn a_cached_check_ends_with_the_first_of_its_records() {
    let mut world = world().await;
    world.store = world.store.clone().caching_checks(16);
    world.issue(1).await;
    let (key, client) = world.kept(Space::Clients).await.remove(0);
    let end = world.now() + Duration::from_secs(60);
    let batch = world.batch().put(key, Expectation::Version(client.version), client.value, end);
    world.engine.commit(batch).await.unwrap();
    let basis = world.check_inputs().await;
    let last = Timestamp::from_millis(end.millis() - 1);
    assert!(Arc::ptr_eq(&basis, &world.check_inputs_of(None, last).await));
    let gone = world.check_inputs_of(None, end).await;
    assert_eq!(gone.check(&Scopes::default(), end), Verdict::Denied(DenialReason::ClientUnknown));
}

/// A batch is answered at one revision: cached values are not mixed with values that are read.
#[tokio::test]
async fn answers_together_are_of_one_revision() {
    let mut world = world().await;
    world.store = world.store.clone().caching_checks(16);
    world.issue(1).await;
    let basis = world.check_inputs().await;
    let (subject, client, other) = (world.subject(), world.client.id.clone(), ClientId::parse("another").unwrap());
    let of = [&client, &other].map(|client| GrantStatusKey {
        subject: &subject,
        client,
        unregistered_status: None,
        resource: RESOURCE,
    });
    let (bases, _) = world.store.check_inputs(&world.issuer, &of, None, world.now()).await.unwrap();
    assert!(!Arc::ptr_eq(&basis, bases[0].as_ref().unwrap()), "one had to be read, so both were");
    let (again, _) = world.store.check_inputs(&world.issuer, &of, None, world.now()).await.unwrap();
    assert!(Arc::ptr_eq(bases[0].as_ref().unwrap(), again[0].as_ref().unwrap()));
}

/// The oldest are dropped, of one person only, and the same tokens are kept once.
#[tokio::test]
async fn deferred_tokens_are_bounded_by_person() {
    let world = world().await;
    let now = world.clock.now();
    let end = now + Duration::from_secs(60);
    let deferred = |person: &str, n: usize| DeferredTokens {
        revocation: EventId::new(now + Duration::from_millis(n as u64), &[7; 32]),
        subject: Subject::new(&UpstreamId::parse("idp").unwrap(), person).unwrap(),
        sealed_for: SealedFor::Grant(GrantId::from_bytes([n as u8; 16])),
        tokens: SealedTokens { key: KeyId(1), bytes: vec![n as u8] },
    };
    let list = async |person: &str| {
        let (subject, mut from, mut all) = (deferred(person, 0).subject, None, Vec::new());
        loop {
            let page = world.store.deferred_tokens(&world.issuer, Some(&subject), from, now).await.unwrap();
            all.extend(page.deferred.into_iter().map(|read| read.value));
            from = page.next;
            if from.is_none() {
                return all;
            }
        }
    };
    let defer = async |deferred: DeferredTokens| {
        world.store.defer_upstream_tokens(&world.issuer, &deferred, Some(end), now).await.unwrap()
    };
    assert!(!defer(deferred("bob", 0)).await);
    for n in 0..MAX_DEFERRED {
        assert!(!defer(deferred("alice", n)).await, "{n}");
        assert!(!defer(deferred("alice", n)).await, "{n} again");
    }
    assert_eq!(list("alice").await, (0..MAX_DEFERRED).map(|n| deferred("alice", n)).collect::<Vec<_>>());
    assert!(defer(deferred("alice", MAX_DEFERRED)).await, "one is displaced");
    let kept = list("alice").await;
    assert_eq!((kept.len(), &kept[0]), (MAX_DEFERRED, &deferred("alice", 1)), "it is the oldest");
    assert_eq!(list("bob").await, [deferred("bob", 0)]);
    let pending = world.store.upstream_revocations(&world.issuer, None, now).await.unwrap();
    assert!(pending.pending.is_empty(), "they are no pending revocations");
    let later = world.store.deferred_tokens(&world.issuer, None, None, end).await.unwrap();
    assert!(later.deferred.is_empty(), "they expire");
}
