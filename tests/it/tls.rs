//! Every hop by TLS, on servers that let nobody in without: what works, and that each of a wrong authority, a wrong name,
//! a certificate that has expired and a wrong password is refused, and said.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use onhand_harness::{
    Client, Node, Pair, Servers, World, eventually,
    kafka::{self, Listener},
    postgres, redis,
};
use serde_json::json;

use crate::onhand::run;

/// What `onhand check` says, whether all is well or not.
async fn check(env: &[(&str, &str)]) -> String {
    run(&["check"], env).await.1
}

fn path(path: &std::path::Path) -> String {
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_world_whose_every_hop_is_encrypted_sells() {
    let world = World::start().encrypted().ready().await;
    assert!(world.edge(0).url().starts_with("https://") && world.origin(0).url().starts_with("https://"));
    world.location("a", 0).await;
    let admin = world.origin(0).client(&world.tokens.admin);
    let import = admin.call("POST".parse().unwrap(), "/inventory/imports?create=true");
    import.body("text/csv", "sku,location,quantity\nx,a,10\n".to_owned()).send().await.expect(200);
    let shop = world.edge(0).client(&world.tokens.storefront);
    eventually!(shop.get("/v1/availability/x").await.json()["available"] == 10);
    let hold = json!({"lines": [{"sku": "x", "quantity": 4}]});
    shop.post("/v1/reservations", hold).await.expect(201);
    eventually!(shop.get("/v1/availability/x").await.json()["available"] == 6);
    let sessions = "SELECT count(*) FILTER (WHERE ssl), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE usename = 'stock'";
    let row = &world.sql(sessions).await[0];
    let (encrypted, all): (i64, i64) = (row.get(0), row.get(1));
    assert!(all > 0 && encrypted == all, "{encrypted} of {all}");
    let mut redis = world.redis_client().await;
    let clients: String = ::redis::cmd("CLIENT").arg("LIST").query_async(&mut redis).await.unwrap();
    assert!(clients.contains(&format!("user={}", redis::USER)), "{clients}");
    eventually!(::redis::cmd("DBSIZE").query_async::<u64>(&mut redis).await.unwrap() > 0);
}

/// Until the second tier has something to compare.
async fn warm(world: &World) {
    let mut redis = world.redis_client().await;
    let mut stored = async || {
        let warm = world.edge(0).management().call("POST".parse().unwrap(), "/internal/api/inventory/warm-cache");
        let warm =
            warm.header("authorization", &format!("Bearer {}", world.tokens.admin)).json(json!({"skus": ["x"]})).send();
        assert_eq!(warm.await.status, 200);
        let found: Vec<String> = ::redis::cmd("KEYS").arg("onhand:*:sku:x").query_async(&mut redis).await.unwrap();
        !found.is_empty()
    };
    eventually!(stored().await);
}

/// Commands reach nodes of an authority that is not the system's, given the file; without it they say why not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_reach_a_world_whose_every_hop_is_encrypted() {
    let world = World::start().encrypted().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 10).await;
    warm(&world).await;
    let (edge, origin) = (world.edge(0).url(), world.origin(0).url());
    let (management, redis) = (world.edge(0).management_url(), world.secure_redis_url());
    let (admin, root) = (world.tokens.admin.as_str(), world.authority().root());
    let (root, authority) = (path(&root), "ONHAND_HTTP__CLIENT__CA_FILE");
    let audit = ["audit", "--edges", &edge, "--origin", &origin, "--token", admin, "--sku", "x", "--for", "1s"];
    let at_rest = [&audit[..], &["--at-rest", "--redis", &redis]].concat();
    let log = ["audit-log", "--origin", &origin, "--token", admin];
    let explain = ["explain", "x", "--edges", &management, "--origin", &origin, "--token", admin];
    for args in [&at_rest[..], &log, &explain] {
        let (well, said) = run(args, &[(authority, &root)]).await;
        assert!(well, "{args:?}: {said}");
        let (well, said) = run(args, &[]).await;
        assert!(!well && said.contains("certificate"), "{args:?}: {said}");
    }
    let unreadable = run(&log, &[(authority, "nothing.pem")]).await;
    assert!(!unreadable.0 && unreadable.1.contains("nothing.pem"), "{}", unreadable.1);
}

