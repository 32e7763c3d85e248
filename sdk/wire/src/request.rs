//! What callers send. Unknown members are refused; every fault names its field.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

use crate::{ChannelId, Code, LocationId, Money, Problem, Quantity, RestockAt, Sku, limits};

/// Reads a JSON body; an empty one counts as `{}`.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let body = if body.is_empty() { b"{}" } else { body };
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| invalid(&error))?;
    json.end().map_err(|error| Problem::field("body", format!("not JSON: {error}")))?;
    Ok(value)
}

/// Names the member at fault, also where serde only says it in its message.
fn invalid(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let message = error.inner().to_string();
    if !error.inner().is_data() {
        return Problem::field("body", format!("not JSON: {message}"));
    }
    let message = message.split(" at line ").next().unwrap_or_default().to_owned();
    let mut path = error.path().to_string();
    let named = ["unknown field `", "missing field `"].iter().find_map(|start| message.strip_prefix(start));
    if let Some(name) = named.and_then(|rest| rest.split('`').next())
        && path.rsplit('.').next() != Some(name)
    {
        path = if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    }
    if path == "." {
        path = "body".to_owned();
    }
    Problem::field(&path, message)
}

/// Free text within [`limits::TEXT_BYTES`], without control characters.
pub fn check_text(field: &str, text: &str) -> Result<(), Problem> {
    if text.len() <= limits::TEXT_BYTES && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Problem::field(field, format!("at most {} bytes of text without control characters", limits::TEXT_BYTES)))
}

fn check_required_text(field: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        return Err(Problem::field(field, "must not be empty"));
    }
    check_text(field, text)
}

fn check_optional_text(field: &str, text: Option<&String>) -> Result<(), Problem> {
    text.map_or(Ok(()), |text| check_text(field, text))
}

fn check_positive(field: &str, quantity: Quantity) -> Result<(), Problem> {
    if quantity.get() > 0 {
        return Ok(());
    }
    Err(Problem::field(field, "a whole number from 1 to 1000000000"))
}

fn check_count(field: &str, count: usize, most: usize) -> Result<(), Problem> {
    if (1..=most).contains(&count) {
        return Ok(());
    }
    Err(Problem::field(field, format!("1 to {most} entries")))
}

fn check_degrees(field: &str, degrees: Option<f64>, most: f64) -> Result<(), Problem> {
    if degrees.is_none_or(|degrees| (-most..=most).contains(&degrees)) {
        return Ok(());
    }
    Err(Problem::field(field, format!("degrees from -{most} to {most}")))
}

/// A body that can be wrong in more ways than its types say.
pub trait Check {
    fn check(&self) -> Result<(), Problem>;
}

/// Parses and checks in one step.
pub fn read<T: DeserializeOwned + Check>(body: &[u8]) -> Result<T, Problem> {
    let value: T = parse(body)?;
    value.check()?;
    Ok(value)
}

/// Where the goods go; rules and the `nearest` strategy use it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// ISO 3166-1, two capital letters.
    pub country: String,
    #[serde(default)]
    pub postcode: Option<String>,
    #[serde(default)]
    pub lat: Option<f64>,
    #[serde(default)]
    pub lon: Option<f64>,
}

impl Destination {
    fn check(&self) -> Result<(), Problem> {
        if self.country.len() != 2 || !self.country.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(Problem::field("destination.country", "two capital letters, like GB"));
        }
        check_optional_text("destination.postcode", self.postcode.as_ref())?;
        check_degrees("destination.lat", self.lat, 90.0)?;
        check_degrees("destination.lon", self.lon, 180.0)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldLine {
    pub sku: Sku,
    /// 1 or more.
    pub quantity: Quantity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<LocationId>,
}

/// Whether a hold is all or nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldPolicy {
    #[default]
    All,
    Partial,
}

/// `POST /v1/reservations`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    pub lines: Vec<HoldLine>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
    /// Seconds, 1 to 2,678,400.
    #[serde(default = "ttl_default")]
    pub ttl_s: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_ref: Option<String>,
    #[serde(default)]
    pub policy: HoldPolicy,
}

