//! What the commands print.

use std::{path::Path, process::ExitCode, time::Duration};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use onhand_author::{
    BuiltComponent, FixtureResult, ListedComponent, Measurement, ReplayResult, SignedRelease, TestResults, Verdict,
};
use onhand_wire::Timestamp;

pub(super) fn created(dir: &Path) -> ExitCode {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    println!("{name}/ is ready; {name}/README.md says what is in it. Next:");
    println!("    cd {name}\n    onhand rule build\n    onhand rule test");
    ExitCode::SUCCESS
}

pub(super) fn built(built: &BuiltComponent) -> ExitCode {
    println!("{}: {} of {}", built.component.display(), size(built.bytes as u64), size(built.most));
    println!("sha256 {}", built.digest);
    ExitCode::SUCCESS
}

pub(super) fn signed(signed: &SignedRelease) -> ExitCode {
    let SignedRelease { file, rule, sequence, stage, share, fixtures } = signed;
    let share = share.map_or(String::new(), |share| format!(" of {share} %"));
    println!("{}", file.display());
    println!(
        "{rule}, {}{share}, with its settings and fixtures ({fixtures}); sequence {}",
        stage.as_str(),
        self::sequence(*sequence)
    );
    ExitCode::SUCCESS
}

/// Most sequences are times.
pub(super) fn sequence(sequence: u64) -> String {
    let moment = i64::try_from(sequence).ok().and_then(|ms| ms.checked_mul(1000)).map(Timestamp::from_micros);
    moment.map_or_else(|| sequence.to_string(), |moment| format!("{sequence} ({moment})"))
}

pub(super) fn tests(tests: &TestResults) -> ExitCode {
    let mut table = Table::new();
    let limits = (time(tests.deadline), size(tests.memory as u64));
    table.load_preset(ASCII_MARKDOWN);
    table.set_header([
        "fixture".to_owned(),
        String::new(),
        format!("time (of {})", limits.0),
        format!("memory (of {})", limits.1),
        "fuel".to_owned(),
    ]);
    for case in &tests.cases {
        let [took, memory, fuel] = case.measured.as_ref().map_or_else(Default::default, figures);
        table.add_row([case.name.clone(), word(&case.verdict).to_owned(), took, memory, fuel]);
    }
    println!("{table}");
    for case in &tests.cases {
        explain(case);
    }
    let failed = tests.cases.iter().filter(|case| !matches!(case.verdict, Verdict::Passed | Verdict::Written)).count();
    println!("{} passed, {failed} failed", tests.cases.len() - failed);
    if tests.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn figures(measured: &Measurement) -> [String; 3] {
    [time(measured.took), size(measured.memory), measured.fuel.map_or_else(|| "-".to_owned(), |fuel| fuel.to_string())]
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::Written => "written",
        Verdict::Differs(_) => "DIFFERS",
        Verdict::Over(_) => "OVER",
        Verdict::Unreadable(_) => "UNREADABLE",
    }
}

fn explain(case: &FixtureResult) {
    match &case.verdict {
        Verdict::Passed | Verdict::Written => {}
        Verdict::Differs(diff) => println!("{}: - expected, + answered\n{diff}", case.name),
        Verdict::Over(what) => println!("{}: {what}\n", case.name),
        Verdict::Unreadable(why) => println!("{}.json: {why}\n", case.name),
    }
    for line in &case.log {
        println!("{} logged: {line}", case.name);
    }
}

pub(super) fn replayed(replayed: &ReplayResult) -> ExitCode {
    if replayed.captured != replayed.component {
        println!("another build than the one that was captured: {} now", replayed.component);
    }
    let Some(diff) = &replayed.differs else {
        println!("the same answer, byte for byte ({})", time(replayed.took));
        return ExitCode::SUCCESS;
    };
    println!("the answers differ: - captured, + now\n{diff}");
    if let Some(detail) = &replayed.detail {
        println!("{detail}");
    }
    ExitCode::FAILURE
}

pub(super) fn listed(listed: &[ListedComponent]) -> ExitCode {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(["component", "world", "size", "sha256", "settings"]);
    for ListedComponent { file, rule } in listed {
        match rule {
            Ok(rule) => {
                let settings: Vec<String> =
                    rule.settings.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
                let digest = &rule.digest[..12];
                table.add_row([file, rule.world.as_str(), &size(rule.bytes as u64), digest, &settings.join(", ")]);
            }
            Err(error) => {
                table.add_row([file, "REFUSED", "", "", &error.to_string()]);
            }
        }
    }
    println!("{table}");
    if listed.iter().all(|listed| listed.rule.is_ok()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

fn time(span: Duration) -> String {
    if span < Duration::from_millis(1) {
        format!("{} µs", span.as_micros())
    } else {
        format!("{:.1} ms", span.as_secs_f64() * 1000.0)
    }
}
