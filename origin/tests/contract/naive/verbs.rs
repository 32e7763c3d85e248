//! What becomes of a reservation, unit by unit.

use std::{collections::BTreeMap, time::Duration};

use onhand_wire::{
    request::{Confirm, Fulfil, Return},
    reservation::State,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Decided, Expected, Line, Model, insufficient, refused, short};

/// What was asked of each line, and what of it can be done.
type Tally = BTreeMap<usize, (i64, i64)>;

/// "Too many on a line is 409 insufficient_stock": every short line, once.
fn enough(tally: &Tally, lines: &[Line]) -> Result<(), Expected> {
    let shorts: Vec<Value> = tally
        .iter()
        .filter(|(_, (asked, done))| done < asked)
        .map(|(number, (asked, done))| short(*number, &lines[*number].sku, *asked, *done))
        .collect();
    if shorts.is_empty() { Ok(()) } else { Err(insufficient(shorts)) }
}

impl Model {
    /// Where the booking is, if its state allows the verb; else 409, or None for the same call again.
    fn allowed(&self, id: Uuid, states: &[State], text: Option<&str>) -> Result<(usize, bool), Expected> {
        let index = self.bookings.iter().position(|booking| booking.id == id);
        let index = index.ok_or_else(|| refused(404, "not_found", json!({})))?;
        let state = self.state(&self.bookings[index]);
        // "Repeating the verb that made the present state with the same body answers 200 unchanged."
        let made_it = state == self.bookings[index].state && text == Some(&self.bookings[index].made_by);
        if made_it || states.contains(&state) {
            return Ok((index, made_it));
        }
        Err(refused(409, "reservation_state", json!({"state": state.as_str()})))
    }

    fn line(&self, index: usize, line: u32) -> Result<usize, Expected> {
        let known = (line as usize) < self.bookings[index].lines.len();
        if known { Ok(line as usize) } else { Err(refused(400, "invalid_request", json!({}))) }
    }

    /// "from now"
    pub(super) fn extend(&mut self, id: Uuid, ttl_s: i64) -> Decided {
        let (index, _) = self.allowed(id, &[State::Held], None)?;
        self.bookings[index].deadline = self.now.plus(Duration::from_secs(ttl_s as u64));
        Ok((200, self.shown(index)))
    }

    /// "a line left out is confirmed whole; less than held gives the rest back, from the last allocation"
    pub(super) fn confirm(&mut self, id: Uuid, body: &Confirm, text: &str) -> Decided {
        let (index, made_it) = self.allowed(id, &[State::Held], Some(text))?;
        if made_it {
            return Ok((200, self.shown(index)));
        }
        let mut wanted: Vec<i64> = self.bookings[index].lines.iter().map(|line| line.quantity).collect();
        let mut tally = Tally::new();
        for asked in body.lines.iter().flatten() {
            let line = self.line(index, asked.line)?;
            tally.insert(line, (asked.quantity.get(), wanted[line].min(asked.quantity.get())));
            wanted[line] = asked.quantity.get();
        }
        // Where too many were asked, what is held is told.
        enough(&tally, &self.bookings[index].lines)?;
        if wanted.iter().all(|wanted| *wanted == 0) {
            return Err(refused(400, "invalid_request", json!({})));
        }
        let booking = &mut self.bookings[index];
        for (line, wanted) in booking.lines.iter_mut().zip(wanted) {
            line.confirmed = wanted;
            for _ in wanted..line.quantity {
                let last = line.shares.last_mut().expect("what is held is somewhere");
                last.quantity -= 1;
                line.shares.retain(|share| share.quantity > 0);
            }
        }
        booking.state = State::Confirmed;
        booking.made_by = text.to_owned();
        Ok((200, self.shown(index)))
    }

    /// "what isn't shipped": a cancelled reservation is not open, so all that is left is free again.
    pub(super) fn cancel(&mut self, id: Uuid, text: &str) -> Decided {
        let (index, made_it) = self.allowed(id, &[State::Held, State::Confirmed], Some(text))?;
        if !made_it {
            self.bookings[index].state = State::Cancelled;
            self.bookings[index].made_by = text.to_owned();
        }
        Ok((200, self.shown(index)))
    }

    /// The sweeper's: nothing that anybody could see.
    pub(super) fn expire(&mut self, id: Uuid) -> Decided {
        let all = [State::Held, State::Confirmed, State::Fulfilled, State::Cancelled, State::Expired];
        let (index, _) = self.allowed(id, &all, None)?;
        Ok((200, self.shown(index)))
    }

