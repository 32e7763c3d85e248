//! Signed releases: nothing changes under a signature, and nothing that was signed before comes back.

use std::path::Path;

use onhand_rules::{Config, LoadFault, Rules, read_release, sign, sign_again, sign_withdrawal};
use onhand_wire::release::{Manifest, Release};

use crate::{shelf::*, support::*};

pub(crate) const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
pub(crate) const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
";

/// A folder whose releases must be signed, and where this node keeps what it has used.
struct Signing {
    folder: Folder,
    _own: tempfile::TempDir,
}

impl Signing {
    fn new() -> Self {
        let (mut folder, own) = (Folder::new(), tempfile::tempdir().unwrap());
        let key = own.path().join("release.pem");
        std::fs::write(&key, PUBLIC).unwrap();
        folder.config.allow_unsigned = false;
        folder.config.trusted_keys = vec![key.display().to_string()];
        folder.config.state_dir = own.path().join("state").display().to_string();
        Self { folder, _own: own }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        Path::new(&self.folder.config.dir).join(name)
    }

    fn put(&self, name: &str, component: &[u8], settings: &str) {
        self.folder.put(&format!("{name}.toml"), settings.as_bytes());
        self.folder.put(&format!("{name}.wasm"), component);
    }

    /// What stands there, signed.
    fn sign(&self, name: &str, sequence: u64) {
        let (rule, next, release) = read_release(&self.folder.config, &self.file(&format!("{name}.wasm"))).unwrap();
        let signature = sign(&rule, next, &release, sequence, PRIVATE).unwrap();
        self.folder.put(&format!("{name}.wasm.sig"), signature.as_bytes());
    }

    fn release(&self, name: &str, component: &[u8], settings: &str, sequence: u64) {
        self.put(name, component, settings);
        self.sign(name, sequence);
    }

    /// What a reload says, if anything.
    fn reload(rules: &Rules) -> Option<String> {
        rules.reload().err().map(|error| error.to_string())
    }
}

fn total(rules: &Rules) -> i64 {
    rules.price(&pricing_input(&[(10, Some(1000))])).unwrap().unwrap().lines[0].total.amount
}

const PRICED: &str = "config.breaks = \"10:5\"";
const FREE: &str = "config.breaks = \"1:100\"";

#[test]
fn a_component_is_used_only_with_a_good_signature_for_its_name() {
    let component = built("hostile");
    let signing = Signing::new();
    signing.put("mine", &component, "");
    assert!(signing.folder.refused().contains("no signature; `mine.wasm.sig` is missing"));

    signing.sign("mine", 1);
    let report = signing.folder.load().report();
    let release = &report.rules[0].releases[0];
    assert!(release.signed_by.as_ref().unwrap().ends_with("release.pem") && release.sequence == Some(1));

    let whole = Release { component, ..Release::default() };
    let other = sign("other", false, &whole, 2, PRIVATE).unwrap();
    for (signed, says) in [
        (other.clone(), "was made for a release with other rule"),
        (other.replace("other", "mine"), "fits none of rules.trusted_keys"),
        ("half a signature".to_owned(), "is not three lines"),
    ] {
        signing.folder.put("mine.wasm.sig", signed.as_bytes());
        assert!(signing.folder.refused().contains(says), "{}", signing.folder.refused());
    }
}

/// A price of 9500 stays one, whoever can write beside the signed component.
#[test]
fn other_settings_beside_a_signed_component_are_refused() {
    let signing = Signing::new();
    signing.release("tiered-pricing", &built("tiered-pricing"), PRICED, 1);
    let rules = signing.folder.load();
    assert_eq!(total(&rules), 9500);
    signing.folder.put("tiered-pricing.toml", FREE.as_bytes());
    let said = Signing::reload(&rules).expect("other settings are taken");
    assert!(said.contains("other settings.config") && said.contains("onhand rule sign"), "{said}");
    assert_eq!(total(&rules), 9500);
    assert!(signing.folder.refused().contains("other settings.config"), "at a start, too");
    signing.folder.put("tiered-pricing.toml", format!("# the same\n\n{PRICED}\n").as_bytes());
    signing.folder.load();
}

