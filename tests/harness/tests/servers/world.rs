//! How a world drives the onhand command, tested with a stand-in that has only its interface: its arguments, its
//! output, its exit.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use onhand_harness::World;

const STAND_IN: &str = r#"#!/bin/sh
case "$1 $2" in
  "token keygen") : > "$4.key.pem"; : > "$4.pub.pem" ;;
  "token issue") echo "token-for-$8" ;;
  "migrate "*) [ -f "$3" ] ;;
  *)
    [ -f "$3" ] || exit 2
    echo "$1 started with region ${ONHAND_ORIGIN__REGION:-none}" >&2
    echo "ready"
    trap 'exit 0' TERM
    while :; do sleep 0.05; done ;;
esac
"#;

struct StandIn(PathBuf);

impl StandIn {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("onhand-stand-in-{}", uuid::Uuid::new_v4()));
        fs::write(&path, STAND_IN).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn nodes_start_die_and_come_back_at_their_addresses() {
    let command = StandIn::new();
    let builder = World::start().edges(2).origins(2).idle_origins(1).binary(&command.0);
    let world = builder.env("ONHAND_ORIGIN__REGION", "us").ready().await;
    assert_eq!(world.tokens.operator, "token-for-operator");
    assert!(world.edges().iter().all(|edge| edge.is_running()));
    assert!(world.origin(1).is_running() && !world.origin(2).is_running());

    let (url, pid) = (world.origin(0).url(), world.origin(0).pid());
    world.origin(0).restart().await;
    assert!(world.origin(0).url() == url && world.origin(0).pid() != pid);
    assert!(world.origin(0).log_tail(5).contains("started with region us"));
    world.origin(2).start().await;
    assert!(world.edge(0).terminate(Duration::from_secs(5)).await.success());
    assert!(!world.edge(0).is_running());
}

#[tokio::test]
async fn worlds_on_shared_servers_do_not_meet() {
    let command = StandIn::new();
    let (one, two) = tokio::join!(World::start().binary(&command.0).ready(), World::start().binary(&command.0).ready());
    assert_eq!(one.postgres().pid(), two.postgres().pid());
    assert!(
        one.database_url() != two.database_url() && one.redis_url() != two.redis_url() && one.topic() != two.topic()
    );
    one.sql("CREATE TABLE mine (n int)").await;
    let seen = two.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'mine'").await;
    assert_eq!(seen[0].get::<_, i64>(0), 0);
}

#[tokio::test]
async fn a_node_that_does_not_start_says_why() {
    let command = StandIn::new();
    let text = STAND_IN.replace("echo \"ready\"", "echo 'no such region' >&2; exit 3");
    fs::write(&command.0, text).unwrap();
    let world = tokio::spawn(World::start().binary(command.0.clone()).ready());
    let panic = world.await.map(|_| ()).unwrap_err().into_panic();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("origin-0 did not start: it ended with exit status: 3"), "{message}");
    assert!(message.contains("no such region"), "{message}");
}

#[tokio::test]
async fn a_missing_command_says_how_to_build_it() {
    let Err(error) = World::start().binary("/nonexistent/onhand").try_ready().await else { panic!("it started") };
    assert!(error.to_string().contains("/nonexistent/onhand"), "{error}");
}
