//! How do a decision and its refusals read, for people and as JSON?
//!
//! A refusal is often all that a person sees of a budget. So its line says which budget,
//! how much of how much, what the call needs, and what to do now: `budget team/search
//! month 2026-11: 482.10 of 500.00 USD used, call needs 21.75; resets
//! 2026-12-01T00:00:00Z`. Names that came with a request are shown on one line, escaped
//! if need be.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{BudgetState, Decision, Refusal, RefusalKind, Verdict};
use crate::Scope;
use crate::values::amount::Figure;
use crate::values::one_line::OneLine;
use crate::values::{ScopeKind, Unit};

impl fmt::Display for Refusal {
    /// `budget team/search month 2026-11: 482.10 of 500.00 USD used, call needs 21.75; resets 2026-12-01T00:00:00Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            RefusalKind::Frozen { by, reason } => {
                self.name_scope(f)?;
                write!(f, "is frozen by {}: {}; reopen it to go on", OneLine(by), OneLine(reason))
            }
            RefusalKind::UnpricedFee { meter } => write!(
                f,
                "the request may use {meter}, whose fee is not known for this model; name {meter} in a price row"
            ),
            RefusalKind::Unpriced => f
                .write_str("the model has no price; add a price row or an alias, or name a fallback price in the policy"),
            RefusalKind::Deadline { at } => {
                self.name_scope(f)?;
                write!(f, "had until {at}; the run ends here")
            }
            RefusalKind::Unbound { scopes, policy_is_empty, nearest } => {
                unbound(f, scopes, *policy_is_empty, nearest.as_ref())
            }
            RefusalKind::InputNotSaid => f.write_str(
                "the call does not say what goes in, and its budgets count that; give it input_tokens, a prompt \
                 or a message (input_tokens(0) is said)",
            ),
            _ => self.by_figures(f),
        }
    }
}

impl RefusalKind {
    /// Whether a budget refuses by what was used, held and asked for.
    fn is_by_figures(&self) -> bool {
        matches!(
            self,
            Self::Exhausted { .. }
                | Self::InFlight
                | Self::HeldForChild { .. }
                | Self::NeverFits
                | Self::RunLimit
                | Self::KeptBack
        )
    }
}

impl Refusal {
    fn name_scope(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "{scope} "),
            None => Ok(()),
        }
    }

    /// A budget that refuses, with the figures that it refuses by.
    fn by_figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "budget {scope} {}: ", self.window)?,
            None => write!(f, "{}: ", self.budget)?,
        }
        let unit = &self.unit;
        write!(f, "{} of ", unit.figure(self.spent))?;
        match self.limit {
            Some(limit) => write!(f, "{} used", unit.show(limit))?,
            None => write!(f, "{unit} used")?,
        }
        if self.limit.is_some_and(|limit| limit != self.ceiling) {
            write!(f, " (stops above {})", unit.figure(self.ceiling))?;
        }
        if self.reserved > 0 {
            write!(f, ", {} held", unit.figure(self.reserved))?;
            if !matches!(self.kind, RefusalKind::HeldForChild { .. }) {
                f.write_str(" for calls in flight")?;
            }
        }
        write!(f, ", call needs {}", unit.figure(self.requested))?;
        match &self.kind {
            RefusalKind::Exhausted { resets_at: Some(at) } => write!(f, "; resets {at}"),
            RefusalKind::Exhausted { resets_at: None } => f.write_str("; raise the limit to go on"),
            RefusalKind::InFlight => f.write_str("; fits once calls in flight end, ask again soon"),
            RefusalKind::HeldForChild { child } => {
                write!(f, "; a part is set aside for {child}, fits once that run is closed")
            }
            RefusalKind::NeverFits => f.write_str("; can never fit, ask for less or raise the limit"),
            RefusalKind::RunLimit => f.write_str(match unit {
                Unit::ToolCalls | Unit::Tool(_) => "; the run may make no more of them",
                Unit::Children | Unit::Depth => "; the run may begin no more of them",
                _ => "; the run ends here",
            }),
            RefusalKind::KeptBack => f.write_str("; what is left is kept back for the final call"),
            _ => Ok(()),
        }
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            budget: &'a str,
            scope: Option<&'a Scope>,
            window: &'a str,
            unit: &'a Unit,
            limit: Option<Figure<'a>>,
            ceiling: Option<Figure<'a>>,
            spent: Figure<'a>,
            reserved: Figure<'a>,
            requested: Figure<'a>,
            #[serde(flatten)]
            kind: &'a RefusalKind,
        }
        let figure = |figure| Figure(&self.unit, figure);
        Shown {
            budget: &self.budget,
            scope: self.scope.as_ref(),
            window: &self.window,
            unit: &self.unit,
            limit: self.limit.map(figure),
            ceiling: Some(self.ceiling).filter(|ceiling| *ceiling < i64::MAX).map(figure),
            spent: figure(self.spent),
            reserved: figure(self.reserved),
            requested: figure(self.requested),
            kind: &self.kind,
        }
        .serialize(serializer)
    }
}

