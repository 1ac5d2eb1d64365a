//! The address of the database, which may contain a password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

/// A URL `postgresql://USER:PASSWORD@HOST[:PORT][,HOST[:PORT]…]/DATABASE[?KEY=VALUE&…]`. Every host is tried, and the one
/// that takes writes is used. The keys `user`, `password`, `dbname`, `host`, `hostaddr`, `port`, `options`,
/// `application_name` and `channel_binding` have libpq's meaning. Other keys are refused, but for two:
///
/// - `sslmode` is `verify-full` (the default: TLS, and the certificate is the host's) or `disable`.
/// - `sslrootcert` names a PEM file of the authorities that may sign the certificate, instead of those of the system.
///
/// A directory as host is a Unix socket, without TLS. `Debug` shows hosts and database only.
#[derive(Clone)]
pub struct DatabaseUrl {
    /// One for each host, in the order of the URL.
    pub(crate) hosts: Vec<Config>,
    pub(crate) root_certificates: Option<PathBuf>,
}

/// Why a URL was refused. Does not repeat the URL: it may contain a password.
#[derive(Debug, thiserror::Error)]
pub enum UrlError {
    /// It does not begin with `postgresql://` or `postgres://`.
    #[error("does not begin with postgresql://")]
    Scheme,
    /// A mode that leaves the server unverified.
    #[error("has an sslmode that does not verify the server")]
    SslMode,
    /// It names no host.
    #[error("names no host")]
    NoHost,
    /// It names no database.
    #[error("names no database")]
    NoDatabase,
    /// A key of libpq that the engine does not use: it has time limits and a choice of hosts of its own.
    #[error("has the key {0}, which is not used; remove it")]
    UnusedKey(&'static str),
    /// A key that libpq does not know either.
    #[error("has an unknown key")]
    UnknownKey,
    /// A part that tokio-postgres refuses.
    #[error("cannot be parsed")]
    Malformed(#[source] tokio_postgres::Error),
}

/// Keys that are passed on to tokio-postgres.
const KEYS: [&str; 9] =
    ["user", "password", "dbname", "host", "hostaddr", "port", "options", "application_name", "channel_binding"];

/// Keys that tokio-postgres knows and [`of_one_host`] does not copy.
const UNUSED_KEYS: [&str; 9] = [
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "load_balance_hosts",
    "sslnegotiation",
];

impl FromStr for DatabaseUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        if !url.starts_with("postgresql://") && !url.starts_with("postgres://") {
            return Err(UrlError::Scheme);
        }
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut tls, mut root_certificates) = (true, None);
        let mut rest = form_urlencoded::Serializer::new(String::new());
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*key, &*value) {
                ("sslmode", "verify-full") => tls = true,
                ("sslmode", "disable") => tls = false,
                ("sslmode", _) => return Err(UrlError::SslMode),
                ("sslrootcert", file) => root_certificates = Some(PathBuf::from(file)),
                (key, value) if KEYS.contains(&key) => drop(rest.append_pair(key, value)),
                // An unknown key is not repeated: it may be a part of a password with a question mark.
                (key, _) => {
                    let unused = UNUSED_KEYS.into_iter().find(|unused| *unused == key);
                    return Err(unused.map_or(UrlError::UnknownKey, UrlError::UnusedKey));
                }
            }
        }
        // tokio-postgres decodes per cent signs, but takes a plus for itself.
        let rest = rest.finish().replace('+', "%20");
        let whole: Config = format!("{address}?{rest}").parse().map_err(UrlError::Malformed)?;
        if whole.get_dbname().is_none() {
            return Err(UrlError::NoDatabase);
        }
        let hosts: Vec<_> = (0..whole.get_hosts().len()).map(|place| of_one_host(&whole, place, tls)).collect();
        if hosts.is_empty() { Err(UrlError::NoHost) } else { Ok(Self { hosts, root_certificates }) }
    }
}

