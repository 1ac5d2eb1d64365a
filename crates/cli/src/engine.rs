//! The choice of the storage engine. Only this file names engines: a new one is a match arm in each function here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use lychgate_control::config::{Config, EngineName, StoreConfig};
use lychgate_control::{Memory, OpenEngine, SystemClock, SystemEntropy};
use lychgate_engine::Clock;
use lychgate_engine_postgres::{DatabaseUrl, Migration, OpenError, Postgres};
use lychgate_engine_rocksdb::{Options, RocksDb};
use lychgate_process::ConfigError;
use lychgate_process::config::Secret;

/// Opens the engine that `[store]` names.
pub(crate) async fn open(store: &StoreConfig) -> anyhow::Result<OpenEngine> {
    refuse_idle_keys(store)?;
    match store.engine {
        EngineName::Rocksdb => {
            let options = rocksdb_options(store)?;
            let engine = RocksDb::open(path(store)?, options, Arc::new(SystemClock), &SystemEntropy)
                .context("cannot open the store")?;
            let checkpoints = engine.checkpoints();
            Ok(OpenEngine::sole_writer(engine).with_checkpoints(checkpoints))
        }
        EngineName::Postgres => {
            let options = postgres_options(store)?;
            let engine = Postgres::open(options, Arc::new(SystemClock)).await.context("cannot open the store")?;
            Ok(OpenEngine::shared(Arc::new(engine)))
        }
        EngineName::Memory => {
            tracing::warn!("the store is in memory: all data, also revocations, is lost when this process ends");
            Ok(OpenEngine::sole_writer(Memory::new(Arc::new(SystemClock), &SystemEntropy)))
        }
    }
}

/// Prepares the database that `[store]` names, and says what was done.
pub(crate) async fn migrate(store: &StoreConfig) -> anyhow::Result<&'static str> {
    refuse_idle_keys(store)?;
    match store.engine {
        EngineName::Rocksdb | EngineName::Memory => Ok("this engine needs no preparation"),
        EngineName::Postgres => {
            let url = url(store)?;
            let migrated = lychgate_engine_postgres::migrate(&url, Arc::new(SystemClock), &SystemEntropy);
            Ok(match migrated.await.context("cannot prepare the store")? {
                Migration::Created => "the schema lychgate was created",
                Migration::Current => "the schema lychgate is up to date",
            })
        }
    }
}

fn path(store: &StoreConfig) -> Result<&Path, ConfigError> {
    let missing = || ConfigError::new("store.path", "is missing", "name the directory of the database");
    store.path.as_deref().ok_or_else(missing)
}

fn rocksdb_options(store: &StoreConfig) -> Result<Options, ConfigError> {
    let defaults = Options { open_tables: Config::store_files(), ..Options::default() };
    Ok(Options {
        block_cache_bytes: bytes(
            "store.block_cache_megabytes",
            store.block_cache_megabytes,
            defaults.block_cache_bytes,
        )?,
        write_buffer_bytes: bytes(
            "store.write_buffer_megabytes",
            store.write_buffer_megabytes,
            defaults.write_buffer_bytes,
        )?,
        ..defaults
    })
}

/// The bytes of a key that has megabytes; `otherwise` if it is unset.
fn bytes(key: &str, megabytes: Option<u64>, otherwise: usize) -> Result<usize, ConfigError> {
    match megabytes {
        None => Ok(otherwise),
        Some(megabytes @ 8..=65_536) => Ok(usize::try_from(megabytes << 20).unwrap_or(usize::MAX)),
        Some(megabytes) => Err(ConfigError::new(key, format_args!("is {megabytes}"), "use 8 to 65536 megabytes")),
    }
}

fn postgres_options(store: &StoreConfig) -> Result<lychgate_engine_postgres::Options, ConfigError> {
    let mut options = lychgate_engine_postgres::Options::new(url(store)?);
    if let Some(connections) = store.connections {
        if !(1..=1000).contains(&connections) {
            return Err(ConfigError::new("store.connections", format_args!("is {connections}"), "use 1 to 1000"));
        }
        options.read_connections = connections;
    }
    options.allow_single = store.allow_single;
    Ok(options)
}

const URL_REMEDY: &str =
    "write postgresql://USER:PASSWORD@HOST/DATABASE there, with ?sslmode=disable on a private network only";

/// The URL is a secret: an error does not repeat it.
fn url(store: &StoreConfig) -> Result<DatabaseUrl, ConfigError> {
    const KEY: &str = "store.url";
    let missing = || ConfigError::new(KEY, "is missing", "name the file that holds the database's URL");
    let url = store.url.as_ref().ok_or_else(missing)?.read(KEY)?;
    url.parse().map_err(|problem| ConfigError::new(KEY, problem, URL_REMEDY))
}

/// Refuses keys of another engine, which would have no effect.
fn refuse_idle_keys(store: &StoreConfig) -> Result<(), ConfigError> {
    let (rocksdb, postgres) = (store.engine == EngineName::Rocksdb, store.engine == EngineName::Postgres);
    let name = store.engine.as_str();
    for (key, is_set, is_used, engine) in [
        ("store.path", store.path.is_some(), rocksdb, "rocksdb"),
        ("store.block_cache_megabytes", store.block_cache_megabytes.is_some(), rocksdb, "rocksdb"),
        ("store.write_buffer_megabytes", store.write_buffer_megabytes.is_some(), rocksdb, "rocksdb"),
        ("store.url", store.url.is_some(), postgres, "postgres"),
        ("store.connections", store.connections.is_some(), postgres, "postgres"),
        ("store.allow_single", store.allow_single, postgres, "postgres"),
    ] {
        if is_set && !is_used {
            let problem = format_args!("is set, but the engine is {name}");
            return Err(ConfigError::new(key, problem, format_args!("remove it, or set store.engine to {engine}")));
        }
    }
    Ok(())
}

