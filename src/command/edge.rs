//! `onhand edge`.

use std::{process::ExitCode, sync::Arc};

use onhand_edge::{Auth, Edge, Feed};
use onhand_http::actuator::Loggers;
use onhand_rules::Rules;

use super::{Done, Needs, shutdown};
use crate::{config::Config, keys, openapi};

pub(super) async fn run((config, loggers): (Config, Arc<dyn Loggers>)) -> Done {
    let carried = &config.edge.origin;
    let token = if carried.token_file.is_empty() { carried.token.expose() } else { &carried.token_file };
    Needs::default()
        .set("kafka.brokers", config.kafka.brokers.expose(), "name the brokers of the change feed, or set KAFKA_ADDR")
        .set(
            "edge.origin.token",
            token,
            "set a token of scope edge, or edge.origin.token_file to a file with one; `onhand token issue --scope edge` makes it",
        )
        .keys(&config.auth)
        .met()?;
    let auth = Auth {
        verifier: keys::verifier(&config.auth, &config.http.client).await?,
        public_reads: config.auth.public_reads,
    };
    let scheme = config.http.tls.scheme();
    let (edge, rules) = (config.edge(), Rules::load(&config.rules)?);
    let feed = Feed::Kafka { brokers: config.kafka.brokers(), topic: config.kafka.topic };
    let edge = Edge::bind(edge, feed, auth, rules, env!("CARGO_PKG_VERSION").to_owned()).await?.with_loggers(loggers);
    let edge = edge.with_openapi(openapi::edge().to_string());
    println!("edge public {scheme}://{}", edge.public());
    println!("edge management {scheme}://{}", edge.management());
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
