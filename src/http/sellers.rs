//! Who sells at that host, and what is known of them?
//!
//! The host says who sends the bill, and the same model has another price at each seller.
//! Hosts are compared from their end, label by label: `eu.api.openai.com` is OpenAI,
//! `myapi.openai.com.example.org` is nobody, and a request to nobody is priced by the
//! model alone.

use crate::values::Region;

/// Hosts of providers, by their end, under the names that price tables give them.
const SELLERS: [(&str, &str); 29] = [
    ("api.openai.com", "openai"),
    ("openai.azure.com", "azure"),
    ("cognitiveservices.azure.com", "azure"),
    ("services.ai.azure.com", "azure_ai"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "google"),
    // Regional hosts stand in front with a hyphen: us-central1-aiplatform.googleapis.com.
    ("aiplatform.googleapis.com", "vertex_ai"),
    ("api.mistral.ai", "mistral"),
    ("codestral.mistral.ai", "mistral"),
    ("api.groq.com", "groq"),
    ("openrouter.ai", "openrouter"),
    ("api.deepseek.com", "deepseek"),
    ("api.x.ai", "xai"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.together.xyz", "together"),
    ("api.together.ai", "together"),
    ("api.fireworks.ai", "fireworks"),
    ("api.perplexity.ai", "perplexity"),
    ("api.cerebras.ai", "cerebras"),
    ("api.moonshot.ai", "moonshot"),
    ("api.moonshot.cn", "moonshot"),
    ("api.voyageai.com", "voyage"),
    ("api.z.ai", "zai"),
    ("dashscope.aliyuncs.com", "dashscope"),
    ("dashscope-intl.aliyuncs.com", "dashscope"),
    ("router.huggingface.co", "huggingface"),
    ("api.sambanova.ai", "sambanova"),
    ("integrate.api.nvidia.com", "nvidia_nim"),
];

/// Hosts that document `stream_options.include_usage`. Mistral and Azure's model catalogue answer it with 422.
pub(super) const TAKE_STREAM_OPTIONS: [&str; 10] = [
    "api.openai.com",
    "openai.azure.com",
    "api.groq.com",
    "openrouter.ai",
    "api.deepseek.com",
    "api.x.ai",
    "api.together.xyz",
    "api.together.ai",
    "api.fireworks.ai",
    "api.cerebras.ai",
];

/// The provider behind a host; `None` if it is not known.
pub(super) fn seller(host: &str) -> Option<&'static str> {
    let found = SELLERS.iter().find(|(known, _)| is_host(host, known));
    if found.is_none() {
        let host = host.to_ascii_lowercase();
        if host.starts_with("bedrock-runtime") && host.contains(".amazonaws.com") {
            return Some("bedrock");
        }
        let is_vertex = host.ends_with("-aiplatform.googleapis.com")
            || front(&host, MULTI_REGION).is_some_and(|front| front.starts_with("aiplatform."));
        return is_vertex.then_some("vertex_ai");
    }
    found.map(|(_, provider)| *provider)
}

/// The region that a request is kept and answered in, if that changes the price: from
/// OpenAI's `eu.api.openai.com`, Vertex AI's `us-east5-aiplatform.googleapis.com`, or the
/// place that a path on Vertex AI's global host names.
pub(super) fn region(host: &str, place: Option<&str>) -> Region {
    let named = match (front(host, ".api.openai.com"), front(host, "-aiplatform.googleapis.com")) {
        (Some(place), _) => return Region::named(place),
        (_, Some(place)) => Some(place),
        _ => front(host, MULTI_REGION).and_then(|front| front.strip_prefix("aiplatform.")),
    };
    let is_vertex = named.is_some() || is_host(host, "aiplatform.googleapis.com");
    let place = named.or(place.filter(|_| is_vertex)).unwrap_or_default().to_ascii_lowercase();
    match place.split('-').next() {
        Some("europe") => Region::Eu,
        part => Region::named(part.unwrap_or_default()),
    }
}

/// Vertex AI's hosts for a whole continent: `aiplatform.eu.rep.googleapis.com`.
const MULTI_REGION: &str = ".rep.googleapis.com";

/// What stands before that end of a host.
fn front<'a>(host: &'a str, end: &str) -> Option<&'a str> {
    let (front, last) = host.split_at_checked(host.len().checked_sub(end.len())?)?;
    last.eq_ignore_ascii_case(end).then_some(front)
}

/// Whether `host` is that one, or one below it: a dot must stand before the end that is
/// known.
pub(super) fn is_host(host: &str, known: &str) -> bool {
    let Some(front) = host.len().checked_sub(known.len()) else { return false };
    let Some((below, end)) = host.split_at_checked(front) else { return false };
    end.eq_ignore_ascii_case(known) && (below.is_empty() || below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_known_by_its_end_and_never_by_a_part_of_a_name() {
        assert_eq!(seller("API.OpenAI.com"), Some("openai"));
        assert_eq!(seller("eu.api.openai.com"), Some("openai"));
        assert_eq!(seller("acme.openai.azure.com"), Some("azure"));
        assert_eq!(seller("us-central1-aiplatform.googleapis.com"), Some("vertex_ai"));
        assert_eq!(seller("aiplatform.eu.rep.googleapis.com"), Some("vertex_ai"));
        assert_eq!(seller("storage.eu.rep.googleapis.com"), None);
        assert_eq!(seller("bedrock-runtime.eu-west-1.amazonaws.com"), Some("bedrock"));
        assert_eq!(seller("myapi.openai.com.example.org"), None);
        assert_eq!(seller("notapi.openai.com"), None);
        assert_eq!(seller(""), None);
    }

    #[test]
    fn a_host_tells_the_region_that_it_is_dearer_for() {
        for (host, place, known) in [
            ("eu.api.openai.com", None, Region::Eu),
            ("US.api.openai.com", None, Region::Us),
            ("api.openai.com", None, Region::Global),
            ("eu.example.com", Some("us-east5"), Region::Global),
            ("Europe-West4-aiplatform.googleapis.com", None, Region::Eu),
            ("us-east5-aiplatform.googleapis.com", Some("global"), Region::Us),
            ("northamerica-northeast1-aiplatform.googleapis.com", None, Region::Other),
            ("aiplatform.googleapis.com", Some("global"), Region::Global),
            ("aiplatform.googleapis.com", None, Region::Global),
            ("aiplatform.googleapis.com", Some("me-central1"), Region::Other),
        ] {
            assert_eq!(region(host, place), known, "{host} {place:?}");
        }
    }
}
