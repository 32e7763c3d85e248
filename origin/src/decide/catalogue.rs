//! Items, locations, channels and maintenance mode.

use onhand_rules::Rules;
use onhand_wire::{
    Channel, ChannelId, Item, Location, LocationId, Sku, Timestamp, Version,
    request::{Maintenance, PutChannel, PutItem, PutLocation},
};

use super::{Done, Effect, Rejection, require};
use crate::{
    command::Ask,
    record::LocationUse,
    state::{BatchState, group},
};

pub(super) fn put_item(state: &mut BatchState, sku: &Sku, body: &PutItem) -> Result<Done, Rejection> {
    require::spelling(state, sku)?;
    let before = state.item(sku).cloned();
    state.put_item(item(sku, body.clone()));
    let now = state.items[sku].clone();
    Ok(Done { stocks: group(vec![now.clone()], Vec::new()), effect: Effect::Item { before, now } })
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
        version: Version::new(state.term, state.topology.next_location_seq(id)),
        changed_at: state.now,
        deleted: false,
    };
    state.put_location(location.clone());
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
        version: Version::new(state.term, state.topology.next_channel_seq(id)),
        changed_at: state.now,
        deleted: false,
    };
    state.put_channel(channel.clone());
    Ok(Effect::Channel { before, now: channel }.alone())
}

/// Refused while a channel names it. What lies there or is held there was looked at before, and is looked at again once
/// no batch can be under way that still knows the location.
pub(super) fn delete_location(state: &mut BatchState, id: &LocationId) -> Result<Done, Rejection> {
    let before = require::location(state, id)?.clone();
    let named = state.topology.channels.values().filter(|channel| channel.locations.contains(id));
    let channels: Vec<ChannelId> = named.map(|channel| channel.channel.clone()).collect();
    if !channels.is_empty() {
        return Err(Rejection::PlaceInUse { location: id.clone(), channels, found: LocationUse::default() });
    }
    let (version, changed_at) = (Version::new(state.term, state.topology.next_location_seq(id)), state.now);
    state.put_location(Location { version, changed_at, enabled: false, deleted: true, ..before.clone() });
    Ok(Effect::LocationDeleted { before }.alone())
}

/// Refused while open holds were made for it.
pub(super) fn delete_channel(state: &mut BatchState, id: &ChannelId, held: i64) -> Result<Done, Rejection> {
    let before = state.topology.channels.get(id).cloned();
    let before = before.ok_or_else(|| Rejection::UnknownChannel(id.clone()))?;
    if held > 0 {
        return Err(Rejection::ChannelInUse { channel: id.clone(), held });
    }
    let (version, changed_at) = (Version::new(state.term, state.topology.next_channel_seq(id)), state.now);
    state.put_channel(Channel { version, changed_at, deleted: true, ..before.clone() });
    Ok(Effect::ChannelDeleted { before }.alone())
}

pub(super) fn maintain(state: &mut BatchState, body: &Maintenance) -> Done {
    let message = body.maintenance_mode.then(|| body.message.clone().unwrap_or_default());
    let before = std::mem::replace(&mut state.maintenance, message);
    state.changes.maintenance = Some(body.clone());
    Effect::Maintenance { before, now: body.clone() }.alone()
}
