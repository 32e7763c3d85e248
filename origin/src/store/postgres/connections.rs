//! The connections for reads, statements that write on one of them, and restarting all connections.

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio_postgres::{Row, types::ToSql};

use super::{Postgres, home, session::DURABLE};
use crate::store::{
    Result,
    connections::{Connections, Pooled},
};

impl Postgres {
    /// One statement that writes, on a connection whose transactions are read-only by default.
    pub(super) async fn write(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        let mut client: Object = self.reader().await?;
        let write = client.build_transaction().read_only(false).start().await?;
        // A frozen origin must not keep its locks.
        write.batch_execute(&format!("SET LOCAL idle_in_transaction_session_timeout = '1s'; {DURABLE}")).await?;
        home::guard(self.dialer.home.as_deref(), write.query_one(home::STANDING, &[])).await?;
        let rows = write.query(sql, params).await?;
        write.commit().await?;
        Ok(rows)
    }
}

#[async_trait]
impl Pooled for Postgres {
    async fn restart_connections(&self) -> Result<usize> {
        let (size, available) = (self.reads.status().size, self.reads.status().available);
        // Idle connections are closed now, and busy ones when they are returned.
        self.oldest.set_now();
        let mut closed = self.reads.retain(|_, _| false).removed.len() + (size - available.min(size));
        closed += self.idle().drain(..).count();
        let backlogs: Vec<_> = self.backlogs().values().cloned().collect();
        for backlog in backlogs {
            closed += backlog.close().await;
        }
        self.reader().await?.query_one("SELECT 1", &[]).await?;
        Ok(closed)
    }

    fn connections(&self) -> Option<Connections> {
        let status = self.reads.status();
        let idle = status.available.min(status.size);
        Some(Connections { max: status.max_size, active: status.size - idle, idle, pending: status.waiting })
    }
}
