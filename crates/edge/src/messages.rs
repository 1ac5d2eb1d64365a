//! All text for people that is not in a template: error messages, page titles, labels, and durations and dates in words.
//!
//! The reader has never heard of OAuth. The text blames no one, quotes nothing from the request, and promises nothing that the
//! edge cannot know.

use lychgate_api::Reason;
use time::Date;

/// The text of an error page.
pub(crate) struct FailureMessage {
    pub(crate) title: &'static str,
    /// What happened.
    pub(crate) what: &'static str,
    /// What the person can do next.
    pub(crate) next: &'static str,
}

/// The whole error page if even its template cannot be rendered.
pub(crate) const ERROR_PAGE_WITHOUT_TEMPLATE: &str =
    "<!doctype html><html lang=\"en\"><title>Error</title><h1>Something went wrong</h1>";

/// The title of the account page and of the page that leads to it.
pub(crate) const CONNECTED_APPS_TITLE: &str = "Your connected apps";

pub(crate) const UNNAMED_APP: &str = "An app without a name";

pub(crate) const UNREGISTERED_APP: &str = "An app that is no longer registered";

/// The label of a return link that has no other.
pub(crate) const THE_APP: &str = "the app";

pub(crate) fn app_of(metadata_host: &str) -> String {
    format!("The app of {metadata_host}")
}

pub(crate) fn consent_title(app: &str, resource: &str) -> String {
    format!("Allow {app} to use {resource}?")
}

pub(crate) fn continue_title(app: &str) -> String {
    format!("Continue to {app}?")
}

pub(crate) fn allowed_title(app: &str) -> String {
    format!("You allowed {app}")
}

pub(crate) fn signed_in_title(person: &str) -> String {
    format!("Signed in as {person}")
}

/// A duration, rounded up: access must not last longer than the page says.
pub(crate) fn duration(seconds: i64) -> String {
    const MINUTE: i64 = 60;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    let (unit, name) = match seconds {
        _ if seconds <= HOUR => (MINUTE, "minute"),
        _ if seconds <= DAY => (HOUR, "hour"),
        _ => (DAY, "day"),
    };
    match seconds.max(1).saturating_add(unit - 1) / unit {
        1 => format!("1 {name}"),
        count => format!("{count} {name}s"),
    }
}

/// "23 November 2026"
pub(crate) fn date(date: Date) -> String {
    format!("{} {} {}", date.day(), date.month(), date.year())
}

/// A failed flow cannot be continued, so the remedy is nearly always a new one.
const START_AGAIN: &str = "Go back to the app you were connecting and start the connection again from there.";

const TELL_THE_MAKER: &str = "There is nothing you need to do here. If you are connecting this app on purpose, tell its \
                              makers what this page says; the details below will help them.";

const TELL_US: &str = "Try again in a moment. If it happens again, tell whoever runs this service, and give them the \
                       request number below.";

const REFUSED_APP: &str = "The app asked in a way that cannot be accepted";

