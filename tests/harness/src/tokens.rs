//! The world's own key, and a token of each scope, made by the command itself.

use std::path::{Path, PathBuf};

use onhand_http::auth::{Claims, Issuer, Scope};

use crate::{Error, binary, scratch::Scratch};

pub struct Tokens {
    pub storefront: String,
    pub fulfilment: String,
    pub operator: String,
    pub admin: String,
    /// The token of a world's edges.
    pub edge: String,
    pub alerting: String,
    binary: PathBuf,
    prefix: PathBuf,
}

impl Tokens {
    pub(crate) fn mint(binary: &Path, scratch: &Scratch) -> Result<Self, Error> {
        let prefix = scratch.path().join("token");
        binary::run(binary, &["token", "keygen", "--out", &prefix.to_string_lossy()])?;
        let issue = |scope: &str| issue(binary, &prefix, scope, scope, "24h");
        Ok(Self {
            storefront: issue("storefront")?,
            fulfilment: issue("fulfilment")?,
            operator: issue("operator")?,
            admin: issue("admin")?,
            edge: issue("edge")?,
            alerting: issue("alerting")?,
            binary: binary.to_owned(),
            prefix,
        })
    }

    /// Another subject's token; `ttl` such as `1h`.
    pub fn issue(&self, subject: &str, scope: &str, ttl: &str) -> String {
        issue(&self.binary, &self.prefix, subject, scope, ttl).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same with one more claim, such as `shop=eu`.
    pub fn issue_with(&self, subject: &str, scope: &str, claim: &str) -> String {
        let key = self.prefix.with_extension("key.pem");
        let args = ["token", "issue", "--key", &key.to_string_lossy(), "--subject", subject, "--scope", scope];
        let args = [&args[..], &["--claim", claim]].concat();
        binary::run(&self.binary, &args).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A storefront's token with a subject that the command would refuse to sign.
    pub fn of_any_subject(&self, subject: &str) -> String {
        let key = self.prefix.with_extension("key.pem");
        let pem = std::fs::read(&key).unwrap_or_else(|error| panic!("{}: {error}", key.display()));
        let issuer = Issuer::from_pem(&pem).expect("the world's own key");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        issuer.issue(&Claims::new(subject, Scope::Storefront, now.as_secs() + 3600))
    }

    /// The key that verifies them.
    pub fn public_key(&self) -> PathBuf {
        self.prefix.with_extension("pub.pem")
    }
}

fn issue(binary: &Path, prefix: &Path, subject: &str, scope: &str, ttl: &str) -> Result<String, Error> {
    let key = prefix.with_extension("key.pem");
    let args =
        ["token", "issue", "--key", &key.to_string_lossy(), "--subject", subject, "--scope", scope, "--ttl", ttl];
    binary::run(binary, &args)
}
