//! deploy/postgres and deploy/kafka on real servers.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use onhand_harness::{Client, World, eventually};
use serde_json::json;

use super::read;

/// Ends with its handle.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// The database's address for one of the roles.
fn url(world: &World, role: &str, database: &str) -> String {
    let (scheme, rest) = world.database_url().split_once("://").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let host = rest.rsplit_once('@').map_or(rest.as_str(), |(_, host)| host);
    let host = host.split('/').next().unwrap();
    format!("{scheme}://{role}:secret@{host}/{database}")
}

/// By psql, as an operator would; the error says its code.
async fn sql(url: &str, text: &str) -> Result<(), String> {
    let (url, dir) = (url.to_owned(), tempfile::tempdir().unwrap());
    let file = dir.path().join("statements.sql");
    std::fs::write(&file, text).unwrap();
    let mut psql = Command::new("psql");
    psql.arg(url).args(["-qX", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-f"]).arg(file);
    let output = psql.output().expect("psql is in the package postgresql-client");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn onhand(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onhand"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).args(args);
    command
}

/// The schema is made by one role; the origin serves by another, which can change neither it nor what is written in
/// ledger and trail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_origin_serves_with_no_more_rights_than_it_needs() {
    let world = World::start().edges(0).dedicated().ready().await;
    world.sql("CREATE DATABASE roles").await;
    let admin = world.database_url().rsplit_once('/').unwrap().0.to_owned() + "/roles";
    let roles = read("deploy/postgres/roles.sql");
    sql(&admin, &roles).await.unwrap();
    let passwords = ["migrate", "origin", "watch"].map(|role| format!("ALTER ROLE onhand_{role} PASSWORD 'secret';"));
    sql(&admin, &passwords.concat()).await.unwrap();
    let migrated = onhand(&["migrate"]).env("DATABASE_URL", url(&world, "onhand_migrate", "roles")).output().unwrap();
    assert!(migrated.status.success(), "{}", String::from_utf8_lossy(&migrated.stderr));
    sql(&admin, &roles).await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("k");
    assert!(onhand(&["token", "keygen", "--out"]).arg(&key).status().unwrap().success());
    let token = onhand(&["token", "issue", "--subject", "anna", "--scope", "admin", "--ttl", "1h", "--key"])
        .arg(key.with_extension("key.pem"))
        .output()
        .unwrap();
    let token = String::from_utf8(token.stdout).unwrap().trim().to_owned();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut origin = onhand(&["origin"]);
    let own = url(&world, "onhand_origin", "roles");
    origin.env("DATABASE_URL", &own).env("KAFKA_ADDR", world.kafka().brokers()).env("ONHAND_KAFKA__TOPIC", "roles");
    origin.env("ONHAND_AUTH__KEY_FILE", key.with_extension("pub.pem"));
    origin.env("ONHAND_ORIGIN__LISTEN", format!("127.0.0.1:{port}")).env("ONHAND_ORIGIN__MANAGEMENT", "127.0.0.1:0");
    let log = std::fs::File::create(dir.path().join("log")).unwrap();
    let _running = Running(origin.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    let at = format!("http://127.0.0.1:{port}");
    let logged = || std::fs::read_to_string(dir.path().join("log")).unwrap();
    eventually!(
        Duration::from_secs(60),
        reqwest::get(format!("{at}/inventory/health")).await.is_ok_and(|answer| answer.status() == 200),
        "{}",
        logged()
    );
    let admin_client = Client::at(&at, Some(&token));
    admin_client.put("/inventory/locations/a", json!({"name": "A"})).await.expect(201);
    admin_client.put("/inventory/products/x", json!({"name": "X"})).await.expect(201);
    let count = json!({"location": "a", "quantity": 5, "reason": "r"});
    admin_client.put("/inventory/products/x/stock", count).await.expect(200);
    let hold = json!({"lines": [{"sku": "x", "quantity": 2}]});
    admin_client.post("/v1/reservations", hold).await.expect(201);
    let import = admin_client.call("POST".parse().unwrap(), "/inventory/imports?mode=adjust");
    let import = import.body("text/csv", "sku,location,quantity\nx,a,1\n").send().await.expect(200).json();
    assert_eq!(import["applied"], 1, "{import}");
    // Published, and so deleted from the outbox.
    let left = "DO $$ BEGIN ASSERT (SELECT count(*) FROM outbox) = 0; END $$";
    eventually!(Duration::from_secs(60), sql(&admin, left).await.is_ok(), "{}", logged());
    assert!(!logged().contains("permission denied"), "{}", logged());

    for refused in [
        "UPDATE ledger SET actor = 'nobody'",
        "DELETE FROM ledger",
        "UPDATE admin_log SET actor = 'nobody'",
        "DROP TABLE inventory_items",
        "CREATE TABLE mine (a int)",
        "DELETE FROM refinery_schema_history",
    ] {
        let error = sql(&own, refused).await.expect_err(refused);
        assert!(error.contains("42501"), "{refused}: {error}");
    }
    sql(&url(&world, "onhand_watch", "roles"), "SELECT * FROM pg_stat_activity").await.unwrap();
    assert!(sql(&url(&world, "onhand_watch", "roles"), "SELECT * FROM ledger").await.is_err());
}

/// PostgreSQL reads the shipped settings, all of them known to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgresql_knows_every_setting() {
    let world = World::start().edges(0).ready().await;
    let settings = read("deploy/postgres/postgresql.conf");
    let names = settings.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    for (name, _) in names {
        // An extension's own are known once it is loaded.
        if name.contains('.') {
            continue;
        }
        let known: i64 = world.sql(&format!("SELECT count(*) FROM pg_settings WHERE name = '{name}'")).await[0].get(0);
        assert_eq!(known, 1, "{name}");
    }
}
