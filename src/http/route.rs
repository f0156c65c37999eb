//! What does a request want, by its method, host and path?

use compact_str::CompactString;
use smallvec::SmallVec;

use super::dialect::Dialect;
use super::head::RequestHead;
use super::sellers::{region, seller};
use crate::Region;
use crate::tokens::{Language, language};

/// What a request wants, and in which language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) provider: Option<CompactString>,
    pub(super) dialect: Dialect,
    pub(super) want: Want,
    /// The model that the path names; the provider serves it whatever the body says.
    pub(super) model: Option<CompactString>,
    /// The path itself asks for a stream.
    pub(super) streams: bool,
    /// Where the host serves from, as far as that has a price.
    pub(super) region: Region,
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Text, by OpenAI's chat completions or Bedrock's Converse.
    Chat,
    /// Text, by OpenAI's completions or Anthropic's.
    Completion,
    /// Text, by OpenAI's responses.
    Response,
    /// Text, an image or sound, by another API.
    Generation,
    /// Vectors or ranks: nothing is generated.
    Vectors,
    /// Nothing that is billed: a list, a file, a count of tokens.
    Nothing,
    /// Nobody here knows.
    Unknown,
    /// One thing as it is written, and another where an encoded slash is taken for a slash.
    Ambiguous,
}

impl Want {
    /// Whether it is held for and metered.
    pub(super) fn is_billed(self) -> bool {
        !matches!(self, Self::Nothing | Self::Unknown | Self::Ambiguous)
    }
}

impl Route {
    pub(super) fn of(head: &RequestHead<'_>, provider: Option<CompactString>) -> Self {
        let provider = provider.or_else(|| seller(head.host()).map(Into::into));
        let decoded = decoded(head.path());
        let segments = segments(&decoded);
        let mut route = by_path(&segments).unwrap_or(Self::to(Dialect::OpenAi, Want::Unknown));
        let is_twofold = is_twofold(&segments, route.want);
        // An address that nobody knows is answered in its seller's language all the same.
        if let (Want::Unknown | Want::Nothing, Some(dialect)) =
            (route.want, provider.as_deref().and_then(Dialect::of))
        {
            route.dialect = dialect;
        }
        if !head.method().eq_ignore_ascii_case("POST") {
            // A socket begins as a GET, and bills whatever is said over it.
            let reads = ["GET", "HEAD", "OPTIONS", "DELETE"]
                .iter()
                .any(|known| head.method().eq_ignore_ascii_case(known));
            let upgrades = head.has_header("upgrade");
            route.want = if reads && !upgrades { Want::Nothing } else { Want::Unknown };
        }
        if matches!(provider.as_deref(), Some("openai" | "azure")) && ends_with(&segments, &["moderations"]) {
            route.want = Want::Nothing;
        }
        if is_twofold {
            route.want = Want::Ambiguous;
        }
        Self { provider, region: region(head.host()), ..route }
    }

    /// The words that the API reads for the size of its answers.
    pub(super) fn language(&self) -> &'static Language {
        let is_openai = matches!(self.provider.as_deref(), Some("openai" | "azure"));
        match (self.dialect, self.want) {
            (Dialect::OpenAi, Want::Chat) if is_openai => &language::OPENAI_CHAT,
            (Dialect::OpenAi, Want::Chat) => &language::CHAT,
            (Dialect::OpenAi, Want::Completion) => &language::COMPLETIONS,
            (Dialect::OpenAi, Want::Response) => &language::RESPONSES,
            (Dialect::OpenAi, _) => &language::MEDIA,
            (Dialect::Anthropic, Want::Completion) => &language::COMPLETE,
            (Dialect::Anthropic, _) => &language::MESSAGES,
            (Dialect::Cohere, _) => &language::COHERE,
            (Dialect::Gemini, _) => &language::GEMINI,
            (Dialect::Ollama, _) => &language::OLLAMA,
            (Dialect::Bedrock, Want::Chat) => &language::CONVERSE,
            (Dialect::Bedrock, _) => &language::INVOKE,
        }
    }

    fn to(dialect: Dialect, want: Want) -> Self {
        Self { provider: None, dialect, want, model: None, streams: false, region: Region::Global }
    }

    fn model(mut self, model: &str) -> Self {
        self.model = Some(model.into());
        self
    }

    fn streaming(mut self, streams: bool) -> Self {
        self.streams = streams;
        self
    }
}

