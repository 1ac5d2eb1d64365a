//! Identities from userinfo documents, for upstreams without ID tokens.
//!
//! Plain OAuth 2.0 defines no identity, so the operator configures which member of the document holds it. It must be an
//! id that the upstream never reassigns, and it is kept to the last digit: two ids rounded to the same number would be
//! one subject.

use crate::subject::{Subject, UpstreamId};

/// The top-level member of a userinfo document that holds the stable id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectClaim(String);

impl SubjectClaim {
    /// Names that people choose, change and give up. The next owner of such a name would get the account.
    pub const REASSIGNABLE: [&str; 10] = [
        "email",
        "login",
        "preferred_username",
        "name",
        "mail",
        "nickname",
        "phone_number",
        "unique_name",
        "upn",
        "username",
    ];

    /// `None` for those names, for an empty one, and for one that is not plain ASCII.
    pub fn parse(name: &str) -> Option<Self> {
        let plain = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        let reassignable = Self::REASSIGNABLE.iter().any(|reassignable| name.eq_ignore_ascii_case(reassignable));
        (plain && !reassignable).then(|| Self(name.to_owned()))
    }

    /// The name of the member.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of a member, by its JSON type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimValue {
    /// A string.
    Text(String),
    /// Written without fraction and exponent, and exactly known.
    Integer(i128),
    /// An object, an array, a boolean, null, or a number that is not an exactly known integer.
    Other,
}

/// Why a userinfo document identifies no person. For the log, never for a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserinfoError {
    /// No member has the name.
    #[error("the userinfo document lacks the subject claim")]
    Missing,
    /// Several members have the name.
    #[error("the userinfo document has the subject claim more than once")]
    Repeated,
    /// The value is neither a string nor an integer.
    #[error("the subject claim is neither a string nor an integer")]
    Type,
    /// An identifier that cannot be part of a subject.
    #[error("the subject claim is empty, too long or not printable ASCII")]
    Text,
}

/// The subject, from all members with the claim's name. An integer is kept in decimal digits.
pub fn subject(upstream: &UpstreamId, members: &[ClaimValue]) -> Result<Subject, UserinfoError> {
    match members {
        [] => Err(UserinfoError::Missing),
        [ClaimValue::Text(text)] => Subject::new(upstream, text).ok_or(UserinfoError::Text),
        [ClaimValue::Integer(number)] => Subject::new(upstream, &number.to_string()).ok_or(UserinfoError::Text),
        [ClaimValue::Other] => Err(UserinfoError::Type),
        // Parsers disagree on which one counts (RFC 8259 §4).
        [_, _, ..] => Err(UserinfoError::Repeated),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn checked(members: &[ClaimValue]) -> Result<String, UserinfoError> {
        subject(&UpstreamId::parse("github").unwrap(), members).map(|subject| subject.as_str().to_owned())
    }

    fn text(text: impl Into<String>) -> ClaimValue {
        ClaimValue::Text(text.into())
    }

    /// Requirements: B36.
    #[test]
    fn a_userinfo_document_names_its_subject_once_and_as_a_string_or_an_integer() {
        assert_eq!(checked(&[ClaimValue::Integer(583_231)]), Ok("github|583231".to_owned()));
        assert_eq!(checked(&[text("583231")]), Ok("github|583231".to_owned()));
        assert_eq!(checked(&[text("x".repeat(255))]).unwrap().len(), "github|".len() + 255);
        for (why, members) in [
            (UserinfoError::Missing, vec![]),
            (UserinfoError::Repeated, vec![ClaimValue::Integer(1), ClaimValue::Integer(1)]),
            (UserinfoError::Repeated, vec![text("a"), ClaimValue::Other, text("a")]),
            (UserinfoError::Type, vec![ClaimValue::Other]),
            (UserinfoError::Text, vec![text("")]),
            (UserinfoError::Text, vec![text("x".repeat(256))]),
            (UserinfoError::Text, vec![text("a\nb")]),
            (UserinfoError::Text, vec![text("a\0")]),
            (UserinfoError::Text, vec![text("\u{7f}")]),
            (UserinfoError::Text, vec![text("\u{430}lice")]),
        ] {
            assert_eq!(checked(&members), Err(why), "{members:?}");
        }
    }

    /// Requirements: B36.
    #[test]
    fn a_reassignable_name_is_refused_as_subject_claim() {
        for name in SubjectClaim::REASSIGNABLE {
            assert_eq!(SubjectClaim::parse(name), None, "{name}");
            assert_eq!(SubjectClaim::parse(&name.to_uppercase()), None, "{name}");
        }
        for name in ["", "i d", "id\n", "ïd", &"x".repeat(65)] {
            assert_eq!(SubjectClaim::parse(name), None, "{name:?}");
        }
        for name in ["id", "sub", "user_id", "oid", "email_id"] {
            assert_eq!(SubjectClaim::parse(name).unwrap().as_str(), name);
        }
    }

    proptest! {
        /// Also beyond 2^53, where a double would give neighbours the same id.
        ///
        /// Requirements: B36.
        #[test]
        fn every_integer_is_its_own_subject(a in any::<u64>(), b in any::<i64>(), c in (1_u64 << 53)..u64::MAX) {
            let exact = |number: i128| checked(&[ClaimValue::Integer(number)]).unwrap();
            for number in [i128::from(a), i128::from(b), i128::from(c)] {
                let stable_id = exact(number).strip_prefix("github|").unwrap().parse::<i128>();
                prop_assert_eq!(stable_id, Ok(number));
                prop_assert_ne!(exact(number), exact(number + 1));
            }
        }

        /// Requirements: B36.
        #[test]
        fn a_string_is_kept_unchanged_or_refused(text in ".{0,300}|[ -~]{0,300}") {
            let good = (1..=255).contains(&text.len()) && text.bytes().all(|byte| (0x20..=0x7E).contains(&byte));
            let expected = if good { Ok(format!("github|{text}")) } else { Err(UserinfoError::Text) };
            prop_assert_eq!(checked(&[ClaimValue::Text(text)]), expected);
        }
    }
}
