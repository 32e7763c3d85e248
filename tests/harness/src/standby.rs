//! A streaming standby of a world's PostgreSQL, which can be promoted.

use std::{os::unix::fs::chown, time::Duration};

use crate::{
    Error, Postgres, eventually, find,
    postgres::{serve, unprivileged},
    scratch::Scratch,
    spawn,
};

/// How long the standby may take to catch up.
const PATIENCE: Duration = Duration::from_secs(30);

impl Postgres {
    /// Starts a second server that follows this one, from a copy of it.
    pub(crate) fn standby_in(&self, scratch: &Scratch, name: &str) -> Result<Self, Error> {
        let home = scratch.dir("standby")?;
        let user = unprivileged()?;
        if let Some(spawn::User { uid, gid }) = user {
            chown(&home, Some(uid), Some(gid)).map_err(Error::file("cannot hand over", &home))?;
        }
        let mut command = spawn::bound(user);
        command.arg(find::postgres("pg_basebackup")?).current_dir("/");
        command.args([
            "--host=127.0.0.1",
            "--username=onhand",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
        ]);
        command.arg(format!("--dbname=application_name={name}"));
        command.arg(format!("--port={}", self.port())).arg("-D").arg(home.join("data"));
        let done = command.output().map_err(Error::file("cannot run pg_basebackup for", &home))?;
        if !done.status.success() {
            let output = String::from_utf8_lossy(&done.stderr).into_owned();
            return Err(Error::Failed { program: "pg_basebackup".to_owned(), status: done.status.to_string(), output });
        }
        serve("standby", &home, scratch.path(), user, false)
    }

    /// Waits until the standby has everything that this server has written.
    pub async fn wait_for_standby(&self, standby: &Self) {
        let sql = "SELECT 1 FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn = pg_current_wal_lsn()";
        eventually!(PATIENCE, !self.sql("postgres", sql).await.is_empty());
        assert!(standby.is_running());
    }

    /// Sets whether each commit waits for the standby from now on.
    pub async fn synchronous(&self, on: bool) {
        self.wait_for_standbys(if on { "*" } else { "" }).await;
    }

    /// Sets which standbys each commit waits for from now on.
    pub async fn wait_for_standbys(&self, names: &str) {
        self.sql("postgres", &format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'")).await;
        self.sql("postgres", "SELECT pg_reload_conf()").await;
        let sql = format!("SELECT 1 WHERE current_setting('synchronous_standby_names') = '{names}'");
        eventually!(PATIENCE, !self.sql("postgres", &sql).await.is_empty());
    }

    /// From now on the standby gets nothing more.
    pub async fn stop_following(&self) {
        self.sql("postgres", "ALTER SYSTEM SET primary_conninfo = ''").await;
        self.sql("postgres", "SELECT pg_reload_conf()").await;
        eventually!(PATIENCE, self.sql("postgres", "SELECT 1 FROM pg_stat_wal_receiver").await.is_empty());
    }

    /// Promotes the standby: it then takes writes.
    pub async fn promote(&self) {
        let promoted = self.sql("postgres", "SELECT pg_promote(true, 30)").await;
        assert!(promoted[0].get::<_, bool>(0), "the standby was not promoted\n{}", self.log_tail(30));
    }
}
