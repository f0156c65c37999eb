//! What is a call charged, by what was reported of it?
//!
//! Each line of a report is priced with its own model, in the tier and region that were served, and the sum is rounded up once.
//! The price is that of the table, and of the instant, by which the call was held: a swap in between reprices nothing.
//!
//! Whose figure goes: the provider's own cost where it is known to state one, unless that is zero on a model that costs, or
//! comes beside usage that cannot be. Else the table's. A model that served in place of the reserved one is charged at its own
//! price; if it has none, at the reserved one's, and the charge is `Estimated`.

use std::sync::Arc;

use super::believed::Believed;
use super::open::Open;
use crate::engine::{Priced, assumed_version, price_version};
use crate::ledger::{About, Certainty};
use crate::pricing::{ExactUsd, ModelPrice, placed};
use crate::values::{Conditions, Meter, Region, ServiceTier, ShortText};
use crate::wire::{Purpose, TextSeen, UsageLine, UsageReport};
use crate::{Error, Usage, Usd};

/// What is known about how a call ended.
///
/// Made of a [`Usage`] alone, or of a [`UsageReport`] read off the wire.
///
/// # Example: what the provider said, charged as it said it
/// ```
/// use token_budget::call::ServiceTier;
/// use token_budget::enforcer::Actual;
/// use token_budget::wire::extract;
///
/// let body = br#"{"model": "gpt-4o-2024-08-06", "service_tier": "priority",
///     "usage": {"prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150}}"#;
/// let report = Actual::from(extract(Some("openai"), body, [])?);
/// assert_eq!(report.usage.total(), Some(150));
/// assert_eq!(report.tier, Some(ServiceTier::Priority));
/// # Ok::<(), token_budget::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Actual {
    /// What it used; of a report in several lines the answer's own.
    pub usage: Usage,
    /// The model that the provider says it served, where that is known.
    pub model: Option<ShortText>,
    /// What the provider says it charged for all, where it is known to report that.
    pub cost: Option<Usd>,
    /// The usage was counted here, not reported.
    pub estimated: bool,
    /// The answer broke off and nobody counted it: its output is at least what was held for.
    pub broke_off: bool,
    /// The answer ended because it may not be longer.
    pub ended_at_limit: bool,
    /// The processing that the provider says it used; else the call's own is charged.
    pub tier: Option<ServiceTier>,
    /// Where the provider says it ran; else where the call asked for is charged.
    pub region: Option<Region>,
    /// Usage billed beside the answer, and other answers, each line at the price of its own model.
    pub beside: Vec<UsageLine>,
    /// The text of the answer that was seen, by which an output is judged that cannot be so little.
    pub text: TextSeen,
    /// Images that the answer shows whole: none of a model that sells them by the token has fewer than 64.
    pub images: u64,
    /// The output as it was counted here with the model's own vocabulary, where it was.
    pub counted: Option<u64>,
    /// The output leaves out what may have been thought unseen: of a model that reasons it is unknown.
    pub hides_thoughts: bool,
    /// The provider is known to bill nothing but what the usage says: a prompt that it refused.
    pub unbilled: bool,
}

impl From<Usage> for Actual {
    fn from(usage: Usage) -> Self {
        Self { usage, ..Self::default() }
    }
}

/// The tier of a line that is charged by what the call asked for.
const AS_ASKED: &str = "auto";

