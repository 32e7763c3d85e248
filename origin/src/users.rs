//! People who sign in at the console: names, roles, passwords and invitations.

mod attempts;
mod password;

use onhand_wire::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use self::{
    attempts::{Attempts, TooMany},
    password::{Busy, Passwords, password_fault},
};

/// What a person may do; the console gives each a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Shopper,
    Fulfilment,
    Operator,
    Admin,
}

impl Role {
    const ALL: [Self; 4] = [Self::Shopper, Self::Fulfilment, Self::Operator, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shopper => "shopper",
            Self::Fulfilment => "fulfilment",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == word)
    }
}

/// A person, without the password.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// Sessions that were begun under another epoch are over.
    pub epoch: i64,
    pub created_at: Timestamp,
}

/// A link's token, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationDigest(pub Vec<u8>);

impl InvitationDigest {
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).to_vec())
    }
}

/// Longest name, in characters.
const NAME: usize = 64;

/// What is wrong with a new name. Only small letters, so that no two names look alike.
pub(crate) fn name_fault(name: &str) -> Option<String> {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let other = |byte: u8| first(byte) || b"._@-".contains(&byte);
    let sound = name.len() <= NAME && name.bytes().next().is_some_and(first) && name.bytes().all(other);
    (!sound).then(|| format!("1 to {NAME} of a-z, 0-9, '.', '_', '@' and '-', beginning with a letter or a digit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_refused() {
        for name in ["ann", "7", "a.b_c@d-e", &"a".repeat(64)] {
            assert_eq!(name_fault(name), None, "{name}");
        }
        for name in ["", "Ann", ".a", "a b", "ä", "a\n", "a/b", &"a".repeat(65)] {
            assert!(name_fault(name).is_some(), "{name:?}");
        }
    }

    #[test]
    fn every_role_is_found_by_its_word() {
        assert!(Role::ALL.into_iter().all(|role| Role::parse(role.as_str()) == Some(role)));
        assert_eq!(Role::parse("root"), None);
    }
}
