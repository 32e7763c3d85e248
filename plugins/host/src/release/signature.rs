//! Who released a rule: ed25519 over a statement of everything that decides what the release does.
//!
//! `NAME.wasm.sig` has three lines: the statement's kind and version, the statement in JSON, and base64 of the
//! signature of the two lines before it, including line feeds. So the bytes that are verified are those that are read,
//! and no other text that is signed with the same key can be taken for a statement.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{
    Signature, Signer, SigningKey, VerifyingKey,
    pkcs8::{DecodePrivateKey, DecodePublicKey},
};
use onhand_wire::release::{Release, Stage};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::{
    config::Config,
    hex::hex,
    release::{
        fault::{LoadFault, SignatureError},
        name,
        settings::ReleaseSettings,
        statement::{Statement, Withdrawal},
    },
    world::World,
};

const RELEASE: &str = "onhand-rule-release 2";
const WITHDRAWAL: &str = "onhand-rule-withdrawal 1";

/// A good signature: who signed, and its place in the rule's sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seal {
    /// The file of the key.
    pub(crate) by: String,
    pub(crate) sequence: u64,
    /// SHA-256 of what was signed, in hex.
    pub(crate) statement: String,
}

/// The content of `NAME.wasm.sig`. `next`: the release is to run beside the one in use, as its settings say; `sequence`
/// must be above that of every statement of the rule before.
///
/// # Errors
/// If the settings can't be read, the component has no known world, or the key is not an ed25519 private key in
/// PKCS#8 PEM.
pub fn sign(rule: &str, next: bool, release: &Release, sequence: u64, private_pem: &str) -> Result<String, LoadFault> {
    name::check_name(rule)?;
    let settings = ReleaseSettings::parse(&release.settings, next).map_err(LoadFault::Settings)?;
    let world = World::exported_by(&release.component)?;
    let statement = Statement::of(rule, release, &settings, next, world, sequence);
    sealed(RELEASE, &statement, private_pem).map_err(LoadFault::Signature)
}

/// Like [`sign`], but only for a release that is already signed by this key or one of `rules.trusted_keys`, with any
/// sequence.
///
/// # Errors
/// If it is not signed in that way, or the key is invalid.
pub fn sign_again(
    rule: &str,
    next: bool,
    release: &Release,
    sequence: u64,
    private_pem: &str,
    config: &Config,
) -> Result<String, LoadFault> {
    let key = private_key(private_pem).map_err(LoadFault::Signature)?;
    let mut trusted = Trusted::all(config)?;
    trusted.push(Trusted { file: String::new(), key: key.verifying_key() });
    let settings = ReleaseSettings::parse(&release.settings, next).map_err(LoadFault::Settings)?;
    let signature = release.signature.as_deref().ok_or_else(|| LoadFault::Unsigned(format!("{rule}.wasm")))?;
    verify(rule, next, release, &settings, signature, &trusted).map_err(LoadFault::Signature)?;
    sign(rule, next, release, sequence, private_pem)
}

/// A statement that nothing of a rule is to be in use any more.
///
/// # Errors
/// If the name or the key is invalid.
pub fn sign_withdrawal(rule: &str, sequence: u64, private_pem: &str) -> Result<String, LoadFault> {
    name::check_name(rule)?;
    let statement = Withdrawal { rule: rule.to_owned(), sequence };
    sealed(WITHDRAWAL, &statement, private_pem).map_err(LoadFault::Signature)
}

fn private_key(pem: &str) -> Result<SigningKey, SignatureError> {
    SigningKey::from_pkcs8_pem(pem).map_err(|error| SignatureError::Key(error.to_string()))
}

fn sealed(kind: &str, statement: &impl Serialize, private_pem: &str) -> Result<String, SignatureError> {
    let key = private_key(private_pem)?;
    let json = serde_json::to_string(statement).expect("plain data encodes");
    let signed = format!("{kind}\n{json}\n");
    let signature = STANDARD.encode(key.sign(signed.as_bytes()).to_bytes());
    Ok(format!("{signed}{signature}\n"))
}

/// What a `NAME.wasm.sig` claims; its signature is not verified.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedStatement {
    pub rule: String,
    pub sequence: u64,
    pub stage: Stage,
    /// The share of a canary, in percent.
    pub share: Option<f64>,
}

