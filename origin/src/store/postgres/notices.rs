//! Notices of orders' decisions over PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Postgres, row, row::micros};
use crate::store::{
    Result,
    notices::{Notice, Notices},
    notifications::{Attempt, Undelivered},
};

/// What is configured stays, so that nothing is missed meanwhile.
const TARGETS: &str = "WITH gone AS (DELETE FROM order_notice_targets WHERE target <> ALL($1))
    INSERT INTO order_notice_targets SELECT unnest($1::text[]) ON CONFLICT DO NOTHING RETURNING target";

const TAKE: &str =
    "UPDATE order_notices n SET attempts = n.attempts + 1, due = clock_timestamp() + $2 * interval '1 microsecond'
    FROM (SELECT order_id, at, target FROM order_notices WHERE NOT failed AND target = $3 AND due <= clock_timestamp()
        ORDER BY due LIMIT $1 FOR UPDATE SKIP LOCKED) AS next
    WHERE n.order_id = next.order_id AND n.at = next.at AND n.target = next.target
    RETURNING n.order_id, n.at, n.target, n.state, n.reason, n.reservation, n.order_ref, n.subject, n.attempts";

const ACKNOWLEDGED: &str =
    "DELETE FROM order_notices n USING unnest($1::uuid[], $2::timestamptz[], $3::text[]) AS u (id, at, target)
    WHERE n.order_id = u.id AND n.at = u.at AND n.target = u.target";

const AGAIN: &str =
    "UPDATE order_notices n SET due = clock_timestamp() + u.micros * interval '1 microsecond', failed = u.failed
    FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::double precision[], $5::boolean[])
        AS u (id, at, target, micros, failed)
    WHERE n.order_id = u.id AND n.at = u.at AND n.target = u.target";

const GIVE_UP_OTHERS: &str = "UPDATE order_notices SET failed = true, due = clock_timestamp()
    WHERE NOT failed AND target <> ALL($1) AND at <= clock_timestamp() - $2 * interval '1 microsecond' RETURNING target";

const FORGET: &str =
    "DELETE FROM order_notices WHERE failed AND due < clock_timestamp() - $1 * interval '1 microsecond'";

fn notice(found: &Row) -> Notice {
    Notice {
        order: found.get(0),
        at: row::time(found, 1),
        target: found.get(2),
        state: found.get(3),
        reason: found.get(4),
        reservation: found.get(5),
        order_ref: found.get(6),
        subject: found.get(7),
        attempts: found.get(8),
    }
}

#[async_trait]
impl Notices for Postgres {
    async fn notify_of_orders(&self, targets: &[String]) -> Result<()> {
        self.write(TARGETS, &[&targets]).await.map(drop)
    }

    async fn take_notices(&self, target: &str, limit: usize, lease: Duration) -> Result<Vec<Notice>> {
        let rows = self.write(TAKE, &[&(limit as i64), &micros(lease), &target]).await?;
        let mut taken: Vec<Notice> = rows.iter().map(notice).collect();
        taken.sort_by_key(|notice| notice.at);
        Ok(taken)
    }

    async fn settle_notices(&self, attempts: &[(Notice, Attempt)]) -> Result<()> {
        let (done, open): (Vec<_>, Vec<_>) =
            attempts.iter().partition(|(_, attempt)| *attempt == Attempt::Acknowledged);
        let keys = |of: &[&(Notice, Attempt)]| {
            let ids: Vec<Uuid> = of.iter().map(|(notice, _)| notice.order).collect();
            let times: Vec<_> = of.iter().map(|(notice, _)| row::utc(notice.at)).collect();
            let targets: Vec<String> = of.iter().map(|(notice, _)| notice.target.clone()).collect();
            (ids, times, targets)
        };
        if !done.is_empty() {
            let (ids, times, targets) = keys(&done);
            self.write(ACKNOWLEDGED, &[&ids, &times, &targets]).await?;
        }
        if !open.is_empty() {
            let (ids, times, targets) = keys(&open);
            let later = |attempt: &Attempt| if let Attempt::Again(span) = attempt { micros(*span) } else { 0.0 };
            let pauses: Vec<f64> = open.iter().map(|(_, attempt)| later(attempt)).collect();
            let failed: Vec<bool> = open.iter().map(|(_, attempt)| *attempt == Attempt::GivenUp).collect();
            self.write(AGAIN, &[&ids, &times, &targets, &pauses, &failed]).await?;
        }
        Ok(())
    }

    async fn give_up_other_notices(&self, targets: &[String], age: Duration) -> Result<usize> {
        Ok(self.write(GIVE_UP_OTHERS, &[&targets, &micros(age)]).await?.len())
    }

    async fn forget_notices(&self, kept: Duration) -> Result<()> {
        self.write(FORGET, &[&micros(kept)]).await.map(drop)
    }

    async fn undelivered_notices(&self) -> Result<Undelivered> {
        let sql = "SELECT count(*) FILTER (WHERE NOT failed), count(*) FILTER (WHERE failed) FROM order_notices";
        let found = self.reader().await?.query_one(sql, &[]).await?;
        Ok(Undelivered { pending: found.get(0), failed: found.get(1) })
    }
}
