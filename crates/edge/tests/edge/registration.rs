//! `/register` and `/register/{client_id}`.

use lychgate_api::Reason;
use lychgate_api::v1::{self, ClientInformation, ClientMetadata};
use reqwest::Method;

use crate::support::{Answer, Message, TestEdge, header, refusal, running};

async fn register(edge: &TestEdge, body: &str) -> reqwest::Response {
    let request = edge.http.post(edge.url("/register")).header("content-type", "application/json");
    edge.send(request.body(body.to_owned())).await
}

/// The response has no null, no fraction, and no secret for a public client.
///
/// Requirements: R31.
#[tokio::test]
async fn registration_response_has_all_registered_metadata() {
    let (edge, fake) = running().await;
    let registered = ClientMetadata {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        client_name: Some("App".to_owned()),
        grant_types: vec!["authorization_code".to_owned()],
        token_endpoint_auth_method: Some("none".to_owned()),
        ..Default::default()
    };
    fake.answer(Answer::Registered(ClientInformation {
        client_id: "lgi_1".to_owned(),
        client_id_issue_time: Some(prost_types::Timestamp { seconds: 1_795_392_000, nanos: 999 }),
        metadata: Some(registered),
        ..Default::default()
    }));
    let body = r#"{"redirect_uris":["https://app.example/cb"],"client_name":"App","client_uri":null,"contacts":null,
        "token_endpoint_auth_method":"client_secret_post","jwks":{"keys":[]},"something_else":[1.5]}"#;
    let response = register(&edge, body).await;
    assert_eq!(response.status(), 201);
    assert_eq!((header(&response, "cache-control"), header(&response, "pragma")), ("no-store", "no-cache"));
    let expected = r#"{"client_id":"lgi_1","client_id_issued_at":1795392000,"redirect_uris":["https://app.example/cb"],"client_name":"App","grant_types":["authorization_code"],"token_endpoint_auth_method":"none"}"#;
    assert_eq!(response.text().await.expect("text"), expected);

    let Message::Register(register) = fake.only_message() else { panic!("not a registration") };
    assert_eq!((register.issuer_id.as_str(), register.attempt.len()), ("root", 16));
    let message = ClientMetadata {
        redirect_uris: vec!["https://app.example/cb".to_owned()],
        client_name: Some("App".to_owned()),
        token_endpoint_auth_method: Some("client_secret_post".to_owned()),
        jwks: Some(v1::KeySet::default()),
        ..Default::default()
    };
    assert_eq!(register.metadata, Some(message));
}

