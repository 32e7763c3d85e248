//! Passwords: argon2id with 19 MiB, two passes and one lane, as OWASP has it.

use argon2::{
    Argon2, PasswordHash, PasswordVerifier,
    password_hash::{PasswordHasher, SaltString},
};
use tokio::sync::Semaphore;
use uuid::Uuid;

/// Bytes of a password. The upper bound keeps a hash's cost the same for everybody.
const BYTES: std::ops::RangeInclusive<usize> = 12..=256;
/// Hashes that are computed at once: each takes 19 MiB and a core for some 20 ms.
const AT_ONCE: usize = 2;

/// What is wrong with a new password.
pub(crate) fn password_fault(password: &str) -> Option<String> {
    let (least, most) = BYTES.into_inner();
    (!BYTES.contains(&password.len())).then(|| format!("{least} to {most} bytes; several words are good"))
}

/// Makes and checks hashes, a few at once.
pub(crate) struct Passwords {
    places: Semaphore,
    /// Checked for a name that nobody has, so that the time tells nothing.
    nobody: String,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_ONCE), nobody: hash(&Uuid::new_v4().to_string()) }
    }
}

impl Passwords {
    pub(crate) async fn hash(&self, password: String) -> String {
        self.apart(move || hash(&password)).await
    }

    /// Whether the password is the one that was hashed; without a hash it is wrong, and takes as long.
    pub(crate) async fn is_right(&self, password: String, hashed: Option<String>) -> bool {
        let (known, hashed) = (hashed.is_some(), hashed.unwrap_or_else(|| self.nobody.clone()));
        let right = self.apart(move || {
            let parsed = PasswordHash::new(&hashed);
            parsed.is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
        });
        right.await && known
    }

    /// Not on a thread that serves calls.
    async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _place = self.places.acquire().await.expect("it is never closed");
        tokio::task::spawn_blocking(work).await.expect("hashing does not panic")
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
        let hashed = passwords.hash("correct horse battery".to_owned()).await;
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert_ne!(passwords.hash("correct horse battery".to_owned()).await, hashed, "salted");
        assert!(passwords.is_right("correct horse battery".to_owned(), Some(hashed.clone())).await);
        assert!(!passwords.is_right("correct horse Battery".to_owned(), Some(hashed)).await);
        assert!(!passwords.is_right("correct horse battery".to_owned(), None).await);
        assert!(!passwords.is_right("correct horse battery".to_owned(), Some("nonsense".to_owned())).await);
    }

    #[test]
    fn a_password_has_bounds() {
        assert!(password_fault("eleven byte").is_some() && password_fault("twelve bytes").is_none());
        assert!(password_fault(&"x".repeat(257)).is_some());
    }
}
