//! Cross-origin access (R8, R26).

use lychgate_api::Reason;

use crate::support::{TestEdge, header, refusal, running};

/// Headers of SDKs, of a client that signs its requests, of tracing, and two that a person configured for an MCP server.
const HEADERS: &str =
    "authorization,baggage,content-type,dpop,mcp-protocol-version,traceparent,x-api-key,x-~!#$%&'*+.^_`|";

async fn preflight(edge: &TestEdge, path: &str, method: &str) -> reqwest::Response {
    let request = edge.http.request("OPTIONS".parse().expect("a method"), edge.url(path));
    let request = request.header("origin", "https://web.example").header("access-control-request-method", method);
    edge.send(request.header("access-control-request-headers", HEADERS)).await
}

/// With every header that a page asks for: no credentials are allowed, so a header grants nothing.
///
/// Requirements: R26.
#[tokio::test]
async fn web_pages_may_call_the_api() {
    let (edge, fake) = running().await;
    let paths = [
        ("/token", "POST"),
        ("/revoke", "POST"),
        ("/introspect", "POST"),
        ("/t/register", "POST"),
        ("/register/client-1", "DELETE"),
        ("/jwks.json", "GET"),
        ("/.well-known/oauth-protected-resource/root", "GET"),
        ("/.well-known/oauth-authorization-server/t", "GET"),
        ("/.well-known/openid-configuration", "GET"),
    ];
    for (path, method) in paths {
        let response = preflight(&edge, path, method).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "access-control-allow-origin")),
            (200, "*"),
            "{path}"
        );
        assert!(header(&response, "access-control-allow-methods").contains(method), "{path}");
        assert_eq!(header(&response, "access-control-allow-headers"), HEADERS, "{path}");
        assert!(header(&response, "vary").contains("access-control-request-headers"), "{path}");
        assert_eq!(header(&response, "access-control-allow-credentials"), "", "{path}");
    }
    fake.refuse(refusal(Reason::CodeInvalid, &[("oauth_error", "invalid_grant")]));
    let request = edge.http.post(edge.url("/token")).header("origin", "https://web.example");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body("grant_type=x");
    let response = edge.send(request).await;
    assert_eq!((response.status().as_u16(), header(&response, "access-control-allow-origin")), (400, "*"));
    assert!(header(&response, "access-control-expose-headers").contains("www-authenticate"));
}

#[tokio::test]
async fn browser_endpoints_allow_no_cross_origin_access() {
    let (edge, _) = running().await;
    for path in ["/authorize", "/consent", "/t/consent", "/callback/root", "/nowhere", "/verify?resource=r"] {
        for method in ["GET", "POST"] {
            let response = preflight(&edge, path, method).await;
            assert!(!response.status().is_success(), "{path}");
            assert_eq!(header(&response, "access-control-allow-origin"), "", "{path}");
        }
        let response = edge.send(edge.http.get(edge.url(path)).header("origin", "https://web.example")).await;
        assert_eq!(header(&response, "access-control-allow-origin"), "", "{path}");
    }
}
