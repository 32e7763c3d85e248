//! `onhand origin`.

use std::{process::ExitCode, sync::Arc};

use onhand_http::actuator::Loggers;
use onhand_origin::Origin;
use onhand_rules::Rules;

use super::{Done, Needs, shutdown};
use crate::{config::Config, keys};

pub(super) async fn run((config, loggers): (Config, Arc<dyn Loggers>)) -> Done {
    Needs::default()
        .set("origin.database.url", config.origin.database.url.expose(), "name the database, or set DATABASE_URL")
        .set("kafka.brokers", config.kafka.brokers.expose(), "name the brokers of the change feed, or set KAFKA_ADDR")
        .keys(&config.auth)
        .met()?;
    let shown = config.shown()?;
    let verifier = keys::verifier(&config.auth, &config.http.client).await?;
    let scheme = config.http.tls.scheme();
    let (origin, rules, feed) = (config.origin(), Rules::load(&config.rules)?, config.feed());
    let origin = Origin::bind(origin, feed, verifier, rules).await?.with_loggers(loggers);
    let origin = origin.with_configuration(&shown).await;
    println!("origin api {scheme}://{}", origin.api());
    println!("origin management {scheme}://{}", origin.management());
    println!("ready: the origin serves");
    origin.serve(shutdown::requested()).await?;
    Ok(ExitCode::SUCCESS)
}
