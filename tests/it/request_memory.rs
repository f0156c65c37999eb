//! What does reading a body cost in memory?

use token_budget::TokenEstimator;
use token_budget::tokens::{ByteBoundEstimator, FamilyEstimator, RequestShape};

/// Of these no request has more than 64.
const ADVISOR: &str = "{\"type\":\"a\",\"model\":\"m\"}";

/// Every so many of the large bodies is tried: one of seven where the build is not optimized, since reading one takes forty times as
/// long there.
const STEP: usize = if cfg!(debug_assertions) { 7 } else { 1 };

/// Bodies of that size, made of the smallest things there are.
fn bodies(size: usize) -> Vec<(&'static str, String)> {
    let many = |item: &str| vec![item; size / (item.len() + 1)].join(",");
    let named = |value: &str| {
        (0..size / (value.len() + 9)).map(|at| format!("\"k{at}\":{value}")).collect::<Vec<_>>().join(",")
    };
    let places = [
        ("messages", "{\"messages\":[@]}"),
        ("contents", "{\"messages\":[{\"role\":\"user\",\"content\":[@]}]}"),
        ("input", "{\"input\":[@]}"),
        ("prompt", "{\"prompt\":[@]}"),
        ("tools", "{\"tools\":[@]}"),
        ("unknown", "{\"messages\":[],\"unknown\":[@]}"),
        ("schema", "{\"response_format\":{\"schema\":{\"x\":[@]}}}"),
        ("calls", "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[@]}]}"),
    ];
    let items = [
        "{\"a\":0}",
        "{}",
        "[]",
        "[0]",
        "0",
        "\"\"",
        "\"a\"",
        "{\"text\":\"\"}",
        "{\"role\":\"user\",\"content\":\"a\"}",
        "{\"content\":\"\"}",
        "{\"image\":0}",
        "{\"type\":\"file\"}",
        "{\"name\":\"\"}",
        "{\"function\":{}}",
        "{\"type\":\"a_call\"}",
        "{\"googleSearch\":{}}",
        ADVISOR,
        "[[[[]]]]",
    ];
    let mut all = Vec::new();
    for (_, place) in places {
        for item in items {
            all.push((item, place.replace('@', &many(item))));
        }
    }
    all.push(("members", format!("{{{}}}", named("0"))));
    all.push(("members", format!("{{{}}}", named("\"\""))));
    all.push(("members", format!("{{\"messages\":[{{{}}}]}}", named("\"a\""))));
    all.push(("deep", format!("{{\"messages\":{}{}}}", "[".repeat(size / 2), "]".repeat(size / 2))));
    all.push(("text", format!("{{\"messages\":[{{\"content\":\"{}\"}}]}}", "a".repeat(size))));
    all.push(("escapes", format!("{{\"messages\":[{{\"content\":\"{}\"}}]}}", "\\n".repeat(size / 2))));
    all.push((
        "think",
        format!(
            "{{\"messages\":[{{\"role\":\"assistant\",\"content\":\"<think></think>{}\"}}]}}",
            "a".repeat(size)
        ),
    ));
    all
}

#[test]
fn a_body_costs_at_most_eight_times_its_bytes() {
    // Thirty-two megabytes of `{"a":0}` took three gigabytes: a tree was built of them, and a part of each.
    let mut worst = (0, "");
    for (item, body) in bodies(1 << 19).into_iter().step_by(STEP) {
        let bytes = body.len() as u64;
        let measured = allocation_counter::measure(|| match RequestShape::parse(body.as_bytes()) {
            Ok(shape) => {
                let held = ByteBoundEstimator.bound("gpt-4o", &shape.prompt);
                assert!(held.tokens > 0 || held.opaque);
            }
            Err(error) => assert!(item == ADVISOR, "{error}"),
        });
        // The body itself is the eighth.
        let share = measured.bytes_max * 10 / bytes;
        assert!(
            measured.bytes_max <= 7 * bytes,
            "{share} tenths of {} bytes of {item} in {}",
            bytes,
            &body[..60]
        );
        worst = worst.max((share, item));
    }
    println!("at most {}.{} times the bytes, of {}", worst.0 / 10, worst.0 % 10, worst.1);
}

