//! Does a conversation stay whole in every language when old parts of it are left out?

use token_budget::ErrorKind;
use token_budget::tokens::{RequestShape, Trim, Trimming};

use crate::trim_support::{Heads, body, kept, trim};

/// Two earlier turns, the first with a round of two tool calls, and a last one with an open round.
const CHAT: [&str; 12] = [
    r#"{"role":"system","content":"Be brief."}"#,
    r#"{"role":"user","content":"one"}"#,
    r#"{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"find","arguments":"{}"}},{"id":"b","type":"function","function":{"name":"sum","arguments":"{}"}}]}"#,
    r#"{"role":"tool","tool_call_id":"a","content":"1"}"#,
    r#"{"role":"tool","tool_call_id":"b","content":"2"}"#,
    r#"{"role":"assistant","content":"first answer"}"#,
    r#"{"role":"developer","content":"From now on in French."}"#,
    r#"{"role":"user","content":[{"type":"text","text":"two"},{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}"#,
    r#"{"role":"assistant","content":"second answer"}"#,
    r#"{"role":"user","content":"three"}"#,
    r#"{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"find","arguments":"{}"}}]}"#,
    r#"{"role":"tool","tool_call_id":"c","content":"3"}"#,
];

#[test]
fn the_oldest_turns_go_first_and_the_systems_words_stay_wherever_they_stand() {
    // Twelve messages; the first turn has five of them beside what the developer says.
    let (stays, trimmed) = kept("messages", &CHAT, Trim::OldestFirst, 11);
    assert_eq!(stays, [0, 6, 7, 8, 9, 10, 11]);
    assert_eq!((trimmed.turns, trimmed.before.tokens, trimmed.after.tokens), (1, 12, 7));
    assert_eq!(trimmed.tools, ["find", "sum"]);
    assert_eq!(trimmed.messages[1].role, "assistant");
    assert_eq!(trimmed.to_string(), "5 messages of 1 turn left out: 12 tokens before, 7 sent");

    assert_eq!(kept("messages", &CHAT, Trim::OldestFirst, 7).0, stays, "seven fit");
    let (stays, trimmed) = kept("messages", &CHAT, Trim::OldestFirst, 6);
    assert_eq!((stays.as_slice(), trimmed.turns), (&[0, 6, 9, 10, 11][..], 2));
}

#[test]
fn what_must_stay_may_be_too_much_and_that_is_an_answer() {
    let (trimming, _) = trim(&body("messages", &CHAT), Trim::OldestFirst, 4, &Heads).expect("an answer");
    let Trimming::NeverFits(least) = trimming else { panic!("{trimming:?}") };
    assert_eq!(least.tokens, 5);
    let (trimming, _) = trim(&body("messages", &CHAT), Trim::OldestFirst, 12, &Heads).expect("an answer");
    assert!(matches!(trimming, Trimming::Fits(estimate) if estimate.tokens == 12));
}

