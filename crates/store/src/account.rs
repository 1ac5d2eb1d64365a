//! One person's consents, and the times of the grants under them.

use lychgate_domain::consent::Consent;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::Grant;

use crate::{Store, StoreError, decode, key};
use lychgate_engine::{Key, KeyRange, Limit, Space};

/// The cost of one page, however many consents the person has.
const PAGE: Limit = Limit { results: 100, rows: 1_000 };
/// Grants read in one snapshot.
const GRANTS: usize = 100;

/// One page of a person's consents, in the order of their keys, which has no meaning.
#[derive(Clone, Debug)]
pub struct SubjectConsentPage {
    /// The consents, live and revoked.
    pub consents: Vec<Consent>,
    /// The start of the next page; `None` at the end.
    pub next: Option<SubjectConsentCursor>,
}

/// A position in the list of a person's consents.
#[derive(Clone, Debug)]
pub struct SubjectConsentCursor(Vec<u8>);

/// The times of a client's access under one consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessTimes {
    /// The last time a token was minted; `None` if no grant is left.
    pub last_use: Option<Timestamp>,
    /// The end of the longest live grant; `None` without one.
    pub end: Option<Timestamp>,
}

impl AccessTimes {
    fn include(&mut self, grant: &Grant, consent: &Consent, now: Timestamp) {
        self.last_use = self.last_use.max(Some(grant.current.at));
        self.end = self.end.max(grant.end_under(consent, now));
    }
}

impl Store {
    /// Lists the consents of `subject`, live and revoked. Only theirs: the keys begin with issuer and subject. Weakly
    /// consistent between pages: a consent that is unchanged throughout appears once.
    pub async fn consents_of(
        &self,
        issuer: &Issuer,
        subject: &Subject,
        from: Option<SubjectConsentCursor>,
        now: Timestamp,
    ) -> Result<SubjectConsentPage, StoreError> {
        let mut range = KeyRange::prefix(&key::consents(&issuer.url, Some(subject)));
        if let Some(SubjectConsentCursor(from)) = from {
            range.from = from;
        }
        let page = self.engine.scan(Space::Consents, range, now, PAGE).await.map_err(crate::store_error)?;
        let consents = page.entries.into_iter().filter_map(|(_, entry)| decode::<Consent>(Some(entry)).transpose());
        let consents = consents.map(|consent| consent.map(|consent| consent.value)).collect::<Result<_, _>>()?;
        Ok(SubjectConsentPage { consents, next: page.next.map(SubjectConsentCursor) })
    }

    /// For each live consent, the times of the grants that are left of it, in one read of all of them. A use of a token is
    /// not recorded.
    pub async fn access_times(
        &self,
        issuer: &Issuer,
        consents: &[Consent],
        now: Timestamp,
    ) -> Result<Vec<AccessTimes>, StoreError> {
        let grants =
            consents.iter().enumerate().flat_map(|(n, consent)| consent.grants.iter().map(move |(id, _)| (n, *id)));
        let wanted: Vec<(usize, Key)> = grants.map(|(n, id)| (n, key::grant(&issuer.url, id))).collect();
        let mut times = vec![AccessTimes::default(); consents.len()];
        for some in wanted.chunks(GRANTS) {
            let keys: Vec<Key> = some.iter().map(|(_, key)| key.clone()).collect();
            for ((n, _), entry) in some.iter().zip(self.read(&keys, now).await?.entries) {
                if let Some(grant) = decode::<Grant>(entry)? {
                    times[*n].include(&grant.value, &consents[*n], now);
                }
            }
        }
        Ok(times)
    }
}
