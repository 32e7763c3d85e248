//! Items, locations, channels and maintenance mode.

use onhand_rules::Rules;
use onhand_wire::{
    Channel, ChannelId, Code, Item, Location, LocationId, Problem, Sku, Timestamp, Version,
    request::{Maintenance, PutChannel, PutItem, PutLocation},
};
use serde::Serialize;
use serde_json::json;

use crate::{
    command::{Ask, Done},
    state::{State, group},
};

fn answer(new: bool, body: &impl Serialize) -> Done {
    let body = serde_json::to_string(body).expect("plain data encodes");
    Done { status: if new { 201 } else { 200 }, body, stocks: Vec::new() }
}

pub(super) fn put_item(state: &mut State, sku: &Sku, body: &PutItem) -> Result<Done, Problem> {
    let new = state.item(sku).is_none();
    state.put_item(item(sku, body.clone()));
    let item = state.items[sku].clone();
    let done = answer(new, &item);
    Ok(Done { stocks: group(vec![item], Vec::new()), ..done })
}

/// Version and time are given by [`State::put_item`].
pub(super) fn item(sku: &Sku, body: PutItem) -> Item {
    Item {
        sku: sku.clone(),
        name: body.name,
        brand: body.brand,
        attributes: body.attributes,
        price: body.price,
        active: body.active,
        version: Version::ZERO,
        changed_at: Timestamp::default(),
        deleted: false,
    }
}

/// Refused while reservations are open. Rows stay, marked: their seq goes on.
pub(super) fn delete_item(state: &mut State, ask: &Ask, sku: &Sku) -> Result<Done, Problem> {
    let item = state.require_item(sku)?.clone();
    let reserved: i64 = state.rows(sku).map(|(_, row)| row.reserved).sum();
    if reserved > 0 {
        let detail = format!("sku: {reserved} units of {sku} are in open reservations; cancel or ship them first");
        return Err(Problem::new(Code::InUse, detail).with("reserved", reserved));
    }
    let keys: Vec<_> = state.rows(sku).map(|(location, _)| (sku.clone(), location.clone())).collect();
    for (sku, location) in &keys {
        state.change_stock(sku, location, &ask.why("deleted", None), |row| {
            row.on_hand = 0;
            row.deleted = true;
        });
    }
    state.put_item(Item { deleted: true, ..item });
    let facts = keys.iter().filter_map(|(sku, location)| state.fact(sku, location)).collect();
    let done = answer(false, &json!({"sku": sku, "deleted": true}));
    Ok(Done { stocks: group(vec![state.items[sku].clone()], facts), ..done })
}

pub(super) fn put_location(state: &mut State, id: &LocationId, body: &PutLocation) -> Result<Done, Problem> {
    let held = state.topology.locations.get(id);
    let new = held.is_none();
    let location = Location {
        location: id.clone(),
        name: body.name.clone(),
        region: body.region.clone(),
        priority: body.priority,
        lat: body.lat,
        lon: body.lon,
        enabled: body.enabled,
        pickup: body.pickup,
        version: Version::new(state.term, held.map_or(0, |held| held.version.seq()) + 1),
        changed_at: state.now,
    };
    let done = answer(new, &location);
    std::sync::Arc::make_mut(&mut state.topology).locations.insert(id.clone(), location.clone());
    state.changes.locations.insert(id.clone(), location);
    Ok(done)
}

pub(super) fn put_channel(
    state: &mut State,
    id: &ChannelId,
    body: &PutChannel,
    rules: &Rules,
) -> Result<Done, Problem> {
    for location in &body.locations {
        state.require_location(location)?;
    }
    onhand_rules::check_allocation(&body.allocation, rules).map_err(|right| Problem::field("allocation", right))?;
    let held = state.topology.channels.get(id);
    let new = held.is_none();
    let channel = Channel {
        channel: id.clone(),
        locations: body.locations.clone(),
        allocation: body.allocation.clone(),
        version: Version::new(state.term, held.map_or(0, |held| held.version.seq()) + 1),
        changed_at: state.now,
    };
    let done = answer(new, &channel);
    std::sync::Arc::make_mut(&mut state.topology).channels.insert(id.clone(), channel.clone());
    state.changes.channels.insert(id.clone(), channel);
    Ok(done)
}

pub(super) fn maintain(state: &mut State, body: &Maintenance) -> Result<Done, Problem> {
    state.maintenance = body.maintenance_mode.then(|| body.message.clone().unwrap_or_default());
    state.changes.maintenance = Some(body.clone());
    Ok(answer(false, &json!({"maintenanceMode": body.maintenance_mode, "message": body.message})))
}
