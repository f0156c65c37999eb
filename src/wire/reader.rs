//! What do the documents of one answer say, taken together?
//!
//! A reader is shown one JSON document after another, the only one of a body or all frames
//! of a stream. Of each figure it keeps what the last document that carries the figure
//! said: a stream that says `output_tokens` 1 in its first frame and 15 in its last has 15.
//! A null keeps the figure, a zero replaces it.
//!
//! Nothing is concluded while a frame is read, because names may come last: whether a frame
//! belongs to one long answer or ends one of many, what kind of text stands beside an
//! event's name, and what an event shows a second time are decided when the frame has been
//! read. What concerns a single document is in [`Frame`], and is forgotten with it.
//!
//! The fields are many and flat on purpose: each is one fact that some provider says, and
//! the report is made of them without looking at any document again.

use super::cost::CostSeen;
use super::ended::Ended;
use super::fields::{Field, Figures};
use super::heard::Heard;
use super::json::Cursor;
use super::normal;
use super::report::{Purpose, TextSeen, UsageLine, UsageReport};
use super::told::{Place, ShownAt, Told};
use super::tools::{EventName, ToolItems};
use super::vocabulary::At;
use crate::Usage;
use crate::values::{Meter, ShortText};

/// Everything that was read, before it is a report.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    /// The last figure of each name.
    pub(super) figures: Figures,
    /// Tool calls among the items of an answer, if they are not reported as counts.
    pub(super) items: ToolItems,
    pub(super) cost: CostSeen,
    /// Answers that ended before, in sessions of many.
    pub(super) ended: Ended,
    /// What is billed beside the answer now being read.
    pub(super) beside: Vec<UsageLine>,
    /// The same figures by model, if several models shared the answer.
    pub(super) by_model: Vec<UsageLine>,
    /// The id of the answer that is being read, as the provider names it.
    pub(super) id: Option<ShortText>,
    /// Names of the answer, in its provider's own words.
    pub(super) model: Option<ShortText>,
    pub(super) tier: Option<ShortText>,
    pub(super) region: Option<ShortText>,
    pub(super) speed: Option<ShortText>,
    pub(super) finish: Option<ShortText>,
    pub(super) reason: Option<ShortText>,
    pub(super) error: Option<ShortText>,
    /// The text of that answer that went by.
    pub(super) text: TextSeen,
    /// How much of it was told of each item of an answer.
    pub(super) told: Told,
    /// Whether runs of one sign are told from text: always in a stream, which cannot be
    /// read again; in a body only if its figures seem too low for its text.
    pub(super) weighs_runs: bool,
    /// The text itself, if somebody wants it.
    pub(super) heard: Option<Box<Heard>>,
    /// Frames that changed the figures.
    pub(super) usage_frames: u32,
    /// What is known of the document that is being read.
    pub(super) frame: Frame,
    /// The model of a tool that makes images, and the one that writes down what was said.
    pub(super) image_model: Option<ShortText>,
    pub(super) transcription_model: Option<ShortText>,
    /// Whether documents are frames of a stream, or items of a list.
    pub(super) is_stream: bool,
    /// The session is one of Gemini Live, in which every report of usage ends an answer.
    pub(super) is_live: bool,
    /// The answer is vectors and no text, so an absent output is zero.
    pub(super) embeds: bool,
    /// Objects that were stepped into and not yet left.
    pub(super) depth: u8,
    /// The figures that are being read belong to a part of the answer, such as an advisor's
    /// pass.
    pub(super) in_part: bool,
    /// Frames say what is new in them apart from the whole message.
    pub(super) has_delta: bool,
    /// Whether the frame came that ends the answer.
    pub(super) finished: bool,
    /// The sign came (`[DONE]`, `message_stop`) behind which an answer says nothing more of
    /// itself.
    pub(super) is_over: bool,
    /// The provider refused the prompt, and generated nothing.
    pub(super) blocked: bool,
    /// The filter of Azure refused the prompt, which is billed.
    pub(super) filtered: bool,
    /// The request violates xAI's guidelines, for which a fee is billed.
    pub(super) violates: bool,
    /// The figures are Google's, which leave zeros out.
    pub(super) is_google: bool,
    /// Images that were shown whole.
    pub(super) pictures: u64,
    /// Candidates for an answer came, so that there is output.
    pub(super) has_candidates: bool,
    /// Whether the request asked for a count alone.
    pub(super) counting: bool,
    /// Whether figures of an answer before contradicted each other.
    pub(super) clamped: bool,
    /// Whether something could not be read.
    pub(super) damaged: bool,
}

/// What is known of the document being read, and forgotten with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    /// The name of the event, or of the item that is being read.
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
    /// Text inside is not counted: it went by before, or will.
    pub(super) quiet: bool,
    /// The part that is being read says that it is a thought.
    pub(super) thought: bool,
    /// Bytes of the reasoning in the object being read.
    pub(super) thoughts: u64,
    /// A frame inside a frame.
    pub(super) is_inner: bool,
    /// A bare `message` came: how some APIs write an error.
    pub(super) complains: bool,
    /// The id is that of the answer itself, and not of what stands around it.
    pub(super) has_own_id: bool,
    /// Where in the answer its text stands.
    pub(super) place: Place,
    /// What it shows whole.
    pub(super) shown: Option<ShownAt>,
    /// Members of the document so far.
    pub(super) members: u32,
}

