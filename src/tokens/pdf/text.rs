//! How much text do a PDF's pages show together?

use std::collections::{HashMap, HashSet};

use super::content::Shown;
use super::count;
use super::facts::Packed;
use super::inflate::Inflater;
use super::letters;
use super::objects::{Objects, Stream};

/// Half tokens of all text: that of each page by what it names as its contents, and that of drawings, fields and
/// notes once; `None` where a part of it cannot be read.
///
/// Pages beyond those that were found, which a tree may repeat or a figure claim, show as much as the fullest. A
/// drawing that stands on several pages counts once: page headers are short.
pub(super) fn halves(bytes: &[u8], objects: &Objects, inflater: &mut Inflater, pages: u64) -> Option<u64> {
    let mut texts = Texts::named(objects);
    let mut sum = objects.loose_halves;
    let maps: HashSet<u32> = objects.maps.iter().copied().collect();
    for stream in &objects.streams {
        if maps.contains(&stream.number)
            && !letters::are_plain(bytes.get(stream.place.clone())?, stream.packed, inflater)?
        {
            return None;
        }
        let is_named = texts.streams.contains_key(&stream.number);
        if !is_named && !stream.is_form {
            continue;
        }
        let halves = shown(bytes, stream, inflater)?;
        match texts.streams.get_mut(&stream.number) {
            Some(known) => *known = Some(known.unwrap_or(0).saturating_add(halves)),
            None => sum = sum.saturating_add(halves),
        }
    }
    texts.add_up_lists(objects)?;
    let mut fullest = 0;
    for contents in &objects.pages {
        let page = total(objects.linked(*contents).map(|number| texts.of(number)))?;
        sum = sum.saturating_add(page);
        fullest = fullest.max(page);
    }
    let more = pages.saturating_sub(count(objects.pages.len()));
    Some(sum.saturating_add(more.saturating_mul(fullest)))
}

/// Half tokens of what pages name as their contents, by the number of the object.
struct Texts {
    /// `None` until it was found.
    streams: HashMap<u32, Option<u64>>,
    /// Contents may be a list of streams, which is an object of its own.
    lists: HashMap<u32, u64>,
}

impl Texts {
    fn named(objects: &Objects) -> Self {
        let contents = objects.pages.iter().flat_map(|run| objects.linked(*run));
        let mut streams: HashMap<u32, Option<u64>> = contents.map(|number| (number, None)).collect();
        let mut lists = HashMap::new();
        for list in &objects.lists {
            if streams.contains_key(&list.number) {
                lists.insert(list.number, 0);
            }
        }
        for list in objects.lists.iter().filter(|list| lists.contains_key(&list.number)) {
            streams.extend(objects.linked(list.kids).map(|number| (number, None)));
        }
        Self { streams, lists }
    }

    fn add_up_lists(&mut self, objects: &Objects) -> Option<()> {
        for list in &objects.lists {
            if let Some(known) = self.lists.get_mut(&list.number) {
                let found = |number| self.streams.get(&number).copied().flatten();
                *known = known.saturating_add(total(objects.linked(list.kids).map(found))?);
            }
        }
        Some(())
    }

    /// What a page names and nobody found may stand somewhere else.
    fn of(&self, number: u32) -> Option<u64> {
        let stream = self.streams.get(&number).copied().flatten();
        match self.lists.get(&number) {
            Some(list) => Some(list.saturating_add(stream.unwrap_or(0))),
            None => stream,
        }
    }
}

fn total(mut all: impl Iterator<Item = Option<u64>>) -> Option<u64> {
    all.try_fold(0_u64, |sum, one| Some(sum.saturating_add(one?)))
}

fn shown(bytes: &[u8], stream: &Stream, inflater: &mut Inflater) -> Option<u64> {
    let data = bytes.get(stream.place.clone())?;
    let mut text = Shown::default();
    match stream.packed {
        Packed::Not => text.push(data),
        Packed::Flate => inflater.each(data, |piece| text.push(piece))?,
        Packed::Otherwise => return None,
    }
    Some(text.halves())
}
