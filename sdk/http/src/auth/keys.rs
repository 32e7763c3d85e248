//! Public keys, from PEM or from a JSON Web Key Set (RFC 7517, RFC 7518, RFC 8037).
//!
//! A key decides which algorithms it is used with, by its type and curve, narrowed by its own `alg`. A token only says
//! which of them signed it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{VerifyingKey, pkcs8::DecodePublicKey};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Most keys in a set: a token that names no key is tried with each.
const KEYS: usize = 64;

/// Keys that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadKey(String);

impl BadKey {
    pub(super) fn pem(half: &str, error: impl std::fmt::Display) -> Self {
        Self(format!("not an Ed25519 {half} key in PEM: {error}"))
    }
}

/// A public key, and what it verifies.
#[derive(Clone)]
pub(super) struct Key {
    /// The name that tokens use for it. A key without a name is tried for every token.
    kid: Option<String>,
    algorithms: &'static [Algorithm],
    /// Its components, so that two keys can be compared.
    parts: Vec<Vec<u8>>,
    decoding: DecodingKey,
}

impl Key {
    fn ed25519(kid: Option<String>, public: VerifyingKey) -> Self {
        let decoding = DecodingKey::from_ed_der(public.as_bytes());
        Self { kid, algorithms: &[Algorithm::EdDSA], parts: vec![public.to_bytes().to_vec()], decoding }
    }

    /// Whether this algorithm is allowed for the key, and the signature (in base64) is the key's.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &str) -> bool {
        self.algorithms.contains(&algorithm)
            && jsonwebtoken::crypto::verify(signature, message, &self.decoding, algorithm).is_ok_and(|good| good)
    }
}

/// One to 64 public keys; a token signed by any of them is accepted.
#[derive(Clone)]
pub struct KeySet(Vec<Key>);

/// The same keys under the same names, in the same order.
impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        let alike = |(a, b): (&Key, &Key)| (&a.kid, a.algorithms, &a.parts) == (&b.kid, b.algorithms, &b.parts);
        self.len() == other.len() && self.0.iter().zip(&other.0).all(alike)
    }
}

impl KeySet {
    /// `pem`: SubjectPublicKeyInfo.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        Ok(Self(vec![Key::ed25519(None, public_key(pem)?)]))
    }

    /// Reads a JWKS. Also returns why each key that was skipped is of no use. A set without a usable key is refused.
    pub fn from_jwks(text: &[u8]) -> Result<(Self, Vec<String>), BadKey> {
        let set: Value = serde_json::from_slice(text).map_err(|error| BadKey(format!("not a JWKS: {error}")))?;
        let Some(keys) = set["keys"].as_array() else { return Err(BadKey("not a JWKS: it has no \"keys\"".into())) };
        let (mut usable, mut left_out) = (Vec::new(), Vec::new());
        for (index, key) in keys.iter().enumerate() {
            match read(key) {
                Ok(key) => usable.push(key),
                Err(why) => left_out.push(format!("{}: {why}", key["kid"].as_str().unwrap_or(&format!("#{index}")))),
            }
        }
        match usable.len() {
            0 => {
                let why = if left_out.is_empty() { "it is empty".to_owned() } else { left_out.join("; ") };
                Err(BadKey(format!("the JWKS has no usable key: {why}")))
            }
            1..=KEYS => Ok((Self(usable), left_out)),
            more => Err(BadKey(format!("the JWKS has {more} keys, at most {KEYS} are accepted"))),
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Always false: a set has at least one key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The keys that may have signed a token that names `kid`.
    pub(super) fn candidates<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        let may = move |key: &&Key| kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid;
        self.0.iter().filter(may)
    }
}

fn public_key(pem: &[u8]) -> Result<VerifyingKey, BadKey> {
    let text = std::str::from_utf8(pem).map_err(|error| BadKey::pem("public", error))?;
    VerifyingKey::from_public_key_pem(text).map_err(|error| BadKey::pem("public", error))
}

/// One key of a set, or why it is of no use.
fn read(jwk: &Value) -> Result<Key, String> {
    let text = |name: &str| jwk[name].as_str();
    if !jwk["use"].is_null() && text("use") != Some("sig") {
        return Err("its use is not sig".to_owned());
    }
    if jwk["key_ops"].as_array().is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
        return Err("its key_ops do not name verify".to_owned());
    }
    if !jwk["d"].is_null() {
        return Err("it holds the private half: anyone who can read it can sign".to_owned());
    }
    let key = match (text("kty"), text("crv")) {
        (Some("OKP"), Some("Ed25519")) => ed25519(jwk)?,
        (Some("EC"), Some("P-256")) => p256(jwk)?,
        (Some("RSA"), _) => rsa(jwk)?,
        _ => return Err("it is neither an Ed25519 nor a P-256 nor an RSA key".to_owned()),
    };
    Ok(Key { kid: text("kid").map(str::to_owned), ..key })
}

/// A member of a key, decoded.
fn bytes(jwk: &Value, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok()
}

