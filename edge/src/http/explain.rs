//! `GET /actuator/explain/{sku}`.

use http::StatusCode;
use onhand_wire::{Problem, Sku};
use percent_encoding::percent_decode_str;

use super::{Failure, Reply, json};
use crate::{explain::explain, node::Node};

pub(super) async fn get(node: &Node, segment: &str) -> Result<Reply, Failure> {
    let name = percent_decode_str(segment).decode_utf8().map_err(|_| Problem::field("sku", "percent-encoded UTF-8"))?;
    let sku = Sku::new(&name).map_err(|error| Problem::field("sku", error))?;
    let explained = explain(node, sku).await;
    Ok(json(StatusCode::OK, serde_json::to_vec(&explained).expect("plain data encodes")))
}
