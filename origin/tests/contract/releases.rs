//! Releases of rules: what a push and a roll back make of a rule, and that no announcement is lost.

use std::time::Duration;

use onhand_origin::store::{
    Sent,
    releases::{By, Pushed},
};
use onhand_wire::release::{Change, Manifest, Release, Released, Stage};

use crate::shop::Shop;

const LEASE: Duration = Duration::from_secs(60);

/// A release of the rule `r`: its component and settings are these texts.
fn release(component: &str, settings: &str) -> Release {
    let fixtures = [("a.json".to_owned(), "{\"input\": \"\\u0000\"}\0".to_owned())].into();
    Release { component: component.as_bytes().to_vec(), settings: settings.to_owned(), signature: None, fixtures }
}

fn pushed(component: &str, stage: Stage) -> Pushed {
    let release = release(component, stage.as_str());
    let released = Released {
        digest: release.digest(),
        component: format!("sha-{component}"),
        world: "view".to_owned(),
        stage,
        share: (stage == Stage::Canary).then_some(12.5),
        bytes: 1,
    };
    Pushed { rule: "r".to_owned(), released, release }
}

fn by(actor: &str) -> By {
    By { actor: actor.to_owned(), correlation: format!("c-{actor}") }
}

async fn push(shop: &Shop, component: &str, stage: Stage) -> (Manifest, bool) {
    shop.store.push(&pushed(component, stage), &by("ci")).await.unwrap()
}

async fn roll_back(shop: &Shop) -> Option<Manifest> {
    shop.store.roll_back("r", &by("ops")).await.unwrap()
}

/// The components in force, full and beside it.
fn parts(manifest: &Manifest) -> (&str, &str) {
    (component(&manifest.full), component(&manifest.next))
}

fn component(part: &Option<Released>) -> &str {
    part.as_ref().map_or("", |part| part.component.trim_start_matches("sha-"))
}

pub(crate) async fn a_push_is_kept_whole_and_says_who(shop: Shop) {
    let (manifest, new) = push(&shop, "a", Stage::Full).await;
    assert!(new && manifest.seq == 1 && manifest.change == Change::Push);
    assert_eq!((manifest.actor.as_str(), manifest.correlation.as_str()), ("ci", "c-ci"));
    let now = shop.store.round(&Sent::default()).await.unwrap().t;
    assert!(manifest.at <= now && now.since(manifest.at) < Duration::from_secs(60), "the database's clock");
    let released = manifest.full.clone().unwrap();
    assert_eq!(shop.store.release(&released.digest).await.unwrap(), Some(release("a", "full")));
    assert_eq!(shop.store.release("none").await.unwrap(), None);
    let standing = shop.store.rules("", 10).await.unwrap();
    let kept = Manifest { at: standing[0].manifest.at, ..manifest.clone() }; // kept to the millisecond
    assert_eq!((standing.len(), &standing[0].manifest, standing[0].announced), (1, &kept, false));
    assert!(shop.store.rules("r", 10).await.unwrap().is_empty(), "beyond it");
}

pub(crate) async fn the_same_push_changes_nothing(shop: Shop) {
    let (first, _) = push(&shop, "a", Stage::Full).await;
    let (again, new) = push(&shop, "a", Stage::Full).await;
    assert!(!new && again.seq == first.seq);
    push(&shop, "b", Stage::Canary).await;
    let (again, new) = push(&shop, "b", Stage::Canary).await;
    assert!(!new && again.seq == 2);
    let (again, new) = push(&shop, "a", Stage::Full).await;
    assert_eq!((new, parts(&again)), (false, ("a", "b")), "a canary is not ended by what is full already");
    assert_eq!(shop.store.manifests("r", None, 10).await.unwrap().len(), 2);
}

