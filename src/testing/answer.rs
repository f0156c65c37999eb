//! What does one reply come to, under one request?
//!
//! A reply is a script and knows nothing of the request. Here the two meet: the answer is
//! cut to the output limit, multiplied by the number of choices, counted, and priced in
//! the normal form of [`Usage`]. It still has no shape; `shape` writes it in the words of
//! one API.
//!
//! The limit is spent in the order in which a model generates: reasoning first, then
//! text, then tool calls, each of which costs one token for its name. Worked example: 3
//! tokens of reasoning, 5 of text and a limit of 4. Reasoning takes 3, text the last one;
//! the answer ends with `length`. Output is 4, of which 1 is shown.

use crate::values::ShortText;
use smallvec::SmallVec;

use super::reply::{Reply, Says, ToolScript};
use super::request::{Dialect, Request};
use crate::Usage;

/// A reply fitted to a request: cut to its limit and counted, without a shape.
pub(super) struct Answer<'a> {
    /// The model that serves, as the answer names it.
    pub(super) model: &'a str,
    /// The tier that serves, in the provider's word.
    pub(super) tier: &'a str,
    /// How many choices the request asked for.
    pub(super) choices: u32,
    /// The text of each choice.
    pub(super) pieces: &'a [ShortText],
    /// The tool calls of each choice.
    pub(super) tools: SmallVec<[Tool<'a>; 2]>,
    /// Why each choice ends.
    pub(super) finish: Finish<'a>,
    /// What is billed if all of it is generated.
    pub(super) usage: Usage,
    /// What the answer says of its usage.
    pub(super) told: Option<Usage>,
}

/// A tool call, as far as the limit lets it come.
pub(super) struct Tool<'a> {
    /// The tool's name, which is one token.
    pub(super) name: &'a str,
    /// As many pieces of its arguments as the limit lets through.
    pub(super) pieces: &'a [ShortText],
}

/// Why an answer ends; each provider has its own word.
#[derive(Clone, Copy)]
pub(super) enum Finish<'a> {
    /// It was complete.
    Stop,
    /// The output limit cut it.
    Limit,
    /// It ends with a tool call.
    Tools,
    /// For the reason that the script gives, in its words.
    Said(&'a str),
}

/// The tokens that are left of the output limit of one choice.
struct Room(u64);

impl<'a> Answer<'a> {
    /// Fits the reply to that request, whose own text is counted if the reply does not
    /// state an input.
    pub(super) fn of(reply: &'a Reply, request: &'a Request<'_>, dialect: Dialect) -> Self {
        let mut room = Room(request.limit().unwrap_or(u64::MAX));
        let reasoning = room.take(reply.reasoning);
        let pieces = room.cut(&reply.pieces);
        let tools: SmallVec<[Tool<'_>; 2]> = reply.tools.iter().map_while(|tool| room.tool(tool)).collect();
        let each = tools.iter().fold(count(pieces).saturating_add(reasoning), |sum, tool| {
            sum.saturating_add(1).saturating_add(count(tool.pieces))
        });
        let choices = request.choices(dialect);
        let usage = billed(reply, request, dialect, u64::from(choices), (each, reasoning));
        let finish = match &reply.finish {
            _ if each < asked(reply) => Finish::Limit,
            Some(reason) => Finish::Said(reason),
            None if tools.is_empty() => Finish::Stop,
            None => Finish::Tools,
        };
        Self {
            model: reply.served_by.as_deref().unwrap_or(&request.model),
            tier: tier(reply, request, dialect),
            choices,
            pieces,
            tools,
            finish,
            usage,
            told: told(reply.says, usage),
        }
    }

    /// Tokens of the whole answer that are shown.
    pub(super) fn shown(&self) -> u64 {
        self.usage.output().unwrap_or(0).saturating_sub(self.usage.reasoning().unwrap_or(0))
    }
}

impl Finish<'_> {
    /// The provider's word for it: OpenAI's or Anthropic's.
    pub(super) fn word(&self, dialect: Dialect) -> &str {
        let is_messages = dialect == Dialect::Messages;
        match self {
            Self::Stop if is_messages => "end_turn",
            Self::Stop => "stop",
            Self::Limit if is_messages => "max_tokens",
            Self::Limit => "length",
            Self::Tools if is_messages => "tool_use",
            Self::Tools => "tool_calls",
            Self::Said(word) => word,
        }
    }
}

impl Room {
    /// Takes as many of these tokens as are left, and says how many that is.
    fn take(&mut self, tokens: u64) -> u64 {
        let taken = tokens.min(self.0);
        self.0 = self.0.saturating_sub(taken);
        taken
    }

    /// The pieces for which there is room.
    fn cut<'a>(&mut self, pieces: &'a [ShortText]) -> &'a [ShortText] {
        let taken = usize::try_from(self.take(count(pieces))).unwrap_or(usize::MAX);
        pieces.get(..taken).unwrap_or(pieces)
    }

    /// A tool's name is one token; without room for that, the call is not begun.
    fn tool<'a>(&mut self, tool: &'a ToolScript) -> Option<Tool<'a>> {
        (self.take(1) == 1).then(|| Tool { name: &tool.name, pieces: self.cut(&tool.pieces) })
    }
}

/// The tier that serves: the reply's, else the one asked for, else the ordinary one.
///
/// `auto` and `standard_only` ask for no tier of their own, so the ordinary one serves.
pub(super) fn tier<'a>(reply: &'a Reply, request: &'a Request<'_>, dialect: Dialect) -> &'a str {
    let asked =
        request.service_tier.as_deref().filter(|word| !word.starts_with("auto") && *word != "standard_only");
    reply.tier.as_deref().or(asked).unwrap_or(dialect.tier())
}

fn count<T>(pieces: &[T]) -> u64 {
    pieces.len() as u64
}

/// Output tokens of one choice without any limit.
fn asked(reply: &Reply) -> u64 {
    let tools = reply.tools.iter().map(|tool| count(&tool.pieces).saturating_add(1));
    tools.fold(count(&reply.pieces).saturating_add(reply.reasoning), u64::saturating_add)
}

/// The whole bill in the normal form, for `choices` choices of `each` output tokens, of
/// which `reasoning` are never shown. The input is billed once, the output for each
/// choice.
fn billed(
    reply: &Reply,
    request: &Request<'_>,
    dialect: Dialect,
    choices: u64,
    (each, reasoning): (u64, u64),
) -> Usage {
    let (mut write_5m, mut write_1h) = (reply.cache_write_5m, reply.cache_write_1h);
    if dialect != Dialect::Messages {
        // OpenAI's shapes cannot tell them apart, and nobody bills what they cannot say.
        write_5m = write_5m.saturating_add(write_1h);
        write_1h = 0;
    }
    let parts = reply.cached_input.saturating_add(write_5m).saturating_add(write_1h);
    let input = reply.input.unwrap_or_else(|| request.input_tokens()).max(parts);
    let mut usage = Usage::of(input, each.saturating_mul(choices));
    if parts > 0 {
        usage = usage.with_cached_input(reply.cached_input);
        usage = usage.with_cache_write_5m(write_5m).with_cache_write_1h(write_1h);
    }
    if reasoning > 0 { usage.with_reasoning(reasoning.saturating_mul(choices)) } else { usage }
}

/// What the answer says of its usage, whatever is billed.
fn told(says: Says, usage: Usage) -> Option<Usage> {
    match says {
        Says::Truth => Some(usage),
        Says::Nothing => None,
        Says::Zero => Some(Usage::of(0, 0)),
        Says::Instead(other) => Some(other),
    }
}
