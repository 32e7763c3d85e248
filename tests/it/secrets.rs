//! A secret is planted in every setting that may hold one; nothing that Onhand prints shows it.

use std::{path::Path, process::Stdio};

use onhand_harness::{World, eventually};
use serde_json::json;

use crate::onhand::{command, run};

/// In each user, password, path and query.
const CANARY: &str = "c4n4ry";

fn url(scheme: &str, host: &str) -> String {
    format!("{scheme}://{CANARY}user:{CANARY}pw@{host}/{CANARY}path?{CANARY}key={CANARY}value#{CANARY}end")
}

/// Every setting that is an address or a secret, with servers that cannot be reached.
fn settings() -> Vec<(&'static str, String)> {
    let webhook = format!(r#"[{{url = "{}", secret = "{CANARY}-0123456789abcdef"}}]"#, url("https", "127.0.0.1:1"));
    vec![
        ("ONHAND_AUTH__JWKS_URL", url("http", "127.0.0.1:1")),
        ("ONHAND_AUTH__AUDIENCE", "stock".to_owned()),
        ("ONHAND_AUTH__ISSUER", "house".to_owned()),
        (
            "ONHAND_AUTH__ISSUERS",
            format!("[{{issuer = \"shop\", audience = \"stock\", jwks_url = \"{}\"}}]", url("https", "127.0.0.1:1")),
        ),
        ("ONHAND_AUTH__START_TIMEOUT", "1s".to_owned()),
        ("DATABASE_URL", format!("postgres://{CANARY}user:{CANARY}pw@127.0.0.1:1/{CANARY}db?connect_timeout=1")),
        ("REDIS_ADDR", format!("redis://{CANARY}user:{CANARY}pw@127.0.0.1:1/0")),
        ("KAFKA_ADDR", "127.0.0.1:1".to_owned()),
        ("ONHAND_KAFKA__SECURITY__PROTOCOL", "sasl_plaintext".to_owned()),
        ("ONHAND_KAFKA__SECURITY__USERNAME", "onhand".to_owned()),
        ("ONHAND_KAFKA__SECURITY__PASSWORD", format!("{CANARY}pw")),
        ("ONHAND_KAFKA__OPTIONS__SSL_KEY_PASSWORD", format!("{CANARY}pw")),
        ("ONHAND_EDGE__ORIGIN__URLS", "http://127.0.0.1:1".to_owned()),
        ("ONHAND_EDGE__ORIGIN__TOKEN", format!("{CANARY}token")),
        ("ONHAND_ORIGIN__WAREHOUSE__URL", url("https", "127.0.0.1:1")),
        ("ONHAND_ORIGIN__WAREHOUSE__TOKEN", format!("{CANARY}token")),
        ("ONHAND_ORIGIN__RESTOCK__WEBHOOKS", webhook),
        ("ONHAND_CONSOLE__KEY_FILE", "/nowhere".to_owned()),
        ("ONHAND_CONSOLE__SEAL_KEY", format!("{CANARY}-0123456789abcdef0123456789abcdef")),
        ("ONHAND_CONSOLE__ORIGINS", url("http", "127.0.0.1:1")),
        ("LOG_LEVEL", "trace".to_owned()),
    ]
}

fn borrowed<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn shows_no_secret(what: &str, said: &str) {
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(lines.is_empty(), "{what}: {lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_command_shows_a_secret_of_its_configuration() {
    let settings = settings();
    let (good, dump) = run(&["check", "--dump-config"], &borrowed(&settings)).await;
    assert!(good, "{dump}");
    for host in ["http://127.0.0.1:1", "postgres://127.0.0.1:1", "redis://127.0.0.1:1", "https://127.0.0.1:1"] {
        assert!(dump.contains(&format!("\"{host}\"")), "{host} is still told: {dump}");
    }
    shows_no_secret("--dump-config", &dump);
    for args in [&["check"][..], &["origin"], &["edge"], &["console"], &["migrate"], &["ledger", "verify"]] {
        let (good, said) = run(args, &borrowed(&settings)).await;
        assert!(!good, "{args:?} has nothing to talk to: {said}");
        shows_no_secret(&format!("{args:?}"), &said);
    }
}

/// Values that cannot be right: each fault names its setting, not the value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_fault_shows_a_secret() {
    let (at, bare) = (url("https", "host"), format!("{CANARY}bare"));
    let wrong = [
        bare.clone(),
        at.clone(),
        format!("postgres://u:{CANARY}@h:port/x?{CANARY}=1"),
        format!("postgres://u:{CANARY}@h/x?sslmode={CANARY}"),
        format!("host=h {CANARY}=1"),
    ];
    for name in [
        "ONHAND_AUTH__JWKS_URL",
        "ONHAND_AUTH__ISSUERS",
        "DATABASE_URL",
        "ONHAND_EDGE__REDIS__URL",
        "KAFKA_ADDR",
        "ONHAND_EDGE__ORIGIN__URLS",
        "ONHAND_ORIGIN__WAREHOUSE__URL",
        "ONHAND_ORIGIN__RESTOCK__WEBHOOKS",
        "ONHAND_CONSOLE__ORIGINS",
    ] {
        for value in &wrong {
            let mut settings = settings();
            settings.retain(|(known, _)| !known.starts_with("KAFKA") && !known.starts_with("ONHAND_AUTH"));
            settings.extend([("ONHAND_AUTH__KEY_FILE", "/nowhere".to_owned()), (name, value.clone())]);
            for args in [&["check"][..], &["origin"], &["edge"]] {
                let (good, said) = run(args, &borrowed(&settings)).await;
                assert!(!good, "{name}: {value}: {said}");
                shows_no_secret(&format!("{args:?} {name}={value}"), &said);
            }
        }
    }
}

/// Values of another kind than the key has, in the file.
#[tokio::test]
async fn no_fault_of_the_file_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("onhand.toml");
    for text in [
        "[auth]\njwks_url = [\"SECRET\"]",
        "[auth.scopes]\nadmin = \"SECRET\"",
        "[[auth.issuers]]\nissuer = \"shop\"\njwks_url = [\"SECRET\"]",
        "[[auth.issuers]]\nissuer = \"shop\"\naudience = \"a\"\njwks_url = \"SECRET\"",
        "[auth]\nissuers = \"SECRET\"",
        "[edge.redis]\nurl = {a = \"SECRET\"}",
        "[edge.origin]\nurls = \"http://SECRET\"",
        "[edge.origin]\nurls = [[\"SECRET\"]]",
        "[edge.origin]\ntoken = [\"SECRET\"]",
        "[origin.database]\nurl = \"a SECRET\\n\"",
        "[origin.restock]\nwebhooks = \"https://h/SECRET\"",
        "[origin.restock]\nwebhooks = [\"https://h/SECRET\"]",
        "[origin.restock]\nwebhooks = [{url = \"https://h/SECRET\", secret = \"SECRET\"}]",
        "[origin.restock]\nwebhooks = [{url = \"SECRET\", secret = \"SECRET-0123456789abcdef\"}]",
        "[origin.restock]\nwebhooks = [{url = [\"https://h/SECRET\"], secret = [\"SECRET\"]}]",
        "[origin.warehouse]\nurl = \"SECRET\"",
        "[origin.warehouse]\ntoken = \"SECRET",
        "[origin]\nwarehouse = \"SECRET\"",
        "[kafka]\nbrokers = [\"SECRET\"]",
        "[kafka.security]\npassword = [\"SECRET\"]",
        "[kafka.security]\npassword = \"SECRET\"",
        "[kafka.options]\n\"socket.timeout.ms\" = \"SECRET\"",
        "[kafka.options]\n\"sasl.password\" = \"SECRET\"",
        "[kafka.options]\n\"ssl.key.password\" = [\"SECRET\"]",
        "[kafka]\noptions = \"SECRET\"",
        "[origin.database]\nurl = [\"postgres://u:SECRET@h/d?sslmode=SECRET\"]",
    ] {
        std::fs::write(&file, text.replace("SECRET", CANARY)).unwrap();
        let (good, said) = run(&["check", "--dump-config", "--config", file.to_str().unwrap()], &[]).await;
        assert!(!good && said.contains("fault"), "{text}: {said}");
        shows_no_secret(text, &said);
    }
}

