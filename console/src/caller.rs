//! Whoever asks for a page, and the nodes as that person may call them.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::request::Parts,
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use onhand_client::{Client, Error, Role};
use onhand_http::{auth::Issuer, share::Shares};
use tokio::sync::watch;

use crate::{
    asking,
    config::Config,
    nodes::Nodes,
    page::forbidden,
    people::{People, Person},
    seal::{Seals, Session, now_s},
};

/// A session's cookie is made anew when it is older than this: so its idle time begins again.
const RENEWED_S: u64 = 60;

/// The peer of a request's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

pub(crate) struct Console {
    pub(crate) nodes: Nodes,
    pub(crate) seals: Seals,
    pub(crate) people: People,
    pub(crate) registration: bool,
    /// Whether the process stops: streams end then, and browsers open them anew elsewhere.
    pub(crate) stopping: watch::Sender<bool>,
    /// Streams that each person has open, by name.
    pub(crate) streams: Arc<Shares<String>>,
    proxies: usize,
}

/// A browser opens three (`console.js`).
const STREAMS_OF_ONE: usize = 8;

#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Console>);

impl Shared {
    pub(crate) fn new(config: &Config, issuer: Issuer) -> Result<Self, Error> {
        Ok(Self(Arc::new(Console {
            nodes: Nodes::new(config, issuer)?,
            seals: Seals::new(config),
            people: People::default(),
            registration: config.registration,
            stopping: watch::Sender::new(false),
            streams: Shares::new(STREAMS_OF_ONE),
            proxies: config.trusted_proxies,
        })))
    }
}

/// Where somebody calls from.
pub(crate) struct Address(pub(crate) String);

impl FromRequestParts<Shared> for Address {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<Peer>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
        Ok(Self(asking::address(&parts.headers, peer, state.0.proxies)))
    }
}

/// The signed-in person, and the nodes as the person may call them.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) person: Person,
    pub(crate) console: Arc<Console>,
    session: Session,
}

impl Caller {
    /// Any origin.
    pub(crate) fn origin(&self) -> Client {
        self.console.nodes.origin(&self.person.name, self.person.role)
    }

    /// Any edge, as a shopper.
    pub(crate) fn edge(&self) -> Client {
        self.console.nodes.edge(&self.person.name)
    }

    pub(crate) fn may(&self, least: Role) -> bool {
        self.person.role >= least
    }

    /// The same person some time later; `None`: the session is over, by its own time too.
    pub(crate) async fn still(&self) -> Option<Self> {
        if !self.console.seals.lasts(&self.session, now_s()) {
            return None;
        }
        let person = self.console.people.of(&self.session, &self.console.nodes.users()).await?;
        Some(Self { person, ..self.clone() })
    }
}

impl FromRequestParts<Shared> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| Redirect::to("/sign-in").into_response())
    }
}

/// Finds the session's person, before any page.
pub(crate) async fn known(State(Shared(console)): State<Shared>, mut request: Request, next: Next) -> Response {
    let now = now_s();
    let Some(session) = console.seals.open(request.headers(), now) else { return next.run(request).await };
    let Some(person) = console.people.of(&session, &console.nodes.users()).await else {
        return next.run(request).await;
    };
    let renewed = (now.saturating_sub(session.seen) >= RENEWED_S).then(|| Session { seen: now, ..session.clone() });
    let renewed = renewed.map(|session| console.seals.seal(&session));
    request.extensions_mut().insert(Caller { person, console: console.clone(), session });
    let mut response = next.run(request).await;
    // Who signs out does not get the session back.
    if let Some(cookie) = renewed.filter(|_| !response.headers().contains_key("set-cookie")) {
        response.headers_mut().insert("set-cookie", cookie);
    }
    response
}

/// A page for this role and those above it.
pub(crate) async fn admitted(State(least): State<Role>, request: Request, next: Next) -> Response {
    match request.extensions().get::<Caller>() {
        Some(caller) if caller.may(least) => next.run(request).await,
        Some(caller) => forbidden(&caller.person, least),
        None => {
            let page = request.uri().path_and_query().map_or("/", |page| page.as_str());
            // What was sent is gone in any case: only a page can be gone back to.
            let page = if request.method().is_safe() { page } else { "/" };
            let sign_in = format!("/sign-in?next={}", onhand_client::encode(page));
            if request.headers().contains_key("hx-request") {
                // A section that is asked again: the whole page goes to the sign-in, not the section.
                return [("hx-redirect", sign_in)].into_response();
            }
            Redirect::to(&sign_in).into_response()
        }
    }
}
