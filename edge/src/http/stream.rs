//! `GET /v1/stream`: the current state of some SKUs, then each change, as server-sent events.
//!
//! 1. The stream subscribes **before** it loads, so that nothing is missed in between.
//! 2. The load is seeded: that gives the current state, from the load and from what has arrived since.
//! 3. The connection pulls the body: what the caller does not take waits in a bounded queue
//!    ([`crate::cache::subscriptions`]). If it overflows, the reader is told so and dropped.
//!
//! Unlike other answers a stream lasts, so its connection closes when it ends.

mod ask;
mod event;
mod reader;

use std::{sync::Arc, time::Instant};

use futures_util::stream::unfold;
use http::{HeaderValue, Response, header};
use onhand_wire::limits;

use super::{
    Answer, Asked, Failure, Reply,
    ask::known_channel,
    availability::{Moment, unknown_sku},
    query,
};
use crate::node::Node;
use ask::Wanted;
use event::Resume;
use reader::{Reader, Start};

const LAST_EVENT_ID: &str = "last-event-id";

pub(super) async fn get(node: &Arc<Node>, asked: &Asked<'_>) -> Result<Reply, Failure> {
    let began = Instant::now();
    let headers = asked.request.headers();
    let until = node.auth.may_read_until(headers)?;
    let wanted = Wanted::read(asked.request.uri().query())?;
    let moment = Moment::begin(node, headers, began).await?;
    let place = node.streams.enter(super::asking(node, headers, asked.peer).caller())?;
    if let Some(channel) = &wanted.channel {
        known_channel(&node.topology.snapshot(), channel)?;
    }
    let subscription = node.cache.subscribe(&wanted.skus);
    let generation = subscription.generation();
    let loaded = node.cache.all(&wanted.skus, &moment.need, || place.caller().clone()).await?;
    let last = headers.get(LAST_EVENT_ID).and_then(|id| Resume::decode(id.as_bytes(), &wanted));
    // A caller that resumes gets an event for a SKU that was deleted meanwhile.
    let unknown = wanted.skus.iter().zip(&loaded).find(|(_, loaded)| !loaded.entry.stock.known());
    if let (Some((sku, _)), None) = (unknown, &last) {
        return Err(unknown_sku("sku", sku.as_str()).into());
    }
    let mut reply = query::promised(node, &moment, &wanted.skus, &loaded, Response::new(Answer::from("")));
    node.metrics.lookup_took(began.elapsed());
    let start = Start { wanted, subscription, generation, loaded, last, as_of: moment.as_of.t, until, place };
    *reply.body_mut() = Answer::Events(Box::pin(unfold(Reader::new(node.clone(), start), |mut reader| async {
        reader.next().await.map(|event| (event, reader))
    })));
    let lasting = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CONNECTION, "close"),
        // Otherwise nginx would buffer events.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    reply.headers_mut().extend(lasting.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Ok(reply)
}

/// How many `sku` parameters a stream may have.
fn how_many() -> String {
    format!("1 to {} of them", limits::STREAM_SKUS)
}
