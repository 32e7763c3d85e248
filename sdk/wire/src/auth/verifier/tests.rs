use std::sync::atomic::AtomicUsize;

use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use serde_json::{Value, json};

use super::{super::Issuer, *};

struct Pair {
    private: String,
    public: String,
}

fn pair(seed: u8) -> Pair {
    let key = SigningKey::from_bytes(&[seed; 32]);
    Pair {
        private: key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string(),
        public: key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap(),
    }
}

fn now() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

fn claims(exp: u64) -> Claims {
    Claims { sub: "me".to_owned(), scope: Scope::Operator, exp, iat: 0 }
}

/// A token of any header and claims.
fn token(seed: u8, header: &jsonwebtoken::Header, claims: &Value) -> String {
    let key = jsonwebtoken::EncodingKey::from_ed_pem(pair(seed).private.as_bytes()).unwrap();
    jsonwebtoken::encode(header, claims, &key).unwrap()
}

fn set(keys: &[(u8, &str)]) -> KeySet {
    let keys = keys.iter().map(|(seed, kid)| {
        let mut key = super::super::jwk(pair(*seed).public.as_bytes()).unwrap();
        key["kid"] = (*kid).into();
        key
    });
    KeySet::from_jwks(json!({"keys": keys.collect::<Vec<_>>()}).to_string().as_bytes()).unwrap().0
}

fn signed(seed: u8, kid: Option<&str>) -> String {
    let issuer = Issuer::from_pem(pair(seed).private.as_bytes()).unwrap().with_kid(kid.map(str::to_owned));
    issuer.issue(&claims(now() + 60))
}

fn code(verifier: &Verifier, token: &str) -> Result<(), String> {
    let judged = verifier.judge(Some(format!("Bearer {token}").as_bytes()), Scope::Operator);
    judged.map(|_| ()).map_err(|problem| problem.detail.into_owned())
}

#[test]
fn times_are_kept_within_the_leeway() {
    let verifier = Verifier::from_pem(pair(1).public.as_bytes()).unwrap();
    let issue = |claims: Value| token(1, &jsonwebtoken::Header::new(Algorithm::EdDSA), &claims);
    let timed = |exp: u64, nbf: u64| json!({"sub": "me", "scope": "admin", "exp": exp, "nbf": nbf});
    assert_eq!(code(&verifier, &issue(timed(now() + 60, now()))), Ok(()));
    assert!(code(&verifier, &issue(timed(now() - 10, 0))).unwrap_err().contains("expired"));
    assert!(code(&verifier, &issue(timed(now() + 600, now() + 60))).unwrap_err().contains("not valid yet"));
    assert!(code(&verifier, &issue(json!({"sub": "me", "scope": "admin"}))).is_err(), "a token has an end");
    assert!(code(&verifier, &issue(json!({"sub": "", "scope": "admin", "exp": now() + 60}))).is_err());
}

/// A longer one makes PostgreSQL refuse the row that it is part of, a NUL the whole statement, and with
/// either the writes of everybody else in the batch.
#[test]
fn a_subject_that_no_database_can_index_is_refused() {
    let verifier = Verifier::from_pem(pair(1).public.as_bytes()).unwrap();
    let of = |sub: &str| {
        let claims = json!({"sub": sub, "scope": "operator", "exp": now() + 60});
        code(&verifier, &token(1, &jsonwebtoken::Header::new(Algorithm::EdDSA), &claims))
    };
    for right in ["a", "ü and | spaces", &"x".repeat(255), &"é".repeat(127)] {
        assert_eq!(of(right), Ok(()), "{right}");
    }
    for wrong in ["", &"x".repeat(256), &"é".repeat(128), &"x".repeat(2700)] {
        assert!(of(wrong).unwrap_err().contains("(sub) must have 1 to 255 bytes"), "{wrong:?}");
    }
    for wrong in ["a\0", "\n", "a\u{7f}b", "\u{85}", "a\u{1b}[31m"] {
        assert!(of(wrong).unwrap_err().contains("(sub) must have no control characters"), "{wrong:?}");
    }
}

#[test]
fn a_scope_may_stand_among_other_words() {
    let verifier = Verifier::from_pem(pair(1).public.as_bytes()).unwrap();
    let issue = |scope: &str| {
        let claims = json!({"sub": "me", "scope": scope, "exp": now() + 60});
        code(&verifier, &token(1, &jsonwebtoken::Header::new(Algorithm::EdDSA), &claims))
    };
    assert_eq!(issue("openid storefront operator"), Ok(()));
    assert!(issue("openid storefront").unwrap_err().contains("operator"), "too small a scope");
    assert!(issue("openid").is_err());
    assert!(issue("operators").is_err());
}

