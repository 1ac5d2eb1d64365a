//! Selects the consent screen of a request: full, one click, or none.
//!
//! An earlier consent may shorten the page, but never for a request that another site could have started in the
//! person's browser, or one with an answer that another program could receive.

use crate::client::redirect_uri::RedirectKind;
use crate::consent::{ConsentScreen, Covered};
use crate::issuer::{ConsentMode, Issuer};
use crate::request::{AuthorizationRequest, WantedScreen};

/// The headers by which a browser says how a request for the page started, exactly as sent; `None` if missing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start<'a> {
    /// `Sec-Fetch-Site` (Fetch Metadata §2.2).
    pub sec_fetch_site: Option<&'a str>,
    /// `Sec-Purpose` (Fetch §4.5): the browser fetches the page ahead.
    pub sec_purpose: Option<&'a str>,
}

/// The screen for `request`. `covered` proves that the person who signed in last at this browser allowed all of it
/// before.
pub fn consent_screen(
    issuer: &Issuer,
    request: &AuthorizationRequest,
    covered: Option<&Covered<'_>>,
    start: Start<'_>,
) -> ConsentScreen {
    if covered.is_none() || request.screen == WantedScreen::Full {
        return ConsentScreen::Full;
    }
    // It is unknown which program receives the response; the consent may have been given to another (OAuth 2.1 §7.3.1).
    match request.redirect_uri.kind() {
        RedirectKind::Web => {}
        RedirectKind::Loopback | RedirectKind::PrivateScheme => return ConsentScreen::Full,
    }
    if !start.is_the_persons() {
        return ConsentScreen::Full;
    }
    match &issuer.prompt.mode {
        ConsentMode::Always => ConsentScreen::Full,
        ConsentMode::Remember => ConsentScreen::OneClick,
        ConsentMode::Silent { clients } if clients.contains(&request.client_id) => ConsentScreen::Skipped,
        ConsentMode::Silent { .. } => ConsentScreen::OneClick,
    }
}

/// The screen for a request that the person has approved before, in the same browser, on the screen `seen`. What they
/// chose on the full page is shown there again: a shorter screen would say that everything is allowed.
pub fn screen_again(screen: ConsentScreen, seen: ConsentScreen) -> ConsentScreen {
    match (seen, screen) {
        (ConsentScreen::Full, _) => ConsentScreen::Full,
        (ConsentScreen::OneClick, ConsentScreen::Skipped) => ConsentScreen::OneClick,
        (ConsentScreen::OneClick | ConsentScreen::Skipped, screen) => screen,
    }
}

