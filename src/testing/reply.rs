//! What shall a scripted provider answer, and what shall go wrong?
//!
//! A reply is written in the vocabulary of what goes wrong in production. Three groups of
//! methods, in this order:
//!
//! * what is generated: [`text`](Reply::text), [`tokens`](Reply::tokens),
//!   [`with_tool_call`](Reply::with_tool_call), [`input`](Reply::input), caches,
//!   [`reasoning`](Reply::reasoning), [`tier`](Reply::tier),
//!   [`served_by`](Reply::served_by);
//! * how it comes: [`latency`](Reply::latency), [`pause`](Reply::pause),
//!   [`in_background`](Reply::in_background), [`hidden_speed`](Reply::hidden_speed);
//! * what goes wrong: [`status`](Reply::status), [`reset_after`](Reply::reset_after),
//!   [`malformed`](Reply::malformed),
//!   [`without_final_frame`](Reply::without_final_frame), and usage that is
//!   [missing](Reply::usage_missing), [zero](Reply::usage_zero) or
//!   [wrong](Reply::usage_wrong).
//!
//! The first group decides the bill; the others only decide what the client learns of it.

use std::time::Duration;

use crate::values::ShortText;
use smallvec::SmallVec;

use crate::Usage;

/// One answer of a [`ScriptedProvider`](super::ScriptedProvider): its tokens, its usage,
/// its pace and its faults.
///
/// A token is one piece of text or of a tool's arguments, one frame of a stream, and one
/// output token on the bill. What the provider *generates* is what it bills; what it
/// *says* it used can be made missing, zero or wrong. An answer keeps to the request's
/// output limit, and ends with `length` or `max_tokens` if the limit cut it.
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
    pub(super) pieces: Vec<ShortText>,
    pub(super) tools: Vec<ToolScript>,
    pub(super) input: Option<u64>,
    pub(super) cached_input: u64,
    pub(super) cache_write_5m: u64,
    pub(super) cache_write_1h: u64,
    pub(super) reasoning: u64,
    pub(super) finish: Option<ShortText>,
    pub(super) tier: Option<ShortText>,
    pub(super) served_by: Option<ShortText>,
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
    pub(super) name: ShortText,
    /// The arguments, one token a piece.
    pub(super) pieces: SmallVec<[ShortText; 4]>,
}

/// What the answer says of its own usage, whatever is billed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Says {
    #[default]
    /// What was generated.
    Truth,
    /// No usage at all.
    Nothing,
    /// A usage of zero.
    Zero,
    /// Another usage.
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
/// A count by tiktoken therefore agrees with the bill.
const WORDS: [&str; 8] = [" the", " boat", " is", " on", " the", " sea", " at", " night"];
/// Bytes of a tool's arguments that are one token: about what tokenizers make of JSON.
const ARGUMENT_BYTES: usize = 4;

impl Reply {
    /// A text, one token a word, the space in front of a word included: `"It lies by the
    /// sea."` is five tokens.
    pub fn text(text: &str) -> Self {
        let mut pieces: Vec<ShortText> = Vec::new();
        for word in text.split_inclusive(' ') {
            match pieces.last_mut() {
                // The space that ended the last word begins this one.
                Some(last) if last.ends_with(' ') => {
                    *last = last.strip_suffix(' ').unwrap_or_default().into();
                    pieces.push(format!(" {word}").into());
                }
                _ => pieces.push(word.into()),
            }
        }
        Self::pieces(pieces)
    }

    /// A text in the pieces given, one token each; empty ones are left out.
    pub fn pieces<P: Into<ShortText>>(pieces: impl IntoIterator<Item = P>) -> Self {
        let pieces = pieces.into_iter().map(Into::into).filter(|piece: &ShortText| !piece.is_empty());
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
        let mut pieces: Vec<String> = Vec::new();
        for letter in arguments.chars() {
            match pieces.last_mut() {
                Some(last) if last.len() < ARGUMENT_BYTES => last.push(letter),
                _ => pieces.push(letter.into()),
            }
        }
        let pieces = pieces.into_iter().map(ShortText::from).collect();
        self.tools.push(ToolScript { name: name.into(), pieces });
        self
    }

    /// Bills that many input tokens, cached ones included. Without it the provider counts
    /// the request: one token for eight bytes of its messages and tools.
    pub fn input(mut self, tokens: u64) -> Self {
        self.input = Some(tokens);
        self
    }

