//! Whatever the bytes, loading a component ends with a rule or a refusal, and calling it with an answer or a fault.
#![no_main]

use std::{sync::LazyLock, time::Duration};

use libfuzzer_sys::fuzz_target;
use onhand_rules::{Config, RuleInput, Trials, World};

static TRIALS: LazyLock<Trials> = LazyLock::new(|| Trials::new(&Config::default()).expect("the host starts"));

fn input(world: World) -> RuleInput {
    let (sku, location) = ("\"sku\":\"x\"", "\"location\":\"a\"");
    let at = "\"at\":\"2026-01-31T12:00:00.000Z\"";
    let read = |json: String| RuleInput::parse(world, json.parse().expect("JSON")).expect("an input");
    match world {
        World::View => read(format!("{{{sku},\"locations\":[{{{location},\"available\":9}}]}}")),
        World::Allocation | World::Ranking => read(format!(
            "{{{at},\"lines\":[{{\"line\":0,{sku},\"quantity\":2}}],\"locations\":[{{{location},\"priority\":0}}],
              \"stock\":[{{{sku},{location},\"available\":9}}]}}"
        )),
        World::Pricing => {
            read(format!("{{{at},\"currency\":\"GBP\",\"lines\":[{{\"line\":0,{sku},\"quantity\":2}}]}}"))
        }
    }
}

fuzz_target!(|component: &[u8]| {
    let Ok(trial) = TRIALS.of("fuzzed", component, "") else { return };
    let _answer_or_fault = trial.run(&input(trial.world()), &Default::default(), Duration::from_millis(20));
});
