//! Which figures of an answer are believed, and what is charged where they are not?

use token_budget::enforcer::Actual;
use token_budget::ledger::Certainty;
use token_budget::usage::Meter;
use token_budget::wire::{StreamMeter, UsageReport, extract};
use token_budget::{Budget, Call, Enforcer, Policy, Receipt, Scope, Usage, Usd, Window};

use crate::support::usd;

fn read(body: &str) -> UsageReport {
    extract(None, body.as_bytes(), []).unwrap()
}

fn streamed(frames: &[&str]) -> UsageReport {
    let mut meter = StreamMeter::new(None);
    for frame in frames {
        meter.push(format!("data: {frame}\n\n").as_bytes());
    }
    meter.finish()
}

fn tokens(report: &UsageReport) -> (Option<u64>, Option<u64>) {
    let usage = report.usage().unwrap_or_default();
    (usage.input(), usage.output())
}

/// What a call of so many tokens is charged by a report. Models of the bundled table: `gpt-4o` never reasons
/// and costs $2.50 and $10 a million, `gpt-5` always does and costs $1.25 and $10.
fn charged(model: &str, input: u64, output: u64, report: impl Into<Actual>) -> Receipt {
    let scope = Scope::team("search").unwrap();
    let policy = Policy::new([Budget::usd("search", scope, Usd::dollars(100), Window::day())]).unwrap();
    let enforcer = Enforcer::builder().policy(policy).build();
    let call = Call::new(model).team("search").input_tokens(input).output_tokens(output);
    enforcer.reserve(&call).wait().unwrap().or_refusal().unwrap().send().reconcile(report).wait().unwrap()
}

fn said(usage: &str, text: &str) -> String {
    format!(
        r#"{{"id":"c","model":"gpt-4o","choices":[{{"message":{{"content":"{text}"}},"finish_reason":"stop"}}],"usage":{usage}}}"#
    )
}

