//! Ports that stay ours while a server is down.
//!
//! A port from "bind to 0, close, start the server there" can be taken meanwhile by another test or by any outgoing
//! connection, since the kernel picks those from the same range. So ports come from below that range, and each is held
//! by a UDP socket of the same number: no server here uses UDP, the reservation covers other processes too, and it ends
//! with this process.

use std::{
    net::{TcpListener, UdpSocket},
    sync::atomic::{AtomicU16, Ordering},
};

const FIRST: u16 = 11_000;
const COUNT: u16 = 20_000;

/// A port of 127.0.0.1, reserved until it is dropped.
#[derive(Debug)]
pub(crate) struct Port {
    pub number: u16,
    _hold: UdpSocket,
}

impl Port {
    /// Panics if all 20,000 ports are taken.
    pub(crate) fn reserve() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        // Test binaries that run at the same time start at different numbers.
        let start = (std::process::id() % u32::from(COUNT)) as u16;
        (0..COUNT)
            .find_map(|_| Self::claim(FIRST + start.wrapping_add(NEXT.fetch_add(7, Ordering::Relaxed)) % COUNT))
            .expect("a free port below 31000")
    }

    fn claim(number: u16) -> Option<Self> {
        let hold = UdpSocket::bind(("127.0.0.1", number)).ok()?;
        TcpListener::bind(("127.0.0.1", number)).ok()?;
        Some(Self { number, _hold: hold })
    }
}