/// `whole` with one of its hosts: a server that accepts a connection and says nothing must not keep others from being tried.
fn of_one_host(whole: &Config, place: usize, tls: bool) -> Config {
    let mut one = Config::new();
    match &whole.get_hosts()[place] {
        Host::Tcp(host) => one.host(host).ssl_mode(if tls { SslMode::Require } else { SslMode::Disable }),
        Host::Unix(directory) => one.host_path(directory).ssl_mode(SslMode::Disable),
    };
    if let Some(port) = whole.get_ports().get(place).or(whole.get_ports().first()) {
        one.port(*port);
    }
    if let Some(address) = whole.get_hostaddrs().get(place) {
        one.hostaddr(*address);
    }
    if let Some(user) = whole.get_user() {
        one.user(user);
    }
    if let Some(password) = whole.get_password() {
        one.password(password);
    }
    if let Some(database) = whole.get_dbname() {
        one.dbname(database);
    }
    if let Some(options) = whole.get_options() {
        one.options(options);
    }
    one.application_name(whole.get_application_name().unwrap_or("lychgate"));
    one.channel_binding(whole.get_channel_binding());
    one
}

impl DatabaseUrl {
    /// Hosts and database, for messages.
    pub(crate) fn shown(&self) -> String {
        let hosts: Vec<_> = self.hosts.iter().map(shown_host).collect();
        let database = self.hosts.first().and_then(Config::get_dbname).unwrap_or_default();
        format!("{database} on {}", hosts.join(", "))
    }
}

/// A host and its port, for messages.
pub(crate) fn shown_host(one: &Config) -> String {
    let port = one.get_ports().first().copied().unwrap_or(5432);
    match one.get_hosts().first() {
        Some(Host::Tcp(host)) => format!("{host}:{port}"),
        Some(Host::Unix(directory)) => format!("{}:{port}", directory.display()),
        None => "no host".to_owned(),
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({})", self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_host_has_its_own_port_and_the_common_rest() {
        let url: DatabaseUrl =
            "postgresql://gate:s%40crt@one:5433,two:5434/store?application_name=a%20b".parse().unwrap();
        assert_eq!(format!("{url:?}"), "DatabaseUrl(store on one:5433, two:5434)");
        for one in &url.hosts {
            assert_eq!((one.get_user(), one.get_password()), (Some("gate"), Some(&b"s@crt"[..])));
            assert_eq!((one.get_ssl_mode(), one.get_application_name()), (SslMode::Require, Some("a b")));
        }
        let url: DatabaseUrl = "postgresql://one,two/store?sslmode=disable".parse().unwrap();
        assert_eq!(url.shown(), "store on one:5432, two:5432");
        assert!(url.hosts.iter().all(|one| one.get_ssl_mode() == SslMode::Disable));
    }

    #[test]
    fn tls_is_verified_unless_it_is_off() {
        for mode in ["prefer", "require", "allow", "verify-ca"] {
            let refused = format!("postgresql://one/store?sslmode={mode}").parse::<DatabaseUrl>();
            assert!(matches!(refused, Err(UrlError::SslMode)), "{mode}");
        }
        let url: DatabaseUrl = "postgresql://one/store?sslmode=verify-full&sslrootcert=/etc/ca.pem".parse().unwrap();
        assert_eq!(url.root_certificates.as_deref(), Some(std::path::Path::new("/etc/ca.pem")));
        let socket: DatabaseUrl = "postgresql:///store?host=/run/postgresql".parse().unwrap();
        assert_eq!(socket.hosts[0].get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn a_key_without_effect_is_refused() {
        for key in UNUSED_KEYS {
            let refused = format!("postgresql://one/store?{key}=1").parse::<DatabaseUrl>().unwrap_err();
            assert!(refused.to_string().contains(key), "{refused}");
        }
        let refused = "postgresql://u:a?secret@one/store".parse::<DatabaseUrl>().unwrap_err();
        assert!(matches!(refused, UrlError::UnknownKey) && !format!("{refused:?} {refused}").contains("secret"));
    }

    #[test]
    fn an_incomplete_url_is_refused_without_repeating_it() {
        for url in ["host=one dbname=store password=secret", "mysql://u:secret@one/store"] {
            assert!(matches!(url.parse::<DatabaseUrl>(), Err(UrlError::Scheme)));
        }
        assert!(matches!("postgresql://u:secret@one".parse::<DatabaseUrl>(), Err(UrlError::NoDatabase)));
        assert!(matches!("postgresql:///store".parse::<DatabaseUrl>(), Err(UrlError::NoHost)));
        let malformed = "postgresql://u:secret@one:port/store".parse::<DatabaseUrl>().unwrap_err();
        assert!(!format!("{malformed:?}").contains("secret"));
    }
}
