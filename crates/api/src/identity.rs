//! How a server behind a proxy reads whose request it has: the headers that an edge answers `/verify` with, and that the
//! control plane gives Envoy.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::v1::VerifyResponse;

/// Every name here begins so. Whoever lets something else through that does, lets strangers say who they are.
pub const PREFIX: &str = "x-lychgate-";

/// Beyond this, everything is ASCII. What is encoded besides is what splits or quotes values, and the sign of encoding.
const ENCODED: AsciiSet = CONTROLS.add(b' ').add(b'%').add(b',').add(b';').add(b'"').add(b'\\');

/// Name and value of each, always all of them.
pub fn headers(verified: &VerifyResponse) -> [(&'static str, String); 6] {
    let encoded = |text: &str| utf8_percent_encode(text, &ENCODED).to_string();
    // Its spaces are between scopes, never within one.
    let scope = verified.scope.split(' ').map(encoded).collect::<Vec<_>>().join(" ");
    [
        ("x-lychgate-issuer", encoded(&verified.issuer)),
        ("x-lychgate-resource", encoded(&verified.resource)),
        ("x-lychgate-subject", encoded(&verified.subject)),
        ("x-lychgate-client", encoded(&verified.client_id)),
        ("x-lychgate-scope", scope),
        ("x-lychgate-expires", verified.exp.to_string()),
    ]
}

/// Whether some server might take a header of this name for one of ours. CGI and its heirs see no difference between `-`
/// and `_`.
pub fn resembles_ours(name: &str) -> bool {
    name.to_ascii_lowercase().replace('_', "-").starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(verified: VerifyResponse) -> Vec<String> {
        headers(&verified).into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn what_is_usual_reads_as_it_is() {
        let verified = VerifyResponse {
            issuer: "https://gate.example/t".to_owned(),
            resource: "https://mcp.example/mcp?k=v".to_owned(),
            subject: "idp|alice@example.com".to_owned(),
            client_id: "https://app.example/client.json".to_owned(),
            scope: "notes:read notes:write".to_owned(),
            exp: 1_790_000_000,
        };
        let expected = [
            "https://gate.example/t",
            "https://mcp.example/mcp?k=v",
            "idp|alice@example.com",
            "https://app.example/client.json",
            "notes:read notes:write",
            "1790000000",
        ];
        assert_eq!(of(verified), expected);
    }

    #[test]
    fn nothing_in_a_value_can_end_split_or_imitate_it() {
        for (subject, value) in [
            ("idp|a,b", "idp|a%2Cb"),
            ("idp|a b ", "idp|a%20b%20"),
            ("idp|a\r\nx-lychgate-scope: admin", "idp|a%0D%0Ax-lychgate-scope:%20admin"),
            ("idp|\u{e9}\0", "idp|%C3%A9%00"),
            ("idp|\"a\"; \\", "idp|%22a%22%3B%20%5C"),
            // Two subjects never look alike.
            ("idp|a%2Cb", "idp|a%252Cb"),
        ] {
            let verified = VerifyResponse { subject: subject.to_owned(), ..Default::default() };
            assert_eq!(of(verified)[2], value);
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8().expect("UTF-8");
            assert_eq!(decoded, subject);
        }
    }

    #[test]
    fn a_scope_stays_one() {
        let verified = VerifyResponse { scope: "a,b c%20d e".to_owned(), ..Default::default() };
        assert_eq!(of(verified)[4], "a%2Cb c%2520d e");
    }

    #[test]
    fn every_name_and_every_spelling_of_it_is_known() {
        for (name, _) in headers(&VerifyResponse::default()) {
            assert!(
                resembles_ours(name) && resembles_ours(&name.to_uppercase()) && resembles_ours(&name.replace('-', "_"))
            );
        }
        assert!(resembles_ours("X-Lychgate_Whatever-Comes"));
        assert!(!resembles_ours("x-lychgat") && !resembles_ours("authorization"));
    }
}
