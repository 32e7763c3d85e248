//! Now: how the origins and the edges are, at one look.

use axum::response::Response;
use futures_util::future::join_all;
use onhand_client::{Client, EdgeHealth, Error, OriginHealth, Reply};
use onhand_wire::Timestamp;

use super::why;
use crate::{
    caller::Caller,
    nodes::EdgeAt,
    page::{Cell, Page, Section, Table, Tone},
};

pub(crate) async fn page(caller: Caller) -> Response {
    let (origin, edges) = tokio::join!(origin(&caller), edges(&caller));
    Page::new("/now", "Now").with(origin).with(edges).show(Some(&caller.person))
}

pub(super) fn up(good: bool) -> Cell {
    if good { Cell::mark(Tone::Good, "up") } else { Cell::mark(Tone::Bad, "down") }
}

/// None: it is configured away, as in `onhand dev`.
pub(super) fn perhaps(state: Option<bool>) -> Cell {
    state.map_or_else(|| Cell::mark(Tone::Plain, "not configured"), up)
}

pub(super) fn breaker(state: &str) -> Cell {
    let tone = match state {
        "closed" => Tone::Good,
        "half_open" => Tone::Late,
        _ => Tone::Bad,
    };
    Cell::mark(tone, state.replace('_', " "))
}

pub(super) fn mode(mode: &str) -> Cell {
    let tone = match mode {
        "live" => Tone::Good,
        "catching_up" | "stale" => Tone::Late,
        _ => Tone::Bad,
    };
    Cell::mark(tone, mode.replace('_', " "))
}

/// How old a moment is, as people say it.
pub(super) fn ago(moment: Option<Timestamp>) -> String {
    let Some(moment) = moment else { return "never".to_owned() };
    let now = Timestamp::from_micros(i64::try_from(micros()).unwrap_or(i64::MAX));
    let age = now.since(moment).as_secs_f64();
    if age < 120.0 { format!("{age:.1} s ago") } else { format!("{:.0} min ago", age / 60.0) }
}

fn micros() -> u128 {
    std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros()
}

fn facts_of_origin(health: &OriginHealth) -> Vec<(&'static str, Cell)> {
    let maintenance = match (health.maintenance, &health.message) {
        (Some(true), message) => Cell::mark(Tone::Late, format!("on: {}", message.as_deref().unwrap_or("no message"))),
        (Some(false), _) => Cell::mark(Tone::Good, "off"),
        (None, _) => Cell::mark(Tone::Bad, "not known"),
    };
    let mut facts = vec![
        ("Region", Cell::text(&health.region)),
        ("Term", health.term.map_or_else(|| Cell::text("not known"), Cell::number)),
        ("Database", up(health.database)),
        ("Kafka", perhaps(health.kafka)),
        ("Maintenance", maintenance),
    ];
    if let Some(alerting) = &health.alerting {
        let tone = if alerting.silent { Tone::Bad } else { Tone::Plain };
        facts.push(("Alerting", Cell::mark(tone, alerting.says.clone())));
    }
    facts
}

async fn origin(caller: &Caller) -> Section {
    let section = Section::new("origin", "Origin").again("/now").command("curl ORIGIN/inventory/health");
    match caller.origin().origin_health().await {
        Ok(health) => section.facts(facts_of_origin(&health.value)),
        Err(error) => section.failed("The origin's state is not known.", why(&error)),
    }
}

/// Hits of an edge's first tier among its lookups, in percent.
async fn hits(management: Option<&Client>) -> Cell {
    let Some(management) = management else { return Cell::text("–") };
    match management.metric("cache.gets", Some("cache:l1")).await {
        Ok(measured) => measured
            .value
            .hit_ratio
            .map_or_else(|| Cell::text("no lookup yet"), |ratio| Cell::number(format!("{:.1} %", 100.0 * ratio))),
        Err(_) => Cell::mark(Tone::Bad, "not known"),
    }
}

fn row(edge: &EdgeAt, health: &Result<Reply<EdgeHealth>, Error>, hits: Cell) -> Vec<Cell> {
    let name = Cell::text(&edge.name);
    match health {
        Err(error) => vec![
            name,
            Cell::mark(Tone::Bad, "no answer"),
            Cell::text(why(error)),
            Cell::text("–"),
            Cell::text("–"),
            Cell::text("–"),
            Cell::text("–"),
        ],
        Ok(health) => {
            let health = &health.value;
            vec![
                name,
                mode(&health.mode),
                Cell::number(ago(health.as_of)),
                hits,
                breaker(&health.circuit_breaker_state),
                breaker(&health.loads_circuit_breaker_state),
                health.orders_circuit_breaker_state.as_deref().map_or_else(|| Cell::text("–"), breaker),
            ]
        }
    }
}

async fn edges(caller: &Caller) -> Section {
    let rows = join_all(caller.console.nodes.edges.iter().map(async |edge| {
        let (health, hits) = tokio::join!(edge.public.edge_health(), hits(edge.management.as_ref()));
        row(edge, &health, hits)
    }));
    let head = ["Edge", "Mode", "As of", "L1 hits", "Breaker: calls", "Breaker: loads", "Breaker: orders"];
    let table = Table::new("How fresh their answers are, and whom they call", &head).rows(rows.await);
    Section::new("edges", "Edges").table(table).again("/now").command("curl EDGE/health")
}
