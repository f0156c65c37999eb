//! What stands around the frames of a model: Bedrock's own events, counts and wrapping?
//!
//! Bedrock carries models of many makers, and wraps what they say in three ways: an event
//! by its name around the members (`{"metadata": {"usage": …}}`), its own counts beside the
//! model's (`amazon-bedrock-invocationMetrics`), and the model's whole frame in base64
//! (`{"bytes": "eyJ…"}`). Each of these words may also be a client's own: `metadata` is
//! what some APIs give back as it was sent. So a word is believed only if nothing else
//! stands beside it, and in a stream.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::fields::{Field, Figures};
use super::json::{Cursor, Kind};
use super::reader::{Frame, Reader};
use super::vocabulary::At;

impl Reader {
    /// Bedrock's event of that name is all that its document says. Elsewhere it is what a client wrote with
    /// its request and gets back: whatever it says of usage is not the provider's word.
    pub(super) fn metadata(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        if !self.is_stream || self.frame.members > 1 || value.kind()? != Kind::Object {
            return value.skip();
        }
        let mut after = *value;
        after.skip()?;
        if after.ends_object() { self.enter(At::Envelope, value) } else { value.skip() }
    }

    /// Takes what Bedrock counted, if the model's own frames say nothing, or less.
    pub(super) fn metrics(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let own = std::mem::replace(&mut self.figures, Figures::NONE);
        let done = self.members(At::Metrics, value);
        let counted = std::mem::replace(&mut self.figures, own);
        match (self.figures.get(Field::Output), counted.get(Field::Output)) {
            (None, _) => self.figures = counted,
            (Some(own), Some(counted)) if counted > own => self.figures.set(Field::Output, counted),
            _ => {}
        }
        done
    }

    /// Bedrock wraps the model's own frame in base64; a frame inside that is not looked for.
    pub(super) fn inner(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        if value.kind()? != Kind::Text || self.frame.is_inner || !self.is_stream {
            return value.skip();
        }
        let text = value.text()?;
        let Ok(json) = STANDARD.decode(text.bytes) else {
            self.damaged = true;
            return Some(());
        };
        let outer = std::mem::replace(&mut self.frame, Frame { is_inner: true, ..Frame::default() });
        if self.document(&json).is_none() {
            self.damaged = true;
        }
        self.frame = outer;
        Some(())
    }
}
