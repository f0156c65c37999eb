//! What does a request want, by its method, host and path?
//!
//! Host and path together say what a request means. `/v1/messages` is Anthropic's
//! language whoever serves it; `/v1/chat/completions` is OpenAI's at most sellers; a
//! deployment in Azure's path, a model in Bedrock's or Google's path counts more than the
//! body's. Whatever is not recognised is unmetered, and by default refused.
//!
//! The path is compared in lower case and with encoded characters decoded, in whatever
//! way a server might read it, so that no other spelling of a billed path goes unmetered.
//! If decoding a slash inside a name would make it another path, the request is refused
//! as ambiguous.
//!
//! | a POST to | is sold by | in the language of | model and stream from |
//! | --- | --- | --- | --- |
//! | `api.openai.com/v1/chat/completions` | OpenAI | OpenAI's chat | the body |
//! | `acme.openai.azure.com/openai/deployments/d/chat/completions` | Azure | OpenAI's chat | the path (`d`); the body |
//! | `bedrock-runtime.eu-west-1.amazonaws.com/model/m/converse-stream` | Bedrock | Converse | the path (`m`, streams) |
//! | `…-aiplatform.googleapis.com/…/publishers/anthropic/models/m:streamRawPredict` | Vertex AI | Anthropic's messages | the path (`m`, streams) |

use smallvec::SmallVec;

use super::beside;
use super::dialect::Dialect;
use super::head::RequestHead;
use super::sellers::{region, seller};
use super::unmetered::Unmetered;
use super::want::Want;
use crate::tokens::{Language, language, makers};
use crate::values::{Region, ShortText};

/// What a request wants, from whom, and in which language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) provider: Option<ShortText>,
    pub(super) dialect: Dialect,
    pub(super) want: Want,
    /// The model that the path names. The provider serves that one, whatever the body says.
    pub(super) model: Option<ShortText>,
    /// Whether the path itself asks for a stream.
    pub(super) streams: bool,
    /// Where the host serves from, if that changes the price.
    pub(super) region: Region,
}

impl Route {
    /// Routes a request; `provider` is what the application says, and counts before the
    /// host.
    pub(super) fn of(head: &RequestHead<'_>, provider: Option<ShortText>) -> Self {
        let provider = provider.or_else(|| seller(head.host()).map(Into::into));
        let decoded = decoded(head.path());
        let segments = segments(&decoded);
        let seller = provider.as_deref();
        let mut route = by_path(&segments, seller);
        let is_twofold = is_twofold(&segments, seller, route.want);
        // An address that nobody knows is answered in its seller's language all the same.
        if let (Want::Unmetered(_) | Want::Nothing, Some(dialect)) =
            (route.want, seller.and_then(Dialect::of))
        {
            route.dialect = dialect;
        }
        if !head.method().eq_ignore_ascii_case("POST") {
            route.want = without_post(head, route.want);
        }
        if matches!(provider.as_deref(), Some("openai" | "azure")) && ends_with(&segments, &["moderations"]) {
            route.want = Want::Nothing;
        }
        if is_twofold {
            route.want = Want::Ambiguous;
        }
        let place = segments.windows(2).find(|pair| pair.first() == Some(&"locations"));
        let region = region(head.host(), place.and_then(|pair| pair.last()).copied());
        Self { provider, region, ..route }
    }

