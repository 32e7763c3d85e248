//! Reading `NAME:PERCENT` pairs.

use std::str::FromStr;

use onhand_rule::{Config, Error};

/// The pairs of one setting; none if it isn't there.
pub(crate) fn read<T: FromStr>(config: &Config, setting: &str) -> Result<Vec<(T, u32)>, Error> {
    let text = config.text(setting).unwrap_or_default();
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair_of(setting, pair)).collect()
}

fn pair_of<T: FromStr>(setting: &str, pair: &str) -> Result<(T, u32), Error> {
    let wrong =
        || Error::InvalidConfig(format!("{setting}: {pair:?} is no pair like 10:5, what it is for and percent"));
    let (key, off) = pair.split_once(':').ok_or_else(wrong)?;
    let key = key.trim().parse().map_err(|_| wrong())?;
    let off = off.trim().parse().map_err(|_| wrong())?;
    Ok((key, percent(setting, off)?))
}

/// More than all of it can't be taken off.
pub(crate) fn percent(setting: &str, percent: u32) -> Result<u32, Error> {
    if percent <= 100 {
        return Ok(percent);
    }
    Err(Error::InvalidConfig(format!("{setting}: {percent} is no percentage from 0 to 100")))
}
