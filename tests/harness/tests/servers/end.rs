//! Nothing is left behind after a drop, a panic, or a `kill -9` of the test itself.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use onhand_harness::{Servers, eventually};

/// Set in the run of this executable that the test kills.
const VICTIM: &str = "HARNESS_TEST_VICTIM";

struct Traces {
    dir: PathBuf,
    pids: Vec<i32>,
}

impl Traces {
    fn of(servers: &Servers) -> Self {
        let pids = [servers.postgres.pid(), servers.redis.pid(), servers.kafka.pid()];
        Self { dir: servers.dir().to_owned(), pids: pids.into_iter().flatten().collect() }
    }

    /// Zombies don't count: nobody may be there to reap them.
    fn gone(&self) -> bool {
        let lives = |pid: &i32| std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
        !self.pids.iter().any(lives) && !self.dir.exists() && !anyone_in(&self.dir)
    }
}

/// Whether any process, such as a PostgreSQL backend, still works in the directory.
fn anyone_in(dir: &Path) -> bool {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut works_in = entries.filter_map(|entry| std::fs::read_link(entry.path().join("cwd")).ok());
    works_in.any(|path| path.starts_with(dir))
}

#[tokio::test]
async fn gone_after_a_panic() {
    let (told, tell) = tokio::sync::oneshot::channel();
    let test = tokio::spawn(async move {
        let servers = Servers::dedicated().await.unwrap();
        let _ = told.send(Traces::of(&servers));
        panic!("as a failing test does");
    });
    let traces = tell.await.unwrap();
    assert!(test.await.unwrap_err().is_panic());
    eventually!(traces.gone());
}

#[tokio::test]
async fn gone_after_kill_9_of_the_test() {
    if std::env::var_os(VICTIM).is_some() {
        return be_the_victim().await;
    }
    let name = "end::gone_after_kill_9_of_the_test";
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let traces = read_traces(&mut victim);
    assert!(!traces.gone(), "the victim's servers run");
    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually!(Duration::from_secs(15), traces.gone());
}

#[expect(clippy::print_stdout, reason = "the test that started this run reads it")]
async fn be_the_victim() {
    let servers = Servers::dedicated().await.unwrap();
    // A backend at work does not notice that its postmaster has died.
    let backend = servers.postgres.client("postgres").await;
    let traces = Traces::of(&servers);
    println!("\ntraces {} {:?}", traces.dir.display(), traces.pids);
    let _ = backend.query("SELECT count(*) FROM generate_series(1, 100000000000) n", &[]).await;
}

fn read_traces(victim: &mut std::process::Child) -> Traces {
    let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
    let found = lines.map_while(Result::ok).find_map(|line| line.strip_prefix("traces ").map(str::to_owned));
    let line = found.expect("the victim started its servers");
    let (dir, pids) = line.split_once(' ').unwrap();
    let pids = pids.trim_matches(['[', ']']).split(", ").map(|pid| pid.parse().unwrap()).collect();
    Traces { dir: dir.into(), pids }
}
