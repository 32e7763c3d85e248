//! One onhand process with an environment of its own, for tests that no [`World`] fits.

use std::{process::Stdio, time::Duration};

use onhand_harness::World;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onhand"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.args(args).kill_on_drop(true);
    command
}

/// Runs to its end: whether it succeeded, and all that it said.
pub(crate) async fn run(args: &[&str], env: &[(&str, &str)]) -> (bool, String) {
    let dir = tempfile::tempdir().unwrap();
    let output = command(args).envs(env.iter().copied()).current_dir(dir.path()).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// A process that has said it is ready.
pub(crate) struct Running {
    child: Child,
    /// Listeners by name, such as `origin api`: `http://HOST:PORT`, or `https:` with TLS.
    listeners: Vec<(String, String)>,
    _dir: tempfile::TempDir,
}

impl Running {
    pub(crate) async fn start(args: &[&str], env: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = command(args);
        command.envs(env.iter().copied()).current_dir(dir.path()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut listeners = Vec::new();
        let ready = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("a line starting with ready");
                if line.starts_with("ready") {
                    break;
                }
                if let Some((name, url)) = line.rsplit_once(' ') {
                    listeners.push((name.to_owned(), url.to_owned()));
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), ready).await.expect("it gets ready");
        Self { child, listeners, _dir: dir }
    }

    /// A further origin of a world.
    pub(crate) async fn origin(world: &World, env: &[(&str, &str)]) -> Self {
        let (database, brokers) = (world.database_url(), world.kafka().brokers());
        let mut all = vec![("DATABASE_URL", database.as_str()), ("KAFKA_ADDR", &brokers)];
        all.extend([("ONHAND_KAFKA__TOPIC", world.topic()), ("ONHAND_ORIGIN__LISTEN", "127.0.0.1:0")]);
        all.push(("ONHAND_ORIGIN__MANAGEMENT", "127.0.0.1:0"));
        all.extend(env);
        Self::start(&["origin"], &all).await
    }

    /// A further edge of a world, with `token` for its loads.
    pub(crate) async fn edge(world: &World, origin: &str, token: &str, env: &[(&str, &str)]) -> Self {
        let brokers = world.kafka().brokers();
        let mut all = vec![("KAFKA_ADDR", brokers.as_str()), ("ONHAND_KAFKA__TOPIC", world.topic())];
        all.extend([("ONHAND_EDGE__LISTEN", "127.0.0.1:0"), ("ONHAND_EDGE__MANAGEMENT", "127.0.0.1:0")]);
        all.extend([("ONHAND_EDGE__ORIGIN__URLS", origin), ("ONHAND_EDGE__ORIGIN__TOKEN", token)]);
        all.extend(env);
        Self::start(&["edge"], &all).await
    }

    /// `http://HOST:PORT` of a listener.
    pub(crate) fn url(&self, listener: &str) -> String {
        let found = self.listeners.iter().find(|(name, _)| name == listener);
        found.unwrap_or_else(|| panic!("{listener} is none of {:?}", self.listeners)).1.clone()
    }

    pub(crate) fn address(&self, listener: &str) -> String {
        self.url(listener).trim_start_matches("http://").to_owned()
    }

    pub(crate) async fn terminate(&self) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    }

    /// Waits for its end after [`Running::terminate`].
    pub(crate) async fn ended(mut self, within: Duration) {
        let status = tokio::time::timeout(within, self.child.wait()).await.expect("it ends").unwrap();
        assert!(status.success(), "{status}");
    }
}
