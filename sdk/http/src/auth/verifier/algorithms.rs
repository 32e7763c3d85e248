//! Algorithms of identity providers: the key decides.

use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use serde_json::{Value, json};

use super::super::{Expected, KeySet, Scope, Verifier};

const RSA: &[u8] = include_bytes!("../testdata/rsa-2048.key.pem");
const SHORT: &[u8] = include_bytes!("../testdata/rsa-1024.key.pem");
const P256: &[u8] = include_bytes!("../testdata/p-256.key.pem");

fn rsa() -> EncodingKey {
    EncodingKey::from_rsa_pem(RSA).unwrap()
}

fn p256() -> EncodingKey {
    EncodingKey::from_ec_pem(P256).unwrap()
}

/// A key as a provider publishes it, with `change` applied; `null` removes a member.
fn jwk(key: &EncodingKey, algorithm: Algorithm, change: Value) -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(key, algorithm).unwrap()).unwrap();
    jwk.as_object_mut().unwrap().remove("alg");
    jwk.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    jwk
}

fn keys(jwk: &Value) -> Result<KeySet, String> {
    KeySet::from_jwks(json!({"keys": [jwk]}).to_string().as_bytes())
        .map(|(keys, _)| keys)
        .map_err(|bad| bad.to_string())
}

fn accepts(jwk: &Value, key: &EncodingKey, algorithm: Algorithm) -> bool {
    let verifier = Verifier::new(keys(jwk).unwrap(), &Expected::default());
    let claims = json!({"sub": "me", "scope": "operator", "exp": 4_102_444_800_u64});
    let token = jsonwebtoken::encode(&Header::new(algorithm), &claims, key).unwrap();
    verifier.judge(Some(format!("Bearer {token}").as_bytes()), Scope::Operator).is_ok()
}

#[test]
fn type_and_curve_of_a_key_decide_and_its_alg_narrows() {
    use Algorithm::*;
    let rsa_jwk = |change| jwk(&rsa(), RS256, change);
    let p256_jwk = |change| jwk(&p256(), ES256, change);
    for (jwk, key, right) in [
        (rsa_jwk(json!({})), rsa(), vec![RS256, PS256]),
        (rsa_jwk(json!({"alg": "RS256", "use": "sig"})), rsa(), vec![RS256]),
        (rsa_jwk(json!({"alg": "PS256"})), rsa(), vec![PS256]),
        (p256_jwk(json!({})), p256(), vec![ES256]),
        (p256_jwk(json!({"alg": "ES256"})), p256(), vec![ES256]),
    ] {
        let signs: &[Algorithm] =
            if jwk["kty"] == "RSA" { &[RS256, RS384, RS512, PS256, PS384, PS512] } else { &[ES256] };
        let accepted: Vec<_> = signs.iter().copied().filter(|algorithm| accepts(&jwk, &key, *algorithm)).collect();
        assert_eq!(accepted, right, "{jwk}");
    }
}

/// The classic confusion: a public key used as the secret of an HMAC.
#[test]
fn a_public_key_is_never_a_secret() {
    let set = jwk(&rsa(), Algorithm::RS256, json!({}));
    let n = set["n"].as_str().unwrap();
    assert!(!accepts(
        &set,
        &EncodingKey::from_base64_secret(&format!("{n}==")).unwrap_or(EncodingKey::from_secret(n.as_bytes())),
        Algorithm::HS256
    ));
    assert!(!accepts(&set, &EncodingKey::from_secret(set.to_string().as_bytes()), Algorithm::HS256));
}

#[test]
fn keys_that_are_weak_or_for_something_else_are_left_out() {
    let short = EncodingKey::from_rsa_pem(SHORT).unwrap();
    for (wrong, why) in [
        (jwk(&short, Algorithm::RS256, json!({})), "1024 bits; 2048 to 4096"),
        (jwk(&rsa(), Algorithm::RS256, json!({"alg": "RS384"})), "its alg is not RS256 or PS256"),
        (jwk(&rsa(), Algorithm::RS256, json!({"alg": "RSA-OAEP", "use": "enc"})), "its use is not sig"),
        (jwk(&rsa(), Algorithm::RS256, json!({"e": "AQ"})), "not a valid public exponent"),
        (jwk(&rsa(), Algorithm::RS256, json!({"e": "AQAA"})), "not a valid public exponent"),
        (jwk(&rsa(), Algorithm::RS256, json!({"n": null})), "not a number"),
        (jwk(&rsa(), Algorithm::RS256, json!({"d": "AQAB"})), "private half"),
        (jwk(&p256(), Algorithm::ES256, json!({"alg": "RS256"})), "its alg is not ES256"),
        (jwk(&p256(), Algorithm::ES256, json!({"y": "AQAB"})), "not a point"),
        (jwk(&p256(), Algorithm::ES256, json!({"crv": "P-384"})), "neither an Ed25519 nor a P-256"),
    ] {
        let refused = keys(&wrong).err().unwrap_or_else(|| panic!("{wrong} is taken"));
        assert!(refused.contains(why), "{why}: {refused}");
    }
}

#[test]
fn sets_of_other_algorithms_are_other_sets() {
    let [both, one] = [json!({}), json!({"alg": "RS256"})].map(|change| keys(&jwk(&rsa(), Algorithm::RS256, change)));
    let again = keys(&jwk(&rsa(), Algorithm::RS256, json!({})));
    assert!(both.as_ref().unwrap() != one.as_ref().unwrap() && both.unwrap() == again.unwrap());
}
