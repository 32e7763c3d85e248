//! How sessions are opened, and how long one may be waited for.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_postgres::Config;

use super::{
    Timeouts,
    secure::Connector,
    session::{Purpose, Session},
};
use crate::{
    config::Home,
    store::{Result, StoreError},
};

pub(super) struct Dialer {
    pub(super) config: Config,
    pub(super) connector: Connector,
    pub(super) timeouts: Timeouts,
    /// Only this region's origins may write; none: whoever connects.
    pub(super) home: Option<Arc<Home>>,
}

impl Dialer {
    /// `elsewhere` hears of commits that other processes announce, if the session is a relay's.
    pub(super) async fn connect(&self, purpose: Purpose, elsewhere: Arc<Notify>) -> Result<Session> {
        Session::connect(&self.config, &self.connector, purpose, self.timeouts, self.home.clone(), elsewhere).await
    }

    fn patience(&self) -> Duration {
        self.timeouts.statement + self.timeouts.connect
    }

    /// The server's own limits come first; this one is for a server that does not answer at all.
    pub(super) async fn within<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let done = tokio::time::timeout(self.patience(), work).await;
        done.unwrap_or_else(|_| Err(StoreError::Unreachable("no answer in time".to_owned())))
    }
}
