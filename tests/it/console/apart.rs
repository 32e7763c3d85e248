//! `onhand console` as a process of its own, before real servers of which some are gone.

use onhand_harness::{Node, World, eventually};
use onhand_wire::{release::Release, request::Push};
use reqwest::StatusCode;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
};

use super::{PASSWORD, browser::Browser, path_of, register, sign_in};

/// `onhand console` by itself, before a world.
struct Apart {
    url: String,
    _process: Child,
}

fn key_of(world: &World) -> std::path::PathBuf {
    world.tokens.public_key().with_file_name("token.key.pem")
}

impl Apart {
    async fn start(world: &World) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onhand"));
        command
            .arg("console")
            .env("ONHAND_CONSOLE__LISTEN", "127.0.0.1:0")
            .env("ONHAND_CONSOLE__SEAL_KEY", "s".repeat(32));
        command.env("ONHAND_CONSOLE__ISSUER", "console");
        command.env("ONHAND_CONSOLE__KEY_FILE", key_of(world)).env("ONHAND_HTTP__HEADER_TIMEOUT", "2s");
        command.env("ONHAND_CONSOLE__ORIGINS", world.origin(0).url());
        command.env("ONHAND_CONSOLE__ORIGIN_MANAGEMENT", world.origin(0).management_url());
        let edges = |url: fn(&Node) -> String| world.edges().iter().map(url).collect::<Vec<_>>().join(",");
        command.env("ONHAND_CONSOLE__EDGES", edges(Node::url));
        command.env("ONHAND_CONSOLE__EDGE_MANAGEMENT", edges(Node::management_url));
        let mut process = command.stdout(std::process::Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut url = String::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            match line.strip_prefix("console ") {
                Some(shown) => shown.clone_into(&mut url),
                None if line.starts_with("ready") => return Self { url, _process: process },
                None => {}
            }
        }
        panic!("the console is not ready")
    }

    /// Somebody who came by the link that the command prints.
    async fn invited(&self, world: &World, role: &str) -> Browser {
        let mut command = Command::new(env!("CARGO_BIN_EXE_onhand"));
        command.args(["console", "invite", "--role", role, "--console", &self.url, "--origin", &world.origin(0).url()]);
        let output = command.env("ONHAND_TOKEN_ADMIN", &world.tokens.admin).output().await.unwrap();
        let link = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        register(&self.url, path_of(&link, &self.url), "ann").await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_stays_up_when_an_edge_and_then_the_origin_are_gone() {
    let world = World::start().edges(2).ready().await;
    world.location("eu-1", 0).await;
    world.stock("22423", "eu-1", 55).await;
    let console = Apart::start(&world).await;
    let mut ann = console.invited(&world, "operator").await;
    let now = ann.get("/now").await;
    now.says(&world.edge(0).url()).says(&world.edge(1).url()).says("alerting");
    ann.get("/explain?sku=22423").await.says("decides");
    world.edge(1).kill();
    let now = ann.get("/now").await;
    assert_eq!(now.status, StatusCode::OK);
    now.says("no answer").says(">live<");
    ann.get("/health").await.says("no answer").says(">up<");
    ann.get("/shop/items/22423").await.says(">55<");
    world.origin(0).kill();
    // Its session goes on, and each page says what it cannot show.
    for page in ["/now", "/lanes", "/dead-letters", "/rules", "/health", "/trail", "/items", "/explain?sku=22423"] {
        let shown = ann.get(page).await;
        assert_eq!((shown.status, shown.path.as_str()), (StatusCode::OK, page));
        shown.says("No answer from").says("class=\"failed\"");
    }
    ann.get("/shop/items/22423").await.says(">55<");
    let (_, refused) = sign_in(&console.url, "ann", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    refused.says("You are not signed in.").says("No answer from");
    world.origin(0).start().await;
    eventually!(ann.get("/lanes").await.html.contains(">high<"));
}

/// Whoever sends a byte and stops holds nothing for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_stops_in_the_middle_is_given_up() {
    let world = World::start().edges(1).ready().await;
    let console = Apart::start(&world).await;
    let address = console.url.strip_prefix("http://").unwrap();
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /sign-in HTTP/1.1\r\nHost: {address}\r\nSec-Fetch-Site: same-origin\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=a"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
}

/// What `onhand check` finds of a console before a world.
async fn check(world: &World, key: &std::path::Path, seal: &str, how: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onhand"));
    command
        .arg("check")
        .args(how)
        .env("ONHAND_CONSOLE__KEY_FILE", key)
        .env("ONHAND_CONSOLE__ORIGINS", world.origin(0).url())
        .env("ONHAND_CONSOLE__ISSUER", "console");
    command.env("ONHAND_AUTH__KEY_FILE", world.tokens.public_key()).env("ONHAND_CONSOLE__SEAL_KEY", seal);
    let output = command.env("ONHAND_CONSOLE__LISTEN", "127.0.0.1:0").output().await.unwrap();
    let said = [output.stdout, output.stderr].map(|part| String::from_utf8_lossy(&part).into_owned()).concat();
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn check_says_what_a_console_lacks() {
    let world = World::start().edges(0).ready().await;
    let (good, said) = check(&world, &key_of(&world), &"s".repeat(32), &[]).await;
    assert!(good && said.contains("an origin accepts the tokens that it signs"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    let mut make = Command::new(env!("CARGO_BIN_EXE_onhand"));
    make.args(["token", "keygen", "--out"]).arg(folder.path().join("k")).stdout(std::process::Stdio::null());
    assert!(make.status().await.unwrap().success());
    let (good, said) = check(&world, &folder.path().join("k.key.pem"), &"s".repeat(32), &[]).await;
    assert!(!good && said.contains("origins do not accept tokens that console.key_file signs"), "{said}");
    for how in [&[][..], &["--offline"]] {
        let (good, said) = check(&world, &folder.path().join("none.key.pem"), &"s".repeat(32), how).await;
        assert!(!good && said.contains("`onhand token keygen` makes a key"), "{said}");
        let (good, said) = check(&world, &key_of(&world), "", how).await;
        assert!(!good && said.contains("console.seal_key is not set"), "{said}");
    }
    let (good, said) = check(&world, &key_of(&world), "short-and-s3cret", &[]).await;
    assert!(!good && said.contains("console.seal_key: must have 32 characters") && !said.contains("s3cret"), "{said}");
    let started = Command::new(env!("CARGO_BIN_EXE_onhand")).arg("console").output().await.unwrap();
    let said = String::from_utf8_lossy(&started.stderr).into_owned();
    assert!(
        !started.status.success()
            && ["key_file", "seal_key", "issuer"].iter().all(|key| said.contains(&format!("console.{key} is not set"))),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_and_rules_are_looked_after() {
    let world = World::start()
        .edges(1)
        .env("ONHAND_ORIGIN__RESERVATIONS__MAX_OPEN_UNITS", "10")
        .env("ONHAND_ORDERS__MAX_ATTEMPTS", "2")
        .env("ONHAND_ORDERS__SHORTEST_PAUSE", "50ms")
        .ready()
        .await;
    world.location("eu-1", 0).await;
    world.stock("22423", "eu-1", 500).await;
    let console = Apart::start(&world).await;
    let mut ann = console.invited(&world, "admin").await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    let lines = |quantity: u32| json!({"lines": [{"sku": "22423", "quantity": quantity}]});
    shop.post("/v1/reservations", lines(8)).await.expect(201);
    let order = async || {
        let call = shop.call("POST".parse().unwrap(), "/v1/orders").key("too-many").json(lines(5));
        call.send().await.status
    };
    // The lanes' topics are being made.
    eventually!(order().await == 202);
    eventually!(std::time::Duration::from_secs(60), ann.get("/dead-letters").await.html.contains("open_units"));
    let letters = ann.get("/dead-letters?cause=open_units").await;
    letters.says("Of the cause open_units").says(">22423<");
    let replay = letters.form("/dead-letters/replay");
    let tried = ann.send(&replay, &[("dry_run", "yes")]).await;
    tried.says("The dry run").says("class=\"number\">1<").says("open_units");
    let rate = ann.send(&replay, &[("dry_run", "yes"), ("rate", "fast")]).await;
    assert_eq!(rate.status, StatusCode::BAD_REQUEST);
    rate.says("rate: a number");
    let without = ann.send(&letters.form("/dead-letters/discard"), &[]).await;
    assert_eq!(without.status, StatusCode::BAD_REQUEST);
    without.says("reason: say something").says("open_units");
    let discarded = ann.send(&letters.form("/dead-letters/discard"), &[("reason", "a test order")]).await;
    discarded.says("The dead letters are given up.").says("No order is set aside.");
    ann.get("/trail?kind=orders_discarded").await.says("a test order").says(">ann<");

    let component = std::fs::read(crate::rules::built().join("channel-buffer.wasm")).unwrap();
    let admin =
        onhand_client::Client::builder().url(&world.origin(0).url()).token(&world.tokens.admin).build().unwrap();
    let release = Release { component, settings: "[config]\nhide_last = \"0\"\n".to_owned(), ..Release::default() };
    admin.push("buffer", &Push::of(release, false)).await.unwrap();
    ann.get("/rules").await.says("/rules/buffer");
    let rule = ann.get("/rules/buffer").await;
    rule.says("push").says("Full would be");
    let back = ann.send(&rule.form("/rules/buffer/roll-back"), &[]).await;
    back.says("The roll back is in force.").says("roll back").says(">ann<");
    let late = ann.send(&rule.form("/rules/buffer/roll-back"), &[("key", "another")]).await;
    assert_eq!(late.status, StatusCode::BAD_REQUEST, "it was another state that the page showed");
    late.says("Nothing is rolled back");
}
