//! `onhand edge`.

use std::{process::ExitCode, sync::Arc};

use onhand_edge::{Auth, Edge, Feed};
use onhand_rules::Rules;
use onhand_wire::actuator::Loggers;

use super::{Done, origin::verifier, require, shutdown};
use crate::config::Config;

pub(super) async fn run((config, loggers): (Config, Arc<dyn Loggers>)) -> Done {
    require("kafka.brokers", &config.kafka.brokers, "name the brokers of the change feed, or set KAFKA_ADDR")?;
    require(
        "edge.origin.token",
        config.edge.origin.token.expose(),
        "an operator token; `onhand token issue` makes one",
    )?;
    let auth = Auth { verifier: verifier(&config)?, public_reads: config.auth.public_reads };
    let (edge, rules) = (config.edge(), Rules::load(&config.rules)?);
    let feed = Feed::Kafka { brokers: config.kafka.brokers, topic: config.kafka.topic };
    let edge = Edge::bind(edge, feed, auth, rules, env!("CARGO_PKG_VERSION").to_owned()).await?.with_loggers(loggers);
    println!("edge public http://{}", edge.public());
    println!("edge management http://{}", edge.management());
    let ready = edge.ready();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(edge.serve(shutdown::until(stopped)));
    tokio::select! {
        () = ready => {
            println!("ready: the edge serves");
            shutdown::requested().await;
        }
        () = shutdown::requested() => {}
    }
    stop.send_replace(true);
    serving.await??;
    Ok(ExitCode::SUCCESS)
}
