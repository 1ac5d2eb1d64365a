//! Conversion between the wire and the use cases. Behind this file, only parsers take untrusted strings.

pub(crate) mod account;
pub(crate) mod name;

use lychgate_api::v1;
use lychgate_domain::Refusal;
use lychgate_domain::authentication::Credentials;
use lychgate_domain::browser::cookie::{Cookies, SetCookie};
use lychgate_domain::browser::session::Person;
use lychgate_domain::client::claimed_name::Receiver;
use lychgate_domain::client::jwk::{JwkMembers, KeyParameters, PublicJwk};
use lychgate_domain::client::metadata::ClientMetadata;
use lychgate_domain::client::metadata_url::MetadataUrl;
use lychgate_domain::client::redirect_uri::{RedirectKind, RedirectUri};
use lychgate_domain::client::{Authentication, ClientDescription, ClientKeys, ClientOrigin};
use lychgate_domain::flow::CodeExchange;
use lychgate_domain::id::{Attempt, ClientId};
use lychgate_domain::issuer::{Choice, Effect, UpstreamTokenPolicy};
use lychgate_domain::registration::{Registered, document};
use lychgate_domain::time::Timestamp;
use lychgate_domain::token::RefreshRequest;
use lychgate_domain::token::token_exchange::{ACCESS_TOKEN_TYPE, ExchangeParameters, TOKEN_EXCHANGE};

use self::name::ClientName;
use crate::clients::{Assertion, ClientCredentials};
use crate::flow::FormAction;
use crate::ground::error::reason;
use crate::ground::page_token::PageRequest;
use crate::ground::protobuf_time::{seconds, timestamp};
use crate::issuers::IssuerContext;
use crate::next::{AllowedPage, ConsentPage, EarlierApproval, FailurePage, Next, Standing, Step};
use crate::token::{AccessToken, GivenToken, TokenRequest, Tokens, Verified};

const DEFAULT_PAGE: i32 = 100;
const MAX_PAGE: i32 = 1000;

pub(crate) fn attempt(bytes: &[u8]) -> Result<Attempt, Refusal> {
    let bytes = bytes.try_into().map_err(|_| Refusal::RequestMalformed("an attempt has 16 bytes"))?;
    Ok(Attempt::from_bytes(bytes))
}

pub(crate) fn parameters(parameters: Vec<v1::Parameter>) -> Vec<(String, String)> {
    parameters.into_iter().map(|parameter| (parameter.name, parameter.value)).collect()
}

pub(crate) fn cookies(cookies: Vec<v1::Cookie>) -> Cookies {
    Cookies(cookies.into_iter().map(|cookie| (cookie.name, cookie.value)).collect())
}

/// `None` if no button was pressed: the use case says which page to go back to.
pub(crate) fn form_action(decision: v1::Decision) -> Option<FormAction> {
    match decision {
        v1::Decision::Unspecified => None,
        v1::Decision::Approve => Some(FormAction::Approve),
        v1::Decision::Deny => Some(FormAction::Deny),
        v1::Decision::NotMe => Some(FormAction::NotMe),
        v1::Decision::TakeBack => Some(FormAction::TakeBack),
    }
}

pub(crate) fn next(next: Next) -> v1::Next {
    let step = match next.step {
        Step::Redirect(location) => v1::next::Step::Redirect(v1::Redirect { location }),
        Step::Consent(page) => v1::next::Step::ConsentPage(consent_page(*page)),
        Step::OneClick(page) => v1::next::Step::OneClickPage(v1::OneClickPage { page: Some(consent_page(*page)) }),
        Step::SignedIn { state, page } => {
            v1::next::Step::SignedInPage(v1::SignedInPage { state, page: Some(consent_page(*page)) })
        }
        Step::Allowed(page) => v1::next::Step::AllowedPage(allowed_page(*page)),
        Step::Failure(page) => v1::next::Step::FailurePage(failure_page(*page)),
    };
    v1::Next { step: Some(step), set_cookies: next.set_cookies.into_iter().map(set_cookie).collect() }
}

