//! A guest whose toolchain insists on WASI finds a fixed clock, seeded numbers, a log, and nothing else.

use std::{collections::BTreeMap, time::Duration};

use onhand_rules::{Config, Reason, RuleAnswer, RuleInput, Trial, TrialOutcome, componentize};
use onhand_wire::Timestamp;
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::support::*;

/// Like WASI 0.2's own, but for what the test does not use.
const WASI: &str = r#"
package test:guest;

package wasi:clocks@0.2.9 {
    interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 }  now: func() -> datetime; }
}
package wasi:random@0.2.9 { interface random { get-random-u64: func() -> u64; } }
package wasi:io@0.2.9 {
    interface streams { resource output-stream {
        blocking-write-and-flush: func(contents: list<u8>) -> result;
    } }
}
package wasi:cli@0.2.9 {
    interface stdout { use wasi:io/streams@0.2.9.{output-stream};  get-stdout: func() -> output-stream; }
    interface environment { get-environment: func() -> list<tuple<string, string>>; }
    interface exit { exit: func(status: result); }
}
"#;

const WORLD: &str = r#"
    import wasi:clocks/wall-clock@0.2.9;
    import wasi:random/random@0.2.9;
    import wasi:io/streams@0.2.9;
    import wasi:cli/stdout@0.2.9;
    import wasi:cli/environment@0.2.9;
    import wasi:cli/exit@0.2.9;
    include onhand:rules/ranking@0.1.0;
"#;

/// Ranks its locations: the clock's seconds, a random number, and how many variables are set. At 13
/// seconds it exits instead.
const GUEST: &str = r#"(module
    (import "wasi:clocks/wall-clock@0.2.9" "now" (func $now (param i32)))
    (import "wasi:random/random@0.2.9" "get-random-u64" (func $random (result i64)))
    (import "wasi:cli/stdout@0.2.9" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.9" "[method]output-stream.blocking-write-and-flush"
        (func $print (param i32 i32 i32) (result i32)))
    (import "wasi:cli/environment@0.2.9" "get-environment" (func $environment (param i32)))
    (import "wasi:cli/exit@0.2.9" "exit" (func $exit (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 512) "said so")
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
    (func (export "onhand:rules/ranking-rule@0.1.0#rank")
        (param i64 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 f64 f64 i32 i32) (result i32)
        (call $now (i32.const 1024))
        (if (i64.eq (i64.load (i32.const 1024)) (i64.const 13)) (then (call $exit (i32.const 0))))
        (drop (call $print (call $stdout) (i32.const 512) (i32.const 7)))
        (call $environment (i32.const 1040))
        ;; three options, each a byte that says "some" and a number
        (i32.store (i32.const 2048) (i32.const 1))
        (i32.store (i32.const 2052) (i32.wrap_i64 (i64.load (i32.const 1024))))
        (i32.store (i32.const 2056) (i32.const 1))
        (i32.store (i32.const 2060) (i32.and (i32.wrap_i64 (call $random)) (i32.const 0xffffff)))
        (i32.store (i32.const 2064) (i32.const 1))
        (i32.store (i32.const 2068) (i32.load (i32.const 1044)))
        ;; ok, where, how many
        (i32.store (i32.const 256) (i32.const 0))
        (i32.store (i32.const 260) (i32.const 2048))
        (i32.store (i32.const 264) (i32.const 3))
        (i32.const 256)))"#;

fn guest(world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/rules/since-v0.1")).unwrap();
    let package = resolve.push_str("guest.wit", &format!("{WASI}\nworld guest {{ {world} }}")).unwrap();
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut module = wat::parse_str(GUEST).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    componentize(&module).unwrap()
}

fn ask(seconds: i64) -> TrialOutcome {
    let trial = Trial::new(&Config::default(), "guest", &guest(WORLD), "").unwrap();
    let mut input = allocation_input(&[], &[("a", 0.0), ("b", 0.0), ("c", 0.0)], &[]);
    input.at = Timestamp::from_micros(seconds * 1_000_000);
    trial.run(&RuleInput::Ranking(input), &BTreeMap::new(), Duration::from_secs(20))
}

fn ranks(seconds: i64) -> Vec<Option<i32>> {
    match ask(seconds).answer {
        Ok(RuleAnswer::Ranking(ranks)) => ranks,
        other => panic!("no ranks: {other:?}"),
    }
}

#[test]
fn the_clock_stands_at_the_request_and_numbers_are_the_same() {
    let first = ranks(1_000);
    assert_eq!((first[0], first[2]), (Some(1_000), Some(0)), "the request's time, and an empty environment");
    assert_eq!(ranks(1_000), first, "the same request, the same answer");
    assert_eq!(ranks(1_001), [Some(1_001), first[1], Some(0)], "the clock moves, the numbers do not");
}

#[test]
fn what_is_printed_goes_to_the_log() {
    assert_eq!(ask(1_000).log, ["said so"]);
}

#[test]
fn what_exits_traps() {
    let fault = ask(13).answer.unwrap_err();
    assert_eq!(fault.reason, Reason::Trap);
    assert!(fault.detail.contains("the rule exits"), "{}", fault.detail);
}
