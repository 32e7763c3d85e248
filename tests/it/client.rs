//! Every call of sdk/client once, against a world; and its example, against `onhand dev`.

#[path = "../../sdk/client/examples/shop.rs"]
mod shop;

use std::time::Duration;

use onhand_client::{Client, Count, Error, Import, Mode, OnError, Retry, Role, Search, Source, TrailQuery, View, Warm};
use onhand_harness::{World, eventually};
use onhand_wire::{
    ChannelId, LocationId, Money, Quantity, Sku,
    bulk::LoadFacts,
    request::{
        Adjust, AdjustmentKind, AskQuote, AvailabilityQuery, Cancel, Confirm, Extend, Fulfil, FulfilLine, Hold,
        HoldLine, LineQuantity, Maintenance, Policy, Push, PutChannel, PutItem, PutLocation, QuoteLine, Return,
        RollBack, SetStock, Transfer,
    },
    reservation::State,
    session::Session,
};
use uuid::Uuid;

use crate::dev::Dev;

fn sku() -> Sku {
    Sku::new("DOT COM/1").unwrap()
}

fn at(id: &str) -> LocationId {
    LocationId::new(id).unwrap()
}

fn web() -> ChannelId {
    ChannelId::new("web").unwrap()
}

fn units(units: u32) -> Quantity {
    Quantity::new(units).unwrap()
}

fn hold(quantity: u32) -> Hold {
    Hold::of(vec![HoldLine { sku: sku(), quantity: units(quantity), location: None }])
}

struct Callers {
    edge: Client,
    origin: Client,
    management: Client,
}

impl Callers {
    /// May do anything.
    fn of(world: &World) -> Self {
        let client = |url: &str| Client::builder().url(url).token(&world.tokens.admin).build().unwrap();
        let edge = world.edge(0);
        Self {
            edge: client(&edge.url()),
            origin: client(&world.origin(0).url()),
            management: client(&edge.management_url()),
        }
    }

