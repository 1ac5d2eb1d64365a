use std::net::IpAddr;

use governor::clock::FakeRelativeClock;
use lychgate_api::Reason;
use lychgate_process::config::parse;

use super::*;

fn limits(config: &str) -> (Limits<FakeRelativeClock>, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    (Limits::new(&parse(config).expect("a configuration"), clock.clone()), clock)
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
            "registrations.{all}\nstrangers.{all}\nbrowsers.{all}\ndecisions.{all}\ncodes.{all}\nrefreshes.{all}\n\
             introspections.{all}\nverifications.{all}\ndocuments.{all}"
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

/// Requirements: R15.
#[tokio::test]
async fn only_failed_authentications_of_this_client_from_this_prefix_count() {
    let (limits, clock) = limits("failed_authentications.prefix_per_minute = 2");
    let guess = async |client: &str, n, outcome: Option<Reason>| {
        let claimed = limits.claimed("issuer", client, prefix(n));
        let call = async { outcome.map_or(Ok(()), |reason| Err(Failure::new(reason))) };
        limits.guard(Some(claimed), call).await.map_err(|failure| failure.reason().as_str())
    };
    const WRONG: Option<Reason> = Some(Reason::ClientAuthenticationFailed);
    for reason in [None, Some(Reason::ClientUnknown), Some(Reason::CodeInvalid), Some(Reason::StoreUnavailable)] {
        for _ in 0..5 {
            assert_ne!(guess("a", 1, reason).await, TOO_MANY, "{reason:?} is no guess");
        }
    }
    for _ in 0..2 {
        assert_eq!(guess("a", 1, WRONG).await, Err("CLIENT_AUTHENTICATION_FAILED"));
    }
    assert_eq!(guess("a", 1, None).await, TOO_MANY, "the right secret is not tried any more either");
    assert_eq!(guess("a", 2, None).await, Ok(()), "the real client has another prefix");
    assert_eq!(guess("b", 1, None).await, Ok(()), "another client behind the same address");
    clock.advance(Duration::from_secs(30));
    assert_eq!(guess("a", 1, None).await, Ok(()));
}

#[test]
fn each_exhausted_limit_is_logged_once_a_minute() {
    let (limits, clock) = limits("");
    let bucket = |n| Exhausted::PrefixRate(Class::Registration, prefix(n));
    let is_logged = |n| {
        let is_logged_now = limits.logged.check(&bucket(n)).is_ok();
        limits.log(&bucket(n));
        is_logged_now
    };
    assert!(is_logged(1) && !is_logged(1) && is_logged(2));
    clock.advance(Duration::from_secs(60));
    assert!(is_logged(1) && !is_logged(1));
}
