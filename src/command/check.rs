//! `onhand check`: tries each dependency that the configuration names. The configuration itself is loaded by now.

mod hops;

use std::{process::ExitCode, time::Duration};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use onhand_http::{
    outgoing::{Outgoing, causes},
    setting::{ClientConfig, SecretUrl},
};
use onhand_rules::Rules;

use super::Done;
use crate::{config::Config, keys};

const PATIENCE: Duration = Duration::from_secs(5);

/// What was tried, and the result; the error says what to do.
struct Tried(&'static str, Result<String, String>);

#[derive(clap::Args)]
pub(super) struct Args {
    /// Judge the configuration and the files that it names, and try no other system: what a start may depend on
    #[arg(long)]
    offline: bool,
}

pub(super) async fn run(args: Args, config: Config) -> Done {
    let mut tried = vec![Tried("configuration", Ok("valid".to_owned()))];
    if !(args.offline && config.auth.asks_others()) {
        tried.push(Tried("auth", keys::probe(&config.auth, &config.http.client).await));
    }
    if !config.rules.dir.is_empty() || !config.rules.trusted_keys.is_empty() {
        // The nodes' own marks are not changed.
        let looked = onhand_rules::Config { looks_only: true, ..config.rules.clone() };
        let rules = Rules::load(&looked).map(|rules| format!("{} loaded", rules.names().len()));
        tried.push(Tried("rules", rules.map_err(|error| error.to_string())));
    }
    if args.offline {
        if !config.console.key_file.is_empty() {
            tried.push(Tried("console", super::console::readable(&config.console)));
        }
        tried.extend(hops::look(&config).into_iter().map(|(what, found)| Tried(what, found)));
        return Ok(show(&tried));
    }
    if !config.origin.database.url.is_empty() {
        tried.push(Tried("origin.database", database(&config).await));
        tried.push(Tried("names", names(&config).await));
    }
    if !config.kafka.brokers.is_empty() {
        let (brokers, topic) = (config.kafka.brokers(), config.kafka.topic.clone());
        tried.push(Tried(
            "kafka",
            onhand_origin::feed::probe(&brokers, &topic).await.map_err(|error| error.to_string()),
        ));
    }
    for feed in &config.regions.feeds {
        let found = onhand_origin::feed::probe(&feed.brokers(), &config.kafka.topic).await;
        let told = |told: String| format!("{}: {told}", feed.region);
        tried.push(Tried("regions.feeds", found.map(told).map_err(|error| told(error.to_string()))));
    }
    if !config.kafka.brokers.is_empty() && config.orders.is_on() {
        tried.push(Tried("orders", onhand_origin::probe_lanes(&config.kafka.brokers(), &config.orders).await));
    }
    if !config.edge.redis.url.is_empty() {
        let answered = onhand_edge::probe_redis(&config.edge.redis).await;
        tried.push(Tried("edge.redis", answered.map(|()| "answers".to_owned())));
    }
    match carried(&config.edge.origin) {
        Ok(token) if token.is_empty() => {}
        Ok(token) => {
            for url in &config.edge.origin.urls {
                tried.push(Tried("edge.origin", origin(url, &token, &config.http.client).await));
            }
        }
        Err(fault) => tried.push(Tried("edge.origin", Err(fault))),
    }
    if !config.console.key_file.is_empty() {
        tried.push(Tried("console", super::console::probe(&config.console()).await));
    }
    tried.extend(hops::look(&config).into_iter().map(|(what, found)| Tried(what, found)));
    Ok(show(&tried))
}

fn show(tried: &[Tried]) -> ExitCode {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(["what", "", "finding"]);
    for Tried(what, result) in tried {
        let (mark, finding) = match result {
            Ok(finding) => ("ok", finding),
            Err(finding) => ("FAULT", finding),
        };
        table.add_row([what, mark, finding]);
    }
    println!("{table}");
    if tried.iter().all(|tried| tried.1.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn database(config: &Config) -> Result<String, String> {
    let store = onhand_origin::open_store(&config.origin.database, None).map_err(|error| error.to_string())?;
    store.check_schema().await.map_err(|error| error.to_string())?;
    let hazards = store.check_durability().await.map_err(|error| error.to_string())?;
    let standing = store.standing().await.map_err(|error| error.to_string())?;
    let warnings: String = hazards.iter().map(|hazard| format!("; WARNING: {hazard}")).collect();
    Ok(format!("the schema is up to date, term {}{warnings}", standing.term))
}

/// Names that nobody could give today: they stay as they are, and are told, with what each would be spelt like and
/// whether that is another item's name.
async fn names(config: &Config) -> Result<String, String> {
    const SHOWN: usize = 20;
    let store = onhand_origin::open_store(&config.origin.database, None).map_err(|error| error.to_string())?;
    store.check_schema().await.map_err(|error| error.to_string())?;
    let odd = store.misspelt().await.map_err(|error| error.to_string())?;
    let spelt: Vec<_> = odd.iter().map(|sku| onhand_wire::Sku::respelt(sku.as_str()).ok()).collect();
    let wanted: Vec<_> = spelt.iter().flatten().collect();
    let missing = store.missing(&wanted).await.map_err(|error| error.to_string())?;
    let collides = |right: &onhand_wire::Sku| {
        !missing.contains(right) || wanted.iter().filter(|other| **other == right).count() > 1
    };
    if odd.is_empty() {
        return Ok("every item's name could be given today".to_owned());
    }
    let told = odd.iter().zip(&spelt).take(SHOWN).map(|(sku, right)| match right {
        Some(right) if collides(right) => format!("{:?} looks like {right}, which is another item", sku.as_str()),
        Some(right) => format!("{:?} would be {right}", sku.as_str()),
        None => format!("{:?}", sku.as_str()),
    });
    let told: Vec<String> = told.collect();
    let colliding = spelt.iter().flatten().filter(|right| collides(right)).count();
    Ok(format!(
        "WARNING: {} items have names that would be refused today, {colliding} of them look like another's; they are found \
         as before: {}",
        odd.len(),
        told.join("; ")
    ))
}

/// The edge's own token, wherever it is; empty: there is none.
fn carried(origin: &onhand_edge::OriginConfig) -> Result<String, String> {
    let file = &origin.token_file;
    if file.is_empty() {
        return Ok(origin.token.expose().to_owned());
    }
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("edge.origin.token_file: {file} cannot be read: {error}"))?;
    Ok(text.trim().to_owned())
}

/// The edge's own token must allow the calls that the edge makes.
async fn origin(url: &SecretUrl, token: &str, client: &ClientConfig) -> Result<String, String> {
    let path = format!("{}/internal/api/topology", url.expose());
    let outgoing = Outgoing::new(client).map_err(|fault| fault.to_string())?;
    let client = outgoing.client(PATIENCE).map_err(|error| causes(&error))?;
    let request = client.get(path).bearer_auth(token).timeout(PATIENCE);
    let answer = request.send().await.map_err(|error| format!("{url}: {}", causes(&error.without_url())))?;
    match answer.status().as_u16() {
        200 => Ok(format!("{url} answers and accepts the token")),
        401 | 403 => Err(format!(
            "{url}: the edge's own token (edge.origin.token or token_file) is not accepted; it needs scope edge"
        )),
        status => Err(format!("{url}: answered {status}")),
    }
}