    async fn shown(&self, session: Option<String>) -> i64 {
        let call = self.edge.availability(&sku(), &View::default()).session(&session.unwrap());
        call.await.unwrap().value.available
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_is_read() {
    let world = World::start().edges(1).ready().await;
    let callers = Callers::of(&world);
    catalogue(&callers).await;
    stock(&callers).await;
    lookups(&callers).await;
    reservations(&callers).await;
    imports(&callers).await;
    runbook(&callers).await;
    releases(&callers.origin).await;
    health_and_caches(&callers).await;
    trail(&callers.origin).await;
    users(&callers.origin, &world.tokens.storefront).await;
}

async fn catalogue(Callers { origin, .. }: &Callers) {
    for (id, priority) in [("a", 0), ("b", 1)] {
        let put = PutLocation { priority, ..PutLocation::named(id) };
        assert_eq!(origin.put_location(&at(id), &put).await.unwrap().status.as_u16(), 201);
        assert_eq!(origin.location(&at(id)).await.unwrap().value.priority, priority);
    }
    assert_eq!(origin.locations().items(10).await.unwrap().len(), 2);
    let put = PutChannel { locations: vec![at("b"), at("a")], allocation: "priority".to_owned() };
    let channel = origin.put_channel(&web(), &put).await.unwrap().value;
    assert_eq!(origin.channels().items(10).await.unwrap(), std::slice::from_ref(&channel));
    assert_eq!(origin.channel(&web()).await.unwrap().value, channel);
    let price = Some(Money { amount: 250, currency: "GBP".to_owned() });
    let (name, attributes) = ("A mug".to_owned(), [("size".to_owned(), "L".to_owned())].into());
    let put = PutItem { name, brand: None, attributes, price, active: true };
    let item = origin.put_item(&sku(), &put).await.unwrap().value;
    assert_eq!(origin.item(&sku()).await.unwrap().value.item, item);
    let gone = Sku::new("gone").unwrap();
    origin.put_item(&gone, &put).await.unwrap();
    assert!(origin.delete_item(&gone).await.unwrap().value.deleted);
    let search = Search { q: Some("mu".to_owned()), attributes: put.attributes.clone(), ..Search::default() };
    assert_eq!(origin.products(&search).items(10).await.unwrap(), [item]);

    let maintenance = |on| Maintenance { maintenance_mode: on, message: Some("back at nine".to_owned()) };
    assert!(origin.set_maintenance(&maintenance(true)).await.unwrap().value.maintenance_mode);
    let error = origin.put_item(&gone, &put).once().await.unwrap_err();
    let problem = error.problem().unwrap();
    assert_eq!((problem.code.as_str(), problem.retry), ("maintenance", Retry::SameKey));
    assert_eq!(problem.members["message"], "back at nine");
    origin.set_maintenance(&maintenance(false)).await.unwrap();
}

async fn stock(Callers { origin, .. }: &Callers) {
    let reason = || "counted".to_owned();
    let set = SetStock {
        location: at("a"),
        quantity: units(10),
        reason: reason(),
        expected_version: None,
        expected_on_hand: Some(units(0)),
    };
    let first = origin.set_stock(&sku(), &set).key("count-1").await.unwrap();
    let again = origin.set_stock(&sku(), &set).key("count-1").await.unwrap();
    assert_eq!((first.replayed, again.replayed, &again.value), (false, true, &first.value));
    assert_eq!(first.value.facts[0].on_hand, 10);
    let mismatch = origin.set_stock(&sku(), &set).await.unwrap_err();
    assert_eq!((mismatch.is("version_mismatch"), &mismatch.problem().unwrap().members["on_hand"]), (true, &10.into()));

    let kind = AdjustmentKind::Received;
    let adjust = Adjust { location: at("a"), delta: 5, kind, reason: reason() };
    assert_eq!(origin.adjust(&sku(), &adjust).await.unwrap().value.facts[0].on_hand, 15);
    let transfer = Transfer { sku: sku(), from: at("a"), to: at("b"), quantity: units(3), reason: reason() };
    assert_eq!(origin.transfer(&transfer).await.unwrap().value.facts.len(), 2);
    let policy = Policy { location: Some(at("b")), low_stock_at: Some(units(5)), ..Policy::default() };
    assert_eq!(origin.set_policy(&sku(), &policy).await.unwrap().value.facts[0].low_stock_at, 5);

    let ledger = origin.ledger(&sku(), Some(&at("a"))).items(10).await.unwrap();
    let kinds: Vec<_> = ledger.iter().map(|line| (line.before.on_hand, line.after.on_hand)).collect();
    assert_eq!(kinds, [(15, 12), (10, 15), (0, 10)]);
    let by_ones = origin.ledger(&sku(), Some(&at("a"))).limit(1).await.unwrap().value;
    assert_eq!((by_ones.items.len(), by_ones.next_cursor.is_some()), (1, true));

    let load = LoadFacts { skus: vec![sku()], ..LoadFacts::default() };
    let facts = origin.facts(&load).await.unwrap().value;
    assert_eq!(facts.stocks[0].facts.iter().map(|fact| fact.on_hand).sum::<i64>(), 15);
    assert_eq!(origin.topology().await.unwrap().value.locations.len(), 2);
}

async fn lookups(Callers { edge, .. }: &Callers) {
    let view = View { quantity: Some(units(15)), ..View::default() };
    eventually!(edge.availability(&sku(), &view).await.is_ok_and(|shown| shown.value.sellable == Some(true)));
    let shown = edge.availability(&sku(), &view).max_staleness(Duration::ZERO).await.unwrap();
    assert_eq!((shown.value.available, shown.source, shown.stale), (15, Some(Source::Origin), false));
    assert!(shown.as_of.is_some() && shown.correlation_id.is_some());
    let view = View { channel: Some(web()), locations: vec![at("b")], ..View::default() };
    assert_eq!(edge.availability(&sku(), &view).await.unwrap().value.available, 3);
    let unknown = Sku::new("none").unwrap();
    assert!(edge.availability(&unknown, &View::default()).await.unwrap_err().is("unknown_sku"));

    let query = AvailabilityQuery { skus: vec![sku(), unknown.clone()], channel: Some(web()), locations: None };
    let answers = edge.query(&query).await.unwrap().value;
    assert_eq!((answers.items[0].available, answers.unknown), (15, vec![unknown]));
    let lines = vec![QuoteLine { sku: sku(), quantity: units(2) }];
    let ask = AskQuote { channel: Some(web()), currency: None, customer: None, destination: None, lines };
    let quote = edge.quote(&ask).await.unwrap().value;
    assert_eq!((quote.total.unwrap().amount, quote.shippable), (500, true));
}

async fn reservations(callers: &Callers) {
    let Callers { edge, origin, .. } = callers;
    let held = edge.hold(&hold(6)).await.unwrap();
    assert_eq!((held.status.as_u16(), held.value.state), (201, State::Held));
    assert_eq!(callers.shown(held.session).await, 9);
    let id = held.value.id;
    let own = View { reservation: Some(id), ..View::default() };
    assert_eq!(edge.availability(&sku(), &own).await.unwrap().value.available, 15);
    assert_eq!(edge.reservation(id).await.unwrap().value, held.value);
    let extended = edge.extend(id, &Extend { ttl_s: 3600 }).await.unwrap().value;
    assert!(extended.expires_at > held.value.expires_at);
    let lines = Some(vec![LineQuantity { line: 0, quantity: units(5) }]);
    assert_eq!(edge.confirm(id, &Confirm { lines }).await.unwrap().value.state, State::Confirmed);
    let lines = Some(vec![FulfilLine { line: 0, quantity: units(2), location: None }]);
    assert_eq!(edge.fulfil(id, &Fulfil { lines }).await.unwrap().value.lines[0].fulfilled, 2);
    assert_eq!(origin.fulfil(id, &Fulfil::default()).await.unwrap().value.state, State::Fulfilled);
    let goods = Return { lines: vec![LineQuantity { line: 0, quantity: units(1) }], location: Some(at("a")) };
    let returned = edge.return_goods(id, &goods).await.unwrap();
    assert_eq!(returned.value.lines[0].returned, 1);
    assert!(Session::decode(returned.session.as_deref().unwrap()).is_ok());
    assert_eq!(callers.shown(returned.session).await, 11);
    assert_eq!(origin.trace(id).await.unwrap().value.allocated_by, "priority");

    let state = edge.cancel(id, &Cancel::default()).await.unwrap_err();
    assert_eq!(
        (state.is("reservation_state"), &state.problem().unwrap().members["state"]),
        (true, &"fulfilled".into())
    );
    let short = edge.hold(&hold(100)).await.unwrap_err();
    assert_eq!(short.problem().unwrap().members["lines"][0]["available"], 11, "{short}");
    assert!(edge.reservation(Uuid::nil()).await.unwrap_err().is("not_found"));
    let other = origin.hold(&hold(1)).await.unwrap().value.id;
    let cancel = Cancel { reason: Some("changed my mind".to_owned()) };
    assert_eq!(edge.cancel(other, &cancel).await.unwrap().value.state, State::Cancelled);
}

async fn imports(Callers { origin, .. }: &Callers) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stock.csv");
    std::fs::write(&file, "sku,location,quantity\nnew,a,7\nnew,nowhere,1\n").unwrap();
    let import = Import { on_error: OnError::Skip, create: true, ..Import::default() };
    let report = origin.import_file(import, &file, |_| {}).await.unwrap().value;
    assert_eq!((report.read, report.applied, report.rejected), (2, 1, 1));
    assert_eq!((report.errors[0].row, report.errors[0].code.as_str()), (3, "unknown_location"));
    let import = Import { mode: Mode::Adjust, ..Import::default() };
    let report = origin.import(import, "sku,location,quantity\nnew,a,-2\n").await.unwrap().value;
    assert_eq!((report.applied, report.rejected), (1, 0));
}

async fn runbook(Callers { origin, .. }: &Callers) {
    let low = origin.low_stock().items(10).await.unwrap();
    assert_eq!(low.iter().map(|low| (low.available, low.threshold)).collect::<Vec<_>>(), [(3, 5)]);
    assert_eq!(origin.stuck_reservations().items(10).await.unwrap(), []);
    assert_eq!(origin.release_expired().await.unwrap().value.released, 0);
    origin.notify_restocks().await.unwrap();
    let counts = [Count { sku: Sku::new("new").unwrap(), location: at("a"), on_hand: units(6) }];
    let report = origin.reconcile(Some(&counts)).await.unwrap().value;
    assert_eq!((report.counts, report.differences.len(), report.corrected), (Some(1), 1, None));
    assert_eq!((report.differences[0].expected.on_hand, report.differences[0].found.on_hand), (6, 5));
    let applied = origin.reconcile_and_apply(Some(&counts)).await.unwrap().value;
    assert_eq!(applied.corrected.unwrap().total, 1);
    assert_eq!(origin.reconcile(None).await.unwrap().value.differences, []);
}

async fn releases(origin: &Client) {
    let folder = crate::rules::folder(&[("channel-buffer", "buffer", "[config]\nhide_last = \"0\"\n")]);
    let component = std::fs::read(folder.path().join("buffer.wasm")).unwrap();
    let settings = std::fs::read_to_string(folder.path().join("buffer.toml")).unwrap();
    let push = Push { component, next: false, settings, signature: None, fixtures: Default::default() };
    let pushed = origin.push("buffer", &push).await.unwrap().value;
    let digest = &pushed.manifest.full.as_ref().unwrap().digest;
    assert!(pushed.new && origin.release(digest).await.unwrap().value.digest() == *digest);
    assert!(!origin.push("buffer", &push).await.unwrap().value.new);
    assert_eq!(origin.rules().items(10).await.unwrap()[0].manifest, pushed.manifest);
    assert_eq!(origin.releases("buffer").items(10).await.unwrap(), [pushed.manifest]);
    let plan = origin.roll_back_plan("buffer").await.unwrap().value;
    let back = RollBack { seq: Some(plan.seq), ..RollBack::default() };
    assert_eq!(origin.roll_back("buffer", &back).await.unwrap().value.manifest.full, plan.full);
}

async fn health_and_caches(Callers { edge, origin, management }: &Callers) {
    assert_eq!(edge.edge_health().await.unwrap().value.status, "healthy");
    let health = origin.origin_health().await.unwrap().value;
    assert_eq!((health.maintenance, health.alerting.map(|alerting| alerting.silent)), (Some(false), Some(false)));
    assert_eq!(management.info().await.unwrap().value.name, "onhand-edge");
    let gets = management.metric("cache.gets", Some("cache:l1")).await.unwrap().value;
    assert!(gets.hit_ratio.is_some_and(|ratio| (0.0..=1.0).contains(&ratio)), "{gets:?}");
    let not_there = origin.edge_health().await.unwrap_err();
    assert!(matches!(not_there, Error::Problem(_)), "{not_there}");
    assert_eq!(management.clear_l1().await.unwrap().value.cleared, ["l1"]);
    assert_eq!(management.clear_caches().await.unwrap().value.cleared, ["l1", "l2"]);
    let warm = Warm { skus: Some(vec![sku()]), ..Warm::default() };
    assert_eq!(management.warm_cache(&warm).await.unwrap().value.asked, 1);
    let explained = management.explain(&sku()).await.unwrap().value;
    assert_eq!(explained.l1.unwrap().stock.facts.len(), 2);
}

async fn users(origin: &Client, storefront: &str) {
    let (password, address) = ("correct horse battery", "192.0.2.1");
    let shopper = origin.register("bob", password, None, address).await.unwrap().value;
    let invitation = origin.invite(Role::Operator, Some(600)).await.unwrap().value;
    let ann = origin.register("ann", password, Some(&invitation.token), address).await.unwrap().value;
    assert_eq!((shopper.role, ann.role), (Role::Shopper, Role::Operator));
    assert_eq!(origin.users().items(10).await.unwrap(), [ann.clone(), shopper]);
    assert_eq!(origin.verify_user("ann", password, address).await.unwrap().value, Some(ann.clone()));
    assert_eq!(origin.verify_user("ann", "another horse battery", address).await.unwrap().value, None);
    let raised = origin.set_role("ann", Role::Admin).await.unwrap().value;
    let out = origin.sign_out_everywhere("ann").await.unwrap().value;
    assert!(ann.epoch < raised.epoch && raised.epoch < out.epoch && out.role == Role::Admin);
    assert_eq!(origin.user("ann").await.unwrap().value, out);
    assert!(origin.with_token(storefront).user("ann").await.unwrap_err().is("forbidden"), "another's token");
    assert_eq!(origin.remove_user("ann").await.unwrap().value, out);
    assert!(origin.user("ann").await.unwrap_err().is("not_found"));
}

async fn trail(origin: &Client) {
    let query = TrailQuery { kind: Some("location_put".to_owned()), ..TrailQuery::default() };
    let lines = origin.trail(&query).items(10).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.what.as_str()).collect::<Vec<_>>(), ["b", "a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_sells_in_onhand_dev() {
    let dev = Dev::start(&[]).await;
    let token = dev.tokens["storefront"].as_str().unwrap();
    let shop = Client::builder().url(&dev.edge).token(token).build().unwrap();
    let sku = Sku::new("22423").unwrap();
    let before = shop.availability(&sku, &View::default()).await.unwrap().value.available;
    assert_eq!(shop::sell(&shop, &sku, units(2)).await.unwrap(), Some(before - 2));
    assert_eq!(shop::sell(&shop, &sku, units(1_000_000)).await.unwrap(), None);
}
