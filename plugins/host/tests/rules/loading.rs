//! What is refused when it is loaded, by file; which rule applies; how releases swap.

use onhand_http::setting::Size;
use onhand_rules::{Config, Rules};

use crate::support::*;

#[test]
fn no_folder_no_rules() {
    for rules in [Rules::none(), Rules::load(&Config::default()).unwrap(), Folder::new().load()] {
        assert!(rules.names().is_empty() && !rules.has_view());
        assert!(rules.view(&view_input(&[("eu-1", 5)])).is_none());
    }
    let config = Config { dir: "/no/such/folder".into(), ..Config::default() };
    assert!(Rules::load(&config).err().unwrap().to_string().starts_with("/no/such/folder: can't be read"));
}

/// The message names the file and says what is wrong.
fn refused(component: &[u8], says: &str) {
    let folder = Folder::new().add("wrong", component, "");
    let error = folder.refused();
    assert!(error.contains("wrong.wasm: ") && error.contains(says), "{error}");
}

#[test]
fn what_is_no_component_of_ours_is_refused() {
    let whole = built("channel-buffer");
    refused(&whole[..whole.len() / 2], "not a valid component");
    refused(b"", "not a valid component");
    refused(b"not wasm at all", "not a valid component");
    refused(&wat::parse_str("(module)").unwrap(), "a core module, not a component");
    refused(&wat::parse_str("(component)").unwrap(), "its exports [] are not a world");
    let other = r#"(component (instance (export "shop:prices/price-rule@0.1.0")))"#;
    refused(&wat::parse_str(other).unwrap(), "its exports [shop:prices/price-rule@0.1.0] are not a world");
}

#[test]
fn the_right_export_with_other_types_or_imports_is_refused() {
    let empty = r#"(component (instance (export "onhand:rules/view-rule@0.1.0")))"#;
    refused(&wat::parse_str(empty).unwrap(), "can't be linked");
    refused(&view_with_a_clock("shop"), "shop:clocks/wall-clock@0.2.0");
}

#[test]
fn too_large_a_file_or_a_memory_is_refused() {
    let mut folder = Folder::new().add("large", &built("channel-buffer"), "");
    folder.config.component_size = Size(1024);
    let error = folder.refused();
    assert!(error.contains("large.wasm: ") && error.contains("rules.component_size allows 1024"), "{error}");
    // 161 pages of 64 KiB are just over 10 MiB.
    refused(&view_of(&module(161, "")), "its memory has 10551296 bytes from the start; it may have 10485760");
    Folder::new().add("right", &view_of(&module(160, "")), "").load();
}

#[test]
fn settings_beside_a_rule_are_checked() {
    let beside = |text: &str| Folder::new().add("channel-buffer", &built("channel-buffer"), text).refused();
    assert!(beside("chanels = [\"web\"]").contains("chanels"));
    assert!(beside("channels = [\"no such id!\"]").contains("channel-buffer.toml"));
    assert!(beside("[config]\nhide_last = 3").contains("string"));
    let folder = Folder::new().add("hostile", &built("hostile"), "channels = [\"web\"]");
    assert!(folder.refused().contains("`channels` beside it is for views"));
}

#[test]
fn names_are_checked() {
    let hostile = built("hostile");
    assert!(Folder::new().add("nearest", &hostile, "").refused().contains("built-in strategy"));
    assert!(Folder::new().add("of course", &hostile, "").refused().contains("a rule's name has"));
}

#[test]
fn the_view_that_names_the_channel_applies_then_the_one_that_names_none() {
    let component = built("channel-buffer");
    let folder = Folder::new()
        .add("cautious", &component, "channels = [\"web\", \"app\"]\n[config]\nhide_last = \"5\"")
        .add("rest", &component, "[config]\nhide_last = \"1\"");
    let rules = folder.load();
    let shown = |name: Option<&str>| {
        let mut input = view_input(&[("eu-1", 9)]);
        input.channel = name.map(channel);
        rules.view(&input).unwrap().unwrap().locations[0].available
    };
    assert_eq!((shown(Some("web")), shown(Some("app")), shown(Some("till")), shown(None)), (4, 4, 8, 8));

    let folder = Folder::new().add("web", &component, "channels = [\"web\"]");
    let mut input = view_input(&[("eu-1", 9)]);
    input.channel = None;
    assert!(folder.load().view(&input).is_none());
}

#[test]
fn two_views_for_the_same_lookups_are_refused() {
    let component = built("channel-buffer");
    let both = |beside| Folder::new().add("first", &component, beside).add("second", &component, beside).refused();
    assert!(both("").contains("second.wasm: first applies to the same lookups"));
    assert!(both("channels = [\"web\"]").contains("second.wasm: first applies to the same lookups"));
}

#[test]
fn a_reload_swaps_and_a_broken_one_changes_nothing() {
    let folder = Folder::new().add("hostile", &built("hostile"), "");
    let rules = folder.load();
    let handle = rules.clone();
    let first = rules.release();
    folder.put("broken.wasm", b"half a file");
    assert!(rules.reload().is_err());
    assert_eq!(rules.release(), first);
    assert!(handle.has_allocation("hostile"));

    folder.put("broken.wasm", &built("channel-buffer"));
    rules.reload().unwrap();
    assert!(handle.release() > first && handle.has_view());
}
