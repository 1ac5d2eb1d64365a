//! Reloading of principals and certificates while calls are under way.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lychgate_api::v1;
use lychgate_api::v1::admin_service_client::AdminServiceClient;
use lychgate_control::config::{Config, Role};
use lychgate_engine::{Checkpoint, CheckpointError, Checkpoints, Memory, OpenEngine};
use lychgate_engine_suite::TestEntropy;
use lychgate_engine_suite::fault::{Fault, Faulty};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{
    ApiClient, App, Authority, CertificateAndKey, ControlPlane, EDGE_TOKEN, Environment, Failure, Flow, ISSUER, Log,
    OPERATOR_TOKEN, READER_TOKEN, Refused as _, TIMEOUT, TlsSetup, principal, wait_until,
};

const EDGE: &str = "spiffe://example/edge";

/// A control plane that reloads its configuration file, and its log.
struct ReloadFixture {
    env: Environment,
    file: PathBuf,
    log: Log,
    control: ControlPlane,
    tls: TlsSetup,
    /// Certifies the server and every caller.
    authority: Authority,
}

impl ReloadFixture {
    async fn new() -> Self {
        Self::of(Environment::new().await).await
    }

    async fn of(mut env: Environment) -> Self {
        let authority = Authority::new();
        let tls = TlsSetup::new(&mut env, &authority, &authority);
        env.config.principals[0].certificate_sans = vec![EDGE.to_owned()];
        env.config.principals.push(principal("heidi", Role::Operator, OPERATOR_TOKEN));
        env.config.principals.push(principal("reader", Role::Reader, READER_TOKEN));
        let (file, log) = (write(&env, &env.config), Log::default());
        let mut runtime = log.runtime();
        let started = ControlPlane::start_from(
            Some(file.clone()),
            &mut runtime,
            env.config.clone(),
            env.engine.open(),
            env.clock.clone(),
        );
        let control = started.await.unwrap();
        Self { env, file, log, control, tls, authority }
    }

    fn config(&self) -> Config {
        self.env.config.clone()
    }

    fn write(&self, config: &Config) {
        write(&self.env, config);
    }

    fn caller(&self, token: Option<&str>, certificate: Option<&CertificateAndKey>) -> ApiClient {
        self.tls.caller(&self.control, token, certificate)
    }

    fn tls_file(&self, name: &str, contents: &str) {
        self.env.file(name, contents.as_bytes());
    }

    async fn events(&self) -> Vec<String> {
        let request = v1::ListEventsRequest { issuer_id: ISSUER.to_owned(), page_size: 1000, ..Default::default() };
        let mut operator = AdminServiceClient::new(self.caller(Some(OPERATOR_TOKEN), None).channel);
        let events = operator.list_events(request).await.unwrap().into_inner().events;
        events.iter().map(|event| format!("{} by {}", event.kind, event.principal)).collect()
    }

    async fn said(&self, what: &str) {
        let said = || String::from_utf8_lossy(&self.log.read()).contains(what);
        wait_until(what, async || said()).await;
    }
}

fn write(env: &Environment, config: &Config) -> PathBuf {
    env.file("control.toml", toml::to_string(config).unwrap().as_bytes())
}

/// Callers that call without a pause.
struct BackgroundCalls {
    over: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    callers: JoinSet<Option<Failure>>,
}

impl BackgroundCalls {
    fn new(callers: Vec<ApiClient>) -> Self {
        let mut background = Self { over: Arc::default(), calls: Arc::default(), callers: JoinSet::new() };
        for caller in callers {
            let (over, calls) = (Arc::clone(&background.over), Arc::clone(&background.calls));
            background.callers.spawn(async move {
                while !over.load(Ordering::SeqCst) {
                    if let Err(failure) = caller.list().await {
                        return Some(failure);
                    }
                    calls.fetch_add(1, Ordering::SeqCst);
                }
                None
            });
        }
        background
    }

    /// Waits until more calls are answered.
    async fn goes_on(&self) {
        let calls = self.calls.load(Ordering::SeqCst);
        wait_until("calls continue", async || self.calls.load(Ordering::SeqCst) > calls + 10).await;
    }

