//! The settings that a merchant gives with a rule.

use std::{any::type_name, collections::BTreeMap, str::FromStr};

use crate::Error;

/// Settings by name; the same throughout one release of the rule.
#[derive(Debug, Clone)]
pub struct Config(Source);

#[derive(Debug, Clone)]
enum Source {
    Host,
    Given(BTreeMap<String, String>),
}

impl Config {
    /// The host's: only a component can ask it.
    pub(crate) fn of_host() -> Self {
        Self(Source::Host)
    }

    /// A setting as it was written; none if there is none of that name.
    pub fn text(&self, name: &str) -> Option<String> {
        match &self.0 {
            Source::Host => crate::bindings::view::onhand::rules::host::config(name),
            Source::Given(values) => values.get(name).cloned(),
        }
    }

    /// A setting read as a `T` (a number, mostly), or `default` if there is none.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`], naming the setting, if it can't be read as a `T`.
    pub fn get<T: FromStr>(&self, name: &str, default: T) -> Result<T, Error> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.trim()
            .parse()
            .map_err(|_| Error::InvalidConfig(format!("{name} = {text:?} can't be read as {}", type_name::<T>())))
    }
}

/// For tests: `Config::from([("hide_last", "3")])`; `Config::from([])` has no setting.
impl<const N: usize> From<[(&str, &str); N]> for Config {
    fn from(pairs: [(&str, &str); N]) -> Self {
        Self(Source::Given(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_cannot_be_read_is_named() {
        let config = Config::from([("hide_last", "two")]);
        assert_eq!(config.get("bucket", 10_u32), Ok(10));
        let Err(Error::InvalidConfig(detail)) = config.get("hide_last", 2_u32) else { panic!("read as a number") };
        assert_eq!(detail, r#"hide_last = "two" can't be read as u32"#);
    }
}
