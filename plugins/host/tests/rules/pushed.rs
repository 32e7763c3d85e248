//! Releases that are announced go the folder's way: read late, refused where they must be, kept over a restart.

use std::{collections::BTreeMap, path::Path, sync::atomic::Ordering};

use onhand_http::setting::Size;
use onhand_rules::{ComponentFault, Config, LoadFault, Rules, sign};
use onhand_wire::{
    memory_log::MemoryLog,
    release::{Release, Released, Stage},
};

use crate::{
    releases::WRONG,
    sealed::{PRIVATE, PUBLIC},
    shelf::*,
    support::*,
};

#[test]
fn a_late_start_takes_on_the_last_of_each_rule_only() {
    let shelf = Shelf::new();
    for number in [5, 6, 7] {
        shelf.push("channel-buffer", &bucket(number));
    }
    let rules = shelf.node(&config());
    becomes(&rules, 7);
    assert_eq!((rules.release(), shelf.fetched.load(Ordering::Relaxed)), (1, 1), "what was before is gone through");
    shelf.push("channel-buffer", &bucket(8));
    becomes(&rules, 8);
    shelf.announce("channel-buffer", None, None);
    eventually(|| (!rules.has_view()).then_some(()));
}

#[test]
fn what_is_broken_is_refused_and_the_one_before_stays() {
    let shelf = Shelf::new();
    let rules = shelf.node(&config());
    shelf.push("channel-buffer", &bucket(5));
    becomes(&rules, 5);

    refuses(&rules, "onhand.rules/channel-buffer.wasm: the origin does not have it", || {
        shelf.announce("channel-buffer", Some(released(&bucket(6))), None);
    });
    refuses(&rules, "it is not what its digest says", || {
        shelf.keep(&bucket(7));
        shelf.releases.lock().unwrap().insert(bucket(6).digest(), bucket(7));
        shelf.announce("channel-buffer", Some(released(&bucket(6))), None);
    });
    refuses(&rules, "it is not what its digest says", || {
        let digest = "../../../inventory/health".to_owned();
        shelf.announce("channel-buffer", Some(Released { digest, ..released(&bucket(6)) }), None);
    });
    let component = built("channel-buffer");
    let half = Release { component: component[..component.len() / 2].to_vec(), ..bucket(6) };
    refuses(&rules, "not a valid component", || shelf.push("channel-buffer", &half));
    refuses(&rules, "`stage` and `share` are for NAME.next.toml", || {
        shelf.push("channel-buffer", &Release { settings: "stage = \"shadow\"".into(), ..bucket(6) });
    });
    refuses(&rules, "starts with a letter or digit", || shelf.push("../rule", &bucket(6)));
    let before = failures(&rules);
    assert!(before >= 6, "each is counted: {before}");
    shelf.log.append([(0, b"nonsense".to_vec()), (0, Vec::new())]);
    eventually(|| (failures(&rules) == before + 2).then_some(()));
    assert_eq!(label(&rules).as_deref(), Some("5+"));
    shelf.push("channel-buffer", &bucket(9));
    becomes(&rules, 9);
    assert!(rules.report().refused.is_empty(), "{:?}", rules.report().refused);
}

#[test]
fn a_release_that_fails_its_fixtures_or_is_not_signed_never_takes() {
    let keys = Folder::new();
    keys.put("release.pem", PUBLIC.as_bytes());
    let trusted_keys = vec![format!("{}/release.pem", keys.config.dir)];
    let state_dir = format!("{}/state", keys.config.dir);
    let signing = Config { allow_unsigned: false, trusted_keys, state_dir, ..config() };
    let shelf = Shelf::new();
    let rules = shelf.node(&signing);
    let signed = |sequence, release: Release| {
        let signature = sign("channel-buffer", false, &release, sequence, PRIVATE).unwrap();
        Release { signature: Some(signature), ..release }
    };
    shelf.push("channel-buffer", &signed(1, bucket(5)));
    becomes(&rules, 5);
    refuses(&rules, "no signature; ", || shelf.push("channel-buffer", &bucket(6)));
    let other = Release { signature: signed(2, bucket(6)).signature, component: built("hostile-view"), ..bucket(6) };
    refuses(&rules, "was made for a release with other component", || shelf.push("channel-buffer", &other));
    let wrong = r#"{"input": {"sku": "a", "locations": []}, "expected_error": "refused"}"#;
    let fixtures: BTreeMap<_, _> = [("wrong.json".to_owned(), wrong.to_owned())].into();
    let failing = signed(2, Release { fixtures, ..bucket(6) });
    refuses(&rules, "fixture wrong.json", || shelf.push("channel-buffer", &failing));
    assert_eq!(label(&rules).as_deref(), Some("5+"));
    assert!(rules.report().rules[0].releases[0].signed_by.as_ref().unwrap().ends_with("release.pem"));
}

