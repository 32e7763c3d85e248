//! Imports over HTTP: formats, modes, what is refused, and what a retry does.

use onhand_harness::{Client, Reply, World, eventually};
use serde_json::{Value, json};

const CSV: &str = "text/csv";
const NDJSON: &str = "application/x-ndjson";

async fn send(client: &Client, query: &str, media_type: &str, body: &str, key: Option<&str>) -> Reply {
    let mut call = client.call("POST".parse().unwrap(), &format!("/inventory/imports?{query}"));
    if let Some(key) = key {
        call = call.key(key);
    }
    call.body(media_type, body.to_owned()).send().await
}

/// Read, applied, rejected.
fn counts(report: &Value) -> [u64; 3] {
    ["read", "applied", "rejected"].map(|name| report[name].as_u64().unwrap())
}

fn lines(report: &Value) -> Vec<u64> {
    report["errors"].as_array().unwrap().iter().map(|error| error["row"].as_u64().unwrap()).collect()
}

async fn number(world: &World, sql: &str) -> i64 {
    world.sql(&format!("SELECT ({sql})::bigint")).await[0].get(0)
}

async fn open() -> (World, Client) {
    let world = World::start().edges(0).ready().await;
    world.location("a", 0).await;
    let admin = world.origin(0).client(&world.tokens.admin);
    (world, admin)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_formats_abort_or_skip_naming_lines() {
    let (world, admin) = open().await;
    let csv = "\u{feff}sku,location,quantity,name\r\nA,a,5,\"An A, quoted\"\r\n\r\nB,nowhere,1,B\r\nC,a,minus,C\r\nD,a,7,D\r\n";
    let json = "{\"sku\":\"A2\",\"location\":\"a\",\"quantity\":5,\"name\":\"An A\"}\n\n\n\
        {\"sku\":\"B2\",\"location\":\"nowhere\",\"quantity\":1}\n{\"sku\":\"C2\",\"location\":\"a\",\"quantity\":-1}\n\
        {\"sku\":\"D2\",\"location\":\"a\",\"quantity\":7}";
    for (media_type, body, expected) in [(CSV, csv, [4, 5]), (NDJSON, json, [4, 5])] {
        let before = number(&world, "SELECT count(*) FROM ledger").await;
        let aborted = send(&admin, "create=true", media_type, body, None).await.expect(200).json();
        assert_eq!((counts(&aborted), lines(&aborted)), ([4, 0, 2], expected.to_vec()), "{aborted}");
        assert_eq!(number(&world, "SELECT count(*) FROM ledger").await, before, "abort leaves nothing");
        let skipped = send(&admin, "create=true&on_error=skip", media_type, body, None).await.expect(200).json();
        assert_eq!((counts(&skipped), lines(&skipped)), ([4, 2, 2], expected.to_vec()), "{skipped}");
        assert_eq!(skipped["errors"][0]["code"], "unknown_location");
        assert_eq!(number(&world, "SELECT count(*) FROM ledger").await, before + 2);
        let again = send(&admin, "on_error=skip", media_type, body, None).await.expect(200).json();
        assert_eq!(counts(&again), [4, 2, 2], "a row that says what is so already is applied");
        assert_eq!(number(&world, "SELECT count(*) FROM ledger").await, before + 2, "and writes nothing");
    }
    let adjust = "sku,warehouseId,quantity\nA,a,-3\nD,a,-8\nNone,a,1\n";
    let report = send(&admin, "mode=adjust&on_error=skip", CSV, adjust, None).await.expect(200).json();
    assert_eq!((counts(&report), lines(&report)), ([3, 1, 2], vec![3, 4]), "{report}");
    assert_eq!(
        (&report["errors"][0]["code"], &report["errors"][1]["code"]),
        (&json!("insufficient_stock"), &json!("unknown_sku"))
    );
    let report =
        send(&admin, "mode=adjust", CSV, "sku,location,quantity\nA,a,-1\nD,a,-8\n", None).await.expect(200).json();
    assert_eq!(counts(&report), [2, 1, 1], "abort covers what is known before: {report}");
    assert_eq!(number(&world, "SELECT sum(on_hand) FROM inventory_items WHERE sku IN ('A', 'D')").await, 1 + 7);
    for (media_type, empty) in [(CSV, "sku,location,quantity"), (CSV, "sku,location,quantity\r\n\r\n"), (NDJSON, "")] {
        assert_eq!(counts(&send(&admin, "", media_type, empty, None).await.expect(200).json()), [0, 0, 0], "{empty:?}");
    }
}

/// Chunks that share no SKU are applied at once; those that do, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_row_that_comes_again_the_later_counts() {
    let (world, admin) = open().await;
    let block = |names: std::ops::Range<u32>, quantity: u32| -> String {
        names.map(|name| format!("S{name:05},a,{quantity},S\n")).collect()
    };
    let file = |blocks: &[String]| format!("sku,location,quantity,name\n{}", blocks.concat());
    // Chunks of 2,000 rows; the second, and the fourth, have a row of the one before them.
    let again =
        |first: u32, again: u32, quantity| [block(first..first + 999, quantity), block(again..again + 1, quantity)];
    let rows =
        [vec![block(0..2000, 1)], again(2000, 7, 2).into(), vec![block(3000..5000, 3)], again(5000, 4999, 4).into()];
    let report = send(&admin, "create=true", CSV, &file(&rows.concat()), None).await.expect(200).json();
    assert_eq!(counts(&report), [6000, 6000, 0]);
    // While the first chunk waits for a lock, the second would be first.
    let by_hand = world.postgres().client(world.database()).await;
    by_hand.batch_execute("BEGIN; SELECT FROM products WHERE sku = 'S00000' FOR UPDATE").await.unwrap();
    let second = file(&[vec![block(0..2000, 5)], again(2000, 1999, 6).into()].concat());
    let importing = tokio::spawn(async move { send(&admin, "", CSV, &second, None).await.expect(200).json() });
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    eventually!(number(&world, waiting).await > 0);
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    by_hand.batch_execute("COMMIT").await.unwrap();
    assert_eq!(counts(&importing.await.unwrap()), [3000, 3000, 0]);
    for (quantity, rows) in [(5, 1999), (6, 1000), (3, 1999), (4, 1000)] {
        let found = number(&world, &format!("SELECT count(*) FROM inventory_items WHERE on_hand = {quantity}")).await;
        assert_eq!(found, rows, "of {quantity}");
    }
    let off = "SELECT count(*) FROM inventory_items i WHERE on_hand <> (SELECT sum(on_hand_after - on_hand_before) FROM ledger l
        WHERE l.sku = i.sku AND l.location = i.location)";
    assert_eq!(number(&world, off).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_import_is_refused_whole() {
    let (world, admin) = open().await;
    let long = format!("sku,location,quantity\nA,a,1\nB,a,{}\n{}", "1".repeat(70_000), "C,a,1\n".repeat(500_000));
    let open_quote = format!("sku,location,quantity\nA,\"a,1\n{}", "C,a,1\n".repeat(20_000));
    for body in [&long, &open_quote] {
        let refused = send(&admin, "create=true", CSV, body, None).await.expect(413);
        assert_eq!((refused.code().as_str(), &refused.json()["limit"]), ("too_large", &json!(65536)));
    }
    for (body, named) in
        [("", "sku"), ("sku,location,sku,quantity\n", "twice"), ("sku,location,quantity,colour\n", "colour")]
    {
        let refused = send(&admin, "", CSV, body, None).await.expect(400);
        assert!(refused.json()["field"] == "header" && refused.text().contains(named), "{}", refused.text());
    }
    let operator = world.origin(0).client(&world.tokens.operator);
    send(&operator, "mode=set", CSV, "sku,location,quantity\n", None).await.expect(403);
    send(&operator, "mode=adjust", "application/json", "{}", None).await.expect(415);
    assert_eq!(number(&world, "SELECT count(*) FROM ledger").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_applies_a_file_once() {
    let (world, admin) = open().await;
    world.stock("A", "a", 10).await;
    let file = "sku,location,quantity\nA,a,5\n";
    let first = send(&admin, "mode=adjust", CSV, file, Some("night-1")).await.expect(200);
    let again = send(&admin, "mode=adjust", CSV, file, Some("night-1")).await.expect(200);
    assert_eq!((again.header("idempotent-replayed"), again.json()), (Some("true"), first.json()));
    for (query, other) in
        [("mode=adjust", "sku,location,quantity\nA,a,6\n"), ("mode=set", file), ("mode=adjust&on_error=skip", file)]
    {
        let refused = send(&admin, query, CSV, other, Some("night-1")).await.expect(422);
        assert_eq!(refused.code(), "idempotency_key_reused", "{query}");
    }
    assert_eq!(number(&world, "SELECT on_hand FROM inventory_items").await, 15);
}

/// Killed in the middle, an import goes on where it stopped: no row twice, none left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_survives_a_killed_origin() {
    const ROWS: i64 = 24_000;
    let (world, admin) = open().await;
    let count: String = (0..ROWS).map(|row| format!("S{row:05},a,1\n")).collect();
    let count = format!("sku,location,quantity\n{count}");
    send(&admin, "create=true", CSV, &count, None).await.expect(200);
    let adjust = count.replace(",1\n", ",2\n");
    let (caller, body) = (admin.clone(), adjust.clone());
    let broken = tokio::spawn(async move {
        let call = caller.call("POST".parse().unwrap(), "/inventory/imports?mode=adjust").key("resumed");
        call.body(CSV, body).try_send().await.map(|reply| reply.status)
    });
    let done = "SELECT count(*) FROM ledger WHERE kind = 'import_adjust'";
    eventually!(number(&world, done).await > 0);
    world.origin(0).kill();
    let outcome = broken.await.unwrap();
    let before = number(&world, done).await;
    println!("killed after {before} of {ROWS} rows");
    assert!(outcome.is_err() && before < ROWS, "killed in the middle: {outcome:?} after {before}");
    world.origin(0).start().await;
    let report = send(&admin, "mode=adjust", CSV, &adjust, Some("resumed")).await.expect(200).json();
    assert_eq!(counts(&report), [ROWS as u64, ROWS as u64, 0]);
    assert_eq!(number(&world, done).await, ROWS, "each once");
    assert_eq!(number(&world, "SELECT count(*) FROM inventory_items WHERE on_hand <> 3").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_belongs_to_one_call() {
    let (world, admin) = open().await;
    world.stock("A", "a", 10).await;
    let adjust = |key: &'static str| {
        let body = json!({"location": "a", "delta": 1, "kind": "received", "reason": "r"});
        admin.call("POST".parse().unwrap(), "/inventory/products/A/adjustments").key(key).json(body).send()
    };
    let file = "sku,location,quantity\nA,a,5\n";
    send(&admin, "mode=adjust", CSV, file, Some("an-import")).await.expect(200);
    assert_eq!(adjust("an-import").await.expect(422).code(), "idempotency_key_reused");
    adjust("an-adjustment").await.expect(200);
    let refused = send(&admin, "mode=adjust", CSV, file, Some("an-adjustment")).await.expect(422);
    assert_eq!(refused.code(), "idempotency_key_reused");
    assert_eq!(number(&world, "SELECT on_hand FROM inventory_items").await, 16);
}

/// A caller's own keys may look as an import's do in the database of an earlier version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imports_key_meets_no_key_of_a_callers_own() {
    let (world, admin) = open().await;
    send(&admin, "create=true", CSV, "sku,location,quantity\nA,a,5\nB,a,5\n", None).await.expect(200);
    let own = admin.call("POST".parse().unwrap(), "/inventory/products/A/adjustments").key("n#0");
    let own = own.json(json!({"location": "a", "delta": 1, "kind": "received", "reason": "r"}));
    own.send().await.expect(200);
    let more = "sku,location,quantity\nB,a,2\n";
    for turn in ["first", "again"] {
        let report = send(&admin, "mode=adjust", CSV, more, Some("n")).await.expect(200).json();
        assert_eq!(counts(&report), [1, 1, 0], "{turn}: {report}");
    }
    assert_eq!(number(&world, "SELECT sum(on_hand) FROM inventory_items").await, 6 + 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_and_numbers_are_what_spreadsheets_write() {
    let (world, admin) = open().await;
    let rows: String = (0..8000).map(|row| format!("S{row:05},a,13.0000\r")).collect();
    assert!(rows.len() > 128 << 10, "more than one row may have");
    let report = send(&admin, "create=true", CSV, &format!("sku,location,quantity\r{rows}"), None).await;
    assert_eq!(counts(&report.expect(200).json()), [8000, 8000, 0]);
    assert_eq!(number(&world, "SELECT sum(on_hand) FROM inventory_items").await, 8000 * 13);
    let report = send(&admin, "on_error=skip", CSV, "sku,location,quantity\rS00000,a,13.5\rS00001,a,1\r", None).await;
    let report = report.expect(200).json();
    assert_eq!((counts(&report), lines(&report)), ([2, 1, 1], vec![2]), "{report}");
}
