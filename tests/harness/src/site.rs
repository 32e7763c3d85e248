//! Where a world's nodes are laid out: an address, a configuration file and a log for each.

use std::path::Path;

use crate::{
    Error, Node, config,
    node::{Addresses, Plan},
    scratch::Scratch,
};

pub(crate) struct Site<'a> {
    pub config: &'a config::Shared,
    pub binary: &'a Path,
    pub scratch: &'a Scratch,
    pub env: &'a [(String, String)],
    pub http: reqwest::Client,
}

impl Site<'_> {
    pub(crate) fn origins(&self, count: usize) -> Result<Vec<Node>, Error> {
        (0..count)
            .map(|index| self.node("origin", index, |api, management| self.config.origin(api, management)))
            .collect()
    }

    /// The first `running` of the origins come first, and each edge prefers another of them, so that all of them work.
    pub(crate) fn edges(
        &self,
        count: usize,
        origins: &[Node],
        running: usize,
        token: &str,
    ) -> Result<Vec<Node>, Error> {
        let urls: Vec<String> = origins.iter().map(Node::url).collect();
        let edge = |index: usize| {
            let mut urls = urls.clone();
            urls[..running].rotate_left(index % running.max(1));
            self.node("edge", index, |public, management| self.config.edge(public, management, &urls, token))
        };
        (0..count).map(edge).collect()
    }

    /// `text` makes the configuration of the two listeners.
    fn node(&self, role: &'static str, index: usize, text: impl FnOnce(&str, &str) -> String) -> Result<Node, Error> {
        let addresses = Addresses::reserve();
        let (listen, management) = addresses.listen();
        let config = self.scratch.file(&format!("{role}-{index}.toml"), &text(&listen, &management))?;
        let (binary, logs, env) = (self.binary.to_owned(), self.scratch.path().to_owned(), self.env.to_vec());
        Ok(Node::new(Plan { role, index, binary, config, logs, env }, addresses, self.http.clone()))
    }
}