#[test]
fn the_middle_goes_outward_and_the_first_turn_stays() {
    let turns: Vec<String> = (0..7)
        .flat_map(|turn| {
            ["user", "assistant"].map(|role| format!(r#"{{"role":"{role}","content":"{turn}"}}"#))
        })
        .collect();
    let turns: Vec<&str> = turns.iter().map(String::as_str).collect();
    // Between the first and the last are five: the third of them goes first, then its neighbours, the older one before.
    let gone = |heads| {
        let (stays, _) = kept("messages", &turns, Trim::Middle, heads);
        (0..7).filter(|turn| !stays.contains(&(turn * 2))).collect::<Vec<_>>()
    };
    assert_eq!(gone(13), [3]);
    assert_eq!(gone(11), [2, 3]);
    assert_eq!(gone(8), [2, 3, 4]);
    assert_eq!(gone(7), [1, 2, 3, 4]);
    assert_eq!(gone(4), [1, 2, 3, 4, 5]);
    let never = trim(&body("messages", &turns), Trim::Middle, 3, &Heads).expect("an answer");
    assert!(matches!(never.0, Trimming::NeverFits(least) if least.tokens == 4));
}

#[test]
fn of_tools_the_oldest_rounds_go_whole_and_the_open_one_stays() {
    let (stays, trimmed) = kept("messages", &CHAT, Trim::Tools, 11);
    assert_eq!(stays, [0, 1, 5, 6, 7, 8, 9, 10, 11]);
    assert_eq!((trimmed.turns, trimmed.tools.as_slice()), (0, &["find".into(), "sum".into()][..]));
    // The only other round is of the last turn.
    let never = trim(&body("messages", &CHAT), Trim::Tools, 8, &Heads).expect("an answer");
    assert!(matches!(never.0, Trimming::NeverFits(least) if least.tokens == 9));
}

#[test]
fn a_result_that_comes_a_turn_later_joins_both_turns() {
    let messages = [
        r#"{"role":"user","content":"one"}"#,
        r#"{"role":"assistant","tool_calls":[{"id":"late","function":{"name":"wait","arguments":"{}"}}]}"#,
        r#"{"role":"user","content":"two"}"#,
        r#"{"role":"tool","tool_call_id":"late","content":"done"}"#,
        r#"{"role":"assistant","content":"ok"}"#,
        r#"{"role":"user","content":"three"}"#,
    ];
    let (stays, trimmed) = kept("messages", &messages, Trim::OldestFirst, 4);
    assert_eq!((stays.as_slice(), trimmed.turns), (&[5][..], 2));
    // Answered in the last turn, it stays with that.
    let never = trim(&body("messages", &messages[..5]), Trim::OldestFirst, 4, &Heads).expect("an answer");
    assert!(matches!(never.0, Trimming::NeverFits(least) if least.tokens == 5));
}

#[test]
fn several_messages_of_the_user_in_a_row_are_one_question() {
    let messages = [
        r#"{"role":"user","content":"old"}"#,
        r#"{"role":"assistant","content":"answer"}"#,
        r#"{"role":"user","content":"the document"}"#,
        r#"{"role":"user","content":"the question"}"#,
    ];
    assert_eq!(kept("messages", &messages, Trim::OldestFirst, 3).0, [2, 3]);
}

#[test]
fn a_greeting_belongs_to_the_first_question() {
    let messages = [
        r#"{"role":"assistant","content":"Hello!"}"#,
        r#"{"role":"user","content":"old"}"#,
        r#"{"role":"assistant","content":"answer"}"#,
        r#"{"role":"user","content":"new"}"#,
    ];
    assert_eq!(kept("messages", &messages, Trim::OldestFirst, 3).0, [3]);
}

/// Anthropic: results stand in the user's messages, and are no turns of their own.
const MESSAGES: [&str; 9] = [
    r#"{"role":"user","content":"one"}"#,
    r#"{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"tool_use","id":"a","name":"find","input":{}}]}"#,
    r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1","cache_control":{"type":"ephemeral"}}]}"#,
    r#"{"role":"assistant","content":[{"type":"tool_use","id":"b","name":"sum","input":{}}]}"#,
    r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"b","content":"2"},{"type":"text","text":"hurry"}]}"#,
    r#"{"role":"assistant","content":[{"type":"text","text":"three"}]}"#,
    r#"{"role":"user","content":[{"type":"text","text":"two"}]}"#,
    r#"{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"find","input":{}}]}"#,
    r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"3"}]}"#,
];

#[test]
fn of_anthropics_messages_the_first_left_is_a_question() {
    let (stays, trimmed) = kept("messages", &MESSAGES, Trim::OldestFirst, 8);
    assert_eq!((stays.as_slice(), trimmed.turns), (&[6, 7, 8][..], 1));
    assert_eq!(trimmed.tools, ["find", "sum"]);
}

