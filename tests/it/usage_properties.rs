//! Is any answer charged less than it can have been, whatever is reported of it?

use serde_json::{Value, json};
use token_budget::client::JsonClient;
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::tokens::{EstimateKind, TiktokenEstimator};
use token_budget::{
    Budget, BudgetEnforcedClient, Call, Enforcer, LlmClient, Policy, Scope, TokenEstimator, Usd, Window,
};

use crate::http_support::Pieces;
use crate::support::{Dice, block_on, ready};
use crate::usage_scripts::{SCRIPTS, forms};

/// $2.50 and $10 a million, counted exactly, and it does not reason: nothing but what is seen bounds it.
const MODEL: &str = "gpt-4o";

fn enforcer() -> Enforcer {
    let scope = Scope::team("search").unwrap();
    let policy = Policy::new([Budget::usd("search", scope, Usd::dollars(1_000_000), Window::day())]).unwrap();
    Enforcer::builder().policy(policy).estimator(TiktokenEstimator::new()).build()
}

/// Prose, tables, code, digits and runs, in any order and length.
fn text(dice: &mut Dice, forms: &[(&str, String)]) -> String {
    let mut text = String::new();
    for _ in 0..=dice.below(4) {
        let piece = match dice.below(4) {
            0 => forms[usize::try_from(dice.below(forms.len() as u64)).unwrap()].1.as_str(),
            1 => [" ", "=", "\n", "a", "7", "好"][usize::try_from(dice.below(6)).unwrap()],
            _ => SCRIPTS[usize::try_from(dice.below(SCRIPTS.len() as u64)).unwrap()].1,
        };
        let most = usize::try_from(dice.below(1_500)).unwrap();
        text.extend(piece.chars().cycle().take(most));
    }
    text
}

/// What is reported: often a lie, sometimes nothing at all.
fn figure(dice: &mut Dice, bytes: u64, count: u64) -> Value {
    match dice.below(9) {
        0 => json!(0),
        1 => json!(1),
        2 => json!(bytes / 100),
        3 => json!(bytes / 65),
        4 => json!(count / 3),
        5 => json!(count.div_ceil(2)),
        6 => json!(count),
        7 => Value::Null,
        _ => json!(dice.below(bytes + 1)),
    }
}

/// The usage in one of the two generations of names, or in both.
fn usage(dice: &mut Dice, input: &Value, output: &Value) -> Value {
    let mut usage = serde_json::Map::new();
    let mut say = |name: &str, figure: &Value| {
        if !figure.is_null() {
            usage.insert(name.to_owned(), figure.clone());
        }
    };
    let names = dice.below(4);
    if names != 1 {
        say("prompt_tokens", input);
        say("completion_tokens", output);
    }
    if names != 0 {
        say("input_tokens", input);
        say("output_tokens", output);
    }
    if names == 3 {
        usage
            .insert("total_tokens".into(), json!(input.as_u64().unwrap_or(0) + output.as_u64().unwrap_or(0)));
    }
    Value::Object(usage)
}

/// JSON with or without signs outside ASCII.
fn written(dice: &mut Dice, value: &Value) -> String {
    let text = value.to_string();
    if dice.below(2) == 0 {
        return text;
    }
    text.chars().fold(String::new(), |mut escaped, sign| {
        if sign.is_ascii() {
            escaped.push(sign);
        } else {
            sign.encode_utf16(&mut [0; 2])
                .iter()
                .for_each(|unit| escaped.push_str(&format!("\\u{unit:04x}")));
        }
        escaped
    })
}

