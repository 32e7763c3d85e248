//! Public keys, from PEM or from a JSON Web Key Set (RFC 7517, RFC 8037).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{VerifyingKey, pkcs8::DecodePublicKey};
use jsonwebtoken::DecodingKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Most keys in a set: a token that names none is tried with each.
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

#[derive(Clone)]
struct Key {
    /// What tokens call it; a key without a name is tried whatever a token names.
    kid: Option<String>,
    public: VerifyingKey,
    decoding: DecodingKey,
}

impl Key {
    fn new(kid: Option<String>, public: VerifyingKey) -> Self {
        Self { kid, public, decoding: DecodingKey::from_ed_der(public.as_bytes()) }
    }
}

/// One to 64 public keys; a token signed by any of them is accepted.
#[derive(Clone)]
pub struct KeySet(Vec<Key>);

/// The same keys under the same names, in the same order.
impl PartialEq for KeySet {
    fn eq(&self, other: &Self) -> bool {
        let shown = |set: &Self| set.0.iter().map(|key| (key.kid.clone(), key.public)).collect::<Vec<_>>();
        shown(self) == shown(other)
    }
}

impl KeySet {
    /// `pem`: SubjectPublicKeyInfo.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        Ok(Self(vec![Key::new(None, public_key(pem)?)]))
    }

    /// A JWKS, and for each key in it that is left out, why. A set without a usable key is refused.
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
                Err(BadKey(format!("the JWKS has no usable Ed25519 key: {why}")))
            }
            1..=KEYS => Ok((Self(usable), left_out)),
            more => Err(BadKey(format!("the JWKS has {more} keys, at most {KEYS} are taken"))),
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never so: a set has at least one key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, kid: &str) -> bool {
        self.0.iter().any(|key| key.kid.as_deref() == Some(kid))
    }

    /// The keys that may have signed a token that names `kid`.
    pub(super) fn candidates<'a>(&'a self, kid: Option<&'a str>) -> impl Iterator<Item = &'a DecodingKey> {
        let may = move |key: &&Key| kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid;
        self.0.iter().filter(may).map(|key| &key.decoding)
    }
}

fn public_key(pem: &[u8]) -> Result<VerifyingKey, BadKey> {
    let text = std::str::from_utf8(pem).map_err(|error| BadKey::pem("public", error))?;
    VerifyingKey::from_public_key_pem(text).map_err(|error| BadKey::pem("public", error))
}

/// One key of a set, or why it is of no use here.
fn read(jwk: &Value) -> Result<Key, String> {
    let text = |name: &str| jwk[name].as_str();
    if (text("kty"), text("crv")) != (Some("OKP"), Some("Ed25519")) {
        return Err("not an Ed25519 key".to_owned());
    }
    if !jwk["use"].is_null() && text("use") != Some("sig") {
        return Err("its use is not sig".to_owned());
    }
    if !jwk["alg"].is_null() && !matches!(text("alg"), Some("EdDSA" | "Ed25519")) {
        return Err("its alg is not EdDSA".to_owned());
    }
    if jwk["key_ops"].as_array().is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
        return Err("its key_ops do not name verify".to_owned());
    }
    if !jwk["d"].is_null() {
        return Err("it holds the private half: whoever can read it can sign".to_owned());
    }
    let bytes = text("x").and_then(|x| URL_SAFE_NO_PAD.decode(x).ok()).and_then(|x| <[u8; 32]>::try_from(x).ok());
    let public = bytes.and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok()).filter(|key| !key.is_weak());
    let public = public.ok_or("its x is not an Ed25519 public key")?;
    Ok(Key::new(text("kid").map(str::to_owned), public))
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
        let pem = keys.0[0].public.to_public_key_pem(LineEnding::LF).unwrap();
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
    fn only_ed25519_keys_for_signatures_are_taken() {
        let others = [
            json!({"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "EC", "crv": "P-256", "x": X, "y": X}),
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
