//! What does a tool read that its provider runs?
//!
//! A request that offers a web search does not say how much the model will read: the
//! provider searches, puts what it found before the model, and bills it as input. So an
//! allowance is held for each such tool. The tool is known by its `type`
//! (`web_search_20250305`, `openrouter:web_search`), or, with Google, by the field that
//! switches the tool on (`googleSearch`). If an object may stand for several tools, the one
//! that reads most counts, because nobody knows which of two `type` members a server takes.

use super::document::Node;
use super::family::Family;
use super::request::sandbox::is_hosted;

/// A tool that the provider runs by itself, by what it reads: text that no request carries,
/// billed as input.
///
/// A function of the caller's own is none of these: its result comes with the next request,
/// and is counted there.
///
/// # Example: a search makes the estimate a guess
/// ```
/// use token_budget::call::Prompt;
/// use token_budget::tokens::{ByteBoundEstimator, Estimate, OwnTool};
/// use token_budget::TokenEstimator;
///
/// let prompt = |tool: &str| Prompt { messages: vec![], tools: vec![tool.into()] };
/// let search = prompt(r#"{"type":"web_search"}"#);
/// // 21 bytes, 32 for the tool, 16 for the list, 3 for the prompt, and what a search reads.
/// assert_eq!(ByteBoundEstimator.bound("gpt-5", &search), Estimate::guess(72 + OwnTool::Search.tokens()));
///
/// // Google does not bill what its search finds: 19 bytes, 32 + 32 + 8.
/// let search = prompt(r#"{"googleSearch":{}}"#);
/// assert_eq!(ByteBoundEstimator.bound("gemini-2.5-pro", &search), Estimate::guess(91));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OwnTool {
    /// Searches the web, or posts.
    Search,
    /// Fetches pages.
    Pages,
    /// Searches in files that are kept.
    Files,
    /// Runs code, and reads what it prints.
    Code,
    /// Calls tools of a server, whose list of tools it reads as well.
    Server,
    /// Reads nothing that is known of: a screen, a shell at the caller's.
    Nothing,
}

impl OwnTool {
    /// Returns the input tokens that are held for what such a tool reads, in each request
    /// that may use it.
    ///
    /// A recorded search took 14,100 tokens. OpenAI documents 20 pieces of 800 tokens for
    /// each search in files, Anthropic 25,000 tokens for a large page. What code prints and
    /// a server answers is a guess. None of these figures is a bound: an estimate with such
    /// a tool is a [`Guess`](crate::tokens::EstimateKind::Guess).
    ///
    /// ```
    /// use token_budget::tokens::OwnTool;
    ///
    /// assert_eq!(OwnTool::Search.tokens(), 15_000);
    /// assert_eq!(OwnTool::Files.tokens(), 20 * 800);
    /// assert_eq!(OwnTool::Nothing.tokens(), 0);
    /// ```
    #[must_use]
    pub const fn tokens(self) -> u64 {
        match self {
            Self::Search | Self::Code | Self::Server => 15_000,
            Self::Files => 16_000,
            Self::Pages => 25_000,
            Self::Nothing => 0,
        }
    }

    /// The tool that an object stands for. Of several the one that reads most: nobody knows
    /// which of two kinds its provider takes.
    pub(super) fn of(envelope: Node<'_>) -> Self {
        let kinds = envelope.children().filter(|field| field.is_named("type")).filter_map(|kind| kind.text());
        let known = kinds.map(|kind| match Self::of_kind(&kind) {
            Self::Nothing if kind == "shell" && is_hosted(envelope) => Self::Code,
            own => own,
        });
        // A namespace is a list of tools under one name.
        let inside = envelope.children().filter(|field| field.is_named("tools"));
        let inside = inside.flat_map(|list| list.children()).filter(Node::is_object).map(Self::of);
        let inside = inside.filter(|own| own.reads_something());
        if let Some(own) = known.chain(inside).max_by_key(|own| own.tokens()) {
            return own;
        }
        // Google's are named by the field that switches them on.
        let found = envelope.children().filter(|field| !field.is_null()).find_map(|field| {
            Some(match &*field.key() {
                "googleSearch"
                | "google_search"
                | "googleSearchRetrieval"
                | "google_search_retrieval"
                | "enterpriseWebSearch"
                | "enterprise_web_search"
                | "systemTool" => Self::Search,
                "urlContext" | "url_context" => Self::Pages,
                "codeExecution" | "code_execution" => Self::Code,
                "fileSearch" | "file_search" | "retrieval" => Self::Files,
                "googleMaps" | "google_maps" => Self::Search,
                "mcpServers" | "mcp_servers" => Self::Server,
                _ => return None,
            })
        });
        found.unwrap_or(Self::Nothing)
    }

    /// The tool of a `type`, by the words in it: a vendor's prefix (`openrouter:`) and a
    /// date behind it make no difference. A search for tools finds descriptions, which the
    /// request carries already.
    fn of_kind(kind: &str) -> Self {
        let kind = kind.rsplit(':').next().unwrap_or(kind);
        let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
        match () {
            () if matches!(kind, "function" | "custom") => Self::Nothing,
            () if has(&["web_fetch", "url_context"]) => Self::Pages,
            () if has(&[
                "file_search",
                "collections_search",
                "document_library",
                "data_sources",
                "dataSources",
            ]) =>
            {
                Self::Files
            }
            () if has(&["tool_search"]) => Self::Nothing,
            () if has(&["search", "connectors"]) => Self::Search,
            () if has(&["code_interpreter", "code_execution"]) => Self::Code,
            () if has(&["mcp", "plugins"]) => Self::Server,
            () => Self::Nothing,
        }
    }

    /// Whether anything is held for the tool.
    pub(super) fn reads_something(self) -> bool {
        self != Self::Nothing
    }

    /// The same for a model of that family: Google does not bill what its search finds as
    /// input.
    pub(super) fn tokens_in(self, family: Family) -> u64 {
        if family == Family::Google && self == Self::Search { 0 } else { self.tokens() }
    }
}