impl Reader {
    /// A reader that was shown nothing.
    pub(super) fn new(provider: Option<&str>, is_stream: bool) -> Self {
        Self {
            figures: Figures::NONE,
            items: ToolItems::default(),
            cost: CostSeen::new(provider),
            ended: Ended::default(),
            beside: Vec::new(),
            by_model: Vec::new(),
            id: None,
            model: None,
            tier: None,
            region: None,
            speed: None,
            finish: None,
            reason: None,
            error: None,
            text: TextSeen::default(),
            told: Told::default(),
            weighs_runs: is_stream,
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
            finished: !is_stream,
            is_over: false,
            blocked: false,
            filtered: false,
            violates: false,
            is_google: false,
            pictures: 0,
            has_candidates: false,
            counting: false,
            clamped: false,
            damaged: false,
        }
    }

    /// Reads one document. `None`: it is not JSON, or breaks off; what came before stays read.
    pub(super) fn document(&mut self, json: &[u8]) -> Option<()> {
        let last_word = self.turn_to(json);
        self.figures.begin();
        let mut cursor = Cursor::new(json);
        let whole = self.enter(At::Root, &mut cursor).filter(|()| cursor.is_done());
        self.depth = 0;
        self.weigh_shown(json);
        if let Some(last) = last_word {
            self.keep_to(last);
        }
        self.end_frame(whole.is_some());
        whole
    }

    /// Reports what is known so far. It may be asked between any two frames.
    pub(super) fn report(&self) -> UsageReport {
        let (own, clamped) = self.answer();
        let is_open = !own.is_empty();
        // What has been shown before counts once, and as it was shown last.
        let mut lines = self.ended.lines(self.id.as_ref().filter(|_| is_open));
        let before = lines.len();
        lines.extend(own);
        lines.extend(self.beside.iter().cloned());
        for line in lines.iter_mut().skip(before) {
            line.service_tier.clone_from(&self.tier);
        }
        let complains = self.frame.complains && lines.is_empty() && self.text == TextSeen::default();
        UsageReport {
            lines,
            id: self.id.clone(),
            model: self.model.clone().or_else(|| self.ended.model.clone()),
            cost: self.ended.cost_with(&self.cost, self.id.as_ref(), is_open),
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
            blocked: self.blocked && !self.has_candidates,
            hides_thoughts: self.hides_thoughts(),
            filtered: self.filtered,
            violates: self.violates,
            pictures: self.pictures,
            damaged: self.damaged,
        }
    }

    /// The answer now being read: its line, or those of the models that shared it.
    pub(super) fn answer(&self) -> (Vec<UsageLine>, bool) {
        match self.line(Purpose::Answer) {
            Some((line, clamped)) if self.shared(&line) => {
                let mut lines = self.by_model.clone();
                for line in &mut lines {
                    line.id.clone_from(&self.id);
                }
                // The text came from one of them, and none has said more than all of it.
                let most = lines.iter_mut().max_by_key(|line| line.usage.output());
                if let Some(most) = most {
                    most.text = self.text;
                }
                (lines, clamped)
            }
            Some((line, clamped)) => (vec![line], clamped),
            None => (Vec::new(), false),
        }
    }

    /// The figures now held as a line; none if nothing was reported.
    pub(super) fn line(&self, purpose: Purpose) -> Option<(UsageLine, bool)> {
        let (mut usage, clamped) = match self.figures.is_empty() {
            true => (Usage::new(), false),
            false => normal::usage(&self.google_figures()),
        };
        if !self.figures.is_empty() && usage.output().is_none() && self.embeds {
            usage = usage.with_output(0);
        }
        let has_image_line = self.beside.iter().any(|line| line.purpose == Purpose::ImageGeneration);
        for (meter, calls, is_beside) in self.items.counts(self.model.as_deref()) {
            let reported = usage.count(meter);
            // Images that are billed as tokens on a line of their own are not counted again.
            let is_billed = meter == Meter::ImageGeneration && has_image_line;
            if calls > reported.unwrap_or(0) && !is_billed && (is_beside || reported.is_none()) {
                usage = usage.with(meter, calls);
            }
        }
        if usage == Usage::new() {
            return None;
        }
        let text = if purpose == Purpose::Answer { self.text } else { TextSeen::default() };
        Some((UsageLine { text, id: self.id.clone(), ..UsageLine::of(usage, purpose) }, clamped))
    }

    /// Google leaves zeros out, and a mask on the request leaves out what it will: an absent output is zero only
    /// if the total says so, and a total alone says nothing of its parts.
    fn google_figures(&self) -> Figures {
        let mut figures = self.figures;
        if !self.is_google {
            return figures;
        }
        let has_output = figures.get(Field::OutputOther).is_some();
        if figures.get(Field::Total).is_none() && !has_output {
            // What was thought is a part of what was left out.
            figures.clear(Field::Thoughts);
        }
        if !self.says_input() && !self.embeds {
            figures.clear(Field::Total);
        }
        figures
    }

    /// Whether any input was reported.
    fn says_input(&self) -> bool {
        let inputs = [Field::InputOther, Field::Input, Field::PromptTokens, Field::CachedInside];
        inputs.iter().any(|field| self.figures.get(*field).is_some())
    }

    /// Whether tokens may have been thought that the figures leave out: Google's total beside an input would tell.
    fn hides_thoughts(&self) -> bool {
        let says = |field| self.figures.get(field).is_some();
        let is_told = says(Field::Thoughts) || (says(Field::Total) && self.says_input());
        self.is_google && !self.embeds && says(Field::OutputOther) && !is_told
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
