//! A call as data: its question and its answer, for every world.

use onhand_wire::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    hex::hex,
    world::{
        World,
        allocation::{AllocationInput, Plan},
        fault::{Failure, Reason},
        limits::{INPUT_BYTES, OUTPUT_BYTES},
        pricing::{LinePrice, PricingInput},
        view::{Presentation, ViewInput},
    },
};

/// What a rule is asked. As JSON it is only the input; its context says which world it belongs to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RuleInput {
    View(ViewInput),
    Allocation(AllocationInput),
    /// An allocation's input; the rule gets only its locations.
    Ranking(AllocationInput),
    Pricing(PricingInput),
}

/// A checked answer. As JSON it is only the answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum RuleAnswer {
    View(Presentation),
    Allocation(Plan),
    Ranking(Vec<Option<i32>>),
    Pricing(Vec<LinePrice>),
}

/// What one call asks: a [`RuleInput`] by reference, so that a call copies nothing.
#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
pub(crate) enum RuleCall<'a> {
    View(&'a ViewInput),
    Allocation(&'a AllocationInput),
    Ranking(&'a AllocationInput),
    Pricing(&'a PricingInput),
}

/// SHA-256 of an input as JSON, in hex.
pub(crate) fn digest(input: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(input))
}

impl RuleInput {
    /// # Errors
    /// Why the JSON is not an input of that world.
    pub fn parse(world: World, json: Value) -> Result<Self, serde_json::Error> {
        Ok(match world {
            World::View => Self::View(serde_json::from_value(json)?),
            World::Allocation => Self::Allocation(serde_json::from_value(json)?),
            World::Ranking => Self::Ranking(serde_json::from_value(json)?),
            World::Pricing => Self::Pricing(serde_json::from_value(json)?),
        })
    }

    pub fn world(&self) -> World {
        self.as_call().world()
    }

    /// SHA-256 of the input as JSON, in hex, by which a repeated input can be recognised.
    pub fn digest(&self) -> String {
        self.as_call().digest()
    }

    pub(crate) fn as_call(&self) -> RuleCall<'_> {
        match self {
            Self::View(input) => RuleCall::View(input),
            Self::Allocation(input) => RuleCall::Allocation(input),
            Self::Ranking(input) => RuleCall::Ranking(input),
            Self::Pricing(input) => RuleCall::Pricing(input),
        }
    }
}

impl RuleAnswer {
    /// # Errors
    /// Why the JSON is not an answer of that world.
    pub fn parse(world: World, json: Value) -> Result<Self, serde_json::Error> {
        Ok(match world {
            World::View => Self::View(serde_json::from_value(json)?),
            World::Allocation => Self::Allocation(serde_json::from_value(json)?),
            World::Ranking => Self::Ranking(serde_json::from_value(json)?),
            World::Pricing => Self::Pricing(serde_json::from_value(json)?),
        })
    }
}

impl RuleCall<'_> {
    pub(crate) fn world(self) -> World {
        match self {
            Self::View(_) => World::View,
            Self::Allocation(_) => World::Allocation,
            Self::Ranking(_) => World::Ranking,
            Self::Pricing(_) => World::Pricing,
        }
    }

    pub(crate) fn to_owned(self) -> RuleInput {
        match self {
            Self::View(input) => RuleInput::View(input.clone()),
            Self::Allocation(input) => RuleInput::Allocation(input.clone()),
            Self::Ranking(input) => RuleInput::Ranking(input.clone()),
            Self::Pricing(input) => RuleInput::Pricing(input.clone()),
        }
    }

    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::View(input) => input.bytes(),
            Self::Allocation(input) | Self::Ranking(input) => input.bytes(),
            Self::Pricing(input) => input.bytes(),
        }
    }

    /// Whether the guest can accept it, and the host a full answer to it.
    pub(crate) fn fits(self) -> Result<(), Failure> {
        let (bytes, answer) = (self.bytes(), self.answer_bytes());
        if bytes > INPUT_BYTES {
            return Err(Failure::new(Reason::InputTooLarge, format!("{bytes} bytes of input, of {INPUT_BYTES}")));
        }
        if answer > OUTPUT_BYTES {
            let detail = format!("its answer would have {answer} bytes or more, of {OUTPUT_BYTES}");
            return Err(Failure::new(Reason::InputTooLarge, detail));
        }
        Ok(())
    }

    /// The size in the guest's memory of the shortest answer to every line or location.
    fn answer_bytes(self) -> usize {
        match self {
            Self::View(_) => 0,
            Self::Allocation(input) => input.lines.len() * 12,
            Self::Ranking(input) => input.locations.len() * 8,
            Self::Pricing(input) => input.lines.len() * 64,
        }
    }

    /// The time of the caller's question; a view has none.
    pub(crate) fn at(self) -> Timestamp {
        match self {
            Self::View(_) => Timestamp::default(),
            Self::Allocation(input) | Self::Ranking(input) => input.at,
            Self::Pricing(input) => input.at,
        }
    }

    pub(crate) fn digest(self) -> String {
        digest(serde_json::to_string(&self).expect("plain data encodes"))
    }

    /// The number that decides whether a call is in a canary's share. One SKU looks the same on every node, and one
    /// customer's prices stay the same from quote to quote; each reservation is drawn separately.
    pub(crate) fn draw(self, salt: &str) -> u64 {
        let mut hash = Sha256::new();
        hash.update(salt);
        match self {
            Self::View(input) => {
                hash.update(input.channel.as_ref().map_or("", |id| id.as_str()));
                hash.update(b"/");
                hash.update(input.sku.as_str());
            }
            Self::Pricing(PricingInput { customer: Some(customer), .. }) => hash.update(&customer.id),
            Self::Pricing(input) => input.lines.iter().for_each(|line| {
                hash.update(line.sku.as_str());
                hash.update(b"/");
            }),
            Self::Allocation(_) | Self::Ranking(_) => hash.update(serde_json::to_vec(&self).unwrap_or_default()),
        }
        let digest = hash.finalize();
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}
