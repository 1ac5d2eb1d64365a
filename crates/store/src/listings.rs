//! Lists of records for operators. Each page examines a bounded number of rows. Weakly consistent: a record that is
//! unchanged throughout appears exactly once.

use lychgate_domain::id::GrantId;
use lychgate_domain::issuer::Issuer;
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::Grant;
use lychgate_domain::upstream::connection::Connection;

use crate::clients::ClientRecord;
use crate::record::Record;
use crate::{Store, StoreError, decode, key};
use lychgate_engine::{KeyRange, Limit, Space};

/// The largest number of rows that one page examines.
pub const PAGE_ROWS: usize = 1000;

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The records, each with its position: a page that leaves it out continues there.
    pub items: Vec<(Vec<u8>, T)>,
    /// The start of the next page; `None` at the end.
    pub next: Option<Vec<u8>>,
}

impl Store {
    /// Lists client records, in the order of their hashed ids.
    pub async fn clients(
        &self,
        issuer: &Issuer,
        from: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Page<ClientRecord>, StoreError> {
        self.page(Space::Clients, &issuer.url.digest(), from, now).await
    }

    /// Lists grants, ended ones included, in the order of their ids.
    pub async fn grants(
        &self,
        issuer: &Issuer,
        from: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Page<Grant>, StoreError> {
        self.page(Space::Grants, &issuer.url.digest(), from, now).await
    }

    /// Lists connections in every state, in the order of their ids.
    pub async fn connections(
        &self,
        issuer: &Issuer,
        from: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Page<Connection>, StoreError> {
        self.page(Space::Connections, &issuer.url.digest(), from, now).await
    }

    /// Reads those grants of `ids` that still exist, in one snapshot.
    pub async fn grants_of(&self, issuer: &Issuer, ids: &[GrantId], now: Timestamp) -> Result<Vec<Grant>, StoreError> {
        let keys: Vec<_> = ids.iter().map(|id| key::grant(&issuer.url, *id)).collect();
        let entries = self.read(&keys, now).await?.entries;
        let found = entries.into_iter().map(decode::<Grant>).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().flatten().map(|found| found.value).collect())
    }

    async fn page<R: Record>(
        &self,
        space: Space,
        prefix: &[u8],
        from: Option<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Page<R>, StoreError> {
        let whole = KeyRange::prefix(prefix);
        // A position outside the prefix belongs to another issuer's list.
        let from = from.filter(|from| from.starts_with(prefix)).unwrap_or_else(|| whole.from.clone());
        let limit = Limit { results: PAGE_ROWS, rows: PAGE_ROWS };
        let page =
            self.engine.scan(space, KeyRange { from, to: whole.to }, now, limit).await.map_err(crate::store_error)?;
        let items = page.entries.into_iter().map(|(key, entry)| {
            let record = R::decode_record(&entry.value).ok_or(StoreError::Corrupt { kind: R::KIND })?;
            Ok((key.bytes, record))
        });
        Ok(Page { items: items.collect::<Result<_, StoreError>>()?, next: page.next })
    }
}
