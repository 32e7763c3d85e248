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
    /// Closes every connection once its current work is done; returns how many. Later work opens new ones.
    async fn restart_connections(&self) -> Result<usize>;
    /// `None` if there is no pool.
    fn connections(&self) -> Option<Connections>;
}
