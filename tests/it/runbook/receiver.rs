//! A small HTTP server: answers as it is told, and keeps what it was sent.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// Status, media type, body.
type Answer = (u16, &'static str, String);

#[derive(Clone)]
pub(crate) struct Receiver {
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
    answer: Arc<Mutex<Box<dyn FnMut() -> Answer + Send>>>,
}

impl Receiver {
    pub async fn start(answer: impl FnMut() -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook?key=1", listener.local_addr().unwrap());
        let receiver = Self { url, received: Arc::default(), answer: Arc::new(Mutex::new(Box::new(answer))) };
        let serving = receiver.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        receiver
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    pub fn answer_with(&self, answer: impl FnMut() -> Answer + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// One request a connection; `None` when it broke off.
    async fn serve(self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let (mut headers, mut line) = (Vec::new(), String::new());
        loop {
            line.clear();
            stream.read_line(&mut line).await.ok()?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.trim().split_once(": ") {
                headers.push((name.to_ascii_lowercase(), value.to_owned()));
            }
        }
        let mut received = Received { headers, body: String::new() };
        let mut body = vec![0; received.header("content-length").parse().unwrap_or(0)];
        stream.read_exact(&mut body).await.ok()?;
        received.body = String::from_utf8(body).ok()?;
        self.received.lock().unwrap().push(received);
        let (status, kind, body) = (*self.answer.lock().unwrap())();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n", body.len());
        stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes()).await.ok()
    }
}
