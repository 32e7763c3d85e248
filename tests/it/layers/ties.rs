//! Which top module of a crate uses which, read off its files as text.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// A file's path below the crate's `src`, and its text.
pub(super) type File = (String, String);

/// Of each top module: those that it uses, and the places where it does.
pub(super) type Ties = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Every source file of a crate; tests are left out.
pub(super) fn files(src: &Path) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![src.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|name| name == "tests");
            if path.is_dir() && !is_test {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                let name = path.strip_prefix(src).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

fn is_root(file: &str) -> bool {
    file == "lib.rs" || file == "main.rs"
}

/// `a/b.rs` is the module `a::b`.
fn module_path(file: &str) -> Vec<&str> {
    file.trim_end_matches(".rs").split('/').collect()
}

/// `use` declarations and paths written in place both count, by `crate::` or by `super::`.
pub(super) fn ties(files: &[File]) -> Ties {
    let tops: BTreeSet<&str> =
        files.iter().filter(|(file, _)| !is_root(file)).map(|(file, _)| module_path(file)[0]).collect();
    let exports = exports(files);
    let mut ties = Ties::new();
    for (file, text) in files.iter().filter(|(file, _)| !is_root(file)) {
        let module = module_path(file);
        for (line, path) in from_the_root(&code(text), module.len()) {
            let first = path.split([':', ' ']).next().unwrap_or_default();
            let other = exports.get(first).map_or(first, String::as_str);
            if other != module[0] && tops.contains(other) {
                let places = ties.entry(module[0].to_owned()).or_default().entry(other.to_owned()).or_default();
                places.push(format!("{file}:{line} uses {path}"));
            }
        }
    }
    ties
}

/// Names that the crate's root passes on, and the top module that has each.
fn exports(files: &[File]) -> BTreeMap<String, String> {
    let mut exports = BTreeMap::new();
    for (_, text) in files.iter().filter(|(file, _)| is_root(file)) {
        for declaration in code(text).split(';').filter_map(|statement| statement.split_once("pub use ")) {
            let path = declaration.1.trim_start_matches("self::").trim_start_matches("crate::");
            let Some((module, names)) = path.split_once("::") else { continue };
            let names = names.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty());
            exports.extend(names.map(|name| (name.to_owned(), module.to_owned())));
        }
    }
    exports
}

/// Without comments and without the tests at a file's end.
fn code(text: &str) -> String {
    let uncommented: Vec<&str> =
        text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect();
    let text = uncommented.join("\n");
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..tests].to_owned()
}

/// Paths that begin at the crate's root, without that beginning, and the line of each. `depth`: of the module that
/// they stand in.
fn from_the_root(code: &str, depth: usize) -> Vec<(usize, String)> {
    let supers = "super::".repeat(depth);
    let mut found = Vec::new();
    for root in ["crate::", supers.as_str()] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == ':' {
                continue;
            }
            let line = code[..at].lines().count().max(1);
            found.extend(branches(&code[at + root.len()..]).into_iter().map(|path| (line, path)));
        }
    }
    found
}

/// Of `{a::b, c::{d, e}}` each branch, else the one path.
fn branches(text: &str) -> Vec<String> {
    let Some(tree) = text.strip_prefix('{') else {
        return vec![text.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect()];
    };
    let (mut depth, mut found) = (0_usize, vec![String::new()]);
    for c in tree.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => found.push(String::new()),
            _ => {
                depth = if c == '{' { depth + 1 } else { depth - usize::from(c == '}') };
                found.last_mut().expect("one was there from the start").push(c);
            }
        }
    }
    let tidy = |branch: &String| branch.split_whitespace().collect::<Vec<_>>().join(" ");
    found.iter().map(tidy).filter(|branch| !branch.is_empty()).collect()
}

/// What each module uses, of itself and by way of others.
fn reached<'t>(ties: &'t Ties, from: &str) -> BTreeSet<&'t str> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&str> = uses(ties, from).collect();
    while let Some(module) = next.pop() {
        if reached.insert(module) {
            next.extend(uses(ties, module));
        }
    }
    reached
}

fn uses<'t>(ties: &'t Ties, module: &str) -> impl Iterator<Item = &'t str> {
    ties.get(module).into_iter().flat_map(|uses| uses.keys()).map(String::as_str)
}

/// What ties modules that use each other, around however many corners; nothing where there is no circle.
pub(super) fn circles(ties: &Ties) -> Vec<String> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        ties.keys().map(|module| (module.as_str(), reached(ties, module))).collect();
    let reaches = |from: &str, to: &str| reached.get(from).is_some_and(|reached| reached.contains(to));
    let mut found = Vec::new();
    for (module, uses) in ties {
        for (other, places) in uses.iter().filter(|(other, _)| reaches(other, module)) {
            found.push(format!("{module} -> {other}: {}", places.join("; ")));
        }
    }
    found
}