/// The error is 400 in JSON and names the member.
///
/// Requirements: R32.
#[tokio::test]
async fn malformed_metadata_is_refused_with_its_member() {
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
async fn refused_registration_keeps_its_oauth_code() {
    let (edge, fake) = running().await;
    let told = [("oauth_error", "invalid_redirect_uri"), ("description", "javascript: is not for \"redirects\"")];
    fake.refuse(refusal(Reason::RegistrationRedirectUriInvalid, &told));
    let response = register(&edge, r#"{"redirect_uris":["javascript:x"]}"#).await;
    assert_eq!(response.status(), 400);
    let expected = r#"{"error":"invalid_redirect_uri","error_description":"javascript: is not for 'redirects'"}"#;
    assert_eq!(response.text().await.expect("text"), expected);
}

fn information() -> ClientInformation {
    ClientInformation {
        client_id: "client-1".to_owned(),
        client_id_issue_time: Some(prost_types::Timestamp { seconds: 1_795_392_000, nanos: 0 }),
        metadata: Some(ClientMetadata {
            redirect_uris: vec!["https://app.example/cb".to_owned()],
            token_endpoint_auth_method: Some("client_secret_basic".to_owned()),
            ..Default::default()
        }),
        client_secret: Some("lgs_1".to_owned()),
        registration_access_token: Some("lgm_1".to_owned()),
        registration_client_uri: Some("https://gate.example/register/client-1".to_owned()),
    }
}

async fn manage(edge: &TestEdge, method: Method, path: &str, token: Option<&str>, body: &str) -> reqwest::Response {
    let request = edge.http.request(method, edge.url(path)).header("content-type", "application/json");
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    edge.send(request.body(body.to_owned())).await
}

/// A secret comes with its expiry, which is 0 for never (RFC 7591 §3.2.1).
///
/// Requirements: R31.
#[tokio::test]
async fn client_secret_comes_with_expiry_and_management_uri() {
    let (edge, fake) = running().await;
    fake.answer(Answer::Registered(information()));
    let answer: serde_json::Value = register(&edge, "{}").await.json().await.expect("JSON");
    assert_eq!((&answer["client_secret"], &answer["client_secret_expires_at"]), (&"lgs_1".into(), &0.into()));
    assert_eq!(answer["registration_access_token"], "lgm_1");
    assert_eq!(answer["registration_client_uri"], "https://gate.example/register/client-1");
}

/// Requirements: R37.
#[tokio::test]
async fn registration_is_read_replaced_and_deleted_with_its_token() {
    let (edge, fake) = running().await;
    fake.answer(Answer::Registered(ClientInformation { client_secret: None, ..information() }));
    let read = manage(&edge, Method::GET, "/t/register/client-1", Some("lgm_1"), "").await;
    assert_eq!((read.status().as_u16(), header(&read, "cache-control")), (200, "no-store"));
    let json: serde_json::Value = read.json().await.expect("JSON");
    assert!(json.get("client_secret_expires_at").is_none(), "{json}");
    fake.answer(Answer::Registered(information()));
    let body = r#"{"client_id":"client-1","client_secret":"lgs_0","redirect_uris":["https://app.example/cb"],
        "registration_client_uri":"x","client_id_issued_at":1}"#;
    assert_eq!(manage(&edge, Method::PUT, "/register/client-1", Some("lgm_1"), body).await.status(), 200);
    fake.answer(Answer::Deleted);
    let deleted = manage(&edge, Method::DELETE, "/register/client-1", Some("lgm_1"), "").await;
    assert_eq!((deleted.status().as_u16(), deleted.text().await.expect("nothing").as_str()), (204, ""));

    let calls = fake.calls();
    let [Message::Read(read), Message::Update(update), Message::Delete(delete)] =
        [&calls[0].message, &calls[1].message, &calls[2].message]
    else {
        panic!("{calls:?}")
    };
    let ids = [(&read.issuer_id, &read.client_id), (&update.issuer_id, &update.client_id)];
    assert_eq!(ids.map(|(issuer, id)| (issuer.as_str(), id.as_str())), [("tee", "client-1"), ("root", "client-1")]);
    assert_eq!([&read.registration_access_token, &delete.registration_access_token], ["lgm_1", "lgm_1"]);
    assert_eq!((update.body_client_id(), update.body_client_secret()), ("client-1", "lgs_0"));
    assert_eq!(update.attempt.len(), 16);
}

/// 401 with a challenge, which names an error only if a token was sent (RFC 6750 §3).
///
/// Requirements: A22, R25, R37.
#[tokio::test]
async fn wrong_registration_token_is_challenged() {
    let (edge, fake) = running().await;
    for (token, challenge) in [
        (Some("wrong"), "Bearer realm=\"https://gate.example\", error=\"invalid_token\""),
        (None, "Bearer realm=\"https://gate.example\""),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            fake.refuse(refusal(Reason::RegistrationAccessTokenInvalid, &[("oauth_error", "invalid_token")]));
            let response = manage(&edge, method, "/register/client-1", token, "{}").await;
            assert_eq!((response.status().as_u16(), header(&response, "www-authenticate")), (401, challenge));
        }
    }
    fake.refuse(refusal(Reason::RegistrationClosed, &[("oauth_error", "access_denied")]));
    assert_eq!(register(&edge, "{}").await.status(), 403);
}

/// Requirements: R33.
#[tokio::test]
async fn registered_keys_are_passed_on_without_private_members() {
    let (edge, fake) = running().await;
    fake.answer(Answer::Registered(information()));
    register(&edge, r#"{"jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"private","kid":"1"}]}}"#).await;
    let Message::Register(message) = fake.only_message() else { panic!("not a registration") };
    let [key] = &message.metadata.expect("metadata").jwks.expect("keys").keys[..] else { panic!("one key") };
    assert_eq!((key.kty.as_str(), key.kid.as_str(), key.x.as_str()), ("EC", "1", "a"));
    for body in [r#"{"jwks":[]}"#, r#"{"jwks":{"keys":{}}}"#, r#"{"jwks":{"keys":[{"kty":1}]}}"#] {
        let answer: serde_json::Value = register(&edge, body).await.json().await.expect("JSON");
        assert_eq!(answer["error"], "invalid_client_metadata", "{body}");
    }
}
