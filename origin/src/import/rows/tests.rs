//! Line numbers and what is refused, in both formats.

use super::*;
use crate::{command::ImportMode, import::OnError};

const SET: Options = Options { mode: ImportMode::Set, on_error: OnError::Skip, create: false, items: true };

/// Line and SKU of each valid row, line and field of each other.
fn rows(format: Format, text: &str) -> Vec<(u64, String)> {
    let mut rows = Rows::new(format, text.as_bytes()).unwrap();
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
    match Rows::new(Format::Csv, text.as_bytes()) {
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
    assert_eq!(rows(Format::Csv, plain), expected);
    assert_eq!(rows(Format::Csv, &plain.replace('\n', "\r\n")), expected, "CRLF");
    assert_eq!(rows(Format::Csv, &plain.replace('\n', "\r")), expected, "CR alone, as Excel's \"CSV (Macintosh)\"");
    assert_eq!(rows(Format::Csv, &format!("\u{feff}{plain}\n")), expected, "BOM, and an end of the last line");
    let json = "\u{feff}{\"sku\":\"A\",\"location\":\"a\",\"quantity\":1}\r\n\n  \n{\"sku\":\"B\",\"location\":\"a\"}\nnonsense";
    let expected = told(&[(1, "A"), (4, "!quantity"), (5, "!body")]);
    for end in ["\n", "\r\n", "\r"] {
        assert_eq!(rows(Format::Ndjson, &json.replace("\r\n", "\n").replace('\n', end)), expected, "{end:?}");
    }
}

#[test]
fn headers_are_checked() {
    assert!(refused("").contains("sku is missing"));
    assert!(refused("sku,quantity\n").contains("location is missing"));
    assert!(refused("sku,location,quantity,colour\n").contains("\"colour\""));
    assert!(refused("sku,location,quantity,sku\n").contains("sku is there twice"));
    assert!(refused("sku,location,quantity,warehouseId\n").contains("location is there twice"));
    assert_eq!(rows(Format::Csv, "sku,warehouseId,quantity"), []);
    assert_eq!(rows(Format::Ndjson, ""), []);
}

#[test]
fn rows_name_the_field_at_fault() {
    let head = "sku,location,quantity,name,price,currency,safety_stock\n";
    let body = "A,a,1\nB,a,1000000001,n,,,\nC,a,-1,n,,,\nD,a,1,n,5,,\nE,a,1,n,5,gbp,\nF,a,1,n,-5,GBP,\n,a,1,n,,,\nG,ä,1,n,,,\nH,a,1.5,n,,,\nI,a,1,n,,,x\nJ,a,1,n,5,GBP,7\n";
    let fields =
        ["row", "quantity", "quantity", "currency", "currency", "price", "sku", "location", "quantity", "safety_stock"];
    let mut expected: Vec<_> = fields.iter().zip(2..).map(|(field, line)| (line, format!("!{field}"))).collect();
    expected.push((12, "J".to_owned()));
    assert_eq!(rows(Format::Csv, &format!("{head}{body}")), expected);
    let json = [
        r#"{"sku":"A","location":"a","quantity":1,"colour":"red"}"#,
        r#"{"sku":"A","location":"a","quantity":1,"price":5}"#,
        r#"{"sku":"A","location":"a","quantity":1.5e0}"#,
        r#"{"sku":"A","sku":"B","location":"a","quantity":1}"#,
        r#"{"sku":"A","location":"a","quantity":1000000001}"#,
    ];
    let fields: Vec<_> = rows(Format::Ndjson, &json.join("\n")).into_iter().map(|(_, what)| what).collect();
    assert_eq!(fields, ["!colour", "!currency", "!quantity", "!body", "!quantity"]);
}

#[test]
fn a_quote_left_open_gathers_no_more_than_a_row() {
    let text = format!("sku,location,quantity\nA,a,1\nB,\"a,1\n{}", "C,a,1\n".repeat(20_000));
    let mut rows = Rows::new(Format::Csv, text.as_bytes()).unwrap();
    assert!(rows.next(SET).unwrap().unwrap().is_ok());
    let problem = rows.next(SET).unwrap_err();
    assert!(problem.code == onhand_wire::Code::TooLarge && problem.detail.contains("line 3"), "{problem:?}");
}
