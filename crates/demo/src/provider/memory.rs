//! The state of the provider in memory: sessions, consents, codes, grants and tokens.
//!
//! It does not check requests: callers authenticate the client first.

use std::collections::{BTreeSet, HashMap};

use super::random_token;
use crate::clock::UnixSeconds;

pub(super) type Scopes = BTreeSet<String>;

#[derive(Default)]
pub(super) struct Memory {
    sessions: HashMap<String, Session>,
    codes: HashMap<String, Code>,
    grants: HashMap<String, Grant>,
    /// Every refresh token ever issued. Spent ones are kept, so that a replay is recognised.
    refresh_tokens: HashMap<String, GrantId>,
    access_tokens: HashMap<String, (GrantId, UnixSeconds)>,
    swept_at: UnixSeconds,
}

/// The session of a signed-in browser.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) sub: String,
    pub(super) auth_time: UnixSeconds,
    /// Allowed scopes by user and client: the next user in this browser has other consents.
    consents: HashMap<(String, String), Scopes>,
}

impl Session {
    pub(super) fn allows(&self, client_id: &str, scopes: &Scopes) -> bool {
        let key = (self.sub.clone(), client_id.to_owned());
        self.consents.get(&key).is_some_and(|allowed| scopes.is_subset(allowed))
    }
}

/// The grant behind a code, and the parameters that its redemption must match.
pub(super) struct CodeTerms {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    pub(super) code_challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) expires_at: UnixSeconds,
}

pub(super) enum Code {
    Fresh(CodeTerms),
    /// Kept, so that a second use ends the grant (RFC 6749 §4.1.2).
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
    /// The current refresh token; empty until the first is issued.
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

    /// Starts a session under a new id and keeps the browser's consents. A new id prevents session fixation.
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

    /// Spends a fresh code. Of two concurrent redemptions, one gets `None`.
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

    /// Issues tokens for a grant. `None` if the grant has ended.
    pub(super) fn mint(&mut self, grant_id: &GrantId, now: UnixSeconds, expires_at: UnixSeconds) -> Option<Tokens> {
        self.sweep(now);
        let grant = self.grants.get_mut(grant_id)?;
        let tokens = Tokens { access_token: random_token(), refresh_token: random_token() };
        grant.refresh_token.clone_from(&tokens.refresh_token);
        self.refresh_tokens.insert(tokens.refresh_token.clone(), grant_id.clone());
        self.access_tokens.insert(tokens.access_token.clone(), (grant_id.clone(), expires_at));
        Some(tokens)
    }

    /// The grant of a refresh token of `client_id`. A spent token ends its grant, because one of its two users stole it.
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

    /// The live grant and the client of any token, even an expired or spent one.
    pub(super) fn grant_of(&self, token: &str) -> Option<(GrantId, String)> {
        let grant_id = self.refresh_tokens.get(token).or_else(|| Some(&self.access_tokens.get(token)?.0))?;
        Some((grant_id.clone(), self.grants.get(grant_id)?.client_id.clone()))
    }

    /// The grant of a valid access token.
    pub(super) fn access(&self, token: &str, now: UnixSeconds) -> Option<&Grant> {
        let (grant_id, expires_at) = self.access_tokens.get(token)?;
        self.grants.get(grant_id).filter(|_| now < *expires_at)
    }

    /// Every token that is still in memory.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &String> {
        self.access_tokens.keys().chain(self.refresh_tokens.keys())
    }

    /// Removes expired codes and access tokens. Runs at most once a second: the cost of a scan grows with the number of tokens.
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
