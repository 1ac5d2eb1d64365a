//! Every refusal with the longest text it can carry, through a real channel: it arrives, with its reason.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use lychgate_api::channel::{self, AuthenticatedChannel};
use lychgate_api::v1::issuer_service_client::IssuerServiceClient;
use lychgate_api::v1::issuer_service_server::{IssuerService, IssuerServiceServer};
use lychgate_api::v1::{CheckupRequest, CheckupResponse, DescribeRequest, DescribeResponse, ListRequest, ListResponse};
use lychgate_domain::flow::response::MAX_EARLY_BYTES;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response};
use tonic_types::ErrorInfo;

use super::*;

/// Each refusal once, those with a text with `text`.
#[expect(clippy::too_many_lines, reason = "one line for each refusal")]
fn every_refusal(text: &'static str) -> Vec<Refusal> {
    vec![
        Refusal::IssuerUnknown,
        Refusal::ParameterRepeated(text),
        Refusal::ParameterMissing(text),
        Refusal::RequestTooLarge(text),
        Refusal::RequestMalformed(text),
        Refusal::RecordUnknown(text),
        Refusal::RequestIdReused,
        Refusal::PageTokenInvalid,
        Refusal::RevisionLost,
        Refusal::WatchTooSlow,
        Refusal::ClientUnknown,
        Refusal::ClientDisabled,
        Refusal::ClientAuthenticationFailed,
        Refusal::ClientAuthenticationAmbiguous,
        Refusal::ClientAssertionInvalid(text),
        Refusal::ClientAssertionReplayed,
        Refusal::MetadataUrlInvalid(text),
        Refusal::MetadataHostForbidden,
        Refusal::MetadataDocumentInvalid(text),
        Refusal::MetadataDocumentUnavailable,
        Refusal::RedirectUriForbidden,
        Refusal::RedirectUriUnregistered,
        Refusal::RedirectUriMissing,
        Refusal::ResponseTypeUnsupported,
        Refusal::ResponseModeUnsupported,
        Refusal::RequestObjectUnsupported,
        Refusal::RequestUriUnsupported,
        Refusal::PkceRequired,
        Refusal::PkceMethodUnsupported,
        Refusal::PkceChallengeMalformed,
        Refusal::ResourceUnknown,
        Refusal::ResourceRequired,
        Refusal::ScopeInvalid,
        Refusal::InteractionRequired,
        Refusal::TicketInvalid,
        Refusal::TicketExpired,
        Refusal::CrossSite,
        Refusal::BrowserCookieMissing,
        Refusal::FormTokenInvalid,
        Refusal::DecisionMissing,
        Refusal::AlreadyDecided,
        Refusal::StateInvalid,
        Refusal::StateCookieMissing,
        Refusal::BrowserMismatch,
        Refusal::LoginExpired,
        Refusal::LoginInterrupted,
        Refusal::AlreadyFinished,
        Refusal::UpstreamUnavailable,
        Refusal::UpstreamInvalid,
        Refusal::UpstreamDenied,
        Refusal::SignedInAsAnother,
        Refusal::AccountNotAllowed,
        Refusal::AccountSessionMissing,
        Refusal::GrantTypeUnsupported,
        Refusal::GrantTypeUnauthorized,
        Refusal::CodeInvalid,
        Refusal::CodeReplayed,
        Refusal::RedirectUriMismatch,
        Refusal::PkceMismatch,
        Refusal::RefreshTokenInvalid,
        Refusal::RefreshTokenReplayed,
        Refusal::GrantEnded,
        Refusal::TokenTypeUnsupported,
        Refusal::TokenExchangeUnsupported(text),
        Refusal::AudienceUnknown,
        Refusal::SubjectTokenInvalid,
        Refusal::UpstreamTokensWithheld,
        Refusal::UpstreamConsentMissing,
        Refusal::UpstreamLoginNeeded,
        Refusal::UpstreamTokenUnavailable,
        Refusal::AccountNoLongerAllowed,
        Refusal::ResourceServerUnknown,
        Refusal::AccessTokenMissing,
        Refusal::AccessTokenInvalid,
        Refusal::ScopeInsufficient,
        Refusal::RegistrationClosed,
        Refusal::InitialAccessTokenInvalid,
        Refusal::RegistrationAccessTokenInvalid,
        Refusal::RegistrationRedirectUriInvalid(text),
        Refusal::RegistrationMetadataInvalid(text),
        Refusal::LoginBegun,
        Refusal::LoginReplaced,
        Refusal::TooManyFailedLogins,
        Refusal::RegistrationsFull,
        Refusal::StorageShort,
    ]
}

