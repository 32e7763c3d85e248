//! What a view rule is asked, what it answers, and whether the answer is allowed.

use onhand_wire::{ChannelId, LocationId, Sku};
use serde::{Deserialize, Serialize};

use crate::world::{fault::Failure, limits::LABEL_CHARS};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewInput {
    #[serde(default)]
    pub channel: Option<ChannelId>,
    pub sku: Sku,
    #[serde(default)]
    pub name: Option<String>,
    /// In serving order, each once.
    pub locations: Vec<ViewLocation>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewLocation {
    pub location: LocationId,
    /// 0 or more.
    pub available: i64,
    /// What may be held beyond `available`.
    #[serde(default)]
    pub backorderable: i64,
    /// 0 means never.
    #[serde(default)]
    pub low_stock_at: i64,
    #[serde(default)]
    pub pickup: bool,
}

/// A checked answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presentation {
    /// In the rule's order. A location that is not in it is hidden.
    pub locations: Vec<Shown>,
    /// Like "10+": up to 64 characters, none a control character.
    #[serde(default)]
    pub label: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    pub location: LocationId,
    /// From 0 to what is truly available.
    pub available: i64,
    /// From 0 to what may truly be held beyond that.
    pub backorderable: i64,
}

impl ViewInput {
    /// Bytes of names and texts, plus the records around them in the guest's memory.
    pub(crate) fn bytes(&self) -> usize {
        let locations: usize = self.locations.iter().map(|at| 24 + at.location.as_str().len()).sum();
        self.sku.as_str().len() + self.name.as_ref().map_or(0, String::len) + locations + 64
    }

    pub(crate) fn check(&self, answer: &[AnsweredPart], label: Option<String>) -> Result<Presentation, Failure> {
        let mut seen = vec![false; self.locations.len()];
        let shown = |part: &AnsweredPart| {
            let at = self.locations.get(part.location as usize).ok_or_else(|| {
                Failure::wrong(format!("location {} of {} locations", part.location, self.locations.len()))
            })?;
            if std::mem::replace(&mut seen[part.location as usize], true) {
                return Err(Failure::wrong(format!("{} comes twice", at.location)));
            }
            at.shown(i64::from(part.available), i64::from(part.backorderable))
        };
        let locations = answer.iter().map(shown).collect::<Result<_, _>>()?;
        check_label(label.as_deref())?;
        Ok(Presentation { locations, label })
    }
}

impl ViewLocation {
    fn shown(&self, available: i64, backorderable: i64) -> Result<Shown, Failure> {
        let location = &self.location;
        for (word, shown, there) in
            [("available", available, self.available), ("backorderable", backorderable, self.backorderable)]
        {
            if shown > there.max(0) {
                return Err(Failure::wrong(format!("{shown} {word} at {location}, where {there} are")));
            }
        }
        Ok(Shown { location: location.clone(), available, backorderable })
    }
}

fn check_label(label: Option<&str>) -> Result<(), Failure> {
    let Some(label) = label else { return Ok(()) };
    if label.chars().any(char::is_control) {
        return Err(Failure::wrong("a control character in the label"));
    }
    if label.chars().count() > LABEL_CHARS {
        return Err(Failure::wrong(format!("a label of more than {LABEL_CHARS} characters")));
    }
    Ok(())
}

/// What the rule shows of one location, before it is checked; `location` is a position.
pub(crate) struct AnsweredPart {
    pub(crate) location: u32,
    pub(crate) available: u32,
    pub(crate) backorderable: u32,
}
