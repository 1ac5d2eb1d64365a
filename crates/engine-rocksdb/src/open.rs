//! Opening: whose database it is, how it is tuned, and a clear word when it cannot be had.

use std::collections::HashSet;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lychgate_engine::{Cause, Clock, Entropy, Incarnation, Space, random};
use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, WriteBatch};

use crate::RocksDb;
use crate::database::Database;
use crate::expiry::Sweep;
use crate::layout::{self, Damaged, FORMAT, FORMAT_KEY, INCARNATION_KEY, SEQUENCE_KEY};
use crate::writer::Writer;

/// How a database is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Memory for what has been read. It must at least hold filters and indexes: below that reads are 10 to 50 times
    /// slower.
    pub block_cache_bytes: usize,
    /// Memory for what has been written and is only in the log so far, of all families together.
    pub write_buffer_bytes: usize,
    /// How large the write-ahead log may grow. A start after a crash takes about a second for 32 MiB.
    pub log_bytes: u64,
    /// Whether RocksDB counts what it does ([`RocksDb::statistics`]); costs a few per cent.
    pub statistics: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { block_cache_bytes: 128 << 20, write_buffer_bytes: 64 << 20, log_bytes: 32 << 20, statistics: false }
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the directory {} cannot be created", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    #[error("the database in {} is in use by another process", .0.display())]
    InUse(PathBuf),
    #[error("{} holds a database that is not lychgate's, or a newer version's", .0.display())]
    Foreign(PathBuf),
    #[error("the database in {} has format {found}; this version reads format {FORMAT}", .path.display())]
    Format { path: PathBuf, found: u32 },
    #[error("the database in {} cannot be opened", .0.display())]
    Failed(PathBuf, #[source] Cause),
}

impl RocksDb {
    /// Opens the database in the directory `path`, or makes one that only this user may enter.
    pub fn open(
        path: &Path,
        options: Options,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<RocksDb, OpenError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(|error| OpenError::Directory(path.to_owned(), error))?;
        refuse_foreign(path)?;
        let failed = |error: Cause| OpenError::Failed(path.to_owned(), error);

        let for_database = database_options(&options);
        let db = DB::open_cf_descriptors(&for_database, path, descriptors(&options, &clock)).map_err(|error| {
            // RocksDB has no kind of its own for this.
            let locked = error.as_ref().contains("lock file") || error.as_ref().contains("lock hold by");
            if locked { OpenError::InUse(path.to_owned()) } else { failed(error.into()) }
        })?;
        let incarnation = recognise(&db, path, entropy)?;
        let database = Arc::new(Database::new(db, incarnation, for_database));
        let (writer, news) = Writer::start(database.clone(), clock.clone()).map_err(|error| failed(error.into()))?;
        Ok(RocksDb { writer, database, clock, news })
    }
}

/// Before anything is written: another program's database must not be changed by a mistaken path.
fn refuse_foreign(path: &Path) -> Result<(), OpenError> {
    if !path.join("CURRENT").exists() {
        return Ok(());
    }
    let failed = |error: rocksdb::Error| OpenError::Failed(path.to_owned(), error.into());
    let mut options = rocksdb::Options::default();
    // Without it RocksDB 11.8.1 crashes when it opens a database read-only that was written with it.
    options.set_track_and_verify_wals_in_manifest(true);
    let found: HashSet<String> = DB::list_cf(&options, path).map_err(failed)?.into_iter().collect();
    let ours: HashSet<String> = layout::families().chain(["default"]).map(Into::into).collect();
    if !found.is_subset(&ours) {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    // Families are missing where a start was cut short, and where a newer version has more of them.
    if found != ours {
        let db = DB::open_for_read_only(&options, path, false).map_err(failed)?;
        if db.latest_sequence_number() > 0 && db.get(FORMAT_KEY).map_err(failed)?.is_none() {
            return Err(OpenError::Foreign(path.to_owned()));
        }
    }
    Ok(())
}

/// Reads what the database says of itself, or makes it say so if it is new.
fn recognise(db: &DB, path: &Path, entropy: &dyn Entropy) -> Result<Incarnation, OpenError> {
    let failed = |error: Cause| OpenError::Failed(path.to_owned(), error);
    let marker = |key| db.get(key).map_err(|error| failed(error.into()));
    let Some(format) = marker(FORMAT_KEY)? else {
        if db.latest_sequence_number() > 0 {
            return Err(OpenError::Foreign(path.to_owned()));
        }
        let incarnation = Incarnation(random(entropy));
        begin(db, incarnation).map_err(|error| failed(error.into()))?;
        return Ok(incarnation);
    };
    let format = format.try_into().map_err(|_| failed(Damaged("the format").into()))?;
    let found = u32::from_be_bytes(format);
    if found != FORMAT {
        return Err(OpenError::Format { path: path.to_owned(), found });
    }
    let incarnation = marker(INCARNATION_KEY)?.and_then(|bytes| bytes.try_into().ok());
    incarnation.map(Incarnation).ok_or_else(|| failed(Damaged("the incarnation").into()))
}

/// In one synced write: a database has all of these or is not one yet.
fn begin(db: &DB, incarnation: Incarnation) -> Result<(), rocksdb::Error> {
    let mut batch = WriteBatch::new();
    batch.put(FORMAT_KEY, FORMAT.to_be_bytes());
    batch.put(INCARNATION_KEY, incarnation.0);
    batch.put(SEQUENCE_KEY, 0_u64.to_be_bytes());
    let mut synced = rocksdb::WriteOptions::default();
    synced.set_sync(true);
    db.write_opt(batch, &synced)
}

fn database_options(options: &Options) -> rocksdb::Options {
    let mut tuned = rocksdb::Options::default();
    tuned.create_if_missing(true);
    tuned.create_missing_column_families(true);
    // Only a torn tail is forgiven: it was never answered. Damage anywhere else, or a log that is missing, would
    // silently undo commits that were (a revocation, say): then it does not open. This excludes recycling log files.
    tuned.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    tuned.set_track_and_verify_wals_in_manifest(true);
    tuned.set_max_total_wal_size(options.log_bytes);
    tuned.set_db_write_buffer_size(options.write_buffer_bytes);
    tuned.set_max_open_files(1024);
    // Background writing in small steps, so that a flush does not hold up the log's fsync.
    tuned.set_bytes_per_sync(1 << 20);
    tuned.set_max_log_file_size(4 << 20);
    tuned.set_keep_log_file_num(4);
    if options.statistics {
        tuned.enable_statistics();
    }
    tuned
}

fn descriptors(options: &Options, clock: &Arc<dyn Clock>) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(options.block_cache_bytes);
    let spaces = Space::ALL.map(|space| {
        let mut tuned = family_options(&cache);
        tuned.set_compaction_filter_factory(Sweep(clock.clone()));
        // What expires where nothing else is written must still meet a compaction.
        tuned.set_periodic_compaction_seconds(7 * 24 * 60 * 60);
        ColumnFamilyDescriptor::new(space.name(), tuned)
    });
    let others = [layout::EVENTS, "default"].map(|name| ColumnFamilyDescriptor::new(name, family_options(&cache)));
    spaces.into_iter().chain(others).collect()
}

fn family_options(cache: &Cache) -> rocksdb::Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    // Within the cache, so that memory is bounded by it.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Most commits expect a key to be absent: a filter answers that without reading.
    table.set_bloom_filter(10.0, false);
    let mut tuned = rocksdb::Options::default();
    tuned.set_block_based_table_factory(&table);
    tuned.set_compression_type(DBCompressionType::Lz4);
    tuned.set_write_buffer_size(16 << 20);
    tuned
}