/// 38,829 tokens were sent and a proxy reported none of them: a cent of a hundredth was charged as reported.
#[test]
fn a_prompt_that_was_sent_has_tokens() {
    let body = said(r#"{"prompt_tokens":0,"completion_tokens":10,"total_tokens":10}"#, "ok");
    let receipt = charged("gpt-4o", 38_829, 1_000, read(&body));
    assert_eq!((receipt.usage().input(), receipt.usage().output()), (Some(38_829), Some(10)));
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.0971725"), Certainty::Estimated));
    // Nothing was sent, so that nothing is missing.
    let receipt = charged("gpt-4o", 0, 1_000, read(&body));
    assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.0001"), Certainty::Reported));
    // Sound is billed by the second in place of tokens.
    let usage = Usage::of(0, 10).with(Meter::AudioInMs, 1_000);
    assert_eq!(charged("gpt-4o", 100, 1_000, usage).usage().input(), Some(0));
}

/// The text says that there was more: 6,400 bytes of words were charged as one token.
#[test]
fn an_output_that_its_text_belies_is_counted_or_held() {
    let text = "every word of it counts ".repeat(267);
    let body = said(r#"{"prompt_tokens":5,"completion_tokens":99,"total_tokens":104}"#, &text);
    // 6,408 bytes are 100 tokens at the least: no model writes 65 bytes a token. A byte is the bound of a token.
    let receipt = charged("gpt-4o", 5, 10_000, read(&body));
    assert_eq!((receipt.usage().output(), receipt.certainty()), (Some(6_408), Certainty::Estimated));
    let receipt = charged("gpt-4o", 5, 2_000, read(&body));
    assert_eq!(receipt.usage().output(), Some(2_000), "a provider keeps to the limit");
    // A model that reasons unseen may have used all that it was let.
    assert_eq!(charged("gpt-5", 5, 10_000, read(&body)).usage().output(), Some(10_000));
    let honest = said(r#"{"prompt_tokens":5,"completion_tokens":101,"total_tokens":106}"#, &text);
    let receipt = charged("gpt-4o", 5, 10_000, read(&honest));
    assert_eq!((receipt.usage().output(), receipt.certainty()), (Some(101), Certainty::Reported));
}

#[test]
fn blanks_and_banners_are_few_tokens_and_believed() {
    // The vocabularies in use have tokens for 128 of them.
    for run in [" ", "=", "-", r"\n", "─", "*", r"\t"] {
        let text = run.repeat(12_800);
        let body = said(r#"{"prompt_tokens":5,"completion_tokens":100,"total_tokens":105}"#, &text);
        assert_eq!(charged("gpt-4o", 5, 10_000, read(&body)).certainty(), Certainty::Reported, "{run}");
        let frame = r#"{"choices":[{"delta":{"content":"TEXT"},"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":100}}"#;
        let report = streamed(&[&frame.replace("TEXT", &text)]);
        assert_eq!(charged("gpt-4o", 5, 10_000, report).certainty(), Certainty::Reported, "{run}");
    }
    let letters = said(r#"{"prompt_tokens":5,"completion_tokens":100}"#, &"a".repeat(12_800));
    assert_eq!(charged("gpt-4o", 5, 20_000, read(&letters)).certainty(), Certainty::Estimated);
}

/// A chat that was answered with a count of tokens was taken for one, and charged nothing.
#[test]
fn a_count_of_tokens_is_no_answer_to_a_chat() {
    for count in [r#"{"input_tokens":5}"#, r#"{"totalTokens":5}"#, r#"{"inputTokens":5}"#] {
        let receipt = charged("gpt-4o", 100, 1_000, read(count));
        assert_eq!((receipt.cost(), receipt.certainty()), (usd("0.01025"), Certainty::Estimated), "{count}");
    }
}

#[test]
fn half_a_token_and_one_in_quotes_are_no_report() {
    for (figure, output) in [("1000.5", 1_001), ("\"1000\"", 1_000), ("1e3", 1_000), ("1000.0", 1_000)] {
        let body = said(&format!(r#"{{"prompt_tokens":5,"completion_tokens":{figure}}}"#), "ok");
        let receipt = charged("gpt-4o", 5, 2_000, read(&body));
        let is_exact = figure.ends_with("e3") || figure.ends_with(".0");
        let certainty = if is_exact { Certainty::Reported } else { Certainty::Estimated };
        assert_eq!((receipt.usage().output(), receipt.certainty()), (Some(output), certainty), "{figure}");
    }
}

/// A mask on the request left the output out, and its thoughts with it: they were charged as nothing.
#[test]
fn an_output_that_a_mask_left_out_is_not_zero() {
    let part = r#"{"candidates":[{"content":{"parts":[{"text":"42"}]},"finishReason":"STOP"}],"usageMetadata":USAGE}"#;
    for usage in [
        r#"{"promptTokenCount":10}"#,
        r#"{"promptTokenCount":10,"thoughtsTokenCount":3}"#,
        r#"{"totalTokenCount":13}"#,
        "{}",
    ] {
        let receipt = charged("gemini-2.5-pro", 10, 9_000, read(&part.replace("USAGE", usage)));
        assert_eq!(
            (receipt.usage().output(), receipt.certainty()),
            (Some(9_000), Certainty::Estimated),
            "{usage}"
        );
    }
    let whole =
        r#"{"promptTokenCount":10,"candidatesTokenCount":1,"thoughtsTokenCount":3,"totalTokenCount":14}"#;
    let receipt = charged("gemini-2.5-pro", 10, 9_000, read(&part.replace("USAGE", whole)));
    assert_eq!((receipt.usage().output(), receipt.certainty()), (Some(4), Certainty::Reported));
    // An embedding has none, and neither has an answer of which the total says so.
    let embedded = read(r#"{"embedding":{"values":[0.1]},"usageMetadata":{"promptTokenCount":10}}"#);
    assert_eq!(tokens(&embedded), (Some(10), Some(0)));
    let silent =
        part.replace("\"42\"", "\"\"").replace("USAGE", r#"{"promptTokenCount":10,"totalTokenCount":10}"#);
    assert_eq!(tokens(&read(&silent)), (Some(10), Some(0)));
}

#[test]
fn a_prompt_that_was_blocked_is_charged_what_was_counted_of_it() {
    for usage in ["", r#","usageMetadata":{}"#, r#","usageMetadata":{"trafficType":"ON_DEMAND"}"#] {
        let body = format!(r#"{{"promptFeedback":{{"blockReason":"SAFETY"}}{usage}}}"#);
        let receipt = charged("gemini-2.5-pro", 10, 9_000, read(&body));
        assert_eq!((receipt.cost(), receipt.certainty()), (Usd::ZERO, Certainty::Reported), "{usage}");
        let receipt = charged("gemini-2.5-pro", 10, 9_000, streamed(&[&body]));
        assert_eq!(receipt.cost(), Usd::ZERO, "{usage}");
    }
    let counted = read(
        r#"{"promptFeedback":{"blockReason":"OTHER"},"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10}}"#,
    );
    assert_eq!(charged("gemini-2.5-pro", 10, 9_000, counted).cost(), usd("0.0000125"));
    // What was generated all the same is not free.
    let both =
        r#"{"promptFeedback":{"blockReason":"SAFETY"},"candidates":[{"content":{"parts":[{"text":"x"}]}}]}"#;
    assert!(charged("gemini-2.5-pro", 10, 9_000, read(both)).cost() > usd("0.08"));
}

/// What a client wrote with its request stands in the answer again: it was read for the provider's word.
#[test]
fn usage_is_read_only_where_the_api_puts_it() {
    let lie = r#"{"usage":{"prompt_tokens":1,"completion_tokens":1,"input_tokens":1,"output_tokens":1}}"#;
    let own = r#""usage":{"prompt_tokens":90,"completion_tokens":9,"total_tokens":99}"#;
    for place in [
        format!(r#""metadata":{lie},"#),
        format!(r#""user":{lie},"instructions":{lie},"prompt":{lie},"#),
        format!(r#""choices":[{{"message":{{"tool_calls":[{{"function":{{"arguments":{lie}}}}}]}}}}],"#),
        format!(r#""choices":[{{"message":{{"metadata":{lie},"annotations":[{lie}]}}}}],"#),
    ] {
        for body in
            [format!("{{{place}{own}}}"), format!(r#"{{"model":"m",{own},{}}}"#, &place[..place.len() - 1])]
        {
            assert_eq!(tokens(&read(&body)), (Some(90), Some(9)), "{body}");
            assert_eq!(tokens(&streamed(&[&body])), (Some(90), Some(9)), "{body}");
        }
    }
    let event = r#"{"metadata":{"usage":{"inputTokens":7,"outputTokens":2,"totalTokens":9}}}"#;
    assert_eq!(
        tokens(&streamed(&[r#"{"messageStop":{"stopReason":"end_turn"}}"#, event])),
        (Some(7), Some(2))
    );
}

/// A frame behind the end said one token, and that was charged.
#[test]
fn what_comes_behind_the_end_replaces_nothing() {
    let lie = r#"{"id":"a","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let chat = [
        r#"{"id":"a","choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}"#,
        r#"{"id":"a","choices":[],"usage":{"prompt_tokens":90,"completion_tokens":9}}"#,
        "[DONE]",
        lie,
    ];
    assert_eq!(tokens(&streamed(&chat)), (Some(90), Some(9)));
    let claude = [
        r#"{"type":"message_start","message":{"id":"m","usage":{"input_tokens":90,"output_tokens":1}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}"#,
        r#"{"type":"message_stop"}"#,
        r#"{"type":"message_delta","delta":{},"usage":{"input_tokens":1,"output_tokens":1}}"#,
    ];
    assert_eq!(tokens(&streamed(&claude)), (Some(90), Some(9)));
    let response = [
        r#"{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":90,"output_tokens":9}}}"#,
        r#"{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":1,"output_tokens":1}}}"#,
    ];
    assert_eq!(tokens(&streamed(&response)), (Some(90), Some(9)));
    // Where nothing was final yet, it is the first word.
    let late =
        [r#"{"id":"a","choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}"#, "[DONE]", chat[1]];
    assert_eq!(tokens(&streamed(&late)), (Some(90), Some(9)));
}

/// A log of three bodies was charged as its last.
#[test]
fn answers_are_told_apart_by_their_ids() {
    let answer = |id: &str, model: &str, output: u64| {
        format!(
            r#"{{"usage":{{"prompt_tokens":10,"completion_tokens":{output}}},"object":"chat.completion","model":"{model}","choices":[{{"finish_reason":"stop"}}],"id":"{id}"}}"#
        )
    };
    let [a, b, c] = [answer("a", "gpt-4o", 1), answer("b", "gpt-5", 2), answer("c", "gpt-4o", 3)];
    let again = answer("a", "gpt-4o", 7);
    for log in [
        [a.clone(), b.clone(), c.clone()].join("\n"),
        format!("[{a},\n{b},{c}]"),
        format!("{a}{b}{c}"),
        format!("data: {a}\n\ndata: {b}\n\ndata: {c}\n\ndata: [DONE]\n\n"),
    ] {
        let report = read(&log);
        let lines: Vec<_> = report
            .lines
            .iter()
            .map(|line| (line.id.as_deref().unwrap(), line.model.as_deref(), line.usage.output().unwrap()))
            .collect();
        assert_eq!(lines, [("a", Some("gpt-4o"), 1), ("b", Some("gpt-5"), 2), ("c", None, 3)], "{log}");
        assert_eq!((report.id.as_deref(), report.model.as_deref()), (Some("c"), Some("gpt-4o")));
    }
    // What is shown again counts once, as it was shown last.
    let outputs = |log: &[&String]| -> Vec<u64> {
        let log: Vec<_> = log.iter().map(|line| line.as_str()).collect();
        read(&log.join("\n")).lines.iter().map(|line| line.usage.output().unwrap()).collect()
    };
    assert_eq!(outputs(&[&a, &again]), [7]);
    assert_eq!(outputs(&[&a, &b, &again]), [2, 7]);
    assert_eq!(outputs(&[&a, &b, &again, &c]), [7, 2, 3]);
    let receipt = charged("gpt-4o", 10, 100, read(&[a, b, c].join("\n")));
    // 20 × $2.50 and 4 × $10 of the one, 10 × $1.25 and 2 × $10 a million of the other.
    assert_eq!(receipt.cost(), usd("0.0001225"));
}

#[test]
fn fees_are_counted_where_the_answer_shows_them() {
    let claude = r#"{"type":"message","model":"claude-sonnet-4-5","content":[
        {"type":"server_tool_use","name":"web_search","input":{"query":"q"}},
        {"type":"web_search_tool_result","content":[]},{"type":"text","text":"ok"}]USAGE}"#;
    let searches =
        |usage: &str| read(&claude.replace("USAGE", usage)).usage().unwrap().count(Meter::WebSearch);
    assert_eq!(searches(""), Some(1));
    assert_eq!(searches(r#","usage":{"input_tokens":5,"output_tokens":5}"#), Some(1));
    let own = r#","usage":{"input_tokens":5,"output_tokens":5,"server_tool_use":{"web_search_requests":0}}"#;
    assert_eq!(searches(own), Some(0), "a search that failed is not billed, and the provider says so");
    let broke_off = streamed(&[
        r#"{"type":"response.output_item.added","item":{"type":"web_search_call","status":"in_progress"}}"#,
        r#"{"type":"response.output_item.done","item":{"type":"web_search_call","action":{"type":"search"}}}"#,
        r#"{"type":"response.output_item.done","item":{"type":"web_search_call","action":{"type":"open_page"}}}"#,
    ]);
    assert_eq!(broke_off.usage().unwrap().count(Meter::WebSearch), Some(1));
    let google = r#"{"candidates":[
        {"groundingMetadata":{"webSearchQueries":["a","b","a",""," "]}},
        {"groundingMetadata":{"webSearchQueries":["b","c"],"groundingChunks":[{"maps":{"uri":"u"}},{"maps":{"uri":"v"}}]}}],
        "modelVersion":"gemini-3-pro"}"#;
    let usage = read(google).usage().unwrap();
    assert_eq!((usage.count(Meter::WebSearch), usage.count(Meter::MapsSearch)), (Some(3), Some(1)));
    let own_function = r#"{"output":[{"type":"function_call","arguments":{"queries":["a","b"]}}]}"#;
    assert_eq!(read(own_function).usage(), None);
}

#[test]
fn ones_own_key_pays_the_provider_and_the_fee() {
    let body = |usage: &str| {
        format!(r#"{{"model":"m","usage":{{"prompt_tokens":9171,"completion_tokens":113,{usage}}}}}"#)
    };
    for (usage, cost) in [
        (
            r#""cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":0.0360795}"#,
            Some("0.0360795"),
        ),
        (
            r#""cost":0.001,"is_byok":true,"cost_details":{"upstream_inference_cost":0.0360795}"#,
            Some("0.0370795"),
        ),
        (r#""cost":0.05,"is_byok":false,"cost_details":{"upstream_inference_cost":0.0360795}"#, Some("0.05")),
        (r#""cost":0.05,"cost_details":{"upstream_inference_cost":null}"#, Some("0.05")),
        (r#""cost":0.001,"is_byok":true,"cost_details":{"upstream_inference_cost":null}"#, None),
        (r#""cost":0"#, None),
    ] {
        let report = extract(Some("openrouter"), body(usage).as_bytes(), []).unwrap();
        assert_eq!(report.cost.map(|cost| cost.to_string()).as_deref(), cost, "{usage}");
    }
}

#[test]
fn connectors_bring_input_and_searches() {
    // Mistral's conversations: what its search brought into the prompt is input beside it, as the total shows.
    let report = read(
        r#"{"object":"conversation.response","usage":{"prompt_tokens":188,"completion_tokens":55,"total_tokens":7355,
            "connector_tokens":7112,"connectors":{"web_search":1}}}"#,
    );
    let usage = report.usage().unwrap();
    assert_eq!((usage.input(), usage.output(), usage.reasoning()), (Some(7_300), Some(55), None));
    assert_eq!(usage.count(Meter::WebSearch), Some(1));
}
