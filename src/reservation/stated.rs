//! What is a call charged whose cost somebody states as an amount?
//!
//! An image job, a tool's fee, a bill that is known while the price is not: the amount is charged as it stands, on every line
//! in that line's unit. It says all: a unit that it leaves out was not used.

use super::actual::Actual;
use super::charge::Charge;
use super::open::Open;
use super::served::{BY_CALLER, BY_PROVIDER};
use crate::engine::Priced;
use crate::ledger::Certainty;
use crate::{Amount, Error, Usage, Usd};

impl From<Amount> for Actual {
    /// The amount is charged as it stands: nothing is priced, and what it leaves out was not used.
    fn from(amount: Amount) -> Self {
        Self { amount: Some(Box::new(amount)), ..Self::default() }
    }
}

impl Open {
    /// The charge of an amount: the one that was stated, else the one that was held, at the cost that the report states, if any.
    pub(super) fn charge_stated(&self, report: &Actual, amount: &Amount) -> Result<Charge, Error> {
        let cost = report.cost.filter(|cost| report.amount.is_none() && *cost > Usd::ZERO);
        let is_said = report.amount.is_some() || cost.is_some();
        let stated = Amount { usd: cost.unwrap_or(amount.usd), ..amount.clone() };
        if stated.usd < Usd::ZERO {
            return Err(Error::invalid("actual: amount.usd", format!("{} USD is below zero", stated.usd)));
        }
        let certainty = if is_said && !report.estimated { Certainty::Reported } else { Certainty::Estimated };
        Ok(Charge {
            usage: Usage::of(stated.tokens_input, stated.tokens_output),
            beside: Vec::new(),
            conditions: *self.plan.conditions(),
            priced: Priced::fixed(&stated),
            certainty,
            served: None,
            ended_at_our_limit: false,
            priced_as: None,
            cost: Some(stated.usd).filter(|usd| *usd > Usd::ZERO),
            stated_by: Some(if cost.is_some() { BY_PROVIDER } else { BY_CALLER }),
            stated: Some(Box::new(stated)),
        })
    }
}
