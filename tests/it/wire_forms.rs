//! Is every provider's form read as it is meant? The figures were worked out by
//! hand from the rules in `docs/PROVIDERS.md`.

use token_budget::Usage;
use token_budget::usage::Meter;
use token_budget::usage::Meter::{
    AudioInMs, CacheWrite1h, CacheWrite5m, CachedAudio, CachedInput, Citation, Input, InputAudio, InputImage,
    Output, OutputAudio, Reasoning, SearchUnit, WebFetch, WebSearch,
};
use token_budget::wire::{Purpose, StreamMeter, UsageReport, extract};

use crate::wire_support::{all, fixture, is_stream};

/// What one line counts; zeros are left out.
type Counts = &'static [(Meter, u64)];

/// A file, the lines it means, and its total of input and output.
const FORMS: [(&str, &[Counts]); 35] = [
    ("openai_chat.json", &[&[(Input, 1_200), (CachedInput, 1_024), (Output, 350), (Reasoning, 256)]]),
    ("openai_chat.sse", &[&[(Input, 14), (Output, 3)]]),
    ("openai_chat_no_usage.sse", &[]),
    (
        "openai_responses.json",
        // Opening a page is not billed as a search.
        &[&[(Input, 900), (CachedInput, 512), (Output, 140), (Reasoning, 96), (WebSearch, 1)]],
    ),
    ("openai_responses.sse", &[&[(Input, 31), (Output, 77), (Reasoning, 64)]]),
    (
        "openai_realtime.ndjson",
        &[
            &[(AudioInMs, 2_500)],
            &[(Input, 40), (Output, 20), (InputAudio, 26), (OutputAudio, 15)],
            &[(Input, 100), (CachedInput, 64), (Output, 10), (InputAudio, 42), (CachedAudio, 32)],
        ],
    ),
    ("openai_embeddings.json", &[&[(Input, 12)]]),
    ("openai_transcription.json", &[&[(AudioInMs, 37_000)]]),
    ("openai_error.json", &[]),
    (
        "anthropic.json",
        // 10 + 2,000 + 900; of the 900 written 300 are typed an hour, 500 five minutes, 100 not at all.
        &[&[
            (Input, 2_910),
            (CachedInput, 2_000),
            (CacheWrite5m, 600),
            (CacheWrite1h, 300),
            (Output, 45),
            (Reasoning, 20),
            (WebSearch, 2),
            (WebFetch, 1),
        ]],
    ),
    // The last frame wins: not 25, and not the sum.
    ("anthropic.sse", &[&[(Input, 10_982), (CachedInput, 300), (Output, 510), (WebSearch, 1)]]),
    (
        "anthropic_passes.json",
        &[
            &[(Input, 200), (Output, 9)],
            &[(Input, 50_100), (CacheWrite5m, 50_000), (Output, 80)],
            &[(Input, 2_500), (Output, 22)],
        ],
    ),
    ("anthropic_count.json", &[&[(Input, 671)]]),
    (
        "gemini.json",
        &[&[(Input, 390), (CachedInput, 128), (Output, 165), (Reasoning, 140), (InputImage, 258)]],
    ),
    ("gemini.sse", &[&[(Input, 8), (Output, 44), (Reasoning, 40)]]),
    ("gemini_list.json", &[&[(Input, 5), (Output, 3)]]),
    // 109 − 35: thinking that is billed and not itemised.
    ("gemini_as_openai.json", &[&[(Input, 35), (Output, 74), (Reasoning, 62)]]),
    ("gemini_error.json", &[]),
    ("bedrock_converse.json", &[&[(Input, 1_340), (CachedInput, 1_000), (CacheWrite1h, 320), (Output, 7)]]),
    ("bedrock_converse.frames", &[&[(Input, 20), (Output, 7)]]),
    ("bedrock_converse.ndjson", &[&[(Input, 20), (Output, 7)]]),
    ("mistral.json", &[&[(Input, 268), (CachedInput, 224), (Output, 5)]]),
    ("deepseek.json", &[&[(Input, 495), (CachedInput, 320), (Output, 144), (Reasoning, 118)]]),
    ("cohere.json", &[&[(Input, 41), (Output, 10)]]),
    ("cohere.sse", &[&[(Input, 7), (Output, 2)]]),
    ("cohere_rerank.json", &[&[(SearchUnit, 1)]]),
    // 12 + 1 + 228 = 241: reasoning is beside the output.
    ("xai.json", &[&[(Input, 12), (CachedInput, 4), (Output, 229), (Reasoning, 228)]]),
    // Read and written are the same tokens: 2,168 − 2,161 are left for the writing.
    ("openrouter.json", &[&[(Input, 2_168), (CachedInput, 2_161), (CacheWrite5m, 7), (Output, 5)]]),
    ("groq.sse", &[&[(Input, 48), (Output, 8)]]),
    ("groq_compound.json", &[&[(Input, 100), (Output, 10)], &[(Input, 500), (Output, 40)]]),
    ("perplexity.sse", &[&[(Input, 9), (Output, 3), (Citation, 70), (WebSearch, 2)]]),
    ("ollama.ndjson", &[&[(Output, 4)]]), // the prompt was cached, and its count left out
    ("voyage.json", &[&[(Input, 12)]]),
    ("batch.ndjson", &[&[(Input, 5), (Output, 2)], &[(Input, 13), (CachedInput, 10), (Output, 1)]]),
    ("bedrock_invoke.json", &[]), // without its headers
];

