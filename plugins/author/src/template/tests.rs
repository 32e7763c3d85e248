use super::*;

const WORLDS: [World; 4] = [World::View, World::Allocation, World::Ranking, World::Pricing];

#[test]
fn nothing_is_left_to_fill_in() {
    for lang in [Lang::Rust, Lang::Js, Lang::Python, Lang::C] {
        for world in WORLDS {
            let files = files("my-rule", world, lang);
            for (path, text) in &files {
                assert!(!path.contains("{{") && !text.contains("{{"), "{lang} {world}: {path}: {text}");
            }
            assert!(files.iter().any(|(path, _)| path == "my-rule.toml"));
        }
    }
}

/// A module that the SDK has and a new project lacks would not compile there.
#[test]
fn the_whole_sdk_is_embedded_with_the_dependencies_that_it_is_tested_with() {
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk/rule/src");
    for entry in std::fs::read_dir(sdk).unwrap() {
        let path = format!("vendor/onhand-rule/src/{}", entry.unwrap().file_name().to_str().unwrap());
        assert!(files::SDK.iter().any(|(embedded, _)| *embedded == path), "{path} is not embedded");
    }
    let line = |text: &str| {
        let found = text.lines().find(|line| line.starts_with("wit-bindgen = ")).map(str::to_owned);
        found.expect("the SDK depends on wit-bindgen")
    };
    let workspace = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")).unwrap();
    assert_eq!(line(include_str!("../../templates/rust/sdk.toml")), line(&workspace));
}
