//! Items, locations, channels and maintenance mode.

use onhand_rules::Rules;
use onhand_wire::{
    Channel, ChannelId, Item, Location, LocationId, Sku, Timestamp, Version,
    request::{Maintenance, PutChannel, PutItem, PutLocation},
};

use super::{Done, Effect, Rejection, require};
use crate::{
    command::Ask,
    state::{BatchState, group},
};

pub(super) fn put_item(state: &mut BatchState, sku: &Sku, body: &PutItem) -> Done {
    let before = state.item(sku).cloned();
    state.put_item(item(sku, body.clone()));
    let now = state.items[sku].clone();
    Done { stocks: group(vec![now.clone()], Vec::new()), effect: Effect::Item { before, now } }
}

/// Version and time are given by [`BatchState::put_item`].
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
pub(super) fn delete_item(state: &mut BatchState, ask: &Ask, sku: &Sku) -> Result<Done, Rejection> {
    let before = require::item(state, sku)?.clone();
    let reserved: i64 = state.rows(sku).map(|(_, row)| row.reserved).sum();
    if reserved > 0 {
        return Err(Rejection::InUse { sku: sku.clone(), reserved });
    }
    let keys: Vec<_> = state.rows(sku).map(|(location, _)| (sku.clone(), location.clone())).collect();
    for (sku, location) in &keys {
        state.change_stock(sku, location, &ask.why("deleted", None), |row| {
            row.on_hand = 0;
            row.deleted = true;
        });
    }
    state.put_item(Item { deleted: true, ..before.clone() });
    let facts = keys.iter().filter_map(|(sku, location)| state.fact(sku, location)).collect();
    Ok(Done { stocks: group(vec![state.items[sku].clone()], facts), effect: Effect::ItemDeleted { before } })
}

pub(super) fn put_location(state: &mut BatchState, id: &LocationId, body: &PutLocation) -> Done {
    let before = state.topology.locations.get(id).cloned();
    let location = Location {
        location: id.clone(),
        name: body.name.clone(),
        region: body.region.clone(),
        priority: body.priority,
        lat: body.lat,
        lon: body.lon,
        enabled: body.enabled,
        pickup: body.pickup,
        version: Version::new(state.term, before.as_ref().map_or(0, |held| held.version.seq()) + 1),
        changed_at: state.now,
    };
    std::sync::Arc::make_mut(&mut state.topology).locations.insert(id.clone(), location.clone());
    state.changes.locations.insert(id.clone(), location.clone());
    Effect::Location { before, now: location }.alone()
}

pub(super) fn put_channel(
    state: &mut BatchState,
    id: &ChannelId,
    body: &PutChannel,
    rules: &Rules,
) -> Result<Done, Rejection> {
    for location in &body.locations {
        require::location(state, location)?;
    }
    onhand_rules::check_allocation(&body.allocation, rules)
        .map_err(|right| Rejection::Allocation { right: right.to_string() })?;
    let before = state.topology.channels.get(id).cloned();
    let channel = Channel {
        channel: id.clone(),
        locations: body.locations.clone(),
        allocation: body.allocation.clone(),
        version: Version::new(state.term, before.as_ref().map_or(0, |held| held.version.seq()) + 1),
        changed_at: state.now,
    };
    std::sync::Arc::make_mut(&mut state.topology).channels.insert(id.clone(), channel.clone());
    state.changes.channels.insert(id.clone(), channel.clone());
    Ok(Effect::Channel { before, now: channel }.alone())
}

pub(super) fn maintain(state: &mut BatchState, body: &Maintenance) -> Done {
    let message = body.maintenance_mode.then(|| body.message.clone().unwrap_or_default());
    let before = std::mem::replace(&mut state.maintenance, message);
    state.changes.maintenance = Some(body.clone());
    Effect::Maintenance { before, now: body.clone() }.alone()
}
