//! The cost of a consent check compared with a bare gRPC call. `make bench` prints it; nothing is asserted.
//!
//! Five servers run as processes on this machine: one answers the same call with a constant message, and four are control
//! planes on RocksDB with few or many consents, which cache all checks or none. One client calls them in turns, about all
//! people in the same order, so that other load on the machine affects all servers alike. The result is the CPU time of the
//! servers; that of the client is not counted, but lowers the calls per second. No server writes a log.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use lychgate_api::v1;
use lychgate_api::v1::consent_service_client::ConsentServiceClient;
use lychgate_api::v1::consent_service_server::{ConsentService, ConsentServiceServer};
use lychgate_control::config::Config;
use lychgate_control::{Server, SystemClock, SystemEntropy};
use lychgate_engine::{Batch, Clock as _, Expectation, Key, KeyRange, Limit, OpenEngine, Space};
use lychgate_engine_rocksdb::{Options, RocksDb};
use lychgate_process::Shutdown;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

const FEW: u64 = 10_000;
const MANY: u64 = 2_000_000;
const ROUNDS: usize = 4;
const ROUND: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 2;
const CALLS_PER_CONNECTION: usize = 16;
const BATCH: u64 = 1000;

const TOKEN: &str = "token-of-the-checker";
const CLIENT: &str = "app";
const RESOURCE: &str = "https://mcp.example/mcp";

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let args: Vec<_> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["bare"] => runtime.block_on(bare()),
        ["gate", directory, consents, remembered] => {
            runtime.block_on(gate(Path::new(directory), consents.parse()?, remembered.parse()?))
        }
        _ => runtime.block_on(compare()),
    }
}

async fn compare() -> Result<()> {
    let bare = Served::start(&["bare"])?;
    let mut servers = vec![("a bare tonic call".to_owned(), FEW, bare)];
    let directory = tempfile::tempdir()?;
    for (consents, remembered) in [(FEW, FEW * 2), (MANY, MANY * 2), (FEW, 0), (MANY, 0)] {
        let how = if remembered == 0 { "each read" } else { "remembered" };
        let store = directory.path().join(format!("{consents} {how}"));
        std::fs::create_dir(&store)?;
        let store = store.display().to_string();
        let server = Served::start(&["gate", &store, &consents.to_string(), &remembered.to_string()])?;
        server.check_all(consents).await?;
        servers.push((format!("Check among {consents}, {how}"), consents, server));
    }
    let mut totals = vec![(0, Duration::ZERO); servers.len()];
    for _ in 0..ROUNDS {
        for ((_, consents, server), (calls, cpu)) in servers.iter().zip(&mut totals) {
            let before = server.cpu()?;
            *calls += server.call_during(*consents, ROUND).await?;
            *cpu += server.cpu()? - before;
        }
    }
    println!("{} calls at a time, {ROUNDS} turns of {ROUND:?} each", CONNECTIONS * CALLS_PER_CONNECTION);
    println!("{:<32} {:>9} {:>16} {:>8} {:>14}", "", "calls/s", "server CPU µs", "× bare", "resident MiB");
    let micros = |(calls, cpu): (u64, Duration)| cpu.as_secs_f64() * 1e6 / calls as f64;
    for ((name, _, server), total) in servers.iter().zip(&totals) {
        let rate = total.0 as f64 / (ROUND.as_secs_f64() * ROUNDS as f64);
        let (cost, times) = (micros(*total), micros(*total) / micros(totals[0]));
        println!("{name:<32} {rate:>9.0} {cost:>16.1} {times:>8.2} {:>14}", server.resident_mib()?);
    }
    Ok(())
}

/// A server process, which is killed when it is dropped.
struct Served {
    process: Child,
    address: String,
}

