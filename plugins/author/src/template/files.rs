//! The texts are in the binary, so `onhand rule new` works from an empty folder, on a machine that has nothing else.

use onhand_rules::World;

use crate::Lang;

/// Path in the project, and text.
type Files = &'static [(&'static str, &'static str)];

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../templates/", $path))
    };
}

macro_rules! sdk {
    ($($file:literal),* $(,)?) => {
        &[
            ("vendor/onhand-rule/Cargo.toml", template!("rust/sdk.toml")),
            ("vendor/onhand-rule/README.md", include_str!("../../../../sdk/rule/README.md")),
            $((concat!("vendor/onhand-rule/src/", $file), include_str!(concat!("../../../../sdk/rule/src/", $file)))),*
        ]
    };
}

pub(super) const COMMON: Files = &[
    ("rule.toml", template!("common/rule.toml")),
    ("{{name}}.toml", template!("common/settings.toml")),
    ("README.md", template!("common/README.md")),
    (".gitignore", template!("common/gitignore")),
];

pub(super) const WIT: Files =
    &[("wit/rules/since-v0.1/package.wit", include_str!("../../../../wit/rules/since-v0.1/package.wit"))];

/// The SDK's sources: it is on no registry, so a project has its own copy, with the same relative path to the WIT as in
/// Onhand's repository.
pub(super) const SDK: Files = sdk![
    "allocation.rs",
    "bindings.rs",
    "config.rs",
    "lib.rs",
    "log.rs",
    "pricing.rs",
    "ranking.rs",
    "testing.rs",
    "view.rs",
];

pub(super) fn of_lang(lang: Lang) -> Files {
    match lang {
        Lang::Rust => &[("Cargo.toml", template!("rust/Cargo.toml"))],
        Lang::Js => &[("package.json", template!("js/package.json"))],
        Lang::Python => &[("requirements.txt", template!("python/requirements.txt"))],
        Lang::C => &[],
    }
}

pub(super) fn of_world(world: World) -> Files {
    match world {
        World::View => &[
            ("fixtures/capped.json", template!("fixtures/view.json")),
            ("fixtures/wrong-setting.json", template!("fixtures/view-failure.json")),
        ],
        World::Allocation => &[
            ("fixtures/one-parcel.json", template!("fixtures/allocation.json")),
            ("fixtures/nowhere-whole.json", template!("fixtures/allocation-failure.json")),
        ],
        World::Ranking => &[
            ("fixtures/pickup-first.json", template!("fixtures/ranking.json")),
            ("fixtures/nowhere.json", template!("fixtures/ranking-failure.json")),
        ],
        World::Pricing => &[
            ("fixtures/member.json", template!("fixtures/pricing.json")),
            ("fixtures/other-currency.json", template!("fixtures/pricing-failure.json")),
        ],
    }
}

/// The rule's file, and a small rule of that world.
pub(super) fn rule(world: World, lang: Lang) -> (&'static str, &'static str) {
    let path = source(lang);
    let text = match (lang, world) {
        (Lang::Rust, World::View) => template!("rust/view.rs"),
        (Lang::Rust, World::Allocation) => template!("rust/allocation.rs"),
        (Lang::Rust, World::Ranking) => template!("rust/ranking.rs"),
        (Lang::Rust, World::Pricing) => template!("rust/pricing.rs"),
        (Lang::Js, World::View) => template!("js/view.js"),
        (Lang::Js, World::Allocation) => template!("js/allocation.js"),
        (Lang::Js, World::Ranking) => template!("js/ranking.js"),
        (Lang::Js, World::Pricing) => template!("js/pricing.js"),
        (Lang::Python, World::View) => template!("python/view.py"),
        (Lang::Python, World::Allocation) => template!("python/allocation.py"),
        (Lang::Python, World::Ranking) => template!("python/ranking.py"),
        (Lang::Python, World::Pricing) => template!("python/pricing.py"),
        (Lang::C, World::View) => template!("c/view.c"),
        (Lang::C, World::Allocation) => template!("c/allocation.c"),
        (Lang::C, World::Ranking) => template!("c/ranking.c"),
        (Lang::C, World::Pricing) => template!("c/pricing.c"),
    };
    (path, text)
}

pub(super) fn source(lang: Lang) -> &'static str {
    match lang {
        Lang::Rust => "src/lib.rs",
        Lang::Js => "rule.js",
        Lang::Python => "rule.py",
        Lang::C => "rule.c",
    }
}
