//! A store with a batch over it, and short words for what tests do.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use onhand_origin::{
    Limits,
    answer::{WriteAnswer, WriteOutcome, answer_all},
    command::{Ask, Command},
    key::CallDigest,
    state::BatchState,
    store::{Backlog, Membership, Needs, Rebuilt, Store, postgres, sqlite::Sqlite},
};
use onhand_rules::Rules;
use onhand_wire::{Fact, LocationId, Problem, Sees, Sku, bulk::LoadFacts, request, reservation::Reservation};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) struct Shop {
    pub(crate) store: Arc<dyn Store>,
    /// Of its only feed, unless the test makes another.
    pub(crate) backlog: Arc<dyn Backlog>,
    under: Under,
    keys: AtomicU64,
}

/// The database below the store, for what no store does.
enum Under {
    Sqlite(tempfile::TempDir),
    Postgres { url: String },
}

pub(crate) fn sku(name: &str) -> Sku {
    Sku::new(name).unwrap()
}

pub(crate) fn location(name: &str) -> LocationId {
    LocationId::new(name).unwrap()
}

impl Shop {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Sqlite::open(Some(&dir.path().join("shop"))).unwrap());
        Self::over(store, Under::Sqlite(dir)).await
    }

    /// With the schema as it was at `version`, and `rows` in it; not migrated yet.
    pub(crate) async fn sqlite_at(version: i32, rows: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Sqlite::open(Some(&dir.path().join("shop"))).unwrap();
        store.migrate_to(version).unwrap();
        let shop = Self::of(Arc::new(store), Under::Sqlite(dir));
        shop.sql(rows).await.unwrap();
        shop
    }

    pub(crate) async fn postgres_at(version: i32, rows: &str) -> Self {
        let (store, under) = Self::postgres_database().await;
        store.migrate_to(version).await.unwrap();
        let shop = Self::of(store, under);
        shop.sql(rows).await.unwrap();
        shop
    }

    pub(crate) async fn postgres() -> Self {
        let (store, under) = Self::postgres_database().await;
        Self::over(store, under).await
    }

    async fn postgres_database() -> (Arc<postgres::Postgres>, Under) {
        let servers = onhand_harness::Servers::shared().await.unwrap_or_else(|error| panic!("{error}"));
        let database = format!("t{}", Uuid::new_v4().simple());
        servers.postgres.sql("postgres", &format!("CREATE DATABASE {database}")).await;
        let second = std::time::Duration::from_secs(5);
        let timeouts = postgres::Timeouts { connect: second, statement: second, lock: second };
        let url = servers.postgres.url(&database);
        (Arc::new(postgres::Postgres::new(&url, 4, timeouts, None).unwrap()), Under::Postgres { url })
    }

    async fn over(store: Arc<dyn Store>, under: Under) -> Self {
        store.migrate().await.unwrap();
        store.check_schema().await.unwrap();
        store.settle_term(onhand_origin::feed::FeedEnd::Empty).await.unwrap();
        assert!(store.migrate().await.unwrap().is_empty(), "a second migration has nothing to do");
        let shop = Self::of(store, under);
        assert_eq!(
            shop.backlog.enter().await.unwrap().membership,
            Membership::Live,
            "it was there before regions were"
        );
        shop
    }

    fn of(store: Arc<dyn Store>, under: Under) -> Self {
        let backlog = store.backlog("home", true);
        Self { store, backlog, under, keys: AtomicU64::new(0) }
    }

    /// Another store over the same PostgreSQL.
    pub(crate) fn postgres_store(&self) -> postgres::Postgres {
        self.postgres_store_within(std::time::Duration::from_secs(30))
    }

    /// And with time limits of its own.
    pub(crate) fn postgres_store_within(&self, limit: std::time::Duration) -> postgres::Postgres {
        let timeouts = postgres::Timeouts { connect: limit, statement: limit, lock: limit };
        postgres::Postgres::new(self.url(), 4, timeouts, None).unwrap()
    }

    /// Of its PostgreSQL.
    pub(crate) fn url(&self) -> &str {
        let Under::Postgres { url } = &self.under else { panic!("not on PostgreSQL") };
        url
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.under, Under::Postgres { .. })
    }

    /// Statements behind the store's back; what the database says against them.
    pub(crate) async fn sql(&self, statements: &str) -> Result<(), String> {
        match &self.under {
            Under::Sqlite(dir) => {
                let connection = rusqlite::Connection::open(dir.path().join("shop")).unwrap();
                connection.execute_batch(statements).map_err(|error| error.to_string())
            }
            Under::Postgres { url } => {
                let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
                tokio::spawn(connection);
                client.batch_execute(statements).await.map_err(|error| format!("{error:?}"))
            }
        }
    }

    pub(crate) fn ask(&self, path: &str, body: &Value, command: Command) -> Ask {
        let key = format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed));
        let digest = CallDigest::of("POST", path, body.to_string().as_bytes());
        Ask {
            command,
            actor: "tester".to_owned(),
            owner: None,
            sees: Sees::All,
            key,
            digest,
            correlation: "c-1".to_owned(),
        }
    }

    /// One batch.
    pub(crate) async fn batch(&self, asks: &[Ask]) -> Vec<WriteOutcome> {
        self.batch_within(Limits::default(), asks).await
    }

    /// The same, where owners may hold no more than this.
    pub(crate) async fn batch_within(&self, limits: Limits, asks: &[Ask]) -> Vec<WriteOutcome> {
        let refs: Vec<&Ask> = asks.iter().collect();
        let needs = Needs {
            skus: asks.iter().flat_map(|ask| ask.command.skus()).collect(),
            reservations: asks.iter().filter_map(|ask| ask.reservation()).collect(),
            holders: asks.iter().filter(|ask| ask.command.is_hold()).map(|ask| ask.holder()).collect(),
            keys: asks.iter().map(|ask| ask.kept_under()).collect(),
            reconcile: asks.iter().flat_map(|ask| ask.command.reconciles()).collect(),
            orders: asks.iter().filter_map(|ask| ask.command.order()).collect(),
            topology: asks.iter().any(|ask| ask.command.changes_topology()),
        };
        let rules = Rules::none();
        let mut outcomes = Vec::new();
        let decide = &mut |state: &mut BatchState| {
            state.limits = limits;
            outcomes = answer_all(state, &refs, &rules);
        };
        self.store.batch(needs, decide).await.unwrap();
        outcomes
    }

    pub(crate) async fn run(&self, ask: Ask) -> WriteOutcome {
        self.batch(&[ask]).await.pop().unwrap()
    }

    pub(crate) async fn done(&self, command: Command) -> WriteAnswer {
        self.run(self.ask("/", &json!(format!("{command:?}")), command)).await.unwrap()
    }

    pub(crate) async fn location(&self, name: &str, priority: i32, more: Value) {
        let mut body = json!({"name": name, "priority": priority});
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.done(Command::PutLocation(location(name), serde_json::from_value(body).unwrap())).await;
    }

    pub(crate) async fn item(&self, name: &str) {
        self.done(Command::PutItem(sku(name), serde_json::from_value(json!({"name": name})).unwrap())).await;
    }

    /// Makes the item if need be, and counts it.
    pub(crate) async fn count(&self, name: &str, at: &str, quantity: i64) {
        self.item(name).await;
        let body = json!({"location": at, "quantity": quantity, "reason": "count"});
        self.done(Command::SetStock(sku(name), serde_json::from_value(body).unwrap())).await;
    }

    pub(crate) async fn policy(&self, name: &str, body: Value) {
        self.done(Command::SetPolicy(sku(name), serde_json::from_value(body).unwrap())).await;
    }

    pub(crate) fn hold_ask(&self, body: Value) -> Ask {
        let hold: request::Hold = request::read(body.to_string().as_bytes()).unwrap();
        self.ask("/v1/reservations", &body, Command::Hold(Uuid::now_v7(), hold))
    }

    pub(crate) async fn hold(&self, body: Value) -> Result<Reservation, Problem> {
        self.run(self.hold_ask(body)).await.map(|answer| reservation(&answer))
    }

    /// One line of one SKU.
    pub(crate) async fn hold_one(&self, name: &str, quantity: i64) -> Result<Reservation, Problem> {
        self.hold(json!({"lines": [{"sku": name, "quantity": quantity}]})).await
    }

    pub(crate) async fn verb(&self, id: Uuid, verb: &str, body: Value) -> Result<Reservation, Problem> {
        self.run(self.verb_ask(id, verb, body)).await.map(|answer| reservation(&answer))
    }

    pub(crate) fn verb_ask(&self, id: Uuid, verb: &str, body: Value) -> Ask {
        let text = body.to_string();
        let text = text.as_bytes();
        let command = match verb {
            "extend" => Command::Extend(id, request::read(text).unwrap()),
            "confirm" => Command::Confirm(id, request::read(text).unwrap()),
            "cancel" => Command::Cancel(id, request::read(text).unwrap()),
            "fulfil" => Command::Fulfil(id, request::read(text).unwrap()),
            "return" => Command::Return(id, request::read(text).unwrap()),
            _ => Command::Expire(id),
        };
        self.ask(&format!("/v1/reservations/{id}/{verb}"), &body, command)
    }

    pub(crate) async fn facts(&self, name: &str) -> Vec<Fact> {
        let load = LoadFacts { skus: vec![sku(name)], ..LoadFacts::default() };
        self.store.load_facts(&load).await.unwrap().stocks.remove(0).facts
    }

    pub(crate) async fn fact(&self, name: &str, at: &str) -> Fact {
        self.facts(name).await.into_iter().find(|fact| fact.location.as_str() == at).unwrap()
    }

    /// Moves the stored T on: the database's moment never falls below it.
    pub(crate) async fn turn_clock_to(&self, t: onhand_wire::Timestamp) {
        let (holder, lease) = (Uuid::new_v4(), std::time::Duration::from_millis(200));
        assert!(self.backlog.take_lease(holder, lease).await.unwrap());
        self.backlog.store_t(holder, t, None, lease).await.unwrap().unwrap();
    }

    /// Rows, reservations and ledger agree.
    pub(crate) async fn agrees(&self) {
        let comparison = self.store.compare().await.unwrap();
        assert_eq!(comparison.differences, [], "of {} rows", comparison.checked);
        let check = self.store.verify_ledger(10, &|_, _| ()).await.unwrap();
        assert_eq!((check.faults, check.first), (0, vec![]), "of {} lines", check.lines);
        let beside = format!("rows_{}", self.keys.fetch_add(1, Ordering::Relaxed)).parse().unwrap();
        let rebuilt = self.store.rebuild_rows(&beside).await.unwrap();
        assert_eq!(rebuilt, Rebuilt::Done { rows: check.rows, differences: 0 });
    }
}

pub(crate) fn reservation(answer: &WriteAnswer) -> Reservation {
    serde_json::from_str(&answer.body).unwrap()
}

/// Location and quantity of each allocation of a line.
pub(crate) fn shares(held: &Reservation, line: usize) -> Vec<(&str, i64)> {
    held.lines[line].allocations.iter().map(|share| (share.location.as_str(), share.quantity)).collect()
}
