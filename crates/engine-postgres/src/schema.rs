//! The schema `lychgate` of a database: its creation, and its recognition when the engine opens.

use lychgate_engine::{Cause, Clock, Entropy, Incarnation, random};
use std::path::PathBuf;
use std::sync::Arc;

use crate::connection::{CallError, Connection, Connector};
use crate::database_clock::WrongClock;
use crate::{DatabaseUrl, Options};

/// The number of the layout in `sql/1-tables.sql`.
pub(crate) const FORMAT: i32 = 1;

const TABLES: &str = include_str!("../sql/1-tables.sql");
const FUNCTIONS: &str = include_str!("../sql/1-functions.sql");

/// The columns of format 1, in the order of their names.
const COLUMNS: [&str; 16] = [
    "entries.expires_at bigint",
    "entries.key bytea",
    "entries.space smallint",
    "entries.value bytea",
    "entries.version bigint",
    "events.committed_at bigint",
    "events.index bigint",
    "events.sequence bigint",
    "events.value bytea",
    "store.committed_at bigint",
    "store.format integer",
    "store.incarnation bytea",
    "store.oldest_index bigint",
    "store.oldest_sequence bigint",
    "store.one boolean",
    "store.sequence bigint",
];

/// Why a database could not be opened or prepared.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file of `sslrootcert` holds no certificates that can be used.
    #[error("the certificates in {} cannot be read", .0.display())]
    RootCertificates(PathBuf, #[source] Cause),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] Cause),
    /// The database was never prepared.
    #[error("the database {0} has no schema lychgate; run `lychgate storage migrate --config FILE` once")]
    NoSchema(String),
    /// The schema is another program's.
    #[error("the schema lychgate of the database {0} is not lychgate's; name a database of its own")]
    Foreign(String),
    /// The schema has a format that this version does not know.
    #[error("the database {database} has format {found}, this version reads format {FORMAT}; use a newer version")]
    Newer {
        /// The hosts and the name of the database.
        database: String,
        /// The database's format.
        found: i32,
    },
    /// This process's clock differs from the database's by more than [`Options::largest_clock_difference`].
    #[error("the database {0} is not opened: {1}")]
    Clock(String, WrongClock),
    /// The database cannot be reached, or reported an error.
    #[error("the database {0} cannot be opened")]
    Failed(String, #[source] Cause),
}

/// The change that [`migrate`] made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migration {
    /// The schema was created.
    Created,
    /// The schema had this version's format. Its functions were written again.
    Current,
}

/// The contents of the schema.
#[derive(Debug)]
enum Found {
    Nothing,
    Foreign,
    Format(i32),
}

/// Creates the schema, or brings it to this version's format. Can run again at any time, beside open engines and beside
/// itself: it is one transaction under a lock.
pub async fn migrate(url: &DatabaseUrl, clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Result<Migration, OpenError> {
    let connector = Connector::new(&Options::new(url.clone()), clock)?;
    let failed = |error: CallError| OpenError::Failed(url.shown(), error.into());
    let connection = connector.connect_bare().await.map_err(failed)?;
    // Not the lock of barriers: these must go on.
    connection.execute("BEGIN; SELECT pg_advisory_xact_lock(1283023720, 3)").await.map_err(failed)?;
    let migration = match find(&connection).await.map_err(failed)? {
        Found::Nothing => {
            let incarnation = hex(&Incarnation(random(entropy)));
            let row = format!("INSERT INTO lychgate.store VALUES (true, {FORMAT}, '\\x{incarnation}', 0, 0, 0, 0)");
            connection.execute(&format!("{TABLES}; {row}")).await.map_err(failed)?;
            Migration::Created
        }
        Found::Foreign => return Err(OpenError::Foreign(url.shown())),
        Found::Format(FORMAT) => Migration::Current,
        Found::Format(found) => return Err(OpenError::Newer { database: url.shown(), found }),
    };
    connection.execute(&format!("{FUNCTIONS}; COMMIT")).await.map_err(failed)?;
    Ok(migration)
}

/// Refuses a database that [`migrate`] has not prepared, and one whose clock differs from this process's.
pub(crate) async fn recognise(connector: &Connector, options: &Options) -> Result<(), OpenError> {
    let url = &options.url;
    let failed = |error: CallError| OpenError::Failed(url.shown(), error.into());
    let connection = connector.connect_bare().await.map_err(failed)?;
    match find(&connection).await.map_err(failed)? {
        Found::Nothing => return Err(OpenError::NoSchema(url.shown())),
        Found::Foreign => return Err(OpenError::Foreign(url.shown())),
        Found::Format(FORMAT) => {}
        Found::Format(found) => return Err(OpenError::Newer { database: url.shown(), found }),
    }
    let reading = connection.read_clock().await.map_err(failed)?;
    let checked = reading.check(reading.after, reading.taken, options.largest_clock_difference);
    checked.map_err(|wrong| OpenError::Clock(url.shown(), wrong))
}

async fn find(connection: &Connection) -> Result<Found, CallError> {
    let client = connection.client();
    let columns = "SELECT format('%s.%s %s', c.relname, a.attname, a.atttypid::regtype)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        WHERE n.nspname = 'lychgate' AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";
    let mut found = Vec::new();
    for row in client.query(columns, &[]).await? {
        found.push(row.try_get::<_, String>(0)?);
    }
    found.sort();
    if found.is_empty() {
        return Ok(Found::Nothing);
    }
    // A newer format may have other columns, but its number stands in the same place.
    if !["store.format integer", "store.incarnation bytea"].iter().all(|column| found.iter().any(|own| own == column)) {
        return Ok(Found::Foreign);
    }
    let Some(row) = client.query_opt("SELECT format FROM lychgate.store", &[]).await? else {
        return Ok(Found::Foreign);
    };
    Ok(match row.try_get(0)? {
        FORMAT if found != COLUMNS => Found::Foreign,
        format => Found::Format(format),
    })
}

fn hex(Incarnation(bytes): &Incarnation) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
