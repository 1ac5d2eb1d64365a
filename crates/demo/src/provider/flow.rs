//! The browser flow: login page, consent page, and the redirect back with a code. Either page is skipped if it is not needed.
//!
//! The action URL of a form carries the authorization request, and every step validates it again: the provider keeps no state
//! for browsers that have not signed in.

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::answer::{Answer, OAuthError, Outcome, Reply};
use super::memory::{CodeTerms, Grant, Session};
use super::pages::{ConsentPage, HomePage, LoginPage, ProblemPage};
use super::params::Params;
use super::request::{AuthorizationRequest, Prompt, Rejected};
use super::{Provider, random_token};
use crate::clock::UnixSeconds;

const CODE_LIFETIME_SECONDS: u64 = 60;

pub(super) async fn home(State(provider): State<Arc<Provider>>) -> Reply {
    let html = provider.pages.home(&HomePage { issuer: &provider.issuer, users: &provider.users });
    provider.reply(Answer::Page(StatusCode::OK, html))
}

pub(super) async fn authorize(
    State(provider): State<Arc<Provider>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Reply {
    let query = query.unwrap_or_default();
    let request = match AuthorizationRequest::parse(&provider, &query) {
        Ok(request) => request,
        Err(rejected) => return provider.rejected(rejected),
    };
    match provider.cookie.read(&headers) {
        Some(browser) => provider.next_step(&request, &query, &browser, SignedIn::Earlier),
        None => {
            let browser = random_token();
            let cookie = provider.cookie.set(&browser);
            let reply = provider.next_step(&request, &query, &browser, SignedIn::Earlier);
            Reply { cookie: Some(cookie), ..reply }
        }
    }
}

pub(super) async fn login(
    State(provider): State<Arc<Provider>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let form = match provider.submitted(Step::Login, query, &headers, &body) {
        Ok(form) => form,
        Err(rejected) => return provider.rejected(rejected),
    };
    let login = form.fields.value("login");
    let Some(user) = provider.users.iter().find(|user| Some(user.login.as_str()) == login) else {
        return provider.problem("There is no user of that name here.");
    };
    let browser = provider.memory().sign_in(&form.browser, &user.sub, provider.clock.now());
    tracing::info!(user.sub = user.sub, "signed in");
    let reply = provider.next_step(&form.request, &form.query, &browser, SignedIn::JustNow);
    Reply { cookie: Some(provider.cookie.set(&browser)), ..reply }
}

pub(super) async fn consent(
    State(provider): State<Arc<Provider>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Reply {
    let form = match provider.submitted(Step::Consent, query, &headers, &body) {
        Ok(form) => form,
        Err(rejected) => return provider.rejected(rejected),
    };
    let Some(session) = provider.memory().session(&form.browser).cloned() else {
        return provider.problem("The session has ended. Please start again.");
    };
    let request = form.request;
    match form.fields.value("decision") {
        Some("allow") => {
            if provider.remember_consent {
                provider.memory().remember_consent(&form.browser, &request.client_id, &request.scopes);
            }
            provider.code(&request, &session)
        }
        Some("deny") => {
            let error = OAuthError::new("access_denied", "the user said no");
            provider.reply(Answer::Return(request.return_to, Outcome::Error(error)))
        }
        _ => provider.problem("The form does not say what was decided."),
    }
}

/// The page that a form belongs to.
#[derive(Clone, Copy)]
enum Step {
    Login,
    Consent,
}

/// The time of the sign-in. `prompt=login` and `max_age` apply to earlier ones only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SignedIn {
    Earlier,
    JustNow,
}

/// A submitted form; its token proves that it was shown in this browser for this request.
struct Submitted {
    request: AuthorizationRequest,
    query: String,
    browser: String,
    fields: Params,
}

impl Provider {
    fn next_step(&self, request: &AuthorizationRequest, query: &str, browser: &str, signed_in: SignedIn) -> Reply {
        let now = self.clock.now();
        let session = self.memory().session(browser).cloned();
        let session = session.filter(|session| signed_in == SignedIn::JustNow || !must_sign_in(request, session, now));
        let Some(session) = session else {
            return match request.prompt {
                Prompt::None => self.interaction_error(request, "login_required"),
                Prompt::Pages { .. } => self.login_page(query, browser),
            };
        };
        let allowed = session.allows(&request.client_id, &request.scopes);
        match (request.prompt, allowed) {
            (Prompt::None | Prompt::Pages { consent: false, .. }, true) => self.code(request, &session),
            (Prompt::Pages { .. }, true | false) => self.consent_page(request, query, browser, &session),
            (Prompt::None, false) => self.interaction_error(request, "consent_required"),
        }
    }

    fn code(&self, request: &AuthorizationRequest, session: &Session) -> Reply {
        let now = self.clock.now();
        let terms = CodeTerms {
            grant: Grant::new(&request.client_id, &request.scopes, session),
            redirect_uri: request.return_to.redirect_uri.clone(),
            code_challenge: request.code_challenge.clone(),
            nonce: request.nonce.clone(),
            expires_at: now + CODE_LIFETIME_SECONDS,
        };
        let code = self.memory().issue_code(terms, now);
        self.reply(Answer::Return(request.return_to.clone(), Outcome::Code(code)))
    }

    /// The error for `prompt=none` if a page is needed (OpenID Connect Core §3.1.2.6).
    fn interaction_error(&self, request: &AuthorizationRequest, error: &'static str) -> Reply {
        let error = OAuthError::new(error, "a page is needed, and prompt=none forbids it");
        self.reply(Answer::Return(request.return_to.clone(), Outcome::Error(error)))
    }

    fn login_page(&self, query: &str, browser: &str) -> Reply {
        let html = self.pages.login(&LoginPage {
            query,
            form_token: &self.form_token(Step::Login, browser, query),
            users: &self.users,
        });
        self.reply(Answer::Page(StatusCode::OK, html))
    }

    fn consent_page(&self, request: &AuthorizationRequest, query: &str, browser: &str, session: &Session) -> Reply {
        let html = self.pages.consent(&ConsentPage {
            query,
            form_token: &self.form_token(Step::Consent, browser, query),
            client_name: self.client(&request.client_id).map_or(&*request.client_id, |client| &client.name),
            redirect_uri: &request.return_to.redirect_uri,
            name: self.user(&session.sub).map_or("", |user| &user.name),
            scopes: &request.scopes,
        });
        self.reply(Answer::Page(StatusCode::OK, html))
    }

    fn rejected(&self, rejected: Rejected) -> Reply {
        match rejected {
            Rejected::Here(problem) => self.problem(problem),
            Rejected::AtClient(return_to, error) => self.reply(Answer::Return(return_to, Outcome::Error(error))),
        }
    }

    fn problem(&self, problem: &str) -> Reply {
        self.reply(Answer::Page(StatusCode::BAD_REQUEST, self.pages.problem(&ProblemPage { problem })))
    }

    fn submitted(
        &self,
        step: Step,
        query: Option<String>,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Submitted, Rejected> {
        let query = query.unwrap_or_default();
        let fields = Params::parse(body).map_err(|_| Rejected::Here("The form is damaged."))?;
        let browser = self.cookie.read(headers).ok_or(Rejected::Here("The browser sent no cookie back."))?;
        let token = fields.value("form_token").unwrap_or_default();
        // Otherwise another site could sign a person in as someone else, or allow a client in their name.
        if !self.verifies_form_token(token, step, &browser, &query) {
            return Err(Rejected::Here("The form was not shown in this browser. Please start again."));
        }
        let request = AuthorizationRequest::parse(self, &query)?;
        Ok(Submitted { request, query, browser, fields })
    }

    fn form_token(&self, step: Step, browser: &str, query: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.form_key, &form_token_input(step, browser, query)))
    }

    fn verifies_form_token(&self, token: &str, step: Step, browser: &str, query: &str) -> bool {
        BASE64_URL_SAFE_NO_PAD
            .decode(token)
            .is_ok_and(|tag| hmac::verify(&self.form_key, &form_token_input(step, browser, query), &tag).is_ok())
    }
}

fn form_token_input(step: Step, browser: &str, query: &str) -> Vec<u8> {
    let step = match step {
        Step::Login => "login",
        Step::Consent => "consent",
    };
    [step, browser, query].join("\0").into_bytes()
}

fn must_sign_in(request: &AuthorizationRequest, session: &Session, now: UnixSeconds) -> bool {
    let asked = matches!(request.prompt, Prompt::Pages { login: true, .. });
    let too_old = |seconds| now.saturating_sub(session.auth_time) > seconds;
    asked || request.max_age_seconds.is_some_and(too_old)
}
