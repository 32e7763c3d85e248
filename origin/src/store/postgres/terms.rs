//! Which copy of the database a session is connected to, and the term that it writes under.

use tokio_postgres::Client;

use super::{home, row, session::Session};
use crate::{
    feed::FeedEnd,
    store::{Result, StoreError},
    terms::{Raised, Standpoint, Which, raised},
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
    if let Some(Raised { term, good_since }) = outcome {
        tracing::warn!(term, good_since, ?feed, "the term was raised: this is another copy of the database");
    }
    Ok(Settled { term, raised: outcome.is_some() })
}

pub(super) struct Settled {
    pub(super) term: u16,
    pub(super) raised: bool,
}

/// The current term, and whether it was raised just now.
async fn settle_in_tx(session: &Session, feed: FeedEnd) -> Result<(u16, Option<Raised>)> {
    let client = &session.client;
    let (at, region) = standpoint(client, &session.identity).await?;
    if let Some(home) = &session.home {
        home::admit(home, region.as_deref())?;
    }
    let among = session.home.as_ref().and_then(|home| home.among.as_ref());
    let raised = raised(at, feed, among.map(|among| among.number));
    let raised = raised.map_err(|exhausted| StoreError::Refused(exhausted.to_string()))?;
    let now = raised.unwrap_or(Raised { term: at.term, good_since: at.good_since });
    let region = session.home.as_ref().filter(|home| home.among.is_some()).map(|home| home.region.as_str());
    write(client, &session.identity, feed, now, region).await?;
    if raised.is_some() {
        client.execute(PUBLISH_AGAIN, &[]).await?;
    }
    Ok((now.term, raised))
}

/// What edges have seen of commits that no standby confirmed is overwritten under the new term.
pub(super) const PUBLISH_AGAIN: &str = "UPDATE feeds SET again = true";

/// How this copy stands, and the region whose origins may write. Locks the row.
pub(super) async fn standpoint(client: &Client, own: &Identity) -> Result<(Standpoint, Option<String>)> {
    let sql =
        "SELECT s.term, s.good_since, s.lossless, s.system_id, s.timeline, greatest(r.t, to_timestamp(0)), s.region
        FROM origin_state s, relay r FOR UPDATE OF s";
    let found = client.query_one(sql, &[]).await?;
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
    Ok((at, found.get(6)))
}

/// Names the copy that the term belongs to, and the region that writes to it.
pub(super) async fn write(
    client: &Client,
    own: &Identity,
    feed: FeedEnd,
    now: Raised,
    region: Option<&str>,
) -> Result<()> {
    if let FeedEnd::At { t, .. } = feed {
        // T never falls, in whatever copy it was stored.
        client.execute("UPDATE relay SET t = greatest(t, $1)", &[&row::utc(t)]).await?;
    }
    let sql = "UPDATE origin_state SET term = $1, good_since = $2, system_id = $3, timeline = $4,
            region = coalesce($5, region)
        WHERE (term, good_since, system_id, timeline, region)
            IS DISTINCT FROM ($1, $2, $3, $4, coalesce($5, region))";
    let (term, good_since) = (i32::from(now.term), i32::from(now.good_since));
    client.execute(sql, &[&term, &good_since, &own.system_id, &own.timeline, &region]).await?;
    Ok(())
}
