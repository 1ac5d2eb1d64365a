//! A deployment with people and apps, and the two ways to operate it.

use std::process::Output;

use anyhow::{Context, Result, bail, ensure};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use e2e::clients::python;
use e2e::dev::binary;
use e2e::flow::{App, LOOPBACK, Tokens};
use e2e::program::Program;
use e2e::system::configuration::secret;
use e2e::system::{CROWD, Issuer, MAIN, Plan, System, principal};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::is_refused;
use crate::recipe::Recipe;

pub(crate) const OPERATOR: &str = "operator";
const CHECKER: &str = "checker";

#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) system: System,
    pub(crate) operator: String,
    checker: String,
}

/// A person who has approved an app.
#[derive(Debug)]
pub(crate) struct Approver {
    app: App,
    tokens: Tokens,
    subject: String,
    grant: String,
}

/// The result of a command.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The verb or the RPC.
#[derive(Clone, Copy, Debug)]
enum Way {
    Verb,
    Reflection,
}

impl Scene {
    pub(crate) async fn start() -> Result<Self> {
        let (operator, checker) = (secret(), secret());
        let callers = [principal("night-shift", OPERATOR, &operator), principal("notes", CHECKER, &checker)].concat();
        let plan = Plan {
            edges: 1,
            issuers: vec![Issuer { id: "demo", ..MAIN }],
            edge_settings: CROWD.to_owned(),
            control_tables: callers,
            ..Plan::default()
        };
        Ok(Self { system: System::start(plan).await?, operator, checker })
    }

    /// Registers an app that one of three people approves.
    pub(crate) async fn approver(&self) -> Result<Approver> {
        self.person("ada").await
    }

    async fn person(&self, name: &str) -> Result<Approver> {
        self.system.upstream("demo")?.sign_in_as(name);
        let app = self.system.gate("demo")?.app(&[LOOPBACK]).await?;
        let tokens = app.tokens().await?;
        let claims = tokens.claims()?;
        let claim = |name: &str| claims[name].as_str().map(str::to_owned).with_context(|| format!("{name}: {claims}"));
        let (subject, client) = (claim("sub")?, &app.client_id);
        let filter = ["grants", "list", "--client", client, "--state", "live"];
        let grants = self.verb(&filter, OPERATOR).await?.items()?;
        let [grant] = &grants[..] else { bail!("one grant was given, not {grants:?}") };
        let grant = grant["grantId"].as_str().context("its id")?.to_owned();
        Ok(Approver { app, tokens, subject, grant })
    }

    /// The program as an operator starts it, with the token of this role.
    pub(crate) fn command(&self, arguments: &[&str], role: &str) -> Result<Command> {
        let mut command = Command::new(binary("lychgate")?);
        let token = match role {
            OPERATOR => &self.operator,
            CHECKER => &self.checker,
            _ => "an-unknown-token",
        };
        command.args(arguments).env("LYCHGATE_CONTROL", self.system.control_url()).env("LYCHGATE_TOKEN", token);
        command.kill_on_drop(true);
        Ok(command)
    }

    /// Runs a verb with `--json` until it ends.
    pub(crate) async fn verb(&self, arguments: &[&str], role: &str) -> Result<Ran> {
        let Output { status, stdout, stderr } = self.command(arguments, role)?.arg("--json").output().await?;
        let text = String::from_utf8;
        Ok(Ran { code: status.code(), stdout: text(stdout)?, stderr: text(stderr)? })
    }

    /// Runs the recipe both ways and checks its effect.
    pub(crate) async fn hold(&self, recipe: &Recipe) -> Result<()> {
        let message: Value = serde_json::from_str(&recipe.message)?;
        match recipe.method.as_str() {
            "AdminService/Revoke" if message["dry_run"] == true => self.changes_nothing(recipe).await,
            "AdminService/Revoke" if message.get("connection_of").is_some() => self.disconnects(recipe).await,
            "AdminService/Revoke" | "AdminService/RevokeSubjects" => self.revokes(recipe, &message).await,
            "AdminService/DisableClient" => self.disables(recipe).await,
            "AdminService/EnableClient" => self.enables(recipe).await,
            "AdminService/RotateKeys" => self.rotates(recipe, message["compromised"] == true).await,
            "ConsentService/Watch" => self.follows(recipe).await,
            "AdminService/ExportEvents" => self.exports(recipe).await,
            "AdminService/ListKeys" if recipe.verb == "events keys" => self.proves(recipe).await,
            _ => self.tells(recipe).await,
        }
    }

