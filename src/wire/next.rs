//! Does a document go on with the answer being read, or begin another?
//!
//! Frames of one answer replace each other's figures; answers of a log are charged one by
//! one. Adding up frames would charge an answer many times, and replacing answers would
//! charge the last alone. Three facts decide:
//!
//! | the answer's id | the document's id | it is another answer if |
//! |---|---|---|
//! | known | another one | the answer is finished, or the document is whole by itself |
//! | known | the same | never |
//! | none | any | the answer is finished, and the document is whole, or begins one |
//! | any | none | the answer is finished, and the document is whole |
//!
//! Few documents are asked: those that may carry figures once figures are there. Until the
//! answer is finished, a document without the word `usage` in it is not looked into, and
//! most frames have none.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::fields::Figures;
use super::json::{Cursor, Kind};
use super::reader::Reader;
use super::report::{Purpose, UsageLine};

/// Every name under which figures stand has it, in either spelling: `usage`, `usageMetadata`.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"usage"));

/// What a document says of whose it is.
#[derive(Debug, Default)]
struct Glance<'a> {
    /// The id of the answer that the document is of, the innermost one.
    id: Option<&'a [u8]>,
    /// It is a whole answer, not a frame of one.
    is_whole: bool,
    /// It is the first frame of an answer.
    begins: bool,
}

/// The figures that were final before a document came, to be put back after it: behind the
/// end of an answer no frame changes what the answer said.
#[derive(Debug)]
pub(super) struct LastWord {
    figures: Figures,
    beside: Vec<UsageLine>,
    by_model: Vec<UsageLine>,
    cost: super::cost::CostSeen,
}

impl Reader {
    /// Looks whose the next document is. Begins the next answer, or says what figures it must not change.
    #[inline]
    pub(super) fn turn_to(&mut self, json: &[u8]) -> Option<LastWord> {
        if !self.is_stream || self.figures.is_empty() || self.frame.is_inner {
            return None;
        }
        // Nothing comes behind an answer's end in nearly all streams, and few frames before it have figures.
        (self.finished || USAGE.find(json).is_some()).then(|| self.turn(json))?
    }

    /// Decides whose the document is.
    fn turn(&mut self, json: &[u8]) -> Option<LastWord> {
        let glance = Glance::of(json);
        let is_other = match (self.id.as_deref(), glance.id) {
            (Some(own), Some(id)) => own.as_bytes() != id && (self.finished || glance.is_whole),
            (None, Some(_)) => self.finished && (glance.is_whole || glance.begins),
            (_, None) => self.finished && glance.is_whole,
        };
        if is_other {
            self.end_answer(Purpose::Answer);
            self.begin_answer();
            return None;
        }
        self.is_over.then(|| LastWord {
            figures: self.figures,
            beside: self.beside.clone(),
            by_model: self.by_model.clone(),
            cost: self.cost.clone(),
        })
    }

    /// Puts back what was final.
    pub(super) fn keep_to(&mut self, last: LastWord) {
        let LastWord { figures, beside, by_model, cost } = last;
        self.figures = figures;
        self.beside = beside;
        self.by_model = by_model;
        self.cost = cost;
    }

    /// Forgets what belongs to the answer that ended.
    fn begin_answer(&mut self) {
        self.finished = false;
        self.is_over = false;
        self.id = None;
        self.model = None;
        self.tier = None;
        self.finish = None;
        self.reason = None;
        self.blocked = false;
        self.has_candidates = false;
    }
}

/// Whether a document is a whole answer, and no frame of one.
pub(super) fn is_whole_answer(json: &[u8]) -> bool {
    Glance::of(json).is_whole
}

impl<'a> Glance<'a> {
    /// Steps through the members of a document and of the objects around its id.
    fn of(json: &'a [u8]) -> Self {
        let mut glance = Self::default();
        let mut cursor = Cursor::new(json);
        let (mut has_output, mut has_stop) = (false, false);
        // What breaks off says as much as it says.
        let _ = cursor.members(|key, value| match (key, value.kind()?) {
            (b"id" | b"responseId", Kind::Text) => glance.named(value, false),
            (b"object", Kind::Text) => {
                let object = value.text()?.bytes;
                glance.is_whole |= matches!(object, b"chat.completion" | b"response");
                Some(())
            }
            (b"type", Kind::Text) => {
                let kind = value.text()?.bytes;
                glance.is_whole |= kind == b"message";
                glance.begins |= kind == b"message_start";
                Some(())
            }
            (b"done", Kind::Bare) => {
                glance.is_whole |= value.bare()? == b"true";
                Some(())
            }
            (b"message" | b"response" | b"result", Kind::Object) => glance.inside(value),
            (b"output", Kind::Object) => {
                has_output = true;
                value.skip()
            }
            (b"stopReason", Kind::Text) => {
                has_stop = true;
                value.skip()
            }
            _ => value.skip(),
        });
        glance.is_whole |= has_output && has_stop;
        glance.is_whole &= !glance.begins;
        glance
    }

    /// Steps through the object around the answer.
    fn inside(&mut self, value: &mut Cursor<'a>) -> Option<()> {
        value.members(|key, value| match (key, value.kind()?) {
            (b"id" | b"responseId", Kind::Text) => self.named(value, true),
            (b"type", Kind::Text) => {
                self.is_whole |= value.text()?.bytes == b"message";
                Some(())
            }
            _ => value.skip(),
        })
    }

    /// An answer's own id goes before that of the event or the line around it.
    fn named(&mut self, value: &mut Cursor<'a>, is_inner: bool) -> Option<()> {
        let id = value.text()?.bytes;
        if !id.is_empty() && (is_inner || self.id.is_none()) {
            self.id = Some(id);
        }
        Some(())
    }
}
