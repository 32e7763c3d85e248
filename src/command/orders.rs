//! `onhand orders`: the lanes and their dead letters, at an origin.

use std::{process::ExitCode, time::Duration};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use onhand_client::{Client, DiscardOrders, Error, OrderQuery, OrderRow, ReplayOrders};
use onhand_wire::order::{Lane, OrderState};
use serde::Serialize;
use uuid::Uuid;

use super::{Done, at::At};
use crate::progress::Progress;

/// Look at orders and their lanes, pause and resume a lane, replay or discard dead letters
#[derive(clap::Subcommand)]
pub(crate) enum Orders {
    /// List orders, newest intake first
    List(List),
    /// Show one order
    Show {
        id: Uuid,
        #[command(flatten)]
        at: Shared,
    },
    /// Count dead letters by cause; with --cause or --sku, list them
    Dlq(Dlq),
    /// Send dead letters back to be decided again, under the same ids; shows how far it is until it is over
    Replay(Replay),
    /// Stop a replay: what has not gone back stays a dead letter
    StopReplay {
        id: Uuid,
        #[command(flatten)]
        at: Shared,
    },
    /// Give dead letters up: they are rejected, and stay so
    Discard(Discard),
    /// Show what waits in each lane, and how fast it is decided
    Lanes(Shared),
    /// Stop deciding a lane's orders; they are taken in all the same
    Pause {
        #[arg(value_parser = lane)]
        lane: Lane,
        #[command(flatten)]
        at: Shared,
    },
    /// Go on with a lane
    Resume {
        #[arg(value_parser = lane)]
        lane: Lane,
        #[command(flatten)]
        at: Shared,
    },
}

#[derive(clap::Args)]
pub(crate) struct Shared {
    #[command(flatten)]
    at: At,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct List {
    /// Only orders of this reference
    #[arg(long, value_name = "TEXT")]
    order_ref: Option<String>,
    /// Only orders in this state, such as queued or confirmed
    #[arg(long, value_parser = state)]
    state: Option<OrderState>,
    /// Only orders whose first line has this SKU
    #[arg(long)]
    sku: Option<String>,
    /// Accepted from this moment, such as 2026-01-31T09:30:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Accepted before this moment
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Most orders to print
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    at: Shared,
}

#[derive(clap::Args)]
pub(crate) struct Dlq {
    /// Only dead letters of this cause, such as open_units
    #[arg(long)]
    cause: Option<String>,
    /// Only dead letters whose first line has this SKU
    #[arg(long)]
    sku: Option<String>,
    /// Most dead letters to print
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    at: Shared,
}

#[derive(clap::Args)]
pub(crate) struct Replay {
    /// These orders; without any, those of --cause, or all
    ids: Vec<Uuid>,
    /// Only dead letters of this cause, such as open_units
    #[arg(long)]
    cause: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Orders a second; without it, all at once
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// So many first; the rest only if none of them is a dead letter again
    #[arg(long, value_name = "N")]
    canary: Option<usize>,
    /// Do not wait: it goes on by itself, as it does when this command is ended
    #[arg(long)]
    detach: bool,
    /// Say what would be replayed, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    at: Shared,
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["ids", "cause"]))]
pub(crate) struct Discard {
    /// These orders; without any, those of --cause
    ids: Vec<Uuid>,
    /// Only dead letters of this cause, such as open_units
    #[arg(long)]
    cause: Option<String>,
    /// Why, for the trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    at: Shared,
}

fn lane(word: &str) -> Result<Lane, String> {
    Lane::parse(word).ok_or_else(|| "high or low".to_owned())
}

fn state(word: &str) -> Result<OrderState, String> {
    let words = || OrderState::ALL.map(OrderState::as_str).join(", ");
    OrderState::parse(word).ok_or_else(|| format!("one of {}", words()))
}

