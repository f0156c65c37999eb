//! What is a call charged, by what was reported of it?
//!
//! Each line of a report is priced with its own model, in the tier and region that were served, and the sum is rounded up once.
//! The price is that of the table, and of the instant, by which the call was held: a swap in between reprices nothing.
//!
//! Whose figure goes: the provider's own cost where it is known to state one, unless that is zero on a model that costs, or
//! comes beside usage that cannot be. Else the table's. A model that served in place of the reserved one is charged at its own
//! price; if it has none, at the reserved one's, and the charge is `Estimated`.
//!
//! A usage that the caller states alone is two figures and raises none of these questions. Its charge is made in one go
//! (`charge_plain`), at the rates that the plan keeps; a report off the wire names its model, and goes the long way. Worked example: gpt-4o, 1,200 tokens in and 350 out are 1,200 × $2.50 + 350 × $10.00 a million: $0.0065.

use std::sync::Arc;

use super::actual::Actual;
use super::believed::Believed;
use super::open::Open;
use super::served::{BY_PROVIDER, Billed, OtherModel, name_kept};
use crate::engine::{Plan, Priced};
use crate::ledger::{Certainty, Served};
use crate::pricing::{ExactUsd, ModelPrice, placed};
use crate::values::{Conditions, Meter, ServiceTier, ShortText};
use crate::wire::{Purpose, TextSeen, UsageLine};
use crate::{Amount, Error, Usage, Usd};

/// A charge worked out of a report.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) usage: Usage,
    pub(super) beside: Vec<UsageLine>,
    pub(super) conditions: Conditions,
    pub(super) priced: Priced,
    pub(super) certainty: Certainty,
    /// The model that was served in place of the reserved one, and its price if it has one.
    pub(super) served: Option<Box<OtherModel>>,
    /// The answer ended at a limit that the request itself did not name.
    pub(super) ended_at_our_limit: bool,
    /// The model whose price this is, where the one that answered has none.
    pub(super) priced_as: Option<ShortText>,
    /// What is known of it in dollars, whether or not a line counts them.
    pub(super) cost: Option<Usd>,
    /// Who stated that cost, where it is by no table.
    pub(super) stated_by: Option<&'static str>,
    /// The amount that was stated in place of a usage.
    pub(super) stated: Option<Box<Amount>>,
}

/// A sum by the price table, and whether everything in it has a price of its own.
struct ByTable {
    usd: Usd,
    /// Every meter and model in it has a rate.
    is_complete: bool,
}

impl Charge {
    /// What each line is charged, in its unit.
    #[inline]
    pub(super) fn amount(&self) -> Amount {
        match &self.stated {
            Some(stated) => Amount::clone(stated),
            None => self.priced.amount(),
        }
    }

    /// What served it, where that is not what was asked for.
    #[inline]
    pub(super) fn served(&self, plan: &Plan) -> Option<Arc<Served>> {
        let (other, stated_by, conditions) = (self.served.as_deref(), self.stated_by, &self.conditions);
        Billed { other, stated_by, conditions }.served(plan)
    }

    /// All that was used, over all lines.
    pub(super) fn sum(&self) -> Usage {
        self.beside.iter().fold(self.usage, |sum, line| sum.plus(&line.usage))
    }
}

impl Open {
    /// Prices what was used; what was not reported is taken as it was held.
    #[inline]
    pub(super) fn charge(&self, report: &Actual) -> Result<Charge, Error> {
        match self.charge_plain(report) {
            Some(charge) => Ok(charge),
            None => self.charge_judged(report),
        }
    }

    /// The charge of a usage that stands alone, in one go: input and output were stated, and nothing else is in question.
    ///
    /// Each condition answers a question of the long way with *no*: may a figure be false or missing, did another model serve,
    /// is a fee due, is a price assumed? What is left is two figures at the rates of the reserve. Where one of the answers may
    /// be *yes* this is `None`, and the long way decides; a test holds both to one charge.
    #[inline]
    fn charge_plain(&self, report: &Actual) -> Option<Charge> {
        // Each field is named, so that one which is added is judged here, too.
        let &Actual {
            usage,
            model: None,
            cost: None,
            estimated: false,
            broke_off: false,
            ended_at_limit,
            tier: None,
            region: None,
            ref beside,
            text: TextSeen { bytes: 0, hidden_bytes: 0, .. },
            images: 0,
            counted: None,
            hides_thoughts: false,
            unbilled: false,
            amount: None,
        } = report
        else {
            return None;
        };
        let plan = &self.plan;
        let has_fees = self.tools_unseen || plan.fees.lines.is_some();
        // A prompt has tokens: no input is a figure in question.
        let (Some(tokens_input @ 1..), Some(tokens_output)) = (usage.input(), usage.output()) else {
            return None;
        };
        if has_fees || !beside.is_empty() || plan.priced_as.is_some() {
            return None;
        }
        let usd = plan.rates.as_ref()?.charge(tokens_input, usage.common()?)?;
        Some(Charge {
            usage,
            beside: Vec::new(),
            conditions: *plan.conditions(),
            priced: Priced { usd, tokens_input, tokens_output, ..Priced::default() },
            certainty: Certainty::Reported,
            served: None,
            ended_at_our_limit: ended_at_limit && self.reach.limit_is_ours,
            priced_as: None,
            cost: Some(usd),
            stated_by: None,
            stated: None,
        })
    }

