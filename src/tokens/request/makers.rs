//! Under which name does a model behind Bedrock's Invoke look for a limit, and where does it stop by itself?
//!
//! Every maker has words of its own; what AWS documents of each. Some models refuse the words of others, some ignore
//! them, so of a maker that is not known no word is believed.

use super::language::Language;
use crate::values::no_limit::ApiLimit;

/// Messages, and the text completions before them.
static ANTHROPIC: Language = of(&["max_tokens", "max_tokens_to_sample"]);
static LLAMA: Language = of(&["max_gen_len"]);
static OPENAI: Language = of(&["max_completion_tokens", "max_tokens"]);
/// Mistral, Cohere, Jamba, and all that take the messages of a chat.
static CHAT: Language = of(&["max_tokens"]);
static JURASSIC: Language = of(&["maxTokens"]);
/// In the spelling of Converse and in that of Nova's first guide.
static NOVA: Language = inside(&["inferenceConfig"], &["maxTokens", "max_new_tokens"]);
static TITAN: Language = inside(&["textGenerationConfig"], &["maxTokenCount"]);
static UNKNOWN: Language = of(&[]);

const fn of(limits: &'static [&'static str]) -> Language {
    Language::flat(limits, &["n", "num_generations", "numResults"]).unwritten()
}

const fn inside(objects: &'static [&'static str], limits: &'static [&'static str]) -> Language {
    Language::inside(objects, limits, &[]).unwritten()
}

/// The language of that model; `None` if its name, an ARN of one's own, tells no maker.
pub(crate) fn of_model(model: &str) -> Option<&'static Language> {
    let mut parts = model.split(['.', '/', ':']);
    let is = |start: &str| model.split(['.', '/', ':']).any(|part| part.starts_with(start));
    parts.find_map(|maker| {
        Some(match maker {
            "anthropic" => &ANTHROPIC,
            "meta" => &LLAMA,
            "openai" => &OPENAI,
            "amazon" if is("nova") => &NOVA,
            "amazon" if is("titan-text") || is("titan-tg1") => &TITAN,
            "ai21" if is("j2") => &JURASSIC,
            "mistral" | "cohere" | "deepseek" | "ai21" | "qwen" | "writer" | "zai" | "moonshot"
            | "moonshotai" | "minimax" | "nvidia" | "google" => &CHAT,
            _ => return None,
        })
    })
}

/// The language of a model whose maker nobody knows.
pub(crate) fn unknown() -> &'static Language {
    &UNKNOWN
}

/// Where a model stops whose request names no limit: the defaults that AWS documents.
pub(super) fn stops(model: &str) -> ApiLimit {
    let is = |name: &str| model.contains(name);
    match () {
        () if is("amazon.titan-text") => ApiLimit::Stops(512),
        () if is("meta.llama") => ApiLimit::Stops(512),
        () if is("mistral.mistral-7b") || is("mistral.mixtral") => ApiLimit::Stops(512),
        () if is("mistral.mistral-large-2402") || is("mistral.mistral-small-2402") => ApiLimit::Stops(8_192),
        () => ApiLimit::Unwritable,
    }
}

/// Whether it is the language of a maker behind Invoke.
pub(super) fn is_invoked(language: &'static Language) -> bool {
    let all: [&'static Language; 8] =
        [&ANTHROPIC, &LLAMA, &OPENAI, &CHAT, &JURASSIC, &NOVA, &TITAN, &UNKNOWN];
    all.into_iter().any(|known| std::ptr::eq(known, language))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maker_is_told_by_a_whole_part_of_the_name() {
        let words = |model: &str| of_model(model).map(|language| language.limits);
        let table: [(&str, Option<&[&str]>); 9] = [
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", Some(&["max_tokens", "max_tokens_to_sample"])),
            (
                "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.meta.llama3-3-70b-instruct-v1:0",
                Some(&["max_gen_len"]),
            ),
            ("amazon.nova-pro-v1:0", Some(&["maxTokens", "max_new_tokens"])),
            ("amazon.titan-text-express-v1", Some(&["maxTokenCount"])),
            ("amazon.titan-embed-text-v2:0", None),
            ("ai21.jamba-1-5-large-v1:0", Some(&["max_tokens"])),
            ("openai.gpt-oss-120b-1:0", Some(&["max_completion_tokens", "max_tokens"])),
            ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2", None),
            ("notanthropic.model", None),
        ];
        for (model, expected) in table {
            assert_eq!(words(model), expected, "{model}");
        }
    }
}
