//! How does a prompt grow while a request is read, without outgrowing it?
//!
//! A message takes some hundred bytes of memory, and `{}` makes one: a body of 32 MB could
//! make ten million. So messages, parts and tools have *room*: three times the body, at
//! most the body and 256 KB, and 16 KB more. What comes when the room is used up joins one
//! long text (the crowd), with as much frame as a message has, so it counts no less; only
//! the borders between messages are lost.

use std::sync::Arc;

use crate::values::{Detail, Message, Meter, Part, Picture, Prompt, ShortText};

/// A prompt in the making.
///
/// A message or a part takes more memory than the few bytes that may make one. There is room for as many as
/// an ordinary request has; whatever comes beyond is kept as one long text, which counts no less.
#[derive(Debug)]
pub(super) struct PromptDraft {
    prompt: Prompt,
    message: Option<Message>,
    /// What stands beside the conversation, and is shown with its first message.
    asides: Vec<Part>,
    /// Bytes that messages, parts and tools may still take beside their text.
    room: usize,
    crowd: String,
    crowded: Vec<Part>,
    is_opaque: bool,
    /// Whether every image is looked at in its own size.
    pub(super) looks_closest: bool,
    /// How closely PDFs and films are looked at, if the body says it of all of them.
    pub(super) looks: Option<Detail>,
    /// Tokens that are read and do not stand in the request.
    unseen: u64,
    /// Whether it shows pictures, sounds, films.
    pub(super) media: Media,
    /// Fees of the tools that are announced in the conversation.
    pub(super) uses: Vec<(Meter, Option<u64>)>,
}

/// What a request shows beside text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) sound: bool,
    pub(crate) picture: bool,
    pub(crate) film: bool,
}

/// What each takes in a list that grew by doubling.
const MESSAGE_BYTES: usize = 3 * size_of::<Message>();
const PART_BYTES: usize = 2 * size_of::<Part>() + 16;
const TOOL_BYTES: usize = 3 * size_of::<Arc<str>>() + 16;
/// Beside the bytes of a request, so that short ones are read part by part.
const ROOM: usize = 16 * 1_024;
const ROOM_MORE: usize = 256 * 1_024;
/// The crowd is laid down in pieces, so that it is not copied while it grows.
const PIECE: usize = 64 * 1_024;
/// As much as a family's framing of a message, in bytes and in tokens.
const FRAME: &str = " a a a a";

