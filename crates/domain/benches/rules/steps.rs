//! The domain's part of each step, in the order in which the control plane calls it. Cloning what a step consumes is
//! counted.

use std::hint::black_box;

use lychgate_domain::browser::cookie::{self, LoginCookie};
use lychgate_domain::consent::form::{self, Displayed};
use lychgate_domain::consent::{Decided, DecisionPoint, PresentedScreen};
use lychgate_domain::entropy::random;
use lychgate_domain::flow::code::PresentedCode;
use lychgate_domain::flow::{Answer, Approved, CodePresentation, Transition, response};
use lychgate_domain::keys::Purpose;
use lychgate_domain::registration;
use lychgate_domain::request;
use lychgate_domain::request::parameters::Parameters;
use lychgate_domain::request::ticket::Ticket;
use lychgate_domain::token::refresh_token::PresentedRefreshToken;
use lychgate_domain::token::{AccessTokenClaims, Grant, RefreshOutcome, RefreshRequest};
use lychgate_domain::upstream::login::{self, LoginSecrets, ReturnedLogin};

use crate::Result;
use crate::flow::{Flow, URL, at, attempt, consent, issue_code};

pub(crate) type Step = fn(&Flow) -> Result<()>;

pub(crate) const STEPS: [(&str, Step); 7] = [
    ("register: the metadata, a client", register),
    ("authorize: every check, a ticket", authorize),
    ("consent page: the ticket, what is displayed, the form token", show),
    ("decision: ticket, cookie and form token, the decision, the login", decide),
    ("callback: state and cookies, the consent, the sealed upstream tokens, a code", finish_login),
    ("code exchange: code, client, PKCE, a grant and its tokens, unsigned", redeem),
    ("refresh: the token, the judgement, the next tokens, unsigned", refresh),
];

fn register(flow: &Flow) -> Result<()> {
    black_box(registration::register(flow.metadata.clone(), &flow.issuer, &flow.keys, attempt(9), at(0))?);
    Ok(())
}

fn authorize(flow: &Flow) -> Result<()> {
    let parameters = Parameters::new(flow.query.clone())?;
    request::client_id(&parameters)?;
    let redirect_uri = request::redirect_uri(&parameters, &flow.issuer, &flow.client)?;
    let request = request::AuthorizationRequest::check(&parameters, &flow.issuer, &flow.client, redirect_uri)?;
    black_box(Ticket::issue(request, &flow.issuer, &flow.keys, &flow.entropy, at(0))?);
    Ok(())
}

fn show(flow: &Flow) -> Result<()> {
    let (issuer, keys) = (&flow.issuer, &flow.keys);
    let ticket = Ticket::open(&flow.ticket, issuer, keys)?;
    ticket.in_time(issuer, at(1))?;
    let resource = ticket.request.still_holds(issuer, &flow.client)?;
    let displayed = Displayed::new(issuer, &flow.client, &ticket.request, resource);
    black_box(form::token(keys, &ticket, flow.browser, displayed));
    black_box(cookie::set_browser(issuer, keys, flow.browser));
    Ok(())
}

fn decide(flow: &Flow) -> Result<()> {
    let (issuer, keys) = (&flow.issuer, &flow.keys);
    form::same_site(Some("same-origin"), Some(URL), &issuer.url)?;
    let ticket = Ticket::open(&flow.ticket, issuer, keys)?;
    ticket.in_time(issuer, at(2))?;
    let browsers = flow.cookies.form_browsers(issuer, keys)?;
    let (browser, displayed) = form::displayed(&flow.form_token, keys, &ticket, &browsers)?;
    let id = ticket.authorization_id(issuer, keys, browser)?;
    let resource = ticket.request.still_holds(issuer, &flow.client)?;
    if displayed != Displayed::new(issuer, &flow.client, &ticket.request, resource) {
        return Err("something else was displayed".into());
    }
    let decided =
        Decided::new(ticket, issuer, &flow.client, DecisionPoint { id, browser, attempt: attempt(1), at: at(2) });
    let approved = Approved::new(decided, PresentedScreen::Full { presented_to: None }, keys);
    black_box(LoginSecrets::derive(keys.active(Purpose::Login), approved.login_id()));
    black_box(Answer::Approve(Box::new(approved)).outcome(None)?);
    black_box(LoginCookie::new(id, browser, issuer, at(2)).set(issuer, keys.active(Purpose::Cookie)));
    Ok(())
}

fn finish_login(flow: &Flow) -> Result<()> {
    let (issuer, keys) = (&flow.issuer, &flow.keys);
    let ReturnedLogin::Authorization(id) = login::returned(Some(&flow.state), keys)? else {
        unreachable!("its own state")
    };
    black_box(flow.cookies.login(issuer, keys, id.authorization, at(3))?);
    request::still_registered(&flow.issuer, &flow.client, &flow.approved.decided.redirect_uri)?;
    black_box(LoginSecrets::derive(keys.active(Purpose::Login), id));
    let consent = consent(&flow.approved.decided, issuer)?;
    let issued = issue_code(flow.approved.clone(), &consent, issuer, keys, &flow.entropy)?;
    let code = issued.code(keys).ok_or("no code")?;
    let decided = &issued.approved.decided;
    black_box(response::success(&decided.redirect_uri, &code, decided.state.as_deref(), &issuer.url));
    black_box(cookie::delete_login(issuer, id.authorization));
    Ok(())
}

fn redeem(flow: &Flow) -> Result<()> {
    let (issuer, keys) = (&flow.issuer, &flow.keys);
    let code = PresentedCode::parse(&flow.code).ok_or("no code")?;
    let client = flow.credentials.authenticate(&flow.client, None)?;
    let issued = flow.issued.clone();
    let verified = issued.authenticate(
        &CodePresentation { code: &code, client: &client, exchange: &flow.exchange },
        issuer,
        keys,
    )?;
    issued.fresh(&issuer.lifetimes, at(5))?;
    let redeemed = issued.redeem(&verified, keys, attempt(3), at(5));
    let secret = random(&flow.entropy);
    let grant = Grant::first(&redeemed, &client, secret, None, &issuer.lifetimes);
    grant.live(&flow.standing, at(5))?;
    black_box(grant.refresh_token(&grant.current, keys));
    black_box(AccessTokenClaims::new(&grant, &grant.current, issuer));
    Ok(())
}

fn refresh(flow: &Flow) -> Result<()> {
    let (issuer, keys) = (&flow.issuer, &flow.keys);
    let token = PresentedRefreshToken::parse(&flow.refresh_token).ok_or("no refresh token")?;
    let grant = flow.grant.clone();
    grant.authenticate(&token, &flow.credentials.authenticate(&flow.client, None)?, keys)?;
    grant.live(&flow.standing, at(65))?;
    let RefreshOutcome::Rotate(scopes) = grant.refresh_outcome(
        &token,
        &RefreshRequest::default(),
        issuer,
        Transition { attempt: attempt(4), at: at(65) },
    )?
    else {
        return Err("it is the current token, and was not taken for it".into());
    };
    let grant = grant.rotate(scopes, keys, &issuer.lifetimes, Transition { attempt: attempt(4), at: at(65) });
    black_box(grant.refresh_token(&grant.current, keys));
    black_box(AccessTokenClaims::new(&grant, &grant.current, issuer));
    Ok(())
}