impl Serialize for BudgetState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let figure = |figure| Figure(&self.unit, figure);
        let mut fields = serializer.serialize_struct("BudgetState", 11)?;
        fields.serialize_field("budget", &self.budget)?;
        fields.serialize_field("scope", &self.scope)?;
        fields.serialize_field("window", &self.window)?;
        fields.serialize_field("unit", &self.unit)?;
        fields.serialize_field("limit", &self.limit.map(figure))?;
        fields.serialize_field("spent", &figure(self.spent))?;
        fields.serialize_field("reserved", &figure(self.reserved))?;
        fields.serialize_field("requested", &figure(self.requested))?;
        fields.serialize_field("remaining", &self.remaining.map(figure))?;
        fields.serialize_field("verdict", &self.verdict)?;
        fields.serialize_field("observe", &self.observe)?;
        fields.end()
    }
}

/// Whom no budget binds, and both ways to go on: give a budget, or let such calls pass by
/// name.
fn unbound(
    f: &mut fmt::Formatter<'_>,
    scopes: &[Scope],
    policy_is_empty: bool,
    nearest: Option<&ScopeKind>,
) -> fmt::Result {
    if policy_is_empty {
        return f.write_str(
            "there is no budget at all; give the enforcer a policy with budgets, or let calls without one pass by \
             name: .unbound(Unbound::Allow) on the builder, or unbound = \"allow\" in the policy",
        );
    }
    f.write_str("no budget binds the call: ")?;
    for (place, scope) in scopes.iter().enumerate() {
        write!(f, "{}{scope}", if place > 0 { ", " } else { "" })?;
    }
    f.write_str(match scopes {
        [] => "it names nobody who pays; name a team, a user, a key",
        [_] => " has none; give it one",
        _ => " have none; give one of them a budget",
    })?;
    if let Some(kind) = nearest {
        write!(f, ", charge the call to one of kind {kind}, which has a budget,")?;
    } else {
        f.write_str(",")?;
    }
    f.write_str(" or let such calls pass by name: unbound = \"allow\" in the policy")
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Degrade => "degrade",
            Self::Block => "block",
        })
    }
}

impl fmt::Display for Decision {
    /// The refusals, one after the other, and the next move; or the warning.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verdict, OneLine(self.model()))?;
        let refusals = self.refusals();
        if refusals.is_empty() {
            for line in self.lines().filter(|line| line.verdict() == Verdict::Warn) {
                let unit = line.bound.account.unit();
                let used = unit.figure(line.used());
                write!(f, "; budget {} {}: {used} of ", line.bound.account.scope(), line.window())?;
                write!(f, "{} used with this call", unit.show(line.bound.limit.unwrap_or(i64::MAX)))?;
            }
            return Ok(());
        }
        for refusal in &refusals {
            match (&refusal.kind, &self.missing) {
                (RefusalKind::Unpriced, Some(missing)) => write!(f, "; {missing}")?,
                _ => write!(f, "; {refusal}")?,
            }
        }
        if refusals.iter().any(|refusal| refusal.unit == Unit::Usd) {
            for fee in self.fees() {
                write!(f, "; the call is held for {fee}")?;
            }
            for note in self.fees.notes.iter().flat_map(|notes| notes.iter()) {
                write!(f, "; the call is held for {note}")?;
            }
            if let Some(model) = self.priced_as() {
                write!(f, "; the model has no price, and that of {} is assumed", OneLine(model))?;
            }
            if let Some(tier) = self.tier_without_rate {
                let tier = tier.name();
                write!(
                    f,
                    "; {tier} has no rate, so the dearest of the model is held; name it in a price row"
                )?;
            }
        }
        let counts_output = |refusal: &Refusal| {
            refusal.kind.is_by_figures()
                && matches!(refusal.unit, Unit::Usd | Unit::Tokens | Unit::TokensOutput)
        };
        if let Some(tokens) = self.output_tokens_unsaid.filter(|_| refusals.iter().any(counts_output)) {
            write!(
                f,
                "; the call names no output limit, so that {tokens} output tokens are held for it: name a lower one"
            )?;
        }
        if let Some(untrimmed) = &self.untrimmed {
            write!(f, "; {untrimmed}")?;
        }
        match (self.next_rung(), self.affordable_output_tokens) {
            (Some(rung), _) => write!(f, "; try {rung}"),
            (None, Some(tokens)) if tokens > 0 => write!(f, "; an output of {tokens} tokens would fit"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decision({self})")
    }
}

impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("Decision", 18)?;
        fields.serialize_field("verdict", &self.verdict)?;
        fields.serialize_field("model", self.model())?;
        fields.serialize_field("at", &self.now)?;
        fields.serialize_field("advice", &self.advice)?;
        fields.serialize_field("budgets", &self.budgets())?;
        fields.serialize_field("refusals", &self.refusals())?;
        fields.serialize_field("affordable_output_tokens", &self.affordable_output_tokens)?;
        fields.serialize_field("prompt_tokens_least", &self.prompt_tokens_least())?;
        fields.serialize_field("output_tokens_unsaid", &self.output_tokens_unsaid)?;
        fields.serialize_field("worst_case_excess", &self.excess)?;
        fields.serialize_field("fees", self.fees())?;
        fields.serialize_field("tier_without_rate", &self.tier_without_rate)?;
        fields.serialize_field("priced_as", &self.priced_as())?;
        fields.serialize_field("model_without_price", &self.model_without_price())?;
        fields.serialize_field("retry_at", &self.retry_at())?;
        fields.serialize_field("next_rung", &self.next_rung())?;
        fields.serialize_field("would_be", &self.would_be())?;
        fields.serialize_field("would_refuse", &self.would_refuse())?;
        fields.end()
    }
}
