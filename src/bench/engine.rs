//! The timetable, and one thread that sends, receives and records.

use std::{
    net::ToSocketAddrs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use mio::{Events, Poll, Token};
use onhand_http::{outgoing::Outgoing, setting::SecretUrl};
use rustls::pki_types::ServerName;

use super::{
    Args, Error,
    connection::{Asked, Connection, To},
    figures::Figures,
    mix::Asker,
};

/// How long it waits for answers at the end.
const PATIENCE: Duration = Duration::from_secs(5);
const EVENTS: usize = 1024;

/// When requests are due.
struct Timetable {
    /// `None` sends as soon as a connection is free.
    rate: Option<u32>,
    began: Instant,
    /// When measuring starts.
    measured: Instant,
    end: Instant,
    /// Requests that have become due so far.
    arrivals: u64,
}

impl Timetable {
    fn new(args: &Args) -> Self {
        let began = Instant::now();
        let measured = began + args.warmup;
        let rate = (!args.closed).then_some(args.rate);
        Self { rate, began, measured, end: measured + args.length, arrivals: 0 }
    }

    /// When the next request was due, if it is due by now.
    fn next(&self, now: Instant) -> Option<Instant> {
        let due = match self.rate {
            None => now,
            Some(rate) => self.began + span(self.arrivals, rate),
        };
        (due <= now && due < self.end).then_some(due)
    }

    /// Requests that were due before the end and never sent.
    fn unsent(&self) -> u64 {
        let Some(rate) = self.rate else { return 0 };
        let all = (self.end - self.began).as_nanos() * u128::from(rate) / 1_000_000_000;
        u64::try_from(all).unwrap_or(u64::MAX).saturating_sub(self.arrivals)
    }
}

fn span(arrivals: u64, rate: u32) -> Duration {
    let nanos = u128::from(arrivals) * 1_000_000_000 / u128::from(rate);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

pub(super) struct Engine {
    args: Args,
    poll: Poll,
    connections: Vec<Connection>,
    /// Connections with nothing to do; the last to be freed is the first to be used.
    free: Vec<usize>,
    asker: Asker,
    figures: Figures,
    /// For the progress display.
    pub(super) answered: Arc<AtomicU64>,
}

impl Engine {
    /// Opens every connection, so that a missing edge is reported at once.
    pub(super) fn new(args: &Args) -> Result<Self, Error> {
        if args.length.is_zero() {
            return Err(Error::NoTime);
        }
        let asker = Asker::new(args)?;
        let poll = Poll::new().map_err(Error::Poll)?;
        let outgoing = Outgoing::new(&args.tls.config()).map_err(Error::Tls)?;
        let tls = Arc::new(outgoing.tls().clone());
        let targets = args.edges.iter().map(|url| target(url, &tls)).collect::<Result<Vec<_>, _>>()?;
        let mut connections = Vec::new();
        for number in 0..usize::from(args.connections) {
            let edge = number % targets.len();
            let mut connection = Connection::new(Token(number), targets[edge].clone());
            let failed = |source| Error::Connect { url: SecretUrl::new(&args.edges[edge]), source };
            connection.open(poll.registry()).map_err(failed)?;
            connections.push(connection);
        }
        let free = (0..connections.len()).collect();
        let figures = Figures::new(asker.skus());
        Ok(Self { args: args.clone(), poll, connections, free, asker, figures, answered: Arc::default() })
    }

    pub(super) fn run(mut self) -> Result<Figures, Error> {
        let mut events = Events::with_capacity(EVENTS);
        let mut timetable = Timetable::new(&self.args);
        self.figures.begin(timetable.measured);
        loop {
            let now = Instant::now();
            self.offer(&mut timetable, now);
            let all_back = self.free.len() == self.connections.len();
            if now >= timetable.end && (all_back || now >= timetable.end + PATIENCE) {
                break;
            }
            self.poll.poll(&mut events, Some(Duration::ZERO)).map_err(Error::Poll)?;
            if events.is_empty() {
                if let Some(pause) = self.args.pause {
                    thread::sleep(pause);
                }
                continue;
            }
            for event in &events {
                self.progress(event.token().0, &timetable);
            }
        }
        self.give_up(&timetable);
        Ok(self.figures)
    }

    /// Sends what is due, while a connection is free.
    fn offer(&mut self, timetable: &mut Timetable, now: Instant) {
        while let Some(due) = timetable.next(now) {
            let Some(index) = self.free.pop() else { return };
            timetable.arrivals += 1;
            let connection = &mut self.connections[index];
            connection.out.clear();
            let kind = self.asker.write(&connection.to.host, &mut connection.out);
            connection.asked = Some(Asked { kind, due });
            let sendable = due.max(connection.free_since);
            let failed = connection.send(self.poll.registry()).is_err();
            if due >= timetable.measured {
                // This measures the generator itself: how late the request is sent after it was due and a connection
                // was free.
                self.figures.sent(sendable.elapsed());
            }
            if failed {
                // Do not retry at once: without a timetable that would never end.
                self.lost(index, timetable);
                return;
            }
        }
    }

    fn progress(&mut self, index: usize, timetable: &Timetable) {
        let connection = &mut self.connections[index];
        match connection.flush().and_then(|()| connection.receive()) {
            Ok(None) => {}
            Ok(Some(status)) => {
                let now = Instant::now();
                let Some(asked) = connection.asked.take() else { return };
                connection.free_since = now;
                self.free.push(index);
                self.answered.fetch_add(1, Ordering::Relaxed);
                if asked.due >= timetable.measured {
                    self.figures.answered(asked.kind, status, now, now - asked.due);
                }
            }
            Err(_) => self.lost(index, timetable),
        }
    }

    /// The connection broke; a request on it was not answered.
    fn lost(&mut self, index: usize, timetable: &Timetable) {
        let connection = &mut self.connections[index];
        connection.close();
        let Some(asked) = connection.asked.take() else { return };
        connection.free_since = Instant::now();
        self.free.push(index);
        if asked.due >= timetable.measured {
            self.figures.failed(asked.kind);
        }
    }

    /// A request that still has no answer counts with the time that it has waited, so that it does not hide.
    fn give_up(&mut self, timetable: &Timetable) {
        let now = Instant::now();
        let waiting = self.connections.iter_mut().filter_map(|connection| connection.asked.take());
        for asked in waiting.filter(|asked| asked.due >= timetable.measured) {
            self.figures.unanswered(asked.kind, now - asked.due);
        }
        self.figures.end(timetable.unsent());
    }
}

/// Where it is, and how it is called.
fn target(url: &str, tls: &Arc<rustls::ClientConfig>) -> Result<To, Error> {
    let wrong = || Error::Address { url: SecretUrl::new(url) };
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let (host, secure) = match scheme {
        "http" => (rest.trim_end_matches('/'), false),
        "https" => (rest.trim_end_matches('/'), true),
        _ => return Err(wrong()),
    };
    let port = host.rsplit_once(':').and_then(|(name, port)| Some((name, port.parse::<u16>().ok()?)));
    let (name, port) = port.unwrap_or((host, if secure { 443 } else { 80 }));
    let name = name.trim_matches(['[', ']']).to_owned();
    let found = (name.as_str(), port).to_socket_addrs().ok().and_then(|mut found| found.next());
    let tls = secure.then(|| Some((Arc::clone(tls), ServerName::try_from(name.clone()).ok()?)));
    let tls = tls.map(|tls| tls.ok_or_else(wrong)).transpose()?;
    Ok(To { host: host.to_owned(), address: found.ok_or_else(wrong)?, tls })
}
