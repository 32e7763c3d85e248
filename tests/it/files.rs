//! What shops bring: their platforms' exports as they are, what spreadsheets do to files, trial runs, packed bodies,
//! and exports that an import reads back.

use std::{collections::BTreeMap, io::Write, path::PathBuf};

use onhand_harness::{Client, Reply, World};
use serde_json::{Value, json};

const CSV: &str = "text/csv";

fn file(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/files").join(format!("{name}.csv"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

struct Shop {
    world: World,
    admin: Client,
}

impl Shop {
    /// With the locations of the example files, by their names.
    async fn open(locations: &[(&str, &str)]) -> Self {
        let world = World::start().edges(0).ready().await;
        let admin = world.origin(0).client(&world.tokens.admin);
        for (id, name) in locations {
            admin.put(&format!("/inventory/locations/{id}"), json!({"name": name})).await.expect(201);
        }
        Self { world, admin }
    }

    async fn send(&self, query: &str, media: &str, body: impl Into<Vec<u8>>) -> Reply {
        let call = self.admin.call("POST".parse().unwrap(), &format!("/inventory/imports?{query}"));
        call.body(media, body.into()).send().await
    }

    async fn import(&self, query: &str, body: impl Into<Vec<u8>>) -> Value {
        self.send(query, CSV, body).await.expect(200).json()
    }

    async fn number(&self, sql: &str) -> i64 {
        self.world.sql(&format!("SELECT ({sql})::bigint")).await[0].get(0)
    }

    async fn export(&self, query: &str) -> String {
        self.admin.get(&format!("/inventory/stock?{query}")).await.expect(200).text()
    }

    /// On hand by SKU and location.
    async fn stock(&self) -> BTreeMap<(String, String), i64> {
        let rows = self.world.sql("SELECT sku, location, on_hand FROM inventory_items").await;
        rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()
    }
}

fn counts(report: &Value) -> [u64; 4] {
    ["read", "applied", "rejected", "left_out"].map(|name| report[name].as_u64().unwrap_or_default())
}

fn codes(report: &Value) -> Vec<&str> {
    report["notes"].as_array().into_iter().flatten().map(|note| note["code"].as_str().unwrap()).collect()
}

/// Stock rows, items, units and lines that are left out, counted by the program that wrote the files.
const FILES: [(&str, bool, i64, i64, i64, u64); 5] = [
    ("shopify-inventory", true, 193, 99, 7732, 7),
    ("shopify-inventory-wide", true, 389, 200, 9542, 11),
    ("shopify-products", false, 150, 150, 2880, 50),
    ("magento-stock-sources", true, 200, 100, 19056, 0),
    ("woocommerce-products", false, 169, 169, 2500, 31),
];

/// Each as its platform writes it, without an option but that items may be made; a second time changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_platforms_export_comes_in_as_it_is() {
    for (name, several, rows, items, units, left_out) in FILES {
        let locations: &[_] =
            if several { &[("ber", "Shop Berlin"), ("sued", "Lager Süd")] } else { &[("ber", "Shop Berlin")] };
        let shop = Shop::open(locations).await;
        let trial = shop.import("create=true&dry_run=true", file(name)).await;
        assert_eq!(
            (counts(&trial), &trial["would"]["create_items"]),
            ([rows as u64 + left_out, rows as u64, 0, left_out], &json!(items)),
            "{name}: {trial}"
        );
        assert_eq!(shop.number("SELECT count(*) FROM products").await, 0, "{name}: a trial writes nothing");
        let report = shop.import("create=true", file(name)).await;
        assert_eq!(counts(&report), counts(&trial), "{name}: {report}");
        let format = report["notes"].as_array().unwrap().iter().find(|note| note["code"] == "format").unwrap();
        assert!(format["detail"].as_str().unwrap().contains(&format!("read as {name}")), "{format}");
        let found = shop.number("SELECT count(*) FROM inventory_items").await;
        let sum = shop.number("SELECT sum(on_hand) FROM inventory_items").await;
        assert_eq!((found, sum, shop.number("SELECT count(*) FROM products").await), (rows, units, items), "{name}");
        let lines = shop.number("SELECT count(*) FROM ledger").await;
        let again = shop.import("create=true", file(name)).await;
        assert_eq!(counts(&again), counts(&report), "{name}");
        let trial = shop.import("dry_run=true", file(name)).await;
        assert_eq!(
            (&trial["would"]["change_stock"], &trial["would"]["unchanged"]),
            (&json!(0), &json!(rows)),
            "{name}"
        );
        assert_eq!(shop.number("SELECT count(*) FROM ledger").await, lines, "{name}: a second time changes nothing");
        round_trip(&shop, name, locations).await;
    }
}