/// Commands that are told an address, and cannot reach it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_that_fails_shows_the_address_it_was_made_to() {
    let origin = format!("http://{CANARY}user:{CANARY}pw@127.0.0.1:1/{CANARY}path");
    let dir = tempfile::tempdir().unwrap();
    let stock = dir.path().join("stock.csv");
    std::fs::write(&stock, "sku,location,quantity\nx,a,1\n").unwrap();
    for args in [
        &["import", stock.to_str().unwrap(), "--origin", &origin, "--token", "t"][..],
        &["audit-log", "--origin", &origin, "--token", "t"],
        &["rule", "list", "--origin", &origin, "--token", "t"],
        &["explain", "x", "--edges", &origin, "--origin", &origin, "--token", "t"],
        &["audit", "--edges", &origin, "--origin", &origin, "--token", "t", "--for", "1s"],
        &["bench", "--edge", &origin, "--count", "1"],
    ] {
        let (good, said) = run(args, &[]).await;
        assert!(!good, "{args:?}: {said}");
        shows_no_secret(&format!("{:?}", &args[..2]), &said);
    }
}

/// Starts, answers and fails at level trace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_log_nor_answer_shows_a_secret() {
    let world = World::start().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 10).await;
    let dir = tempfile::tempdir().unwrap();
    let keys = world.tokens.public_key();
    let database = world.database_url().replacen("onhand@", &format!("onhand:{CANARY}pw@"), 1);
    assert!(database.contains(CANARY), "{database}");
    let redis = world.redis_url().replacen("redis://", &format!("redis://{CANARY}user:{CANARY}pw@"), 1);
    let mut settings = settings();
    settings.retain(|(name, _)| !name.contains("ORIGIN__TOKEN"));
    settings.extend([
        ("DATABASE_URL", database),
        ("REDIS_ADDR", redis),
        ("KAFKA_ADDR", world.kafka().brokers()),
        ("ONHAND_KAFKA__SECURITY__PROTOCOL", "plaintext".to_owned()),
        ("ONHAND_KAFKA__SECURITY__USERNAME", String::new()),
        ("ONHAND_KAFKA__SECURITY__PASSWORD", String::new()),
        ("ONHAND_KAFKA__TOPIC", world.topic().to_owned()),
        ("ONHAND_AUTH__KEY_FILE", keys.to_str().unwrap().to_owned()),
        ("ONHAND_AUTH__AUDIENCE", String::new()),
        ("ONHAND_AUTH__JWKS_URL", String::new()),
        ("ONHAND_AUTH__ISSUER", String::new()),
        ("ONHAND_AUTH__ISSUERS", String::new()),
        ("ONHAND_ORIGIN__LISTEN", "127.0.0.1:0".to_owned()),
        ("ONHAND_ORIGIN__MANAGEMENT", "127.0.0.1:0".to_owned()),
        ("ONHAND_EDGE__LISTEN", "127.0.0.1:0".to_owned()),
        ("ONHAND_EDGE__MANAGEMENT", "127.0.0.1:0".to_owned()),
        ("ONHAND_EDGE__ORIGIN__TOKEN", world.tokens.operator.clone()),
        ("ONHAND_ORIGIN__RESTOCK__EVERY", "100ms".to_owned()),
    ]);
    let origin = Logged::start("origin", dir.path(), &settings).await;
    settings.push(("ONHAND_EDGE__ORIGIN__URLS", origin.url("origin api")));
    let edge = Logged::start("edge", dir.path(), &settings).await;
    let api = onhand_harness::Client::at(&origin.url("origin api"), Some(&world.tokens.operator));
    let public = onhand_harness::Client::at(&edge.url("edge public"), Some(&world.tokens.storefront));
    let mut answers = vec![api.post("/internal/api/inventory/reconcile", json!({})).await.expect(503).text()];
    api.put("/inventory/products/x/policy", json!({"low_stock_at": 5})).await.expect(200);
    let hold = json!({"lines": [{"sku": "x", "quantity": 8}]});
    answers.push(public.post("/v1/reservations", hold).await.expect(201).text());
    answers.push(public.get("/v1/availability/x").await.expect(200).text());
    eventually!(origin.said().contains("a restock notification is tried again"));
    eventually!(origin.said().contains("counts could not be fetched from the warehouse system"));
    for page in [origin.url("origin management"), edge.url("edge management")] {
        for path in ["/metrics", "/actuator/health", "/actuator/info", "/actuator/loggers", "/actuator/env"] {
            answers.push(onhand_harness::Client::at(&page, None).get(path).await.text());
        }
    }
    shows_no_secret("answers", &answers.join("\n"));
    shows_no_secret("origin", &origin.said());
    shows_no_secret("edge", &edge.said());
    for token in [&world.tokens.operator, &world.tokens.storefront] {
        assert!(!origin.said().contains(token) && !edge.said().contains(token), "a token is in the log");
    }
    assert!(origin.said().contains("TRACE") && edge.said().contains("TRACE"), "the logs say everything they can");
}

/// A process whose output goes to a file.
struct Logged {
    file: std::path::PathBuf,
    _child: tokio::process::Child,
}

impl Logged {
    async fn start(which: &str, dir: &Path, env: &[(&'static str, String)]) -> Self {
        let path = dir.join(format!("{which}.log"));
        let file = std::fs::File::create(&path).unwrap();
        let mut command = command(&[which]);
        command.envs(borrowed(env)).current_dir(dir).stdout(file.try_clone().unwrap()).stderr(Stdio::from(file));
        let logged = Self { file: path, _child: command.spawn().unwrap() };
        eventually!(std::time::Duration::from_secs(60), logged.said().lines().any(|line| line.starts_with("ready")));
        logged
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.file).unwrap()).into_owned()
    }

    fn url(&self, listener: &str) -> String {
        let said = self.said();
        let line = said.lines().find(|line| line.starts_with(&format!("{listener} http"))).expect("the listener");
        line.rsplit_once(' ').unwrap().1.to_owned()
    }
}
