//! Passwords: argon2id with 19 MiB, two passes and one lane, as OWASP has it.

use std::sync::Arc;

use argon2::{
    Argon2, PasswordHash, PasswordVerifier,
    password_hash::{PasswordHasher, SaltString},
};
use onhand_http::share::Shares;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::attempts::caller;

/// Bytes of a password. The upper bound keeps a hash's cost the same for everybody.
const BYTES: std::ops::RangeInclusive<usize> = 12..=256;
/// Hashes that are computed at once: each takes 19 MiB and a core for some 20 ms.
const AT_ONCE: usize = 2;
/// Those that are computed or wait for it; one more is refused at once. The last one waits for a third of a second.
const MOST: usize = 32;
/// The same, of one address, so that nobody fills the line alone.
const MOST_OF_ADDRESS: usize = 4;

/// Why nothing was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Busy {
    /// With this many of the same address.
    Address(usize),
    /// With this many of all.
    All(usize),
}

/// What is wrong with a new password.
pub(crate) fn password_fault(password: &str) -> Option<String> {
    let (least, most) = BYTES.into_inner();
    (!BYTES.contains(&password.len())).then(|| format!("{least} to {most} bytes; several words are good"))
}

/// Makes and checks hashes, a few at once.
pub(crate) struct Passwords {
    places: Semaphore,
    line: Semaphore,
    of_address: Arc<Shares<String>>,
    /// Checked for a name that nobody has, so that the time tells nothing.
    nobody: String,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            places: Semaphore::new(AT_ONCE),
            line: Semaphore::new(MOST),
            of_address: Shares::new(MOST_OF_ADDRESS),
            nobody: hash(&Uuid::new_v4().to_string()),
        }
    }
}

impl Passwords {
    pub(crate) async fn hash(&self, password: String, address: &str) -> Result<String, Busy> {
        self.apart(address, move || hash(&password)).await
    }

    /// Whether the password is the one that was hashed; without a hash it is wrong, and takes as long.
    pub(crate) async fn is_right(&self, password: String, hashed: Option<String>, address: &str) -> Result<bool, Busy> {
        let (known, hashed) = (hashed.is_some(), hashed.unwrap_or_else(|| self.nobody.clone()));
        let right = self.apart(address, move || {
            let parsed = PasswordHash::new(&hashed);
            parsed.is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
        });
        Ok(right.await? && known)
    }

    /// Not on a thread that serves calls.
    async fn apart<T: Send + 'static>(
        &self,
        address: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let _share = self.of_address.take(caller(address), 1).ok_or(Busy::Address(MOST_OF_ADDRESS))?;
        let _in_line = self.line.try_acquire().map_err(|_| Busy::All(MOST))?;
        let _place = self.places.acquire().await.expect("it is never closed");
        Ok(tokio::task::spawn_blocking(work).await.expect("hashing does not panic"))
    }
}

/// The salt is a random UUID's 16 bytes, 122 of whose bits are random.
fn hash(password: &str) -> String {
    let salt = SaltString::encode_b64(Uuid::new_v4().as_bytes()).expect("16 bytes are a salt");
    let hashed = Argon2::default().hash_password(password.as_bytes(), &salt);
    hashed.expect("the parameters are argon2's own").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_is_right_and_the_hash_is_argon2id() {
        let passwords = Passwords::default();
        let hash = async || passwords.hash("correct horse battery".to_owned(), "192.0.2.1").await.unwrap();
        let is_right = async |password: &str, hashed: Option<&str>| {
            let hashed = hashed.map(str::to_owned);
            passwords.is_right(password.to_owned(), hashed, "192.0.2.1").await.unwrap()
        };
        let hashed = hash().await;
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert_ne!(hash().await, hashed, "salted");
        assert!(is_right("correct horse battery", Some(&hashed)).await);
        assert!(!is_right("correct horse Battery", Some(&hashed)).await);
        assert!(!is_right("correct horse battery", None).await);
        assert!(!is_right("correct horse battery", Some("nonsense")).await);
    }

    #[tokio::test]
    async fn nobody_fills_the_line_alone_and_it_has_an_end() {
        let passwords = Passwords::default();
        let _busy = passwords.places.acquire_many(2).await.unwrap();
        let ask = async |address: String| passwords.hash("correct horse battery".to_owned(), &address).await;
        let mut line = Vec::new();
        let mut begin = |address: String| {
            let mut asked = Box::pin(ask(address));
            let first = futures_util::FutureExt::now_or_never(&mut asked);
            line.push(asked);
            first
        };
        for _ in 0..MOST_OF_ADDRESS {
            assert_eq!(begin("2001:db8::1".to_owned()), None, "it waits");
        }
        assert_eq!(begin("2001:db8::2".to_owned()), Some(Err(Busy::Address(MOST_OF_ADDRESS))));
        for number in MOST_OF_ADDRESS..MOST {
            assert_eq!(begin(format!("192.0.2.{number}")), None, "it waits");
        }
        assert_eq!(begin("198.51.100.1".to_owned()), Some(Err(Busy::All(MOST))));
        drop(line);
        assert_eq!(passwords.line.available_permits(), MOST, "who leaves gives the place up");
    }

    #[test]
    fn a_password_has_bounds() {
        assert!(password_fault("eleven byte").is_some() && password_fault("twelve bytes").is_none());
        assert!(password_fault(&"x".repeat(257)).is_some());
    }
}
