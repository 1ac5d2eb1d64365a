//! `/register`: JSON in, JSON out.

use lychgate_api::Reason;
use lychgate_api::v1::{ClientMetadata, RegisterResponse};

use crate::support::{Answer, Asked, TestEdge, header, refusal, running};

async fn register(edge: &TestEdge, body: &str) -> reqwest::Response {
    let request = edge.http.post(edge.url("/register")).header("content-type", "application/json");
    edge.send(request.body(body.to_owned())).await
}

/// R31: everything that was registered, no nulls, no fractions, no secret.
#[tokio::test]
async fn a_registration_is_answered_with_what_was_registered() {
    let (edge, fake) = running().await;
    let registered = ClientMetadata {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        client_name: Some("App".to_owned()),
        grant_types: vec!["authorization_code".to_owned()],
        token_endpoint_auth_method: Some("none".to_owned()),
        ..Default::default()
    };
    fake.answer(Answer::Registered(RegisterResponse {
        client_id: "lgi_1".to_owned(),
        client_id_issue_time: Some(prost_types::Timestamp { seconds: 1_795_392_000, nanos: 999 }),
        metadata: Some(registered),
    }));
    let body = r#"{"redirect_uris":["https://app.example/cb"],"client_name":"App","client_uri":null,"contacts":null,
        "token_endpoint_auth_method":"client_secret_post","jwks":{"keys":[]},"something_else":[1.5]}"#;
    let response = register(&edge, body).await;
    assert_eq!(response.status(), 201);
    assert_eq!((header(&response, "cache-control"), header(&response, "pragma")), ("no-store", "no-cache"));
    let expected = r#"{"client_id":"lgi_1","client_id_issued_at":1795392000,"redirect_uris":["https://app.example/cb"],"client_name":"App","grant_types":["authorization_code"],"token_endpoint_auth_method":"none"}"#;
    assert_eq!(response.text().await.expect("text"), expected);

    let Asked::Register(register) = fake.asked() else { panic!("not a registration") };
    assert_eq!((register.issuer_id.as_str(), register.attempt.len()), ("root", 16));
    let asked = ClientMetadata {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        client_name: Some("App".to_owned()),
        token_endpoint_auth_method: Some("client_secret_post".to_owned()),
        jwks: true,
        ..Default::default()
    };
    assert_eq!(register.metadata, Some(asked));
}

/// R32: 400, JSON, and the member by name.
#[tokio::test]
async fn what_is_no_metadata_is_refused_by_name() {
    let (edge, fake) = running().await;
    let large = format!(r#"{{"client_name":"{}"}}"#, "x".repeat(16 * 1024));
    let cases = [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        (r#"{"redirect_uris":"https://app.example"}"#, "redirect_uris"),
        (r#"{"redirect_uris":[1]}"#, "redirect_uris"),
        (r#"{"client_name":{"en":"x"}}"#, "client_name"),
        (r#"{"grant_types":{}}"#, "grant_types"),
        (r#"{"software_version":1.0}"#, "software_version"),
        (large.as_str(), "larger than 16384 bytes"),
    ];
    for (body, named) in cases {
        let response = register(&edge, body).await;
        assert_eq!(
            (response.status().as_u16(), header(&response, "content-type")),
            (400, "application/json"),
            "{named}"
        );
        let answer: serde_json::Value = response.json().await.expect("JSON");
        assert_eq!(answer["error"], "invalid_client_metadata", "{named}");
        assert!(answer["error_description"].as_str().expect("text").contains(named), "{answer}");
    }
    let form = edge.post_form("/register", "redirect_uris=x").await;
    assert_eq!(form.status(), 400);
    assert!(form.text().await.expect("text").contains("invalid_client_metadata"));
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn a_refusal_keeps_its_code() {
    let (edge, fake) = running().await;
    let told = [("oauth_error", "invalid_redirect_uri"), ("description", "javascript: is not for \"redirects\"")];
    fake.refuse(refusal(Reason::RegistrationRedirectUriInvalid, &told));
    let response = register(&edge, r#"{"redirect_uris":["javascript:x"]}"#).await;
    assert_eq!(response.status(), 400);
    let expected = r#"{"error":"invalid_redirect_uri","error_description":"javascript: is not for 'redirects'"}"#;
    assert_eq!(response.text().await.expect("text"), expected);
}
