//! Whose origins may write to this copy of the database, and when a commit is safe from the loss of a region.

use onhand_http::outgoing::causes;
use tokio_postgres::{Row, config::TargetSessionAttrs};

use super::dialer::Dialer;
use crate::{
    config::{Among, Home},
    store::{Result, StoreError},
};

/// Refuses a copy that another region's origins write to.
pub(super) fn admit(home: &Home, open: Option<&str>) -> Result<()> {
    match open {
        Some(region) if region != home.region => Err(StoreError::Unreachable(format!(
            "the database is open for region {region:?}, not for {:?}: `onhand failover --to {}` opens it",
            home.region, home.region
        ))),
        _ => Ok(()),
    }
}

/// Whether another region is open. The pool has connections to a server that takes writes only.
pub(super) async fn waits(dialer: &Dialer, region: &str) -> Result<bool> {
    let mut config = dialer.config.clone();
    config.target_session_attrs(TargetSessionAttrs::Any);
    let connected = dialer.connector.connect(&config).await;
    let (client, connection) = connected.map_err(|error| StoreError::Unreachable(causes(&error)))?;
    let connection = tokio::spawn(connection);
    let sql = "SELECT pg_is_in_recovery() OR coalesce(region <> $1, false) FROM origin_state";
    let found = client.query_one(sql, &[&region]).await;
    connection.abort();
    Ok(found?.get(0))
}

/// What [`guard`] judges by.
pub(super) const STANDING: &str = "SELECT region, alone, current_setting('synchronous_standby_names'),
        current_setting('synchronous_commit')
    FROM origin_state";

/// What batches judge by their first statement, for every other transaction that writes. `standing`: asks for
/// [`STANDING`] in it, where there are several regions.
pub(super) async fn guard(
    home: Option<&Home>,
    standing: impl Future<Output = std::result::Result<Row, tokio_postgres::Error>>,
) -> Result<()> {
    let Some(home) = home.filter(|home| home.among.is_some()) else { return Ok(()) };
    let found = standing.await?;
    let region = found.get::<_, Option<&str>>(0);
    if region.is_none() {
        return Err(StoreError::Unreachable("the database is not open for a region yet".to_owned()));
    }
    admit(home, region)?;
    judge_alone(Some(home), is_confirmed(Some(home), found.get(2), found.get(3)), found.get(1))
}

/// Refuses to write what no other region confirms, where that was promised. `opened_alone`: a failover has opened this
/// copy, and no other region has confirmed a commit since. Only then is it known, outside of this region, that it
/// writes alone.
pub(super) fn judge_alone(home: Option<&Home>, confirmed: bool, opened_alone: bool) -> Result<()> {
    let Some(Among { confirmed: true, alone, standbys, .. }) = home.and_then(|home| home.among.as_ref()) else {
        return Ok(());
    };
    if confirmed || *alone && opened_alone {
        return Ok(());
    }
    Err(StoreError::Unreachable(format!(
        "regions.rpo is \"zero\", and no other region's standby confirms commits: synchronous_standby_names must name \
         only some of {}",
        standbys.join(", ")
    )))
}

/// Whether each commit waits until a standby has it on disk; where there are several regions, one of another region.
/// By `synchronous_standby_names` and `synchronous_commit`.
pub(super) fn is_confirmed(home: Option<&Home>, names: &str, commit: &str) -> bool {
    if names.trim().is_empty() || !matches!(commit, "on" | "remote_apply") {
        return false;
    }
    home.and_then(|home| home.among.as_ref()).is_none_or(|among| {
        let mut named = standbys(names);
        named.all(|name| among.standbys.iter().any(|standby| standby.eq_ignore_ascii_case(name)))
    })
}

/// `FIRST 1 (a, b)`, `ANY 1 (a, b)`, `1 (a, b)` or `a, b`.
fn standbys(names: &str) -> impl Iterator<Item = &str> {
    let listed = names.split_once('(').map_or(names, |(_, rest)| rest.trim_end().trim_end_matches(')'));
    listed.split(',').map(|name| name.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(confirmed: bool, alone: bool) -> Home {
        let standbys = vec!["us".to_owned(), "ap".to_owned()];
        Home { region: "eu".to_owned(), among: Some(Among { number: 0, standbys, confirmed, alone }) }
    }

    #[test]
    fn only_another_regions_standby_confirms() {
        let home = home(true, true);
        let confirmed = |names| is_confirmed(Some(&home), names, "on");
        for names in ["us", "FIRST 1 (us, ap)", "ANY 1 (us,ap)", "1 (\"US\")", "any 1 ( ap )"] {
            assert!(confirmed(names), "{names}");
        }
        for names in ["", " ", "*", "eu2", "us, eu2", "FIRST 1 (us, *)", "ANY 2 (us, eu2)"] {
            assert!(!confirmed(names), "{names}");
        }
        assert!(!is_confirmed(Some(&home), "us", "local"));
        assert!(!is_confirmed(Some(&home), "us", "remote_write"));
        assert!(is_confirmed(None, "*", "on"), "one region: any standby");
    }

    #[test]
    fn a_region_writes_alone_only_after_a_failover_opened_it() {
        assert!(judge_alone(Some(&home(true, true)), true, false).is_ok());
        assert!(judge_alone(Some(&home(true, true)), false, true).is_ok());
        assert!(judge_alone(Some(&home(true, true)), false, false).is_err());
        assert!(judge_alone(Some(&home(true, false)), false, true).is_err());
        assert!(judge_alone(Some(&home(false, false)), false, false).is_ok());
        assert!(judge_alone(None, false, false).is_ok());
    }

    #[test]
    fn another_regions_copy_is_refused() {
        assert!(admit(&home(true, true), None).is_ok());
        assert!(admit(&home(true, true), Some("eu")).is_ok());
        assert!(admit(&home(true, true), Some("us")).is_err());
    }
}
