//! A request that can be sent again unchanged.

use std::{fmt::Display, path::PathBuf};

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder};

use crate::{
    Error,
    file::{self, Progress},
};

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Encodes a name for a path or a query.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[derive(Clone)]
pub(crate) enum Body {
    None,
    Bytes(Bytes),
    /// Streamed, whatever its length.
    File(PathBuf, Progress),
}

#[derive(Clone)]
pub(crate) struct Ask {
    pub method: Method,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
}

impl Ask {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body: Body::None }
    }

    pub(crate) fn with(&mut self, name: &str, value: Option<impl Display>) {
        self.query.extend(value.map(|value| (name.to_owned(), value.to_string())));
    }

    /// Replaces a header of the same name.
    pub(crate) fn set(&mut self, header: &'static str, value: impl Into<String>) {
        self.headers.retain(|(name, _)| *name != header);
        self.headers.push((header, value.into()));
    }

    /// A name for messages, without the query, which may hold something secret.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }

    pub(crate) fn target(&self) -> String {
        let sign = |index| if index == 0 && !self.path.contains('?') { '?' } else { '&' };
        let query = self.query.iter().enumerate();
        let query = query.map(|(at, (name, value))| format!("{}{}={}", sign(at), encode(name), encode(value)));
        std::iter::once(self.path.clone()).chain(query).collect()
    }

    pub(crate) async fn written(&self, mut request: RequestBuilder) -> Result<RequestBuilder, Error> {
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        Ok(match &self.body {
            Body::None => request,
            Body::Bytes(bytes) => request.body(bytes.clone()),
            Body::File(path, progress) => request.body(file::body(path, progress.clone()).await?),
        })
    }
}
