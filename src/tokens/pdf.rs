//! How many pages has a PDF, and how much text do they show?
//!
//! A file may contradict itself: the largest of all its readings counts. Nothing is looked up by its own table of
//! places, which may lead anywhere: the file is read from its first byte to its last, once, and what is packed in it
//! is unpacked as far as [`inflate`] allows. What cannot be read is not guessed: `None` sends the whole file to the
//! model's largest input, and a text that is not known sends it there for the families that bill it.

mod content;
mod facts;
mod inflate;
mod lexer;
mod letters;
mod objects;
mod reader;
mod text;
mod tree;

use memchr::memmem;

use inflate::Inflater;
use objects::Objects;

/// What a PDF comes to at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pdf {
    pub(crate) pages: u64,
    /// Tokens of the text that its pages show; `None` where that cannot be read.
    pub(crate) text_tokens: Option<u64>,
}

/// Readers look for the first words of a file in as many bytes.
const HEAD_BYTES: usize = 1_024;

/// Whether a file begins as a PDF does, or close behind its beginning.
pub(crate) fn is_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..HEAD_BYTES.min(bytes.len())).unwrap_or_default();
    memmem::find(head, b"%PDF-").is_some()
}

/// Reads a file; `None` where its pages cannot be counted.
pub(crate) fn read(bytes: &[u8]) -> Option<Pdf> {
    let mut inflater = Inflater::of_file(bytes.len());
    let objects = Objects::read(bytes, &mut inflater);
    // One that stands where no reader of ours came by may be what the file's own table points to.
    let object_streams = count(memmem::find_iter(bytes, b"/ObjStm").count());
    // What was packed and then locked would look damaged, unless it was made to look otherwise.
    let is_locked = objects.is_encrypted && objects.object_streams > 0;
    if objects.is_unsure || is_locked || object_streams > objects.object_streams {
        return None;
    }
    let found = count(objects.pages.len());
    let pages = [found, plain_pages(bytes), objects.count_most, tree::pages(&objects)].into_iter().max()?;
    let is_read = found > 0 && !objects.is_encrypted && !objects.is_cut && !objects.has_long_names;
    let halves = is_read.then(|| text::halves(bytes, &objects, &mut inflater, pages)).flatten();
    (pages > 0).then_some(Pdf { pages, text_tokens: halves.map(|halves| halves.div_ceil(2)) })
}

/// Pages that stand in the file in plain letters, wherever that is.
fn plain_pages(bytes: &[u8]) -> u64 {
    const PAGE: &[u8] = b"/Page";
    let is_page = |at: &usize| {
        let (before, after) = bytes.split_at_checked(*at).unwrap_or_default();
        let ends = after.get(PAGE.len()).is_none_or(|byte| !lexer::is_regular(*byte));
        ends && before.trim_ascii_end().ends_with(b"/Type")
    };
    count(memmem::find_iter(bytes, PAGE).filter(is_page).count())
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