    async fn without_a_failure(self) {
        self.goes_on().await;
        self.over.store(true, Ordering::SeqCst);
        assert_eq!(self.callers.join_all().await, [None, None]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_certificate_names_change_without_disturbing_calls() {
    let fixture = ReloadFixture::new().await;
    let certified = fixture.authority.client(&[EDGE]);
    let background =
        BackgroundCalls::new(vec![fixture.caller(Some(OPERATOR_TOKEN), None), fixture.caller(None, Some(&certified))]);
    background.goes_on().await;
    let (next_token, next_name) = ("next-token-of-the-edge", "edge-2.internal");
    let by_token = fixture.caller(Some(next_token), None);
    let by_name = fixture.caller(None, Some(&fixture.authority.client(&[next_name])));
    let by_old_token = fixture.caller(Some(EDGE_TOKEN), None);
    by_old_token.list().await.unwrap();
    for caller in [&by_token, &by_name] {
        assert_eq!(caller.list().await.reason(), "UNAUTHENTICATED", "not yet");
    }

    let mut config = fixture.config();
    config.principals[0].token_sha256.extend(principal("edge", Role::Edge, next_token).token_sha256);
    config.principals[0].certificate_sans.push(next_name.to_owned());
    config.principals.push(principal("grace", Role::Operator, "token-of-grace"));
    fixture.write(&config);
    fixture.said("principals=added: grace; changed: edge").await;
    for caller in [&by_token, &by_name, &by_old_token, &fixture.caller(Some("token-of-grace"), None)] {
        caller.list().await.unwrap();
    }

    config.principals[0].token_sha256.remove(0);
    config.principals[0].certificate_sans.pop();
    config.principals.pop();
    fixture.write(&config);
    fixture.said("principals=removed: grace; changed: edge").await;
    // On connections that were authenticated before.
    for caller in [&by_old_token, &by_name] {
        assert_eq!(caller.list().await.reason(), "UNAUTHENTICATED", "no longer");
    }
    by_token.list().await.unwrap();
    background.without_a_failure().await;
    let log = String::from_utf8(fixture.log.read()).unwrap();
    assert!(!log.contains(&config.principals[0].token_sha256[0]), "digests are not logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_role_or_issuer_list_applies_to_the_next_call() {
    let fixture = ReloadFixture::new().await;
    let heidi = fixture.caller(Some(OPERATOR_TOKEN), None);
    heidi.list_keys(ISSUER).await.unwrap();
    let mut config = fixture.config();
    config.principals[1].role = Role::Reader;
    fixture.write(&config);
    fixture.said("principals=changed: heidi").await;
    assert_eq!(heidi.list_keys(ISSUER).await.reason(), "PERMISSION_DENIED");
    config.principals[1].issuers = Some(Vec::new());
    fixture.write(&config);
    wait_until("the issuer is hidden", async || heidi.describe(ISSUER).await.is_err()).await;
    assert_eq!(heidi.describe(ISSUER).await.reason(), "ISSUER_UNKNOWN");
}

/// No call caused the change; the audit log must show it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_principals_is_an_event() {
    let fixture = ReloadFixture::new().await;
    let mut config = fixture.config();
    config.principals[2].role = Role::Checker;
    // The change applies although the store is unavailable, and is recorded once it is available.
    (0..5).for_each(|nth| fixture.env.engine.fail(nth, Fault::Unavailable));
    fixture.write(&config);
    fixture.said("principals=changed: reader").await;
    let reader = fixture.caller(Some(READER_TOKEN), None);
    assert_eq!(reader.list().await.reason(), "PERMISSION_DENIED");
    fixture.said("cannot record the configuration change; it will be retried").await;
    wait_until("the change is recorded", async || fixture.events().await == ["configuration.changed by control"]).await;
    // A change that needs a restart is no event yet.
    config.issuers[0].name = "Another Gate".to_owned();
    fixture.write(&config);
    fixture.said("keys=\"issuers\"").await;
    config.principals.pop();
    fixture.write(&config);
    fixture.said("principals=removed: reader").await;
    wait_until("the second change is recorded", async || fixture.events().await.len() >= 2).await;
    assert_eq!(fixture.events().await, ["configuration.changed by control"; 2]);
}

/// A stream is authorized again with every page.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_ends_when_its_caller_loses_the_permission() {
    let fixture = ReloadFixture::new().await;
    let watch = async |token: &str| {
        let request = v1::WatchRequest { issuer_id: ISSUER.to_owned(), cursor: String::new() };
        let mut stream = fixture.caller(Some(token), None).watch(request).await.unwrap();
        stream.message().await.unwrap().expect("the stream sends a checkpoint");
        stream
    };
    let (mut readers, mut heidis) = (watch(READER_TOKEN).await, watch(OPERATOR_TOKEN).await);
    let mut config = fixture.config();
    // Another credential with the same rights ends no stream.
    config.principals[1].token_sha256.extend(principal("heidi", Role::Operator, "next").token_sha256);
    config.principals.pop();
    fixture.write(&config);
    let ended = async |stream: &mut tonic::Streaming<v1::WatchResponse>| {
        let word = async || stream.message().await.map(|message| _ = message.expect("the stream ends with an error"));
        timeout(TIMEOUT, last(word)).await.expect("the stream ends")
    };
    assert_eq!(ended(&mut readers).await, "UNAUTHENTICATED");
    // The change follows heidi's next checkpoint.
    heidis.message().await.unwrap().expect("the stream sends a checkpoint");
    config.principals[1].issuers = Some(Vec::new());
    fixture.write(&config);
    assert_eq!(ended(&mut heidis).await, "UNAUTHENTICATED");
}

/// A backup of one large file, far more than what is sent ahead of the caller.
#[derive(Debug)]
struct LargeFile;

impl Checkpoints for LargeFile {
    fn checkpoint(&self) -> Result<Checkpoint, CheckpointError> {
        let directory = tempfile::tempdir().unwrap().keep();
        File::create(directory.join("table")).unwrap().set_len(64 << 20).unwrap();
        Ok(Checkpoint::new(directory, |directory| fs::remove_dir_all(directory).unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_ends_when_its_caller_loses_the_permission() {
    let mut env = Environment::new().await;
    let engine = OpenEngine::sole_writer(Memory::new(env.clock.clone(), &TestEntropy));
    env.engine = Arc::new(Faulty::new(engine.with_checkpoints(Arc::new(LargeFile))));
    let fixture = ReloadFixture::of(env).await;
    let mut operator = AdminServiceClient::new(fixture.caller(Some(OPERATOR_TOKEN), None).channel);
    let mut parts = operator.backup(v1::BackupRequest {}).await.unwrap().into_inner();
    parts.message().await.unwrap().expect("the stream sends the size");
    let mut config = fixture.config();
    config.principals[1].issuers = Some(Vec::new());
    fixture.write(&config);
    fixture.said("principals=changed: heidi").await;
    let word = async || parts.message().await.map(|part| _ = part.expect("the stream ends with an error"));
    assert_eq!(timeout(TIMEOUT, last(word)).await.expect("the stream ends"), "UNAUTHENTICATED");
}

/// The reason that ended the stream.
async fn last(mut word: impl AsyncFnMut() -> Result<(), tonic::Status>) -> String {
    loop {
        if let Err(status) = word().await {
            return Failure::from(status).reason;
        }
    }
}

/// New connections see the new certificate; open ones and their calls continue.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_server_certificate_serves_new_connections() {
    let fixture = ReloadFixture::new().await;
    let certified = fixture.authority.client(&[EDGE]);
    let background =
        BackgroundCalls::new(vec![fixture.caller(Some(OPERATOR_TOKEN), None), fixture.caller(None, Some(&certified))]);
    let old = fixture.caller(Some(EDGE_TOKEN), None);
    let request = v1::WatchRequest { issuer_id: ISSUER.to_owned(), cursor: String::new() };
    let mut watch = fixture.caller(Some(READER_TOKEN), None).watch(request).await.unwrap();
    old.list().await.unwrap();
    background.goes_on().await;
    let authority = Authority::new();
    let shown = authority.server();
    // The files change one after the other; a mismatched pair in between is not used.
    fixture.tls_file("cert.pem", &shown.cert);
    fixture.said("tls: cannot be used").await;
    old.list().await.unwrap();
    fixture.caller(Some(EDGE_TOKEN), None).list().await.unwrap();
    fixture.tls_file("key.pem", &shown.key);
    fixture.said("reloaded certificates").await;
    let next = TlsSetup { ca: authority.pem().to_owned() };
    next.caller(&fixture.control, Some(EDGE_TOKEN), None).list().await.unwrap();
    next.caller(&fixture.control, None, Some(&certified)).list().await.unwrap();
    let new_to_old = fixture.caller(Some(EDGE_TOKEN), None).list().await.reason();
    assert!(new_to_old.starts_with("no ErrorInfo"), "{new_to_old}");
    old.list().await.unwrap();
    for _ in 0..3 {
        watch.message().await.unwrap().expect("the stream sends a checkpoint");
    }
    background.without_a_failure().await;
}

/// Trusts both authorities, then only the new one: a caller that changes its certificate in between is never refused;
/// one that does not is, also on an open connection.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_authority_is_replaced() {
    let fixture = ReloadFixture::new().await;
    let next = Authority::new();
    let old = fixture.caller(None, Some(&fixture.authority.client(&[EDGE])));
    let certified = next.client(&[EDGE]);
    old.list().await.unwrap();
    assert!(fixture.caller(None, Some(&certified)).list().await.reason().starts_with("no ErrorInfo"));
    fixture.tls_file("callers.pem", &[fixture.authority.pem(), next.pem()].concat());
    fixture.said("client_authorities=2").await;
    let new = fixture.caller(None, Some(&certified));
    for caller in [&old, &new] {
        caller.list().await.unwrap();
    }
    fixture.tls_file("callers.pem", next.pem());
    fixture.said("client_authorities=1").await;
    assert_eq!(old.list().await.reason(), "UNAUTHENTICATED");
    let again = fixture.caller(None, Some(&fixture.authority.client(&[EDGE]))).list().await.reason();
    assert!(again.starts_with("no ErrorInfo"), "{again}");
    new.list().await.unwrap();
    Flow::new(App::configured()).tokens(&new, &fixture.env.idp).await;
}

/// The log names file, key and remedy of each mistake; calls continue.
#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_change_is_logged_and_not_applied() {
    let fixture = ReloadFixture::new().await;
    let certified = fixture.authority.client(&[EDGE]);
    let background =
        BackgroundCalls::new(vec![fixture.caller(Some(OPERATOR_TOKEN), None), fixture.caller(None, Some(&certified))]);
    let config = fixture.config();
    let text = std::fs::read_to_string(&fixture.file).unwrap();
    let with = |change: &dyn Fn(&mut Config)| {
        let mut changed = config.clone();
        change(&mut changed);
        toml::to_string(&changed).unwrap()
    };
    let twins = with(&|config| config.principals[1].token_sha256 = config.principals[0].token_sha256.clone());
    for (wrong, said) in [
        (text.replace("role = \"operator\"", "role = \"root\""), "role: has the unknown value \"root\"; use "),
        (text[..text.len() / 2].to_owned(), "control.toml"),
        (
            with(&|config| config.principals[0].role = Role::Operator),
            "principals: has none with role \"edge\"; add one",
        ),
        (twins, "principals[1].token_sha256: belongs to another principal, too; give each"),
        (
            with(&|config| config.principals[0].certificate_sans = vec!["*".to_owned()]),
            "which is neither a DNS name nor",
        ),
    ] {
        fixture.tls_file("control.toml", &wrong);
        fixture.said(said).await;
        fixture.tls_file("control.toml", &text);
    }
    let good = |name: &str| std::fs::read_to_string(fixture.file.with_file_name(name)).unwrap();
    for (name, key) in
        [("cert.pem", "tls.cert_file: "), ("key.pem", "tls.key_file: "), ("callers.pem", "tls.client_ca_file: ")]
    {
        let before = good(name);
        fixture.tls_file(name, &before[..before.len() / 2]);
        fixture.said(key).await;
        fixture.tls_file(name, &before);
    }
    let before = good("key.pem");
    fixture.tls_file("key.pem", &fixture.authority.server().key);
    fixture.said("tls: cannot be used: ").await;
    fixture.tls_file("key.pem", &before);
    background.goes_on().await;
    // Principals change although the certificate is invalid.
    fixture.tls_file("cert.pem", "nonsense");
    let mut without = config.clone();
    without.principals.pop();
    fixture.write(&without);
    fixture.said("principals=removed: reader").await;
    fixture.caller(Some(EDGE_TOKEN), None).list().await.unwrap();
    background.without_a_failure().await;
    let log = String::from_utf8(fixture.log.read()).unwrap();
    for line in log.lines().filter(|line| line.contains("nothing is changed")) {
        assert!(line.contains("ERROR") && line.contains("control.toml") && line.contains("; "), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_needs_a_restart_is_logged_and_not_applied() {
    let fixture = ReloadFixture::new().await;
    let mut config = fixture.config();
    config.issuers[0].name = "Another Gate".to_owned();
    config.keys.rotation_seconds = 7200;
    config.principals.pop();
    fixture.write(&config);
    fixture.said("principals=removed: reader").await;
    fixture.said("keys=\"issuers, keys\"").await;
    let described = fixture.caller(Some(EDGE_TOKEN), None).describe(ISSUER).await.unwrap();
    assert_ne!(described.issuer.unwrap().name, "Another Gate");
}

/// The warning leaves fourteen days to renew the certificate.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_expires_soon_is_logged() {
    let fixture = ReloadFixture::new().await;
    let ends_in = |days: u64| {
        let not_after = fixture.env.now() + Duration::from_secs(days * 86_400);
        let certified = fixture.authority.client_until(&["localhost"], not_after);
        fixture.tls_file("key.pem", &certified.key);
        fixture.tls_file("cert.pem", &certified.cert);
    };
    ends_in(15);
    fixture.said("certificate.not_after=\"Mon, 30 Jun 2025").await;
    assert!(!String::from_utf8_lossy(&fixture.log.read()).contains("expires soon"));
    ends_in(13);
    fixture.said("the server certificate expires soon; renew it certificate.not_after=\"Sat, 28 Jun").await;
}
