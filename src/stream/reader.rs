//! What do the items of a stream say about its usage?
//!
//! A reader sees each item once, by reference, before it is handed on. It notes text as it comes ([`StreamSeen::text`]), and the
//! provider's usage ([`StreamSeen::usage`]), where the last word counts. Who reads bytes takes [`WireReader`]; who has typed items
//! writes a closure of two lines.

use std::fmt;

use crate::values::ShortText;

use crate::Usage;
use crate::wire::{StreamMeter, UsageReport};

/// Reads the items of one answer as they flow by.
///
/// Bytes as a provider sends them are read by [`WireReader`]. For a typed
/// client a closure is enough:
///
/// # Example: a client with items of its own
/// ```
/// use token_budget::stream::{StreamReader, StreamSeen};
/// use token_budget::Usage;
///
/// enum Item {
///     Text(String),
///     Usage { input: u64, output: u64 },
/// }
/// fn reader() -> impl StreamReader<Item> {
///     |item: &Item, seen: &mut StreamSeen| match item {
///         Item::Text(text) => seen.text(text),
///         Item::Usage { input, output } => seen.usage(Usage::of(*input, *output)),
///     }
/// }
/// # let mut seen = StreamSeen::default();
/// # reader().read(&Item::Text("hello".into()), &mut seen);
/// # reader().read(&Item::Usage { input: 1, output: 2 }, &mut seen);
/// # assert_eq!(seen.answer(), "hello");
/// ```
pub trait StreamReader<T>: Send {
    /// Reads one item.
    fn read(&mut self, item: &T, seen: &mut StreamSeen);

    /// No more items are read. Unless said otherwise, an answer is whole if its stream `ended` by itself.
    fn finish(&mut self, seen: &mut StreamSeen, ended: bool) {
        if ended {
            seen.finished();
        }
    }
}

impl<T, F: FnMut(&T, &mut StreamSeen) + Send> StreamReader<T> for F {
    fn read(&mut self, item: &T, seen: &mut StreamSeen) {
        self(item, seen);
    }
}

/// What has been seen of an answer so far.
#[derive(Default)]
pub struct StreamSeen {
    /// Generated text that was not counted yet.
    pub(super) fresh: String,
    /// The text of all choices, in the order in which it came, as far as it is kept.
    pub(super) answer: String,
    /// The text of each choice, where there are several.
    pub(super) choices: Vec<String>,
    /// The text of the answer is not kept.
    pub(super) forgets: bool,
    /// Output tokens, as the provider said last.
    pub(super) output_reported: u64,
    /// The last item said something of usage.
    pub(super) usage_is_new: bool,
    /// Bytes that passed by where nothing in them could be read.
    pub(super) unread: u64,
    /// All that is known of the answer's usage.
    pub(super) report: UsageReport,
}

impl fmt::Debug for StreamSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "StreamSeen({} bytes of answer, {} tokens reported)",
            self.answer.len(),
            self.output_reported
        )
    }
}

/// Bytes of an answer that are kept: the longest that a model gives today is half of it.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Choices that are told apart; providers give at most 128.
const CHOICES_MAX: usize = 1_023;

impl StreamSeen {
    /// Text of the answer came.
    pub fn text(&mut self, text: &str) {
        self.text_of(0, text);
    }

    /// The same of one of several choices, counted from zero: each is judged by its own text.
    ///
    /// ```
    /// use token_budget::stream::StreamSeen;
    ///
    /// let mut seen = StreamSeen::default();
    /// seen.text_of(0, "Ahoy");
    /// seen.text_of(1, "Moin");
    /// assert_eq!(seen.answer(), "AhoyMoin");
    /// ```
    pub fn text_of(&mut self, choice: u32, text: &str) {
        self.fresh.push_str(text);
        self.keep(choice, text);
    }

    /// Looks for runs of one sign in all that was kept, where its figure seems too little for it.
    pub(super) fn weigh(&mut self) {
        let whole = self.choices.is_empty().then_some(&self.answer);
        let texts = self.choices.iter().chain(whole).map(String::as_str);
        self.report.weigh_whole(texts);
    }

    /// Keeps text for the refusal, and for a count at the end.
    fn keep(&mut self, choice: u32, text: &str) {
        if self.forgets || self.answer.len() >= ANSWER_BYTES_MAX {
            return;
        }
        if self.choices.is_empty() && choice > 0 {
            // Until now the first one spoke alone.
            self.choices.push(self.answer.clone());
        }
        self.answer.push_str(text);
        if self.choices.is_empty() {
            return;
        }
        let choice = usize::try_from(choice).unwrap_or(usize::MAX).min(CHOICES_MAX);
        if self.choices.len() <= choice {
            self.choices.resize(choice.saturating_add(1), String::new());
        }
        if let Some(own) = self.choices.get_mut(choice) {
            own.push_str(text);
        }
    }

    /// Something else came that was generated: reasoning, arguments of a tool.
    pub fn hidden(&mut self, text: &str) {
        self.fresh.push_str(text);
    }

    /// The provider said what the answer has used so far; what it said before is replaced, unless that was
    /// [final](Self::finished).
    pub fn usage(&mut self, usage: Usage) {
        if self.report.finished && self.report.answer().is_some() {
            return;
        }
        self.usage_is_new = true;
        self.output_reported = usage.output().unwrap_or(0);
        self.report.set_answer(usage);
    }

    /// The provider said which model answers.
    pub fn model(&mut self, model: impl Into<ShortText>) {
        self.report.model = Some(model.into());
    }

    /// The answer is whole: what was said of its usage last is final.
    pub fn finished(&mut self) {
        self.report.finished = true;
    }

    /// All that is known, at once: for whoever reads the wire.
    pub fn report(&mut self, report: UsageReport) {
        self.usage_is_new = true;
        self.output_reported = report.usage().and_then(|usage| usage.output()).unwrap_or(0);
        self.report = report;
    }

    /// The text of the answer so far, as long as it is kept.
    #[must_use]
    pub fn answer(&self) -> &str {
        &self.answer
    }
}

/// Reads bytes as a provider sends them: server-sent events, JSON lines, AWS frames.
pub struct WireReader {
    meter: StreamMeter,
    usage_frames: u32,
    bytes: u64,
}

impl fmt::Debug for WireReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireReader({} bytes read)", self.bytes)
    }
}

impl WireReader {
    /// A reader for one answer of that provider; `None` where it is not known.
    #[must_use]
    pub fn new(provider: Option<&str>) -> Self {
        Self { meter: StreamMeter::hearing(provider), usage_frames: 0, bytes: 0 }
    }
}

impl<T: AsRef<[u8]>> StreamReader<T> for WireReader {
    fn read(&mut self, item: &T, seen: &mut StreamSeen) {
        let bytes = item.as_ref();
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.meter.push(bytes);
        self.meter.take_text(|fresh, spoken| {
            seen.fresh.push_str(fresh);
            spoken.for_each(|(choice, text)| seen.keep(choice, text));
        });
        // Figures are worked out only where a frame has changed them.
        if self.meter.usage_frames() != self.usage_frames {
            self.usage_frames = self.meter.usage_frames();
            seen.report(self.meter.report());
        }
    }

    fn finish(&mut self, seen: &mut StreamSeen, _ended: bool) {
        let meter = std::mem::replace(&mut self.meter, StreamMeter::new(None));
        seen.report(meter.finish());
        let report = &seen.report;
        if report.lines.is_empty() && report.error.is_none() && report.text.bytes_all() == 0 {
            // A stream of unknown form is not free: no token stands for less than a byte.
            seen.unread = self.bytes;
        }
    }
}