#[test]
fn an_estimate_of_many_small_things_costs_no_more() {
    // What is read once for all estimates is no part of one.
    let _ = FamilyEstimator::new()
        .count("gpt-4o", &RequestShape::parse(b"{\"prompt\":\"a\"}").expect("a request").prompt);
    for (item, body) in bodies(1 << 17) {
        let bytes = body.len() as u64;
        let shape = match RequestShape::parse(body.as_bytes()) {
            Ok(shape) => shape,
            Err(error) => {
                assert!(item == ADVISOR, "{error}");
                continue;
            }
        };
        let measured = allocation_counter::measure(|| {
            FamilyEstimator::new().count("gpt-4o", &shape.prompt);
        });
        assert!(
            measured.bytes_max <= 4 * bytes,
            "{} of {bytes} bytes of {item} in {}",
            measured.bytes_max,
            &body[..60]
        );
    }
}

/// A client that is handed a body as a value writes it out once to read it. The value is its own; what was written
/// grew to twice its length beside all that is read of it.
#[test]
fn a_json_client_costs_no_more_than_the_body() {
    use token_budget::client::JsonClient;
    use token_budget::{Call, LlmClient};
    let client =
        JsonClient::new("openai", |_: serde_json::Value| async { Ok::<_, std::io::Error>(Vec::new()) });
    // Those that cost the most where a text is read; smaller bodies have a fixed part beside.
    let most = ["\"\"", "[[[[]]]]", "{\"a\":0}"];
    let large = bodies(1 << 20).into_iter().filter(|(item, _)| most.contains(item));
    for (item, body) in large.step_by(STEP) {
        // A value of the same member twice, or deeper than its own parser goes, cannot be made.
        let Ok(value) = serde_json::from_str::<serde_json::Value>(&body) else { continue };
        let bytes = value.to_string().len() as u64;
        let call = Call::charging().team("search");
        let measured = allocation_counter::measure(|| drop(client.describe(&value, call.clone())));
        assert!(measured.bytes_max <= 8 * bytes, "{} of {bytes} bytes of {item}", measured.bytes_max);
    }
}

/// Answers of that size, made of the smallest things that are read in one.
fn answers(size: usize) -> Vec<String> {
    let many = |item: &str, between: &str| vec![item; size / (item.len() + between.len())].join(between);
    let items = [
        "{}",
        "{\"index\":1}",
        "{\"index\":1,\"message\":{\"content\":\"a\"}}",
        "{\"type\":\"web_search_call\"}",
        "{\"text\":\"a\"}",
        "{\"content\":{\"parts\":[{\"text\":\"a\",\"thought\":true}]}}",
        "{\"groundingMetadata\":{\"webSearchQueries\":[\"a\",\"b\"]}}",
        "{\"type\":\"compaction\",\"input_tokens\":1,\"output_tokens\":1}",
    ];
    let places = [
        "{\"choices\":[@]}",
        "{\"output\":[@]}",
        "{\"content\":[@]}",
        "{\"candidates\":[@]}",
        "{\"usage\":{\"input_tokens\":1,\"iterations\":[@]}}",
        "{\"type\":\"response.completed\",\"response\":{\"output\":[@]}}",
    ];
    let mut all = Vec::new();
    for item in items {
        all.extend(places.iter().map(|place| place.replace('@', &many(item, ","))));
        all.push(many(item, "\n"));
    }
    all.push(format!("{{\"choices\":[{{\"message\":{{\"content\":\"{}\"}}}}]}}", "\\n".repeat(size / 2)));
    all
}

#[test]
fn reading_an_answer_costs_at_most_eight_times_its_bytes() {
    use token_budget::stream::{StreamReader, StreamSeen, WireReader};
    use token_budget::wire::{StreamMeter, extract};
    let mut worst = 0;
    for body in answers(1 << 18) {
        let bytes = body.len() as u64;
        let whole = allocation_counter::measure(|| drop(extract(None, body.as_bytes(), [])));
        let metered = allocation_counter::measure(|| {
            let mut meter = StreamMeter::new(None);
            meter.push(format!("data: {body}\n\n").as_bytes());
            drop(meter.finish());
        });
        let heard = allocation_counter::measure(|| {
            let (mut reader, mut seen) = (WireReader::new(None), StreamSeen::default());
            reader.read(&format!("data: {body}\n\n"), &mut seen);
            StreamReader::<String>::finish(&mut reader, &mut seen, true);
        });
        for (how, measured) in [("whole", whole), ("metered", metered), ("heard", heard)] {
            worst = worst.max(measured.bytes_max * 10 / bytes);
            // The body itself is the eighth.
            assert!(
                measured.bytes_max <= 7 * bytes,
                "{how}: {} of {bytes} bytes: {}",
                measured.bytes_max,
                &body[..60]
            );
        }
    }
    println!("at most {}.{} times the bytes", worst / 10, worst % 10);
}
