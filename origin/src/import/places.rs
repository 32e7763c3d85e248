//! Where a file's rows belong: a location's id, or its name.

use std::collections::HashMap;

use onhand_wire::{Location, LocationId, Problem};

/// The locations that there are.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// By lower-case name or id; none where several are called so.
    by_name: HashMap<String, Option<LocationId>>,
    ids: Vec<LocationId>,
    /// Of rows that name none.
    default: Option<LocationId>,
}

impl Places {
    pub fn new(locations: &[Location]) -> Self {
        let mut places = Self::default();
        for location in locations.iter().filter(|location| !location.deleted) {
            places.ids.push(location.location.clone());
            let named = places.by_name.entry(location.name.trim().to_lowercase());
            let other = |held: &mut Option<LocationId>| held.take_if(|held| *held != location.location);
            named.and_modify(|held| drop(other(held))).or_insert_with(|| Some(location.location.clone()));
        }
        places.ids.sort_unstable();
        // An id is never another one's name.
        for id in &places.ids {
            places.by_name.insert(id.as_str().to_lowercase(), Some(id.clone()));
        }
        places
    }

    /// What the call says of files that name none.
    pub(super) fn default_to(&mut self, said: Option<&str>) -> Result<(), Problem> {
        let Some(said) = said else { return Ok(()) };
        self.default = Some(self.find(said).ok_or_else(|| Problem::field("location", self.unknown(said)))?);
        Ok(())
    }

    /// Where rows go that name no place: as the call says, else to the only one that there is.
    pub(super) fn fallback(&self) -> Result<&LocationId, Problem> {
        match (&self.default, self.ids.as_slice()) {
            (Some(said), _) => Ok(said),
            (None, [only]) => Ok(only),
            (None, _) => {
                let right = format!("the file has no location: say location= of {}", self.all());
                Err(Problem::field("location", right))
            }
        }
    }

    pub(super) fn is_said(&self) -> bool {
        self.default.is_some()
    }

    /// By id, else by name, whatever its case.
    pub(super) fn find(&self, text: &str) -> Option<LocationId> {
        if let Ok(id) = LocationId::new(text)
            && self.knows(&id)
        {
            return Some(id);
        }
        self.by_name.get(&text.trim().to_lowercase()).cloned().flatten()
    }

    pub(super) fn knows(&self, id: &LocationId) -> bool {
        self.ids.binary_search(id).is_ok()
    }

    pub(super) fn unknown(&self, text: &str) -> String {
        format!("{text:?} is neither the id nor the name of one location; there are {}", self.all())
    }

    fn all(&self) -> String {
        const SHOWN: usize = 20;
        let shown: Vec<&str> = self.ids.iter().take(SHOWN).map(LocationId::as_str).collect();
        let more = if self.ids.len() > SHOWN { " and more" } else { "" };
        if shown.is_empty() { "none".to_owned() } else { format!("{}{more}", shown.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use onhand_wire::{Timestamp, Version};

    use super::*;

    fn places(named: &[(&str, &str)]) -> Places {
        let location = |(id, name): &(&str, &str)| Location {
            location: LocationId::new(id).unwrap(),
            name: (*name).to_owned(),
            region: None,
            priority: 0,
            lat: None,
            lon: None,
            enabled: true,
            pickup: false,
            version: Version::new(1, 1),
            changed_at: Timestamp::default(),
            deleted: false,
        };
        Places::new(&named.iter().map(location).collect::<Vec<_>>())
    }

    #[test]
    fn an_id_goes_before_a_name_and_a_name_of_two_is_nobodys() {
        let places =
            places(&[("ber", "Shop Berlin"), ("lon", "London"), ("x-1", "Depot"), ("x-2", "depot"), ("y", "BER")]);
        let found = |text: &str| places.find(text).map(|id| id.to_string());
        assert_eq!(found("ber").as_deref(), Some("ber"));
        assert_eq!(found("BER").as_deref(), Some("ber"));
        assert_eq!(found(" shop berlin ").as_deref(), Some("ber"));
        assert_eq!((found("Depot"), found("Paris")), (None, None));
        assert!(places.fallback().is_err());
    }

    #[test]
    fn rows_without_a_place_go_to_the_only_one() {
        let mut only = places(&[("a", "A")]);
        assert_eq!(only.fallback().unwrap().as_str(), "a");
        assert!(only.default_to(Some("b")).unwrap_err().detail.contains("there are a"));
        assert!(places(&[]).fallback().is_err());
    }
}
