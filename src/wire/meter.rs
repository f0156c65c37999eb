//! What has a stream used so far?
//!
//! The meter joins three parts: [`Framing`] finds documents in the bytes, [`Repeat`]
//! recognises a frame that says nothing new but text, and [`Reader`] reads all others. Each
//! part may be asked at any time what is known, so that a stream that is cut off still has
//! a report.

use std::fmt;

use super::frames::{Framing, Piece};
use super::reader::Reader;
use super::repeat::Repeat;
use super::report::UsageReport;

/// Reads the usage of a stream as it flows by, in whatever pieces it comes.
///
/// Show the meter the bytes; it never holds them back: forward first, push then. The meter
/// finds the framing out from the first bytes: server-sent events, JSON values (one a line,
/// spread over lines, or items of a list), or AWS event streams. Beyond the rest of an
/// unfinished frame nothing is kept, and no memory is taken for frames that lie whole in a
/// piece.
///
/// What one gets wrong: a stream of OpenAI's chat reports usage only if the request says
/// `"stream_options": {"include_usage": true}`. Without it the report has no line, and
/// [`or_estimated`](UsageReport::or_estimated) is all that is left. One meter is for one
/// response: a second response needs a second meter.
///
/// # Example: cut anywhere, also inside a character
/// ```
/// use token_budget::wire::StreamMeter;
///
/// let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"héllo\"}}],\"usage\":null}\n\n\
///     data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11}}\n\n\
///     data: [DONE]\n\n";
/// let mut meter = StreamMeter::new(Some("openai"));
/// for byte in stream.as_bytes() {
///     meter.push(&[*byte]);
/// }
/// let report = meter.finish();
/// assert_eq!(report.usage().and_then(|usage| usage.total()), Some(11));
/// assert_eq!(report.text.chars, 5);
/// ```
///
/// # Example: asked before the end
/// ```
/// use token_budget::wire::StreamMeter;
///
/// let mut meter = StreamMeter::new(Some("openai"));
/// meter.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"Mount \"}}]}\n\n");
/// meter.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"Eve");
/// // The second frame is not whole yet.
/// assert_eq!(meter.report().text.bytes, 6);
/// meter.push(b"rest.\"}}]}\n\n");
/// assert_eq!(meter.report().text.bytes, 6 + 8);
/// assert_eq!((meter.report().usage(), meter.report().finished), (None, false));
/// ```
#[derive(Clone)]
pub struct StreamMeter {
    reader: Reader,
    framing: Framing,
    /// The last frame, as the pattern of the next.
    repeat: Repeat,
}

impl fmt::Debug for StreamMeter {
    /// Without what was read: it holds text of the answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamMeter")
    }
}

impl StreamMeter {
    /// Returns a meter for one response of that provider; `None` if the provider is not
    /// known.
    ///
    /// The provider matters for what it matters in [`extract`](super::extract): whether a
    /// cost is believed.
    #[must_use]
    pub fn new(provider: Option<&str>) -> Self {
        Self { reader: Reader::new(provider, true), framing: Framing::new(), repeat: Repeat::default() }
    }

    /// A meter that keeps the text too, for whoever counts an answer while it flows.
    pub(crate) fn hearing(provider: Option<&str>) -> Self {
        let mut meter = Self::new(provider);
        meter.reader.heard = Some(Box::default());
        meter
    }

    /// Hands on the text that came since the last time: all that was generated, and the answer in it, with
    /// which of several choices said what.
    pub(crate) fn take_text(&mut self, take: impl FnOnce(&str, &mut dyn Iterator<Item = (u32, &str)>)) {
        if let Some(heard) = &mut self.reader.heard {
            take(&heard.all, &mut heard.spoken());
            heard.clear();
        }
    }

    /// How many frames have said something of usage. As long as the number is unchanged, so
    /// are the figures.
    pub(crate) fn usage_frames(&self) -> u32 {
        self.reader.usage_frames
    }

    /// Reads the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        let Self { reader, framing, repeat } = self;
        framing.push(bytes, |piece| read(reader, repeat, piece));
    }

    /// Reports what is known so far: at least the usage that has arrived.
    #[must_use]
    pub fn report(&self) -> UsageReport {
        self.reader.report()
    }

    /// Reports what is known at the end, with a last frame that was not terminated.
    #[must_use]
    pub fn finish(mut self) -> UsageReport {
        let Self { reader, framing, repeat } = &mut self;
        framing.finish(|piece| read(reader, repeat, piece));
        self.reader.report()
    }
}

/// Reads what the framing found. Whatever is no document may change what a frame means, so
/// the pattern ends with it.
fn read(reader: &mut Reader, repeat: &mut Repeat, piece: Piece<'_>) {
    if !matches!(piece, Piece::Json(_)) {
        repeat.forget();
    }
    let whole = match piece {
        Piece::Json(json) => repeat.read(reader, json),
        Piece::End => {
            reader.finished = true;
            reader.is_over = true;
            Some(())
        }
        Piece::Lost => None,
    };
    reader.damaged |= whole.is_none();
}
