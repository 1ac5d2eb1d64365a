//! A connection to the server that takes writes.
//!
//! A connection is dropped after an unknown outcome, and never sends a cancel request. While a commit waits for a
//! standby, PostgreSQL answers a cancel request with success, and only a warning tells that no standby has the commit.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use lychgate_engine::Clock;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Row, SimpleQueryMessage, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database_clock::{ClockReading, WrongClock};
use crate::url::shown_host;
use crate::{DatabaseUrl, OpenError, Options};

/// The statements of a connection, each prepared at its first use.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Query {
    Barrier,
    Clock,
    Commit,
    DeleteForgotten,
    Events,
    Forget,
    Read,
    Scan,
    Sequence,
    Standbys,
    Sweep,
}

impl Query {
    const COUNT: usize = Query::Sweep as usize + 1;

    fn sql(self) -> &'static str {
        match self {
            Query::Barrier => "SELECT lychgate.barrier()",
            Query::Clock => "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
            Query::Commit => {
                "SELECT * FROM lychgate.commit_batches(
                    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
            }
            Query::DeleteForgotten => "SELECT lychgate.delete_forgotten($1)",
            Query::Events => include_str!("../sql/events.sql"),
            Query::Forget => "SELECT * FROM lychgate.forget_events($1, $2, $3)",
            Query::Read => include_str!("../sql/read.sql"),
            Query::Scan => include_str!("../sql/scan.sql"),
            Query::Sequence => "SELECT sequence FROM lychgate.store WHERE one",
            Query::Standbys => "SELECT current_setting('synchronous_standby_names')",
            Query::Sweep => "SELECT lychgate.sweep($1, $2, $3)",
        }
    }
}

