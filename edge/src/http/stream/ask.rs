//! A stream's query string.

use onhand_http::query::{once, pairs};
use onhand_wire::{ChannelId, Problem, Sku, limits};

use super::how_many;

/// Parsed and checked, but names are not resolved yet.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Each once, in the order of the query.
    pub(super) skus: Vec<Sku>,
    pub(super) channel: Option<ChannelId>,
}

impl Wanted {
    pub(super) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let mut wanted = Self::default();
        for pair in pairs(query) {
            let (name, value) = pair?;
            match &*name {
                "sku" => wanted.add(Sku::new(&value).map_err(|error| Problem::field("sku", error))?)?,
                "channel" => {
                    let channel = ChannelId::new(&value).map_err(|error| Problem::field("channel", error))?;
                    once("channel", &mut wanted.channel, channel)?;
                }
                _ => return Err(Problem::field(&name, "unknown; sku and channel are known")),
            }
        }
        if wanted.skus.is_empty() { Err(Problem::field("sku", how_many())) } else { Ok(wanted) }
    }

    /// A SKU that is named twice is watched once.
    fn add(&mut self, sku: Sku) -> Result<(), Problem> {
        if self.skus.contains(&sku) {
            return Ok(());
        }
        self.skus.push(sku);
        if self.skus.len() > limits::STREAM_SKUS { Err(Problem::field("sku", how_many())) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(query: &str) -> String {
        Wanted::read(Some(query)).unwrap_err().members["field"].as_str().unwrap().to_owned()
    }

    #[test]
    fn skus_repeat_and_are_watched_once() {
        let wanted = Wanted::read(Some("sku=b&sku=A%20B%2FC&sku=b&channel=web")).unwrap();
        assert_eq!(wanted.skus.iter().map(Sku::as_str).collect::<Vec<_>>(), ["b", "A B/C"]);
        assert_eq!(wanted.channel.unwrap().as_str(), "web");
    }

    #[test]
    fn every_fault_names_its_parameter() {
        assert_eq!(field(""), "sku");
        assert_eq!(field("sku=+a"), "sku");
        assert_eq!(field("sku=a&location=eu-1"), "location");
        assert_eq!(field("sku=a&channel=web&channel=web"), "channel");
        let most = |count: usize| (0..count).map(|n| format!("sku={n}&")).collect::<String>();
        assert!(Wanted::read(Some(&most(limits::STREAM_SKUS))).is_ok());
        assert_eq!(field(&most(limits::STREAM_SKUS + 1)), "sku");
    }
}