fn ttl_default() -> u32 {
    limits::TTL_DEFAULT_S
}

fn check_ttl(ttl_s: u32) -> Result<(), Problem> {
    if (1..=limits::TTL_S).contains(&ttl_s) {
        return Ok(());
    }
    Err(Problem::field("ttl_s", format!("seconds from 1 to {}", limits::TTL_S)))
}

impl Check for Hold {
    fn check(&self) -> Result<(), Problem> {
        check_count("lines", self.lines.len(), limits::RESERVATION_LINES)?;
        for (index, line) in self.lines.iter().enumerate() {
            check_positive(&format!("lines[{index}].quantity"), line.quantity)?;
        }
        check_ttl(self.ttl_s)?;
        check_optional_text("order_ref", self.order_ref.as_ref())?;
        self.destination.as_ref().map_or(Ok(()), Destination::check)
    }
}

/// `POST …/extend`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// Seconds from now, 1 to 2,678,400.
    pub ttl_s: u32,
}

impl Check for Extend {
    fn check(&self) -> Result<(), Problem> {
        check_ttl(self.ttl_s)
    }
}

/// Some of a reservation's line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineQuantity {
    pub line: u32,
    pub quantity: Quantity,
}

/// `POST …/confirm`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    #[serde(default)]
    pub lines: Option<Vec<LineQuantity>>,
}

impl Check for Confirm {
    fn check(&self) -> Result<(), Problem> {
        let Some(lines) = &self.lines else { return Ok(()) };
        check_count("lines", lines.len(), limits::RESERVATION_LINES)?;
        check_lines_once(lines.iter().map(|line| line.line))
    }
}

fn check_lines_once(lines: impl Iterator<Item = u32>) -> Result<(), Problem> {
    let mut seen = std::collections::BTreeSet::new();
    for (index, line) in lines.enumerate() {
        if !seen.insert(line) {
            return Err(Problem::field(&format!("lines[{index}].line"), format!("line {line} is named twice")));
        }
    }
    Ok(())
}

/// `POST …/cancel`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    #[serde(default)]
    pub reason: Option<String>,
}

impl Check for Cancel {
    fn check(&self) -> Result<(), Problem> {
        check_optional_text("reason", self.reason.as_ref())
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FulfilLine {
    pub line: u32,
    /// 1 or more.
    pub quantity: Quantity,
    #[serde(default)]
    pub location: Option<LocationId>,
}

/// `POST …/fulfil`; without lines, all that is left ships.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fulfil {
    #[serde(default)]
    pub lines: Option<Vec<FulfilLine>>,
}

impl Check for Fulfil {
    fn check(&self) -> Result<(), Problem> {
        let Some(lines) = &self.lines else { return Ok(()) };
        check_count("lines", lines.len(), limits::RESERVATION_LINES)?;
        for (index, line) in lines.iter().enumerate() {
            check_positive(&format!("lines[{index}].quantity"), line.quantity)?;
        }
        Ok(())
    }
}

/// `POST …/return`: shipped goods back on hand.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Return {
    pub lines: Vec<LineQuantity>,
    #[serde(default)]
    pub location: Option<LocationId>,
}

impl Check for Return {
    fn check(&self) -> Result<(), Problem> {
        check_count("lines", self.lines.len(), limits::RESERVATION_LINES)?;
        for (index, line) in self.lines.iter().enumerate() {
            check_positive(&format!("lines[{index}].quantity"), line.quantity)?;
        }
        Ok(())
    }
}

/// `PUT /inventory/products/{sku}/stock`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetStock {
    /// Also accepted as `warehouseId`, where a runbook says so.
    #[serde(alias = "warehouseId")]
    pub location: LocationId,
    pub quantity: Quantity,
    pub reason: String,
    #[serde(default)]
    pub expected_version: Option<String>,
    #[serde(default)]
    pub expected_on_hand: Option<Quantity>,
}

