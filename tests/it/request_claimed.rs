//! Is what a request says of itself believed only where nothing in it says otherwise?

use serde_json::{Value, json};
use token_budget::call::Part;
use token_budget::tokens::{ByteBoundEstimator, EstimateKind, RequestShape};
use token_budget::usage::Meter;
use token_budget::{Call, TokenEstimator};

const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAABAAAAAMACAIAAAA=";
/// The first bytes of a film: `ftypisom`.
const MP4: &str = "AAAAIGZ0eXBpc29tAAACAGlzb21pc28yYXZjMW1wNDE=";

fn parts(body: &Value) -> Vec<Part> {
    let prompt = RequestShape::parse(body.to_string().as_bytes()).expect("a request").prompt;
    prompt.messages.into_iter().flat_map(|message| message.parts).collect()
}

fn is_opaque(body: &Value) -> bool {
    parts(body).contains(&Part::Opaque)
}

fn is_image(body: &Value) -> bool {
    let is_image = |part: &Part| matches!(part, Part::Image | Part::Picture(_));
    !is_opaque(body) && parts(body).iter().any(is_image)
}

/// A film at YouTube that called itself `image/png` was held as one image: a hundredth of what it was billed for.
#[test]
fn a_file_is_one_image_only_where_its_bytes_or_its_address_bear_that_out() {
    let gemini = |part: Value| json!({"contents": [{"role": "user", "parts": [part]}]});
    let file = |uri: &str| gemini(json!({"fileData": {"fileUri": uri, "mimeType": "image/png"}}));
    let data = |data: &str| gemini(json!({"inlineData": {"mimeType": "image/png", "data": data}}));
    let heic = "AAAAJGZ0eXBoZWljAAAAAG1pZjE=";
    for honest in [
        file("gs://bucket/a.png"),
        file("https://example.com/a.png"),
        data(PNG),
        data(heic),
        gemini(json!({"inline_data": {"mime_type": "IMAGE/PNG", "data": PNG}})),
    ] {
        assert!(is_image(&honest), "{honest}");
    }
    for lie in [
        file("https://www.youtube.com/watch?v=a"),
        file("https://youtu.be/a"),
        file("https://generativelanguage.googleapis.com/v1beta/files/abc"),
        file("files/abc"),
        data(MP4),
        data("aGVsbG8="),
        gemini(
            json!({"fileData": {"fileUri": "gs://b/v", "mimeType": "image/png", "mime_type": "video/mp4"}}),
        ),
        gemini(json!({"fileData": {"fileUri": "gs://b/v", "file_uri": "files/v", "mimeType": "image/png"}})),
        gemini(json!({"inlineData": {"mimeType": "image/png"}})),
        gemini(json!({"fileData": {"fileUri": "gs://b/v"}})),
    ] {
        assert!(is_opaque(&lie), "{lie}");
    }
}

