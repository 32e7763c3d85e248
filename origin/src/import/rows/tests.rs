//! Line numbers and what is refused, in both formats.

use onhand_wire::{Location, LocationId, Timestamp, Version};

use super::*;
use crate::{command::ImportMode, import::OnError};

const SET: Options = Options { mode: ImportMode::Set, on_error: OnError::Skip, create: false, items: true };

fn location(id: &str, name: &str) -> Location {
    Location {
        location: LocationId::new(id).unwrap(),
        name: name.to_owned(),
        region: None,
        priority: 0,
        lat: None,
        lon: None,
        enabled: true,
        pickup: false,
        version: Version::new(1, 1),
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

fn reading(kind: Kind, said: Said) -> Reading {
    let places = Arc::new(Places::new(&[location("a", "Shop Berlin"), location("b", "London")]));
    Reading { kind, said, locale: None, places }
}

/// Line and SKU of each valid row, line and field of each other.
fn rows(kind: Kind, text: &str) -> Vec<(u64, String)> {
    let mut rows = Rows::new(reading(kind, Said::default()), text.as_bytes()).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next(SET).unwrap() {
        found.push(match row {
            Ok(row) => (row.row, row.sku.to_string()),
            Err(error) => (error.row, format!("!{}", error.problem.members["field"].as_str().unwrap())),
        });
    }
    found
}

fn told(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected.iter().map(|(line, what)| (*line, (*what).to_owned())).collect()
}

fn refused(text: &str) -> String {
    match Rows::new(reading(Kind::Csv, Said::default()), text.as_bytes()) {
        Ok(_) => "accepted".to_owned(),
        Err(problem) => problem.detail.into_owned(),
    }
}

#[test]
fn lines_are_the_files_own() {
    let plain = "sku,location,quantity,name\nA,a,1,x\n\n\nB,a,minus,x\n\"C\",a,3,\"two\n\nlines, \"\"quoted\"\"\"\nD,a,,x\nE,a,5,x";
    let expected = told(&[(2, "A"), (5, "!quantity"), (6, "C"), (9, "!quantity"), (10, "E")]);
    // A quoted line end is a control character in a name.
    let expected: Vec<_> =
        expected.into_iter().map(|(line, what)| (line, if what == "C" { "!name".to_owned() } else { what })).collect();
    assert_eq!(rows(Kind::Csv, plain), expected);
    assert_eq!(rows(Kind::Csv, &plain.replace('\n', "\r\n")), expected, "CRLF");
    assert_eq!(rows(Kind::Csv, &plain.replace('\n', "\r")), expected, "CR alone, as Excel's \"CSV (Macintosh)\"");
    assert_eq!(rows(Kind::Csv, &format!("\u{feff}{plain}\n")), expected, "BOM, and an end of the last line");
    let json = "\u{feff}{\"sku\":\"A\",\"location\":\"a\",\"quantity\":1}\r\n\n  \n{\"sku\":\"B\",\"location\":\"a\"}\nnonsense";
    let expected = told(&[(1, "A"), (4, "!quantity"), (5, "!body")]);
    for end in ["\n", "\r\n", "\r"] {
        assert_eq!(rows(Kind::Ndjson, &json.replace("\r\n", "\n").replace('\n', end)), expected, "{end:?}");
    }
}

#[test]
fn headers_are_checked() {
    assert!(refused("").contains("sku is missing"));
    assert!(refused("sku,quantity\n").contains("location is missing"));
    assert!(refused("sku,location,quantity,colour\n").contains("\"colour\""));
    assert!(refused("sku,location,quantity,sku\n").contains("sku is there twice"));
    assert!(refused("sku,location,quantity,warehouseId\n").contains("location is there twice"));
    assert_eq!(rows(Kind::Csv, "sku,warehouseId,quantity"), []);
    assert_eq!(rows(Kind::Ndjson, ""), []);
}

#[test]
fn rows_name_the_field_at_fault() {
    let head = "sku,location,quantity,name,price,currency,safety_stock\n";
    let body = "A,a,1\nB,a,1000000001,n,,,\nC,a,-1,n,,,\nD,a,1,n,5,,\nE,a,1,n,5,gbp,\nF,a,1,n,-5,GBP,\n,a,1,n,,,\nG,ä,1,n,,,\nH,a,1.5,n,,,\nI,a,1,n,,,x\nJ,a,1,n,5,GBP,7\n";
    let fields =
        ["row", "quantity", "quantity", "currency", "currency", "price", "sku", "location", "quantity", "safety_stock"];
    let mut expected: Vec<_> = fields.iter().zip(2..).map(|(field, line)| (line, format!("!{field}"))).collect();
    expected.push((12, "J".to_owned()));
    assert_eq!(rows(Kind::Csv, &format!("{head}{body}")), expected);
    let json = [
        r#"{"sku":"A","location":"a","quantity":1,"colour":"red"}"#,
        r#"{"sku":"A","location":"a","quantity":1,"price":5}"#,
        r#"{"sku":"A","location":"a","quantity":1.5e0}"#,
        r#"{"sku":"A","sku":"B","location":"a","quantity":1}"#,
        r#"{"sku":"A","location":"a","quantity":1000000001}"#,
    ];
    let fields: Vec<_> = rows(Kind::Ndjson, &json.join("\n")).into_iter().map(|(_, what)| what).collect();
    assert_eq!(fields, ["!colour", "!currency", "!quantity", "!body", "!quantity"]);
}

#[test]
fn a_quote_left_open_gathers_no_more_than_a_row() {
    let text = format!("sku,location,quantity\nA,a,1\nB,\"a,1\n{}", "C,a,1\n".repeat(20_000));
    let mut rows = Rows::new(reading(Kind::Csv, Said::default()), text.as_bytes()).unwrap();
    assert!(rows.next(SET).unwrap().unwrap().is_ok());
    let problem = rows.next(SET).unwrap_err();
    assert!(problem.code == onhand_wire::Code::TooLarge && problem.detail.contains("line 3"), "{problem:?}");
}

/// SKU, location, quantity and name of each valid row; what is refused as its line and field.
fn told_of(text: &str) -> (Vec<String>, Notes) {
    let mut rows = Rows::new(reading(Kind::Csv, Said::default()), text.as_bytes()).unwrap();
    let mut told = Vec::new();
    while let Some(row) = rows.next(SET).unwrap() {
        told.push(match row {
            Ok(row) => {
                let name = row.name.map(|name| format!(" {name}")).unwrap_or_default();
                format!("{} {} {}{name}", row.sku, row.location, row.quantity)
            }
            Err(error) => format!(
                "{} !{}",
                error.row,
                error.problem.members.get("field").and_then(|field| field.as_str()).unwrap_or_default()
            ),
        });
    }
    (told, rows.notes)
}

fn codes(notes: &Notes) -> Vec<String> {
    notes.shown().iter().map(|note| note["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_spreadsheets_do_to_a_file_is_taken_and_told() {
    let text = "sep=;\r\n;;;\r\n SKU ; Quantity;LOCATION;;\r\n A ;13,0000;Shop Berlin;;\r\n;;;;\r\n\u{feff}B\u{a0};5;a;;\r\n\"=\"\"007\"\"\";1;london;;\r\n";
    let (told, notes) = told_of(&text.replace("13,0000", "13.0000"));
    assert_eq!(told, ["A a 13", "B a 5", "007 b 1"]);
    assert_eq!(codes(&notes), ["blank_columns", "blank_rows", "location_names", "respelt", "separator"]);
    let (told, _) = told_of(text);
    assert_eq!(told[0], "4 !quantity", "how it is meant depends on the country");
    let (told, _) = told_of("sku,location,quantity\nA,nowhere,1\nB,Paris!,2\nC,a,1,2\nD,a\n");
    assert_eq!(told, ["2 !", "3 !location", "4 !row", "5 !row"]);
}

#[test]
fn every_format_is_read_without_an_option() {
    let tall = "Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,Location,Bin name,Committed (not editable),On hand (current),On hand (new)\n\
        shirt,Shirt,Size,S,SH-S,,,Shop Berlin,A1,2,5,\nshirt,Shirt,Size,M,SH-M,,,London,,0,3,9\n\
        shirt,Shirt,Size,L,SH-L,,,London,,0,not stocked,\nshirt,Shirt,Size,L,SH-L,,,a,,0,-4,\nshirt,Shirt,Size,L,,,,a,,0,1,\n";
    let (told, notes) = told_of(tall);
    assert_eq!(told, ["SH-S a 5 Shirt, S", "SH-M b 9 Shirt, M", "SH-L a 0 Shirt, L"]);
    assert_eq!(
        codes(&notes),
        ["below_zero", "format", "left_out", "location_names", "no_sku", "unused_columns"],
        "{:?}",
        notes.shown()
    );
    let wide = "Handle,Title,Option1 Name,Option1 Value,SKU,HS Code,COO,Shop Berlin,London\ncap,Cap,Title,Default Title,CAP,,,7,not stocked\n";
    assert_eq!(told_of(wide).0, ["CAP a 7 Cap"]);
    let magento = "source_code,sku,status,quantity\na,24-MB01,1,100.0000\nb,24-MB01,0,3.0000\n";
    let (told, notes) = told_of(magento);
    assert_eq!(told, ["24-MB01 a 100", "24-MB01 b 0"]);
    assert!(codes(&notes).contains(&"not_for_sale".to_owned()));
    let unknown = Rows::new(reading(Kind::Csv, Said::default()), "Handle,SKU,HS Code,COO,Paris,Rome\n".as_bytes());
    let refused = unknown.err().expect("nothing is read before it is known where to");
    assert_eq!(refused.members["unknown_locations"], serde_json::json!(["Paris", "Rome"]));
}

#[test]
fn other_files_are_mapped() {
    let said =
        Said { format: None, map: vec![("sku".into(), "Artikel".into()), ("quantity".into(), "Bestand".into())] };
    let text = "Artikel;Text;Bestand\nA;x;5\n";
    let refused = Rows::new(reading(Kind::Csv, said.clone()), text.as_bytes()).err().unwrap();
    assert!(refused.detail.contains("say location="), "two locations: {}", refused.detail);
    let mut mapped = reading(Kind::Csv, said);
    Arc::make_mut(&mut mapped.places).default_to(Some("London")).unwrap();
    let mut rows = Rows::new(mapped, text.as_bytes()).unwrap();
    let row = rows.next(SET).unwrap().unwrap().unwrap();
    assert_eq!((row.sku.as_str(), row.location.as_str(), row.quantity), ("A", "b", 5));
    let wrong = Said { format: None, map: vec![("sku".into(), "Article".into())] };
    let refused = Rows::new(reading(Kind::Csv, wrong), text.as_bytes()).err().unwrap();
    assert!(refused.detail.contains("Artikel, Text, Bestand"), "{}", refused.detail);
}

/// Bytes of files changed at random, the same ones each time: every row is read or refused, and nothing panics.
#[test]
fn no_bytes_are_too_odd() {
    let seeds: [&[u8]; 5] = [
        b"sep=;\r\n;;\r\n SKU ;Quantity;LOCATION;;\r\n\"A;\"\"b\";13.0000;Shop Berlin;;\r\n",
        b"Handle,Title,Option1 Value,SKU,HS Code,COO,Location,On hand (current)\nh,T,S,4.0E+12,,,London,not stocked\n",
        b"Handle,Title,Option1 Value,SKU,HS Code,COO,London\nh,T,S,007,,,-5\n",
        b"source_code,sku,status,quantity\na,24-MB01,0,1.0000\n",
        b"Handle,Title,Variant SKU,Variant Inventory Qty,Vendor\nh,T,X,'-5,V\nh,,Y,2,\n",
    ];
    let mut state = 18_u64;
    let mut dice = |sides: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % sides
    };
    let (mut read, mut refused) = (0, 0);
    for _ in 0..3_000 {
        let mut bytes = seeds[dice(seeds.len())].to_vec();
        for _ in 0..1 + dice(8) {
            let at = dice(bytes.len());
            match dice(4) {
                0 => bytes[at] = dice(256) as u8,
                1 => bytes.insert(at, b",;\t\"\r\n=E"[dice(8)]),
                2 => drop(bytes.remove(at)),
                _ => bytes.extend_from_within(at..),
            }
            if bytes.is_empty() {
                bytes.push(b',');
            }
        }
        for kind in [Kind::Csv, Kind::Ndjson] {
            let Ok(mut rows) = Rows::new(reading(kind, Said::default()), bytes.as_slice()) else {
                refused += 1;
                continue;
            };
            while let Ok(Some(row)) = rows.next(SET) {
                if row.is_ok() { read += 1 } else { refused += 1 }
            }
        }
    }
    assert!(read > 500 && refused > 500, "{read} rows were read, {refused} refused");
}
