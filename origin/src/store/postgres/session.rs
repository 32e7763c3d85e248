//! A connection with its settings, its notices and its notifications.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use onhand_http::outgoing::causes;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Config, error::Severity};

use super::{
    Timeouts,
    secure::Connector,
    terms::{self, Identity},
};
use crate::{
    config::Home,
    store::{Result, StoreError},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Batch,
    Relay,
    Migration,
}

pub(super) struct Session {
    pub(super) client: Client,
    /// The server is this copy for as long as the connection lasts.
    pub(super) identity: Identity,
    /// Whose origins may write.
    pub(super) home: Option<Arc<Home>>,
    warned: Arc<AtomicBool>,
}

impl Session {
    pub(super) async fn connect(
        config: &Config,
        connector: &Connector,
        purpose: Purpose,
        timeouts: Timeouts,
        home: Option<Arc<Home>>,
        elsewhere: Arc<Notify>,
    ) -> Result<Self> {
        let (client, mut connection) = tokio::time::timeout(timeouts.connect, connector.connect(config))
            .await
            .map_err(|_| StoreError::Unreachable("connecting took too long".to_owned()))?
            // Whatever the server says about a connection, no command is the cause.
            .map_err(|error| StoreError::Unreachable(causes(&error)))?;
        let warned = Arc::new(AtomicBool::new(false));
        let heard = warned.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                match message {
                    AsyncMessage::Notification(_) => elsewhere.notify_one(),
                    AsyncMessage::Notice(notice) if notice.parsed_severity() == Some(Severity::Warning) => {
                        heard.store(true, Ordering::SeqCst);
                    }
                    _ => {}
                }
            }
        });
        client.batch_execute(&settings(purpose, timeouts)).await?;
        let identity = terms::identity(&client).await?;
        let session = Self { client, identity, home, warned };
        // A new batch session commits once before it reads: what it then sees, the standby has.
        if purpose == Purpose::Batch && session.take_warning() {
            return Err(StoreError::Unreachable("the first COMMIT answered with a warning".to_owned()));
        }
        Ok(session)
    }

    /// Whether the server has warned since the last call of this: a COMMIT that warns (a
    /// synchronous standby gave up waiting) must not be acknowledged.
    pub(super) fn take_warning(&self) -> bool {
        self.warned.swap(false, Ordering::SeqCst)
    }
}

/// A commit is on disk before it is acknowledged, whatever the default of the server, the database or the role is. A
/// stricter default stays.
pub(super) const DURABLE: &str =
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Checks the settings that a session cannot set for itself.
pub(super) async fn check_durability(session: &Session) -> Result<Vec<&'static str>> {
    let settings = "SELECT current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on'";
    let found = session.client.query_one(settings, &[]).await?;
    if !found.get::<_, bool>(0) {
        return Err(StoreError::Refused(
            "PostgreSQL runs with fsync = off: a crash of its machine may lose acknowledged writes and damage the \
             database. Set fsync = on and reload"
                .to_owned(),
        ));
    }
    let torn = "PostgreSQL runs with full_page_writes = off: unless its file system never tears a page, a crash of its \
                machine may damage the database. Set full_page_writes = on and reload";
    Ok(if found.get::<_, bool>(1) { Vec::new() } else { vec![torn] })
}

fn settings(purpose: Purpose, timeouts: Timeouts) -> String {
    let (statement, lock) = (timeouts.statement.as_millis(), timeouts.lock.as_millis());
    match purpose {
        // Generic plans, row by row through indexes, whatever the table's size was when the plan was made.
        // A frozen origin must not keep its row locks.
        Purpose::Batch => format!(
            "SET statement_timeout = {statement}; SET lock_timeout = {lock};
             SET idle_in_transaction_session_timeout = {statement};
             SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off;
             SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off; SET client_min_messages = warning;
             {DURABLE};
             UPDATE origin_state SET connects = connects + 1"
        ),
        // The rest of the outbox is short, but it names rows of long tables: row by row here, too.
        // Deleting published rows needs no durability: at worst they are published again.
        Purpose::Relay => format!(
            "SET statement_timeout = {statement}; SET synchronous_commit = off; SET jit = off;
             SET idle_in_transaction_session_timeout = {statement};
             SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_hashjoin = off;
             SET enable_mergejoin = off; SET enable_bitmapscan = off; LISTEN onhand_outbox"
        ),
        Purpose::Migration => format!("SET client_min_messages = warning; {DURABLE}"),
    }
}