    /// The same by the long way: what can be believed, who served, and what is due beside.
    fn charge_judged(&self, report: &Actual) -> Result<Charge, Error> {
        if let Some(amount) = report.amount.as_ref().or(self.plan.call.fixed.as_ref()) {
            return self.charge_stated(report, amount);
        }
        let Believed { usage, beside, mut estimated, is_belied, unknown } = self.believed(report);
        // Who is billed by the search or page is billed for one at least, whether or not the answer counts it.
        let (usage, fees_missing) =
            if report.unbilled { (usage, false) } else { self.plan.fees.at_least(usage, unknown) };
        estimated |= fees_missing;
        let served = self.served_instead(report);
        let conditions = self.conditions_of(report);
        let mut charge = Charge {
            usage,
            beside,
            conditions,
            priced: Priced::default(),
            certainty: Certainty::Reported,
            served,
            ended_at_our_limit: report.ended_at_limit && self.reach.limit_is_ours,
            priced_as: None,
            cost: None,
            stated_by: None,
            stated: None,
        };
        // A served model without a price is charged as the reserved one: a guess.
        let assumed = self.assumed(charge.served.as_deref());
        let by_table = self.by_table(&charge)?;
        let mut table = by_table.as_ref().map_or(Usd::ZERO, |sum| sum.usd);
        if let Some(price) = self.price_of(charge.served.as_deref()) {
            table = table.checked_add(self.fees_of_tools_unseen(price, &charge.conditions)?)?;
        }
        let readings = self.readings_unseen(unknown, &charge.beside)?;
        table = table.checked_add(readings.usd)?;
        let is_complete = by_table.as_ref().is_some_and(|sum| sum.is_complete);
        estimated |= !is_complete;
        // A provider's own zero on a model that costs is no price.
        let reported =
            report.cost.filter(|cost| *cost > Usd::ZERO || (*cost == Usd::ZERO && table == Usd::ZERO));
        estimated |= reported.is_none() && (assumed.is_some() || report.cost.is_some());
        charge.priced_as = assumed.filter(|_| reported.is_none_or(|reported| is_belied && reported < table));
        let sum = charge.sum();
        charge.priced = Priced {
            // Figures that cannot be make the cost beside them no better.
            usd: reported.map_or(table, |reported| if is_belied { reported.max(table) } else { reported }),
            tokens_input: sum.count(Meter::Input).unwrap_or(0),
            tokens_output: sum.count(Meter::Output).unwrap_or(0),
            beside_input: readings.tokens_input,
            beside_output: readings.tokens_output,
        };
        // An unknown price is never zero, not even by the word of a provider.
        let has_figure = (reported.is_some() || by_table.is_some()) && charge.priced.usd > Usd::ZERO;
        charge.cost = (is_complete || has_figure).then_some(charge.priced.usd);
        charge.stated_by = charge.cost.filter(|cost| reported == Some(*cost)).map(|_| BY_PROVIDER);
        charge.certainty = if estimated { Certainty::Estimated } else { Certainty::Reported };
        Ok(charge)
    }

