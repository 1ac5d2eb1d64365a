//! `/token`, `/revoke` and `/introspect`: forms, client credentials, responses.

use lychgate_api::Reason;
use lychgate_api::v1::{self, exchange_request::Grant};

use crate::support::{Answer, FakeControl, Message, header, refusal, running};

fn tokens() -> v1::ExchangeResponse {
    v1::ExchangeResponse {
        access_token: "at".to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: Some(600),
        refresh_token: Some("rt".to_owned()),
        scope: "read".to_owned(),
        issued_token_type: None,
    }
}

fn exchange(fake: &FakeControl) -> v1::ExchangeRequest {
    match fake.only_message() {
        Message::Exchange(exchange) => exchange,
        other => panic!("not an exchange: {other:?}"),
    }
}

/// Requirements: R12, R16, R17.
#[tokio::test]
async fn code_is_exchanged_for_tokens() {
    let (edge, fake) = running().await;
    fake.answer(Answer::Exchanged(tokens()));
    let form = "grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_verifier=v\
                &client_id=id&client_secret=&resource=r1&resource=r2&scope=&unknown=x";
    let response = edge.post_form("/t/token", form).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(header(&response, "pragma"), "no-cache");
    assert_eq!(header(&response, "content-type"), "application/json");
    let expected =
        r#"{"access_token":"at","token_type":"Bearer","expires_in":600,"refresh_token":"rt","scope":"read"}"#;
    assert_eq!(response.text().await.expect("text"), expected);
    let exchange = exchange(&fake);
    assert_eq!((exchange.issuer_id.as_str(), exchange.attempt.len()), ("tee", 16));
    assert_eq!((exchange.resources, exchange.scope), (vec!["r1".to_owned(), "r2".to_owned()], None));
    let client = v1::ClientCredentials { client_id: Some("id".to_owned()), ..Default::default() };
    assert_eq!(exchange.client, Some(client));
    let grant = v1::AuthorizationCodeGrant {
        code: "c".to_owned(),
        redirect_uri: Some("https://app.example/cb".to_owned()),
        code_verifier: Some("v".to_owned()),
    };
    assert_eq!(exchange.grant, Some(Grant::AuthorizationCode(grant)));
}

/// Requirements: A27.
#[tokio::test]
async fn a_resource_server_exchanges_an_access_token() {
    let (edge, fake) = running().await;
    fake.answer(Answer::Exchanged(v1::ExchangeResponse {
        refresh_token: None,
        expires_in: None,
        issued_token_type: Some("urn:ietf:params:oauth:token-type:access_token".to_owned()),
        ..tokens()
    }));
    let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=s&audience=a&audience=b\
                &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&actor_token=x&scope=repo&resource=r";
    let request = edge.http.post(edge.url("/t/token")).bearer_auth("the-servers-own");
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
    let response = edge.send(request).await;
    assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, "no-store"));
    let expected = r#"{"access_token":"at","token_type":"Bearer","scope":"read","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#;
    assert_eq!(response.text().await.expect("text"), expected);
    let exchange = exchange(&fake);
    assert_eq!((exchange.resources, exchange.scope), (vec!["r".to_owned()], Some("repo".to_owned())));
    let grant = v1::TokenExchangeGrant {
        subject_token: Some("s".to_owned()),
        subject_token_type: Some("urn:ietf:params:oauth:token-type:access_token".to_owned()),
        requested_token_type: None,
        audiences: vec!["a".to_owned(), "b".to_owned()],
        actor_token: Some("x".to_owned()),
        actor_token_type: None,
        resource_server_token: Some("the-servers-own".to_owned()),
    };
    assert_eq!(exchange.grant, Some(Grant::TokenExchange(grant)));
}

