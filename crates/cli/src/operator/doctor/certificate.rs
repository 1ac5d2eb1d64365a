//! How soon a certificate expires.

use prost_types::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::finding::Finding;

/// A certificate that is renewed automatically is younger. The control plane's log warns as early.
const SOON: i64 = 14 * 86_400;

/// Judges a certificate that is valid until `not_after`. Times are seconds since the epoch.
pub(super) fn judge(check: &'static str, not_after: i64, now: i64, remedy: &str) -> Finding {
    let date = Timestamp { seconds: not_after, nanos: 0 };
    if not_after < now {
        return Finding::fail(check, format!("expired at {date}"), remedy);
    }
    let days = (not_after - now) / 86_400;
    if not_after - now < SOON {
        return Finding::warn(check, format!("expires in {days} days, at {date}"), remedy);
    }
    Finding::ok(check, format!("is valid for {days} days"))
}

/// The last second of the validity of a certificate in DER; `None` if it cannot be read.
pub(super) fn not_after(der: &[u8]) -> Option<i64> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_certificate_is_reported_two_weeks_before_its_end() {
        let now = 1_000_000_000;
        for (left, level) in [(-1, Level::Fail), (0, Level::Warn), (SOON - 1, Level::Warn), (SOON, Level::Ok)] {
            let finding = judge("certificate", now + left, now, "renew it");
            assert_eq!(finding.level, level, "{finding:?}");
            assert_eq!(finding.remedy.is_empty(), level == Level::Ok);
        }
    }
}
