//! Verification of exports: each case changes exactly one thing in a good store, while no process uses it, or in a good export.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use lychgate_api::channel;
use lychgate_api::v1::admin_service_client::AdminServiceClient;
use lychgate_api::v1::{DisableClientRequest, EnableClientRequest};
use rocksdb::{ColumnFamily, DB, IteratorMode, Options};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

const LYCHGATE: &str = env!("CARGO_BIN_EXE_lychgate");
const CONTROL: &str = env!("CARGO_BIN_EXE_lychgate-control");
const TOKEN: &str = "token-of-grace";
/// Events of each of three ranges.
const EVENTS: usize = 3;

/// A stopped control plane with an export of three ranges of three events.
struct World {
    dir: TempDir,
    /// The lines of the last export.
    lines: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let world = Self { dir: TempDir::new().unwrap(), lines: Vec::new() };
        fs::write(world.path("master"), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
        fs::set_permissions(world.path("master"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(world.path("secret"), "s").unwrap();
        fs::write(world.path("token"), TOKEN).unwrap();
        let running = world.start("store");
        let mut lines = Vec::new();
        for range in 0..3 {
            for number in 0..EVENTS {
                running.act(range * EVENTS + number).await;
            }
            lines = world.export(&running, "export.jsonl");
        }
        fs::write(world.path("keys.json"), running.lychgate(&["keys"])).unwrap();
        running.stop();
        Self { lines, ..world }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self, store: &str) -> Running {
        let digest: String = Sha256::digest(TOKEN).iter().map(|byte| format!("{byte:02x}")).collect();
        let dir = self.dir.path().display();
        let config = format!(
            r#"
            listen = "127.0.0.1:0"
            drain_seconds = 0
            master_key = {{ file = "{dir}/master" }}
            [store]
            engine = "rocksdb"
            path = "{dir}/{store}"
            [[principals]]
            name = "grace"
            role = "operator"
            token_sha256 = ["{digest}"]
            [[principals]]
            name = "edge"
            role = "edge"
            token_sha256 = ["0d6e4079e36703ebd37c00722f5891d28b0e2811dc114b129215123adcce3605"]
            [[issuers]]
            id = "main"
            url = "http://127.0.0.1:7440"
            name = "Gate"
            [issuers.upstream]
            kind = "oidc"
            id = "idp"
            name = "Login"
            issuer = "https://login.example"
            client_id = "lychgate"
            client_secret = {{ file = "{dir}/secret" }}
            [[issuers.resources]]
            uri = "https://mcp.example/mcp"
            name = "Notes"
            scopes = [{{ name = "read", description = "May read", default = true }}]
            [[issuers.clients]]
            id = "app"
            name = "The App"
            redirect_uris = ["https://app.example/cb"]
            "#
        );
        fs::write(self.path("control.toml"), config).unwrap();
        let mut child = Command::new(CONTROL)
            .args([Path::new("--config"), &self.path("control.toml")])
            .env("LYCHGATE_STOP_WITH_PARENT", "1")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut printed = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(log.read_line(&mut line).unwrap() > 0, "it does not listen: {printed}");
            printed += &line;
            if let Some((_, address)) = line.split_once("listening address=") {
                break address.split_whitespace().next().unwrap().to_owned();
            }
        };
        // Its log must be read, or it would block once the pipe is full.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        let stdin = child.stdin.take();
        Running { child, stdin, url: format!("http://{address}"), token: self.path("token") }
    }

    fn export(&self, running: &Running, file: &str) -> Vec<String> {
        let text = running.lychgate(&["export"]);
        fs::write(self.path(file), &text).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// The success and the output of `events verify` for `lines`.
    fn verify(&self, lines: &[String], more: &[&str]) -> (bool, String) {
        let file = self.path("judged.jsonl");
        fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
        self.verify_with(&file, &self.path("keys.json"), more)
    }

    fn verify_with(&self, file: &Path, keys: &Path, more: &[&str]) -> (bool, String) {
        let output = Command::new(LYCHGATE)
            .args(["events", "verify"])
            .arg(file)
            .arg("--keys")
            .arg(keys)
            .args(more)
            .env_remove("LYCHGATE_TOKEN")
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(printed.contains("FAILS"))), "{printed}");
        (output.status.success(), printed)
    }

