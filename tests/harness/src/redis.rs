//! Redis, without persistence: it is only a cache.

mod cluster;
mod secure;

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

pub use self::{
    cluster::RedisCluster,
    secure::{PASSWORD, USER},
};

use crate::{
    Authority, Error, find,
    port::Port,
    process::{Process, Recipe},
    scratch::Scratch,
};

/// Numbered databases, so that worlds that share the server don't interfere.
pub(crate) const DATABASES: u32 = 4096;

/// A Redis server. It comes back empty.
pub struct Redis {
    process: Process,
    port: Port,
    /// The port for TLS, if there is one.
    tls_port: Option<Port>,
}

impl std::ops::Deref for Redis {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl Redis {
    /// `by`: signs its certificate; without it, the server has no TLS.
    pub(crate) fn start_in(scratch: &Scratch, shared: bool, by: Option<&Authority>) -> Result<Self, Error> {
        Self::start_with(scratch, "redis", &format!("--databases {DATABASES}"), shared, by)
    }

    /// `more`: further arguments.
    fn start_with(
        scratch: &Scratch,
        name: &str,
        more: &str,
        shared: bool,
        by: Option<&Authority>,
    ) -> Result<Self, Error> {
        let port = Port::reserve();
        let number = port.number;
        let tls_port = by.map(|_| Port::reserve());
        let secure = by.zip(tls_port.as_ref()).map(|(by, port)| secure::arguments(port, by, name));
        let more = format!("{more} {}", secure.unwrap_or_default());
        let process = Process::new(
            recipe(scratch, name, number, more.trim())?,
            shared,
            Box::new(move |_: &Path| pong(number).is_some()),
        );
        process.start_blocking()?;
        Ok(Self { process, port, tls_port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number
    }

    pub fn url(&self, database: u32) -> String {
        format!("redis://127.0.0.1:{}/{database}", self.port.number)
    }

    /// A new connection; panics if there is none.
    pub async fn client(&self, database: u32) -> ::redis::aio::MultiplexedConnection {
        let client = ::redis::Client::open(self.url(database)).expect("a Redis address");
        client.get_multiplexed_async_connection().await.unwrap_or_else(|error| panic!("Redis: {error}"))
    }
}

fn recipe(scratch: &Scratch, name: &str, port: u16, more: &str) -> Result<Recipe, Error> {
    let dir = scratch.dir(name)?;
    let args = format!("--bind 127.0.0.1 --port {port} --save '' --appendonly no {more} --dir");
    let mut args: Vec<_> = args.split(' ').map(|arg| arg.trim_matches('\'').into()).collect();
    args.push(dir.into_os_string());
    let name = name.to_owned();
    let program = find::program("redis-server", "redis-server")?;
    Ok(Recipe { name, program, args, env: vec![], user: None, logs: scratch.path().to_owned() })
}

fn pong(port: u16) -> Option<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(b"PING\r\n").ok()?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).ok()?;
    (&answer == b"+PONG").then_some(())
}
