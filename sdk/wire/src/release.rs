//! Releases of rules: what is pushed to an origin, kept there, and announced to every node.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Timestamp;

/// The topic's default name. Key: the rule's name.
pub const RULES: &str = "onhand.rules";
const V: u8 = 1;

/// All parts of one release: the files that belong together in a folder of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    #[serde(with = "base64")]
    pub component: Vec<u8>,
    /// The text of its NAME.toml.
    #[serde(default)]
    pub settings: String,
    /// The text of its NAME.wasm.sig.
    #[serde(default)]
    pub signature: Option<String>,
    /// Keyed by file name.
    #[serde(default)]
    pub fixtures: BTreeMap<String, String>,
}

impl Release {
    /// SHA-256 over all of it, in hex: if any part changes, it is another release.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(&self.component);
        part(self.settings.as_bytes());
        part(self.signature.as_deref().unwrap_or_default().as_bytes());
        for (file, text) in &self.fixtures {
            part(file.as_bytes());
            part(text.as_bytes());
        }
        format!("{:x}", hash.finalize())
    }
}

/// What a release is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It answers.
    Full,
    /// It runs beside the one in use, and its answers are only compared.
    Shadow,
    /// It answers its share of the calls.
    Canary,
}

impl Stage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
        }
    }
}

/// A release as a manifest names it; the release itself is fetched by its digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ReleasedRule))]
pub struct Released {
    /// SHA-256 over all of it.
    pub digest: String,
    /// SHA-256 of the component alone.
    pub component: String,
    pub world: String,
    pub stage: Stage,
    /// The share of a canary, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The component's size.
    pub bytes: u64,
    /// The sequence of its signature, which covers all of it. It is absent if the release is unsigned, or signed in the
    /// old form, which covered only the component; where nodes require signatures, such a release must be signed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

/// How a manifest came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Change {
    Push,
    Rollback,
}

/// Everything that was pushed of one rule and is in force. The topic keeps this for each rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Manifest {
    pub rule: String,
    /// Rises by 1 with each change of the rule.
    pub seq: u64,
    pub change: Change,
    /// By the database's clock.
    pub at: Timestamp,
    /// The token's subject.
    pub actor: String,
    /// The call's correlation id.
    pub correlation: String,
    /// Null means the built-in behaviour.
    #[serde(default)]
    pub full: Option<Released>,
    /// What runs beside it.
    #[serde(default)]
    pub next: Option<Released>,
    /// The greatest sequence that the rule ever had: later signatures need a greater one.
    #[serde(default)]
    pub mark: u64,
    /// The signed statement that nothing is in force any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<String>,
}

#[derive(Serialize)]
struct Versioned<'a> {
    v: u8,
    #[serde(flatten)]
    manifest: &'a Manifest,
}

impl Manifest {
    /// The record's value: JSON, so that any tool of Kafka's shows it.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Versioned { v: V, manifest: self }).expect("plain data encodes")
    }

    /// # Errors
    /// If it is not a manifest. Readers count, log and skip it; it is never fatal.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// Bytes as text, in JSON.
pub mod base64 {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map_err(|error| D::Error::custom(format!("not base64: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database that was filled before sequences existed has such manifests: they can be read, and have none.
    #[test]
    fn a_manifest_of_before_has_no_sequence_and_no_mark() {
        let text = r#"{"v":1,"rule":"r","seq":3,"change":"push","at":"2023-11-14T22:13:20.123Z","actor":"ci",
            "correlation":"c-1","full":{"digest":"0a","component":"0b","world":"view","stage":"full","bytes":1}}"#;
        let manifest = Manifest::decode(text.as_bytes()).unwrap();
        let full = manifest.full.unwrap();
        assert_eq!((manifest.mark, manifest.withdrawal, full.sequence, full.digest.as_str()), (0, None, None, "0a"));
    }

    /// The other parts tell releases apart as well as the component does, wherever the bytes are.
    #[test]
    fn every_part_counts() {
        let one = Release { component: b"ab".to_vec(), settings: "c".into(), ..Release::default() };
        let moved = Release { component: b"a".to_vec(), settings: "bc".into(), ..Release::default() };
        let signed = Release { signature: Some("s".into()), ..one.clone() };
        let tried = Release { fixtures: [("a.json".into(), "{}".into())].into(), ..one.clone() };
        let digests = [&one, &moved, &signed, &tried].map(Release::digest);
        let mut different = digests.to_vec();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), digests.len());
        let text = serde_json::to_vec(&tried).unwrap();
        assert_eq!(serde_json::from_slice::<Release>(&text).unwrap(), tried);
    }
}