/// The person can help, and sees on that page what is connected; a failure that only waiting helps against has no such link.
#[tokio::test]
async fn a_refused_exchange_says_where_the_person_can_help() {
    for (reason, status, uri) in [
        (Reason::UpstreamLoginNeeded, 400, Some("https://gate.example/t/account")),
        (Reason::UpstreamConsentMissing, 400, Some("https://gate.example/t/account")),
        (Reason::UpstreamTokensWithheld, 400, None),
        (Reason::ResourceServerUnknown, 401, None),
    ] {
        let (edge, fake) = running().await;
        fake.refuse(refusal(reason, &[]));
        let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=s";
        let response = edge.post_form("/t/token", form).await;
        assert_eq!(response.status().as_u16(), status, "{reason:?}");
        let body: serde_json::Value = response.json().await.expect("JSON");
        assert_eq!(body["error"], reason.oauth_error());
        assert_eq!(body["error_uri"].as_str(), uri, "{reason:?}");
    }
}

#[tokio::test]
async fn absent_refresh_token_is_omitted() {
    let (edge, fake) = running().await;
    fake.answer(Answer::Exchanged(v1::ExchangeResponse { refresh_token: None, ..tokens() }));
    let text = edge.post_form("/token", "grant_type=refresh_token&refresh_token=r").await.text().await.expect("text");
    assert_eq!(text, r#"{"access_token":"at","token_type":"Bearer","expires_in":600,"scope":"read"}"#);
    let grant = Grant::RefreshToken(v1::RefreshTokenGrant { refresh_token: "r".to_owned() });
    assert_eq!(exchange(&fake).grant, Some(grant));
}

#[tokio::test]
async fn other_grant_types_are_passed_on() {
    for (form, grant_type) in [("grant_type=password", "password"), ("grant_type=", ""), ("", "")] {
        let (edge, fake) = running().await;
        fake.refuse(refusal(Reason::GrantTypeUnsupported, &[("oauth_error", "unsupported_grant_type")]));
        let response = edge.post_form("/token", form).await;
        assert_eq!(response.status(), 400);
        assert!(response.text().await.expect("text").contains("unsupported_grant_type"));
        let grant = Grant::Other(v1::OtherGrant { grant_type: grant_type.to_owned() });
        assert_eq!(exchange(&fake).grant, Some(grant));
    }
}

/// Requirements: R7, R12.
#[tokio::test]
async fn token_request_must_be_a_form_without_repetitions() {
    let (edge, fake) = running().await;
    let post =
        |kind: &str, body: &str| edge.http.post(edge.url("/token")).header("content-type", kind).body(body.to_owned());
    let form = "application/x-www-form-urlencoded";
    let wrong = [
        post("application/json", r#"{"grant_type":"refresh_token"}"#),
        post("text/plain", "grant_type=refresh_token"),
        post("multipart/form-data", "grant_type=refresh_token"),
        edge.http.post(edge.url("/token")).body("grant_type=refresh_token"),
        post(form, "grant_type=refresh_token&refresh_token=a&refresh_token=b"),
        post(form, "grant_type=&grant_type=refresh_token"),
        post(form, "code=%ff"),
        post(form, &"x".repeat(65 * 1024)),
    ];
    for request in wrong {
        let response = edge.send(request).await;
        assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (400, "no-store"));
        let body: serde_json::Value = response.json().await.expect("JSON");
        assert_eq!(body["error"], "invalid_request");
        assert!(body["error_description"].is_string());
    }
    assert!(fake.calls().is_empty());
    fake.answer(Answer::Exchanged(tokens()));
    let request = post("Application/X-WWW-Form-Urlencoded; charset=UTF-8", "grant_type=refresh_token&refresh_token=a");
    assert_eq!(edge.send(request).await.status(), 200);
}

/// Requirements: R13, R14.
#[tokio::test]
async fn basic_credentials_are_decoded_and_challenged() {
    let (edge, fake) = running().await;
    fake.refuse(refusal(Reason::ClientAuthenticationFailed, &[("oauth_error", "invalid_client")]));
    let post = || {
        let request = edge.http.post(edge.url("/t/token")).header("content-type", "application/x-www-form-urlencoded");
        request.body("grant_type=refresh_token&refresh_token=a")
    };
    let response = edge.send(post().basic_auth("id", Some("s%2Bx"))).await;
    assert_eq!(response.status(), 401);
    assert_eq!(header(&response, "www-authenticate"), "Basic realm=\"https://gate.example/t\"");
    let basic = v1::BasicCredentials {
        client_id: "id".to_owned(),
        client_secret: "s+x".to_owned(),
        verbatim_client_secret: Some("s%2Bx".to_owned()),
        ..Default::default()
    };
    assert_eq!(exchange(&fake).client.and_then(|client| client.basic), Some(basic));

    let response = edge.send(post().header("authorization", "Basic !!!")).await;
    assert_eq!(response.status(), 401);
    assert_eq!(header(&response, "www-authenticate"), "Basic realm=\"https://gate.example/t\"");
    let body: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(body["error"], "invalid_client");
    assert_eq!(fake.calls().len(), 1);
}

/// Claude registers again on 401 `invalid_client`, and only then.
#[tokio::test]
async fn unknown_client_is_401() {
    for reason in [Reason::ClientUnknown, Reason::ClientDisabled] {
        let (edge, fake) = running().await;
        fake.refuse(refusal(reason, &[("oauth_error", "invalid_client")]));
        let response = edge.post_form("/token", "grant_type=refresh_token&refresh_token=a&client_id=gone").await;
        assert_eq!((response.status().as_u16(), header(&response, "www-authenticate")), (401, ""), "{reason:?}");
        let body: serde_json::Value = response.json().await.expect("JSON");
        assert_eq!(body["error"], "invalid_client");
    }
}

/// The edge does not parse a `client_assertion`.
#[tokio::test]
async fn client_assertion_is_passed_on() {
    let (edge, fake) = running().await;
    let form = "grant_type=authorization_code&code=c&client_assertion=a.b.c&client_assertion_type=urn%3Ax";
    edge.post_form("/token", form).await;
    let Message::Exchange(message) = fake.only_message() else { panic!("not an exchange") };
    let client = message.client.expect("a client");
    assert_eq!((client.client_assertion(), client.client_assertion_type()), ("a.b.c", "urn:x"));
}

/// The response is 200 with an empty body (RFC 7009 §2.2).
///
/// Requirements: R30.
#[tokio::test]
async fn revocation_is_passed_on_and_the_response_is_empty() {
    let (edge, fake) = running().await;
    fake.answer(Answer::Revoked);
    let response = edge.post_form("/revoke", "token=t&token_type_hint=refresh_token&client_id=id").await;
    assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, "no-store"));
    assert_eq!(response.text().await.expect("nothing"), "");
    let Message::Revoke(message) = fake.only_message() else { panic!("not a revocation") };
    assert_eq!((message.token.as_str(), message.attempt.len()), ("t", 16));
    fake.refuse(refusal(Reason::ClientAuthenticationFailed, &[("oauth_error", "invalid_client")]));
    let request = edge.http.post(edge.url("/revoke")).basic_auth("id", Some("wrong"));
    let response = edge.send(request.header("content-type", "application/x-www-form-urlencoded").body("token=t")).await;
    assert_eq!(response.status(), 401);
    assert_eq!(header(&response, "www-authenticate"), "Basic realm=\"https://gate.example\"");
}

