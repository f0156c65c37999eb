//! What do the documents of one answer say, taken together?
//!
//! A reader is shown one JSON document after another, the only one of a body or
//! all frames of a stream, and keeps what the last one that carries a figure
//! said. Whether a frame belongs to one long answer or ends one of many is
//! settled when the frame has been read.

use compact_str::CompactString;

use smallvec::SmallVec;

use super::cost::CostSeen;
use super::fields::Figures;
use super::json::Cursor;
use super::normal;
use super::report::{Purpose, TextSeen, UsageLine, UsageReport};
use super::vocabulary::At;
use crate::{Meter, Usage};

/// Everything that was read, before it is a report.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) figures: Figures,
    /// Tool calls among the items of an answer, where they are not reported as counts.
    pub(super) items: ToolItems,
    pub(super) cost: CostSeen,
    /// Lines of answers that ended before, in sessions of many.
    ended: Vec<UsageLine>,
    /// What is billed beside the answer now being read.
    pub(super) beside: Vec<UsageLine>,
    /// The same figures by model, where several models shared the answer.
    pub(super) by_model: Vec<UsageLine>,
    pub(super) model: Option<CompactString>,
    pub(super) tier: Option<CompactString>,
    pub(super) region: Option<CompactString>,
    pub(super) speed: Option<CompactString>,
    pub(super) finish: Option<CompactString>,
    pub(super) reason: Option<CompactString>,
    pub(super) error: Option<CompactString>,
    pub(super) text: TextSeen,
    pub(super) frame: Frame,
    pub(super) is_stream: bool,
    /// What is new comes apart from the whole message.
    pub(super) has_delta: bool,
    /// Text is not counted.
    pub(super) is_mute: bool,
    pub(super) finished: bool,
    pub(super) counting: bool,
    pub(super) clamped: bool,
    pub(super) damaged: bool,
}

/// The name of an event or an item, as bytes.
pub(super) type EventName = SmallVec<[u8; KIND_BYTES_MAX]>;

/// Bytes of such a name that are kept; the longest in use has 57.
pub(super) const KIND_BYTES_MAX: usize = 64;

/// What is known of the document being read, and forgotten with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) kind: EventName,
    /// Text beside an event's name, which says what kind of text it is.
    pub(super) pending: TextSeen,
    pub(super) is_live: bool,
    /// The document is one answer of many that ran in a batch.
    pub(super) is_batch: bool,
    /// The figures were touched by this frame.
    pub(super) has_usage: bool,
    /// Text inside goes or went by elsewhere.
    pub(super) quiet: bool,
    pub(super) thought: bool,
    /// A frame inside a frame.
    pub(super) is_inner: bool,
    /// A bare `message`: how some APIs write an error.
    pub(super) complains: bool,
}

/// Calls of the provider's tools, by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ToolItems {
    pub(super) web_search: u32,
    pub(super) file_search: u32,
    pub(super) code: bool,
    pub(super) images: u32,
    /// Searches that Google made for the answer.
    pub(super) queries: u32,
}

impl Reader {
    pub(super) fn new(provider: Option<&str>, is_stream: bool) -> Self {
        Self {
            figures: Figures::NONE,
            items: ToolItems::default(),
            cost: CostSeen::new(provider),
            ended: Vec::new(),
            beside: Vec::new(),
            by_model: Vec::new(),
            model: None,
            tier: None,
            region: None,
            speed: None,
            finish: None,
            reason: None,
            error: None,
            text: TextSeen::default(),
            frame: Frame::default(),
            is_stream,
            has_delta: false,
            is_mute: false,
            finished: !is_stream,
            counting: false,
            clamped: false,
            damaged: false,
        }
    }

    /// Reads one document. `None`: it is not JSON, or breaks off; what came before stays read.
    pub(super) fn document(&mut self, json: &[u8]) -> Option<()> {
        let mut cursor = Cursor::new(json);
        let finished = self.finished;
        let whole = self.enter(At::Root, &mut cursor).filter(|()| cursor.is_done());
        // A frame that breaks off did not end the answer.
        self.finished = if whole.is_some() { self.finished } else { finished };
        self.end_frame(whole.is_some());
        whole
    }

