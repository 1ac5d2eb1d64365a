//! Protected resources and their scopes.

use url::Url;

use crate::Refusal;
use crate::scope::{Scope, Scopes};

/// A protected resource: an MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The canonical URI, the audience of tokens (RFC 8707 §2).
    pub uri: String,
    pub name: String,
    pub scopes: Vec<ScopeDefinition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeDefinition {
    pub scope: Scope,
    /// In words, for people.
    pub description: String,
    /// Whether a request without `scope` asks for it.
    pub requested: Requested,
    pub choice: Choice,
}

/// Whether a person may leave a scope out and approve the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    WithTheRest,
    Optional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    ByDefault,
    ByName,
}

impl Resource {
    /// Clients write a resource with an upper-case host or a trailing slash; that is the same one (C10).
    pub(super) fn is_named_by(&self, asked: &str) -> bool {
        if self.uri == asked {
            return true;
        }
        let normal = |text: &str| {
            let url = Url::parse(text).ok().filter(|url| url.fragment().is_none() && url.username().is_empty())?;
            Some(url.as_str().strip_suffix('/').unwrap_or(url.as_str()).to_owned())
        };
        normal(asked).is_some_and(|asked| normal(&self.uri) == Some(asked))
    }

    /// The scopes a request asks for. `offline_access` is accepted and means nothing: whether a client can refresh
    /// follows from its registration (A23). A request without any gets the defaults, never an error (E6).
    pub fn requested_scopes(&self, asked: Option<&str>) -> Result<Scopes, Refusal> {
        let asked = Scopes::parse(asked.unwrap_or_default())?.without("offline_access");
        if asked.is_empty() {
            let default = |definition: &&ScopeDefinition| definition.requested == Requested::ByDefault;
            return Ok(self.scopes.iter().filter(default).map(|definition| definition.scope.clone()).collect());
        }
        if self.has_all(&asked) { Ok(asked) } else { Err(Refusal::ScopeInvalid) }
    }

    /// Whether each of `scopes` means something here.
    pub fn has_all(&self, scopes: &Scopes) -> bool {
        scopes.iter().all(|scope| self.scopes.iter().any(|definition| definition.scope == *scope))
    }

    /// What a person approves of `asked`: all of it but the optional scopes that were not `chosen`. Nothing that was not
    /// asked can be chosen.
    pub fn approved_scopes(&self, asked: &Scopes, chosen: &[String]) -> Result<Scopes, Refusal> {
        let is_approved = |definition: &&ScopeDefinition| match definition.choice {
            Choice::WithTheRest => true,
            Choice::Optional => chosen.iter().any(|name| name == definition.scope.as_str()),
        };
        let approved: Scopes = self.describe(asked).filter(is_approved).map(|found| found.scope.clone()).collect();
        if approved.is_empty() { Err(Refusal::DecisionMissing) } else { Ok(approved) }
    }

    /// What the page says about `scopes`, in configured order.
    pub fn describe<'a>(&'a self, scopes: &'a Scopes) -> impl Iterator<Item = &'a ScopeDefinition> {
        self.scopes.iter().filter(|definition| scopes.contains(&definition.scope))
    }
}
