//! Protected resources and their scopes.

use url::Url;

use crate::Refusal;
use crate::scope::{Scope, Scopes};

/// A protected resource: an MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The canonical URI, the audience of tokens (RFC 8707 §2).
    pub uri: String,
    /// The resource's name on pages.
    pub name: String,
    /// Its scopes, in the order in which pages show them.
    pub scopes: Vec<ScopeDefinition>,
}

/// One scope of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeDefinition {
    /// The scope token.
    pub scope: Scope,
    /// The scope's description on pages.
    pub description: String,
    /// By default or by name, see [`Requested`].
    pub requested: Requested,
    /// Optional for the person, or not.
    pub choice: Choice,
}

/// A person's choice about a scope on the consent page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is approved or denied together with the others.
    WithTheRest,
    /// A person may leave it out.
    Optional,
}

/// How a scope gets into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requested {
    /// Also if the request names no scope.
    ByDefault,
    /// Only if the request names it.
    ByName,
}

impl Resource {
    /// True if `asked` names this resource: clients write an upper-case host or a trailing slash (C10).
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

    /// The scopes that a request asks for; without any, the default ones (E6). `offline_access` is accepted and
    /// ignored: the registration decides whether a client may refresh (A23). Refuses with [`Refusal::ScopeInvalid`].
    pub fn requested_scopes(&self, asked: Option<&str>) -> Result<Scopes, Refusal> {
        let asked = Scopes::parse(asked.unwrap_or_default())?.without("offline_access");
        if asked.is_empty() {
            let default = |definition: &&ScopeDefinition| definition.requested == Requested::ByDefault;
            return Ok(self.scopes.iter().filter(default).map(|definition| definition.scope.clone()).collect());
        }
        if self.has_all(&asked) { Ok(asked) } else { Err(Refusal::ScopeInvalid) }
    }

    /// True if all of `scopes` are defined here.
    pub fn has_all(&self, scopes: &Scopes) -> bool {
        scopes.iter().all(|scope| self.scopes.iter().any(|definition| definition.scope == *scope))
    }

    /// The scopes that a person approves of `asked`: all but the optional ones they did not choose. A chosen scope that
    /// was not asked for is ignored. Refuses with [`Refusal::DecisionMissing`] if none is left.
    pub fn approved_scopes(&self, asked: &Scopes, chosen: &[String]) -> Result<Scopes, Refusal> {
        let is_approved = |definition: &&ScopeDefinition| match definition.choice {
            Choice::WithTheRest => true,
            Choice::Optional => chosen.iter().any(|name| name == definition.scope.as_str()),
        };
        let approved: Scopes = self.describe(asked).filter(is_approved).map(|found| found.scope.clone()).collect();
        if approved.is_empty() { Err(Refusal::DecisionMissing) } else { Ok(approved) }
    }

    /// The definitions of `scopes`, in configured order.
    pub fn describe<'a>(&'a self, scopes: &'a Scopes) -> impl Iterator<Item = &'a ScopeDefinition> {
        self.scopes.iter().filter(|definition| scopes.contains(&definition.scope))
    }
}
