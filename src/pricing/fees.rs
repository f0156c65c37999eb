//! Which fees may a call incur beside its tokens, and what is held for them?
//!
//! Three kinds. A fee that every call incurs: a row without a price for tokens
//! going in (or coming out) bills something else for them, and a model that
//! searches unasked bills the search. A fee that a request asks for: a tool
//! that the provider runs, or content that is billed by the piece. And the fee
//! of the request itself, which is part of [`ModelPrice::quote`]. Only the
//! second needs the request; who reads it says so by
//! [`Call::may_use`](crate::Call::may_use).
//!
//! How many uses are held follows from what is known. A request that says how often
//! is held for that many. A request that only switches a tool on is held for the uses
//! that the policy assumes (ten, unless it says otherwise), or for one where the model
//! has no price by the token, since there the fee is all that it bills. A model that
//! searches by itself is held for one search at least.
//!
//! A fee that no row names but whose seller's list is known (`families`) is held and
//! never charged: an answer that counts such a use is charged without it and says
//! that the charge is not complete.

use rust_decimal::Decimal;

use super::exact::ExactUsd;
use super::families;
use super::model::ModelPrice;
use super::sets::{RateSet, Side};
use super::units::{amount, multiplied};
use crate::Error;
use crate::values::{Conditions, Fee, Fees, Meter, MeterUnit};

impl ModelPrice {
    /// Whether the price of a call is known under these conditions, so that it can be held.
    ///
    /// Known is a rate for input, or a fee that every call incurs in its place
    /// (by search, page, image or second). A row whose figures are no price has
    /// neither: one that a publication lists at nothing but that is not free.
    /// An enforcer takes it for a model without a price.
    #[must_use]
    pub fn quotes(&self, conditions: &Conditions) -> bool {
        let by_token = |set: &RateSet| set.rate(Meter::Input, conditions.search_context()).is_some();
        let by_request = |set: &RateSet| set.is_priced(Meter::Request);
        !self.unknown
            && (self.set(0, conditions).is_some_and(|set| by_token(set) || by_request(set))
                || !self.incurred(conditions).is_empty())
    }

    /// What is held for the fees that a call may incur.
    ///
    /// `asked` is what the request may use, ordered by meter; of what it does
    /// not say how often, `assumed` uses are held.
    pub(crate) fn fees(
        &self,
        asked: &[(Meter, Option<u64>)],
        conditions: &Conditions,
        assumed: u64,
    ) -> Result<Fees, Error> {
        let mut lines = Vec::new();
        let mut sum = ExactUsd::ZERO;
        let mut unknown = None;
        let incurred = self.incurred(conditions);
        let unasked = incurred.iter().filter(|meter| {
            let same_side = |asked: Meter| Side::of(asked) == Side::of(**meter) && incurred.contains(&asked);
            !asked.iter().any(|(meter, _)| same_side(*meter))
        });
        // Whether an answer is billed for one at most, however often it is used.
        let is_known_once = |meter: Meter| {
            matches!(meter, Meter::WebSearch | Meter::MapsSearch)
                && families::bills_search_once(self.provider(), self.model())
        };
        let assumed_of = |meter: Meter| if is_once(meter) { 1 } else { assumed };
        let bills_tokens = self.dearest_sets(conditions).any(RateSet::bills_tokens);
        let unasked = unasked.map(|meter| (*meter, if self.searches_much { assumed_of(*meter) } else { 1 }));
        let mut unasked: Vec<_> = unasked.map(|(meter, uses)| (meter, uses, true)).collect();
        // The sources of what it searches unasked, where they are billed by the token.
        let cites = self.searches && !asked.iter().any(|(meter, _)| *meter == Meter::Citation);
        if cites && self.dearest_sets(conditions).any(|set| set.is_priced(Meter::Citation)) {
            unasked.push((Meter::Citation, if self.searches_much { assumed } else { 1 }, true));
        }
        // What every call incurs is billed once at least, whatever the request says.
        let asked = asked.iter().filter(|(meter, count)| *count != Some(0) || incurred.contains(meter));
        let asked = asked.map(|(meter, count)| {
            if is_known_once(*meter) {
                return (*meter, 1, false);
            }
            let unsaid = if bills_tokens { assumed_of(*meter) } else { 1 };
            // A search that is switched on is no less than what such a model searches unasked.
            let least = if self.searches_much && incurred.contains(meter) { unsaid } else { 1 };
            count.map_or((*meter, unsaid, true), |count| (*meter, count.max(least), count < least))
        });
        for (meter, uses, assumed) in asked.chain(unasked) {
            let uses = if assumed { uses.saturating_mul(one_use(meter)) } else { uses };
            let Some((rate, least)) = self.fee_rate(meter, conditions) else {
                // What has no rate of its own is counted in tokens, but for tools.
                unknown = unknown.or(meter.is_of_tool().then_some(meter));
                continue;
            };
            let uses = uses.max(least);
            let fee = amount(meter, uses, rate).map(ExactUsd::from_units);
            let fee = fee.ok_or_else(|| Error::overflow("fees of the call"))?;
            sum = sum.checked_add(fee).ok_or_else(|| Error::overflow("fees of the call"))?;
            let (usd, incurred) = (fee.rounded_up()?, incurred.contains(&meter));
            lines.push(Fee { meter, uses, assumed, usd, incurred });
        }
        let lines = (!lines.is_empty()).then(|| lines.into());
        Ok(Fees { lines, usd: sum.rounded_up()?, unknown, notes: None })
    }