    /// Reads that part of the input from a cache. An input that is smaller than its parts
    /// is raised to their sum.
    pub fn cached_input(mut self, tokens: u64) -> Self {
        self.cached_input = tokens;
        self
    }

    /// Writes that part of the input to a cache for five minutes.
    pub fn cache_write_5m(mut self, tokens: u64) -> Self {
        self.cache_write_5m = tokens;
        self
    }

    /// Writes that part of the input to a cache for an hour. OpenAI's shapes know one
    /// kind of write only, so there it is billed as a write for five minutes.
    pub fn cache_write_1h(mut self, tokens: u64) -> Self {
        self.cache_write_1h = tokens;
        self
    }

    /// Reasons for that many tokens before each choice: output that is billed and never
    /// shown.
    pub fn reasoning(mut self, tokens: u64) -> Self {
        self.reasoning = tokens;
        self
    }

    /// Generates the whole answer although its client has gone, and bills all of it.
    ///
    /// OpenAI's responses do so by themselves if the request says `"background": true`.
    pub fn in_background(mut self) -> Self {
        self.in_background = true;
        self
    }

    /// Reasons at so many tokens a second from the request on, by the provider's clock.
    /// If the client hangs up, the provider bills what it has generated by then: of a
    /// stream its reasoning, of a whole body any output.
    ///
    /// Without it nothing is generated before the first frame, and a whole body that
    /// nobody waited for is billed whole.
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

    /// Serves and bills at that tier, in the provider's words, whatever the request asks
    /// for.
    pub fn tier(mut self, tier: &str) -> Self {
        self.tier = Some(tier.into());
        self
    }

    /// Serves and bills as another model than was asked, as an alias or a router does.
    /// The answer names that model.
    pub fn served_by(mut self, model: &str) -> Self {
        self.served_by = Some(model.into());
        self
    }

    /// Waits so long before the answer begins. Waiting needs tokio's time, which a test
    /// can pause.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Waits so long between the frames of a stream. Waiting needs tokio's time.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sends `Retry-After` with an error, in whole seconds, rounded up. Does nothing on
    /// other replies.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        if let Some(refusal) = &mut self.refusal {
            refusal.retry_after = Some(wait);
        }
        self
    }

    /// Resets the connection after so many bytes of the body; a shorter body arrives
    /// whole.
    ///
    /// A stream bills what it generated until then, the frame that was cut included; a
    /// whole body bills everything.
    ///
    /// # Example: the client has half of a body, the bill has all of it
    /// ```
    /// use token_budget::testing::{CallEnd, Reply, ScriptedFault, ScriptedProvider};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let provider = ScriptedProvider::new().reply(Reply::tokens(80).input(1_000).reset_after(50));
    /// let body = br#"{"model": "gpt-4o", "messages": []}"#;
    /// assert_eq!(provider.call("/v1/chat/completions", body).await, Err(ScriptedFault::Reset));
    ///
    /// let bill = provider.bill();
    /// assert_eq!((bill.calls()[0].end, bill.usage().output()), (CallEnd::Reset, Some(80)));
    /// assert_eq!(bill.usd(), "0.0033".parse()?); // 1,000 × $2.50 and 80 × $10 a million
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn reset_after(mut self, bytes: usize) -> Self {
        self.breaks = Breaks::ResetAfter(bytes);
        self
    }

    /// Leaves the usage out of the answer. The tokens are billed all the same.
    pub fn usage_missing(mut self) -> Self {
        self.says = Says::Nothing;
        self
    }

    /// States a usage of zero tokens, as some gateways do for streams. The tokens are
    /// billed all the same.
    pub fn usage_zero(mut self) -> Self {
        self.says = Says::Zero;
        self
    }

    /// States this usage, and bills what was generated. The difference is on the bill as
    /// unseen.
    pub fn usage_wrong(mut self, usage: Usage) -> Self {
        self.says = Says::Instead(usage);
        self
    }

    /// Sends a body that is cut in half, which is no JSON; in a stream, the frame in the
    /// middle is cut.
    pub fn malformed(mut self) -> Self {
        self.breaks = Breaks::Malformed;
        self
    }

    /// Ends without the frames that say how the answer ended and what it used; a whole
    /// body lacks its last byte.
    pub fn without_final_frame(mut self) -> Self {
        self.breaks = Breaks::WithoutEnd;
        self
    }

    /// Bills although the answer is an error, because the whole answer was generated
    /// first.
    ///
    /// A 4xx is never billed, save 408 and 499: a connection that was given up says
    /// nothing about what was generated.
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