/// A store, as the operator's command names it: `rocksdb:PATH`, or `postgres:FILE`. Displayed without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreSpec {
    /// The absolute path of a database's directory.
    Rocksdb(PathBuf),
    /// The absolute path of a file that holds the URL of a database. The URL is a secret, and every process of the machine can
    /// read the arguments of a command.
    Postgres(PathBuf),
}

/// The open table files of a store that one command uses.
const OPEN_TABLES: usize = 256;

impl StoreSpec {
    /// Opens the store for one command; `None` if there is none.
    pub(crate) async fn open(&self, clock: Arc<dyn Clock>) -> anyhow::Result<Option<OpenEngine>> {
        match self {
            StoreSpec::Rocksdb(path) if !path.join("CURRENT").exists() => Ok(None),
            StoreSpec::Rocksdb(_) => self.create(clock).await.map(Some),
            StoreSpec::Postgres(file) => match Postgres::open(postgres_for_a_command(url_in(file)?), clock).await {
                Ok(engine) => Ok(Some(OpenEngine::shared(Arc::new(engine)))),
                Err(OpenError::NoSchema(_)) => Ok(None),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// Opens the store for one command; creates a missing one.
    pub(crate) async fn create(&self, clock: Arc<dyn Clock>) -> anyhow::Result<OpenEngine> {
        match self {
            StoreSpec::Rocksdb(path) => {
                let options = Options { open_tables: OPEN_TABLES, ..Options::default() };
                Ok(OpenEngine::sole_writer(RocksDb::open(path, options, clock, &SystemEntropy)?))
            }
            StoreSpec::Postgres(file) => {
                let url = url_in(file)?;
                lychgate_engine_postgres::migrate(&url, Arc::clone(&clock), &SystemEntropy).await?;
                Ok(OpenEngine::shared(Arc::new(Postgres::open(postgres_for_a_command(url), clock).await?)))
            }
        }
    }
}

/// A copy that is lost with a single server is made again from its source. The clock of a copy stands still, so it differs from the
/// database's.
fn postgres_for_a_command(url: DatabaseUrl) -> lychgate_engine_postgres::Options {
    lychgate_engine_postgres::Options {
        allow_single: true,
        largest_clock_difference: Duration::MAX,
        ..lychgate_engine_postgres::Options::new(url)
    }
}

fn url_in(file: &Path) -> anyhow::Result<DatabaseUrl> {
    let name = format!("postgres:{}", file.display());
    let url = Secret::File(file.to_owned()).read(&name)?;
    url.parse().map_err(|problem| ConfigError::new(name, problem, URL_REMEDY).into())
}

impl FromStr for StoreSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let absolute =
            |path: &str| std::path::absolute(path).map_err(|error| format!("the path is not usable: {error}"));
        match text.split_once(':') {
            Some(("rocksdb", path)) if !path.is_empty() => Ok(StoreSpec::Rocksdb(absolute(path)?)),
            // A URL instead of a file's name: it is in the shell's history now.
            Some(("postgres", path)) if !path.is_empty() && !path.starts_with("//") => {
                Ok(StoreSpec::Postgres(absolute(path)?))
            }
            _ => Err(
                "a store is named rocksdb:PATH, for example rocksdb:/var/lib/lychgate/store, or postgres:FILE, where \
                      the file holds the database's URL"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for StoreSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreSpec::Rocksdb(path) => write!(f, "rocksdb:{}", path.display()),
            StoreSpec::Postgres(file) => write!(f, "postgres:{}", file.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use lychgate_process::config;

    use super::*;

    fn store(lines: &str) -> StoreConfig {
        config::parse(&format!("engine = \"rocksdb\"\npath = \"/nowhere\"\n{lines}")).unwrap()
    }

    #[test]
    fn memory_of_the_engine_is_as_configured_and_within_bounds() {
        let sizes = |lines: &str| {
            let options = rocksdb_options(&store(lines)).map_err(|error| error.to_string())?;
            Ok::<_, String>((options.block_cache_bytes >> 20, options.write_buffer_bytes >> 20))
        };
        assert_eq!(sizes(""), Ok((128, 64)));
        assert_eq!(sizes("block_cache_megabytes = 8\nwrite_buffer_megabytes = 65536"), Ok((8, 65_536)));
        for (lines, key) in [
            ("block_cache_megabytes = 7", "store.block_cache_megabytes"),
            ("write_buffer_megabytes = 65537", "store.write_buffer_megabytes"),
        ] {
            let error = sizes(lines).unwrap_err();
            assert!(error.contains(key) && error.contains("8 to 65536"), "{error}");
        }
    }

    #[test]
    fn memory_of_another_engine_is_refused() {
        let idle = StoreConfig { engine: EngineName::Memory, path: None, ..store("block_cache_megabytes = 8") };
        let error = refuse_idle_keys(&idle).unwrap_err().to_string();
        assert!(error.contains("store.block_cache_megabytes"), "{error}");
    }
}