/// The resource server authenticates with its own bearer token (RFC 7662 §2.1).
///
/// Requirements: R39.
#[tokio::test]
async fn introspection_passes_on_the_resource_servers_token() {
    let (edge, fake) = running().await;
    let introspect = |token: Option<&str>| {
        let request = edge.http.post(edge.url("/introspect")).body("token=t");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        token.map_or_else(
            || request.try_clone().expect("a body"),
            |token| request.try_clone().expect("a body").bearer_auth(token),
        )
    };
    fake.answer(Answer::Introspected(v1::IntrospectResponse {
        active: true,
        sub: "alice".to_owned(),
        token_type: "Bearer".to_owned(),
        ..Default::default()
    }));
    let response = edge.send(introspect(Some("rs"))).await;
    assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, "no-store"));
    let json: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!((&json["active"], &json["sub"]), (&true.into(), &"alice".into()));
    fake.answer(Answer::Introspected(v1::IntrospectResponse::default()));
    assert_eq!(edge.send(introspect(Some("rs"))).await.text().await.expect("text"), r#"{"active":false}"#);
    fake.refuse(refusal(Reason::ResourceServerUnknown, &[("oauth_error", "invalid_client")]));
    let response = edge.send(introspect(None)).await;
    assert_eq!(
        (response.status().as_u16(), header(&response, "www-authenticate")),
        (401, "Bearer realm=\"https://gate.example\"")
    );
    let Message::Introspect(message) = &fake.calls()[0].message else { panic!("not an introspection") };
    assert_eq!((message.token.as_str(), message.resource_server_token()), ("t", "rs"));
}

