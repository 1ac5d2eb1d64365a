use std::net::IpAddr;

use governor::clock::FakeRelativeClock;
use lychgate_api::Reason;
use lychgate_process::config::parse;

use super::*;

fn limits(config: &str) -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Limits::new(&parse(config).expect("a configuration"), clock.clone(), LimitMetrics::default()), clock)
}

fn prefix(n: u8) -> Prefix {
    Prefix::of(IpAddr::from([203, 0, n, 1]))
}

fn admitted(limits: &Limits<FakeRelativeClock>, class: Class, n: u8) -> Result<(), &'static str> {
    limits.admit(class, prefix(n)).map(drop).map_err(|failure| failure.reason().as_str())
}

const TOO_MANY: Result<(), &str> = Err("TOO_MANY_REQUESTS");

/// Requirements: R35.
#[test]
fn classes_share_no_bucket() {
    let all = "prefix_per_minute = 1";
    for flooded in Class::ALL {
        let (limits, _) = limits(&format!(
            "registrations.{all}\nmanagements.{all}\nstrangers.{all}\nbrowsers.{all}\ndecisions.{all}\ncodes.{all}\n\
             refreshes.{all}\nintrospections.{all}\nverifications.{all}\ndocuments.{all}\nunlisted.{all}"
        ));
        assert_eq!(admitted(&limits, flooded, 1), Ok(()), "{flooded:?}");
        assert_eq!(admitted(&limits, flooded, 1), TOO_MANY, "{flooded:?}");
        for other in Class::ALL.into_iter().filter(|other| *other != flooded) {
            assert_eq!(admitted(&limits, other, 1), Ok(()), "{flooded:?} used up what {other:?} has");
        }
    }
}

/// Requirements: R35.
#[test]
fn refused_request_does_not_draw_on_the_total() {
    let (limits, _) = limits("registrations = { prefix_per_minute = 2, total_per_minute = 4 }");
    for _ in 0..100 {
        let _ = admitted(&limits, Class::Registration, 1);
    }
    for n in [2, 3] {
        assert_eq!(admitted(&limits, Class::Registration, n), Ok(()));
    }
    assert_eq!(admitted(&limits, Class::Registration, 4), TOO_MANY, "the total is limited too");
}

#[test]
fn exhausted_limit_recovers_with_time() {
    let (limits, clock) = limits("decisions.prefix_per_minute = 2");
    for _ in 0..2 {
        assert_eq!(admitted(&limits, Class::Decision, 1), Ok(()));
    }
    assert_eq!(admitted(&limits, Class::Decision, 1), TOO_MANY);
    clock.advance(Duration::from_secs(30));
    assert_eq!(admitted(&limits, Class::Decision, 1), Ok(()));
    assert_eq!(admitted(&limits, Class::Decision, 1), TOO_MANY);
}

/// Claude's clients come from eight /24s, for all of its users together.
#[test]
fn default_allows_hundreds_of_refreshes_a_second_from_one_prefix() {
    let (limits, clock) = limits("");
    for _ in 0..120 {
        for _ in 0..450 {
            assert_eq!(admitted(&limits, Class::Refresh, 1), Ok(()));
        }
        clock.advance(Duration::from_secs(1));
    }
}

/// A /48 is one customer's, like a /24: its 65,536 prefixes must not use up what all have together.
///
/// Requirements: R35.
#[test]
fn a_site_uses_up_no_total() {
    for class in Class::ALL {
        let (limits, _) = limits("");
        let mut admitted = 0;
        let from = |site: u16, n: u16| Prefix::of(IpAddr::from([0x2001, 0xdb8, site, n, 0, 0, 0, 1]));
        let of_prefix = (0..u32::MAX).take_while(|_| limits.admit(class, from(1, 0)).is_ok()).count();
        for n in 1..20 {
            admitted += (0..u32::MAX).take_while(|_| limits.admit(class, from(1, n)).is_ok()).count();
        }
        assert_eq!(admitted, of_prefix, "{class:?}: a site has what two of its prefixes have");
        assert!(limits.admit(class, from(2, 0)).is_ok(), "{class:?}: another site");
        assert!(limits.admit(class, prefix(1)).is_ok(), "{class:?}: another network");
    }
}

/// A path or method that no route lists is no way around a limit.
#[test]
fn no_class_has_less_than_the_unlisted() {
    let config = LimitsConfig::default();
    let of = |class| {
        let allowance = config.allowance(class);
        [
            allowance.prefix_per_minute,
            allowance.total_per_minute,
            allowance.prefix_concurrent,
            allowance.total_concurrent,
        ]
    };
    for class in Class::ALL {
        for (least, other) in of(Class::Unlisted).into_iter().zip(of(class)) {
            assert!(least <= other, "{class:?}: {least} {other}");
        }
    }
}