    /// What is known so far.
    pub(super) fn report(&self) -> UsageReport {
        let mut lines = self.ended.clone();
        let mut clamped = self.clamped;
        if let Some((line, cut)) = self.line(Purpose::Answer) {
            match self.shared(&line) {
                true => lines.extend(self.by_model.iter().cloned()),
                false => lines.push(line),
            }
            clamped |= cut;
        }
        lines.extend(self.beside.iter().cloned());
        let complains = self.frame.complains && lines.is_empty() && self.text == TextSeen::default();
        UsageReport {
            lines,
            model: self.model.clone(),
            cost: self.cost.trusted(),
            service_tier: self.tier.clone(),
            region: self.region.clone(),
            speed: self.speed.clone(),
            finish: self.reason.clone().or_else(|| self.finish.clone()),
            finished: self.finished,
            error: self.error.clone().or_else(|| complains.then(|| "error".into())),
            text: self.text,
            estimated: false,
            clamped,
            counting: self.counting,
            damaged: self.damaged,
        }
    }

    /// The figures now held as a line; none where nothing was reported.
    fn line(&self, purpose: Purpose) -> Option<(UsageLine, bool)> {
        if self.figures.is_empty() {
            return None;
        }
        let (mut usage, clamped) = normal::usage(&self.figures);
        for (meter, calls) in self.items.counts(self.model.as_deref()) {
            if calls > 0 && usage.count(meter).is_none() {
                usage = usage.with(meter, calls);
            }
        }
        Some((UsageLine { model: None, usage, purpose }, clamped))
    }

    /// Whether the figures by model add up to those of the whole answer, and so stand for them.
    fn shared(&self, whole: &UsageLine) -> bool {
        let sum = |of: fn(&Usage) -> Option<u64>| {
            self.by_model.iter().try_fold(0_u64, |sum, line| sum.checked_add(of(&line.usage)?))
        };
        let is_plain = whole.usage.counts().all(|(meter, _)| meter.whole().is_none());
        !self.by_model.is_empty()
            && is_plain
            && sum(Usage::input) == whole.usage.input()
            && sum(Usage::output) == whole.usage.output()
    }

    /// Ends the answer whose figures are held, in a session of many.
    fn end_line(&mut self, purpose: Purpose) {
        if let Some((line, clamped)) = self.line(purpose) {
            self.ended.push(line);
            self.clamped |= clamped;
        }
        self.figures = Figures::NONE;
        self.items = ToolItems::default();
        self.finished = true;
    }

    /// Settles what a frame meant. One that broke off ended no answer, whatever its name.
    fn end_frame(&mut self, is_whole: bool) {
        self.settle_text();
        if !is_whole {
            self.frame.kind.clear();
        }
        match self.frame.kind.as_slice() {
            b"response.done" => self.end_line(Purpose::Answer),
            kind if kind.ends_with(b"input_audio_transcription.completed") => {
                self.end_line(Purpose::Transcription);
            }
            b"message_stop"
            | b"response.completed"
            | b"response.incomplete"
            | b"response.failed"
            | b"message-end"
            | b"stream-end"
            | b"interaction.complete"
            | b"interaction.completed" => {
                self.finished = true;
            }
            _ if self.frame.is_batch => {
                self.tier = Some("batch".into());
                self.end_line(Purpose::Answer);
                if let Some(line) = self.ended.last_mut() {
                    line.model.clone_from(&self.model);
                }
            }
            _ if self.frame.is_live && self.frame.has_usage => self.end_line(Purpose::Answer),
            _ => {}
        }
        let complains = self.frame.complains;
        self.frame = Frame { complains, ..Frame::default() };
    }

    /// Counts the text beside an event's name, now that the name is known.
    fn settle_text(&mut self) {
        let pending = self.frame.pending;
        if pending == TextSeen::default() {
            return;
        }
        let kind = String::from_utf8_lossy(&self.frame.kind);
        if kind.ends_with(".done") || kind.ends_with("audio.delta") {
            return;
        }
        let hidden = ["reasoning", "arguments", "code", "command", "input.delta", "mcp"];
        if hidden.iter().any(|word| kind.contains(word)) {
            self.text.hidden_bytes = self.text.hidden_bytes.saturating_add(pending.bytes);
        } else {
            self.text.bytes = self.text.bytes.saturating_add(pending.bytes);
            self.text.chars = self.text.chars.saturating_add(pending.chars);
        }
    }
}

impl ToolItems {
    fn counts(self, model: Option<&str>) -> [(Meter, u64); 4] {
        // Google bills each search from Gemini 3 on, before that each answer that searched.
        let is_billed_once =
            model.is_some_and(|model| ["gemini-1", "gemini-2"].iter().any(|old| model.contains(old)));
        let queries = if is_billed_once { self.queries.min(1) } else { self.queries };
        [
            (Meter::WebSearch, u64::from(self.web_search.saturating_add(queries))),
            (Meter::FileSearch, u64::from(self.file_search)),
            (Meter::CodeExecution, u64::from(self.code)),
            (Meter::ImageGeneration, u64::from(self.images)),
        ]
    }
}
