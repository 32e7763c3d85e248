//! What the API does, on a terminal: files in and out, stock, items, reservations, the stream.

use std::{process::Stdio, time::Duration};

use onhand_harness::Client;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{
    dev::Dev,
    onhand::{command, run},
};

struct Shop {
    dev: Dev,
    dir: tempfile::TempDir,
}

impl Shop {
    async fn open() -> Self {
        let dev = Dev::start(&["--empty"]).await;
        let shop = Self { dev, dir: tempfile::tempdir().unwrap() };
        let admin = Client::at(&shop.dev.origin, shop.dev.tokens["admin"].as_str());
        for id in ["a", "b"] {
            admin.put(&format!("/inventory/locations/{id}"), json!({"name": id})).await.expect(201);
        }
        shop
    }

    /// Runs to a good end; what it said.
    async fn does(&self, args: &[&str]) -> String {
        let (done, said) = self.runs(args).await;
        assert!(done, "{args:?}: {said}");
        said
    }

    async fn runs(&self, args: &[&str]) -> (bool, String) {
        let token = self.dev.tokens["admin"].as_str().unwrap();
        let at = ["--origin", &self.dev.origin, "--token", token];
        run(&[args, &at].concat(), &[]).await
    }

    async fn json(&self, args: &[&str]) -> Vec<Value> {
        let said = self.does(&[args, &["--json"]].concat()).await;
        said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{args:?}: {said}"))).collect()
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_go_in_and_come_out() {
    let shop = Shop::open().await;
    let file = shop.path("stock.csv");
    std::fs::write(&file, "Artikel;Ort;Bestand\r\n007;a;5\r\nX Y;b;1.000\r\n").unwrap();
    let import =
        ["import", file.as_str(), "--create", "--map", "sku=Artikel,location=Ort,quantity=Bestand", "--locale", "de"];
    let said = shop.does(&[&import[..], &["--dry-run"]].concat()).await;
    assert!(said.contains("it would create 2 items") && said.contains("X Y at b: 0 -> 1000"), "{said}");
    let exported = shop.path("out.csv");
    shop.does(&["export", "-o", &exported]).await;
    assert_eq!(std::fs::read_to_string(&exported).unwrap().lines().count(), 1, "nothing was written");
    let said = shop.does(&import).await;
    assert!(said.contains("read 2, applied 2, rejected 0"), "{said}");
    shop.does(&["export", "-o", &exported]).await;
    let text = std::fs::read_to_string(&exported).unwrap();
    assert!(text.contains("\n007,a,5,007,") && text.contains("\nX Y,b,1000,"), "{text}");
    let said = shop.does(&["import", &exported]).await;
    assert!(said.contains("read 2, applied 2, rejected 0"), "an import reads it back: {said}");
    let ledger = shop.does(&["export", "ledger", "--format", "ndjson"]).await;
    assert_eq!(ledger.lines().count(), 2, "what says what is so already writes nothing: {ledger}");
    let (done, said) = shop.runs(&["export", "--location", "nowhere"]).await;
    assert!(!done && said.contains("nowhere does not exist"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_items_and_reservations_have_their_commands() {
    let shop = Shop::open().await;
    shop.does(&["items", "put", "A", "--name", "An A", "--attribute", "colour=red"]).await;
    shop.does(&["stock", "set", "A", "a", "5", "--reason", "count"]).await;
    shop.does(&["stock", "set", "A", "b", "5", "--reason", "count"]).await;
    shop.does(&["stock", "adjust", "A", "a", "-1", "--kind", "damaged", "--reason", "dropped"]).await;
    shop.does(&["stock", "transfer", "A", "b", "a", "2", "--reason", "balance"]).await;
    let rows = shop.json(&["stock", "show", "A"]).await;
    assert_eq!(rows.iter().map(|row| row["on_hand"].clone()).collect::<Vec<_>>(), [json!(6), json!(3)]);
    assert_eq!(shop.json(&["items", "search", "an"]).await[0]["attributes"], json!({"colour": "red"}));
    assert_eq!(shop.json(&["stock", "ledger", "A"]).await.len(), 5);
    let seller = Client::at(&shop.dev.edge, shop.dev.tokens["storefront"].as_str());
    let hold = json!({"lines": [{"sku": "A", "quantity": 4}], "order_ref": "7"});
    let held = seller.post("/v1/reservations", hold).await.expect(201).json();
    let id = held["id"].as_str().unwrap();
    assert_eq!(shop.json(&["reservations", "list", "--order-ref", "7"]).await, std::slice::from_ref(&held));
    let changed = shop.json(&["reservations", "lines", id, "A=3"]).await;
    assert_eq!(changed[0]["lines"][0]["quantity"], 3);
    shop.does(&["reservations", "confirm", id]).await;
    let move_one = ["reservations", "reallocate", id, "--line", "0", "--from", "a", "--to", "b", "--quantity", "1"];
    shop.does(&move_one).await;
    shop.does(&["reservations", "fulfil", id, "--line", "0", "--quantity", "2", "--location", "a"]).await;
    shop.does(&["reservations", "cancel", id]).await;
    shop.does(&["reservations", "return", id, "--line", "0", "--quantity", "2"]).await;
    let said = shop.does(&["reservations", "show", id]).await;
    assert!(said.contains("cancelled") && said.contains(id), "{said}");
    let (done, said) = shop.runs(&["reservations", "show", "nonsense"]).await;
    assert!(!done && said.contains("no such reservation"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_is_watched_on_a_terminal() {
    let shop = Shop::open().await;
    shop.does(&["items", "put", "W", "--name", "W"]).await;
    shop.does(&["stock", "set", "W", "a", "5", "--reason", "count"]).await;
    let looker = Client::at(&shop.dev.edge, None);
    onhand_harness::eventually!(looker.get("/v1/availability/W").await.status == 200);
    let mut watching = command(&["watch", "W", "--edge", &shop.dev.edge]);
    let mut watching = watching.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let mut next =
        async || tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await.unwrap().unwrap().unwrap();
    let mut line = next().await;
    assert!(line.contains("W  5  in_stock  a 5"), "{line}");
    shop.does(&["stock", "adjust", "W", "a", "3", "--kind", "found", "--reason", "count"]).await;
    while !line.contains("W  8  in_stock  a 8") {
        line = next().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_documents_are_printed_and_served() {
    let shop = Shop::open().await;
    for (args, base) in [(&["openapi"][..], &shop.dev.origin), (&["openapi", "--edge"], &shop.dev.edge)] {
        let (done, said) = run(args, &[]).await;
        assert!(done, "{said}");
        let served = Client::at(base, None).get("/openapi.json").await.expect(200).json();
        assert_eq!(serde_json::from_str::<Value>(&said).unwrap(), served, "{args:?}");
        assert_eq!(served["openapi"], "3.1.0");
    }
}
