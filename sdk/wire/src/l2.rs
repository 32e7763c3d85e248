//! L2 as Redis holds it. All code that reads or writes it uses these names.
//!
//! For each partition P of the feed, all under one hash tag:
//! - `onhand:{P}:sku:SKU`, a hash: field = location, value = a fact; field [`ITEM`] = the item;
//! - `onhand:{P}:offset`, `TOPICID:OFFSET`: the next offset that the partition's writer will apply.
//!
//! A field's value is its version (8 bytes, big endian: 2 of term, 6 of seq), then MessagePack with names. The version
//! is in front so that a Lua script can compare without decoding: a Lua number holds a term or a seq exactly, but not
//! both, and Lua orders strings by the server's locale.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Join, Sku};

/// The field of the item itself; every other field is a location's id.
pub const ITEM: &str = "";
const VERSION_BYTES: usize = 8;

/// A field that cannot be read: readers then treat the hash as absent.
#[derive(Debug, thiserror::Error)]
pub enum BadField {
    #[error("shorter than its version")]
    Short,
    #[error("not MessagePack of the kind: {0}")]
    Malformed(#[from] rmp_serde::decode::Error),
}

/// The hash of one SKU.
pub fn key(partition: i32, sku: &Sku) -> String {
    format!("{}{sku}", key_prefix(partition))
}

/// What the keys of a partition's hashes start with.
pub fn key_prefix(partition: i32) -> String {
    format!("onhand:{{{partition}}}:sku:")
}

/// The key under which the partition's writer keeps its offset.
pub fn offset_key(partition: i32) -> String {
    format!("onhand:{{{partition}}}:offset")
}

/// The value of an offset key.
pub fn encode_offset(topic_id: &str, offset: i64) -> String {
    format!("{topic_id}:{offset}")
}

/// The topic's id and the offset.
pub fn decode_offset(value: &str) -> Option<(&str, i64)> {
    let (topic_id, offset) = value.rsplit_once(':')?;
    Some((topic_id, offset.parse().ok()?))
}

/// A fact's or an item's field value.
pub fn encode_field<T: Join + Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = value.version().to_bits().to_be_bytes().to_vec();
    rmp_serde::encode::write_named(&mut bytes, value).expect("plain data encodes");
    bytes
}

/// Reads what [`encode_field`] made.
pub fn decode_field<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BadField> {
    let (_, value) = bytes.split_at_checked(VERSION_BYTES).ok_or(BadField::Short)?;
    Ok(rmp_serde::from_slice(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fact, LocationId, Timestamp, Version};

    #[test]
    fn a_field_starts_with_its_version_and_reads_back() {
        let fact = Fact {
            sku: Sku::new("A B/C").unwrap(),
            location: LocationId::new("eu-1").unwrap(),
            on_hand: 5,
            reserved: 1,
            safety_stock: 0,
            backorder_limit: 0,
            low_stock_at: 0,
            restock_at: None,
            version: Version::new(2, 300),
            changed_at: Timestamp::from_micros(7),
            deleted: false,
        };
        let bytes = encode_field(&fact);
        assert_eq!(bytes[..8], [0, 2, 0, 0, 0, 0, 1, 44]);
        assert_eq!(decode_field::<Fact>(&bytes).unwrap(), fact);
        assert!(decode_field::<Fact>(&bytes[..7]).is_err());
    }

    #[test]
    fn keys_of_a_partition_share_a_hash_tag() {
        assert_eq!(key(3, &Sku::new("22423").unwrap()), "onhand:{3}:sku:22423");
        assert_eq!(offset_key(3), "onhand:{3}:offset");
        assert_eq!(decode_offset(&encode_offset("a:b", 9)), Some(("a:b", 9)));
    }
}
