//! What was found in a PDF?

use std::ops::Range;

use super::facts::{Packed, Run};

/// What was found in a file, in its order.
#[derive(Debug, Default)]
pub(super) struct Objects {
    /// Numbers of objects that the pages, nodes and lists name, one run behind the other.
    pub(super) links: Vec<u32>,
    /// What each page names as its contents.
    pub(super) pages: Vec<Run>,
    /// The tree of pages.
    pub(super) nodes: Vec<Node>,
    /// Objects that are lists of others.
    pub(super) lists: Vec<Node>,
    /// Streams that may be text: all but object streams.
    pub(super) streams: Vec<Stream>,
    /// The largest number of pages that a node claims.
    pub(super) count_most: u64,
    /// Half tokens of what is written in fields and notes.
    pub(super) loose_halves: u64,
    /// Object streams that were read: the word for them may stand where no reader came by.
    pub(super) object_streams: u64,
    /// Drawings and images that a page may show.
    pub(super) drawings: u64,
    /// Numbers of streams that say which letters a font's codes stand for.
    pub(super) maps: Vec<u32>,
    /// Trees of pages that a catalog names.
    pub(super) roots: Vec<u32>,
    /// Where the word stands with which an object begins.
    pub(super) heads: Vec<usize>,
    /// A code may stand for a long text.
    pub(super) has_long_names: bool,
    pub(super) is_encrypted: bool,
    /// It ends within a stream.
    pub(super) is_cut: bool,
    /// Pages may be there that were not found.
    pub(super) is_unsure: bool,
}

/// An object that names others: a node of the tree, or a list.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) number: u32,
    pub(super) kids: Run,
    /// Dictionaries that stand among its kids.
    pub(super) inline: u64,
}

/// A stream, and where its bytes stand.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) number: u32,
    pub(super) place: Range<usize>,
    pub(super) packed: Packed,
    /// A drawing that pages may show.
    pub(super) is_form: bool,
}

impl Objects {
    /// The objects of that run.
    pub(super) fn linked(&self, run: Run) -> impl Iterator<Item = u32> + '_ {
        let end = run.from.saturating_add(run.length);
        self.links.get(run.from..end).unwrap_or_default().iter().copied()
    }
}
