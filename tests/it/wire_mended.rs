//! Faults of reading that were found once: none of them comes back.

use token_budget::Usage;
use token_budget::usage::Meter;
use token_budget::wire::{Purpose, StreamMeter, UsageReport, extract};

fn streamed(frames: &[&str]) -> UsageReport {
    let mut meter = StreamMeter::new(None);
    for frame in frames {
        meter.push(b"data: ");
        meter.push(frame.as_bytes());
        meter.push(b"\n\n");
    }
    meter.finish()
}

fn read(body: &str) -> UsageReport {
    extract(None, body.as_bytes(), []).unwrap()
}

fn usage(body: &str) -> Usage {
    read(body).usage().expect("a line")
}

#[test]
fn a_body_that_is_deep_does_not_overflow_the_stack() {
    // 240 KB of `message` in `message` ended the process once.
    for (open, close) in [
        (r#"{"message":"#, "}"),
        (r#"{"candidates":[{"content":{"parts":"#, "}}]}"),
        (r#"{"parts":"#, "}"),
        (r#"{"content":[{"content":["#, "]}]}"),
        (r#"{"usage":{"iterations":[{"iterations":["#, "]}]}}"),
        (r#"{"function":"#, "}"),
    ] {
        let depth = 20_000;
        let body = format!("{}{{}}{}", open.repeat(depth), close.repeat(depth));
        let whole = extract(None, body.as_bytes(), []);
        assert!(whole.is_err() || whole.unwrap().lines.is_empty());
        let nested = format!(r#"{{"message":{body}}}"#);
        let _ = streamed(&[nested.as_str()]);
    }
}

#[test]
fn blanks_before_the_first_frame_are_neither_kept_nor_read_twice() {
    // Each push once searched all blanks before it: 100 KB, byte by byte, took a minute.
    let mut meter = StreamMeter::new(None);
    for _ in 0..200_000 {
        meter.push(b"\n");
    }
    meter.push(b"{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_tokens\":3}}");
    assert_eq!(meter.finish().usage().unwrap().total(), Some(3));
}

#[test]
fn usage_from_the_beginning_does_not_stand_for_a_stream_that_broke_off() {
    let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":25,"output_tokens":1}}}"#;
    let text = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"and on and on"}}"#;
    let report = streamed(&[start, text]);
    assert!(!report.finished);

    // A figure that is cut is no zero.
    let mut meter = StreamMeter::new(None);
    meter.push(b"data: {\"type\":\"response.output_text.delta\",\"delta\":\"words\"}\n\n");
    meter.push(b"data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":7112,\"output_tokens\":46");
    let report = meter.finish();
    assert_eq!((report.finished, report.answer().unwrap().output()), (false, None));
    let report = report.or_estimated(1_000, 250);
    assert_eq!(report.usage().unwrap().output(), Some(250));
}

#[test]
fn another_choice_that_still_speaks_is_not_finished() {
    let first = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
    let second = r#"{"choices":[{"index":1,"delta":{"content":"more"}}]}"#;
    assert!(streamed(&[first]).finished);
    assert!(!streamed(&[first, second]).finished);
}

#[test]
fn every_answer_of_a_session_counts_with_its_own_cost() {
    let done = |ticks: u64| {
        format!(
            r#"{{"type":"response.done","response":{{"usage":{{"input_tokens":1,"output_tokens":2,"total_tokens":3,"cost_in_usd_ticks":{ticks}}}}}}}"#
        )
    };
    let report = streamed(&[&done(9_000_000_000), &done(1_000)]);
    assert_eq!((report.lines.len(), report.cost.unwrap().to_string()), (2, "0.9000001".to_owned()));

    // An answer that did not say leaves the sum unknown.
    let silent = r#"{"type":"response.done","response":{"usage":{"input_tokens":1,"output_tokens":2}}}"#;
    assert_eq!(streamed(&[&done(1_000), silent]).cost, None);

    // The answer that broke off is completed, not the one before it.
    let text = r#"{"type":"response.output_text.delta","delta":"more"}"#;
    let report = streamed(&[&done(1_000), text]);
    assert!(!report.finished);
    let totals: Vec<_> = report.or_estimated(5, 6).lines.iter().map(|line| line.usage.total()).collect();
    assert_eq!(totals, [Some(3), Some(11)]);
}

#[test]
fn an_estimate_drops_the_cost_of_what_was_less() {
    let report =
        streamed(&[r#"{"usage":{"prompt_tokens":9,"completion_tokens":1,"cost_in_usd_ticks":1000}}"#]);
    assert!(report.cost.is_some());
    assert_eq!(report.or_estimated(9, 1_000).cost, None);
}

#[test]
fn lines_beside_the_answers_of_a_batch_keep_their_models() {
    let result = |id: &str, model: &str, tokens: u64| {
        format!(
            r#"{{"custom_id":"{id}","result":{{"type":"succeeded","message":{{"model":"{model}","usage":{{"input_tokens":1,"output_tokens":1,"iterations":[{{"type":"compaction","input_tokens":{tokens},"output_tokens":0}}]}}}}}}}}"#
        )
    };
    let silent = r#"{"custom_id":"c","response":{"body":{"model":"omni-moderation"}}}"#;
    let body = [result("a", "opus", 55_000), result("b", "haiku", 66_000), silent.to_owned()].join("\n");
    let lines: Vec<_> = read(&body)
        .lines
        .iter()
        .map(|line| (line.model.clone().unwrap().to_string(), line.purpose, line.usage.input().unwrap()))
        .collect();
    let line = |model: &str, purpose, input| (model.to_owned(), purpose, input);
    assert_eq!(
        lines,
        [
            line("opus", Purpose::Answer, 1),
            line("opus", Purpose::Compaction, 55_000),
            line("haiku", Purpose::Answer, 1),
            line("haiku", Purpose::Compaction, 66_000),
        ]
    );
}

#[test]
fn google_and_amazon_write_batches_too() {
    let google = r#"{"key":"a","response":{"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":2,"totalTokenCount":7}}}"#;
    assert_eq!(read(&[google, google, google].join("\n")).lines.len(), 3);
    let amazon = r#"{"recordId":"a","modelOutput":{"usage":{"input_tokens":5,"output_tokens":2}}}"#;
    let report = read(&[amazon, amazon].join("\n"));
    assert_eq!((report.lines.len(), report.service_tier.as_deref()), (2, Some("batch")));
    let whole = read(r#"{"object":"batch","usage":{"input_tokens":5,"output_tokens":2,"total_tokens":7}}"#);
    assert_eq!(whole.service_tier.as_deref(), Some("batch"));
}

#[test]
fn models_of_tools_are_named_on_their_lines() {
    let report = read(
        r#"{"model":"gpt-5","tools":[{"type":"function","name":"f"},{"type":"image_generation","model":"gpt-image-1"}],
            "output":[{"type":"image_generation_call"}],"tool_usage":{"image_gen":{"input_tokens":10,"output_tokens":4000,"total_tokens":4010}},
            "usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}"#,
    );
    assert_eq!(report.lines[1].model.as_deref(), Some("gpt-image-1"));
    assert_eq!(report.lines[0].usage.count(Meter::ImageGeneration), None); // billed as tokens, once

    let session = r#"{"type":"session.created","session":{"model":"gpt-realtime","audio":{"input":{"transcription":{"model":"gpt-4o-transcribe"}}}}}"#;
    let heard = r#"{"type":"conversation.item.input_audio_transcription.completed","usage":{"type":"tokens","input_tokens":100,"output_tokens":10,"total_tokens":110}}"#;
    let report = streamed(&[session, heard]);
    let line = &report.lines[0];
    assert_eq!((line.purpose, line.model.as_deref()), (Purpose::Transcription, Some("gpt-4o-transcribe")));
}

#[test]
fn a_turn_of_gemini_live_may_report_in_a_frame_of_its_own() {
    let setup = r#"{"setupComplete":{}}"#;
    let turn = r#"{"usageMetadata":{"promptTokenCount":5,"responseTokenCount":2,"totalTokenCount":7}}"#;
    assert_eq!(streamed(&[setup, turn, turn]).lines.len(), 2);
}

#[test]
fn totals_decide_for_caches_and_for_sound() {
    let beside = usage(
        r#"{"usage":{"prompt_tokens":100,"cache_read_input_tokens":1000,"completion_tokens":20,"total_tokens":1120}}"#,
    );
    assert_eq!(
        (beside.input(), beside.cached_input(), beside.output()),
        (Some(1_100), Some(1_000), Some(20))
    );
    // The rest of this total is sound, which is billed by the second.
    let voice = usage(
        r#"{"usage":{"prompt_audio_seconds":203,"prompt_tokens":4,"completion_tokens":635,"total_tokens":3264}}"#,
    );
    assert_eq!((voice.output(), voice.count(Meter::AudioInMs)), (Some(635), Some(203_000)));
}

#[test]
fn two_forms_in_one_body_do_not_undo_each_other() {
    let both =
        usage(r#"{"usage":{"prompt_tokens":9,"completion_tokens":2000,"input_tokens":0,"output_tokens":0}}"#);
    assert_eq!((both.input(), both.output()), (Some(9), Some(2_000)));
    let caches = usage(
        r#"{"usage":{"input_tokens":3,"cache_read_input_tokens":1024,"cached_tokens":1024,"output_tokens":1}}"#,
    );
    assert_eq!((caches.input(), caches.cached_input()), (Some(1_027), Some(1_024)));
    let written = usage(
        r#"{"usage":{"prompt_tokens":100,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":0,"cache_creation_input_tokens":80}}}"#,
    );
    assert_eq!(written.cache_write_5m(), Some(80));
}

#[test]
fn what_is_billed_without_tokens_has_none() {
    let heard = usage(r#"{"text":"hello","usage":{"type":"duration","seconds":37}}"#);
    assert_eq!(
        (heard.input(), heard.output(), heard.count(Meter::AudioInMs)),
        (Some(0), Some(0), Some(37_000))
    );
    let pages = usage(r#"{"pages":[],"usage_info":{"pages_processed":3}}"#);
    assert_eq!((pages.total(), pages.count(Meter::Page)), (Some(0), Some(3)));
    let pictures = usage(r#"{"meta":{"billed_units":{"input_tokens":4,"image_tokens":1200,"images":1}}}"#);
    assert_eq!((pictures.input(), pictures.count(Meter::InputImage)), (Some(1_204), Some(1_200)));
}

#[test]
fn a_count_that_nothing_can_have_is_missing() {
    for figure in ["18446744073709551615", "1e16"] {
        let report = read(&format!(r#"{{"usage":{{"prompt_tokens":{figure},"completion_tokens":1}}}}"#));
        assert_eq!((report.usage().unwrap().input(), report.damaged), (None, true), "{figure}");
    }
}

#[test]
fn a_session_without_end_takes_memory_with_an_end() {
    let done = r#"{"type":"response.done","response":{"usage":{"input_tokens":1,"output_tokens":1}}}"#;
    let report = streamed(&vec![done; 5_000]);
    assert_eq!((report.lines.len(), report.usage().unwrap().total()), (1_024, Some(10_000)));
    assert!(report.damaged); // lines were added together
}

#[test]
fn odd_events_are_read_as_the_standard_says() {
    let mut meter = StreamMeter::new(None);
    meter.push(b": hello\nretry: 10\ndata:  {\"choices\":[]}\n");
    meter.push(b"data:  {\"usage\":{\"prompt_tokens\":1,\r");
    meter.push(b"");
    meter.push(
        b"\ndata: \"completion_tokens\":2,\"total_tokens\":3}}\r\n\r\ndata: keepalive\n\ndata: [DONE] \n\n",
    );
    let report = meter.finish();
    assert_eq!((report.usage().unwrap().total(), report.finished, report.damaged), (Some(3), true, false));
}

#[test]
fn a_key_in_an_answer_does_not_make_it_a_batch() {
    let report = read(r#"{"key":"abc","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}"#);
    assert_eq!((report.lines.len(), report.service_tier), (1, None));
}

#[test]
fn what_a_model_wrote_is_seen_wherever_an_answer_puts_it() {
    // Six kilobytes of reasoning beside one reported token were not seen, and the token was believed.
    let long = "word ".repeat(1_200);
    let message =
        |members: String| format!(r#"{{"choices":[{{"message":{{{members}}},"finish_reason":"stop"}}]}}"#);
    let delta = |members: String| format!(r#"{{"choices":[{{"delta":{{{members}}}}}]}}"#);
    let item = |members: String| format!(r#"{{"output":[{{{members}}}]}}"#);
    for members in [
        format!(r#""content":"","reasoning":"{long}""#),
        format!(r#""content":"","reasoning_content":"{long}""#),
        format!(r#""reasoning_details":[{{"type":"reasoning.text","text":"{long}","index":0}}]"#),
        format!(r#""reasoning_details":[{{"type":"reasoning.summary","summary":"{long}"}}]"#),
        format!(r#""content":null,"refusal":"{long}""#),
        format!(r#""function_call":{{"name":"f","arguments":"{long}"}}"#),
        format!(r#""audio":{{"id":"a","data":"UklG","transcript":"{long}"}}"#),
        format!(r#""tool_calls":[{{"id":"c","type":"custom","custom":{{"name":"f","input":"{long}"}}}}]"#),
        format!(r#""tool_calls":[{{"function":{{"name":"f","arguments":"{long}"}}}}]"#),
        format!(r#""tool_plan":"{long}""#),
    ] {
        assert_eq!(read(&message(members.clone())).text.bytes_all(), 6_000, "{members:.60}");
        assert_eq!(streamed(&[&delta(members.clone())]).text.bytes_all(), 6_000, "{members:.60}");
    }
    assert_eq!(read(&format!(r#"{{"message":{{"tool_plan":"{long}"}}}}"#)).text.bytes_all(), 6_000);
    for members in [
        format!(
            r#""type":"apply_patch_call","operation":{{"type":"update_file","path":"a","diff":"{long}"}}"#
        ),
        format!(r#""type":"shell_call","action":{{"commands":["{long}"],"timeout_ms":1000}}"#),
        format!(r#""action":{{"type":"exec","command":["sh","-c","{long}"]}},"type":"local_shell_call""#),
        format!(r#""type":"computer_call","action":{{"type":"type","text":"{long}"}}"#),
        format!(r#""type":"code_interpreter_call","code":"{long}","outputs":[]"#),
        format!(r#""type":"custom_tool_call","input":"{long}""#),
    ] {
        let seen = read(&item(members.clone())).text.bytes_all();
        assert!((6_000..6_100).contains(&seen), "{seen}: {members:.60}");
    }
}

#[test]
fn reasoning_under_several_names_counts_once_and_what_was_asked_for_not_at_all() {
    let answer = r#"{"choices":[{"message":{"reasoning":"thought","reasoning_content":"thoughts","content":"said",
        "reasoning_details":[{"type":"reasoning.text","text":"thought"}]}},
        {"message":{"reasoning":"thought"}}]}"#;
    let text = read(answer).text;
    assert_eq!((text.bytes, text.hidden_bytes), (4, 8 + 7));
    // What a request said and what tools gave back is repeated around an answer, and none of it was generated.
    for echo in [
        r#"{"instructions":"long","prompt":{"id":"long"},"metadata":{"text":"long"},"reasoning":{"summary":"long"},
            "text":{"format":{"type":"text"}},"tools":[{"type":"function","description":"long"}],"output":[]}"#,
        r#"{"output":[{"type":"code_interpreter_call","outputs":[{"type":"logs","logs":"long"}]}]}"#,
        r#"{"output":[{"type":"shell_call_output","output":[{"stdout":"long"}]}]}"#,
        r#"{"output":[{"type":"web_search_call","action":{"type":"search","sources":[{"url":"long"}]}}]}"#,
        r#"{"content":[{"type":"bash_code_execution_tool_result","content":{"type":"text","text":"long"}}]}"#,
    ] {
        assert_eq!(read(echo).text.bytes_all(), 0, "{echo}");
    }
}