/// Settings that the engine depends on, whatever the server's, the database's or the role's are. The planner must use an
/// index always: a statement keeps its plan while a table grows from nothing to millions of rows.
const SETTINGS: &str = "
    SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN
        ('statement_timeout', 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout');
    SET synchronous_commit = on; SET default_transaction_isolation = 'read committed';
    SET client_min_messages = warning; SET jit = off; SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_bitmapscan = off;";

/// The identity of a server process, its writability and its version number.
const SERVER: &str = "
    SELECT concat_ws(' ', inet_server_addr(), current_setting('port'), extract(epoch FROM pg_postmaster_start_time())),
        current_setting('transaction_read_only'), current_setting('server_version_num')";

/// PostgreSQL 15.
const OLDEST_VERSION: u32 = 150_000;

/// Why a call on a connection did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the database did not answer in time")]
    TimedOut,
    #[error("the database could not be called")]
    Postgres(#[from] tokio_postgres::Error),
    /// PostgreSQL reports success with a warning if a commit's wait for a standby was cancelled.
    #[error("the database answered with a warning: {0}")]
    Warned(String),
    #[error("{0} is a standby, or takes no writes for another reason")]
    ReadOnly(String),
    #[error("{0} has a version before PostgreSQL 15")]
    Version(String),
    #[error("the database's answer has an unexpected form")]
    Malformed,
    #[error("the server has not proved in time that it is still the primary")]
    NotProven,
    #[error("the connection is to a server that is no longer the primary")]
    Replaced,
    #[error(transparent)]
    Clock(#[from] WrongClock),
    #[error("the database has no synchronous standby; set synchronous_standby_names there, or allow_single in [store]")]
    NotReplicated,
}

impl CallError {
    /// Reports that the transaction was rolled back for certain: the server reported an error before it committed.
    pub(crate) fn is_rolled_back(&self) -> bool {
        let Some(error) = self.reported() else { return false };
        // 57: a cancel or a shutdown. XX: an internal error.
        let is_certain = !["57", "XX", "08"].iter().any(|class| error.code().code().starts_with(class));
        error.parsed_severity() == Some(Severity::Error) && is_certain
    }

    /// Reports a deadlock or a serialization failure: the same call may succeed now.
    pub(crate) fn is_passing(&self) -> bool {
        self.reported().is_some_and(|error| ["40001", "40P01"].contains(&error.code().code()))
    }

    fn reported(&self) -> Option<&DbError> {
        match self {
            CallError::Postgres(error) => error.as_db_error(),
            _ => None,
        }
    }
}

/// Makes connections.
#[derive(Debug)]
pub(crate) struct Connector {
    url: DatabaseUrl,
    tls: Tls,
    clock: Arc<dyn Clock>,
    timeout: Duration,
    /// Below the time of a call, so that a session ends its wait for a lock soon after this process dropped the connection.
    lock_timeout: Duration,
}

impl Connector {
    pub(crate) fn new(options: &Options, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let tls = Tls::new(&options.url)?;
        let lock_timeout = options.commit_timeout.min(options.connect_timeout).mul_f32(0.8);
        Ok(Self { url: options.url.clone(), tls, clock, timeout: options.connect_timeout, lock_timeout })
    }

    /// Connects to all hosts at once and returns the first connection that can be used: its server takes writes, and has
    /// committed a transaction on its synchronous standbys since. So a server that has just become the primary, or has
    /// recovered, is read only after all that it shows is on its standbys.
    pub(crate) async fn connect(&self) -> Result<Connection, CallError> {
        first(self.url.hosts.iter().map(|host| self.in_time(self.connect_with_barrier(host))).collect()).await
    }

    /// Connects without a [`Connection::barrier`], whose function may not exist yet.
    pub(crate) async fn connect_bare(&self) -> Result<Connection, CallError> {
        first(self.url.hosts.iter().map(|host| self.in_time(self.connect_to(host))).collect()).await
    }

    async fn in_time(
        &self,
        attempt: impl Future<Output = Result<Connection, CallError>>,
    ) -> Result<Connection, CallError> {
        tokio::time::timeout(self.timeout, attempt).await.unwrap_or(Err(CallError::TimedOut))
    }

    async fn connect_with_barrier(&self, host: &Config) -> Result<Connection, CallError> {
        let connection = self.connect_to(host).await?;
        connection.barrier().await?;
        Ok(connection)
    }

    async fn connect_to(&self, host: &Config) -> Result<Connection, CallError> {
        let (client, connection) = host.connect(self.tls.0.clone()).await?;
        let warning = Arc::new(Mutex::new(None));
        let driver = Driver(tokio::spawn(drive(connection, Arc::clone(&warning))));
        client.batch_execute(SETTINGS).await?;
        client.batch_execute(&format!("SET lock_timeout = {}", self.lock_timeout.as_millis())).await?;
        let rows = client.simple_query(SERVER).await?;
        let row = rows.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let row = row.ok_or(CallError::Malformed)?;
        let (Some(server), Some(read_only), Some(version)) = (row.get(0), row.get(1), row.get(2)) else {
            return Err(CallError::Malformed);
        };
        if version.parse::<u32>().map_err(|_| CallError::Malformed)? < OLDEST_VERSION {
            return Err(CallError::Version(shown_host(host)));
        }
        if read_only != "off" {
            return Err(CallError::ReadOnly(shown_host(host)));
        }
        Ok(Connection {
            client,
            server: server.into(),
            statements: Default::default(),
            warning,
            is_busy: AtomicBool::new(false),
            clock: Arc::clone(&self.clock),
            _driver: driver,
        })
    }
}

/// The first connection that is made, or the reason why there is none.
async fn first(
    mut attempts: FuturesUnordered<impl Future<Output = Result<Connection, CallError>>>,
) -> Result<Connection, CallError> {
    let mut reason = None;
    while let Some(outcome) = attempts.next().await {
        match outcome {
            Ok(connection) => return Ok(connection),
            // The reason of a primary says more than that of its standby.
            Err(error @ CallError::ReadOnly(_)) => drop(reason.get_or_insert(error)),
            Err(error) => reason = Some(error),
        }
    }
    Err(reason.unwrap_or(CallError::TimedOut))
}

/// An open connection. Dropping it closes the socket at once.
pub(crate) struct Connection {
    client: Client,
    /// Names the server process, so that a restart of the server is another one.
    pub(crate) server: Arc<str>,
    statements: [OnceCell<Statement>; Query::COUNT],
    /// The newest warning of the server since the last call began.
    warning: Arc<Mutex<Option<String>>>,
    /// A call was begun and not ended: its caller is gone, or it failed.
    is_busy: AtomicBool,
    clock: Arc<dyn Clock>,
    _driver: Driver,
}

impl Connection {
    /// Calls `query`. After an error the connection must be dropped, unless the error [is rolled
    /// back](CallError::is_rolled_back).
    pub(crate) async fn call(&self, query: Query, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, CallError> {
        let statement = self.prepare(query).await?;
        self.is_busy.store(true, Ordering::Release);
        self.take_warning();
        // Ends when the server is ready for the next query, which is after the commit. The rows come before.
        let rows = self.client.query(statement, parameters).await?;
        if let Some(warning) = self.take_warning() {
            return Err(CallError::Warned(warning));
        }
        self.is_busy.store(false, Ordering::Release);
        Ok(rows)
    }

    /// Prepares `query`, which sends nothing that could be committed.
    pub(crate) async fn prepare(&self, query: Query) -> Result<&Statement, CallError> {
        let cell = &self.statements[query as usize];
        Ok(cell.get_or_try_init(async || self.client.prepare(query.sql()).await).await?)
    }

    /// Calls `query`, which returns one row.
    pub(crate) async fn call_one(&self, query: Query, parameters: &[&(dyn ToSql + Sync)]) -> Result<Row, CallError> {
        self.call(query, parameters).await?.pop().ok_or(CallError::Malformed)
    }

    /// Runs statements that return nothing of interest.
    pub(crate) async fn execute(&self, sql: &str) -> Result<(), CallError> {
        Ok(self.client.batch_execute(sql).await?)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Commits a transaction that writes to the server's log, and returns the names of the synchronous standbys, empty if
    /// there are none. When it returns, the server was its standbys' primary after the call began, and all that it had
    /// shown by then is on them.
    pub(crate) async fn barrier(&self) -> Result<String, CallError> {
        Ok(self.call_one(Query::Barrier, &[]).await?.try_get(0)?)
    }

    /// Reads the database's clock.
    pub(crate) async fn read_clock(&self) -> Result<ClockReading, CallError> {
        self.prepare(Query::Clock).await?;
        let before = self.clock.now();
        let database_micros = self.call_one(Query::Clock, &[]).await?.try_get(0)?;
        Ok(ClockReading { database_micros, before, after: self.clock.now(), taken: Instant::now() })
    }

    /// Reports that another call can be made.
    pub(crate) fn is_usable(&self) -> bool {
        !self.client.is_closed() && !self.is_busy.load(Ordering::Acquire)
    }

    fn take_warning(&self) -> Option<String> {
        self.warning.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).finish_non_exhaustive()
    }
}

/// The task that moves a connection's bytes.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn drive<S, T>(mut connection: tokio_postgres::Connection<S, T>, warning: Arc<Mutex<Option<String>>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                // Kept before the end of the answer is passed on: messages come in order.
                *warning.lock().unwrap_or_else(PoisonError::into_inner) = Some(notice.to_string());
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection to the database has failed");
                return;
            }
            None => return,
        }
    }
}

/// How TLS connections are made.
#[derive(Clone)]
struct Tls(MakeRustlsConnect);

impl Tls {
    fn new(url: &DatabaseUrl) -> Result<Self, OpenError> {
        let mut roots = RootCertStore::empty();
        match &url.root_certificates {
            Some(file) => {
                let unreadable = |error| OpenError::RootCertificates(file.clone(), error);
                for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.into()))? {
                    let certificate = certificate.map_err(|error| unreadable(error.into()))?;
                    roots.add(certificate).map_err(|error| unreadable(error.into()))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| OpenError::Tls(error.into()))?;
        Ok(Self(MakeRustlsConnect::new(config.with_root_certificates(roots).with_no_client_auth())))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}
