//! What do lists say: parts by modality, passes, models that shared an answer?
//!
//! A list inside a usage is one of two things: figures that are *in* the figures above (the
//! tokens of each modality, passes of type `message`), or figures that are *beside* them
//! (an advisor, a compaction) and become a line of their own. An object of the list is read
//! into figures apart, so that it does not overwrite those around it.

use crate::values::ShortText;

use super::fields::{Field, Figures, count};
use super::json::{Cursor, Kind};
use super::names::kept;
use super::normal;
use super::reader::Reader;
use super::report::{Purpose, UsageLine};
use super::vocabulary::{At, Pairs};

/// Lines beside one answer; six are the most that were recorded.
const LINES_MAX: usize = 64;

impl Reader {
    /// One of several choices, whose text is kept apart where somebody hears it.
    pub(super) fn choice(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        if let Some(heard) = &mut self.heard {
            heard.turn_to(index(*value));
        }
        self.members(At::Choice, value)
    }

    /// Google's searches, which are told in full each time they are told: each distinct one is billed.
    pub(super) fn queries(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        if value.kind()? != Kind::Array {
            return value.skip();
        }
        value.items(|item| match item.kind()? {
            Kind::Text => {
                let query = item.text()?;
                self.items.searched(query.bytes.trim_ascii());
                Some(())
            }
            _ => item.skip(),
        })
    }

    /// Reads a list of objects that each name a modality or a lifetime, and its tokens;
    /// equal names are added up.
    pub(super) fn pairs(&mut self, pairs: Pairs, value: &mut Cursor<'_>) -> Option<()> {
        if value.kind()? != Kind::Array {
            return value.skip();
        }
        let mut sums: [(Option<Field>, u64); 3] = [(None, 0); 3];
        value.items(|item| {
            let (mut field, mut tokens) = (None, None);
            if item.kind()? != Kind::Object {
                return item.skip();
            }
            item.members(|key, value| match key {
                b"modality" | b"ttl" => {
                    field = field_of(pairs, word(value)?);
                    Some(())
                }
                b"tokenCount" | b"tokens" | b"token_count" | b"inputTokens" => {
                    tokens = count(word(value)?);
                    Some(())
                }
                _ => value.skip(),
            })?;
            let place = sums.iter_mut().find(|(known, _)| known.is_none() || *known == field);
            if let (Some(field), Some(tokens), Some(place)) = (field, tokens, place) {
                *place = (Some(field), place.1.saturating_add(tokens));
            }
            Some(())
        })?;
        for (field, tokens) in sums {
            if let Some(field) = field {
                self.figures.set(field, tokens);
            }
        }
        Some(())
    }

    /// Anthropic's passes: those of type `message` are in the figures above them, the others beside.
    pub(super) fn iterations(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        if value.kind()? != Kind::Array || self.in_part {
            return value.skip();
        }
        self.beside.clear();
        value.items(|item| {
            let (line, kind) = self.part(item)?;
            let purpose = match kind.as_str() {
                "message" | "" => return Some(()),
                // The answer came from another model than the one that was asked.
                "fallback_message" => {
                    self.model = line.model.or_else(|| self.model.take());
                    return Some(());
                }
                "compaction" => Purpose::Compaction,
                "advisor_message" => Purpose::Advisor,
                _ => Purpose::Other,
            };
            self.push(UsageLine { purpose, ..line });
            Some(())
        })
    }

    /// Groq's compound systems: which of several models used what of the figures above.
    pub(super) fn breakdown(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        if value.kind()? != Kind::Object {
            return value.skip();
        }
        self.by_model.clear();
        value.members(|key, value| match (key, value.kind()?) {
            (b"models", Kind::Array) => value.items(|item| self.share(item)),
            _ => value.skip(),
        })
    }

    /// Reads what one of several models used.
    fn share(&mut self, item: &mut Cursor<'_>) -> Option<()> {
        if item.kind()? != Kind::Object {
            return item.skip();
        }
        let (mut model, mut line) = (None, None);
        item.members(|key, value| match (key, value.kind()?) {
            (b"model", Kind::Text) => {
                model = Some(kept(value.text()?));
                Some(())
            }
            (b"usage", Kind::Object) => {
                line = Some(self.figures_apart(value)?);
                Some(())
            }
            _ => value.skip(),
        })?;
        if let Some(line) = line.filter(|_| self.by_model.len() < LINES_MAX) {
            self.by_model.push(UsageLine { model, purpose: Purpose::Answer, ..line });
        }
        Some(())
    }

