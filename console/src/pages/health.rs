//! Health: every consumer and producer, and what each needs.

use axum::response::Response;
use futures_util::future::join_all;
use onhand_client::{Client, Error};

use super::{
    now::{breaker, perhaps, up},
    why,
};
use crate::{
    caller::Caller,
    page::{Cell, Page, Section, Table, Tone},
};

pub(crate) async fn page(caller: Caller) -> Response {
    let (consumers, producers) = tokio::join!(consumers(&caller), producers(&caller));
    let (processes, orders) = tokio::join!(processes(&caller), orders(&caller));
    let page = Page::new("/health", "Health").with(producers).with(consumers).with(orders).with(processes);
    page.show(Some(&caller.person))
}

fn down(name: &str, error: &Error, cells: usize) -> Vec<Cell> {
    let mut row = vec![Cell::text(name), Cell::mark(Tone::Bad, "no answer"), Cell::text(why(error))];
    row.resize_with(cells, || Cell::text("–"));
    row
}

/// Edges read the change feed.
async fn consumers(caller: &Caller) -> Section {
    let head = ["Edge", "Healthy", "Change feed", "Redis", "Origin", "Loads"];
    let rows = join_all(caller.console.nodes.edges.iter().map(async |edge| match edge.public.edge_health().await {
        Err(error) => down(&edge.name, &error, head.len()),
        Ok(health) => {
            let health = health.value;
            vec![
                Cell::text(&edge.name),
                up(health.status == "healthy"),
                perhaps(health.kafka),
                perhaps(health.redis),
                up(health.origin),
                breaker(&health.loads_circuit_breaker_state),
            ]
        }
    }));
    let table = Table::new("Edges read the change feed, and load what they lack", &head).rows(rows.await);
    Section::new("consumers", "Consumers").table(table).again("/health").command("curl EDGE/health")
}

/// Origins publish it.
async fn producers(caller: &Caller) -> Section {
    let section = Section::new("producers", "Producers").again("/health").command("curl ORIGIN/inventory/health");
    match caller.origin().origin_health().await {
        Err(error) => section.failed("No origin answers: nothing is decided or published.", why(&error)),
        Ok(health) => {
            let health = health.value;
            section.facts([
                ("Origin", up(health.status == "healthy")),
                ("Database", up(health.database)),
                ("Relay to the change feed", perhaps(health.kafka)),
            ])
        }
    }
}

/// The lanes' deciders take orders in.
async fn orders(caller: &Caller) -> Section {
    let section = Section::new("orders", "Order lanes").again("/health").command("onhand orders lanes");
    match caller.origin().order_lanes().await {
        Err(error) => section.failed("The lanes cannot be shown.", why(&error)),
        Ok(lanes) => {
            let rows = lanes.value.lanes.iter().map(|lane| {
                let state = if lane.paused { Cell::mark(Tone::Late, "paused") } else { Cell::mark(Tone::Good, "on") };
                vec![Cell::text(lane.lane.as_str()), state, Cell::number(lane.undecided)]
            });
            section.table(Table::new("What is taken in and not decided", &["Lane", "State", "Waiting"]).rows(rows))
        }
    }
}

async fn process(client: &Client) -> Vec<Cell> {
    match client.info().await {
        Err(error) => down(client.name(0), &error, 5),
        Ok(info) => {
            let info = info.value;
            let hours = format!("{:.1} h", info.uptime_s as f64 / 3600.0);
            let node = format!("{} {}", info.name, info.region);
            vec![
                Cell::text(client.name(0)),
                Cell::mark(Tone::Good, "runs"),
                Cell::text(node),
                Cell::text(info.version),
                Cell::number(hours),
            ]
        }
    }
}

async fn processes(caller: &Caller) -> Section {
    let nodes = &caller.console.nodes;
    let edges = nodes.edges.iter().filter_map(|edge| edge.management.as_ref());
    let rows = join_all(nodes.origin_management.iter().chain(edges).map(process)).await;
    let table = Table::new("By their management listeners", &["Listener", "State", "Node", "Version", "Up for"]);
    let table = table.rows(rows).empty("No management listener is configured.");
    Section::new("processes", "Processes").table(table).again("/health").command("curl MANAGEMENT/actuator/info")
}