#[test]
fn a_film_or_a_document_in_the_place_of_an_image_is_none() {
    let chat = |url: &str| {
        let part = json!({"type": "image_url", "image_url": {"url": url}});
        json!({"messages": [{"role": "user", "content": [part]}]})
    };
    let source = |kind: &str, data: &str| {
        let source = json!({"type": "base64", "media_type": kind, "data": data});
        json!({"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]})
    };
    for honest in [
        chat("https://example.com/a.png"),
        chat(&format!("data:image/png;base64,{PNG}")),
        // Cut short, or of a format whose size is not read here.
        chat("data:image/bmp;base64,Qk0="),
        source("image/png", PNG),
    ] {
        assert!(is_image(&honest), "{honest}");
    }
    for lie in [
        chat("data:application/pdf;base64,JVBERi0xLjQK"),
        chat("data:image/png;base64,JVBERi0xLjQK"),
        chat(&format!("data:image/png;base64,{MP4}")),
        chat(&format!("DATA:video/mp4;base64,{MP4}")),
        source("application/pdf", "JVBERi0xLjQK"),
        source("image/png", MP4),
    ] {
        assert!(is_opaque(&lie), "{lie}");
    }
}

/// Twenty thoughts that were sent back by their ids were held at nothing, and that was called a bound.
#[test]
fn what_a_provider_keeps_under_an_id_is_held_for_an_allowance() {
    let of = |items: Value| {
        let body = json!({"model": "gpt-5", "input": items, "max_output_tokens": 16}).to_string();
        let prompt = RequestShape::parse(body.as_bytes()).expect("a request").prompt;
        ByteBoundEstimator.bound("gpt-5", &prompt)
    };
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": []});
    let hi = json!({"role": "user", "content": "hi"});
    let beside = of(json!([hi])).tokens;
    for named in [
        thought.clone(),
        json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": null, "content": []}),
        json!({"type": "compaction", "id": "cmp_1"}),
        json!({"type": "file_search_call", "id": "fs_1", "queries": ["q"], "results": null}),
        json!({"type": "code_interpreter_call", "id": "ci_1", "code": null, "outputs": null}),
        json!({"type": "web_search_call", "id": "ws_1", "status": "completed"}),
    ] {
        let held = of(json!([named, hi]));
        assert_eq!((held.kind, held.opaque), (EstimateKind::Guess, false), "{named}");
        assert!(held.tokens >= beside + 16_384 && held.tokens < beside + 17_000, "{named}: {held}");
    }
    let three = of(json!([thought, thought, thought, hi])).tokens;
    assert!(three >= beside + 3 * 16_384, "{three}");
    // What is sent whole is held at what it says.
    let sealed = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "zzzz"});
    let found = json!({"type": "file_search_call", "id": "f", "queries": ["q"], "results": [{"file_id": "f", "text": "a"}]});
    for whole in [sealed, found, json!({"type": "reasoning", "summary": []})] {
        let held = of(json!([whole, hi]));
        assert!(held.tokens < beside + 500 && !held.opaque, "{whole}: {held}");
    }
}

#[test]
fn an_item_or_a_part_of_which_only_an_id_is_sent_is_opaque() {
    for item in [
        json!({"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": []}),
        json!({"id": "msg_1", "role": "assistant", "content": [null, {}]}),
        json!({"type": "function_call_output", "id": "fco_1", "call_id": "c"}),
        json!({"role": "user", "content": [{"type": "stored_file", "file_id": "f"}]}),
        json!({"role": "user", "content": [{"type": "image_file", "image_file": {"file_id": "f"}}]}),
        json!({"role": "user", "content": [{"file_uri": "files/f"}]}),
    ] {
        assert!(is_opaque(&json!({"input": [item]})), "{item}");
    }
    for item in [
        json!({"type": "message", "id": "m", "content": [{"type": "output_text", "text": "a",
            "annotations": [{"type": "file_citation", "file_id": "f"}]}]}),
        json!({"type": "function_call_output", "id": "fco_1", "call_id": "c", "output": ""}),
        json!({"type": "mcp_approval_response", "id": "m", "approval_request_id": "r", "approve": true}),
        json!({"id": "m", "role": "assistant", "content": [], "tool_calls": [{"id": "c", "function": {"name": "f"}}]}),
    ] {
        assert!(!is_opaque(&json!({"input": [item]})), "{item}");
    }
    assert!(is_opaque(&json!({"message": "hi", "conversation_id": "c"})));
}

#[test]
fn what_another_service_looks_up_is_held_as_a_search_in_files() {
    let body = json!({"messages": [{"role": "user", "content": "hi"}], "data_sources": [{"type": "azure_search",
        "parameters": {"endpoint": "https://search.example.com", "index_name": "i"}}]});
    let prompt = RequestShape::parse(body.to_string().as_bytes()).expect("a request").prompt;
    let held = ByteBoundEstimator.bound("gpt-4o", &prompt);
    assert!(held.tokens >= 16_000 && held.tokens < 16_500 && !held.opaque, "{held}");
}

/// The query was held once, whatever the number of documents.
#[test]
fn a_query_is_held_once_for_each_document_that_it_is_ranked_with() {
    let held = |documents: Value| {
        let body = json!({"query": "q".repeat(1_000), "documents": documents}).to_string();
        let prompt = RequestShape::parse(body.as_bytes()).expect("a request").prompt;
        ByteBoundEstimator.bound("rerank-2", &prompt).tokens
    };
    let (one, ten) = (held(json!(["a"])), held(json!(vec!["a"; 10])));
    assert!(ten >= one + 9 * 1_000 && ten < one + 9 * 1_100, "{one} {ten}");
}

