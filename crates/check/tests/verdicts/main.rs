//! Each test scans a server that is correct except for one flaw: the row of that one requirement reports it, and no other row.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that panics has failed")]

mod flaw;
mod server;

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Parser;
use serde_json::Value;

use flaw::Flaw;
use server::Server;

#[tokio::test]
async fn every_row_of_a_correct_server_holds() {
    let server = Server::start(None).await;
    let report = scan(&server, &whole(&server)).await;
    assert_eq!((report.code, report.blemishes()), (ExitCode::SUCCESS, vec![]));
    let skipped: Vec<_> = report.rows().filter(|row| row["result"] == "skipped").collect();
    assert_eq!(skipped, Vec::<&Value>::new());
    assert_eq!(report.json["outcome"], "holds");
}

/// Each check fails on a server that violates it. Only `NoMetadata`, which ends a scan, has a test of its own.
#[tokio::test]
async fn every_row_is_violated_by_some_flaw() {
    let report = scan(&Server::start(None).await, &[]).await;
    let lists = [flaw::DISCOVERY, flaw::AUTHORIZATION, flaw::CLIENT, flaw::TOKEN, flaw::REGISTRATION, flaw::RESOURCE];
    let violated: BTreeSet<_> = lists.concat().into_iter().map(|(_, id, _)| id).chain(["A2"]).collect();
    let rows: BTreeSet<_> = report.rows().map(|row| text(row, "id")).collect();
    assert_eq!(violated, rows);
    assert!(report.rows().all(|row| !text(row, "requirement").is_empty() && !text(row, "source").is_empty()));
}

/// Other correct answers: none of them is reported.
#[tokio::test]
async fn correct_servers_may_differ() {
    for correct in
        [Flaw::ErrorsInFragment, Flaw::BidirectionalNameRefused, Flaw::ImplicitReplaced, Flaw::UnknownScopeIgnored]
    {
        let server = Server::start(Some(correct)).await;
        let report = scan(&server, &whole(&server)).await;
        assert_eq!(
            (report.code, report.blemishes()),
            (ExitCode::SUCCESS, vec![]),
            "{correct:?}: {}",
            report.evidence()
        );
    }
    let server = Server::start(Some(Flaw::ErrorsInFragment)).await;
    let report = scan(&server, &whole(&server)).await;
    assert_eq!(report.result("R4"), "holds");
    for (id, evidence) in [("R11", "state"), ("A6", "iss")] {
        let row = report.rows().find(|row| row["id"] == id).unwrap();
        assert!(row["result"] == "holds" && text(row, "evidence").contains(evidence), "{row}");
    }
}

/// A server that sends people to an identity provider at once shows its callback, which is judged without `--callback`.
#[tokio::test]
async fn the_callback_of_a_redirect_is_judged() {
    let server = Server::start(Some(Flaw::StraightToProvider)).await;
    let report = scan(&server, &["--register"]).await;
    assert_eq!((report.result("B1"), report.result("L10")), ("fails", "holds"), "{}", report.evidence());
    let callbacks = server.requests().into_iter().filter(|request| request == "GET /callback").count();
    assert!(callbacks >= 2, "{callbacks}");
}

#[tokio::test]
async fn flaws_of_discovery_are_found() {
    found(flaw::DISCOVERY).await;
}

#[tokio::test]
async fn flaws_of_the_authorization_endpoint_are_found() {
    found(flaw::AUTHORIZATION).await;
}

#[tokio::test]
async fn flaws_towards_a_known_client_are_found() {
    found(flaw::CLIENT).await;
}

#[tokio::test]
async fn flaws_of_the_token_endpoint_are_found() {
    found(flaw::TOKEN).await;
}

#[tokio::test]
async fn flaws_of_registration_are_found() {
    found(flaw::REGISTRATION).await;
}

#[tokio::test]
async fn flaws_of_a_resource_are_found() {
    found(flaw::RESOURCE).await;
}

/// The table is for terminals, which would obey them.
#[tokio::test]
async fn control_characters_of_the_server_are_escaped() {
    let server = Server::start(Some(Flaw::EscapeSequences)).await;
    let output = run(&[&server.issuer, "-v"]).await;
    let shown = output.stdout + &output.stderr;
    assert!(shown.contains("\\u{1b}[2J"), "the server's bytes are evidence here: {shown}");
    assert!(shown.chars().all(|c| matches!(c, ' '..='~' | '\n' | '§')), "{shown}");
}

