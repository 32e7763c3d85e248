//! `onhand dev`: everything in one process. Only the lowest layer is swapped (SQLite for
//! PostgreSQL, a log in memory for Kafka, no L2); every flow above it is the production code.

mod outward;
mod demo;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use onhand_console::Console;
use onhand_edge::{Auth, Edge};
use onhand_http::{
    actuator::Loggers,
    auth::{Issuer, Scope, Verifier},
    setting::{Secret, SecretUrl, Span},
};
use onhand_orders::MemoryLanes;
use onhand_origin::Origin;
use onhand_rules::Rules;
use onhand_wire::memory_log::MemoryLog;
use serde_json::json;

use super::{Done, console, private, shutdown, token};
use crate::config::Config;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// First port: edge +0, edge management +1, console +2, origin +10, origin management +1010; 0 uses any free ports
    #[arg(long, default_value_t = 8080, value_name = "PORT", value_parser = clap::value_parser!(u16).range(..=64525))]
    port_base: u16,
    /// Keep data and key in this folder, readable only by its owner; without it they end with the process
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Load no demo data
    #[arg(long)]
    empty: bool,
    /// Have orders paid by a hook in this process that never answers to one charge in ten
    #[arg(long)]
    pay: bool,
    /// Write {"storefront":…,"fulfilment":…,"operator":…,"admin":…} to this file, mode 0600, before ready
    #[arg(long, value_name = "FILE")]
    print_tokens: Option<PathBuf>,
    /// Load the rules in this folder, signed or not: NAME.wasm, each with an optional NAME.toml; it is watched
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

/// The files of a data folder.
const DATABASE: &str = "onhand.db";
const KEYS: [&str; 2] = ["dev.key.pem", "dev.pub.pem"];
const RULES: &str = "rules";
const ORDERS_KEY: &str = "dev.orders.key";
const SEAL_KEY: &str = "dev.console.key";

fn is_ours(name: &str) -> bool {
    name.starts_with(DATABASE) || KEYS.contains(&name) || name == RULES || [ORDERS_KEY, SEAL_KEY].contains(&name)
}

const PARTITIONS: i32 = 4;
const RULES_COMPILE: Span = Span::s(300);
const TOKENS_VALID: Span = Span::s(30 * 24 * 3600);

pub(super) async fn run(args: Args, (mut config, loggers): (Config, Arc<dyn Loggers>)) -> Done {
    args.configure(&mut config)?;
    let keys = args.keys()?;
    config.orders.id_key = args.orders_key()?;
    let issuer = Issuer::from_pem(keys.private.as_bytes())?;
    let verifier = Arc::new(Verifier::from_pem(keys.public.as_bytes())?);
    let tokens = Tokens::issue(&issuer);
    let rules = Rules::load(&config.rules)?;
    let (log, lanes) = (MemoryLog::new(PARTITIONS), MemoryLanes::new(PARTITIONS));
    let (mut edge, origin) = (config.edge(), config.origin());

    let feed = onhand_origin::Feed::Memory(log.clone(), lanes.clone());
    let origin = Origin::bind_and_migrate(origin, feed, verifier.clone(), rules.clone()).await?;
    let origin = origin.with_loggers(loggers.clone());
    let (api, origin_management) = (origin.api(), origin.management());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(origin.serve(shutdown::until(stopped.clone())));

    edge.origin.urls = vec![SecretUrl::new(format!("http://{api}"))];
    edge.origin.token_file.clear();
    edge.origin.token = Secret::new(token::issue(&issuer, "dev-edge", Scope::Edge, TOKENS_VALID));
    let auth = Auth { verifier, public_reads: config.auth.public_reads };
    let edge =
        Edge::bind(edge, onhand_edge::Feed::Memory(log, lanes), auth, rules, env!("CARGO_PKG_VERSION").to_owned())
            .await?;
    let edge = edge.with_loggers(loggers).with_openapi(crate::openapi::edge().to_string());
    let (public, management) = (edge.public(), edge.management());
    let console = onhand_console::Config {
        origins: vec![at_address(api)],
        origin_management: vec![at_address(origin_management)],
        edges: vec![at_address(public)],
        edge_management: vec![at_address(management)],
        seal_key: args.seal_key()?,
        // Nothing is before it, and it is not reached from elsewhere.
        trusted_proxies: 0,
        ..config.console()
    };
    let console = Console::bind(console, Issuer::from_pem(keys.private.as_bytes())?).await?;
    let console_at = format!("http://{}", console.address());
    let edge = edge.with_console(&console_at);
    let ready = edge.ready();
    let answering = tokio::spawn(edge.serve(shutdown::until(stopped.clone())));
    let showing = tokio::spawn(console.serve(shutdown::until(stopped)));
    if !args.empty {
        demo::load(api, &tokens.admin).await.map_err(|error| format!("demo data: {error}"))?;
    }
    ready.await;
    // Whoever reads "ready" may stop it at once.
    let requested = shutdown::requested();
    tokens.write(args.print_tokens.as_deref())?;
    announce(&[
        ("edge public", public),
        ("edge management", management),
        ("origin api", api),
        ("origin management", origin_management),
    ]);
    tokens.announce();
    if let Some(link) = console::first_invitation(api, &tokens.admin, &console_at).await? {
        println!("console invitation {link}");
    }
    println!("console {console_at}");
    println!("ready: try  curl http://{public}/v1/availability/22423");
    requested.await;
    stop.send_replace(true);
    showing.await?;
    answering.await??;
    serving.await??;
    Ok(ExitCode::SUCCESS)
}