pub(crate) async fn stages_follow_each_other_and_go_back(shop: Shop) {
    push(&shop, "a", Stage::Full).await;
    push(&shop, "b", Stage::Shadow).await;
    let (canary, _) = push(&shop, "b", Stage::Canary).await;
    assert_eq!((parts(&canary), canary.next.as_ref().unwrap().share), (("a", "b"), Some(12.5)));
    let (full, _) = push(&shop, "b", Stage::Full).await;
    assert_eq!(parts(&full), ("b", ""), "a full release ends what ran beside the one before");
    let mut back = Vec::new();
    while let Some(manifest) = roll_back(&shop).await {
        let (full, next) = parts(&manifest);
        back.push(format!("{} {full} {next} {:?}", manifest.seq, manifest.next.as_ref().map(|next| next.stage)));
        assert_eq!((manifest.change, manifest.actor.as_str()), (Change::Rollback, "ops"));
    }
    assert_eq!(back, ["5 a b Some(Canary)", "6 a b Some(Shadow)", "7 a  None", "8   None"]);
    assert!(shop.store.roll_back("other", &by("ops")).await.unwrap().is_none());
    assert_eq!(shop.store.rules("", 10).await.unwrap().len(), 1, "a name that was only asked for leaves nothing");

    let (again, _) = push(&shop, "a", Stage::Full).await;
    assert_eq!((again.seq, parts(&again)), (9, ("a", "")));
    push(&shop, "b", Stage::Full).await;
    assert_eq!(parts(&roll_back(&shop).await.unwrap()), ("a", ""), "back from the push, not from the roll back before");
    let history = shop.store.manifests("r", Some(10), 3).await.unwrap();
    assert_eq!(history.iter().map(|manifest| manifest.seq).collect::<Vec<_>>(), [9, 8, 7], "newest first, before 10");
}

pub(crate) async fn what_is_not_announced_is_taken_until_it_is(shop: Shop) {
    push(&shop, "a", Stage::Full).await;
    assert_eq!(shop.store.unannounced().await.unwrap(), 1);
    let taken = shop.store.take_unannounced(LEASE).await.unwrap();
    assert_eq!((taken.len(), parts(&taken[0])), (1, ("a", "")));
    assert!(shop.store.take_unannounced(LEASE).await.unwrap().is_empty(), "leased");

    shop.store.settle_announcement("r", None, Duration::ZERO).await.unwrap();
    let again = shop.store.take_unannounced(LEASE).await.unwrap();
    assert_eq!(again.len(), 1, "it failed and is due again");
    let (newer, _) = push(&shop, "b", Stage::Full).await;
    assert!(
        shop.store.take_unannounced(LEASE).await.unwrap().is_empty(),
        "the newer one waits: the older one may still be on its way, and must not come after it"
    );
    shop.store.settle_announcement("r", Some(again[0].seq), Duration::ZERO).await.unwrap();
    let taken = shop.store.take_unannounced(LEASE).await.unwrap();
    assert_eq!((taken.len(), taken[0].seq), (1, newer.seq), "the topic has the older one only");
    shop.store.settle_announcement("r", Some(newer.seq), Duration::ZERO).await.unwrap();
    assert_eq!(shop.store.unannounced().await.unwrap(), 0);
    assert!(shop.store.take_unannounced(LEASE).await.unwrap().is_empty());
    assert!(shop.store.rules("", 10).await.unwrap()[0].announced);

    shop.store.announce_all().await.unwrap();
    assert_eq!(shop.store.take_unannounced(Duration::ZERO).await.unwrap().len(), 1, "the topic may have lost it");
    assert_eq!(
        shop.store.take_unannounced(LEASE).await.unwrap().len(),
        1,
        "whoever took it has died: its lease is over"
    );
}

/// Pushes of one rule from several origins at once: each is a state of its own, none is lost.
pub(crate) async fn pushes_at_once_follow_each_other(shop: Shop) {
    let names: Vec<String> = (0..8).map(|number| format!("c{number}")).collect();
    let pushes = names.iter().map(|name| push(&shop, name, Stage::Full));
    let mut seqs: Vec<u64> =
        futures_util::future::join_all(pushes).await.iter().map(|(manifest, _)| manifest.seq).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=8).collect::<Vec<_>>());
}