#[test]
fn another_stage_and_other_channels_limits_and_fixtures_are_refused() {
    let signing = Signing::new();
    let settings = format!("channels = [\"web\"]\n{PRICED}\n[limits]\nmemory = \"9MiB\"\n");
    signing.folder.put("tiered-pricing.fixtures/one.json", RIGHT.as_bytes());
    signing.release("tiered-pricing", &built("tiered-pricing"), &settings, 1);
    signing.folder.load();
    let refused = |says: &str, file: &str, text: &str| {
        let before = std::fs::read(signing.file(file)).unwrap();
        signing.folder.put(file, text.as_bytes());
        assert!(signing.folder.refused().contains(says), "{}", signing.folder.refused());
        signing.folder.put(file, &before);
    };
    refused("other settings.channels", "tiered-pricing.toml", &settings.replace("web", "till"));
    refused("other settings.limits", "tiered-pricing.toml", &settings.replace("9MiB", "90MiB"));
    let refusing = format!("refuse_on_failure = true\n{settings}");
    refused("other settings.refuse_on_failure", "tiered-pricing.toml", &refusing);
    refused(
        "other fixtures",
        "tiered-pricing.fixtures/one.json",
        &RIGHT.replace("\"quantity\": 2", "\"quantity\": 2 "),
    );
    signing.folder.put("tiered-pricing.fixtures/two.json", RIGHT.as_bytes());
    assert!(signing.folder.refused().contains("other fixtures"));
    std::fs::remove_file(signing.file("tiered-pricing.fixtures/two.json")).unwrap();
    signing.folder.load();

    // Signed to answer one in ten, or none, and put where it would answer all.
    let canary = format!("stage = \"canary\"\nshare = 10\n{settings}");
    signing.release("tiered-pricing.next", &built("tiered-pricing"), &canary, 2);
    signing.folder.load();
    refused("other share", "tiered-pricing.next.toml", &canary.replace("10\n", "90\n"));
    std::fs::copy(signing.file("tiered-pricing.next.wasm.sig"), signing.file("tiered-pricing.wasm.sig")).unwrap();
    assert!(signing.folder.refused().contains("other share, stage"), "{}", signing.folder.refused());
}

const RIGHT: &str = r#"{"config": {}, "input": {"at": "2026-01-31T09:30:00Z", "currency": "GBP",
    "lines": [{"line": 0, "sku": "22423", "quantity": 2, "list_price": {"amount": 255, "currency": "GBP"}}]},
    "expected": [{"line": 0, "unit_price": {"amount": 255, "currency": "GBP"}, "adjustments": [],
    "total": {"amount": 510, "currency": "GBP"}}]}"#;

/// Every release was good once; that is what its signature says for ever.
#[test]
fn an_older_signed_release_in_the_folder_is_refused_also_after_a_restart() {
    let signing = Signing::new();
    let component = built("tiered-pricing");
    let release = |settings: &str, sequence| signing.release("tiered-pricing", &component, settings, sequence);
    release(FREE, 10);
    let rules = signing.folder.load();
    release(PRICED, 11);
    assert_eq!(Signing::reload(&rules), None);
    assert_eq!(total(&rules), 9500);

    release(FREE, 10);
    let said = Signing::reload(&rules).expect("the older release is in use again");
    assert!(said.contains("what was signed before is not used again") && said.contains("rule sign"), "{said}");
    assert_eq!(total(&rules), 9500);
    drop(rules);
    assert!(signing.folder.refused().contains("what was signed before is not used again"));
    // Nor what was signed before, and never used; nor something else under the same number.
    release("config.breaks = \"1:99\"", 9);
    assert!(signing.folder.refused().contains("what was signed before"));
    release(FREE, 11);
    assert!(signing.folder.refused().contains("what was signed before"));

    // By hand, back to what was: signed.
    release(FREE, 12);
    assert_eq!(total(&signing.folder.load()), 0);
    assert_eq!(total(&signing.folder.load()), 0, "what is in use goes on being used");
}

