//! What does reading a body cost in memory?

use token_budget::{ByteBound, FamilyEstimator, RequestShape, TokenEstimator};

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
    for (item, body) in bodies(1 << 20) {
        let bytes = body.len() as u64;
        let measured = allocation_counter::measure(|| {
            let shape = RequestShape::parse(body.as_bytes()).expect("an object");
            let held = ByteBound.bound("gpt-4o", &shape.prompt);
            assert!(held.tokens > 0 || held.opaque);
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
    for (item, body) in bodies(1 << 17) {
        let bytes = body.len() as u64;
        let shape = RequestShape::parse(body.as_bytes()).expect("an object");
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
