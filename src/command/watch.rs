//! `onhand watch`: an edge's stream, on a terminal.

use std::process::ExitCode;

use onhand_client::{Call, Client};
use onhand_http::setting::SecretUrl;
use serde_json::Value;

use super::{Done, at::url, token};

/// Show what is available of some items, and each change, until it is stopped
#[derive(clap::Args)]
pub(crate) struct Args {
    #[arg(required = true)]
    skus: Vec<String>,
    /// The edge's public listener
    #[arg(long, value_name = "URL", value_parser = url, default_value = "http://127.0.0.1:8080")]
    edge: SecretUrl,
    /// Where lookups need one
    #[arg(long, value_name = "TOKEN", env = "ONHAND_TOKEN_STOREFRONT", hide_env_values = true, default_value = "")]
    token: String,
    #[arg(long)]
    channel: Option<String>,
    /// Print each event's JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> Done {
    let Args { skus, edge, token, channel, json } = args;
    let mut client = Client::builder().url(edge.expose());
    if !token.is_empty() {
        client = client.token(token::given(&token)?);
    }
    let call: Call<Value> = client.build()?.call("GET".parse()?, "/v1/stream");
    let call = skus.iter().fold(call, |call, sku| call.with("sku", Some(sku)));
    let mut pieces = call.with("channel", channel).pieces().await?;
    let mut events = Events::default();
    loop {
        tokio::select! {
            piece = pieces.next() => match piece? {
                Some(piece) => events.take(&piece).into_iter().for_each(|event| show(&event, json)),
                None => return Err("the edge has ended the stream".into()),
            },
            _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
        }
    }
}

/// What has come of the stream and is no whole event yet.
#[derive(Default)]
struct Events(Vec<u8>);

struct Event {
    name: String,
    data: String,
}

impl Events {
    fn take(&mut self, piece: &[u8]) -> Vec<Event> {
        self.0.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = self.0.windows(2).position(|pair| pair == b"\n\n") {
            let rest = self.0.split_off(end + 2);
            let text = String::from_utf8_lossy(&std::mem::replace(&mut self.0, rest)).into_owned();
            let field = |name: &str| {
                text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
            };
            events.push(Event { name: field("event:"), data: field("data:") });
        }
        events
    }
}

fn show(event: &Event, json: bool) {
    if event.name != "availability" {
        return;
    }
    if json {
        println!("{}", event.data);
        return;
    }
    let Ok(shown) = serde_json::from_str::<Value>(&event.data) else { return };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let at = |place: &Value| format!("{} {}", text(&place["location"]), place["available"]);
    let places: Vec<String> = shown["locations"].as_array().into_iter().flatten().map(at).collect();
    let now = chrono::Utc::now().format("%H:%M:%S%.3f");
    println!(
        "{now}  {}  {}  {}  {}",
        text(&shown["sku"]),
        shown["available"],
        text(&shown["status"]),
        places.join(", ")
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_however_they_are_cut() {
        let text = b"id: 1\nevent: availability\ndata: {\"a\":1}\n\nevent: as_of\ndata: {}\n\n";
        for cut in 0..text.len() {
            let mut events = Events::default();
            let mut all = events.take(&text[..cut]);
            all.extend(events.take(&text[cut..]));
            let told: Vec<_> = all.iter().map(|event| (event.name.as_str(), event.data.as_str())).collect();
            assert_eq!(told, [("availability", "{\"a\":1}"), ("as_of", "{}")], "cut at {cut}");
        }
    }
}
