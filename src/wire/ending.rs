//! When is an answer over, and what is kept of it?
//!
//! Three kinds of document come one after another and look alike: frames of one answer, of
//! which the last figure counts; answers of a session, each of which is billed; lines of a
//! batch, each of which is billed too. What tells them apart is the event's name, or that
//! the document says that it is one of a batch. An answer that ended is kept with its lines
//! and its cost, under its id, so that one shown twice takes its own place and is billed
//! once.
//!
//! For example, a realtime session sends `response.done` for each answer: two of them with
//! 10 and 20 tokens are two lines, 30 tokens in all. A stream that says 10 tokens and later
//! 20 of one answer is one line of 20.

use std::collections::HashMap;

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::cost::CostSeen;
use super::fields::Figures;
use super::reader::{Frame, Reader};
use super::report::{Purpose, TextSeen, UsageLine};
use super::shown::Told;
use super::tools::ToolItems;

/// Ended answers of a session that are kept apart; what ends after them is added to the
/// last one, so that memory ends and no money is lost.
const ANSWERS_MAX: usize = 1_024;
/// The same of a log, which is read at once.
pub(super) const ANSWERS_IN_A_LOG_MAX: usize = 16_384;

/// Events that end the one answer of a stream.
const LAST: [&[u8]; 14] = [
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
    places: HashMap<CompactString, usize>,
    /// The model of the last one.
    pub(super) model: Option<CompactString>,
    pub(super) answers_max: usize,
}

impl Default for Ended {
    fn default() -> Self {
        Self { answers: Vec::new(), places: HashMap::new(), model: None, answers_max: ANSWERS_MAX }
    }
}

/// What one answer was billed.
#[derive(Clone, Debug)]
struct EndedAnswer {
    lines: Vec<UsageLine>,
    /// What it cost by its provider, where that is known.
    cost: Option<Decimal>,
}

impl Ended {
    /// The lines of all answers but that of the id, which is being read again.
    pub(super) fn lines(&self, open: Option<&CompactString>) -> Vec<UsageLine> {
        let open = open.and_then(|id| self.places.get(id)).copied();
        let answers = self.answers.iter().enumerate().filter(|(place, _)| Some(*place) != open);
        answers.flat_map(|(_, answer)| answer.lines.iter().cloned()).collect()
    }

    /// The cost of all answers together, where each says its own.
    pub(super) fn cost_with(
        &self,
        cost: &CostSeen,
        open: Option<&CompactString>,
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
    fn is_full(&self) -> bool {
        self.answers.len() >= self.answers_max
    }

    /// Keeps an answer: in the place of the one with its id, as a new one, or added to the
    /// last.
    fn push(&mut self, id: Option<&CompactString>, answer: EndedAnswer) {
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

impl Reader {
    /// Draws the conclusions of a frame that was read. One that broke off ended no answer,
    /// whatever its name.
    pub(super) fn end_frame(&mut self, is_whole: bool) {
        self.settle_text();
        self.usage_frames = self.usage_frames.wrapping_add(u32::from(self.frame.has_usage));
        let frame = &self.frame;
        if frame.has_finish && is_whole {
            self.finished = true;
        } else if frame.has_text && self.is_stream {
            // Another choice, or another answer of a session, goes on.
            self.finished = false;
        }
        if is_whole {
            let kind = self.frame.kind.as_slice();
            if kind == b"response.done" {
                self.end_answer(Purpose::Answer);
            } else if kind.ends_with(b"input_audio_transcription.completed") {
                self.end_answer(Purpose::Transcription);
            } else if self.frame.is_batch && self.frame.is_wrapped {
                self.tier = Some("batch".into());
                self.end_answer(Purpose::Answer);
            } else if self.is_live && self.frame.has_usage {
                self.end_answer(Purpose::Answer);
            } else if LAST.contains(&kind) {
                self.finished = true;
                // Of several images each ends with an event of its own.
                self.is_over |= !kind.starts_with(b"image");
            }
        }
        let complains = self.frame.complains;
        self.frame = Frame { complains, ..Frame::default() };
    }

    /// Keeps what an answer of many was billed, and begins the next.
    pub(super) fn end_answer(&mut self, purpose: Purpose) {
        self.damaged |= self.ended.is_full();
        let (mut lines, clamped) = match purpose {
            Purpose::Answer => self.answer(),
            other => self.line(other).map_or((Vec::new(), false), |(line, clamped)| (vec![line], clamped)),
        };
        lines.append(&mut self.beside);
        self.clamped |= clamped;
        let id = self.id.take().filter(|_| purpose == Purpose::Answer);
        for line in &mut lines {
            line.id.clone_from(&id);
            line.service_tier.clone_from(&self.tier);
            // Answers of a log or of a batch may come from several models.
            match purpose {
                Purpose::Transcription => line.model.clone_from(&self.transcription_model),
                // A tool that makes images has a model of its own, also where nobody says which.
                _ if line.model.is_none() && line.purpose != Purpose::ImageGeneration => {
                    line.model.clone_from(&self.model);
                }
                _ => {}
            }
        }
        if !lines.is_empty() {
            let cost = self.cost.trusted();
            self.ended.push(id.as_ref(), EndedAnswer { lines, cost });
        }
        if purpose == Purpose::Answer {
            self.ended.model.clone_from(&self.model);
            if self.frame.is_batch {
                self.model = None;
            }
        }
        self.figures = Figures::NONE;
        self.items = ToolItems::default();
        self.by_model.clear();
        self.cost.clear();
        self.text = TextSeen::default();
        self.told = Told::default();
        self.finished = true;
        self.is_over = false;
    }

    /// Counts the text beside an event's name, now that the name is known.
    fn settle_text(&mut self) {
        let pending = self.frame.pending;
        let repeats = self.frame.kind.ends_with(b".done");
        self.told.end_frame(repeats);
        if pending == TextSeen::default() {
            return;
        }
        let kind = String::from_utf8_lossy(&self.frame.kind).into_owned();
        let pending = match () {
            () if kind.ends_with("audio.delta") => TextSeen::default(),
            () if repeats => self.repeated(pending),
            () => {
                self.told.tell(self.frame.place, pending.bytes_all());
                pending
            }
        };
        let hidden = ["reasoning", "arguments", "code", "command", "input.delta", "mcp"];
        let hidden = hidden.iter().any(|word| kind.contains(word));
        if let Some(heard) = &mut self.heard {
            heard.keep_last_pending(pending.bytes_all());
            heard.settle((pending.bytes_all() > 0).then_some(hidden || pending.bytes == 0));
        }
        if pending == TextSeen::default() {
            return;
        }
        let TextSeen { chars, bytes, hidden_bytes, runs } = pending;
        self.text = self.text.plus(if hidden {
            TextSeen { chars: 0, bytes: 0, hidden_bytes: bytes.saturating_add(hidden_bytes), runs }
        } else {
            TextSeen { chars, bytes, hidden_bytes, runs }
        });
        self.frame.has_text = true;
    }
}
