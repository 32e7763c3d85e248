//! Lays out a world's nodes: an address, a configuration file and a log for each.

use std::path::Path;

use crate::{
    Error, Links, Node, Servers, config,
    links::Detours,
    node::{Addresses, Plan},
    scratch::Scratch,
};

pub(crate) struct Site<'a> {
    pub config: &'a config::Shared,
    pub binary: &'a Path,
    pub scratch: &'a Scratch,
    pub env: &'a [(String, String)],
    pub http: reqwest::Client,
    pub servers: &'a Servers,
    /// Whether the nodes use TLS.
    pub encrypted: bool,
}

/// The name of the file with an edge's own token.
pub(crate) fn carried(index: usize) -> String {
    format!("edge-{index}.token")
}

impl Site<'_> {
    pub(crate) fn origins(&self, count: usize, links: Option<&Links>) -> Result<Vec<Node>, Error> {
        let detours = links.map(|links| links.of_origins(self.servers)).unwrap_or_default();
        let text = |api: &str, management: &str| detours.lead(&self.config.origin(api, management));
        (0..count).map(|index| self.node("origin", index, text)).collect()
    }

    /// The first `running` origins come first, and each edge prefers a different one, so that all of them are used.
    pub(crate) fn edges(
        &self,
        count: usize,
        origins: &[Node],
        running: usize,
        token: &str,
        links: Option<&Links>,
    ) -> Result<Vec<Node>, Error> {
        let urls: Vec<String> = origins.iter().map(Node::url).collect();
        let edge = |index: usize| {
            let mut urls = urls.clone();
            urls[..running].rotate_left(index % running.max(1));
            let carried = self.scratch.file(&carried(index), token)?;
            let detours = links.map_or_else(Detours::default, |links| links.of_edge(index, self.servers, origins));
            self.node("edge", index, |public, management| {
                detours.lead(&self.config.edge(public, management, &urls, &carried.to_string_lossy()))
            })
        };
        (0..count).map(edge).collect()
    }

    /// `text` makes the configuration of the two listeners.
    fn node(&self, role: &'static str, index: usize, text: impl FnOnce(&str, &str) -> String) -> Result<Node, Error> {
        let addresses = Addresses::reserve(self.encrypted);
        let (listen, management) = addresses.listen();
        let config = self.scratch.file(&format!("{role}-{index}.toml"), &text(&listen, &management))?;
        let (binary, logs, env) = (self.binary.to_owned(), self.scratch.path().to_owned(), self.env.to_vec());
        Ok(Node::new(Plan { role, index, binary, config, logs, env }, addresses, self.http.clone()))
    }
}
