//! Payment: nobody is charged without goods, nobody is served without a charge.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use hmac::{Hmac, Mac};
use onhand_harness::{World, eventually};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{LONG, body, count, id, is, place, read, ready};

const SECRET: &str = "0123456789abcdef";

/// How the hook treats the next charges.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Approves,
    Declines,
    /// Takes the call, and never answers. Whether it charges is its own affair: here it does.
    Hangs,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Money {
    Charged,
    Refused,
    /// Given back, or never to be taken: a charge under this key is refused from now on.
    Voided,
}

/// A hook as docs/orders.md asks for it: idempotent by key, and a voided key is never charged.
#[derive(Clone)]
struct Hook {
    url: String,
    mood: Arc<Mutex<Mood>>,
    /// What became of each key.
    books: Arc<Mutex<BTreeMap<String, (Money, i64)>>>,
    calls: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/pay", listener.local_addr().unwrap());
        let mood = Arc::new(Mutex::new(Mood::Approves));
        let hook = Self { url, mood, books: Arc::default(), calls: Arc::default() };
        let serving = hook.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        hook
    }

    fn is_now(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// What the shop's customers have paid, by key.
    fn charged(&self) -> Vec<(String, i64)> {
        let books = self.books.lock().unwrap();
        books
            .iter()
            .filter(|(_, (money, _))| *money == Money::Charged)
            .map(|(key, (_, sum))| (key.clone(), *sum))
            .collect()
    }

    fn voided(&self) -> usize {
        self.books.lock().unwrap().values().filter(|(money, _)| *money == Money::Voided).count()
    }

    /// None: no answer.
    fn judge(&self, call: &Value) -> Option<Value> {
        let (key, sum) = (call["key"].as_str().unwrap().to_owned(), call["amount"]["amount"].as_i64().unwrap());
        let mut books = self.books.lock().unwrap();
        if call["action"] == "void" {
            books.insert(key, (Money::Voided, sum));
            return Some(json!({"status": "voided"}));
        }
        let mood = *self.mood.lock().unwrap();
        let first = if mood == Mood::Declines { Money::Refused } else { Money::Charged };
        let (money, _) = *books.entry(key).or_insert((first, sum));
        let status = if money == Money::Charged { "approved" } else { "declined" };
        (mood != Mood::Hangs).then(|| json!({"status": status}))
    }

    async fn serve(self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        let (mut headers, mut line) = (BTreeMap::new(), String::new());
        loop {
            line.clear();
            stream.read_line(&mut line).await.ok()?;
            let Some((name, value)) = line.trim().split_once(": ") else {
                if line.trim().is_empty() {
                    break;
                }
                continue;
            };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut sent = vec![0; headers.get("content-length")?.parse().ok()?];
        stream.read_exact(&mut sent).await.ok()?;
        let call: Value = serde_json::from_slice(&sent).unwrap();
        assert_eq!(headers["idempotency-key"], call["key"].as_str().unwrap());
        let (at, signature) = headers["onhand-signature"].split_once(",v1=").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{}.{}", at.strip_prefix("t=").unwrap(), String::from_utf8_lossy(&sent)).as_bytes());
        let right: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signature, right, "signed as restocks are");
        self.calls.lock().unwrap().push(call.clone());
        let Some(answer) = self.judge(&call) else {
            tokio::time::sleep(Duration::from_secs(30)).await;
            return None;
        };
        let answer = answer.to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            answer.len()
        );
        stream.write_all(format!("{head}{answer}").as_bytes()).await.ok()?;
        stream.flush().await.ok()
    }
}

async fn world(hook: &Hook) -> World {
    let world = super::world()
        .origins(2)
        .env("ONHAND_ORIGIN__PAYMENT__URL", &hook.url)
        .env("ONHAND_ORIGIN__PAYMENT__SECRET", SECRET)
        .env("ONHAND_ORIGIN__PAYMENT__TIMEOUT", "300ms")
        .env("ONHAND_ORIGIN__PAYMENT__TRIES", "2")
        .env("ONHAND_ORIGIN__PAYMENT__SHORTEST_PAUSE", "100ms")
        .ready()
        .await;
    world.location("a", 0).await;
    let admin = world.origin(0).client(&world.tokens.admin);
    let item = json!({"name": "x", "price": {"amount": 250, "currency": "GBP"}});
    admin.put("/inventory/products/x", item).await.expect(201);
    world.stock("x", "a", 3).await;
    ready(&world).await;
    world
}

