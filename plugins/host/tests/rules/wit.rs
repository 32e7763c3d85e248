//! The released interface is frozen, and what was built against it runs for ever.

use std::{fs, path::PathBuf};

use sha2::{Digest, Sha256};

use crate::support::*;

fn beside(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A change for rules is a new directory under wit/rules, served beside this one.
#[test]
fn the_released_wit_does_not_change() {
    let folder = beside("../../wit/rules/since-v0.1");
    let files: Vec<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(files, ["package.wit"]);
    let digest = Sha256::digest(fs::read(folder.join("package.wit")).unwrap());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        digest, "a6e253dce21ca3e771134b7ae03607bbefbc73658802d01c682abc62389a8421",
        "wit/rules/since-v0.1 is released: put the change into a new directory"
    );
}

fn released(rule: &str) -> Vec<u8> {
    fs::read(beside("tests/released/since-v0.1").join(format!("{rule}.wasm"))).unwrap()
}

/// Where something was built is nobody's business who loads it. Those that are kept were built before this was seen to;
/// their paths are overwritten by others of the same length.
#[test]
fn no_component_says_where_it_was_built() {
    let target = std::env::var_os("ONHAND_TARGET").map_or_else(|| beside("../../target"), PathBuf::from);
    let folders = [beside("tests/released/since-v0.1"), target.join("plugins")];
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|file| file.unwrap().path());
    let components: Vec<_> = files.filter(|file| file.extension().is_some_and(|end| end == "wasm")).collect();
    assert!(components.len() > 8, "{components:?}");
    let (home, root) = (std::env::var("HOME").unwrap() + "/", beside("../..").canonicalize().unwrap());
    let places = [&home, root.to_str().unwrap(), "/root/", "/home/", "/Users/", "/usr/lib/rustlib", ".cargo/"];
    for file in components {
        let bytes = fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for place in places {
            assert!(!text.contains(place), "{} names {place}", file.display());
        }
    }
}

#[test]
fn components_built_for_the_released_wit_run() {
    let folder = Folder::new()
        .add("channel-buffer", &released("channel-buffer"), "config.hide_last = \"3\"")
        .add("nearest-allocation", &released("nearest-allocation"), "")
        .add("ranking", &released("hostile-ranking"), "config.ranks = \"eu-1=3\"")
        .add("tiered-pricing", &released("tiered-pricing"), "config.breaks = \"10:5\"");
    let rules = folder.load();
    assert_eq!(rules.view(&view_input(&[("eu-1", 9)])).unwrap().unwrap().locations[0].available, 6);
    assert_eq!(rules.allocate("nearest-allocation", &ten_asked()).unwrap().allocations[0].quantity, 10);
    assert_eq!(rules.rank("ranking", &ten_asked()).unwrap(), [Some(3), None]);
    let prices = rules.price(&pricing_input(&[(10, Some(1000))])).unwrap().unwrap();
    assert_eq!(prices.lines[0].total.amount, 9500);
}
