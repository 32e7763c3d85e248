//! A reader of one stream of server-sent events, on a connection of its own.

use std::time::Duration;

use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpSocket;

use crate::world::{ELSEWHERE, World};

const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub struct Event {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Event {
    pub fn text(&self, member: &str) -> &str {
        self.data[member].as_str().unwrap_or_default()
    }

    pub fn number(&self, member: &str) -> i64 {
        self.data[member].as_i64().unwrap_or(-1)
    }
}

pub struct Events {
    headers: HeaderMap,
    body: Incoming,
    buffer: Vec<u8>,
}

impl World {
    pub async fn stream(&self, path: &str, headers: &[(&str, &str)]) -> Events {
        self.open(path, headers, |_| {}).await.expect("a stream begins")
    }

    /// The system keeps little for this reader.
    pub async fn narrow_stream(&self, path: &str) -> Events {
        let narrow = |socket: &TcpSocket| socket.set_recv_buffer_size(4096).unwrap();
        self.open(path, &[], narrow).await.expect("a stream begins")
    }

    /// Of another caller, from another address.
    pub async fn stream_elsewhere(&self, path: &str) -> Events {
        let bound = |socket: &TcpSocket| socket.bind((ELSEWHERE, 0).into()).unwrap();
        self.open(path, &[], bound).await.expect("a stream begins")
    }

    pub async fn opens(&self, path: &str) -> bool {
        self.open(path, &[], |_| {}).await.is_ok()
    }

    async fn open(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        prepare: impl FnOnce(&TcpSocket),
    ) -> Result<Events, StatusCode> {
        let socket = TcpSocket::new_v4().unwrap();
        prepare(&socket);
        let stream = socket.connect(self.public.trim_start_matches("http://").parse().unwrap()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().uri(path).header("host", "edge");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        if head.status != 200 {
            return Err(head.status);
        }
        Ok(Events { headers: head.headers, body, buffer: Vec::new() })
    }
}

impl Events {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// None after the end.
    pub async fn next(&mut self) -> Option<Event> {
        let read = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                    let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
                    return Some(parsed(std::str::from_utf8(&event).unwrap()));
                }
                let frame = self.body.frame().await?.expect("it ends in order");
                self.buffer.extend_from_slice(&frame.into_data().unwrap());
            }
        });
        read.await.expect("something comes every second")
    }

    pub async fn other_than_as_of(&mut self) -> Event {
        loop {
            let event = self.next().await.expect("it goes on");
            if event.name != "as_of" {
                return event;
            }
        }
    }

    pub async fn availability(&mut self) -> Event {
        let event = self.other_than_as_of().await;
        assert_eq!(event.name, "availability", "{event:?}");
        event
    }

    /// The next moment told; nothing else may come before it.
    pub async fn as_of(&mut self) -> String {
        let event = self.next().await.expect("it goes on");
        assert_eq!(event.name, "as_of", "{event:?}");
        event.text("as_of").to_owned()
    }

    /// Reads on to the end, and tells its reason.
    pub async fn end(&mut self) -> String {
        loop {
            let event = self.next().await.expect("an end is told");
            if event.name == "end" {
                return event.text("reason").to_owned();
            }
        }
    }
}

fn parsed(text: &str) -> Event {
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        value.unwrap_or_default().to_owned()
    };
    Event { id: field("id"), name: field("event"), data: serde_json::from_str(&field("data")).unwrap() }
}