    /// The verification of an export from a copy of the store after `change`.
    fn verify_store(&self, name: &str, change: impl FnOnce(&DB)) -> String {
        copy(&self.path("store"), &self.path(name));
        {
            let mut options = Options::default();
            options.set_track_and_verify_wals_in_manifest(true);
            let families = DB::list_cf(&options, self.path(name)).unwrap();
            change(&DB::open_cf(&options, self.path(name), families).unwrap());
        }
        let running = self.start(name);
        let lines = self.export(&running, "tampered.jsonl");
        running.stop();
        self.verify(&lines, &[]).1
    }
}

struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    url: String,
    token: PathBuf,
}

impl Running {
    async fn act(&self, number: usize) {
        let mut admin = AdminServiceClient::new(channel::open(&self.url, None, TOKEN).unwrap());
        let (issuer_id, client_id) = ("main".to_owned(), "app".to_owned());
        let (reason, request_id) = (format!("reason {number}"), format!("the-request-number-{number}"));
        let changed = if number.is_multiple_of(2) {
            let request = DisableClientRequest { issuer_id, client_id, reason, request_id };
            admin.disable_client(request).await.unwrap().into_inner().changed
        } else {
            let request = EnableClientRequest { issuer_id, client_id, reason, request_id };
            admin.enable_client(request).await.unwrap().into_inner().changed
        };
        assert!(changed);
    }

    /// The output of an `events` verb.
    fn lychgate(&self, verb: &[&str]) -> String {
        let output = Command::new(LYCHGATE)
            .arg("events")
            .args(verb)
            .args(["--issuer", "main", "--control", &self.url, "--token-file"])
            .arg(&self.token)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Stops it orderly, so that all data is in its files.
    fn stop(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It fails if the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn rows(db: &DB, family: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = db.iterator_cf(cf(db, family), IteratorMode::Start).map(Result::unwrap);
    rows.map(|(key, value)| (key.into_vec(), value.into_vec())).collect()
}

fn cf<'a>(db: &'a DB, family: &str) -> &'a ColumnFamily {
    db.cf_handle(family).unwrap()
}

/// Replaces the first occurrence of `from` by a text of the same length.
fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()
}

