//! Releases of rules.

use std::collections::BTreeMap;

use onhand_wire::release::{Manifest, Released};
use utoipa::ToSchema;

#[derive(ToSchema)]
pub(in crate::http::openapi) struct RulePage {
    items: Vec<StandingRule>,
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
struct StandingRule {
    #[serde(flatten)]
    manifest: Manifest,
    /// Whether the topic has it.
    announced: bool,
}

#[derive(ToSchema)]
pub(in crate::http::openapi) struct ManifestPage {
    items: Vec<Manifest>,
    next_cursor: Option<String>,
}

#[derive(ToSchema)]
pub(in crate::http::openapi) struct ChangedRule {
    #[serde(flatten)]
    manifest: Manifest,
    /// False: it stood so already.
    new: bool,
}

#[derive(ToSchema)]
pub(in crate::http::openapi) struct RollBackPlan {
    rule: String,
    /// Of what is in force now.
    seq: u64,
    /// The greatest sequence that the rule has had.
    mark: u64,
    full: Option<Released>,
    next: Option<Released>,
}

#[derive(ToSchema)]
pub(in crate::http::openapi) struct WholeRelease {
    /// In base64.
    component: String,
    /// The text of its NAME.toml.
    settings: String,
    /// The text of its NAME.wasm.sig.
    signature: Option<String>,
    /// By file name.
    fixtures: BTreeMap<String, String>,
}
