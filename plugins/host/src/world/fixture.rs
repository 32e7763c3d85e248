//! Fixtures: inputs with their expected answers, as JSON files.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::{
    World,
    call::{RuleAnswer, RuleInput},
    fault::{Failure, Reason},
};

/// `NAME.fixtures/*.json`: a release is run on these before it is used, and `onhand rule test` runs
/// them.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixture {
    pub input: RuleInput,
    /// What the rule reads through `config`; the settings beside the rule are not used.
    pub config: BTreeMap<String, String>,
    pub expected: ExpectedOutcome,
}

/// The expected answer, or the reason of the expected failure.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectedOutcome {
    Answer(RuleAnswer),
    /// The reason's name in metrics: `refused`, `invalid_config`, …
    Failure(String),
}

/// A fixture's file: `{"world"?, "config"?: {…}, "input": {…}, "expected": {…} | "expected_error": "refused"}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FixtureFile {
    /// If absent, the component's world. `ranking` asks an allocation rule for its ranks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    world: Option<World>,
    #[serde(default)]
    config: BTreeMap<String, String>,
    input: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expected_error: Option<String>,
}

/// A fixture that can't be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    #[error("can't be read: {0}")]
    Read(#[from] io::Error),
    #[error("is not a fixture ({{\"input\": …, \"expected\": …}}): {0}")]
    Shape(serde_json::Error),
    #[error("{field}: does not fit a {world} rule: {error}")]
    Field { field: &'static str, world: World, error: serde_json::Error },
    #[error("has neither or both of `expected` and `expected_error`")]
    Expected,
    #[error("expected_error: {0:?} is not a reason; use one of {list}", list = Reason::NAMES.join(", "))]
    Reason(String),
}

impl Fixture {
    /// # Errors
    /// What is wrong with the text, by field.
    pub fn parse(component: World, text: &[u8]) -> Result<Self, FixtureError> {
        let written: FixtureFile = serde_json::from_slice(text).map_err(FixtureError::Shape)?;
        let world = written.world.unwrap_or(component);
        let field = |field| move |error| FixtureError::Field { field, world, error };
        let input = RuleInput::parse(world, written.input).map_err(field("input"))?;
        let expected = match (written.expected, written.expected_error) {
            (Some(answer), None) => {
                ExpectedOutcome::Answer(RuleAnswer::parse(world, answer).map_err(field("expected"))?)
            }
            (None, Some(reason)) if Reason::NAMES.contains(&reason.as_str()) => ExpectedOutcome::Failure(reason),
            (None, Some(other)) => return Err(FixtureError::Reason(other)),
            _ => return Err(FixtureError::Expected),
        };
        Ok(Self { input, config: written.config, expected })
    }

    /// Says what differs; `None` if the answer is as expected.
    pub(crate) fn differs(&self, answer: &Result<RuleAnswer, Failure>) -> Option<String> {
        let json = |answer: &RuleAnswer| serde_json::to_string(answer).unwrap_or_default();
        match (&self.expected, answer) {
            (ExpectedOutcome::Answer(expected), Ok(answer)) if expected == answer => None,
            (ExpectedOutcome::Failure(reason), Err(failure)) if reason == failure.reason.as_str() => None,
            (ExpectedOutcome::Answer(expected), Ok(answer)) => {
                Some(format!("answers {} instead of {}", json(answer), json(expected)))
            }
            (ExpectedOutcome::Answer(_), Err(failure)) => {
                Some(format!("fails ({}): {}", failure.reason, failure.detail))
            }
            (ExpectedOutcome::Failure(reason), Ok(answer)) => {
                Some(format!("answers {} instead of {reason}", json(answer)))
            }
            (ExpectedOutcome::Failure(reason), Err(failure)) => {
                Some(format!("fails as {} instead of {reason}: {}", failure.reason, failure.detail))
            }
        }
    }
}

/// The fixtures of a folder, by file name, as text: their world is known only with the component.
pub(crate) fn texts(folder: &Path) -> io::Result<BTreeMap<String, String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries?,
    };
    let mut texts = BTreeMap::new();
    for entry in entries {
        let file = entry?.path();
        if file.extension().is_some_and(|end| end == "json") {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            texts.insert(name, fs::read_to_string(&file)?);
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_no_call_ends_with_is_told() {
        let parse = |reason: &str| {
            let text = format!(r#"{{"input": {{"sku": "a", "locations": []}}, "expected_error": "{reason}"}}"#);
            Fixture::parse(World::View, text.as_bytes()).map_err(|error| error.to_string())
        };
        assert!(Reason::NAMES.iter().all(|reason| parse(reason).is_ok()));
        assert!(parse("refuse").unwrap_err().contains("one of refused, "));
    }
}
