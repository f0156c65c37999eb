//! What did one response cost?

use std::collections::HashSet;

use rust_decimal::Decimal;
use serde_json::{Value, json};
use token_budget::call::{Conditions, Region};
use token_budget::pricing::Cost;
use token_budget::wire::{Purpose, StreamMeter, UsageReport, extract};
use token_budget::{PricingTable, Usage};

use super::Asked;

/// Everything that is billed for one response, or why that is not known.
#[derive(Debug)]
pub(crate) struct Bill {
    pub(crate) lines: Vec<Line>,
    /// What the provider says it charges.
    pub(crate) reported: Option<Decimal>,
    report: UsageReport,
}

/// The usage of one model, and its price.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) model: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) purpose: &'static str,
    /// It is an answer, not something billed beside one.
    is_answer: bool,
    /// More text was seen than so few tokens can be.
    pub(crate) is_doubted: bool,
    pub(crate) usage: Usage,
    pub(crate) priced: Priced,
}

#[derive(Debug)]
pub(crate) enum Priced {
    Cost { cost: Box<Cost>, source: String },
    Unknown(String),
}

impl Bill {
    /// Reads a body, or else a stream, and prices each of its lines with its own model, at its own tier.
    pub(crate) fn of(body: &[u8], table: &PricingTable, asked: &Asked) -> Self {
        let provider = asked.provider.as_deref();
        let report = extract(provider, body, []).unwrap_or_else(|_| {
            let mut meter = StreamMeter::new(provider);
            meter.push(body);
            meter.finish()
        });
        let region = report.region.as_deref().map_or(Region::Global, Region::named);
        let lines = report.lines.iter().map(|line| {
            let tier = asked.tier.or_else(|| report.tier_of(line)).unwrap_or_default();
            let conditions = Conditions::new().with_tier(tier).with_region(region);
            let named = line.model.as_deref().or(asked.model.as_deref()).or(report.model.as_deref());
            let priced = price(table, named, &line.usage, conditions, asked);
            Line {
                model: named.map(str::to_owned),
                id: line.id.as_deref().map(str::to_owned),
                purpose: purpose(line.purpose),
                is_answer: line.purpose == Purpose::Answer,
                is_doubted: line.usage.output().is_some_and(|output| output < line.text.tokens_at_least()),
                usage: line.usage,
                priced,
            }
        });
        Self { lines: lines.collect(), reported: report.cost, report }
    }

    /// How many answers there are; several models may have shared one.
    pub(crate) fn answers(&self) -> usize {
        let answers = || self.lines.iter().filter(|line| line.is_answer);
        let is_shared = |line: &&Line| line.id.is_some();
        let ids: HashSet<_> = answers().filter_map(|line| line.id.as_deref()).collect();
        ids.len().saturating_add(answers().filter(|line| !is_shared(line)).count())
    }

    /// The whole charge in USD, and whether that is all; `None` where nothing is known.
    pub(crate) fn total(&self) -> Option<(Decimal, bool)> {
        // Of what broke off or was damaged there may be more.
        let is_whole = self.report.finished && !self.report.damaged;
        if let Some(usd) = self.reported {
            return Some((usd, is_whole));
        }
        if self.is_free() {
            return Some((Decimal::ZERO, true));
        }
        let mut total = None;
        for line in &self.lines {
            if let Priced::Cost { cost, .. } = &line.priced {
                // Nano-dollars: nine decimals.
                let usd = Decimal::new(cost.total().nanos(), 9);
                total = total.unwrap_or(Decimal::ZERO).checked_add(usd);
            }
        }
        total.map(|usd| (usd, is_whole && self.lines.iter().all(Line::is_complete)))
    }

    /// Whether the total is known, and nothing is left out of it.
    pub(crate) fn is_complete(&self) -> bool {
        self.total().is_some_and(|(_, is_all)| is_all)
    }

