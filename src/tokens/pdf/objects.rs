//! Which objects of a PDF make its pages?

use std::ops::Range;

use memchr::memmem;

use super::content::Shown;
use super::facts::{Facts, Frame, Key, Kind, Packed};
use super::inflate::Inflater;
use super::lexer::{Lexer, Token};

/// What was found in a file, in its order.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// Numbers of objects that the pages, the nodes and the lists name, one run behind the other.
    links: Vec<u32>,
    /// What each page names as its contents.
    pub(super) pages: Vec<Run>,
    /// The tree of pages.
    pub(super) nodes: Vec<Node>,
    /// Objects that are lists of others.
    pub(super) lists: Vec<Node>,
    pub(super) streams: Vec<Stream>,
    /// The largest number of pages that a node claims.
    pub(super) count_most: u64,
    /// Half tokens of what is written in fields and notes.
    pub(super) loose_halves: u64,
    pub(super) object_streams: u64,
    pub(super) is_encrypted: bool,
    /// It ends within a stream.
    pub(super) is_cut: bool,
    /// Pages may be there that were not found.
    pub(super) is_unsure: bool,
}

/// A part of [`Objects::links`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    from: usize,
    length: usize,
}

/// An object that names others: a node of the tree, or a list.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) number: u32,
    pub(super) kids: Run,
}

/// Bytes of a file that belong to an object.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) number: u32,
    pub(super) place: Range<usize>,
    pub(super) packed: Packed,
    /// A drawing that pages may show.
    pub(super) is_form: bool,
}

/// Objects are nested a few deep.
const DEPTH_MAX: usize = 64;

/// The state of reading one text of objects.
#[derive(Debug, Default)]
struct Reader {
    number: u32,
    frames: Vec<Frame>,
    /// Numbers outside of any object: of `7 0 obj`.
    wholes: [Option<u64>; 2],
    /// The dictionary that was read last, of the object that is read.
    closed: Option<Facts>,
}

impl Objects {
    /// Reads a file from its beginning to its end.
    pub(super) fn read(bytes: &[u8], inflater: &mut Inflater) -> Self {
        let mut objects = Self::default();
        let mut reader = Reader::default();
        let mut lexer = Lexer::new(bytes);
        while let Some(token) = lexer.next() {
            if token == Token::Word(b"stream") {
                objects.is_unsure |= !reader.frames.is_empty();
                let facts = reader.closed.take().unwrap_or_default();
                let place = place_of(bytes, lexer.at(), facts.length);
                objects.is_cut |= place.end == bytes.len();
                lexer.go_to(place.end);
                objects.stream(bytes, reader.number, facts, place, inflater);
                continue;
            }
            objects.token(&mut reader, token);
        }
        objects
    }

