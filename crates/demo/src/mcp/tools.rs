//! The tools. Each checks its scopes itself and does not rely on earlier checks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::CallToolResult;
use rmcp::{ServerHandler, schemars, tool, tool_handler, tool_router};
use serde::Deserialize;
use serde_json::json;

use crate::protect::{Caller, Scopes};

/// Tools that need a scope in addition to the server's required ones.
pub(super) const SCOPES: [(&str, &str); 2] = [("add_note", "notes:write"), ("list_notes", "notes:read")];

const NOTES_LIMIT: usize = 100;
const NOTE_CHARACTERS_LIMIT: usize = 1000;

pub(super) fn scope_of(tool: &str) -> Option<&'static str> {
    SCOPES.iter().find(|(name, _)| *name == tool).map(|(_, scope)| *scope)
}

/// Clones share the notes.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    required_scopes: Arc<Scopes>,
    notes: Arc<Mutex<Notes>>,
}

/// The message to the caller when a tool refuses.
type Refusal = String;

/// Notes by subject.
type Notes = HashMap<String, Vec<String>>;

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct Note {
    /// Text of the note, up to 1000 characters.
    text: String,
}

#[tool_router]
impl Tools {
    pub(super) fn new(required_scopes: Scopes) -> Self {
        Self { required_scopes: Arc::new(required_scopes), notes: Arc::default() }
    }

    #[tool(description = "Describes the caller, as the access token does.", annotations(read_only_hint = true))]
    async fn whoami(&self, Extension(parts): Extension<Parts>) -> Result<CallToolResult, Refusal> {
        let caller = self.admitted("whoami", &parts)?;
        Ok(CallToolResult::structured(json!({
            "sub": caller.sub,
            "client_id": caller.client_id,
            "scopes": caller.scopes,
            "grant_id": caller.grant_id,
            "expires_at": caller.expires_at,
        })))
    }

    #[tool(description = "Stores a note for you.")]
    async fn add_note(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(note): Parameters<Note>,
    ) -> Result<CallToolResult, Refusal> {
        let caller = self.admitted("add_note", &parts)?;
        if note.text.chars().count() > NOTE_CHARACTERS_LIMIT {
            return Err("the note is too long".to_owned());
        }
        let mut notes = self.notes();
        let mine = notes.entry(caller.sub.clone()).or_default();
        if mine.len() >= NOTES_LIMIT {
            return Err("there are already too many notes".to_owned());
        }
        mine.push(note.text);
        Ok(CallToolResult::structured(json!({ "notes": mine.len() })))
    }

    #[tool(description = "Lists your notes.", annotations(read_only_hint = true))]
    async fn list_notes(&self, Extension(parts): Extension<Parts>) -> Result<CallToolResult, Refusal> {
        let caller = self.admitted("list_notes", &parts)?;
        let notes = self.notes().get(&caller.sub).cloned().unwrap_or_default();
        Ok(CallToolResult::structured(json!({ "notes": notes })))
    }

    /// The caller, if its scopes permit `tool`. Without a [`Caller`] the server is unprotected, and no tool runs.
    fn admitted<'a>(&self, tool: &str, parts: &'a Parts) -> Result<&'a Caller, Refusal> {
        let caller = parts.extensions.get::<Caller>().ok_or("the caller is not authenticated")?;
        let mut needed = self.required_scopes.iter().map(String::as_str).chain(scope_of(tool));
        match needed.find(|scope| !caller.may(scope)) {
            None => Ok(caller),
            Some(missing) => Err(format!("this tool needs the scope {missing}")),
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tool_handler(name = "lychgate-demo-mcp", instructions = "A demonstration: it describes the caller and stores notes.")]
impl ServerHandler for Tools {}
