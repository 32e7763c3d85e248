//! `onhand token`: keys and tokens.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::SystemTime,
};

use clap::Subcommand;
use ed25519_dalek::{
    SigningKey,
    pkcs8::{EncodePrivateKey, EncodePublicKey, spki::der::pem::LineEnding},
};
use onhand_http::{
    auth::{Claims, Issuer, Scope, jwk, subject_fault},
    setting::Span,
};

use super::{Done, private};

#[derive(Subcommand)]
pub(crate) enum Token {
    /// Make an Ed25519 key pair: PREFIX.key.pem signs (keep it safe), PREFIX.pub.pem verifies (auth.key_file)
    ///
    /// To change keys without a restart, verify with a set instead: see `onhand token jwks`.
    Keygen {
        /// Path and start of both file names; existing files are not overwritten
        #[arg(long, value_name = "PREFIX", default_value = "onhand")]
        out: PathBuf,
    },
    /// Print a JSON Web Key Set of public keys, for auth.jwks_file or an issuer's URL
    ///
    /// A key's kid is its thumbprint (RFC 7638); `onhand token issue --kid` names it in a token. To change keys: add
    /// the new one, wait for auth.refresh, sign with it, and remove the old one once its last token has expired. Write
    /// the new file beside the old one and rename it over the old one.
    Jwks {
        /// Public keys in PEM, as `onhand token keygen` makes them
        #[arg(value_name = "KEY.pub.pem", required = true)]
        keys: Vec<PathBuf>,
    },
    /// Sign a token and print it
    Issue {
        /// The private key in PEM
        #[arg(long, value_name = "FILE", default_value = "onhand.key.pem")]
        key: PathBuf,
        /// Whose token it is: the owner of idempotency keys and the actor in the ledger; 1 to 255 bytes, no control
        /// characters
        #[arg(long, value_name = "NAME", value_parser = parse_subject)]
        subject: String,
        /// storefront (reservations), fulfilment (also fulfil and return), operator (also stock, internal pages), admin
        /// (also items, locations, maintenance); and apart from these edge (an edge's own token) and alerting (reserved
        /// for a heartbeat)
        #[arg(long)]
        scope: Scope,
        /// How long it is valid, with its unit, such as 1h or 90d
        #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_ttl)]
        ttl: Span,
        /// Whom it is for (aud); needed where auth.audience is set
        #[arg(long, value_name = "NAME")]
        audience: Option<String>,
        /// Who signs it (iss); needed where auth.issuer is set
        #[arg(long, value_name = "NAME")]
        issuer: Option<String>,
        /// The key's name in the JWKS; without it, every key of the set is tried
        #[arg(long, value_name = "NAME")]
        kid: Option<String>,
        /// One more claim of the token, as a string: such as the one that auth.owner_claim names (repeatable)
        #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = parse_claim)]
        claims: Vec<(String, String)>,
    },
}

fn parse_subject(text: &str) -> Result<String, String> {
    subject_fault(text).map_or_else(|| Ok(text.to_owned()), |fault| Err(format!("a subject {fault}")))
}

/// Claims that the token has anyway.
const OURS: [&str; 6] = ["sub", "scope", "exp", "iat", "iss", "aud"];

fn parse_claim(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE, such as shop=eu")?;
    if name.is_empty() || OURS.contains(&name) {
        return Err(format!("{name:?} cannot be given here; a token has {} anyway", OURS.join(", ")));
    }
    Ok((name.to_owned(), value.to_owned()))
}

fn parse_ttl(text: &str) -> Result<Span, String> {
    serde_json::from_value(text.into()).map_err(|error| error.to_string())
}

impl Token {
    pub(super) fn run(self) -> Done {
        match self {
            Self::Keygen { out } => {
                let (private_key, public_key) = (with_end(&out, ".key.pem"), with_end(&out, ".pub.pem"));
                let pair = new_pair();
                private::write_new(&private_key, &pair.private, 0o600)?;
                private::write_new(&public_key, &pair.public, 0o644)?;
                println!(
                    "{} signs tokens or rules: keep it safe\n{} verifies them: use it as auth.key_file or in rules.trusted_keys",
                    private_key.display(),
                    public_key.display()
                );
            }
            Self::Jwks { keys } => {
                let keys = keys.iter().map(|file| public(file)).collect::<Result<Vec<_>, _>>()?;
                println!("{}", serde_json::to_string_pretty(&serde_json::json!({"keys": keys}))?);
            }
            Self::Issue { key, subject, scope, ttl, audience, issuer, kid, claims } => {
                let pem = std::fs::read(&key)
                    .map_err(|error| format!("{}: {error}; `onhand token keygen` makes a key", key.display()))?;
                let signer = Issuer::from_pem(&pem).map_err(|error| format!("{}: {error}", key.display()))?;
                let signer = signer.with_kid(kid).with_name(issuer).with_audience(audience).with_claims(claims);
                println!("{}", issue(&signer, &subject, scope, ttl));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A public key's file as a key of a JWKS.
fn public(file: &Path) -> Result<serde_json::Value, String> {
    let pem = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    jwk(&pem).map_err(|error| format!("{}: {error}", file.display()))
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
    issuer.issue(&Claims { iat: now.as_secs(), ..Claims::new(subject, scope, (now + ttl.0).as_secs()) })
}

fn with_end(prefix: &Path, end: &str) -> PathBuf {
    let mut name = prefix.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The token given to a command that calls an origin, or how to get one.
pub(super) fn given(token: &str) -> Result<&str, String> {
    if token.is_empty() {
        return Err("--token: none is given, and ONHAND_TOKEN_ADMIN is not set; `onhand token issue --scope admin …` \
                    makes one, and `onhand dev --print-tokens FILE` writes its own"
            .to_owned());
    }
    Ok(token)
}
