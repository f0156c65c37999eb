//! What is a prompt made of, and what does its family make of that?

use super::{CONFIDENCE_PPM, Unsure};
use crate::message::{Message, Part, Prompt};
use crate::tokens::document::Document;
use crate::tokens::estimate::Estimate;
use crate::tokens::media::{self, Held};
use crate::tokens::own_tool::OwnTool;
use crate::tokens::profile::{Margin, Notation, Profile};
use crate::tokens::tool_text::Tool;

/// What a prompt is made of, in tokens of the vocabulary it was counted with.
#[derive(Debug, Default)]
pub(super) struct Size {
    /// Messages, and what their framing takes.
    framing: u64,
    text: u64,
    calls: u64,
    call_text: u64,
    capitals: u64,
    empty_systems: u64,
    reasoning: u64,
    thinks: bool,
    schemas: u64,
    schema_text: u64,
    tools: u64,
    tool_text: u64,
    has_chat_tools: bool,
    own_tools: u64,
    reading: u64,
    pictures: u64,
    /// What images of no known size take at most.
    unsized_most: u64,
    unseen: u64,
    /// PDFs, sounds and films.
    media: Held,
    opaque: bool,
}

impl Size {
    pub(super) fn message(
        &mut self,
        message: &Message,
        profile: &Profile,
        count: &mut dyn FnMut(&str) -> u64,
    ) {
        let is_first = self.framing == 0;
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
        self.framing = self.framing.saturating_add(framing);
        for part in &message.parts {
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
                    self.framing = self.framing.saturating_add(profile.call);
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
    }

    /// A file by its pages or its length.
    fn medium(&mut self, held: Option<Held>) {
        match held {
            Some(held) => self.media = self.media.plus(held),
            None => self.opaque = true,
        }
    }

    pub(super) fn tools(
        &mut self,
        prompt: &Prompt,
        profile: &Profile,
        reading: &dyn Fn(OwnTool) -> u64,
        count: &mut dyn FnMut(&str) -> u64,
    ) {
        for description in &prompt.tools {
            let own = OwnTool::described(description);
            if let Some(own) = own {
                self.own_tools = self.own_tools.saturating_add(1);
                self.reading = self.reading.saturating_add(reading(own));
            }
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

    pub(super) fn estimate(&self, profile: &Profile, unsure: &Unsure) -> Estimate {
        let sum = |numbers: &[u64]| numbers.iter().fold(0_u64, |sum, number| sum.saturating_add(*number));
        let text = sum(&[
            share(self.text, profile.text_ppm),
            share(self.capitals, profile.capital_ppm),
            share(self.reasoning, profile.reasoning_ppm),
        ]);
        let schemas = if self.schemas == 0 {
            0
        } else {
            profile.schema.saturating_add(share(self.schema_text, profile.schema_ppm))
        };
        let thinking = if self.thinks { profile.thinking } else { 0 };
        let plain = sum(&[profile.prompt, self.framing, text, schemas, thinking, self.pictures]);
        let tools = self.tool_tokens(profile);
        let expected = sum(&[plain, tools, self.unsized_most / 2, self.unseen / 4, self.media.expected]);
        // A call was seen to take three tokens more, where its notation is closed its text again.
        let notation = if profile.is_exact { 0 } else { self.call_text };
        let calls = self.calls.saturating_mul(3).saturating_add(notation);
        let mut most = sum(&[
            plain,
            tools,
            self.unsized_most,
            self.unseen,
            self.media.most,
            calls,
            added(plain, profile.margin),
            unsure.text.beyond(profile.text_ppm),
            unsure.tools.beyond(profile.tools_ppm),
        ]);
        if self.tools > 0 {
            most = most.saturating_add(added(tools, profile.tools_margin));
            let own = profile.own_tool_most.saturating_sub(profile.own_tool);
            most = most.saturating_add(self.own_tools.saturating_mul(own));
            most = most.saturating_add(self.reading);
        }
        if self.schemas > 0 {
            // What is expected was seen to be off by half the schema, where it is billed at all.
            most = most.saturating_add(self.schema_text / 2);
        }
        // Reasoning that one provider leaves out another reads.
        let unread = self.reasoning.saturating_sub(share(self.reasoning, profile.reasoning_ppm));
        most = most.saturating_add(unread / 2);
        Estimate {
            has_tools: self.tools > 0 || self.schemas > 0 || self.calls > 0,
            ..self.named(profile, expected, most)
        }
    }

    /// What is claimed of the two numbers.
    fn named(&self, profile: &Profile, expected: u64, most: u64) -> Estimate {
        let is_guessed = profile.name == "other"
            || self.own_tools > 0
            || self.pictures > 0
            || self.unsized_most > 0
            || self.unseen > 0
            || self.media.most > 0
            || self.opaque;
        let estimate = Estimate::likely(expected, most, CONFIDENCE_PPM);
        if is_guessed {
            let unclaimed = Estimate { expected, ..Estimate::guess(estimate.tokens) };
            return Estimate { opaque: self.opaque, ..unclaimed };
        }
        estimate
    }

    fn tool_tokens(&self, profile: &Profile) -> u64 {
        if self.tools == 0 {
            return 0;
        }
        let each = profile.tool.saturating_mul(self.tools);
        let own = profile.own_tool.saturating_mul(self.own_tools);
        let chat = if self.has_chat_tools { profile.chat_tools } else { 0 };
        let text = share(self.tool_text, profile.tools_ppm);
        let empty = profile.empty_system.saturating_mul(self.empty_systems);
        [profile.tools, each, own, chat, text, empty]
            .iter()
            .fold(0, |sum: u64, tokens| sum.saturating_add(*tokens))
    }
}

/// `# Tools\n\n## functions\n\nnamespace functions {\n\n} // namespace functions` around all of them.
const TYPESCRIPT_FRAME: u64 = 15;

/// Capital letters behind another.
fn capitals(text: &str) -> u64 {
    let pairs = text.as_bytes().windows(2).filter(|pair| pair.iter().all(u8::is_ascii_uppercase));
    u64::try_from(pairs.count()).unwrap_or(u64::MAX)
}

/// A function's description as the model reads it.
fn notation(description: &str, profile: &Profile) -> Option<String> {
    let document = Document::parse(description).ok()?;
    match Tool::read(&document)? {
        Tool::Function(function) if profile.notation == Notation::TypeScript => Some(function.typescript()),
        Tool::Function(function) => Some(function.json()),
        Tool::Own(_) => None,
    }
}

/// So many millionths of it, rounded to the nearest.
pub(super) fn share(tokens: u64, ppm: u32) -> u64 {
    tokens.saturating_mul(u64::from(ppm)).saturating_add(500_000) / 1_000_000
}

pub(super) fn added(tokens: u64, margin: Margin) -> u64 {
    tokens.saturating_mul(u64::from(margin.ppm)).div_ceil(1_000_000).saturating_add(margin.tokens)
}

/// Whether a tool is described as `{"type": "function", "function": {…}}`, however it is spaced.
fn has_function_envelope(description: &str) -> bool {
    description.match_indices("\"function\"").any(|(at, name)| {
        let after = description.get(at.saturating_add(name.len())..).unwrap_or_default();
        after.trim_start().strip_prefix(':').is_some_and(|value| value.trim_start().starts_with('{'))
    })
}
