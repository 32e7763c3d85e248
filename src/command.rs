//! The subcommands, one file each.

mod at;
mod audit_log;
mod check;
mod completions;
mod console;
mod dev;
mod edge;
mod explain;
mod export;
mod import;
mod items;
mod ledger;
mod migrate;
mod openapi;
mod orders;
mod origin;
mod private;
mod reservations;
mod rule;
mod shown;
mod shutdown;
mod stock;
mod token;
mod watch;

use std::{error::Error, path::PathBuf, process::ExitCode, sync::Arc};

use clap::{Parser, Subcommand};

use onhand_http::actuator::Loggers;

use crate::{
    audit, bench,
    config::{self, Config},
    failover, logging, replay, sale,
};

pub(crate) type Done = Result<ExitCode, Box<dyn Error>>;

/// Can I have this, here, now? An edge availability cache that never sells what isn't there.
///
/// Start with `onhand dev`: one origin and one edge in this process, demo data, no server needed.
/// In production, `onhand migrate` prepares PostgreSQL, `onhand origin` decides reservations,
/// `onhand edge` answers lookups near shoppers, and `onhand check` finds faults before you start them.
#[derive(Parser)]
#[command(name = "onhand", version, arg_required_else_help = true)]
pub(crate) struct Onhand {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Args)]
struct Global {
    /// Configuration file [default: onhand.toml, if there is one]; ONHAND_SECTION__KEY overrides a key
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the effective configuration and stop. Secrets are hidden and addresses show only scheme and host, so this
    /// output cannot be loaded again
    #[arg(long, global = true)]
    dump_config: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run one origin and one edge in this process, with demo data; no server needed
    Dev(dev::Args),
    /// Run one edge: answers lookups, forwards reservations
    Edge,
    /// Run one origin: decides reservations, publishes changes
    Origin,
    Console(console::Args),
    /// Bring the database's schema up to date
    Migrate,
    /// Check the configuration, then each dependency that it names
    Check(check::Args),
    Explain(explain::Args),
    /// Make keys and tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Send a CSV or NDJSON file of stock to an origin
    Import(import::Args),
    Export(export::Args),
    #[command(subcommand)]
    Items(items::Items),
    #[command(subcommand)]
    Stock(stock::Stock),
    #[command(subcommand)]
    Reservations(reservations::Reservations),
    Watch(watch::Args),
    /// Check the ledger against the rows, or rebuild the rows from it
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    #[command(subcommand)]
    Orders(orders::Orders),
    /// Write, build, test and release a rule
    #[command(subcommand)]
    Rule(rule::Rule),
    /// Play an order stream through the edges and check that nothing was oversold or lost
    Replay(replay::Args),
    Sale(sale::Args),
    Audit(audit::Args),
    AuditLog(audit_log::Args),
    Failover(Box<failover::Args>),
    Bench(bench::Args),
    Openapi(openapi::Args),
    /// Print a shell's completions, such as `onhand completions bash`
    Completions(completions::Args),
    /// Compile a rule on trial, within limits; nodes run this: see `rules.compile_time`
    #[command(hide = true)]
    CompileRule {
        limits: Vec<String>,
    },
}

impl Onhand {
    pub(crate) fn run(self) -> Done {
        if self.global.dump_config {
            println!("{}", self.global.load()?.shown()?);
            return Ok(ExitCode::SUCCESS);
        }
        raise_descriptors();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let done = runtime.block_on(self.command.run(&self.global));
        logging::end();
        done
    }
}

/// A server needs one for each connection; the low soft limit is meant for programs that use `select`.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _soft_stays = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

impl Global {
    fn load(&self) -> Result<Config, config::Faults> {
        let mut config = config::load(self.config.as_deref())?;
        // This same program compiles rules on trial.
        config.rules.compiler = std::env::current_exe().ok();
        Ok(config)
    }

    /// Loads the configuration and starts logging.
    fn start(&self) -> Result<(Config, Arc<dyn Loggers>), config::Faults> {
        let config = self.load()?;
        let loggers = logging::start(&config.log);
        Ok((config, loggers))
    }
}

impl Command {
    async fn run(self, global: &Global) -> Done {
        match self {
            Self::Dev(args) => Box::pin(dev::run(args, global.start()?)).await,
            Self::Edge => edge::run(global.start()?).await,
            Self::Origin => origin::run(global.start()?).await,
            Self::Console(args) => console::run(args, global).await,
            Self::Migrate => migrate::run(global.start()?.0).await,
            Self::Check(args) => check::run(args, global.load()?).await,
            Self::Explain(args) => explain::run(args, global.load()?).await,
            Self::Token(token) => token.run(),
            Self::Import(args) => import::run(args).await,
            Self::Export(args) => export::run(args).await,
            Self::Items(items) => items.run().await,
            Self::Stock(stock) => stock.run().await,
            Self::Reservations(reservations) => reservations.run().await,
            Self::Watch(args) => watch::run(args).await,
            Self::Ledger(ledger) => ledger.run(global.start()?.0).await,
            Self::Orders(orders) => orders::run(orders).await,
            Self::Rule(rule) => rule.run(global.load()?.rules).await,
            Self::Replay(args) => Ok(replay::run(args).await?),
            Self::Sale(args) => Ok(sale::run(args).await?),
            Self::Audit(args) => Ok(audit::run(args).await?),
            Self::AuditLog(args) => audit_log::run(args).await,
            Self::Failover(args) => Box::pin(failover::run(*args, global.start()?.0)).await,
            Self::Bench(args) => Ok(bench::run(args).await?),
            Self::Openapi(args) => openapi::run(&args),
            Self::Completions(args) => Ok(args.run()),
            Self::CompileRule { limits } => Ok(onhand_rules::try_compiling(&limits)),
        }
    }
}

/// Settings that a command needs; all that are missing are reported at once.
#[derive(Default)]
struct Needs(Vec<String>);

impl Needs {
    fn set(mut self, key: &str, value: &str, why: &str) -> Self {
        if value.is_empty() {
            self.0.push(format!("{key} is not set: {why}"));
        }
        self
    }

    /// Requires the keys that judge tokens.
    fn keys(mut self, auth: &config::Auth) -> Self {
        self.0.extend(auth.trusted().err());
        self
    }

    fn met(self) -> Result<(), config::Faults> {
        config::Faults::none_of(self.0)
    }
}
