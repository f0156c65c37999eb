//! What does each word of a PDF's objects tell of its pages?
//!
//! A stack of frames, one for each dictionary or list that has begun. A dictionary's frame
//! awaits the value of the name that it read last. Whole numbers wait until the next word
//! shows what they were: `7 0 R` is a link, `7 0 obj` an object, and `/Count 7` a figure.
//! Whatever readers may take in two ways makes the whole file unsure, which costs the
//! model's largest input and no more.

use super::content::ShownText;
use super::facts::{DictKey, Facts, Frame, Kind, Packed, Run};
use super::found::{Node, Objects};
use super::lexer::Token;

/// Objects are nested a few deep; a deeper one makes the file unsure.
const DEPTH_MAX: usize = 64;

/// The state of reading one text of objects.
#[derive(Debug, Default)]
pub(super) struct PdfReader {
    /// The number of the object that is being read.
    pub(super) number: u32,
    /// Dictionaries and lists that have begun.
    pub(super) frames: Vec<Frame>,
    /// Numbers outside of any object: of `7 0 obj`.
    wholes: [Option<u64>; 2],
    /// The dictionary that was read last, of the object that is read.
    pub(super) closed: Option<Facts>,
}

impl PdfReader {
    /// At the beginning of the object of that number.
    pub(super) fn of(number: u32) -> Self {
        Self { number, ..Self::default() }
    }
}

