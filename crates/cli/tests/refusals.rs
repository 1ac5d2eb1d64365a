//! The errors of `lychgate dev` and `lychgate-control`: one line that names problem and remedy, and the exit code 2 for a
//! configuration error or 1 for any other.

#![expect(clippy::expect_used, reason = "a test that panics has failed")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const DEV: &str = env!("CARGO_BIN_EXE_lychgate");
const CONTROL: &str = env!("CARGO_BIN_EXE_lychgate-control");

#[test]
fn dev_serves_this_machine_only() {
    let dir = Directory::new();
    let line = refusal(dev(&dir, &["--listen", "0.0.0.0:8080"]), 2);
    assert!(line.starts_with("lychgate dev: --listen: 0.0.0.0:8080 is not loopback; "), "{line}");
    assert!(!dir.path("data").exists());
}

#[test]
fn dev_names_file_line_key_and_remedy() {
    let dir = Directory::new();
    let file = dir.write("dev.toml", "[lifetimes]\naccess_token = 600\n");
    let line = refusal(dev(&dir, &["--config", text(&file)]), 2);
    let place = format!("lychgate dev: {}:2: lifetimes.access_token: is not a key that exists here; ", file.display());
    assert!(line.starts_with(&place) && line.contains("`access_token_seconds`"), "{line}");
}

#[test]
fn dev_does_not_repeat_a_secret_in_the_wrong_place() {
    let dir = Directory::new();
    let file = dir.write("dev.toml", "[upstream]\nkind = \"oidc\"\nclient_secret = \"hunter2\"\n");
    let line = refusal(dev(&dir, &["--config", text(&file)]), 2);
    assert!(
        line.contains("dev.toml:1: upstream: a secret is not written ") && line.contains("{ env = \"NAME\" }"),
        "{line}"
    );
    assert!(!line.contains("hunter2"), "{line}");
}

#[test]
fn dev_names_a_kept_port_that_is_taken() {
    let dir = Directory::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    fs::create_dir(dir.path("data")).unwrap();
    dir.write("data/ports.toml", &format!("mcp = {port}\n"));
    let line = refusal(dev(&dir, &["--listen", "127.0.0.1:0"]), 1);
    assert!(line.starts_with(&format!("lychgate dev: port {port} of mcp is taken ")), "{line}");
    assert!(line.contains("ports.toml"), "{line}");
}

#[test]
fn control_names_a_file_that_is_not_there() {
    let dir = Directory::new();
    let file = dir.path("control.toml");
    let line = refusal(Command::new(CONTROL).arg("--config").arg(&file).output().unwrap(), 2);
    assert!(line.starts_with(&format!("lychgate-control: {}: cannot be read: ", file.display())), "{line}");
}

#[test]
fn control_names_an_unknown_key() {
    let dir = Directory::new();
    let file = dir.write("control.toml", "lisen = \"127.0.0.1:7441\"\n");
    let line = refusal(Command::new(CONTROL).arg("--config").arg(&file).output().unwrap(), 2);
    assert!(line.starts_with(&format!("lychgate-control: {}:1: lisen: is not a key ", file.display())), "{line}");
}

fn dev(dir: &Directory, arguments: &[&str]) -> Output {
    Command::new(DEV).arg("dev").args(arguments).arg("--data").arg(dir.path("data")).output().expect("it starts")
}

/// The one line on standard error of a process that printed nothing and ended with `code`.
#[track_caller]
fn refusal(output: Output, code: i32) -> String {
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(output.stdout, b"");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr.trim_end().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are UTF-8")
}

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, contents).expect("it can be written");
        path
    }
}