/// A call whose secret is judged by the control plane: `outcome` is its refusal.
async fn presented(
    limits: &Limits<FakeRelativeClock>,
    (client, secret, n): (&str, Option<&str>, u8),
    outcome: Option<Reason>,
) -> Result<(), &'static str> {
    let guess = secret.map(|secret| limits.guess("issuer", client, secret, prefix(n)));
    let call = async { outcome.map_or(Ok(()), |reason| Err(Failure::new(reason))) };
    limits.guard(guess, call).await.map_err(|failure| failure.reason().as_str())
}

const WRONG: Option<Reason> = Some(Reason::ClientAuthenticationFailed);

/// An attacker behind the victim's address, with the victim's client id and any secret but the victim's, stops no request of
/// the victim's.
///
/// Requirements: R15.
#[tokio::test]
async fn failures_of_an_attacker_refuse_no_honest_request() {
    for reason in [Reason::ClientAuthenticationFailed, Reason::ResourceServerUnknown] {
        let (limits, _) = limits("failed_authentications.prefix_per_minute = 2");
        for client in ["confidential", "public", ""] {
            for n in 0..50 {
                // Guesses, and one secret that was replaced, again and again.
                for secret in [format!("guess-{n}"), "replaced".to_owned()] {
                    let _ = presented(&limits, (client, Some(&secret), 1), Some(reason)).await;
                }
            }
            for secret in [None, Some("right")] {
                let honest = presented(&limits, (client, secret, 1), None).await;
                assert_eq!(honest, Ok(()), "{reason:?} {client} {secret:?}");
            }
        }
    }
}

/// Requirements: R15.
#[tokio::test]
async fn a_secret_that_was_wrong_is_not_tried_again_and_many_wrong_ones_wait() {
    let (limits, clock) = limits("failed_authentications.prefix_per_minute = 2");
    for _ in 0..2 {
        assert_eq!(presented(&limits, ("a", Some("old"), 1), WRONG).await, Err("CLIENT_AUTHENTICATION_FAILED"));
    }
    // The outcome says that the secret is right: the call is not made.
    for n in [1, 2] {
        assert_eq!(presented(&limits, ("a", Some("old"), n), None).await, TOO_MANY, "from anywhere");
    }
    assert_eq!(presented(&limits, ("b", Some("old"), 1), None).await, Ok(()), "the secret of another client");
    assert_eq!(presented(&limits, ("a", Some("guess"), 1), WRONG).await, TOO_MANY, "the third wrong one of the client");
    assert_eq!(presented(&limits, ("a", Some("guess"), 2), WRONG).await, Err("CLIENT_AUTHENTICATION_FAILED"));
    assert_eq!(presented(&limits, ("b", Some("guess"), 1), WRONG).await, Err("CLIENT_AUTHENTICATION_FAILED"));
    clock.advance(Duration::from_secs(30));
    assert_eq!(presented(&limits, ("a", Some("old"), 1), None).await, Ok(()), "it has become the right one");
}

/// Requirements: R15.
#[tokio::test]
async fn what_is_no_guess_is_not_counted() {
    let (limits, _) = limits("failed_authentications.prefix_per_minute = 1");
    for reason in [
        None,
        Some(Reason::ClientUnknown),
        Some(Reason::CodeInvalid),
        Some(Reason::ClientAssertionInvalid),
        Some(Reason::ClientAssertionReplayed),
        Some(Reason::StoreUnavailable),
    ] {
        for _ in 0..5 {
            assert_ne!(presented(&limits, ("a", Some("s"), 1), reason).await, TOO_MANY, "{reason:?} is no guess");
        }
    }
    for _ in 0..5 {
        assert_ne!(presented(&limits, ("a", None, 1), WRONG).await, TOO_MANY, "no secret is no guess");
    }
}

#[test]
fn each_exhausted_limit_is_logged_once_a_minute() {
    let (limits, clock) = limits("");
    let bucket = |n| Exhausted::PrefixRate(Class::Registration, prefix(n));
    let is_logged = |n| {
        let is_logged_now = limits.logged.check(&bucket(n)).is_ok();
        limits.report(&bucket(n));
        is_logged_now
    };
    assert!(is_logged(1) && !is_logged(1) && is_logged(2));
    clock.advance(Duration::from_secs(60));
    assert!(is_logged(1) && !is_logged(1));
}
