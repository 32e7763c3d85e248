//! Changes of an item's stock. What is refused is said on the item's page, beside what is there now.

use axum::{Form, extract::Path, http::StatusCode, response::Response};
use onhand_client::Error;
use onhand_wire::{
    LocationId, Sku,
    request::{Adjust, AdjustmentKind, Policy, SetStock, Transfer},
};

use super::{super::back, super::items::address, super::why, whole};
use crate::{
    caller::Caller,
    fields::{Fields, Read},
    page::{Cell, Section},
};

type Pairs = Vec<(String, String)>;

/// Why nothing was changed.
enum Refused {
    Fault(String),
    Call(Box<Error>),
}

impl From<String> for Refused {
    fn from(fault: String) -> Self {
        Self::Fault(fault)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Call(Box::new(error))
    }
}

/// Somebody else has changed the count meanwhile: both values are shown, and the form has the new one.
fn conflict(form: &Fields, error: &Error) -> Option<Section> {
    let problem = error.problem().filter(|problem| problem.code == "version_mismatch")?;
    let now = problem.members.get("on_hand").map_or_else(|| "nothing".to_owned(), ToString::to_string);
    let facts = [
        ("Location", Cell::text(form.text("location"))),
        ("On hand when you looked", Cell::number(form.text("seen"))),
        ("On hand now", Cell::number(now)),
        ("You counted", Cell::number(form.text("quantity"))),
    ];
    let section =
        Section::new("conflict", "The count was changed meanwhile").failed("Nothing is set.", "Somebody was faster.");
    Some(
        section.facts(facts).note("If your count still holds, set it again below: the form now goes by what is there."),
    )
}

async fn answered(caller: &Caller, sku: &Sku, form: &Fields, word: &str, changed: Result<(), Refused>) -> Response {
    let refused = match changed {
        Ok(()) => return back(&address(sku.as_str()), word),
        Err(refused) => refused,
    };
    let plain = |why: String| Section::new("refused", "Nothing is changed").failed("", why);
    let (status, section) = match refused {
        Refused::Fault(fault) => (StatusCode::BAD_REQUEST, plain(fault)),
        Refused::Call(error) => match conflict(form, &error) {
            Some(section) => (StatusCode::CONFLICT, section),
            None => (StatusCode::BAD_REQUEST, plain(why(&error))),
        },
    };
    whole(caller, sku, &Fields::default(), Some(section)).await.status(status).show(Some(&caller.person))
}

fn named(sku: &str) -> Result<Sku, StatusCode> {
    Sku::new(sku).map_err(|_| StatusCode::NOT_FOUND)
}

pub(crate) async fn set(
    caller: Caller,
    Path(sku): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response, StatusCode> {
    let (sku, form) = (named(&sku)?, Fields::from(form));
    let changed = async {
        let set = SetStock {
            location: form.location("location")?,
            quantity: form.quantity("quantity")?,
            reason: form.required("reason")?,
            expected_version: Some(form.required("version")?),
            expected_on_hand: None,
        };
        caller.origin().set_stock(&sku, &set).key(form.key()).await?;
        Ok(())
    };
    let changed = changed.await;
    Ok(answered(&caller, &sku, &form, "set", changed).await)
}

fn kind(word: &str) -> Read<AdjustmentKind> {
    use AdjustmentKind::{Correction, Damaged, Found, Lost, Received};
    let known = [Received, Damaged, Found, Lost, Correction].into_iter().find(|kind| kind.as_str() == word);
    known.ok_or_else(|| "kind: received, damaged, found, lost or correction".to_owned())
}

pub(crate) async fn adjust(
    caller: Caller,
    Path(sku): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response, StatusCode> {
    let (sku, form) = (named(&sku)?, Fields::from(form));
    let changed = async {
        let adjust = Adjust {
            location: form.location("location")?,
            delta: form.whole("delta")?,
            kind: kind(form.text("kind"))?,
            reason: form.required("reason")?,
        };
        caller.origin().adjust(&sku, &adjust).key(form.key()).await?;
        Ok(())
    };
    let changed = changed.await;
    Ok(answered(&caller, &sku, &form, "adjusted", changed).await)
}

pub(crate) async fn transfer(
    caller: Caller,
    Path(sku): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response, StatusCode> {
    let (sku, form) = (named(&sku)?, Fields::from(form));
    let changed = async {
        let transfer = Transfer {
            sku: sku.clone(),
            from: form.location("from")?,
            to: form.location("to")?,
            quantity: form.quantity("quantity")?,
            reason: form.required("reason")?,
        };
        caller.origin().transfer(&transfer).key(form.key()).await?;
        Ok(())
    };
    let changed = changed.await;
    Ok(answered(&caller, &sku, &form, "transferred", changed).await)
}

pub(crate) async fn policy(
    caller: Caller,
    Path(sku): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response, StatusCode> {
    let (sku, form) = (named(&sku)?, Fields::from(form));
    let changed = async {
        let location = form.given("location").map(|_| form.location("location")).transpose()?;
        let policy = Policy {
            location: location as Option<LocationId>,
            safety_stock: form.optional_quantity("safety_stock")?,
            backorder_limit: form.optional_quantity("backorder_limit")?,
            low_stock_at: form.optional_quantity("low_stock_at")?,
            ..Policy::default()
        };
        caller.origin().set_policy(&sku, &policy).key(form.key()).await?;
        Ok(())
    };
    let changed = changed.await;
    Ok(answered(&caller, &sku, &form, "policy", changed).await)
}

pub(crate) async fn delete(
    caller: Caller,
    Path(sku): Path<String>,
    Form(form): Form<Pairs>,
) -> Result<Response, StatusCode> {
    let (sku, form) = (named(&sku)?, Fields::from(form));
    match caller.origin().delete_item(&sku).key(form.key()).await {
        Ok(_) => Ok(back("/items", "deleted")),
        Err(error) => Ok(answered(&caller, &sku, &form, "deleted", Err(error.into())).await),
    }
}