/// Shoppers of one edge, each call over a connection of its own; what went wrong, and how many calls there were.
async fn shop(edge: Node, token: String, root: std::path::PathBuf, done: Arc<AtomicBool>) -> (u64, Vec<String>) {
    let (mut calls, mut failed) = (0, Vec::new());
    while !done.load(Ordering::Relaxed) {
        let shop = Client::believing(&root, &edge.url(), Some(&token));
        let hold = shop.call("POST".parse().unwrap(), "/v1/reservations").key(&uuid::Uuid::new_v4().to_string());
        let hold = hold.json(json!({"lines": [{"sku": "x", "quantity": 1}]})).try_send().await;
        let lookup = shop.call("GET".parse().unwrap(), "/v1/availability/x").try_send().await;
        for (answer, right) in [(hold, 201), (lookup, 200)] {
            calls += 1;
            match answer {
                Ok(answer) if answer.status == right => {}
                Ok(answer) => failed.push(format!("{}: {}", answer.status, answer.text())),
                Err(error) => failed.push(format!("{error:?}")),
            }
        }
    }
    (calls, failed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_swapped_under_load_without_a_failed_call() {
    let world = World::start().encrypted().origins(2).ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 100_000).await;
    let done = Arc::new(AtomicBool::new(false));
    let (edge, root) = (world.edge(0), world.authority().root());
    eventually!(world.edge(0).client(&world.tokens.storefront).get("/v1/availability/x").await.status == 200);
    let token = || world.tokens.storefront.clone();
    let shops: Vec<_> =
        (0..4).map(|_| tokio::spawn(shop(edge.clone(), token(), root.clone(), Arc::clone(&done)))).collect();
    let told = |node: &Node| node.log_tail(10_000).matches("the listeners' certificate was changed").count();
    for round in 1..=3 {
        world.authority().here("node"); // the same two files, one after the other
        eventually!(told(edge) >= round && told(world.origin(0)) >= round && told(world.origin(1)) >= round);
    }
    // A key that does not fit the certificate: they keep what they have.
    let Pair { key, .. } = world.authority().here("another");
    let own = world.authority().root().with_file_name("node.key.pem");
    std::fs::copy(key, own).unwrap();
    eventually!(edge.log_tail(10_000).contains("the listeners keep their old certificate"));
    done.store(true, Ordering::Relaxed);
    let mut calls = 0;
    for shop in shops {
        let (made, failed) = shop.await.unwrap();
        assert!(failed.is_empty(), "{} of {made}: {failed:#?}", failed.len());
        calls += made;
    }
    assert!(calls > 50, "{calls}");
}

/// An origin killed by -9, Redis and the broker gone and back: what shoppers were told holds, and the audit finds
/// nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encrypted_world_recovers_from_faults() {
    let world = World::start().encrypted().origins(2).edges(2).ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 100_000).await;
    let (done, held) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let buy = |edge: Node| {
        let (shop, done, held) = (edge.client(&world.tokens.storefront), Arc::clone(&done), Arc::clone(&held));
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let (key, line) = (uuid::Uuid::new_v4().to_string(), json!({"lines": [{"sku": "x", "quantity": 1}]}));
                // The same key until the answer is definite.
                loop {
                    let call = shop.call("POST".parse().unwrap(), "/v1/reservations").key(&key).json(line.clone());
                    match call.try_send().await {
                        Ok(answer) if answer.status == 201 => break,
                        Ok(answer) => assert!([503, 504, 409].contains(&answer.status), "{}", answer.text()),
                        Err(error) => panic!("an edge does not answer: {error:?}"),
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                held.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let buyers = [buy(world.edge(0).clone()), buy(world.edge(1).clone())];
    let more = async |than: u64| eventually!(held.load(Ordering::Relaxed) > than + 20);
    more(0).await;
    world.origin(0).kill();
    more(held.load(Ordering::Relaxed)).await;
    world.redis().kill();
    world.origin(0).start().await;
    more(held.load(Ordering::Relaxed)).await;
    world.redis().start().await;
    world.kafka().kill();
    more(held.load(Ordering::Relaxed)).await;
    world.kafka().start().await;
    more(held.load(Ordering::Relaxed)).await;
    done.store(true, Ordering::Relaxed);
    for buyer in buyers {
        buyer.await.unwrap();
    }
    let left = 100_000 - held.load(Ordering::Relaxed);
    for edge in world.edges() {
        let shop = edge.client(&world.tokens.storefront);
        eventually!(shop.get("/v1/availability/x").await.json()["available"] == left);
    }
    warm(&world).await;
    let edges = format!("{},{}", world.edge(0).url(), world.edge(1).url());
    let (origin, redis, admin) = (world.origin(1).url(), world.secure_redis_url(), world.tokens.admin.as_str());
    let args = ["audit", "--edges", &edges, "--origin", &origin, "--token", admin, "--sku", "x", "--for", "1s"];
    let args = [&args[..], &["--at-rest", "--redis", &redis]].concat();
    let root = path(&world.authority().root());
    let (well, said) = run(&args, &[("ONHAND_HTTP__CLIENT__CA_FILE", &root)]).await;
    assert!(well, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_cluster_is_read_and_written_by_tls() {
    let world = World::start().encrypted().redis_cluster().ready().await;
    world.location("a", 0).await;
    world.stock("x", "a", 10).await;
    let shop = world.edge(0).client(&world.tokens.storefront);
    eventually!(shop.get("/v1/availability/x").await.json()["available"] == 10);
    eventually!(world.redis_cluster().holds_something().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_refused_for_what_is_wrong_with_it() {
    let servers = Servers::encrypted().await.unwrap();
    let (by, stranger) = (servers.authority(), servers.stranger());
    servers.postgres.let_in().await;
    let own = by.here("check");
    let root = |root: &std::path::Path| format!("&sslrootcert={}", path(root));
    let proof = |Pair { cert, key }: &Pair| format!("&sslcert={}&sslkey={}", path(cert), path(key));
    let full = format!("sslmode=verify-full{}{}", root(&by.root()), proof(&own));
    let url = |parameters: &str| servers.postgres.url_as("stock", "postgres", parameters);
    let said = async |url: String| check(&[("DATABASE_URL", &url), ("ONHAND_ORIGIN__LISTEN", "127.0.0.1:0")]).await;

    // The schema is missing: it was let in.
    let good = said(url(&full)).await;
    assert!(good.contains("onhand migrate") && good.contains("encrypted and verified"), "{good}");
    for (what, url, why) in [
        ("no such password", url(&full).replace(postgres::PASSWORD, "wrong"), "password authentication failed"),
        ("no certificate", url(&format!("sslmode=verify-full{}", root(&by.root()))), "certificate"),
        ("another's", url(&format!("sslmode=require{}", proof(&stranger.here("check")))), "unknown"),
        ("wrong root", url(&full.replace(&path(&by.root()), &path(&stranger.root()))), "UnknownIssuer"),
        (
            "wrong root, require",
            url(&format!("sslmode=require{}{}", root(&stranger.root()), proof(&own))),
            "UnknownIssuer",
        ),
        ("no TLS", url("sslmode=disable"), "no encryption"),
        ("TLS unwanted", servers.postgres.url_as("plain", "postgres", "sslmode=require"), "SSL"),
    ] {
        let said = said(url).await.to_string();
        assert!(said.contains("FAULT") && said.to_lowercase().contains(&why.to_lowercase()), "{what}: {said}");
    }
    // Each is let in the only way that it may come.
    for (user, parameters) in
        [("plain", "sslmode=prefer"), ("plain", "sslmode=allow"), ("encrypted", "sslmode=allow"), ("encrypted", "")]
    {
        let said = said(servers.postgres.url_as(user, "postgres", parameters)).await;
        assert!(said.contains("onhand migrate"), "{user} {parameters}: {said}");
    }

    servers.postgres.present(&by.elsewhere("elsewhere")).await;
    eventually!(said(url(&full)).await.contains("not valid for name"));
    let any_name = said(url(&full.replace("verify-full", "verify-ca"))).await;
    assert!(any_name.contains("onhand migrate") && any_name.contains("but for the name"), "{any_name}");
    servers.postgres.present(&by.expired("expired")).await;
    eventually!(said(url(&full)).await.contains("expired"));
    let expired = said(url(&full.replace("verify-full", "verify-ca"))).await;
    assert!(expired.contains("FAULT") && expired.contains("expired"), "{expired}");
    let unverified = said(url(&format!("sslmode=require{}", proof(&own)))).await;
    assert!(unverified.contains("onhand migrate") && unverified.contains("encrypted, not verified"), "{unverified}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_is_refused_for_what_is_wrong_with_it() {
    let servers = Servers::encrypted().await.unwrap();
    let (by, stranger) = (servers.authority(), servers.stranger());
    let url = |password: &str| servers.redis.secure_url(0, password);
    let said = async |root: &std::path::Path, password: &str| {
        check(&[("REDIS_ADDR", &url(password)), ("ONHAND_EDGE__REDIS__CA_FILE", &path(root))]).await
    };
    let good = said(&by.root(), redis::PASSWORD).await;
    assert!(good.contains("answers") && good.contains("encrypted and verified"), "{good}");
    for (what, root, password, why) in [
        ("wrong root", stranger.root(), redis::PASSWORD, "UnknownIssuer"),
        ("wrong password", by.root(), "wrong", "Password authentication failed"),
        ("no root", by.root().with_file_name("nothing.pem"), redis::PASSWORD, "edge.redis.ca_file"),
    ] {
        let said = said(&root, password).await;
        assert!(said.contains("FAULT") && said.contains(why) && !said.contains(redis::PASSWORD), "{what}: {said}");
    }
    servers.redis.present(&by.elsewhere("elsewhere")).await;
    let wrong = said(&by.root(), redis::PASSWORD).await;
    assert!(wrong.contains("not valid for name"), "{wrong}");
    servers.redis.present(&by.expired("expired")).await;
    let expired = said(&by.root(), redis::PASSWORD).await;
    assert!(expired.contains("expired"), "{expired}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_is_refused_for_what_is_wrong_with_it() {
    let servers = Servers::encrypted().await.unwrap();
    let (by, stranger) = (servers.authority(), servers.stranger());
    let said = async |listener: Listener, root: &std::path::Path, mechanism: &str, password: &str| {
        check(&[
            ("KAFKA_ADDR", &servers.kafka.brokers_by(listener)),
            ("ONHAND_KAFKA__SECURITY__PROTOCOL", "sasl_ssl"),
            ("ONHAND_KAFKA__SECURITY__MECHANISM", mechanism),
            ("ONHAND_KAFKA__SECURITY__USERNAME", "onhand"),
            ("ONHAND_KAFKA__SECURITY__PASSWORD", password),
            ("ONHAND_KAFKA__SECURITY__CA_FILE", &path(root)),
        ])
        .await
    };
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] {
        let good = said(Listener::Password, &by.root(), mechanism, kafka::PASSWORD).await;
        assert!(good.contains("will be made") && good.contains("encrypted and verified"), "{mechanism}: {good}");
    }
    let (right, password) = (Listener::Password, kafka::PASSWORD);
    for (what, listener, root, mechanism, password, why) in [
        ("wrong root", right, stranger.root(), "PLAIN", password, "certificate verify failed"),
        ("wrong password", right, by.root(), "SCRAM-SHA-512", "wrong", "Authentication failed"),
        ("wrong password, PLAIN", right, by.root(), "PLAIN", "wrong", "Authentication failed"),
        ("expired", Listener::Expired, by.root(), "PLAIN", password, "certificate verify failed"),
        ("another's name", Listener::Elsewhere, by.root(), "PLAIN", password, "certificate verify failed"),
    ] {
        let said = said(listener, &root, mechanism, password).await;
        assert!(said.contains("FAULT") && said.contains(why), "{what}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_asks_for_a_certificate_takes_only_its_own_authority_s() {
    let servers = Servers::encrypted().await.unwrap();
    let (by, stranger) = (servers.authority(), servers.stranger());
    let brokers = servers.kafka.brokers_by(Listener::Certificate);
    let (root, own, others) = (path(&by.root()), by.here("check"), stranger.here("check"));
    let said = async |pair: Option<&Pair>| {
        let mut env = vec![("KAFKA_ADDR", brokers.clone()), ("ONHAND_KAFKA__SECURITY__PROTOCOL", "ssl".to_owned())];
        env.push(("ONHAND_KAFKA__SECURITY__CA_FILE", root.clone()));
        if let Some(Pair { cert, key }) = pair {
            env.push(("ONHAND_KAFKA__SECURITY__CERT_FILE", path(cert)));
            env.push(("ONHAND_KAFKA__SECURITY__KEY_FILE", path(key)));
        }
        check(&env.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()).await
    };
    let good = said(Some(&own)).await;
    assert!(good.contains("will be made") && good.contains("encrypted and verified"), "{good}");
    for (what, pair) in [("none", None), ("a stranger's", Some(&others))] {
        let said = said(pair).await;
        assert!(said.contains("FAULT") && said.contains("SSL"), "{what}: {said}");
    }
}

#[tokio::test]
async fn what_leaves_the_machine_in_the_clear_is_a_fault_unless_it_is_meant() {
    let env = [
        ("DATABASE_URL", "postgres://u:p@db.invalid/x"),
        ("KAFKA_ADDR", "kafka.invalid:9092"),
        ("REDIS_ADDR", "redis.invalid:6379"),
        ("ONHAND_EDGE__ORIGIN__URLS", "http://origin.invalid:1,https://origin.invalid:2"),
        ("ONHAND_EDGE__ORIGIN__TOKEN", "t"),
        ("ONHAND_ORIGIN__WAREHOUSE__URL", "http://wms.invalid/x"),
    ];
    let hops =
        |said: &str| said.lines().filter(|line| line.contains("in the clear")).map(str::to_owned).collect::<Vec<_>>();
    let found = hops(&check(&env).await);
    assert_eq!(found.len(), 7, "{found:#?}"); // the two listeners for everybody, too
    assert!(found.iter().all(|line| line.contains("FAULT") && line.contains("insecure = true")), "{found:#?}");
    let meant = [
        "ONHAND_ORIGIN__DATABASE__INSECURE",
        "ONHAND_KAFKA__INSECURE",
        "ONHAND_EDGE__REDIS__INSECURE",
        "ONHAND_EDGE__ORIGIN__INSECURE",
        "ONHAND_ORIGIN__WAREHOUSE__INSECURE",
        "ONHAND_HTTP__TLS__INSECURE",
    ];
    let meant: Vec<_> = env.into_iter().chain(meant.map(|name| (name, "true"))).collect();
    let found = hops(&check(&meant).await);
    assert!(found.len() == 7 && found.iter().all(|line| !line.contains("FAULT")), "{found:#?}");
}
