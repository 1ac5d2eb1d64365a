//! Decisions and what became of them.

use lychgate_domain::client::claimed_name;
use lychgate_domain::client::redirect_uri::RedirectUri;
use lychgate_domain::consent::{Decided, PresentedScreen};
use lychgate_domain::flow::{
    Approved, Authorization, CodeIssued, Denied, Failed, LoggingIn, LoginFailure, Redeemed, SignedIn,
};
use lychgate_domain::id::{AuthorizationId, BrowserId, ClientId, GrantId};
use lychgate_domain::issuer::RulesDigest;
use lychgate_domain::keys::KeyId;
use lychgate_domain::request::pkce::CodeChallenge;
use lychgate_domain::subject::Subject;
use lychgate_domain::time::Timestamp;
use prost::Message as _;

use super::{Record, decode_attempt, decode_counters, decode_scopes, decode_sealed, encode_counters, encode_sealed};
use crate::proto::{self, authorization::State};

impl Record for Authorization {
    const KIND: &'static str = "authorization";

    fn encode_record(&self) -> Vec<u8> {
        let state = match self {
            Authorization::Denied(Denied { decided: _ }) => State::Denied(proto::Denied {}),
            Authorization::Approved(approved) => State::Approved(encode_approved(approved)),
            Authorization::LoggingIn(logging_in) => State::LoggingIn(proto::LoggingIn {
                approved: Some(encode_approved(&logging_in.approved)),
                attempt: logging_in.attempt.bytes().to_vec(),
                at: logging_in.at.millis(),
            }),
            Authorization::SignedIn(signed_in) => State::SignedIn(proto::SignedIn {
                approved: Some(encode_approved(&signed_in.approved)),
                attempt: signed_in.attempt.bytes().to_vec(),
                at: signed_in.at.millis(),
                subject: signed_in.subject.as_str().to_owned(),
                upstream_tokens: Some(encode_sealed(&signed_in.upstream_tokens)),
                entry_rules: signed_in.admitted_under.map(|rules| rules.0.to_vec()).unwrap_or_default(),
            }),
            Authorization::CodeIssued(issued) => State::CodeIssued(encode_issued(issued)),
            Authorization::Redeemed(redeemed) => State::Redeemed(proto::Redeemed {
                issued: Some(encode_issued(&redeemed.issued)),
                attempt: redeemed.attempt.bytes().to_vec(),
                at: redeemed.at.millis(),
                grant_id: redeemed.grant_id.bytes().to_vec(),
                refresh_key: redeemed.refresh_key.0,
            }),
            Authorization::Failed(failed) => State::Failed(proto::Failed {
                approved: Some(encode_approved(&failed.approved)),
                attempt: failed.attempt.bytes().to_vec(),
                at: failed.at.millis(),
                failure: match failed.failure {
                    LoginFailure::UpstreamUnavailable => proto::LoginFailure::UpstreamUnavailable,
                    LoginFailure::UpstreamInvalid => proto::LoginFailure::UpstreamInvalid,
                    LoginFailure::UpstreamDenied => proto::LoginFailure::UpstreamDenied,
                    LoginFailure::NotMe => proto::LoginFailure::NotMe,
                    LoginFailure::NotAdmitted => proto::LoginFailure::NotAdmitted,
                }
                .into(),
            }),
        };
        proto::Authorization { decided: Some(encode_decided(self.decided())), state: Some(state) }.encode_to_vec()
    }

    fn decode_record(bytes: &[u8]) -> Option<Self> {
        let record = proto::Authorization::decode(bytes).ok()?;
        let decided = decode_decided(record.decided?)?;
        Some(match record.state? {
            State::Denied(proto::Denied {}) => Authorization::Denied(Denied { decided }),
            State::Approved(approved) => Authorization::Approved(decode_approved(decided, Some(approved))?),
            State::LoggingIn(logging_in) => Authorization::LoggingIn(LoggingIn {
                approved: decode_approved(decided, logging_in.approved)?,
                attempt: decode_attempt(logging_in.attempt)?,
                at: Timestamp::from_millis(logging_in.at),
            }),
            State::SignedIn(signed_in) => Authorization::SignedIn(SignedIn {
                approved: decode_approved(decided, signed_in.approved)?,
                attempt: decode_attempt(signed_in.attempt)?,
                at: Timestamp::from_millis(signed_in.at),
                subject: Subject::from_record(signed_in.subject),
                upstream_tokens: decode_sealed(signed_in.upstream_tokens)?,
                admitted_under: decode_rules(signed_in.entry_rules)?,
            }),
            State::CodeIssued(issued) => Authorization::CodeIssued(decode_issued(decided, Some(issued))?),
            State::Redeemed(redeemed) => Authorization::Redeemed(Redeemed {
                issued: decode_issued(decided, redeemed.issued)?,
                attempt: decode_attempt(redeemed.attempt)?,
                at: Timestamp::from_millis(redeemed.at),
                grant_id: GrantId::from_bytes(redeemed.grant_id.try_into().ok()?),
                refresh_key: KeyId(redeemed.refresh_key),
            }),
            State::Failed(failed) => Authorization::Failed(Failed {
                failure: match failed.failure() {
                    proto::LoginFailure::UpstreamUnavailable => LoginFailure::UpstreamUnavailable,
                    proto::LoginFailure::UpstreamInvalid => LoginFailure::UpstreamInvalid,
                    proto::LoginFailure::UpstreamDenied => LoginFailure::UpstreamDenied,
                    proto::LoginFailure::NotMe => LoginFailure::NotMe,
                    proto::LoginFailure::NotAdmitted => LoginFailure::NotAdmitted,
                    proto::LoginFailure::Unspecified => return None,
                },
                approved: decode_approved(decided, failed.approved)?,
                attempt: decode_attempt(failed.attempt)?,
                at: Timestamp::from_millis(failed.at),
            }),
        })
    }
}

