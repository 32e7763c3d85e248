//! Demo data, loaded as anyone would load it: through the origin's API.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

const STOCK: &str = include_str!("demo.csv");
const PATIENCE: Duration = Duration::from_secs(10);

/// Does nothing where there is data already.
pub(super) async fn load(api: SocketAddr, admin: &str) -> Result<(), String> {
    let client = Client::new();
    let call = |method: Method, path: &str| {
        client.request(method, format!("http://{api}{path}")).bearer_auth(admin).timeout(PATIENCE)
    };
    if call(Method::GET, "/inventory/locations/eu-1").send().await.is_ok_and(|answer| answer.status().is_success()) {
        return Ok(());
    }
    let locations = [
        ("eu-1", json!({"name": "Rotterdam", "region": "eu", "priority": 1, "lat": 51.92, "lon": 4.48})),
        ("eu-2", json!({"name": "Lyon", "region": "eu", "priority": 2, "lat": 45.76, "lon": 4.84})),
        ("us-1", json!({"name": "Newark", "region": "us", "priority": 3, "lat": 40.74, "lon": -74.17})),
    ];
    for (id, body) in locations {
        send(call(Method::PUT, &format!("/inventory/locations/{id}")).json(&body)).await?;
    }
    let channels = [
        ("web-eu", json!({"locations": ["eu-1", "eu-2"], "allocation": "fewest_splits"})),
        ("web-us", json!({"locations": ["us-1"]})),
    ];
    for (id, body) in channels {
        send(call(Method::PUT, &format!("/inventory/channels/{id}")).json(&body)).await?;
    }
    let import =
        call(Method::POST, "/inventory/imports?mode=set&create=true").header("content-type", "text/csv").body(STOCK);
    let report = send(import).await?;
    if report["rejected"] == 0 { Ok(()) } else { Err(format!("demo data: {report}")) }
}

async fn send(request: RequestBuilder) -> Result<Value, String> {
    let answer = request.send().await.map_err(|error| format!("demo data: {error}"))?;
    let status = answer.status();
    let body: Value = answer.json().await.map_err(|error| format!("demo data: {error}"))?;
    if status.is_success() { Ok(body) } else { Err(format!("demo data: {status}: {body}")) }
}
