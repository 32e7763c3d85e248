//! Orders in their lanes: placed at an edge or an origin, looked after at an origin.

use std::collections::BTreeMap;

use onhand_wire::{
    Timestamp,
    order::{Lane, OrderState, ShownOrder},
    page::Page,
    request::PlaceOrder,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Call, Client};

/// Which orders; what is left out does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderQuery {
    pub order_ref: Option<String>,
    pub state: Option<OrderState>,
    /// Of the first line.
    pub sku: Option<String>,
    /// Accepted from this moment, RFC 3339, and before that one.
    pub from: Option<String>,
    pub to: Option<String>,
}

/// An order as operators see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderRow {
    pub id: Uuid,
    pub lane: Lane,
    pub partition: i32,
    pub offset: i64,
    pub subject: String,
    pub sku: String,
    pub order_ref: Option<String>,
    pub state: OrderState,
    pub reason: Option<String>,
    pub reservation_id: Option<Uuid>,
    pub accepted_at: Timestamp,
    pub decide_by: Timestamp,
    pub taken_at: Timestamp,
    pub decided_at: Option<Timestamp>,
    /// Times that it failed by a fault of its own.
    pub attempts: i32,
    pub next_at: Option<Timestamp>,
    pub cause: Option<String>,
    pub fault: Option<String>,
    pub first_fault_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetters {
    pub count: i64,
    pub causes: Vec<CauseOfDeath>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CauseOfDeath {
    pub cause: String,
    pub count: i64,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub sample: Uuid,
    pub fault: Option<String>,
}

/// Which dead letters go back, and how fast.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ReplayOrders {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<Uuid>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Orders a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// So many first, and the rest if none of them is a dead letter again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<usize>,
}

/// What a replay would send back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WouldReplay {
    pub would_replay: u64,
    /// Of causes that trying again cannot help.
    pub hopeless: u64,
    pub ids: Vec<Uuid>,
}

/// A replay as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    pub id: Uuid,
    /// `canary`, `running`, `done`, `stopped` or `halted`.
    pub state: String,
    pub actor: String,
    pub cause: Option<String>,
    pub rate: Option<f64>,
    pub canary: Option<i32>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub orders: u64,
    /// Those that went back, those that wait for their turn or for a void, and those decided meanwhile.
    pub replayed: u64,
    pub waiting: u64,
    pub left: u64,
    /// Of causes that trying again cannot help.
    pub hopeless: u64,
    /// What became of those that went back, by state.
    pub outcomes: BTreeMap<String, u64>,
}

impl Replay {
    pub fn is_over(&self) -> bool {
        !matches!(self.state.as_str(), "canary" | "running")
    }
}

/// Which dead letters are given up, by ids or by cause, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DiscardOrders {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<Uuid>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiscardedOrders {
    pub discarded: u64,
    pub ids: Vec<Uuid>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lanes {
    pub lanes: Vec<LaneStanding>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LaneStanding {
    pub lane: Lane,
    pub paused: bool,
    pub undecided: i64,
    pub oldest: Option<Timestamp>,
    /// Orders decided a second; 0: not known.
    pub rate: f64,
    pub eta_s: u64,
    pub partitions: Vec<Value>,
}

impl Client {
    /// `POST /v1/orders`. One key names one order, for ever.
    pub fn place_order(&self, order: &PlaceOrder) -> Call<ShownOrder> {
        self.posts("/v1/orders", order)
    }

    /// `GET /v1/orders/{id}`.
    pub fn order(&self, id: Uuid) -> Call<ShownOrder> {
        self.gets(format!("/v1/orders/{id}"))
    }

    /// `GET /v1/orders`, newest intake first. Needs a token of scope operator, as all that follows.
    pub fn orders(&self, query: &OrderQuery) -> Call<Page<OrderRow>> {
        let mut call = self.gets("/v1/orders");
        call.ask.with("order_ref", query.order_ref.as_ref());
        call.ask.with("state", query.state.map(OrderState::as_str));
        call.ask.with("sku", query.sku.as_ref());
        call.ask.with("from", query.from.as_ref());
        call.ask.with("to", query.to.as_ref());
        call
    }

    pub fn dead_letters(&self, cause: Option<&str>, sku: Option<&str>) -> Call<Page<OrderRow>> {
        let mut call = self.gets("/internal/api/orders/dlq");
        call.ask.with("cause", cause);
        call.ask.with("sku", sku);
        call
    }

    pub fn dead_letters_by_cause(&self) -> Call<DeadLetters> {
        self.gets("/internal/api/orders/dlq/summary")
    }

    /// Begins a job.
    pub fn replay_orders(&self, replay: &ReplayOrders) -> Call<Replay> {
        self.posts("/internal/api/orders/dlq/replay", replay)
    }

    /// Does nothing.
    pub fn would_replay_orders(&self, replay: &ReplayOrders) -> Call<WouldReplay> {
        let mut body = json!(replay);
        body["dry_run"] = true.into();
        self.posts("/internal/api/orders/dlq/replay", &body)
    }

    pub fn replay(&self, id: Uuid) -> Call<Replay> {
        self.gets(format!("/internal/api/orders/dlq/replays/{id}"))
    }

    pub fn stop_replay(&self, id: Uuid) -> Call<Replay> {
        self.posts(format!("/internal/api/orders/dlq/replays/{id}/stop"), &json!({}))
    }

    pub fn discard_orders(&self, discard: &DiscardOrders) -> Call<DiscardedOrders> {
        self.posts("/internal/api/orders/dlq/discard", discard)
    }

    pub fn order_lanes(&self) -> Call<Lanes> {
        self.gets("/internal/api/orders/lanes")
    }

    pub fn pause_lane(&self, lane: Lane) -> Call<Value> {
        self.posts(format!("/internal/api/orders/lanes/{}/pause", lane.as_str()), &json!({}))
    }

    /// Pauses it or goes on, with a reason for the trail.
    pub fn switch_lane(&self, lane: Lane, pause: bool, reason: &str) -> Call<Value> {
        let verb = if pause { "pause" } else { "resume" };
        self.posts(format!("/internal/api/orders/lanes/{}/{verb}", lane.as_str()), &json!({"reason": reason}))
    }

    pub fn resume_lane(&self, lane: Lane) -> Call<Value> {
        self.posts(format!("/internal/api/orders/lanes/{}/resume", lane.as_str()), &json!({}))
    }
}
