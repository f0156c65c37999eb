//! Which other names may mean the same model?
//!
//! Only forms that cannot change the price: a provider in front, a date or
//! `-latest` behind. A word is never dropped: `gpt-4o-mini` and
//! `gpt-4o-audio-preview` are other models than `gpt-4o`. What else may be
//! written otherwise is in [`spelling`](super::spelling), asked after these.
//!
//! A seller has several names: LiteLLM says `gemini`, OpenTelemetry says `gcp.gemini`, and both are Google's API. One
//! function says which names are one seller, so that tables, calls, factors and policies cannot disagree. Hosts that sell
//! others' models at prices of their own stay apart even where the model is the same.

/// The name a provider's rows are kept under.
///
/// Hosts that sell the same models at their own prices (Bedrock, Vertex AI,
/// Azure) are other providers. What is one here is one seller under the names
/// that public tables and conventions give it.
pub(super) fn canonical_provider(provider: &str) -> &str {
    match provider {
        "gemini" | "gcp.gemini" => "google",
        "gcp.vertex_ai" | "google-vertex" => "vertex_ai",
        "bedrock_converse" | "aws.bedrock" | "aws" | "amazon-bedrock" => "bedrock",
        "azure.ai.openai" => "azure",
        "text-completion-openai" => "openai",
        "cohere_chat" => "cohere",
        "mistral_ai" => "mistral",
        "x-ai" | "x_ai" => "xai",
        "together_ai" => "together",
        "fireworks_ai" => "fireworks",
        "moonshotai" => "moonshot",
        "voyageai" => "voyage",
        _ if provider.starts_with("vertex_ai-") => "vertex_ai",
        _ => provider,
    }
}

/// Whether a provider sells what others make, and so comes after them where nobody asked for one.
pub(super) fn resells(provider: &str) -> bool {
    matches!(provider, "azure" | "azure_ai" | "bedrock" | "bedrock_mantle" | "vertex_ai" | "openrouter")
        || matches!(provider, "github-copilot" | "github_copilot" | "vercel_ai_gateway")
}

/// Splits `openai/gpt-4o` and `models/gemini-2.5-pro` into provider and model.
///
/// Where a provider was asked for, another one in the name is no match.
pub(super) fn split_provider<'a>(asked: Option<&'a str>, model: &'a str) -> Option<(&'a str, &'a str)> {
    let (prefix, rest) = model.split_once('/')?;
    let named = if prefix == "models" { "google" } else { canonical_provider(prefix) };
    (asked.is_none() || asked == Some(named)).then_some((named, rest))
}

/// The names to try when a dated name has no row of its own, the closest first.
pub(super) fn undated(model: &str) -> [Option<&str>; 2] {
    if model.starts_with("ft:") {
        return [fine_tuned_base(model), None];
    }
    if let Some(name) = model.strip_suffix("-latest").or_else(|| without_full_date(model)) {
        return [Some(name), None];
    }
    match without_preview_date(model) {
        Some(preview) => [Some(preview), preview.strip_suffix("-preview")],
        None => [None, None],
    }
}

/// `ft:gpt-4o-2024-08-06:acme::7p4lURel` is billed as `ft:gpt-4o-2024-08-06`.
fn fine_tuned_base(model: &str) -> Option<&str> {
    let base = model.strip_prefix("ft:")?.split(':').next()?;
    let end = base.len().checked_add("ft:".len())?;
    model.get(..end).filter(|name| name.len() < model.len())
}

/// Without `-2024-08-06` or `-20250929`.
fn without_full_date(model: &str) -> Option<&str> {
    split_date(model, '-').map(|(name, _)| name)
}

/// The same name with its date written in the other ways: a row may have it as `…-2024-05-13` and be asked for as
/// `…-20240513`, and no undated row may answer before that one.
pub(super) fn redated(model: &str) -> Option<[String; 3]> {
    let (name, [year, month, day]) = split_date(model, '-').or_else(|| split_date(model, '@'))?;
    Some([
        format!("{name}-{year}-{month}-{day}"),
        format!("{name}-{year}{month}{day}"),
        format!("{name}@{year}{month}{day}"),
    ])
}

