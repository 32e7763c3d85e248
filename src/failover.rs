//! `onhand failover`: another region takes over.
//!
//! 1. [`view`]: every region's database, origins and edges, and the feeds' ends, are looked at, all at once.
//! 2. [`judge`]: a table of what was found, with what to do. `--dry-run` and `status` end here.
//! 3. [`takeover`]: lock, fence, promote, open, prove. Each phase finds what an earlier run did, so the command can be
//!    run again after it was killed.
//! 4. [`report`]: when each phase ended.

mod judge;
mod proof;
mod rejoin;
mod report;
mod takeover;
mod view;

use std::{process::ExitCode, time::Duration};

use crate::{
    config::{Config, Faults},
    failover::{judge::Verdict, view::View},
    tls::Tls,
};

type Failure = Box<dyn std::error::Error>;

/// Let another region take over: fence the old one, promote the database, raise the term, prove it
///
/// Reads [regions] of the configuration: all regions, their databases, origins and edges. Run it again after it was
/// interrupted: each phase finds what was done. `onhand failover status` looks and changes nothing.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    also: Option<Also>,
    /// The region that takes over, as [[regions.members]] names it
    #[arg(long, value_name = "REGION", required = true)]
    to: Option<String>,
    /// Why; it is kept in the trail and in the table of failovers
    #[arg(long, value_name = "TEXT", required = true)]
    reason: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(clap::Subcommand)]
enum Also {
    Rejoin(rejoin::Rejoin),
    /// Look at every region, judge each one that could take over, and change nothing
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// How long each database and node may take to answer
        #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = humantime::parse_duration)]
        patience: Duration,
    },
}

#[derive(Debug, Clone, clap::Args)]
struct How {
    /// Hand over while both regions live: writes stop for a moment, and nothing is lost
    #[arg(long)]
    planned: bool,
    /// Look and judge, change nothing; the exit code says whether it would go on
    #[arg(long)]
    dry_run: bool,
    /// A command that cuts the old region off (power, network); it must succeed. ONHAND_FENCE_REGION names the region
    #[arg(long, value_name = "COMMAND", conflicts_with = "fenced")]
    fence: Option<String>,
    /// The old region is known to be dead or cut off
    #[arg(long)]
    fenced: bool,
    /// With regions.rpo = "async": what the target had not got may be lost
    #[arg(long)]
    accept_loss: bool,
    /// Give up when it takes longer than this; what was done stays, and the next run goes on from there
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    deadline: Duration,
    /// How long each database and node may take to answer; one that is dead and silent costs that much
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = humantime::parse_duration)]
    patience: Duration,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Who does it, for the trail
    #[arg(long, value_name = "NAME", env = "USER", default_value = "operator")]
    actor: String,
    /// An admin token: the target proves with an item of its own that it holds and gives back
    #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_ADMIN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    tls: Tls,
}

/// What is to be done.
struct To {
    region: String,
    reason: String,
    how: How,
}

pub(crate) async fn run(args: Args, config: Config) -> Result<ExitCode, Failure> {
    if config.regions.members.is_empty() {
        let fault = "regions.members is not set: list every region there, this one too (docs/regions.md)";
        Faults::none_of(vec![fault.to_owned()])?;
    }
    let Args { also, to, reason, how } = args;
    match (also, to, reason) {
        (Some(Also::Rejoin(rejoin)), ..) => Box::pin(rejoin::run(rejoin, &config)).await,
        (Some(Also::Status { json, patience }), ..) => status(&config, json, patience).await,
        (None, Some(region), Some(reason)) => Box::pin(to_region(To { region, reason, how }, config)).await,
        _ => Err("--to REGION and --reason TEXT say what to do; `onhand failover status` only looks".into()),
    }
}

/// Every region that is not open, as a target.
async fn status(config: &Config, json: bool, patience: Duration) -> Result<ExitCode, Failure> {
    let view = View::look(config, &Tls::default(), patience).await;
    let open = view.open();
    let targets = config.regions.members.iter().map(|member| member.region.as_str());
    let targets = targets.filter(|region| Some(*region) != open.as_deref());
    let verdicts: Vec<_> =
        targets.map(|region| (region, Verdict::of(&view, config, &judge::Asked::of(region)))).collect();
    report::status(&view, open.as_deref(), &verdicts, json);
    let ready = verdicts.iter().any(|(_, verdict)| verdict.goes());
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn to_region(to: To, config: Config) -> Result<ExitCode, Failure> {
    if config.regions.member(&to.region).is_none() {
        let known: Vec<_> = config.regions.members.iter().map(|member| member.region.as_str()).collect();
        return Err(format!("--to {:?}: regions.members has {}", to.region, known.join(", ")).into());
    }
    let deadline = to.how.deadline;
    match tokio::time::timeout(deadline, takeover::run(to, config)).await {
        Ok(done) => done,
        Err(_) => {
            let said = format!("not done within --deadline {}", humantime::format_duration(deadline));
            Err(format!("{said}; what was done stays. Run the same command again: it goes on from there").into())
        }
    }
}
