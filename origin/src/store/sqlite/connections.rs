//! SQLite's one connection.

use async_trait::async_trait;

use super::Sqlite;
use crate::store::{
    Result,
    connections::{Connections, Pooled},
};

#[async_trait]
impl Pooled for Sqlite {
    /// One connection to a file of this machine: there is nothing to restart.
    async fn restart_connections(&self) -> Result<usize> {
        Ok(0)
    }

    fn connections(&self) -> Option<Connections> {
        None
    }
}