    /// "ships: on hand and reserved both fall; without `lines` all that is left; never more than is
    /// on hand; repeatable until all is shipped"
    pub(super) fn fulfil(&mut self, id: Uuid, body: &Fulfil, text: &str) -> Decided {
        let (index, made_it) = self.allowed(id, &[State::Confirmed], Some(text))?;
        if made_it {
            return Ok((200, self.shown(index)));
        }
        let mut wanted: Vec<(usize, i64, Option<String>)> = Vec::new();
        for asked in body.lines.iter().flatten() {
            let location = asked.location.as_ref().map(ToString::to_string);
            self.check_location(location.as_deref())?;
            wanted.push((self.line(index, asked.line)?, asked.quantity.get(), location));
        }
        if body.lines.is_none() {
            let left = |line: &Line| line.shares.iter().map(|share| share.quantity - share.shipped).sum();
            wanted = self.bookings[index].lines.iter().map(left).enumerate().map(|(n, left)| (n, left, None)).collect();
        }
        let (before, mut tally) = ((self.bookings[index].clone(), self.rows.clone()), Tally::new());
        for (number, quantity, location) in wanted {
            for _ in 0..quantity {
                let (asked, done) = tally.entry(number).or_default();
                *asked += 1;
                if self.ship_one(index, number, location.as_deref()) {
                    *done += 1;
                }
            }
        }
        if let Err(refused) = enough(&tally, &self.bookings[index].lines) {
            (self.bookings[index], self.rows) = before;
            return Err(refused);
        }
        let booking = &mut self.bookings[index];
        if booking.lines.iter().flat_map(|line| &line.shares).all(|share| share.shipped == share.quantity) {
            booking.state = State::Fulfilled;
            booking.made_by = text.to_owned();
        }
        Ok((200, self.shown(index)))
    }

    /// From the line's allocations in order, or the location named; there also what the line has elsewhere, from the
    /// last, as far as it is available where it ships.
    fn ship_one(&mut self, index: usize, number: usize, location: Option<&str>) -> bool {
        let line = &self.bookings[index].lines[number];
        let on_hand = |at: &str| self.row(&line.sku, at).map_or(0, |row| row.on_hand);
        let own = line.shares.iter().position(|share| {
            let here = location.is_none_or(|location| *location == share.location);
            here && share.shipped < share.quantity && on_hand(&share.location) > 0
        });
        let Some(own) = own.or_else(|| self.fetch_one(index, number, location?)) else { return false };
        let line = &mut self.bookings[index].lines[number];
        line.shares[own].shipped += 1;
        let key = (line.sku.clone(), line.shares[own].location.clone());
        self.rows.get_mut(&key).expect("something is on hand there").on_hand -= 1;
        true
    }

    /// Moves one unit that the line has elsewhere to here, where it is available; which share it then is in.
    fn fetch_one(&mut self, index: usize, number: usize, here: &str) -> Option<usize> {
        let line = &self.bookings[index].lines[number];
        if self.available(&line.sku, here) == 0 {
            return None;
        }
        let open = |share: &super::Share| share.location != here && share.shipped < share.quantity;
        let from = line.shares.iter().rposition(open)?;
        let line = &mut self.bookings[index].lines[number];
        line.shares[from].quantity -= 1;
        match line.shares.iter_mut().find(|share| share.location == here) {
            Some(share) => share.quantity += 1,
            None => {
                let location = here.to_owned();
                line.shares.push(super::Share { location, quantity: 1, shipped: 0, returned: 0 });
            }
        }
        line.shares.retain(|share| share.quantity > 0);
        line.shares.iter().position(|share| share.location == here)
    }

    /// "shipped goods back on hand": at the location named, else where they were shipped from.
    pub(super) fn give_back(&mut self, id: Uuid, body: &Return) -> Decided {
        let all = [State::Held, State::Confirmed, State::Fulfilled, State::Cancelled, State::Expired];
        let (index, _) = self.allowed(id, &all, None)?;
        // "of what had shipped before"
        let shipped = |line: &Line| line.shares.iter().any(|share| share.shipped > 0);
        if !self.bookings[index].lines.iter().any(shipped) {
            self.allowed(id, &[State::Confirmed, State::Fulfilled], None)?;
        }
        self.check_location(body.location.as_ref().map(|location| location.as_str()))?;
        let (mut booking, mut rows, mut tally) = (self.bookings[index].clone(), self.rows.clone(), Tally::new());
        for asked in &body.lines {
            let number = self.line(index, asked.line)?;
            let line = &mut booking.lines[number];
            self.check_sku(&line.sku)?;
            for _ in 0..asked.quantity.get() {
                let (asked, done) = tally.entry(number).or_default();
                *asked += 1;
                if let Some(share) = line.shares.iter_mut().find(|share| share.returned < share.shipped) {
                    *done += 1;
                    share.returned += 1;
                    let location = body.location.as_ref().map_or(share.location.clone(), ToString::to_string);
                    rows.entry((line.sku.clone(), location)).or_default().on_hand += 1;
                }
            }
        }
        enough(&tally, &booking.lines)?;
        self.bookings[index] = booking;
        self.rows = rows;
        Ok((200, self.shown(index)))
    }
}
