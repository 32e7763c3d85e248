//! A browser without a script: it keeps its cookie, follows what it is told, and sends forms as they stand on a page.

use std::collections::BTreeMap;

use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE},
    redirect::Policy,
};

pub(super) struct Browser {
    client: reqwest::Client,
    base: String,
    cookie: String,
}

/// What was answered in the end.
pub(super) struct Shown {
    pub(super) path: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) html: String,
}

/// A form as it stands on a page: its address, and its fields with their values.
pub(super) struct Form {
    pub(super) action: String,
    pub(super) fields: BTreeMap<String, String>,
}

impl Browser {
    pub(super) fn new(base: &str) -> Self {
        let client = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
        Self { client, base: base.to_owned(), cookie: String::new() }
    }

    pub(super) fn cookie(&self) -> &str {
        &self.cookie
    }

    pub(super) async fn get(&mut self, path: &str) -> Shown {
        let request = self.client.get(format!("{}{path}", self.base));
        self.follow(path, request).await
    }

    /// As a page's own form sends it.
    pub(super) async fn send(&mut self, form: &Form, with: &[(&str, &str)]) -> Shown {
        let mut fields = form.fields.clone();
        fields.extend(with.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let pairs: Vec<_> = fields.into_iter().collect();
        self.post(&form.action, &pairs, Some("same-origin")).await
    }

    pub(super) async fn post(&mut self, path: &str, pairs: &[(String, String)], site: Option<&str>) -> Shown {
        let encode = onhand_client::encode;
        let body: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        let request = self.client.post(format!("{}{path}", self.base)).body(body.join("&"));
        let mut request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        self.follow(path, request).await
    }

    async fn follow(&mut self, path: &str, request: reqwest::RequestBuilder) -> Shown {
        let (mut path, mut request) = (path.to_owned(), request);
        for _ in 0..10 {
            let answer = request.header(COOKIE, &self.cookie).send().await.unwrap();
            if let Some(set) = answer.headers().get(SET_COOKIE) {
                self.cookie = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            }
            let (status, headers) = (answer.status(), answer.headers().clone());
            let Some(next) = headers.get(LOCATION).filter(|_| status.is_redirection()) else {
                return Shown { path, status, headers, html: answer.text().await.unwrap() };
            };
            path = next.to_str().unwrap().to_owned();
            request = self.client.get(format!("{}{path}", self.base));
        }
        panic!("{path} leads round and round")
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    Some(value.replace("&#38;", "&").replace("&#34;", "\"").replace("&amp;", "&"))
}

impl Shown {
    /// The page's form of this address.
    #[track_caller]
    pub(super) fn form(&self, action: &str) -> Form {
        self.forms()
            .into_iter()
            .find(|form| form.action == action)
            .unwrap_or_else(|| panic!("no {action}: {}", self.html))
    }

    pub(super) fn forms(&self) -> Vec<Form> {
        let read = |text: &str| {
            let (head, body) = text.split_once('>').unwrap();
            let body = body.split("</form>").next().unwrap();
            let inputs = body.split("<input").skip(1).map(|tag| tag.split('>').next().unwrap());
            let inputs = inputs.filter(|tag| !tag.contains("type=\"checkbox\"") || tag.contains(" checked"));
            let field = |tag: &str| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()));
            let fields = inputs.filter_map(field).collect();
            Form { action: attribute(head, "action").unwrap(), fields }
        };
        self.html.split("<form").skip(1).map(read).collect()
    }

    /// Addresses of links, and of what the page loads.
    pub(super) fn links(&self) -> Vec<String> {
        let tags = self.html.split('<').filter_map(|tag| tag.split('>').next());
        let links = tags.filter(|tag| tag.starts_with("a ") || tag.starts_with("link ") || tag.starts_with("script "));
        links.filter_map(|tag| attribute(tag, "href").or_else(|| attribute(tag, "src"))).collect()
    }

    #[track_caller]
    pub(super) fn says(&self, text: &str) -> &Self {
        assert!(self.html.contains(text), "{} does not say {text:?}: {}", self.path, self.html);
        self
    }
}
