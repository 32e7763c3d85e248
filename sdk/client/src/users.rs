//! People who sign in at the console, at an origin. All calls need a token of scope admin.

use onhand_wire::{Timestamp, page::Page};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Call, Client, Error,
    ask::{Ask, encode},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Shopper,
    Fulfilment,
    Operator,
    Admin,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Shopper, Self::Fulfilment, Self::Operator, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shopper => "shopper",
            Self::Fulfilment => "fulfilment",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| "a role is shopper, fulfilment, operator or admin".to_owned())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// Sessions that were begun under another epoch are over.
    pub epoch: i64,
    pub created_at: Timestamp,
}

/// What a link carries, by which one person registers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Invitation {
    pub token: String,
    pub role: Role,
    pub expires_at: Timestamp,
}

const USERS: &str = "/internal/api/users";

impl Client {
    /// By name.
    pub fn users(&self) -> Call<Page<User>> {
        self.gets(USERS)
    }

    pub fn user(&self, name: &str) -> Call<User> {
        self.gets(of(name))
    }

    /// Makes an invitation; its token is told once.
    pub fn invite(&self, role: Role, ttl_s: Option<u32>) -> Call<Invitation> {
        let body = ttl_s.map_or_else(|| json!({"role": role}), |ttl_s| json!({"role": role, "ttl_s": ttl_s}));
        self.looks(format!("{USERS}/invitations"), &body).once()
    }

    /// Registers a person who calls from this address; without an invitation as a shopper. One try, because it is
    /// counted.
    pub fn register(&self, name: &str, password: &str, invitation: Option<&str>, address: &str) -> Call<User> {
        let mut body = json!({"name": name, "password": password, "address": address});
        if let Some(invitation) = invitation {
            body["invitation"] = invitation.into();
        }
        self.looks(USERS, &body).once()
    }

    /// The user, if name and password are right. One try, because it is counted.
    pub fn verify_user(&self, name: &str, password: &str, address: &str) -> Call<Option<User>> {
        let body = json!({"name": name, "password": password, "address": address});
        self.looks::<Value>(format!("{USERS}/verify"), &body).once().read_by(|answer| {
            let Verified { user } = answer.success()?.json::<Verified>()?;
            Ok::<_, Error>(user)
        })
    }

    /// Sessions of the user are then over.
    pub fn set_role(&self, name: &str, role: Role) -> Call<User> {
        self.puts(format!("{}/role", of(name)), &json!({"role": role}))
    }

    /// Ends all sessions of the user.
    pub fn sign_out_everywhere(&self, name: &str) -> Call<User> {
        self.posts(format!("{}/sign-out", of(name)), &json!({}))
    }

    /// The user as it was.
    pub fn remove_user(&self, name: &str) -> Call<User> {
        self.asks(Ask::new(Method::DELETE, of(name)))
    }
}

#[derive(Deserialize)]
struct Verified {
    user: Option<User>,
}

fn of(name: &str) -> String {
    format!("{USERS}/{}", encode(name))
}
