//! A PostgreSQL server with a synchronous standby, and the sizes of the records that flows leave in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context, Result};
use lychgate_engine::Space;
use lychgate_test_postgres::{Server, Sync};
use tempfile::TempDir;

pub(crate) struct Database {
    primary: Server,
    _standby: Server,
    name: String,
    /// Holds the file with the database's URL.
    directory: TempDir,
}

impl Database {
    pub(crate) fn start() -> Result<Self> {
        let primary = Server::start(Sync::Full, "");
        let standby = primary.standby();
        primary.require_standby();
        let url = primary.database();
        let name = url.split(['/', '?']).nth(3).context("the URL names a database")?.to_owned();
        let database = Self { primary, _standby: standby, name, directory: tempfile::tempdir()? };
        let file = database.url_file();
        fs::write(&file, url)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        Ok(database)
    }

    /// The lines of `[store]`.
    pub(crate) fn store(&self) -> String {
        format!("engine = \"postgres\"\nurl = {{ file = {:?} }}", self.url_file())
    }

    pub(crate) fn print_sizes(&self, flows: usize) -> Result<()> {
        for table in ["entries", "events"] {
            let bytes: usize = self.sql(&format!("SELECT pg_total_relation_size('lychgate.{table}')")).parse()?;
            println!("    kept of a flow in the table of {table}, with its indexes: {} bytes", bytes / flows);
        }
        println!("    records of a flow               bytes of each: key and value");
        let rows = self.sql(
            "SELECT space, count(*), round(avg(octet_length(key))), round(avg(octet_length(value))) \
             FROM lychgate.entries GROUP BY space ORDER BY space",
        );
        for row in rows.lines() {
            let [space, count, key, value] = row.split('|').collect::<Vec<_>>()[..] else { continue };
            let (number, count): (usize, f64) = (space.parse()?, count.parse()?);
            let space = Space::ALL.into_iter().find(|space| *space as usize == number).context("an unknown space")?;
            println!("    {:5.2} {:22} {key:>15} {value:>5}", count / flows as f64, format!("{space:?}"));
        }
        Ok(())
    }

    fn url_file(&self) -> std::path::PathBuf {
        self.directory.path().join("database.url")
    }

    fn sql(&self, sql: &str) -> String {
        self.primary.sql_in(&self.name, sql)
    }
}
