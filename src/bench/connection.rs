//! One kept connection. It knows just enough HTTP to find an answer's status and end.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
    time::Instant,
};

use mio::{Registry, Token};

use super::{
    mix::Kind,
    stream::{Stream, Tls},
};

const PIECE: usize = 16 << 10;

/// What a connection waits for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    /// When it should have been sent.
    pub(super) due: Instant,
}

/// Whom a connection is made to.
#[derive(Clone)]
pub(super) struct To {
    /// For the head.
    pub(super) host: String,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Tls>,
}

pub(super) struct Connection {
    token: Token,
    pub(super) to: To,
    stream: Option<Stream>,
    /// The request, and how much of it was taken.
    pub(super) out: String,
    sent: usize,
    /// The answer so far.
    held: Vec<u8>,
    filled: usize,
    /// Status, and length including the head, once the head is complete.
    head: Option<(u16, usize)>,
    pub(super) asked: Option<Asked>,
    /// When it last became free.
    pub(super) free_since: Instant,
}

impl Connection {
    pub(super) fn new(token: Token, to: To) -> Self {
        Self {
            token,
            to,
            stream: None,
            out: String::new(),
            sent: 0,
            held: vec![0; PIECE],
            filled: 0,
            head: None,
            asked: None,
            free_since: Instant::now(),
        }
    }

    pub(super) fn open(&mut self, registry: &Registry) -> io::Result<()> {
        let To { address, tls, .. } = &self.to;
        self.stream = Some(Stream::open(address, tls.as_ref(), registry, self.token)?);
        Ok(())
    }

    /// Sends what is in `out`, after connecting if necessary.
    pub(super) fn send(&mut self, registry: &Registry) -> io::Result<()> {
        if self.stream.is_none() {
            self.open(registry)?;
        }
        (self.sent, self.filled, self.head) = (0, 0, None);
        self.flush()
    }

    /// Continues sending; the rest follows when the socket accepts more.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while self.sent < self.out.len() {
            match stream.write(&self.out.as_bytes()[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        // What TLS still holds back goes with the next look.
        match stream.flush() {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads what has come; returns the status once the answer is complete.
    ///
    /// A plain read that leaves room in the buffer has emptied the socket, and more will be told anew.
    pub(super) fn receive(&mut self) -> io::Result<Option<u16>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        loop {
            if self.filled == self.held.len() {
                self.held.resize(self.held.len() * 2, 0);
            }
            let room = self.held.len() - self.filled;
            match stream.read(&mut self.held[self.filled..]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.filled += read;
                    if read < room && stream.is_plain() {
                        return self.whole();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return self.whole(),
                Err(error) => return Err(error),
            }
        }
    }

    fn whole(&mut self) -> io::Result<Option<u16>> {
        if self.head.is_none() {
            self.head = head(&self.held[..self.filled])?;
        }
        Ok(self.head.filter(|(_, length)| self.filled >= *length).map(|(status, _)| status))
    }

    /// Drops the connection; the next request makes a new one.
    pub(super) fn close(&mut self) {
        self.stream = None;
    }
}

/// Status, and length including the head; `None` while the head is incomplete.
fn head(answer: &[u8]) -> io::Result<Option<(u16, usize)>> {
    let Some(end) = memchr::memmem::find(answer, b"\r\n\r\n") else { return Ok(None) };
    let invalid = |what: &'static str| io::Error::new(ErrorKind::InvalidData, what);
    let status = answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let status: u16 = status.ok_or_else(|| invalid("an answer without a status"))?;
    if matches!(status, 204 | 304) {
        return Ok(Some((status, end + 4)));
    }
    let mut lines = answer[..end].split(|byte| *byte == b'\n');
    let length = lines.find_map(content_length).ok_or_else(|| invalid("an answer without content-length"))?;
    Ok(Some((status, end + 4 + length)))
}

fn content_length(line: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    let value = name.eq_ignore_ascii_case(NAME).then(|| std::str::from_utf8(value).ok())??;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_where_its_head_says() {
        let answer = b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nab";
        assert_eq!(head(answer).unwrap(), Some((200, answer.len())));
        assert_eq!(head(&answer[..40]).unwrap(), None, "the head is not whole");
        let bare = b"HTTP/1.1 304 Not Modified\r\netag: \"x\"\r\n\r\n";
        assert_eq!(head(bare).unwrap(), Some((304, bare.len())));
        assert!(head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