    /// The objects of that run.
    pub(super) fn linked(&self, run: Run) -> impl Iterator<Item = u32> + '_ {
        let end = run.from.saturating_add(run.length);
        self.links.get(run.from..end).unwrap_or_default().iter().copied()
    }

    fn stream(
        &mut self,
        bytes: &[u8],
        number: u32,
        facts: Facts,
        place: Range<usize>,
        inflater: &mut Inflater,
    ) {
        let lists_objects =
            facts.kind == Kind::ObjectStream || facts.first.is_some() && facts.objects.is_some();
        if !lists_objects {
            let packed = if facts.is_predicted { Packed::Otherwise } else { facts.packed };
            return self.streams.push(Stream { number, place, packed, is_form: facts.is_form });
        }
        self.object_streams = self.object_streams.saturating_add(1);
        let data = bytes.get(place).unwrap_or_default();
        let unpacked = match facts.packed {
            _ if facts.is_predicted => None,
            Packed::Not => Some(data.to_vec()),
            Packed::Flate => inflater.whole(data),
            Packed::Otherwise => None,
        };
        let is_read = unpacked.is_some_and(|data| self.listed(&data, &facts).is_some());
        self.is_unsure |= !is_read;
    }

    /// Reads the objects of an object stream: pairs of number and place, then the objects.
    fn listed(&mut self, data: &[u8], facts: &Facts) -> Option<()> {
        let first = usize::try_from(facts.first?).ok()?;
        let head = data.get(..first)?;
        let count = usize::try_from(facts.objects?).ok()?;
        let mut places = Vec::new();
        let mut lexer = Lexer::new(head);
        for _ in 0..count {
            let (Some(Token::Whole(number)), Some(Token::Whole(at))) = (lexer.next(), lexer.next()) else {
                return None;
            };
            places.push((usize::try_from(at).ok()?.checked_add(first)?, u32::try_from(number).ok()?));
        }
        places.sort_unstable();
        let ends = places.iter().skip(1).map(|(at, _)| *at).chain([data.len()]).collect::<Vec<_>>();
        for ((from, number), end) in places.into_iter().zip(ends) {
            // Two numbers at one place, or a place beyond the end.
            let object = data.get(from..end).filter(|object| !object.is_empty())?;
            let mut reader = Reader { number, ..Reader::default() };
            Lexer::new(object).for_each(|token| self.token(&mut reader, token));
            if !reader.frames.is_empty() {
                return None;
            }
        }
        Some(())
    }

    fn token(&mut self, reader: &mut Reader, token: Token<'_>) {
        match token {
            Token::DictStart | Token::ListStart => self.open(reader, token == Token::DictStart),
            Token::DictEnd => self.close(reader, true),
            Token::ListEnd => self.close(reader, false),
            Token::Name(name) => self.name(reader, name),
            Token::Whole(number) => {
                let wholes = reader.frames.last_mut().map_or(&mut reader.wholes, |frame| &mut frame.wholes);
                *wholes = [wholes[1], Some(number)];
            }
            Token::Text(text) => {
                let key = reader.frames.last().map_or(Key::None, |frame| frame.key);
                if matches!(key, Key::Contents | Key::Written) {
                    self.loose_halves = self.loose_halves.saturating_add(Shown::text(text));
                }
                done(reader);
            }
            Token::Word(b"R") => self.reference(reader),
            Token::Word(b"obj") => {
                let wholes = reader.frames.last().map_or(reader.wholes, |frame| frame.wholes);
                let number = wholes[0].and_then(|number| u32::try_from(number).ok()).unwrap_or(0);
                *reader = Reader { number, ..Reader::default() };
            }
            Token::Word(_) | Token::Other => done(reader),
            Token::Open => self.is_unsure = true,
        }
    }

    fn open(&mut self, reader: &mut Reader, is_dict: bool) {
        self.is_unsure |= reader.frames.len() >= DEPTH_MAX;
        let key = reader.frames.last().map_or(Key::None, |frame| frame.key);
        if reader.frames.len() < DEPTH_MAX {
            let key = if is_dict { Key::None } else { key };
            reader.frames.push(Frame { is_dict, key, from: self.links.len(), ..Frame::default() });
        }
    }

    fn close(&mut self, reader: &mut Reader, is_dict: bool) {
        let Some(mut frame) = reader.frames.pop_if(|frame| frame.is_dict == is_dict) else { return };
        frame.settle();
        if is_dict {
            return self.dictionary(reader, frame.facts);
        }
        let run = Run { from: frame.from, length: self.links.len().saturating_sub(frame.from) };
        let Some(around) = reader.frames.last_mut() else {
            if run.length > 0 {
                self.lists.push(Node { number: reader.number, kids: run });
            }
            return;
        };
        match around.key {
            Key::Kids if around.is_dict => around.facts.kids = Some(run),
            Key::Contents if around.is_dict => around.facts.contents = run,
            Key::Filter if around.is_dict => around.facts.packed = frame.facts.packed,
            _ => {}
        }
        around.facts.is_predicted |= frame.facts.is_predicted;
        done(reader);
    }

    /// What a dictionary was.
    fn dictionary(&mut self, reader: &mut Reader, facts: Facts) {
        if facts.kind == Kind::Page || facts.contents.length > 0 {
            self.pages.push(facts.contents);
        }
        if facts.kind == Kind::Pages || facts.kids.is_some() && facts.count.is_some() {
            self.count_most = self.count_most.max(facts.count.unwrap_or(0));
            let number = reader.number;
            self.nodes.push(Node { number, kids: facts.kids.unwrap_or_default() });
        }
        match reader.frames.last_mut() {
            Some(around) => {
                around.facts.is_predicted |= facts.is_predicted;
                self.is_encrypted |= around.is_dict && around.key == Key::Encrypt;
                done(reader);
            }
            None => reader.closed = Some(facts),
        }
    }

    fn name(&mut self, reader: &mut Reader, name: &[u8]) {
        let Some(frame) = reader.frames.last_mut() else { return };
        if frame.is_dict && (frame.key == Key::None || frame.wholes[1].is_some()) {
            frame.settle();
            frame.key = Key::of(name);
            return;
        }
        frame.named(name);
        done(reader);
    }

    /// `7 0 R`: the object of that number.
    fn reference(&mut self, reader: &mut Reader) {
        let Some(frame) = reader.frames.last_mut() else { return };
        let number = frame.wholes[0].take().and_then(|number| u32::try_from(number).ok());
        frame.wholes = [None, None];
        let Some(number) = number else { return done(reader) };
        let run = Run { from: self.links.len(), length: 1 };
        match (frame.key, frame.is_dict) {
            (Key::Kids, true) => {
                frame.facts.kids = Some(run);
                self.links.push(number);
            }
            (Key::Contents, true) => {
                frame.facts.contents = run;
                self.links.push(number);
            }
            (Key::Kids | Key::Contents | Key::None, false) => self.links.push(number),
            (Key::Filter, _) => frame.facts.packed = Packed::Otherwise,
            (Key::Encrypt, true) => self.is_encrypted = true,
            _ => {}
        }
        done(reader);
    }
}

/// The value that was awaited has come.
fn done(reader: &mut Reader) {
    if let Some(frame) = reader.frames.last_mut() {
        frame.wholes = [None, None];
        if frame.is_dict {
            frame.key = Key::None;
        }
    }
}

const END: &[u8] = b"endstream";
/// Between a stream's last byte and that word stands the end of a line.
const BLANKS_MOST: usize = 8;

/// Where a stream's bytes stand whose word ends at `at`: as many as its object says where it ends there, else up to
/// the word for its end, else all that is left.
fn place_of(bytes: &[u8], at: usize, length: Option<u64>) -> Range<usize> {
    let rest = bytes.get(at..).unwrap_or_default();
    let gap = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    };
    let from = at.saturating_add(gap);
    let said =
        length.and_then(|length| usize::try_from(length).ok()).map(|length| from.saturating_add(length));
    let is_end = |end: &usize| {
        let rest = bytes.get(*end..).unwrap_or_default();
        let near = rest.get(..END.len().saturating_add(BLANKS_MOST)).unwrap_or(rest);
        near.trim_ascii_start().starts_with(END)
    };
    let found = || memmem::find(bytes.get(from..)?, END).map(|end| from.saturating_add(end));
    let end = said.filter(is_end).or_else(found).unwrap_or(bytes.len());
    from.min(end)..end
}
