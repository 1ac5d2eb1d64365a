//! Identity headers: tell a server behind a proxy the verified subject, client and scopes of a request. An edge returns them
//! from `/verify`; the control plane returns them to Envoy.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::v1::VerifyResponse;

/// Prefix of every identity header. A proxy must drop client headers with this prefix; otherwise a client can choose its
/// identity.
pub const PREFIX: &str = "x-lychgate-";

/// ASCII characters that are percent-encoded: those that split or quote header values, and `%` itself. Bytes outside ASCII
/// are always encoded.
const ENCODED: AsciiSet = CONTROLS.add(b' ').add(b'%').add(b',').add(b';').add(b'"').add(b'\\');

/// All identity headers, as names and values.
pub fn headers(verified: &VerifyResponse) -> [(&'static str, String); 6] {
    let encoded = |text: &str| utf8_percent_encode(text, &ENCODED).to_string();
    // A space separates two scopes and never belongs to one.
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

/// True if a server could mistake this header for an identity header. CGI and its successors do not distinguish `-` from `_`.
pub fn resembles_identity_header(name: &str) -> bool {
    name.to_ascii_lowercase().replace('_', "-").starts_with(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(verified: VerifyResponse) -> Vec<String> {
        headers(&verified).into_iter().map(|(_, value)| value).collect()
    }

    #[test]
    fn usual_values_are_not_encoded() {
        let verified = VerifyResponse {
            issuer: "https://gate.example/t".to_owned(),
            resource: "https://mcp.example/mcp?k=v".to_owned(),
            subject: "idp|alice@example.com".to_owned(),
            client_id: "https://app.example/client.json".to_owned(),
            scope: "notes:read notes:write".to_owned(),
            exp: 1_790_000_000,
            upstream_token: None,
        };
        let expected = [
            "https://gate.example/t",
            "https://mcp.example/mcp?k=v",
            "idp|alice@example.com",
            "https://app.example/client.json",
            "notes:read notes:write",
            "1790000000",
        ];
        assert_eq!(values(verified), expected);
    }

    #[test]
    fn no_value_can_end_split_or_imitate_a_header() {
        for (subject, value) in [
            ("idp|a,b", "idp|a%2Cb"),
            ("idp|a b ", "idp|a%20b%20"),
            ("idp|a\r\nx-lychgate-scope: admin", "idp|a%0D%0Ax-lychgate-scope:%20admin"),
            ("idp|\u{e9}\0", "idp|%C3%A9%00"),
            ("idp|\"a\"; \\", "idp|%22a%22%3B%20%5C"),
            // Encoding `%` keeps different subjects different.
            ("idp|a%2Cb", "idp|a%252Cb"),
        ] {
            let verified = VerifyResponse { subject: subject.to_owned(), ..Default::default() };
            assert_eq!(values(verified)[2], value);
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8().expect("UTF-8");
            assert_eq!(decoded, subject);
        }
    }

    #[test]
    fn separators_within_a_scope_are_encoded() {
        let verified = VerifyResponse { scope: "a,b c%20d e".to_owned(), ..Default::default() };
        assert_eq!(values(verified)[4], "a%2Cb c%2520d e");
    }

    #[test]
    fn every_spelling_of_an_identity_header_is_recognised() {
        for (name, _) in headers(&VerifyResponse::default()) {
            assert!(
                resembles_identity_header(name)
                    && resembles_identity_header(&name.to_uppercase())
                    && resembles_identity_header(&name.replace('-', "_"))
            );
        }
        assert!(resembles_identity_header("X-Lychgate_Future-Header"));
        assert!(!resembles_identity_header("x-lychgat") && !resembles_identity_header("authorization"));
    }
}