/// Reasons that no refusal has: of the edge, and of errors that are no refusals.
const OTHERS: [Reason; 9] = [
    Reason::NotFound,
    Reason::MethodNotAllowed,
    Reason::TooManyRequests,
    Reason::AtCapacity,
    Reason::Unauthenticated,
    Reason::PermissionDenied,
    Reason::StoreUnavailable,
    Reason::Fault,
    Reason::CursorLost,
];

/// Answers every call with one error.
struct Refusing(Arc<dyn Fn() -> Error + Send + Sync>);

#[tonic::async_trait]
impl IssuerService for Refusing {
    async fn list(&self, _: Request<ListRequest>) -> Result<Response<ListResponse>, Status> {
        Err((self.0)().into_status(&"i".repeat(64)))
    }

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        Err((self.0)().into_status(&"i".repeat(64)))
    }

    async fn checkup(&self, _: Request<CheckupRequest>) -> Result<Response<CheckupResponse>, Status> {
        Err((self.0)().into_status(&"i".repeat(64)))
    }
}

async fn serve(error: impl Fn() -> Error + Send + Sync + 'static) -> AuthenticatedChannel {
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = IssuerServiceServer::new(Refusing(Arc::new(error)));
    tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
    channel::open(&format!("http://{address}"), None, "token").unwrap()
}

async fn received(channel: AuthenticatedChannel) -> ErrorInfo {
    let status = IssuerServiceClient::new(channel).list(ListRequest {}).await.unwrap_err();
    status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo in {status:?}"))
}

#[test]
fn every_reason_is_tried() {
    let reasons: HashSet<_> = every_refusal("").iter().map(reason).chain(OTHERS).collect();
    assert_eq!(reasons, Reason::ALL.iter().copied().collect());
}

#[tokio::test]
async fn every_refusal_arrives_with_the_longest_text_it_can_carry() {
    // Three bytes on the wire for each in a status's message, four for three in its details.
    let text: &'static str = "\u{1f980}".repeat(25_000).leak();
    for length in [MAX_EARLY_BYTES, 100_000] {
        for refusal in every_refusal(text) {
            let expected = reason(&refusal);
            let channel = serve(move || {
                let refused = Refused {
                    refusal: refusal.clone(),
                    return_to: Some(ReturnTo { uri: "u".repeat(length), label: "l".repeat(2048) }),
                    challenge: None,
                };
                Error::Refused(refused)
            });
            let info = received(channel.await).await;
            assert_eq!(info.reason, expected.as_str());
            assert_eq!(info.metadata[error_metadata::REQUEST_ID].len(), 64, "{expected:?}");
            let link = info.metadata.get(error_metadata::RETURN_URI).map(String::len);
            assert_eq!(link, (length == MAX_EARLY_BYTES).then_some(length), "{expected:?}: whole or not at all");
        }
    }
}

#[tokio::test]
async fn every_challenge_that_a_configuration_permits_arrives() {
    // All 64 scopes of 128 characters, and a resource's URL.
    let longest = "c".repeat(64 * 129 + 2048);
    for (challenge, arrives) in [(longest, true), ("c".repeat(200_000), false)] {
        let sent = challenge.clone();
        let channel = serve(move || {
            let (refusal, challenge) = (Refusal::ScopeInsufficient, Some(sent.clone()));
            Error::Refused(Refused { refusal, return_to: None, challenge })
        });
        let info = received(channel.await).await;
        assert_eq!(info.reason, Reason::ScopeInsufficient.as_str());
        assert_eq!(info.metadata.get(error_metadata::CHALLENGE) == Some(&challenge), arrives);
    }
}

#[test]
fn message_is_cut_between_characters() {
    for (message, length) in [("a".repeat(5000), 1024), ("\u{20ac}".repeat(5000), 1023), ("short".to_owned(), 5)] {
        assert_eq!(status(Reason::Fault, message, HashMap::new()).message().len(), length);
    }
}
