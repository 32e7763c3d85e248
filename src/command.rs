//! The subcommands, one file each.

mod check;
mod completions;
mod dev;
mod edge;
mod import;
mod ledger;
mod migrate;
mod origin;
mod shutdown;
mod token;

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    config::{self, Config},
    logging, replay,
};

pub(crate) type Done = Result<ExitCode, Box<dyn Error>>;

/// Can I have this, here, now? An edge availability cache that never sells what isn't there.
///
/// Start with `onhand dev`: one origin and one edge in this process, demo data, no server needed.
/// In production, `onhand migrate` prepares PostgreSQL, `onhand origin` decides reservations,
/// `onhand edge` answers lookups near shoppers, and `onhand check` tells what is wrong first.
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
    /// Configuration file [default: onhand.toml, where there is one]; ONHAND_SECTION__KEY overrides a key
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the effective configuration, secrets hidden, and stop
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
    /// Bring the database's schema up to date
    Migrate,
    /// Check the configuration, then each dependency that it names
    Check,
    /// Make keys and tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Send a CSV or NDJSON file of stock to an origin
    Import(import::Args),
    /// Check the ledger against the rows, or rebuild the rows from it
    #[command(subcommand)]
    Ledger(ledger::Ledger),
    /// Play an order stream through the edges and check that nothing was oversold or lost
    Replay(replay::Args),
    /// Print a shell's completions, such as `onhand completions bash`
    Completions(completions::Args),
}

impl Onhand {
    pub(crate) fn run(self) -> Done {
        if self.global.dump_config {
            println!("{}", toml::to_string_pretty(&self.global.load()?)?);
            return Ok(ExitCode::SUCCESS);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(self.command.run(&self.global))
    }
}

impl Global {
    fn load(&self) -> Result<Config, config::Faults> {
        config::load(self.config.as_deref())
    }

    /// The configuration, with logging started as it says.
    fn start(&self) -> Result<Config, config::Faults> {
        let config = self.load()?;
        logging::start(&config.log);
        Ok(config)
    }
}

impl Command {
    async fn run(self, global: &Global) -> Done {
        match self {
            Self::Dev(args) => dev::run(args, global.start()?).await,
            Self::Edge => edge::run(global.start()?).await,
            Self::Origin => origin::run(global.start()?).await,
            Self::Migrate => migrate::run(global.start()?).await,
            Self::Check => check::run(global.load()?).await,
            Self::Token(token) => token.run(),
            Self::Import(args) => import::run(args).await,
            Self::Ledger(ledger) => ledger.run(global.start()?).await,
            Self::Replay(args) => Ok(replay::run(args).await?),
            Self::Completions(args) => Ok(args.run()),
        }
    }
}

/// A key that this command cannot do without.
fn require(key: &str, value: &str, why: &str) -> Result<(), String> {
    if value.is_empty() { Err(format!("{key} is not set: {why}")) } else { Ok(()) }
}
