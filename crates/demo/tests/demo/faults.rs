//! Fault injection: each fault alters one thing of a response and nothing else.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey, decode_header};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::demo_provider::{Demo, granted, param};
use crate::sockets::http;

#[tokio::test]
async fn fault_injection_is_off_by_default() {
    let provider = Demo::start().await;
    for path in ["/faults", "/redirected/jwks"] {
        let answer = http().get(format!("{}{path}", provider.address)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let instructed = http().put(format!("{}/faults", provider.address)).json(&json!({ "user": "ada" }));
    assert_eq!(instructed.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let hinted = provider.browser().open(&provider.authorize(&[("login_hint", "ada")])).await;
    assert!(hinted.is_login_page());
}

#[tokio::test]
async fn without_faults_it_is_honest_and_records_requests() {
    let faulty = FaultyProvider::start().await;
    assert!(faulty.0.browser().open(&faulty.0.authorize(&[])).await.is_login_page(), "no user is set");
    faulty.instruct(json!([])).await;
    let mut browser = faulty.0.browser();
    browser.open(&faulty.0.authorize(&[])).await.returned();
    let code = param(&browser.open(&faulty.0.authorize(&[])).await.returned(), "code").unwrap();
    let tokens = granted(faulty.0.redeem(&code, &[]).await).await;
    assert_eq!(faulty.0.id_token(&tokens).await["sub"], "any-user");
    assert_eq!(granted(faulty.0.userinfo(&tokens).await).await, json!({ "sub": "any-user" }));
    assert_eq!(faulty.0.redeem(&code, &[]).await.status(), StatusCode::BAD_REQUEST);

    let recorded = faulty.recorded().await;
    let counts = ["remembered", "codes_given", "codes_repeated", "discovery", "jwks", "userinfo", "redirected"];
    assert_eq!(counts.map(|name| recorded[name].as_u64().unwrap()), [1, 2, 1, 0, 1, 1, 0]);
    assert_eq!(recorded["authorizations"][1]["nonce"], "a nonce");
    assert_eq!(recorded["exchanges"][0]["code"], json!(code));
    assert_eq!(recorded["exchanges"].as_array().unwrap().len(), 2);
    let given = recorded["tokens_given"].as_array().unwrap();
    assert!(given.contains(&tokens["access_token"]) && given.contains(&tokens["refresh_token"]));
}

#[tokio::test]
async fn false_claim_is_signed_like_a_true_one() {
    let faulty = FaultyProvider::start().await;
    for (fault, name, value) in [
        (json!({ "claim": ["iss", "https://another.example"] }), "iss", json!("https://another.example")),
        (json!({ "claim": ["sub", null] }), "sub", json!(null)),
        (json!({ "claim": ["sub", { "a": [1.5] }] }), "sub", json!({ "a": [1.5] })),
        (json!({ "claim": ["azp", "x"] }), "azp", json!("x")),
    ] {
        let tokens = faulty.tokens(json!([fault])).await;
        let claims = faulty.claims(&tokens, &faulty.key().await, Algorithm::ES256).unwrap();
        assert_eq!(claims[name], value);
        assert_eq!(claims["nonce"], "a nonce");
    }
    let tokens = faulty.tokens(json!([{ "no_claim": "sub" }])).await;
    let claims = faulty.claims(&tokens, &faulty.key().await, Algorithm::ES256).unwrap();
    assert_eq!(claims.get("sub"), None);
}

#[tokio::test]
async fn forged_signature_passes_only_the_flawed_check() {
    let faulty = FaultyProvider::start().await;
    let published = faulty.0.json("/jwks").await["keys"][0].clone();
    let point = |name| BASE64_URL_SAFE_NO_PAD.decode(published[name].as_str().unwrap()).unwrap();
    let public = DecodingKey::from_secret(&[vec![4], point("x"), point("y")].concat());
    let secret = DecodingKey::from_secret("s3cret+&= é".as_bytes());
    for (signature, key, algorithm) in
        [("client_secret", &secret, Algorithm::HS256), ("public_key", &public, Algorithm::HS256)]
    {
        let tokens = faulty.tokens(json!([{ "signed": signature }])).await;
        assert_eq!(faulty.claims(&tokens, key, algorithm).unwrap()["sub"], "any-user", "{signature}");
    }
    let tokens = faulty.tokens(json!([{ "signed": "none" }])).await;
    let token = tokens["id_token"].as_str().unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["alg"], "none");
    assert!(token.ends_with('.'));

    let tokens = faulty.tokens(json!([{ "signed": "other_key" }])).await;
    let header = decode_header(tokens["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(header.kid.as_deref(), published["kid"].as_str(), "the kid is the published one");
    assert_eq!(faulty.claims(&tokens, &faulty.key().await, Algorithm::ES256), None);

    let tokens = faulty.tokens(json!([{ "signed": "new_key" }, "new_key_set"])).await;
    assert!(faulty.claims(&tokens, &faulty.key().await, Algorithm::ES256).is_some(), "a correct rotation");
    assert_ne!(faulty.0.json("/jwks").await["keys"][0], published);
    let tokens = faulty.tokens(json!([{ "signed": "new_key" }])).await;
    assert_eq!(faulty.claims(&tokens, &faulty.key().await, Algorithm::ES256), None, "an unpublished key");
}

#[tokio::test]
async fn documents_and_callbacks_lose_and_gain_members() {
    let faulty = FaultyProvider::start().await;
    faulty
        .instruct(json!([{ "member": ["discovery", "issuer", "x"] }, { "no_member": ["discovery", "jwks_uri"] }]))
        .await;
    let discovery = faulty.0.json("/.well-known/openid-configuration").await;
    assert_eq!((&discovery["issuer"], discovery.get("jwks_uri")), (&json!("x"), None));
    assert_eq!(discovery["token_endpoint"], format!("{}/token", faulty.0.issuer));
    let tokens = faulty.tokens(json!([{ "no_member": ["token", "expires_in"] }])).await;
    assert!(tokens.get("expires_in").is_none() && tokens["token_type"] == "Bearer");
    faulty.instruct(json!([{ "member": ["userinfo", "sub", 5] }])).await;
    assert_eq!(granted(faulty.0.userinfo(&tokens).await).await["sub"], 5);

    faulty
        .instruct(json!([{ "no_member": ["authorize", "code"] }, { "member": ["authorize", "error", "<b>\r\n"] }]))
        .await;
    let returned = faulty.0.browser().open(&faulty.0.authorize(&[])).await.returned();
    assert_eq!((param(&returned, "code"), param(&returned, "error").as_deref()), (None, Some("<b>\r\n")));
    assert_eq!(param(&returned, "iss"), Some(faulty.0.issuer.clone()));
    assert_eq!(param(&returned, "kept").as_deref(), Some("1"), "the client's own query stays");
}

#[tokio::test]
async fn response_breaks_as_instructed_and_contains_the_honest_body() {
    let faulty = FaultyProvider::start().await;
    let honest = faulty.0.json("/jwks").await;
    let answer = async |how: Value| -> Response {
        faulty.instruct(json!([{ "answer": ["jwks", how] }])).await;
        http().get(format!("{}/jwks", faulty.0.address)).send().await.unwrap()
    };
    let status = answer(json!({ "status": 500 })).await;
    assert_eq!((status.status().as_u16(), status.json::<Value>().await.unwrap()), (500, honest.clone()));
    let label = answer(json!({ "content_type": "text/html" })).await;
    assert_eq!(label.headers()["content-type"], "text/html");
    assert_eq!(label.json::<Value>().await.unwrap(), honest);
    assert_eq!(answer(json!({ "body": "no" })).await.text().await.unwrap(), "no");
    let padded = answer(json!({ "padded": 1000 })).await.text().await.unwrap();
    assert_eq!(padded.trim_end().len() + 1000, padded.len());
    assert_eq!(serde_json::from_str::<Value>(&padded).unwrap(), honest);

    let redirect = answer(json!("redirects")).await;
    assert_eq!(redirect.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(redirect.headers()["location"], "/redirected/jwks");
    assert_eq!(faulty.recorded().await["redirected"], 0);
    assert_eq!(faulty.0.json("/redirected/jwks").await, honest);
    assert_eq!(faulty.recorded().await["redirected"], 1);

    for endless in ["never_ends", "drips"] {
        let mut answer = answer(json!(endless)).await;
        let mut body = Vec::new();
        while body.len() <= honest.to_string().len() + 2 {
            body.extend(answer.chunk().await.unwrap().expect("another chunk"));
        }
        let text = String::from_utf8(body).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), honest, "{endless}");
    }
    let mut broken = answer(json!("breaks_off")).await;
    assert_eq!(serde_json::from_slice::<Value>(&broken.chunk().await.unwrap().unwrap()).unwrap(), honest);
    assert!(broken.chunk().await.is_err(), "the connection breaks off");

    // A request stalls until it is released; a later one stalls again.
    faulty.instruct(json!([{ "answer": ["jwks", "stalls"] }])).await;
    let count = faulty.recorded().await["jwks"].as_u64().unwrap();
    let url = format!("{}/jwks", faulty.0.address);
    let stalled = tokio::spawn(async move { http().get(url).send().await.unwrap().json::<Value>().await.unwrap() });
    while faulty.recorded().await["jwks"].as_u64().unwrap() == count {}
    assert!(!stalled.is_finished());
    let release = http().post(format!("{}/faults/release", faulty.0.address)).send().await.unwrap();
    assert_eq!(release.status(), StatusCode::NO_CONTENT);
    assert_eq!(stalled.await.unwrap(), honest);
}

#[tokio::test]
async fn code_is_accepted_twice_only_if_instructed() {
    let faulty = FaultyProvider::start().await;
    faulty.instruct(json!(["second_answer"])).await;
    let code = faulty.code().await;
    for subject in ["any-user", "somebody-else", "somebody-else"] {
        let again: Value = faulty.0.redeem(&code, &[]).await.json().await.unwrap();
        assert_eq!(faulty.0.id_token(&again).await["sub"], subject);
    }
    faulty.instruct(json!([])).await;
    assert_eq!(faulty.0.redeem(&code, &[]).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn unknown_fault_is_refused() {
    let faulty = FaultyProvider::start().await;
    for faults in [json!(["unheard-of"]), json!([{ "claim": "sub" }]), json!([{ "answer": ["nowhere", "stalls"] }])] {
        let request = http().put(format!("{}/faults", faulty.0.address)).json(&json!({ "faults": faults }));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY, "{faults}");
    }
}

/// A provider with fault injection.
struct FaultyProvider(Demo);

impl FaultyProvider {
    async fn start() -> Self {
        Self(Demo::with("fault_injection = true").await)
    }

    async fn instruct(&self, faults: Value) {
        let instructions = json!({ "user": "any-user", "faults": faults });
        let answer = http().put(format!("{}/faults", self.0.address)).json(&instructions).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }

    async fn recorded(&self) -> Value {
        self.0.json("/faults").await
    }

    async fn code(&self) -> String {
        param(&self.0.browser().open(&self.0.authorize(&[])).await.returned(), "code").unwrap()
    }

    async fn tokens(&self, faults: Value) -> Value {
        self.instruct(faults).await;
        granted(self.0.redeem(&self.code().await, &[]).await).await
    }

    /// The published key.
    async fn key(&self) -> DecodingKey {
        DecodingKey::from_jwk(&serde_json::from_value(self.0.json("/jwks").await["keys"][0].clone()).unwrap()).unwrap()
    }

    /// The claims of the ID token, if its signature verifies.
    fn claims(&self, tokens: &Value, key: &DecodingKey, algorithm: Algorithm) -> Option<Value> {
        let (signed, signature) = tokens["id_token"].as_str()?.rsplit_once('.')?;
        let header = decode_header(tokens["id_token"].as_str()?).ok()?;
        let good = verify(signature, signed.as_bytes(), key, algorithm).ok()? && header.alg == algorithm;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(signed.split('.').nth(1)?).ok()?;
        good.then(|| serde_json::from_slice(&claims).unwrap())
    }
}