#[test]
fn answers_are_counted_wherever_their_number_may_stand() {
    let choices = |body: Value| RequestShape::parse(body.to_string().as_bytes()).expect("a request").choices;
    assert_eq!(choices(json!({"messages": [], "additionalModelRequestFields": {"n": 8}})), 8);
    assert_eq!(choices(json!({"prompt": "a", "numResults": 16})), 16);
    assert_eq!(choices(json!({"messages": [], "additionalModelRequestFields": {"top_k": 8}})), 1);
}

/// A null in the place of a conversation took the fee of a speech away.
#[test]
fn a_null_switches_no_fee_off() {
    let uses = |body: Value| RequestShape::parse(body.to_string().as_bytes()).expect("a request").uses;
    let speech = |more: Value| {
        let mut body = json!({"model": "tts-1", "input": "hello", "voice": "alloy"});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        uses(body)
    };
    for nothing in [json!({}), json!({"messages": null}), json!({"contents": null})] {
        assert_eq!(speech(nothing.clone()), [(Meter::CharacterIn, Some(5))], "{nothing}");
    }
    let document = |more: Value| {
        let mut body = json!({"model": "ocr", "document": {"document_url": "https://example.com/a.pdf"}});
        more.as_object().unwrap().iter().for_each(|(name, value)| body[name] = value.clone());
        uses(body)
    };
    let ocr = json!({"document_url": "https://example.com/a.pdf", "image_url": null});
    let two = json!({"document_url": "https://example.com/a.pdf", "image_url": "https://example.com/a.png"});
    for unknown in [
        json!({}),
        json!({"pages": []}),
        json!({"pages": null}),
        json!({"document": ocr}),
        json!({"document": two}),
    ] {
        assert_eq!(document(unknown.clone()), [(Meter::Page, None)], "{unknown}");
    }
    assert_eq!(document(json!({"pages": [0, 3]})), [(Meter::Page, Some(2))]);
    assert_eq!(
        document(json!({"document": {"image_url": "https://example.com/a.png"}})),
        [(Meter::Page, Some(1))]
    );
    assert_eq!(
        uses(json!({"query": "q", "documents": null, "texts": ["a"]})),
        [(Meter::SearchUnit, Some(1))]
    );
}

#[test]
fn a_limit_of_another_api_bounds_no_fee() {
    let uses = |body: Value| RequestShape::parse(body.to_string().as_bytes()).expect("a request").uses;
    let with = |tool: Value| uses(json!({"messages": [], "max_tool_calls": 1, "tools": [tool]}));
    let searches = |most: Option<u64>| [(Meter::WebSearch, most)];
    assert_eq!(with(json!({"type": "web_search_20250305", "max_uses": 2})), searches(Some(2)));
    assert_eq!(with(json!({"type": "openrouter:web_search", "max_uses": 2})), searches(Some(2)));
    assert_eq!(with(json!({"type": "web_search", "max_uses": 2})), searches(None));
    assert_eq!(with(json!({"type": "web_search_2025_08_26", "max_uses": 2})), searches(None));
    let inside = json!({"type": "namespace", "name": "all", "tools": [{"type": "web_search"}]});
    assert_eq!(with(inside.clone()), searches(None));
    assert_eq!(uses(json!({"input": "hi", "max_tool_calls": 1, "tools": [inside]})), searches(Some(1)));
}

#[test]
fn models_beside_the_one_that_answers_are_no_more_than_64_with_names_that_can_be_used() {
    let parse = |count: usize| {
        let tools = vec![json!({"type": "advisor_20260301", "model": "m"}); count];
        RequestShape::parse(json!({"model": "m", "messages": [], "tools": tools}).to_string().as_bytes())
    };
    assert!(parse(64).is_ok());
    let error = parse(65).expect_err("too many").to_string();
    assert!(error.contains("tools") && error.contains("64"), "{error}");
    for name in ["x".repeat(257), "a\u{7}b".to_owned(), "a\u{202e}b".to_owned()] {
        for body in [
            json!({"model": "m", "messages": [], "models": [name]}),
            json!({"model": "m", "messages": [], "tools": [{"type": "advisor_20260301", "model": name}]}),
        ] {
            let shape = RequestShape::parse(body.to_string().as_bytes()).expect("a request");
            let error = shape.describe(Call::charging()).check().map(|_| ()).expect_err("a name");
            assert!(error.to_string().len() < 200, "{error}");
        }
    }
}