#[test]
fn a_round_in_which_the_user_spoke_stays() {
    let mut messages = MESSAGES;
    messages[1] = r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"find","input":{}}]}"#;
    assert_eq!(kept("messages", &messages, Trim::Tools, 7).0, [0, 3, 4, 5, 6, 7, 8]);
    let never = trim(&body("messages", &messages), Trim::Tools, 6, &Heads).expect("an answer");
    assert!(matches!(never.0, Trimming::NeverFits(least) if least.tokens == 7));
    // As it is, the second round may have come from the thought of the first, which stays with it.
    let never = trim(&body("messages", &MESSAGES), Trim::Tools, 8, &Heads).expect("an answer");
    assert!(matches!(never.0, Trimming::NeverFits(least) if least.tokens == 9));
}

#[test]
fn a_summary_of_the_provider_stays_with_its_turn() {
    let messages = [
        r#"{"role":"user","content":"one"}"#,
        r#"{"role":"assistant","content":[{"type":"compaction","content":"all before"},{"type":"text","text":"1"}]}"#,
        r#"{"role":"user","content":"two"}"#,
        r#"{"role":"assistant","content":"2"}"#,
        r#"{"role":"user","content":"three"}"#,
    ];
    assert_eq!(kept("messages", &messages, Trim::OldestFirst, 4).0, [0, 1, 4]);
}

/// Responses: items, of which thoughts stay with what follows them.
const INPUT: [&str; 13] = [
    r#"{"role":"developer","content":"Be brief."}"#,
    r#"{"type":"message","role":"user","content":[{"type":"input_text","text":"one"}]}"#,
    r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"x"}"#,
    r#"{"type":"function_call","id":"fc_1","call_id":"a","name":"find","arguments":"{}"}"#,
    r#"{"type":"function_call","id":"fc_2","call_id":"b","name":"sum","arguments":"{}"}"#,
    r#"{"type":"function_call_output","call_id":"a","output":"1"}"#,
    r#"{"type":"function_call_output","call_id":"b","output":"2"}"#,
    r#"{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"q"}}"#,
    r#"{"type":"message","role":"assistant","id":"msg_1","content":[{"type":"output_text","text":"ok"}]}"#,
    r#"{"type":"compaction","id":"cmp_1","encrypted_content":"y"}"#,
    r#"{"role":"user","content":"two"}"#,
    r#"{"type":"local_shell_call","id":"ls_1","call_id":"c","action":{"type":"exec"},"status":"completed"}"#,
    r#"{"type":"local_shell_call_output","id":"c","output":"3"}"#,
];

#[test]
fn items_of_responses_go_with_the_turn_that_they_belong_to() {
    let (stays, trimmed) = kept("input", &INPUT, Trim::OldestFirst, 12);
    assert_eq!(stays, [0, 9, 10, 11, 12]);
    assert_eq!(trimmed.messages[1].role, "reasoning");
    assert_eq!(trimmed.tools, ["find", "sum", "web_search_call"]);
}

#[test]
fn a_thought_goes_with_the_calls_that_it_led_to() {
    // What the provider searched by itself waits for no result, and stays with what was said of it.
    assert_eq!(kept("input", &INPUT, Trim::Tools, 12).0, [0, 1, 7, 8, 9, 10, 11, 12]);
}

/// Gemini: calls may have no ids, and who names nobody is the user.
const CONTENTS: [&str; 7] = [
    r#"{"parts":[{"text":"one"}]}"#,
    r#"{"role":"model","parts":[{"functionCall":{"name":"find","args":{}}},{"functionCall":{"name":"sum","args":{}}}]}"#,
    r#"{"role":"user","parts":[{"functionResponse":{"name":"find","response":{"x":1}}},{"functionResponse":{"name":"sum","response":{"x":2}}}]}"#,
    r#"{"role":"model","parts":[{"text":"three"}]}"#,
    r#"{"role":"user","parts":[{"text":"two"}]}"#,
    r#"{"role":"model","parts":[{"functionCall":{"id":"z","name":"find","args":{}}}]}"#,
    r#"{"role":"function","parts":[{"functionResponse":{"id":"z","name":"find","response":{}}}]}"#,
];