    /// The words that the API reads for the size of its answers to that model: the model
    /// that is asked for, or the one that the payer says stands behind its name.
    pub(super) fn language(&self, asked: &str, paid: &str) -> &'static Language {
        let model = self.model.as_deref().unwrap_or(asked);
        match (self.dialect, self.want) {
            (Dialect::OpenAi, Want::Chat) => Language::chat_of(self.provider.as_deref(), model),
            (Dialect::OpenAi, Want::Completion) => &language::COMPLETIONS,
            (Dialect::OpenAi, Want::Response) => &language::RESPONSES,
            (Dialect::OpenAi, Want::Compaction) => &language::COMPACTION,
            (Dialect::OpenAi, _) => &language::MEDIA,
            (Dialect::Anthropic, Want::Completion) => &language::COMPLETE,
            (Dialect::Anthropic, _) => &language::MESSAGES,
            (Dialect::Cohere, _) => &language::COHERE,
            (Dialect::Gemini, _) => &language::GEMINI,
            (Dialect::Ollama, _) => &language::OLLAMA,
            (Dialect::Bedrock, Want::Chat) => &language::CONVERSE,
            (Dialect::Bedrock, _) => {
                makers::of_model(model).or_else(|| makers::of_model(paid)).unwrap_or(makers::unknown())
            }
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

/// What a request that is no POST wants: reading is free, a socket is unmetered, any
/// other method is unknown.
fn without_post(head: &RequestHead<'_>, posted: Want) -> Want {
    // A socket begins as a GET, and bills whatever is said over it.
    if head.has_header("upgrade") {
        return Want::Unmetered(Unmetered::Socket);
    }
    let reads = ["GET", "HEAD", "OPTIONS", "DELETE"].iter();
    match posted {
        _ if reads.into_iter().any(|known| head.method().eq_ignore_ascii_case(known)) => Want::Nothing,
        Want::Unmetered(why) if why != Unmetered::Unknown => posted,
        _ => Want::Unmetered(Unmetered::Method),
    }
}

/// What a POST to that path wants.
fn by_path(segments: &[&str], provider: Option<&str>) -> Route {
    let lower: SmallVec<[ShortText; SEGMENTS]> =
        segments.iter().map(|segment| ShortText::lowered(segment)).collect();
    let path: SmallVec<[&str; SEGMENTS]> = lower.iter().map(ShortText::as_str).collect();
    billed(segments, &path).unwrap_or_else(|| match beside::beside(&path, provider) {
        Some((dialect, want)) => Route::to(dialect, want),
        None => Route::to(Dialect::OpenAi, Want::Unmetered(Unmetered::Unknown)),
    })
}

/// The paths of all APIs that are metered. `segments` is the path as it is written, for
/// names of models; `path` the same in lower case, for comparing.
fn billed(segments: &[&str], path: &[&str]) -> Option<Route> {
    use Dialect::{Anthropic, Bedrock, Cohere, Ollama, OpenAi};
    let named = |back: usize| segments.len().checked_sub(back).and_then(|at| segments.get(at)).copied();
    let open_ai = |want| {
        // Azure names its deployment in front, and does not look at the body's model; so did OpenAI its engine.
        let names = |segment: &&str| matches!(*segment, "deployments" | "engines");
        let at = path.iter().position(names).and_then(|at| at.checked_add(1));
        match at.and_then(|at| segments.get(at)) {
            Some(deployment) => Route::to(OpenAi, want).model(deployment),
            None => Route::to(OpenAi, want),
        }
    };
    Some(match path {
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
        [.., "api", "chat" | "generate"] => Route::to(Ollama, Want::Generation),
        [.., "api", "embed" | "embeddings"] => Route::to(Ollama, Want::Vectors),
        [.., "v1" | "v2", "chat"] | [.., "v1", "generate"] => Route::to(Cohere, Want::Generation),
        [.., "v1" | "v2", "embed" | "rerank"] => Route::to(Cohere, Want::Vectors),
        [.., "chat", "completions"] => open_ai(Want::Chat),
        [.., "completions"] => open_ai(Want::Completion),
        [.., "responses"] => open_ai(Want::Response),
        [.., "responses", "compact"] => open_ai(Want::Compaction),
        [.., "embeddings" | "rerank"] => open_ai(Want::Vectors),
        [.., "images", "generations"] | [.., "audio", "speech"] | [.., "v1", "ocr"] => {
            open_ai(Want::Generation)
        }
        [.., verb] if verb.contains(':') => return google(path, named(1)?),
        _ => return None,
    })
}

/// `gemini-2.5-pro:streamGenerateContent`, of Google's own models and of guests at Vertex AI.
fn google(path: &[&str], segment: &str) -> Option<Route> {
    let (model, verb) = segment.rsplit_once(':')?;
    let is_guest = path.windows(2).any(|pair| pair == ["publishers", "anthropic"]);
    // Others at Vertex AI speak as OpenAI's chat does: Mistral, AI21.
    let guest = if is_guest { (Dialect::Anthropic, Want::Generation) } else { (Dialect::OpenAi, Want::Chat) };
    let verb = verb.to_ascii_lowercase();
    if let Some(want) = beside::google(&verb) {
        return Some(Route::to(Dialect::Gemini, want));
    }
    if is_guest && model.eq_ignore_ascii_case("count-tokens") {
        // Under a model's name of its own, Anthropic's counting of tokens.
        return Some(Route::to(Dialect::Anthropic, Want::Nothing));
    }
    let (dialect, want, streams) = match verb.as_str() {
        "generatecontent" => (Dialect::Gemini, Want::Generation, false),
        "streamgeneratecontent" => (Dialect::Gemini, Want::Generation, true),
        "embedcontent" | "batchembedcontents" => (Dialect::Gemini, Want::Vectors, false),
        "rawpredict" => (guest.0, guest.1, false),
        "streamrawpredict" => (guest.0, guest.1, true),
        _ => return None,
    };
    Some(Route::to(dialect, want).model(model).streaming(streams))
}

/// Whether a path would want something else if the slashes inside its names were decoded.
fn is_twofold(segments: &[&str], provider: Option<&str>, want: Want) -> bool {
    if !segments.iter().any(|segment| segment.contains('/')) {
        return false;
    }
    let split: Vec<&str> = segments.iter().flat_map(|segment| segment.split('/')).collect();
    by_path(&split, provider).want != want
}

/// Paths of more parts are allocated.
const SEGMENTS: usize = 12;

/// Whether a path ends with these segments, in any case.
fn ends_with(segments: &[&str], end: &[&str]) -> bool {
    let tail = segments.len().checked_sub(end.len()).and_then(|from| segments.get(from..));
    tail.is_some_and(|tail| tail.iter().zip(end).all(|(segment, known)| segment.eq_ignore_ascii_case(known)))
}

/// The parts of a path as a server may read them: dots resolved, empty parts gone.
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