/// Absent if there were no entry rules.
fn decode_rules(digest: Vec<u8>) -> Option<Option<RulesDigest>> {
    if digest.is_empty() {
        return Some(None);
    }
    Some(Some(RulesDigest(digest.try_into().ok()?)))
}

fn encode_decided(decided: &Decided) -> proto::Decided {
    proto::Decided {
        authorization_id: decided.id.bytes().to_vec(),
        client_id: decided.client_id.as_str().to_owned(),
        redirect_uri: decided.redirect_uri.as_str().to_owned(),
        state: decided.state.clone(),
        code_challenge: decided.code_challenge.0.to_vec(),
        resource: decided.resource.clone(),
        scopes: decided.scopes.to_string(),
        metadata_digest: decided.metadata_digest.to_vec(),
        client_name: decided.client_name.clone(),
        browser_id: decided.browser.bytes().to_vec(),
        attempt: decided.attempt.bytes().to_vec(),
        at: decided.at.millis(),
        requested_scopes: if decided.requested_scopes == decided.scopes {
            String::new()
        } else {
            decided.requested_scopes.to_string()
        },
        policy_version: decided.policy_version.clone(),
        upstream_tokens: decided.upstream_tokens,
        answer: decided.answer,
        replaced_attempts: decided.replaced.iter().map(|attempt| attempt.bytes().to_vec()).collect(),
    }
}

fn decode_decided(decided: proto::Decided) -> Option<Decided> {
    let scopes = decode_scopes(&decided.scopes)?;
    let requested_scopes = match &*decided.requested_scopes {
        "" => scopes.clone(),
        requested => decode_scopes(requested)?,
    };
    Some(Decided {
        id: AuthorizationId::from_bytes(decided.authorization_id.try_into().ok()?),
        client_id: ClientId::parse(&decided.client_id)?,
        redirect_uri: RedirectUri::from_record(decided.redirect_uri),
        state: decided.state,
        code_challenge: CodeChallenge(decided.code_challenge.try_into().ok()?),
        resource: decided.resource,
        requested_scopes,
        scopes,
        metadata_digest: decided.metadata_digest.try_into().ok()?,
        client_name: decided.client_name.as_deref().and_then(claimed_name::recorded),
        policy_version: decided.policy_version,
        upstream_tokens: decided.upstream_tokens,
        browser: BrowserId::from_bytes(decided.browser_id.try_into().ok()?),
        attempt: decode_attempt(decided.attempt)?,
        at: Timestamp::from_millis(decided.at),
        answer: decided.answer,
        replaced: decided.replaced_attempts.into_iter().map(decode_attempt).collect::<Option<_>>()?,
    })
}

fn encode_approved(approved: &Approved) -> proto::Approved {
    let (screen, expected) = match &approved.seen {
        PresentedScreen::Full { presented_to } => (proto::ConsentScreen::Unspecified, presented_to.as_ref()),
        PresentedScreen::OneClick { presented_to } => (proto::ConsentScreen::OneClick, Some(presented_to)),
        PresentedScreen::Skipped { presented_to } => (proto::ConsentScreen::Skipped, Some(presented_to)),
    };
    proto::Approved {
        login_key: approved.login_key.0,
        presented_to: expected.map(|subject| subject.as_str().to_owned()).unwrap_or_default(),
        screen: screen.into(),
    }
}

fn decode_approved(decided: Decided, approved: Option<proto::Approved>) -> Option<Approved> {
    let approved = approved?;
    let screen = proto::ConsentScreen::try_from(approved.screen).ok()?;
    let presented_to = Some(approved.presented_to).filter(|subject| !subject.is_empty()).map(Subject::from_record);
    let seen = match screen {
        proto::ConsentScreen::Unspecified => PresentedScreen::Full { presented_to },
        proto::ConsentScreen::OneClick => PresentedScreen::OneClick { presented_to: presented_to? },
        proto::ConsentScreen::Skipped => PresentedScreen::Skipped { presented_to: presented_to? },
    };
    Some(Approved { decided, login_key: KeyId(approved.login_key), seen })
}

fn encode_issued(issued: &CodeIssued) -> proto::CodeIssued {
    proto::CodeIssued {
        approved: Some(encode_approved(&issued.approved)),
        attempt: issued.attempt.bytes().to_vec(),
        at: issued.at.millis(),
        code_key: issued.code_key.0,
        subject: issued.subject.as_str().to_owned(),
        consent_epoch: issued.consent_epoch,
        counters: Some(encode_counters(&issued.counters)),
        upstream_tokens: issued.upstream_tokens.as_ref().map(encode_sealed),
    }
}

fn decode_issued(decided: Decided, issued: Option<proto::CodeIssued>) -> Option<CodeIssued> {
    let issued = issued?;
    Some(CodeIssued {
        approved: decode_approved(decided, issued.approved)?,
        attempt: decode_attempt(issued.attempt)?,
        at: Timestamp::from_millis(issued.at),
        code_key: KeyId(issued.code_key),
        subject: Subject::from_record(issued.subject),
        consent_epoch: issued.consent_epoch,
        counters: decode_counters(issued.counters)?,
        upstream_tokens: decode_sealed(issued.upstream_tokens),
    })
}
