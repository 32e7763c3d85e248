//! Which copy of the database a session is connected to, and the term that it writes under.

use tokio_postgres::Client;

use super::{row, session::Session};
use crate::{
    feed::FeedEnd,
    store::{Result, StoreError},
    terms::{Standpoint, Which, raised},
};

/// A promoted standby has another timeline, a restored dump another system identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) system_id: String,
    pub(super) timeline: i64,
}

/// The control file names a new timeline only after its first checkpoint; the log's file does at once.
const IDENTITY: &str = "SELECT system_identifier::text,
        ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint FROM pg_control_system()";

/// Whether a commit of this session waits until a standby has it on disk.
pub(super) const SYNCED: &str = "current_setting('synchronous_standby_names') <> ''
    AND current_setting('synchronous_commit') IN ('on', 'remote_apply')";

pub(super) async fn identity(client: &Client) -> Result<Identity> {
    let found = client.query_one(IDENTITY, &[]).await?;
    Ok(Identity { system_id: found.get(0), timeline: found.get(1) })
}

/// Others that settle at the same time wait for the row, and then find it settled.
pub(super) async fn settle(session: &Session, feed: FeedEnd) -> Result<Settled> {
    let client = &session.client;
    session.take_warning();
    client.batch_execute("BEGIN").await?;
    let (term, outcome) = settle_in_tx(session, feed).await?;
    client.batch_execute("COMMIT").await?;
    if session.take_warning() {
        return Err(StoreError::Unreachable("COMMIT answered with a warning".to_owned()));
    }
    if let Some(good_since) = outcome {
        tracing::warn!(term, good_since, ?feed, "the term was raised: this is another copy of the database");
    }
    Ok(Settled { term, raised: outcome.is_some() })
}

pub(super) struct Settled {
    pub(super) term: u16,
    pub(super) raised: bool,
}

/// The current term, and what is good under it if it was raised.
async fn settle_in_tx(session: &Session, feed: FeedEnd) -> Result<(u16, Option<u16>)> {
    let client = &session.client;
    let sql = "SELECT s.term, s.good_since, s.lossless, s.system_id, s.timeline, greatest(r.t, to_timestamp(0))
        FROM origin_state s, relay r FOR UPDATE OF s";
    let found = client.query_one(sql, &[]).await?;
    let own = &session.identity;
    let copy = match found.get::<_, Option<&str>>(3).zip(found.get::<_, Option<i64>>(4)) {
        Some(named) if named == (&own.system_id, own.timeline) => Which::Same,
        Some(_) => Which::Another,
        None => Which::Unnamed,
    };
    let at = Standpoint {
        term: found.get::<_, i32>(0) as u16,
        good_since: found.get::<_, i32>(1) as u16,
        t: row::time(&found, 5),
        copy,
        lossless: found.get(2),
    };
    if let FeedEnd::At { t, .. } = feed {
        // T never falls, in whatever copy it was stored.
        client.execute("UPDATE relay SET t = greatest(t, $1)", &[&row::utc(t)]).await?;
    }
    let Some((term, good_since)) = raised(at, feed) else {
        let sql = "UPDATE origin_state SET system_id = $1, timeline = $2 WHERE (system_id, timeline) IS DISTINCT FROM ($1, $2)";
        client.execute(sql, &[&own.system_id, &own.timeline]).await?;
        return Ok((at.term, None));
    };
    let sql = "UPDATE origin_state SET term = $1, good_since = $2, system_id = $3, timeline = $4";
    client.execute(sql, &[&i32::from(term), &i32::from(good_since), &own.system_id, &own.timeline]).await?;
    Ok((term, Some(good_since)))
}
