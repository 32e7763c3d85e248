//! `onhand check` and the commands' own errors.

use std::process::Command;

use onhand_harness::World;

fn onhand() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onhand"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command
}

#[test]
fn check_names_three_faults_at_once_and_prints_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("onhand.toml");
    let text = "[edge]\nlistn = \"127.0.0.1:0\"\n\n[origin]\nwrite_timeout = \"5 parsecs\"\n\n[edge.origin]\ntoken = \"s3cret-token\\n\"\n";
    std::fs::write(&file, text).unwrap();
    let output = onhand().args(["check", "--config"]).arg(&file).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success());
    for part in [
        "3 faults",
        "edge.listn",
        "the nearest is edge.listen",
        "origin.write_timeout",
        "edge.origin.token",
        "white space",
    ] {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn the_effective_configuration_hides_secrets() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("onhand.toml");
    std::fs::write(&file, "[edge.origin]\ntoken = \"s3cret\"\n").unwrap();
    let output = onhand()
        .args(["check", "--dump-config", "--config"])
        .arg(&file)
        .env("DATABASE_URL", "postgres://me:hidden@db/x")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("live_ms") && said.contains("(hidden)"), "{said}");
    assert!(!said.contains("s3cret") && !said.contains("me:hidden"), "{said}");
}

#[test]
fn a_missing_setting_says_what_to_do() {
    let output = onhand().arg("origin").current_dir(tempfile::tempdir().unwrap().path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("DATABASE_URL"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_tries_each_dependency() {
    let world = World::start().ready().await;
    let keys = tempfile::tempdir().unwrap();
    let prefix = keys.path().join("k");
    assert!(onhand().args(["token", "keygen", "--out"]).arg(&prefix).status().unwrap().success());
    let output = onhand()
        .arg("check")
        .env("ONHAND_AUTH__KEY_FILE", prefix.with_extension("pub.pem"))
        .env("DATABASE_URL", world.database_url())
        .env("REDIS_ADDR", world.redis_url())
        .env("ONHAND_ORIGIN__LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("schema is up to date") && said.contains("answers"), "{said}");
    let output = onhand().arg("check").env("REDIS_ADDR", "127.0.0.1:1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("FAULT"), "{said}");
}

#[test]
fn the_example_has_no_unknown_key() {
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/onhand.toml");
    let output = onhand().args(["check", "--dump-config", "--config"]).arg(example).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