    /// Image tokens of a tool are beside the answer's; zeros are no line.
    pub(super) fn image_generation(&mut self, value: &mut Cursor<'_>) -> Option<()> {
        let line = self.figures_apart(value)?;
        if line.usage.total().unwrap_or(0) > 0 {
            self.beside.retain(|line| line.purpose != Purpose::ImageGeneration);
            self.push(UsageLine {
                purpose: Purpose::ImageGeneration,
                model: self.image_model.clone(),
                ..line
            });
        }
        Some(())
    }

    /// Adds a line beside the answer; one too many is not read, and the report says so.
    fn push(&mut self, line: UsageLine) {
        if self.beside.len() < LINES_MAX {
            self.beside.push(line);
        } else {
            self.damaged = true;
        }
    }

    /// One pass: its figures, its model, and what kind it is.
    fn part(&mut self, item: &mut Cursor<'_>) -> Option<(UsageLine, ShortText)> {
        let (mut kind, mut model) = (ShortText::default(), None);
        let mut peek = *item;
        if peek.kind()? == Kind::Object {
            peek.members(|key, value| {
                match (key, value.kind()?) {
                    (b"type", Kind::Text) => kind = kept(value.text()?),
                    (b"model", Kind::Text) => model = Some(kept(value.text()?)),
                    _ => return value.skip(),
                }
                Some(())
            })?;
        }
        let line = self.figures_apart(item)?;
        Some((UsageLine { model, ..line }, kind))
    }

    /// Reads an object of figures apart from those held.
    fn figures_apart(&mut self, item: &mut Cursor<'_>) -> Option<UsageLine> {
        let held = std::mem::replace(&mut self.figures, Figures::NONE);
        let outer = std::mem::replace(&mut self.in_part, true);
        let done = match item.kind()? {
            Kind::Object => self.members(At::Usage, item),
            _ => item.skip(),
        };
        self.in_part = outer;
        let own = std::mem::replace(&mut self.figures, held);
        done?;
        let (usage, clamped) = normal::usage(&own);
        self.clamped |= clamped;
        Some(UsageLine::of(usage, Purpose::Other))
    }
}

/// Which choice it is; the first, where it does not say.
fn index(mut choice: Cursor<'_>) -> u32 {
    let mut index = 0;
    // What breaks off says as much as it says.
    let _ = choice.members(|key, value| match (key, value.kind()?) {
        (b"index", Kind::Bare) => {
            index = std::str::from_utf8(value.bare()?).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
            Some(())
        }
        _ => value.skip(),
    });
    index
}

/// The figure that a modality or a lifetime stands for.
fn field_of(pairs: Pairs, word: &[u8]) -> Option<Field> {
    let [image, video, audio] = match pairs {
        Pairs::PromptModality => [Field::InputImage, Field::InputVideo, Field::InputAudio],
        Pairs::CachedModality => [Field::CachedImage, Field::CachedVideo, Field::CachedAudio],
        Pairs::OutputModality => [Field::OutputImage, Field::OutputVideo, Field::OutputAudio],
        Pairs::CacheLifetime => {
            return match word {
                b"1h" => Some(Field::Written1h),
                b"5m" => Some(Field::Written5m),
                _ => None,
            };
        }
    };
    // Google's numbers of its modalities stand beside their names.
    match word {
        b"IMAGE" | b"image" | b"2" => Some(image),
        b"VIDEO" | b"video" | b"3" => Some(video),
        b"AUDIO" | b"audio" | b"4" => Some(audio),
        _ => None,
    }
}

/// A string or a bare word.
fn word<'a>(value: &mut Cursor<'a>) -> Option<&'a [u8]> {
    match value.kind()? {
        Kind::Text => Some(value.text()?.bytes),
        Kind::Object | Kind::Array => value.skip().map(|()| [].as_slice()),
        Kind::Null | Kind::Bare => value.bare(),
    }
}