#[test]
fn a_canary_runs_beside_and_what_is_rolled_back_is_not_compiled_again() {
    let shelf = Shelf::new();
    let rules = shelf.node(&config());
    let (full, next) = (
        shelf.keep(&bucket(5)),
        Release {
            settings: "stage = \"canary\"\nshare = 100\n[config]\nhide_last = \"0\"\nbucket = \"6\"".into(),
            ..bucket(6)
        },
    );
    let next = shelf.keep(&next);
    shelf.announce("channel-buffer", Some(full.clone()), None);
    becomes(&rules, 5);
    shelf.announce("channel-buffer", Some(full.clone()), Some(next));
    becomes(&rules, 6);
    let stages: Vec<_> = rules.report().rules[0].releases.iter().map(|release| release.stage).collect();
    assert_eq!(stages, ["full", "canary"]);
    shelf.announce("channel-buffer", Some(full), None);
    becomes(&rules, 5);

    let since = rules.report().rules[0].releases[0].since;
    shelf.push("channel-buffer", &bucket(7));
    becomes(&rules, 7);
    shelf.push("channel-buffer", &bucket(5));
    becomes(&rules, 5);
    assert_eq!(rules.report().rules[0].releases[0].since, since, "the kept release, not another one");
}

#[test]
fn an_origin_that_is_gone_is_asked_again_and_holds_up_nobody_else() {
    let shelf = Shelf::new();
    let rules = shelf.node(&config());
    shelf.push("channel-buffer", &bucket(5));
    becomes(&rules, 5);
    shelf.gone.store(true, Ordering::Relaxed);
    shelf.push("channel-buffer", &bucket(6));
    shelf.announce("other", None, None);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(label(&rules).as_deref(), Some("5+"));
    assert!(rules.report().refused.is_empty(), "not refused, only not there yet");
    shelf.gone.store(false, Ordering::Relaxed);
    becomes(&rules, 6);
}

fn caching(dir: &Path) -> Config {
    Config { cache_dir: dir.join("kept").display().to_string(), ..config() }
}

#[test]
fn a_restart_without_an_origin_has_the_last_good_release() {
    let dir = tempfile::tempdir().unwrap();
    let (shelf, config) = (Shelf::new(), caching(dir.path()));
    let rules = shelf.node(&config);
    let next = Release { settings: format!("stage = \"shadow\"\n{}", bucket(6).settings), ..bucket(6) };
    shelf.announce("channel-buffer", Some(shelf.keep(&bucket(5))), Some(shelf.keep(&next)));
    becomes(&rules, 5);
    let wrong = [("wrong.json".to_owned(), WRONG.to_owned())].into();
    refuses(&rules, "wrong.json", || shelf.push("channel-buffer", &Release { fixtures: wrong, ..bucket(7) }));
    let ended = Path::new(&config.cache_dir).join("channel-buffer.next.release");
    eventually(|| (!ended.exists()).then_some(()));
    drop(rules);

    shelf.gone.store(true, Ordering::Relaxed);
    let rules = Rules::load(&config).unwrap();
    let stages =
        |rules: &Rules| rules.report().rules[0].releases.iter().map(|release| release.stage).collect::<Vec<_>>();
    assert_eq!((label(&rules).as_deref(), stages(&rules)), (Some("5+"), vec!["full"]), "before anything is announced");
    let fetched = shelf.fetched.load(Ordering::Relaxed);
    shelf.gone.store(false, Ordering::Relaxed);
    shelf.push("channel-buffer", &bucket(5));
    let rules = shelf.node(&config);
    becomes(&rules, 5);
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(shelf.fetched.load(Ordering::Relaxed), fetched, "what is kept is not fetched");

    shelf.announce("channel-buffer", None, None);
    eventually(|| (!rules.has_view()).then_some(()));
    eventually(|| std::fs::read_dir(&config.cache_dir).unwrap().next().is_none().then_some(()));
}