impl Served {
    fn start(args: &[&str]) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?).args(args).stdout(Stdio::piped()).spawn()?;
        let mut address = String::new();
        BufReader::new(process.stdout.take().context("no output")?).read_line(&mut address)?;
        Ok(Self { process, address: address.trim().to_owned() })
    }

    /// Calls the server `during` some time. The number of its answers.
    async fn call_during(&self, consents: u64, during: Duration) -> Result<u64> {
        let end = Instant::now() + during;
        let mut callers = JoinSet::new();
        for connection in 0..CONNECTIONS as u64 {
            let channel = lychgate_api::channel::open(&format!("http://{}", self.address), None, TOKEN)?;
            for caller in 0..CALLS_PER_CONNECTION as u64 {
                let mut client = ConsentServiceClient::new(channel.clone());
                // The step is a prime, so that each person comes equally often.
                let mut person = connection * 7919 + caller * 104_729;
                callers.spawn(async move {
                    let mut calls = 0;
                    while Instant::now() < end {
                        person = (person + 1_299_709) % consents;
                        let answer = client.check(question(person)).await?.into_inner();
                        let granted = answer.result.is_some_and(|result| result.verdict() == v1::CheckVerdict::Granted);
                        anyhow::ensure!(granted, "person {person} was not granted");
                        calls += 1;
                    }
                    anyhow::Ok(calls)
                });
            }
        }
        callers.join_all().await.into_iter().sum()
    }

    /// Checks each person once, which fills the cache.
    async fn check_all(&self, consents: u64) -> Result<()> {
        let channel = lychgate_api::channel::open(&format!("http://{}", self.address), None, TOKEN)?;
        let mut client = ConsentServiceClient::new(channel);
        let item = |person| {
            let v1::CheckRequest { subject, client_id, resource, scopes, .. } = question(person);
            v1::CheckItem { subject, client_id, resource, scopes }
        };
        for from in (0..consents).step_by(BATCH as usize) {
            let items = (from..consents.min(from + BATCH)).map(item).collect();
            let batch = v1::BatchCheckRequest { issuer_id: "main".to_owned(), items, consistency: None };
            client.batch_check(batch).await?;
        }
        Ok(())
    }

    fn resident_mib(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        Ok(resident.trim().trim_end_matches(" kB").parse::<u64>()? / 1024)
    }

    /// CPU time of all its threads so far (proc(5), in hundredths of a second).
    fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let fields: Vec<_> = stat.rsplit_once(") ").context("no stat")?.1.split(' ').collect();
        Ok(Duration::from_millis((fields[11].parse::<u64>()? + fields[12].parse::<u64>()?) * 10))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

fn question(person: u64) -> v1::CheckRequest {
    v1::CheckRequest {
        issuer_id: "main".to_owned(),
        subject: format!("idp|{person}"),
        client_id: CLIENT.to_owned(),
        resource: RESOURCE.to_owned(),
        scopes: vec!["read".to_owned()],
        consistency: None,
    }
}

async fn bare() -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = tonic::transport::Server::builder().add_service(ConsentServiceServer::new(Bare));
    Ok(server.serve_with_incoming(incoming).await?)
}

/// Grants every check.
struct Bare;

#[tonic::async_trait]
impl ConsentService for Bare {
    type WatchStream = tonic::codegen::BoxStream<v1::WatchResponse>;

    async fn check(&self, _: Request<v1::CheckRequest>) -> Result<Response<v1::CheckResponse>, Status> {
        let verdict = v1::CheckVerdict::Granted.into();
        let expire_time = Some(prost_types::Timestamp { seconds: 1_800_000_000, nanos: 0 });
        let result = v1::CheckResult { verdict, expire_time, ..Default::default() };
        Ok(Response::new(v1::CheckResponse { result: Some(result), revision: "A".repeat(32) }))
    }

    async fn batch_check(&self, _: Request<v1::BatchCheckRequest>) -> Result<Response<v1::BatchCheckResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get(&self, _: Request<v1::GetRequest>) -> Result<Response<v1::GetResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list(
        &self,
        _: Request<v1::ConsentServiceListRequest>,
    ) -> Result<Response<v1::ConsentServiceListResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn watch(&self, _: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented(""))
    }
}

async fn gate(directory: &Path, consents: u64, remembered: usize) -> Result<()> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let open = || RocksDb::open(&directory.join("store"), Options::default(), clock.clone(), &SystemEntropy);
    let engine = OpenEngine::sole_writer(open()?);
    // Makes the issuer's keyring, which names the issuer's keys.
    drop(Server::bind(config(directory, remembered)?, engine.clone(), clock.clone(), entropy.clone()).await?);
    fill(&engine, consents).await?;
    drop(engine);
    let database = open()?;
    database.compact().await?;
    let engine = OpenEngine::sole_writer(database);
    let server = Server::bind(config(directory, remembered)?, engine, clock.clone(), entropy).await?;
    println!("{}", server.local_addr()?);
    server.run(Shutdown::new()).await
}