    /// What every call of the model is billed for beside or in place of its tokens.
    pub(super) fn incurred(&self, conditions: &Conditions) -> Vec<Meter> {
        let sets = || self.dearest_sets(conditions);
        let priced = |meter: Meter| sets().any(|set| set.is_priced(meter));
        let input = sets().any(|set| set.bills(Side::In));
        let output = sets().any(|set| set.bills(Side::Out));
        let by_itself = |meter: &Meter| match meter {
            Meter::SearchUnit => priced(*meter),
            Meter::WebSearch => self.searches && priced(*meter),
            Meter::Request => false,
            _ => match Side::of(*meter) {
                Side::In => !input && priced(*meter),
                Side::Out => !output && priced(*meter),
                Side::Tool => false,
            },
        };
        let fees = || Meter::ALL.into_iter().filter(|meter| !meter.counts_tokens());
        let found: Vec<Meter> = fees().filter(by_itself).collect();
        if found.is_empty() && !input && !output && !priced(Meter::Request) {
            // Nothing but a tool has a price: whoever calls that calls the tool.
            return fees().filter(|meter| priced(*meter)).collect();
        }
        found
    }

    /// The dearest rate of a fee at any length of the input, and the least that is billed of it.
    fn fee_rate(&self, meter: Meter, conditions: &Conditions) -> Option<(u128, u64)> {
        let size = conditions.search_context();
        let rates = self
            .dearest_sets(conditions)
            .filter_map(|set| Some((set.rate(meter, size)?, set.minimum(meter))));
        // A fee that no row names is multiplied like those that one does.
        let times = |rate: u128, factor: &Decimal| multiplied(rate, *factor).map_or(rate, |(rate, _)| rate);
        let unnamed = || families::tool_fee(self.provider(), meter);
        rates.max().or_else(|| unnamed().map(|rate| (self.factors.iter().fold(rate, times), 0)))
    }
}

/// Whether one call needs it once, however often it uses it: a sandbox.
fn is_once(meter: Meter) -> bool {
    meter == Meter::CodeExecution
}

/// How many units stand for one use of what is billed by time or length, where nobody says how much there is.
///
/// A minute of sound or of video sent, ten seconds of video made (sellers make
/// four to twelve), as much text as one request for speech may have, and 10,000
/// tokens of sources a search.
fn one_use(meter: Meter) -> u64 {
    match (meter, meter.unit()) {
        (Meter::VideoOutMs | Meter::Citation, _) => 10_000,
        (_, MeterUnit::Millisecond) => 60_000,
        (_, MeterUnit::Character) => 4_096,
        _ => 1,
    }
}
