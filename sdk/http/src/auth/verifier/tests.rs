use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{
    Signer, SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use onhand_wire::Sees;
use serde_json::{Value, json};

use jsonwebtoken::{Algorithm, Header};
use proptest::prelude::*;

use super::{
    super::{Gives, Issuer, ScopeMap, Subjects},
    *,
};

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
    Claims::new("me", Scope::Operator, exp)
}

/// A token of any header and claims.
fn token(seed: u8, header: &Header, claims: &Value) -> String {
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
    let issue = |claims: Value| token(1, &Header::new(Algorithm::EdDSA), &claims);
    let timed = |exp: u64, nbf: u64| json!({"sub": "me", "scope": "admin", "exp": exp, "nbf": nbf});
    assert_eq!(code(&verifier, &issue(timed(now() + 60, now()))), Ok(()));
    assert!(code(&verifier, &issue(timed(now() - 10, 0))).unwrap_err().contains("expired"));
    assert!(code(&verifier, &issue(timed(now() + 600, now() + 60))).unwrap_err().contains("not valid yet"));
    assert!(code(&verifier, &issue(json!({"sub": "me", "scope": "admin"}))).is_err(), "a token has an end");
    assert!(code(&verifier, &issue(json!({"sub": "", "scope": "admin", "exp": now() + 60}))).is_err());
}

/// A longer subject makes PostgreSQL refuse its row, and a NUL makes it refuse the whole statement. Either would fail
/// the writes of everybody else in the batch.
#[test]
fn a_subject_that_no_database_can_index_is_refused() {
    let verifier = Verifier::from_pem(pair(1).public.as_bytes()).unwrap();
    let of = |sub: &str| {
        let claims = json!({"sub": sub, "scope": "operator", "exp": now() + 60});
        code(&verifier, &token(1, &Header::new(Algorithm::EdDSA), &claims))
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
        code(&verifier, &token(1, &Header::new(Algorithm::EdDSA), &claims))
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
    // The classic confusion: the public key used as the secret of an HMAC.
    let secret = jsonwebtoken::EncodingKey::from_secret(pair(1).public.as_bytes());
    let hmac = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &body, &secret).unwrap();
    assert!(code(&verifier, &hmac).is_err());
    let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSIsInNjb3BlIjoiYWRtaW4iLCJleHAiOjk5OTk5OTk5OTl9.";
    assert!(code(&verifier, none).is_err());
}

