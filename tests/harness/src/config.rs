//! The configuration files of a world's onhand processes.

use std::fmt::Write;

/// The settings that they share.
pub(crate) struct Shared {
    pub key_file: String,
    pub database_url: String,
    pub redis_url: String,
    pub redis_cluster: bool,
    pub brokers: String,
    pub topic: String,
    pub partitions: i32,
    pub region: String,
    pub rules: String,
    pub rules_topic: String,
}

impl Shared {
    fn common(&self) -> String {
        format!(
            r#"[log]
level = "info"
format = "text"

[auth]
key_file = "{}"

[kafka]
brokers = "{}"
topic = "{}"
partitions = {}

[rules]
allow_unsigned = true
dir = "{}"
topic = "{}"
"#,
            self.key_file, self.brokers, self.topic, self.partitions, self.rules, self.rules_topic
        )
    }

    pub(crate) fn origin(&self, listen: &str, management: &str) -> String {
        let mut text = self.common();
        let _ = write!(
            text,
            r#"
[origin]
listen = "{listen}"
management = "{management}"
region = "{}"

[origin.database]
url = "{}"
"#,
            self.region, self.database_url
        );
        text
    }

    pub(crate) fn edge(&self, listen: &str, management: &str, origins: &[String], token_file: &str) -> String {
        let mut text = self.common();
        let _ = write!(
            text,
            r#"
[edge]
listen = "{listen}"
management = "{management}"
region = "{}"

[edge.origin]
urls = {origins:?}
token_file = "{token_file}"

[edge.redis]
url = "{}"
cluster = {}
"#,
            self.region, self.redis_url, self.redis_cluster
        );
        text
    }
}
