//! What is sent to the model, as far as counting its tokens needs to know.
//!
//! Estimating needs to know how long a text is, how large an image, how many pages a
//! file; it needs none of the meaning. These types carry just that, and their `Debug`
//! shows sizes and never text, so that a prompt cannot leak into a log.

use std::fmt;
use std::sync::Arc;

use crate::values::ShortText;

/// The input of a call: never said, already counted, or to be estimated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// Nobody has said. A limit that counts tokens or dollars refuses such a call, because it is not known to be
    /// empty.
    #[default]
    Unsaid,
    /// The caller counted: that many input tokens.
    Tokens(u64),
    /// Messages and tool descriptions, to be estimated.
    Prompt(Prompt),
}

/// Messages with the tools that are described beside them.
///
/// No text of either appears in `Debug` output. Where a text stands for a prompt, it is one message from the user.
///
/// # Example: a prompt by a word, and one with more to it
/// ```
/// use token_budget::call::{Message, Prompt};
///
/// let question = Prompt::user("What is the tallest mountain?");
/// assert_eq!(question, "What is the tallest mountain?".into());
///
/// let more = question.with_message(Message::assistant("Mount Everest.")).with_tool(r#"{"name": "measure"}"#);
/// assert_eq!((more.messages.len(), more.tools.len()), (2, 1));
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The conversation, system prompt included, oldest first.
    pub messages: Vec<Message>,
    /// Each tool's description as it is sent: a JSON schema as text.
    pub tools: Vec<Arc<str>>,
}

/// One message of a conversation.
///
/// Its text never appears in `Debug` output, errors or the journal.
///
/// ```
/// use token_budget::call::Message;
///
/// let message = Message::user("What is the tallest mountain?");
/// assert_eq!(format!("{message:?}"), "Message { role: \"user\", parts: [Text(29 bytes)] }");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks: `system`, `user`, `assistant`, `tool`.
    pub role: ShortText,
    /// What is said or shown.
    pub parts: Vec<Part>,
}

/// A piece of a message.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Text.
    Text(Arc<str>),
    /// An image of unknown size: tokens are a guess by the model's family.
    Image,
    /// An image whose size is known.
    Picture(Picture),
    /// A tool call that the model made earlier.
    Call {
        /// The tool's name.
        name: ShortText,
        /// Its arguments as they are sent: JSON as text.
        arguments: Arc<str>,
    },
    /// What the model thought earlier: some providers count it, some leave it out.
    Reasoning(Arc<str>),
    /// A JSON schema that the answer must fit, as text.
    Schema(Arc<str>),
    /// Thinking is switched on: some providers put a text of their own in front for it.
    Thinking,
    /// Text that the model reads and no request carries, of about so many tokens at most: a thought that the provider
    /// keeps under an id, a query that is read once more for each document. It makes an estimate a guess.
    Unseen(u64),
    /// A PDF that stands in the request, by its pages: a guess, and the model's largest input where nobody says what
    /// its family takes for a page.
    Pages(Pages),
    /// Sound that stands in the request, by its length.
    Sound(Sound),
    /// A film that stands in the request, by its length.
    Film(Film),
    /// Something that cannot be counted here, such as a file id: taken at the model's largest input.
    Opaque,
}

impl Part {
    /// Input tokens that are held for each thought, summary or find that the provider keeps and a request only names:
    /// an allowance, no bound. OpenAI advises to leave 25,000 tokens for what is thought and written at first, and
    /// documents 20 pieces of 800 tokens for a search in files.
    pub const STORED_TOKENS: u64 = 16_384;
}

/// An image's size, and how closely the model is asked to look.
///
/// ```
/// use token_budget::call::{Detail, Picture};
///
/// let picture = Picture { width: 1_024, height: 768, detail: Detail::High };
/// assert_eq!(picture.detail, Detail::High);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Picture {
    /// Pixels from left to right; zero in both directions where the size is not known.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
    /// How closely the model looks.
    pub detail: Detail,
}

/// How closely a model is asked to look at an image: `detail`, or `media_resolution`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Detail {
    /// Coarsely, for few tokens.
    Low,
    /// As the provider thinks best, which is billed as high.
    #[default]
    Auto,
    /// Closely.
    High,
    /// At its own size, which some models take for several times as many tokens: OpenAI's `original`, Google's
    /// `ultra_high`, Alibaba's `vl_high_resolution_images`.
    Original,
}

