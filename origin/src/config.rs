//! The origin's configuration. Every duration and size carries its unit.

mod alerting;
mod home;
mod decisions;
mod imports;
mod limits;
mod metrics;
mod payment;
mod reservations;
mod restock;
mod warehouse;

use onhand_http::{
    host::host_fault,
    setting::{HttpConfig, SecretUrl, Span, address_fault, count_fault},
};
use serde::{Deserialize, Serialize};

pub use self::{
    alerting::Alerting,
    decisions::Decisions,
    home::{Among, Home},
    imports::Imports,
    limits::CallLimits,
    metrics::MetricsConfig,
    payment::Payment,
    reservations::{Limits, Reservations},
    restock::{Restock, Webhook},
    warehouse::Warehouse,
};

const DAY_S: u64 = 24 * 3600;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// API listener: edges, operators, warehouse systems.
    pub listen: String,
    /// Management listener: metrics and actuator pages. Never make it public.
    pub management: String,
    /// Names for the management listener, without port, besides IP addresses and `localhost`. It answers 400 to any
    /// other name, so that no web page can reach it through a browser.
    pub management_hosts: Vec<String>,
    /// This region's name, shown in health.
    pub region: String,
    pub database: Database,
    /// Writes that may wait for their batch, 1 or more; one more is answered 503 overloaded at once.
    pub queue: usize,
    /// How long a write may take if its caller does not say; then the answer is 504, and the same key settles it.
    pub write_timeout: Span,
    /// How long current calls may still take after SIGTERM.
    pub drain: Span,
    /// A section of its own: `[http]`.
    #[serde(skip)]
    pub http: HttpConfig,
    /// How long a region's feed may acknowledge nothing while another does; then nothing is kept for it, and when it is
    /// back it is filled anew. Of a section of its own: `[regions]`.
    #[serde(skip)]
    pub feed_patience: Span,
    /// What this region knows about the others. Of a section of its own: `[regions]`.
    #[serde(skip)]
    pub among: Option<Among>,
    /// A section of its own: `[orders]`.
    #[serde(skip)]
    pub orders: onhand_orders::Config,
    /// A section of its own: `[metrics]`.
    #[serde(skip)]
    pub metrics: MetricsConfig,
    /// How long the trail (`/internal/api/audit`) is kept, 30 days at least.
    pub trail_keep: Span,
    pub imports: Imports,
    pub limits: CallLimits,
    pub reservations: Reservations,
    pub warehouse: Warehouse,
    pub payment: Payment,
    pub decisions: Decisions,
    pub restock: Restock,
    pub alerting: Alerting,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgres://user:password@host:5432/name?sslmode=verify-full&sslrootcert=PATH`, or `sqlite:PATH`, or `sqlite::memory:`.
    pub url: SecretUrl,
    /// If true, `onhand check` accepts that this hop leaves the machine in the clear.
    pub insecure: bool,
    /// Connections for reads, 1 or more; batches and the relay have others.
    pub read_connections: usize,
    pub connect_timeout: Span,
    /// The longest time of a statement; a batch that takes longer is given up and settled by its keys.
    pub statement_timeout: Span,
    /// The longest wait for a row's lock; then the command that needs it fails alone.
    pub lock_timeout: Span,
}

impl Config {
    /// What is wrong with it, key by key.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.reservations.faults();
        for (key, address) in [("origin.listen", &self.listen), ("origin.management", &self.management)] {
            faults.extend(address_fault(key, address));
        }
        faults.extend(self.management_hosts.iter().filter_map(|host| host_fault("origin.management_hosts", host)));
        faults.extend(self.warehouse.faults());
        faults.extend(self.restock.faults());
        faults.extend(self.payment.faults());
        faults.extend(self.decisions.faults());
        faults.extend(self.alerting.faults());
        faults.extend(self.metrics.faults());
        faults.extend(count_fault("origin.queue", self.queue == 0));
        faults.extend(self.imports.faults());
        faults.extend(self.limits.faults());
        faults.extend(count_fault("origin.database.read_connections", self.database.read_connections == 0));
        if self.trail_keep < Span::s(30 * DAY_S) {
            faults.push("origin.trail_keep: must be 30days or more".to_owned());
        }
        faults
    }

    pub(crate) fn home(&self) -> Home {
        Home { region: self.region.clone(), among: self.among.clone() }
    }

    /// Tells two configurations apart. It leaves out secrets, so it can be shown.
    pub fn fingerprint(&self) -> String {
        onhand_http::vitals::fingerprint(&(self, &self.http, &self.metrics))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "0.0.0.0:8090".to_owned(),
            management: "127.0.0.1:9090".to_owned(),
            management_hosts: Vec::new(),
            region: "local".to_owned(),
            database: Database::default(),
            queue: 10_000,
            write_timeout: Span::s(5),
            drain: Span::s(30),
            http: HttpConfig::default(),
            feed_patience: Span::s(300),
            among: None,
            orders: onhand_orders::Config::default(),
            metrics: MetricsConfig::default(),
            trail_keep: Span::s(365 * DAY_S),
            imports: Imports::default(),
            limits: CallLimits::default(),
            reservations: Reservations::default(),
            warehouse: Warehouse::default(),
            payment: Payment::default(),
            decisions: Decisions::default(),
            restock: Restock::default(),
            alerting: Alerting::default(),
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: SecretUrl::default(),
            insecure: false,
            read_connections: 8,
            connect_timeout: Span::s(2),
            statement_timeout: Span::s(2),
            lock_timeout: Span::s(1),
        }
    }
}
