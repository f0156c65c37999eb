//! Where does one event of a stream end, so that another may follow it or one may be left out?
//!
//! The gate must be able to do two things in the middle of a stream: end it with an error
//! that the client can read, and leave out the usage frame that the client did not ask
//! for. Both are possible only between two events. So bytes are handed on up to the last
//! event that is whole, and the rest waits for its end. Most pieces that providers send
//! end with an event, and are handed on untouched.
//!
//! Worked example: the pieces `data: {"a":1}\n\ndata: {"b"` and `:2}\n\n` arrive. The
//! first is handed on as `data: {"a":1}\n\n`; `data: {"b"` is kept. The second piece
//! completes it, and `data: {"b":2}\n\n` follows. If the budget ends in between, the half
//! event is dropped and an error event takes its place.
//!
//! | framing | known by its first byte | an event ends |
//! | --- | --- | --- |
//! | server-sent events | any other | after a blank line |
//! | JSON list, JSON lines | `{` or `[` | outside all objects |
//! | AWS event stream | zero (a length below 16 MiB) | after its stated length |

use std::sync::LazyLock;

use memchr::memmem;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::dialect::{Dialect, Problem};
use super::want::Want;

/// An event larger than this is handed on in parts: 32 MiB, a few times the largest image
/// that is streamed. Without the limit one endless event would fill the memory.
const HELD_BYTES_MAX: usize = 32 << 20;

/// Looked for in every piece, so the search is prepared once.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));

/// Hands on whole events only.
///
/// An event of which only a part has come is kept until the rest is there: nobody can use
/// half of one, and nothing can be said after it. What is handed on is what came, byte
/// for byte, save the usage frame if that is hidden.
#[derive(Debug)]
pub(super) struct Aligned {
    framing: Framing,
    held: Vec<u8>,
    hides_usage: bool,
}

/// How events are told apart in these bytes.
#[derive(Clone, Copy, Debug)]
enum Framing {
    /// Nothing came yet but blanks.
    Unknown,
    Events,
    Json(Json),
    Aws,
    /// Too large to keep, or not what it promised: handed on as it comes.
    Opaque,
}

/// How deep the JSON read so far is, and what stood before this point. Braces inside
/// texts do not count, so texts and backslashes are followed too.
#[derive(Clone, Copy, Debug, Default)]
struct Json {
    depth: u32,
    in_text: bool,
    after_backslash: bool,
    in_list: bool,
    /// The last byte outside all objects that was no blank.
    last: u8,
    /// The last byte outside all objects ends a line.
    ends_line: bool,
}

/// What becomes of a piece.
pub(super) enum Passed {
    /// It is handed on as it is.
    Whole,
    /// This is handed on in its place; it may be empty.
    Instead(Vec<u8>),
}

impl Aligned {
    pub(super) fn new(hides_usage: bool) -> Self {
        Self { framing: Framing::Unknown, held: Vec::new(), hides_usage }
    }

    /// Takes the next bytes of the stream.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Passed {
        if bytes.is_empty() {
            return Passed::Whole;
        }
        // Blanks may stand before everything, and say nothing of what follows.
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
        if let (Framing::Unknown, Some(first)) = (self.framing, first) {
            self.framing = match first {
                0 => Framing::Aws,
                b'{' | b'[' => Framing::Json(Json::default()),
                _ => Framing::Events,
            };
        }
        if self.held.is_empty() {
            let end = self.framing.end(bytes, 0);
            if end == bytes.len() && !self.has_usage(bytes) {
                return Passed::Whole;
            }
            let (whole, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
            self.held.extend_from_slice(rest);
            return Passed::Instead(self.shown(whole.to_vec()));
        }
        let looked = self.held.len();
        self.held.extend_from_slice(bytes);
        let end = self.framing.end(&self.held, looked);
        let rest = self.held.split_off(end.min(self.held.len()));
        let whole = std::mem::replace(&mut self.held, rest);
        if self.held.len() > HELD_BYTES_MAX {
            self.framing = Framing::Opaque;
        }
        Passed::Instead(self.shown(whole))
    }

    /// What is left after the last piece: an event whose end never came.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.held);
        self.shown(rest)
    }

    /// Ends the stream with a problem, in place of an event that is not whole. In a JSON
    /// list the problem becomes the last element, so that the whole stays valid JSON.
    pub(super) fn end_with(&mut self, dialect: Dialect, want: Want, problem: &Problem<'_>) -> Vec<u8> {
        self.held = Vec::new();
        let json = || dialect.body(problem).to_string();
        match self.framing {
            Framing::Unknown | Framing::Events | Framing::Opaque => dialect.event(want, problem),
            Framing::Aws => dialect.aws_frame(problem),
            Framing::Json(Json { in_list: true, last, .. }) => {
                let comma = if matches!(last, b'[' | b',') { "" } else { "," };
                format!("{comma}{}]", json()).into_bytes()
            }
            Framing::Json(Json { ends_line, .. }) => {
                let line = if ends_line { "" } else { "\n" };
                format!("{line}{}\n", json()).into_bytes()
            }
        }
    }

    /// These whole events, without the usage frame if that is hidden.
    fn shown(&self, whole: Vec<u8>) -> Vec<u8> {
        if self.has_usage(&whole) { without_usage(&whole) } else { whole }
    }

    /// Whether a usage frame may be among these bytes; only then are they taken apart.
    fn has_usage(&self, bytes: &[u8]) -> bool {
        self.hides_usage && USAGE.find_iter(bytes).any(|at| is_object_next(bytes, at))
    }
}

