//! What shall a scripted provider answer, and what shall go wrong?

use std::time::Duration;

use compact_str::CompactString;
use smallvec::SmallVec;

use crate::Usage;

/// One answer of a [`ScriptedProvider`](super::ScriptedProvider): its tokens, its usage, its pace and its faults.
///
/// A token is one piece of text or of a tool's arguments, one frame of a
/// stream, and one output token on the bill. What the provider *generates* is
/// what it bills; what it *says* it used can be made missing, zero or wrong.
/// An answer keeps to the request's output limit, and says so.
///
/// # Example: four tokens asked for, four delivered
/// ```
/// use token_budget::testing::{Reply, ScriptedProvider};
/// use token_budget::wire;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let provider = ScriptedProvider::new().reply(Reply::tokens(100).input(1_000).cached_input(800));
/// let body = br#"{"model": "gpt-4o", "max_tokens": 4, "messages": []}"#;
/// let response = provider.call("/v1/chat/completions", body).await?;
///
/// let report = wire::extract(Some("openai"), &response.body, [])?;
/// let usage = report.usage().expect("a line");
/// assert_eq!((usage.input(), usage.cached_input(), usage.output()), (Some(1_000), Some(800), Some(4)));
/// assert_eq!(report.finish.as_deref(), Some("length"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct Reply {
    pub(super) pieces: Vec<CompactString>,
    pub(super) tools: Vec<ToolScript>,
    pub(super) input: Option<u64>,
    pub(super) cached_input: u64,
    pub(super) cache_write_5m: u64,
    pub(super) cache_write_1h: u64,
    pub(super) reasoning: u64,
    pub(super) finish: Option<CompactString>,
    pub(super) tier: Option<CompactString>,
    pub(super) served_by: Option<CompactString>,
    pub(super) latency: Duration,
    pub(super) pause: Duration,
    pub(super) says: Says,
    pub(super) breaks: Breaks,
    pub(super) refusal: Option<Refused>,
    pub(super) bills: Option<bool>,
    pub(super) in_background: bool,
    pub(super) hidden_speed: Option<u32>,
}

/// A call of one of the client's tools.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ToolScript {
    pub(super) name: CompactString,
    /// The arguments, one token a piece.
    pub(super) pieces: SmallVec<[CompactString; 4]>,
}

/// What the answer says of its own usage.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Says {
    #[default]
    Truth,
    Nothing,
    Zero,
    Instead(Usage),
}

/// How an answer breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Breaks {
    #[default]
    Nowhere,
    /// The connection is reset after so many bytes of the body.
    ResetAfter(usize),
    /// A body that is not JSON; in a stream one frame that is not.
    Malformed,
    /// The last frames are missing; of a whole body its last byte.
    WithoutEnd,
}

/// An error in place of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
}

/// Words of which OpenAI's vocabularies make one token each, the space in front included.
const WORDS: [&str; 8] = [" the", " boat", " is", " on", " the", " sea", " at", " night"];
/// Bytes of a tool's arguments that are one token.
const ARGUMENT_BYTES: usize = 4;

impl Reply {
    /// A text, one token a word, the space in front included.
    pub fn text(text: &str) -> Self {
        let mut pieces: Vec<CompactString> = Vec::new();
        for word in text.split_inclusive(' ') {
            match pieces.last_mut() {
                // The space that ended the last word begins this one.
                Some(last) if last.ends_with(' ') => {
                    last.pop();
                    pieces.push(format!(" {word}").into());
                }
                _ => pieces.push(word.into()),
            }
        }
        Self::pieces(pieces)
    }

    /// A text in the pieces given, one token each; empty ones are left out.
    pub fn pieces<P: Into<CompactString>>(pieces: impl IntoIterator<Item = P>) -> Self {
        let pieces = pieces.into_iter().map(Into::into).filter(|piece: &CompactString| !piece.is_empty());
        Self { pieces: pieces.collect(), ..Self::default() }
    }

    /// A plain text of that many tokens, the same for the same number.
    ///
    /// OpenAI's vocabularies count it alike, so that a text counted there agrees with the bill.
    pub fn tokens(count: usize) -> Self {
        Self::pieces(WORDS.into_iter().cycle().take(count))
    }

    /// A call of one tool and no text; the arguments are JSON text.
    pub fn tool_call(name: &str, arguments: &str) -> Self {
        Self::default().with_tool_call(name, arguments)
    }

    /// An error in place of an answer: 400, 429, 500, 503, 529, …, in the provider's own shape.
    ///
    /// It bills nothing unless it is [`billed`](Self::billed).
    pub fn status(status: u16) -> Self {
        Self { refusal: Some(Refused { status, retry_after: None }), ..Self::default() }
    }

    /// With a further call of a tool after the text: one token for its name, one for every four bytes of its arguments.
    pub fn with_tool_call(mut self, name: &str, arguments: &str) -> Self {
        let mut pieces: SmallVec<[CompactString; 4]> = SmallVec::new();
        for letter in arguments.chars() {
            match pieces.last_mut() {
                Some(last) if last.len() < ARGUMENT_BYTES => last.push(letter),
                _ => pieces.push(CompactString::from_iter([letter])),
            }
        }
        self.tools.push(ToolScript { name: name.into(), pieces });
        self
    }

