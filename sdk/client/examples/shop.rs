//! A shop's checkout against `onhand dev --print-tokens tokens.json`:
//!
//! `cargo run --example shop -- http://127.0.0.1:8080 "$(jq -r .storefront tokens.json)" 22423 2`

use std::error::Error;

use onhand_client::{Client, View};
use onhand_wire::{
    Quantity, Sku,
    request::{Confirm, Hold, HoldLine},
};

/// Sells some of a SKU and returns what is left; `None` if there is not enough.
pub async fn sell(shop: &Client, sku: &Sku, quantity: Quantity) -> Result<Option<i64>, onhand_client::Error> {
    let hold = Hold::of(vec![HoldLine { sku: sku.clone(), quantity, location: None }]);
    let held = match shop.hold(&hold).await {
        Err(error) if error.is("insufficient_stock") => return Ok(None),
        held => held?,
    };
    let confirmed = shop.confirm(held.value.id, &Confirm::default()).await?;
    // With the write's session, the answer of any edge shows what was just sold.
    let session = confirmed.session.unwrap_or_default();
    let shown = shop.availability(sku, &View::default()).session(&session).await?;
    Ok(Some(shown.value.available))
}

#[tokio::main]
#[allow(dead_code, clippy::print_stdout)] // the tests call `sell`
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, token, sku, quantity] = &arguments[..] else { return Err("shop URL TOKEN SKU QUANTITY".into()) };
    let shop = Client::builder().url(url).token(token).build()?;
    match sell(&shop, &Sku::new(sku)?, Quantity::new(quantity.parse()?)?).await? {
        Some(left) => println!("sold; {left} are left"),
        None => println!("there is not enough"),
    }
    Ok(())
}
