//! Who may, over HTTP: which tokens count, and keys that change while the process runs.

use std::{
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use onhand_harness::{World, eventually};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::onhand::{Running, run};

/// Keys that are looked at again wait up to 10 s when callers have asked before.
const LOOK: Duration = Duration::from_secs(30);

/// Key pairs in a folder.
pub(crate) struct KeyPairs(tempfile::TempDir);

impl KeyPairs {
    pub(crate) async fn new(names: &[&str]) -> Self {
        let keys = Self(tempfile::tempdir().unwrap());
        for name in names {
            said(&["token", "keygen", "--out", keys.path(name).to_str().unwrap()]).await;
        }
        keys
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn public(&self, name: &str) -> String {
        self.path(&format!("{name}.pub.pem")).to_str().unwrap().to_owned()
    }

    pub(crate) async fn token(&self, key: &str, scope: &str, more: &[&str]) -> String {
        let file = self.path(&format!("{key}.key.pem"));
        let args = ["token", "issue", "--key", file.to_str().unwrap(), "--subject", "me", "--scope", scope];
        said(&[&args, more].concat()).await
    }

    async fn jwks(&self, names: &[&str]) -> String {
        let files: Vec<String> = names.iter().map(|name| self.public(name)).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        said(&[&["token", "jwks"], &files[..]].concat()).await
    }

    /// The name that the set gives a key.
    async fn kid(&self, name: &str) -> String {
        let set: Value = serde_json::from_str(&self.jwks(&[name]).await).unwrap();
        set["keys"][0]["kid"].as_str().unwrap().to_owned()
    }

    /// Beside the old one, then over it.
    fn publish(&self, set: &str) -> String {
        let (new, path) = (self.path("jwks.new"), self.path("jwks.json"));
        std::fs::write(&new, set).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

async fn said(args: &[&str]) -> String {
    let (good, said) = run(args, &[]).await;
    assert!(good, "{args:?}: {said}");
    said.trim().to_owned()
}

async fn status(url: &str, token: &str) -> u16 {
    let call = reqwest::Client::new().get(url).bearer_auth(token);
    call.send().await.unwrap().status().as_u16()
}

async fn metric(management: &str, name: &str) -> Option<f64> {
    let page = reqwest::get(format!("{management}/metrics")).await.unwrap().text().await.unwrap();
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// One must be set where keys come from a URL.
const AUDIENCE: (&str, &str) = ("ONHAND_AUTH__AUDIENCE", "stock");

/// Answers 404 with a good token: the token is judged first.
const NOBODY: &str = "/v1/reservations/00000000-0000-0000-0000-000000000000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_token_from_here_for_here_with_scope_enough_writes() {
    let world = World::start().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 10).await;
    let keys = KeyPairs::new(&["ours", "theirs"]).await;
    let public = keys.public("ours");
    let env = [
        ("ONHAND_AUTH__KEY_FILE", public.as_str()),
        ("ONHAND_AUTH__ISSUER", "https://id.example"),
        ("ONHAND_AUTH__AUDIENCE", "stock"),
    ];
    let origin = Running::origin(&world, &env).await;
    let token = async |key: &str, scope: &str, more: &[&str]| keys.token(key, scope, more).await;
    let right = ["--issuer", "https://id.example", "--audience", "stock"];
    let operator = token("ours", "operator", &right).await;
    let edge = Running::edge(&world, &origin.url("origin api"), &operator, &env).await;
    let cases = [
        (String::new(), 401, "send Bearer"),
        ("nonsense".to_owned(), 401, "not valid here"),
        (token("theirs", "admin", &right).await, 401, "not valid here"),
        (token("ours", "admin", &[&right[..], &["--ttl", "0s"]].concat()).await, 401, "expired"),
        (token("ours", "admin", &["--issuer", "https://id.example"]).await, 401, "no audience"),
        (token("ours", "admin", &["--issuer", "https://id.example", "--audience", "x"]).await, 401, "another audience"),
        (token("ours", "admin", &["--audience", "stock"]).await, 401, "no issuer"),
        (
            token("ours", "admin", &["--issuer", "https://x.example", "--audience", "stock"]).await,
            401,
            "another issuer",
        ),
    ];
    let before = world.sql("SELECT count(*) FROM ledger").await[0].get::<_, i64>(0);
    let http = reqwest::Client::new();
    let hold = json!({"lines": [{"sku": "x", "quantity": 1}]});
    // A token with --ttl 0s has the leeway of 5 s before it.
    eventually!(LOOK, status(&format!("{}{NOBODY}", origin.url("origin api")), &cases[3].0).await == 401);
    for base in [origin.url("origin api"), edge.url("edge public")] {
        for (token, expected, detail) in &cases {
            let mut call = http.post(format!("{base}/v1/reservations")).header("idempotency-key", "k").json(&hold);
            if !token.is_empty() {
                call = call.bearer_auth(token);
            }
            let answer = call.send().await.unwrap();
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["www-authenticate"]),
                (*expected, &"Bearer".parse().unwrap())
            );
            let problem: Value = answer.json().await.unwrap();
            assert!(
                problem["code"] == "unauthenticated" && problem["detail"].as_str().unwrap().contains(detail),
                "{problem}"
            );
        }
    }
    let stock = json!({"location": "a", "quantity": 99, "reason": "count"});
    let set = http.put(format!("{}/inventory/products/x/stock", origin.url("origin api"))).json(&stock);
    let refused = set.try_clone().unwrap().bearer_auth(&operator).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "forbidden");
    let after = world.sql("SELECT count(*) FROM ledger").await[0].get::<_, i64>(0);
    assert_eq!(before, after, "nothing was written");
    let admin = token("ours", "admin", &right).await;
    assert_eq!(set.bearer_auth(&admin).send().await.unwrap().status(), 200);
    let actor = world.sql("SELECT actor FROM ledger ORDER BY id DESC LIMIT 1").await[0].get::<_, String>(0);
    assert_eq!(actor, "me", "the token's subject");
}

