//! Sessions are sealed cookies: nobody but the console reads or makes one, and it keeps none.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderValue, header};
use cookie::{Cookie, CookieJar, Key, SameSite};
use onhand_client::{Role, User};
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// Seconds since 1970.
pub(crate) fn now_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// What a cookie says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) name: String,
    pub(crate) role: Role,
    pub(crate) epoch: i64,
    /// Seconds since 1970.
    pub(crate) began: u64,
    pub(crate) seen: u64,
}

impl Session {
    pub(crate) fn begin(user: &User, now: u64) -> Self {
        Self { name: user.name.clone(), role: user.role, epoch: user.epoch, began: now, seen: now }
    }
}

/// Makes and reads sessions' cookies.
pub(crate) struct Seals {
    key: Key,
    /// Browsers then send it over TLS only, to this host only.
    secure: bool,
    idle: Duration,
    absolute: Duration,
}

impl Seals {
    /// # Panics
    /// If the key is shorter than a configuration without faults has it.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            key: Key::derive_from(config.seal_key.expose().as_bytes()),
            secure: config.behind_tls || !config.http.tls.cert_file.is_empty(),
            idle: config.idle.0,
            absolute: config.absolute.0,
        }
    }

    fn name(&self) -> &'static str {
        if self.secure { "__Host-onhand" } else { "onhand" }
    }

    fn cookie(&self, value: String) -> Cookie<'static> {
        let cookie = Cookie::build((self.name(), value)).path("/").http_only(true).same_site(SameSite::Lax);
        cookie.secure(self.secure).build()
    }

    fn header(cookie: &Cookie<'_>) -> HeaderValue {
        HeaderValue::from_str(&cookie.to_string()).unwrap_or_else(|_| HeaderValue::from_static(""))
    }

    /// The `Set-Cookie` of a session.
    pub(crate) fn seal(&self, session: &Session) -> HeaderValue {
        let mut jar = CookieJar::new();
        let text = serde_json::to_string(session).expect("plain data encodes");
        jar.private_mut(&self.key).add(self.cookie(text));
        jar.get(self.name()).map_or_else(|| HeaderValue::from_static(""), Self::header)
    }

    /// The `Set-Cookie` that ends it.
    pub(crate) fn end(&self) -> HeaderValue {
        let mut cookie = self.cookie(String::new());
        cookie.make_removal();
        Self::header(&cookie)
    }

    /// The session that a request carries, if it is ours and has not ended.
    pub(crate) fn open(&self, headers: &HeaderMap, now: u64) -> Option<Session> {
        let mut jar = CookieJar::new();
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        for cookie in lines.flat_map(|line| Cookie::split_parse(line.to_owned())).flatten() {
            jar.add_original(cookie);
        }
        let opened = jar.private(&self.key).get(self.name())?;
        let session: Session = serde_json::from_str(opened.value()).ok()?;
        self.lasts(&session, now).then_some(session)
    }

    /// Whether neither its idle nor its absolute time is over.
    pub(crate) fn lasts(&self, session: &Session, now: u64) -> bool {
        now.saturating_sub(session.seen) < self.idle.as_secs()
            && now.saturating_sub(session.began) < self.absolute.as_secs()
    }
}

#[cfg(test)]
mod tests {
    use onhand_http::setting::{Secret, Span};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn seals(secret: &str, behind_tls: bool) -> Seals {
        let (idle, absolute) = (Span::s(600), Span::s(3600));
        Seals::new(&Config { seal_key: Secret::new(secret), behind_tls, idle, absolute, ..Config::default() })
    }

    fn session() -> Session {
        Session { name: "ann".to_owned(), role: Role::Operator, epoch: 7, began: NOW, seen: NOW }
    }

    /// As a browser sends it back.
    fn carried(set: &HeaderValue) -> HeaderMap {
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(header::COOKIE, pair.parse().unwrap())])
    }

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_session_comes_back_and_is_readable_by_nobody() {
        let seals = seals(SECRET, false);
        let set = seals.seal(&session());
        let text = set.to_str().unwrap();
        assert!(!text.contains("ann") && text.contains("HttpOnly") && text.contains("SameSite=Lax"), "{text}");
        assert_eq!(seals.open(&carried(&set), NOW + 1), Some(session()));
    }

    #[test]
    fn over_tls_it_is_this_hosts_alone() {
        let text = seals(SECRET, true).seal(&session());
        let text = text.to_str().unwrap().to_owned();
        assert!(text.starts_with("__Host-onhand=") && text.contains("Secure") && text.contains("Path=/"), "{text}");
    }

    #[test]
    fn another_key_a_changed_letter_and_the_other_name_open_nothing() {
        let (ours, other) = (seals(SECRET, false), seals("another-another-another-another!", false));
        let set = ours.seal(&session());
        assert_eq!(other.open(&carried(&set), NOW), None);
        let changed = set.to_str().unwrap().replacen("onhand=", "onhand=A", 1);
        assert_eq!(ours.open(&carried(&changed.parse().unwrap()), NOW), None);
        let renamed = set.to_str().unwrap().replacen("onhand=", "__Host-onhand=", 1);
        assert_eq!(seals(SECRET, true).open(&carried(&renamed.parse().unwrap()), NOW), None, "bound to its name");
        assert_eq!(ours.open(&HeaderMap::new(), NOW), None);
    }

    #[test]
    fn it_ends_when_it_is_idle_and_when_it_is_old() {
        let seals = seals(SECRET, false);
        let at = |seen: u64, now: u64| seals.open(&carried(&seals.seal(&Session { seen, ..session() })), now).is_some();
        assert!(at(NOW, NOW + 599) && !at(NOW, NOW + 600), "idle");
        assert!(at(NOW + 3500, NOW + 3599) && !at(NOW + 3500, NOW + 3600), "absolute");
    }

    #[test]
    fn an_ended_session_is_taken_from_the_browser() {
        let text = seals(SECRET, false).end();
        assert!(text.to_str().unwrap().contains("Max-Age=0"), "{text:?}");
    }
}