#[tokio::test]
async fn without_register_nothing_is_registered() {
    let server = Server::start(None).await;
    let report = scan(&server, &[]).await;
    assert_eq!((report.code, report.blemishes()), (ExitCode::SUCCESS, vec![]));
    assert_eq!(report.json["changes"], serde_json::json!([]));
    assert_eq!(report.result("A26"), "skipped");
    for request in server.requests() {
        assert!(
            request.starts_with("GET ") || request.starts_with("OPTIONS ") || request == "POST /token",
            "{request}"
        );
    }
}

#[tokio::test]
async fn registered_clients_are_deleted_and_reported() {
    let server = Server::start(None).await;
    let report = scan(&server, &["--register"]).await;
    assert_eq!(server.clients(), 0);
    let changes = report.json["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 6);
    assert!(changes.iter().all(|change| change.as_str().unwrap().contains("; deleted (")), "{changes:?}");
    assert!(report.stderr.contains("registers up to 6 clients"), "{}", report.stderr);
}

/// A hostile server can neither hang the scan nor fill its memory.
#[tokio::test]
async fn an_endless_answer_is_cut_by_size_and_by_time() {
    for (flaw, cut) in [(Flaw::EndlessPage, "after 524288 bytes"), (Flaw::StalledPage, "within 2 s")] {
        let server = Server::start(Some(flaw)).await;
        let report = scan(&server, &["--timeout", "2"]).await;
        assert!(report.evidence().contains(cut), "{}", report.evidence());
    }
}

/// For example, a server that refuses every request proves nothing about the flaw of one request.
#[tokio::test]
async fn undecidable_rows_are_skipped_with_their_reason() {
    for (flaw, ids, why) in [
        (Flaw::SignInFirst, &["B5", "B6", "B7"][..], "a sign-in page comes first"),
        (Flaw::MadeByScript, &["B5", "B6", "B7"], "made by a script"),
        (Flaw::EveryRequestRefused, &["A10", "A26", "R3", "R5"], "is itself refused"),
    ] {
        let server = Server::start(Some(flaw)).await;
        let report = scan(&server, &["--register"]).await;
        for id in ids {
            let row = report.rows().find(|row| row["id"] == *id).unwrap();
            assert_eq!(row["result"], "skipped", "{row}");
            assert!(row["evidence"].as_str().unwrap().contains(why), "{row}");
        }
    }
}

/// A hostile server's metadata must not direct the scan at a third party.
#[tokio::test]
async fn only_named_origins_are_asked() {
    let other = Server::start(None).await;
    let server = Server::start(Some(Flaw::TokenEndpointAt(other.issuer.clone().leak()))).await;
    let report = scan(&server, &[]).await;
    assert_eq!(report.result("R12"), "skipped");
    assert_eq!(other.requests(), Vec::<String>::new());
    let report = scan(&server, &["--also", &other.issuer]).await;
    assert_eq!(report.result("R12"), "holds");
    assert!(other.requests().contains(&"POST /token".to_owned()));
}

#[tokio::test]
async fn a_scan_reports_its_number_of_requests_which_is_limited() {
    let server = Server::start(None).await;
    let report = scan(&server, &whole(&server)).await;
    let seen = server.requests();
    assert_eq!(report.json["requests"], seen.len());
    let undoing = seen.iter().filter(|request| request.starts_with("DELETE ")).count();
    assert!(seen.len() - undoing <= 95, "{}", seen.len());
}

#[tokio::test]
async fn a_missing_authorization_server_is_not_a_failing_one() {
    let silent = Server::start(Some(Flaw::NoMetadata)).await;
    let report = scan(&silent, &["--register"]).await;
    assert_eq!(
        (report.code, report.json["outcome"].as_str()),
        (ExitCode::from(3), Some("not_an_authorization_server"))
    );
    assert_eq!(report.result("A2"), "fails");
    assert_eq!(silent.clients(), 0);
    // No process listens on port 1 of this machine.
    let output = run(&["http://127.0.0.1:1", "--json"]).await;
    assert_eq!(output.code, ExitCode::from(3));
    let json: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(json["outcome"], "unreachable");
}

/// Only a token for another resource that is still live shows whether the MCP server looks at the audience.
#[tokio::test]
async fn an_audience_is_judged_by_a_real_token_only() {
    let server = Server::start(None).await;
    let report = scan(&server, &["--resource", server.resource().leak()]).await;
    assert_eq!((report.result("L11"), report.result("L12")), ("holds", "skipped"));
    let missing = ["https://as.example", "--resource", "https://as.example", "--foreign-token-file", "/nowhere"];
    assert!(parse(&missing).unwrap_err().to_string().contains("/nowhere cannot be read"));
}

/// Every requirement is a rule of the SARIF log and has one result, in the same order.
#[tokio::test]
async fn a_sarif_log_says_the_same_as_the_report() {
    let server = Server::start(Some(Flaw::SignatureIgnored)).await;
    let json = scan(&server, &whole(&server)).await;
    let output = run(&[&[server.issuer.as_str(), "--sarif"], &whole(&server)[..]].concat()).await;
    assert_eq!(output.code, ExitCode::FAILURE);
    let log: Value = serde_json::from_str(&output.stdout).unwrap();
    let logged = &log["runs"][0];
    assert_eq!((&log["version"], &logged["invocations"][0]["executionSuccessful"]), (&"2.1.0".into(), &true.into()));
    let (rules, results) =
        (logged["tool"]["driver"]["rules"].as_array().unwrap(), logged["results"].as_array().unwrap());
    assert_eq!((rules.len(), results.len()), (json.rows().count(), json.rows().count()));
    for (n, row) in json.rows().enumerate() {
        let (kind, level) = match text(row, "result") {
            "holds" => ("pass", "none"),
            "skipped" => ("open", "none"),
            "warns" => ("fail", "warning"),
            _ => ("fail", "error"),
        };
        let found = (text(&results[n], "ruleId"), text(&results[n], "kind"), text(&results[n], "level"));
        assert_eq!(found, (text(row, "id"), kind, level));
        assert_eq!((&rules[n]["id"], results[n]["ruleIndex"].as_u64()), (&row["id"], u64::try_from(n).ok()));
        assert_eq!(results[n]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], server.issuer.as_str());
    }
    // No process listens on port 1 of this machine.
    let output = run(&["http://127.0.0.1:1", "--sarif"]).await;
    let log: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn malformed_arguments_are_a_usage_error() {
    for arguments in
        [&[][..], &["ftp://as.example"], &["https://a@as.example"], &["https://as.example", "--client-id", "a"]]
    {
        assert_eq!(parse(arguments).unwrap_err().exit_code(), 2, "{arguments:?}");
    }
}

async fn found(flaws: &[(Flaw, &str, &str)]) {
    for (flaw, id, result) in flaws {
        let server = Server::start(Some(*flaw)).await;
        let report = scan(&server, &whole(&server)).await;
        let expected = vec![((*id).to_owned(), (*result).to_owned())];
        assert_eq!(report.blemishes(), expected, "{flaw:?}: {}", report.evidence());
        assert_eq!(report.code, ExitCode::from(u8::from(*result == "fails")), "{flaw:?}");
    }
}

fn whole(server: &Server) -> Vec<&'static str> {
    let callback = format!("{}/callback", server.issuer);
    let client = ["--register", "--timeout", "2", "--callback", callback.leak()];
    let resource = ["--resource", server.resource().leak(), "--foreign-token-file", server.foreign_token_file().leak()];
    [&client[..], &resource[..]].concat()
}

