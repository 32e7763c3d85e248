//! What depends on what. Invariant 5: edge and origin meet only in sdk/wire and plugins/host. And within a crate, no
//! two modules use each other.

mod ties;

use std::{path::Path, process::Command};

use ties::{File, circles, files, ties};

/// Crates whose top modules form no circle.
const WITHOUT_CIRCLES: [&str; 8] = [
    "console/src",
    "edge/src",
    "origin/src",
    "plugins/host/src",
    "sdk/client/src",
    "sdk/http/src",
    "sdk/orders/src",
    "src",
];

fn files_of(src: &str) -> Vec<File> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(src))
}

#[test]
fn edge_and_origin_do_not_depend_on_each_other() {
    for (one, other) in [("onhand-edge", "onhand-origin"), ("onhand-origin", "onhand-edge")] {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["tree", "--offline", "-p", one, "--edges", "normal,build", "--prefix", "none"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let tree = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && tree.contains("onhand-wire"), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!tree.contains(other), "{one} depends on {other}");
    }
}

#[test]
fn no_two_modules_of_a_crate_use_each_other() {
    for src in WITHOUT_CIRCLES {
        let circles = circles(&ties(&files_of(src)));
        assert!(circles.is_empty(), "modules of {src} use each other:\n{}", circles.join("\n"));
    }
}

/// So that the file can be read from its top.
#[test]
fn modules_of_the_edge_use_only_what_is_declared_above_them() {
    let files = files_of("edge/src");
    let (_, root) = files.iter().find(|(file, _)| file == "lib.rs").unwrap();
    let place = |module: &str| root.find(&format!("\nmod {module};")).or(root.find(&format!("\npub mod {module};")));
    let ties = ties(&files);
    assert!(ties["cache"].contains_key("origin"), "{:?}", ties["cache"]);
    for (module, uses) in &ties {
        for (other, places) in uses {
            assert!(place(other) < place(module), "{module} stands above {other}: {}", places.join("; "));
        }
    }
}

/// The files of a crate in which `a` uses `b`, and whose `b` has this text.
fn two_modules(b: &str) -> Vec<File> {
    let root = "mod a;\nmod b;\npub use self::a::{Other, Thing};\n";
    let files = [("lib.rs", root), ("a.rs", "use crate::b::Part;\n"), ("b/deep.rs", b)];
    files.map(|(file, text)| (file.to_owned(), text.to_owned())).to_vec()
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let closing = [
        "use crate::a::Thing;",
        "use crate::{\n    c::{Some, Other},\n    a::{\n        Thing,\n    },\n};",
        "use super::super::a;",
        "use crate::{Other};",
        "fn f() -> crate::Thing { crate::a::f() }",
        "#[cfg(test)]\nmod tests;\nuse crate::a;",
    ];
    for text in closing {
        let found = circles(&ties(&two_modules(text)));
        assert_eq!(found.len(), 2, "{text}: {found:?}");
        assert!(found[1].starts_with("b -> a: b/deep.rs:"), "{text}: {found:?}");
    }
}

#[test]
fn comments_tests_and_modules_within_one_are_no_circle() {
    let open = [
        "use crate::b::Part;",
        "use super::Part;",
        "/// As [`crate::a::f`] does.",
        "fn f() {}\n#[cfg(test)]\nmod tests {\n    use crate::a::Thing;\n}",
        "use other_crate::a;",
    ];
    for text in open {
        assert_eq!(circles(&ties(&two_modules(text))), Vec::<String>::new(), "{text}");
    }
}

/// So that a newcomer can find the test that holds what they change.
#[test]
fn every_module_of_these_tests_has_a_row_in_docs_tests_md() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let (modules, page) = (read("tests/it/main.rs"), read("docs/tests.md"));
    let modules = modules.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    for module in modules.filter(|module| *module != "onhand") {
        assert!(page.contains(&format!("\n| `{module}` |")), "docs/tests.md has no row for {module}");
    }
}
