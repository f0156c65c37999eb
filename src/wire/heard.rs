//! Which words went by? Only for who asks: counting lengths needs no copy.
//!
//! Text is kept as it is read, and may have to be taken back: a part says behind its text
//! that it was a thought, a tool's result stands among what was generated, an event repeats
//! what was told in pieces. So the length before is noted, and the text is cut back to it.

use smallvec::SmallVec;

use super::json::Raw;

/// The text that came since somebody last took it.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    /// Everything generated: the answer, reasoning, arguments of tools.
    pub(super) all: String,
    /// The answer alone.
    pub(super) answer: String,
    /// Which of several choices speaks from which byte of the answer on.
    turns: SmallVec<[(usize, u32); 1]>,
    /// Text of the frame being read, until the frame has said what kind of text it is.
    pending: String,
}

impl Heard {
    /// Keeps a text: of all, and of the answer unless it is hidden.
    pub(super) fn hear(&mut self, text: Raw<'_>, hidden: bool) {
        let from = self.all.len();
        text.unescape_into(&mut self.all);
        if !hidden {
            self.answer.push_str(self.all.get(from..).unwrap_or_default());
        }
    }

    /// From here on that choice speaks.
    pub(super) fn turn_to(&mut self, choice: u32) {
        if self.speaker() != choice {
            self.turns.push((self.answer.len(), choice));
        }
    }

    /// Which choice speaks now.
    fn speaker(&self) -> u32 {
        self.turns.last().map_or(0, |(_, choice)| *choice)
    }

    /// The answer by who speaks.
    pub(super) fn spoken(&self) -> impl Iterator<Item = (u32, &str)> {
        let ends = self.turns.iter().skip(1).map(|(from, _)| *from).chain([self.answer.len()]);
        let first = self.turns.first().map_or(self.answer.len(), |(from, _)| *from);
        let begin = (0, self.answer.get(..first).unwrap_or(&self.answer));
        let turns = self.turns.iter().zip(ends);
        let turns =
            turns.map(|((from, choice), to)| (*choice, self.answer.get(*from..to).unwrap_or_default()));
        [begin].into_iter().chain(turns).filter(|(_, text)| !text.is_empty())
    }

    /// Arguments as the JSON that they are.
    pub(super) fn hear_json(&mut self, json: &[u8]) {
        self.all.push_str(&String::from_utf8_lossy(json));
    }

    /// How much was heard.
    pub(super) fn lengths(&self) -> (usize, usize) {
        (self.all.len(), self.answer.len())
    }

    /// Takes back what came since then.
    pub(super) fn unhear(&mut self, (all, answer): (usize, usize)) {
        self.all.truncate(all);
        self.answer.truncate(answer);
    }

    /// Takes back what came since then but for so many bytes at the end: of all, and of the answer.
    pub(super) fn keep_last(&mut self, (all, answer): (usize, usize), of_all: u64, of_answer: u64) {
        cut(&mut self.all, all, of_all);
        cut(&mut self.answer, answer, of_answer);
    }

    /// Keeps so many bytes at the end of the pending text.
    pub(super) fn keep_last_pending(&mut self, bytes: u64) {
        cut(&mut self.pending, 0, bytes);
    }

    /// Text that may turn out to be none of the answer.
    pub(super) fn hear_later(&mut self, text: Raw<'_>) {
        text.unescape_into(&mut self.pending);
    }

    /// Decides what the pending text was: `None`, a repeat of what came before.
    pub(super) fn decide(&mut self, hidden: Option<bool>) {
        if let Some(hidden) = hidden {
            self.all.push_str(&self.pending);
            if !hidden {
                self.answer.push_str(&self.pending);
            }
        }
        self.pending.clear();
    }

    /// Takes the answer back to that length: what came after it was a thought.
    pub(super) fn unsay(&mut self, length: usize) {
        self.answer.truncate(length);
    }

    /// Forgets what was taken; who speaks stays known.
    pub(super) fn clear(&mut self) {
        let speaker = self.speaker();
        self.turns.clear();
        if speaker > 0 {
            self.turns.push((0, speaker));
        }
        self.all.clear();
        self.answer.clear();
    }
}

/// Takes out what lies between that place and the last bytes. If a character would be cut,
/// more is kept.
fn cut(text: &mut String, from: usize, last: u64) {
    let last = usize::try_from(last).unwrap_or(usize::MAX);
    let to = text.len().saturating_sub(last).max(from);
    // Of a character that is cut nothing is lost.
    let to = (from..=to).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(from);
    text.drain(from..to);
}