impl Check for SetStock {
    fn check(&self) -> Result<(), Problem> {
        check_required_text("reason", &self.reason)?;
        check_optional_text("expected_version", self.expected_version.as_ref())
    }
}

/// Why stock changed without being counted or sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentKind {
    Received,
    Damaged,
    Found,
    Lost,
    Correction,
}

impl AdjustmentKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Damaged => "damaged",
            Self::Found => "found",
            Self::Lost => "lost",
            Self::Correction => "correction",
        }
    }
}

/// `POST /inventory/products/{sku}/adjustments`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    #[serde(alias = "warehouseId")]
    pub location: LocationId,
    /// Whole units, −1,000,000,000 to 1,000,000,000, not 0.
    pub delta: i64,
    pub kind: AdjustmentKind,
    pub reason: String,
}

impl Check for Adjust {
    fn check(&self) -> Result<(), Problem> {
        let most = i64::from(limits::QUANTITY);
        if self.delta == 0 || !(-most..=most).contains(&self.delta) {
            return Err(Problem::field("delta", format!("a whole number from -{most} to {most}, not 0")));
        }
        check_required_text("reason", &self.reason)
    }
}

/// `POST /inventory/transfers`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    pub sku: Sku,
    pub from: LocationId,
    pub to: LocationId,
    /// 1 or more.
    pub quantity: Quantity,
    pub reason: String,
}

impl Check for Transfer {
    fn check(&self) -> Result<(), Problem> {
        if self.from == self.to {
            return Err(Problem::field("to", "must differ from `from`"));
        }
        check_positive("quantity", self.quantity)?;
        check_required_text("reason", &self.reason)
    }
}

/// Absent: unchanged. `null`: cleared. A value: set.
pub type Merge<T> = Option<Option<T>>;

fn merge<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Merge<T>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// `PUT /inventory/products/{sku}/policy`: merged into one location's policy, or all of the SKU's.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(default, alias = "warehouseId")]
    pub location: Option<LocationId>,
    #[serde(default)]
    pub safety_stock: Option<Quantity>,
    #[serde(default)]
    pub backorder_limit: Option<Quantity>,
    #[serde(default)]
    pub low_stock_at: Option<Quantity>,
    #[serde(default, deserialize_with = "merge")]
    pub restock_at: Merge<RestockAt>,
}

impl Check for Policy {
    fn check(&self) -> Result<(), Problem> {
        Ok(())
    }
}

/// `PUT /inventory/products/{sku}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutItem {
    pub name: String,
    #[serde(default)]
    pub brand: Option<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub price: Option<Money>,
    #[serde(default = "yes")]
    pub active: bool,
}

impl Check for PutItem {
    fn check(&self) -> Result<(), Problem> {
        check_required_text("name", &self.name)?;
        check_optional_text("brand", self.brand.as_ref())?;
        if self.attributes.len() > limits::ATTRIBUTES {
            return Err(Problem::field("attributes", format!("at most {} attributes", limits::ATTRIBUTES)));
        }
        for (name, text) in &self.attributes {
            check_required_text("attributes", name)?;
            check_text(&format!("attributes.{name}"), text)?;
        }
        Ok(())
    }
}

/// `PUT /inventory/locations/{id}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutLocation {
    pub name: String,
    #[serde(default)]
    pub region: Option<String>,
    #[serde(default)]
    pub priority: i32,
    #[serde(default)]
    pub lat: Option<f64>,
    #[serde(default)]
    pub lon: Option<f64>,
    #[serde(default = "yes")]
    pub enabled: bool,
    #[serde(default)]
    pub pickup: bool,
}

impl Check for PutLocation {
    fn check(&self) -> Result<(), Problem> {
        check_required_text("name", &self.name)?;
        check_optional_text("region", self.region.as_ref())?;
        check_degrees("lat", self.lat, 90.0)?;
        check_degrees("lon", self.lon, 180.0)
    }
}