impl Objects {
    /// Takes the next word.
    pub(super) fn token(&mut self, reader: &mut PdfReader, token: Token<'_>) {
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
                let key = reader.frames.last().map_or(DictKey::None, |frame| frame.key);
                if matches!(key, DictKey::Contents | DictKey::Written) {
                    self.loose_halves = self.loose_halves.saturating_add(ShownText::text(text));
                }
                done(reader);
            }
            Token::Word(b"R") => self.reference(reader),
            Token::Word(b"obj") => {
                let wholes = reader.frames.last().map_or(reader.wholes, |frame| frame.wholes);
                let number = wholes[0].and_then(|number| u32::try_from(number).ok());
                // One that began has to end, and `+7 0 obj` is the seventh to some readers.
                self.is_unsure |= !reader.frames.is_empty() || number.is_none();
                let number = number.unwrap_or(0);
                *reader = PdfReader::of(number);
            }
            Token::Code(digits) => {
                let key = reader.frames.last().map_or(DictKey::None, |frame| frame.key);
                if matches!(key, DictKey::Contents | DictKey::Written) {
                    self.loose_halves = self.loose_halves.saturating_add(digits.div_ceil(2));
                }
                done(reader);
            }
            Token::Word(b"endobj") => {
                self.is_unsure |= !reader.frames.is_empty();
                done(reader);
            }
            Token::Word(_) | Token::Other => done(reader),
            Token::Open => self.is_unsure = true,
        }
    }

    /// Begins a dictionary or a list.
    fn open(&mut self, reader: &mut PdfReader, is_dict: bool) {
        self.is_unsure |= reader.frames.len() >= DEPTH_MAX;
        let key = reader.frames.last().map_or(DictKey::None, |frame| frame.key);
        if reader.frames.len() < DEPTH_MAX {
            let key = if is_dict { DictKey::None } else { key };
            reader.frames.push(Frame { is_dict, key, from: self.links.len(), ..Frame::default() });
        }
    }

    /// Ends a dictionary or a list, and hands what it says to the one around it.
    fn close(&mut self, reader: &mut PdfReader, is_dict: bool) {
        let Some(mut frame) = reader.frames.pop_if(|frame| frame.is_dict == is_dict) else {
            self.is_unsure |= !reader.frames.is_empty();
            return;
        };
        frame.take_number();
        if is_dict {
            return self.dictionary(reader, frame.facts, frame.is_doubled);
        }
        let run = Run { from: frame.from, length: self.links.len().saturating_sub(frame.from) };
        let Some(around) = reader.frames.last_mut() else {
            if run.length > 0 || frame.inline > 0 {
                self.lists.push(Node { number: reader.number, kids: run, inline: frame.inline });
            }
            return;
        };
        match around.key {
            DictKey::Kids if around.is_dict => {
                around.facts.kids = Some(run);
                around.facts.inline = frame.inline;
            }
            DictKey::Contents if around.is_dict => around.facts.contents = run,
            DictKey::Filter if around.is_dict => around.facts.packed = frame.facts.packed,
            _ => {}
        }
        around.facts.is_predicted |= frame.facts.is_predicted;
        done(reader);
    }

    /// What a dictionary was.
    fn dictionary(&mut self, reader: &mut PdfReader, facts: Facts, is_doubled: bool) {
        self.is_unsure |= is_doubled;
        if facts.kind == Kind::Page || facts.contents.length > 0 {
            self.pages.push(facts.contents);
        }
        let number = reader.number;
        let node = Node { number, kids: facts.kids.unwrap_or_default(), inline: facts.inline };
        if facts.kind == Kind::Pages || facts.kids.is_some() && facts.count.is_some() {
            self.count_most = self.count_most.max(facts.count.unwrap_or(0));
            self.nodes.push(node);
        } else if facts.kids.is_some() {
            // A branch, where a node names it.
            self.lists.push(node);
        }
        match reader.frames.last_mut() {
            Some(around) => {
                around.inline = around.inline.saturating_add(1);
                if !around.is_dict && facts.kids.is_some() || around.is_dict && around.key == DictKey::Pages {
                    // A node without a number.
                    self.is_unsure = true;
                }
                around.facts.is_predicted |= facts.is_predicted;
                self.is_encrypted |= around.is_dict && around.key == DictKey::Encrypt;
                done(reader);
            }
            None => reader.closed = Some(facts),
        }
    }

    /// Takes a name: the next key of a dictionary, or the value that was awaited.
    fn name(&mut self, reader: &mut PdfReader, name: &[u8]) {
        let Some(frame) = reader.frames.last_mut() else { return };
        if frame.is_dict && (frame.key == DictKey::None || frame.wholes[1].is_some()) {
            frame.take_number();
            frame.begin(DictKey::of(name));
            return;
        }
        // A code that stands for `uni4E004E014E02`, or for `a_b_c_d_e`.
        let joined = name.iter().filter(|byte| **byte == b'_').count();
        self.has_long_names |= !frame.is_dict && (name.starts_with(b"uni") && name.len() > 7 || joined > 3);
        frame.named(name);
        done(reader);
    }

    /// `7 0 R`: the object of that number.
    fn reference(&mut self, reader: &mut PdfReader) {
        let number = reader.frames.last_mut().and_then(|frame| std::mem::take(&mut frame.wholes)[0]);
        let number = number.and_then(|number| u32::try_from(number).ok());
        let (Some(number), Some(frame)) = (number, reader.frames.last_mut()) else {
            // `+7 0 R` is a link to some readers, and so is an object that is nothing else.
            self.is_unsure = true;
            return done(reader);
        };
        let run = Run { from: self.links.len(), length: 1 };
        match (frame.key, frame.is_dict) {
            (DictKey::Kids, true) => {
                frame.facts.kids = Some(run);
                self.links.push(number);
            }
            (DictKey::Contents, true) => {
                frame.facts.contents = run;
                self.links.push(number);
            }
            (DictKey::Kids | DictKey::Contents | DictKey::None, false) => self.links.push(number),
            (DictKey::Filter, _) => frame.facts.packed = Packed::Otherwise,
            (DictKey::Encrypt, true) => self.is_encrypted = true,
            (DictKey::Type, true) => self.is_unsure = true,
            (DictKey::Pages, true) => self.roots.push(number),
            (DictKey::ToUnicode, true) => self.maps.push(number),
            _ => {}
        }
        done(reader);
    }
}

/// The value that was awaited has come.
fn done(reader: &mut PdfReader) {
    if let Some(frame) = reader.frames.last_mut() {
        frame.wholes = [None, None];
        if frame.is_dict {
            frame.key = DictKey::None;
        }
    }
}
