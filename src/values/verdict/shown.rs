//! How does a decision read, for people and as JSON?

use std::fmt;

use serde::{Serialize, Serializer};

use super::Verdict;
use super::answer::Decision;
use super::refusal::{Refusal, RefusalKind};
use crate::values::Unit;
use crate::values::one_line::OneLine;

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
