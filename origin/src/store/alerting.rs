//! When alerting was last heard, and whether people were told that it is silent: one row, which all replicas share.

use std::time::Duration;

use async_trait::async_trait;

use super::Result;

#[async_trait]
pub trait Heartbeats: Send + Sync {
    /// Alerting was heard now.
    async fn alerting_heard(&self) -> Result<()>;
    /// How long ago any replica heard it; `None`: never.
    async fn alerting_heard_ago(&self) -> Result<Option<Duration>>;
    /// Whether people are to be told that it is (`silent`) or no longer is silent, and by the caller: nobody else is
    /// given the task for as long as `lease`. While it is silent they are told again after `again`.
    async fn take_telling(&self, silent: bool, again: Duration, lease: Duration) -> Result<bool>;
    /// They have been told.
    async fn told(&self, silent: bool) -> Result<()>;
}