#[test]
fn a_restart_needs_no_new_signature_for_a_release_and_the_one_beside_it() {
    let signing = Signing::new();
    let component = built("tiered-pricing");
    signing.release("tiered-pricing", &component, PRICED, 10);
    let canary = format!("stage = \"canary\"\nshare = 100\n{FREE}");
    signing.release("tiered-pricing.next", &component, &canary, 11);
    for _ in 0..2 {
        assert_eq!(total(&signing.folder.load()), 0);
    }
    // A full release ends what was signed before it to run beside the one before.
    let rules = signing.folder.load();
    signing.release("tiered-pricing", &component, PRICED, 12);
    assert!(Signing::reload(&rules).unwrap().contains("older than that of the release in use"));
    assert_eq!(total(&rules), 9500);
    assert_eq!(
        rules.report().rules[0].releases.iter().map(|release| release.stage).collect::<Vec<_>>(),
        ["full", "previous"]
    );
    drop(rules);
    // It may lie there at the next start, which it does not stop.
    let rules = signing.folder.load();
    assert_eq!((total(&rules), rules.report().refused.len()), (9500, 1));
    assert!(rules.report().refused[0].contains("what was signed before is not used again"));
    signing.put("tiered-pricing.next", &component, &canary.replace("share = 100", "share = 99"));
    assert!(signing.folder.refused().contains("other share"), "what was tampered with does");
}

/// Nobody signs that: the rule's own failures bring the release before back.
#[test]
fn a_signed_release_that_fails_falls_back_to_the_one_before_by_itself() {
    let mut signing = Signing::new();
    (signing.folder.config.max_failure_rate, signing.folder.config.failure_calls) = (0.5, 3);
    signing.release("hostile", &built("hostile"), "", 10);
    let rules = signing.folder.load();
    signing.release("hostile", &built("hostile"), "config.behaviour = \"too_much\"", 11);
    assert_eq!(Signing::reload(&rules), None);
    let failed = (0..).take_while(|_| rules.allocate("hostile", &ten_asked()).is_err()).count();
    assert_eq!(failed, 3);
    let in_use = rules.report().rules[0].releases[0].clone();
    assert_eq!((in_use.stage, in_use.sequence), ("full", Some(10)));
    // And goes on through looks at the folder, which has the failing one still.
    signing.release("other", &built("hostile"), "", 1);
    assert_eq!(Signing::reload(&rules), None);
    rules.allocate("hostile", &ten_asked()).unwrap();
}

#[test]
fn without_a_state_dir_the_marks_are_beside_the_folder() {
    let mut signing = Signing::new();
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("rules");
    std::fs::rename(&signing.folder.config.dir, &dir).unwrap();
    (signing.folder.config.dir, signing.folder.config.state_dir) = (format!("{}/", dir.display()), String::new());
    let put = |component: &[u8], sequence| {
        let release = Release { component: component.to_vec(), ..Release::default() };
        std::fs::write(dir.join("mine.wasm.sig"), sign("mine", false, &release, sequence, PRIVATE).unwrap()).unwrap();
        std::fs::write(dir.join("mine.wasm"), component).unwrap();
    };
    put(&built("hostile"), 2);
    signing.folder.load();
    std::fs::remove_dir_all(&dir).unwrap();
    std::fs::create_dir(&dir).unwrap();
    put(&built("hostile"), 1);
    assert!(signing.folder.refused().contains("what was signed before is not used again"));
    assert!(parent.path().join("rules.state/rules.marks.json").exists());
}

#[test]
fn a_look_without_writing_leaves_no_marks() {
    let mut signing = Signing::new();
    signing.folder.config.looks_only = true;
    signing.release("mine", &built("hostile"), "", 5);
    signing.folder.load();
    assert!(!Path::new(&signing.folder.config.state_dir).exists());
}

/// A node that follows, and its folder of what it keeps.
fn following(signing: &Signing) -> Config {
    let Config { trusted_keys, state_dir, .. } = signing.folder.config.clone();
    Config { allow_unsigned: false, trusted_keys, state_dir, ..config() }
}

fn signed(release: Release, sequence: u64) -> Release {
    let signature = sign("channel-buffer", false, &release, sequence, PRIVATE).unwrap();
    Release { signature: Some(signature), ..release }
}

const RULE: &str = "channel-buffer";