pub(super) async fn run(orders: Orders) -> Done {
    match orders {
        Orders::List(list) => list.run().await?,
        Orders::Show { id, at } => {
            let shown = at.at.client()?.order(id).await?.value;
            at.print(&shown, || {
                let mut table = table(&["id", "state", "ahead", "eta", "reservation", "reason"]);
                let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
                let reservation = shown.reservation_id.map_or_else(String::new, |id| id.to_string());
                let (ahead, eta) = (number(shown.ahead), number(shown.eta_s));
                let reason = shown.reason.clone().unwrap_or_default();
                table.add_row([shown.id.to_string(), shown.state.as_str().to_owned(), ahead, eta, reservation, reason]);
                table
            });
        }
        Orders::Dlq(dlq) => dlq.run().await?,
        Orders::Replay(replay) => return replay.run().await,
        Orders::StopReplay { id, at } => {
            let row = at.at.client()?.stop_replay(id).await?.value;
            at.say(&row, &replayed(&row));
        }
        Orders::Discard(discard) => discard.run().await?,
        Orders::Lanes(at) => lanes(&at).await?,
        Orders::Pause { lane, at } => {
            let done = at.at.client()?.pause_lane(lane).await?.value;
            at.say(&done, &format!("{} is paused", lane.as_str()));
        }
        Orders::Resume { lane, at } => {
            let done = at.at.client()?.resume_lane(lane).await?.value;
            at.say(&done, &format!("{} goes on", lane.as_str()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

impl Shared {
    fn print(&self, value: &impl Serialize, shown: impl FnOnce() -> Table) {
        if self.json { println!("{}", serde_json::json!(value)) } else { println!("{}", shown()) }
    }

    fn say(&self, value: &impl Serialize, text: &str) {
        if self.json { println!("{}", serde_json::json!(value)) } else { println!("{text}") }
    }

    fn rows(&self, rows: &[OrderRow]) {
        if self.json {
            rows.iter().for_each(|row| println!("{}", serde_json::json!(row)));
            return;
        }
        let mut table = table(&["accepted", "id", "lane", "sku", "state", "reason", "attempts", "fault"]);
        for row in rows {
            let reason = row.reason.clone().or_else(|| row.cause.clone()).unwrap_or_default();
            table.add_row([
                row.accepted_at.to_string(),
                row.id.to_string(),
                row.lane.as_str().to_owned(),
                row.sku.clone(),
                row.state.as_str().to_owned(),
                reason,
                row.attempts.to_string(),
                row.fault.clone().unwrap_or_default(),
            ]);
        }
        println!("{table}");
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(header);
    table
}

impl List {
    async fn run(self) -> Outcome {
        let Self { order_ref, state, sku, from, to, limit, at } = self;
        let query = OrderQuery { order_ref, state, sku, from, to };
        at.rows(&at.at.client()?.orders(&query).items(limit).await?);
        Ok(())
    }
}

impl Dlq {
    async fn run(self) -> Outcome {
        let Self { cause, sku, limit, at } = self;
        let client = at.at.client()?;
        if cause.is_some() || sku.is_some() {
            at.rows(&client.dead_letters(cause.as_deref(), sku.as_deref()).items(limit).await?);
            return Ok(());
        }
        let letters = client.dead_letters_by_cause().await?.value;
        at.print(&letters, || {
            let mut table = table(&["cause", "count", "first seen", "last seen", "sample", "fault"]);
            for of in &letters.causes {
                let fault = of.fault.clone().unwrap_or_default();
                let (first, last, sample) =
                    (of.first_seen.to_string(), of.last_seen.to_string(), of.sample.to_string());
                table.add_row([of.cause.clone(), of.count.to_string(), first, last, sample, fault]);
            }
            table
        });
        Ok(())
    }
}

/// Between looks at a replay.
const LOOK: Duration = Duration::from_millis(500);

impl Replay {
    async fn run(self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let Self { ids, cause, limit, rate, canary, detach, dry_run, at } = self;
        let ids = Some(ids).filter(|ids| !ids.is_empty());
        let replay = ReplayOrders { ids, cause, limit, rate, canary };
        let client = at.at.client()?;
        if dry_run {
            let would = client.would_replay_orders(&replay).await?.value;
            at.say(&would, &format!("{} would be replayed, {} cannot be", would.would_replay, would.hopeless));
            return Ok(ExitCode::SUCCESS);
        }
        let mut row = client.replay_orders(&replay).await?.value;
        if !detach {
            row = follow(&client, row).await?;
        }
        at.say(&row, &replayed(&row));
        Ok(if row.state == "halted" { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

async fn follow(client: &Client, mut row: onhand_client::Replay) -> Result<onhand_client::Replay, Error> {
    let progress = Progress::new("dead letters", usize::try_from(row.orders).unwrap_or(usize::MAX));
    let mut shown = 0;
    loop {
        let settled = row.replayed + row.left;
        progress.add(usize::try_from(settled - shown).unwrap_or_default());
        shown = settled;
        if row.is_over() {
            return Ok(row);
        }
        tokio::time::sleep(LOOK).await;
        row = client.replay(row.id).await?.value;
    }
}

fn replayed(row: &onhand_client::Replay) -> String {
    let outcomes: Vec<String> = row.outcomes.iter().map(|(state, count)| format!("{count} {state}")).collect();
    let became = if outcomes.is_empty() { String::new() } else { format!(", now {}", outcomes.join(", ")) };
    let halted = if row.state == "halted" { "; one of the first is a dead letter again" } else { "" };
    format!(
        "replay {} is {}{halted}: {} of {} go back{became}; {} wait, {} cannot be tried again, {} were decided meanwhile",
        row.id, row.state, row.replayed, row.orders, row.waiting, row.hopeless, row.left
    )
}

impl Discard {
    async fn run(self) -> Outcome {
        let Self { ids, cause, reason, at } = self;
        let ids = Some(ids).filter(|ids| !ids.is_empty());
        let done = at.at.client()?.discard_orders(&DiscardOrders { ids, cause, reason }).await?.value;
        at.say(&done, &format!("{} are given up", done.discarded));
        Ok(())
    }
}

async fn lanes(at: &Shared) -> Outcome {
    let lanes = at.at.client()?.order_lanes().await?.value;
    at.print(&lanes, || {
        let mut table = table(&["lane", "", "undecided", "oldest", "decided/s", "eta"]);
        for of in &lanes.lanes {
            let oldest = of.oldest.map_or_else(String::new, |oldest| oldest.to_string());
            let (paused, rate) = (if of.paused { "paused" } else { "" }.to_owned(), format!("{:.0}", of.rate));
            let (undecided, eta) = (of.undecided.to_string(), format!("{} s", of.eta_s));
            table.add_row([of.lane.as_str().to_owned(), paused, undecided, oldest, rate, eta]);
        }
        table
    });
    Ok(())
}
