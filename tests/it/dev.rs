//! `onhand dev`: what a newcomer runs first, and README's calls as printed.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// Ends with its handle.
pub(crate) struct Dev {
    process: Child,
    pub(crate) edge: String,
    pub(crate) origin: String,
    pub(crate) tokens: Value,
    took: Duration,
    _dir: tempfile::TempDir,
}

impl Dev {
    pub(crate) async fn start(more: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens.json");
        let began = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_onhand"));
        command.args(["dev", "--port-base", "0", "--print-tokens"]).arg(&file).args(more).current_dir(dir.path());
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (mut edge, mut origin) = (String::new(), String::new());
        loop {
            let line = lines.next_line().await.unwrap().expect("a line starting with ready");
            if let Some(url) = line.strip_prefix("edge public ") {
                url.clone_into(&mut edge);
            }
            if let Some(url) = line.strip_prefix("origin api ") {
                url.clone_into(&mut origin);
            }
            if line.starts_with("ready") {
                break;
            }
        }
        let took = began.elapsed();
        let tokens = serde_json::from_slice(&std::fs::read(&file).expect("complete before ready")).unwrap();
        Self { process, edge, origin, tokens, took, _dir: dir }
    }

    async fn end(mut self) {
        let pid = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let status =
            tokio::time::timeout(Duration::from_secs(10), self.process.wait()).await.expect("it ends").unwrap();
        assert!(status.success(), "SIGTERM ends it with exit 0: {status}");
    }
}

/// The calls in README's "A first lookup and hold", run by a shell as they stand; only the address
/// and the way to the token are this test's own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readme_calls_work_as_printed() {
    let dev = Dev::start(&[]).await;
    println!("ready after {:?}", dev.took);
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let section = readme.split("## A first lookup and hold").nth(1).expect("the section is there");
    let script = section.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of calls");
    let script = script
        .replace("http://localhost:8080", &dev.edge)
        .replace("$(make -s token)", dev.tokens["storefront"].as_str().unwrap());
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let available: Vec<i64> = said
        .split("\"sku\":\"22423\",\"available\":")
        .skip(1)
        .map(|rest| rest.split(',').next().unwrap().parse().unwrap())
        .collect();
    let [before, held, after] = available[..] else { panic!("three lookups: {said}") };
    assert!(held < before && after == before, "{available:?}");
    dev.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_and_subjects_stay_over_restarts() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let first = Dev::start(&["--data", path]).await;
    let client = reqwest::Client::new();
    let token = first.tokens["storefront"].as_str().unwrap().to_owned();
    let hold = |url: &str| {
        let call = client.post(format!("{url}/v1/reservations")).bearer_auth(&token).header("idempotency-key", "stays");
        call.header("content-type", "application/json").body(r#"{"lines":[{"sku":"22720","quantity":2}]}"#)
    };
    let held = hold(&first.edge).send().await.unwrap();
    assert_eq!(held.status(), 201);
    let id: Value = held.json().await.unwrap();
    first.end().await;
    let second = Dev::start(&["--data", path]).await;
    let again = hold(&second.origin).send().await.unwrap();
    assert_eq!(again.headers().get("idempotent-replayed").unwrap(), "true", "the old token and key still count");
    let again: Value = again.json().await.unwrap();
    assert_eq!(again["id"], id["id"]);
    let seen: Value =
        client.get(format!("{}/v1/availability/22720", second.edge)).send().await.unwrap().json().await.unwrap();
    assert_eq!(seen["available"], 1);
    second.end().await;
}
