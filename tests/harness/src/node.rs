//! One `onhand origin` or `onhand edge` process.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Client,
    port::Port,
    process::{Process, Recipe},
};

/// The addresses of a node, which are known before it starts, so that others can name it.
pub(crate) struct Addresses {
    api: Port,
    management: Port,
    encrypted: bool,
}

impl Addresses {
    pub(crate) fn reserve(encrypted: bool) -> Self {
        Self { api: Port::reserve(), management: Port::reserve(), encrypted }
    }

    pub(crate) fn listen(&self) -> (String, String) {
        (format!("127.0.0.1:{}", self.api.number), format!("127.0.0.1:{}", self.management.number))
    }

    pub(crate) fn url(&self) -> String {
        let scheme = if self.encrypted { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.api.number)
    }
}

/// An edge or an origin: `kill`, `freeze`, `terminate`, `start` are [`Process`]'s.
#[derive(Clone)]
pub struct Node {
    process: Process,
    addresses: Arc<Addresses>,
    http: reqwest::Client,
}

impl std::ops::Deref for Node {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

/// How to start a node.
pub(crate) struct Plan {
    /// `origin` or `edge`.
    pub role: &'static str,
    pub index: usize,
    pub binary: PathBuf,
    pub config: PathBuf,
    pub logs: PathBuf,
    pub env: Vec<(String, String)>,
}

impl Node {
    /// Not started yet.
    pub(crate) fn new(plan: Plan, addresses: Addresses, http: reqwest::Client) -> Self {
        let args = vec![plan.role.into(), "--config".into(), plan.config.into_os_string()];
        let name = format!("{}-{}", plan.role, plan.index);
        let recipe = Recipe { name, program: plan.binary, args, env: plan.env, user: None, logs: plan.logs };
        let process = Process::new(recipe, false, Box::new(says_ready));
        Self { process, addresses: Arc::new(addresses), http }
    }

    /// The edge's public listener, or the origin's API.
    pub fn url(&self) -> String {
        self.addresses.url()
    }

    pub(crate) fn port(&self) -> u16 {
        self.addresses.api.number
    }

    pub fn management_url(&self) -> String {
        format!("http://{}", self.addresses.listen().1)
    }

    /// A caller with a token.
    pub fn client(&self, token: &str) -> Client {
        Client::new(self.http.clone(), self.url(), Some(token.to_owned()))
    }

    /// A caller without one.
    pub fn anonymous(&self) -> Client {
        Client::new(self.http.clone(), self.url(), None)
    }

    /// A caller of the management listener.
    pub fn management(&self) -> Client {
        Client::new(self.http.clone(), self.management_url(), None)
    }

    /// One sample of the metrics page, such as `onhand_edge_lookups_total{source="l1"}`; `None` if it isn't there.
    pub async fn metric(&self, sample: &str) -> Option<f64> {
        let page = self.management().get("/metrics").await.expect(200).text();
        let line = page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }
}

fn says_ready(output: &Path) -> bool {
    std::fs::read_to_string(output).is_ok_and(|text| text.lines().any(|line| line.starts_with("ready")))
}
