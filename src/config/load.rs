//! Reads the configuration: it finds and reports all faults at once, and never shows a secret's value.

use std::{fmt, path::Path};

use toml::{Table, Value};

use super::{Config, names};

/// All faults of a configuration.
#[derive(Debug)]
pub(crate) struct Faults(Vec<String>);

impl Faults {
    /// Fails if there are any.
    pub(crate) fn none_of(faults: Vec<String>) -> Result<(), Self> {
        if faults.is_empty() { Ok(()) } else { Err(Self(faults)) }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = if self.0.len() == 1 { "fault" } else { "faults" };
        write!(f, "the configuration has {} {faults}:", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  - {fault}"))
    }
}

impl std::error::Error for Faults {}

/// A section whose keys are librdkafka's, not ours.
const FREE: &str = "kafka.options";

const DEFAULT_FILE: &str = "onhand.toml";

/// Reads the file (for `None`, `onhand.toml` if there is one), then the environment, which overrides it.
pub(crate) fn load(file: Option<&Path>) -> Result<Config, Faults> {
    let mut loading = Loading { defaults: defaults(), merged: defaults(), faults: Vec::new() };
    loading.file(file);
    loading.environment(std::env::vars());
    loading.end()
}

fn defaults() -> Table {
    Table::try_from(Config::default()).expect("the defaults are plain data")
}

struct Loading {
    defaults: Table,
    merged: Table,
    faults: Vec<String>,
}

impl Loading {
    fn file(&mut self, file: Option<&Path>) {
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return self.faults.push(format!("{}: cannot be read: {error}", path.display())),
        };
        match text.parse::<Table>() {
            Ok(table) => self.table(&table, "", &path.display().to_string()),
            // Only the message: the text around it may contain a secret.
            Err(error) => {
                let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1));
                self.faults.push(format!("{}: line {line}: {}", path.display(), error.message()));
            }
        }
    }

    fn table(&mut self, table: &Table, section: &str, source: &str) {
        for (name, value) in table {
            let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
            match (value, find(&self.defaults, &path)) {
                (Value::Table(inner), _) if path == FREE => self.free(inner, "", source),
                (Value::Table(inner), Some(Value::Table(_))) => self.table(inner, &path, source),
                (_, Some(Value::Table(_))) => {
                    self.faults.push(format!("{path} ({source}): is a section; write [{path}]"))
                }
                (_, Some(_)) => self.set(&path, value.clone(), source),
                (_, None) => self.unknown(&path, source),
            }
        }
    }

    /// A dot in a key without quotes makes tables.
    fn free(&mut self, table: &Table, before: &str, source: &str) {
        for (name, value) in table {
            let name = if before.is_empty() { name.clone() } else { format!("{before}.{name}") };
            match value {
                Value::Table(inner) => self.free(inner, &name, source),
                Value::String(text) => self.set_free(name, text.clone()),
                Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => self.set_free(name, value.to_string()),
                _ => self.faults.push(format!("{FREE}: {name} ({source}): must be a string, a number, true or false")),
            }
        }
    }

    fn set_free(&mut self, name: String, text: String) {
        let section = FREE.split('.').try_fold(&mut self.merged, |table, part| table.get_mut(part)?.as_table_mut());
        section.expect("one of the defaults").insert(name, Value::String(text));
    }

    fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) {
        for (name, text) in variables {
            let set = names::read(&name, &text);
            if set.is_empty() {
                self.misspelt(&name);
            }
            for (path, text) in set {
                self.variable(&name, &path, text);
            }
        }
    }

    fn variable(&mut self, name: &str, path: &str, text: String) {
        if let Some(free) = path.strip_prefix(FREE).and_then(|rest| rest.strip_prefix('.')) {
            return self.set_free(free.replace('_', "."), text);
        }
        match find(&self.defaults, path).cloned() {
            Some(like) if !like.is_table() => self.set(path, value(&text, &like), name),
            _ => self.unknown(path, name),
        }
    }

    /// A key of ours with `_` where `__` belongs. Any other `ONHAND_…` may be somebody else's, such as what Kubernetes
    /// sets for a service of that name.
    fn misspelt(&mut self, name: &str) {
        let Some(rest) = name.strip_prefix("ONHAND_") else { return };
        let mut known = Vec::new();
        leaves(&self.defaults, "", &mut known);
        let variable = |path: &String| path.replace('.', "_").eq_ignore_ascii_case(rest);
        if let Some(path) = known.iter().find(|path| variable(path)) {
            let right = path.replace('.', "__").to_uppercase();
            self.faults.push(format!("{name}: there is no such variable; did you mean ONHAND_{right}?"));
        }
    }

    /// Sets one key at a time over the defaults, so that a fault in one key does not hide another.
    fn set(&mut self, path: &str, value: Value, source: &str) {
        let mut alone = self.defaults.clone();
        put(&mut alone, path, value.clone());
        match alone.try_into::<Config>() {
            Ok(_) => put(&mut self.merged, path, value),
            Err(error) => self.faults.push(format!("{path} ({source}): {}", without_text(error.message().trim()))),
        }
    }

    fn unknown(&mut self, path: &str, source: &str) {
        let mut known = Vec::new();
        leaves(&self.defaults, "", &mut known);
        let nearest =
            known.iter().max_by(|a, b| strsim::jaro_winkler(a, path).total_cmp(&strsim::jaro_winkler(b, path)));
        let hint = nearest.map_or_else(String::new, |nearest| format!("; the nearest is {nearest}"));
        self.faults.push(format!("{path} ({source}): there is no such key{hint}"));
    }

    fn end(self) -> Result<Config, Faults> {
        let Self { merged, mut faults, .. } = self;
        let config: Config = merged.try_into().map_err(|error| Faults(vec![error.message().to_owned()]))?;
        faults.extend(config.faults());
        Faults::none_of(faults).map(|()| config)
    }
}

