//! Does the exact count agree with the tokenizer, whatever it is given?

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of the tests' own")]

use super::super::fast::encode;
use super::*;
use crate::tokens::EstimateKind;
use crate::values::{Message, Part};

const BOTH: [(Encoding, &str); 2] = [(Encoding::O200k, "gpt-4o"), (Encoding::Cl100k, "gpt-4")];

const TEXTS: [&str; 12] = [
    "The quick brown fox isn't lazy; it'll JUMP over 12345 dogs, won't it?\n\nYES — it'S “done”…",
    "fn main() {\n    let x: Vec<u8> = vec![0; 1_024];\n\tprintln!(\"{x:?}\"); // 'static\n}\r\n",
    r#"{"id": 17, "tags": ["a","b"], "nested": {"price": 12.50, "ok": true, "path": "a/b//c"}}"#,
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少？（孟浩然）",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。カタカナ３つ",
    "😀😀 👩‍👩‍👧‍👦 text😀text 🇩🇪 3😀 \u{fe0f}",
    "aGVsbG8gd29ybGQhIHRoaXMgaXMgYmFzZTY0IHRleHQgd2l0aCAxMjM0NTY3ODkw+/8A==",
    "  \n\n \t x   y\r\n\r\n\u{a0}\u{3000} z  ",
    "Съешь же ещё этих мягких французских булок, да выпей чаю. हिन्दी में ไทย ภาษา العربية עברית 한국어",
    "e\u{301}te\u{301} n\u{303}o 'S 'll I'LLs don'tx '' ''s x'\u{17f} ½ ² Ⅷ ǅ ʰ",
    "<|endoftext|><|im_start|>//\n/\n!\n/x \n!\n\n a!b ...\n\n1234567\n8 9",
    "",
];

fn repeat(pattern: &str, bytes: usize) -> String {
    pattern.repeat(bytes / pattern.len())
}

#[test]
fn a_count_is_what_the_tokenizer_says() {
    let estimator = TiktokenEstimator::new();

    for (encoding, model) in BOTH {
        for text in TEXTS.map(str::to_owned).into_iter().chain(TEXTS.map(|text| text.repeat(200))) {
            let expected = u64::try_from(encode(encoding, &text).len()).unwrap();
            let estimate = estimator.count_text(model, &text);

            assert_eq!(estimate, Estimate::count(expected), "{model}, {} bytes", text.len());
            assert!(estimator.bound_text(model, &text).tokens >= expected);
        }
    }
}

#[test]
fn hostile_text_is_bounded_and_does_not_panic() {
    let estimator = TiktokenEstimator::new();
    let patterns =
        [" ", "a", "\n", "!", "\"", "'", "😀", "ab", "我", "\u{301}", "\t \n", "'s", "\0", "A", "\r"];

    for (_, model) in BOTH {
        for pattern in patterns {
            let text = repeat(pattern, 1_000_000);
            let bytes = u64::try_from(text.len()).unwrap();

            let estimate = estimator.count_text(model, &text);
            assert_eq!(estimate.kind, EstimateKind::Bound, "{pattern:?}");
            // Between the letters of `'s's` the pattern splits, so that some are counted.
            assert!(estimate.tokens <= bytes && estimate.tokens > bytes / 4, "{pattern:?}: {estimate}");
        }
    }
}

#[test]
fn a_run_is_counted_as_far_as_the_work_goes_and_then_bounded_by_its_bytes() {
    let estimator = TiktokenEstimator::new();
    // Two pieces: the run, and the word behind it. A byte of a long piece is 5 units of 204,800, the piece 1.
    let text = |dashes: usize| format!("{} end", "-".repeat(dashes));
    let counted = u64::try_from(encode(Encoding::O200k, &text(40_000)).len()).unwrap();

    assert_eq!(estimator.count_text("gpt-4o", &text(40_000)), Estimate::count(counted));
    assert_eq!(estimator.count_text("gpt-4o", &text(40_961)), Estimate::bound(40_961 + 1));
}

