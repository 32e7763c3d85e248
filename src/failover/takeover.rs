//! The phases that change something. Each finds what an earlier run has done.

use std::{process::ExitCode, time::Duration};

use onhand_origin::site::{Opened, Opening, Site};
use tokio::process::Command;
use uuid::Uuid;

use super::{
    Failure, To,
    judge::{Asked, Verdict},
    proof,
    report::Report,
    view::{Region, View},
};
use crate::config::Config;

/// How long the target has to get all that the old region wrote.
const CATCH_UP: Duration = Duration::from_secs(8);
const PROMOTE: Duration = Duration::from_secs(20);

pub(super) async fn run(to: To, config: Config) -> Result<ExitCode, Failure> {
    let mut report = Report::begin(&to);
    let view = View::look(&config, &to.how.tls, to.how.patience).await;
    report.done("look");
    let verdict = Verdict::of(&view, &config, &Asked::by(&to));
    report.judged(&verdict);
    if !verdict.goes() || to.how.dry_run {
        return Ok(report.end(verdict.goes()));
    }
    let (Some(target), Some(site)) = (view.region(&to.region), target_site(&view, &to.region)) else {
        return Err("the target's database does not answer".into());
    };
    if target.is_open() {
        let Some(opened) = site.last_opened().await? else { return still_open(&to, site).await };
        // One that came back since.
        for (_, old) in primaries(&view, &to.region) {
            let _as_far_as_it_answers = old.shut().await;
        }
        return prove(&to, &config, site, &opened, report).await;
    }
    lock(&view).await?;
    still_as_seen(&view).await?;
    report.done("lock");
    if let Err(error) = fence(&view, &to, target, site).await {
        reopen_old(&view, &to.region).await;
        return Err(format!("{error}. Nothing was promoted, and the old region may write again").into());
    }
    report.done("fence");
    if target.is_standby() {
        site.promote(PROMOTE).await.map_err(|error| {
            let undone = format!("`onhand failover --to {}` lets it write again", view.open().unwrap_or_default());
            format!("{error}. The old region stays shut: run the command again, or {undone}")
        })?;
        report.done("promote");
    }
    let opened = open(&to, &config, &view, site).await?;
    prove(&to, &config, site, &opened, report).await
}

async fn prove(
    to: &To,
    config: &Config,
    site: &Site,
    opened: &Opened,
    mut report: Report,
) -> Result<ExitCode, Failure> {
    report.opened(opened);
    proof::prove(to, config, site, opened, &mut report).await?;
    Ok(report.end(true))
}

/// A run with another target may have shut it, and then come to nothing.
async fn still_open(to: &To, site: &Site) -> Result<ExitCode, Failure> {
    site.reopen().await?;
    println!("{} is open, and was never taken over: it may write, and there is nothing else to do", to.region);
    Ok(ExitCode::SUCCESS)
}

fn target_site<'a>(view: &'a View, region: &str) -> Option<&'a Site> {
    view.region(region)?.site.as_ref()
}

/// Somebody else's failover may have ended between the look and the lock.
async fn still_as_seen(view: &View) -> Result<(), Failure> {
    for region in &view.regions {
        let (Some(site), Ok(seen)) = (&region.site, &region.database) else { continue };
        let now = site.look().await?;
        if (now.in_recovery, now.term, &now.region) != (seen.in_recovery, seen.term, &seen.region) {
            return Err(format!("another failover has changed {}: look again", region.name).into());
        }
    }
    Ok(())
}

/// At every database that answers, in the order of the list: of two failovers at once, whatever their targets, one wins.
async fn lock(view: &View) -> Result<(), Failure> {
    for region in &view.regions {
        let Some(site) = &region.site else { continue };
        if !site.lock().await? {
            let said = format!("another failover is under way: it holds the lock at {}'s database", region.name);
            return Err(format!("{said}. `onhand failover status` shows what it has done").into());
        }
    }
    Ok(())
}

/// After this, nothing that the old region acknowledges is missing at the target.
async fn fence(view: &View, to: &To, target: &Region, site: &Site) -> Result<(), Failure> {
    if let Some(command) = &to.how.fence {
        let old: Vec<_> = view.others(&to.region).map(|region| region.name.as_str()).collect();
        let fenced =
            Command::new("sh").arg("-c").arg(command).env("ONHAND_FENCE_REGION", old.join(",")).status().await?;
        if !fenced.success() {
            return Err(format!("--fence failed ({fenced})").into());
        }
    }
    for (name, old) in primaries(view, &to.region) {
        let shut = old.shut().await;
        // What the fence command cut off does not answer.
        let end = match shut {
            Ok(end) => end,
            Err(_) if to.how.fence.is_some() || to.how.fenced => continue,
            Err(error) => return Err(format!("{name} could not be shut: {error}").into()),
        };
        if target.is_standby() && !has(site, end).await? {
            let seconds = CATCH_UP.as_secs();
            return Err(format!("the target lacks some of what {name} wrote, after {seconds} s").into());
        }
    }
    Ok(())
}

/// Whether the target has the log up to this place, within the time that it has for it.
async fn has(site: &Site, end: i64) -> Result<bool, Failure> {
    let until = tokio::time::Instant::now() + CATCH_UP;
    while site.look().await?.received < end {
        if tokio::time::Instant::now() > until {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(true)
}

/// Other regions' databases that answered and take writes.
fn primaries<'a>(view: &'a View, target: &str) -> impl Iterator<Item = (&'a str, &'a Site)> {
    view.others(target).filter_map(|old| {
        old.primary()?;
        Some((old.name.as_str(), old.site.as_ref()?))
    })
}

async fn reopen_old(view: &View, target: &str) {
    for (_, old) in primaries(view, target) {
        let _as_far_as_it_answers = old.reopen().await;
    }
}

async fn open(to: &To, config: &Config, view: &View, site: &Site) -> Result<Opened, Failure> {
    let number = config.regions.among(&to.region).map_or(0, |among| among.number);
    let (region, actor, reason) = (to.region.clone(), to.how.actor.clone(), to.reason.clone());
    let opening = Opening { id: Uuid::now_v7(), region, number, actor, reason };
    Ok(site.open(&opening, view.feed).await?)
}