/// serde says what it found instead of what it expected, `string "…"`: that may be a secret under the wrong key.
fn without_text(message: &str) -> String {
    const TEXT: &str = "string \"";
    let Some((before, found)) = message.split_once(TEXT) else { return message.to_owned() };
    let mut escaped = false;
    let end = found.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    let after = end.map_or("", |end| &found[end + 1..]);
    format!("{before}text{}", without_text(after))
}

fn find<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = table.get(first)?;
    rest.map_or(Some(value), |rest| find(value.as_table()?, rest))
}

fn put(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => drop(table.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(first) {
                put(inner, rest, value);
            }
        }
    }
}

fn leaves(table: &Table, section: &str, found: &mut Vec<String>) {
    for (name, value) in table {
        let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
        match value {
            Value::Table(inner) => leaves(inner, &path, found),
            _ => found.push(path),
        }
    }
}

/// Converts a variable's text to the type of the key's value; a list is separated by commas, or written in TOML.
fn value(text: &str, like: &Value) -> Value {
    let parsed = match like {
        Value::Integer(_) => text.parse().map(Value::Integer).ok(),
        Value::Float(_) => text.parse().map(Value::Float).ok(),
        Value::Boolean(_) => text.parse().map(Value::Boolean).ok(),
        // A list of tables is written in TOML: [{url = "…", secret = "…"}].
        Value::Array(_) if text.trim_start().starts_with('[') => {
            format!("list = {text}").parse::<Table>().ok().and_then(|mut table| table.remove("list"))
        }
        Value::Array(_) => {
            Some(Value::Array(text.split(',').filter(|part| !part.is_empty()).map(Value::from).collect()))
        }
        _ => None,
    };
    parsed.unwrap_or_else(|| Value::from(text))
}

#[cfg(test)]
mod tests {
    use onhand_http::setting::SecretUrl;

    use super::*;

