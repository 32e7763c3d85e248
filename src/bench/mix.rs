//! Draws the next call and writes its request.

use std::{fmt::Write as _, str::FromStr};

use rand::{
    Rng, SeedableRng,
    distr::{Distribution, weighted::WeightedIndex},
    rngs::StdRng,
};

use super::{Args, Error, skus::Skus};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Lookup,
    Query,
    Hold,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Lookup, Self::Query, Self::Hold];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Lookup => "lookup",
            Self::Query => "query",
            Self::Hold => "hold",
        }
    }
}

/// `lookup=30,hold=6`: the weight of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mix([u32; 3]);

impl Mix {
    fn has(self, kind: Kind) -> bool {
        self.0[kind as usize] > 0
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let right = "kinds with their weights, like lookup=30,query=1,hold=6";
        let mut weights = [0_u32; 3];
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').ok_or(right)?;
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
            let kind = kind.ok_or_else(|| format!("{name} is no kind of call; {right}"))?;
            let weight = weight.parse().map_err(|_| format!("{name}={weight} is no weight; {right}"))?;
            weights[kind as usize] = weight;
        }
        let sum: u64 = weights.iter().copied().map(u64::from).sum();
        if sum == 0 { Err(format!("something must be asked: {right}")) } else { Ok(Self(weights)) }
    }
}

impl std::fmt::Display for Mix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = Kind::ALL.into_iter().filter(|kind| self.has(*kind));
        let parts: Vec<_> = parts.map(|kind| format!("{}={}", kind.as_str(), self.0[kind as usize])).collect();
        f.write_str(&parts.join(","))
    }
}

/// Writes one request after the other.
pub(super) struct Asker {
    random: StdRng,
    skus: Skus,
    kinds: WeightedIndex<u32>,
    batch: u16,
    ttl_s: u32,
    /// `?channel=ID`, or nothing.
    query: String,
    /// The same as a member of a query's body.
    member: String,
    /// Host and, where there is one, the token: lines of every head, and the head's end.
    lines: String,
    /// Of idempotency keys: unlike any other run's.
    run: u64,
    sent: u64,
}

impl Asker {
    pub(super) fn new(args: &Args) -> Result<Self, Error> {
        if args.mix.has(Kind::Hold) && args.token.is_none() {
            return Err(Error::NoToken);
        }
        let channel = args.channel.as_ref();
        let token = args.token.as_ref();
        Ok(Self {
            random: StdRng::seed_from_u64(args.seed),
            skus: Skus::new(args)?,
            kinds: WeightedIndex::new(args.mix.0).expect("a mix asks for something"),
            batch: args.batch,
            ttl_s: args.ttl_s,
            query: channel.map(|channel| format!("?channel={channel}")).unwrap_or_default(),
            member: channel.map(|channel| format!(r#","channel":"{channel}""#)).unwrap_or_default(),
            lines: token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default(),
            run: rand::rng().random(),
            sent: 0,
        })
    }

    pub(super) fn skus(&self) -> usize {
        self.skus.len()
    }

    /// Writes the next request for `host` into `out`, which is empty.
    pub(super) fn write(&mut self, host: &str, out: &mut String) -> Kind {
        self.sent += 1;
        let kind = Kind::ALL[self.kinds.sample(&mut self.random)];
        match kind {
            Kind::Lookup => self.lookup(host, out),
            Kind::Query => self.query(host, out),
            Kind::Hold => self.hold(host, out),
        }
        kind
    }

    /// The commonest by far: no formatting.
    fn lookup(&mut self, host: &str, out: &mut String) {
        let sku = self.skus.draw(&mut self.random);
        let parts = ["GET /v1/availability/", &sku.path, &self.query, " HTTP/1.1\r\nHost: ", host, "\r\n", &self.lines];
        parts.into_iter().for_each(|part| out.push_str(part));
        out.push_str("\r\n");
    }

    fn query(&mut self, host: &str, out: &mut String) {
        let mut body = r#"{"skus":["#.to_owned();
        for index in 0..self.batch {
            body.push_str(if index == 0 { "" } else { "," });
            body.push_str(&self.skus.draw(&mut self.random).json);
        }
        let _ = write!(body, "]{}}}", self.member);
        self.post(host, "/v1/availability/query", "", &body, out);
    }

    fn hold(&mut self, host: &str, out: &mut String) {
        let (sku, ttl_s) = (self.skus.draw(&mut self.random), self.ttl_s);
        let lines = format!(r#"[{{"sku":{},"quantity":1}}]"#, sku.json);
        let body = format!(r#"{{"lines":{lines},"ttl_s":{ttl_s}{}}}"#, self.member);
        let key = format!("Idempotency-Key: {:016x}-{}\r\n", self.run, self.sent);
        self.post(host, "/v1/reservations", &key, &body, out);
    }

    fn post(&self, host: &str, path: &str, headers: &str, body: &str, out: &mut String) {
        let _ = write!(
            out,
            "POST {path} HTTP/1.1\r\nHost: {host}\r\n{}{headers}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.lines,
            body.len(),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_names_what_is_wrong_with_it() {
        assert_eq!("lookup=30,hold=6".parse(), Ok(Mix([30, 0, 6])));
        for (text, named) in
            [("buy=1", "buy"), ("lookup=many", "many"), ("lookup", "lookup=30"), ("hold=0", "something")]
        {
            let error = text.parse::<Mix>().unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }
}