fn at_address(address: SocketAddr) -> SecretUrl {
    SecretUrl::new(format!("http://{address}"))
}

fn announce(listeners: &[(&str, SocketAddr)]) {
    for (name, address) in listeners {
        println!("{name} http://{address}");
    }
}

impl Args {
    /// Loopback only; no other system is called, whatever the configuration says.
    fn configure(&self, config: &mut Config) -> Result<(), String> {
        let at = |offset: u16| format!("127.0.0.1:{}", if self.port_base == 0 { 0 } else { self.port_base + offset });
        (config.edge.listen, config.edge.management) = (at(0), at(1));
        (config.origin.listen, config.origin.management) = (at(10), at(1010));
        config.console.listen = at(2);
        let cleared = outward::clear(config);
        if !cleared.is_empty() {
            eprintln!(
                "onhand dev: {} of the configuration {} not used: everything is in this process, and it calls nobody",
                cleared.join(", "),
                if cleared.len() == 1 { "is" } else { "are" }
            );
        }
        config.origin.database.url = SecretUrl::new(match &self.data {
            None => "sqlite::memory:".to_owned(),
            Some(dir) => {
                private::folder(dir, is_ours).map_err(|error| format!("--data {}: {error}", dir.display()))?;
                format!("sqlite:{}", dir.join(DATABASE).display())
            }
        });
        if let Some(dir) = &self.data {
            config.rules.cache_dir = dir.join(RULES).display().to_string();
        }
        config.origin.payment.simulated = self.pay;
        if let Some(dir) = &self.rules {
            config.rules.dir = dir.display().to_string();
        }
        // A developer's machine may be slow, and rules in Python compile for minutes.
        config.rules.compile_time = config.rules.compile_time.max(RULES_COMPILE);
        if config.rules.trusted_keys.is_empty() {
            config.rules.allow_unsigned = true;
        }
        Ok(())
    }

    /// Makes orders' ids; with a data folder it stays, so that a repeated call names the same order.
    fn orders_key(&self) -> Result<Secret, String> {
        self.kept_secret(ORDERS_KEY)
    }

    /// Seals sessions of the console; likewise.
    fn seal_key(&self) -> Result<Secret, String> {
        self.kept_secret(SEAL_KEY)
    }

    fn kept_secret(&self, name: &str) -> Result<Secret, String> {
        let new = || format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let Some(dir) = &self.data else { return Ok(Secret::new(new())) };
        let file = dir.join(name);
        if !file.exists() {
            private::write_new(&file, &new(), 0o600)?;
        }
        private::close(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let key = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Secret::new(key.trim()))
    }

    /// With a data folder the key stays, so that tokens outlive a restart.
    fn keys(&self) -> Result<token::Pair, String> {
        let Some(dir) = &self.data else { return Ok(token::new_pair()) };
        let [private_key, public_key] = KEYS.map(|name| dir.join(name));
        if !private_key.exists() {
            let pair = token::new_pair();
            private::write_new(&public_key, &pair.public, 0o600)?;
            private::write_new(&private_key, &pair.private, 0o600)?;
        }
        for kept in [&private_key, &public_key] {
            private::close(kept).map_err(|error| format!("{}: {error}", kept.display()))?;
        }
        let read = |path: &Path| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        Ok(token::Pair { private: read(&private_key)?, public: read(&public_key)? })
    }
}

struct Tokens {
    storefront: String,
    fulfilment: String,
    operator: String,
    admin: String,
}

impl Tokens {
    fn issue(issuer: &Issuer) -> Self {
        let issue = |subject, scope| token::issue(issuer, subject, scope, TOKENS_VALID);
        Self {
            storefront: issue("dev-storefront", Scope::Storefront),
            fulfilment: issue("dev-fulfilment", Scope::Fulfilment),
            operator: issue("dev-operator", Scope::Operator),
            admin: issue("dev-admin", Scope::Admin),
        }
    }

    fn all(&self) -> [(&'static str, &str); 4] {
        [
            ("storefront", &self.storefront),
            ("fulfilment", &self.fulfilment),
            ("operator", &self.operator),
            ("admin", &self.admin),
        ]
    }

    fn write(&self, file: Option<&Path>) -> Result<(), String> {
        let Some(file) = file else { return Ok(()) };
        let body: serde_json::Map<_, _> =
            self.all().map(|(scope, token)| (scope.to_owned(), json!(token))).into_iter().collect();
        private::replace(file, &json!(body).to_string())
            .map_err(|error| format!("--print-tokens {}: {error}", file.display()))
    }

    fn announce(&self) {
        for (scope, token) in self.all() {
            println!("token {scope} {token}");
        }
    }
}
