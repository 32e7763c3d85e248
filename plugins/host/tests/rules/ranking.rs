//! Rules that only rank: what they answer, how that is checked, and that the limits hold for them.

use std::time::{Duration, Instant};

use onhand_rules::{Config, Reason, World};

use crate::support::*;

fn reason(behaviour: &str) -> Reason {
    hostile_ranking(behaviour).rank("hostile-ranking", &ten_asked()).expect_err("ranks").reason
}

fn wrong(behaviour: &str) -> String {
    let Reason::WrongAnswer(what) = reason(behaviour) else { panic!("{behaviour}") };
    what
}

#[test]
fn ranks_come_in_the_order_of_the_locations() {
    let rules = alone("hostile-ranking", "ranks = \"eu-2=-3,eu-1=5\"");
    assert_eq!(rules.rank("hostile-ranking", &ten_asked()).unwrap(), [Some(5), Some(-3)]);
    let rules = alone("hostile-ranking", "ranks = \"eu-2=0\"");
    assert_eq!(rules.rank("hostile-ranking", &ten_asked()).unwrap(), [None, Some(0)]);
    let nowhere = allocation_input(&[("a", 1)], &[], &[]);
    assert_eq!(rules.rank("hostile-ranking", &nowhere).unwrap(), []);
}

#[test]
fn a_rank_for_each_location_and_within_its_range() {
    assert_eq!(wrong("rank_short"), "1 ranks for 2 locations");
    assert_eq!(wrong("rank_long"), "3 ranks for 2 locations");
    assert_eq!(wrong("rank_high"), "rank 1000000001 for eu-1, beyond 1000000000 either way");
    assert_eq!(wrong("rank_low"), "rank -1000000001 for eu-1, beyond 1000000000 either way");
    for (behaviour, rank) in [("highest", 1_000_000_000), ("lowest", -1_000_000_000)] {
        let ranks = hostile_ranking(behaviour).rank("hostile-ranking", &ten_asked()).unwrap();
        assert_eq!(ranks, [Some(rank); 2]);
    }
}

#[test]
fn what_goes_wrong_is_told_by_reason() {
    for (behaviour, is) in [
        ("refuse", Reason::Refused),
        ("invalid_config", Reason::InvalidConfig),
        ("trap", Reason::Trap),
        ("grow", Reason::Memory),
        ("huge", Reason::TooLarge),
    ] {
        assert_eq!(reason(behaviour), is);
    }
}

/// With the deadline of a batch, which is the shorter one.
#[test]
fn a_loop_is_cut_off() {
    let mut folder = Folder::new().add("loops", &built("hostile-ranking"), "config.behaviour = \"loop\"");
    folder.config.batch_deadline = Config::default().batch_deadline;
    let rules = folder.load();
    let start = Instant::now();
    assert_eq!(rules.rank("loops", &ten_asked()).unwrap_err().reason, Reason::Deadline);
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_ranking_plans_nothing_and_a_view_ranks_nothing() {
    let rules = Folder::new()
        .add("ranks", &built("hostile-ranking"), "")
        .add("plans", &built("hostile"), "")
        .add("shows", &built("hostile-view"), "")
        .load();
    let worlds = ["ranks", "plans", "shows", "none"].map(|name| rules.world(name));
    assert_eq!(worlds, [Some(World::Ranking), Some(World::Allocation), Some(World::View), None]);
    assert_eq!(rules.allocate("ranks", &ten_asked()).unwrap_err().reason, Reason::Unknown);
    assert_eq!(rules.rank("plans", &ten_asked()).unwrap(), [Some(7); 2]);
    for name in ["shows", "none"] {
        assert_eq!(rules.rank(name, &ten_asked()).unwrap_err().reason, Reason::Unknown);
    }
}

/// As for allocations: a channel names them, so they can't take a strategy's name or name channels.
#[test]
fn names_and_settings_are_checked() {
    let component = built("hostile-ranking");
    assert!(Folder::new().add("most_stock", &component, "").refused().contains("built-in strategy"));
    let beside = Folder::new().add("ranks", &component, "channels = [\"web\"]").refused();
    assert!(beside.contains("`channels` beside it is for views"), "{beside}");
}
