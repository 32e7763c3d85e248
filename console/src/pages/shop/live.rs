//! The stock of one item as it changes: an edge's stream, written as parts of the page.
//!
//! Before its token ends, an edge's stream is opened anew under a new one, if the session still lasts: so nobody watches
//! for long who has been signed out.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::Path,
    http::{Method, StatusCode},
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use onhand_client::{Call, Pieces};
use onhand_wire::{Sku, Timestamp, availability::Availability};
use serde_json::Value;
use tokio::{sync::mpsc, time::timeout};

use super::shown;
use crate::{caller::Caller, page::rendered, pages::why};

/// A stream's token lasts five minutes.
const RENEWED: Duration = Duration::from_secs(240);
/// Before an edge is asked again: twice as long each time, up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Events that wait for a slow browser.
const QUEUE: usize = 16;

type Events = mpsc::Sender<Event>;

pub(crate) async fn stream(
    caller: Caller,
    Path(sku): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, StatusCode> {
    let sku = Sku::new(&sku).map_err(|_| StatusCode::NOT_FOUND)?;
    let share = caller.console.streams.take(caller.person.name.clone(), 1).ok_or(StatusCode::TOO_MANY_REQUESTS)?;
    let (events, waiting) = mpsc::channel(QUEUE);
    let mut stopping = caller.console.stopping.subscribe();
    tokio::spawn(async move {
        let _share = share;
        let told = events.clone();
        tokio::select! {
            () = follow(caller, &sku, events) => {}
            () = told.closed() => {}
            _ = stopping.wait_for(|stops| *stops) => {}
        }
    });
    let events = stream::unfold(waiting, async |mut waiting| Some((Ok(waiting.recv().await?), waiting)));
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Until the browser leaves, the session ends, or there is no such item.
async fn follow(mut caller: Caller, sku: &Sku, events: Events) {
    let mut pause = PAUSE;
    loop {
        let call: Call<Value> = caller.edge().call(Method::GET, "/v1/stream").with("sku", Some(sku));
        let failed = match call.pieces().await {
            Ok(pieces) => match timeout(RENEWED, pass_on(pieces, &events)).await {
                Ok(Ok(())) => Some("The edge has ended its stream.".to_owned()),
                Ok(Err(Gone)) => return,
                Err(_) => {
                    pause = PAUSE;
                    None
                }
            },
            Err(error) if error.problem().is_some_and(|problem| problem.status == StatusCode::NOT_FOUND) => {
                let _gone = events.send(Event::default().event("over").data(why(&error))).await;
                return;
            }
            Err(error) => Some(why(&error)),
        };
        if let Some(failed) = failed {
            if events.send(age(format!("Not current: {failed}"))).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        let Some(still) = caller.still().await else { return };
        caller = still;
    }
}

struct Gone;

async fn pass_on(mut pieces: Pieces, events: &Events) -> Result<(), Gone> {
    let mut held = Lines::default();
    while let Ok(Some(piece)) = pieces.next().await {
        for (name, data) in held.take(&piece) {
            let Some(event) = written(&name, &data) else { continue };
            events.send(event).await.map_err(|_| Gone)?;
        }
    }
    Ok(())
}

fn age(text: String) -> Event {
    Event::default().event("age").data(text)
}

fn written(name: &str, data: &str) -> Option<Event> {
    match name {
        "availability" => {
            let stock: Availability = serde_json::from_str(data).ok()?;
            Some(Event::default().event("stock").data(rendered(&shown::table(&stock))?))
        }
        "as_of" => {
            let told: Value = serde_json::from_str(data).ok()?;
            let as_of = told["as_of"].as_str().and_then(Timestamp::parse);
            Some(age(shown::age(as_of, told["stale"] == true)))
        }
        "unknown" => Some(age("The item has been deleted.".to_owned())),
        _ => None,
    }
}

/// What has come of the stream and is no whole event yet.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    /// Names and data of the events that are whole now.
    fn take(&mut self, piece: &[u8]) -> Vec<(String, String)> {
        self.0.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = self.0.windows(2).position(|two| two == b"\n\n") {
            let whole: Vec<u8> = self.0.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&whole);
            let field =
                |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
            events.push((field("event: "), field("data: ")));
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_whole_when_its_empty_line_has_come() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(b"id: 1\nevent: as_of\nda"), vec![]);
        let events = lines.take(b"ta: {}\n\nevent: availability\ndata: {\"a\":1}\n\nevent: e");
        assert_eq!(events, [("as_of", "{}"), ("availability", "{\"a\":1}")].map(|(n, d)| (n.to_owned(), d.to_owned())));
    }
}
