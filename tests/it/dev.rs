//! `onhand dev`: what a newcomer runs first, and README's calls as printed.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

const TOKENS: &str = "tokens.json";

/// All that it has logged so far.
fn said(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("stderr")).unwrap()
}

/// Ends with its handle.
pub(crate) struct Dev {
    process: Child,
    pub(crate) edge: String,
    pub(crate) origin: String,
    /// The management listeners, of the edge and of the origin.
    pub(crate) management: [String; 2],
    pub(crate) tokens: Value,
    pub(crate) console: String,
    /// The link of the first admin; empty if somebody has registered before.
    pub(crate) invitation: String,
    took: Duration,
    dir: tempfile::TempDir,
}

impl Dev {
    pub(crate) async fn start(more: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more).await
    }

    /// With a umask that takes no right away. Its log goes to `stderr` in the folder.
    async fn start_in(dir: tempfile::TempDir, more: &[&str]) -> Self {
        let file = dir.path().join(TOKENS);
        let began = Instant::now();
        let mut command = Command::new("sh");
        command.args(["-c", "umask 000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_onhand")]);
        command.args(["dev", "--port-base", "0", "--print-tokens"]).arg(&file).args(more).current_dir(dir.path());
        let log = std::fs::File::create(dir.path().join("stderr")).unwrap();
        let mut process = command.stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (mut edge, mut origin, mut management) = (String::new(), String::new(), [String::new(), String::new()]);
        let (mut console, mut invitation, mut before) = (String::new(), String::new(), String::new());
        loop {
            let line = lines.next_line().await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it is not ready: {}", said(dir.path())));
            if let Some(url) = line.strip_prefix("edge public ") {
                url.clone_into(&mut edge);
            }
            if let Some(url) = line.strip_prefix("origin api ") {
                url.clone_into(&mut origin);
            }
            for (url, name) in management.iter_mut().zip(["edge management ", "origin management "]) {
                if let Some(shown) = line.strip_prefix(name) {
                    shown.clone_into(url);
                }
            }
            if let Some(url) = line.strip_prefix("console invitation ") {
                url.clone_into(&mut invitation);
            } else if let Some(url) = line.strip_prefix("console ") {
                url.clone_into(&mut console);
            }
            if line.starts_with("ready") {
                assert_eq!(before, format!("console {console}"), "directly before ready");
                break;
            }
            before = line;
        }
        let took = began.elapsed();
        let tokens = serde_json::from_slice(&std::fs::read(&file).expect("complete before ready")).unwrap();
        Self { process, edge, origin, management, tokens, console, invitation, took, dir }
    }

    pub(crate) async fn end(mut self) {
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

/// Whatever the umask, and also where files with wider rights are there already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_it_keeps_is_its_owners_alone() {
    let mode = |path: &Path| {
        let found = std::fs::metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        found.permissions().mode() & 0o777
    };
    let widen = |path: &Path, mode: u32| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (tokens, data) = (dir.path().join(TOKENS), tempfile::tempdir().unwrap());
    let data = data.path().join("kept");
    std::fs::write(&tokens, "old").unwrap();
    widen(&tokens, 0o666);
    let kept = ["onhand.db", "onhand.db-wal", "onhand.db-shm", "dev.key.pem", "dev.pub.pem", "dev.console.key"];
    let args = ["--data", data.to_str().unwrap(), "--empty"];
    let first = Dev::start_in(dir, &args).await;
    assert_eq!((mode(&tokens), mode(&data)), (0o600, 0o700));
    for file in kept {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
    first.end().await;
    widen(&data, 0o755);
    // What a kill leaves: the files beside the database are there.
    for file in kept {
        std::fs::File::options().create(true).append(true).open(data.join(file)).unwrap();
        widen(&data.join(file), 0o644);
    }
    let second = Dev::start(&args).await;
    assert_eq!(mode(&data), 0o700);
    for file in kept {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}, widened");
    }
    second.end().await;
}

/// Somebody tries it in the folder of the shop's own configuration.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_calls_nobody_whatever_configuration_lies_about() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", elsewhere.local_addr().unwrap());
    let config = format!(
        "[auth]\njwks_url = \"{url}/keys\"\naudience = \"stock\"\n[kafka]\nbrokers = \"127.0.0.1:1\"\n\
         [edge.redis]\nurl = \"redis://127.0.0.1:1\"\n[origin.database]\nurl = \"postgres://127.0.0.1:1/shop\"\n\
         [origin.warehouse]\nurl = \"{url}/counts\"\n\
         [origin.restock]\nwebhooks = [{{url = \"{url}/hook\", secret = \"0123456789abcdef\"}}]\n"
    );
    std::fs::write(dir.path().join("onhand.toml"), config).unwrap();
    let dev = Dev::start_in(dir, &[]).await;
    let said = said(dev.dir.path());
    for key in [
        "origin.database.url",
        "kafka.brokers",
        "edge.redis.url",
        "origin.warehouse.url",
        "auth.jwks_url",
        "origin.restock.webhooks",
    ] {
        assert!(said.lines().next().unwrap().contains(key), "{key}: {said}");
    }
    let operator = onhand_harness::Client::at(&dev.origin, dev.tokens["operator"].as_str());
    // A crossing, and then all that is due: nothing is, as there is nobody to tell.
    let policy = serde_json::json!({"low_stock_at": 100_000});
    operator.put("/inventory/products/22423/policy", policy).await.expect(200);
    let told = operator.post("/internal/api/inventory/trigger-restock-notifications", serde_json::json!({})).await;
    assert_eq!(told.expect(200).json(), serde_json::json!({"sent": 0, "pending": 0, "failed": 0}));
    let report = operator.post("/internal/api/inventory/reconcile", serde_json::json!({})).await.expect(200).json();
    assert!(report["note"].as_str().unwrap().contains("origin.warehouse.url is not configured"), "{report}");
    let asked = std::future::poll_fn(|context| std::task::Poll::Ready(elsewhere.poll_accept(context).is_ready())).await;
    assert!(!asked, "somebody was called");
    dev.end().await;
}
