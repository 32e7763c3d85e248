//! A caller for benchmarks, as cheap as possible, because it must not use the servers' cores.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// One kept connection. It panics if the benchmark cannot go on.
pub struct Cheap {
    stream: TcpStream,
    address: String,
    token: String,
    answer: Vec<u8>,
}

impl Cheap {
    /// `url`: `http://HOST:PORT`. `token`: may be empty.
    pub async fn connect(url: &str, token: &str) -> Self {
        let address = url.trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&address).await.expect("the node listens");
        stream.set_nodelay(true).expect("a socket option");
        Self { stream, address, token: token.to_owned(), answer: Vec::with_capacity(4096) }
    }

    /// Returns status and body. `headers`: whole lines, each ending with `\r\n`.
    pub async fn call(&mut self, method: &str, path: &str, headers: &str, body: &str) -> (u16, &[u8]) {
        let (address, token, length) = (&self.address, &self.token, body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n");
        let call = format!("{head}Content-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        self.stream.write_all(call.as_bytes()).await.expect("the node reads");
        self.answer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.answer).await.expect("the node answers");
            assert!(read > 0, "the node closed a connection");
            if let Some(body) = whole(&self.answer) {
                let status = std::str::from_utf8(&self.answer[9..12]).ok().and_then(|digits| digits.parse().ok());
                return (status.expect("an answer begins with its status"), &self.answer[body..]);
            }
        }
    }
}

/// Where the body begins, once head and body are complete.
fn whole(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).expect("a head in ASCII").to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    (answer.len() >= end + 4 + length.expect("an answer tells its length")).then_some(end + 4)
}