/// Import → export → import into an empty database → equal, in both forms.
async fn round_trip(shop: &Shop, name: &str, locations: &[(&str, &str)]) {
    for (format, media) in [("csv", CSV), ("ndjson", "application/x-ndjson")] {
        let other = Shop::open(locations).await;
        let exported = shop.export(&format!("format={format}")).await;
        let report = other.send("create=true", media, exported.clone()).await.expect(200).json();
        assert_eq!(report["rejected"], 0, "{name} {format}: {report}");
        assert_eq!(other.export(&format!("format={format}")).await, exported, "{name} {format}");
        assert_eq!(other.stock().await, shop.stock().await, "{name} {format}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_of_an_item_comes_back_from_an_export() {
    let shop = Shop::open(&[("a", "A"), ("b", "B, \"the other\"")]).await;
    let item = json!({
        "name": "Größe, \"42\"", "brand": "=Brand", "attributes": {"colour": "red, blue"}, "active": false,
        "price": {"amount": 1275, "currency": "GBP"},
    });
    for sku in ["22%2F4%2023", "0099", "1E5"] {
        shop.admin.put(&format!("/inventory/products/{sku}"), item.clone()).await.expect(201);
        let stock = json!({"location": "a", "quantity": 7, "reason": "count"});
        shop.admin.put(&format!("/inventory/products/{sku}/stock"), stock).await.expect(200);
        let policy = json!({"location": "a", "safety_stock": 1, "backorder_limit": 2, "low_stock_at": 3, "restock_at": "2027-03-01"});
        shop.admin.put(&format!("/inventory/products/{sku}/policy"), policy).await.expect(200);
    }
    shop.admin
        .put("/inventory/products/0099/stock", json!({"location": "b", "quantity": 5, "reason": "count"}))
        .await
        .expect(200);
    round_trip(&shop, "everything", &[("a", "A"), ("b", "B")]).await;
    let other = Shop::open(&[("a", "A"), ("b", "B")]).await;
    other.import("create=true", shop.export("").await).await;
    let all = "SELECT string_agg(concat_ws('|', sku, name, brand, attributes, price, currency, active), ';' ORDER BY sku) FROM products";
    let (one, two) = (shop.world.sql(all).await, other.world.sql(all).await);
    assert_eq!(one[0].get::<_, String>(0), two[0].get::<_, String>(0));
    // Parts of it.
    assert_eq!(shop.export("location=b").await.lines().count(), 2);
    shop.admin.put("/inventory/channels/web", json!({"locations": ["b"]})).await.expect(201);
    assert_eq!(shop.export("channel=web").await.lines().count(), 2);
    assert_eq!(shop.export("channel=web&location=a").await.lines().count(), 1, "the names of the columns");
    assert_eq!(shop.export("changed_since=2999-01-01T00:00:00Z").await.lines().count(), 1);
    let ledger = shop.admin.get("/inventory/ledger?sku=0099").await.expect(200).text();
    assert_eq!(ledger.lines().count(), 1 + 3, "{ledger}");
    let lines = shop.admin.get("/inventory/ledger?format=ndjson&sku=0099&location=b").await.expect(200).text();
    assert_eq!(serde_json::from_str::<Value>(lines.trim()).unwrap()["after"]["on_hand"], 5);
}

/// What it is, the query, the media type, the file, and the codes of what is told.
type Case = (&'static str, &'static str, &'static str, Vec<u8>, &'static [&'static str]);

/// Each alone, then all at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_spreadsheets_do_is_taken_and_told() {
    let shop = Shop::open(&[("a", "Lager Süd"), ("b", "B")]).await;
    let wide = |text: &str| -> Vec<u8> {
        b"\xff\xfe".iter().copied().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    };
    let cp1252 =
        |text: &str| -> Vec<u8> { text.chars().map(|letter| u8::try_from(u32::from(letter)).unwrap()).collect() };
    let plain = "sku,location,quantity\nGröße,a,5\n";
    let cases: Vec<Case> = vec![
        ("as it is", "", CSV, plain.into(), &[]),
        ("a BOM", "", CSV, format!("\u{feff}{plain}").into(), &[]),
        ("UTF-16", "", CSV, wide(plain), &["charset"]),
        ("windows-1252", "", CSV, cp1252(plain), &["charset"]),
        ("a charset", "", "text/csv; charset=\"ISO-8859-1\"", cp1252(plain), &["charset"]),
        ("a charset, said otherwise", "charset=latin1", CSV, cp1252(plain), &["charset"]),
        ("semicolons", "", CSV, plain.replace(',', ";").into(), &["separator"]),
        ("tabs", "", CSV, plain.replace(',', "\t").into(), &["separator"]),
        ("sep=", "", CSV, format!("sep=;\r\n{}", plain.replace(',', ";")).into(), &["separator"]),
        ("case and blanks", "", CSV, plain.replace("sku,location,quantity", " SKU ,Location,QUANTITY").into(), &[]),
        ("empty columns", "", CSV, "sku,location,quantity,,\nGröße,a,5,,\n".into(), &["blank_columns"]),
        ("rows of commas", "", CSV, ",,\nsku,location,quantity\n,,\nGröße,a,5\n,,\n".into(), &["blank_rows"]),
        ("a location's name", "", CSV, "sku,location,quantity\nGröße,lager süd,5\n".into(), &["location_names"]),
        ("thousands", "locale=de", CSV, "sku;location;quantity\nGröße;a;1.005\n".into(), &["separator"]),
        (
            "what cannot be seen",
            "",
            CSV,
            "sku,location,quantity\n\u{a0}Gro\u{308}ße\u{200b},a,5\n".into(),
            &["respelt"],
        ),
        ("no location", "location=Lager+S%C3%BCd", CSV, "sku,quantity\nGröße,5\n".into(), &["location"]),
        (
            "other names",
            "map=sku=Artikel,quantity=Bestand,location=Ort",
            CSV,
            "Artikel,Ort,Text,Bestand\nGröße,a,x,5\n".into(),
            &["unused_columns"],
        ),
        (
            "all of it",
            "locale=de",
            CSV,
            wide("sep=;\r\n;;;;\r\n SKU ;LOCATION;Quantity;;\r\n\u{a0}Gro\u{308}ße;Lager Süd;1.005,00;;\r\n;;;;\r\n"),
            &["blank_columns", "blank_rows", "charset", "location_names", "respelt", "separator"],
        ),
    ];
    for (what, query, media, body, told) in cases {
        let report = shop.send(&format!("create=true&{query}"), media, body).await.expect(200).json();
        assert_eq!((counts(&report), codes(&report)), ([1, 1, 0, 0], told.to_vec()), "{what}: {report}");
        let units = if query.contains("locale") { 1005 } else { 5 };
        assert_eq!(shop.stock().await, [(("Größe".to_owned(), "a".to_owned()), units)].into(), "{what}");
    }
    let report = shop.import("mode=adjust&on_error=skip", "sku,location,quantity\nGröße,a,0\nGröße,a,-5\n").await;
    assert_eq!((counts(&report), codes(&report)), ([2, 1, 0, 1], vec!["adjustment_of_0"]), "{report}");
}

/// Refused with what the matter is; what is in the catalogue is itself, whatever it looks like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_spreadsheet_has_damaged_is_refused_by_name() {
    let shop = Shop::open(&[("a", "A")]).await;
    shop.import("create=true", "sku,location,quantity\n00123,a,1\n4006381,a,1\n").await;
    let text = "sku,location,quantity\n4.00638E+12,a,1\n123,a,1\n#N/A,a,1\n2-Sep,a,1\nA,a,#REF!\nB,a,\"1,234\"\nC,a,1.2E+03\n4006381,a,2\n999,a,1\n";
    let said = [
        (2, "digits are lost"),
        (3, "00123 is: a spreadsheet took its zeros"),
        (4, "a spreadsheet's error"),
        (5, "looks like a date"),
        (6, "a spreadsheet's error"),
        (7, "say locale="),
        (8, "write out its digits"),
    ];
    for query in ["create=true", "create=true&on_error=skip", "create=true&on_error=skip&dry_run=true"] {
        let report = shop.import(query, text).await;
        assert_eq!(report["rejected"], 7, "{query}: {report}");
        for (error, (row, said)) in report["errors"].as_array().unwrap().iter().zip(said) {
            assert_eq!(error["row"], row, "{query}: {report}");
            assert!(error["detail"].as_str().unwrap().contains(said), "{query}: {error}");
        }
    }
    let stock = shop.stock().await;
    assert_eq!(stock.keys().map(|(sku, _)| sku.as_str()).collect::<Vec<_>>(), ["00123", "4006381", "999"]);
    // Named by its own name, it is no longer suspect.
    shop.admin.put("/inventory/products/2-Sep", json!({"name": "x"})).await.expect(201);
    assert_eq!(counts(&shop.import("", "sku,location,quantity\n2-Sep,a,3\n").await), [1, 1, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_run_tells_what_would_change_and_why_not() {
    let shop = Shop::open(&[("a", "A"), ("b", "B")]).await;
    shop.import("create=true", "sku,location,quantity\nA,a,10\nB,a,5\nC,a,1\n").await;
    let before = shop.number("SELECT count(*) FROM ledger").await;
    let text = "sku,location,quantity\nA,a,10\nB,a,500\nC,a,0\nNew,b,7\nD,Paris,1\nE,rome,1\n";
    let report = shop.import("create=true&on_error=skip&dry_run=true", text).await;
    assert_eq!((counts(&report), &report["dry_run"]), ([6, 4, 2, 0], &json!(true)), "{report}");
    assert_eq!(report["unknown_locations"], json!(["Paris", "rome"]));
    let would = &report["would"];
    assert_eq!((&would["created"], &would["unchanged"]), (&json!(["New"]), &json!(1)), "{report}");
    assert_eq!(
        would["changes"],
        json!([
            {"row": 3, "sku": "B", "location": "a", "from": 5, "to": 500},
            {"row": 5, "sku": "New", "location": "b", "from": 0, "to": 7},
            {"row": 4, "sku": "C", "location": "a", "from": 1, "to": 0},
        ])
    );
    assert_eq!(shop.number("SELECT count(*) FROM ledger").await, before, "nothing is written");
    let report = shop.import("mode=adjust&dry_run=true", "sku,location,quantity\nA,a,-11\nNone,a,1\n").await;
    assert_eq!(report["applied"], 0, "it would be aborted: {report}");
    assert_eq!(report["errors"][0]["code"], "insufficient_stock", "{report}");
    assert_eq!(report["errors"][1]["code"], "unknown_sku", "{report}");
    let keyed = self::keyed(&shop, "create=true&dry_run=true", "one", text).await.expect(200);
    assert_eq!(keyed.header("idempotent-replayed"), None);
    let real = self::keyed(&shop, "create=true&on_error=skip", "one", text).await.expect(200).json();
    assert_eq!(real["applied"], 4, "a trial keeps nothing under its key: {real}");
}

async fn keyed(shop: &Shop, query: &str, key: &str, text: &str) -> Reply {
    let call = shop.admin.call("POST".parse().unwrap(), &format!("/inventory/imports?{query}")).key(key);
    call.body(CSV, text.to_owned()).send().await
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_may_be_packed_and_are_bounded_by_what_they_unpack_to() {
    let limits = [("ONHAND_ORIGIN__IMPORTS__MAX_BYTES", "1MiB")];
    let world = World::start().edges(0).env(limits[0].0, limits[0].1).ready().await;
    let admin = world.origin(0).client(&world.tokens.admin);
    admin.put("/inventory/locations/a", json!({"name": "A"})).await.expect(201);
    let shop = Shop { world, admin };
    let send = async |encoding: &str, key: &str, body: Vec<u8>| {
        let call = shop.admin.call("POST".parse().unwrap(), "/inventory/imports?create=true").key(key);
        call.header("content-encoding", encoding).body(CSV, body).send().await
    };
    let text = b"sku,location,quantity\nA,a,5\n";
    let zstd = ruzstd::encoding::compress_to_vec(&text[..], ruzstd::encoding::CompressionLevel::Fastest);
    for (encoding, key, body) in [("gzip", "g", gzip(text)), ("zstd", "z", zstd), ("identity", "i", text.to_vec())] {
        assert_eq!(counts(&send(encoding, key, body).await.expect(200).json()), [1, 1, 0, 0], "{encoding}");
    }
    // The same file is the same call, however it is packed.
    let again = send("gzip", "i", gzip(text)).await.expect(200);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    assert_eq!(send("gzip", "b", bomb).await.expect(413).code(), "too_large");
    for (encoding, body) in [("gzip", text.to_vec()), ("zstd", text.to_vec()), ("gzip", gzip(text)[..20].to_vec())] {
        assert_eq!(send(encoding, "x", body).await.expect(400).json()["field"], "body", "{encoding}");
    }
    assert_eq!(send("br", "x", text.to_vec()).await.expect(415).code(), "unsupported_media_type");
    assert_eq!(shop.number("SELECT sum(on_hand) FROM inventory_items").await, 5);
}
