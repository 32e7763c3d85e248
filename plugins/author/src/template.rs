//! What a new project consists of.

mod files;

use onhand_rules::World;

use crate::Lang;

/// Paths in the project's folder, and texts.
pub(crate) fn files(name: &str, world: World, lang: Lang) -> Vec<(String, String)> {
    let words = Words::of(lang);
    let filled = |text: &str| {
        let text = text.replace("{{name}}", name);
        let text = text.replace("{{lang}}", &lang.to_string()).replace("{{language}}", words.language);
        let text = text.replace("{{source}}", files::source(lang)).replace("{{files}}", words.files);
        let text = text.replace("{{install}}", words.install).replace("{{asks}}", words.asks);
        let text = text.replace("{{note}}", words.note);
        text.replace("{{world}}", world.as_str())
    };
    let mut files: Vec<(String, String)> = Vec::new();
    for part in [files::COMMON, files::of_lang(lang), files::of_world(world)] {
        files.extend(part.iter().map(|(path, text)| (filled(path), filled(text))));
    }
    let (path, rule) = files::rule(world, lang);
    files.push((path.to_owned(), filled(rule)));
    // These are not templates: their texts are written unchanged.
    let verbatim = if lang == Lang::Rust { files::SDK } else { &[] };
    files.extend(verbatim.iter().chain(files::WIT).map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
    files
}

/// The texts about a language in the common files.
struct Words {
    language: &'static str,
    files: &'static str,
    install: &'static str,
    /// The limits that a guest with an interpreter needs.
    asks: &'static str,
    note: &'static str,
}

impl Words {
    fn of(lang: Lang) -> Self {
        match lang {
            Lang::Rust => Self {
                language: "Rust",
                files: "| `vendor/onhand-rule/` | the SDK of the Onhand that made this project |\n",
                install: "Once: `rustup target add wasm32-unknown-unknown`, or on a Debian machine where rustup can't\n\
                    fetch it `apt-get install rustc-web cargo-web rust-web-src lld`.",
                asks: "",
                note: "`cargo test` runs the unit tests beside the rule, without WebAssembly.",
            },
            Lang::Js => Self {
                language: "JavaScript",
                files: "",
                install: "Once: `npm install` (Node.js 20 or later).",
                asks: "[limits]                   # what an interpreter needs; the operator's rules.max_deadline permitting\ndeadline = \"20ms\"\n\n",
                note: "An error is thrown as the WIT's variant: `throw { tag: \"refused\", val: \"why\" }`; any other exception counts as\n\
                    `internal`, with its text. `console.log` writes to the rule's log, 1 kB a call at most.",
            },
            Lang::Python => Self {
                language: "Python",
                files: "",
                install: "Once: `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt` (Python 3.10 or later).",
                asks: "[limits]                   # what CPython needs; the operator's rules.max_… permitting\n\
                    component_size = \"40MiB\"\nmemory = \"64MiB\"\ndeadline = \"50ms\"\n\n",
                note: "`.venv/bin/componentize-py -d wit/rules/since-v0.1 -w {{world}} bindings types` writes the types\n\
                    for an editor. `print` ends the call with a trap, and an exception that is no `Err` does so\n\
                    without its text: `host.log` writes to the rule's log, 1 kB a call at most.",
            },
            Lang::C => Self {
                language: "C",
                files: "",
                install: "Once: `apt-get install clang lld` (14 or later).",
                asks: "",
                note: "`build` writes `build/c/{{world}}.h` with the types, and the little of a C library that there is:\n\
                    malloc, memcpy, memset, memcmp, strlen, qsort. Nothing need be freed: each call has a fresh memory.",
            },
        }
    }
}

#[cfg(test)]
mod tests;
