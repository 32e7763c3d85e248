//! Why a release cannot be used. Each message says what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    sandbox::fault::ComponentFault,
    world::{World, fixture::FixtureError},
};

/// The file at fault and what is wrong with it. The release is not used; the one in force goes on.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", file.display())]
pub struct LoadError {
    pub file: PathBuf,
    pub fault: LoadFault,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadFault {
    #[error("can't be read: {0}")]
    Read(#[from] io::Error),
    #[error("the sandbox can't be set up: {0}")]
    Sandbox(io::Error),
    #[error("a rule's name has 1 to 64 characters of A-Z a-z 0-9 _ - and starts with a letter or digit")]
    Name,
    #[error("{0:?} is a built-in strategy; an allocation or ranking rule needs another name")]
    BuiltIn(String),
    #[error("{size} bytes; rules.component_size allows {most}, unless `limits.component_size` beside it asks for more")]
    TooLarge { size: u64, most: u64 },
    #[error("its settings ask for limits.{what} = {asked}; the operator allows {most} at most (rules.max_{what})")]
    Asks { what: &'static str, asked: String, most: String },
    #[error("no signature; `{0}.sig` is missing, and rules.allow_unsigned is false")]
    Unsigned(String),
    #[error("its signature {0}")]
    Signature(SignatureError),
    #[error(
        "its signature has the number {sequence}, and the rule has had {mark} in use: what was signed before is not used \
         again. If this one is meant, sign it anew: `onhand rule sign`, or `onhand rule rollback NAME --key KEY.pem` \
         for one that was pushed"
    )]
    Replayed { sequence: String, mark: String },
    #[error(
        "its signature has the number {0}, more than a day from now; was the clock right where it was signed, and is it \
         here? Sign it anew by a right clock: `onhand rule sign`"
    )]
    Ahead(String),
    #[error("its signature is older than that of the release in use; sign it again if it should still run beside it")]
    Superseded,
    #[error(
        "{file}: {error}; it keeps older releases from being used again. Make it readable and writable, name another \
         folder with rules.state_dir, or take the file from a backup; without it, the node takes the releases that it \
         finds for the newest ones"
    )]
    Marks { file: String, error: String },
    #[error(
        "its withdrawal is not signed, and rules.allow_unsigned is false; `onhand rule rollback NAME --key KEY.pem` signs it"
    )]
    UnsignedWithdrawal,
    #[error("rules.trusted_keys: {file}: {error}")]
    Key { file: String, error: SignatureError },
    #[error(transparent)]
    Component(#[from] ComponentFault),
    #[error("its memory has {has} bytes from the start; it may have {most}")]
    Memory { has: u64, most: u64 },
    #[error("{0}")]
    Settings(String),
    #[error("fixture {file}: {error}")]
    Fixture { file: String, error: FixtureError },
    #[error("fixture {file}: it {differs}")]
    SelfTest { file: String, differs: String },
    #[error("a {next} rule, where the release in use is a {full} rule")]
    OtherWorld { next: World, full: World },
    #[error("{0} applies to the same lookups; name different `channels` beside them")]
    Overlap(String),
    #[error("this node runs no rules")]
    NoRules,
    #[error("it is not what its digest says")]
    Digest,
    #[error("the origin does not have it")]
    NotKept,
    #[error("the announcement differs from what the origin says, which counts")]
    NotConfirmed,
}

impl LoadFault {
    pub(crate) fn asks(what: &'static str, asked: impl ToString, most: impl ToString) -> Self {
        Self::Asks { what, asked: asked.to_string(), most: most.to_string() }
    }

    pub(crate) fn of(self, file: &Path) -> LoadError {
        LoadError { file: file.to_owned(), fault: self }
    }
}

/// Why a signature is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    #[error("no ed25519 key in PEM: {0}")]
    Key(String),
    #[error("is not three lines of statement and ed25519 signature; `onhand rule sign` writes them")]
    Shape,
    #[error("is of the old form, which covers nothing but the component; sign the release again (`onhand rule sign`)")]
    OldForm,
    #[error("fits none of rules.trusted_keys")]
    Wrong,
    /// It was signed for something else; the message names what differs.
    #[error(
        "was made for a release with other {}; if this one is meant, sign it again (`onhand rule sign`)",
        .0.join(", ")
    )]
    Differs(Vec<String>),
}
