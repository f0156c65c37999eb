//! Is a request held for what its own API will read in it, and nothing else?

use token_budget::Usd;
use token_budget::http::{HttpBudget, Ruling};

use crate::http_support::{
    CHAT, EVENTS, End, HOST, MESSAGES, Pieces, admitted, books, chat_events, gate, house, json, read_some,
    refused, rule,
};
use crate::support::usd;

/// What a client pays that reads thirty words of so many letters and hangs up before the end, of a budget of a dollar.
fn charged_to_who_hangs_up(body: &str, letters: usize) -> Usd {
    let house = house("1");
    let answered = admitted(&gate(&house), CHAT, body).send().answered(200, &EVENTS);
    let word = "x".repeat(letters);
    let words = vec![word.as_str(); 30];
    let events = chat_events(&words, None);
    read_some(answered, Pieces::of(&events[..30]).then(End::Waits), 31);
    usd(&books(&house).0)
}

/// The body that a gate sends which writes a limit into every request.
fn clamped(gate: &HttpBudget, path: &str, body: &str) -> String {
    let sent = admitted(&gate.clone().clamp_output(), path, body).take_body();
    sent.map_or_else(|| body.to_owned(), |sent| String::from_utf8(sent).unwrap())
}

#[test]
fn a_limit_in_the_words_of_another_api_hides_no_stream() {
    // A dollar pays for a thousand of these tokens, and three thousand come.
    for limit in [
        r#""max_tokens":100000"#,
        r#""num_predict":1"#,
        r#""options":{"max_tokens":1}"#,
        r#""maxOutputTokens":1"#,
    ] {
        let body = format!(r#"{{"model":"milli","stream":true,{limit},"messages":[]}}"#);
        let spent = charged_to_who_hangs_up(&body, 100);
        assert!(spent >= usd("1"), "{limit}: charged {spent}");
    }
}

#[test]
fn a_limit_is_written_where_the_api_reads_it_whatever_stands_elsewhere() {
    let house = house("1");
    let gate = gate(&house);
    let table = [
        (
            CHAT,
            r#"{"model":"short","num_predict":1}"#,
            r#"{"model":"short","num_predict":1,"max_tokens":500}"#,
        ),
        (
            CHAT,
            r#"{"model":"short","options":{"max_tokens":1}}"#,
            r#"{"model":"short","options":{"max_tokens":1},"max_tokens":500}"#,
        ),
        (
            "/api/chat",
            r#"{"model":"short","stream":false,"max_tokens":1}"#,
            r#"{"model":"short","stream":false,"max_tokens":1,"options":{"num_predict":500}}"#,
        ),
        (
            MESSAGES,
            r#"{"model":"short","max_completion_tokens":1}"#,
            r#"{"model":"short","max_completion_tokens":1,"max_tokens":500}"#,
        ),
        (
            "/v1/complete",
            r#"{"model":"short","max_tokens":1}"#,
            r#"{"model":"short","max_tokens":1,"max_tokens_to_sample":500}"#,
        ),
        (
            "/v1/responses",
            r#"{"model":"short","max_tokens":1}"#,
            r#"{"model":"short","max_tokens":1,"max_output_tokens":500}"#,
        ),
        (
            "/v1beta/models/short:generateContent",
            r#"{"generation_config":{"max_output_tokens":501}}"#,
            r#"{"generation_config":{"max_output_tokens":500}}"#,
        ),
        (
            "/v1beta/models/short:generateContent",
            r#"{"maxOutputTokens":1}"#,
            r#"{"maxOutputTokens":1,"generationConfig":{"maxOutputTokens":500}}"#,
        ),
        (
            "/model/short/converse",
            r#"{"max_tokens":1}"#,
            r#"{"max_tokens":1,"inferenceConfig":{"maxTokens":500}}"#,
        ),
    ];
    for (path, body, expected) in table {
        assert_eq!(clamped(&gate, path, body), expected, "{path}");
        assert_eq!(admitted(&gate, path, body).reservation().quoted(), usd("0.5"), "{path} {body}");
    }
}

#[test]
fn a_request_inside_a_request_is_not_the_one_that_is_sent() {
    let house = house("1");
    let body = r#"{"model":"dollar","n":8,"max_tokens":16000,"messages":[],
        "input":{"converse":{"model":"milli","max_tokens":1,"messages":[]}}}"#;
    assert_eq!(refused(rule(&gate(&house), CHAT, body)).status, 402, "128,000 dollars do not fit into one");
    let wrapped = r#"{"input":{"converse":{"model":"milli","messages":[]}}}"#;
    assert_eq!(refused(rule(&gate(&house), "/v1/responses", wrapped)).status, 400, "it names no model");
}