async fn reserved(world: &World) -> i64 {
    world.sql("SELECT sum(reserved)::bigint FROM inventory_items WHERE sku = 'x'").await[0].get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_charged_and_confirmed_or_given_back() {
    let hook = Hook::start().await;
    let world = world(&hook).await;
    let mut order = body("x", 2);
    order["payment_ref"] = json!("card-1");
    let paid = place(&world, world.edge(0), "paid", order).await.expect(202);
    is(&world, world.edge(0), &id(&paid), "confirmed").await;
    assert_eq!(hook.charged(), [(format!("{}.1", id(&paid)), 500)]);
    let call = hook.calls.lock().unwrap()[0].clone();
    assert_eq!((call["payment_ref"].as_str(), call["amount"]["currency"].as_str()), (Some("card-1"), Some("GBP")));
    hook.is_now(Mood::Declines);
    let declined = place(&world, world.edge(0), "declined", body("x", 1)).await.expect(202);
    is(&world, world.edge(0), &id(&declined), "payment_failed").await;
    assert_eq!((reserved(&world).await, hook.charged().len()), (2, 1), "its unit was given back");
    hook.is_now(Mood::Approves);
    // What was given back goes to a later order; what has no price is not sold for nothing.
    let later = place(&world, world.edge(0), "later", body("x", 1)).await.expect(202);
    is(&world, world.edge(0), &id(&later), "confirmed").await;
    let probe = place(&world, world.edge(0), "probe", body("probe", 1)).await.expect(202);
    is(&world, world.edge(0), &id(&probe), "rejected").await;
    assert_eq!(read(&world, world.edge(0), &id(&probe)).await["reason"], "no_price");
    assert_eq!(hook.charged().iter().map(|(_, sum)| sum).sum::<i64>(), 750);
}

/// No answer: again under the same key, then a void, and a dead letter whose replay has a key of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_nobody_knows_of_is_voided() {
    let hook = Hook::start().await;
    let world = world(&hook).await;
    hook.is_now(Mood::Hangs);
    let lost = place(&world, world.edge(0), "lost", body("x", 1)).await.expect(202);
    is(&world, world.edge(0), &id(&lost), "processing").await;
    assert_eq!(reserved(&world).await, 1, "held without a deadline");
    // Another order is decided all the same: payment delays nobody.
    let other = place(&world, world.edge(0), "other", body("x", 5)).await.expect(202);
    is(&world, world.edge(0), &id(&other), "sold_out").await;
    is(&world, world.edge(0), &id(&lost), "dead_lettered").await;
    assert_eq!(read(&world, world.edge(0), &id(&lost)).await["reason"], "payment_timeout");
    assert_eq!(reserved(&world).await, 0, "given back");
    eventually!(LONG, hook.voided() == 1);
    let keys: Vec<String> =
        hook.calls.lock().unwrap().iter().map(|call| call["key"].as_str().unwrap().to_owned()).collect();
    assert!(keys.iter().all(|key| *key == format!("{}.1", id(&lost))), "one key: {keys:?}");
    assert_eq!(hook.charged(), [], "what it had taken it gave back");
    hook.is_now(Mood::Approves);
    let operator = world.origin(0).client(&world.tokens.operator);
    // It waits for the void's acknowledgement by itself.
    operator.post("/internal/api/orders/dlq/replay", json!({"cause": "payment_timeout"})).await.expect(202);
    is(&world, world.edge(0), &id(&lost), "confirmed").await;
    assert_eq!(hook.charged(), [(format!("{}.2", id(&lost)), 250)], "once, under a key of its own");
}

/// Killed between charge and answer: the same key is asked for again, and charged once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn origins_killed_in_the_middle_charge_once() {
    let hook = Hook::start().await;
    let world = world(&hook).await;
    world.stock("x", "a", 1000).await;
    let mut orders = Vec::new();
    for number in 0..120 {
        let placed = place(&world, world.edge(0), &format!("k-{number}"), body("x", 1)).await.expect(202);
        orders.push(id(&placed));
        if number == 40 || number == 80 {
            let origin = world.origin(usize::from(number == 80));
            origin.kill();
            hook.is_now(if number == 40 { Mood::Hangs } else { Mood::Declines });
            tokio::time::sleep(Duration::from_millis(300)).await;
            hook.is_now(Mood::Approves);
            origin.start().await;
        }
    }
    // All of them: what intake has not yet taken in has no row.
    let all = orders.len() as i64;
    eventually!(LONG, count(&world, "state NOT IN ('queued', 'processing')").await == all);
    let unsettled = "SELECT count(*) FROM order_payments WHERE state IN ('charging', 'voiding')";
    eventually!(LONG, world.sql(unsettled).await[0].get::<_, i64>(0) == 0);
    let rows = world.sql("SELECT id FROM orders WHERE state = 'confirmed' AND sku = 'x' ORDER BY id").await;
    let served: Vec<String> = rows.iter().map(|row| row.get::<_, uuid::Uuid>(0).to_string()).collect();
    let mut charged: Vec<String> =
        hook.charged().iter().map(|(key, _)| key.split('.').next().unwrap().to_owned()).collect();
    charged.sort();
    assert_eq!(charged, served, "charged if and only if confirmed");
    assert_eq!(reserved(&world).await, served.len() as i64);
    println!("{} of {} orders were confirmed, each charged once", served.len(), orders.len());
}