/// The answer in pieces, whole or as a stream, and what its kind is.
fn answer(dice: &mut Dice, text: &str, usage: &Value) -> (&'static str, Vec<String>) {
    if dice.below(2) == 0 {
        let body = json!({"id": "c", "model": MODEL, "usage": usage,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}]});
        return ("application/json", vec![written(dice, &body)]);
    }
    let signs: Vec<char> = text.chars().collect();
    let size = usize::try_from(dice.below(40) + 1).unwrap();
    let mut frames: Vec<String> = Vec::new();
    for piece in signs.chunks(size) {
        let piece: String = piece.iter().collect();
        let frame =
            json!({"id": "c", "model": MODEL, "choices": [{"index": 0, "delta": {"content": piece}}]});
        frames.push(format!("data: {}\n\n", written(dice, &frame)));
    }
    let stop =
        json!({"id": "c", "model": MODEL, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    frames.push(format!("data: {stop}\n\n"));
    if dice.below(5) > 0 {
        frames
            .push(format!("data: {}\n\n", json!({"id": "c", "model": MODEL, "choices": [], "usage": usage})));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    if dice.below(3) == 0 {
        // One more word, after the last.
        let lie = json!({"prompt_tokens": 1, "completion_tokens": 1});
        frames.push(format!("data: {}\n\n", json!({"id": "c", "choices": [], "usage": lie})));
    }
    ("text/event-stream", frames)
}

/// How many answers are tried: some hundreds, or as many as the environment says.
fn answers() -> u64 {
    std::env::var("TOKEN_BUDGET_ANSWERS").ok().and_then(|count| count.parse().ok()).unwrap_or(2_000)
}

/// No answer of b bytes is charged fewer tokens than the smaller of b/64 and half of its count by the vocabulary of
/// its model, and none to a prompt is charged no input.
#[test]
fn no_answer_is_charged_less_than_can_have_been_used() {
    let mut dice = Dice::new("no_answer_is_charged_less_than_can_have_been_used");
    let (enforcer, words, forms) = (enforcer(), TiktokenEstimator::new(), forms());
    let gate = HttpBudget::new(enforcer, |_| Ok(Call::charging().team("search")));
    let request = format!(
        r#"{{"model":"{MODEL}","max_tokens":8000,"messages":[{{"role":"user","content":"say much"}}]}}"#
    );
    for number in 0..answers() {
        let text = text(&mut dice, &forms);
        let estimate = words.count_text(MODEL, &text);
        let (bytes, count) = (u64::try_from(text.len()).unwrap(), estimate.tokens);
        let (input, output) = (figure(&mut dice, 10, 4), figure(&mut dice, bytes, count));
        let usage = usage(&mut dice, &input, &output);
        let (kind, pieces) = answer(&mut dice, &text, &usage);
        let headers = [("content-type", kind)];
        let head = RequestHead::new("POST", "api.openai.com", "/v1/chat/completions", &headers);
        let Ruling::Admitted(admitted) = ready(gate.admit(&head, request.as_bytes())) else {
            panic!("refused")
        };
        let (tell, heard) = std::sync::mpsc::channel();
        let body =
            admitted.send().answered(200, &headers).meter(Pieces::of(pieces)).on_ended(move |receipt| {
                tell.send(receipt.map(|receipt| (receipt.usage().input(), receipt.usage().output())))
                    .unwrap();
            });
        read_to_end(body);
        let (input_charged, output_charged) = heard.recv().unwrap().expect("an answer that came is charged");
        let least = match estimate.kind {
            EstimateKind::Count => bytes.div_ceil(64).min(count.div_ceil(2)),
            // A run too long to be counted is a few tokens of a hundred signs each.
            _ => bytes.div_ceil(256),
        };
        let said = format!("answer {number}: {bytes} bytes, {count} tokens, reported {usage}, as {kind}");
        assert!(output_charged >= Some(least), "{output_charged:?} of {least} is charged; {said}");
        assert!(input_charged >= Some(1), "no input is charged; {said}");
    }
}

fn read_to_end<S>(body: S)
where
    S: futures_core::Stream + Unpin,
{
    let (mut body, mut context) = (body, std::task::Context::from_waker(std::task::Waker::noop()));
    while let std::task::Poll::Ready(Some(_)) = std::pin::Pin::new(&mut body).poll_next(&mut context) {}
}

/// The same of clients that are handed bytes.
#[test]
fn a_clients_answer_is_counted_where_its_figure_is_too_little() {
    let text = "every word of it counts ".repeat(200);
    let words = TiktokenEstimator::new().count_text(MODEL, &text).tokens;
    // 4,800 bytes: more than one token for each 64 of them, and less than half of what they are.
    let reported = words / 4;
    let answer = json!({"model": MODEL, "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": reported, "total_tokens": reported + 12}});
    let send = move |_: Value| {
        let answer = answer.to_string().into_bytes();
        async move { Ok::<_, std::io::Error>(answer) }
    };
    let json = JsonClient::new("openai", send);
    assert!(json.text(&Vec::new()).is_some_and(|text| text.is_empty()));
    let client = BudgetEnforcedClient::new(json, enforcer(), Call::charging().team("search"));
    let body =
        json!({"model": MODEL, "max_tokens": 4_000, "messages": [{"role": "user", "content": "hello"}]});
    let receipt = block_on(client.call(body)).unwrap().receipt.unwrap();
    assert_eq!(receipt.usage().output(), Some(words));
}