#[test]
fn a_page_of_chinese_without_a_sign_is_counted() {
    // More than 341 characters, which were once held by their bytes.
    let page: String = "春眠不觉晓处处闻啼鸟夜来风雨声花落知多少".repeat(50);
    let expected = u64::try_from(encode(Encoding::O200k, &page).len()).unwrap();

    assert_eq!(TiktokenEstimator::new().count_text("gpt-4o", &page), Estimate::count(expected));
}

#[test]
fn a_piece_that_earlier_texts_left_no_work_for_is_counted_by_the_next_call() {
    let estimator = TiktokenEstimator::new();
    let words = Message::user(repeat("cat dog ", 480_000));
    let prompt = Prompt { messages: vec![words, Message::user("我".repeat(10_000))], tools: Vec::new() };

    assert_eq!(estimator.count("gpt-4o", &prompt).kind, EstimateKind::Bound);
    assert_eq!(estimator.count("gpt-4o", &prompt).kind, EstimateKind::Count);
}

#[test]
fn prose_beyond_the_work_of_a_call_is_bounded() {
    let estimator = TiktokenEstimator::new();
    let text = repeat("cat dog ", 1_000_000);

    let estimate = estimator.count_text("gpt-4o", &text);

    // 204,800 units of work are as many words: the first has 3 bytes, the
    // others 4, so 819,199 bytes are counted, and 180,801 are left.
    assert_eq!(estimate, Estimate::bound(204_800 + 180_801));
    assert_eq!(estimator.count_text("gpt-4o", &text), estimate);
}

#[test]
fn a_long_conversation_is_counted_further_with_each_call() {
    let estimator = TiktokenEstimator::new();
    let turn = |number: usize| Message::user(repeat("cat dog ", 480_000) + &number.to_string());
    let prompt = Prompt { messages: (0..3).map(turn).collect(), tools: Vec::new() };

    let estimates: Vec<Estimate> = (0..4).map(|_| estimator.count("gpt-4o", &prompt)).collect();

    // A turn is 120,000 words, a space and a digit: over half of a call's work.
    assert!(estimates[0].tokens > estimates[1].tokens && estimates[1].tokens > estimates[2].tokens);
    assert_eq!(estimates[2], Estimate::count(3 * 120_002 + 3 * 4 + 3));
    assert_eq!(estimates[3], estimates[2]);
}

#[test]
fn what_is_remembered_is_what_was_counted() {
    let remembering = TiktokenEstimator::new();

    for (_, model) in BOTH {
        for text in TEXTS {
            let first = remembering.count_text(model, text);
            assert_eq!(remembering.count_text(model, text), first);
            assert_eq!(TiktokenEstimator::new().count_text(model, text), first);
        }
    }
}

#[test]
fn a_prompt_is_its_texts_with_their_framing() {
    let estimator = TiktokenEstimator::new();
    let messages = vec![Message::system("hello"), Message::user("hello")];
    let mut prompt = Prompt { messages, tools: Vec::new() };

    // 1 token each, 4 around each, 3 for the prompt.
    assert_eq!(estimator.count("gpt-4", &prompt), Estimate::count(13));

    prompt.tools = vec![r#"{"name":"add","parameters":{}}"#.into()];
    assert_eq!(estimator.count("gpt-4", &prompt), Estimate::bound(13 + 16 + 32 + 30));

    prompt.messages.push(Message::user("").with_part(Part::Opaque));
    assert!(estimator.count("gpt-4", &prompt).needs_model_maximum());
}

#[test]
fn only_openai_models_are_known() {
    let estimator = TiktokenEstimator::new();

    assert!(estimator.knows("gpt-5.4-mini"));
    for model in ["claude-sonnet-4-5", "gemini-2.5-pro", "llama-4"] {
        assert!(!estimator.knows(model));
        assert_eq!(estimator.count_text(model, "hi"), estimator.bound_text(model, "hi"));
    }
}

#[test]
fn debug_output_shows_no_text() {
    let estimator = TiktokenEstimator::new();

    estimator.count_text("gpt-4o", "the launch code is 0000, tell nobody about it");

    assert_eq!(format!("{estimator:?}"), "TiktokenEstimator");
}
