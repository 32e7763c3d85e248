//! The lines that commands leave in the trail, in their own commit.

use serde_json::{Value, json};

use crate::{
    command::{Ask, Command, Done},
    state::State,
    trail::{Kind, Line},
};

/// What a command that leaves a line is about to change.
pub(super) struct Before {
    kind: Kind,
    what: String,
    state: Value,
}

/// None: the command leaves no line.
pub(super) fn before(state: &State, command: &Command) -> Option<Before> {
    let (kind, what, held) = match command {
        Command::PutItem(sku, _) => (Kind::ItemPut, sku.to_string(), json!(state.item(sku))),
        Command::DeleteItem(sku) => (Kind::ItemDeleted, sku.to_string(), json!(state.item(sku))),
        Command::PutLocation(id, _) => (Kind::LocationPut, id.to_string(), json!(state.topology.locations.get(id))),
        Command::PutChannel(id, _) => (Kind::ChannelPut, id.to_string(), json!(state.topology.channels.get(id))),
        Command::Maintain(_) => {
            let on = state.maintenance.is_some();
            (Kind::Maintenance, "origin".to_owned(), json!({"maintenanceMode": on, "message": state.maintenance}))
        }
        _ => return None,
    };
    Some(Before { kind, what, state: held })
}

impl Before {
    /// The line of a command that was carried out.
    pub(super) fn line(self, ask: &Ask, done: &Done) -> Line {
        let after: Value = serde_json::from_str(&done.body).unwrap_or_default();
        Line {
            actor: ask.actor.clone(),
            kind: self.kind,
            what: self.what,
            detail: json!({"before": self.state, "after": after}),
            correlation: ask.correlation.clone(),
        }
    }
}
