//! Loads of many rows in MessagePack, as edges make them, at an origin. They need a token of scope edge or operator.

use bytes::Bytes;
use onhand_wire::bulk::{LoadFacts, LoadedFacts, LoadedTopology, MESSAGEPACK};
use reqwest::Method;
use serde::de::DeserializeOwned;

use crate::{Answer, Call, Client, Error};

impl Client {
    /// `POST /internal/api/facts`: up to [`onhand_wire::bulk::LOAD_SKUS`].
    pub fn facts(&self, load: &LoadFacts) -> Call<LoadedFacts> {
        let body = Bytes::from(rmp_serde::to_vec_named(load).expect("plain data encodes"));
        self.call(Method::POST, "/internal/api/facts").body(MESSAGEPACK, body).read_by(messagepack)
    }

    /// `GET /internal/api/topology`: all locations and channels.
    pub fn topology(&self) -> Call<LoadedTopology> {
        self.call(Method::GET, "/internal/api/topology").read_by(messagepack)
    }
}

fn messagepack<T: DeserializeOwned>(answer: &Answer) -> Result<T, Error> {
    answer.success()?.messagepack()
}
