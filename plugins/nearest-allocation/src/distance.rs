//! How far it is.

use std::cmp::Ordering;

use onhand_rule::{
    Coordinates,
    allocation::{Location, Request},
};

const EARTH_RADIUS_KM: f64 = 6371.0;

/// Kilometres along the great circle (haversine: exact enough also for places next to each other).
fn between(a: Coordinates, b: Coordinates) -> f64 {
    let (north, east) = ((b.lat - a.lat).to_radians(), (b.lon - a.lon).to_radians());
    let chord =
        (north / 2.0).sin().powi(2) + a.lat.to_radians().cos() * b.lat.to_radians().cos() * (east / 2.0).sin().powi(2);
    2.0 * EARTH_RADIUS_KM * chord.sqrt().min(1.0).asin()
}

/// Kilometres to the destination, per location; none where either has no coordinates.
pub(crate) fn km(request: &Request, locations: &[Location]) -> Vec<Option<f64>> {
    let destination = request.destination.as_ref().and_then(|destination| destination.coordinates);
    let to = |at: &Location| Some(between(destination?, at.coordinates?));
    locations.iter().map(to).collect()
}

/// Positions of the locations, nearest first. The sort is stable: equals stay in serving order.
pub(crate) fn order(request: &Request, locations: &[Location]) -> Vec<u32> {
    let km = km(request, locations);
    let mut order: Vec<u32> = (0..).take(locations.len()).collect();
    order.sort_by(|&a, &b| match (km[a as usize], km[b as usize]) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn london_to_paris_and_round_the_date_line() {
        let at = |lat, lon| Coordinates { lat, lon };
        let km = between(at(51.5074, -0.1278), at(48.8566, 2.3522));
        assert!((343.0..345.0).contains(&km), "{km}");
        let km = between(at(0.0, 179.5), at(0.0, -179.5));
        assert!((111.0..112.0).contains(&km), "{km}");
        let km = between(at(0.0, 0.0), at(0.0, 180.0));
        assert!((20_015.0..20_016.0).contains(&km), "{km}");
    }
}
