//! Which reported figures are believed, and what stands in the place of the others?
//!
//! A provider, a proxy or a client may say that a prompt had no tokens, or a page of text one. Such a figure
//! is no report: what was counted is charged in its place, and where nothing was counted, or the model may
//! have generated what nobody saw, all that was held. The charge is then an estimate, never nothing.
//!
//! Two rules keep that fair. A figure is disbelieved only where it cannot be true: zero input for a prompt that was sent, fewer
//! output tokens than the text that was seen can have. And what stands in its place is never less than what was reported.
//!
//! Worked example: a call held for 1,200 and 500 tokens reports an input of 0 and an output of 350. The prompt was not empty, so
//! 1,200 input tokens are charged and the 350 stand; the charge is `Estimated`, and a later report replaces it.

use super::actual::Actual;
use super::open::Open;
use crate::tokens::keeps_to_limit;
use crate::values::{Input, Meter, Prompt};
use crate::wire::{Purpose, TextSeen, UsageLine};
use crate::{Usage, Usd};

/// What is charged of a report.
#[derive(Debug)]
pub(super) struct Believed {
    pub(super) usage: Usage,
    pub(super) beside: Vec<UsageLine>,
    pub(super) estimated: bool,
    /// A figure that was reported is not believed.
    pub(super) is_belied: bool,
    /// Some of the usage is not known.
    pub(super) unknown: bool,
}

/// What a provider may bill in place of input tokens: where it does, a prompt without tokens is no contradiction.
const OTHER_INPUT: [Meter; 7] = [
    Meter::AudioInMs,
    Meter::VideoInMs,
    Meter::ImageIn,
    Meter::Page,
    Meter::AnnotatedPage,
    Meter::CharacterIn,
    Meter::SearchUnit,
];

impl Open {
    /// The usage to charge; what was not reported, or cannot be, is taken as it was counted or held.
    pub(super) fn believed(&self, report: &Actual) -> Believed {
        let (usage, clamped) = report.usage.clamped();
        let mut believed = Believed {
            usage,
            beside: report.beside.clone(),
            estimated: report.estimated || clamped,
            is_belied: false,
            unknown: report.broke_off,
        };
        if report.unbilled {
            believed.usage =
                usage.with_input(usage.input().unwrap_or(0)).with_output(usage.output().unwrap_or(0));
            return believed;
        }
        self.believe_input(report, &mut believed);
        self.believe_output(report, &mut believed);
        for line in &mut believed.beside {
            if line.purpose == Purpose::Answer && is_short(self.shown(&line.usage), &line.text) {
                let output = self.output_instead(&line.text, None).max(line.usage.output().unwrap_or(0));
                line.usage = self.of_its_kind(line.usage.with_output(output));
                believed.estimated = true;
                believed.is_belied = true;
            }
        }
        believed
    }

    /// A whole that was not reported is not told by its parts: it is at least what was held for. A prompt that
    /// was sent has tokens, unless it is billed by something else.
    fn believe_input(&self, report: &Actual, believed: &mut Believed) {
        let usage = believed.usage;
        let is_other = OTHER_INPUT.iter().any(|meter| usage.count(*meter).unwrap_or(0) > 0);
        let is_belied = usage.input() == Some(0) && self.sent_a_prompt() && !is_other;
        if usage.input().is_none() || is_belied || self.says_nothing(report) {
            let input = self.input_counted().max(usage.input().unwrap_or(0));
            believed.usage = usage.with_input(input);
            believed.estimated = true;
            believed.is_belied |= is_belied;
            believed.unknown = true;
        }
    }

    /// Whether anything went in that must have had tokens.
    fn sent_a_prompt(&self) -> bool {
        let is_empty = |prompt: &Prompt| prompt.messages.is_empty() && prompt.tools.is_empty();
        self.priced.tokens_input > 0
            && !matches!(&self.plan.call.input, Input::Prompt(prompt) if is_empty(prompt))
    }