    /// All lines by the table, rounded up once; `None` where the call's model has no price.
    ///
    /// Exact sums are added and the last is rounded: lines that are rounded each would come to more than the bill.
    fn by_table(&self, charge: &Charge) -> Result<Option<ByTable>, Error> {
        let Some(price) = self.price_of(charge.served.as_deref()) else { return Ok(None) };
        let cost = price.cost(&charge.usage, &charge.conditions)?;
        if charge.beside.is_empty() {
            return Ok(Some(ByTable { usd: cost.total(), is_complete: cost.is_complete() }));
        }
        let (mut sum, mut is_complete) = (cost.exact(), cost.is_complete());
        for line in &charge.beside {
            let conditions = match line.service_tier {
                Some(_) => self.tiered(line.tier()).with_region(charge.conditions.region()),
                None => charge.conditions,
            };
            let own = line.model.as_deref().map(|model| self.find(model, &conditions));
            is_complete &= match own {
                Some(ref own) => own.is_some(),
                // These run on models of their own, also where nobody says which.
                None => !matches!(line.purpose, Purpose::ImageGeneration | Purpose::Transcription),
            };
            let own = own.flatten();
            let (usage, clamped) = line.usage.clamped();
            let usage = usage.with_input(usage.input().unwrap_or(0)).with_output(usage.output().unwrap_or(0));
            let cost = own.as_deref().unwrap_or(price).cost(&usage, &conditions)?;
            is_complete &= !clamped && cost.is_complete();
            sum = sum.checked_add(cost.exact()).ok_or_else(|| Error::overflow("cost of the call"))?;
        }
        Ok(Some(ByTable { usd: ExactUsd::rounded_up(sum)?, is_complete }))
    }

    /// What the provider says of tier and region goes before what the call asked for.
    fn conditions_of(&self, report: &Actual) -> Conditions {
        let tiered = self.tiered(report.tier);
        report.region.map_or(tiered, |region| tiered.with_region(region))
    }

    /// What the call asked for, in the tier that an answer says it was served in.
    fn tiered(&self, served: Option<ServiceTier>) -> Conditions {
        let asked = *self.plan.conditions();
        // The answers of a batch say `default` of themselves and are billed as a batch.
        let of_a_batch = asked.tier() == ServiceTier::Batch && served == Some(ServiceTier::Standard);
        // A batch is what the caller says it is: no call that is answered at once is sold as one.
        let is_batch = |tier: &ServiceTier| *tier == ServiceTier::Batch && asked.tier() != ServiceTier::Batch;
        served.filter(|tier| !of_a_batch && !is_batch(tier)).map_or(asked, |tier| asked.with_tier(tier))
    }

    /// The price that a charge is worked out by: the served model's, else the reserved one's.
    #[inline]
    pub(super) fn price_of<'a>(&'a self, served: Option<&'a OtherModel>) -> Option<&'a ModelPrice> {
        served.and_then(|served| served.price.as_deref()).or(self.plan.price.as_deref())
    }

    /// The model whose price is assumed of the one that answered: the policy's word, or the reserved one's.
    fn assumed(&self, served: Option<&OtherModel>) -> Option<ShortText> {
        match served {
            Some(OtherModel { price: Some(_), .. }) => None,
            Some(_) if self.plan.priced_as.is_none() => {
                self.plan.price.as_ref().map(|_| self.plan.call.model.clone())
            }
            _ => self.plan.priced_as.clone(),
        }
    }

    /// The model that was served in place of the reserved one, and its price if it has one.
    fn served_instead(&self, report: &Actual) -> Option<Box<OtherModel>> {
        let asked = self.plan.call.model.as_str();
        // A seller in front of the name is not told back.
        let is_asked = |model: &str| asked == model || asked.rsplit('/').next() == Some(model);
        let model = report.model.as_ref().filter(|model| !is_asked(model))?;
        let found = self.find(model, self.plan.conditions());
        // A dated name of the same row is the same model.
        let same = found
            .as_ref()
            .zip(self.plan.price.as_ref())
            .is_some_and(|(found, reserved)| Arc::ptr_eq(found, reserved));
        (!same).then(|| Box::new(OtherModel { model: name_kept(model), price: found }))
    }

    /// A model's price at the seller of the reserved one, in the table and at the instant of
    /// the reserve: a swap since then reprices nothing. None where the table lists it without one.
    fn find(&self, model: &str, conditions: &Conditions) -> Option<Arc<ModelPrice>> {
        // Who sells the model of an assumed price need not sell this one.
        let reserved = self.plan.price.as_deref().filter(|_| self.plan.priced_as.is_none());
        let seller = self.plan.call.provider.as_deref().or(reserved.map(ModelPrice::provider));
        // Answers name the bare model, whose price may be lower than that of the place that was asked.
        let at_place = reserved.and_then(|row| placed(row.provider(), row.model(), model));
        let found = self.plan.prices.find(seller, at_place.as_deref().unwrap_or(model), self.now);
        // An answer in tokens says nothing to a price by the second.
        let by_token = self.plan.price.as_deref().is_none_or(|price| price.is_by_token(conditions));
        let fits = |price: &&Arc<ModelPrice>| {
            price.quotes(conditions) && (!by_token || price.is_by_token(conditions))
        };
        found.filter(fits).cloned()
    }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "an overflow fails the test, as it should")]
mod tests;
