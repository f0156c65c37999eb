//! What has a stream used so far?

use std::fmt;

use super::frames::{Framing, Piece};
use super::reader::Reader;
use super::repeat::Repeat;
use super::report::UsageReport;

/// Reads the usage of a stream as it flows by, in whatever pieces it comes.
///
/// It is shown the bytes and never holds them back: forward first, push then.
/// The framing is found out from the first bytes: server-sent events, JSON
/// values (one a line, spread over lines, or items of a list), or AWS event
/// streams. Beyond the rest of an unfinished frame nothing is kept, and no
/// memory is taken for frames that lie whole in a piece.
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
#[derive(Clone)]
pub struct StreamMeter {
    reader: Reader,
    framing: Framing,
    repeat: Repeat,
}

impl fmt::Debug for StreamMeter {
    /// Without what was read: it holds text of the answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamMeter")
    }
}

impl StreamMeter {
    /// A meter for one response of that provider; `None` where it is not known.
    ///
    /// See [`extract`](super::extract) for what the provider matters.
    #[must_use]
    pub fn new(provider: Option<&str>) -> Self {
        Self { reader: Reader::new(provider, true), framing: Framing::new(), repeat: Repeat::default() }
    }

    /// A meter that hears the text too: for whoever counts an answer while it flows.
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

    /// How many frames have said something of usage; unchanged, no figure has changed.
    pub(crate) fn usage_frames(&self) -> u32 {
        self.reader.usage_frames
    }

    /// Reads the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        let Self { reader, framing, repeat } = self;
        framing.push(bytes, |piece| read(reader, repeat, piece));
    }

    /// What is known so far: at least the usage that has arrived.
    #[must_use]
    pub fn report(&self) -> UsageReport {
        self.reader.report()
    }

    /// What is known at the end, with a last frame that was not terminated.
    #[must_use]
    pub fn finish(mut self) -> UsageReport {
        let Self { reader, framing, repeat } = &mut self;
        framing.finish(|piece| read(reader, repeat, piece));
        self.reader.report()
    }
}

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
