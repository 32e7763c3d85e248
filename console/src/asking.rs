//! What a browser's request is refused for before any page sees it.

use axum::http::{HeaderMap, HeaderValue, Method, header};

/// An unsafe call must come from a page of the console itself. A browser says so in `Sec-Fetch-Site`; one that is too
/// old for that names the page's origin, whose host must then be the one that is called.
pub(crate) fn is_forged(method: &Method, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site != "same-origin";
    }
    let text = |name| headers.get(name).map(HeaderValue::to_str).and_then(Result::ok);
    let page = text(header::ORIGIN).and_then(|origin| origin.split_once("://"));
    page.is_none_or(|(_, host)| text(header::HOST) != Some(host))
}

/// The caller's address: the `proxies`th last one of `X-Forwarded-For`, where proxies of one's own stand before.
pub(crate) fn address(headers: &HeaderMap, peer: std::net::IpAddr, proxies: usize) -> String {
    let lines = headers.get_all("x-forwarded-for").iter().rev().filter_map(|line| line.to_str().ok());
    let mut told = lines.flat_map(|line| line.rsplit(',')).map(str::trim);
    let seen = proxies.checked_sub(1).and_then(|nth| told.nth(nth)).and_then(|told| told.parse().ok());
    seen.unwrap_or(peer).to_string()
}

/// Where a sign-in goes on: a path of the console, never another site.
pub(crate) fn local(next: &str) -> &str {
    let sound = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.contains(|letter: char| letter.is_control());
    if sound { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_the_consoles_own_pages_may_change_anything() {
        let forged = |pairs: &[(&'static str, &str)]| is_forged(&Method::POST, &headers(pairs));
        assert!(!forged(&[("sec-fetch-site", "same-origin")]));
        for site in ["same-site", "cross-site", "none", ""] {
            assert!(forged(&[("sec-fetch-site", site), ("origin", "http://c:1"), ("host", "c:1")]), "{site}");
        }
        assert!(!forged(&[("origin", "https://console.example"), ("host", "console.example")]));
        assert!(forged(&[("origin", "https://evil.example"), ("host", "console.example")]));
        assert!(forged(&[("origin", "null"), ("host", "null")]));
        assert!(forged(&[("host", "console.example")]), "nothing says whence it is");
        assert!(!is_forged(&Method::GET, &headers(&[("sec-fetch-site", "cross-site")])), "links may lead here");
    }

    #[test]
    fn only_what_own_proxies_saw_is_believed() {
        let peer = "9.9.9.9".parse().unwrap();
        let told = headers(&[("x-forwarded-for", "6.6.6.6, 1.1.1.1")]);
        assert_eq!(address(&told, peer, 0), "9.9.9.9");
        assert_eq!(address(&told, peer, 1), "1.1.1.1");
        assert_eq!(address(&told, peer, 3), "9.9.9.9");
    }

    #[test]
    fn a_sign_in_leads_to_no_other_site() {
        assert_eq!(local("/lanes?x=1"), "/lanes?x=1");
        for elsewhere in ["https://evil.example", "//evil.example", "/\\evil.example", "", "lanes", "/a\nb"] {
            assert_eq!(local(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
