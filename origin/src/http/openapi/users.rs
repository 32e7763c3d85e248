//! People who sign in at the console.

use onhand_http::auth::Scope;
use onhand_wire::Code;
use serde_json::{Value, json};
use utoipa::openapi::{
    HttpMethod::{Delete, Get, Post, Put},
    ObjectBuilder,
    schema::Type,
};

use super::{
    answers::{Invited, Nothing, UserPage, Verified},
    call::{Call, call},
    catalogue::{cursor, limit},
};
use crate::{
    http::users::{Invite, Register, SetRole, Verify},
    users::User,
};

const TAG: &str = "users";
const BODY: [Code; 3] = [Code::InvalidRequest, Code::TooLarge, Code::UnsupportedMediaType];

pub(super) fn calls() -> Vec<Call> {
    vec![list(), register(), invite(), verify(), read(), set_role(), sign_out(), remove()]
}

fn ann() -> Value {
    json!({"name": "ann", "role": "shopper", "epoch": 1_769_851_800_000_000_i64, "created_at": "2026-01-31T09:30:00.000Z"})
}

fn list() -> Call {
    limit(cursor(call(TAG, Get, "/internal/api/users", "listUsers").needs(Scope::Admin)))
        .says("Who may sign in", "By name.")
        .answers::<UserPage>(200, "A page.", json!({"items": [ann()], "next_cursor": null}))
        .refuses(&[Code::InvalidRequest])
}

fn register() -> Call {
    let ann = json!({"name": "ann", "password": "correct horse battery", "address": "192.0.2.1"});
    call(TAG, Post, "/internal/api/users", "registerUser")
        .needs(Scope::Admin)
        .says(
            "Register",
            "The console calls it for somebody. Without an invitation the role is shopper; an invitation is used once. \
             Registrations count as attempts of their address, 100 in 15 minutes; without an invitation 1,000 in an \
             hour, from everywhere. A name that was a user's stays taken.",
        )
        .body::<Register>(ann)
        .answers::<User>(200, "Registered.", self::ann())
        .refuses(&BODY)
        .refuses(&[Code::RateLimited, Code::Overloaded])
}

fn invite() -> Call {
    let invited = json!({"token": "c2VjcmV0", "role": "admin", "expires_at": "2026-02-01T09:30:00.000Z"});
    call(TAG, Post, "/internal/api/users/invitations", "inviteUser")
        .needs(Scope::Admin)
        .says("Invite", "Makes the token of a link, by which one person registers with this role.")
        .body::<Invite>(json!({"role": "admin", "ttl_s": 3600}))
        .answers::<Invited>(200, "The token, which is kept only as a hash.", invited)
        .refuses(&BODY)
}

fn verify() -> Call {
    let asked = json!({"name": "ann", "password": "correct horse battery", "address": "192.0.2.1"});
    call(TAG, Post, "/internal/api/users/verify", "verifyUser")
        .needs(Scope::Admin)
        .says(
            "Whether a password is right",
            "Wrong ones count for 15 minutes: 10 for a name from one address, 100 from one address, 1,000 for a name, \
             at each origin; right ones likewise: 30 for a name from one address, 300 from one address. Beyond that the \
             answer is 429, right or wrong; `retry_after_s` says how long. An IPv6 address counts for its /64.",
        )
        .body::<Verify>(asked)
        .answers::<Verified>(200, "The user; null if name or password is wrong.", json!({"user": ann()}))
        .refuses(&BODY)
        .refuses(&[Code::RateLimited, Code::Overloaded])
}

/// A call about one person.
fn of(call: Call) -> Call {
    let name = ObjectBuilder::new().schema_type(Type::String);
    call.needs(Scope::Admin).path_of("name", "The user's name.", name).refuses(&[Code::NotFound, Code::InvalidRequest])
}

fn read() -> Call {
    of(call(TAG, Get, "/internal/api/users/{name}", "readUser"))
        .says("One user", "The console compares the epoch with that of a session.")
        .answers::<User>(200, "The user.", ann())
}

fn set_role() -> Call {
    of(call(TAG, Put, "/internal/api/users/{name}/role", "setUserRole"))
        .says("Give another role", "Sessions of the user are over.")
        .body::<SetRole>(json!({"role": "operator"}))
        .answers::<User>(200, "As the user is now.", ann())
        .refuses(&BODY)
}

fn sign_out() -> Call {
    of(call(TAG, Post, "/internal/api/users/{name}/sign-out", "signOutUser"))
        .says("Sign out everywhere", "The epoch rises, and sessions of earlier ones are over.")
        .optional_body::<Nothing>(json!({}))
        .answers::<User>(200, "As the user is now.", ann())
        .refuses(&BODY)
}

fn remove() -> Call {
    of(call(TAG, Delete, "/internal/api/users/{name}", "removeUser"))
        .says("Remove", "Sessions of the user are over. What ledger and trail say of the user stays.")
        .answers::<User>(200, "As the user was.", ann())
}
