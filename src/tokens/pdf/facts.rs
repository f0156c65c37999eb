//! What does a dictionary of a PDF say, as far as its pages go?
//!
//! Seventeen names of the hundreds that PDF knows have to do with pages and their text; all
//! others are [`Key::Other`]. A dictionary that says one of four of them twice is not
//! believed at all, because readers do not agree on which of the two counts.

use super::lexer::is_named;

/// A part of what objects name together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) from: usize,
    pub(super) length: usize,
}

/// How a stream is packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Packed {
    #[default]
    Not,
    Flate,
    /// In another way, or in several.
    Otherwise,
}

/// What a dictionary says, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) kind: Kind,
    /// What `/Kids` names: branches and pages of the tree.
    pub(super) kids: Option<Run>,
    /// Dictionaries that stand among them.
    pub(super) inline: u64,
    /// How many pages it claims below itself.
    pub(super) count: Option<u64>,
    /// What a page names as its text.
    pub(super) contents: Run,
    /// How long its stream is, as it says.
    pub(super) length: Option<u64>,
    pub(super) packed: Packed,
    /// Where the first object of an object stream begins, and how many it holds.
    pub(super) first: Option<u64>,
    pub(super) objects: Option<u64>,
    /// It is a drawing that pages may show.
    pub(super) is_form: bool,
    pub(super) is_image: bool,
    /// Its bytes are differences to the row above, which is not undone here.
    pub(super) is_predicted: bool,
}

/// What an object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Other,
    Page,
    Pages,
    ObjectStream,
}

/// A dictionary or a list that has begun.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) is_dict: bool,
    /// The name whose value is awaited; of a list, the name that it is the value of.
    pub(super) key: DictKey,
    /// The last whole numbers: of `7 0 R`.
    pub(super) wholes: [Option<u64>; 2],
    /// Where a list's links begin.
    pub(super) from: usize,
    /// Dictionaries that stand in it.
    pub(super) inline: u64,
    /// Says twice what counts once: the readers do not agree on which of the two does.
    pub(super) is_doubled: bool,
    /// Which of the names that count once were said.
    pub(super) seen: [bool; 4],
    pub(super) facts: Facts,
}

/// The names that matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum DictKey {
    /// Nothing is awaited.
    #[default]
    None,
    Type,
    Subtype,
    Kids,
    Count,
    Contents,
    Length,
    Filter,
    First,
    Objects,
    Predictor,
    Encrypt,
    Written,
    Pages,
    ToUnicode,
    Other,
}

/// The names that have to do with pages and their text.
const KEYS: [(&[u8], DictKey); 17] = [
    (b"Type", DictKey::Type),
    (b"Subtype", DictKey::Subtype),
    (b"Kids", DictKey::Kids),
    (b"Count", DictKey::Count),
    (b"Contents", DictKey::Contents),
    (b"Length", DictKey::Length),
    (b"Filter", DictKey::Filter),
    (b"First", DictKey::First),
    (b"N", DictKey::Objects),
    (b"Predictor", DictKey::Predictor),
    (b"Encrypt", DictKey::Encrypt),
    (b"Pages", DictKey::Pages),
    (b"ToUnicode", DictKey::ToUnicode),
    (b"V", DictKey::Written),
    (b"DV", DictKey::Written),
    (b"RC", DictKey::Written),
    (b"ActualText", DictKey::Written),
];

impl DictKey {
    /// What a name stands for, however it is spelled.
    pub(super) fn of(name: &[u8]) -> Self {
        let known = KEYS.iter().find(|(plain, _)| is_named(name, plain));
        known.map_or(Self::Other, |(_, key)| *key)
    }
}

impl Frame {
    /// The value of that name is awaited.
    pub(super) fn begin(&mut self, key: DictKey) {
        self.key = key;
        let once = [DictKey::Kids, DictKey::Contents, DictKey::First, DictKey::Objects];
        if let Some(at) = once.iter().position(|one| *one == key)
            && let Some(seen) = self.seen.get_mut(at)
        {
            self.is_doubled |= std::mem::replace(seen, true);
        }
    }

    /// The value that was awaited is a name.
    pub(super) fn named(&mut self, name: &[u8]) {
        let is = |plain: &[u8]| is_named(name, plain);
        match self.key {
            DictKey::Type if is(b"Page") => self.facts.kind = Kind::Page,
            DictKey::Type if is(b"Pages") => self.facts.kind = Kind::Pages,
            DictKey::Type if is(b"ObjStm") => self.facts.kind = Kind::ObjectStream,
            DictKey::Subtype => {
                self.facts.is_form |= is(b"Form");
                self.facts.is_image |= is(b"Image");
            }
            DictKey::Filter => {
                let is_flate = self.facts.packed == Packed::Not && (is(b"FlateDecode") || is(b"Fl"));
                self.facts.packed = if is_flate { Packed::Flate } else { Packed::Otherwise };
            }
            _ => {}
        }
    }

    /// A whole number that was no part of a reference was the value.
    pub(super) fn take_number(&mut self) {
        let number = self.wholes[1].take();
        self.wholes = [None, None];
        match self.key {
            DictKey::Count => self.facts.count = self.facts.count.max(number),
            DictKey::Length => self.facts.length = number,
            DictKey::First => self.facts.first = number,
            DictKey::Objects => self.facts.objects = number,
            DictKey::Predictor => self.facts.is_predicted |= number.is_some_and(|number| number > 1),
            _ => {}
        }
        if self.is_dict {
            self.key = DictKey::None;
        }
    }
}
