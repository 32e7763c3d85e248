//! Query strings: if a parameter is unknown, malformed or given too often, the call is refused with the parameter's
//! name.

use std::borrow::Cow;

use onhand_wire::Problem;
use percent_encoding::percent_decode_str;

/// A query string's names and values, decoded.
pub fn pairs(query: Option<&str>) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), Problem>> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(name, "query")?, decoded(value, name)?))
    })
}

fn decoded<'a>(text: &'a str, field: &str) -> Result<Cow<'a, str>, Problem> {
    let invalid = |_| Problem::field(field, "percent-encoded UTF-8");
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().map_err(invalid);
    }
    let spaced = text.replace('+', " ");
    Ok(Cow::Owned(percent_decode_str(&spaced).decode_utf8().map_err(invalid)?.into_owned()))
}

/// For a call that takes no parameters.
pub fn no_parameters(query: Option<&str>) -> Result<(), Problem> {
    match pairs(query).next() {
        Some(pair) => Err(unknown(&pair?.0)),
        None => Ok(()),
    }
}

fn unknown(name: &str) -> Problem {
    Problem::field(name, "no such parameter")
}

/// Sets a parameter that may be given once.
pub fn once<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), Problem> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Problem::field(name, "may be given once")),
    }
}

/// The parameters of a call; the handler takes one after the other.
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn of(query: Option<&str>) -> Result<Self, Problem> {
        let owned = |(name, value): (Cow<'_, str>, Cow<'_, str>)| (name.into_owned(), value.into_owned());
        Ok(Self(pairs(query).map(|pair| pair.map(owned)).collect::<Result<_, _>>()?))
    }

    /// Takes a parameter that may be given once.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut taken = None;
        while let Some(index) = self.0.iter().position(|(given, _)| given == name) {
            once(name, &mut taken, self.0.remove(index).1)?;
        }
        Ok(taken)
    }

    /// Takes a parameter that is one of a set of words; `default` if it is absent.
    pub fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)], default: T) -> Result<T, Problem> {
        let Some(given) = self.take(name)? else { return Ok(default) };
        let known = words.iter().find(|(word, _)| *word == given);
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        known.map(|(_, value)| *value).ok_or_else(|| Problem::field(name, format!("one of {}", all.join(", "))))
    }

    /// Takes all parameters whose name starts with `prefix`, and returns their names without it.
    pub fn take_prefixed(&mut self, prefix: &str) -> Vec<(String, String)> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(name, _)| name.starts_with(prefix));
        self.0 = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(name, value)| (name[prefix.len()..].to_owned(), value)).collect()
    }

    /// Refuses the parameters that nobody took.
    pub fn end(self) -> Result<(), Problem> {
        match self.0.into_iter().next() {
            Some((name, _)) => Err(unknown(&name)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(problem: &Problem) -> &str {
        problem.members["field"].as_str().unwrap()
    }

    #[test]
    fn parameters_are_taken_by_name() {
        let mut params = Params::of(Some("limit=5&attr.size=XL&q=a+b%2Fc&&")).unwrap();
        assert_eq!(params.take("limit").unwrap().as_deref(), Some("5"));
        assert_eq!(params.take("q").unwrap().as_deref(), Some("a b/c"));
        assert_eq!(params.take("cursor").unwrap(), None);
        assert_eq!(params.take_prefixed("attr."), [("size".to_owned(), "XL".to_owned())]);
        assert!(params.end().is_ok());
    }

    #[test]
    fn every_fault_names_its_parameter() {
        assert_eq!(field(&Params::of(Some("colour=red")).unwrap().end().unwrap_err()), "colour");
        assert_eq!(field(&Params::of(Some("a=1&a=2")).unwrap().take("a").unwrap_err()), "a");
        assert_eq!(field(&Params::of(Some("a=%FF")).err().unwrap()), "a");
        assert_eq!(field(&Params::of(Some("a=x")).unwrap().word("a", &[("y", 1)], 0).unwrap_err()), "a");
        assert_eq!(field(&no_parameters(Some("a=1")).unwrap_err()), "a");
        assert!(no_parameters(None).is_ok() && no_parameters(Some("")).is_ok());
    }
}
