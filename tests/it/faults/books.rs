//! What was acknowledged, and at the end whether all of it is there, once.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use onhand_harness::World;
use onhand_wire::Sku;
use serde_json::json;

use super::load::{PLENTY_STOCK, SCARCE_STOCK};

/// What drills write beside the books, which may or may not be carried out.
pub const PROBE: &str = "probe";

#[derive(Debug, Clone)]
pub struct Held {
    pub sku: Sku,
    pub units: i64,
    pub cancelled: bool,
}

/// By reservation.
#[derive(Default)]
pub struct Books(Mutex<BTreeMap<String, Held>>);

impl Books {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.0.lock().unwrap()
    }

    pub fn held(&self, id: &str, held: Held) {
        let again = self.lock().insert(id.to_owned(), held);
        assert!(again.is_none(), "{id} was given to two calls");
    }

    pub fn cancelled(&self, id: &str) {
        self.lock().get_mut(id).expect("held before").cancelled = true;
    }

    /// Σ holds = reserved; sold ≤ stock; nothing acknowledged is lost or doubled.
    pub async fn agree_with(&self, world: &World) {
        let books = self.lock().clone();
        let rows = world
            .sql("SELECT id::text, state FROM reservations WHERE body->>'order_ref' IS DISTINCT FROM 'probe'")
            .await;
        let there: BTreeMap<String, String> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert_eq!(there.len(), books.len(), "each acknowledged call made one reservation");
        for (id, held) in &books {
            let state = there.get(id).unwrap_or_else(|| panic!("{id} was acknowledged and is not there"));
            assert_eq!(state, if held.cancelled { "cancelled" } else { "held" }, "{id}");
        }
        let mut expected = BTreeMap::<&str, i64>::new();
        for held in books.values().filter(|held| !held.cancelled) {
            *expected.entry(held.sku.as_str()).or_default() += held.units;
        }
        let sums = "SELECT sku, sum(reserved)::bigint FROM inventory_items WHERE sku <> 'probe' GROUP BY sku";
        for row in world.sql(sums).await {
            let (sku, reserved): (String, i64) = (row.get(0), row.get(1));
            assert_eq!(reserved, expected.get(sku.as_str()).copied().unwrap_or_default(), "{sku}: Σ holds = reserved");
            let stock = if sku.starts_with('r') { SCARCE_STOCK } else { PLENTY_STOCK };
            assert!(reserved <= stock, "{sku}: {reserved} sold of {stock}");
        }
        let operator = world.origin(0).client(&world.tokens.operator);
        let report = operator.post("/internal/api/inventory/reconcile", json!({})).await.expect(200).json();
        assert_eq!(report["differences"], json!([]), "ledger = rows");
        println!("{} reservations acknowledged, each there once", books.len());
    }
}
