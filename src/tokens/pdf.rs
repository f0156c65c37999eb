//! How many pages has a PDF, and how much text do they show?
//!
//! Providers bill a PDF by its pages, and some by the text as well. A PDF is a graph of
//! numbered objects behind a table of their places, and a file may contradict itself: its
//! tree may name a page three times, a `/Count` may claim a million, an old object may lie
//! under a newer one. Readers disagree about such files. So the rule is: **the largest of
//! all readings counts**.
//!
//! - Nothing is looked up by the file's own table of places, which may lead anywhere. The
//!   file is read from its first byte to its last, once ([`objects`]), and what is packed
//!   in it is unpacked as far as [`inflate`] allows.
//! - Pages are the largest of four figures: the page objects that were found, the words
//!   `/Type /Page` in plain letters, the largest `/Count`, and the leaves of the tree
//!   ([`tree`]).
//! - Text is counted by the bytes of the strings that the pages show ([`content`]), not by
//!   letters: a font's own code says which letters its bytes are.
//! - What cannot be read is not guessed. `None` sends the whole file to the model's largest
//!   input, and a text that is not known does so for the families that bill text.
//!
//! For example, two page objects under a tree that names the first of them twice, with
//! `/Count 2`: the tree has three leaves, so three pages are held, and the third shows as
//! much text as the fullest.

mod content;
mod facts;
mod found;
mod inflate;
mod lexer;
mod letters;
mod objects;
mod reader;
mod text;
mod tree;

use memchr::memmem;

use found::Objects;
use inflate::Inflater;
use lexer::count;

/// What a PDF comes to at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pdf {
    /// Pages, by the largest of all readings.
    pub(crate) pages: u64,
    /// Tokens of the text that its pages show; `None` if that cannot be read.
    pub(crate) text_tokens: Option<u64>,
}

/// Readers look for the first words of a file in as many bytes.
const HEAD_BYTES: usize = 1_024;

/// Whether a file begins as a PDF does, or close behind its beginning.
pub(crate) fn is_pdf(bytes: &[u8]) -> bool {
    let head = bytes.get(..HEAD_BYTES.min(bytes.len())).unwrap_or_default();
    memmem::find(head, b"%PDF-").is_some()
}

/// Reads a file; `None` if its pages cannot be counted.
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

/// Page objects that stand in the file in plain letters, wherever that is.
fn plain_pages(bytes: &[u8]) -> u64 {
    const PAGE: &[u8] = b"/Page";
    let is_page = |at: &usize| {
        let (before, after) = bytes.split_at_checked(*at).unwrap_or_default();
        let ends = after.get(PAGE.len()).is_none_or(|byte| !lexer::is_regular(*byte));
        ends && before.trim_ascii_end().ends_with(b"/Type")
    };
    count(memmem::find_iter(bytes, PAGE).filter(is_page).count())
}

#[cfg(test)]
mod tests;