#[tokio::test]
async fn no_token_is_issued_for_a_subject_that_would_be_refused() {
    let keys = KeyPairs::new(&["ours"]).await;
    let file = keys.path("ours.key.pem");
    for (half, right) in [("key", 0o600), ("pub", 0o644)] {
        let file = keys.path(&format!("ours.{half}.pem"));
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, right, "{half}");
    }
    for (subject, fault) in
        [("", "1 to 255 bytes"), (&"x".repeat(256), "1 to 255 bytes"), ("a\nb", "control characters")]
    {
        let args = ["token", "issue", "--key", file.to_str().unwrap(), "--scope", "admin", "--subject", subject];
        let (good, said) = run(&args, &[]).await;
        assert!(!good && said.contains("--subject") && said.contains(fault), "{subject:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_jwks_file_changes_keys_while_edge_and_origin_run() {
    let world = World::start().ready().await;
    let keys = KeyPairs::new(&["always", "old", "new"]).await;
    let file = keys.publish(&keys.jwks(&["always", "old"]).await);
    let env = [("ONHAND_AUTH__JWKS_FILE", file.as_str()), ("ONHAND_AUTH__REFRESH", "1s")];
    let origin = Running::origin(&world, &env).await;
    let operator = keys.token("always", "operator", &[]).await;
    let edge = Running::edge(&world, &origin.url("origin api"), &operator, &env).await;
    let pages = [origin.url("origin api"), edge.url("edge public")].map(|base| format!("{base}{NOBODY}"));
    let old = keys.token("old", "storefront", &["--kid", &keys.kid("old").await]).await;
    let new = keys.token("new", "storefront", &[]).await;
    for page in &pages {
        assert_eq!((status(page, &old).await, status(page, &new).await), (404, 401));
    }
    keys.publish(&keys.jwks(&["always", "new"]).await);
    for page in &pages {
        eventually!(LOOK, (status(page, &old).await, status(page, &new).await) == (401, 404));
    }
    // Half written, then gone: the last good set stays, and says so.
    let whole = keys.jwks(&["always", "old"]).await;
    keys.publish(&whole[..whole.len() / 2]);
    let (origin_page, edge_page) = (origin.url("origin management"), edge.url("edge management"));
    eventually!(LOOK, metric(&origin_page, "origin_auth_refresh_failing").await == Some(1.0));
    eventually!(LOOK, metric(&edge_page, "edge_auth_refresh_failing").await == Some(1.0));
    std::fs::remove_file(&file).unwrap();
    let failed = metric(&origin_page, "origin_auth_refresh_failures").await.unwrap();
    eventually!(LOOK, metric(&origin_page, "origin_auth_refresh_failures").await > Some(failed));
    let (good, report) = run(&["check"], &env).await;
    assert!(!good && report.contains("auth.jwks_file") && report.contains("cannot be read"), "{report}");
    for page in &pages {
        assert_eq!((status(page, &old).await, status(page, &new).await), (401, 404));
    }
    keys.publish(&whole);
    for page in &pages {
        eventually!(LOOK, (status(page, &old).await, status(page, &new).await) == (404, 401));
    }
    assert_eq!(metric(&origin_page, "origin_auth_refresh_failing").await, Some(0.0));
    let (good, report) = run(&["check"], &env).await;
    assert!(good && report.contains("2 public keys"), "{report}");
}

/// An issuer: answers with the set that it holds, or 500 without one, and counts.
#[derive(Clone)]
struct Issuer {
    set: Arc<Mutex<(Option<String>, u32)>>,
    url: String,
}

impl Issuer {
    async fn start(set: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let issuer = Self { set: Arc::new(Mutex::new((set, 0))), url };
        let answering = issuer.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _whole = stream.read(&mut request).await;
                let (status, body) = answering.answer();
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                let _gone = stream.write_all(answer.as_bytes()).await;
            }
        });
        issuer
    }

    fn answer(&self) -> (&'static str, String) {
        let mut held = self.set.lock().unwrap();
        held.1 += 1;
        held.0.clone().map_or(("500 Oh", String::new()), |set| ("200 OK", set))
    }

    fn publish(&self, set: Option<String>) {
        self.set.lock().unwrap().0 = set;
    }

    fn fetched(&self) -> u32 {
        self.set.lock().unwrap().1
    }
}