#[test]
fn an_older_pushed_release_is_refused_whoever_announces_it_also_after_a_restart() {
    let (signing, shelf) = (Signing::new(), Shelf::new());
    let config = following(&signing);
    let rules = shelf.node(&config);
    shelf.push(RULE, &signed(bucket(5), 10));
    becomes(&rules, 5);
    let older = shelf.manifests.lock().unwrap()[RULE].clone();
    shelf.push(RULE, &signed(bucket(6), 11));
    becomes(&rules, 6);

    // By whoever can write to the topic: the origin is asked, and has another one.
    refuses(&rules, "the announcement differs from what the origin says", || {
        shelf.say(&Manifest { seq: 3, ..older.clone() });
    });
    refuses(&rules, "the announcement differs", || {
        shelf.say(&Manifest { seq: 3, full: None, ..older.clone() });
    });
    assert_eq!(label(&rules).as_deref(), Some("6+"));
    drop(rules);
    let rules = shelf.node(&config);
    becomes(&rules, 6);

    // By an origin: this node has used a newer one.
    refuses(&rules, "what was signed before is not used again", || {
        shelf.announce(RULE, older.full.clone(), None);
    });
    assert_eq!(label(&rules).as_deref(), Some("6+"));
    drop(rules);
    let rules = Rules::load(&config).unwrap();
    assert!(matches!(rules.check(RULE, false, signed(bucket(5), 10)), Err(LoadFault::Replayed { .. })));
    assert_eq!(label(&rules), None, "nothing else is used instead");
}

#[test]
fn a_signed_roll_back_is_used_and_so_is_a_signed_withdrawal() {
    let (signing, shelf) = (Signing::new(), Shelf::new());
    let config = following(&signing);
    let rules = shelf.node(&config);
    let five = signed(bucket(5), 10);
    shelf.push(RULE, &five);
    becomes(&rules, 5);
    shelf.push(RULE, &signed(bucket(6), 11));
    becomes(&rules, 6);
    let again = sign_again(RULE, false, &five, 12, PRIVATE, &config).unwrap();
    shelf.push(RULE, &Release { signature: Some(again), ..five.clone() });
    becomes(&rules, 5);
    assert_eq!(rules.report().rules[0].releases[0].sequence, Some(12));
    let changed = Release { settings: bucket(7).settings, ..five.clone() };
    assert!(sign_again(RULE, false, &changed, 13, PRIVATE, &config).is_err(), "an origin's word is not signed");

    let withdrawn = |sequence, signature: Option<String>| {
        let manifest = Manifest { withdrawal: signature, mark: sequence, ..shelf.manifest(RULE, None, None) };
        shelf.put(&manifest);
        shelf.say(&manifest);
    };
    refuses(&rules, "its withdrawal is not signed", || withdrawn(0, None));
    refuses(&rules, "what was signed before", || withdrawn(11, Some(sign_withdrawal(RULE, 11, PRIVATE).unwrap())));
    refuses(&rules, "other rule", || withdrawn(13, Some(sign_withdrawal("other", 13, PRIVATE).unwrap())));
    assert_eq!(label(&rules).as_deref(), Some("5+"));
    withdrawn(13, Some(sign_withdrawal(RULE, 13, PRIVATE).unwrap()));
    eventually(|| (!rules.has_view()).then_some(()));
    refuses(&rules, "what was signed before", || shelf.push(RULE, &signed(bucket(5), 12)));
    shelf.push(RULE, &signed(bucket(8), 14));
    becomes(&rules, 8);
}

/// Kept from before an upgrade: told, left out, and nothing else is lost.
#[test]
fn a_release_that_was_signed_in_the_old_form_says_that_it_needs_a_new_signature() {
    let (signing, shelf) = (Signing::new(), Shelf::new());
    let rules = shelf.node(&following(&signing));
    let old = "BcJXNhp7hC1QZl0+1h0dHR6ci3vYQJ0wJcZ8Vf1b0cJ9Ve3rG7l0fJw2M2dG0b3rU0s3f7l2n9u4m1q8r6t5Ag==";
    refuses(&rules, "is of the old form, which covers nothing but the component; sign the release again", || {
        shelf.push(RULE, &Release { signature: Some(old.to_owned()), ..bucket(5) });
    });
    shelf.push(RULE, &signed(bucket(5), 1));
    becomes(&rules, 5);
}
