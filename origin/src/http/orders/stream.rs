//! `GET /v1/orders/{id}/stream`: the order's state, then each change of it, until nothing more comes by itself.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::request::Parts,
    response::Response,
};
use bytes::Bytes;
use futures_util::stream::unfold;
use onhand_http::query::Params;
use onhand_wire::{Code, Problem, order::ShownOrder};
use tokio::sync::Semaphore;

use super::{
    super::{Context, Reply, Shared},
    events, shown,
};

/// Between looks.
const EVERY: Duration = Duration::from_millis(500);
/// Without a change, a comment keeps proxies from closing it.
const ALIVE: u32 = 30;
/// Streams open at once: each takes a connection, and a look every half second.
const MOST: usize = 1000;
static OPEN: Semaphore = Semaphore::const_new(MOST);

struct Following {
    context: Arc<Context>,
    parts: Parts,
    order: String,
    place: Option<String>,
    last: Option<ShownOrder>,
    quiet: u32,
    _place: tokio::sync::SemaphorePermit<'static>,
}

pub(in super::super) async fn stream(State(context): Shared, Path(order): Path<String>, request: Request) -> Reply {
    let (parts, _) = request.into_parts();
    let mut params = Params::of(parts.uri.query())?;
    let place = params.take("place")?;
    params.end()?;
    let full =
        |_| Problem::new(Code::Overloaded, format!("{MOST} streams of orders are open here; poll, or try later"));
    let permit = OPEN.try_acquire().map_err(full)?;
    // Refused as a plain call would be.
    shown(&context, &parts, &order, place.as_deref()).await?;
    let following = Following { context, parts, order, place, last: None, quiet: 0, _place: permit };
    let body = Body::from_stream(unfold(following, |mut following| async {
        following.next().await.map(|event| (Ok::<_, Infallible>(event), following))
    }));
    let mut response = Response::new(body);
    events(response.headers_mut());
    Ok(response)
}

impl Following {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(last) = &self.last {
                if last.state.is_final() {
                    return None;
                }
                tokio::time::sleep(EVERY).await;
            }
            let now = shown(&self.context, &self.parts, &self.order, self.place.as_deref()).await.ok()?;
            if self.last.as_ref() != Some(&now) {
                let event = format!("event: order\ndata: {}\n\n", serde_json::to_string(&now).unwrap_or_default());
                (self.last, self.quiet) = (Some(now), 0);
                return Some(event.into());
            }
            self.quiet += 1;
            if self.quiet >= ALIVE {
                self.quiet = 0;
                return Some(Bytes::from_static(b": alive\n\n"));
            }
        }
    }
}
