//! Does each API take what is left of a conversation: its thoughts, its system, and an agent's calls?

use token_budget::ErrorKind;
use token_budget::tokens::{Trim, Trimming};

use crate::trim_support::{Heads, body, kept, trim};

/// Anthropic answers 400 to a system message that is first, or that has no user before it and no model behind it.
#[test]
fn a_turn_in_which_anthropics_system_spoke_stays() {
    let messages = [
        r#"{"role":"user","content":"one"}"#,
        r#"{"role":"system","content":"Be brief from now on."}"#,
        r#"{"role":"assistant","content":"1"}"#,
        r#"{"role":"user","content":"two"}"#,
        r#"{"role":"assistant","content":"2"}"#,
        r#"{"role":"user","content":"three"}"#,
    ];
    // Elsewhere the system may speak anywhere.
    assert_eq!(kept("messages", &messages, Trim::OldestFirst, 2).0, [1, 5]);
    for claude in
        [r#""model":"claude-opus-4-8""#, r#""anthropic_version":"vertex-2023-10-16""#, r#""system":"Hm.""#]
    {
        let whole = |messages: &[&str]| body("messages", messages).replace(r#""model":"m""#, claude);
        let (_, after) = trim(&whole(&messages), Trim::OldestFirst, 5, &Heads).expect("an answer");
        assert_eq!(after, whole(&[messages[0], messages[1], messages[2], messages[5]]), "{claude}");
    }
}

#[test]
fn of_anthropics_tools_an_answer_stays_behind_what_the_system_said() {
    let (call, result) = (
        r#"{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"find","input":{}}]}"#,
        r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"}]}"#,
    );
    let user = r#"{"role":"user","content":"one"}"#;
    let system = r#"{"role":"system","content":"Be brief."}"#;
    let claude = |messages: &[&str]| body("messages", messages).replace(r#""m""#, r#""claude-opus-4-8""#);
    let ends_so = claude(&[user, system, call, result, user]);
    let never = trim(&ends_so, Trim::Tools, 3, &Heads).expect("an answer").0;
    assert!(matches!(never, Trimming::NeverFits(least) if least.tokens == 5), "{never:?}");
    let said = r#"{"role":"assistant","content":"1"}"#;
    let (_, after) =
        trim(&claude(&[user, system, call, result, said, user]), Trim::Tools, 4, &Heads).expect("an answer");
    assert_eq!(after, claude(&[user, system, said, user]));
}

/// "The block is bound to a different conversation": from version 5.1 on Claude's thoughts stand where they were thought.
#[test]
fn a_signed_thought_of_claude_never_stays_behind_a_gap() {
    let thinking = |at: u8| {
        format!(
            r#"{{"role":"assistant","content":[{{"type":"thinking","thinking":"","signature":"s{at}"}},{{"type":"text","text":"{at}"}}]}}"#
        )
    };
    let (first, second) = (thinking(1), thinking(2));
    let user = r#"{"role":"user","content":"go on"}"#;
    let said = r#"{"role":"assistant","content":"3"}"#;
    let whole = |model: &str, messages: &[&str]| {
        body("messages", messages).replace(r#""model":"m""#, &format!(r#""model":"{model}""#))
    };
    let messages = [user, &first, user, &second, user, said, user];
    let trimmed =
        |model, messages: &[&str], heads| trim(&whole(model, messages), Trim::OldestFirst, heads, &Heads);
    // Without the first turn it fits, and the second one's thought stands behind the gap.
    let (_, after) = trimmed("claude-sonnet-5-5", &messages, 5).expect("an answer");
    assert_eq!(after, whole("claude-sonnet-5-5", &messages[4..]));
    let (_, after) = trimmed("claude-sonnet-4-6", &messages, 5).expect("an answer");
    assert_eq!(after, whole("claude-sonnet-4-6", &messages[2..]));
    // In the last turn it stays, so that nothing may go before it, unless the API is to drop it.
    let open = [user, said, user, &second];
    let error = trimmed("claude-sonnet-5-5", &open, 2).expect_err("a thought");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("prefix_mismatch_behavior"), "{error}");
    let drops =
        r#"claude-sonnet-5-5","thinking":{"block_binding":{"prefix_mismatch_behavior":"drop_block"}},"x":""#;
    let (_, after) = trimmed(drops, &open, 2).expect("an answer");
    assert_eq!(after, whole(drops, &open[2..]));
}

#[test]
fn a_thought_is_known_as_signed_in_whatever_language_it_is_handed_on() {
    let user = r#"{"role":"user","content":"go on"}"#;
    let said = r#"{"role":"assistant","content":"3"}"#;
    for (thought, is_signed) in [
        (r#""content":[{"type":"redacted_thinking","data":"x"}]"#, true),
        (r#""content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"s"}}}]"#, true),
        (r#""content":[{"reasoningContent":{"redactedContent":"eA=="}}]"#, true),
        (r#""content":"2","thinking_blocks":[{"type":"thinking","thinking":"hm","signature":"s"}]"#, true),
        (
            r#""content":"2","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"s"}]"#,
            true,
        ),
        (
            r#""content":"2","reasoning_details":[{"type":"reasoning.text","text":"hm","signature":null}]"#,
            false,
        ),
        (r#""content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]"#, false),
        (r#""content":"2","reasoning_content":"hm""#, false),
    ] {
        let open = [user, said, user, &format!(r#"{{"role":"assistant",{thought}}}"#)];
        let trimmed = trim(&body("messages", &open), Trim::OldestFirst, 2, &Heads);
        assert_eq!(trimmed.is_err(), is_signed, "{thought}: {trimmed:?}");
    }
}

#[test]
fn of_an_agents_only_turn_the_oldest_rounds_go_and_three_stay() {
    let rounds: Vec<[String; 2]> = (0..6)
        .map(|at| {
            [
                format!(r#"{{"role":"assistant","tool_calls":[{{"id":"c{at}","function":{{"name":"find","arguments":"{{}}"}}}}]}}"#),
                format!(r#"{{"role":"tool","tool_call_id":"c{at}","content":"{at}"}}"#),
            ]
        })
        .collect();
    let user = r#"{"role":"user","content":"find it"}"#.to_owned();
    let messages: Vec<&str> =
        std::iter::once(&user).chain(rounds.iter().flatten()).map(String::as_str).collect();
    // Thirteen messages: the question, and six rounds of two.
    assert_eq!(kept("messages", &messages, Trim::Tools, 12).0, [0, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(kept("messages", &messages, Trim::Tools, 7).0, [0, 7, 8, 9, 10, 11, 12]);
    let never = trim(&body("messages", &messages), Trim::Tools, 6, &Heads).expect("an answer");
    assert!(matches!(never.0, Trimming::NeverFits(least) if least.tokens == 7));
    let never = trim(&body("messages", &messages), Trim::OldestFirst, 12, &Heads).expect("an answer");
    assert!(
        matches!(never.0, Trimming::NeverFits(least) if least.tokens == 13),
        "turns go whole, and it is the last"
    );
}

/// Claude thinks before the first call of a turn, and the API refuses a turn that begins without: "Expected `thinking`".
#[test]
fn the_thought_before_an_agents_calls_stays_as_long_as_one_of_them() {
    let round = |at: u8, thought: &str| {
        [
            format!(
                r#"{{"role":"assistant","content":[{thought}{{"type":"tool_use","id":"c{at}","name":"find","input":{{}}}}]}}"#
            ),
            format!(
                r#"{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"c{at}","content":"1"}}]}}"#
            ),
        ]
    };
    let thought = r#"{"type":"thinking","thinking":"hm"},"#;
    let rounds: Vec<_> = (0..5).map(|at| round(at, if at == 0 { thought } else { "" })).collect();
    let user = r#"{"role":"user","content":"find it"}"#.to_owned();
    let messages: Vec<&str> =
        std::iter::once(&user).chain(rounds.iter().flatten()).map(String::as_str).collect();
    assert_eq!(kept("messages", &messages, Trim::Tools, 10).0, [0, 1, 2, 5, 6, 7, 8, 9, 10]);
    let never = trim(&body("messages", &messages), Trim::Tools, 8, &Heads).expect("an answer");
    assert!(matches!(never.0, Trimming::NeverFits(least) if least.tokens == 9));
}

/// OpenAI refuses a call "without its required 'reasoning' item", and one thought may have brought several calls.
#[test]
fn a_thought_stays_with_calls_whose_results_came_one_after_the_other() {
    let input = [
        r#"{"role":"user","content":"one"}"#,
        r#"{"type":"reasoning","id":"rs_1","summary":[]}"#,
        r#"{"type":"function_call","id":"fc_1","call_id":"a","name":"find","arguments":"{}"}"#,
        r#"{"type":"function_call_output","call_id":"a","output":"1"}"#,
        r#"{"type":"function_call","id":"fc_2","call_id":"b","name":"sum","arguments":"{}"}"#,
        r#"{"type":"function_call_output","call_id":"b","output":"2"}"#,
        r#"{"role":"assistant","content":"ok"}"#,
        r#"{"role":"user","content":"two"}"#,
    ];
    assert_eq!(kept("input", &input, Trim::Tools, 6).0, [0, 1, 2, 3, 6, 7]);
    assert_eq!(kept("input", &input, Trim::Tools, 5).0, [0, 6, 7]);
}

#[test]
fn what_a_person_approved_stays_with_the_call_that_it_let_run() {
    let input = [
        r#"{"role":"user","content":"one"}"#,
        r#"{"type":"mcp_approval_request","id":"mcpr_1","name":"pay","arguments":"{}","server_label":"s"}"#,
        r#"{"type":"mcp_approval_response","approval_request_id":"mcpr_1","approve":true}"#,
        r#"{"type":"mcp_call","id":"mcp_1","approval_request_id":"mcpr_1","name":"pay","arguments":"{}","server_label":"s","output":"ok"}"#,
        r#"{"role":"user","content":"two"}"#,
    ];
    let never = trim(&body("input", &input), Trim::Tools, 4, &Heads).expect("an answer").0;
    assert!(matches!(never, Trimming::NeverFits(least) if least.tokens == 5), "{never:?}");
    assert_eq!(kept("input", &input, Trim::OldestFirst, 4).0, [4]);
}