fn config(directory: &Path, remembered: usize) -> Result<Config> {
    let file = |name: &str, contents: &str| {
        let path = directory.join(name);
        std::fs::write(&path, contents)?;
        // The control plane refuses a master key that others can read.
        std::fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        anyhow::Ok(path.display().to_string())
    };
    let digest = |token: &str| Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let text = format!(
        r#"
        listen = "127.0.0.1:0"
        master_key = {{ file = "{master_key}" }}
        [store]
        engine = "memory"
        check_cache_entries = {remembered}
        [[principals]]
        name = "edge"
        role = "edge"
        token_sha256 = ["{edge}"]
        [[principals]]
        name = "checker"
        role = "checker"
        token_sha256 = ["{checker}"]
        [[issuers]]
        id = "main"
        url = "http://127.0.0.1:7440"
        name = "Gate"
        [issuers.upstream]
        kind = "oidc"
        id = "idp"
        name = "The Login"
        issuer = "http://127.0.0.1:1"
        client_id = "gate"
        client_secret = {{ file = "{secret}" }}
        [[issuers.resources]]
        uri = "{RESOURCE}"
        name = "Notes"
        scopes = [{{ name = "read", description = "May read", default = true }}]
        [[issuers.clients]]
        id = "{CLIENT}"
        name = "The App"
        redirect_uris = ["https://app.example/cb"]
        "#,
        master_key = file("master-key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")?,
        secret = file("client-secret", "a secret of the upstream's")?,
        edge = digest("token-of-the-edge"),
        checker = digest(TOKEN),
    );
    Ok(lychgate_process::config::parse(&text)?)
}

/// Writes consent records like an approval does. Their keys and format are released and never change.
async fn fill(engine: &OpenEngine, consents: u64) -> Result<()> {
    let now = SystemClock.now();
    let limit = Limit { results: 1, rows: 1 };
    let keyring = engine.scan(Space::Meta, KeyRange::prefix(b"keyring/"), now, limit).await?;
    let issuer = keyring.entries[0].0.bytes[b"keyring/".len()..].to_vec();
    let expires_at = now + Duration::from_secs(365 * 86_400);
    let mut writers = JoinSet::new();
    const WRITERS: u64 = 32;
    for writer in 0..WRITERS {
        let (engine, issuer) = (engine.clone(), issuer.clone());
        writers.spawn(async move {
            let mut people = (writer..consents).step_by(WRITERS as usize).peekable();
            while people.peek().is_some() {
                let now = SystemClock.now();
                let mut batch = Batch::new(now, now + Duration::from_secs(60));
                for person in people.by_ref().take(Batch::MAX_OPERATIONS) {
                    let subject = format!("idp|{person}");
                    let parts = [issuer.clone(), hashed(&subject), hashed(CLIENT), hashed(RESOURCE)];
                    let consent = Consent {
                        subject,
                        client_id: CLIENT.to_owned(),
                        resource: RESOURCE.to_owned(),
                        scopes: "read".to_owned(),
                        redirect_uris: vec!["https://app.example/cb".to_owned()],
                        metadata_digest: vec![7; 32],
                        created_at: now.millis(),
                        approved_at: now.millis(),
                        expires_at: expires_at.millis(),
                        how: 1,
                        epoch: now.millis(),
                    };
                    let key = Key::new(Space::Consents, parts.concat());
                    batch = batch.put(key, Expectation::Absent, consent.encode_to_vec(), expires_at);
                }
                engine.commit(batch).await?;
            }
            anyhow::Ok(())
        });
    }
    writers.join_all().await.into_iter().collect()
}

fn hashed(text: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    for part in ["key", text] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].to_vec()
}

/// `lychgate.record.v1.Consent` with the fields that a check reads.
#[derive(prost::Message)]
struct Consent {
    #[prost(string, tag = "1")]
    subject: String,
    #[prost(string, tag = "2")]
    client_id: String,
    #[prost(string, tag = "3")]
    resource: String,
    #[prost(string, tag = "4")]
    scopes: String,
    #[prost(string, repeated, tag = "5")]
    redirect_uris: Vec<String>,
    #[prost(bytes = "vec", tag = "6")]
    metadata_digest: Vec<u8>,
    #[prost(uint64, tag = "7")]
    created_at: u64,
    #[prost(uint64, tag = "8")]
    approved_at: u64,
    #[prost(uint64, tag = "9")]
    expires_at: u64,
    #[prost(int32, tag = "10")]
    how: i32,
    #[prost(uint64, tag = "11")]
    epoch: u64,
}
