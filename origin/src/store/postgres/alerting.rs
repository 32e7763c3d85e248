//! Heartbeats of alerting over PostgreSQL.

use std::time::Duration;

use async_trait::async_trait;

use super::{Postgres, row::micros};
use crate::store::{Result, alerting::Heartbeats};

const HEARD: &str = "UPDATE alerting SET heard_at = clock_timestamp()";

const AGO: &str = "SELECT extract(epoch FROM clock_timestamp() - heard_at)::double precision FROM alerting";

const TAKE: &str = "UPDATE alerting SET leased_until = clock_timestamp() + $3 * interval '1 microsecond'
    WHERE leased_until <= clock_timestamp()
        AND (told_silent <> $1 OR $1 AND told_at <= clock_timestamp() - $2 * interval '1 microsecond')
    RETURNING one";

const TOLD: &str = "UPDATE alerting SET told_silent = $1, told_at = clock_timestamp(), leased_until = '-infinity'";

#[async_trait]
impl Heartbeats for Postgres {
    async fn alerting_heard(&self) -> Result<()> {
        self.write(HEARD, &[]).await.map(drop)
    }

    async fn alerting_heard_ago(&self) -> Result<Option<Duration>> {
        let found = self.reader().await?.query_one(AGO, &[]).await?;
        Ok(found.get::<_, Option<f64>>(0).map(|seconds| Duration::from_secs_f64(seconds.max(0.0))))
    }

    async fn take_telling(&self, silent: bool, again: Duration, lease: Duration) -> Result<bool> {
        Ok(!self.write(TAKE, &[&silent, &micros(again), &micros(lease)]).await?.is_empty())
    }

    async fn told(&self, silent: bool) -> Result<()> {
        self.write(TOLD, &[&silent]).await.map(drop)
    }
}
