//! One file a page: what it asks of whom, and what it shows.

pub(crate) mod dead_letters;
pub(crate) mod explain;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod item;
pub(crate) mod items;
pub(crate) mod lanes;
pub(crate) mod low_stock;
pub(crate) mod now;
pub(crate) mod places;
pub(crate) mod register;
pub(crate) mod rules;
pub(crate) mod shop;
pub(crate) mod sign_in;
pub(crate) mod trail;
pub(crate) mod users;

use axum::response::{IntoResponse, Redirect, Response};
use onhand_client::{Error, Role};

use crate::caller::Caller;

/// Each role begins where its work is.
pub(crate) async fn home(caller: Caller) -> Redirect {
    Redirect::to(match caller.person.role {
        Role::Shopper | Role::Fulfilment => "/shop",
        Role::Operator => "/now",
        Role::Admin => "/items",
    })
}

/// What a person is told of a call that failed.
pub(crate) fn why(error: &Error) -> String {
    match error {
        Error::Problem(problem) if problem.detail.is_empty() => {
            format!("{} answered {}.", problem.node, problem.status)
        }
        Error::Problem(problem) => format!("{} ({})", problem.detail, problem.code),
        Error::NoAnswer { nodes, last, .. } => {
            format!("No answer from {} ({last}). Check that it runs and can be reached.", nodes.join(", "))
        }
        error => error.to_string(),
    }
}

/// What has been done, by the word that stands in the address after a change.
pub(crate) fn done(word: &str) -> Option<&'static str> {
    Some(match word {
        "set" => "The count is set.",
        "adjusted" => "The stock is adjusted.",
        "transferred" => "The units are moved.",
        "policy" => "The selling policy is changed.",
        "deleted" => "The item is deleted.",
        "added" => "The item is there.",
        "location" => "The location is there.",
        "channel" => "The channel is there.",
        "paused" => "The lane is paused: orders are taken in, and none is decided.",
        "resumed" => "The lane goes on.",
        "replayed" => "The dead letters are back in their lanes.",
        "discarded" => "The dead letters are given up.",
        "rolled-back" => "The roll back is in force.",
        "role" => "The role is changed, and the user's sessions are over.",
        "signed-out" => "The user is signed out everywhere.",
        "removed" => "The user is removed.",
        "confirmed" => "The hold is confirmed.",
        "cancelled" => "The hold is cancelled.",
        "extended" => "The hold lasts longer.",
        _ => return None,
    })
}

/// After a change its page is fetched anew, so that loading it again changes nothing.
pub(crate) fn back(page: &str, word: &str) -> Response {
    let sign = if page.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{page}{sign}done={word}")).into_response()
}
