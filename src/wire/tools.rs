//! How often did the provider's own tools run, where no figure says so?
//!
//! A search is billed by the piece, and some APIs report no number of searches: the answer
//! only shows each call as an item. So items are counted. Where a figure is reported as
//! well, the larger of both counts for OpenAI's and Google's items, and the figure alone
//! for Anthropic's blocks: it reports each use.

use smallvec::SmallVec;

use super::json::Cursor;
use crate::pricing::is_grounded_once;
use crate::values::Meter;
use crate::values::fnv::fnv64;

/// The name of an event or an item, as bytes.
pub(super) type EventName = SmallVec<[u8; KIND_BYTES_MAX]>;

/// Bytes of such a name that are kept; the longest in use has 57.
pub(super) const KIND_BYTES_MAX: usize = 64;

/// Searches that are told apart; who sends more is billed for each.
const QUERIES_MAX: usize = 1_024;

/// Calls of the provider's tools, by kind, as the answer shows them.
#[derive(Clone, Debug, Default)]
pub(super) struct ToolItems {
    /// Searches of the web, as items show them.
    web_search: u32,
    /// Searches in files.
    file_search: u32,
    /// Whether code ran: one session is billed, however often it ran.
    code: bool,
    /// Images that a tool made.
    images: u32,
    /// Tools that a block of the answer calls, which is billed only if no figure says otherwise.
    blocks: Blocks,
    /// Searches that Google made for the answer, each once.
    queries: Vec<u64>,
    queries_beyond: u32,
    /// The answer was grounded in a map.
    maps: bool,
}

/// Anthropic's blocks of server tools.
#[derive(Clone, Copy, Debug, Default)]
struct Blocks {
    web_search: u32,
    web_fetch: u32,
}

impl ToolItems {
    /// A list of items begins: what was shown of it before is in it again. What Google grounded stays.
    pub(super) fn begin_list(&mut self) {
        let Self { queries, queries_beyond, maps, .. } = std::mem::take(self);
        *self = Self { queries, queries_beyond, maps, ..Self::default() };
    }

    /// An item or a block of that kind, with what it did and the tool that it names.
    pub(super) fn saw(&mut self, kind: &[u8], action: &[u8], name: &[u8]) {
        match (kind, name) {
            // Opening a page is not a search.
            (b"web_search_call", _) if action.is_empty() || action == b"search" => add(&mut self.web_search),
            (b"file_search_call", _) => add(&mut self.file_search),
            (b"code_interpreter_call", _) => self.code = true,
            (b"image_generation_call", _) => add(&mut self.images),
            (b"server_tool_use", b"web_search") => add(&mut self.blocks.web_search),
            (b"server_tool_use", b"web_fetch") => add(&mut self.blocks.web_fetch),
            _ => {}
        }
    }

    /// The answer was grounded in a map.
    pub(super) fn saw_map(&mut self) {
        self.maps = true;
    }

    /// One of Google's searches: distinct ones are billed, and empty ones are none.
    pub(super) fn searched(&mut self, query: &[u8]) {
        if query.is_empty() {
            return;
        }
        // Two of a few queries that share a hash would cost a search, nothing else.
        let query = fnv64(query);
        if self.queries.contains(&query) {
            return;
        }
        if self.queries.len() < QUERIES_MAX {
            self.queries.push(query);
        } else {
            add(&mut self.queries_beyond);
        }
    }

    /// What was counted, by meter, and whether it is billed beside a figure that says less.
    pub(super) fn counts(&self, model: Option<&str>) -> [(Meter, u64, bool); 7] {
        // Google bills each search from Gemini 3 on, before that each answer that searched.
        let is_billed_once = model.is_some_and(is_grounded_once);
        let queries = u64::try_from(self.queries.len()).unwrap_or(u64::MAX);
        let queries = queries.saturating_add(u64::from(self.queries_beyond));
        let queries = if is_billed_once { queries.min(1) } else { queries };
        [
            (Meter::WebSearch, u64::from(self.web_search).saturating_add(queries), true),
            (Meter::FileSearch, u64::from(self.file_search), true),
            (Meter::CodeExecution, u64::from(self.code), true),
            (Meter::ImageGeneration, u64::from(self.images), true),
            (Meter::MapsSearch, u64::from(self.maps), true),
            (Meter::WebSearch, u64::from(self.blocks.web_search), false),
            (Meter::WebFetch, u64::from(self.blocks.web_fetch), false),
        ]
    }
}

/// The name of a tool, kept while its item is read.
pub(super) fn named(value: &mut Cursor<'_>, name: &mut EventName) -> Option<()> {
    let text = value.text()?;
    name.clear();
    name.extend_from_slice(text.bytes.get(..KIND_BYTES_MAX).unwrap_or(text.bytes));
    Some(())
}

/// One more.
fn add(count: &mut u32) {
    *count = count.saturating_add(1);
}