fn failure_page(page: FailurePage) -> v1::FailurePage {
    v1::FailurePage {
        reason: reason(&page.failure.refusal()).as_str().to_owned(),
        return_uri: page.return_to.uri,
        return_label: page.return_to.label,
        person: page.person.map(person),
        upstream_name: page.upstream_name,
        another_account_ticket: page.another_account_ticket.unwrap_or_default(),
    }
}

pub(crate) fn set_cookie(cookie: SetCookie) -> v1::SetCookie {
    v1::SetCookie { name: cookie.name, value: cookie.value, max_age_seconds: cookie.max_age.map(seconds) }
}

fn consent_page(page: ConsentPage) -> v1::ConsentPage {
    let client = &page.client.client;
    let metadata_url = document::url_of(client);
    v1::ConsentPage {
        client: Some(v1::ConsentClient {
            create_time: client.registered_at().map(timestamp),
            ..consent_client(&NamedClient {
                id: &client.id,
                name: client.name.as_deref(),
                is_configured: client.is_configured(),
                redirect_uri: &page.redirect_uri,
                document: metadata_url.as_ref(),
            })
        }),
        ticket: page.ticket,
        form_token: page.form_token,
        scopes: page
            .resource
            .describe(&page.scopes)
            .map(|definition| v1::ConsentScope {
                name: definition.scope.as_str().to_owned(),
                description: definition.description.clone(),
                optional: definition.choice == Choice::Optional,
                added: page.allowed.as_ref().is_some_and(|allowed| !allowed.contains(&definition.scope)),
                left_out: page.earlier.as_ref().is_some_and(|earlier| !earlier.scopes.contains(&definition.scope)),
                read_only: definition.effect == Effect::ReadOnly,
                tools: definition.tools.map_or(0, |tools| tools.get().into()),
                starts_unticked: page.unticked.contains(&definition.scope),
            })
            .collect(),
        earlier_answer: match &page.earlier {
            None => v1::EarlierAnswer::Unspecified,
            Some(EarlierApproval { is_signing_in: false, .. }) => v1::EarlierAnswer::Approved,
            Some(EarlierApproval { is_signing_in: true, .. }) => v1::EarlierAnswer::SigningIn,
        }
        .into(),
        redirect: Some(consent_redirect(&page.redirect_uri, metadata_url.as_ref())),
        resource: Some(v1::ConsentResource { uri: page.resource.uri.clone(), name: page.resource.name.clone() }),
        policy: page.policy.map(|shown| v1::ConsentPolicy {
            version: shown.policy.version,
            uri: shown.policy.uri.unwrap_or_default(),
            changed: shown.is_new,
        }),
        upstream_name: page.upstream_name,
        grant_lifetime_seconds: i64::try_from(page.grant_lifetime_seconds).unwrap_or(i64::MAX),
        changed: page.changed,
        person: page.person.map(person),
        upstream_tokens: page.resource.upstream_tokens == UpstreamTokenPolicy::Given,
    }
}

fn person(person: Person) -> v1::Person {
    v1::Person { account: person.account().to_owned(), name: person.name.unwrap_or_default() }
}

fn allowed_page(page: AllowedPage) -> v1::AllowedPage {
    let metadata_url = page.metadata_url.as_ref();
    let scopes = page.scopes.into_iter().map(|(scope, description)| v1::ConsentScope {
        name: scope.as_str().to_owned(),
        description: description.unwrap_or_default(),
        ..Default::default()
    });
    v1::AllowedPage {
        redirect: Some(consent_redirect(&page.redirect_uri, metadata_url)),
        client: Some(consent_client(&NamedClient {
            id: &page.client_id,
            name: page.client_name.as_deref(),
            is_configured: page.is_configured,
            redirect_uri: &page.redirect_uri,
            document: metadata_url,
        })),
        resource: Some(v1::ConsentResource { uri: page.resource_uri, name: page.resource_name.unwrap_or_default() }),
        scopes: scopes.collect(),
        allow_time: Some(timestamp(page.allowed_at)),
        too_late: page.is_too_late,
        standing: Some(match page.standing {
            Standing::Revocable(form_token) => v1::allowed_page::Standing::FormToken(form_token),
            Standing::OtherSession => v1::allowed_page::Standing::OtherSession(true),
            Standing::Ended => v1::allowed_page::Standing::Ended(true),
        }),
        return_uri: page.return_to.uri,
        return_label: page.return_to.label,
    }
}

