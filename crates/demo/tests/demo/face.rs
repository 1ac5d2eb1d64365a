//! The other face: each lie is told as it is named, and nothing else about the answer changes.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey, decode_header};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::demo_provider::{Demo, granted, param};
use crate::sockets::http;

#[tokio::test]
async fn without_being_asked_for_there_is_none() {
    let provider = Demo::start().await;
    for path in ["/other-face", "/elsewhere/jwks"] {
        let answer = http().get(format!("{}{path}", provider.address)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let told = http().put(format!("{}/other-face", provider.address)).json(&json!({ "person": "ada" }));
    assert_eq!(told.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let hinted = provider.browser().open(&provider.authorize(&[("login_hint", "ada")])).await;
    assert!(hinted.is_login_page());
}

#[tokio::test]
async fn told_nothing_it_is_honest_and_counts() {
    let face = Face::start().await;
    assert!(face.0.browser().open(&face.0.authorize(&[])).await.is_login_page(), "nobody was named");
    face.tell(json!([])).await;
    let mut browser = face.0.browser();
    browser.open(&face.0.authorize(&[])).await.returned();
    let code = param(&browser.open(&face.0.authorize(&[])).await.returned(), "code").unwrap();
    let tokens = granted(face.0.redeem(&code, &[]).await).await;
    assert_eq!(face.0.id_token(&tokens).await["sub"], "anybody");
    assert_eq!(granted(face.0.userinfo(&tokens).await).await, json!({ "sub": "anybody" }));
    assert_eq!(face.0.redeem(&code, &[]).await.status(), StatusCode::BAD_REQUEST);

    let asked = face.asked().await;
    let counts = ["remembered", "codes_given", "codes_repeated", "discovery", "jwks", "userinfo", "elsewhere"];
    assert_eq!(counts.map(|name| asked[name].as_u64().unwrap()), [1, 2, 1, 0, 1, 1, 0]);
    assert_eq!(asked["authorizations"][1]["nonce"], "a nonce");
    assert_eq!(asked["exchanges"][0]["code"], json!(code));
    assert_eq!(asked["exchanges"].as_array().unwrap().len(), 2);
    let given = asked["tokens_given"].as_array().unwrap();
    assert!(given.contains(&tokens["access_token"]) && given.contains(&tokens["refresh_token"]));
}

#[tokio::test]
async fn a_lie_in_an_id_token_is_signed_as_the_truth_is() {
    let face = Face::start().await;
    for (lie, name, value) in [
        (json!({ "claim": ["iss", "https://another.example"] }), "iss", json!("https://another.example")),
        (json!({ "claim": ["sub", null] }), "sub", json!(null)),
        (json!({ "claim": ["sub", { "a": [1.5] }] }), "sub", json!({ "a": [1.5] })),
        (json!({ "claim": ["azp", "x"] }), "azp", json!("x")),
    ] {
        let tokens = face.tokens(json!([lie])).await;
        let claims = face.claims(&tokens, &face.key().await, Algorithm::ES256).unwrap();
        assert_eq!(claims[name], value);
        assert_eq!(claims["nonce"], "a nonce");
    }
    let tokens = face.tokens(json!([{ "no_claim": "sub" }])).await;
    let claims = face.claims(&tokens, &face.key().await, Algorithm::ES256).unwrap();
    assert_eq!(claims.get("sub"), None);
}

#[tokio::test]
async fn a_forged_signature_is_good_only_for_who_falls_for_it() {
    let face = Face::start().await;
    let published = face.0.json("/jwks").await["keys"][0].clone();
    let point = |name| BASE64_URL_SAFE_NO_PAD.decode(published[name].as_str().unwrap()).unwrap();
    let public = DecodingKey::from_secret(&[vec![4], point("x"), point("y")].concat());
    let secret = DecodingKey::from_secret("s3cret+&= é".as_bytes());
    for (signature, key, algorithm) in
        [("client_secret", &secret, Algorithm::HS256), ("public_key", &public, Algorithm::HS256)]
    {
        let tokens = face.tokens(json!([{ "signed": signature }])).await;
        assert_eq!(face.claims(&tokens, key, algorithm).unwrap()["sub"], "anybody", "{signature}");
    }
    let tokens = face.tokens(json!([{ "signed": "none" }])).await;
    let token = tokens["id_token"].as_str().unwrap();
    let header = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&header).unwrap()["alg"], "none");
    assert!(token.ends_with('.'));

    let tokens = face.tokens(json!([{ "signed": "other_key" }])).await;
    let header = decode_header(tokens["id_token"].as_str().unwrap()).unwrap();
    assert_eq!(header.kid.as_deref(), published["kid"].as_str(), "it names the right key");
    assert_eq!(face.claims(&tokens, &face.key().await, Algorithm::ES256), None);

    let tokens = face.tokens(json!([{ "signed": "new_key" }, "new_key_set"])).await;
    assert!(face.claims(&tokens, &face.key().await, Algorithm::ES256).is_some(), "a rotation is no lie");
    assert_ne!(face.0.json("/jwks").await["keys"][0], published);
    let tokens = face.tokens(json!([{ "signed": "new_key" }])).await;
    assert_eq!(face.claims(&tokens, &face.key().await, Algorithm::ES256), None, "a key that nobody published is one");
}

#[tokio::test]
async fn documents_and_callbacks_lose_and_gain_what_is_told() {
    let face = Face::start().await;
    face.tell(json!([{ "member": ["discovery", "issuer", "x"] }, { "no_member": ["discovery", "jwks_uri"] }])).await;
    let discovery = face.0.json("/.well-known/openid-configuration").await;
    assert_eq!((&discovery["issuer"], discovery.get("jwks_uri")), (&json!("x"), None));
    assert_eq!(discovery["token_endpoint"], format!("{}/token", face.0.issuer));
    let tokens = face.tokens(json!([{ "no_member": ["token", "expires_in"] }])).await;
    assert!(tokens.get("expires_in").is_none() && tokens["token_type"] == "Bearer");
    face.tell(json!([{ "member": ["userinfo", "sub", 5] }])).await;
    assert_eq!(granted(face.0.userinfo(&tokens).await).await["sub"], 5);

    face.tell(json!([{ "no_member": ["authorize", "code"] }, { "member": ["authorize", "error", "<b>\r\n"] }])).await;
    let returned = face.0.browser().open(&face.0.authorize(&[])).await.returned();
    assert_eq!((param(&returned, "code"), param(&returned, "error").as_deref()), (None, Some("<b>\r\n")));
    assert_eq!(param(&returned, "iss"), Some(face.0.issuer.clone()));
    assert_eq!(param(&returned, "kept").as_deref(), Some("1"), "the client's own query stays");
}

#[tokio::test]
async fn an_answer_goes_wrong_as_it_is_told_and_holds_the_truth_all_the_same() {
    let face = Face::start().await;
    let truth = face.0.json("/jwks").await;
    let answer = async |how: Value| -> Response {
        face.tell(json!([{ "answer": ["jwks", how] }])).await;
        http().get(format!("{}/jwks", face.0.address)).send().await.unwrap()
    };
    let status = answer(json!({ "status": 500 })).await;
    assert_eq!((status.status().as_u16(), status.json::<Value>().await.unwrap()), (500, truth.clone()));
    let label = answer(json!({ "content_type": "text/html" })).await;
    assert_eq!(label.headers()["content-type"], "text/html");
    assert_eq!(label.json::<Value>().await.unwrap(), truth);
    assert_eq!(answer(json!({ "body": "no" })).await.text().await.unwrap(), "no");
    let padded = answer(json!({ "padded": 1000 })).await.text().await.unwrap();
    assert_eq!(padded.trim_end().len() + 1000, padded.len());
    assert_eq!(serde_json::from_str::<Value>(&padded).unwrap(), truth);

    let redirect = answer(json!("redirects")).await;
    assert_eq!(redirect.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(redirect.headers()["location"], "/elsewhere/jwks");
    assert_eq!(face.asked().await["elsewhere"], 0);
    assert_eq!(face.0.json("/elsewhere/jwks").await, truth);
    assert_eq!(face.asked().await["elsewhere"], 1);

    for endless in ["never_ends", "drips"] {
        let mut answer = answer(json!(endless)).await;
        let mut body = Vec::new();
        while body.len() <= truth.to_string().len() + 2 {
            body.extend(answer.chunk().await.unwrap().expect("there is more"));
        }
        let text = String::from_utf8(body).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), truth, "{endless}");
    }
    let mut broken = answer(json!("breaks_off")).await;
    assert_eq!(serde_json::from_slice::<Value>(&broken.chunk().await.unwrap().unwrap()).unwrap(), truth);
    assert!(broken.chunk().await.is_err(), "the end was not the end");

    // One stalls until it is released; who comes later stalls again.
    face.tell(json!([{ "answer": ["jwks", "stalls"] }])).await;
    let count = face.asked().await["jwks"].as_u64().unwrap();
    let url = format!("{}/jwks", face.0.address);
    let stalled = tokio::spawn(async move { http().get(url).send().await.unwrap().json::<Value>().await.unwrap() });
    while face.asked().await["jwks"].as_u64().unwrap() == count {}
    assert!(!stalled.is_finished());
    let release = http().post(format!("{}/other-face/release", face.0.address)).send().await.unwrap();
    assert_eq!(release.status(), StatusCode::NO_CONTENT);
    assert_eq!(stalled.await.unwrap(), truth);
}

