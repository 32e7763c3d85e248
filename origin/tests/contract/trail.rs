//! The trail: who changed what besides stock.

use std::time::Duration;

use onhand_origin::{
    command::Command,
    trail::{Entry, Kind, Line, Query},
};
use onhand_wire::request::read;
use serde_json::json;

use crate::shop::{Shop, location, sku};

async fn trail(shop: &Shop, query: Query) -> Vec<Entry> {
    shop.store.trail(&Query { limit: 100, ..query }).await.unwrap()
}

pub(crate) async fn a_change_and_its_line_are_one_commit(shop: Shop) {
    shop.location("a", 1, json!({})).await;
    shop.item("x").await;
    shop.location("a", 2, json!({})).await;
    let on = Command::Maintain(read(br#"{"maintenanceMode":true,"message":"counting"}"#).unwrap());
    let off = Command::Maintain(read(br#"{"maintenanceMode":false}"#).unwrap());
    shop.done(on).await;
    shop.done(off).await;
    shop.done(Command::DeleteItem(sku("x"))).await;
    let lines = trail(&shop, Query::default()).await;
    let told: Vec<_> = lines.iter().rev().map(|line| (line.kind.as_str(), line.what.as_str())).collect();
    let all = [
        ("location_put", "a"),
        ("item_put", "x"),
        ("location_put", "a"),
        ("maintenance", "origin"),
        ("maintenance", "origin"),
        ("item_deleted", "x"),
    ];
    assert_eq!(told, all);
    let moved = &lines[3];
    assert_eq!((&moved.detail["before"]["priority"], &moved.detail["after"]["priority"]), (&json!(1), &json!(2)));
    assert_eq!(lines[5].detail["before"], json!(null), "it was not there");
    assert_eq!(lines[2].detail["after"]["message"], "counting");
    assert!(lines.iter().all(|line| line.actor == "tester" && !line.correlation.is_empty()), "{lines:?}");
    assert!(lines.windows(2).all(|two| two[0].id > two[1].id && two[0].time >= two[1].time), "newest first");
}

pub(crate) async fn what_changes_nothing_leaves_no_line(shop: Shop) {
    shop.location("a", 1, json!({})).await;
    shop.count("x", "a", 5).await;
    let before = trail(&shop, Query::default()).await.len();
    let ask = shop.ask(
        "/inventory/locations/b",
        &json!({}),
        Command::PutLocation(location("b"), read(br#"{"name":"B"}"#).unwrap()),
    );
    shop.run(ask.clone()).await.unwrap();
    assert!(shop.run(ask).await.unwrap().replayed);
    let refused = Command::PutChannel(
        onhand_wire::ChannelId::new("web").unwrap(),
        read(br#"{"locations":["nowhere"]}"#).unwrap(),
    );
    let refused = shop.ask("/inventory/channels/web", &json!({}), refused);
    shop.run(refused).await.unwrap_err();
    shop.hold_one("x", 1).await.unwrap();
    assert_eq!(trail(&shop, Query::default()).await.len(), before + 1, "one location, once");
}

fn line(actor: &str, kind: Kind) -> Line {
    let (what, correlation) = ("edge".to_owned(), "c".to_owned());
    Line { actor: actor.to_owned(), kind, what, detail: json!({"n": 1}), correlation }
}

pub(crate) async fn lines_are_found_by_actor_kind_and_time(shop: Shop) {
    for actor in ["anna", "bert", "anna"] {
        shop.store.record(&line(actor, Kind::CachesCleared)).await.unwrap();
    }
    shop.store.record(&line("anna", Kind::LevelChanged)).await.unwrap();
    let all = trail(&shop, Query::default()).await;
    assert_eq!(all.len(), 4);
    let actor = Some("anna".to_owned());
    assert_eq!(trail(&shop, Query { actor: actor.clone(), ..Query::default() }).await.len(), 3);
    let kind = Some(Kind::CachesCleared);
    let both = trail(&shop, Query { actor, kind, ..Query::default() }).await;
    assert_eq!(both.iter().map(|entry| entry.id).collect::<Vec<_>>(), [all[1].id, all[3].id]);
    let (from, to) = (Some(all[2].time), Some(all[0].time));
    let between = trail(&shop, Query { from, to, ..Query::default() }).await;
    assert!(between.iter().all(|entry| entry.time >= all[2].time && entry.time < all[0].time));
    let page = trail(&shop, Query { before: Some(all[1].id), ..Query::default() }).await;
    assert_eq!(page, all[2..]);
}

pub(crate) async fn lines_are_never_changed_and_go_when_they_are_old(shop: Shop) {
    shop.store.record(&line("anna", Kind::CachesCleared)).await.unwrap();
    for statement in ["UPDATE admin_log SET actor = 'nobody'", "DELETE FROM admin_log"] {
        let refused = shop.sql(statement).await.unwrap_err();
        assert!(refused.contains("append-only"), "{statement}: {refused}");
    }
    let old = if shop.is_postgres() {
        "now() - interval '400 days'"
    } else {
        "(unixepoch('subsec') - 400 * 86400) * 1000000"
    };
    let columns = "INSERT INTO admin_log (at, actor, kind, what, detail, correlation)";
    shop.sql(&format!("{columns} VALUES ({old}, 'long ago', 'started', 'x', '{{}}', '')")).await.unwrap();
    assert_eq!(trail(&shop, Query::default()).await.len(), 2);
    assert_eq!(shop.store.forget_trail(Duration::from_secs(365 * 86_400)).await.unwrap(), 1);
    let left = trail(&shop, Query::default()).await;
    assert_eq!((left.len(), left[0].actor.as_str()), (1, "anna"));
}
