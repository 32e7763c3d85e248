//! People who sign in at the console.

use std::time::Duration;

use onhand_origin::{
    store::users::{ChangeOfUser, NewUser, Registered},
    trail::{Kind, Line, Query},
    users::{InvitationDigest, Role, User},
};
use onhand_wire::Timestamp;
use serde_json::json;

use crate::shop::Shop;

fn line(kind: Kind, what: &str) -> Line {
    let (actor, correlation) = ("tester".to_owned(), "c-1".to_owned());
    Line { actor, kind, what: what.to_owned(), detail: json!({}), correlation }
}

async fn register(shop: &Shop, name: &str, invitation: Option<&str>) -> Registered {
    let invitation = invitation.map(InvitationDigest::of);
    let new = NewUser { name: name.to_owned(), password: format!("hash of {name}"), invitation };
    shop.store.register(&new, &line(Kind::UserRegistered, name)).await.unwrap()
}

async fn invite(shop: &Shop, token: &str, expires_at: Timestamp) {
    let told = line(Kind::UserInvited, "operator");
    shop.store.invite(&InvitationDigest::of(token), Role::Operator, expires_at, &told).await.unwrap();
}

fn user(registered: Registered) -> User {
    match registered {
        Registered::User(user) => user,
        other => panic!("{other:?}"),
    }
}

async fn kinds(shop: &Shop) -> Vec<String> {
    let lines = shop.store.trail(&Query { limit: 100, ..Query::default() }).await.unwrap();
    lines.into_iter().rev().map(|line| line.kind).collect()
}

fn soon() -> Timestamp {
    Timestamp::from(chrono::Utc::now()).plus(Duration::from_secs(600))
}

pub(crate) async fn an_invitation_is_used_once_and_gives_its_role(shop: Shop) {
    assert_eq!(user(register(&shop, "ann", None).await).role, Role::Shopper, "anybody is a shopper");
    assert_eq!(register(&shop, "bob", Some("nonsense")).await, Registered::NoInvitation);
    invite(&shop, "link", soon()).await;
    assert_eq!(register(&shop, "ann", Some("link")).await, Registered::NameTaken, "the link is not used up by that");
    assert_eq!(user(register(&shop, "bob", Some("link")).await).role, Role::Operator);
    assert_eq!(register(&shop, "cyd", Some("link")).await, Registered::NoInvitation, "used");
    invite(&shop, "late", Timestamp::from_micros(1)).await;
    assert_eq!(register(&shop, "cyd", Some("late")).await, Registered::NoInvitation, "expired");
    assert_eq!(register(&shop, "bob", None).await, Registered::NameTaken);
    let (bob, hash) = shop.store.user("bob").await.unwrap().unwrap();
    assert_eq!((bob.name.as_str(), hash.as_str()), ("bob", "hash of bob"));
    assert_eq!(shop.store.user("cyd").await.unwrap(), None);
    assert_eq!(kinds(&shop).await, ["user_registered", "user_invited", "user_registered", "user_invited"]);
}

pub(crate) async fn sessions_are_over_after_a_change(shop: Shop) {
    let began = user(register(&shop, "ann", None).await);
    let change = async |change, kind| shop.store.change_user("ann", change, &line(kind, "ann")).await.unwrap();
    let out = change(ChangeOfUser::SignOut, Kind::UserSignedOut).await.unwrap();
    assert!(out.epoch > began.epoch && out.role == Role::Shopper, "{out:?}");
    let raised = change(ChangeOfUser::Role(Role::Admin), Kind::UserRoleChanged).await.unwrap();
    assert!(raised.epoch > out.epoch && raised.role == Role::Admin, "{raised:?}");
    assert_eq!(shop.store.user("ann").await.unwrap().unwrap().0, raised);
    assert_eq!(change(ChangeOfUser::Remove, Kind::UserRemoved).await, Some(raised.clone()));
    assert_eq!(change(ChangeOfUser::SignOut, Kind::UserSignedOut).await, None, "and no line of it");
    assert_eq!(shop.store.user("ann").await.unwrap(), None);
    assert_eq!(kinds(&shop).await, ["user_registered", "user_signed_out", "user_role_changed", "user_removed"]);
}

/// Ledger and reservations know people by name: a stranger would inherit them.
pub(crate) async fn a_removed_users_name_stays_taken(shop: Shop) {
    register(&shop, "ann", None).await;
    shop.store.change_user("ann", ChangeOfUser::Remove, &line(Kind::UserRemoved, "ann")).await.unwrap();
    assert_eq!(register(&shop, "ann", None).await, Registered::NameTaken);
    invite(&shop, "link", soon()).await;
    assert_eq!(register(&shop, "ann", Some("link")).await, Registered::NameTaken, "by an invitation neither");
    assert_eq!(shop.store.user("ann").await.unwrap(), None);
    assert_eq!(user(register(&shop, "bob", Some("link")).await).role, Role::Operator, "which is not used up by that");
}

pub(crate) async fn users_are_listed_by_name(shop: Shop) {
    for name in ["cyd", "ann", "bob"] {
        register(&shop, name, None).await;
    }
    let names = async |after: Option<&str>, limit| {
        let users = shop.store.users(after, limit).await.unwrap();
        users.into_iter().map(|user| user.name).collect::<Vec<_>>()
    };
    assert_eq!(names(None, 2).await, ["ann", "bob"]);
    assert_eq!(names(Some("bob"), 2).await, ["cyd"]);
}