/// A client on a page about one redirect.
struct NamedClient<'a> {
    id: &'a ClientId,
    name: Option<&'a str>,
    is_configured: bool,
    redirect_uri: &'a RedirectUri,
    document: Option<&'a MetadataUrl>,
}

/// Without the time of registration.
fn consent_client(client: &NamedClient<'_>) -> v1::ConsentClient {
    let &NamedClient { id, name, is_configured, redirect_uri, document } = client;
    let receiver = Receiver { redirect_uris: std::slice::from_ref(redirect_uri), document };
    let ClientName { name, name_doubts, name_withheld } =
        if is_configured { name::vouched(name) } else { name::claimed(name, &receiver) };
    v1::ConsentClient {
        client_id: id.as_str().to_owned(),
        name,
        unverified: !is_configured,
        create_time: None,
        metadata_host: name::metadata_host(document),
        metadata_website: name::metadata_website(document),
        name_doubts,
        name_withheld,
    }
}

fn consent_redirect(uri: &RedirectUri, document: Option<&MetadataUrl>) -> v1::ConsentRedirect {
    let kind = match uri.kind() {
        RedirectKind::Web => v1::RedirectKind::Web,
        RedirectKind::Loopback => v1::RedirectKind::Loopback,
        RedirectKind::PrivateScheme => v1::RedirectKind::PrivateScheme,
    };
    v1::ConsentRedirect {
        uri: uri.as_str().to_owned(),
        host: uri.target(),
        kind: kind.into(),
        differs_from_metadata_host: document.is_some_and(|document| document::leads_elsewhere(document, uri)),
        website: name::redirect_website(uri),
    }
}

pub(crate) fn client_credentials(client: Option<v1::ClientCredentials>) -> Result<ClientCredentials, Refusal> {
    let client = client.unwrap_or_default();
    let assertion = match &client.client_assertion {
        Some(token) => Some(Assertion::parse(client.client_assertion_type.as_deref(), token)?),
        None => None,
    };
    let verbatim = client.basic.as_ref().and_then(|basic| {
        let v1::BasicCredentials { client_id, client_secret, verbatim_client_id, verbatim_client_secret } = basic;
        let is_set = verbatim_client_id.is_some() || verbatim_client_secret.is_some();
        let id = verbatim_client_id.as_ref().unwrap_or(client_id);
        is_set.then(|| (id.clone(), verbatim_client_secret.as_ref().unwrap_or(client_secret).clone()))
    });
    let credentials = Credentials {
        client_id: client.client_id,
        client_secret: client.client_secret,
        basic: client.basic.map(|basic| (basic.client_id, basic.client_secret)),
        basic_verbatim: verbatim,
        assertion_subject: assertion.as_ref().map(|assertion| assertion.claims().sub.clone()),
    };
    Ok(ClientCredentials { credentials, assertion })
}

pub(crate) fn token_request(
    grant: Option<v1::exchange_request::Grant>,
    resources: Vec<String>,
    scope: Option<String>,
) -> TokenRequest {
    match grant {
        Some(v1::exchange_request::Grant::AuthorizationCode(grant)) => {
            let exchange =
                CodeExchange { redirect_uri: grant.redirect_uri, code_verifier: grant.code_verifier, resources };
            TokenRequest::AuthorizationCode { code: grant.code, exchange }
        }
        Some(v1::exchange_request::Grant::RefreshToken(grant)) => {
            let request = RefreshRequest { scope, resources };
            TokenRequest::RefreshToken { refresh_token: grant.refresh_token, request }
        }
        // Resource servers exchange tokens, and are not clients.
        Some(v1::exchange_request::Grant::TokenExchange(_)) => {
            TokenRequest::Other { grant_type: TOKEN_EXCHANGE.to_owned() }
        }
        Some(v1::exchange_request::Grant::Other(grant)) => TokenRequest::Other { grant_type: grant.grant_type },
        None => TokenRequest::Other { grant_type: String::new() },
    }
}

