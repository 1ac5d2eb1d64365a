//! Opening: checks that the database is Lychgate's, tunes it, and names the reason when it cannot be opened.

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
use crate::privacy;
use crate::writer::Writer;

/// Tuning of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Memory for blocks that were read. It must at least hold filters and indexes, or reads are 10 to 50 times slower.
    pub block_cache_bytes: usize,
    /// Memory for writes that are only in the log so far, of all families together.
    pub write_buffer_bytes: usize,
    /// The largest write-ahead log. A start after a crash takes about a second for 32 MiB.
    pub log_bytes: u64,
    /// The number of table files that are open at a time. Others are opened when they are read.
    pub open_tables: usize,
    /// Makes RocksDB keep counters ([`RocksDb::statistics`]); costs a few per cent.
    pub statistics: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            block_cache_bytes: 128 << 20,
            write_buffer_bytes: 64 << 20,
            log_bytes: 32 << 20,
            open_tables: 1024,
            statistics: false,
        }
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory could not be created.
    #[error("the directory {} cannot be created", .0.display())]
    Directory(PathBuf, #[source] io::Error),
    /// Other users have access to the directory or a file in it, and it was not changed: it is another user's, or holds more
    /// than a database.
    #[error(
        "other users have access to {} (mode {mode:04o}), and it is not this program's to change: choose a directory below \
         it, which is created for this user alone",
        .path.display()
    )]
    NotPrivate {
        /// The directory or file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// The reason why they could not be changed; `None` if the file system ignored the change.
        source: Option<io::Error>,
    },
    /// Another process holds the database's lock.
    #[error("the database in {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The file system takes no locks, so a second process could open the database too.
    #[error(
        "the database in {} cannot be locked; choose a file system with POSIX locks, such as a local disk",
        .0.display()
    )]
    Lock(PathBuf, #[source] Cause),
    /// The directory holds another program's database, or one with column families of a newer version.
    #[error("{} holds a database that is not lychgate's, or a newer version's", .0.display())]
    Foreign(PathBuf),
    /// The database has a format that this version does not read.
    #[error("the database in {} has format {found}; this version reads format {FORMAT}", .path.display())]
    Format {
        /// The database's directory.
        path: PathBuf,
        /// The database's format.
        found: u32,
    },
    /// RocksDB reported an error, or the database is damaged.
    #[error("the database in {} cannot be opened", .0.display())]
    Failed(PathBuf, #[source] Cause),
}

impl RocksDb {
    /// Opens the database in the directory `path`. Creates a missing one, and makes an existing one private to this user.
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
        privacy::make_private(path)?;
        let failed = |error: Cause| OpenError::Failed(path.to_owned(), error);

        let for_database = database_options(&options);
        let db = DB::open_cf_descriptors(&for_database, path, descriptors(&options, &clock)).map_err(|error| {
            match lock_failure(error.as_ref()) {
                Some(LockFailure::Held) => OpenError::InUse(path.to_owned()),
                Some(LockFailure::Unsupported) => OpenError::Lock(path.to_owned(), error.into()),
                None => failed(error.into()),
            }
        })?;
        let incarnation = recognise(&db, path, entropy)?;
        let database = Arc::new(Database::new(db, incarnation, for_database));
        let (writer, news) = Writer::start(database.clone(), clock.clone()).map_err(|error| failed(error.into()))?;
        Ok(RocksDb { writer, database, clock, news })
    }
}

/// The reason why the lock of a database was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LockFailure {
    /// Another process, or this one, has it.
    Held,
    /// Any other error of the file system, mostly ENOLCK or ENOTSUP.
    Unsupported,
}

/// RocksDB has no error kind for locks, only texts: "While lock file: PATH: REASON", where REASON is `strerror` of what
/// `fcntl` failed with, and "lock hold by current process".
fn lock_failure(message: &str) -> Option<LockFailure> {
    if message.contains("lock hold by") {
        return Some(LockFailure::Held);
    }
    let (_, reason) = message.split_once("While lock file: ")?;
    // POSIX: EAGAIN or EACCES if another process holds the lock. Linux answers with the first.
    let is_held = reason.ends_with("Resource temporarily unavailable");
    Some(if is_held { LockFailure::Held } else { LockFailure::Unsupported })
}

/// Refuses another program's database before anything is written: a mistaken path must not change it.
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
    // Families are missing after an interrupted first start, and if this version has more of them.
    if found != ours {
        let db = DB::open_for_read_only(&options, path, false).map_err(failed)?;
        if db.latest_sequence_number() > 0 && db.get(FORMAT_KEY).map_err(failed)?.is_none() {
            return Err(OpenError::Foreign(path.to_owned()));
        }
    }
    Ok(())
}

/// Reads the database's format and incarnation; writes them to a new database.
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

/// Writes format, incarnation and sequence in one synced write: a database has all of them or is not initialised.
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
    // A torn tail was never acknowledged, so it may be cut off. Damage anywhere else, or a missing log, would silently
    // undo acknowledged commits, a revocation for example: then the database does not open. Excludes recycling log files.
    tuned.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    tuned.set_track_and_verify_wals_in_manifest(true);
    tuned.set_max_total_wal_size(options.log_bytes);
    tuned.set_db_write_buffer_size(options.write_buffer_bytes);
    tuned.set_max_open_files(i32::try_from(options.open_tables).unwrap_or(i32::MAX));
    // Background writes in small steps, so that a flush does not delay the log's fsync.
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
        // Rows that expire in a range without writes must still meet a compaction.
        tuned.set_periodic_compaction_seconds(7 * 24 * 60 * 60);
        ColumnFamilyDescriptor::new(space.name(), tuned)
    });
    let others = [layout::EVENTS, "default"].map(|name| ColumnFamilyDescriptor::new(name, family_options(&cache)));
    spaces.into_iter().chain(others).collect()
}

fn family_options(cache: &Cache) -> rocksdb::Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    // Inside the cache, so that the cache bounds memory.
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    // Most commits expect a key to be absent; a filter answers that without a read.
    table.set_bloom_filter(10.0, false);
    let mut tuned = rocksdb::Options::default();
    tuned.set_block_based_table_factory(&table);
    tuned.set_compression_type(DBCompressionType::Lz4);
    tuned.set_write_buffer_size(16 << 20);
    tuned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_held_is_told_from_a_file_system_without_locks() {
        for (message, expected) in [
            ("IO error: While lock file: /data/LOCK: Resource temporarily unavailable", Some(LockFailure::Held)),
            (
                "IO error: lock hold by current process, acquire time 1 acquiring thread 2: /data/LOCK: No locks available",
                Some(LockFailure::Held),
            ),
            ("IO error: While lock file: /data/LOCK: No locks available", Some(LockFailure::Unsupported)),
            ("IO error: While lock file: /data/LOCK: Operation not supported", Some(LockFailure::Unsupported)),
            ("IO error: While lock file: /data/LOCK: Function not implemented", Some(LockFailure::Unsupported)),
            ("IO error: While lock file: /data/LOCK: Stale file handle", Some(LockFailure::Unsupported)),
            ("IO error: While open a file for lock: /data/LOCK: Permission denied", None),
            ("IO error: No such file or directory: While open a file: /data/CURRENT", None),
            ("Corruption: block checksum mismatch in /data/lock file/000012.sst", None),
        ] {
            assert_eq!(lock_failure(message), expected, "{message}");
        }
    }
}