/// `auth.refresh` is an hour: only the unknown names cause a look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuers_url_is_asked_again_when_a_token_names_an_unknown_key() {
    let world = World::start().ready().await;
    let keys = KeyPairs::new(&["old", "new", "never"]).await;
    let issuer = Issuer::start(None).await;
    let env = [("ONHAND_AUTH__JWKS_URL", issuer.url.as_str()), ("ONHAND_AUTH__REFRESH", "1h"), AUDIENCE];
    let (good, report) = run(&["check"], &env).await;
    assert!(!good && report.contains("auth.jwks_url") && report.contains("answered 500"), "{report}");
    let asked = issuer.fetched();
    let publishing = async {
        // The process waits for an issuer that comes later than itself.
        eventually!(LOOK, issuer.fetched() > asked);
        issuer.publish(Some(keys.jwks(&["old"]).await));
    };
    let (origin, ()) = tokio::join!(Running::origin(&world, &env), publishing);
    let page = format!("{}{NOBODY}", origin.url("origin api"));
    let management = origin.url("origin management");
    let token = async |name: &str| {
        keys.token(name, "storefront", &["--kid", &keys.kid(name).await, "--audience", AUDIENCE.1]).await
    };
    let (old, new, never) = (token("old").await, token("new").await, token("never").await);
    assert_eq!((status(&page, &old).await, status(&page, &new).await), (404, 401));
    issuer.publish(Some(keys.jwks(&["new"]).await));
    eventually!(LOOK, status(&page, &new).await == 404);
    assert_eq!(status(&page, &old).await, 401);
    // Names made up by callers do not make it ask each time; an issuer that fails changes nothing.
    issuer.publish(None);
    let (mut calls, before) = (0, issuer.fetched());
    eventually!(LOOK, {
        calls += 1;
        assert_eq!(status(&page, &never).await, 401);
        metric(&management, "origin_auth_refresh_failing").await == Some(1.0)
    });
    let asked = issuer.fetched() - before;
    println!("{calls} calls with an unknown key: {asked} questions to the issuer");
    assert!(asked <= 2 || asked < calls / 10, "{asked} of {calls}");
    assert_eq!((status(&page, &new).await, status(&page, &old).await), (404, 401));
}

