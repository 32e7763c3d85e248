//! `GET /v1/orders/{id}/stream`: the order's state, then each change of it, as the origin tells it.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::stream::unfold;
use http::{HeaderMap, HeaderValue, Method, Response, header};
use onhand_wire::order::ShownOrder;
use tokio::time::Instant;

use super::{
    super::{Answer, Asked, Failure, Reply, asking},
    Named, acceptor, ask_origin, named,
};
use crate::{node::Node, open_streams::OpenStream, origin::Call};

/// Between questions to the origin, for each stream.
const EVERY: Duration = Duration::from_secs(1);
/// Without a change, a comment keeps proxies from closing it.
const ALIVE: Duration = Duration::from_secs(15);

struct Following {
    node: Arc<Node>,
    path: String,
    headers: HeaderMap,
    named: Named,
    last: Option<ShownOrder>,
    told: Instant,
    place: OpenStream,
}

pub(in super::super) async fn stream(node: &Arc<Node>, asked: &Asked<'_>, id: &str) -> Result<Reply, Failure> {
    let named = named(node, asked, id)?;
    let place = node.streams.enter(asking(node, asked.request.headers(), asked.peer).caller())?;
    let Call { path, headers, .. } = ask_origin(node, asked, &named)?;
    let following = Following { node: node.clone(), path, headers, named, last: None, told: Instant::now(), place };
    let events = unfold(following, |mut following| async { following.next().await.map(|event| (event, following)) });
    let mut reply = Response::new(Answer::Events(Box::pin(events)));
    let lasting = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CONNECTION, "close"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    reply.headers_mut().extend(lasting.map(|(name, value)| (name, HeaderValue::from_static(value))));
    Ok(reply)
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(last) = &self.last {
                if last.state.is_final() {
                    self.place.reason = "decided";
                    return None;
                }
                tokio::select! {
                    () = self.place.ends() => return None,
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
            if let Some(now) = self.look().await
                && self.last.as_ref() != Some(&now)
            {
                let event = format!("event: order\ndata: {}\n\n", serde_json::to_string(&now).ok()?);
                (self.last, self.told) = (Some(now), Instant::now());
                return Some(event.into());
            }
            if self.told.elapsed() >= ALIVE {
                self.told = Instant::now();
                return Some(Bytes::from_static(b": alive\n\n"));
            }
        }
    }

    /// None: nothing new can be told.
    async fn look(&self) -> Option<ShownOrder> {
        let call = Call {
            method: Method::GET,
            path: self.path.clone(),
            headers: self.headers.clone(),
            body: Bytes::new(),
            deadline: std::time::Instant::now() + self.node.origin.timeout(),
        };
        match self.node.origin.forward(call).await {
            Ok(answer) if answer.status.is_success() => serde_json::from_slice(&answer.body).ok(),
            Ok(_) => None,
            // Before anything is known, it is on its way.
            Err(_) if self.last.is_none() => {
                Some(acceptor(&self.node).ok()?.on_its_way(self.named.id, self.named.place.as_deref()))
            }
            Err(_) => None,
        }
    }
}
