//! `onhand rule sign`: says who releases a rule, and that the release is newer than those before.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use onhand_rules::{Config, LoadFault, claimed};
use onhand_wire::release::{Release, Stage};

use crate::{
    ChosenStage,
    error::{At, AuthorError},
    release::read,
};

/// How far the sequence that an origin names may be ahead of this clock. If it is further ahead, one of the clocks is
/// wrong.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

/// A signed release, and what it was signed for.
#[derive(Debug)]
pub struct SignedRelease {
    pub file: PathBuf,
    pub rule: String,
    pub sequence: u64,
    pub stage: Stage,
    /// The share of a canary, in percent.
    pub share: Option<f64>,
    pub fixtures: usize,
}

/// Signs `NAME.wasm` with all files beside it, for the chosen stage, and writes `NAME.wasm.sig` (`NAME.next.wasm` is
/// signed for `NAME`). The default `sequence` is the time in milliseconds, or one more than that of the existing
/// signature.
///
/// # Errors
/// If a file can't be read or written or names another stage, or the key is invalid.
pub fn sign(
    component: &Path,
    key: &Path,
    staged: Option<ChosenStage>,
    sequence: Option<u64>,
    config: &Config,
) -> Result<SignedRelease, AuthorError> {
    let (rule, next, release) = read(component, config, staged)?;
    let before = release.signature.as_deref().and_then(claimed).filter(|before| before.rule == rule);
    let sequence = sequence.unwrap_or_else(|| now().max(before.map_or(0, |before| before.sequence + 1)));
    let pem = fs::read_to_string(key).at(key)?;
    let signature =
        onhand_rules::sign(&rule, next, &release, sequence, &pem).map_err(|fault| at_fault(component, key, &fault))?;
    let file = component.with_extension("wasm.sig");
    fs::write(&file, &signature).at(&file)?;
    let (stage, share) = claimed(&signature).map_or((Stage::Full, None), |signed| (signed.stage, signed.share));
    Ok(SignedRelease { file, rule, sequence, stage, share, fixtures: release.fixtures.len() })
}

/// Signs a release that was in force before again, but only if this key or one of `rules.trusted_keys` has signed it
/// before: the origin's word alone is not enough.
///
/// # Errors
/// If it was not signed in that way, or the key is invalid.
pub fn sign_again(
    rule: &str,
    next: bool,
    release: &Release,
    sequence: u64,
    key: &Path,
    config: &Config,
) -> Result<String, AuthorError> {
    let pem = fs::read_to_string(key).at(key)?;
    onhand_rules::sign_again(rule, next, release, sequence, &pem, config).map_err(|fault| {
        let message = format!(
            "the release that would come back cannot be signed again, because {fault}. Build that version, sign it, and push it"
        );
        AuthorError::Invalid { file: key.to_owned(), fault: message }
    })
}

/// Signs that no release of a rule is to be in use.
///
/// # Errors
/// If the key is invalid.
pub fn sign_withdrawal(rule: &str, sequence: u64, key: &Path) -> Result<String, AuthorError> {
    let pem = fs::read_to_string(key).at(key)?;
    onhand_rules::sign_withdrawal(rule, sequence, &pem).map_err(|fault| at_fault(key, key, &fault))
}

/// A sequence above the greatest that a rule has had.
///
/// # Errors
/// If that is a time more than a day from now.
pub fn sequence_above(mark: u64) -> Result<u64, String> {
    let now = now();
    if u128::from(mark) > u128::from(now) + AHEAD.as_millis() {
        return Err(format!(
            "the rule's greatest sequence, {mark}, is a time more than a day from now; is the clock right?"
        ));
    }
    Ok(now.max(mark + 1))
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

fn at_fault(component: &Path, key: &Path, fault: &LoadFault) -> AuthorError {
    let of_key = matches!(fault, LoadFault::Signature(_));
    AuthorError::Invalid { file: if of_key { key } else { component }.to_owned(), fault: fault.to_string() }
}
