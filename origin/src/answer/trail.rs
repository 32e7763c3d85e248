//! The lines that commands leave in the trail, in their own commit.

use serde_json::{Value, json};

use crate::{
    command::Ask,
    decide::Effect,
    trail::{Kind, Line},
};

/// What the command changed, before and after; `None` where it leaves no line.
pub(super) fn line(ask: &Ask, effect: &Effect, body: &str) -> Option<Line> {
    let (kind, what, before) = match effect {
        Effect::Item { before, now } => (Kind::ItemPut, now.sku.to_string(), json!(before)),
        Effect::ItemDeleted { before } => (Kind::ItemDeleted, before.sku.to_string(), json!(before)),
        Effect::Location { before, now } => (Kind::LocationPut, now.location.to_string(), json!(before)),
        Effect::Channel { before, now } => (Kind::ChannelPut, now.channel.to_string(), json!(before)),
        Effect::LocationDeleted { before } => (Kind::LocationDeleted, before.location.to_string(), json!(before)),
        Effect::ChannelDeleted { before } => (Kind::ChannelDeleted, before.channel.to_string(), json!(before)),
        Effect::Maintenance { before, .. } => {
            let before = json!({"maintenanceMode": before.is_some(), "message": before});
            (Kind::Maintenance, "origin".to_owned(), before)
        }
        _ => return None,
    };
    let after: Value = serde_json::from_str(body).unwrap_or_default();
    Some(Line {
        actor: ask.actor.clone(),
        kind,
        what,
        detail: json!({"before": before, "after": after}),
        correlation: ask.correlation.clone(),
    })
}
