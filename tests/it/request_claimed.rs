//! Is what a request says of itself believed only where nothing in it says otherwise?

use serde_json::{Value, json};
use token_budget::{Part, RequestShape};

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
