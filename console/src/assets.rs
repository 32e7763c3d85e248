//! Files that pages load, from this binary. Their addresses name their content, so browsers keep them.

use axum::{
    extract::Path,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Changes with every release, and so do the addresses.
pub(crate) const BUILD: &str = env!("CARGO_PKG_VERSION");

const FILES: [(&str, &str, &str); 5] = [
    ("console.css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
    ("htmx.js", "text/javascript; charset=utf-8", include_str!("../assets/htmx.js")),
    ("htmx.LICENSE", "text/plain; charset=utf-8", include_str!("../assets/htmx.LICENSE")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

type Headers = [(HeaderName, &'static str); 2];

pub(crate) async fn file(Path(name): Path<String>) -> Response {
    let Some((_, kind, text)) = FILES.iter().find(|(file, _, _)| *file == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers: Headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")];
    (headers, *text).into_response()
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    /// htmx 4.0.1, as npm's package htmx.org has it in dist/htmx.min.js.
    #[test]
    fn the_vendored_script_is_the_released_one() {
        let (_, _, text) = FILES.iter().find(|(file, _, _)| *file == "htmx.js").unwrap();
        let digest = format!("{:x}", Sha256::digest(text));
        assert_eq!(digest, "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130");
        assert!(text.contains("4.0.1"), "its version");
    }
}
