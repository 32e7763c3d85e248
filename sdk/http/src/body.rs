//! Request bodies: their media type, how much of them is read, and how fast they must arrive.
//!
//! [`crate::unread`] deals with the rest of a body when its call is answered.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use onhand_wire::{Code, Problem, request};
use tokio::time::{Instant, Sleep, sleep_until};

type Cause = Box<dyn Error + Send + Sync>;

/// A body's media type; empty if it has none.
pub fn media_type(headers: &HeaderMap) -> Result<&str, Problem> {
    let [kind, encoding] = named(headers);
    request::media_type(kind, encoding)
}

/// If a body has a media type, it must be JSON.
pub fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let [kind, encoding] = named(headers);
    request::require_json(kind, encoding)
}

fn named(headers: &HeaderMap) -> [Option<&[u8]>; 2] {
    [header::CONTENT_TYPE, header::CONTENT_ENCODING].map(|name| headers.get(name).map(HeaderValue::as_bytes))
}

/// Reads the whole body.
///
/// # Errors
/// 413 beyond `most` bytes; else as [`broke_off`].
pub async fn read<B: Body<Data = Bytes, Error: Into<Cause>> + Unpin>(
    mut body: B,
    most: usize,
) -> Result<Bytes, Problem> {
    let fits = |bytes: usize| if bytes <= most { Ok(()) } else { Err(too_large(most)) };
    fits(usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX))?;
    let (mut first, mut held) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broke_off(&*error.into()))?;
        let Ok(data) = frame.into_data() else { continue };
        fits(first.len() + held.len() + data.len())?;
        if first.is_empty() && held.is_empty() {
            first = data; // most bodies come as one piece, which needs no copy
            continue;
        }
        held.extend_from_slice(&std::mem::take(&mut first));
        held.extend_from_slice(&data);
    }
    Ok(if held.is_empty() { first } else { held.freeze() })
}

fn too_large(most: usize) -> Problem {
    Problem::new(Code::TooLarge, format!("body: at most {most} bytes")).with("limit", most)
}

/// The problem of a body that did not arrive whole: 504 if it took too long, else 400.
pub fn broke_off(error: &(dyn Error + 'static)) -> Problem {
    if causes(error).any(|cause| cause.is::<Late>()) {
        return Problem::new(Code::DeadlineExceeded, "body: it did not arrive in time; nothing was applied");
    }
    Problem::field("body", "it broke off; nothing was applied")
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

/// The body took too long.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive in time")]
struct Late;

/// How fast a body must arrive. Without this, a caller that sends one byte now and then would hold its connection, and
/// whatever waits for it, for ever.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// All of it must arrive within this time after it was first waited for.
    Whole(Duration),
    /// Some of it must arrive within this time, each time that it is waited for.
    Steady(Duration),
}

/// A body that fails if it does not keep its pace.
pub struct Paced<B> {
    body: B,
    pace: Pace,
    /// Starts when there is nothing to read for the first time.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> Paced<B> {
    pub fn new(body: B, pace: Pace) -> Self {
        Self { body, pace, timer: None }
    }
}

impl<B: Body<Data = Bytes, Error: Into<Cause>> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let (limit, steady) = match self.pace {
            Pace::Whole(limit) => (limit, false),
            Pace::Steady(limit) => (limit, true),
        };
        if let Poll::Ready(frame) = polled {
            if steady {
                self.timer = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + limit)));
        timer.as_mut().poll(cx).map(|()| Some(Err(Late.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn pieces(pieces: &'static [&'static str]) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
        let frames = pieces.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
        StreamBody::new(futures_util::stream::iter(frames))
    }

    #[tokio::test]
    async fn a_body_is_read_whole_up_to_its_limit() {
        assert_eq!(read(pieces(&["ab", "cd", "e"]), 5).await.unwrap(), "abcde");
        assert_eq!(read(pieces(&[]), 0).await.unwrap(), "");
        let refused = read(pieces(&["ab", "cd", "e"]), 4).await.unwrap_err();
        assert_eq!((refused.code, &refused.members["limit"]), (Code::TooLarge, &4.into()));
        assert_eq!(read(Full::new(Bytes::from_static(b"abc")), 2).await.unwrap_err().code, Code::TooLarge);
    }

    #[tokio::test]
    async fn a_body_that_stops_is_late() {
        let begun = || {
            let frames = futures_util::stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"x")))]);
            StreamBody::new(Box::pin(futures_util::StreamExt::chain(frames, futures_util::stream::pending())))
        };
        for pace in [Pace::Whole, Pace::Steady] {
            let refused = read(Paced::new(begun(), pace(Duration::from_millis(10))), 10).await.unwrap_err();
            assert_eq!(refused.code, Code::DeadlineExceeded);
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_the_caller_s_fault() {
        let broken = futures_util::stream::iter([Err::<Frame<Bytes>, _>(std::io::Error::other("reset"))]);
        let refused = read(StreamBody::new(broken), 10).await.unwrap_err();
        assert_eq!((refused.code, &refused.members["field"]), (Code::InvalidRequest, &"body".into()));
    }
}