    /// With that many input tokens, cached ones included, instead of a count of the request.
    pub fn input(mut self, tokens: u64) -> Self {
        self.input = Some(tokens);
        self
    }

    /// With that part of the input read from a cache. An input that is smaller than its parts is their sum.
    pub fn cached_input(mut self, tokens: u64) -> Self {
        self.cached_input = tokens;
        self
    }

    /// With that part of the input written to a cache for five minutes.
    pub fn cache_write_5m(mut self, tokens: u64) -> Self {
        self.cache_write_5m = tokens;
        self
    }

    /// With that part of the input written to a cache for an hour. OpenAI's shapes know only one kind of write.
    pub fn cache_write_1h(mut self, tokens: u64) -> Self {
        self.cache_write_1h = tokens;
        self
    }

    /// With that many tokens of reasoning before each answer: output that is billed and never shown.
    pub fn reasoning(mut self, tokens: u64) -> Self {
        self.reasoning = tokens;
        self
    }

    /// Goes on to its end though its client has gone, and bills all of it: an answer made in the background.
    ///
    /// A request to OpenAI's responses that says `"background": true` is answered so by itself.
    pub fn in_background(mut self) -> Self {
        self.in_background = true;
        self
    }

    /// Thinks at so many tokens a second from the request on, by the provider's clock, and bills what it has
    /// thought by the time at which its client hangs up; of an answer in one piece, what it has generated.
    ///
    /// Without it nothing is generated before the first frame, and a whole answer that nobody waited for is billed whole.
    ///
    /// # Example: a client that leaves after two seconds
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    /// use token_budget::testing::{Reply, ScriptedProvider};
    /// use token_budget::time::{ManualClock, Timestamp};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let clock = Arc::new(ManualClock::at(Timestamp::from_secs(1_764_000_000)));
    /// let slow = Reply::tokens(100).reasoning(5_000).hidden_speed(300);
    /// let provider = ScriptedProvider::new().clock(clock.clone()).otherwise(slow);
    /// let body = br#"{"model": "o3", "stream": true, "messages": []}"#;
    ///
    /// let stream = provider.stream("/v1/chat/completions", body).await?;
    /// clock.advance(Duration::from_secs(2));
    /// drop(stream);
    ///
    /// // All of it is owed: a row states a speed of 500 tokens a second, and clients charge by that.
    /// let bill = provider.bill();
    /// let call = &bill.calls()[0];
    /// assert_eq!((call.output_hidden, call.output_unseen), (600, 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn hidden_speed(mut self, tokens_per_second: u32) -> Self {
        self.hidden_speed = Some(tokens_per_second);
        self
    }

    /// Ends for that reason, in the provider's words, unless the output limit ends it before.
    pub fn finish(mut self, reason: &str) -> Self {
        self.finish = Some(reason.into());
        self
    }

    /// Is served and billed at that tier, in the provider's words, whatever the request asks for.
    pub fn tier(mut self, tier: &str) -> Self {
        self.tier = Some(tier.into());
        self
    }

    /// Is served and billed by another model than was asked.
    pub fn served_by(mut self, model: &str) -> Self {
        self.served_by = Some(model.into());
        self
    }

    /// Comes so long after the request. Waiting needs tokio's time.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Pauses so long between the frames of a stream. Waiting needs tokio's time.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Asks to be left alone for that long: `Retry-After`, in whole seconds, rounded up. Good for errors only.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        if let Some(refusal) = &mut self.refusal {
            refusal.retry_after = Some(wait);
        }
        self
    }

    /// Breaks the connection after so many bytes of the body; a shorter body arrives whole.
    ///
    /// A stream bills what it generated until then, a whole body everything.
    pub fn reset_after(mut self, bytes: usize) -> Self {
        self.breaks = Breaks::ResetAfter(bytes);
        self
    }

    /// Says nothing of its usage.
    pub fn usage_missing(mut self) -> Self {
        self.says = Says::Nothing;
        self
    }

    /// Says that it used nothing.
    pub fn usage_zero(mut self) -> Self {
        self.says = Says::Zero;
        self
    }

    /// Says that it used this, and bills something else.
    pub fn usage_wrong(mut self, usage: Usage) -> Self {
        self.says = Says::Instead(usage);
        self
    }

    /// Sends a body that is not JSON; in a stream, one frame in the middle that is not.
    pub fn malformed(mut self) -> Self {
        self.breaks = Breaks::Malformed;
        self
    }

    /// Ends without the frames that say how it ended and what it used; a whole body lacks its last byte.
    pub fn without_final_frame(mut self) -> Self {
        self.breaks = Breaks::WithoutEnd;
        self
    }

    /// Bills although it is an error: the whole answer was generated first.
    ///
    /// A 4xx is never billed, save 408 and 499.
    pub fn billed(mut self) -> Self {
        self.bills = Some(true);
        self
    }

    /// Bills nothing, however much was generated.
    pub fn unbilled(mut self) -> Self {
        self.bills = Some(false);
        self
    }

    /// Whether anything that was generated is billed.
    pub(super) fn is_billed(&self) -> bool {
        match self.refusal {
            Some(Refused { status: 408 | 499 | 500.., .. }) => self.bills == Some(true),
            Some(_) => false,
            None => self.bills != Some(false),
        }
    }
}
