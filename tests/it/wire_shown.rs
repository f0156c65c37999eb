//! Does what flowed count as seen, wherever a stream shows it, and only once?

use token_budget::wire::{StreamMeter, TextSeen, UsageReport};

fn read(events: &[&str]) -> UsageReport {
    let mut meter = StreamMeter::new(Some("openai"));
    for event in events {
        meter.push(format!("data: {event}\n\n").as_bytes());
    }
    meter.finish()
}

fn seen(events: &[&str]) -> (u64, u64) {
    let TextSeen { bytes, hidden_bytes, .. } = read(events).text;
    (bytes, hidden_bytes)
}

const DELTA: &str =
    r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"Moin "}"#;
const DELTA_2: &str =
    r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"moin"}"#;
const TEXT: &str =
    r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"Moin moin"}"#;
const PART: &str = r#"{"type":"response.content_part.done","output_index":0,"content_index":0,"part":{"type":"output_text","text":"Moin moin"}}"#;
const ITEM: &str = r#"{"item":{"type":"message","content":[{"type":"output_text","text":"Moin moin"}]},"output_index":0,"type":"response.output_item.done"}"#;
const WHOLE: &str = r#"{"type":"response.completed","response":{"output":[{"type":"message","content":[{"type":"output_text","text":"Moin moin"}]}]}}"#;
const CALL: &str = r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","name":"look_up","arguments":"{\"a\":1}"}}"#;

#[test]
fn a_text_that_only_its_end_shows_is_seen_once() {
    for events in [&[TEXT][..], &[PART], &[ITEM], &[WHOLE], &[TEXT, PART], &[TEXT, PART, ITEM, WHOLE]] {
        assert_eq!(seen(events), (9, 0), "{events:?}");
    }
    assert_eq!(seen(&[DELTA, DELTA_2, TEXT, PART, ITEM, WHOLE]), (9, 0));
    assert_eq!(seen(&[DELTA, TEXT]), (9, 0), "what pieces left out comes at the end");
    assert_eq!(seen(&[TEXT, TEXT, PART, PART, ITEM, ITEM]), (9, 0), "shown twice is told once");
}

#[test]
fn each_item_and_part_is_told_apart() {
    let second = TEXT.replace("\"content_index\":0", "\"content_index\":1");
    assert_eq!(seen(&[DELTA, DELTA_2, TEXT, &second]), (18, 0));
    assert_eq!(seen(&[DELTA, DELTA_2, TEXT, CALL]), (9, 7));
    assert_eq!(seen(&[CALL, ITEM]), (9, 7));
    let summary =
        r#"{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":0,"text":"Hm."}"#;
    assert_eq!(seen(&[summary, DELTA, DELTA_2, TEXT]), (9, 3));
}

#[test]
fn arguments_refusals_and_code_are_seen_where_only_their_end_shows_them() {
    for (event, expected) in [
        (
            r#"{"type":"response.function_call_arguments.done","output_index":0,"arguments":"{\"a\":1}"}"#,
            (0, 7),
        ),
        (r#"{"arguments":"{}","type":"response.mcp_call_arguments.done","output_index":0}"#, (0, 2)),
        (r#"{"type":"response.custom_tool_call_input.done","output_index":0,"input":"ls -l"}"#, (0, 5)),
        (r#"{"type":"response.code_interpreter_call_code.done","output_index":0,"code":"1+1"}"#, (0, 3)),
        (r#"{"type":"response.refusal.done","output_index":0,"content_index":0,"refusal":"No."}"#, (3, 0)),
        (r#"{"type":"response.output_audio_transcript.done","output_index":0,"transcript":"Ahoy"}"#, (4, 0)),
        (r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":"Ahoy"}}"#, (4, 0)),
    ] {
        assert_eq!(seen(&[event]), expected, "{event}");
    }
    let tail = r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{\"a\":1}"}"#;
    assert_eq!(seen(&[tail, CALL]), (0, 7));
}

#[test]
fn what_others_said_and_what_only_begins_is_not_seen() {
    for event in [
        r#"{"type":"conversation.item.done","item":{"type":"message","role":"user","content":[{"type":"input_text","text":"Moin"}]}}"#,
        r#"{"type":"conversation.item.input_audio_transcription.completed","transcript":"Moin"}"#,
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","content":[{"type":"output_text","text":"Moin"}]}}"#,
        r#"{"type":"response.content_part.added","output_index":0,"part":{"type":"output_text","text":"Moin"}}"#,
        r#"{"type":"response.created","response":{"output":[{"type":"message","content":[{"type":"output_text","text":"Moin"}]}]}}"#,
        r#"{"type":"content_block_start","content_block":{"type":"web_search_tool_result","content":[{"text":"found"}]}}"#,
        r#"{"error":{"message":"no"},"code":"bad","input":"x","arguments":"y"}"#,
    ] {
        assert_eq!(seen(&[event]), (0, 0), "{event}");
    }
}

#[test]
fn each_answer_of_a_session_is_told_anew() {
    let done = r#"{"type":"response.done","response":{"output":[{"content":[{"text":"Moin moin"}]}],"usage":{"input_tokens":3,"output_tokens":4}}}"#;
    let report = read(&[TEXT, ITEM, done, TEXT, ITEM, done]);

    assert_eq!(report.lines.iter().map(|line| line.text.bytes).collect::<Vec<_>>(), [9, 9]);
}

#[test]
fn a_thought_beside_a_streamed_response_is_seen() {
    assert_eq!(seen(&[r#"{"response":"","thinking":"Hm."}"#, r#"{"response":"Ahoy"}"#]), (4, 3));
}

#[test]
fn what_a_tool_is_told_and_what_cites_is_seen_in_every_form() {
    let typed = r#"{"id":"r","object":"response","status":"failed","usage":null,"output":[{"type":"computer_call","actions":[{"type":"click","x":1},{"type":"type","text":"a long text"}]}]}"#;
    let ended = format!(r#"{{"type":"response.failed","response":{typed}}}"#);
    assert_eq!(seen(&[&ended]), (0, 11), "several actions of one call, also where it failed");
    let whole = |body: &str| token_budget::wire::extract(None, body.as_bytes(), []).unwrap().text;
    assert_eq!(whole(typed).hidden_bytes, 11);
    let cites = r#"{"output":{"message":{"role":"assistant","content":[{"citationsContent":{"content":[{"text":"Moin moin"}],"citations":[{"title":"a source","sourceContent":[{"text":"not generated"}]}]}}]}},"stopReason":"end_turn"}"#;
    assert_eq!((whole(cites).bytes, whole(cites).hidden_bytes), (9, 0));
    let called = r#"{"candidates":[{"content":{"parts":[{"toolCall":{"args":{"a":1}}}]}}]}"#;
    assert_eq!(whole(called).hidden_bytes, 16);
}