    /// The same of the output: less than the text that was seen can have, or less than half of what was counted, is no figure.
    fn believe_output(&self, report: &Actual, believed: &mut Believed) {
        let reported = report.usage.output();
        let usage = believed.usage;
        if report.broke_off {
            // Held may be less than the most that the call can use: what is not known is not little.
            let most = self.output_tokens();
            believed.usage = self.of_its_kind(usage.with_output(most.max(usage.output().unwrap_or(0))));
            believed.estimated = true;
            return;
        }
        // Seconds of sound and pages are billed in place of the tokens that their text would be.
        let is_other = OTHER_INPUT.iter().any(|meter| usage.count(*meter).unwrap_or(0) > 0);
        let shown = self.shown(&usage);
        let counted = report.counted.is_some_and(|counted| shown.unwrap_or(0) < counted.div_ceil(2));
        let is_short = counted || is_short(shown, &report.text) || self.is_short_of_images(report);
        let is_belied = reported.is_some() && !is_other && is_short;
        let hides = report.hides_thoughts && self.hidden().thinks();
        if reported.is_none() || is_belied || hides || self.says_nothing(report) {
            let output = self.output_instead(&report.text, report.counted);
            believed.usage = self.of_its_kind(usage.with_output(output.max(usage.output().unwrap_or(0))));
            believed.estimated = true;
            believed.is_belied |= is_belied;
            believed.unknown = true;
        } else if report.estimated {
            believed.usage = self.of_its_kind(usage);
        }
    }

    /// Fewer tokens than the images that were shown can have, of a model that sells them by the token.
    fn is_short_of_images(&self, report: &Actual) -> bool {
        let least = report.images.saturating_mul(TOKENS_OF_AN_IMAGE_LEAST);
        self.hidden().is_more_than_text
            && report.cost.is_none()
            && report.usage.output().is_some_and(|output| output < least)
    }

    /// Where the answer may be sound or images, an output that is not known is of the dearest of these, as it was held.
    fn of_its_kind(&self, usage: Usage) -> Usage {
        const KINDS: [Meter; 3] = [Meter::OutputAudio, Meter::OutputImage, Meter::OutputVideo];
        let (conditions, Some(price)) = (self.plan.conditions(), &self.plan.price) else { return usage };
        // Reasoning is text, whatever is made of it.
        let made = usage.output().unwrap_or(0).saturating_sub(usage.reasoning().unwrap_or(0));
        if made == 0 || KINDS.iter().any(|meter| usage.count(*meter).is_some()) {
            return usage;
        }
        let dearest = price.dearest_kind(usage.input().unwrap_or(0), conditions);
        dearest.map_or(usage, |meter| usage.with(meter, made))
    }

    /// The tokens that an answer of that usage shows: its output, and before it the prompt where that is echoed.
    fn shown(&self, usage: &Usage) -> Option<u64> {
        let output = usage.output()?;
        if !self.reach.echoes {
            return Some(output);
        }
        let prompts = usage.input().unwrap_or(0).saturating_mul(u64::from(self.reach.choices.max(1)));
        Some(output.saturating_add(prompts))
    }

    /// Nothing used of what was held for is a report that is missing, not a call that was free.
    fn says_nothing(&self, report: &Actual) -> bool {
        !self.is_counted
            && report.beside.is_empty()
            && report.usage.is_complete()
            && report.usage.counts().all(|(_, count)| count == 0)
            && self.priced.usd > Usd::ZERO
    }

    /// The output in place of one that is not known: as it was counted, or its text bounds it; as it was held,
    /// where no text was seen (which counts as nothing, and says nothing) or the model may have generated more than was shown.
    fn output_instead(&self, text: &TextSeen, counted: Option<u64>) -> u64 {
        let most = self.output_tokens();
        let bytes = text.bytes_all();
        if self.hidden().bounds_nothing() || (bytes == 0 && counted.unwrap_or(0) == 0) {
            return most.max(counted.unwrap_or(0)).max(text.tokens_at_least());
        }
        // No token stands for less than a byte, and a provider that keeps to the limit sends no more than it.
        let keeps_to_it = keeps_to_limit(bytes, most);
        let bound = if keeps_to_it { bytes.min(most) } else { bytes };
        counted.unwrap_or(bound).max(text.tokens_at_least())
    }
}

/// Far below what is stated for the smallest images: 272 tokens at OpenAI, hundreds at Google.
const TOKENS_OF_AN_IMAGE_LEAST: u64 = 64;

/// Fewer tokens than the text that was seen can have been.
fn is_short(shown: Option<u64>, text: &TextSeen) -> bool {
    shown.is_some_and(|tokens| tokens < text.tokens_at_least())
}
