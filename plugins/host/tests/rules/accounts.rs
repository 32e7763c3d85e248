//! What is counted and what is logged.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use prometheus::{Encoder, Registry, TextEncoder};

use crate::support::*;

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn logged(run: impl FnOnce()) -> String {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt().json().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, run);
    let bytes = captured.0.lock().unwrap();
    String::from_utf8(bytes.clone()).unwrap()
}

#[test]
fn calls_and_failures_are_counted_by_rule() {
    let folder = Folder::new().add("hostile", &built("hostile"), "").add(
        "refuses",
        &built("hostile"),
        "config.behaviour = \"refuse\"",
    );
    let rules = folder.load();
    let registry = Registry::new();
    rules.register(&registry).unwrap();
    for _ in 0..3 {
        rules.allocate("hostile", &ten_asked()).unwrap();
        rules.allocate("refuses", &ten_asked()).unwrap_err();
    }
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    for line in [
        r#"rules_calls_total{rule="hostile",world="allocation"} 3"#,
        r#"rules_calls_total{rule="refuses",world="allocation"} 3"#,
        r#"rules_failures_total{reason="refused",rule="refuses"} 3"#,
        r#"rules_failures_total{reason="refused",rule="hostile"} 0"#,
        r#"rules_call_duration_seconds_count{rule="hostile"} 3"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_failing_rule_is_named_with_its_inputs_digest_and_does_not_flood() {
    let rules = hostile("too_much");
    let log = logged(|| {
        for _ in 0..200 {
            rules.allocate("hostile", &ten_asked()).unwrap_err();
        }
    });
    let lines: Vec<&str> = log.lines().collect();
    // One a second; a slow machine may take some seconds over them.
    assert!((1..20).contains(&lines.len()), "{} lines", lines.len());
    assert!(lines[0].contains(r#""rule":"hostile""#) && lines[0].contains(r#""reason":"wrong_answer""#));
    let digest = lines[0].split(r#""input":""#).nth(1).unwrap().split('"').next().unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{digest}");
}

#[test]
fn a_rules_own_lines_are_kept_to_a_limit() {
    let rules = hostile("chatter");
    let log = logged(|| drop(rules.allocate("hostile", &ten_asked())));
    assert!(log.contains(r#""rule":"hostile""#));
    assert_eq!(log.matches("x".repeat(100).as_str()).count(), 10, "{log}");
}
