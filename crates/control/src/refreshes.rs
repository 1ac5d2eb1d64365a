//! The refreshes of upstream tokens in this process, at most one for each connection. The lease in the store keeps other
//! processes away; this keeps a thousand calls of one process from asking the store for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lychgate_domain::id::{ConnectionId, IssuerId};
use tokio::sync::watch;

#[derive(Clone, Debug, Default)]
pub(crate) struct Refreshes(Arc<Mutex<HashMap<RefreshKey, watch::Receiver<()>>>>);

pub(crate) type RefreshKey = (IssuerId, ConnectionId);

/// The one refresh of a connection in this process. When it is dropped, the calls that wait for it go on.
pub(crate) struct Refreshing {
    refreshes: Refreshes,
    key: RefreshKey,
    _wakes: watch::Sender<()>,
}

/// The refresh that another call has begun.
pub(crate) struct Begun(watch::Receiver<()>);

impl Refreshes {
    /// Begins the refresh of a connection, unless another call has.
    pub(crate) fn begin(&self, key: RefreshKey) -> Result<Refreshing, Begun> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(begun) = all.get(&key) {
            return Err(Begun(begun.clone()));
        }
        let (wakes, receiver) = watch::channel(());
        all.insert(key.clone(), receiver);
        Ok(Refreshing { refreshes: self.clone(), key, _wakes: wakes })
    }
}

impl Begun {
    pub(crate) async fn ended(mut self) {
        // Nothing is ever sent: an error says that the sender is gone.
        while self.0.changed().await.is_ok() {}
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.refreshes.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_call_refreshes_a_connection_and_the_others_wait_for_it() {
        let refreshes = Refreshes::default();
        let key = |id: u8| (IssuerId::parse("demo").unwrap(), ConnectionId::from_bytes([id; 16]));
        let first = refreshes.begin(key(1)).ok().unwrap();
        let second = refreshes.begin(key(1)).err().unwrap();
        assert!(refreshes.begin(key(2)).is_ok(), "another connection");
        drop(first);
        second.ended().await;
        assert!(refreshes.begin(key(1)).is_ok());
    }
}