/// The paths of all APIs that are metered, and of those known to be free.
fn by_path(segments: &[&str]) -> Option<Route> {
    use Dialect::{Anthropic, Bedrock, Cohere, Ollama, OpenAi};
    let lower: SmallVec<[CompactString; SEGMENTS]> =
        segments.iter().map(|segment| lowered(segment)).collect();
    let path: SmallVec<[&str; SEGMENTS]> = lower.iter().map(CompactString::as_str).collect();
    let named = |back: usize| segments.len().checked_sub(back).and_then(|at| segments.get(at)).copied();
    let open_ai = |want| {
        // Azure names its deployment in front, and does not look at the body's model.
        let at = path.iter().position(|segment| *segment == "deployments").and_then(|at| at.checked_add(1));
        match at.and_then(|at| segments.get(at)) {
            Some(deployment) => Route::to(OpenAi, want).model(deployment),
            None => Route::to(OpenAi, want),
        }
    };
    Some(match path.as_slice() {
        [.., "messages", "count_tokens"] => Route::to(Anthropic, Want::Nothing),
        // A message that is put into a thread is not answered yet.
        [.., "threads", _, "messages"] => Route::to(OpenAi, Want::Nothing),
        [.., "messages"] => Route::to(Anthropic, Want::Generation),
        [.., "v1", "complete"] => Route::to(Anthropic, Want::Completion),
        ["model", .., "converse"] => Route::to(Bedrock, Want::Chat).model(named(2)?),
        ["model", .., "converse-stream"] => Route::to(Bedrock, Want::Chat).model(named(2)?).streaming(true),
        ["model", .., "invoke"] => Route::to(Bedrock, Want::Generation).model(named(2)?),
        ["model", .., "invoke-with-response-stream"] => {
            Route::to(Bedrock, Want::Generation).model(named(2)?).streaming(true)
        }
        ["model", _, "count-tokens"] => Route::to(Bedrock, Want::Nothing),
        [.., "api", "chat" | "generate"] => Route::to(Ollama, Want::Generation),
        [.., "api", "embed" | "embeddings"] => Route::to(Ollama, Want::Vectors),
        [.., "api", "show"] => Route::to(Ollama, Want::Nothing),
        [.., "v1" | "v2", "chat"] | [.., "v1", "generate"] => Route::to(Cohere, Want::Generation),
        [.., "v1" | "v2", "embed" | "rerank"] => Route::to(Cohere, Want::Vectors),
        [.., "chat", "completions"] => open_ai(Want::Chat),
        [.., "completions"] => open_ai(Want::Completion),
        [.., "responses"] => open_ai(Want::Response),
        [.., "embeddings" | "rerank"] => open_ai(Want::Vectors),
        [.., "images", "generations"] | [.., "audio", "speech"] | [.., "v1", "ocr"] => {
            open_ai(Want::Generation)
        }
        [.., "responses", "input_tokens"]
        | [.., "responses" | "batches" | "uploads", _, "cancel"]
        | [.., "uploads", _, "parts" | "complete"]
        | [.., "files" | "uploads" | "tokenize" | "detokenize" | "count_tokens"] => {
            Route::to(OpenAi, Want::Nothing)
        }
        [.., verb] if verb.contains(':') => return google(&path, named(1)?),
        _ => return None,
    })
}

/// `gemini-2.5-pro:streamGenerateContent`, of Google's own models and of guests at Vertex AI.
fn google(path: &[&str], segment: &str) -> Option<Route> {
    let (model, verb) = segment.rsplit_once(':')?;
    let is_guest = path.windows(2).any(|pair| pair == ["publishers", "anthropic"]);
    // Others at Vertex AI speak as OpenAI's chat does: Mistral, AI21.
    let guest = if is_guest { (Dialect::Anthropic, Want::Generation) } else { (Dialect::OpenAi, Want::Chat) };
    let (dialect, want, streams) = match verb.to_ascii_lowercase().as_str() {
        "generatecontent" => (Dialect::Gemini, Want::Generation, false),
        "streamgeneratecontent" => (Dialect::Gemini, Want::Generation, true),
        "embedcontent" | "batchembedcontents" => (Dialect::Gemini, Want::Vectors, false),
        "counttokens" | "computetokens" => (Dialect::Gemini, Want::Nothing, false),
        "rawpredict" => (guest.0, guest.1, false),
        "streamrawpredict" => (guest.0, guest.1, true),
        _ => return None,
    };
    Some(Route::to(dialect, want).model(model).streaming(streams))
}

/// Whether a path would want something else, were the slashes inside its names decoded.
fn is_twofold(segments: &[&str], want: Want) -> bool {
    if !segments.iter().any(|segment| segment.contains('/')) {
        return false;
    }
    let split: Vec<&str> = segments.iter().flat_map(|segment| segment.split('/')).collect();
    by_path(&split).map_or(Want::Unknown, |route| route.want) != want
}

/// In small letters; up to 24 bytes of them without an allocation.
fn lowered(segment: &str) -> CompactString {
    let mut lowered = CompactString::from(segment);
    lowered.make_ascii_lowercase();
    lowered
}

/// Paths of more parts are allocated.
const SEGMENTS: usize = 12;

fn ends_with(segments: &[&str], end: &[&str]) -> bool {
    let tail = segments.len().checked_sub(end.len()).and_then(|from| segments.get(from..));
    tail.is_some_and(|tail| tail.iter().zip(end).all(|(segment, known)| segment.eq_ignore_ascii_case(known)))
}

/// The parts of a path as a server may read them, so that no other spelling of it goes unmetered.
fn segments<'a>(path: &'a Decoded<'_>) -> SmallVec<[&'a str; SEGMENTS]> {
    let mut segments = SmallVec::new();
    let parts: &mut dyn Iterator<Item = &'a str> = match path {
        Decoded::Plain(path) => &mut path.split('/'),
        // What is encoded inside a name stays inside it, but for the colon of a verb.
        Decoded::Encoded(parts) => &mut parts.iter().map(String::as_str),
    };
    for segment in parts {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    segments
}

/// A path whose parts are decoded; most need not be.
enum Decoded<'a> {
    Plain(&'a str),
    Encoded(Vec<String>),
}

fn decoded(path: &str) -> Decoded<'_> {
    if !path.contains('%') {
        return Decoded::Plain(path);
    }
    Decoded::Encoded(path.split('/').map(plain).collect())
}

fn plain(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            bytes.push(high << 4 | low);
            rest = after;
            continue;
        }
        bytes.push(*first);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