fn read(file: &str) -> UsageReport {
    let provider = file.split(['_', '.']).next();
    let body = fixture(file);
    if is_stream(file) {
        let mut meter = StreamMeter::new(provider);
        meter.push(&body);
        return meter.finish();
    }
    extract(provider, &body, []).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn counted(usage: &Usage) -> Vec<(Meter, u64)> {
    usage.counts().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn every_form_is_read_as_it_is_meant() {
    for (file, lines) in FORMS {
        let report = read(file);
        let mut got: Vec<_> = report.lines.iter().map(|line| counted(&line.usage)).collect();
        // A session's lines come as they end; a usage lists its meters in the order of all.
        let mut expected: Vec<Vec<_>> = lines.iter().map(|counts| counts.to_vec()).collect();
        expected.iter_mut().for_each(|counts| counts.sort());
        got.iter_mut().for_each(|counts| counts.sort());
        expected.sort();
        got.sort();
        assert_eq!(got, expected, "{file}");
        assert!(report.lines.iter().all(|line| line.usage.check().is_ok()), "{file}");
        assert!(report.finished && !report.damaged && !report.estimated, "{file}: {report:?}");
        assert_eq!(report.clamped, file == "openrouter.json", "{file}");
        assert_eq!(report.counting, file == "anthropic_count.json", "{file}");
    }
    let mut tested: Vec<_> = FORMS.iter().map(|(file, _)| (*file).to_owned()).collect();
    tested.sort();
    assert_eq!(tested, all());
}

#[test]
fn nobody_has_to_say_who_the_provider_is() {
    for (file, _) in FORMS {
        let unnamed = if is_stream(file) {
            let mut meter = StreamMeter::new(None);
            meter.push(&fixture(file));
            meter.finish()
        } else {
            extract(None, &fixture(file), []).unwrap()
        };
        assert_eq!(unnamed.lines, read(file).lines, "{file}");
    }
}

#[test]
fn bedrock_counts_in_headers_for_models_that_do_not() {
    let headers = [
        ("X-Amzn-Bedrock-Input-Token-Count", "30"),
        ("X-Amzn-Bedrock-Output-Token-Count", "51"),
        ("x-amzn-bedrock-cache-read-input-token-count", "100"),
        ("x-amzn-bedrock-cache-write-input-token-count", "50"),
        ("x-amzn-bedrock-invocation-latency", "1142"),
    ];
    let report = extract(Some("bedrock"), &fixture("bedrock_invoke.json"), headers).unwrap();
    let counts = [(Input, 180), (CachedInput, 100), (CacheWrite5m, 50), (Output, 51)]; // 30 + 100 + 50
    assert_eq!(counted(&report.lines[0].usage), counts);
}

#[test]
fn money_is_taken_as_written_from_those_known_to_charge_it() {
    let cost = |file: &str| read(file).cost.map(|usd| usd.to_string());
    assert_eq!(cost("openrouter.json").as_deref(), Some("0.00030930000000000004")); // float noise and all
    assert_eq!(cost("xai.json").as_deref(), Some("0.00011765"));
    assert_eq!(cost("perplexity.sse").as_deref(), Some("0.005012"));
    for (file, _) in
        FORMS.iter().filter(|(file, _)| !["openrouter.json", "xai.json", "perplexity.sse"].contains(file))
    {
        assert_eq!(cost(file), None, "{file}");
    }
    let proxied = extract(Some("openai"), &fixture("openrouter.json"), []).unwrap();
    assert_eq!(proxied.cost, None); // whoever says it is not known to charge it
}

#[test]
fn the_providers_own_words_are_kept() {
    let words = |file: &str| {
        let report = read(file);
        let text = |word: Option<_>| word.map(|word: token_budget::call::ShortText| word.to_string());
        (text(report.model), text(report.finish), text(report.service_tier))
    };
    let some = |word: &str| Some(word.to_owned());
    let chat = (some("gpt-4o-2024-08-06"), some("stop"), some("default"));
    assert_eq!(words("openai_chat.json"), chat);
    assert_eq!(words("openai_responses.sse"), (some("gpt-5-mini"), some("completed"), some("default")));
    assert_eq!(words("anthropic.sse"), (some("claude-haiku-4-5"), some("end_turn"), some("standard")));
    assert_eq!(words("gemini.sse"), (some("gemini-3-pro"), some("STOP"), some("ON_DEMAND_FLEX")));
    assert_eq!(read("anthropic.json").region.as_deref(), Some("us"));

    let passes = read("anthropic_passes.json");
    assert_eq!(passes.answer().and_then(Usage::input), Some(200));
    let advisor = passes.lines.iter().find(|line| line.purpose == Purpose::Advisor).unwrap();
    assert_eq!(advisor.model.as_deref(), Some("claude-opus-4-1"));
}

#[test]
fn errors_are_named_and_carry_no_charge() {
    for (file, names) in [
        ("openai_error.json", ["invalid_request_error", "model_not_found"]),
        ("gemini_error.json", ["RESOURCE_EXHAUSTED", "429"]),
    ] {
        let report = read(file).or_estimated(100, 100);
        assert!(report.lines.is_empty(), "{file}");
        assert!(names.contains(&report.error.as_deref().unwrap()), "{file}: {:?}", report.error);
    }
}

#[test]
fn text_is_counted_where_the_usage_never_came() {
    let report = read("openai_chat_no_usage.sse");
    assert_eq!((report.text.chars, report.text.bytes), (11, 12)); // "Zwölf Boote"
    let estimated = report.or_estimated(20, 5);
    assert_eq!(estimated.usage(), Some(Usage::of(20, 5)));
    assert!(estimated.estimated);

    let thinking = read("gemini.sse");
    assert_eq!((thinking.text.chars, thinking.text.hidden_bytes), (9, 3)); // "Two three", "One"
}
