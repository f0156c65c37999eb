//! What is a prompt made of?
//!
//! One pass over the prompt counts its parts by kind. The text is handed to `count` piece
//! by piece, and `count` alone knows whether a vocabulary or the rough reader answers. What
//! depends on the family (the frame of a message, the notation of a tool, the size of an
//! image) is looked up in the [`Profile`] on the way; what was measured is not looked at
//! here.

use crate::tokens::document::Document;
use crate::tokens::media::{self, FileTokens};
use crate::tokens::own_tool::OwnTool;
use crate::tokens::part::{PartUnits, PromptPart, share};
use crate::tokens::profile::{Notation, Profile};
use crate::tokens::tool_text::{Tool, own_tool};
use crate::values::{Message, Part, Prompt};

/// What a prompt is made of, in tokens of the vocabulary it was counted with.
#[derive(Debug, Default)]
pub(super) struct Size {
    /// Whether a message with a frame has come: an assistant that speaks first is framed
    /// otherwise.
    is_begun: bool,
    /// Tokens that the template puts around messages.
    framing: u64,
    /// Tokens of all text, that of calls included.
    text: u64,
    /// Earlier calls of tools, and the tokens of their names and arguments.
    pub(super) calls: u64,
    call_text: u64,
    /// Capital letters behind another, in families that have fewer words in capitals.
    capitals: u64,
    /// Empty system texts: OpenAI's models were billed a text of their own beside tools for
    /// one.
    empty_systems: u64,
    /// Tokens of reasoning that is sent back.
    reasoning: u64,
    thinks: bool,
    /// Schemas of the answer, and the tokens of their text.
    pub(super) schemas: u64,
    schema_text: u64,
    /// Tools of both kinds, and the tokens of their descriptions as the model reads them.
    pub(super) tools: u64,
    tool_text: u64,
    /// Whether a tool is described in the envelope of chat completions.
    has_chat_tools: bool,
    /// Tools that the provider runs.
    pub(super) own_tools: u64,
    /// What those tools read.
    pub(super) reading: u64,
    pub(super) pictures: u64,
    /// What images of no known size take at most; half of it is expected.
    pub(super) unsized_most: u64,
    /// What the model reads and no request carries.
    pub(super) unseen: u64,
    /// PDFs, sounds and films.
    pub(super) media: FileTokens,
    /// Whether some part cannot be counted.
    pub(super) opaque: bool,
}

impl Size {
    /// Adds a message: its frame by who speaks, and its parts.
    pub(super) fn message(
        &mut self,
        message: &Message,
        profile: &Profile,
        count: &mut dyn FnMut(&str) -> u64,
    ) {
        let is_first = !self.is_begun;
        let is_empty = !message.parts.is_empty()
            && message.parts.iter().all(|part| matches!(part, Part::Text(text) if text.is_empty()));
        let framing = match message.role.as_str() {
            "system" | "developer" if is_empty => {
                self.empty_systems = self.empty_systems.saturating_add(1);
                0
            }
            "assistant" | "model" if is_first => {
                profile.message.saturating_add(profile.assistant).saturating_add(profile.answer_first)
            }
            "system" | "developer" => profile.system,
            "assistant" | "model" => profile.message.saturating_add(profile.assistant),
            _ => profile.message,
        };
        // A system text stands apart: whoever speaks behind it still speaks first.
        self.is_begun |= framing > 0;
        self.framing = self.framing.saturating_add(framing);
        for part in &message.parts {
            self.part(part, profile, count);
        }
    }

    /// Adds one part of a message.
    fn part(&mut self, part: &Part, profile: &Profile, count: &mut dyn FnMut(&str) -> u64) {
        match part {
            Part::Text(text) => {
                self.text = self.text.saturating_add(count(text));
                if profile.capital_ppm > 0 {
                    self.capitals = self.capitals.saturating_add(capitals(text));
                }
            }
            Part::Call { name, arguments } => {
                let tokens = count(name).saturating_add(count(arguments));
                self.call_text = self.call_text.saturating_add(tokens);
                self.text = self.text.saturating_add(tokens);
                self.calls = self.calls.saturating_add(1);
            }
            Part::Reasoning(text) => self.reasoning = self.reasoning.saturating_add(count(text)),
            Part::Schema(text) => {
                self.schemas = self.schemas.saturating_add(1);
                self.schema_text = self.schema_text.saturating_add(count(text));
            }
            Part::Picture(picture) => {
                self.pictures = self.pictures.saturating_add(profile.pictures.tokens(*picture));
            }
            Part::Image => self.unsized_most = self.unsized_most.saturating_add(profile.pictures.most()),
            Part::Thinking => self.thinks = true,
            Part::Unseen(tokens) => self.unseen = self.unseen.saturating_add(*tokens),
            Part::Pages(pages) => self.medium(media::of(profile).pages(pages)),
            Part::Sound(sound) => self.medium(media::of(profile).sound(*sound)),
            Part::Film(film) => self.medium(media::of(profile).film(*film)),
            Part::Opaque => self.opaque = true,
        }
    }

