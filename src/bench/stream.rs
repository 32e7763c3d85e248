//! What a connection's bytes pass: TCP, or TLS over it.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use mio::{Interest, Registry, Token};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

/// How long a connection may take to be made, and each step of its handshake; other requests wait meanwhile.
const CONNECT: Duration = Duration::from_secs(1);

pub(super) type Tls = (Arc<ClientConfig>, ServerName<'static>);

pub(super) enum Stream {
    Plain(mio::net::TcpStream),
    Tls(Box<StreamOwned<ClientConnection, mio::net::TcpStream>>),
}

impl Stream {
    /// Connected, and its handshake done.
    pub(super) fn open(address: &SocketAddr, tls: Option<&Tls>, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect_timeout(address, CONNECT)?;
        stream.set_nodelay(true)?;
        let tls = tls.map(|tls| handshake(&mut stream, tls)).transpose()?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(match tls {
            None => Self::Plain(stream),
            Some(tls) => Self::Tls(Box::new(StreamOwned::new(tls, stream))),
        })
    }

    /// Whether a read that left room has emptied the socket: of TLS, a read ends with a record.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }
}

fn handshake(stream: &mut TcpStream, (config, name): &Tls) -> io::Result<ClientConnection> {
    let made = ClientConnection::new(Arc::clone(config), name.clone());
    let mut tls = made.map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
    stream.set_read_timeout(Some(CONNECT))?;
    while tls.is_handshaking() {
        tls.complete_io(stream)?;
    }
    Ok(tls)
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(from),
            Self::Tls(stream) => stream.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
