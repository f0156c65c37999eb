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

use super::ended::{EndedAnswer, LAST};
use super::fields::Figures;
use super::reader::{Frame, Reader};
use super::report::{Purpose, TextSeen};
use super::told::Told;
use super::tools::ToolItems;

impl Reader {
    /// Draws the conclusions of a frame that was read. One that broke off ended no answer,
    /// whatever its name.
    pub(super) fn end_frame(&mut self, is_whole: bool) {
        self.count_text();
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
    fn count_text(&mut self) {
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
            heard.decide((pending.bytes_all() > 0).then_some(hidden || pending.bytes == 0));
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