/// The message for a failure. Without a `_` arm, so that a new reason does not compile before it has a message.
#[expect(clippy::too_many_lines, reason = "one arm per reason, which a reader wants to see in one list")]
pub(crate) fn of_failure(reason: Reason) -> FailureMessage {
    let (title, what, next) = match reason {
        // --- found by the edge ---
        Reason::NotFound => (
            "There is nothing here",
            "This address does not lead to a page.",
            "Check the address, or go back to the app you came from.",
        ),
        Reason::MethodNotAllowed => {
            ("That does not work here", "This address exists, but not for this kind of request.", START_AGAIN)
        }
        Reason::TooManyRequests => (
            "Please wait a moment",
            "More was asked for than is answered in so short a time, by you or by others on your network.",
            "Wait a minute and reload this page. If that does not help, start again from the app.",
        ),
        Reason::AtCapacity => (
            "Please try again in a moment",
            "So much is going on that this service cannot answer just now.",
            "Wait a few seconds and reload this page. If that does not help, start again from the app.",
        ),

        // --- any endpoint ---
        Reason::IssuerUnknown => (
            "There is nothing here",
            "No sign-in service answers at this address.",
            "Check the address, or go back to the app you came from.",
        ),
        Reason::ParameterRepeated => {
            (REFUSED_APP, "The app's request says the same thing more than once.", TELL_THE_MAKER)
        }
        Reason::ParameterMissing => (REFUSED_APP, "The app's request leaves out something necessary.", TELL_THE_MAKER),
        Reason::RequestMalformed => (REFUSED_APP, "The app's request could not be read.", TELL_THE_MAKER),
        Reason::RequestTooLarge => (
            "This request is too large",
            "Your browser or the app sent more than is accepted here.",
            "Go back to the app and start again. If that does not help, delete this website’s cookies in your browser \
             first.",
        ),
        Reason::Unauthenticated | Reason::PermissionDenied => (
            "This service is not set up correctly",
            "Two parts of this service do not recognise each other. It is not your fault, nor the app's.",
            "Tell whoever runs this service, and give them the request number below.",
        ),
        // Only operators get these reasons, and never on a page.
        Reason::RecordUnknown => ("There is nothing here", "What was asked for is not here, or no more.", TELL_US),
        Reason::PageTokenInvalid | Reason::RevisionLost | Reason::CursorLost | Reason::WatchTooSlow => {
            (REFUSED_APP, "Another service asked for something that is no longer there.", TELL_THE_MAKER)
        }
        Reason::RequestIdReused => (REFUSED_APP, "Two different requests bear the same number.", TELL_THE_MAKER),
        Reason::StoreUnavailable => (
            "Please try again in a moment",
            "This service cannot answer just now.",
            "Wait a few seconds and reload this page. If that does not help, start again from the app.",
        ),
        Reason::StorageShort => (
            "No new connections at the moment",
            "This service has no space for anything new just now. Connections that you have already go on working.",
            "Try again later. Whoever runs this service has been told by its log.",
        ),
        Reason::Fault => ("Something went wrong", "An error happened in this service, and it was recorded.", TELL_US),

        // --- clients ---
        Reason::ClientUnknown => (
            "This app is not known here",
            "The app is not registered with this service, or its registration has expired.",
            "In the app, remove this connection and add it again; it will then introduce itself anew.",
        ),
        Reason::ClientDisabled => (
            "This app has been blocked",
            "Whoever runs this service has blocked the app.",
            "If you think this is a mistake, ask them, and give them the request number below.",
        ),
        Reason::ClientAuthenticationFailed
        | Reason::ClientAssertionInvalid
        | Reason::ClientAssertionReplayed
        | Reason::ResourceServerUnknown
        | Reason::InitialAccessTokenInvalid
        | Reason::RegistrationAccessTokenInvalid => {
            ("The app could not prove who it is", "The app gave a wrong key or none.", TELL_THE_MAKER)
        }
        Reason::AccessTokenMissing | Reason::AccessTokenInvalid => {
            ("The app has no access here", "The app brought no key, or one that is not good here.", TELL_THE_MAKER)
        }
        Reason::ScopeInsufficient => {
            ("The app may not do this", "What the app was allowed does not include this.", TELL_THE_MAKER)
        }
        Reason::ClientAuthenticationAmbiguous => {
            (REFUSED_APP, "The app said in two ways at once who it is.", TELL_THE_MAKER)
        }
        Reason::RedirectUriUnregistered => (
            "This request was stopped",
            "The access was to go to an address that the app never registered. That can be a mistake, or somebody \
             trying to get at your account.",
            "Nothing was shared. If you came here by a link somebody sent you, do not use it again. If you are \
             connecting an app yourself, remove the connection there and add it again.",
        ),
        Reason::MetadataUrlInvalid => {
            (REFUSED_APP, "The app introduces itself with an address that cannot be looked up.", TELL_THE_MAKER)
        }
        Reason::MetadataHostForbidden => (
            "Apps from that website are not accepted",
            "Whoever runs this service accepts apps only from websites they have chosen.",
            "If you think this app should be among them, ask them, and give them the request number below.",
        ),
        Reason::MetadataDocumentInvalid => (
            "The app's website does not vouch for it",
            "The app says that a website describes it. What is there does not fit the app, or there is nothing.",
            TELL_THE_MAKER,
        ),
        Reason::MetadataDocumentUnavailable => (
            "The app's website does not answer",
            "The app says that a website describes it, and that website cannot be asked just now.",
            "Wait a minute and reload this page. If it goes on, the website of the app may be down.",
        ),
        Reason::RedirectUriForbidden => (
            "This app may not be connected here",
            "Whoever runs this service does not permit access to go where this app wants it.",
            "If you think this is a mistake, ask them, and give them the request number below.",
        ),
        Reason::RegistrationsFull => (
            "No new apps at the moment",
            "As many apps as this service keeps have introduced themselves here.",
            "Try again later. If it goes on, ask whoever runs this service.",
        ),
        Reason::RegistrationClosed => (
            "Apps cannot introduce themselves here",
            "Whoever runs this service adds apps by hand.",
            "Ask them to add the app you want to connect.",
        ),
        Reason::TokenTypeUnsupported => {
            (REFUSED_APP, "The app gave something back that cannot be given back.", TELL_THE_MAKER)
        }
        Reason::RedirectUriMissing => (REFUSED_APP, "The app did not say where the access should go.", TELL_THE_MAKER),

        // --- the authorization request ---
        Reason::ResponseTypeUnsupported
        | Reason::ResponseModeUnsupported
        | Reason::RequestObjectUnsupported
        | Reason::RequestUriUnsupported => {
            (REFUSED_APP, "The app asked for a way of signing in that is not offered here.", TELL_THE_MAKER)
        }
        Reason::PkceRequired | Reason::PkceMethodUnsupported | Reason::PkceChallengeMalformed => {
            (REFUSED_APP, "The app left out a protection (PKCE) that is required here.", TELL_THE_MAKER)
        }
        Reason::ResourceUnknown => {
            (REFUSED_APP, "The app asked for access to something that this service does not protect.", TELL_THE_MAKER)
        }
        Reason::ResourceRequired => (REFUSED_APP, "The app did not say what it wants access to.", TELL_THE_MAKER),
        Reason::ScopeInvalid => {
            (REFUSED_APP, "The app asked for a permission that does not exist here.", TELL_THE_MAKER)
        }
        Reason::InteractionRequired => (
            "You need to be asked",
            "The app tried to connect without showing you a page. That is not possible here.",
            START_AGAIN,
        ),

        // --- the consent page ---
        Reason::TicketInvalid => ("This page is not valid", "The link to this page is incomplete.", START_AGAIN),
        Reason::TicketExpired => (
            "This page has expired",
            "Too much time passed since the app sent you here. Nothing was shared.",
            START_AGAIN,
        ),
        Reason::CrossSite => (
            "This request was stopped",
            "Another website tried to answer for you. Nothing was decided and nothing was shared.",
            "Close the other website. If you are connecting an app yourself, start again from there.",
        ),
        Reason::BrowserCookieMissing => (
            "Your browser did not bring back its cookie",
            "Your answer can only be taken from the browser that was shown the question, and a cookie proves that. It \
             did not come back. Nothing was decided.",
            "Allow cookies for this website, then start again from the app. If the app opened this page in a window of \
             its own, use your normal browser.",
        ),
        Reason::FormTokenInvalid => (
            "Your answer could not be accepted",
            "It does not belong to the page that this browser was shown. Nothing was decided.",
            "Go back, reload the page and answer again. If that does not help, start again from the app.",
        ),
        Reason::DecisionMissing => (
            "You have not chosen yet",
            "Neither Approve nor Deny arrived, or nothing was left ticked to approve. Nothing was decided.",
            "Go back and press one of the two buttons.",
        ),
        Reason::AlreadyDecided => (
            "You declined this",
            "You answered no, and the app was told so. Nothing was shared, and nothing will be.",
            "To allow it after all, start the connection again from the app.",
        ),
        Reason::LoginBegun => (
            "It is too late to change your answer",
            "You approved this before, and the sign-in for it has begun. What you ticked then is what counts.",
            "To stop it, go back and choose Deny. To allow something else, start the connection again from the app.",
        ),

        // --- the callback ---
        Reason::StateInvalid => {
            ("This link is not valid", "It does not belong to a sign-in that was begun here.", START_AGAIN)
        }
        Reason::LoginReplaced => (
            "You have answered again since",
            "This sign-in belongs to an earlier answer of yours, and a later one has replaced it. This page shared nothing.",
            "Sign in on the page where you answered last, or start the connection again from the app.",
        ),
        Reason::StateCookieMissing => (
            "This sign-in cannot be continued here",
            "It was begun in another browser, or it has already ended. This page shared nothing.",
            "If somebody sent you this link, close the page. If you were connecting an app yourself, start again from \
             there, and stay in one browser.",
        ),
        Reason::BrowserMismatch => (
            "This request was stopped",
            "The browser that signed in is not the one that approved. Nothing was shared.",
            "If somebody sent you a link to sign in, close the page. If you were connecting an app yourself, start again \
             from there, and stay in one browser.",
        ),
        Reason::LoginExpired => {
            ("The sign-in took too long", "The time to sign in has run out. Nothing was shared.", START_AGAIN)
        }
        Reason::LoginInterrupted => (
            "The sign-in was interrupted",
            "This sign-in is being finished elsewhere, or was cut off on the way.",
            "Look at the app: it may be connected already. If it is not, start the connection again from there.",
        ),
        Reason::AlreadyFinished => (
            "This sign-in has already ended",
            "The page was opened once more after everything was done.",
            "You can close it. If the app is not connected, start the connection again from there.",
        ),
        Reason::TooManyFailedLogins => (
            "Please wait a moment",
            "Too many sign-ins have failed, by you or by others on your network. Yours was not tried yet.",
            "Wait a minute and reload this page.",
        ),
        Reason::UpstreamUnavailable => (
            "The sign-in service does not answer",
            "The service where you sign in cannot be reached just now. Nothing was shared.",
            "Wait a minute, then start the connection again from the app.",
        ),
        Reason::UpstreamInvalid => (
            "The sign-in could not be verified",
            "The service where you sign in gave an answer that cannot be trusted. Nothing was shared.",
            TELL_US,
        ),
        Reason::UpstreamDenied => (
            "You were not signed in",
            "The sign-in was cancelled, or the service where you sign in refused it. Nothing was shared.",
            START_AGAIN,
        ),

        Reason::SignedInAsAnother => (
            "That was not you",
            "Somebody else’s account was signed in. Nothing was shared, and the app gets nothing.",
            "Sign out at the service where you sign in. Then start the connection again from the app, and sign in as \
             yourself.",
        ),

        // --- the page of connected apps ---
        Reason::AccountSessionMissing => (
            "You are no longer signed in",
            "This page signs you out when it has not been used for a while. Nothing was changed.",
            "Go back to your connected apps, sign in, and try again.",
        ),

        // --- the token endpoint ---
        Reason::GrantTypeUnsupported | Reason::GrantTypeUnauthorized => {
            (REFUSED_APP, "The app asked for access in a way that is not open to it.", TELL_THE_MAKER)
        }
        Reason::CodeInvalid => ("The connection has to be made again", "The app's code is not valid.", START_AGAIN),
        Reason::CodeReplayed => (
            "The connection has to be made again",
            "The app's code was used twice, so the access it gave was ended.",
            START_AGAIN,
        ),
        Reason::RedirectUriMismatch => {
            (REFUSED_APP, "The app named another address than the one that was approved.", TELL_THE_MAKER)
        }
        Reason::PkceMismatch => (REFUSED_APP, "The app could not prove that it began this connection.", TELL_THE_MAKER),
        Reason::RefreshTokenInvalid => {
            ("The connection has to be made again", "The app's access is not valid.", START_AGAIN)
        }
        Reason::RefreshTokenReplayed => (
            "The connection has to be made again",
            "An old key of the app was used again, so its access was ended.",
            START_AGAIN,
        ),
        Reason::GrantEnded => {
            ("The connection has to be made again", "The app's access has ended or was taken back.", START_AGAIN)
        }

        // --- registration ---
        Reason::RegistrationRedirectUriInvalid => {
            (REFUSED_APP, "The app cannot receive access at the address it named.", TELL_THE_MAKER)
        }
        Reason::RegistrationMetadataInvalid => {
            (REFUSED_APP, "What the app says about itself is not acceptable here.", TELL_THE_MAKER)
        }
    };
    FailureMessage { title, what, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_message_without_jargon() {
        for reason in Reason::ALL {
            let FailureMessage { title, what, next } = of_failure(*reason);
            assert!(!title.ends_with('.') && what.ends_with('.') && next.ends_with('.'), "{reason:?}");
            assert!(title.len() <= 60, "{reason:?}: {title}");
            let all = format!("{title} {what} {next}").to_lowercase();
            for jargon in ["oauth", "token", "redirect", "client", "http", "server"] {
                assert!(!all.contains(jargon), "{reason:?} says {jargon}");
            }
        }
    }

    #[test]
    fn durations_are_words_and_rounded_up() {
        let expected = [
            (0, "1 minute"),
            (60, "1 minute"),
            (61, "2 minutes"),
            (3_600, "60 minutes"),
            (3_601, "2 hours"),
            (86_400, "24 hours"),
            (86_401, "2 days"),
            (90 * 86_400, "90 days"),
        ];
        for (seconds, words) in expected {
            assert_eq!(duration(seconds), words);
        }
    }
}