impl From<UsageReport> for Actual {
    /// Takes over all that is charged. Usage that is missing stays missing: it
    /// is charged as it was held. For an error that was not billed, or an answer
    /// that only counted tokens, release the call instead; a report cannot know.
    fn from(report: UsageReport) -> Self {
        let (mut tier, ended_at_limit) = (report.tier(), report.ended_at_limit());
        let unbilled = report.is_unbilled();
        // Of several answers nobody knows which showed them.
        let images = if report.lines.len() > 1 { 0 } else { report.pictures };
        let tiers: Vec<_> = report.lines.iter().map(|line| report.tier_of(line)).collect();
        let mut lines = report.lines;
        for (line, tier) in lines.iter_mut().zip(&tiers) {
            // What is not said of one of several answers is as it was asked for.
            line.service_tier = Some(tier.map_or(AS_ASKED, ServiceTier::name).into());
        }
        let answer = lines.iter().position(|line| line.purpose == Purpose::Answer).map(|at| {
            tier = tiers.get(at).copied().flatten();
            lines.remove(at)
        });
        let (usage, model, text) =
            answer.map_or((Usage::new(), None, report.text), |line| (line.usage, line.model, line.text));
        Self {
            // How many tokens a prompt has says nothing of an answer to it.
            usage: if report.counting { Usage::new() } else { usage },
            model: model.or(report.model),
            text,
            images,
            counted: None,
            hides_thoughts: report.hides_thoughts,
            unbilled,
            // What was said of a part is not said of the whole.
            cost: report
                .cost
                .filter(|_| report.finished)
                .and_then(|usd| Usd::from_decimal_rounded_up(usd).ok()),
            estimated: report.estimated || report.clamped || report.damaged,
            broke_off: !report.finished && !report.estimated,
            ended_at_limit,
            tier,
            region: report.region.as_deref().map(Region::named),
            beside: lines,
        }
    }
}

/// A charge worked out of a report.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    pub(super) usage: Usage,
    pub(super) beside: Vec<UsageLine>,
    pub(super) conditions: Conditions,
    pub(super) priced: Priced,
    pub(super) certainty: Certainty,
    /// The model that was served in place of the reserved one, and its price if it has one.
    pub(super) served: Option<Box<Served>>,
    /// The answer ended at a limit that the request itself did not name.
    pub(super) ended_at_our_limit: bool,
    /// The model whose price this is, where the one that answered has none.
    pub(super) priced_as: Option<ShortText>,
}

/// Another model than was held for.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) model: ShortText,
    price: Option<Arc<ModelPrice>>,
}

impl Served {
    /// What the journal says of a call that another model served than was held for.
    pub(super) fn about(&self, reserved: Option<&About>) -> About {
        let reserved = reserved.cloned().unwrap_or_default();
        let assumed = || match reserved.price {
            // Assumed already for the model that was asked for.
            price if price.starts_with("assumed ") => price,
            price => assumed_version(&reserved.model, &price),
        };
        let price = self.price.as_deref().map_or_else(assumed, price_version);
        About { model: self.model.clone(), price, ..reserved }
    }
}

/// A sum by the price table, and whether everything in it has a price of its own.
struct ByTable {
    usd: Usd,
    /// Every meter and model in it has a rate.
    is_complete: bool,
}

impl Charge {
    /// All that was used, over all lines.
    pub(super) fn sum(&self) -> Usage {
        self.beside.iter().fold(self.usage, |sum, line| sum.plus(&line.usage))
    }
}

impl Open {
    /// Prices what was used; what was not reported is taken as it was held.
    pub(super) fn charge(&self, report: &Actual) -> Result<Charge, Error> {
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
        estimated |= by_table.is_none_or(|sum| !sum.is_complete);
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
        charge.certainty = if estimated { Certainty::Estimated } else { Certainty::Reported };
        Ok(charge)
    }

    /// All lines by the table, rounded up once; `None` where the call's model has no price.
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
    pub(super) fn price_of<'a>(&'a self, served: Option<&'a Served>) -> Option<&'a ModelPrice> {
        served.and_then(|served| served.price.as_deref()).or(self.plan.price.as_deref())
    }

    /// The model whose price is assumed of the one that answered: the policy's word, or the reserved one's.
    fn assumed(&self, served: Option<&Served>) -> Option<ShortText> {
        match served {
            Some(Served { price: Some(_), .. }) => None,
            Some(_) if self.plan.priced_as.is_none() => {
                self.plan.price.as_ref().map(|_| self.plan.call.model.clone())
            }
            _ => self.plan.priced_as.clone(),
        }
    }

    /// The model that was served in place of the reserved one, and its price if it has one.
    fn served_instead(&self, report: &Actual) -> Option<Box<Served>> {
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
        (!same).then(|| Box::new(Served { model: model.clone(), price: found }))
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