    /// The same question both ways gets the same answer, about the requested person.
    async fn tells(&self, recipe: &Recipe) -> Result<()> {
        let (ada, bo) = (self.person("ada").await?, self.person("bo").await?);
        let [verb, reflection] =
            [self.ask(recipe, Way::Verb, &ada, &bo).await?, self.ask(recipe, Way::Reflection, &ada, &bo).await?];
        assert_eq!(verb, reflection, "{recipe:?}");
        let told = serde_json::to_string(&verb)?;
        let expected = match recipe.method.as_str() {
            "IssuerService/List" | "IssuerService/Describe" => ada.app.gate.issuer(),
            "AdminService/ListKeys" => "KEY_STATE_ACTIVE",
            "ConsentService/Check" => "CHECK_VERDICT_GRANTED",
            "AdminService/GetGrant" => &ada.grant,
            "AdminService/ListConnections" => &ada.subject,
            _ => &ada.app.client_id,
        };
        ensure!(told.contains(expected), "{expected} is not in {told}");
        let is_of_bo = told.contains(&bo.app.client_id) || told.contains(&bo.subject);
        ensure!(!is_of_bo || recipe.method == "AdminService/ListClients", "more than asked: {told}");
        Ok(())
    }

    async fn changes_nothing(&self, recipe: &Recipe) -> Result<()> {
        for way in [Way::Verb, Way::Reflection] {
            let (ada, bo) = (self.person("ada").await?, self.person("bo").await?);
            let told = self.ask(recipe, way, &ada, &bo).await?;
            let grants = told[0]["estimate"]["liveGrants"].as_str().context("an estimate")?;
            ensure!(grants.parse::<u32>()? >= 1, "{told:?}");
            ada.lives().await?;
        }
        Ok(())
    }

    /// The revoked grants have ended, and no others.
    async fn revokes(&self, recipe: &Recipe, message: &Value) -> Result<()> {
        for way in [Way::Verb, Way::Reflection] {
            let ada = self.person("ada").await?;
            let (bo, cleo) = (self.person("bo").await?, self.person("cleo").await?);
            let told = self.ask(recipe, way, &ada, &bo).await?;
            let everything = message.get("everything").is_some();
            let both = message.get("subjects").is_some();
            let changed = |told: &Value| told["revocation"]["changed"] == true;
            ensure!(told.len() == 1 + usize::from(both) && told.iter().all(changed), "{way:?}: {told:?}");
            ada.is_over().await?;
            if both || everything {
                bo.is_over().await?
            } else {
                bo.lives().await?
            }
            if everything {
                cleo.is_over().await?
            } else {
                cleo.lives().await?
            }
            // Both ways, the event contains the reason.
            let events = self.verb(&["events", "list", "--all"], OPERATOR).await?.items()?;
            let last = events.iter().rev().find(|event| event["principal"] == "night-shift").context("an event")?;
            assert_eq!(last["reason"], message["reason"], "{way:?}: {last}");
        }
        Ok(())
    }

    /// The connection has ended, that of another person and all grants have not.
    async fn disconnects(&self, recipe: &Recipe) -> Result<()> {
        for way in [Way::Verb, Way::Reflection] {
            let (ada, bo) = (self.person("ada").await?, self.person("bo").await?);
            let told = self.ask(recipe, way, &ada, &bo).await?;
            ensure!(told.len() == 1 && told[0]["revocation"]["changed"] == true, "{way:?}: {told:?}");
            for (person, state) in [(&ada, "CONNECTION_STATE_ENDED"), (&bo, "CONNECTION_STATE_LIVE")] {
                let listed =
                    self.verb(&["connections", "list", "--subject", &person.subject], OPERATOR).await?.items()?;
                assert_eq!((listed.len(), &listed[0]["state"]), (1, &json!(state)), "{way:?}: {listed:?}");
                person.lives().await?;
            }
        }
        Ok(())
    }

