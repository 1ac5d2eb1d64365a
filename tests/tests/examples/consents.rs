//! A Python service that checks consents over gRPC, with stubs generated from our proto files.

use std::path::Path;

use anyhow::{Result, ensure};
use e2e::clients::{interpreter, python};
use e2e::examples;
use e2e::flow::LOOPBACK;
use e2e::http::Jar;
use e2e::program::Program;
use e2e::system::configuration::digest;
use e2e::system::{MAIN, Plan, System};
use serde_json::{Value, json};
use tokio::process::Command;

const CHECKER: &str = "token-of-the-nightly-export-0123456789abcdef";
const OPERATOR: &str = "token-of-grace-who-operates-0123456789abcdef";

#[tokio::test]
async fn a_python_service_asks_whether_a_consent_stands() -> Result<()> {
    let control_tables = format!(
        "[[principals]]\nname = \"export\"\nrole = \"checker\"\ntoken_sha256 = [\"{}\"]\nresources = [\"{}\"]\n\
         [[principals]]\nname = \"grace\"\nrole = \"operator\"\ntoken_sha256 = [\"{}\"]\n",
        digest(CHECKER),
        MAIN.resource,
        digest(OPERATOR)
    );
    let mut system = System::start(Plan { edges: 1, control_tables, ..Plan::default() }).await?;
    let app = system.gate(MAIN.id)?.app(&[LOOPBACK]).await?;
    let tokens = app.request().with("scope", "notes:read").tokens(&mut Jar::new()?).await?;
    let subject = tokens.claims()?["sub"].clone();

    let directory = tempfile::tempdir()?;
    generate_stubs(directory.path()).await?;
    let script = examples::edited("consent_check.py", &[], directory.path())?;
    let mut service = Command::new(interpreter());
    service.arg(script).kill_on_drop(true);
    service.env("LYCHGATE_CONTROL", system.control_address().to_string()).env("LYCHGATE_TOKEN", CHECKER);
    let mut service = Program::spawn("consent_check.py", &mut service)?;

    let job =
        |subject: &Value, scopes: &[&str]| json!({ "subject": subject, "client_id": app.client_id, "scopes": scopes });
    let (good, stranger) = (job(&subject, &["notes:read"]), json!("idp-of-main|nobody"));
    for (why, job, answer) in [
        ("what was allowed", good.clone(), json!({ "allowed": true, "why": "granted" })),
        (
            "more than was allowed",
            job(&subject, &["notes:read", "profile:read"]),
            json!({ "allowed": false, "why": "missing: profile:read" }),
        ),
        (
            "another person",
            job(&stranger, &["notes:read"]),
            json!({ "allowed": false, "why": "CHECK_DENIAL_NO_CONSENT" }),
        ),
    ] {
        service.send(&job).await?;
        assert_eq!(service.line().await?, answer, "{why}");
    }

    // Without an answer the service does nothing.
    system.kill_control().await?;
    service.send(&good).await?;
    let answer = service.line().await?;
    // The code depends on whether the service has noticed that its connection closed.
    let none = ["no answer: DEADLINE_EXCEEDED", "no answer: UNAVAILABLE"];
    ensure!(answer["allowed"] == false && none.map(Value::from).contains(&answer["why"]), "{answer}");
    system.start_control().await?;
    service.send(&good).await?;
    assert_eq!(service.line().await?["allowed"], true, "the same process, the same channel");

    // The next check notices the revocation.
    let order = json!({
        "issuer_id": MAIN.id, "subject": subject, "reason": "a lost laptop", "request_id": "the-request-of-the-test",
    });
    let mut operator = python("reflect.py");
    operator.args(["--address", &system.control_address().to_string(), "--token", OPERATOR, "--reflection", "v1"]);
    let mut operator = Program::spawn("an operator", operator.arg(format!("lychgate.v1.AdminService/Revoke={order}")))?;
    operator.line().await?;
    let told = operator.line().await?;
    ensure!(told["answer"].is_object(), "{told}");
    service.send(&good).await?;
    assert_eq!(service.line().await?, json!({ "allowed": false, "why": "CHECK_DENIAL_REVOKED" }));
    Ok(())
}

async fn generate_stubs(directory: &Path) -> Result<()> {
    let mut protoc = Command::new(interpreter());
    protoc.args(["-m", "grpc_tools.protoc", "-I", concat!(env!("CARGO_MANIFEST_DIR"), "/../proto")]);
    protoc.args(["--python_out=.", "--grpc_python_out=.", "lychgate/v1/consent.proto"]).current_dir(directory);
    let generated = protoc.output().await?;
    ensure!(generated.status.success(), "no stubs: {}", String::from_utf8_lossy(&generated.stderr));
    Ok(())
}
