//! Is a file that stands in a request held by what its bytes tell?

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use token_budget::call::{Detail, Pages, Part, Sound};
use token_budget::tokens::{ByteBoundEstimator, FamilyEstimator, RequestShape};
use token_budget::{Budget, Enforcer, Policy, Scope, TokenEstimator, Window};

use crate::support::usd;

/// A PDF of so many pages, each of which shows that text.
fn pdf(pages: usize, text: &str) -> String {
    let kids: String = (0..pages).map(|page| format!("{} 0 R ", page + 10)).collect();
    let mut file = format!("%PDF-1.7\n2 0 obj<</Type/Pages/Count {pages}/Kids[{kids}]>>endobj\n");
    for page in 0..pages {
        file.push_str(&format!("{} 0 obj<</Type/Page/Contents 3 0 R>>endobj\n", page + 10));
    }
    file.push_str(&format!("3 0 obj<<>>stream\nBT ({text}) Tj ET\nendstream endobj\n%%EOF"));
    STANDARD.encode(file)
}

fn shape(body: &Value) -> RequestShape {
    RequestShape::parse(body.to_string().as_bytes()).expect("a request")
}

fn parts(body: &Value) -> Vec<Part> {
    shape(body).prompt.messages.into_iter().flat_map(|message| message.parts).collect()
}

/// A PDF in the words of each API that takes one.
fn in_all_words(data: &str) -> Vec<Value> {
    let url = format!("data:application/pdf;base64,{data}");
    let user = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    let gemini = |part: Value| json!({"contents": [{"role": "user", "parts": [part]}]});
    vec![
        gemini(json!({"inlineData": {"mimeType": "application/pdf", "data": data}})),
        gemini(json!({"inline_data": {"mime_type": "application/pdf", "data": data}})),
        user(json!({"type": "document", "source":
            {"type": "base64", "media_type": "application/pdf", "data": data}})),
        user(json!({"type": "file", "file": {"filename": "a.pdf", "file_data": url}})),
        user(json!({"type": "file", "file": {"filename": "a.pdf", "file_data": data}})),
        json!({"input": [{"role": "user", "content": [
            {"type": "input_file", "filename": "a.pdf", "file_data": url}]}]}),
        json!({"input": [{"type": "document", "data": data, "mime_type": "application/pdf"}]}),
        user(json!({"document": {"format": "pdf", "name": "a", "source": {"bytes": data}}})),
        user(json!({"type": "document_url", "document_url": url})),
    ]
}

#[test]
fn a_pdf_is_read_in_the_words_of_every_api() {
    // Two pages of eight letters each, at half a token.
    let data = pdf(2, "abcdefgh");
    for body in in_all_words(&data) {
        let pages = Pages { count: 2, text_tokens: Some(8), detail: Detail::Auto };
        assert_eq!(parts(&body), [Part::Pages(pages)], "{body}");
    }
}

#[test]
fn a_pdf_is_looked_at_as_closely_as_anything_asks() {
    let data = pdf(1, "");
    let part = |level: &str| json!({"inlineData": {"mimeType": "application/pdf", "data": data}, "mediaResolution": {"level": level}});
    let body =
        |part: Value, settings: Value| json!({"contents": [{"parts": [part]}], "generationConfig": settings});
    let detail = |body: &Value| match &parts(body)[..] {
        [Part::Pages(pages)] => pages.detail,
        other => panic!("{other:?}"),
    };
    let high = json!({"mediaResolution": "MEDIA_RESOLUTION_HIGH"});
    assert_eq!(detail(&body(part("MEDIA_RESOLUTION_LOW"), json!({}))), Detail::Low);
    assert_eq!(detail(&body(part("MEDIA_RESOLUTION_LOW"), high.clone())), Detail::High);
    assert_eq!(detail(&body(part("MEDIA_RESOLUTION_ULTRA_HIGH"), high)), Detail::Original);
    let openai = json!({"input": [{"role": "user", "content": [{"type": "input_file", "detail": "low",
        "file_data": format!("data:application/pdf;base64,{data}")}]}]});
    assert_eq!(detail(&openai), Detail::Low);
}

