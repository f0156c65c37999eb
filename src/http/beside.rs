//! What do the paths want that generate nothing by themselves, and those whose cost no answer tells?
//!
//! Every provider has dozens of paths beside the few that generate text. Each one is
//! known here by name, for one of two reasons: it costs nothing by itself and may pass
//! (`Want::Nothing`), or it costs something that no answer will tell and is refused
//! (`Want::Unmetered`), with the reason in the message. What is in neither list is
//! unknown, and refused as well. `docs/PROVIDERS.md` has the table for people.
//!
//! A path is compared segment by segment, never by its beginning: an id may be any word,
//! so `/v1/vector_stores/files/files` is a store that is called "files".

use super::dialect::Dialect;
use super::unmetered::Unmetered;
use super::want::Want;

/// What a POST to that path wants, if it is none of those that are metered. The segments
/// are in lower case.
pub(super) fn beside(path: &[&str], provider: Option<&str>) -> Option<(Dialect, Want)> {
    let resource = resource(path);
    let want = stored(resource, provider)
        .or_else(|| stored_further_on(resource, provider))
        .or_else(|| by_end(path))?;
    Some((dialect(path), want))
}

/// A thing that is kept and cannot be metered, behind a base path that is not known:
/// `llm/vector_stores/vs/files` is storage before it is a file. Only refusals are looked
/// for behind a base, because a wrong pass would be a hole.
fn stored_further_on(resource: &[&str], provider: Option<&str>) -> Option<Want> {
    let mut further = (1..resource.len()).filter_map(|at| stored(resource.get(at..)?, provider));
    further.find(|want| matches!(want, Want::Unmetered(_)))
}

/// What Google's verbs want that are not metered: `batches/b1:cancel`.
pub(super) fn google(verb: &str) -> Option<Want> {
    Some(match verb {
        "counttokens" | "computetokens" | "cancel" => Want::Nothing,
        "batchgeneratecontent" | "asyncbatchembedcontent" => Want::Unmetered(Unmetered::Batch),
        "predictlongrunning" => Want::Unmetered(Unmetered::Form),
        _ => return None,
    })
}

/// Things that are kept at the provider, by their whole path: an id may be any word, so that ends alone prove nothing.
fn stored(resource: &[&str], provider: Option<&str>) -> Option<Want> {
    use Unmetered::{Batch, Container, Conversation, Key, Run, Storage, Training};
    let is_openai = matches!(provider, Some("openai" | "azure" | "azure_ai"));
    Some(match resource {
        // Mistral's paths of the same names generate an answer.
        ["conversations"] | ["conversations", _] | ["conversations", _, "items"] if is_openai => {
            Want::Nothing
        }
        ["conversations", ..] => Want::Unmetered(Conversation),
        // What is noted of an answer that is stored.
        ["chat", "completions", _] if is_openai => Want::Nothing,
        ["threads", "runs"] | ["threads", _, "runs"] | ["threads", _, "runs", _, "submit_tool_outputs"] => {
            Want::Unmetered(Run)
        }
        ["threads"] | ["threads", _] | ["threads", _, "messages", _] => Want::Nothing,
        ["threads", _, "runs", _] | ["threads", _, "runs", _, "cancel"] => Want::Nothing,
        ["assistants"] | ["assistants", _] => Want::Nothing,
        ["skills"] | ["skills", _] | ["skills", _, "versions"] => Want::Nothing,
        // OpenAI's price for searching a store is of the tool of its Responses alone.
        ["vector_stores", _, "search"] if is_openai => Want::Nothing,
        ["vector_stores", _, "files", _] | ["vector_stores", _, "file_batches", _, "cancel"] => Want::Nothing,
        ["vector_stores", ..] => Want::Unmetered(Storage),
        ["containers"] => Want::Unmetered(Container),
        ["realtime", "client_secrets" | "sessions" | "transcription_sessions"]
        | ["chatkit", "sessions"]
        | ["auth_tokens"] => Want::Unmetered(Key),
        ["batch", "jobs"] => Want::Unmetered(Batch),
        ["batch", "jobs", _, "cancel"] | ["fine_tuning", "jobs", _, "cancel"] => Want::Nothing,
        ["fine_tuning", ..] => Want::Unmetered(Training),
        _ => return None,
    })
}

/// The rest, known by their ends, whatever stands in front: gateways put base paths
/// there.
fn by_end(path: &[&str]) -> Option<Want> {
    Some(match path {
        [.., "messages", "count_tokens"]
        | [.., "responses", "input_tokens"]
        | [.., "responses" | "batches" | "uploads", _, "cancel"]
        | [.., "uploads", _, "parts" | "complete"]
        | [.., "files" | "uploads" | "tokenize" | "detokenize" | "count_tokens"]
        | [.., "files", "upload"]
        | [.., "api", "show"]
        | ["model", _, "count-tokens"]
        | ["model-invocation-job", _, "stop"] => Want::Nothing,
        [.., "batches" | "batchpredictionjobs" | "model-invocation-job"] => Want::Unmetered(Unmetered::Batch),
        [.., "cachedcontents"] | [.., "cachedcontents", _] => Want::Unmetered(Unmetered::Storage),
        [.., "images", "edits" | "variations"]
        | [.., "audio", "transcriptions" | "translations"]
        | [.., "videos"] => Want::Unmetered(Unmetered::Form),
        _ => return None,
    })
}

/// What stands behind the version of an API, behind Azure's `openai`, or behind the project of its agents.
fn resource<'a, 's>(path: &'a [&'s str]) -> &'a [&'s str] {
    const VERSIONS: [&str; 5] = ["v1", "v2", "v1beta", "v1beta1", "v1alpha"];
    let behind = |at: usize| path.get(at.saturating_add(1)..).unwrap_or_default();
    if let Some(at) = path.iter().position(|segment| VERSIONS.contains(segment)) {
        return behind(at);
    }
    match path {
        ["api", "projects", _, rest @ ..] => rest,
        _ => path.iter().position(|segment| *segment == "openai").map_or(path, behind),
    }
}

/// The language in which such a path is answered, if the seller does not tell.
fn dialect(path: &[&str]) -> Dialect {
    let has = |known: &[&str]| path.iter().any(|segment| known.contains(segment));
    match path {
        [.., "api", "show"] => Dialect::Ollama,
        ["model" | "model-invocation-job", ..] => Dialect::Bedrock,
        _ if has(&["messages"]) && !has(&["threads"]) => Dialect::Anthropic,
        _ if has(&["cachedcontents", "batchpredictionjobs", "auth_tokens"]) => Dialect::Gemini,
        _ => Dialect::OpenAi,
    }
}
