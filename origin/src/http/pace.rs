//! How fast a body must arrive: a caller that sends one byte now and then would hold its
//! connection, and what waits behind it, for ever.

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use hyper::body::{Frame, SizeHint};
use onhand_wire::setting::HttpConfig;
use tokio::time::{Instant, Sleep, sleep_until};

/// The body took too long.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive in time")]
struct Late;

/// Whether a body ended because it took too long.
pub(super) fn is_late(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<Late>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[derive(Debug, Clone, Copy)]
enum Pace {
    /// All of it within this time of the first look at it.
    Whole(Duration),
    /// Some of it within this time, again and again.
    Steady(Duration),
}

/// An import or a release of a rule may take any time, but must go on; every other body is short.
pub(super) async fn pace(State(config): State<Arc<HttpConfig>>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let path = request.uri().path();
    let long = path == "/inventory/imports" || path.starts_with("/inventory/rules/");
    let pace = if long { Pace::Steady(config.idle_timeout.0) } else { Pace::Whole(config.header_timeout.0) };
    next.run(request.map(|body| Body::new(Paced { body, pace, timer: None }))).await
}

struct Paced {
    body: Body,
    pace: Pace,
    /// From the first time that there was nothing to read.
    timer: Option<Pin<Box<Sleep>>>,
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let (limit, steady) = match self.pace {
            Pace::Whole(limit) => (limit, false),
            Pace::Steady(limit) => (limit, true),
        };
        if polled.is_ready() {
            if steady {
                self.timer = None;
            }
            return polled;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        timer.as_mut().poll(cx).map(|()| Some(Err(axum::Error::new(Late))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