struct Report {
    code: ExitCode,
    json: Value,
    stderr: String,
}

impl Report {
    fn rows(&self) -> impl Iterator<Item = &Value> {
        self.json["rows"].as_array().into_iter().flatten()
    }

    fn result(&self, id: &str) -> &str {
        text(self.rows().find(|row| row["id"] == id).expect("a row"), "result")
    }

    /// Id and result of each row that neither holds nor was skipped.
    fn blemishes(&self) -> Vec<(String, String)> {
        let rows = self.rows().filter(|row| row["result"] != "holds" && row["result"] != "skipped");
        rows.map(|row| (text(row, "id").to_owned(), text(row, "result").to_owned())).collect()
    }

    fn evidence(&self) -> String {
        let rows = self.rows().filter(|row| row["result"] != "holds" && row["result"] != "skipped");
        rows.map(|row| format!("\n{} {}", row["id"], row["evidence"])).collect()
    }
}

fn text<'a>(row: &'a Value, member: &str) -> &'a str {
    row[member].as_str().expect("text")
}

async fn scan(server: &Server, arguments: &[&str]) -> Report {
    let Output { code, stdout, stderr } = run(&[&[server.issuer.as_str(), "--json"], arguments].concat()).await;
    let json = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    Report { code, json, stderr }
}

struct Output {
    code: ExitCode,
    stdout: String,
    stderr: String,
}

/// Scans on a thread of its own, because a scan brings its own runtime.
async fn run(arguments: &[&str]) -> Output {
    let args = parse(arguments).unwrap();
    let scan = tokio::task::spawn_blocking(move || {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let code = lychgate_check::main(&args, &mut stdout, &mut stderr);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Output { code, stdout: text(stdout), stderr: text(stderr) }
    });
    scan.await.unwrap()
}

fn parse(arguments: &[&str]) -> Result<lychgate_check::Args, clap::Error> {
    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        args: lychgate_check::Args,
    }
    Program::try_parse_from(["lychgate check"].iter().chain(arguments)).map(|program| program.args)
}
