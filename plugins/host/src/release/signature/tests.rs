//! Nothing that decides what a release does may change under its signature.

use std::collections::BTreeMap;

use onhand_http::setting::{Size, Span};
use onhand_wire::ChannelId;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::release::settings::{LimitRequests, StageName};

const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
";

/// Everything that a signature must cover. No field uses a default, so a field that is added must be set here, and is
/// then tried below.
fn settings() -> ReleaseSettings {
    ReleaseSettings {
        channels: Some(vec![ChannelId::new("web").unwrap()]),
        refuse_on_failure: false,
        config: [("breaks".to_owned(), "10:5".to_owned())].into(),
        limits: LimitRequests {
            deadline: Some(Span::ms(40)),
            memory: Some(Size(1 << 20)),
            component_size: Some(Size(1 << 20)),
        },
        stage: Some(StageName::Canary),
        share: Some(12.5),
    }
}

fn release() -> Release {
    Release {
        component: b"component".to_vec(),
        settings: toml::to_string(&settings()).unwrap(),
        signature: None,
        fixtures: [("a.json".to_owned(), "{}".to_owned())].into(),
    }
}

fn trusted() -> Vec<Trusted> {
    vec![Trusted::of("key", PUBLIC).unwrap()]
}

fn signed() -> String {
    let statement = Statement::of("r", &release(), &settings(), true, World::Pricing, 7);
    sealed(RELEASE, &statement, PRIVATE).unwrap()
}

/// The error for a release that is not the signed one; `None` if it passes.
fn says(rule: &str, next: bool, release: &Release, settings: &ReleaseSettings) -> Option<String> {
    verify(rule, next, release, settings, &signed(), &trusted()).err().map(|error| error.to_string())
}

/// A pointer to every value within a value.
fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(inner) => inner.iter().for_each(|(name, value)| leaves(value, format!("{at}/{name}"), found)),
        Value::Array(inner) => {
            inner.iter().enumerate().for_each(|(index, value)| leaves(value, format!("{at}/{index}"), found));
        }
        _ => found.push(at),
    }
}

/// Other values of the same type.
fn others(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(is) => vec![Value::Bool(!is)],
        Value::Number(number) => vec![Value::from(number.as_f64().unwrap() + 0.01), Value::from(0.0)],
        Value::String(text) => match text.as_str() {
            "canary" => vec!["shadow".into()],
            "40ms" => vec!["41ms".into(), "40s".into()],
            "1MiB" => vec!["2MiB".into(), "1KiB".into()],
            text => vec![format!("{text}x").into(), "y".into()],
        },
        other => panic!("a setting that is no leaf: {other}"),
    }
}

#[test]
fn the_signed_release_passes_and_says_by_whom_and_when() {
    let (seal, world) = verify("r", true, &release(), &settings(), &signed(), &trusted()).unwrap();
    assert_eq!((seal.by.as_str(), seal.sequence, world), ("key", 7, World::Pricing));
    let claim = ClaimedStatement { rule: "r".to_owned(), sequence: 7, stage: Stage::Canary, share: Some(12.5) };
    assert_eq!(claimed(&signed()), Some(claim));
}

/// This also covers future settings: they are enumerated from the value, not from a list of names.
#[test]
fn another_value_of_any_setting_is_refused_by_its_name() {
    let settings = serde_json::to_value(settings()).unwrap();
    let mut all = Vec::new();
    leaves(&settings, String::new(), &mut all);
    assert!(all.len() >= 8, "every setting of the sample has a value: {all:?}");
    for leaf in all {
        for other in others(settings.pointer(&leaf).unwrap()) {
            let mut changed = settings.clone();
            *changed.pointer_mut(&leaf).unwrap() = other.clone();
            let changed: ReleaseSettings = serde_json::from_value(changed).unwrap();
            let message = says("r", true, &release(), &changed).unwrap_or_else(|| panic!("{leaf} = {other} passes"));
            let name = leaf.trim_start_matches('/').split('/').next().unwrap();
            assert!(message.contains(name), "{leaf}: {message}");
        }
    }
}

#[test]
fn a_setting_that_is_added_or_taken_away_is_refused() {
    let ReleaseSettings { channels: _, refuse_on_failure: _, config: _, limits: _, stage: _, share: _ } = settings();
    type Change = fn(&mut ReleaseSettings);
    let changed: [(&str, Change); 7] = [
        ("channels", |settings| settings.channels = None),
        ("channels", |settings| settings.channels.as_mut().unwrap().push(ChannelId::new("till").unwrap())),
        ("refuse_on_failure", |settings| settings.refuse_on_failure = true),
        ("config", |settings| settings.config = BTreeMap::new()),
        ("config", |settings| drop(settings.config.insert("more".to_owned(), String::new()))),
        ("limits", |settings| settings.limits.deadline = None),
        ("stage", |settings| (settings.stage, settings.share) = (None, None)),
    ];
    for (name, change) in changed {
        let mut other = settings();
        change(&mut other);
        assert!(says("r", true, &release(), &other).expect(name).contains(name));
    }
}

#[test]
fn what_is_beside_the_settings_is_covered_too() {
    let Release { component: _, settings: _, signature: _, fixtures: _ } = release();
    let other = |change: fn(&mut Release)| {
        let mut release = release();
        change(&mut release);
        says("r", true, &release, &settings()).unwrap()
    };
    assert!(other(|release| release.component.push(0)).contains("other component"));
    assert!(other(|release| release.fixtures.clear()).contains("other fixtures"));
    assert!(other(|release| drop(release.fixtures.insert("a.json".into(), "{ }".into()))).contains("other fixtures"));
    assert!(other(|release| drop(release.fixtures.insert("b.json".into(), "{}".into()))).contains("other fixtures"));
    assert!(says("q", true, &release(), &settings()).unwrap().contains("other rule"));
    let full = ReleaseSettings { stage: None, share: None, ..settings() };
    assert!(says("r", false, &release(), &full).unwrap().contains("share, stage"));
}

#[test]
fn what_was_signed_in_the_old_form_or_as_something_else_says_so() {
    let verify = |text: &str| verify("r", true, &release(), &settings(), text, &trusted()).unwrap_err().to_string();
    let old = STANDARD.encode(private_key(PRIVATE).unwrap().sign(b"onhand-rule 1\nr\n00\n").to_bytes());
    assert!(verify(&old).contains("of the old form") && verify(&old).contains("onhand rule sign"));
    assert!(verify(&(old + "\n")).contains("of the old form"));
    assert!(verify("half a signature").contains("three lines"));
    let withdrawal = sign_withdrawal("r", 7, PRIVATE).unwrap();
    assert!(verify(&withdrawal).contains("three lines"), "a withdrawal is no release");
    assert!(verify_withdrawal("r", &signed(), &trusted()).is_err(), "a release is no withdrawal");
    assert!(verify_withdrawal("q", &withdrawal, &trusted()).is_err(), "nor one of another rule");
    assert_eq!(verify_withdrawal("r", &withdrawal, &trusted()).unwrap().sequence, 7);
}

proptest! {
    /// If any byte of the file is changed, the signature is bad, or it says exactly the same.
    #[test]
    fn another_byte_anywhere_in_the_signature_is_refused(at in 0..2000_usize, byte in 0..128_u8) {
        let signed = signed();
        let mut bytes = signed.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let text = String::from_utf8(bytes).unwrap();
        let verified = verify("r", true, &release(), &settings(), &text, &trusted());
        prop_assert!(verified.is_err() || text.trim_end() == signed.trim_end());
    }
}
