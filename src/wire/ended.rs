//! What is kept of answers that are over?

use std::collections::HashMap;

use crate::values::ShortText;
use rust_decimal::Decimal;

use super::cost::CostSeen;
use super::report::UsageLine;

/// Ended answers of a session that are kept apart; what ends after them is added to the
/// last one, so that memory ends and no money is lost.
const ANSWERS_MAX: usize = 1_024;
/// The same of a log, which is read at once.
pub(super) const ANSWERS_IN_A_LOG_MAX: usize = 16_384;

/// Events that end the one answer of a stream.
pub(super) const LAST: [&[u8]; 14] = [
    b"message_stop",
    b"response.completed",
    b"response.incomplete",
    b"response.failed",
    b"response.cancelled",
    b"message-end",
    b"stream-end",
    b"interaction.complete",
    b"interaction.completed",
    b"conversation.response.done",
    b"transcript.text.done",
    b"speech.audio.done",
    b"image_generation.completed",
    b"image_edit.completed",
];

/// Whether an event of that name ends an answer, and shows all of it once more.
pub(super) fn ends_an_answer(kind: &[u8]) -> bool {
    kind == b"response.done" || LAST.contains(&kind)
}

/// Answers that ended before the one being read.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    answers: Vec<EndedAnswer>,
    /// Where the answer of an id stands, so that the same answer shown again takes its
    /// place.
    places: HashMap<ShortText, usize>,
    /// The model of the last one.
    pub(super) model: Option<ShortText>,
    pub(super) answers_max: usize,
}

impl Default for Ended {
    fn default() -> Self {
        Self { answers: Vec::new(), places: HashMap::new(), model: None, answers_max: ANSWERS_MAX }
    }
}

/// What one answer was billed.
#[derive(Clone, Debug)]
pub(super) struct EndedAnswer {
    pub(super) lines: Vec<UsageLine>,
    /// What it cost by its provider, where that is known.
    pub(super) cost: Option<Decimal>,
}

impl Ended {
    /// The lines of all answers but that of the id, which is being read again.
    pub(super) fn lines(&self, open: Option<&ShortText>) -> Vec<UsageLine> {
        let open = open.and_then(|id| self.places.get(id)).copied();
        let answers = self.answers.iter().enumerate().filter(|(place, _)| Some(*place) != open);
        answers.flat_map(|(_, answer)| answer.lines.iter().cloned()).collect()
    }

    /// The cost of all answers together, where each says its own.
    pub(super) fn cost_with(
        &self,
        cost: &CostSeen,
        open: Option<&ShortText>,
        is_open: bool,
    ) -> Option<Decimal> {
        if self.answers.is_empty() {
            return cost.trusted();
        }
        let open = open.filter(|_| is_open).and_then(|id| self.places.get(id)).copied();
        let own = if is_open { cost.trusted()? } else { Decimal::ZERO };
        let answers = self.answers.iter().enumerate().filter(|(place, _)| Some(*place) != open);
        answers.map(|(_, answer)| answer.cost).try_fold(own, |sum, cost| sum.checked_add(cost?))
    }

    /// Whether no more answers are kept apart.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() >= self.answers_max
    }

    /// Keeps an answer: in the place of the one with its id, as a new one, or added to the
    /// last.
    pub(super) fn push(&mut self, id: Option<&ShortText>, answer: EndedAnswer) {
        let place = id.and_then(|id| self.places.get(id)).copied();
        if let Some(shown) = place.and_then(|place| self.answers.get_mut(place)) {
            *shown = answer;
            return;
        }
        if !self.is_full() {
            if let Some(id) = id {
                self.places.insert(id.clone(), self.answers.len());
            }
            return self.answers.push(answer);
        }
        // Nothing is lost of what no longer stands apart.
        let Some(last) = self.answers.last_mut() else { return };
        last.cost = last.cost.zip(answer.cost).and_then(|(sum, own)| sum.checked_add(own));
        for line in answer.lines {
            let alike = |other: &&mut UsageLine| other.purpose == line.purpose && other.model == line.model;
            match last.lines.iter_mut().rev().find(alike) {
                Some(other) => other.usage = other.usage.plus(&line.usage),
                None => last.lines.push(line),
            }
        }
    }
}