#[test]
fn contents_of_gemini_begin_with_the_user() {
    assert_eq!(kept("contents", &CONTENTS, Trim::OldestFirst, 6).0, [4, 5, 6]);
    let (stays, trimmed) = kept("contents", &CONTENTS, Trim::Tools, 6);
    assert_eq!(
        (stays.as_slice(), trimmed.tools.as_slice()),
        (&[0, 3, 4, 5, 6][..], &["find".into(), "sum".into()][..])
    );
}

#[test]
fn a_converse_of_bedrock_keeps_uses_and_results_together() {
    let messages = [
        r#"{"role":"user","content":[{"text":"one"}]}"#,
        r#"{"role":"assistant","content":[{"toolUse":{"toolUseId":"a","name":"find","input":{}}}]}"#,
        r#"{"role":"user","content":[{"toolResult":{"toolUseId":"a","content":[{"text":"1"}]}},{"cachePoint":{"type":"default"}}]}"#,
        r#"{"role":"assistant","content":[{"text":"1"}]}"#,
        r#"{"role":"user","content":[{"text":"two"}]}"#,
    ];
    assert_eq!(kept("messages", &messages, Trim::OldestFirst, 4).0, [4]);
    let (stays, trimmed) = kept("messages", &messages, Trim::Tools, 4);
    assert_eq!((stays.as_slice(), trimmed.tools.as_slice()), (&[0, 3, 4][..], &["find".into()][..]));
}

#[test]
fn a_chat_of_cohere_keeps_its_plans_with_their_calls() {
    let messages = [
        r#"{"role":"system","content":"Be brief."}"#,
        r#"{"role":"user","content":"one"}"#,
        r#"{"role":"assistant","tool_plan":"I look it up","tool_calls":[{"id":"a","type":"function","function":{"name":"find","arguments":"{}"}}]}"#,
        r#"{"role":"tool","tool_call_id":"a","content":[{"type":"document","document":{"data":"1"}}]}"#,
        r#"{"role":"assistant","content":[{"type":"text","text":"1"}]}"#,
        r#"{"role":"user","content":"two"}"#,
    ];
    assert_eq!(kept("messages", &messages, Trim::Tools, 5).0, [0, 1, 4, 5]);
    assert_eq!(kept("messages", &messages, Trim::OldestFirst, 5).0, [0, 5]);
}

