//! What is known about how a call ended, whoever says it?
//!
//! A caller has two figures and makes an [`Actual`] of a [`Usage`]; a reader of the wire has a [`UsageReport`], with model, tier,
//! cost and text. What is not said is absent and not zero: each absence has a rule in `believed`.

use crate::values::{Region, ServiceTier, ShortText};
use crate::wire::{Purpose, TextSeen, UsageLine, UsageReport};
use crate::{Amount, Usage, Usd};

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
    /// What is charged as it stands, whatever else is said: made of an [`Amount`].
    pub amount: Option<Box<Amount>>,
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
            amount: None,
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
