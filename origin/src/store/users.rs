//! What users need from a store. Each change stands in the trail, in its own commit.

use async_trait::async_trait;
use onhand_wire::Timestamp;

use super::{Result, StoreError};
use crate::{
    trail::Line,
    users::{InvitationDigest, Role, User},
};

/// A role as it is stored.
pub(super) fn role(word: &str) -> Result<Role> {
    Role::parse(word).ok_or_else(|| StoreError::Refused(format!("a role in the database cannot be read: {word:?}")))
}

/// Somebody who registers.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub name: String,
    /// argon2id's.
    pub password: String,
    /// `None`: anybody, who becomes a shopper.
    pub invitation: Option<InvitationDigest>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Registered {
    User(User),
    NameTaken,
    /// Unknown, used or expired.
    NoInvitation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOfUser {
    Role(Role),
    /// Ends every session: the epoch rises.
    SignOut,
    Remove,
}

#[async_trait]
pub trait Users: Send + Sync {
    /// Keeps an invitation until `expires_at`, and drops those that have expired.
    async fn invite(&self, digest: &InvitationDigest, role: Role, expires_at: Timestamp, line: &Line) -> Result<()>;
    /// Uses up the invitation, if there is one.
    async fn register(&self, new: &NewUser, line: &Line) -> Result<Registered>;
    /// With the password's hash.
    async fn user(&self, name: &str) -> Result<Option<(User, String)>>;
    /// By name.
    async fn users(&self, after: Option<&str>, limit: usize) -> Result<Vec<User>>;
    /// As the user is now, or was before it was removed; `None`: there is none. A change of role ends its sessions too.
    async fn change_user(&self, name: &str, change: ChangeOfUser, line: &Line) -> Result<Option<User>>;
}
