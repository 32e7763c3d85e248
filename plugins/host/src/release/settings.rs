//! A release's own settings, `NAME.toml` beside `NAME.wasm`, and `NAME.next.toml` beside `NAME.next.wasm`.

use std::collections::BTreeMap;

use onhand_http::setting::{Size, Span};
use onhand_wire::ChannelId;
use serde::{Deserialize, Serialize};

/// `NAME.toml` beside `NAME.wasm`, `NAME.next.toml` beside `NAME.next.wasm`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReleaseSettings {
    /// The channels that a view or pricing rule applies to; if absent, all that no other rule of its world names.
    pub(crate) channels: Option<Vec<ChannelId>>,
    /// For view and pricing rules: whether the lookup or quote is refused when the rule fails, instead of answered with
    /// the plain facts or the catalogue's prices.
    pub(crate) refuse_on_failure: bool,
    /// What the rule reads through `config`.
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) limits: LimitRequests,
    /// What `NAME.next.wasm` is used for (only there); `shadow` if absent.
    pub(crate) stage: Option<StageName>,
    /// The share of calls that a canary answers, in percent, to two decimal places.
    pub(crate) share: Option<f64>,
}

/// What a release asks for beyond the defaults, up to the operator's caps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LimitRequests {
    pub(crate) deadline: Option<Span>,
    pub(crate) memory: Option<Size>,
    pub(crate) component_size: Option<Size>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StageName {
    Shadow,
    Canary,
}

impl ReleaseSettings {
    /// Reads `NAME.toml`, or `NAME.next.toml` if `next`.
    pub(crate) fn parse(text: &str, next: bool) -> Result<Self, String> {
        let settings: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        if !next && (settings.stage.is_some() || settings.share.is_some()) {
            return Err("`stage` and `share` are for NAME.next.toml".to_owned());
        }
        if (settings.stage == Some(StageName::Canary)) != settings.share.is_some() {
            return Err("a canary needs a `share` in percent, and nothing else has one".to_owned());
        }
        if settings.share.is_some_and(|share| !(0.0..=100.0).contains(&share)) {
            return Err("`share` is in percent, from 0 to 100".to_owned());
        }
        Ok(settings)
    }
}