#[test]
fn only_eddsa_counts() {
    let verifier = Verifier::from_pem(pair(1).public.as_bytes()).unwrap();
    let body = json!({"sub": "me", "scope": "admin", "exp": now() + 60});
    // The classic confusion: the public key taken as the secret of an HMAC.
    let secret = jsonwebtoken::EncodingKey::from_secret(pair(1).public.as_bytes());
    let hmac = jsonwebtoken::encode(&jsonwebtoken::Header::new(Algorithm::HS256), &body, &secret).unwrap();
    assert!(code(&verifier, &hmac).is_err());
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSIsInNjb3BlIjoiYWRtaW4iLCJleHAiOjk5OTk5OTk5OTl9.";
    assert!(code(&verifier, none).is_err());
    let mut critical = jsonwebtoken::Header::new(Algorithm::EdDSA);
    critical.crit = Some(vec!["b64".to_owned()]);
    assert!(code(&verifier, &token(1, &critical, &body)).is_err());
}

#[test]
fn issuer_and_audience_must_fit_where_they_are_asked() {
    let expected = Expected { issuer: Some("https://id".into()), audience: Some("stock".into()) };
    let verifier = Verifier::new(KeySet::from_pem(pair(1).public.as_bytes()).unwrap(), &expected);
    let issue = |iss: Value, aud: Value| {
        let mut body = json!({"sub": "me", "scope": "operator", "exp": now() + 60, "iss": iss, "aud": aud});
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        token(1, &jsonwebtoken::Header::new(Algorithm::EdDSA), &body)
    };
    assert_eq!(code(&verifier, &issue("https://id".into(), "stock".into())), Ok(()));
    assert_eq!(code(&verifier, &issue("https://id".into(), json!(["other", "stock"]))), Ok(()));
    assert!(code(&verifier, &issue("https://else".into(), "stock".into())).unwrap_err().contains("another issuer"));
    assert!(code(&verifier, &issue("https://id".into(), "other".into())).unwrap_err().contains("another audience"));
    assert!(code(&verifier, &issue(Value::Null, "stock".into())).unwrap_err().contains("no issuer"));
    assert!(code(&verifier, &issue("https://id".into(), Value::Null)).unwrap_err().contains("no audience"));
}

#[test]
fn a_named_key_alone_judges_and_no_name_tries_each() {
    let verifier = Verifier::new(set(&[(1, "a"), (2, "b")]), &Expected::default());
    for (seed, kid) in [(1, Some("a")), (2, Some("b")), (1, None), (2, None)] {
        assert_eq!(code(&verifier, &signed(seed, kid)), Ok(()), "{seed} {kid:?}");
    }
    for (seed, kid) in [(1, Some("b")), (1, Some("c")), (3, None), (3, Some("a"))] {
        assert!(code(&verifier, &signed(seed, kid)).is_err(), "{seed} {kid:?}");
    }
}

#[test]
fn an_unknown_name_is_told_and_a_bad_signature_is_not() {
    let verifier = Verifier::new(set(&[(1, "a")]), &Expected::default());
    let told = Arc::new(AtomicUsize::new(0));
    let count = told.clone();
    verifier.on_unknown_key(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    for (seed, kid) in [(1, Some("a")), (2, Some("a")), (2, None)] {
        let _judged = code(&verifier, &signed(seed, kid));
    }
    assert_eq!(told.load(Ordering::Relaxed), 0);
    assert!(code(&verifier, &signed(2, Some("b"))).is_err());
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

/// Without the generation, what was remembered would outlive the key that verified it.
#[test]
fn a_removed_key_stops_counting_though_its_token_was_remembered() {
    let verifier = Verifier::new(set(&[(1, "a")]), &Expected::default());
    let old = signed(1, Some("a"));
    assert_eq!(code(&verifier, &old), Ok(()));
    assert!(verifier.remembered.get(old.as_str()).is_some());
    assert!(!verifier.replace(set(&[(1, "a")])), "the same keys");
    assert_eq!((code(&verifier, &old), verifier.standing().replaced), (Ok(()), 0));
    assert!(verifier.replace(set(&[(2, "b")])));
    assert!(code(&verifier, &old).is_err());
    assert_eq!(code(&verifier, &signed(2, Some("b"))), Ok(()));
    verifier.refresh_failed();
    let failing = Standing { keys: 1, replaced: 1, failed_refreshes: 1, failing: true };
    assert_eq!(verifier.standing(), failing);
}

#[test]
fn what_is_remembered_ends_with_the_token() {
    let verifier = Verifier::from_pem(pair(1).public.as_bytes()).unwrap();
    let token = signed(1, None);
    let ended = Remembered { generation: 0, claims: Arc::new(claims(now() - LEEWAY - 1)) };
    verifier.remembered.insert(token.as_str().into(), ended);
    assert_eq!(code(&verifier, &token), Ok(()), "looked at again");
    assert!(verifier.remembered.get(token.as_str()).unwrap().claims.exp > now());
}