async fn refusal(url: &str, token: &str) -> (u16, String) {
    let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json::<Value>().await.unwrap()["detail"].as_str().unwrap().to_owned())
}

/// The issuer goes away after the start: its keys count for `auth.max_stale`, a file's key is the way in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_a_url_that_cannot_be_asked_stop_counting_and_a_file_is_the_way_in() {
    let world = World::start().ready().await;
    let keys = KeyPairs::new(&["issuer", "local"]).await;
    let issuer = Issuer::start(Some(keys.jwks(&["issuer"]).await)).await;
    let file = keys.public("local");
    let env = [
        ("ONHAND_AUTH__JWKS_URL", issuer.url.as_str()),
        ("ONHAND_AUTH__KEY_FILE", file.as_str()),
        ("ONHAND_AUTH__REFRESH", "1s"),
        ("ONHAND_AUTH__MAX_STALE", "3s"),
        ("ONHAND_AUTH__START_TIMEOUT", "1s"),
        AUDIENCE,
    ];
    let (good, report) = run(&["check"], &env).await;
    assert!(good && report.contains("_file: 1 public key; auth.jwks_url: 1 public key"), "{report}");
    let token = async |key: &str| keys.token(key, "operator", &["--audience", AUDIENCE.1]).await;
    let (theirs, ours) = (token("issuer").await, token("local").await);
    let origin = Running::origin(&world, &env).await;
    let edge = Running::edge(&world, &origin.url("origin api"), &ours, &env).await;
    let pages = [origin.url("origin api"), edge.url("edge public")].map(|base| format!("{base}{NOBODY}"));
    for page in &pages {
        assert_eq!((status(page, &theirs).await, status(page, &ours).await), (404, 404));
    }
    issuer.publish(None);
    for page in &pages {
        eventually!(LOOK, status(page, &theirs).await == 401);
        assert!(refusal(page, &theirs).await.1.contains("auth.max_stale"));
        assert_eq!(status(page, &ours).await, 404);
    }
    for (page, which) in [(origin.url("origin management"), "origin"), (edge.url("edge management"), "edge")] {
        // A last look that was under way when the issuer went may have come in between.
        eventually!(LOOK, metric(&page, &format!("{which}_auth_keys_too_old")).await == Some(1.0));
        assert!(metric(&page, &format!("{which}_auth_keys_age_seconds")).await >= Some(3.0));
    }
    // A node that starts meanwhile has the file's key only, until the issuer is there.
    let late = Running::origin(&world, &env).await;
    let page = format!("{}{NOBODY}", late.url("origin api"));
    assert_eq!((status(&page, &theirs).await, status(&page, &ours).await), (401, 404));
    issuer.publish(Some(keys.jwks(&["issuer"]).await));
    for page in pages.iter().chain([&page]) {
        eventually!(LOOK, status(page, &theirs).await == 404);
    }
    assert_eq!(metric(&origin.url("origin management"), "origin_auth_keys_too_old").await, Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_keys_is_given_up_and_says_why() {
    let there = [("DATABASE_URL", "sqlite::memory:"), ("KAFKA_ADDR", "127.0.0.1:1")];
    let with = |more: &[(&'static str, &'static str)]| [&there, more].concat();
    let url =
        [("ONHAND_AUTH__JWKS_URL", "http://127.0.0.1:1/jwks.json"), ("ONHAND_AUTH__START_TIMEOUT", "1s"), AUDIENCE];
    let (good, report) = run(&["origin"], &with(&url)).await;
    assert!(
        !good && report.contains("auth.jwks_url: http://127.0.0.1:1") && report.contains("given up after 1 s"),
        "{report}"
    );
    let (good, report) = run(&["origin"], &with(&[("ONHAND_AUTH__JWKS_FILE", "nowhere.json")])).await;
    assert!(!good && report.contains("auth.jwks_file: nowhere.json cannot be read"), "{report}");
    let (good, report) = run(&["edge"], &[]).await;
    assert!(
        !good
            && ["3 faults", "kafka.brokers", "edge.origin.token", "auth.jwks_url"]
                .iter()
                .all(|part| report.contains(part)),
        "{report}"
    );
    let two = [
        ("ONHAND_AUTH__JWKS_FILE", "a"),
        ("ONHAND_AUTH__KEY_FILE", "b"),
        ("ONHAND_AUTH__REFRESH", "1ms"),
        ("ONHAND_HTTP__CORS_ORIGINS", "shop"),
    ];
    let (good, report) = run(&["check"], &two).await;
    assert!(
        !good
            && ["3 faults", "only one of them may be", "auth.refresh", "http.cors_origins"]
                .iter()
                .all(|part| report.contains(part)),
        "{report}"
    );
    let (good, report) = run(&["check"], &url[..1]).await;
    assert!(!good && report.contains("auth.audience: must be set where jwks_url is"), "{report}");
    let mapped = [("ONHAND_AUTH__SCOPES__ADMIN", "a,b"), ("ONHAND_AUTH__SCOPES__CLAIM", "realm_access.roles")];
    let (_, dump) = run(&["check", "--dump-config"], &mapped).await;
    assert!(dump.contains("claim = \"realm_access.roles\"") && dump.contains("admin = [\n    \"a\""), "{dump}");
    let (good, report) = run(&["check"], &[("ONHAND_AUTH__SCOPES__ADMINS", "a")]).await;
    assert!(!good && report.contains("auth.scopes.admin"), "{report}");
    let (good, report) = run(&["check"], &[]).await;
    assert!(!good && report.contains("none of auth.key_file"), "{report}");
}

/// Counted by why, logged with the caller's address, a few lines a second, and never with the token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_counted_and_logged_without_the_token() {
    let world = World::start().ready().await;
    let canary = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.Y2FuYXJ5";
    for (node, name, path) in [
        (world.origin(0), "origin", "/inventory/locations/a"),
        (world.edge(0), "edge", "/v1/reservations/01930000-0000-7000-8000-000000000000"),
    ] {
        for _ in 0..100 {
            node.client(canary).get(path).await.expect(401);
        }
        node.anonymous().get(path).await.expect(401);
        let count =
            async |reason: &str| node.metric(&format!("{name}_tokens_refused_total{{reason=\"{reason}\"}}")).await;
        assert_eq!((count("invalid").await, count("missing").await), (Some(100.0), Some(1.0)), "{name}");
        let log = node.log();
        let lines = log.lines().filter(|line| line.contains("refused for its token")).count();
        assert!((1..100).contains(&lines), "{name}: {lines} lines");
        assert!(log.contains("127.0.0.1") && !log.contains("canary") && !log.contains(canary), "{name}");
    }
    world.location("a", 0).await;
    let shop = world.origin(0).client(&world.tokens.storefront);
    shop.get("/inventory/locations/a").await.expect(403);
    assert_eq!(world.origin(0).metric("origin_tokens_refused_total{reason=\"scope\"}").await, Some(1.0));
}