    #[test]
    fn what_was_found_in_place_of_a_value_is_not_shown() {
        let message = r#"invalid type: string "a \"S3CRET\" \\", expected a sequence, not string "S3CRET""#;
        assert_eq!(without_text(message), "invalid type: text, expected a sequence, not text");
        assert_eq!(without_text(r#"string "S3CRET"#), "text");
        assert_eq!(without_text("a duration with its unit"), "a duration with its unit");
    }

    fn faults(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
        let mut loading = Loading { defaults: defaults(), merged: defaults(), faults: Vec::new() };
        loading.table(&text.parse().unwrap(), "", "test.toml");
        loading.environment(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        loading.end().map_or_else(|faults| faults.0, |_| Vec::new())
    }

    #[test]
    fn all_faults_are_told_at_once_and_no_secret_is_shown() {
        let text = "[edge]\nlisten_on = \"x\"\n[edge.origin]\ntimeout = \"250\"\ntoken = \"hunter2\\n\"\n";
        let faults = faults(text, &[]);
        assert_eq!(faults.len(), 3, "{faults:#?}");
        let all = faults.join("\n");
        assert!(all.contains("edge.listen_on") && all.contains("the nearest is edge.listen"), "{all}");
        assert!(all.contains("edge.origin.timeout") && all.contains("unit"), "{all}");
        assert!(all.contains("edge.origin.token") && all.contains("white space"), "{all}");
        assert!(!all.contains("hunter2"), "{all}");
    }

    #[test]
    fn the_environment_comes_last_and_knows_other_names() {
        let mut loading = Loading { defaults: defaults(), merged: defaults(), faults: Vec::new() };
        loading.table(&"[edge]\nregion = \"a\"\n".parse().unwrap(), "", "test.toml");
        let variables = [
            ("ONHAND_EDGE__REGION", "b"),
            ("REDIS_ADDR", "cache:6379"),
            ("ONHAND_DATA", "x.csv"),
            ("ONHAND_FRESHNESS__LIVE_MS", "500"),
            ("ONHAND_EDGE__ORIGIN__URLS", "http://a,http://b"),
            ("RATE_LIMIT_MAX_REQUESTS", "7"),
            ("RATE_LIMIT_WINDOW", "30s"),
        ];
        loading.environment(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let config = loading.end().unwrap();
        assert_eq!((config.edge.region.as_str(), config.edge().freshness.live_ms), ("b", 500));
        assert_eq!(config.edge.redis.url.expose(), "redis://cache:6379");
        assert_eq!(config.edge.origin.urls, ["http://a", "http://b"].map(SecretUrl::new));
        let orders = config.edge.limits.orders;
        assert_eq!((orders.max_requests, orders.window.0.as_secs()), (7, 30));
    }

    #[test]
    fn librdkafkas_own_settings_are_taken_by_its_names() {
        let text = "[kafka.options]\nsocket.timeout.ms = 30000\n\"ssl.cipher.suites\" = \"ALL\"\n";
        assert!(faults(text, &[("ONHAND_KAFKA__OPTIONS__METADATA_MAX_AGE_MS", "1000")]).is_empty());
        let wrong = faults("[kafka.options]\nacks = 1\n", &[("ONHAND_KAFKA__OPTIONS__NO_SUCH", "S3CRET")]).join("\n");
        assert!(wrong.contains("acks") && wrong.contains("no.such") && !wrong.contains("S3CRET"), "{wrong}");
    }

    #[test]
    fn an_unknown_variable_is_a_fault() {
        assert_eq!(faults("", &[("ONHAND_EDGE__REGIO", "b")]).len(), 1);
        for level in ["loud", "warn,onhand_edge=x", "info,"] {
            assert!(faults("", &[("LOG_LEVEL", level)])[0].starts_with("log.level"), "{level}");
        }
        assert!(faults("", &[("LOG_LEVEL", "WARN,onhand_edge=debug")]).is_empty());
        for (variable, key) in [
            ("ONHAND_ORIGIN__QUEUE", "origin.queue"),
            ("ONHAND_ORIGIN__DATABASE__READ_CONNECTIONS", "origin.database.read_connections"),
            ("ONHAND_KAFKA__PARTITIONS", "kafka.partitions"),
            ("ONHAND_EDGE__ORIGIN__BREAKER__FAILURE_THRESHOLD", "edge.origin.breaker.failure_threshold"),
        ] {
            assert!(faults("", &[(variable, "0")])[0].starts_with(key), "{variable}");
        }
        assert!(faults("", &[("ONHAND_EDGE__LISTEN", "foo")])[0].starts_with("edge.listen"));
        assert_eq!(faults("", &[("CIRCUIT_BREAKER_BASE_TIMEOUT", "30")]).len(), 2, "of both breakers");
        let both = faults("[edge.origin]\ntoken = \"a\"\ntoken_file = \"b\"\n", &[]);
        assert!(both.len() == 1 && both[0].contains("token and token_file"), "{both:?}");
        assert!(faults("", &[("ONHAND_ORIGIN__RESERVATIONS__MAX_TTL", "1500ms")])[0].contains("max_ttl"));
        let single = faults("", &[("ONHAND_EDGE_REDIS_URL", "x"), ("ONHAND_EDGE_SERVICE_HOST", "10.0.0.1")]);
        assert!(single.len() == 1 && single[0].contains("ONHAND_EDGE__REDIS__URL"), "{single:?}");
        let short =
            faults("[edge.limits]\nmisses = 9\nqueue = 0\nqueue_time = \"0s\"\n", &[("RATE_LIMIT_WINDOW", "900ms")])
                .join("\n");
        for key in ["edge.limits.orders.window", "edge.limits.misses", "edge.limits.queue:", "edge.limits.queue_time"] {
            assert!(short.contains(key), "{short}");
        }
    }
}
