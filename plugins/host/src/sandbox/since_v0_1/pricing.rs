//! The `pricing` world.

use onhand_wire::Money;
use wasmtime::{Store, component::InstancePre};

use super::{
    allocation::destination,
    pricing_world::{
        PricingPre,
        exports::onhand::rules::pricing_rule::{self as wit, AskedLine, Attribute, Request, Target},
    },
    refusal, units,
};
use crate::{
    sandbox::{call_state::CallState, engine::failure},
    world::{
        fault::Failure,
        pricing::{self, AnsweredAdjustment, AnsweredLine, LinePrice, PricingInput, PricingLine},
    },
};

pub(super) const EXPORT: &str = "onhand:rules/pricing-rule@0.1.0";

#[derive(Clone)]
pub(crate) struct Pricing(PricingPre<CallState>);

impl Pricing {
    pub(super) fn new(component: InstancePre<CallState>) -> wasmtime::Result<Self> {
        PricingPre::new(component).map(Self)
    }

    pub(crate) fn price(&self, store: &mut Store<CallState>, input: &PricingInput) -> Result<Vec<LinePrice>, Failure> {
        let attributes: Vec<Vec<Attribute<'_>>> = input.lines.iter().map(attributes).collect();
        let lines: Vec<AskedLine<'_>> =
            input.lines.iter().zip(&attributes).map(|(asked, attributes)| line(asked, attributes)).collect();
        let rule = self.0.instantiate(&mut *store).map_err(|error| failure(&error, store.data()))?;
        let called = rule.onhand_rules_pricing_rule().call_price(&mut *store, request(input), &lines);
        let answer = called.map_err(|error| failure(&error, store.data()))?.map_err(refusal)?;
        input.check(answer.into_iter().map(answered).collect())
    }
}

fn request(input: &PricingInput) -> Request<'_> {
    Request {
        at: u64::try_from(input.at.micros() / 1000).unwrap_or(0),
        channel: input.channel.as_ref().map(|id| id.as_str()),
        currency: &input.currency,
        customer: input.customer.as_ref().map(customer),
        destination: input.destination.as_ref().map(destination),
    }
}

fn customer(who: &pricing::Customer) -> wit::Customer<'_> {
    wit::Customer { id: &who.id, segment: who.segment.as_deref() }
}

fn attributes(line: &PricingLine) -> Vec<Attribute<'_>> {
    line.attributes.iter().map(|(name, value)| Attribute { name, value }).collect()
}

fn line<'a>(asked: &'a PricingLine, attributes: &'a [Attribute<'a>]) -> AskedLine<'a> {
    let money = |price: &'a Money| wit::MoneyParam { amount: price.amount, currency: &price.currency };
    AskedLine {
        line: asked.line,
        sku: asked.sku.as_str(),
        name: asked.name.as_deref(),
        brand: asked.brand.as_deref(),
        attributes,
        quantity: units(asked.quantity),
        list_price: asked.list_price.as_ref().map(money),
    }
}

fn answered(price: wit::LinePrice) -> AnsweredLine {
    let adjusted = |part: wit::Adjustment| AnsweredAdjustment {
        label: part.label,
        each: part.target == Target::Unit,
        amount: part.amount,
    };
    AnsweredLine {
        line: price.line,
        amount: price.unit_price.amount,
        currency: price.unit_price.currency,
        adjustments: price.adjustments.into_iter().map(adjusted).collect(),
    }
}