#[test]
fn issuer_and_audience_must_fit_where_they_are_asked() {
    let expected =
        Expected { issuer: Some("https://id".into()), audience: Some("stock".into()), ..Expected::default() };
    let verifier = Verifier::new(KeySet::from_pem(pair(1).public.as_bytes()).unwrap(), &expected);
    let issue = |iss: Value, aud: Value| {
        let mut body = json!({"sub": "me", "scope": "operator", "exp": now() + 60, "iss": iss, "aud": aud});
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        token(1, &Header::new(Algorithm::EdDSA), &body)
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
    verifier.on_unknown_key(0, move || {
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
    assert!(!verifier.replace(0, Place::File, set(&[(1, "a")])), "the same keys");
    assert_eq!((code(&verifier, &old), verifier.standing().replaced), (Ok(()), 0));
    assert!(verifier.replace(0, Place::File, set(&[(2, "b")])));
    assert!(code(&verifier, &old).is_err());
    assert_eq!(code(&verifier, &signed(2, Some("b"))), Ok(()));
    verifier.refresh_failed(0, Place::File);
    let Standing { keys, replaced, failed_refreshes, failing, too_old, .. } = verifier.standing();
    assert_eq!((keys, replaced, failed_refreshes, failing, too_old), (1, 1, 1, true, false));
}

#[test]
fn what_is_remembered_ends_with_the_token() {
    let verifier = Verifier::from_pem(pair(1).public.as_bytes()).unwrap();
    let token = signed(1, None);
    let ended =
        Remembered { issuer: 0, generation: 0, place: Place::File, claims: Arc::new(claims(now() - LEEWAY - 1)) };
    verifier.remembered.insert(token.as_str().into(), ended);
    assert_eq!(code(&verifier, &token), Ok(()), "looked at again");
    assert!(verifier.remembered.get(token.as_str()).unwrap().claims.exp > now());
}

#[test]
fn a_storefronts_token_must_name_its_owner() {
    let expected = Expected { owner_claim: Some("shop".into()), ..Expected::default() };
    let verifier = Verifier::new(KeySet::from_pem(pair(1).public.as_bytes()).unwrap(), &expected);
    let judge = |scope: &str, shop: Value| {
        let mut body = json!({"sub": "me", "scope": scope, "exp": now() + 60, "shop": shop});
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let token = token(1, &Header::new(Algorithm::EdDSA), &body);
        verifier.judge(Some(format!("Bearer {token}").as_bytes()), Scope::Storefront)
    };
    for (shop, owner) in [(json!("eu"), "eu"), (json!(7), "7")] {
        let claims = judge("storefront", shop).unwrap();
        assert_eq!((claims.owner.as_deref(), claims.sees), (Some(owner), Sees::Of(owner.to_owned())));
    }
    for bad in [json!(null), json!(""), json!("a\u{1f}b"), json!("x".repeat(256)), json!(["eu"])] {
        let problem = judge("storefront", bad).unwrap_err();
        assert!(problem.code == Code::Forbidden && problem.detail.contains("shop"), "{problem:?}");
    }
    let fulfilment = judge("fulfilment", json!(null)).unwrap();
    assert_eq!((fulfilment.owner, fulfilment.sees), (None, Sees::All));
}

#[test]
fn a_token_may_be_kept_to_its_own_subject() {
    for owner_claim in [None, Some("shop".to_owned())] {
        let expected = Expected { owner_claim, ..Expected::default() };
        let verifier = Verifier::new(KeySet::from_pem(pair(1).public.as_bytes()).unwrap(), &expected);
        let judge = |scope: &str, own: Value| {
            let body = json!({"sub": "ann", "scope": scope, "exp": now() + 60, "shop": "eu", "onhand_owner": own});
            let token = token(1, &Header::new(Algorithm::EdDSA), &body);
            verifier.judge(Some(format!("Bearer {token}").as_bytes()), Scope::Storefront)
        };
        let shopper = judge("storefront", json!("subject")).unwrap();
        assert_eq!(shopper.sees, Sees::Of("subject ann".to_owned()));
        assert_eq!(shopper.owner.as_deref(), Some("subject ann"));
        let admin = judge("admin", json!("subject")).unwrap();
        assert_eq!((admin.owner.as_deref(), admin.sees), (Some("subject ann"), Sees::All));
        for bad in [json!("ann"), json!(""), json!(true), json!(["subject"])] {
            let problem = judge("storefront", bad).unwrap_err();
            assert!(problem.code == Code::Unauthenticated && problem.detail.contains("onhand_owner"), "{problem:?}");
        }
        let without = judge("storefront", json!(null)).unwrap();
        assert_ne!(without.owner.as_deref(), Some("subject ann"));
    }
}

/// A header and claims of any JSON, signed.
fn signed_as(seed: u8, header: &Value, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims));
    let signature = SigningKey::from_bytes(&[seed; 32]).sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn headed(more: Value) -> String {
    let mut header = json!({"alg": "EdDSA"});
    header.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    signed_as(1, &header, &json!({"sub": "me", "scope": "admin", "exp": now() + 60}).to_string())
}

fn one() -> Verifier {
    Verifier::from_pem(pair(1).public.as_bytes()).unwrap()
}

/// An issuer signs other things with the same keys: a logout token names the same subject.
#[test]
fn a_token_of_another_type_is_refused() {
    for right in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
        assert_eq!(code(&one(), &headed(json!({"typ": right}))), Ok(()), "{right}");
    }
    assert_eq!(code(&one(), &headed(json!({}))), Ok(()), "no type");
    for wrong in ["logout+jwt", "secevent+jwt", "dpop+jwt", "", "JWTs", "application/", "application/x-jwt", "jwt "] {
        assert!(code(&one(), &headed(json!({"typ": wrong}))).unwrap_err().contains("(typ)"), "{wrong}");
    }
    assert!(code(&one(), &headed(json!({"typ": 5}))).is_err());
}

/// Anyone can name a key in a token or put one in: only the configured keys judge it.
#[test]
fn a_key_that_a_token_names_or_brings_is_ignored() {
    let mut brought = super::super::jwk(pair(2).public.as_bytes()).unwrap();
    brought["kid"] = "theirs".into();
    for header in [
        json!({"jku": "http://127.0.0.1:1/keys.json"}),
        json!({"x5u": "http://127.0.0.1:1/chain.pem"}),
        json!({"x5c": ["MIIB"]}),
        json!({"jwk": brought}),
        json!({"jwk": 5, "x5c": {}, "jku": null}),
    ] {
        assert_eq!(code(&one(), &headed(header.clone())), Ok(()), "{header}: signed by ours");
        let mut theirs = header.clone();
        theirs["alg"] = "EdDSA".into();
        let claims = json!({"sub": "me", "scope": "admin", "exp": now() + 60}).to_string();
        assert!(code(&one(), &signed_as(2, &theirs, &claims)).is_err(), "{header}: signed by theirs");
    }
}

/// RFC 7515, 4.1.11.
#[test]
fn what_a_token_marks_critical_is_not_understood() {
    for crit in [json!(["b64"]), json!([]), json!(null), json!("exp")] {
        assert!(code(&one(), &headed(json!({"crit": crit}))).unwrap_err().contains("not valid here"), "{crit}");
    }
}

/// RFC 7519: a NumericDate is any JSON number.
#[test]
fn times_may_be_any_number() {
    let judged = |times: &str| {
        let claims = format!(r#"{{"sub":"me","scope":"admin",{times}}}"#);
        code(&one(), &signed_as(1, &json!({"alg": "EdDSA"}), &claims))
    };
    let soon = now() + 60;
    for right in [
        format!(r#""exp":{soon}.75"#),
        format!(r#""exp":{soon}.25,"nbf":{}.5,"iat":{}.999"#, now() - 1, now() - 1),
        r#""exp":4.1e9,"iat":0.5"#.to_owned(),
        r#""exp":1e300,"nbf":-3.5,"iat":-1"#.to_owned(),
        format!(r#""exp":{soon},"nbf":null,"iat":null"#),
        format!(r#""exp":{soon},"nbf":{}.9"#, now() + LEEWAY - 1),
    ] {
        assert_eq!(judged(&right), Ok(()), "{right}");
    }
    for (wrong, why) in [
        (format!(r#""exp":{}.5"#, now() - 60), "expired"),
        (r#""exp":-1"#.to_owned(), "expired"),
        (format!(r#""exp":{soon},"nbf":{soon}.5"#), "not valid yet"),
        (format!(r#""exp":"{soon}""#), "exp is not a number"),
        (format!(r#""exp":{soon},"iat":"now""#), "iat is not a number"),
        (format!(r#""exp":{soon},"nbf":[1]"#), "nbf is not a number"),
        (r#""nbf":1"#.to_owned(), "no end (exp)"),
        (r#""exp":1e999"#.to_owned(), "not valid here"),
    ] {
        assert!(judged(&wrong).unwrap_err().contains(why), "{wrong}: {:?}", judged(&wrong));
    }
}

#[test]
fn the_scope_is_where_the_configuration_says() {
    let claim = "realm_access.roles".to_owned();
    let scopes = ScopeMap { claim, admin: vec!["stock-admin".to_owned()], ..ScopeMap::default() };
    let expected = Expected { scopes, ..Expected::default() };
    let verifier = Verifier::new(set(&[(1, "a")]), &expected);
    let issue = |claims: Value| token(1, &Header::new(Algorithm::EdDSA), &claims);
    let roles = |roles: Value| issue(json!({"sub": "me", "exp": now() + 60, "realm_access": {"roles": roles}}));
    assert_eq!(code(&verifier, &roles(json!(["offline_access", "stock-admin"]))), Ok(()));
    assert!(code(&verifier, &roles(json!(["storefront"]))).unwrap_err().contains("needs scope operator"));
    for none in [roles(json!(["admin"])), issue(json!({"sub": "me", "exp": now() + 60, "scope": "admin"}))] {
        assert!(code(&verifier, &none).unwrap_err().contains("claim realm_access.roles"));
    }
}

fn from_url(max_stale: Duration) -> Verifier {
    let keys = Keys { file: Some(set(&[(1, "file")])), url: Some(set(&[(2, "url")])), max_stale: Some(max_stale) };
    Verifier::with_keys(keys, &Expected::default())
}

/// Otherwise a withdrawn key would stay valid for as long as somebody cuts the node off from the issuer.
#[test]
fn keys_of_a_url_stop_counting_and_those_of_a_file_do_not() {
    let (fresh, old) = (from_url(Duration::from_secs(3600)), from_url(Duration::ZERO));
    for verifier in [&fresh, &old] {
        assert_eq!(code(verifier, &signed(1, Some("file"))), Ok(()));
    }
    for token in [signed(2, Some("url")), signed(2, None)] {
        assert_eq!(code(&fresh, &token), Ok(()));
        let refused = old.judge(Some(format!("Bearer {token}").as_bytes()), Scope::Operator).unwrap_err();
        assert_eq!(refused.code, Code::Unauthenticated);
        assert!(refused.detail.contains("too old") && refused.detail.contains("auth.max_stale"), "{}", refused.detail);
    }
    assert!(code(&fresh, &signed(3, None)).unwrap_err().contains("not valid here"));
    assert_eq!((fresh.standing().too_old, old.standing().too_old), (false, true));
    assert_eq!(old.standing().keys, 2);
}

#[test]
fn a_remembered_token_ends_with_its_keys() {
    let old = from_url(Duration::ZERO);
    let token = signed(2, Some("url"));
    let held = Remembered { issuer: 0, generation: 0, place: Place::Url, claims: Arc::new(claims(now() + 60)) };
    old.remembered.insert(token.as_str().into(), held);
    assert!(code(&old, &token).unwrap_err().contains("too old"));
    assert!(old.remembered.get(token.as_str()).is_none());
}

/// A node that starts while its issuer is away judges with its file's keys, and with both once the issuer has answered.
#[test]
fn keys_of_a_url_may_come_later() {
    let file = Some(set(&[(1, "file")]));
    let verifier =
        Verifier::with_keys(Keys { file, url: None, max_stale: Some(Duration::from_secs(3600)) }, &Expected::default());
    assert!(verifier.standing().failing);
    assert_eq!((code(&verifier, &signed(1, None)), code(&verifier, &signed(2, None)).is_err()), (Ok(()), true));
    assert!(verifier.replace(0, Place::Url, set(&[(2, "url")])));
    assert_eq!((code(&verifier, &signed(1, None)), code(&verifier, &signed(2, None))), (Ok(()), Ok(())));
    assert!(!verifier.standing().failing);
    verifier.refresh_failed(0, Place::Url);
    assert!(!verifier.replace(0, Place::File, set(&[(1, "file")])), "the same");
    assert!(verifier.standing().failing, "the other place still fails");
}

proptest! {
    /// Only a signature by a key of the set is accepted, and no text makes the judge panic.
    #[test]
    fn no_text_is_accepted_without_a_signature(text in ".{0,200}") {
        prop_assert!(code(&one(), &text).is_err());
    }

    #[test]
    fn no_parts_are_accepted_without_a_signature(header in any_json(), claims in any_json(), signature in ".{0,90}") {
        let parts = [header.to_string(), claims.to_string(), signature].map(|part| URL_SAFE_NO_PAD.encode(part));
        prop_assert!(code(&one(), &parts.join(".")).is_err());
    }

    /// With a good signature, header and claims may contain anything: what is wrong is refused, without a panic.
    #[test]
    fn no_signed_header_or_claims_make_it_fall_over(header in any_json(), claims in any_json()) {
        let _judged = code(&one(), &signed_as(1, &header, &claims.to_string()));
    }

    /// If any byte of a good token is changed, removed or added, the token is refused.
    #[test]
    fn a_changed_token_is_not_accepted(at in any::<prop::sample::Index>(), byte in "[A-Za-z0-9_.=-]", how in 0..3) {
        let good = signed(1, None);
        let at = at.index(good.len());
        let (start, rest) = good.split_at(at);
        let changed = match how {
            0 => format!("{start}{byte}{}", &rest[1..]),
            1 => format!("{start}{}", &rest[1..]),
            _ => format!("{start}{byte}{rest}"),
        };
        prop_assert_eq!(code(&one(), &changed).is_ok(), changed == good, "{}", changed);
    }
}

/// Objects with the names that matter and others, with wrong values among them.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop_oneof![Just("EdDSA"), Just("none"), Just("HS256"), Just("JWT"), Just("admin")].prop_map(Value::from),
    ];
    let name = prop_oneof![
        Just("alg"),
        Just("typ"),
        Just("kid"),
        Just("crit"),
        Just("jwk"),
        Just("sub"),
        Just("scope"),
        Just("exp"),
        Just("nbf"),
        Just("iat"),
        Just("iss"),
        Just("aud"),
    ];
    leaf.prop_recursive(3, 24, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(name.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A token that says these claims, beside `exp`.
fn saying(seed: u8, kid: &str, said: Value) -> String {
    let mut claims = json!({"exp": now() + 60, "sub": "bob", "scope": "storefront", "aud": "stock"});
    claims.as_object_mut().unwrap().extend(said.as_object().unwrap().clone());
    let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
    token(seed, &header, &claims)
}

/// Two issuers: the house's own, and a shop's identity provider that may give no more than fulfilment.
fn two() -> Verifier {
    let file = |seed, kid| Keys { file: Some(set(&[(seed, kid)])), ..Keys::default() };
    let ours = Expected {
        issuer: Some("https://house".into()),
        subjects: Subjects::Bare { others: vec!["https://shop".into()] },
        ..Expected::default()
    };
    let theirs = Expected {
        issuer: Some("https://shop".into()),
        audience: Some("stock".into()),
        gives: Gives { greatest: Scope::Fulfilment, beside: Vec::new() },
        subjects: Subjects::After("https://shop".into()),
        ..Expected::default()
    };
    Verifier::of_issuers(vec![(file(1, "a"), ours), (file(2, "b"), theirs)])
}

fn judged(verifier: &Verifier, token: &str) -> Result<(String, String), String> {
    let judged = verifier.judge(Some(format!("Bearer {token}").as_bytes()), Scope::Storefront);
    judged.map(|claims| (claims.sub, claims.scope.to_string())).map_err(|problem| problem.detail.into_owned())
}

#[test]
fn each_issuer_is_judged_by_its_own_keys_and_may_give_what_it_is_trusted_with() {
    let verifier = two();
    for _remembered_the_second_time in 0..2 {
        let house = saying(1, "a", json!({"iss": "https://house", "scope": "admin edge"}));
        assert_eq!(judged(&verifier, &house), Ok(("bob".into(), "admin edge".into())));
        let shop = saying(2, "b", json!({"iss": "https://shop", "scope": "storefront fulfilment admin edge"}));
        assert_eq!(judged(&verifier, &shop), Ok(("https://shop bob".into(), "storefront fulfilment".into())));
    }
    let refused = |seed, kid, said| judged(&verifier, &saying(seed, kid, said)).unwrap_err();
    assert!(refused(2, "b", json!({"iss": "https://house"})).contains("not valid"), "the other's key");
    assert!(refused(1, "a", json!({"iss": "https://shop"})).contains("not valid"), "the other's key");
    assert!(refused(2, "b", json!({"iss": "https://shop", "scope": "admin"})).contains("no scope"));
    assert!(refused(2, "b", json!({"iss": "https://shop", "scope": "edge"})).contains("no scope"));
    assert!(refused(2, "b", json!({"iss": "https://shop", "aud": "mail"})).contains("another audience"));
    assert!(refused(1, "a", json!({"iss": "https://third"})).contains("another issuer"));
    assert!(refused(1, "a", json!({})).contains("names no issuer"));
}

/// Keys, shares and the ledger know callers by their subject alone.
#[test]
fn no_subject_reads_as_another_issuers() {
    let verifier = two();
    let house = |sub: &str| judged(&verifier, &saying(1, "a", json!({"iss": "https://house", "sub": sub})));
    assert!(house("https://shop bob").unwrap_err().contains("another issuer"));
    for other in ["https://shop", "https://shopbob", "bob https://shop bob"] {
        assert_eq!(house(other), Ok((other.into(), "storefront".into())));
    }
}