/// A name without the date behind it, and the date as `20250929`; Vertex writes `@20250929`.
pub(super) fn full_date(model: &str) -> Option<(&str, u32)> {
    let (name, [year, month, day]) = split_date(model, '-').or_else(|| split_date(model, '@'))?;
    let date = [year, month, day].concat().parse::<u32>().ok()?;
    (!name.is_empty()).then_some((name, date))
}

/// A name, and the year, month and day of the date behind it.
fn split_date(model: &str, before: char) -> Option<(&str, [&str; 3])> {
    let (name, last) = model.rsplit_once(before)?;
    let (name, [year, month, day]) = match last.len() {
        8 => (name, [last.get(..4)?, last.get(4..6)?, last.get(6..)?]),
        2 if before == '-' => {
            let (name, month) = name.rsplit_once('-')?;
            let (name, year) = name.rsplit_once('-')?;
            (name, [year, month, last])
        }
        _ => return None,
    };
    let dated = is_year(year.as_bytes()) && is_month(month.as_bytes()) && is_day(day.as_bytes());
    dated.then_some((name, [year, month, day]))
}

/// Without the `-05-06` of `…-preview-05-06`, or the `-09-2025` of `…-preview-09-2025`.
fn without_preview_date(model: &str) -> Option<&str> {
    let (name, last) = model.rsplit_once('-')?;
    let (name, month) = name.rsplit_once('-')?;
    let dated = is_month(month.as_bytes()) && (is_day(last.as_bytes()) || is_year(last.as_bytes()));
    (dated && name.ends_with("-preview")).then_some(name)
}

fn is_year(digits: &[u8]) -> bool {
    matches!(digits, [b'2', b'0', decade, year] if decade.is_ascii_digit() && year.is_ascii_digit())
}

fn is_month(digits: &[u8]) -> bool {
    matches!(digits, [b'0', b'1'..=b'9'] | [b'1', b'0'..=b'2'])
}

fn is_day(digits: &[u8]) -> bool {
    matches!(digits, [b'0', b'1'..=b'9'] | [b'1' | b'2', b'0'..=b'9'] | [b'3', b'0' | b'1'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_behind_a_name_is_dropped() {
        assert_eq!(undated("gpt-4o-2024-08-06"), [Some("gpt-4o"), None]);
        assert_eq!(undated("claude-sonnet-4-5-20250929"), [Some("claude-sonnet-4-5"), None]);
        assert_eq!(undated("claude-opus-4-5-latest"), [Some("claude-opus-4-5"), None]);
        let preview = [Some("gemini-2.5-pro-preview"), Some("gemini-2.5-pro")];
        assert_eq!(undated("gemini-2.5-pro-preview-05-06"), preview);
        assert_eq!(undated("gemini-2.5-pro-preview-09-2025"), preview);
        assert_eq!(undated("ft:gpt-4o-2024-08-06:acme::id"), [Some("ft:gpt-4o-2024-08-06"), None]);
    }

    #[test]
    fn what_is_not_surely_a_date_stays() {
        for name in [
            "gpt-4o-mini",
            "gpt-4o-audio-preview",
            "gpt-4-0613",
            "claude-sonnet-4-5",
            "gpt-4o-2024-13-06",
            "gpt-4o-2024-08-32",
            "gpt-4o-2024-00-06",
            "x-20251301",
            "x-99990101",
            "gemini-2.5-pro-05-06",
            "ft:gpt-4o-2024-08-06",
            "latest",
            "",
            "-",
            "é-2024-é8-06",
        ] {
            assert_eq!(undated(name), [None, None], "{name}");
        }
    }

    #[test]
    fn a_provider_in_the_name_must_be_the_one_asked_for() {
        assert_eq!(split_provider(None, "gemini/gemini-2.5-pro"), Some(("google", "gemini-2.5-pro")));
        assert_eq!(split_provider(None, "models/gemini-2.5-pro"), Some(("google", "gemini-2.5-pro")));
        assert_eq!(split_provider(Some("openai"), "openai/gpt-4o"), Some(("openai", "gpt-4o")));
        assert_eq!(split_provider(Some("azure"), "openai/gpt-4o"), None);
        assert_eq!(split_provider(Some("openai"), "models/gpt-4o"), None);
        assert_eq!(split_provider(None, "gpt-4o"), None);
    }
}