/// A PDF's pages, and the text that they show.
///
/// A provider shows its model each page as an image, and some the text beside it.
///
/// # Example: a PDF is held by its pages
/// ```
/// use token_budget::call::{Detail, Message, Pages, Part, Prompt};
/// use token_budget::tokens::FamilyEstimator;
/// use token_budget::TokenEstimator;
///
/// // Ten pages of a report: 3,000 letters each, at half a token a letter.
/// let pages = Pages { count: 10, text_tokens: Some(15_000), detail: Detail::Auto };
/// let tokens = |model, parts| {
///     let message = Message { role: "user".into(), parts };
///     FamilyEstimator::new().count(model, &Prompt { messages: vec![message], tools: vec![] }).tokens
/// };
/// let held = |model| tokens(model, vec![Part::Pages(pages)]) - tokens(model, vec![]);
///
/// // 258 a page, and as much again for its text, which Google's guide lists beside it.
/// assert_eq!(held("gemini-2.5-flash"), 10 * 258 * 2);
/// // 560 a page: from Gemini 3 on the text of a PDF is not billed.
/// assert_eq!(held("gemini-3-flash"), 10 * 560);
/// // An image of 1,600 a page, and the text at 1.05 of OpenAI's tokens; since Claude 4.7 at 1.365.
/// assert_eq!(held("claude-sonnet-4-5"), 10 * 1_600 + 15_750);
/// assert_eq!(held("claude-opus-4-8"), 10 * 1_600 + 20_475);
/// // An image in high detail of 1,445 a page, and the text.
/// assert_eq!(held("gpt-4o"), 10 * 1_445 + 15_000);
/// // Nobody says what these take: 3,200 a page, the most that is known of an image of others, and the text.
/// assert_eq!(held("nova-pro"), 10 * 3_200 + 15_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pages {
    /// Pages, by the largest of all readings of the file.
    pub count: u64,
    /// Tokens that the text of all pages comes to at most: half a token for a small Latin letter or a blank, a whole one for
    /// any other byte of what they show. `None` where it cannot be read: the file is encrypted, cut, damaged, or packed
    /// beyond what is unpacked here.
    pub text_tokens: Option<u64>,
    /// How closely the model looks.
    pub detail: Detail,
}

/// A piece of sound.
///
/// ```
/// use token_budget::call::{Message, Part, Prompt, Sound};
/// use token_budget::tokens::FamilyEstimator;
/// use token_budget::TokenEstimator;
///
/// let tokens = |parts| {
///     let message = Message { role: "user".into(), parts };
///     FamilyEstimator::new().count("gemini-2.5-flash", &Prompt { messages: vec![message], tools: vec![] }).tokens
/// };
/// let minute = Part::Sound(Sound { length_ms: 60_000 });
/// // 32 tokens for each second that has begun, and for one more.
/// assert_eq!(tokens(vec![minute]) - tokens(vec![]), 61 * 32);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sound {
    /// How long it plays, in milliseconds.
    pub length_ms: u64,
}

/// A film, with or without sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Film {
    /// How long it plays, in milliseconds.
    pub length_ms: u64,
    /// Images of it that the model is shown: one a second, unless the request asks for more.
    pub frames: u64,
    /// How closely the model looks.
    pub detail: Detail,
}

impl Prompt {
    /// A prompt that is one message from the user.
    pub fn user(text: impl Into<Arc<str>>) -> Self {
        Self::from(Message::user(text))
    }

    /// The same prompt with one more message at its end.
    #[must_use]
    pub fn with_message(mut self, message: Message) -> Self {
        self.messages.push(message);
        self
    }

    /// The same prompt with one more tool, described as it is sent: a JSON schema as text.
    #[must_use]
    pub fn with_tool(mut self, description: impl Into<Arc<str>>) -> Self {
        self.tools.push(description.into());
        self
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self::user(text)
    }
}

impl From<String> for Prompt {
    fn from(text: String) -> Self {
        Self::user(text)
    }
}

impl From<Message> for Prompt {
    fn from(message: Message) -> Self {
        vec![message].into()
    }
}

impl From<Vec<Message>> for Prompt {
    fn from(messages: Vec<Message>) -> Self {
        Self { messages, tools: Vec::new() }
    }
}

impl Message {
    /// A message of plain text from that role.
    pub fn text(role: impl Into<ShortText>, text: impl Into<Arc<str>>) -> Self {
        Self { role: role.into(), parts: vec![Part::Text(text.into())] }
    }

    /// A message from the user.
    pub fn user(text: impl Into<Arc<str>>) -> Self {
        Self::text("user", text)
    }

    /// The system prompt.
    pub fn system(text: impl Into<Arc<str>>) -> Self {
        Self::text("system", text)
    }

    /// An earlier answer of the model.
    pub fn assistant(text: impl Into<Arc<str>>) -> Self {
        Self::text("assistant", text)
    }

    /// The same message with one more part.
    #[must_use]
    pub fn with_part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tools: Vec<_> = self.tools.iter().map(|tool| format!("{} bytes", tool.len())).collect();
        f.debug_struct("Prompt").field("messages", &self.messages).field("tools", &tools).finish()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Image => f.write_str("Image"),
            Self::Picture(picture) => write!(f, "{picture:?}"),
            Self::Call { name, arguments } => {
                write!(f, "Call({} bytes)", name.len().saturating_add(arguments.len()))
            }
            Self::Reasoning(text) => write!(f, "Reasoning({} bytes)", text.len()),
            Self::Schema(text) => write!(f, "Schema({} bytes)", text.len()),
            Self::Thinking => f.write_str("Thinking"),
            Self::Unseen(tokens) => write!(f, "Unseen({tokens} tokens)"),
            Self::Pages(pages) => write!(f, "{pages:?}"),
            Self::Sound(sound) => write!(f, "{sound:?}"),
            Self::Film(film) => write!(f, "{film:?}"),
            Self::Opaque => f.write_str("Opaque"),
        }
    }
}