/// The algorithms for this kind of key, narrowed by the key's own `alg`.
fn narrowed(jwk: &Value, all: &[(&str, &'static [Algorithm])]) -> Result<&'static [Algorithm], String> {
    let found = match (&jwk["alg"], jwk["alg"].as_str()) {
        (Value::Null, _) => all.first(),
        (_, Some(alg)) => all.iter().find(|(name, _)| *name == alg),
        (_, None) => None,
    };
    found.map(|(_, algorithms)| *algorithms).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect();
        format!("its alg is not {}", names.join(" or "))
    })
}

fn ed25519(jwk: &Value) -> Result<Key, String> {
    const EDDSA: &[Algorithm] = &[Algorithm::EdDSA];
    narrowed(jwk, &[("EdDSA", EDDSA), ("Ed25519", EDDSA)])?;
    let x = bytes(jwk, "x").and_then(|x| <[u8; 32]>::try_from(x).ok());
    let public = x.and_then(|x| VerifyingKey::from_bytes(&x).ok()).filter(|key| !key.is_weak());
    Ok(Key::ed25519(None, public.ok_or("its x is not an Ed25519 public key")?))
}

fn p256(jwk: &Value) -> Result<Key, String> {
    let algorithms = narrowed(jwk, &[("ES256", &[Algorithm::ES256])])?;
    let parts: Vec<_> = ["x", "y"].into_iter().filter_map(|name| bytes(jwk, name)).collect();
    let whole = parts.iter().map(Vec::len).eq([32, 32]);
    let [x, y] = ["x", "y"].map(|name| jwk[name].as_str().unwrap_or_default());
    let decoding = DecodingKey::from_ec_components(x, y).ok().filter(|key| {
        // An answer without an error means that the point is on the curve, although it did not sign this.
        whole && jsonwebtoken::crypto::verify("AAAA", b"", key, Algorithm::ES256).is_ok()
    });
    let decoding = decoding.ok_or("its x and y are not a point of P-256")?;
    Ok(Key { kid: None, algorithms, parts, decoding })
}

/// Shorter keys can be broken; the library does not accept longer ones.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

fn rsa(jwk: &Value) -> Result<Key, String> {
    const BOTH: &[Algorithm] = &[Algorithm::RS256, Algorithm::PS256];
    let algorithms = narrowed(jwk, &[("", BOTH), ("RS256", &BOTH[..1]), ("PS256", &BOTH[1..])])?;
    let number =
        |name| bytes(jwk, name).map(|bytes| bytes.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>());
    let (Some(n), Some(e)) = (number("n"), number("e")) else { return Err("its n or e is not a number".to_owned()) };
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !RSA_BITS.contains(&bits) {
        return Err(format!("it has {bits} bits; {} to {} are accepted", RSA_BITS.start(), RSA_BITS.end()));
    }
    // 3 or more, odd, and no longer than the library accepts.
    if e.as_slice() == [1] || e.last().is_none_or(|last| last.is_multiple_of(2)) || e.len() > 4 {
        return Err("its e is not a valid public exponent".to_owned());
    }
    let decoding = DecodingKey::from_rsa_raw_components(&n, &e);
    Ok(Key { kid: None, algorithms, parts: vec![n, e], decoding })
}

/// A public key in PEM as a key of a JWKS; its `kid` is its thumbprint (RFC 7638).
pub fn jwk(pem: &[u8]) -> Result<Value, BadKey> {
    let x = URL_SAFE_NO_PAD.encode(public_key(pem)?.as_bytes());
    let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
    let kid = URL_SAFE_NO_PAD.encode(thumbprint);
    Ok(json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn ed(more: Value) -> Value {
        let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": X});
        key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        key
    }

    fn set(keys: &[Value]) -> Result<(KeySet, Vec<String>), BadKey> {
        KeySet::from_jwks(json!({"keys": keys}).to_string().as_bytes())
    }

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_8037() {
        use ed25519_dalek::pkcs8::{EncodePublicKey, spki::der::pem::LineEnding};
        let (keys, _) = set(&[ed(json!({}))]).unwrap();
        let public = VerifyingKey::from_bytes(keys.0[0].parts[0].as_slice().try_into().unwrap()).unwrap();
        let pem = public.to_public_key_pem(LineEnding::LF).unwrap();
        assert_eq!(jwk(pem.as_bytes()).unwrap()["kid"], "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert!(
            keys == set(&[jwk(pem.as_bytes())
                .map(|mut key| {
                    key["kid"] = Value::Null;
                    key
                })
                .unwrap()])
            .unwrap()
            .0
        );
    }

    #[test]
    fn only_keys_that_verify_signatures_safely_are_taken() {
        let others = [
            json!({"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "EC", "crv": "P-256", "x": X, "y": X}),
            json!({"kty": "EC", "crv": "P-384", "x": X, "y": X}),
            json!({"kty": "oct", "k": X, "alg": "HS256"}),
            ed(json!({"use": "enc"})),
            ed(json!({"alg": "RS256"})),
            ed(json!({"key_ops": ["sign"]})),
            ed(json!({"d": X})),
            ed(json!({"x": "AQAB"})),
            json!("no object"),
        ];
        let mut all = others.to_vec();
        all.extend([ed(json!({"kid": "a", "use": "sig"})), ed(json!({"kid": "b", "alg": "EdDSA"}))]);
        let (keys, left_out) = set(&all).unwrap();
        assert_eq!((keys.len(), left_out.len()), (2, others.len()), "{left_out:?}");
        assert!(left_out[0].starts_with("rsa: ") && left_out[1].starts_with("#1: "), "{left_out:?}");
        assert!(set(&others).is_err());
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["", "{", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#] {
            assert!(KeySet::from_jwks(text.as_bytes()).is_err(), "{text}");
        }
        assert!(set(&vec![ed(json!({})); KEYS + 1]).is_err());
        assert!(KeySet::from_pem(b"-----BEGIN PUBLIC KEY-----\nMCow").is_err());
    }
}
