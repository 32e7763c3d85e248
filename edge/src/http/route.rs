//! Routes: each says which methods it accepts, and who may use each.
//!
//! The tables that routers are built from hold only these, so there is no route without an [`Access`], and a token that
//! a call needs is judged before its handler runs. Handlers of lookups judge tokens themselves, because a stream must
//! know when its token expires.

use http::{HeaderMap, Method};
use matchit::{Params, Router};
use onhand_http::auth::{Access, Routed};

use super::{Failure, not_found};
use crate::admission::Auth;

/// The methods of a route; GET includes HEAD.
#[derive(Debug, Clone, Copy)]
pub(super) enum Calls {
    Get(Access),
    Post(Access),
    Delete(Access),
    Put(Access),
    /// By GET, and by POST.
    GetPost(Access, Access),
}

impl Calls {
    /// The value of `Allow`.
    fn allowed(self) -> &'static str {
        match self {
            Self::Get(_) => "GET, HEAD",
            Self::Post(_) => "POST",
            Self::Delete(_) => "DELETE",
            Self::Put(_) => "PUT",
            Self::GetPost(..) => "GET, HEAD, POST",
        }
    }

    /// Who may call it by this method; `None` if nobody can.
    fn access(self, method: &Method) -> Option<Access> {
        match (self, method) {
            (Self::Get(access) | Self::GetPost(access, _), &Method::GET | &Method::HEAD) => Some(access),
            (Self::Post(access) | Self::GetPost(_, access), &Method::POST) => Some(access),
            (Self::Delete(access), &Method::DELETE) => Some(access),
            (Self::Put(access), &Method::PUT) => Some(access),
            _ => None,
        }
    }
}

/// What a path leads to: its route, its calls, and what is there.
pub(super) type Table<T> = Router<(&'static str, Calls, T)>;

/// A row of a table: a path, its calls, and what is there.
pub(super) type Row<T> = (&'static str, Calls, T);

/// Matched on the raw path: an encoded slash belongs to a SKU.
pub(super) fn router<T: Copy>(rows: &[Row<T>]) -> Table<T> {
    let mut router = Router::new();
    for (path, calls, what) in rows {
        router.insert(*path, (*path, *calls, *what)).expect("the routes do not overlap");
    }
    router
}

pub(super) fn routed<T>(rows: &[Row<T>]) -> Vec<Routed> {
    let by_method = |(path, calls, _): &Row<T>| {
        let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE].into_iter();
        let (path, calls) = (*path, *calls);
        methods.filter_map(move |method| {
            let access = calls.access(&method)?;
            Some(Routed { method: method.to_string(), path, access })
        })
    };
    rows.iter().flat_map(by_method).collect()
}

/// The route of a path.
pub(super) struct Found<'r, 'p, T> {
    pub(super) what: T,
    /// For the metrics: the route's own path, never the caller's.
    pub(super) route: &'static str,
    calls: Calls,
    params: Params<'r, 'p>,
}

pub(super) fn find<'r, 'p, T: Copy>(router: &'r Table<T>, path: &'p str) -> Result<Found<'r, 'p, T>, Failure> {
    let matched = router.at(path).map_err(|_| not_found())?;
    let (route, calls, what) = *matched.value;
    Ok(Found { what, route, calls, params: matched.params })
}

impl<'p, T> Found<'_, 'p, T> {
    pub(super) fn param(&self, name: &str) -> &'p str {
        self.params.get(name).unwrap_or_default()
    }

    /// 405 for a method that the route does not accept.
    pub(super) fn allows(&self, method: &Method) -> Result<Access, Failure> {
        self.calls.access(method).ok_or_else(|| Failure::MethodNotAllowed(self.calls.allowed()))
    }
}

/// 401 or 403 if the call lacks the token that it needs.
pub(super) fn admit(access: Access, auth: &Auth, headers: &HeaderMap) -> Result<(), Failure> {
    match access {
        Access::Token(scope) => Ok(auth.needs(headers, scope)?),
        Access::Anyone | Access::Reader => Ok(()),
    }
}
