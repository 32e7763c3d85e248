//! An order's id: subject and key make it, and no one without the key can.
//!
//! A UUID of version 8 with 122 bits of its own: 74 of a keyed hash of subject and key, so that the same call names the
//! same order for ever, on every node, without anything shared but the key; 24 of a MAC of those, so that an id that
//! nobody issued is told from one whose order is still on its way; and 24 of a MAC with the owner, so that a node that
//! knows nothing of the order yet still knows whose it is.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use onhand_http::setting::Secret;
use onhand_wire::{Code, Problem, Sees, Timestamp, order::Lane};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

const HASH_BITS: u32 = 74;
const MAC_BITS: u32 = 24;
const MAC_MASK: u128 = (1 << MAC_BITS) - 1;
/// Of a place's signature.
const SIGNATURE_BYTES: usize = 12;

/// Makes ids and knows them again.
#[derive(Clone)]
pub struct Ids(Secret);

/// Where an order was written, and when: what its `Location` carries, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub lane: Lane,
    /// The id of its topic.
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    pub accepted_at: Timestamp,
}

impl Ids {
    pub fn new(key: Secret) -> Self {
        Self(key)
    }

    /// `owner`: for whom the subject acts; the same subject's keys are others for another owner.
    pub fn id(&self, subject: &str, owner: Option<&str>, key: &str) -> Uuid {
        let hash = self.bits("order id", &[subject.as_bytes(), owner_bytes(owner), key.as_bytes()], HASH_BITS);
        uuid(hash << (2 * MAC_BITS) | self.issued(hash) << MAC_BITS | self.owned(hash, owner))
    }

    /// The id that a path names, if it was issued, to somebody whose orders are seen: else 404.
    pub fn read(&self, text: &str, sees: &Sees) -> Result<Uuid, Problem> {
        let id = Uuid::try_parse(text).ok().filter(|_| text.len() == uuid::fmt::Hyphenated::LENGTH);
        let seen = id.filter(|id| self.knows(*id, sees));
        seen.ok_or_else(|| Problem::new(Code::NotFound, "no such order"))
    }

    fn knows(&self, id: Uuid, sees: &Sees) -> bool {
        let bits = payload(id);
        let hash = bits >> (2 * MAC_BITS);
        let issued = (bits >> MAC_BITS) & MAC_MASK == self.issued(hash);
        let seen = sees.only().is_none_or(|owner| bits & MAC_MASK == self.owned(hash, Some(owner)));
        uuid(bits) == id && issued && seen
    }

    fn issued(&self, hash: u128) -> u128 {
        self.bits("order issued", &[&hash.to_be_bytes()], MAC_BITS)
    }

    fn owned(&self, hash: u128, owner: Option<&str>) -> u128 {
        self.bits("order owner", &[&hash.to_be_bytes(), owner_bytes(owner)], MAC_BITS)
    }

    fn bits(&self, purpose: &str, parts: &[&[u8]], bits: u32) -> u128 {
        let mac = self.mac(purpose, parts);
        let first: [u8; 16] = mac[..16].try_into().expect("SHA-256 has 32 bytes");
        u128::from_be_bytes(first) >> (128 - bits)
    }

    fn mac(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose().as_bytes()).expect("HMAC takes any key");
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// As a query's `place`; it belongs to this order alone.
    pub fn sign(&self, id: Uuid, place: &Place) -> String {
        let bytes = rmp_serde::to_vec(place).expect("plain data encodes");
        let mac = self.mac("order place", &[id.as_bytes(), &bytes]);
        URL_SAFE_NO_PAD.encode([&mac[..SIGNATURE_BYTES], &bytes].concat())
    }

    /// None: not one of ours, or another order's.
    pub fn place(&self, id: Uuid, text: &str) -> Option<Place> {
        let signed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (signature, bytes) = signed.split_at_checked(SIGNATURE_BYTES)?;
        let mac = self.mac("order place", &[id.as_bytes(), bytes]);
        (mac[..SIGNATURE_BYTES] == *signature).then(|| rmp_serde::from_slice(bytes).ok())?
    }
}

/// No owner has this name: owners have no control characters.
fn owner_bytes(owner: Option<&str>) -> &[u8] {
    owner.map_or(b"\0", str::as_bytes)
}

/// 122 bits as a UUID: version 8 (RFC 9562, 5.8) and the variant stand between.
fn uuid(bits: u128) -> Uuid {
    let low = bits & ((1 << 62) - 1);
    let middle = (bits >> 62) & 0xfff;
    Uuid::from_u128((bits >> 74) << 80 | 0x8 << 76 | middle << 64 | 0b10 << 62 | low)
}

fn payload(id: Uuid) -> u128 {
    let id = id.as_u128();
    (id >> 80) << 74 | ((id >> 64) & 0xfff) << 62 | id & ((1 << 62) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(key: &str) -> Ids {
        Ids::new(Secret::new(key))
    }

    #[test]
    fn a_subject_and_a_key_name_one_order_on_every_node() {
        let (one, other) = (ids("0123456789abcdef"), ids("0123456789abcdef"));
        let id = one.id("shop", None, "k-1");
        assert_eq!(id, other.id("shop", None, "k-1"));
        assert_eq!(id.get_version_num(), 8);
        for another in [one.id("shop", None, "k-2"), one.id("sho", None, "pk-1"), one.id("shop", Some("a"), "k-1")] {
            assert_ne!(id, another);
        }
        assert_ne!(id, ids("another key of sixteen").id("shop", None, "k-1"));
    }

    #[test]
    fn an_id_that_nobody_issued_is_404_and_so_is_another_owners() {
        let ids = ids("0123456789abcdef");
        let (a, b) = (Sees::Of("a".to_owned()), Sees::Of("b".to_owned()));
        let id = ids.id("shop", Some("a"), "k-1");
        assert_eq!(ids.read(&id.to_string(), &a), Ok(id));
        assert_eq!(ids.read(&id.to_string(), &Sees::All), Ok(id));
        assert!(ids.read(&id.to_string(), &b).is_err());
        assert!(ids.read(&ids.id("shop", None, "k-1").to_string(), &a).is_err(), "nobody's is not his");
        for other in [Uuid::now_v7(), Uuid::new_v4(), Uuid::nil(), Uuid::from_u128(id.as_u128() ^ 1 << 100)] {
            assert!(ids.read(&other.to_string(), &Sees::All).is_err(), "{other}");
        }
        assert!(ids.read(&id.simple().to_string(), &Sees::All).is_err());
        assert!(ids.read("nonsense", &Sees::All).is_err());
    }

    #[test]
    fn a_place_is_signed_for_its_order() {
        let ids = ids("0123456789abcdef");
        let (id, other) = (ids.id("shop", None, "1"), ids.id("shop", None, "2"));
        let place = Place {
            lane: Lane::Low,
            topic: "t-1".to_owned(),
            partition: 3,
            offset: 123,
            accepted_at: Timestamp::from_micros(1_700_000_000_123_456),
        };
        let text = ids.sign(id, &place);
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
        assert_eq!(ids.place(id, &text), Some(place));
        assert_eq!(ids.place(other, &text), None);
        for wrong in ["", "AAAA", &text[1..], &text[..text.len() - 2], "not base64!"] {
            assert_eq!(ids.place(id, wrong), None, "{wrong}");
        }
    }
}
