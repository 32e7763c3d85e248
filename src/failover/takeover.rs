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

/// How long a region that hands over may stand still if this command dies.
const PAUSE: Duration = Duration::from_secs(15);
/// How long the target has to get all of it: well before the old region goes on.
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
    lock(&view).await?;
    report.done("lock");
    if needs_opening(target) {
        fence(&view, &to, site).await?;
        report.done("fence");
        site.promote(PROMOTE).await.map_err(|error| {
            format!(
                "{error}. What was shut at the old region stays shut. Run the command again, or open it: ALTER SYSTEM RESET \
                 default_transaction_read_only; SELECT pg_reload_conf()"
            )
        })?;
        report.done("promote");
    } else if site.last_opened().await?.is_none() {
        return Err(format!("{} is open, and was never taken over: there is nothing to do", to.region).into());
    }
    let opened = open(&to, &config, &view, site).await?;
    report.opened(&opened);
    shut_old(&view, &to.region).await;
    proof::prove(&to, &config, site, &opened, &mut report).await?;
    Ok(report.end(true))
}

fn target_site<'a>(view: &'a View, region: &str) -> Option<&'a Site> {
    view.region(region)?.site.as_ref()
}

fn needs_opening(target: &Region) -> bool {
    target.database.as_ref().is_ok_and(|found| found.in_recovery || found.region.as_ref() != Some(&target.name))
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

/// After this, nothing that the old region acknowledges can be missing at the target.
async fn fence(view: &View, to: &To, site: &Site) -> Result<(), Failure> {
    if to.how.planned {
        hand_over(view, to, site).await?;
    }
    shut_old(view, &to.region).await;
    let Some(command) = &to.how.fence else { return Ok(()) };
    let old: Vec<_> = view.others(&to.region).map(|region| region.name.as_str()).collect();
    let fenced = Command::new("sh").arg("-c").arg(command).env("ONHAND_FENCE_REGION", old.join(",")).status().await?;
    if fenced.success() { Ok(()) } else { Err(format!("--fence failed ({fenced}): nothing was promoted").into()) }
}

/// The old region stands still, and the target has all that it wrote.
async fn hand_over(view: &View, to: &To, site: &Site) -> Result<(), Failure> {
    for old in view.others(&to.region) {
        let (Some(primary), Ok(found)) = (&old.site, &old.database) else { continue };
        if found.in_recovery {
            continue;
        }
        let end = primary.pause(PAUSE).await?;
        let caught_up = async {
            while site.look().await?.received < end {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok::<_, Failure>(())
        };
        let Ok(caught_up) = tokio::time::timeout(CATCH_UP, caught_up).await else {
            primary.resume().await?;
            let seconds = CATCH_UP.as_secs();
            return Err(
                format!("the target lacks what {} wrote, after {seconds} s: nothing was promoted", old.name).into()
            );
        };
        caught_up?;
    }
    Ok(())
}

/// As far as it answers. Where commits wait for another region's standby it cannot acknowledge anything anyway, once
/// that is promoted.
async fn shut_old(view: &View, target: &str) {
    let old = view.others(target).filter_map(|old| {
        let primary = old.database.as_ref().is_ok_and(|found| !found.in_recovery);
        old.site.as_ref().filter(|_| primary)
    });
    for old in old {
        let _as_far_as_it_answers = old.shut().await;
    }
}

async fn open(to: &To, config: &Config, view: &View, site: &Site) -> Result<Opened, Failure> {
    let number = config.regions.among(&to.region).map_or(0, |among| among.number);
    let (region, actor, reason) = (to.region.clone(), to.how.actor.clone(), to.reason.clone());
    let opening = Opening { id: Uuid::now_v7(), region, number, actor, reason };
    Ok(site.open(&opening, view.feed).await?)
}
