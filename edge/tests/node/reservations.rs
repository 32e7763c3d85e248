use http::StatusCode;
use onhand_http::auth::Scope;
use onhand_wire::{
    Version,
    bulk::{WRITTEN, Written},
    event::Change,
    session::{Floor, Session},
};

use crate::world::{World, fact, stock_of};

const HOLD: &str = r#"{"lines":[{"sku":"a","quantity":2}]}"#;

fn written(world: &World, held: onhand_wire::Fact) -> Written {
    let as_of = world.origin.with(|state| state.at().rounded_up());
    let floor = Floor { sku: held.sku.clone(), location: Some(held.location.clone()), version: held.version };
    let session = Session { at: as_of, floors: vec![floor], all: false };
    let body = r#"{"id":"x","state":"held"}"#.to_owned();
    Written { status: 201, replayed: false, body, as_of, session, stocks: vec![stock_of(held)] }
}

#[tokio::test]
async fn a_hold_shows_before_its_caller_hears_and_its_session_holds_elsewhere() {
    let world = World::start().await;
    let token = world.token(Scope::Storefront);
    world.store(fact("a", "eu-1", 5, 1));
    assert_eq!(world.available("a").await, 5);
    let held = onhand_wire::Fact { reserved: 2, ..fact("a", "eu-1", 5, 2) };
    world.origin.with(|state| state.now += 10_000_000); // later than anything that the other node knows of
    let answer = written(&world, held.clone());
    world.origin.with(|state| state.written = Some(answer.clone()));
    let headers = [
        ("authorization", token.as_str()),
        ("idempotency-key", "k1"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("x-correlation-id", "c1"),
    ];
    let reply = world.post("/v1/reservations", &headers, HOLD).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (201, r#"{"id":"x","state":"held"}"#));
    assert_eq!(reply.header("onhand-as-of"), answer.as_of.to_string());
    assert_eq!(world.available("a").await, 3);
    let got = world.origin.with(|state| state.got[0].clone());
    let sent = |name: &str| got.headers[name].to_str().unwrap().to_owned();
    assert_eq!(
        (got.path.as_str(), sent("accept").as_str(), sent("idempotency-key").as_str()),
        ("/v1/reservations", WRITTEN, "k1")
    );
    assert_eq!(
        (sent("traceparent").as_str(), sent("x-correlation-id").as_str(), sent("authorization")),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "c1", token)
    );
    assert!(sent("onhand-timeout-ms").parse::<u64>().unwrap() <= 1000);

    // Another node has not heard of it: the token sends the caller to the origin.
    let other = World::start().await;
    other.store(fact("a", "eu-1", 5, 1));
    assert_eq!(other.available("a").await, 5);
    other.store(held.clone());
    let session = reply.header("onhand-session");
    let seen = other.get_with("/v1/availability/a", &[("onhand-session", session)]).await;
    assert_eq!((seen.json()["available"].as_i64(), seen.header("onhand-source")), (Some(3), "origin"));
    let again = other.get_with("/v1/availability/a", &[("onhand-session", session)]).await;
    assert_eq!(again.header("onhand-source"), "l1", "its floors are reached now");
    let wrong = other.get_with("/v1/availability/a", &[("onhand-session", "?")]).await;
    assert_eq!(wrong.json()["field"], "Onhand-Session");
}

#[tokio::test]
async fn sessions_grow_and_replays_are_marked() {
    let world = World::start().await;
    let token = world.token(Scope::Storefront);
    let first = written(&world, fact("a", "eu-1", 5, 2));
    let mut second = written(&world, fact("b", "eu-1", 5, 9));
    second.replayed = true;
    world.origin.with(|state| state.written = Some(second));
    let brought = first.session.encode();
    let headers = [("authorization", token.as_str()), ("onhand-session", &brought)];
    let id = "01930000-0000-7000-8000-000000000000";
    let reply = world.post(&format!("/v1/reservations/{id}/confirm"), &headers, "").await;
    assert_eq!(reply.header("idempotent-replayed"), "true");
    let session = Session::decode(reply.header("onhand-session")).unwrap();
    assert_eq!(
        session.floors.iter().map(|floor| floor.version).collect::<Vec<_>>(),
        [Version::new(1, 2), Version::new(1, 9)]
    );
    let key = world.origin.with(|state| state.got[0].headers["idempotency-key"].to_str().unwrap().to_owned());
    assert_eq!(key.len(), 36, "the edge gives a key where none was brought");
}

#[tokio::test]
async fn what_is_wrong_is_told_before_the_origin_is_asked() {
    let world = World::start().await;
    let token = world.token(Scope::Storefront);
    let auth = ("authorization", token.as_str());
    let key = ("idempotency-key", "k");
    let path = "/v1/reservations";
    assert_eq!(world.call(http::Method::POST, path, &[("content-type", "text/csv")], "x").await.code().0, 401);
    assert_eq!(world.post(path, &[("authorization", "Bearer nonsense"), key], HOLD).await.code().0, 401);
    assert_eq!(world.post(path, &[auth], HOLD).await.code(), (428, "idempotency_key_required".to_owned()));
    assert_eq!(world.post(path, &[auth, ("idempotency-key", "a b")], HOLD).await.json()["field"], "Idempotency-Key");
    assert_eq!(world.post(path, &[auth, key], "{}").await.json()["field"], "lines");
    assert_eq!(
        world.call(http::Method::POST, path, &[auth, key, ("content-type", "text/csv")], "x").await.code().0,
        415
    );
    assert_eq!(world.post("/v1/reservations/nope/confirm", &[auth], "").await.code(), (404, "not_found".to_owned()));
    let id = "01930000-0000-7000-8000-000000000000";
    assert_eq!(world.post(&format!("{path}/{id}/explode"), &[auth], "").await.code().0, 404);
    assert_eq!(world.get_with(&format!("{path}/nope"), &[auth]).await.code().0, 404);
    assert_eq!(world.get(&format!("{path}/{id}")).await.code().0, 401);
    assert_eq!(world.get_with(&format!("{path}/{id}/confirm"), &[auth]).await.header("allow"), "POST");
    assert!(world.origin.with(|state| state.got.is_empty()));
}

#[tokio::test]
async fn the_origins_problems_pass_and_kept_ones_get_this_calls_id() {
    let world = World::start().await;
    let token = world.token(Scope::Storefront);
    let headers = [("authorization", token.as_str()), ("idempotency-key", "k"), ("x-correlation-id", "mine")];
    let problem = r#"{"code":"reservation_state","state":"expired"}"#;
    world.origin.with(|state| state.problem = Some((StatusCode::CONFLICT, problem.to_owned())));
    let reply = world.post("/v1/reservations", &headers, HOLD).await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (409, problem));
    assert_eq!(reply.header("content-type"), "application/problem+json");
    let kept = Written {
        status: 409,
        body: r#"{"code":"insufficient_stock"}"#.to_owned(),
        ..written(&world, fact("a", "eu-1", 5, 2))
    };
    world.origin.with(|state| (state.problem, state.written) = (None, Some(kept)));
    let reply = world.post("/v1/reservations", &headers, HOLD).await;
    assert_eq!(
        (reply.code().1.as_str(), reply.json()["correlation_id"].as_str()),
        ("insufficient_stock", Some("mine"))
    );
}

/// The hold's facts arrive while an older load of the SKU is on its way.
#[tokio::test]
async fn a_load_does_not_undo_a_hold() {
    let world = World::start().await;
    let token = world.token(Scope::Storefront);
    world.store(fact("a", "eu-1", 5, 1));
    world.origin.with(|state| state.slow = std::time::Duration::from_millis(200));
    let answer = written(&world, onhand_wire::Fact { reserved: 2, ..fact("a", "eu-1", 5, 2) });
    world.origin.with(|state| state.written = Some(answer));
    let headers = [("authorization", token.as_str()), ("idempotency-key", "k")];
    let (shown, held) = tokio::join!(world.available("a"), world.post("/v1/reservations", &headers, HOLD));
    assert_eq!(held.status, 201);
    assert!([3, 5].contains(&shown));
    assert_eq!(world.available("a").await, 3);
    world.publish(Change::Fact(fact("a", "eu-1", 5, 1)));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(world.available("a").await, 3, "nor does a late record");
}
