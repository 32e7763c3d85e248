//! The hand-written transaction: lock and update stock, insert the hold, insert the message.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use onhand_harness::World;

use crate::{Measured, caller::Load};

const SCHEMA: &str = "
    CREATE TABLE stock (sku text, location text, on_hand bigint NOT NULL, reserved bigint NOT NULL, version bigint NOT NULL,
        PRIMARY KEY (sku, location)) WITH (fillfactor = 70);
    CREATE TABLE holds (id uuid PRIMARY KEY, sku text NOT NULL, location text NOT NULL, quantity bigint NOT NULL,
        expires_at timestamptz NOT NULL);
    CREATE TABLE messages (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sku text NOT NULL, location text NOT NULL,
        reserved bigint NOT NULL, at timestamptz NOT NULL DEFAULT now());";

/// What a shop would write: the row is locked and read, then changed.
const TRANSACTION: &str = r"
\set number random(0, :skus - 1)
BEGIN;
SELECT on_hand - reserved AS available FROM stock
    WHERE sku = 'S' || lpad(:number::text, 6, '0') AND location = 'eu-1' FOR UPDATE;
UPDATE stock SET reserved = reserved + 1, version = version + 1
    WHERE sku = 'S' || lpad(:number::text, 6, '0') AND location = 'eu-1' AND on_hand - reserved >= 1;
INSERT INTO holds VALUES (gen_random_uuid(), 'S' || lpad(:number::text, 6, '0'), 'eu-1', 1, now() + interval '1 day');
INSERT INTO messages (sku, location, reserved) VALUES ('S' || lpad(:number::text, 6, '0'), 'eu-1', 1);
COMMIT;
";

pub(crate) struct Peer {
    socket: PathBuf,
    port: u16,
    scratch: PathBuf,
}

impl Peer {
    /// A database of its own in the world's server.
    pub(crate) async fn new(world: &World, skus: usize) -> Self {
        let server = world.postgres();
        server.sql("postgres", "CREATE DATABASE by_hand").await;
        let client = server.client("by_hand").await;
        client.batch_execute(SCHEMA).await.expect("the peer's schema");
        let fill = format!(
            "INSERT INTO stock SELECT 'S' || lpad(n::text, 6, '0'), 'eu-1', 1000000000, 0, 1 FROM generate_series(0, {}) n",
            skus - 1
        );
        client.batch_execute(&fill).await.expect("the peer's stock");
        client.batch_execute("VACUUM ANALYZE").await.expect("the peer's statistics");
        let scratch = std::env::temp_dir().join(format!("onhand-bench-{}", std::process::id()));
        std::fs::create_dir_all(&scratch).expect("a temporary directory");
        std::fs::write(scratch.join("hold.sql"), TRANSACTION).expect("pgbench's script");
        Self { socket: server.socket().to_owned(), port: server.port(), scratch }
    }

    /// One round of pgbench, its statements prepared; every tenth transaction's time is kept.
    pub(crate) async fn run(&self, load: &Load) -> Measured {
        let mut command = Command::new("pgbench");
        command.args([
            "-n",
            "-M",
            "prepared",
            "-j",
            "1",
            "-f",
            "hold.sql",
            "-U",
            "onhand",
            "-l",
            "--sampling-rate=0.1",
        ]);
        command.arg("-h").arg(&self.socket).arg("-p").arg(self.port.to_string());
        command.args(["-c", &load.callers.to_string(), "-T", &load.seconds.to_string()]);
        command.args(["-D", &format!("skus={}", load.skus), "by_hand"]);
        command.current_dir(&self.scratch).stdout(Stdio::piped()).stderr(Stdio::piped());
        let done = tokio::task::spawn_blocking(move || command.output()).await.expect("a thread");
        let done = done.expect("pgbench, of Debian's package postgresql-contrib or postgresql");
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "pgbench: {text}{}", String::from_utf8_lossy(&done.stderr));
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        let mut times = self.take_times();
        times.sort_unstable();
        let at = |share: f64| Duration::from_micros(times[((times.len() - 1) as f64 * share) as usize]);
        Measured { per_second: tps.expect("pgbench tells the rate"), p50: at(0.5), p99: at(0.99) }
    }

    /// Microseconds of each sampled transaction: the third column of pgbench's logs.
    fn take_times(&self) -> Vec<u64> {
        let mut times = Vec::new();
        for entry in std::fs::read_dir(&self.scratch).expect("the temporary directory").flatten() {
            if entry.file_name().to_string_lossy().starts_with("pgbench_log") {
                let log = std::fs::read_to_string(entry.path()).expect("pgbench's log");
                times.extend(log.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u64>().ok()));
                drop(std::fs::remove_file(entry.path()));
            }
        }
        assert!(!times.is_empty(), "pgbench logged no transaction");
        times
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.scratch));
    }
}
