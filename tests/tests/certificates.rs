//! Edges that authenticate by certificates, and the replacement of certificates and authorities while people sign
//! in.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use e2e::dev::binary;
use e2e::flow::{Gate, LOOPBACK};
use e2e::http::Jar;
use e2e::system::Plan;
use e2e::system::certified::Authority;
use e2e::system::logged::Logged;
use e2e::system::service::until;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const SHOWN_AGAIN: &str = "reloaded the credentials for the control plane";

/// A person who registers clients, signs in and refreshes continuously. No step may fail.
struct Person {
    stop: watch::Sender<bool>,
    flows: watch::Receiver<usize>,
    signs_in: JoinHandle<Result<()>>,
}

impl Person {
    fn new(gate: &Gate) -> Self {
        let ((stop, stopped), (done, flows)) = (watch::channel(false), watch::channel(0));
        let gate = gate.clone();
        let signs_in = tokio::spawn(async move {
            while !*stopped.borrow() {
                a_flow(&gate).await?;
                done.send_modify(|done| *done += 1);
            }
            Ok(())
        });
        Self { stop, flows, signs_in }
    }

    /// Waits until a flow has ended that began after this call.
    async fn goes_on(&mut self) -> Result<()> {
        let enough = *self.flows.borrow() + 2;
        self.flows.wait_for(|flows| *flows >= enough).await.context("a flow failed")?;
        Ok(())
    }

    async fn without_a_failure(mut self) -> Result<()> {
        let went_on = self.goes_on().await;
        self.stop.send_replace(true);
        self.signs_in.await??;
        went_on
    }
}

async fn a_flow(gate: &Gate) -> Result<()> {
    let app = gate.app(&[LOOPBACK]).await?;
    let tokens = app.request().tokens(&mut Jar::new()?).await?;
    app.refresh(&tokens.refresh_token).tokens().await?;
    Ok(())
}

/// The number of times each process has logged `what`.
fn said(logged: &Logged, what: &str) -> Result<[usize; 2]> {
    Ok(logged.logs()?.map(|log| String::from_utf8_lossy(&log).matches(what).count()))
}

async fn control_says(logged: &Logged, what: &str, times: usize) -> Result<()> {
    until(what, async || said(logged, what).is_ok_and(|[control, _]| control >= times)).await
}

async fn edge_says(logged: &Logged, what: &str, times: usize) -> Result<()> {
    until(what, async || said(logged, what).is_ok_and(|[_, edge]| edge >= times)).await
}

/// Runs the command line with the certificate file `cert` and the key of the edge's certificate.
fn list_issuers(logged: &Logged, cert: &str) -> Result<Output> {
    let files = logged.system.certificates();
    let mut command = Command::new(binary("lychgate")?);
    command.env_remove("LYCHGATE_TOKEN").args(["issuers", "list", "--json"]);
    command.args(["--control", &format!("https://{}", logged.system.control_address())]);
    command.arg("--ca-file").arg(files.path("control-ca.pem"));
    command.arg("--cert-file").arg(files.path(cert)).arg("--key-file").arg(files.path("edge-0-key.pem"));
    Ok(command.output()?)
}

/// Both authorities and both certificates are replaced on disk, in an order in which a valid one always exists. No
/// process restarts, and no sign-in fails.
///
/// Requirements: A14.
#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_their_authorities_are_replaced_while_people_sign_in() -> Result<()> {
    let mut logged = Logged::start_with(Plan { certified: true, ..Plan::default() }, "text", "info").await?;
    let gate = logged.system.gate("main")?;
    let files = logged.system.certificates();
    ensure!(!logged.system.directory().join("edge-0.token").exists(), "there are no tokens");
    let mut person = Person::new(&gate);
    person.goes_on().await?;

    // The edge's certificate, by a new authority. SIGHUP causes a reload at once …
    let callers = Authority::new("next authority of callers")?;
    let first = std::fs::read_to_string(files.path("callers-ca.pem"))?;
    files.put("callers-ca.pem", &format!("{first}{}", callers.pem))?;
    logged.hang_up_control()?;
    control_says(&logged, "client_authorities=2", 1).await?;
    // … and a change of the file is found without a signal.
    files.certify_edge(0, &callers)?;
    edge_says(&logged, SHOWN_AGAIN, 1).await?;
    person.goes_on().await?;
    files.trust_callers(&[&callers])?;
    control_says(&logged, "client_authorities=1", 1).await?;
    person.goes_on().await?;

    // The control plane's certificate, by a new authority.
    let control = Authority::new("next authority of the control plane")?;
    let first = std::fs::read_to_string(files.path("control-ca.pem"))?;
    files.put("control-ca.pem", &format!("{first}{}", control.pem))?;
    logged.hang_up_edge()?;
    edge_says(&logged, SHOWN_AGAIN, 2).await?;
    files.certify_control(&control)?;
    logged.hang_up_control()?;
    // Two of the three lines are about the authorities of callers.
    control_says(&logged, "reloaded certificates", 3).await?;
    files.trust_control(&[&control])?;
    logged.hang_up_edge()?;
    edge_says(&logged, SHOWN_AGAIN, 3).await?;
    person.goes_on().await?;

    // Invalid files are not used: a certificate of an unknown authority, and a file without a certificate.
    let stays = "cannot reload the credentials for the control plane; the old ones stay in use";
    files.certify_edge(0, &Authority::new("nobody")?)?;
    logged.hang_up_edge()?;
    edge_says(&logged, stays, 1).await?;
    files.put("edge-0.pem", "nonsense")?;
    logged.hang_up_edge()?;
    edge_says(&logged, stays, 2).await?;
    files.put("callers-ca.pem", "nonsense")?;
    logged.hang_up_control()?;
    control_says(&logged, "tls.client_ca_file: ", 1).await?;
    person.goes_on().await?;
    files.trust_callers(&[&callers])?;
    files.certify_edge(0, &callers)?;
    logged.hang_up_edge()?;
    edge_says(&logged, SHOWN_AGAIN, 4).await?;
    person.without_a_failure().await?;

    // The command line needs no token with a certificate.
    let ran = list_issuers(&logged, "edge-0.pem")?;
    ensure!(ran.status.success() && String::from_utf8_lossy(&ran.stdout).contains(r#""id":"main""#), "{ran:?}");
    let ran = list_issuers(&logged, "control.pem")?;
    ensure!(ran.status.code() == Some(2), "another's key: {ran:?}");

    // The files on disk are sufficient for a start.
    logged.kill_control().await?;
    logged.start_control().await?;
    a_flow(&gate).await?;
    logged.stop().await?;
    Ok(())
}
