//! Usage out of streams and bodies, beside `serde_json::Value` of the same bytes.

use std::fmt::Write;
use std::hint::black_box;

use serde_json::Value;
use token_budget::wire::{StreamMeter, extract};

use crate::timing::{Bench, Run, Work};

/// The size of a piece, as networks deliver them.
const PIECE: usize = 1_400;

pub fn report(run: &Run) {
    for (name, stream) in [("OpenAI chat", openai_stream()), ("Anthropic messages", anthropic_stream())] {
        let title = format!("wire: {name} stream, {} bytes (aim ≥ 500 MB/s)", stream.len());
        let mut bench = Bench::new(&title, "serde_json::Value of each frame", each_frame(&stream));
        bench = bench.reading(stream.len());
        bench.add("StreamMeter, one piece", None, metered(&stream, usize::MAX));
        bench.add("StreamMeter, pieces of 1,400 bytes", None, metered(&stream, PIECE));
        bench.run(run, 1);
    }
    for (name, body) in [("prose", prose()), ("many items", many_items()), ("embeddings", embeddings())] {
        let title = format!("wire: a body of {name}, {} bytes", body.len());
        let mut bench = Bench::new(&title, "serde_json::Value", whole_value(&body)).reading(body.len());
        bench.add("extract", Some(0.33), extracted(&body));
        bench.run(run, 1);
    }
}

fn metered(stream: &str, piece: usize) -> Vec<Work> {
    let stream = stream.to_owned();
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            let mut meter = StreamMeter::new(None);
            for piece in stream.as_bytes().chunks(piece.min(stream.len())) {
                meter.push(black_box(piece));
            }
            black_box(meter.finish());
        }
    })]
}

fn each_frame(stream: &str) -> Vec<Work> {
    let stream = stream.to_owned();
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            for line in stream.lines() {
                if let Some(data) = line.strip_prefix("data: ").filter(|data| *data != "[DONE]") {
                    black_box(serde_json::from_str::<Value>(black_box(data)).unwrap());
                }
            }
        }
    })]
}

fn extracted(body: &str) -> Vec<Work> {
    let body = body.to_owned();
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            black_box(extract(None, black_box(body.as_bytes()), []).unwrap());
        }
    })]
}

fn whole_value(body: &str) -> Vec<Work> {
    let body = body.to_owned();
    vec![Box::new(move |iterations| {
        for _ in 0..iterations {
            black_box(serde_json::from_str::<Value>(black_box(&body)).unwrap());
        }
    })]
}

fn openai_stream() -> String {
    let mut stream = String::new();
    for word in 0..4_000 {
        let frame = format!(
            r#"{{"id":"chatcmpl-0123456789abcdefghijklmn","object":"chat.completion.chunk","created":1764713372,"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{{"index":0,"delta":{{"content":" word {word}"}},"logprobs":null,"finish_reason":null}}],"usage":null}}"#
        );
        write!(stream, "data: {frame}\n\n").unwrap();
    }
    stream
        + "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":4000,\"total_tokens\":4009}}\n\ndata: [DONE]\n\n"
}

fn anthropic_stream() -> String {
    let mut stream = String::new();
    for word in 0..4_000 {
        let frame = format!(
            r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":" word {word}"}}}}"#
        );
        write!(stream, "event: content_block_delta\ndata: {frame}\n\n").unwrap();
    }
    stream
}

/// A long answer: a paragraph to a line, a quotation in each.
fn prose() -> String {
    let paragraph = r#"The quick brown fox, who had been reading all morning, said \"good day\" to the lazy dog and went on its way over the hill, past the mill and along the river, until the evening came and it was time to turn back home.\n"#;
    let text = paragraph.repeat(1_000_000 / paragraph.len());
    format!(
        r#"{{"model":"gpt-4o","choices":[{{"index":0,"message":{{"role":"assistant","content":"{text}"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":10,"completion_tokens":230000,"total_tokens":230010}}}}"#
    )
}

fn many_items() -> String {
    let item = r#"{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"some words and more of them","annotations":[],"logprobs":[]}]}"#;
    let items = vec![item; 1_000_000 / item.len()].join(",");
    format!(
        r#"{{"model":"gpt-5","output":[{items}],"usage":{{"input_tokens":10,"output_tokens":20,"total_tokens":30}}}}"#
    )
}

fn embeddings() -> String {
    let numbers = vec!["-0.0123456789"; 1_000_000 / 14].join(",");
    format!(
        r#"{{"data":[{{"embedding":[{numbers}],"index":0}}],"model":"e","usage":{{"prompt_tokens":8,"total_tokens":8}}}}"#
    )
}