    /// Adds a file by its pages or its length; if nobody knows what its family takes, the
    /// prompt has a part that cannot be counted.
    fn medium(&mut self, held: Option<FileTokens>) {
        match held {
            Some(held) => self.media = self.media.plus(held),
            None => self.opaque = true,
        }
    }

    /// Adds the descriptions of tools, in the notation in which the model reads them.
    pub(super) fn tools(
        &mut self,
        prompt: &Prompt,
        profile: &Profile,
        reading: &dyn Fn(OwnTool) -> u64,
        count: &mut dyn FnMut(&str) -> u64,
    ) {
        for description in &prompt.tools {
            let own = own_tool(description);
            if let Some(own) = own {
                self.own_tools = self.own_tools.saturating_add(1);
                self.reading = self.reading.saturating_add(reading(own));
            }
            // A tool of the provider's own counts as it is written: nobody knows how the
            // model is shown it.
            let text = own.is_none().then(|| notation(description, profile)).flatten();
            let text = text.as_deref().unwrap_or(description);
            self.tools = self.tools.saturating_add(1);
            self.has_chat_tools |= has_function_envelope(description);
            self.tool_text = self.tool_text.saturating_add(count(text));
        }
        if self.tools > 0 && profile.notation == Notation::TypeScript {
            self.tool_text = self.tool_text.saturating_add(TYPESCRIPT_FRAME);
        }
    }

    /// How often that part stands in the prompt; `None` if it does not.
    pub(super) fn units(&self, part: PromptPart, profile: &Profile) -> Option<PartUnits> {
        let has_tools = self.tools > 0;
        let (is_there, units) = match part {
            PromptPart::Text => {
                let framing = self.framing.saturating_add(share(self.capitals, profile.capital_ppm));
                (true, PartUnits::new(1, self.text, framing))
            }
            PromptPart::Thinking => (self.thinks, PartUnits::new(1, 0, 0)),
            PromptPart::Reasoning => (self.reasoning > 0, PartUnits::new(0, self.reasoning, 0)),
            PromptPart::Tools => (has_tools, PartUnits::new(1, self.tool_text, 0)),
            PromptPart::ChatTools => {
                let is_typed = profile.notation == Notation::TypeScript;
                (has_tools && self.has_chat_tools && is_typed, PartUnits::new(1, 0, 0))
            }
            PromptPart::EmptySystem => {
                (has_tools && self.empty_systems > 0, PartUnits::new(self.empty_systems, 0, 0))
            }
            // The text of calls is among the text; a closed notation was seen to take it again.
            PromptPart::Calls => (self.calls > 0, PartUnits::new(self.calls, self.call_text, 0)),
            PromptPart::Schema => (self.schemas > 0, PartUnits::new(1, self.schema_text, 0)),
            PromptPart::OwnTools => (self.own_tools > 0, PartUnits::new(self.own_tools, 0, 0)),
            PromptPart::Readings | PromptPart::Pictures | PromptPart::Media | PromptPart::Unseen => {
                return None;
            }
        };
        is_there.then_some(units)
    }
}

/// Tokens of `# Tools\n\n## functions\n\nnamespace functions {\n\n} // namespace
/// functions`, which OpenAI's template puts around all tools.
const TYPESCRIPT_FRAME: u64 = 15;

/// Capital letters behind another capital: `NASA` has three.
fn capitals(text: &str) -> u64 {
    let pairs = text.as_bytes().windows(2).filter(|pair| pair.iter().all(u8::is_ascii_uppercase));
    u64::try_from(pairs.count()).unwrap_or(u64::MAX)
}

/// A function's description as the model reads it; `None` for a tool of the provider's own
/// and for what is no JSON, which count as they are written.
fn notation(description: &str, profile: &Profile) -> Option<String> {
    let document = Document::parse(description).ok()?;
    match Tool::read(&document)? {
        Tool::Function(function) if profile.notation == Notation::TypeScript => Some(function.typescript()),
        Tool::Function(function) => Some(function.json()),
        Tool::Own(_) => None,
    }
}

/// Whether a tool is described as `{"type": "function", "function": {…}}`, however it is spaced.
fn has_function_envelope(description: &str) -> bool {
    description.match_indices("\"function\"").any(|(at, name)| {
        let after = description.get(at.saturating_add(name.len())..).unwrap_or_default();
        after.trim_start().strip_prefix(':').is_some_and(|value| value.trim_start().starts_with('{'))
    })
}