    /// An error in place of an answer is not billed, save what a filter refused, and neither is counting tokens.
    fn is_free(&self) -> bool {
        let has_error = self.report.error.is_some() && !self.report.filtered;
        self.report.counting || (has_error && self.lines.is_empty())
    }

    /// One line for people.
    pub(crate) fn summary(&self) -> String {
        let broken = if self.report.finished { "" } else { " (it broke off: there may be more)" };
        match self.total() {
            Some(_) if self.report.counting => "only counted tokens, nothing is billed".into(),
            Some(_) if self.is_free() => {
                format!("error {}, nothing is billed", self.report.error.as_deref().unwrap_or_default())
            }
            Some((usd, true)) => format!("${}{broken}", usd.normalize()),
            Some((usd, false)) => format!("at least ${}{broken}", usd.normalize()),
            None if self.report.filtered => {
                "unknown: a filter refused the prompt, and its input is billed".into()
            }
            None if self.lines.is_empty() => {
                let chars = self.report.text.chars;
                format!("unknown: no usage was reported{broken}; {chars} characters of text were seen")
            }
            None => format!("unknown: no price was found{broken}"),
        }
    }

    pub(crate) fn as_json(&self, file: &str) -> Value {
        let total = self.total();
        json!({
            "file": file,
            "answers": self.answers(),
            "total_usd": total.map(|(usd, _)| usd.normalize().to_string()),
            "complete": self.is_complete(),
            "reported_usd": self.reported.map(|usd| usd.to_string()),
            "lines": self.lines.iter().map(Line::as_json).collect::<Vec<_>>(),
            "report": self.report,
        })
    }
}

impl Line {
    fn is_complete(&self) -> bool {
        !self.is_doubted && matches!(&self.priced, Priced::Cost { cost, .. } if cost.is_complete())
    }

    fn as_json(&self) -> Value {
        let (cost, source, why) = match &self.priced {
            Priced::Cost { cost, source } => (Some(cost), Some(source), None),
            Priced::Unknown(why) => (None, None, Some(why)),
        };
        let parts = cost.map(|cost| {
            let part = |part: token_budget::pricing::CostLine| {
                let text = |number: Option<Decimal>| number.map(|number| number.normalize().to_string());
                json!({"meter": part.meter.name(), "quantity": part.quantity,
                    "rate": text(part.rate), "usd": part.amount.map(|usd| usd.to_string())})
            };
            cost.lines().map(part).collect::<Vec<_>>()
        });
        json!({
            "model": self.model,
            "id": self.id,
            "doubted": self.is_doubted,
            "purpose": self.purpose,
            "usage": self.usage,
            "usd": cost.map(|cost| cost.total().to_string()),
            "parts": parts,
            "source": source,
            "unpriced": why,
        })
    }
}

fn price(
    table: &PricingTable,
    model: Option<&str>,
    usage: &Usage,
    conditions: Conditions,
    asked: &Asked,
) -> Priced {
    let Some(model) = model else {
        return Priced::Unknown("the response names no model; give one with --model".into());
    };
    let provider = asked.provider.as_deref();
    let Some(price) = table.find(provider, model, asked.at) else {
        let of = provider.map_or(String::new(), |provider| format!(" of {provider}"));
        return Priced::Unknown(format!("no price of {model:?}{of} is known at {}", asked.at));
    };
    match price.cost(usage, &conditions) {
        Ok(cost) => {
            let (of, version) = (price.source().name(), price.source().version().unwrap_or("no version"));
            let source = format!(
                "{}/{}, {} ({of}, {version})",
                price.provider(),
                price.model(),
                conditions.tier().name()
            );
            Priced::Cost { cost: Box::new(cost), source }
        }
        Err(error) => Priced::Unknown(error.to_string()),
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Answer => "for the answer",
        Purpose::Compaction => "for shortening the conversation",
        Purpose::Advisor => "for advice",
        Purpose::Transcription => "for writing down speech",
        Purpose::ImageGeneration => "for images",
        _ => "beside the answer",
    }
}