impl Start<'_> {
    /// True if the browser says that the person started the request, and no page.
    ///
    /// A hostile server that redirects its visitors here would get their code for one habitual click (GHSA-6x8h-498w-gv8c).
    /// `Sec-Fetch-Site` shows a foreign origin through every redirect; a missing header proves nothing. `same-origin` counts
    /// like a foreign site: no page of ours leads to a shortened screen, so such a request was started by a redirect of ours
    /// to a client, or by a program that shares our origin.
    ///
    /// A page of our site can have Chromium fetch this one ahead by speculation rules. Such a request has the person's
    /// cookies and says `none`, and its response is shown when the person follows the page's link.
    fn is_the_persons(self) -> bool {
        self.sec_fetch_site == Some("none") && self.sec_purpose.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::redirect_uri::RedirectUri;
    use crate::consent::{Approval, Consent, Counters, Present, decided};
    use crate::id::ClientId;
    use crate::issuer::tests::issuer;
    use crate::request::tests::request;
    use crate::subject::{Subject, UpstreamId};
    use crate::time::Timestamp;

    const NOW: Timestamp = Timestamp::EPOCH;
    const PERSON: Start<'_> = Start { sec_fetch_site: Some("none"), sec_purpose: None };

    fn consent() -> Consent {
        let (issuer, subject) = (issuer(), Subject::new(&UpstreamId::parse("idp").unwrap(), "alice").unwrap());
        let mut decided = decided();
        decided.metadata_digest = issuer.clients[0].metadata_digest();
        decided.scopes = request().scopes;
        Consent::approve(
            None,
            &Approval { decided: &decided, subject: &subject, counters: Counters::default() },
            &issuer.lifetimes,
            NOW,
        )
    }

    fn checked(mode: ConsentMode, change: fn(&mut AuthorizationRequest), start: Start<'_>) -> ConsentScreen {
        let (consent, mut issuer, mut asked) = (consent(), issuer(), request());
        issuer.prompt.mode = mode;
        let covered = consent
            .covers(
                &asked,
                &Present { issuer: &issuer, client: &issuer.clients[0], counters: Counters::default(), now: NOW },
            )
            .expect("as approved");
        change(&mut asked);
        consent_screen(&issuer, &asked, Some(&covered), start)
    }

    fn listed() -> ConsentMode {
        ConsentMode::Silent { clients: vec![request().client_id] }
    }

    /// Requirements: B31.
    #[test]
    fn the_page_is_shortened_only_as_the_operator_configured() {
        let unlisted = ConsentMode::Silent { clients: vec![ClientId::parse("another").unwrap()] };
        for (mode, is_shown) in [
            (ConsentMode::Always, ConsentScreen::Full),
            (ConsentMode::Remember, ConsentScreen::OneClick),
            (unlisted, ConsentScreen::OneClick),
            (listed(), ConsentScreen::Skipped),
        ] {
            assert_eq!(checked(mode, |_| {}, PERSON), is_shown);
        }
        let mut issuer = issuer();
        issuer.prompt.mode = listed();
        assert_eq!(
            consent_screen(&issuer, &request(), None, PERSON),
            ConsentScreen::Full,
            "without an earlier consent"
        );
    }

    /// Requirements: B31.
    #[test]
    fn an_approval_is_never_shown_again_on_a_shorter_screen() {
        let length = |screen| match screen {
            ConsentScreen::Skipped => 0,
            ConsentScreen::OneClick => 1,
            ConsentScreen::Full => 2,
        };
        let all = [ConsentScreen::Full, ConsentScreen::OneClick, ConsentScreen::Skipped];
        for (screen, seen) in all.into_iter().flat_map(|screen| all.map(|seen| (screen, seen))) {
            assert_eq!(length(screen_again(screen, seen)), length(screen).max(length(seen)), "{screen:?} {seen:?}");
        }
    }

    /// Requirements: B31.
    #[test]
    fn a_request_started_by_another_site_gets_the_full_page() {
        for (site, is_good) in [
            (Some("none"), true),
            (Some("same-origin"), false),
            (Some("None"), false),
            (Some("same-site"), false),
            (Some("cross-site"), false),
            (Some("none, none"), false),
            (Some(""), false),
            (None, false),
        ] {
            let [remembered, silent] = [ConsentMode::Remember, listed()]
                .map(|mode| checked(mode, |_| {}, Start { sec_fetch_site: site, sec_purpose: None }));
            let expected = if is_good {
                (ConsentScreen::OneClick, ConsentScreen::Skipped)
            } else {
                (ConsentScreen::Full, ConsentScreen::Full)
            };
            assert_eq!((remembered, silent), expected, "{site:?}");
        }
    }

    /// Requirements: B31.
    #[test]
    fn a_request_that_the_browser_sends_ahead_gets_the_full_page() {
        for purpose in ["prefetch", "prefetch;prerender", "prefetch;anonymous-client-ip", "prerender", "", "?0"] {
            for mode in [ConsentMode::Remember, listed()] {
                let start = Start { sec_purpose: Some(purpose), ..PERSON };
                assert_eq!(checked(mode, |_| {}, start), ConsentScreen::Full, "{purpose}");
            }
        }
    }

    /// Requirements: B31.
    #[test]
    fn native_clients_and_clients_that_ask_for_it_get_the_full_page() {
        let changes: [fn(&mut AuthorizationRequest); 8] = [
            |request| request.redirect_uri = RedirectUri::parse("http://127.0.0.1:7/cb", &[]).unwrap(),
            |request| request.redirect_uri = RedirectUri::parse("https://localhost:8443/cb", &[]).unwrap(),
            |request| request.redirect_uri = RedirectUri::parse("https://[::1]/cb", &[]).unwrap(),
            |request| request.redirect_uri = RedirectUri::parse("https://app.localhost/", &[]).unwrap(),
            |request| request.redirect_uri = RedirectUri::from_record("https://LOCALHOST./cb".to_owned()),
            |request| request.redirect_uri = RedirectUri::from_record("https://127.1/cb".to_owned()),
            |request| {
                request.redirect_uri = RedirectUri::parse("cursor://x/cb", &["cursor://x/cb".to_owned()]).unwrap()
            },
            |request| request.screen = WantedScreen::Full,
        ];
        for change in changes {
            for mode in [ConsentMode::Remember, listed()] {
                assert_eq!(checked(mode, change, PERSON), ConsentScreen::Full);
            }
        }
    }
}