/// `PUT /inventory/channels/{id}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutChannel {
    pub locations: Vec<LocationId>,
    #[serde(default = "priority")]
    pub allocation: String,
}

impl Check for PutChannel {
    fn check(&self) -> Result<(), Problem> {
        if self.locations.len() > limits::LOCATIONS {
            return Err(Problem::field("locations", format!("at most {} locations", limits::LOCATIONS)));
        }
        let mut seen = std::collections::BTreeSet::new();
        match self.locations.iter().find(|location| !seen.insert(*location)) {
            Some(twice) => Err(Problem::field("locations", format!("{twice} is named twice"))),
            None => Ok(()),
        }
    }
}

/// `POST /inventory/admin/maintenance`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    #[serde(rename = "maintenanceMode")]
    pub maintenance_mode: bool,
    #[serde(default)]
    pub message: Option<String>,
}

impl Check for Maintenance {
    fn check(&self) -> Result<(), Problem> {
        check_optional_text("message", self.message.as_ref())
    }
}

/// `POST /v1/availability/query`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvailabilityQuery {
    pub skus: Vec<Sku>,
    #[serde(default)]
    pub channel: Option<ChannelId>,
    #[serde(default)]
    pub locations: Option<Vec<LocationId>>,
}

impl Check for AvailabilityQuery {
    fn check(&self) -> Result<(), Problem> {
        check_count("skus", self.skus.len(), limits::QUERY_SKUS)?;
        let locations = self.locations.as_ref().map_or(1, Vec::len);
        check_count("locations", locations, limits::LOCATIONS)
    }
}

fn yes() -> bool {
    true
}

fn priority() -> String {
    "priority".to_owned()
}

/// Checks an `Idempotency-Key`: 1 to 128 visible ASCII characters.
pub fn check_idempotency_key(key: &[u8]) -> Result<&str, Problem> {
    let visible = (1..=limits::IDEMPOTENCY_KEY_CHARS).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(key).ok().filter(|_| visible).ok_or_else(|| {
        let right = format!("1 to {} visible ASCII characters", limits::IDEMPOTENCY_KEY_CHARS);
        Problem::field("Idempotency-Key", right)
    })
}

/// The problem of a media type other than `expected`.
pub fn unsupported_media_type(expected: &str) -> Problem {
    Problem::new(Code::UnsupportedMediaType, format!("Content-Type: send {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of<T: DeserializeOwned + Check + std::fmt::Debug>(body: &str) -> String {
        let problem = read::<T>(body.as_bytes()).unwrap_err();
        assert_eq!(problem.code, Code::InvalidRequest);
        problem.members["field"].as_str().unwrap().to_owned()
    }

    #[test]
    fn every_fault_names_its_field() {
        assert_eq!(field_of::<Hold>(r#"{"lines":[],"x":1}"#), "x");
        assert_eq!(field_of::<Hold>("{}"), "lines");
        assert_eq!(field_of::<Hold>(r#"{"lines":[]}"#), "lines");
        assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a"}]}"#), "lines[0].quantity");
        assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a","quantity":0}]}"#), "lines[0].quantity");
        assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":" a","quantity":1}]}"#), "lines[0].sku");
        assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a","quantity":1.5}]}"#), "lines[0].quantity");
        assert_eq!(field_of::<Hold>(r#"{"lines":[{"sku":"a","quantity":1}],"ttl_s":0}"#), "ttl_s");
        assert_eq!(field_of::<Hold>("nonsense"), "body");
        assert_eq!(field_of::<Hold>("[]"), "body");
        assert_eq!(field_of::<SetStock>(r#"{"location":"-","quantity":1,"reason":"r"}"#), "location");
    }

    #[test]
    fn a_policy_tells_cleared_from_absent() {
        let policy: Policy = read(br#"{"restock_at":null}"#).unwrap();
        assert_eq!(policy.restock_at, Some(None));
        let policy: Policy = read(b"").unwrap();
        assert_eq!(policy.restock_at, None);
    }
}
