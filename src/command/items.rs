//! `onhand items`: the catalogue.

use std::process::ExitCode;

use onhand_client::{Call, encode};
use onhand_wire::page::Page;
use serde_json::{Map, Value, json};

use super::{Done, at::At, shown::show};

/// Search the catalogue, and change it
#[derive(clap::Subcommand)]
pub(crate) enum Items {
    /// Every word a prefix of the SKU or of a word of name or brand
    Search {
        #[command(flatten)]
        at: At,
        #[arg(default_value = "")]
        words: String,
        #[arg(long)]
        brand: Option<String>,
        /// Most to print
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
        /// JSON, an item a line
        #[arg(long)]
        json: bool,
    },
    /// One item
    Show(One),
    /// Create an item, or replace it (admin)
    Put {
        #[command(flatten)]
        one: One,
        #[arg(long, value_name = "TEXT")]
        name: String,
        #[arg(long, value_name = "TEXT")]
        brand: Option<String>,
        /// In minor units, with --currency
        #[arg(long, value_name = "N", requires = "currency")]
        price: Option<i64>,
        #[arg(long, value_name = "GBP")]
        currency: Option<String>,
        /// Not for sale: neither held, quoted nor ordered
        #[arg(long)]
        inactive: bool,
        #[arg(long = "attribute", value_name = "NAME=TEXT")]
        attributes: Vec<String>,
    },
    /// Delete an item of which nothing is reserved (admin)
    Delete(One),
}

#[derive(clap::Args)]
pub(crate) struct One {
    #[command(flatten)]
    at: At,
    sku: String,
    /// Print the answer's JSON
    #[arg(long)]
    json: bool,
}

const COLUMNS: [&str; 6] = ["sku", "name", "brand", "price", "active", "attributes"];

impl Items {
    pub(super) async fn run(self) -> Done {
        match self {
            Self::Search { at, words, brand, limit, json } => {
                let call: Call<Page<Value>> = at.client()?.list("/inventory/products");
                let words = Some(words).filter(|words| !words.is_empty());
                show(&call.with("q", words).with("brand", brand).items(limit).await?, &COLUMNS, json);
            }
            Self::Show(one) => one.call("GET", None).await?,
            Self::Delete(one) => one.call("DELETE", None).await?,
            Self::Put { one, name, brand, price, currency, inactive, attributes } => {
                let pair = |text: &String| {
                    let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), json!(value)));
                    pair.ok_or_else(|| format!("{text}: NAME=TEXT"))
                };
                let attributes = attributes.iter().map(pair).collect::<Result<Map<String, Value>, _>>()?;
                let mut body = json!({"name": name, "attributes": attributes, "active": !inactive});
                if let Some(brand) = brand {
                    body["brand"] = brand.into();
                }
                if let Some(amount) = price {
                    body["price"] = json!({"amount": amount, "currency": currency});
                }
                one.call("PUT", Some(body)).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl One {
    async fn call(&self, method: &str, body: Option<Value>) -> Result<(), Box<dyn std::error::Error>> {
        let path = format!("/inventory/products/{}", encode(&self.sku));
        let call = self.at.client()?.call(method.parse()?, path);
        let call = if method == "GET" { call } else { call.key(uuid::Uuid::new_v4().to_string()) };
        let call = body.iter().fold(call, |call, body| call.json(body));
        show(&[call.await?.value], &COLUMNS, self.json);
        Ok(())
    }
}
