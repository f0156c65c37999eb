//! What was a call charged, and what did that do to its budgets?

use std::fmt;

use serde::{Serialize, Serializer};

use super::charge::Charge;
use super::open::Open;
use crate::decision::amounts;
use crate::ledger::Certainty;
use crate::pricing::Cost;
use crate::tokens::Trimmed;
use crate::values::amount::Figure;
use crate::values::one_line::OneLine;
use crate::values::{ReservationId, ShortText, Unit};
use crate::wire::UsageLine;
use crate::{Event, Scope, Usage, Usd};

/// What a reconciled call was charged, and what that did to its budgets.
///
/// Look at [`is_reported`](Self::is_reported) before you compare it with a bill: a charge that is not reported is an
/// estimate, and a later report may replace it. While [`is_pending`](Self::is_pending), the ledger has not heard of it.
///
/// # Example: a call that used more than it held for
/// ```
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
///
/// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500); // $0.008 held
///
/// let sent = enforcer.reserve(&call).wait()?.or_refusal()?.send();
/// let receipt = sent.reconcile(Usage::of(1_200, 1_000)).wait()?; // $0.003 + $0.010
/// assert_eq!((receipt.cost(), receipt.overrun()), ("0.013".parse()?, "0.005".parse()?));
/// assert_eq!(receipt.overrun_tokens(), 500);
///
/// let line = &receipt.lines()[0]; // in nano-dollars
/// assert_eq!((line.charged, line.spent, line.reserved), (13_000_000, 13_000_000, 0));
/// assert_eq!((line.remaining, line.above_limit), (Some(987_000_000), 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Receipt {
    /// The call as it was held; its balances are those after it was charged.
    pub(super) call: Box<Open>,
    pub(super) charge: Charge,
    pub(super) pending: bool,
    pub(super) unheld: bool,
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Receipt({}, {}: {} USD charged, {:?}",
            self.call.id,
            self.call.binding().model,
            self.cost(),
            self.certainty()
        )?;
        match self.priced_as() {
            Some(model) => write!(f, ", priced as {})", OneLine(model)),
            None => f.write_str(")"),
        }
    }
}

/// One budget after a call was reconciled.
///
/// Figures are in the unit of the budget: nano-dollars for dollars, else plain counts.
///
/// As JSON its dollars are text (`"5.00"`), and everything else that it counts is a number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiptLine {
    /// The budget's id.
    pub budget: ShortText,
    /// The scope that paid.
    pub scope: Scope,
    /// What the budget counts.
    pub unit: Unit,
    /// What this call was charged here.
    pub charged: i64,
    /// What is spent now, this call included.
    pub spent: i64,
    /// What is held for other calls.
    pub reserved: i64,
    /// The limit, raises included; `None` is no limit.
    pub limit: Option<i64>,
    /// Limit less spent and reserved: below zero after an overrun.
    pub remaining: Option<i64>,
    /// How far spent now stands above the limit; zero where it does not.
    pub above_limit: i64,
}

impl Receipt {
    /// Tells observers of an overrun, of an answer cut short here, and of usage that came after its hold had expired.
    pub(super) fn tell(&self, replaced: Option<Certainty>) {
        let (core, id) = (&self.call.plan.core, self.call.id);
        let (usd, tokens) = (self.overrun(), self.overrun_tokens());
        if usd > Usd::ZERO || tokens > 0 {
            core.tell(&Event::Overrun { id, usd, tokens });
        }
        if self.ended_at_limit() {
            let (model, output_tokens) = (self.call.plan.call.model.clone(), self.call.limit_each());
            core.tell(&Event::LimitReached { id, model, output_tokens });
        }
        // What the policy assumes was told when the call was held.
        if let (Some(as_model), None) = (&self.charge.priced_as, &self.call.plan.priced_as) {
            let (model, as_model) = (self.other_model().unwrap_or_default().into(), as_model.clone());
            core.tell(&Event::PricedAs { id, model, as_model });
        }
        if replaced == Some(Certainty::Expired) {
            core.tell(&Event::Late { id });
        }
    }

    /// Lets a report that waits survive the process, where a file was given for it.
    pub(super) fn save_pending(&self) {
        if self.pending {
            self.call.plan.core.save_outbox();
        }
    }

