//! Which engine keeps the bytes. The one place where an engine has a name: a new one is an arm here.

use std::sync::Arc;

use anyhow::Context;
use lychgate_control::config::{EngineName, StoreConfig};
use lychgate_control::{Engine, Memory, SystemClock, SystemEntropy};
use lychgate_engine_rocksdb::{Options, RocksDb};
use lychgate_process::ConfigError;

/// What `[store]` asks for, opened.
pub(crate) fn open(store: &StoreConfig) -> anyhow::Result<Arc<dyn Engine>> {
    match (store.engine, &store.path) {
        (EngineName::Rocksdb, Some(path)) => {
            let engine = RocksDb::open(path, Options::default(), Arc::new(SystemClock), &SystemEntropy)
                .context("cannot open the store")?;
            Ok(Arc::new(engine))
        }
        (EngineName::Rocksdb, None) => {
            Err(ConfigError::new("store.path", "is missing", "name the directory of the database").into())
        }
        (EngineName::Memory, None) => {
            tracing::warn!("the store is memory: everything, revocations too, is forgotten when this process ends");
            Ok(Arc::new(Memory::new(Arc::new(SystemClock), &SystemEntropy)))
        }
        (EngineName::Memory, Some(_)) => {
            Err(ConfigError::new("store.path", "says where, but memory keeps nothing", "remove it, or use rocksdb")
                .into())
        }
    }
}