    async fn disables(&self, recipe: &Recipe) -> Result<()> {
        for way in [Way::Verb, Way::Reflection] {
            let (ada, bo) = (self.person("ada").await?, self.person("bo").await?);
            assert_eq!(self.ask(recipe, way, &ada, &bo).await?, [json!({ "changed": true })]);
            assert_eq!(self.state(&ada).await?, "CLIENT_STATE_DISABLED", "{way:?}");
            ada.is_over().await?;
            bo.lives().await?;
        }
        Ok(())
    }

    async fn enables(&self, recipe: &Recipe) -> Result<()> {
        for way in [Way::Verb, Way::Reflection] {
            let (ada, bo) = (self.person("ada").await?, self.person("bo").await?);
            let disable = ["clients", "disable", &ada.app.client_id, "--reason", "first"];
            self.verb(&disable, OPERATOR).await?.items()?;
            assert_eq!(self.state(&ada).await?, "CLIENT_STATE_DISABLED");
            assert_eq!(self.ask(recipe, way, &ada, &bo).await?, [json!({ "changed": true })]);
            assert_eq!(self.state(&ada).await?, "CLIENT_STATE_ENABLED", "{way:?}");
            ada.lives().await?;
        }
        Ok(())
    }

    /// A planned rotation announces one successor; a compromised key is gone at once.
    async fn rotates(&self, recipe: &Recipe, compromised: bool) -> Result<()> {
        let (ada, bo) = (self.person("ada").await?, self.person("bo").await?);
        let mut successors = Vec::new();
        for way in [Way::Verb, Way::Reflection] {
            let told = self.ask(recipe, way, &ada, &bo).await?;
            ensure!(told.len() == 1 && told[0]["purpose"] == "KEY_PURPOSE_SIGNING", "{way:?}: {told:?}");
            ensure!(told[0]["impact"].is_string() == compromised, "{way:?}: {told:?}");
            successors.push(told[0]["keyId"].clone());
            let keys = self.verb(&["keys", "list"], OPERATOR).await?.items()?;
            let signing: Vec<_> = keys.iter().filter(|key| key["purpose"] == "KEY_PURPOSE_SIGNING").collect();
            let state = if compromised { "KEY_STATE_ACTIVE" } else { "KEY_STATE_ANNOUNCED" };
            let new = signing.iter().find(|key| key["keyId"] == told[0]["keyId"]).context("the successor")?;
            assert_eq!((&new["state"], signing.len()), (&json!(state), if compromised { 1 } else { 2 }), "{signing:?}");
        }
        assert_eq!(successors[0] == successors[1], !compromised, "{successors:?}");
        Ok(())
    }

    /// Follows events from the oldest, and on to events after the start.
    async fn follows(&self, recipe: &Recipe) -> Result<()> {
        let before = self.person("ada").await?;
        let words = recipe.words();
        let arguments: Vec<_> = words.iter().map(String::as_str).chain(["--json"]).collect();
        let mut verb = Program::spawn("lychgate", &mut self.command(&arguments, OPERATOR)?)?;
        let mut reflection = self.reflection(recipe, OPERATOR)?;
        reflection.line().await?;
        let seen = [approval(&mut verb, &before).await?, approval(&mut reflection, &before).await?];
        assert_eq!(seen[0], seen[1]);
        let after = self.person("bo").await?;
        let seen = [approval(&mut verb, &after).await?, approval(&mut reflection, &after).await?];
        assert_eq!(seen[0], seen[1]);
        Ok(())
    }

    /// Both ways export the same lines, which contain the latest event.
    async fn exports(&self, recipe: &Recipe) -> Result<()> {
        let ada = self.person("ada").await?;
        let verb = self.verb(&["events", "export"], OPERATOR).await?.stdout;
        ensure!(verb.contains(&ada.grant) && verb.contains("\"type\":\"digest\""), "{verb}");
        let mut reflection = self.reflection(recipe, OPERATOR)?;
        reflection.line().await?;
        for expected in verb.lines() {
            let line = reflection.line().await?;
            assert_eq!(line["answer"]["line"], expected);
        }
        Ok(())
    }