impl PromptDraft {
    /// A prompt of a request of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let more = bytes.saturating_mul(3).min(bytes.saturating_add(ROOM_MORE));
        Self {
            prompt: Prompt::default(),
            message: None,
            asides: Vec::new(),
            room: ROOM.saturating_add(more),
            crowd: String::new(),
            crowded: Vec::new(),
            is_opaque: false,
            looks_closest: false,
            looks: None,
            unseen: 0,
            media: Media::default(),
            uses: Vec::new(),
        }
    }

    /// Takes room, if there is as much.
    fn takes(&mut self, bytes: usize) -> bool {
        let left = self.room.checked_sub(bytes);
        self.room = left.unwrap_or(self.room);
        left.is_some()
    }

    /// Begins a message; `framed` if the provider puts something around it.
    pub(super) fn begin(&mut self, role: &str, framed: bool) {
        if self.takes(MESSAGE_BYTES) {
            self.message = Some(Message { role: ShortText::from(role), parts: Vec::new() });
            return;
        }
        self.message = None;
        if framed {
            self.jostle(FRAME);
            if !matches!(role, "system" | "user" | "assistant" | "tool" | "developer" | "function" | "model")
            {
                self.jostle(role);
            }
        }
    }

    /// Ends it; one that is empty is left out if it says so.
    pub(super) fn end(&mut self, even_if_empty: bool) {
        if let Some(message) = self.message.take()
            && (even_if_empty || !message.parts.is_empty())
        {
            self.prompt.messages.push(message);
        }
    }

    /// Ends it if it stands beside the conversation.
    pub(super) fn end_beside(&mut self) {
        if let Some(message) = self.message.take() {
            self.asides.extend(message.parts);
        }
    }

    /// Who speaks in the message that has begun.
    pub(super) fn role(&self) -> &str {
        self.message.as_ref().map_or("", |message| message.role.as_str())
    }

    /// Adds text. If an assistant's begins with its thoughts in tags, these are told apart.
    pub(super) fn text(&mut self, text: &str) {
        let is_said = self.role() == "assistant";
        if let Some((thoughts, said)) = is_said.then(|| apart(text)).flatten() {
            self.reasoning(thoughts);
            if said.is_empty() {
                return;
            }
            return self.push(|| Part::Text(said.into()), said);
        }
        self.push(|| Part::Text(text.into()), text);
    }

    /// Adds what is shown as JSON.
    pub(super) fn json(&mut self, json: String) {
        self.push(|| Part::Text(json.as_str().into()), &json);
    }

    /// Adds what was thought earlier.
    pub(super) fn reasoning(&mut self, text: &str) {
        self.push(|| Part::Reasoning(text.into()), text);
    }

    /// Adds an earlier call of a tool.
    pub(super) fn call(&mut self, name: &str, arguments: &str) {
        let part = || Part::Call { name: name.into(), arguments: arguments.into() };
        if self.has_place() && self.takes(PART_BYTES) {
            return self.lay(part());
        }
        self.jostle(FRAME);
        self.jostle(name);
        self.jostle(arguments);
    }

    /// An image, or what only says that it is one.
    pub(super) fn image(&mut self, image: Part) {
        self.media.picture = true;
        if image == Part::Opaque {
            self.media.film = true;
            return self.opaque();
        }
        let detail = Detail::Original;
        let image = match image {
            Part::Image if self.looks_closest => Part::Picture(Picture { width: 0, height: 0, detail }),
            Part::Picture(picture) if self.looks_closest => Part::Picture(Picture { detail, ..picture }),
            image => image,
        };
        if self.has_place() && self.takes(PART_BYTES) { self.lay(image) } else { self.opaque() }
    }

    /// A file by its pages or its length. It is priced as what it may be billed as: a page as an image, a film
    /// as sound as well.
    pub(super) fn file(&mut self, part: Part) {
        self.media.picture |= matches!(part, Part::Pages(_));
        self.media.sound |= matches!(part, Part::Sound(_) | Part::Film(_));
        self.media.film |= matches!(part, Part::Film(_));
        if self.has_place() && self.takes(PART_BYTES) { self.lay(part) } else { self.opaque() }
    }

    /// Something that cannot be counted here.
    pub(super) fn opaque(&mut self) {
        if self.message.is_some() && self.takes(PART_BYTES) {
            self.is_opaque = true;
            return self.lay(Part::Opaque);
        }
        if !std::mem::replace(&mut self.is_opaque, true) {
            self.asides.push(Part::Opaque);
        }
    }

    /// Tokens that are read beside what stands in the request.
    pub(super) fn unseen(&mut self, tokens: u64) {
        self.unseen = self.unseen.saturating_add(tokens);
    }

    /// What is shown beside the conversation.
    pub(super) fn aside(&mut self, part: Part) {
        let bytes = match &part {
            Part::Text(text) | Part::Schema(text) => Some(Arc::clone(text)),
            _ => None,
        };
        if self.takes(PART_BYTES) {
            return self.asides.push(part);
        }
        match bytes {
            Some(text) => self.jostle(&text),
            None => self.opaque(),
        }
    }

    /// Adds a tool. One without room also makes the prompt uncountable, since what it
    /// brings beside its text would be lost.
    pub(super) fn tool(&mut self, description: String) {
        if self.takes(TOOL_BYTES) {
            return self.prompt.tools.push(description.into());
        }
        self.jostle(&description);
        self.opaque();
    }

    /// Whether a message has begun in which a part can stand.
    fn has_place(&self) -> bool {
        self.message.is_some()
    }

    /// Adds a part, or its text to the crowd.
    fn push(&mut self, part: impl FnOnce() -> Part, text: &str) {
        if self.has_place() && self.takes(PART_BYTES) {
            self.lay(part());
        } else {
            self.jostle(text);
        }
    }

    /// Adds a part to the message.
    fn lay(&mut self, part: Part) {
        if let Some(message) = &mut self.message {
            if message.parts.is_empty() {
                // Most have one.
                message.parts.reserve_exact(1);
            }
            message.parts.push(part);
        }
    }

    /// Adds to the long text of what has no place of its own.
    fn jostle(&mut self, text: &str) {
        if self.crowd.len().saturating_add(text.len()) > PIECE && !self.crowd.is_empty() {
            self.crowded.push(Part::Text(self.crowd.as_str().into()));
            self.crowd.clear();
        }
        if text.len() > PIECE {
            return self.crowded.push(Part::Text(text.into()));
        }
        self.crowd.push_str(text);
        self.crowd.push('\n');
    }

    /// The prompt, whole.
    pub(super) fn finish(mut self) -> Prompt {
        if self.unseen > 0 {
            self.asides.push(Part::Unseen(self.unseen));
        }
        if !self.crowd.is_empty() {
            self.crowded.push(Part::Text(self.crowd.as_str().into()));
        }
        if !self.crowded.is_empty() {
            self.prompt.messages.push(Message { role: "user".into(), parts: self.crowded });
        }
        if !self.asides.is_empty() {
            match self.prompt.messages.first_mut() {
                Some(first) => first.parts.extend(self.asides),
                None => self.prompt.messages.push(Message { role: "system".into(), parts: self.asides }),
            }
        }
        self.prompt
    }
}

/// The thoughts with which an answer begins, apart from what was said. The tags stay with the thoughts:
/// whoever reads these reads those.
fn apart(text: &str) -> Option<(&str, &str)> {
    let end = text.find("</think>").filter(|_| text.starts_with("<think>"))?;
    text.split_at_checked(end.saturating_add("</think>".len()))
}