#[test]
fn a_kept_file_that_was_changed_is_left_out_and_stops_no_start() {
    let dir = tempfile::tempdir().unwrap();
    let (shelf, config) = (Shelf::new(), caching(dir.path()));
    let rules = shelf.node(&config);
    shelf.push("channel-buffer", &bucket(5));
    becomes(&rules, 5);
    let file = Path::new(&config.cache_dir).join("channel-buffer.release");
    let text = eventually(|| std::fs::read_to_string(&file).ok());
    std::fs::write(&file, text.replace("bucket = \\\"5\\\"", "bucket = \\\"6\\\"")).unwrap();
    std::fs::write(file.with_file_name("half.release"), &text[..text.len() / 2]).unwrap();
    assert!(Rules::load(&config).unwrap().names().is_empty());
}

#[test]
fn the_folder_wins_and_gives_way_when_its_files_are_gone() {
    let shelf = Shelf::new();
    let folder = Folder::new().add("channel-buffer", &built("channel-buffer"), &bucket(5).settings);
    let rules = shelf.node(&Config { dir: folder.config.dir.clone(), ..config() });
    shelf.push("channel-buffer", &bucket(6));
    eventually(|| (shelf.fetched.load(Ordering::Relaxed) == 1).then_some(()));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(label(&rules).as_deref(), Some("5+"));
    std::fs::remove_file(Path::new(&folder.config.dir).join("channel-buffer.wasm")).unwrap();
    rules.reload().unwrap();
    assert_eq!(label(&rules).as_deref(), Some("6+"));
}

#[test]
fn two_rules_for_the_same_lookups_leave_the_first_and_stop_no_third() {
    let shelf = Shelf::new();
    shelf.push("b-first", &bucket(5));
    let rules = shelf.node(&config());
    becomes(&rules, 5);
    let late = Shelf { log: MemoryLog::new(1), ..shelf.clone() };
    for log in [&shelf, &late] {
        log.push("b-first", &bucket(5));
        log.push("c-second", &bucket(6));
        log.push("rank", &Release { component: built("hostile-ranking"), ..Release::default() });
    }
    eventually(|| rules.world("rank"));
    assert_eq!(label(&rules).as_deref(), Some("5+"));
    let started_late = late.node(&config());
    eventually(|| started_late.world("rank"));
    assert_eq!(label(&started_late).as_deref(), Some("5+"));
}

#[test]
fn a_check_says_what_a_node_would_and_changes_nothing() {
    let rules = Rules::load(&config()).unwrap();
    let checked = rules.check("channel-buffer", false, bucket(5)).unwrap();
    assert_eq!((checked.world.as_str(), checked.stage, checked.share), ("view", Stage::Full, None));
    let canary = Release { settings: "stage = \"canary\"\nshare = 2.5".into(), ..bucket(5) };
    let checked = rules.check("channel-buffer", true, canary).unwrap();
    assert_eq!((checked.stage, checked.share), (Stage::Canary, Some(2.5)));
    assert!(rules.names().is_empty() && rules.release() == 0);
    let refused = |rule: &str, release| rules.check(rule, false, release).unwrap_err();
    assert!(matches!(refused("a b", bucket(5)), LoadFault::Name));
    assert!(matches!(refused("a", Release::default()), LoadFault::Component(ComponentFault::Invalid(_))));
    let small = Rules::load(&Config { component_size: Size(1024), ..config() }).unwrap();
    assert!(matches!(small.check("a", false, bucket(5)), Err(LoadFault::TooLarge { most: 1024, .. })));

    let shelf = Shelf::new();
    let rules = shelf.node(&config());
    shelf.push("first", &bucket(5));
    becomes(&rules, 5);
    assert!(matches!(rules.check("second", false, bucket(6)), Err(LoadFault::Overlap(other)) if other == "first"));
    let shadow = Release { component: built("hostile-ranking"), ..Release::default() };
    assert!(matches!(rules.check("first", true, shadow), Err(LoadFault::OtherWorld { .. })));
    assert!(Rules::none().check("a", false, bucket(5)).is_err() && Rules::none().topic().is_none());
}
