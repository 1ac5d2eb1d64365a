//! Signing algorithms of access tokens: an issuer chooses one, and may change it while tokens live.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use lychgate_control::config::AccessTokenAlgorithm;
use serde_json::json;

use crate::support::{App, Environment, Flow, ISSUER, ISSUER_URL, RESOURCE, Verifier};

pub(crate) const ALGORITHMS: [AccessTokenAlgorithm; 3] =
    [AccessTokenAlgorithm::Es256, AccessTokenAlgorithm::EdDsa, AccessTokenAlgorithm::Rs256];

fn name(algorithm: AccessTokenAlgorithm) -> String {
    serde_json::to_value(algorithm).unwrap().as_str().unwrap().to_owned()
}

/// Requirements: R44.
#[tokio::test(flavor = "multi_thread")]
async fn token_claims_are_the_same_with_every_algorithm() {
    for algorithm in ALGORITHMS {
        let mut env = Environment::new().await;
        env.issuer().access_tokens.algorithm = algorithm;
        let edge = env.start().await;
        let edge = edge.edge();
        let tokens = Flow::new(App::configured()).tokens(&edge, &env.idp).await;
        let header = jsonwebtoken::decode_header(&tokens.access_token).unwrap();
        assert_eq!(format!("{:?}", header.alg), name(algorithm).to_uppercase().replace("EDDSA", "EdDSA"));
        let claims = Verifier::new().verify(&tokens.access_token, &edge, env.now()).await.unwrap();
        // RFC 9068 §2.2, and the grant.
        let members: BTreeSet<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = ["aud", "client_id", "exp", "grant_id", "iat", "iss", "jti", "scope", "sub"];
        assert_eq!(members, BTreeSet::from(expected), "{algorithm:?}");
        assert_eq!(claims["iss"], json!(ISSUER_URL));
        assert_eq!((&claims["aud"], &claims["scope"]), (&json!(RESOURCE), &json!("read")));
        assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 600);
        let described = edge.describe(ISSUER).await.unwrap();
        assert_eq!(described.keys.iter().map(|key| key.alg.clone()).collect::<Vec<_>>(), [name(algorithm)]);
        let metadata = described.metadata.unwrap();
        assert_eq!(metadata.id_token_signing_alg_values_supported, [name(algorithm)]);
    }
}

/// Two nodes restart with another algorithm, one after the other, while a client refreshes and a verifier fetches keys
/// as seldom as it is allowed to.
///
/// Requirements: R44, R45.
#[tokio::test(flavor = "multi_thread")]
async fn changing_the_algorithm_refuses_no_token() {
    for (n, from) in ALGORITHMS.into_iter().enumerate() {
        let to = ALGORITHMS[(n + 1) % ALGORITHMS.len()];
        let mut env = Environment::new().await;
        env.config.keys.announcement_seconds = 600;
        env.issuer().access_tokens.algorithm = from;
        let (mut one, mut two) = (env.start().await, env.start().await);
        let (mut flow, mut verifier) = (Flow::new(App::configured()), Verifier::new());
        let mut tokens = flow.tokens(&one.edge(), &env.idp).await;
        verifier.verify(&tokens.access_token, &two.edge(), env.now()).await.unwrap();
        env.issuer().access_tokens.algorithm = to;
        let (mut alive, mut signed_with) = (Vec::new(), HashSet::new());
        // Steps of 20 seconds, over the announcement and the life of the last token of the old key.
        for step in 0..80 {
            match step {
                5 => one = env.start().await,
                10 => two = env.start().await,
                _ => env.advance(Duration::from_secs(20)),
            }
            tokens = one.edge().exchange(flow.refresh(tokens.refresh_token())).await.unwrap();
            signed_with.insert(jsonwebtoken::decode_header(&tokens.access_token).unwrap().alg);
            alive.push((env.now(), tokens.access_token.clone()));
            alive.retain(|(at, _)| at.until(env.now()) < Duration::from_secs(600));
            for (at, token) in &alive {
                let verified = verifier.verify(token, &two.edge(), env.now()).await;
                assert!(verified.is_ok(), "{from:?} to {to:?}, {step}, of {:?}: {verified:?}", at.until(env.now()));
            }
        }
        assert_eq!(signed_with.len(), 2, "{signed_with:?}");
        let keys = two.edge().describe(ISSUER).await.unwrap().keys;
        assert_eq!(keys.iter().map(|key| key.alg.clone()).collect::<Vec<_>>(), [name(to)], "the old key is forgotten");
    }
}