pub(crate) fn tokens(tokens: Tokens) -> v1::ExchangeResponse {
    v1::ExchangeResponse {
        access_token: tokens.access_token,
        token_type: "Bearer".to_owned(),
        expires_in: Some(whole_seconds(tokens.expires_in_seconds)),
        refresh_token: tokens.refresh_token.map(|token| token.expose().to_owned()),
        scope: tokens.scope,
        issued_token_type: None,
    }
}

fn whole_seconds(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

pub(crate) fn exchange_parameters(
    exchange: v1::TokenExchangeGrant,
    resources: Vec<String>,
    scope: Option<String>,
) -> ExchangeParameters {
    ExchangeParameters {
        subject_token: exchange.subject_token,
        subject_token_type: exchange.subject_token_type,
        requested_token_type: exchange.requested_token_type,
        audiences: exchange.audiences,
        resources,
        scope,
        actor_token: exchange.actor_token,
        actor_token_type: exchange.actor_token_type,
    }
}

/// RFC 8693 §2.2.1. There is never a refresh token.
pub(crate) fn exchanged(given: GivenToken) -> v1::ExchangeResponse {
    v1::ExchangeResponse {
        access_token: given.access_token,
        token_type: "Bearer".to_owned(),
        expires_in: given.expires_in_seconds.map(whole_seconds),
        refresh_token: None,
        scope: given.scope,
        issued_token_type: Some(ACCESS_TOKEN_TYPE.to_owned()),
    }
}

pub(crate) fn upstream_token(given: GivenToken) -> v1::UpstreamToken {
    v1::UpstreamToken {
        access_token: given.access_token,
        token_type: "Bearer".to_owned(),
        expires_in: given.expires_in_seconds.map(whole_seconds),
        scope: given.scope,
        upstream_id: given.upstream_id,
    }
}

pub(crate) fn registration(metadata: Option<v1::ClientMetadata>) -> ClientMetadata {
    let metadata = metadata.unwrap_or_default();
    ClientMetadata {
        redirect_uris: metadata.redirect_uris,
        client_name: metadata.client_name,
        grant_types: metadata.grant_types,
        response_types: metadata.response_types,
        token_endpoint_auth_method: metadata.token_endpoint_auth_method,
        jwks_uri: metadata.jwks_uri,
        jwks: metadata.jwks.map(|set| set.keys.into_iter().map(members).collect()),
        about: ClientDescription {
            client_uri: metadata.client_uri,
            logo_uri: metadata.logo_uri,
            tos_uri: metadata.tos_uri,
            policy_uri: metadata.policy_uri,
            contacts: metadata.contacts,
            scope: metadata.scope,
            application_type: metadata.application_type,
            software_id: metadata.software_id,
            software_version: metadata.software_version,
        },
    }
}

/// RFC 7591 §3.2.1: the registered metadata, and where the registration is managed.
pub(crate) fn registered((registered, serving): (Registered, IssuerContext)) -> v1::ClientInformation {
    let Registered { client, secret, management_token } = registered;
    let (issue_time, is_managed) = match &client.origin {
        ClientOrigin::Registered { at, management, .. } => (Some(timestamp(*at)), management.is_some()),
        ClientOrigin::Configured | ClientOrigin::Document => (None, false),
    };
    let (jwks, jwks_uri) = match &client.authentication {
        Authentication::Keys { keys: ClientKeys::ByReference(uri), .. } => (None, Some(uri.clone())),
        Authentication::Keys { keys: ClientKeys::ByValue(keys), .. } => {
            (Some(v1::KeySet { keys: keys.iter().map(jwk).collect() }), None)
        }
        Authentication::Public | Authentication::Secret { .. } => (None, None),
    };
    let uri = format!("{}/register/{}", serving.issuer.url.as_str(), client.id.as_str());
    v1::ClientInformation {
        client_id: client.id.as_str().to_owned(),
        client_id_issue_time: issue_time,
        client_secret: secret.map(|secret| secret.expose().to_owned()),
        registration_access_token: management_token.map(|token| token.expose().to_owned()),
        registration_client_uri: is_managed.then_some(uri),
        metadata: Some(v1::ClientMetadata {
            redirect_uris: client.redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
            token_endpoint_auth_method: Some(client.authentication.method().as_str().to_owned()),
            grant_types: client.grant_types.iter().map(|grant_type| grant_type.as_str().to_owned()).collect(),
            response_types: vec!["code".to_owned()],
            client_name: client.name,
            client_uri: client.about.client_uri,
            logo_uri: client.about.logo_uri,
            tos_uri: client.about.tos_uri,
            policy_uri: client.about.policy_uri,
            contacts: client.about.contacts,
            scope: client.about.scope,
            application_type: client.about.application_type,
            software_id: client.about.software_id,
            software_version: client.about.software_version,
            jwks_uri,
            jwks,
        }),
    }
}

fn members(key: v1::Jwk) -> JwkMembers {
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    JwkMembers {
        kty: key.kty,
        kid: some(key.kid),
        r#use: some(key.r#use),
        alg: some(key.alg),
        crv: some(key.crv),
        x: some(key.x),
        y: some(key.y),
        n: some(key.n),
        e: some(key.e),
    }
}

fn jwk(key: &PublicJwk) -> v1::Jwk {
    let (kid, alg) = (key.kid.clone().unwrap_or_default(), key.algorithm.map_or("", |alg| alg.as_str()).to_owned());
    let common = v1::Jwk { r#use: "sig".to_owned(), kid, alg, ..Default::default() };
    let text = str::to_owned;
    match key.parameters.clone() {
        KeyParameters::Rsa { n, e } => v1::Jwk { kty: text("RSA"), n, e, ..common },
        KeyParameters::Ec { x, y } => v1::Jwk { kty: text("EC"), crv: text("P-256"), x, y, ..common },
        KeyParameters::Okp { x } => v1::Jwk { kty: text("OKP"), crv: text("Ed25519"), x, ..common },
    }
}

/// RFC 7662 §2.2.
pub(crate) fn introspection(found: Option<AccessToken>) -> v1::IntrospectResponse {
    let Some(token) = found else { return v1::IntrospectResponse::default() };
    let date = |at: Timestamp| i64::try_from(at.seconds()).unwrap_or(i64::MAX);
    v1::IntrospectResponse {
        active: true,
        iss: token.iss,
        aud: token.aud,
        sub: token.sub,
        client_id: token.client_id,
        scope: token.scope,
        exp: date(token.exp),
        iat: date(token.iat),
        jti: token.jti,
        token_type: "Bearer".to_owned(),
        grant_id: token.grant_id.to_string(),
    }
}

pub(crate) fn verified(Verified { token, upstream_token }: Verified) -> v1::VerifyResponse {
    v1::VerifyResponse {
        upstream_token: upstream_token.map(|(name, value)| v1::UpstreamTokenHeader { name, value }),
        issuer: token.iss,
        resource: token.aud,
        subject: token.sub,
        client_id: token.client_id,
        scope: token.scope,
        exp: i64::try_from(token.exp.seconds()).unwrap_or(i64::MAX),
    }
}

pub(crate) fn parse_client_id(text: &str) -> Result<ClientId, Refusal> {
    ClientId::parse(text).ok_or(Refusal::RequestMalformed("this is no client_id"))
}

/// A page request; size 0 stands for the default.
pub(crate) fn page_request(size: i32, token: String) -> Result<PageRequest, Refusal> {
    let size = if size == 0 { DEFAULT_PAGE } else { size.min(MAX_PAGE) };
    let size = usize::try_from(size).map_err(|_| Refusal::RequestMalformed("a page_size is not negative"))?;
    Ok(PageRequest { size, token })
}
