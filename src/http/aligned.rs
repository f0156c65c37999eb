//! Where does one event of a stream end, so that another may follow it or one may be left out?

use std::sync::LazyLock;

use memchr::memmem;
use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::dialect::{Dialect, Problem};
use super::want::Want;

/// An event larger than this is handed on in parts; a few times the largest image that is streamed.
const HELD_BYTES_MAX: usize = 32 << 20;

/// Looked for in every piece, so that the search is made ready once.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));

/// Hands on whole events alone.
///
/// An event of which only a part has come is kept back until the rest is there: nobody can use half of one,
/// and nothing can be said after it. What is handed on is what came, byte for byte, but for the usage frame
/// where that is hidden.
#[derive(Debug)]
pub(super) struct Aligned {
    framing: Framing,
    held: Vec<u8>,
    hides_usage: bool,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    /// Nothing came yet but blanks.
    Unknown,
    Events,
    Json(Json),
    Aws,
    /// Too large to keep, or not what it promised: passed on as it comes.
    Opaque,
}

/// How deep a JSON text is, and how it went before that.
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

    /// What is left when no more comes.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        let rest = std::mem::take(&mut self.held);
        self.shown(rest)
    }

    /// Ends the stream with a problem, in place of an event that is not whole.
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

    fn shown(&self, whole: Vec<u8>) -> Vec<u8> {
        if self.has_usage(&whole) { without_usage(&whole) } else { whole }
    }

    fn has_usage(&self, bytes: &[u8]) -> bool {
        self.hides_usage && USAGE.find_iter(bytes).any(|at| is_object_next(bytes, at))
    }
}

impl Framing {
    /// Where the last whole event ends, of bytes that begin with one; the first `looked` were looked through before.
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

/// The extra frame of `include_usage`: one line of data, no choices, and usage.
fn is_usage_alone(event: &[u8]) -> bool {
    let Some(data) = event.strip_prefix(b"data:") else { return false };
    let data = data.trim_ascii();
    !data.contains(&b'\n')
        && serde_json::from_slice::<Chunk>(data)
            .is_ok_and(|chunk| chunk.choices.is_empty() && chunk.usage.is_some())
}

/// Where the last whole frame ends; `None` where these are no frames.
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
