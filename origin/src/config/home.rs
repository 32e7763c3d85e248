//! Which region an origin serves, and what it needs from the others.

/// An origin's own region.
#[derive(Debug, Clone)]
pub struct Home {
    pub region: String,
    /// Where there are several regions.
    pub among: Option<Among>,
}

/// What an origin knows about the other regions.
#[derive(Debug, Clone)]
pub struct Among {
    /// The region's place in the list of regions, which all of them have alike.
    pub number: u16,
    /// Standbys of other regions, as `synchronous_standby_names` names them.
    pub standbys: Vec<String>,
    /// If true, nothing is committed that no other region has confirmed.
    pub confirmed: bool,
    /// If true, a region that a failover has opened writes before another region confirms its commits.
    pub alone: bool,
}
