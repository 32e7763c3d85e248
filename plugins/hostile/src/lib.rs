//! How to misbehave in ways that any rule could.

use onhand_rule::{Config, Level, log};

/// Does the harm that the setting `behaviour` names; comes back for those that are wrong answers.
pub fn misbehave(config: &Config) -> String {
    let behaviour = config.text("behaviour").unwrap_or_default();
    match behaviour.as_str() {
        "loop" => forever(),
        "grow" => grow(),
        "trap" => panic!("as asked"),
        "stack" => assert!(recurse(1) > 0, "never comes back"),
        "chatter" => chatter(),
        "log_flood" => flood(),
        _ => {}
    }
    behaviour
}

fn forever() -> ! {
    loop {
        std::hint::black_box(0);
    }
}

/// Never in the guest itself for long: each turn goes through the host.
fn flood() -> ! {
    loop {
        log(Level::Error, "again");
    }
}

fn grow() {
    let mut kept = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

#[expect(unconditional_recursion, reason = "to use up the stack")]
fn recurse(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    recurse(depth + 1) + room[3]
}

/// More than the host keeps of one call's log.
fn chatter() {
    for _ in 0..100 {
        log(Level::Info, &"x".repeat(100));
    }
}
