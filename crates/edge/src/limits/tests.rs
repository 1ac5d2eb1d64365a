use std::net::IpAddr;

use governor::clock::FakeRelativeClock;
use lychgate_process::config::parse;

use super::*;

fn limits(config: &str) -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Limits::new(&parse(config).expect("a configuration"), clock.clone()), clock)
}

fn prefix(n: u8) -> Prefix {
    Prefix::of(IpAddr::from([203, 0, n, 1]))
}

fn entered(limits: &Limits<FakeRelativeClock>, class: Class, n: u8) -> Result<(), &'static str> {
    limits.enter(class, prefix(n)).map(drop).map_err(|failure| failure.name())
}

const TOO_MANY: Result<(), &str> = Err("TOO_MANY_REQUESTS");

/// Requirements: R35.
#[test]
fn no_class_shares_a_bucket_with_another() {
    let all = "prefix_per_minute = 1";
    for flooded in Class::ALL {
        let (limits, _) = limits(&format!(
            "registrations.{all}\nstrangers.{all}\nbrowsers.{all}\ndecisions.{all}\ncodes.{all}\nrefreshes.{all}\n\
             introspections.{all}\nverifications.{all}\ndocuments.{all}"
        ));
        assert_eq!(entered(&limits, flooded, 1), Ok(()), "{flooded:?}");
        assert_eq!(entered(&limits, flooded, 1), TOO_MANY, "{flooded:?}");
        for other in Class::ALL.into_iter().filter(|other| *other != flooded) {
            assert_eq!(entered(&limits, other, 1), Ok(()), "{flooded:?} used up what {other:?} has");
        }
    }
}

/// Requirements: R35.
#[test]
fn what_a_prefix_is_refused_is_not_taken_from_the_others() {
    let (limits, _) = limits("registrations = { prefix_per_minute = 2, total_per_minute = 4 }");
    for _ in 0..100 {
        let _ = entered(&limits, Class::Registration, 1);
    }
    for n in [2, 3] {
        assert_eq!(entered(&limits, Class::Registration, n), Ok(()));
    }
    assert_eq!(entered(&limits, Class::Registration, 4), TOO_MANY, "all together have an end, too");
}

#[test]
fn a_limit_passes() {
    let (limits, clock) = limits("decisions.prefix_per_minute = 2");
    for _ in 0..2 {
        assert_eq!(entered(&limits, Class::Decision, 1), Ok(()));
    }
    assert_eq!(entered(&limits, Class::Decision, 1), TOO_MANY);
    clock.advance(Duration::from_secs(30));
    assert_eq!(entered(&limits, Class::Decision, 1), Ok(()));
    assert_eq!(entered(&limits, Class::Decision, 1), TOO_MANY);
}

/// Claude's clients reach us from eight /24s, all of its users together.
#[test]
fn by_default_one_prefix_has_hundreds_of_refreshes_a_second() {
    let (limits, clock) = limits("");
    for _ in 0..120 {
        for _ in 0..450 {
            assert_eq!(entered(&limits, Class::Refresh, 1), Ok(()));
        }
        clock.advance(Duration::from_secs(1));
    }
}

/// Requirements: R15.
#[tokio::test]
async fn only_failures_of_this_client_from_this_prefix_count() {
    let (limits, clock) = limits("failed_authentications.prefix_per_minute = 2");
    let guess = async |client: &str, n, outcome: Option<Reason>| {
        let claim = limits.claim("issuer", client, prefix(n));
        let call = async { outcome.map_or(Ok(()), |reason| Err(Failure::new(reason))) };
        limits.guard(Some(claim), call).await.map_err(|failure| failure.name())
    };
    const WRONG: Option<Reason> = Some(Reason::ClientAuthenticationFailed);
    for reason in [None, Some(Reason::ClientUnknown), Some(Reason::CodeInvalid), Some(Reason::StoreUnavailable)] {
        for _ in 0..5 {
            assert_ne!(guess("a", 1, reason).await, TOO_MANY, "{reason:?} guesses nothing");
        }
    }
    for _ in 0..2 {
        assert_eq!(guess("a", 1, WRONG).await, Err("CLIENT_AUTHENTICATION_FAILED"));
    }
    assert_eq!(guess("a", 1, None).await, TOO_MANY, "also the right secret is not tried any more");
    assert_eq!(guess("a", 2, None).await, Ok(()), "the real client is elsewhere");
    assert_eq!(guess("b", 1, None).await, Ok(()), "another client behind the same address");
    clock.advance(Duration::from_secs(30));
    assert_eq!(guess("a", 1, None).await, Ok(()));
}

#[test]
fn each_bucket_is_logged_once_a_minute() {
    let (limits, clock) = limits("");
    let bucket = |n| Exhausted::OfPrefix(Class::Registration, prefix(n));
    let is_said = |n| {
        let would_be = limits.said.look(&bucket(n)).is_ok();
        limits.say(&bucket(n));
        would_be
    };
    assert!(is_said(1) && !is_said(1) && is_said(2));
    clock.advance(Duration::from_secs(60));
    assert!(is_said(1) && !is_said(1));
}
