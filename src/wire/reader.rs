//! What do the documents of one answer say, taken together?
//!
//! A reader is shown one JSON document after another, the only one of a body or
//! all frames of a stream, and keeps what the last one that carries a figure
//! said. Whether a frame belongs to one long answer or ends one of many is
//! settled when the frame has been read.

use compact_str::CompactString;

use smallvec::SmallVec;

use super::cost::CostSeen;
use super::ending::Ended;
use super::fields::Figures;
use super::heard::Heard;
use super::json::Cursor;
use super::normal;
use super::report::{Purpose, TextSeen, UsageLine, UsageReport};
use super::vocabulary::At;
use crate::Meter;

/// Everything that was read, before it is a report.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) figures: Figures,
    /// Tool calls among the items of an answer, where they are not reported as counts.
    pub(super) items: ToolItems,
    pub(super) cost: CostSeen,
    /// Answers that ended before, in sessions of many.
    pub(super) ended: Ended,
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
    /// The text itself, where somebody wants it.
    pub(super) heard: Option<Box<Heard>>,
    /// Frames that changed the figures.
    pub(super) usage_frames: u32,
    pub(super) frame: Frame,
    /// The model of a tool that makes images, and the one that writes down what was said.
    pub(super) image_model: Option<CompactString>,
    pub(super) transcription_model: Option<CompactString>,
    pub(super) is_stream: bool,
    /// The session is one of Gemini Live, in which every report of usage ends an answer.
    pub(super) is_live: bool,
    /// Vectors come in place of text.
    pub(super) embeds: bool,
    /// Objects that were stepped into and not yet left.
    pub(super) depth: u8,
    /// Figures are read that belong to one part of an answer.
    pub(super) in_part: bool,
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
    /// The document is one answer of many that ran in a batch.
    pub(super) is_batch: bool,
    /// The answer stands inside the document.
    pub(super) is_wrapped: bool,
    /// The figures were touched by this frame.
    pub(super) has_usage: bool,
    /// Generated text came, or a reason why no more will.
    pub(super) has_text: bool,
    pub(super) has_finish: bool,
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
            ended: Ended::default(),
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
            heard: None,
            usage_frames: 0,
            frame: Frame::default(),
            image_model: None,
            transcription_model: None,
            is_stream,
            is_live: false,
            embeds: false,
            depth: 0,
            in_part: false,
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
        let whole = self.enter(At::Root, &mut cursor).filter(|()| cursor.is_done());
        self.depth = 0;
        self.end_frame(whole.is_some());
        whole
    }

    /// What is known so far.
    pub(super) fn report(&self) -> UsageReport {
        let mut lines = self.ended.lines.clone();
        let (own, clamped) = self.answer();
        let is_open = !own.is_empty();
        lines.extend(own);
        lines.extend(self.beside.iter().cloned());
        let complains = self.frame.complains && lines.is_empty() && self.text == TextSeen::default();
        UsageReport {
            lines,
            model: self.model.clone().or_else(|| self.ended.model.clone()),
            cost: self.ended.cost_with(&self.cost, is_open),
            service_tier: self.tier.clone(),
            region: self.region.clone(),
            speed: self.speed.clone(),
            finish: self.reason.clone().or_else(|| self.finish.clone()),
            finished: self.finished,
            is_open,
            error: self.error.clone().or_else(|| complains.then(|| "error".into())),
            text: self.text,
            estimated: false,
            clamped: self.clamped || clamped,
            counting: self.counting,
            damaged: self.damaged,
        }
    }

    /// The answer now being read: its line, or those of the models that shared it.
    pub(super) fn answer(&self) -> (Vec<UsageLine>, bool) {
        match self.line(Purpose::Answer) {
            Some((line, clamped)) if self.shared(&line) => (self.by_model.clone(), clamped),
            Some((line, clamped)) => (vec![line], clamped),
            None => (Vec::new(), false),
        }
    }

    /// The figures now held as a line; none where nothing was reported.
    pub(super) fn line(&self, purpose: Purpose) -> Option<(UsageLine, bool)> {
        if self.figures.is_empty() {
            return None;
        }
        let (mut usage, clamped) = normal::usage(&self.figures);
        if usage.output().is_none() && self.embeds {
            usage = usage.with_output(0);
        }
        let has_image_line = self.beside.iter().any(|line| line.purpose == Purpose::ImageGeneration);
        for (meter, calls) in self.items.counts(self.model.as_deref()) {
            // Images that are billed as tokens on a line of their own are not counted again.
            let is_billed = meter == Meter::ImageGeneration && has_image_line;
            if calls > usage.count(meter).unwrap_or(0) && !is_billed {
                usage = usage.with(meter, calls);
            }
        }
        Some((UsageLine { model: None, usage, purpose }, clamped))
    }

    /// Whether the figures by model add up to those of the whole answer, and so stand for them.
    fn shared(&self, whole: &UsageLine) -> bool {
        let sum = |meter: Meter| {
            let counts = self.by_model.iter().map(|line| line.usage.count(meter).unwrap_or(0));
            counts.fold(0, u64::saturating_add)
        };
        !self.by_model.is_empty() && whole.usage.counts().all(|(meter, count)| sum(meter) == count)
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
