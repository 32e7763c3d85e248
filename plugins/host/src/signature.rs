//! Who released a component: ed25519 over the rule's name and the component's digest.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{
    Signature, Signer, SigningKey, Verifier, VerifyingKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey},
};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Why a signature does not count.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    #[error("no ed25519 key in PEM: {0}")]
    Key(String),
    #[error("is no ed25519 signature in base64")]
    Shape,
    #[error("fits none of rules.trusted_keys, for this rule and this component")]
    Wrong,
}

/// The name is signed with the component, so that no one can put a good component under another's name.
fn signed(rule: &str, component: &[u8]) -> Vec<u8> {
    format!("onhand-rule 1\n{rule}\n{}\n", hex(&Sha256::digest(component))).into_bytes()
}

/// The content of `NAME.wasm.sig`: base64.
///
/// # Errors
/// If the key is no ed25519 private key in PKCS#8 PEM.
pub fn sign(rule: &str, component: &[u8], private_pem: &str) -> Result<String, SignatureError> {
    let key = SigningKey::from_pkcs8_pem(private_pem).map_err(|error| SignatureError::Key(error.to_string()))?;
    Ok(STANDARD.encode(key.sign(&signed(rule, component)).to_bytes()))
}

/// A key that releases may be signed with, and where it comes from.
pub(crate) struct Trusted {
    pub(crate) file: String,
    key: VerifyingKey,
}

impl Trusted {
    pub(crate) fn of(file: &str, pem: &str) -> Result<Self, SignatureError> {
        let key = VerifyingKey::from_public_key_pem(pem).map_err(|error| SignatureError::Key(error.to_string()))?;
        Ok(Self { file: file.to_owned(), key })
    }
}

/// The file of the key that it was signed with.
pub(crate) fn verify(
    rule: &str,
    component: &[u8],
    signature: &str,
    trusted: &[Trusted],
) -> Result<String, SignatureError> {
    let bytes = STANDARD.decode(signature.trim()).map_err(|_| SignatureError::Shape)?;
    let signature = Signature::from_slice(&bytes).map_err(|_| SignatureError::Shape)?;
    let message = signed(rule, component);
    let fits = |trusted: &&Trusted| trusted.key.verify(&message, &signature).is_ok();
    trusted.iter().find(fits).map(|trusted| trusted.file.clone()).ok_or(SignatureError::Wrong)
}