    async fn proves(&self, recipe: &Recipe) -> Result<()> {
        let (ada, bo) = (self.person("ada").await?, self.person("bo").await?);
        let verb = self.ask(recipe, Way::Verb, &ada, &bo).await?;
        let all = self.ask(recipe, Way::Reflection, &ada, &bo).await?;
        let of_events = all.iter().filter(|key| key["purpose"] == "KEY_PURPOSE_EVENTS");
        let keys = of_events.map(|key| Ok(serde_json::from_str(key["publicKey"].as_str().context("a key")?)?));
        let keys: Vec<Value> = keys.collect::<Result<_>>()?;
        ensure!(!keys.is_empty(), "{all:?}");
        assert_eq!(verb, [json!({ "keys": keys })]);
        Ok(())
    }

    async fn state(&self, approver: &Approver) -> Result<Value> {
        let got = self.verb(&["clients", "get", &approver.app.client_id], OPERATOR).await?.items()?;
        Ok(got[0]["client"]["state"].clone())
    }

    /// Runs the recipe one way. A list gives its items, any other response itself, without values that change
    /// over time.
    async fn ask(&self, recipe: &Recipe, way: Way, ada: &Approver, bo: &Approver) -> Result<Vec<Value>> {
        let request_id = BASE64_URL_SAFE_NO_PAD.encode(e2e::random::<16>());
        let recipe = recipe.about(&[
            ("SUBJECT", &ada.subject),
            ("ANOTHER", &bo.subject),
            ("CLIENT", &ada.app.client_id),
            ("RESOURCE", ada.app.gate.resource()),
            ("GRANT", &ada.grant),
            ("SCOPE", MAIN.scope),
            ("ISSUER_URL", ada.app.gate.issuer()),
            ("REQUEST_ID", &request_id),
        ]);
        let role = if recipe.method == "ConsentService/Check" { CHECKER } else { OPERATOR };
        let mut answers = match way {
            Way::Verb => {
                let words = recipe.words();
                let mut words: Vec<_> = words.iter().map(String::as_str).collect();
                if role == CHECKER {
                    // A checker may not list issuers.
                    words.extend(["--issuer", "demo"]);
                }
                self.verb(&words, role).await?.items()?
            }
            Way::Reflection => {
                let mut tool = self.reflection(&recipe, role)?;
                tool.line().await?;
                let mut line = tool.line().await?;
                ensure!(line.get("answer").is_some() && tool.ended().await?, "{recipe:?}: {line}");
                let answer = line["answer"].take();
                match recipe.list()? {
                    Some(list) => answer[list].as_array().cloned().unwrap_or_default(),
                    None => vec![answer],
                }
            }
        };
        for answer in answers.iter_mut().filter_map(Value::as_object_mut) {
            answer.remove("revision");
        }
        Ok(answers)
    }

    /// A reflection client with the control plane's address and the recipe.
    fn reflection(&self, recipe: &Recipe, role: &str) -> Result<Program> {
        let token = if role == CHECKER { &self.checker } else { &self.operator };
        let address = self.system.control_address().to_string();
        let mut command = python("reflect.py");
        // In one argument: a token may begin with a hyphen.
        command.args(["--address", &address, &format!("--token={token}"), "--reflection", "v1"]);
        command.arg(format!("lychgate.v1.{}={}", recipe.method, recipe.message));
        Program::spawn("the reflection client", &mut command)
    }
}

impl Approver {
    pub(crate) fn client_id(&self) -> String {
        self.app.client_id.clone()
    }

    async fn lives(&self) -> Result<()> {
        self.app.refresh(&self.tokens.refresh_token).tokens().await.context("it was not to end").map(drop)
    }

    async fn is_over(&self) -> Result<()> {
        let page = self.app.refresh(&self.tokens.refresh_token).send().await?;
        ensure!(is_refused(&page), "it was to end: {}", page.summary());
        Ok(())
    }
}

impl Ran {
    /// The printed items, if the command succeeded.
    pub(crate) fn items(&self) -> Result<Vec<Value>> {
        ensure!(self.code == Some(0), "{self:?}");
        self.stdout.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// The change that reports this person's approval.
async fn approval(watch: &mut Program, approver: &Approver) -> Result<Value> {
    loop {
        let mut line = watch.line().await?;
        let message = if line.get("answer").is_some() { line["answer"].take() } else { line };
        let change = &message["change"];
        if change["kind"] == "consent.approved" && change["clientId"] == approver.app.client_id.as_str() {
            return Ok(message);
        }
    }
}
