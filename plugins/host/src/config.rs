//! The operator's settings, and those beside each rule.

use std::collections::BTreeMap;

use onhand_wire::{
    ChannelId,
    setting::{Size, Span},
};
use serde::{Deserialize, Serialize};

/// `[rules]`: where the components are and what they may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of `NAME.wasm` components, each with an optional `NAME.toml`; empty: no rules.
    pub dir: String,
    /// What a view may take. Past it the call is cut off and the plain facts are shown. Whole
    /// milliseconds, rounded up, 2 ms at least: the clock ticks once a millisecond, and a call may
    /// begin just before a tick, so it gets up to 1 ms less than this. It gets more only where the
    /// machine is so busy that the clock's own thread waits for a core.
    pub deadline: Span,
    /// The same for an allocation or ranking inside a batch, which holds its row locks meanwhile. Each
    /// of several rules has it for itself.
    pub batch_deadline: Span,
    /// What one call may have of memory; past it growing fails, which ends most guests.
    pub memory: Size,
    /// Larger component files are refused when they are loaded.
    pub component_size: Size,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dir: String::new(),
            deadline: Span::ms(5),
            batch_deadline: Span::ms(2),
            memory: Size(10 << 20),
            component_size: Size(2 << 20),
        }
    }
}

/// `NAME.toml` beside `NAME.wasm`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Beside {
    /// Channels that a view or a pricing applies to; absent: all that no other one of its world names.
    pub(crate) channels: Option<Vec<ChannelId>>,
    /// Views and pricings: when the rule fails, the lookup or the quote is refused rather than answered with
    /// the plain facts or the catalogue's prices.
    pub(crate) refuse_on_failure: bool,
    /// What the rule reads through `config`.
    pub(crate) config: BTreeMap<String, String>,
}
