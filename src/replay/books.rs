//! The run's own books: they have only what was acknowledged.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use onhand_checker::{Checker, Key, Write};
use onhand_client::Reply;
use onhand_wire::{
    LocationId, Sku, Timestamp,
    reservation::{Reservation, State},
    session::Session,
};

/// A reservation as last acknowledged. Its verbs are called one at a time, under the lock.
pub(super) struct Entry {
    pub customer: String,
    pub reservation: Reservation,
    /// What has been returned of each line, by the locations that it was shipped from and returned to.
    pub returned: HashMap<(u32, LocationId), i64>,
}

pub(super) type Held = Arc<tokio::sync::Mutex<Entry>>;

#[derive(Default)]
pub(super) struct Books {
    held: Mutex<Vec<Held>>,
    by_sku: Mutex<HashMap<Sku, Vec<Held>>>,
    last: Mutex<Timestamp>,
}

/// Units by SKU and location.
#[derive(Default)]
pub(super) struct Totals {
    pub reserved: HashMap<Key, i64>,
    /// Shipped and not returned.
    pub shipped: HashMap<Key, i64>,
}

impl Books {
    pub(super) fn open(&self, customer: &str, reservation: Reservation) -> Held {
        let skus: Vec<Sku> = reservation.lines.iter().map(|line| line.sku.clone()).collect();
        let entry = Entry { customer: customer.to_owned(), reservation, returned: HashMap::new() };
        let held = Arc::new(tokio::sync::Mutex::new(entry));
        let mut by_sku = self.by_sku.lock().unwrap_or_else(PoisonError::into_inner);
        for sku in skus {
            by_sku.entry(sku).or_default().push(Arc::clone(&held));
        }
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&held));
        held
    }

    pub(super) fn all(&self) -> Vec<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reservations with a line of this SKU, the oldest first.
    pub(super) fn with_sku(&self, sku: &Sku) -> Vec<Held> {
        let by_sku = self.by_sku.lock().unwrap_or_else(PoisonError::into_inner);
        by_sku.get(sku).cloned().unwrap_or_default()
    }

    /// Records a write's version floors and time from its headers; returns the floors, for sampling.
    pub(super) fn acknowledged(&self, written: &Reply<Reservation>, checker: &Checker) -> Option<Session> {
        let session = Session::decode(written.session.as_deref()?).ok()?;
        let at = written.as_of?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (*last).max(at);
        drop(last);
        Write::of_session(&session, at).for_each(|write| checker.acknowledged(&write));
        Some(session)
    }

    /// The latest time with which a write was acknowledged.
    pub(super) fn last_acknowledged(&self) -> Timestamp {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for held in self.all() {
            held.lock().await.add_to(&mut totals);
        }
        totals
    }
}

impl Entry {
    fn add_to(&self, totals: &mut Totals) {
        let into = match self.reservation.state {
            State::Held | State::Confirmed => &mut totals.reserved,
            State::Fulfilled => &mut totals.shipped,
            State::Cancelled | State::Expired => return,
        };
        for line in &self.reservation.lines {
            for part in &line.allocations {
                let back = self.returned.get(&(line.line, part.location.clone())).copied().unwrap_or_default();
                *into.entry((line.sku.clone(), part.location.clone())).or_default() += part.quantity - back;
            }
        }
    }
}
