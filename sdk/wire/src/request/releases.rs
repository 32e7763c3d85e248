//! Pushing a release of a rule, and rolling back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Check;
use crate::{
    Problem,
    release::{Release, base64},
};

/// `POST /inventory/rules/{rule}/releases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// In base64.
    #[serde(with = "base64")]
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub component: Vec<u8>,
    /// Whether it runs beside the release in use, as its settings `stage` and `share` say.
    #[serde(default)]
    pub next: bool,
    /// The text of its NAME.toml.
    #[serde(default)]
    pub settings: String,
    /// The text of its NAME.wasm.sig.
    #[serde(default)]
    pub signature: Option<String>,
    /// Keyed by file name, such as `capped.json`.
    #[serde(default)]
    pub fixtures: BTreeMap<String, String>,
}

/// `POST /inventory/rules/{rule}/rollback`. The GET of the same path names what comes back; each part of it is signed
/// again, with a sequence greater than the rule ever had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// The rule's `seq` that this goes back from; if the rule has another one by now, the call is refused. If absent,
    /// any is accepted.
    #[serde(default)]
    pub seq: Option<u64>,
    /// Signature of the full release that comes back.
    #[serde(default)]
    pub full: Option<String>,
    /// Signature of the release that comes back beside it.
    #[serde(default)]
    pub next: Option<String>,
    /// If nothing comes back: the signed statement that says so.
    #[serde(default)]
    pub withdrawal: Option<String>,
}

impl Push {
    pub fn of(release: Release, next: bool) -> Self {
        let Release { component, settings, signature, fixtures } = release;
        Self { component, next, settings, signature, fixtures }
    }

    pub fn release(self) -> Release {
        let Self { component, settings, signature, fixtures, .. } = self;
        Release { component, settings, signature, fixtures }
    }
}

impl Check for Push {
    fn check(&self) -> Result<(), Problem> {
        let plain = |name: &str| name.ends_with(".json") && name.len() <= 128 && !name.contains(['/', '\\', '\0']);
        match self.fixtures.keys().find(|name| !plain(name)) {
            None => Ok(()),
            Some(_) => {
                Err(Problem::field("fixtures", "by file name: up to 128 bytes, ending in .json, without a path"))
            }
        }
    }
}
