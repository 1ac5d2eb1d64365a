//! The choice of the storage engine. Only this file names engines: a new one is a match arm here.

use std::sync::Arc;

use anyhow::Context;
use lychgate_control::config::{Config, EngineName, StoreConfig};
use lychgate_control::{Memory, OpenEngine, SystemClock, SystemEntropy};
use lychgate_engine_rocksdb::{Options, RocksDb};
use lychgate_process::ConfigError;

/// Opens the engine that `[store]` names.
pub(crate) fn open(store: &StoreConfig) -> anyhow::Result<OpenEngine> {
    match (store.engine, &store.path) {
        (EngineName::Rocksdb, Some(path)) => {
            let options = Options { open_tables: Config::store_files(), ..Options::default() };
            let engine =
                RocksDb::open(path, options, Arc::new(SystemClock), &SystemEntropy).context("cannot open the store")?;
            Ok(OpenEngine::sole_writer(engine))
        }
        (EngineName::Rocksdb, None) => {
            Err(ConfigError::new("store.path", "is missing", "name the directory of the database").into())
        }
        (EngineName::Memory, None) => {
            tracing::warn!("the store is in memory: all data, also revocations, is lost when this process ends");
            Ok(OpenEngine::sole_writer(Memory::new(Arc::new(SystemClock), &SystemEntropy)))
        }
        (EngineName::Memory, Some(_)) => Err(ConfigError::new(
            "store.path",
            "is set, but the engine memory writes no files",
            "remove it, or set store.engine to rocksdb",
        )
        .into()),
    }
}
