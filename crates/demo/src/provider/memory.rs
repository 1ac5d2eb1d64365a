//! What the provider remembers until the process ends: who is signed in where, what they allowed, which codes and tokens are
//! good.
//!
//! Plain maps; it checks no request. Whoever presents a code or a token has been told apart before.

use std::collections::{BTreeSet, HashMap};

use super::random_token;
use crate::clock::UnixSeconds;

pub(super) type Scopes = BTreeSet<String>;

#[derive(Default)]
pub(super) struct Memory {
    sessions: HashMap<String, Session>,
    codes: HashMap<String, Code>,
    grants: HashMap<String, Grant>,
    /// Every refresh token ever issued, the spent ones too, so that a replay is recognised.
    refresh_tokens: HashMap<String, GrantId>,
    access_tokens: HashMap<String, (GrantId, UnixSeconds)>,
    swept_at: UnixSeconds,
}

/// One browser in which somebody is signed in.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) sub: String,
    pub(super) auth_time: UnixSeconds,
    /// By person and client: whoever signs in next in this browser has their own.
    consents: HashMap<(String, String), Scopes>,
}

impl Session {
    pub(super) fn allows(&self, client_id: &str, scopes: &Scopes) -> bool {
        let key = (self.sub.clone(), client_id.to_owned());
        self.consents.get(&key).is_some_and(|allowed| scopes.is_subset(allowed))
    }
}

/// What a code stands for, and what must be presented with it.
pub(super) struct CodeTerms {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) expires_at: UnixSeconds,
}

pub(super) enum Code {
    Fresh(CodeTerms),
    /// Remembered, so that using it again ends what it gave (RFC 6749 §4.1.2).
    Spent {
        client_id: String,
        grant_id: GrantId,
    },
}

pub(super) type GrantId = String;

#[derive(Clone)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) sub: String,
    pub(super) scopes: Scopes,
    pub(super) auth_time: UnixSeconds,
    /// The one that is good; empty until the first is issued.
    refresh_token: String,
}

impl Grant {
    pub(super) fn new(client_id: &str, scopes: &Scopes, session: &Session) -> Self {
        Self {
            client_id: client_id.to_owned(),
            sub: session.sub.clone(),
            scopes: scopes.clone(),
            auth_time: session.auth_time,
            refresh_token: String::new(),
        }
    }
}

pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

impl Memory {
    pub(super) fn session(&self, browser: &str) -> Option<&Session> {
        self.sessions.get(browser)
    }

    /// Under a new id (an id that somebody planted before leads nowhere), with what was allowed before in this browser.
    pub(super) fn sign_in(&mut self, browser: &str, sub: &str, now: UnixSeconds) -> String {
        let consents = self.sessions.remove(browser).map(|session| session.consents).unwrap_or_default();
        let id = random_token();
        self.sessions.insert(id.clone(), Session { sub: sub.to_owned(), auth_time: now, consents });
        id
    }

    pub(super) fn remember_consent(&mut self, browser: &str, client_id: &str, scopes: &Scopes) {
        if let Some(session) = self.sessions.get_mut(browser) {
            let key = (session.sub.clone(), client_id.to_owned());
            session.consents.entry(key).or_default().extend(scopes.iter().cloned());
        }
    }

    pub(super) fn issue_code(&mut self, terms: CodeTerms, now: UnixSeconds) -> String {
        self.sweep(now);
        let code = random_token();
        self.codes.insert(code.clone(), Code::Fresh(terms));
        code
    }

    pub(super) fn code(&self, code: &str) -> Option<&Code> {
        self.codes.get(code)
    }

    /// Nothing, if it was not there or not fresh: of two that try, one gets it.
    pub(super) fn spend(&mut self, code: &str) -> Option<(GrantId, CodeTerms)> {
        let (code, entry) = self.codes.remove_entry(code)?;
        let Code::Fresh(terms) = entry else {
            self.codes.insert(code, entry);
            return None;
        };
        let grant_id = random_token();
        self.grants.insert(grant_id.clone(), terms.grant.clone());
        let client_id = terms.grant.client_id.clone();
        self.codes.insert(code, Code::Spent { client_id, grant_id: grant_id.clone() });
        Some((grant_id, terms))
    }

    pub(super) fn mint(&mut self, grant_id: &GrantId, now: UnixSeconds, expires_at: UnixSeconds) -> Option<Tokens> {
        self.sweep(now);
        let grant = self.grants.get_mut(grant_id)?;
        let tokens = Tokens { access_token: random_token(), refresh_token: random_token() };
        grant.refresh_token.clone_from(&tokens.refresh_token);
        self.refresh_tokens.insert(tokens.refresh_token.clone(), grant_id.clone());
        self.access_tokens.insert(tokens.access_token.clone(), (grant_id.clone(), expires_at));
        Some(tokens)
    }

    /// The grant behind a refresh token of `client_id`. A spent one ends its grant: one of the two that used it stole it.
    pub(super) fn refresh(&mut self, token: &str, client_id: &str) -> Option<(GrantId, Grant)> {
        let grant_id = self.refresh_tokens.get(token)?.clone();
        let grant = self.grants.get(&grant_id).filter(|grant| grant.client_id == client_id)?.clone();
        if grant.refresh_token != token {
            self.revoke(&grant_id);
            return None;
        }
        Some((grant_id, grant))
    }

    pub(super) fn revoke(&mut self, grant_id: &GrantId) {
        self.grants.remove(grant_id);
    }

    /// The grant that a token is of, whether or not that is still good, and its client; `None` once it has ended.
    pub(super) fn holder(&self, token: &str) -> Option<(GrantId, String)> {
        let grant_id = self.refresh_tokens.get(token).or_else(|| Some(&self.access_tokens.get(token)?.0))?;
        Some((grant_id.clone(), self.grants.get(grant_id)?.client_id.clone()))
    }

    pub(super) fn access(&self, token: &str, now: UnixSeconds) -> Option<&Grant> {
        let (grant_id, expires_at) = self.access_tokens.get(token)?;
        self.grants.get(grant_id).filter(|_| now < *expires_at)
    }

    /// Every token it has given and not forgotten.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &String> {
        self.access_tokens.keys().chain(self.refresh_tokens.keys())
    }

    /// Forgets what has expired; once a second at the most, or every request would take longer than the one before.
    fn sweep(&mut self, now: UnixSeconds) {
        if now == self.swept_at {
            return;
        }
        self.swept_at = now;
        self.codes.retain(|_, code| match code {
            Code::Fresh(terms) => now < terms.expires_at,
            Code::Spent { .. } => true,
        });
        self.access_tokens.retain(|_, (_, expires_at)| now < *expires_at);
    }
}
