//! The rest of a request's body when its call is answered.
//!
//! A call that is refused because of its head (its token, its path, its media type) is answered before its body is
//! read. If the connection were closed then, a caller that is still sending would see a broken pipe instead of the
//! answer; if it were kept, the body would be taken for the next call. So up to [`limits::BODY_DRAIN_BYTES`] are read
//! and dropped before the answer goes out. If more is left, or it comes too slowly, the answer says that the connection
//! closes.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use hyper::body::{Body, Frame, SizeHint};
use onhand_wire::limits;

/// A request's body; its rest can still be read after its handler has dropped it.
pub struct Content<B>(Inner<B>);

enum Inner<B> {
    /// There is no body, so a lookup pays nothing.
    Empty(B),
    Shared(Arc<Mutex<Reading<B>>>),
}

struct Reading<B> {
    body: B,
    read: usize,
    begun: bool,
    ended: bool,
}

/// The other half: the rest of the body.
pub(crate) struct Rest<B> {
    reading: Option<Arc<Mutex<Reading<B>>>>,
    /// The caller sends no body before it is asked to (`Expect: 100-continue`).
    asks_first: bool,
}

/// Splits a request's body into the part for the handler and the rest.
pub(crate) fn part<B: Body<Data = Bytes> + Unpin>(request: Request<B>) -> (Request<Content<B>>, Rest<B>) {
    if request.body().is_end_stream() {
        return (request.map(|body| Content(Inner::Empty(body))), Rest { reading: None, asks_first: false });
    }
    let asks_first = request.headers().contains_key(header::EXPECT);
    let (head, body) = request.into_parts();
    let reading = Arc::new(Mutex::new(Reading { body, read: 0, begun: false, ended: false }));
    let rest = Rest { reading: Some(reading.clone()), asks_first };
    (Request::from_parts(head, Content(Inner::Shared(reading))), rest)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B: Body<Data = Bytes> + Unpin> Reading<B> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        self.begun = true;
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => self.read += frame.data_ref().map_or(0, Bytes::len),
            Poll::Ready(None) => self.ended = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    /// Whether the body has ended within the bytes that are dropped.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        while !self.ended && self.read <= limits::BODY_DRAIN_BYTES {
            match self.poll_frame(cx) {
                Poll::Ready(Some(Ok(_)) | None) => {}
                Poll::Ready(Some(Err(_))) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(self.ended)
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Content<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match &mut self.0 {
            Inner::Empty(body) => Pin::new(body).poll_frame(cx),
            Inner::Shared(reading) => lock(reading).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Empty(body) => body.is_end_stream(),
            Inner::Shared(reading) => lock(reading).body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Empty(body) => body.size_hint(),
            Inner::Shared(reading) => lock(reading).body.size_hint(),
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Rest<B> {
    /// Before the answer with these `headers` goes out, reads the rest for no longer than `patience`. If it does not
    /// end, adds `Connection: close` to the headers and returns false.
    pub(crate) async fn settle(self, headers: &mut HeaderMap, patience: Duration) -> bool {
        let Some(reading) = self.reading else { return true };
        let asked_in_vain = self.asks_first && !lock(&reading).begun;
        let end = poll_fn(|cx| lock(&reading).poll_end(cx));
        let read = !asked_in_vain && tokio::time::timeout(patience, end).await.unwrap_or(false);
        if !read {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt, Full};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(200);

    fn request(bytes: usize) -> Request<Full<Bytes>> {
        Request::new(Full::new(Bytes::from(vec![0; bytes])))
    }

    async fn closes(rest: Rest<impl Body<Data = Bytes, Error = Infallible> + Unpin>) -> bool {
        let mut headers = HeaderMap::new();
        rest.settle(&mut headers, PATIENCE).await;
        headers.contains_key(header::CONNECTION)
    }

    #[tokio::test]
    async fn what_nobody_read_is_read_and_dropped() {
        let (refused, rest) = part(request(5 << 20));
        drop(refused);
        assert!(!closes(rest).await);
    }

    #[tokio::test]
    async fn what_is_read_to_its_end_leaves_nothing() {
        let (read, rest) = part(request(100));
        assert_eq!(read.into_body().collect().await.unwrap().to_bytes().len(), 100);
        assert!(!closes(rest).await);
        let (_empty, rest) = part(request(0));
        assert!(rest.reading.is_none() && !closes(rest).await);
    }

    /// A body that is endless, or that never comes.
    struct Odd(bool);

    impl Body for Odd {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.0 { Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 4096]))))) } else { Poll::Pending }
        }
    }

    #[tokio::test]
    async fn what_has_no_end_closes_the_connection() {
        for endless in [true, false] {
            let (_refused, rest) = part(Request::new(Odd(endless)));
            assert!(closes(rest).await);
        }
    }
}