/// `None` if the text is not a signature of a release.
pub fn claimed(signature: &str) -> Option<ClaimedStatement> {
    let (_, statement, _) = parts(RELEASE, signature).ok()?;
    let Statement { rule, sequence, stage, share, .. } = serde_json::from_str(statement).ok()?;
    Some(ClaimedStatement { rule, sequence, stage, share })
}

/// A key that may sign releases, and its file.
pub(crate) struct Trusted {
    pub(crate) file: String,
    key: VerifyingKey,
}

impl Trusted {
    pub(crate) fn all(config: &Config) -> Result<Vec<Self>, LoadFault> {
        let key = |file: &String| {
            let pem = fs::read_to_string(file)?;
            Self::of(file, &pem).map_err(|error| LoadFault::Key { file: file.clone(), error })
        };
        config.trusted_keys.iter().map(key).collect()
    }

    fn of(file: &str, pem: &str) -> Result<Self, SignatureError> {
        let key = VerifyingKey::from_public_key_pem(pem).map_err(|error| SignatureError::Key(error.to_string()))?;
        Ok(Self { file: file.to_owned(), key })
    }
}

/// Checks that the signature is good and was made for this release. Also returns the world that it was signed for,
/// because the component's own world is known only when it is compiled.
pub(crate) fn verify(
    rule: &str,
    next: bool,
    release: &Release,
    settings: &ReleaseSettings,
    signature: &str,
    trusted: &[Trusted],
) -> Result<(Seal, World), SignatureError> {
    let (seal, claimed) = opened::<Statement>(RELEASE, signature, trusted)?;
    let own = Statement::of(rule, release, settings, next, claimed.world, claimed.sequence);
    if own == claimed { Ok((seal, claimed.world)) } else { Err(SignatureError::Differs(own.differences(&claimed))) }
}

pub(crate) fn verify_withdrawal(rule: &str, signature: &str, trusted: &[Trusted]) -> Result<Seal, SignatureError> {
    let (seal, Withdrawal { rule: claimed, .. }) = opened::<Withdrawal>(WITHDRAWAL, signature, trusted)?;
    if rule == claimed { Ok(seal) } else { Err(SignatureError::Differs(vec!["rule".to_owned()])) }
}

/// A statement with its place in the sequence.
trait Sequenced: DeserializeOwned {
    fn sequence(&self) -> u64;
}

impl Sequenced for Statement {
    fn sequence(&self) -> u64 {
        self.sequence
    }
}

impl Sequenced for Withdrawal {
    fn sequence(&self) -> u64 {
        self.sequence
    }
}

fn opened<T: Sequenced>(kind: &str, text: &str, trusted: &[Trusted]) -> Result<(Seal, T), SignatureError> {
    let (signed, json, signature) = parts(kind, text)?;
    let fits = |trusted: &&Trusted| trusted.key.verify_strict(signed.as_bytes(), &signature).is_ok();
    let by = trusted.iter().find(fits).ok_or(SignatureError::Wrong)?.file.clone();
    let statement: T = serde_json::from_str(json).map_err(|_| SignatureError::Shape)?;
    let digest = hex(&Sha256::digest(signed.as_bytes()));
    Ok((Seal { by, sequence: statement.sequence(), statement: digest }, statement))
}

/// The signed text, the statement in it, and the signature.
fn parts<'a>(kind: &str, text: &'a str) -> Result<(&'a str, &'a str, Signature), SignatureError> {
    let bytes = |base64: &str| STANDARD.decode(base64.trim()).ok();
    let lines = text.split_once('\n').and_then(|(head, rest)| Some((head, rest.split_once('\n')?)));
    let Some((head, (json, signature))) = lines else {
        let old = bytes(text).is_some_and(|bytes| bytes.len() == Signature::BYTE_SIZE);
        return Err(if old { SignatureError::OldForm } else { SignatureError::Shape });
    };
    if head != kind {
        return Err(SignatureError::Shape);
    }
    let signature =
        bytes(signature).and_then(|bytes| Signature::from_slice(&bytes).ok()).ok_or(SignatureError::Shape)?;
    Ok((&text[..head.len() + json.len() + 2], json, signature))
}

#[cfg(test)]
mod tests;
