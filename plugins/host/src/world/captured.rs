//! Calls that were kept, as JSON: in files ([`Config::samples_dir`](crate::Config::samples_dir)), and in a reservation's
//! trace.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::world::{
    World,
    call::{RuleInput, digest},
};

/// One recorded call, which `onhand rule replay` can run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapturedCall {
    /// The world of its input; `ranking` asks an allocation rule for its ranks.
    pub world: World,
    pub rule: String,
    /// SHA-256 of the component, in hex.
    pub component: String,
    /// SHA-256 of the input, in hex. A batch keeps calls without it; see [`CapturedCall::with_digest`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What the rule read through `config`.
    pub config: BTreeMap<String, String>,
    /// The [`RuleInput`] as JSON; null if it was too large to be asked.
    pub input: Verbatim,
    /// The [`RuleAnswer`] as JSON; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Verbatim>,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<CapturedFault>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapturedFault {
    /// The reason's name in metrics.
    pub reason: String,
    pub detail: String,
}

/// JSON that is kept as it was written: a batch keeps a call with each reservation and reads none of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verbatim(Box<RawValue>);

impl CapturedCall {
    /// # Errors
    /// If the input does not fit its world.
    pub fn input(&self) -> Result<RuleInput, serde_json::Error> {
        RuleInput::parse(self.world, self.input.parse()?)
    }

    /// Adds the digest by which people and logs recognise the input.
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
    /// If it is not a `T`.
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

    /// Each of these needs all the digits of a float.
    #[test]
    fn a_coordinate_comes_back_as_it_was() {
        for step in 1..=10_000 {
            let lat = f64::from(step) * 90.0 / 10_007.0;
            let kept = Verbatim::of(&lat);
            let read: f64 = serde_json::from_str::<Verbatim>(kept.as_str()).unwrap().parse().unwrap();
            assert_eq!(read.to_bits(), lat.to_bits(), "{}", kept.as_str());
        }
    }
}
