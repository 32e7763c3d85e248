//! Inputs with what is expected of them, and inputs that were captured: both are files of JSON.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};

use crate::{
    Answer, Input, World,
    call::digest,
    fault::{Failure, Reason},
};

/// `NAME.fixtures/*.json`: a release is tried on these before it takes traffic, and `onhand rule test`
/// runs them.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixture {
    pub input: Input,
    /// What the rule reads through `config`; the settings beside the rule are not used.
    pub config: BTreeMap<String, String>,
    pub expected: Expected,
}

/// An answer, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    Answer(Answer),
    /// The reason, as metrics name it: `refused`, `invalid_config`, …
    Failure(String),
}

/// As it is written: `{"world"?, "config"?: {…}, "input": {…}, "expected": {…} | "expected_error": "refused"}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Absent: the component's. `ranking` asks an allocation rule for its ranks.
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
    #[error("is no fixture ({{\"input\": …, \"expected\": …}}): {0}")]
    Shape(serde_json::Error),
    #[error("{field}: no {world} rule's: {error}")]
    Field { field: &'static str, world: World, error: serde_json::Error },
    #[error("has neither or both of `expected` and `expected_error`")]
    Expected,
    #[error("expected_error: {0:?} is no reason; one of {list}", list = Reason::NAMES.join(", "))]
    Reason(String),
}

impl Fixture {
    /// # Errors
    /// What of the text is wrong, by field.
    pub fn parse(component: World, text: &[u8]) -> Result<Self, FixtureError> {
        let written: Written = serde_json::from_slice(text).map_err(FixtureError::Shape)?;
        let world = written.world.unwrap_or(component);
        let field = |field| move |error| FixtureError::Field { field, world, error };
        let input = Input::parse(world, written.input).map_err(field("input"))?;
        let expected = match (written.expected, written.expected_error) {
            (Some(answer), None) => Expected::Answer(Answer::parse(world, answer).map_err(field("expected"))?),
            (None, Some(reason)) if Reason::NAMES.contains(&reason.as_str()) => Expected::Failure(reason),
            (None, Some(other)) => return Err(FixtureError::Reason(other)),
            _ => return Err(FixtureError::Expected),
        };
        Ok(Self { input, config: written.config, expected })
    }

    /// Says what differs; nothing if it is as expected.
    pub(crate) fn differs(&self, answer: &Result<Answer, Failure>) -> Option<String> {
        let json = |answer: &Answer| serde_json::to_string(answer).unwrap_or_default();
        match (&self.expected, answer) {
            (Expected::Answer(expected), Ok(answer)) if expected == answer => None,
            (Expected::Failure(reason), Err(failure)) if reason == failure.reason.as_str() => None,
            (Expected::Answer(expected), Ok(answer)) => {
                Some(format!("answers {} instead of {}", json(answer), json(expected)))
            }
            (Expected::Answer(_), Err(failure)) => Some(format!("fails ({}): {}", failure.reason, failure.detail)),
            (Expected::Failure(reason), Ok(answer)) => Some(format!("answers {} instead of {reason}", json(answer))),
            (Expected::Failure(reason), Err(failure)) => {
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

/// One call as it was: what `onhand rule replay` runs again. Files of [`crate::Config::samples_dir`] hold
/// these, and so does a reservation's trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Captured {
    /// Which world's input it is; `ranking` asks an allocation rule for its ranks.
    pub world: World,
    pub rule: String,
    /// SHA-256 of the component, in hex.
    pub component: String,
    /// SHA-256 of the input, in hex. A batch keeps calls without it: [`Captured::with_digest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What the rule read through `config`.
    pub config: BTreeMap<String, String>,
    /// As [`Input`]'s JSON; null if it was too large to be asked.
    pub input: Verbatim,
    /// As [`Answer`]'s JSON; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Verbatim>,
    /// Why there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<CapturedFault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapturedFault {
    /// As metrics name it.
    pub reason: String,
    pub detail: String,
}

/// JSON that is kept as it was written: a batch keeps a call with each reservation and looks into none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verbatim(Box<RawValue>);

impl Captured {
    /// # Errors
    /// If the input is none of its world.
    pub fn input(&self) -> Result<Input, serde_json::Error> {
        Input::parse(self.world, self.input.parse()?)
    }

    /// By which people and logs know the input again.
    #[must_use]
    pub fn with_digest(self) -> Self {
        let asked = self.input != Verbatim::of(&());
        let digest = self.digest.or_else(|| asked.then(|| digest(self.input.as_str())));
        Self { digest, ..self }
    }
}

impl Verbatim {
    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self(serde_json::value::to_raw_value(value).expect("plain data encodes"))
    }

    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// # Errors
    /// If it is no `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl PartialEq for Verbatim {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Verbatim {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every one of these needs all the digits that a float has.
    #[test]
    fn a_coordinate_comes_back_as_it_was() {
        for step in 1..=10_000 {
            let lat = f64::from(step) * 90.0 / 10_007.0;
            let kept = Verbatim::of(&lat);
            let read: f64 = serde_json::from_str::<Verbatim>(kept.as_str()).unwrap().parse().unwrap();
            assert_eq!(read.to_bits(), lat.to_bits(), "{}", kept.as_str());
        }
    }

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
