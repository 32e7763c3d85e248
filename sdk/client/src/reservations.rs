//! Reservations, at an edge or at an origin.

use onhand_wire::{
    request::{Cancel, Confirm, Extend, Fulfil, Hold, Return},
    reservation::Reservation,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Call, Client};

/// Which rules decided where a reservation's units come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    pub id: Uuid,
    pub allocated_by: String,
    /// Each can be replayed by `onhand rule replay`.
    pub calls: Vec<Value>,
}

impl Client {
    /// `POST /v1/reservations`. A code of `insufficient_stock` has the short `lines` among its members.
    pub fn hold(&self, hold: &Hold) -> Call<Reservation> {
        self.posts("/v1/reservations", hold)
    }

    /// `GET /v1/reservations/{id}`.
    pub fn reservation(&self, id: Uuid) -> Call<Reservation> {
        self.gets(format!("/v1/reservations/{id}"))
    }

    /// Sets a new deadline, counted from now.
    pub fn extend(&self, id: Uuid, extend: &Extend) -> Call<Reservation> {
        self.verb(id, "extend", extend)
    }

    /// Confirms; without lines, the whole reservation.
    pub fn confirm(&self, id: Uuid, confirm: &Confirm) -> Call<Reservation> {
        self.verb(id, "confirm", confirm)
    }

    /// Cancels what is not shipped.
    pub fn cancel(&self, id: Uuid, cancel: &Cancel) -> Call<Reservation> {
        self.verb(id, "cancel", cancel)
    }

    /// Ships; without lines, everything that is left. Needs a token of scope fulfilment.
    pub fn fulfil(&self, id: Uuid, fulfil: &Fulfil) -> Call<Reservation> {
        self.verb(id, "fulfil", fulfil)
    }

    /// Puts shipped goods back on hand. Needs a token of scope fulfilment.
    pub fn return_goods(&self, id: Uuid, goods: &Return) -> Call<Reservation> {
        self.verb(id, "return", goods)
    }

    fn verb(&self, id: Uuid, verb: &str, body: &impl Serialize) -> Call<Reservation> {
        self.posts(format!("/v1/reservations/{id}/{verb}"), body)
    }

    /// `GET /internal/api/reservations/{id}/trace`, at an origin.
    pub fn trace(&self, id: Uuid) -> Call<Trace> {
        self.gets(format!("/internal/api/reservations/{id}/trace"))
    }
}
