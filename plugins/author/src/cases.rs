//! `onhand rule test`: the fixtures, in the sandbox that edge and origin use.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use onhand_rules::{Config, ExpectedOutcome, Fault, Fixture, RuleAnswer, Trial, TrialOutcome};
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};

use crate::{
    Project,
    build::settings,
    component::{Component, PATIENCE},
    error::{At, AuthorError},
};

/// How often each call is made; the quickest counts, since a busy machine slows some.
const CALLS: usize = 10;

/// The result of each fixture, and the limits of a call.
pub struct TestResults {
    pub cases: Vec<FixtureResult>,
    pub deadline: Duration,
    /// In bytes.
    pub memory: usize,
}

pub struct FixtureResult {
    /// The name of the fixture's file, without its ending.
    pub name: String,
    pub verdict: Verdict,
    /// `None` if the call was never made.
    pub measured: Option<Measurement>,
    pub log: Vec<String>,
}

pub enum Verdict {
    Passed,
    /// The answer was written into the fixture (`--bless`).
    Written,
    /// The expected and the actual answer, line by line.
    Differs(String),
    /// The answer was right, but the call went over a limit.
    Over(String),
    /// The fixture can't be read, and why.
    Unreadable(String),
}

/// What one call used.
pub struct Measurement {
    pub took: Duration,
    /// In bytes.
    pub memory: u64,
    /// Instructions, by wasmtime's count: the same on every machine.
    pub fuel: Option<u64>,
}

impl TestResults {
    pub fn passed(&self) -> bool {
        self.cases.iter().all(|case| matches!(case.verdict, Verdict::Passed | Verdict::Written))
    }
}

/// Runs every fixture of the project; `bless` writes the actual answers into those that differ.
///
/// # Errors
/// If nothing is built, there are no fixtures, or the host refuses the component.
pub fn test(project: &Project, config: &Config, bless: bool) -> Result<TestResults, AuthorError> {
    let files = files(&project.fixtures)?;
    let component = project.component();
    if !component.exists() {
        return Err(AuthorError::NotBuilt(component));
    }
    // They may have changed since the build.
    settings(project)?;
    let component = Component::read(&component)?;
    let (trial, counting) = (component.trial(config)?, component.counting(config)?);
    let mut cases = Vec::with_capacity(files.len());
    for file in &files {
        cases.push(play(&trial, &counting, file, bless)?);
    }
    if bless {
        settings(project)?; // copies the rewritten fixtures, too
    }
    let (deadline, memory) = trial.limits();
    Ok(TestResults { cases, deadline, memory })
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, AuthorError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).at(dir)? {
        let file = entry.at(dir)?.path();
        if file.extension().is_some_and(|end| end == "json") {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() { Err(AuthorError::NoFixtures(dir.to_owned())) } else { Ok(files) }
}

fn play(trial: &Trial, counting: &Trial, file: &Path, bless: bool) -> Result<FixtureResult, AuthorError> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read(file).at(file)?;
    let fixture = match Fixture::parse(trial.world(), &text) {
        Ok(fixture) => fixture,
        Err(why) => {
            let verdict = Verdict::Unreadable(why.to_string());
            return Ok(FixtureResult { name, verdict, measured: None, log: Vec::new() });
        }
    };
    let (ran, measured) = measure(trial, counting, &fixture);
    let (expected, came) = (expected(&fixture.expected), came(&ran.answer));
    let verdict = if expected == came {
        match measured.took > trial.limits().0 {
            true => Verdict::Over(format!("took {:?}, of {:?}", measured.took, trial.limits().0)),
            false => Verdict::Passed,
        }
    } else if bless {
        write(file, &text, &came)?;
        Verdict::Written
    } else {
        let detail = ran.answer.as_ref().err().map(|fault| fault.detail.clone() + "\n");
        Verdict::Differs(diff(&expected, &came) + &detail.unwrap_or_default())
    };
    Ok(FixtureResult { name, verdict, measured: Some(measured), log: ran.log })
}

fn measure(trial: &Trial, counting: &Trial, fixture: &Fixture) -> (TrialOutcome, Measurement) {
    let first = trial.run(&fixture.input, &fixture.config, PATIENCE);
    let (mut took, mut memory) = (first.time, first.memory);
    for _ in 1..CALLS {
        let again = trial.run(&fixture.input, &fixture.config, PATIENCE);
        (took, memory) = (took.min(again.time), memory.max(again.memory));
    }
    let fuel = counting.run(&fixture.input, &fixture.config, PATIENCE).fuel;
    (first, Measurement { took, memory, fuel })
}

fn expected(expected: &ExpectedOutcome) -> Value {
    match expected {
        ExpectedOutcome::Answer(answer) => json!({ "expected": answer }),
        ExpectedOutcome::Failure(reason) => json!({ "expected_error": reason }),
    }
}

fn came(answer: &Result<RuleAnswer, Fault>) -> Value {
    match answer {
        Ok(answer) => json!({ "expected": answer }),
        Err(fault) => json!({ "expected_error": fault.reason.as_str() }),
    }
}

/// `-` is what was expected, `+` what was answered.
pub(crate) fn diff(wanted: &Value, came: &Value) -> String {
    let (wanted, came) = (format!("{wanted:#}\n"), format!("{came:#}\n"));
    let diff = TextDiff::from_lines(&wanted, &came);
    let line = |change: similar::Change<&str>| {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        format!("{sign} {change}")
    };
    diff.iter_all_changes().map(line).collect()
}

/// Only the expected answer changes; the rest of the file keeps its values.
fn write(file: &Path, text: &[u8], came: &Value) -> Result<(), AuthorError> {
    let invalid = |error: serde_json::Error| AuthorError::Invalid { file: file.to_owned(), fault: error.to_string() };
    let mut fixture: serde_json::Map<String, Value> = serde_json::from_slice(text).map_err(invalid)?;
    fixture.remove("expected");
    fixture.remove("expected_error");
    fixture.extend(came.as_object().cloned().unwrap_or_default());
    fs::write(file, format!("{:#}\n", Value::Object(fixture))).at(file)
}