#[test]
fn a_file_that_contradicts_itself_or_stands_elsewhere_stays_opaque() {
    let data = pdf(1, "a");
    let user = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    let document = |source: Value| user(json!({"type": "document", "source": source}));
    for body in [
        document(json!({"type": "base64", "media_type": "application/pdf", "data": "aGVsbG8="})),
        document(json!({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0xLjQ*"})),
        document(json!({"type": "base64", "media_type": "application/pdf", "data": &data[..16]})),
        document(json!({"type": "base64", "media_type": "application/pdf", "data": data, "file_id": "f"})),
        document(
            json!({"type": "base64", "media_type": "application/pdf", "mimeType": "video/mp4", "data": data}),
        ),
        document(json!({"type": "url", "url": "https://example.com/a.pdf"})),
        user(json!({"type": "file", "file": {"file_data": "https://example.com/a.pdf"}})),
        user(json!({"type": "file", "file": {"file_id": "f", "file_data": data}})),
        user(json!({"type": "file", "file": {"file_data": format!("data:text/csv;base64,{data}")}})),
        user(
            json!({"type": "file", "file": {"file_data": format!("data:application/msword;base64,{data}")}}),
        ),
        user(json!({"document": {"format": "docx", "name": "a", "source": {"bytes": data}}})),
    ] {
        assert_eq!(parts(&body), [Part::Opaque], "{body}");
    }
}

/// Each of these was held for the text that its bytes spell.
#[test]
fn what_is_no_text_is_not_held_as_one() {
    let user = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    let text = |data: &str| json!({"contents": [{"parts": [{"inlineData": {"mimeType": "text/plain", "data": data}}]}]});
    let named = |name: &str, data: &str| {
        let url = format!("data:text/plain;base64,{data}");
        user(json!({"type": "file", "file": {"filename": name, "file_data": url}}))
    };
    let plain = STANDARD.encode("a,b");
    for body in [
        text(&pdf(2, "abc")),
        text(&STANDARD.encode(b"PK\x03\x04\x14\0\0\0")),
        named("a.pdf", &pdf(2, "abc")),
        named("A.CSV", &plain),
    ] {
        assert_eq!(parts(&body), [Part::Opaque], "{body}");
    }
    assert!(matches!(&parts(&named("a.txt", &plain))[..], [Part::Text(text)] if &**text == "a,b"));
}

/// `2.4e1` images a second were held as three.
#[test]
fn a_film_shows_as_many_images_as_are_asked_for_however_that_is_written() {
    let boxed = |name: &[u8; 4], inside: &[u8]| {
        let length = u32::try_from(inside.len() + 8).unwrap();
        [&length.to_be_bytes(), &name[..], inside].concat()
    };
    // A thousand units a second, two thousand units.
    let head = [&[0; 12][..], &1_000_u32.to_be_bytes(), &2_000_u32.to_be_bytes()].concat();
    let film = [boxed(b"ftyp", b"isom"), boxed(b"moov", &boxed(b"mvhd", &head))].concat();
    let data = STANDARD.encode(film);
    let frames = |fps: &str| {
        let part = format!(
            r#"{{"inlineData": {{"mimeType": "video/mp4", "data": "{data}"}}, "videoMetadata": {{"fps": {fps}}}}}"#
        );
        let body = serde_json::from_str(&format!(r#"{{"contents": [{{"parts": [{part}]}}]}}"#)).unwrap();
        match &parts(&body)[..] {
            [Part::Film(film), ..] => film.frames,
            other => panic!("{other:?}"),
        }
    };
    // Two seconds; what is begun counts whole.
    assert_eq!((frames("1"), frames("24.0"), frames("23.5"), frames("0.1")), (2, 48, 48, 2));
    let text = |fps: &str| frames(&format!("\"{fps}\""));
    assert_eq!((text("2.4e1"), text("3e1")), (2 * 24, 2 * 30));
}

#[test]
fn what_stands_beside_a_file_counts() {
    let data = pdf(1, "");
    let long = "x".repeat(300);
    for body in [
        json!({"messages": [{"role": "user", "content": [{"type": "file", "file":
            {"filename": long, "file_data": data}}]}]}),
        json!({"messages": [{"role": "user", "content": [{"type": "file", "note": long, "file":
            {"file_data": data}}]}]}),
        json!({"messages": [{"role": "user", "content": [{"document":
            {"format": "pdf", "name": "a", "context": long, "source": {"bytes": data}}}]}]}),
        json!({"contents": [{"parts": [{"inlineData":
            {"type": "a", "mimeType": "application/pdf", "data": data, "note": long}}]}]}),
    ] {
        let parts = parts(&body);
        assert!(matches!(parts[0], Part::Pages(_)), "{body}");
        assert!(parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(&long))), "{body}");
    }
}

#[test]
fn a_text_in_base64_is_its_text() {
    let data = STANDARD.encode("Ada,1\nGrace,2");
    let user = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    for body in [
        json!({"contents": [{"parts": [{"inlineData": {"mimeType": "text/csv", "data": data}}]}]}),
        user(json!({"document": {"format": "csv", "name": "a", "source": {"bytes": data}}})),
        user(
            json!({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": data}}),
        ),
        user(json!({"type": "file", "file": {"file_data": format!("data:text/plain;base64,{data}")}})),
    ] {
        let is_text = matches!(&parts(&body)[..], [Part::Text(text)] if &**text == "Ada,1\nGrace,2");
        assert!(is_text, "{body}");
    }
}

/// A second of silence, in the words of each API that takes sound.
#[test]
fn a_sound_is_held_by_its_length() {
    let mut wave =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\0\0\0\x02\0\x10\0data\0\0\0\0".to_vec();
    // 24 bytes behind the format are taken for sound as well.
    wave.extend([0; 32_000 - 24]);
    let data = STANDARD.encode(wave);
    let user = |part: Value| json!({"messages": [{"role": "user", "content": [part]}]});
    for body in [
        json!({"contents": [{"parts": [{"inlineData": {"mimeType": "audio/wav", "data": data}}]}]}),
        user(json!({"type": "input_audio", "input_audio": {"data": data, "format": "wav"}})),
        user(json!({"audio": {"format": "wav", "source": {"bytes": data}}})),
        json!({"input": [{"type": "audio", "data": data, "mime_type": "audio/wav"}]}),
    ] {
        assert_eq!(parts(&body), [Part::Sound(Sound { length_ms: 1_000 })], "{body}");
        let prompt = shape(&body).prompt;
        let held = |model| {
            let estimate = FamilyEstimator::new().count(model, &prompt);
            (!estimate.opaque).then_some(estimate.tokens)
        };
        // Two seconds of 32, of ten; nobody says what Claude would hear. The frame of a message is a few.
        assert!(held("gemini-2.5-flash").is_some_and(|held| (64..70).contains(&held)), "{body}");
        assert!(held("gpt-audio").is_some_and(|held| (20..40).contains(&held)), "{body}");
        assert_eq!(held("claude-opus-4-8"), None);
    }
    let webm =
        json!({"contents": [{"parts": [{"inlineData": {"mimeType": "video/webm", "data": "GkXfow=="}}]}]});
    assert_eq!(parts(&webm), [Part::Opaque]);
}

/// Ten pages of 3,000 letters, by each family: what stands in the documentation of `Pages`, from the bytes on.
#[test]
fn ten_pages_are_held_by_family() {
    let data = pdf(10, &"word ".repeat(600));
    let [body, ..] = &in_all_words(&data)[..] else { panic!("no words") };
    let prompt = shape(body).prompt;
    let estimator = FamilyEstimator::new();
    for (model, least, most) in [
        ("gemini-2.5-flash", 5_160, 5_170),
        ("gemini-3-flash", 5_600, 5_610),
        ("claude-sonnet-4-5", 31_750, 31_790),
        ("claude-opus-4-8", 36_475, 36_520),
        ("gpt-4o", 29_450, 29_480),
        // 10 × 3,200 and 10 × 1,500.
        ("mistral-large", 47_000, 47_040),
    ] {
        let held = estimator.count(model, &prompt);
        assert!(!held.opaque && (least..most).contains(&held.tokens), "{model}: {held}");
        let bound = ByteBoundEstimator.bound(model, &prompt);
        assert!(!bound.opaque && bound.tokens >= held.expected, "{model}: {bound}");
    }
}

/// What is held for that body on `gemini-2.5-flash`, in a budget of a quarter of a dollar.
fn held_for(body: &[u8]) -> u64 {
    let policy =
        Policy::new([Budget::usd("docs", Scope::team("docs").unwrap(), usd("0.25"), Window::day())]).unwrap();
    let enforcer = Enforcer::builder().policy(policy).estimator(FamilyEstimator::new()).build();
    let call =
        RequestShape::parse(body).unwrap().into_call("gemini-2.5-flash").team("docs").output_tokens(100);
    enforcer.reserve(&call).wait().unwrap().or_refusal().expect("room for it").estimate().tokens
}

/// 108 pages were held for 1,048,576 tokens, $0.3148: no budget of a quarter dollar could ever pay that.
#[test]
fn a_hundred_pages_fit_a_quarter_of_a_dollar() {
    for text in ["", "All that a page says."] {
        let [body, ..] = &in_all_words(&pdf(108, text))[..] else { panic!("no words") };
        let tokens = held_for(body.to_string().as_bytes());
        assert!((27_864..60_000).contains(&tokens), "{tokens}");
    }
}

#[test]
fn the_public_case_of_a_pdf_is_held_by_its_pages() {
    let data = std::env::var_os("TOKEN_BUDGET_DATA").map(std::path::PathBuf::from);
    let file = data.map(|data| data.join("cases/public/i1_gemini_pdf_108_pages.json"));
    let Some(file) = file.filter(|file| file.is_file()) else {
        println!("skipped: TOKEN_BUDGET_DATA names no folder with cases/public");
        return;
    };
    let tokens = held_for(&std::fs::read(file).unwrap());
    assert!((27_864..60_000).contains(&tokens), "{tokens}");
}
