//! A lookup's query string.

use onhand_http::query::{once, pairs};
use onhand_wire::{Channel, ChannelId, Code, LocationId, Problem, limits, whole};
use uuid::Uuid;

use crate::{topology::Snapshot, view::Ask};

/// Parsed and checked, but names are not resolved yet.
#[derive(Debug, Default)]
pub(super) struct Query {
    channel: Option<ChannelId>,
    locations: Option<Vec<LocationId>>,
    quantity: Option<i64>,
    pub(super) reservation: Option<Uuid>,
}

impl Query {
    pub(super) fn of_names(channel: Option<ChannelId>, locations: Option<Vec<LocationId>>) -> Self {
        Self { channel, locations, ..Self::default() }
    }

    pub(super) fn read(query: Option<&str>) -> Result<Self, Problem> {
        let mut asked = Self::default();
        for pair in pairs(query) {
            let (name, value) = pair?;
            asked.take(&name, &value)?;
        }
        Ok(asked)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        let invalid = |right: &dyn std::fmt::Display| Problem::field(name, right);
        match name {
            "channel" => once(name, &mut self.channel, ChannelId::new(value).map_err(|error| invalid(&error))?),
            "quantity" => once(name, &mut self.quantity, quantity(value)?),
            "reservation" => once(name, &mut self.reservation, onhand_wire::request::reservation_id(value)?),
            "location" => {
                let locations = self.locations.get_or_insert_default();
                locations.push(LocationId::new(value).map_err(|error| invalid(&error))?);
                if locations.len() <= limits::LOCATIONS {
                    return Ok(());
                }
                Err(Problem::field(name, format!("at most {} of them", limits::LOCATIONS)))
            }
            _ => Err(Problem::field(name, "unknown; channel, location, quantity and reservation are known")),
        }
    }

    /// Resolves the names.
    pub(super) fn resolve<'a>(&'a self, snapshot: &'a Snapshot) -> Result<Ask<'a>, Problem> {
        let channel = self.channel.as_ref().map(|id| known_channel(snapshot, id)).transpose()?;
        let mut named = self.locations.iter().flatten();
        if let Some(unknown) = named.find(|id| snapshot.location(id.as_str()).is_none()) {
            return Err(Problem::new(Code::UnknownLocation, format!("location: there is no {unknown}")));
        }
        Ok(Ask { channel, locations: self.locations.as_deref(), quantity: self.quantity })
    }
}

pub(super) fn known_channel<'a>(snapshot: &'a Snapshot, id: &ChannelId) -> Result<&'a Channel, Problem> {
    let unknown = || Problem::new(Code::UnknownChannel, format!("channel: there is no {id}"));
    snapshot.channel(id.as_str()).ok_or_else(unknown)
}

fn quantity(value: &str) -> Result<i64, Problem> {
    let quantity = whole(value).filter(|quantity| (0..=i64::from(limits::QUANTITY)).contains(quantity));
    quantity.ok_or_else(|| Problem::field("quantity", format!("a whole number from 0 to {}", limits::QUANTITY)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(query: &str) -> String {
        let problem = Query::read(Some(query)).unwrap_err();
        problem
            .members
            .get("field")
            .map_or(problem.code.as_str().to_owned(), |field| field.as_str().unwrap().to_owned())
    }

    #[test]
    fn every_fault_names_its_parameter() {
        assert_eq!(fault("colour=red"), "colour");
        assert_eq!(fault("quantity="), "quantity");
        assert_eq!(fault("quantity=-1"), "quantity");
        assert_eq!(fault("quantity=%2B1"), "quantity");
        assert_eq!(fault("quantity=1000000001"), "quantity");
        assert_eq!(fault("quantity=1&quantity=1"), "quantity");
        assert_eq!(fault("location=a&location=-b"), "location");
        assert_eq!(fault("channel=%FF"), "channel");
        assert_eq!(fault("reservation=nonsense"), "not_found");
        assert_eq!(fault("reservation={01890a5d-ac96-774b-bcce-b302099a8057}"), "not_found");
    }

    #[test]
    fn locations_repeat_and_the_rest_is_read() {
        let asked = Query::read(Some("location=eu%2D1&location=eu-2&quantity=5&channel=web&")).unwrap();
        assert_eq!(asked.locations.unwrap().len(), 2);
        assert_eq!(asked.quantity, Some(5));
        assert_eq!(asked.channel.unwrap().as_str(), "web");
    }
}
