//! Records in the origin's trail what an operator did at this node, with the operator's own token.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::json;

use crate::{node::Node, origin::Call};

/// The change is done, so nobody waits for the trail: if the origin cannot be reached, only the log has it.
pub(super) fn note(node: &Node, asked: &HeaderMap, kind: &'static str, what: &str, detail: &str) {
    let mut headers = HeaderMap::new();
    headers.extend(asked.get(header::AUTHORIZATION).map(|token| (header::AUTHORIZATION, token.clone())));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let what = format!("edge {}: {what}", node.region);
    let body = Bytes::from(json!({"kind": kind, "what": what, "detail": detail}).to_string());
    let deadline = Instant::now() + node.origin.timeout();
    let (method, path) = (Method::POST, "/internal/api/audit".to_owned());
    let (origin, call) = (node.origin.clone(), Call { method, path, headers, body, deadline });
    tokio::spawn(async move {
        let failed = match origin.forward(call).await {
            Ok(answer) if answer.status.is_success() => return,
            Ok(answer) => format!("answered {}", answer.status),
            Err(error) => error.to_string(),
        };
        tracing::warn!(kind, what, error = failed, "the trail at the origin does not have this");
    });
}
