//! The SKUs and their popularity.

use std::{collections::BTreeMap, path::Path};

use onhand_client::encode;
use onhand_wire::Sku;
use rand::{
    distr::{Distribution, weighted::WeightedIndex},
    rngs::StdRng,
};

use super::{Args, Error};
use crate::replay;

/// A SKU as requests spell it.
pub(super) struct Spelt {
    /// Percent-encoded, in a path.
    pub(super) path: String,
    /// Quoted, in a body.
    pub(super) json: String,
}

impl Spelt {
    fn new(sku: &Sku) -> Self {
        let path = encode(sku.as_str());
        Self { path, json: serde_json::to_string(sku).expect("text encodes") }
    }
}

/// Draws SKUs.
pub(super) struct Skus {
    spelt: Vec<Spelt>,
    popularity: WeightedIndex<f64>,
}

impl Skus {
    pub(super) fn new(args: &Args) -> Result<Self, Error> {
        let (skus, weights) = if let Some(path) = &args.skus.orders {
            by_orders(path)?
        } else {
            let skus = listed(args)?;
            let weights = (1..=skus.len()).map(|rank| (rank as f64).powf(-args.zipf)).collect();
            (skus, weights)
        };
        let popularity = WeightedIndex::new(weights).expect("one SKU or more, each of some weight");
        Ok(Self { spelt: skus.iter().map(Spelt::new).collect(), popularity })
    }

    pub(super) fn draw(&self, random: &mut StdRng) -> &Spelt {
        &self.spelt[self.popularity.sample(random)]
    }

    pub(super) fn len(&self) -> usize {
        self.spelt.len()
    }
}

/// The most popular first.
fn listed(args: &Args) -> Result<Vec<Sku>, Error> {
    if let Some(path) = &args.skus.sku_file {
        return in_file(path);
    }
    if let Some(count) = args.skus.count {
        return Ok((0..count).map(|number| Sku::new(&format!("S{number:06}")).expect("letters and digits")).collect());
    }
    Ok(args.skus.named.clone())
}

fn in_file(path: &Path) -> Result<Vec<Sku>, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let mut skus = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        let invalid =
            |why: onhand_wire::InvalidName| Error::Sku { path: path.to_owned(), line: index + 1, why: why.to_string() };
        skus.push(Sku::new(line).map_err(invalid)?);
    }
    if skus.is_empty() { Err(Error::NoSkus { path: path.to_owned() }) } else { Ok(skus) }
}

/// Each SKU with the number of lines that order it, sorted by name, so that runs can be compared.
fn by_orders(path: &Path) -> Result<(Vec<Sku>, Vec<f64>), Error> {
    let mut lines: BTreeMap<Sku, f64> = BTreeMap::new();
    for sku in replay::ordered_skus(path).map_err(Error::Orders)? {
        *lines.entry(sku).or_default() += 1.0;
    }
    if lines.is_empty() {
        return Err(Error::NoSkus { path: path.to_owned() });
    }
    Ok(lines.into_iter().unzip())
}
