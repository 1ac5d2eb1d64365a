//! Protected resources and their scopes.

use std::num::NonZeroU16;

use url::{Url, form_urlencoded};

use super::EntryRules;
use crate::Refusal;
use crate::keys::short_digest;
use crate::origin::Origin;
use crate::scope::{Scope, Scopes};

/// The longest URI of a resource: it stands in tickets, tokens and headers.
pub const MAX_RESOURCE_URI: usize = 512;
/// The most scopes of a resource: the consent form sends one field for each.
pub const MAX_SCOPES: usize = 200;
/// The longest text of all scopes of a resource, form-encoded: it stands in one header of a token's response at `/verify`,
/// where proxies keep 4 KiB for all headers.
pub const MAX_RESOURCE_SCOPES: usize = 2048;
/// The longest text of all scopes of an issuer, form-encoded: clients name all that is advertised in one URL, and proxies
/// accept URLs of 8 KiB.
pub const MAX_ISSUER_SCOPES: usize = 4096;

/// Length of all `scopes` as one parameter of a query (RFC 6749 §3.3, WHATWG URL §5.2).
pub fn length_in_a_query(scopes: &Scopes) -> usize {
    form_urlencoded::byte_serialize(scopes.to_string().as_bytes()).map(str::len).sum()
}

/// A protected resource: an MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The canonical URI, the audience of tokens (RFC 8707 §2).
    pub uri: String,
    /// The resource's name on pages.
    pub name: String,
    /// Its scopes, in the order in which pages show them.
    pub scopes: Vec<ScopeDefinition>,
    /// Whether its servers may have a person's access token of the upstream.
    pub upstream_tokens: UpstreamTokenPolicy,
    /// The people who are admitted to this resource, of those whom the issuer admits.
    pub entry: EntryRules,
}

/// Whether the servers of a resource may have a person's access token of the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamTokenPolicy {
    /// They never get one.
    Withheld,
    /// They get one of each person whose consent page said so.
    Given,
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
    /// Reading alone, or not stated.
    pub effect: Effect,
    /// The number of tools that the scope unlocks, if the operator states it.
    pub tools: Option<NonZeroU16>,
}

/// The effect of a client's use of a scope, as the operator states it. Pages repeat it, and tick boxes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The client can read, and change nothing.
    ReadOnly,
    /// The operator states nothing.
    Unstated,
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

    /// All scopes of the resource.
    pub fn all_scopes(&self) -> Scopes {
        self.scopes.iter().map(|definition| definition.scope.clone()).collect()
    }

    /// The place of the resource's metadata document (RFC 9728 §3.1): host and port, and path without a final slash.
    /// Scheme and query make no other document: proxies drop the first, and clients the second.
    pub fn metadata_place(&self) -> Option<(String, String)> {
        let url = Url::parse(&self.uri).ok()?;
        Some((Origin::of(&url)?.to_string(), url.path().trim_end_matches('/').to_owned()))
    }

    /// `scopes` in few bytes: eight of a digest of the resource's scopes in configured order, then one bit for each of
    /// them. `None` if one is not defined here.
    pub fn pack(&self, scopes: &Scopes) -> Option<Vec<u8>> {
        if !self.has_all(scopes) {
            return None;
        }
        let mut packed = self.scopes_digest().to_vec();
        for definitions in self.scopes.chunks(8) {
            let bits = definitions.iter().enumerate().map(|(n, found)| u8::from(scopes.contains(&found.scope)) << n);
            packed.push(bits.fold(0, |byte, bit| byte | bit));
        }
        Some(packed)
    }

    /// The scopes that [`Resource::pack`] packed; `None` if the resource's scopes have changed since.
    pub fn unpack(&self, packed: &[u8]) -> Option<Scopes> {
        let (digest, bits) = packed.split_first_chunk::<8>()?;
        if *digest != self.scopes_digest() || bits.len() != self.scopes.len().div_ceil(8) {
            return None;
        }
        let is_set = |n: usize| bits[n / 8] >> (n % 8) & 1 == 1;
        let scopes = self.scopes.iter().enumerate().filter(|(n, _)| is_set(*n));
        Some(scopes.map(|(_, definition)| definition.scope.clone()).collect())
    }

    fn scopes_digest(&self) -> [u8; 8] {
        let names: Vec<_> = self.scopes.iter().map(|definition| definition.scope.as_str().as_bytes()).collect();
        let [a, b, c, d, e, f, g, h, ..] = short_digest("scopes of a resource", &names);
        [a, b, c, d, e, f, g, h]
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
        scopes.iter().all(|scope| self.defines(scope))
    }

    /// True if `scope` is defined here.
    pub fn defines(&self, scope: &Scope) -> bool {
        self.scopes.iter().any(|definition| definition.scope == *scope)
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
