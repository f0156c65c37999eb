//! How much text do a PDF's pages show together?
//!
//! A page names the streams of its text; several pages may name one, and a stream may show
//! drawings that hold text themselves. The text of each stream is counted once, by
//! [`ShownText`], and then added up for each page that names it.
//!
//! For example, two pages that name one stream of 10 half tokens, while the tree has three
//! leaves: 20, and 10 for the third page, which nobody found and which is taken to show as
//! much as the fullest.

use std::collections::{HashMap, HashSet};

use super::content::ShownText;
use super::facts::Packed;
use super::found::Objects;
use super::inflate::Inflater;
use super::letters;
use super::lexer::count;

/// Half tokens of all text: that of each page by what it names as its contents, and that of drawings, fields and
/// notes once; `None` if a part of it cannot be read.
///
/// Pages beyond those that were found, which a tree may repeat or a figure claim, show as much as the fullest. Which
/// drawing is meant by a name is not looked up: each counts once, and if more is drawn than there are drawings and
/// images, all beyond that is the fullest of them, or all of them if drawings draw.
pub(super) fn halves(bytes: &[u8], objects: &Objects, inflater: &mut Inflater, pages: u64) -> Option<u64> {
    let mut texts = Texts::named(objects);
    let maps: HashSet<u32> = objects.maps.iter().copied().collect();
    let (mut drawings, mut fullest_drawing) = (Text::default(), 0);
    for stream in &objects.streams {
        let data = bytes.get(stream.place.clone())?;
        if maps.contains(&stream.number) && !letters::are_plain(data, stream.packed, inflater)? {
            return None;
        }
        let is_named = texts.streams.contains_key(&stream.number);
        if !is_named && !stream.is_form {
            continue;
        }
        let text = shown(data, stream.packed, inflater)?;
        match texts.streams.get_mut(&stream.number) {
            Some(known) => *known = Some(known.unwrap_or_default().plus(text)),
            None => {
                drawings = drawings.plus(text);
                fullest_drawing = text.halves.max(fullest_drawing);
            }
        }
    }
    texts.add_up_lists(objects)?;
    let (mut sum, mut fullest) = (Text::default(), Text::default());
    for contents in &objects.pages {
        let page = total(objects.linked(*contents).map(|number| texts.of(number)))?;
        sum = sum.plus(page);
        fullest = fullest.largest(page);
    }
    sum = sum.plus(fullest.times(pages.saturating_sub(count(objects.pages.len()))));
    let again = sum.drawn.saturating_add(drawings.drawn).saturating_sub(objects.drawings);
    let each = if drawings.drawn == 0 { fullest_drawing } else { drawings.halves };
    let more = [sum.halves, drawings.halves, again.saturating_mul(each)];
    Some(more.into_iter().fold(objects.loose_halves, u64::saturating_add))
}

/// What a stream shows.
#[derive(Clone, Copy, Debug, Default)]
struct Text {
    halves: u64,
    /// How often it shows a drawing or an image.
    drawn: u64,
}

impl Text {
    /// Both together.
    fn plus(self, other: Self) -> Self {
        Self {
            halves: self.halves.saturating_add(other.halves),
            drawn: self.drawn.saturating_add(other.drawn),
        }
    }

    /// So many of it.
    fn times(self, times: u64) -> Self {
        Self { halves: self.halves.saturating_mul(times), drawn: self.drawn.saturating_mul(times) }
    }

    /// The larger of both, figure by figure.
    fn largest(self, other: Self) -> Self {
        Self { halves: self.halves.max(other.halves), drawn: self.drawn.max(other.drawn) }
    }
}

/// What pages name as their contents, by the number of the object.
struct Texts {
    /// `None` until it was found.
    streams: HashMap<u32, Option<Text>>,
    /// Contents may be a list of streams, which is an object of its own.
    lists: HashMap<u32, Text>,
}

impl Texts {
    /// The streams and lists that pages name.
    fn named(objects: &Objects) -> Self {
        let contents = objects.pages.iter().flat_map(|run| objects.linked(*run));
        let mut streams: HashMap<u32, Option<Text>> = contents.map(|number| (number, None)).collect();
        let mut lists = HashMap::new();
        for list in &objects.lists {
            if streams.contains_key(&list.number) {
                lists.insert(list.number, Text::default());
            }
        }
        for list in objects.lists.iter().filter(|list| lists.contains_key(&list.number)) {
            streams.extend(objects.linked(list.kids).map(|number| (number, None)));
        }
        Self { streams, lists }
    }

    /// Adds up the lists of streams; `None` if a stream of one was not found.
    fn add_up_lists(&mut self, objects: &Objects) -> Option<()> {
        for list in &objects.lists {
            if let Some(known) = self.lists.get_mut(&list.number) {
                let found = |number| self.streams.get(&number).copied().flatten();
                *known = known.plus(total(objects.linked(list.kids).map(found))?);
            }
        }
        Some(())
    }

    /// What a page names and nobody found may stand somewhere else.
    fn of(&self, number: u32) -> Option<Text> {
        let stream = self.streams.get(&number).copied().flatten();
        match self.lists.get(&number) {
            Some(list) => Some(list.plus(stream.unwrap_or_default())),
            None => stream,
        }
    }
}

/// The sum, if all of it is known.
fn total(mut all: impl Iterator<Item = Option<Text>>) -> Option<Text> {
    all.try_fold(Text::default(), |sum, one| Some(sum.plus(one?)))
}

/// What one stream shows; `None` if it is packed in a way that is not undone here.
fn shown(data: &[u8], packed: Packed, inflater: &mut Inflater) -> Option<Text> {
    let mut text = ShownText::default();
    match packed {
        Packed::Not => text.push(data),
        Packed::Flate => inflater.each(data, |piece| text.push(piece))?,
        Packed::Otherwise => return None,
    }
    Some(Text { halves: text.halves(), drawn: text.drawn() })
}
