//! What do the items of an answer say: blocks, calls of tools, parts that are thoughts?
//!
//! What an item is may stand behind its text, since members of an object have no order. So
//! its text is counted as if it were generated, and the count of before is restored if the
//! item turns out to be a tool's result, or shifted if it was a thought.

use super::json::{Cursor, Kind};
use super::reader::Reader;
use super::tools;
use super::tools::EventName;
use super::vocabulary::{At, Name, Then, meaning};

impl Reader {
    /// An item of an answer: a call of a provider's tool is known by its type.
    pub(super) fn item(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let outer = std::mem::take(&mut self.frame.kind);
        let (mut action, mut name) = (EventName::new(), EventName::new());
        let before = self.text;
        let heard_before = self.heard.as_ref().map(|heard| heard.lengths());
        let done = value.members(|key, value| match meaning(At::Item, key) {
            Then::Name(Name::OfTool) if value.kind()? == Kind::Text => tools::named(value, &mut name),
            Then::Arguments if value.kind()? == Kind::Object => {
                // Searches of Google's own tool, not arguments of somebody's function.
                if self.frame.kind.as_slice() == b"google_search_call" {
                    self.enter(At::Arguments, &mut { *value })?;
                }
                self.hidden_object(value)
            }
            Then::Into(At::Action) => {
                let kind = std::mem::take(&mut self.frame.kind);
                self.enter(At::Action, value)?;
                action = std::mem::replace(&mut self.frame.kind, kind);
                Some(())
            }
            Then::Into(next) => self.enter(next, value),
            then => self.member(At::Item, then, key, value),
        });
        self.items.saw(&self.frame.kind, &action, &name);
        if self.frame.kind.ends_with(b"tool_result") {
            // What a tool gave back was not generated, though it stands among what was.
            self.text = before;
            if let Some((heard, lengths)) = self.heard.as_mut().zip(heard_before) {
                heard.unhear(lengths);
            }
        }
        self.frame.kind = outer;
        done
    }

    /// Of the tools that were offered only the one that makes images has a model of its own.
    pub(super) fn tool(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let outer = std::mem::take(&mut self.frame.kind);
        let before = self.image_model.take();
        let done = self.members(At::Tool, value);
        if self.frame.kind.as_slice() != b"image_generation" {
            self.image_model = before;
        }
        self.frame.kind = outer;
        done
    }

    /// A part may say after its text that it was a thought.
    pub(super) fn gemini_content(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let outer = std::mem::replace(&mut self.frame.thought, false);
        let before = self.text;
        let answer_before = self.heard.as_ref().map(|heard| heard.answer.len());
        let done = self.members(At::GeminiContent, value);
        if self.frame.thought {
            if let Some((heard, length)) = self.heard.as_mut().zip(answer_before) {
                heard.unsay(length);
            }
            let visible = self.text.bytes.saturating_sub(before.bytes);
            self.text.hidden_bytes = self.text.hidden_bytes.saturating_add(visible);
            self.text.bytes = before.bytes;
            self.text.chars = before.chars;
        }
        self.frame.thought = outer;
        done
    }

    /// Reasoning as text or in parts: of what one message writes out under several names the longest counts.
    pub(super) fn thought(&mut self, at: At, value: &mut Cursor<'_>) -> Option<()> {
        let (before, known) = (self.text, self.frame.thoughts);
        let heard_before = self.heard.as_ref().map(|heard| heard.lengths());
        match value.kind()? {
            Kind::Object | Kind::Array => self.enter(At::Thinking, value)?,
            _ => self.member(at, Then::Hidden, b"", value)?,
        }
        let bytes = self.text.hidden_bytes.saturating_sub(before.hidden_bytes);
        self.frame.thoughts = bytes.max(known);
        if known == 0 {
            return Some(());
        }
        self.text = before;
        self.text.hidden_bytes = before.hidden_bytes.saturating_add(bytes.saturating_sub(known));
        if let Some((heard, lengths)) = self.heard.as_mut().zip(heard_before).filter(|_| bytes <= known) {
            heard.unhear(lengths);
        }
        Some(())
    }

    /// Arguments that come as an object: its JSON is what was generated.
    pub(super) fn hidden_object(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let json = value.skipped()?;
        if json.len() > 2 && !self.frame.quiet {
            let bytes = u64::try_from(json.len()).unwrap_or(u64::MAX);
            self.text.hidden_bytes = self.text.hidden_bytes.saturating_add(bytes);
            self.frame.has_text = true;
            if let Some(heard) = &mut self.heard {
                heard.hear_json(json);
            }
        }
        Some(())
    }
}
