//! Releases of rules: what a push and a roll back make of a rule, and that no announcement is lost.

use std::time::Duration;

use onhand_origin::store::{
    Sent,
    releases::{BackTo, By, Pushed, ReleaseOutcome},
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
        sequence: None,
    };
    Pushed { rule: "r".to_owned(), released, release }
}

fn by(actor: &str) -> By {
    By { actor: actor.to_owned(), correlation: format!("c-{actor}") }
}

async fn push(shop: &Shop, component: &str, stage: Stage) -> (Manifest, bool) {
    match shop.store.push(&pushed(component, stage), &by("ci")).await.unwrap() {
        ReleaseOutcome::Changed(manifest) => (manifest, true),
        ReleaseOutcome::Same(manifest) => (manifest, false),
        other => panic!("{other:?}"),
    }
}

/// Signed with this sequence.
fn signed(component: &str, stage: Stage, sequence: u64) -> Pushed {
    let mut pushed = pushed(component, stage);
    pushed.release.signature = Some(format!("signature {sequence}"));
    (pushed.released.digest, pushed.released.sequence) = (pushed.release.digest(), Some(sequence));
    pushed
}

async fn push_signed(shop: &Shop, component: &str, stage: Stage, sequence: u64) -> ReleaseOutcome {
    shop.store.push(&signed(component, stage, sequence), &by("ci")).await.unwrap()
}

/// As planned: what is unsigned comes back as it was.
async fn roll_back(shop: &Shop) -> Option<Manifest> {
    let plan = shop.store.roll_back_plan("r").await.unwrap()?;
    let (full, next) = plan.then.map_or((None, None), |then| (then.full, then.next));
    let part = |released: Option<Released>| {
        let pushed = |released: Released| pushed(released.component.trim_start_matches("sha-"), released.stage);
        released.map(pushed)
    };
    let back =
        BackTo { rule: "r".to_owned(), from: plan.now.seq, full: part(full), next: part(next), withdrawal: None };
    match shop.store.roll_back(&back, &by("ops")).await.unwrap() {
        ReleaseOutcome::Changed(manifest) => Some(manifest),
        other => panic!("{other:?}"),
    }
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
    let now = shop.backlog.round(&Sent::default()).await.unwrap().t;
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
    assert!(shop.store.roll_back_plan("other").await.unwrap().is_none());
    let other = BackTo { rule: "other".to_owned(), from: 1, full: None, next: None, withdrawal: None };
    assert_eq!(shop.store.roll_back(&other, &by("ops")).await.unwrap(), ReleaseOutcome::Moved(None));
    assert_eq!(shop.store.rules("", 10).await.unwrap().len(), 1, "a name that was only asked for leaves nothing");

    let (again, _) = push(&shop, "a", Stage::Full).await;
    assert_eq!((again.seq, parts(&again)), (9, ("a", "")));
    push(&shop, "b", Stage::Full).await;
    assert_eq!(parts(&roll_back(&shop).await.unwrap()), ("a", ""), "back from the push, not from the roll back before");
    let history = shop.store.manifests("r", Some(10), 3).await.unwrap();
    assert_eq!(history.iter().map(|manifest| manifest.seq).collect::<Vec<_>>(), [9, 8, 7], "newest first, before 10");
}

fn mark(outcome: ReleaseOutcome) -> u64 {
    match outcome {
        ReleaseOutcome::Changed(manifest) => manifest.mark,
        other => panic!("{other:?}"),
    }
}

/// Whoever has an administrator's token has every release that ever was; it brings none back.
pub(crate) async fn what_was_signed_before_is_not_released_again(shop: Shop) {
    assert_eq!(mark(push_signed(&shop, "a", Stage::Full, 10).await), 10);
    assert_eq!(mark(push_signed(&shop, "b", Stage::Canary, 12).await), 12);
    for (component, stage, sequence) in [("c", Stage::Full, 11), ("c", Stage::Canary, 12), ("c", Stage::Shadow, 10)] {
        let outcome = push_signed(&shop, component, stage, sequence).await;
        assert_eq!(outcome, ReleaseOutcome::Older { mark: 12 }, "{component} {sequence}");
    }
    assert!(matches!(push_signed(&shop, "a", Stage::Full, 10).await, ReleaseOutcome::Same(_)), "in force");
    assert_eq!(mark(push_signed(&shop, "b", Stage::Full, 13).await), 13);
    assert_eq!(push_signed(&shop, "a", Stage::Full, 10).await, ReleaseOutcome::Older { mark: 13 });
    assert_eq!(push_signed(&shop, "b", Stage::Canary, 12).await, ReleaseOutcome::Older { mark: 13 });

    // Back by a new signature only: to the state before, with its canary, which is newer than what it runs beside.
    let plan = shop.store.roll_back_plan("r").await.unwrap().unwrap();
    assert_eq!((plan.now.seq, plan.now.mark, parts(&plan.then.unwrap())), (3, 13, ("a", "b")));
    let back = |full, next| BackTo {
        rule: "r".to_owned(),
        from: 3,
        full: Some(signed("a", Stage::Full, full)),
        next: Some(signed("b", Stage::Canary, next)),
        withdrawal: None,
    };
    let roll_back = async |back: BackTo| shop.store.roll_back(&back, &by("ops")).await.unwrap();
    for (full, next) in [(10, 12), (10, 14), (14, 12)] {
        assert!(matches!(roll_back(back(full, next)).await, ReleaseOutcome::Older { .. }), "{full} {next}");
    }
    assert_eq!(
        roll_back(BackTo { from: 2, ..back(14, 15) }).await,
        ReleaseOutcome::Moved(Some(3)),
        "another state by now"
    );
    assert_eq!(mark(roll_back(back(14, 15)).await), 15);
    assert_eq!(
        shop.store.release(&signed("a", Stage::Full, 14).released.digest).await.unwrap().unwrap().signature.as_deref(),
        Some("signature 14")
    );

    // To nothing, which is signed as well, and stays in the way of all that was before.
    let nothing = |from, sequence| BackTo {
        rule: "r".to_owned(),
        from,
        full: None,
        next: None,
        withdrawal: Some(("withdrawn".to_owned(), sequence)),
    };
    assert_eq!(roll_back(nothing(4, 15)).await, ReleaseOutcome::Older { mark: 15 });
    assert_eq!(mark(roll_back(nothing(4, 16)).await), 16);
    assert_eq!(push_signed(&shop, "a", Stage::Full, 14).await, ReleaseOutcome::Older { mark: 16 });
    let now = shop.store.manifests("r", None, 1).await.unwrap().remove(0);
    assert_eq!((now.withdrawal.as_deref(), now.mark, now.seq), (Some("withdrawn"), 16, 5));
    assert_eq!(roll_back(nothing(5, 17)).await, ReleaseOutcome::Moved(None), "nothing is in force");
    assert_eq!(mark(push_signed(&shop, "a", Stage::Full, 17).await), 17);
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