/// As clients of RFC 7662 send them. The challenge is for the scheme that was tried (RFC 6749 §5.2).
///
/// Requirements: R13, R14, R39.
#[tokio::test]
async fn introspection_passes_on_client_credentials() {
    let (edge, fake) = running().await;
    let post = |body: &str| {
        let request = edge.http.post(edge.url("/introspect")).body(body.to_owned());
        request.header("content-type", "application/x-www-form-urlencoded")
    };
    fake.answer(Answer::Introspected(v1::IntrospectResponse::default()));
    let answered = edge.send(post("token=t").basic_auth("my notes", Some("a+b"))).await;
    assert_eq!(answered.status(), 200);
    fake.answer(Answer::Introspected(v1::IntrospectResponse::default()));
    assert_eq!(edge.send(post("token=t&client_id=notes&client_secret=a%2Bb")).await.status(), 200);
    let sent: Vec<_> = fake.calls().into_iter().map(|call| call.message).collect();
    let [Message::Introspect(by_header), Message::Introspect(by_form)] = &sent[..] else { panic!("{sent:?}") };
    let basic = v1::BasicCredentials {
        client_id: "my notes".to_owned(),
        client_secret: "a b".to_owned(),
        verbatim_client_id: None,
        verbatim_client_secret: Some("a+b".to_owned()),
    };
    let expected = v1::ClientCredentials { basic: Some(basic), ..Default::default() };
    assert_eq!(by_header.resource_server.as_ref(), Some(&expected));
    let expected = v1::ClientCredentials {
        client_id: Some("notes".to_owned()),
        client_secret: Some("a+b".to_owned()),
        ..Default::default()
    };
    assert_eq!(by_form.resource_server.as_ref(), Some(&expected));

    let (basic, bearer) = ("Basic realm=\"https://gate.example\"", "Bearer realm=\"https://gate.example\"");
    for (request, challenge) in [
        (post("token=t").basic_auth("notes", Some("wrong")), basic),
        (post("token=t&client_id=notes&client_secret=wrong"), bearer),
    ] {
        fake.refuse(refusal(Reason::ResourceServerUnknown, &[("oauth_error", "invalid_client")]));
        let response = edge.send(request).await;
        assert_eq!((response.status().as_u16(), header(&response, "www-authenticate")), (401, challenge));
        let challenges = response.headers().get_all("www-authenticate").iter().count();
        assert_eq!(challenges, 1);
        let json: serde_json::Value = response.json().await.expect("JSON");
        assert_eq!(json["error"], "invalid_client");
    }
    // Two Authorization headers are two methods, and neither counts.
    let before = fake.calls().len();
    let two = post("token=t").basic_auth("notes", Some("a")).header("authorization", "Bearer a");
    let response = edge.send(two).await;
    assert_eq!((response.status().as_u16(), header(&response, "www-authenticate")), (401, basic));
    assert_eq!(fake.calls().len(), before);
}