#[test]
fn what_cannot_be_trimmed_safely_stays_as_it_is_with_an_error_that_says_why() {
    let user = r#"{"role":"user","content":"one"}"#;
    let list = |messages: &[&str]| body("messages", messages);
    let deep = format!("{{\"messages\":[{user}],\"x\":{}1{}}}", "[".repeat(100_000), "]".repeat(99_999));
    let table = [
        (list(&[user, "null"]), ErrorKind::Unsupported, "holds something that is none"),
        (list(&[user, "{}"]), ErrorKind::Unsupported, "holds something that is none"),
        (list(&[user, "\"two\""]), ErrorKind::Unsupported, "message 1 has a form"),
        (list(&[user, r#"{"content":"two"}"#]), ErrorKind::Unsupported, "message 1 has a form"),
        (
            list(&[user, r#"{"role":"ghost","content":"two"}"#]),
            ErrorKind::Unsupported,
            "message 1 has a form",
        ),
        (
            list(&[user, r#"{"role":"user","content":"two","role":"assistant"}"#]),
            ErrorKind::Unreadable,
            "message 1 names",
        ),
        (
            list(&[r#"{"role":"user","content":[{"type":"text","type":"tool_result"}]}"#]),
            ErrorKind::Unreadable,
            "message 0 names",
        ),
        (
            list(&[r#"{"role":"assistant","tool_calls":[{"id":"a","\u0069d":"b"}]}"#]),
            ErrorKind::Unreadable,
            "message 0 names",
        ),
        (r#"{"messages":[],"messages":[]}"#.to_owned(), ErrorKind::Unreadable, "read in two ways"),
        (r#"{"Messages":[],"messages":[]}"#.to_owned(), ErrorKind::Unreadable, "read in two ways"),
        (r#"{"messages":[],"contents":[]}"#.to_owned(), ErrorKind::Unsupported, "several lists"),
        (r#"{"prompt":"once upon a time"}"#.to_owned(), ErrorKind::Unsupported, "no list of messages"),
        (r#"{"input":"hello"}"#.to_owned(), ErrorKind::Unsupported, "no list of messages"),
        (r#"{"input":["embed","this"]}"#.to_owned(), ErrorKind::Unsupported, "message 0 has a form"),
        ("[]".to_owned(), ErrorKind::Unreadable, "not a JSON object"),
        (list(&[user])[..40].to_owned(), ErrorKind::Unreadable, "not JSON"),
        (deep, ErrorKind::Unreadable, "not JSON"),
        (
            format!("{{\"messages\":[{user}],\"x\":\"{}\"}}", "y".repeat(33 << 20)),
            ErrorKind::Unreadable,
            "can be read",
        ),
        (list(&vec![user; 100_001]), ErrorKind::Unsupported, "more than 100,000"),
    ];
    for (body, kind, text) in table {
        let start: String = body.chars().take(100).collect();
        let error = trim(&body, Trim::OldestFirst, 0, &Heads).expect_err(&start);
        assert_eq!(error.kind(), kind, "{start}: {error}");
        assert!(error.to_string().contains(text), "{start}: {error}");
    }
}

#[test]
fn a_conversation_that_is_kept_elsewhere_does_not_fit_by_being_trimmed_here() {
    let items = INPUT.join(",");
    let body = format!(r#"{{"previous_response_id":"resp_1","input":[{items}]}}"#);
    let (trimming, _) =
        trim(&body, Trim::OldestFirst, 1_000, &token_budget::tokens::ByteBoundEstimator).expect("an answer");
    assert!(matches!(trimming, Trimming::NeverFits(least) if least.needs_model_maximum()));
}

#[test]
fn a_file_that_cannot_be_counted_goes_with_its_turn() {
    let messages = [
        r#"{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}"#,
        r#"{"role":"assistant","content":"read"}"#,
        r#"{"role":"user","content":"and now?"}"#,
    ];
    let (trimming, _) = trim(
        &body("messages", &messages),
        Trim::OldestFirst,
        1_000,
        &token_budget::tokens::ByteBoundEstimator,
    )
    .expect("an answer");
    let Trimming::Shorter(trimmed) = trimming else { panic!("{trimming:?}") };
    // 8 bytes, 3 and 1 for the message, 3 for the prompt; the other fields of the body are no text that counts.
    assert!(trimmed.before.needs_model_maximum() && !trimmed.after.needs_model_maximum());
    assert_eq!(trimmed.messages.len(), 2);
}

#[test]
fn a_body_that_was_parsed_before_loses_the_same_messages() {
    let mut value: serde_json::Value = serde_json::from_str(&body("messages", &CHAT)).expect("JSON");
    let target = token_budget::tokens::TrimTarget::new(11, Trim::OldestFirst, "gpt-4o", &Heads);
    let trimming = RequestShape::trim_value(&mut value, &target).expect("an answer");
    assert!(matches!(trimming, Trimming::Shorter(_)));
    let expected: Vec<&str> = [0, 6, 7, 8, 9, 10, 11].iter().map(|index| CHAT[*index]).collect();
    let expected: serde_json::Value = serde_json::from_str(&body("messages", &expected)).expect("JSON");
    assert_eq!(value, expected);
}
