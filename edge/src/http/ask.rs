//! What a lookup's query string asks.

use std::borrow::Cow;

use onhand_wire::{Channel, ChannelId, Code, LocationId, Problem, limits};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use crate::{topology::Snapshot, view::Ask};

/// Read and checked, not yet looked up.
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

    /// Finds the names.
    pub(super) fn resolve<'a>(&'a self, snapshot: &'a Snapshot) -> Result<Ask<'a>, Problem> {
        let channel = self.channel.as_ref().map(|id| known_channel(snapshot, id)).transpose()?;
        let mut named = self.locations.iter().flatten();
        if let Some(unknown) = named.find(|id| snapshot.location(id.as_str()).is_none()) {
            return Err(Problem::new(Code::UnknownLocation, format!("location: there is no {unknown}")));
        }
        Ok(Ask { channel, locations: self.locations.as_deref(), quantity: self.quantity })
    }
}

/// A query string's names and values, decoded.
pub(super) fn pairs(query: Option<&str>) -> impl Iterator<Item = Result<(Cow<'_, str>, Cow<'_, str>), Problem>> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(name, "query")?, decoded(value, name)?))
    })
}

/// Of a call that takes no parameters.
pub(super) fn none(query: Option<&str>) -> Result<(), Problem> {
    match pairs(query).next() {
        Some(pair) => Err(Problem::field(&pair?.0, "no such parameter: this call takes its body only")),
        None => Ok(()),
    }
}

pub(super) fn known_channel<'a>(snapshot: &'a Snapshot, id: &ChannelId) -> Result<&'a Channel, Problem> {
    let unknown = || Problem::new(Code::UnknownChannel, format!("channel: there is no {id}"));
    snapshot.channel(id.as_str()).ok_or_else(unknown)
}

pub(super) fn once<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), Problem> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Problem::field(name, "may be given once")),
    }
}

fn quantity(value: &str) -> Result<i64, Problem> {
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let quantity = value.parse().ok().filter(|quantity| digits && *quantity <= i64::from(limits::QUANTITY));
    quantity.ok_or_else(|| Problem::field("quantity", format!("a whole number from 0 to {}", limits::QUANTITY)))
}

fn decoded<'a>(text: &'a str, field: &str) -> Result<Cow<'a, str>, Problem> {
    let invalid = |_| Problem::field(field, "percent-encoded UTF-8");
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8().map_err(invalid);
    }
    let spaced = text.replace('+', " ");
    Ok(Cow::Owned(percent_decode_str(&spaced).decode_utf8().map_err(invalid)?.into_owned()))
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
        assert!(none(Some("channel=web")).is_err() && none(None).is_ok() && none(Some("")).is_ok());
    }

    #[test]
    fn locations_repeat_and_the_rest_is_read() {
        let asked = Query::read(Some("location=eu%2D1&location=eu-2&quantity=5&channel=web&")).unwrap();
        assert_eq!(asked.locations.unwrap().len(), 2);
        assert_eq!(asked.quantity, Some(5));
        assert_eq!(asked.channel.unwrap().as_str(), "web");
    }
}