#[tokio::test]
async fn a_code_is_answered_twice_only_if_that_is_told() {
    let face = Face::start().await;
    face.tell(json!(["second_answer"])).await;
    let code = face.code().await;
    for subject in ["anybody", "somebody-else", "somebody-else"] {
        let again: Value = face.0.redeem(&code, &[]).await.json().await.unwrap();
        assert_eq!(face.0.id_token(&again).await["sub"], subject);
    }
    face.tell(json!([])).await;
    assert_eq!(face.0.redeem(&code, &[]).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_lie_that_it_does_not_know_is_not_silently_left_out() {
    let face = Face::start().await;
    for lies in [json!(["whatever"]), json!([{ "claim": "sub" }]), json!([{ "answer": ["nowhere", "stalls"] }])] {
        let request = http().put(format!("{}/other-face", face.0.address)).json(&json!({ "lies": lies }));
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY, "{lies}");
    }
}

/// A provider with its other face put on.
struct Face(Demo);

impl Face {
    async fn start() -> Self {
        Self(Demo::with("other_face = true").await)
    }

    async fn tell(&self, lies: Value) {
        let told = json!({ "person": "anybody", "lies": lies });
        let answer = http().put(format!("{}/other-face", self.0.address)).json(&told).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }

    async fn asked(&self) -> Value {
        self.0.json("/other-face").await
    }

    async fn code(&self) -> String {
        param(&self.0.browser().open(&self.0.authorize(&[])).await.returned(), "code").unwrap()
    }

    async fn tokens(&self, lies: Value) -> Value {
        self.tell(lies).await;
        granted(self.0.redeem(&self.code().await, &[]).await).await
    }

    /// The one it publishes now.
    async fn key(&self) -> DecodingKey {
        DecodingKey::from_jwk(&serde_json::from_value(self.0.json("/jwks").await["keys"][0].clone()).unwrap()).unwrap()
    }

    /// What the ID token says, if that is its signature.
    fn claims(&self, tokens: &Value, key: &DecodingKey, algorithm: Algorithm) -> Option<Value> {
        let (signed, signature) = tokens["id_token"].as_str()?.rsplit_once('.')?;
        let header = decode_header(tokens["id_token"].as_str()?).ok()?;
        let good = verify(signature, signed.as_bytes(), key, algorithm).ok()? && header.alg == algorithm;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(signed.split('.').nth(1)?).ok()?;
        good.then(|| serde_json::from_slice(&claims).unwrap())
    }
}
