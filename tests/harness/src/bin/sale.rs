//! A flash sale on real servers: two origins, two edges, and `onhand sale` through them. `make sale`.
//!
//! Buyers come faster than the machine can serve them, so what is measured is the rate that it carries, they included.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use onhand_harness::{
    Error, World,
    drill::{ledger_tells_the_rows, say},
};
use tokio::process::{Child, Command};

/// What most buyers want.
const HOT: &str = "hot";
/// No order is refused or rejected for its waiting, on however slow a machine.
const PATIENCE: &str = "15m";

/// Put a sale in front of many buyers, through two edges and two origins on real servers.
#[derive(Parser)]
struct Args {
    /// Buyers, each with one order of one unit; two of three want the same SKU
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    orders: usize,
    /// Units of the SKU that most want
    #[arg(long, value_name = "N", default_value_t = 1000)]
    units: i64,
    /// SKUs that the other buyers want
    #[arg(long, value_name = "N", default_value_t = 50)]
    others: usize,
    /// Units of each of them
    #[arg(long, value_name = "N", default_value_t = 500)]
    stock: i64,
    /// Pause the lanes until all orders are in: shows how fast they are decided, beside nothing else. With
    /// --others 0 and units for all, it is one SKU's line, as `make bench-holds` has it
    #[arg(long)]
    paused: bool,
    /// Where the page with the plot goes
    #[arg(long, value_name = "FILE", default_value = "target/sale.html")]
    html: std::path::PathBuf,
    /// Over how long the buyers come
    #[arg(long, value_name = "DURATION", default_value = "1s")]
    over: String,
    /// Buyers that may be at a node at once
    #[arg(long, value_name = "N", default_value_t = 256)]
    at_once: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    match sale(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sale: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn sale(args: Args) -> Result<ExitCode, Error> {
    say("starting PostgreSQL, Redis, Kafka, two origins and two edges");
    let began = Instant::now();
    let world = World::start()
        .edges(2)
        .origins(2)
        .dedicated()
        // One subject places all orders, and all of them are to be decided, however long the line becomes.
        .env("RATE_LIMIT_MAX_REQUESTS", "0")
        .env("ONHAND_ORDERS__MAX_WAIT", PATIENCE)
        .env("ONHAND_ORDERS__DECIDE_WITHIN", PATIENCE)
        // A line for each order is the log's cost, not the lanes'.
        .env("LOG_LEVEL", "info,onhand::orders=warn")
        .try_ready()
        .await?;
    let skus = stock(&world, &args).await;
    lanes_work(&world).await?;
    say(&format!("all ready after {:.1} s", began.elapsed().as_secs_f64()));
    if args.paused {
        switch(&world, "pause").await;
    }
    let mut sale = start(&world, &args, &skus)?;
    if args.paused {
        tokio::select! {
            _ = sale.wait() => say("the sale ended before all of its orders were in the lanes"),
            () = all_in(&world, args.orders) => switch(&world, "resume").await,
        }
    }
    let status = sale.wait().await.map_err(cannot)?;
    if !status.success() {
        eprintln!("{}", world.log_tails(15));
    }
    ledger_tells_the_rows(&world)?;
    say(&format!("the sale by second: {}", args.html.display()));
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Everything that is sold, the one that most want first.
async fn stock(world: &World, args: &Args) -> Vec<String> {
    world.location("store", 0).await;
    world.stock(HOT, "store", args.units).await;
    let mut skus = vec![HOT.to_owned()];
    for number in 0..args.others {
        let sku = format!("other-{number:02}");
        world.stock(&sku, "store", args.stock).await;
        skus.push(sku);
    }
    skus
}

/// The origins make the lanes' topics, and one of them leads: an order that both edges take is decided.
async fn lanes_work(world: &World) -> Result<(), Error> {
    world.item("first").await;
    let until = Instant::now() + Duration::from_secs(60);
    for (number, node) in world.edges().iter().enumerate() {
        for priority in ["high", "low"] {
            let body = serde_json::json!({"lines": [{"sku": "first", "quantity": 1}], "priority": priority});
            let client = node.client(&world.tokens.storefront);
            let place = async || {
                let call = client.call(reqwest::Method::POST, "/v1/orders").key(&format!("first-{number}-{priority}"));
                call.json(body.clone()).send().await
            };
            while place().await.status != 202 {
                if Instant::now() > until {
                    return Err(Error::Refused("the edges take no orders after a minute".to_owned()));
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    Ok(())
}

async fn switch(world: &World, verb: &str) {
    let operator = world.origin(0).client(&world.tokens.operator);
    for lane in ["high", "low"] {
        operator.post(&format!("/internal/api/orders/lanes/{lane}/{verb}"), serde_json::json!({})).await.expect(200);
    }
    say(&format!("lanes: {verb}"));
    // Whichever replica leads looks ten times a second.
    tokio::time::sleep(Duration::from_millis(500)).await;
}

/// Until this many orders are taken in, or no more come: a buyer may have gone without.
async fn all_in(world: &World, orders: usize) {
    let (mut most, mut since) = (0, Instant::now());
    loop {
        let taken: i64 = world.sql("SELECT count(*) FROM orders WHERE sku <> 'first'").await[0].get(0);
        let taken = usize::try_from(taken).unwrap_or_default();
        if taken >= orders || taken > 0 && taken == most && since.elapsed() > Duration::from_secs(20) {
            return;
        }
        if taken > most {
            (most, since) = (taken, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

fn cannot(error: std::io::Error) -> Error {
    Error::Refused(format!("cannot run onhand sale: {error}"))
}

fn start(world: &World, args: &Args, skus: &[String]) -> Result<Child, Error> {
    let mut command = Command::new(world.binary());
    command.arg("sale").args(["--buyers", &args.orders.to_string(), "--at-once", &args.at_once.to_string()]);
    command.args(["--over", &args.over, "--patience", PATIENCE]).arg("--html").arg(&args.html);
    for (option, nodes) in [("--edge", world.edges()), ("--origin", world.origins())] {
        for node in nodes {
            command.args([option, &node.url()]);
        }
    }
    for sku in skus {
        command.args(["--sku", sku]);
    }
    command.env("ONHAND_TOKEN_OPERATOR", &world.tokens.operator);
    command.env("ONHAND_TOKEN_STOREFRONT", &world.tokens.storefront);
    command.kill_on_drop(true).spawn().map_err(cannot)
}
