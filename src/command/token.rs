//! `onhand token`: keys and tokens.

use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use clap::Subcommand;
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use onhand_wire::{
    auth::{Claims, Issuer, Scope},
    setting::Span,
};

use super::Done;

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Make an Ed25519 key pair: PREFIX.key.pem signs (keep it safe), PREFIX.pub.pem verifies (auth.key_file)
    Keygen {
        /// Path and start of both file names; existing files are not overwritten
        #[arg(long, value_name = "PREFIX", default_value = "onhand")]
        out: PathBuf,
    },
    /// Sign a token and print it
    Issue {
        /// The private key in PEM
        #[arg(long, value_name = "FILE", default_value = "onhand.key.pem")]
        key: PathBuf,
        /// Who it is for: owns idempotency keys, and is the actor in the ledger
        #[arg(long, value_name = "NAME")]
        subject: String,
        /// storefront (reservations), operator (stock, internal pages), admin (items, locations, maintenance)
        #[arg(long)]
        scope: Scope,
        /// How long it is valid, with its unit, such as 1h or 90d
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_ttl)]
        ttl: Span,
    },
}

fn parse_ttl(text: &str) -> Result<Span, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

impl Token {
    pub(super) fn run(self) -> Done {
        match self {
            Self::Keygen { out } => {
                let (private, public) = (with_end(&out, ".key.pem"), with_end(&out, ".pub.pem"));
                let pair = new_pair();
                write_new(&private, &pair.private, 0o600)?;
                write_new(&public, &pair.public, 0o644)?;
                println!(
                    "{} signs tokens: keep it safe\n{} verifies them: auth.key_file",
                    private.display(),
                    public.display()
                );
            }
            Self::Issue { key, subject, scope, ttl } => {
                let pem = std::fs::read(&key)
                    .map_err(|error| format!("{}: {error}; `onhand token keygen` makes a key", key.display()))?;
                println!("{}", issue(&Issuer::from_pem(&pem)?, &subject, scope, ttl));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) struct Pair {
    pub(super) private: String,
    pub(super) public: String,
}

/// A new key pair in PEM.
pub(super) fn new_pair() -> Pair {
    let key = SigningKey::from_bytes(&rand::random());
    let private = key.to_pkcs8_pem(LineEnding::LF).expect("a key has a PEM form").to_string();
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF).expect("a key has a PEM form");
    Pair { private, public }
}

pub(super) fn issue(issuer: &Issuer, subject: &str, scope: Scope, ttl: Span) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    issuer.issue(&Claims { sub: subject.to_owned(), scope, iat: now.as_secs(), exp: (now + ttl.0).as_secs() })
}

fn with_end(prefix: &Path, end: &str) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A key in use is never overwritten.
pub(super) fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
