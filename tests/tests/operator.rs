//! The control plane from an operator's tools: gRPC reflection without proto files, and the limits of the
//! operator's token.

use anyhow::{Context, Result};
use e2e::clients::python;
use e2e::dev::Dev;
use e2e::grpc::{self, Caller};
use e2e::program::Program;
use lychgate_api::v1::{BeginRequest, DescribeRequest, ListRequest};
use serde_json::{Value, json};
use tonic::Code;

const SERVICES: [&str; 4] = [
    "lychgate.v1.AuthorizationService",
    "lychgate.v1.IssuerService",
    "lychgate.v1.RegistrationService",
    "lychgate.v1.TokenService",
];

/// Works with both versions of reflection.
#[tokio::test]
async fn reflection_alone_lists_and_describes_the_services() -> Result<()> {
    let dev = Dev::start("").await?;
    let issuer = &dev.ready().issuer;
    for version in ["v1", "v1alpha"] {
        let calls = ["lychgate.v1.IssuerService/List", r#"lychgate.v1.IssuerService/Describe={"issuer_id":"demo"}"#];
        let mut tool = tool(&dev, &dev.ready().operator_token, version, &calls)?;
        let services = tool.line().await?;
        for service in SERVICES.into_iter().chain(["grpc.health.v1.Health"]) {
            assert!(contains(&services["services"], service), "{version}: {service} is not in {services}");
        }
        let list = tool.line().await?;
        assert_eq!(
            list["answer"]["issuers"],
            json!([{ "id": "demo", "issuer": issuer, "name": "Lychgate on this machine" }])
        );
        let described = tool.line().await?["answer"].clone();
        assert_eq!(described["metadata"]["issuer"], json!(issuer), "{version}");
        assert_eq!(described["keys"][0]["kty"], "EC", "{version}");
        assert!(tool.ended().await?, "{version}");
    }
    dev.stop().await
}

/// Load balancers have no token.
#[tokio::test]
async fn health_needs_no_token() -> Result<()> {
    let dev = Dev::start("").await?;
    let mut tool = tool(&dev, "no token at all", "v1", &["grpc.health.v1.Health/Check"])?;
    tool.line().await?;
    assert_eq!(tool.line().await?, json!({ "answer": { "status": "SERVING" } }));
    assert!(tool.ended().await?);
    dev.stop().await
}

/// The operator's role does not include the edge's methods, nor the edge's role the operator's, except for methods
/// listed for both; an unknown token may call none.
#[tokio::test]
async fn a_role_includes_only_its_listed_methods() -> Result<()> {
    let dev = Dev::start("").await?;
    let edges_alone = [
        "lychgate.v1.AuthorizationService/Begin",
        "lychgate.v1.AuthorizationService/Show",
        "lychgate.v1.AuthorizationService/Decide",
        "lychgate.v1.AuthorizationService/FinishLogin",
        "lychgate.v1.TokenService/Exchange",
        "lychgate.v1.RegistrationService/Register",
    ];
    let mut operator = tool(&dev, &dev.ready().operator_token, "v1", &edges_alone)?;
    operator.line().await?;
    for method in edges_alone {
        let error = operator.line().await?["error"].clone();
        assert_eq!(error["code"], "PERMISSION_DENIED", "{method}: {error}");
        assert_eq!(
            (&error["reason"], &error["domain"]),
            (&json!("PERMISSION_DENIED"), &json!("lychgate.v1")),
            "{method}"
        );
        assert!(error["metadata"]["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{method}: {error}");
    }
    assert!(operator.ended().await?);

    let mut unknown = tool(&dev, "an-unknown-token", "v1", &["lychgate.v1.IssuerService/List"])?;
    unknown.line().await?;
    let error = unknown.line().await?["error"].clone();
    assert_eq!((&error["code"], &error["reason"]), (&json!("UNAUTHENTICATED"), &json!("UNAUTHENTICATED")));
    dev.stop().await
}

/// The same calls succeed with the right token, so the refusals above have no other reason.
#[tokio::test]
async fn the_edges_token_may_call_what_the_operators_may_not() -> Result<()> {
    let dev = Dev::start("").await?;
    let ready = dev.ready();
    let url = format!("http://{}", ready.control_grpc);
    let edge = Caller::new(&url, &tokio::fs::read_to_string(&ready.edge_token_file).await?)?;
    let operator = Caller::new(&url, &ready.operator_token)?;
    let begin = BeginRequest { issuer_id: "demo".to_owned(), parameters: Vec::new() };

    let refused = operator.authorization().begin(begin.clone()).await.expect_err("the operator may not");
    assert_eq!(grpc::refusal(&refused)?, (Code::PermissionDenied, "PERMISSION_DENIED".to_owned()));
    let judged = edge.authorization().begin(begin).await.expect_err("no client_id");
    assert_eq!(grpc::refusal(&judged)?, (Code::InvalidArgument, "PARAMETER_MISSING".to_owned()));

    for caller in [&edge, &operator] {
        assert_eq!(caller.issuers().list(ListRequest {}).await?.into_inner().issuers.len(), 1);
        let unknown = DescribeRequest { issuer_id: "other".to_owned() };
        let unknown = caller.issuers().describe(unknown).await.expect_err("no such issuer");
        assert_eq!(grpc::refusal(&unknown)?, (Code::NotFound, "ISSUER_UNKNOWN".to_owned()));
    }
    dev.stop().await
}

fn tool(dev: &Dev, token: &str, reflection: &str, calls: &[&str]) -> Result<Program> {
    let mut command = python("reflect.py");
    // In one argument: a token may begin with a hyphen.
    let token = format!("--token={token}");
    command.args(["--address", &dev.ready().control_grpc, &token, "--reflection", reflection]).args(calls);
    Program::spawn("the reflection client", &mut command).context("see tests/clients/README.md")
}

fn contains(list: &Value, name: &str) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(|entry| entry == name))
}