    /// The hold's id.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.call.id
    }

    /// What the call was charged.
    #[must_use]
    pub fn cost(&self) -> Usd {
        self.charge.priced.usd
    }

    /// Whether its dollars are unknown: no price was found and none was reported, so that its tokens and requests
    /// alone were booked. A [`cost`](Self::cost) of zero says nothing then.
    #[must_use]
    pub fn is_unpriced(&self) -> bool {
        self.cost_by_table().is_none() && self.cost() == Usd::ZERO
    }

    /// What it used; figures that were not reported are those it was held for.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        &self.charge.usage
    }

    /// What was billed beside the answer, each line for a model of its own.
    #[must_use]
    pub fn beside(&self) -> &[UsageLine] {
        &self.charge.beside
    }

    /// The price table's own sum for the answer with its lines, also where the provider
    /// reported another cost. What was billed [`beside`](Self::beside) it is not contained.
    #[must_use]
    pub fn cost_by_table(&self) -> Option<Cost> {
        let price = self.call.price_of(self.charge.served.as_deref())?;
        price.cost(&self.charge.usage, &self.charge.conditions).ok()
    }

    /// How sure the charge is.
    #[must_use]
    pub fn certainty(&self) -> Certainty {
        self.charge.certainty
    }

    /// Whether the provider reported everything the charge is made from.
    #[must_use]
    pub fn is_reported(&self) -> bool {
        self.charge.certainty == Certainty::Reported
    }

    /// Dollars charged above what was held; zero where it was not more.
    #[must_use]
    pub fn overrun(&self) -> Usd {
        Usd::from_nanos(self.cost().nanos().saturating_sub(self.call.priced.usd.nanos()).max(0))
    }

    /// Tokens used above what was held for.
    #[must_use]
    pub fn overrun_tokens(&self) -> u64 {
        let held = self.call.priced.tokens_input.saturating_add(self.call.priced.tokens_output);
        let used = self.charge.priced.tokens_input.saturating_add(self.charge.priced.tokens_output);
        used.saturating_sub(held)
    }

    /// Whether the answer was cut short by a limit that its request did not name: written in where the request
    /// named none ([`OnNoLimit`](crate::values::OnNoLimit)), or lowered to a cap or to what fitted.
    ///
    /// False where the request's own limit ended it, and where nobody said how it ended.
    #[must_use]
    pub fn ended_at_limit(&self) -> bool {
        self.charge.ended_at_our_limit
    }

    /// What was left out of the request's prompt so that it fitted its budgets
    /// ([`HttpBudget::trim_to_room`](crate::http::HttpBudget::trim_to_room)); `None` where it was sent whole.
    #[must_use]
    pub fn trimmed(&self) -> Option<&Trimmed> {
        self.call.trimmed.as_deref()
    }

    /// The ledger has not confirmed it yet: the report waits in the outbox.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending
    }

    /// No hold stood for the call; its usage was recorded all the same.
    #[must_use]
    pub fn is_unheld(&self) -> bool {
        self.unheld
    }

    /// The model that the provider served, where it is another than was held for.
    #[must_use]
    pub fn other_model(&self) -> Option<&str> {
        self.charge.served.as_ref().map(|served| served.model.as_str())
    }

    /// The model at whose price the call was charged, where the one that answered has none: the policy's
    /// ([`OnUnknownModel::PricedAs`](crate::policy::OnUnknownModel::PricedAs)), or the one that was held for.
    #[must_use]
    pub fn priced_as(&self) -> Option<&str> {
        self.charge.priced_as.as_deref()
    }

    /// Every budget that was charged, as it stands now; empty while pending.
    #[must_use]
    pub fn lines(&self) -> Vec<ReceiptLine> {
        // The amounts that were charged fitted once, so they fit again.
        let charged = amounts(self.call.binding(), &self.charge.amount()).unwrap_or_default();
        let lines = self.call.binding().terms.iter().zip(&self.call.balances).zip(&charged);
        lines
            .map(|((bound, balance), charged)| ReceiptLine {
                budget: bound.account.budget().into(),
                scope: bound.account.scope().clone(),
                unit: bound.account.unit().clone(),
                charged: *charged,
                spent: balance.spent,
                reserved: balance.reserved,
                limit: bound.limit,
                remaining: bound.limit.map(|limit| limit.saturating_sub(balance.used())),
                above_limit: bound.limit.map_or(0, |limit| balance.spent.saturating_sub(limit).max(0)),
            })
            .collect()
    }
}

impl Serialize for ReceiptLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let figure = |figure| Figure(&self.unit, figure);
        let mut fields = serializer.serialize_struct("ReceiptLine", 9)?;
        fields.serialize_field("budget", &self.budget)?;
        fields.serialize_field("scope", &self.scope)?;
        fields.serialize_field("unit", &self.unit)?;
        fields.serialize_field("charged", &figure(self.charged))?;
        fields.serialize_field("spent", &figure(self.spent))?;
        fields.serialize_field("reserved", &figure(self.reserved))?;
        fields.serialize_field("limit", &self.limit.map(figure))?;
        fields.serialize_field("remaining", &self.remaining.map(figure))?;
        fields.serialize_field("above_limit", &figure(self.above_limit))?;
        fields.end()
    }
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Receipt", 11)?;
        fields.serialize_field("id", &self.call.id)?;
        fields.serialize_field("cost_usd", &self.cost())?;
        fields.serialize_field("usage", &self.charge.usage)?;
        fields.serialize_field("certainty", &self.charge.certainty)?;
        fields.serialize_field("overrun_usd", &self.overrun())?;
        fields.serialize_field("ended_at_limit", &self.ended_at_limit())?;
        fields.serialize_field("trimmed", &self.trimmed())?;
        fields.serialize_field("pending", &self.pending)?;
        fields.serialize_field("other_model", &self.other_model())?;
        fields.serialize_field("priced_as", &self.priced_as())?;
        fields.serialize_field("lines", &self.lines())?;
        fields.end()
    }
}
