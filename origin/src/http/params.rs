//! Query parameters: each is known, or the call is refused naming it.

use onhand_wire::Problem;

pub(super) struct Params(Vec<(String, String)>);

impl Params {
    pub(super) fn of(query: Option<&str>) -> Self {
        let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Takes one that may be given once.
    pub(super) fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(index) = self.0.iter().position(|(given, _)| given == name) else { return Ok(None) };
        let (_, value) = self.0.remove(index);
        if self.0.iter().any(|(given, _)| given == name) {
            return Err(Problem::field(name, "given twice"));
        }
        Ok(Some(value))
    }

    /// Takes one of a set of words; `default` when it is left out.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)], default: T) -> Result<T, Problem> {
        let Some(given) = self.take(name)? else { return Ok(default) };
        let known = words.iter().find(|(word, _)| *word == given);
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        known.map(|(_, value)| *value).ok_or_else(|| Problem::field(name, format!("one of {}", all.join(", "))))
    }

    /// Takes all whose name starts with `prefix`, without it.
    pub(super) fn take_prefixed(&mut self, prefix: &str) -> Vec<(String, String)> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(name, _)| name.starts_with(prefix));
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(name, value)| (name[prefix.len()..].to_owned(), value)).collect()
    }

    /// Refuses what nobody took.
    pub(super) fn end(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            Some((unknown, _)) => Err(Problem::field(&unknown, "no such parameter")),
            None => Ok(()),
        }
    }
}
