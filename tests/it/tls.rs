//! Every hop by TLS, on servers that let nobody in without: what works, and that each of a wrong authority, a wrong name,
//! a certificate that has expired and a wrong password is refused, and said.

use onhand_harness::{Pair, Servers, World, eventually, kafka, postgres, redis};
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
    let said = async |root: &std::path::Path, mechanism: &str, password: &str| {
        check(&[
            ("KAFKA_ADDR", &servers.kafka.secure_brokers()),
            ("ONHAND_KAFKA__SECURITY__PROTOCOL", "sasl_ssl"),
            ("ONHAND_KAFKA__SECURITY__MECHANISM", mechanism),
            ("ONHAND_KAFKA__SECURITY__USERNAME", "onhand"),
            ("ONHAND_KAFKA__SECURITY__PASSWORD", password),
            ("ONHAND_KAFKA__SECURITY__CA_FILE", &path(root)),
        ])
        .await
    };
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let good = said(&by.root(), mechanism, kafka::PASSWORD).await;
        assert!(good.contains("will be made") && good.contains("encrypted and verified"), "{mechanism}: {good}");
    }
    for (what, root, password, why) in [
        ("wrong root", stranger.root(), kafka::PASSWORD, "certificate verify failed"),
        ("wrong password", by.root(), "wrong", "Authentication failed"),
    ] {
        let said = said(&root, "SCRAM-SHA-512", password).await;
        assert!(said.contains("FAULT") && said.contains(why), "{what}: {said}");
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
