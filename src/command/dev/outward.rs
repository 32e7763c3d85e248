//! Addresses of other systems in a configuration that `onhand dev` happens to find: a trial must not send a shop's
//! webhooks, ask its warehouse, or write into its database.

use onhand_http::setting::Secret;

use crate::config::Config;

/// Clears every address of another system, with its secret; returns the keys that were set. The edge's own origin is
/// replaced later by the one of this process.
pub(super) fn clear(config: &mut Config) -> Vec<&'static str> {
    let webhooks = std::mem::take(&mut config.origin.restock.webhooks);
    let told_of_orders = std::mem::take(&mut config.origin.decisions.webhooks);
    let told_of_alerting = std::mem::take(&mut config.origin.alerting.webhooks);
    config.origin.warehouse.token = Secret::default();
    config.origin.payment.secret = Secret::default();
    config.edge.origin.token = Secret::default();
    let mut cleared: Vec<_> = [
        ("origin.database.url", &mut config.origin.database.url),
        ("kafka.brokers", &mut config.kafka.brokers),
        ("edge.redis.url", &mut config.edge.redis.url),
        ("origin.warehouse.url", &mut config.origin.warehouse.url),
        ("auth.jwks_url", &mut config.auth.jwks_url),
        ("origin.payment.url", &mut config.origin.payment.url),
    ]
    .into_iter()
    .filter_map(|(key, url)| (!std::mem::take(url).is_empty()).then_some(key))
    .collect();
    if !std::mem::take(&mut config.auth.issuers).is_empty() {
        cleared.push("auth.issuers");
    }
    if !webhooks.is_empty() {
        cleared.push("origin.restock.webhooks");
    }
    if !told_of_orders.is_empty() {
        cleared.push("origin.decisions.webhooks");
    }
    if !told_of_alerting.is_empty() {
        cleared.push("origin.alerting.webhooks");
    }
    if std::mem::take(&mut config.edge.origin.urls) != onhand_edge::Config::default().origin.urls {
        cleared.push("edge.origin.urls");
    }
    cleared
}

#[cfg(test)]
mod tests {
    use toml::{Table, Value};

    use super::*;

    const ELSEWHERE: &str = "https://elsewhere.example:1";

    /// Finds every key that holds an address by its name, so that keys added later are found too.
    fn set_all(table: &mut Table, set: &mut Vec<String>) {
        for (name, value) in table.iter_mut() {
            match (name.as_str(), value) {
                (_, Value::Table(inner)) => {
                    set_all(inner, set);
                    continue;
                }
                ("brokers", value) => *value = "elsewhere.example:1".into(),
                ("webhooks", value) => {
                    let webhook = [("url", ELSEWHERE), ("secret", "0123456789abcdef")];
                    *value =
                        Value::Array(vec![Table::from_iter(webhook.map(|(k, v)| (k.to_owned(), v.into()))).into()]);
                }
                (name, Value::Array(urls)) if name.ends_with("urls") => *urls = vec![ELSEWHERE.into()],
                (name, value) if name.ends_with("url") => *value = ELSEWHERE.into(),
                _ => continue,
            }
            set.push(name.clone());
        }
    }

    #[test]
    fn no_address_of_another_system_is_left() {
        let mut table = Table::try_from(Config::default()).unwrap();
        let mut set = Vec::new();
        set_all(&mut table, &mut set);
        let mut config: Config = table.try_into().unwrap();
        let cleared = clear(&mut config);
        let left = toml::to_string(&config).unwrap();
        assert!(!left.contains("elsewhere"), "{left}");
        assert_eq!(cleared.len(), set.len(), "{cleared:?} of {set:?}");
        assert_eq!(clear(&mut Config::default()), Vec::<&str>::new());
    }
}
