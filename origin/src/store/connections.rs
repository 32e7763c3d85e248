//! Connections to the database, as operators see and restart them.

use async_trait::async_trait;

use super::Result;

/// The pool that reads go through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    pub max: usize,
    pub active: usize,
    pub idle: usize,
    /// Calls that wait for one.
    pub pending: usize,
}

#[async_trait]
pub trait Pooled: Send + Sync {
    /// Closes every connection once its work under way is done; how many. Later work opens new ones.
    async fn restart_connections(&self) -> Result<usize>;
    /// `None` where there is no pool.
    fn connections(&self) -> Option<Connections>;
}