impl Framing {
    /// Where the last whole event ends, of bytes that begin with one. The first `looked`
    /// bytes were searched before, so a long event costs time in proportion to its
    /// length.
    fn end(&mut self, all: &[u8], looked: usize) -> usize {
        match self {
            Self::Unknown | Self::Opaque => all.len(),
            // The common case: a piece that ends with an event.
            Self::Events if all.ends_with(b"\n\n") || all.ends_with(b"\r\n\r\n") => all.len(),
            Self::Events => {
                // An end may lie across the border of what was looked through.
                let from = looked.saturating_sub(3);
                let fresh = all.get(from..).unwrap_or_default();
                let end = |mark: &[u8]| Some(memmem::rfind(fresh, mark)?.saturating_add(mark.len()));
                let ends = [end(b"\n\n"), end(b"\n\r\n"), end(b"\r\r")];
                ends.into_iter().flatten().max().map_or(0, |end| end.saturating_add(from))
            }
            Self::Aws => aws_end(all).unwrap_or_else(|| {
                *self = Self::Opaque;
                all.len()
            }),
            Self::Json(json) => {
                let end = json.read(all.get(looked..).unwrap_or_default());
                end.map_or(0, |end| end.saturating_add(looked))
            }
        }
    }
}

/// Whether the member whose name stands there has an object for a value; other chunks say `null`.
fn is_object_next(bytes: &[u8], at: usize) -> bool {
    let after = bytes.get(at.saturating_add(b"\"usage\"".len())..).unwrap_or_default();
    let value = after.trim_ascii_start().strip_prefix(b":").map(<[u8]>::trim_ascii_start);
    value.is_some_and(|value| value.starts_with(b"{"))
}

/// Whole events, without those that carry usage and nothing else.
fn without_usage(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (event, next) = rest.split_at_checked(event_end(rest)).unwrap_or((rest, &[]));
        if !is_usage_alone(event) {
            kept.extend_from_slice(event);
        }
        rest = next;
    }
    kept
}

/// Where the first event ends, the blank line included.
fn event_end(bytes: &[u8]) -> usize {
    let end = |mark: &[u8]| Some(memmem::find(bytes, mark)?.saturating_add(mark.len()));
    let ends = [end(b"\n\n"), end(b"\n\r\n"), end(b"\r\r")];
    ends.into_iter().flatten().min().unwrap_or(bytes.len())
}

#[derive(Deserialize)]
struct Chunk {
    choices: Vec<IgnoredAny>,
    usage: Option<IgnoredAny>,
}

/// Whether this is the extra frame of `include_usage`: one line of data, no choices, and
/// a usage. A chunk with choices *and* usage is kept, because its text belongs to the
/// client.
fn is_usage_alone(event: &[u8]) -> bool {
    let Some(data) = event.strip_prefix(b"data:") else { return false };
    let data = data.trim_ascii();
    !data.contains(&b'\n')
        && serde_json::from_slice::<Chunk>(data)
            .is_ok_and(|chunk| chunk.choices.is_empty() && chunk.usage.is_some())
}

/// Where the last whole frame ends; `None` if these are no frames. A frame states its
/// length in its first four bytes, and has at least the 16 bytes of lengths and
/// checksums.
fn aws_end(bytes: &[u8]) -> Option<usize> {
    let mut end = 0_usize;
    while let Some(length) = bytes.get(end..).and_then(|rest| rest.get(..4)) {
        let length = usize::try_from(u32::from_be_bytes(length.try_into().ok()?)).ok()?;
        if !(16..=HELD_BYTES_MAX).contains(&length) {
            return None;
        }
        match end.checked_add(length) {
            Some(next) if next <= bytes.len() => end = next,
            _ => break,
        }
    }
    Some(end)
}

impl Json {
    /// Reads on, and says where these bytes were last outside all objects.
    fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut end = None;
        for (byte, past) in bytes.iter().zip(1_usize..) {
            self.step(*byte);
            if self.depth == 0 {
                end = Some(past);
            }
        }
        end
    }

    /// Reads one byte.
    fn step(&mut self, byte: u8) {
        if self.in_text {
            if std::mem::take(&mut self.after_backslash) {
                return;
            }
            self.after_backslash = byte == b'\\';
            self.in_text = byte != b'"';
            return;
        }
        match byte {
            b'"' if self.depth > 0 => self.in_text = true,
            b'{' => self.depth = self.depth.saturating_add(1),
            b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.depth > 0 {
            return;
        }
        self.ends_line = byte == b'\n';
        if !byte.is_ascii_whitespace() {
            self.in_list |= byte == b'[';
            self.last = byte;
        }
    }
}