#[test]
fn answers_that_are_asked_for_in_the_words_of_another_api_hide_no_others() {
    let house = house("100");
    let held = |path: &str, body: &str| admitted(&gate(&house), path, body).reservation().quoted();
    let body = r#"{"model":"milli","max_tokens":100,"n":100,"candidateCount":4294967296,"messages":[]}"#;
    assert_eq!(held(CHAT, body), usd("10"), "a hundred answers of ten cents");
    let body = r#"{"model":"milli","max_tokens":100,"n":3,"best_of":5,"prompt":""}"#;
    assert_eq!(held("/v1/completions", body), usd("0.5"), "all that are drawn are billed");

    let body =
        r#"{"model":"milli","stream":true,"max_tokens":50,"n":30,"candidateCount":4294967296,"messages":[]}"#;
    // Thirty answers of fifty tokens do not fit into a dollar, and the stream of them ends where it does.
    assert!(charged_to_who_hangs_up(body, 50) >= usd("1"));
}

#[test]
fn more_answers_than_can_be_counted_are_never_taken_for_one() {
    let house = house("1");
    for answers in ["4294967296", "18446744073709551616", "1e30"] {
        let body = format!(r#"{{"model":"milli","max_tokens":1,"n":{answers},"messages":[]}}"#);
        assert!(!matches!(rule(&gate(&house), CHAT, &body), Ruling::Admitted(_)), "{answers}");
    }
}

#[test]
fn a_body_that_two_servers_read_in_two_ways_is_refused() {
    let house = house("1");
    let gate = gate(&house).inject_usage_for(HOST);
    let table = [
        (CHAT, r#""stream":true,"stream_options":{"include_usage":true,"include_usage":false}"#),
        (CHAT, r#""stream":true,"stream_options":{"include_usage":true,"Include_Usage":false}"#),
        (CHAT, r#""max_tokens":1,"Model":"dollar""#),
        (CHAT, r#""max_tokens":1,"Max_Tokens":16000"#),
        (CHAT, "\"max_tokens\":1,\"max_to\u{212a}ens\":16000"),
        (CHAT, r#""max_tokens":1,"N":8"#),
        (CHAT, r#""max_tokens":1,"n":"8""#),
        (CHAT, r#""max_tokens":1,"max_completion_tokens":"16000""#),
        // What is read, how often, and by whom.
        (CHAT, r#""max_tokens":1,"messages":[],"Messages":[{"role":"user","content":"long"}]"#),
        (CHAT, r#""max_tokens":1,"Tools":[{"type":"web_search"}]"#),
        (CHAT, r#""max_tokens":1,"Models":["large"]"#),
        (CHAT, r#""max_tokens":1,"Background":true"#),
        ("/v1/completions", r#""max_tokens":1,"Prompt":["a","b"]"#),
        ("/v1/completions", r#""max_tokens":1,"Query":"q","Documents":["a","b"]"#),
        ("/api/chat", r#""Options":{"num_predict":16000}"#),
        ("/api/chat", r#""options":{"num_predict":1,"Num_Predict":16000}"#),
        (
            "/v1beta/models/milli:generateContent",
            r#""generationConfig":{"maxOutputTokens":1},"generation_config":{"max_output_tokens":16000}"#,
        ),
    ];
    for (path, members) in table {
        let refusal = refused(rule(&gate, path, &format!(r#"{{"model":"milli",{members}}}"#)));
        assert_eq!(refusal.status, 400, "{members}");
        assert!(String::from_utf8_lossy(&refusal.body).contains("in two ways"), "{members}");
    }
    let both =
        r#"{"model":"milli","max_tokens":1,"max_completion_tokens":2,"stop":"A","STOP":"B","messages":[]}"#;
    // Of two limits that one API reads the larger is held, and what bounds nothing may be spelt at will.
    assert_eq!(admitted(&gate, CHAT, both).reservation().output_tokens(), 2);
    let refusal = refused(rule(&gate, CHAT, r#"{"model":"milli","model":"large"}"#));
    assert_eq!(json(&refusal.body)["error"]["type"], "invalid_request_error");
}
