//! When is an answer over, and what is kept of it?

use compact_str::CompactString;
use rust_decimal::Decimal;

use super::cost::CostSeen;
use super::fields::Figures;
use super::reader::{Frame, Reader, ToolItems};
use super::report::{Purpose, TextSeen, UsageLine};

/// Lines of ended answers that are kept apart; what ends after them is added to the last of its kind.
const LINES_MAX: usize = 1_024;

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

/// Answers that ended before the one being read.
#[derive(Clone, Debug, Default)]
pub(super) struct Ended {
    pub(super) lines: Vec<UsageLine>,
    /// The model of the last one.
    pub(super) model: Option<CompactString>,
    /// What all of them cost by their provider; none as soon as one did not say.
    cost: Option<Decimal>,
    count: usize,
}

impl Ended {
    /// The cost of all answers together, where each says its own.
    pub(super) fn cost_with(&self, cost: &CostSeen, is_open: bool) -> Option<Decimal> {
        match (self.count, is_open) {
            (0, _) => cost.trusted(),
            (_, false) => self.cost,
            (_, true) => self.cost?.checked_add(cost.trusted()?),
        }
    }

    fn push(&mut self, line: UsageLine) {
        if self.lines.len() < LINES_MAX {
            return self.lines.push(line);
        }
        let alike = |other: &&mut UsageLine| other.purpose == line.purpose && other.model == line.model;
        if let Some(last) = self.lines.iter_mut().rev().find(alike) {
            last.usage = last.usage.plus(&line.usage);
        } else if let Some(last) = self.lines.last_mut() {
            last.usage = last.usage.plus(&line.usage);
        }
    }
}

impl Reader {
    /// Settles what a frame meant. One that broke off ended no answer, whatever its name.
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
            }
        }
        let complains = self.frame.complains;
        self.frame = Frame { complains, ..Frame::default() };
    }

    /// Keeps what an answer of many was billed, and begins the next.
    fn end_answer(&mut self, purpose: Purpose) {
        if self.ended.lines.len() >= LINES_MAX {
            self.damaged = true;
        }
        let (mut lines, clamped) = match purpose {
            Purpose::Answer => self.answer(),
            other => self.line(other).map_or((Vec::new(), false), |(line, clamped)| (vec![line], clamped)),
        };
        lines.append(&mut self.beside);
        self.clamped |= clamped;
        if !lines.is_empty() {
            let own = self.cost.trusted();
            self.ended.cost = match self.ended.count {
                0 => own,
                _ => self.ended.cost.zip(own).and_then(|(sum, own)| sum.checked_add(own)),
            };
            self.ended.count = self.ended.count.saturating_add(1);
        }
        for mut line in lines {
            line.model = match purpose {
                Purpose::Transcription => self.transcription_model.clone(),
                // Answers of a batch may come from several models.
                _ if self.frame.is_batch => line.model.or_else(|| self.model.clone()),
                _ => line.model,
            };
            self.ended.push(line);
        }
        if self.frame.is_batch {
            self.ended.model = self.model.take();
        }
        self.figures = Figures::NONE;
        self.items = ToolItems::default();
        self.by_model.clear();
        self.cost.clear();
        self.text = TextSeen::default();
        self.finished = true;
    }

    /// Counts the text beside an event's name, now that the name is known.
    fn settle_text(&mut self) {
        let pending = self.frame.pending;
        if pending == TextSeen::default() {
            return;
        }
        let kind = String::from_utf8_lossy(&self.frame.kind);
        let repeats = kind.ends_with(".done") || kind.ends_with("audio.delta");
        let hidden = ["reasoning", "arguments", "code", "command", "input.delta", "mcp"];
        let hidden = hidden.iter().any(|word| kind.contains(word));
        if let Some(heard) = &mut self.heard {
            heard.settle((!repeats).then_some(hidden));
        }
        if repeats {
            return;
        }
        if hidden {
            self.text.hidden_bytes = self.text.hidden_bytes.saturating_add(pending.bytes);
        } else {
            self.text.bytes = self.text.bytes.saturating_add(pending.bytes);
            self.text.chars = self.text.chars.saturating_add(pending.chars);
        }
        self.frame.has_text = true;
    }
}