#[track_caller]
fn assert_only_problem(printed: &str, what: &str) {
    let problems: Vec<_> = printed.lines().filter(|line| line.starts_with("FAILS")).collect();
    assert!(problems.len() == 1 && problems[0].contains(what), "expected only {what:?}:\n{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_the_store_is_found_in_its_export() {
    let world = World::new().await;
    let printed = world.verify_store("untouched", |_| {});
    assert!(printed.starts_with("holds  9 events of \"http://127.0.0.1:7440\", ranges 1 to 4; sealed "), "{printed}");

    let printed = world.verify_store("deleted", |db| db.delete_cf(cf(db, "events"), &rows(db, "events")[4].0).unwrap());
    assert_only_problem(&printed, "range 2 (sealed ");
    assert_only_problem(&printed, "there are 2 events, and its digest counts 3");

    let printed = world.verify_store("changed", |db| {
        let (key, value) = &rows(db, "events")[4];
        db.put_cf(cf(db, "events"), key, replaced(value, "reason 4", "reason 5")).unwrap();
    });
    assert_only_problem(&printed, "range 2 (sealed ");
    assert_only_problem(&printed, "its events were changed, exchanged or moved");

    let printed = world.verify_store("exchanged", |db| {
        let rows = rows(db, "events");
        db.put_cf(cf(db, "events"), &rows[3].0, &rows[4].1).unwrap();
        db.put_cf(cf(db, "events"), &rows[4].0, &rows[3].1).unwrap();
    });
    assert_only_problem(&printed, "range 2 (sealed ");

    let printed = world.verify_store("inserted", |db| {
        let (mut key, value) = rows(db, "events").swap_remove(4);
        // Another event of the same commit.
        key[11] += 1;
        db.put_cf(cf(db, "events"), key, value).unwrap();
    });
    assert_only_problem(&printed, "there are 4 events, and its digest counts 3");

    let printed = world.verify_store("garbled", |db| {
        let (key, value) = &rows(db, "events")[4];
        db.put_cf(cf(db, "events"), key, [&value[..8], b"garbage"].concat()).unwrap();
    });
    assert_only_problem(&printed, "range 2 (sealed ");

    let printed = world.verify_store("of-another-issuer", |db| {
        let (key, value) = &rows(db, "events")[4];
        db.put_cf(cf(db, "events"), key, replaced(value, ":7440", ":7449")).unwrap();
    });
    assert_only_problem(&printed, "there are 2 events, and its digest counts 3");

    let printed = world.verify_store("emptied", |db| {
        for (key, _) in &rows(db, "events")[3..6] {
            db.delete_cf(cf(db, "events"), key).unwrap();
        }
    });
    assert_only_problem(&printed, "range 2: its 3 events are missing");

    // Like retention, but without a digest that records it.
    let printed = world.verify_store("forgotten", |db| {
        for (key, _) in &rows(db, "events")[..3] {
            db.delete_cf(cf(db, "events"), key).unwrap();
        }
        db.put(b"oldest-event", &rows(db, "events")[0].0).unwrap();
    });
    assert_only_problem(&printed, "range 1: its 3 events are missing");

    let printed = world.verify_store("digest-deleted", |db| {
        db.delete_cf(cf(db, "digests"), &rows(db, "digests")[1].0).unwrap();
    });
    assert_only_problem(&printed, "digest 3: the digests before it are missing, from 2 on");

    let printed = world.verify_store("digest-repeated", |db| {
        let rows = rows(db, "digests");
        db.put_cf(cf(db, "digests"), &rows[1].0, &rows[0].1).unwrap();
    });
    assert!(printed.contains("FAILS"), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_to_an_export_is_found() {
    let world = World::new().await;
    let good = &world.lines;
    assert_eq!(good.len(), 3 * (EVENTS + 1));
    let with = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = good.clone();
        change(&mut lines);
        world.verify(&lines, &[]).1
    };
    assert!(with(&|_| {}).starts_with("holds"));
    assert_only_problem(&with(&|lines| drop(lines.remove(5))), "there are 2 events");
    assert_only_problem(&with(&|lines| lines.swap(4, 5)), "range 2 (sealed ");
    assert_only_problem(&with(&|lines| lines[5] = lines[5].replace("grace", "heidi")), "range 2 (sealed ");
    assert_only_problem(&with(&|lines| lines[5] = lines[5].replace("\":", "\": ")), "range 2 (sealed ");
    assert_only_problem(&with(&|lines| lines.insert(5, lines[5].clone())), "there are 4 events");
    assert_only_problem(&with(&|lines| lines.push(lines[5].clone())), "after digest 3: 1 lines without a digest");
    assert_only_problem(&with(&|lines| drop(lines.drain(4..7))), "range 2: its 3 events are missing");
    assert_only_problem(&with(&|lines| drop(lines.drain(..4))), "ranges 1 to 1 are on record, but not in this file");
    assert_only_problem(&with(&|lines| lines.truncate(6)), "after digest 1: 2 lines without a digest");
    assert_only_problem(
        &with(&|lines| drop(lines.drain(4..8))),
        "digest 3: the digests before it are missing, from 2 on",
    );
    assert_only_problem(&with(&Vec::clear), "there is no digest");
    // A moved range with its digest, and a range without its digest.
    assert!(with(&|lines| lines.rotate_left(4)).contains("FAILS"));
    assert!(with(&|lines| drop(lines.remove(7))).contains("digest 3: the digests before it are missing, from 2 on"));
    // A digest of the right range with another digest's signature.
    let forged = with(&|lines| {
        let (at, other) = (lines[7].rfind('.').unwrap(), lines[11].rfind('.').unwrap());
        lines[7] = format!("{}{}", &lines[7][..at], &lines[11][other..]);
    });
    assert!(forged.contains("digest 2: its signature is wrong"), "{forged}");
    assert!(forged.contains("digest 3: it was not made after digest 2"), "{forged}");

    // A part, exported with --since.
    let (part, since) = (&good[4..], ["--partial"]);
    assert!(world.verify(part, &since).0);
    // The older export is in this one, or directly before it.
    let older = world.path("older.jsonl");
    fs::write(&older, good[..4].join("\n")).unwrap();
    let continues = ["--continues", older.to_str().unwrap()];
    assert!(world.verify(good, &continues).0 && world.verify(part, &continues).0);
    assert_only_problem(
        &world.verify(&good[8..], &[continues[0], continues[1], "--partial"]).1,
        "does not continue the older",
    );

    // The keys of another control plane prove nothing.
    let other = World::new().await;
    let strange = world.verify_with(&world.path("export.jsonl"), &other.path("keys.json"), &[]).1;
    assert_only_problem(&strange, "digests 1 to 3: their keys are not in the key set");
}
