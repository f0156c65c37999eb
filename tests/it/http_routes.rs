//! Which paths beside those that generate pass the gate, and what are the others told?

use token_budget::http::{HttpBudget, RequestHead, Ruling};

use crate::http_support::{HOST, JSON, Pieces, admitted, books, gate, house, json, post, read, refused};
use crate::support::{block_on, ready};

fn at(provider: &'static str, dollars: &str) -> HttpBudget {
    gate(&house(dollars)).provider_of(move |_| Some(provider.into()))
}

/// What the gate says of a POST without a body: nothing where it passes, else what its sender is told.
fn told(gate: &HttpBudget, method: &str, path: &str) -> Option<String> {
    match ready(gate.admit(&RequestHead::new(method, HOST, path, &[("", ""); 0]), b"{}")) {
        Ruling::Pass => None,
        Ruling::Admitted(_) => panic!("{path} was admitted"),
        Ruling::Refused(refusal) => {
            let body = json(&refusal.body);
            assert_eq!(refusal.status, 403, "{path}: {body}");
            let said = body["error"]["message"].as_str().or(body["message"].as_str());
            Some(said.expect("a message").to_owned())
        }
    }
}

// An application that keeps conversations, threads or files at its provider was refused by every one of these.
#[test]
fn what_is_stored_and_costs_nothing_passes_unmetered() {
    let openai = at("openai", "1");
    for path in [
        "/v1/conversations",
        "/v1/conversations/conv_1",
        "/v1/conversations/conv_1/items",
        "/v1/chat/completions/chatcmpl-1",
        "/v1/threads",
        "/v1/threads/thread_1",
        "/v1/threads/thread_1/messages",
        "/v1/threads/thread_1/messages/msg_1",
        "/v1/threads/thread_1/runs/run_1",
        "/v1/threads/thread_1/runs/run_1/cancel",
        "/v1/assistants",
        "/v1/assistants/asst_1",
        "/v1/vector_stores/vs_1/search",
        "/v1/vector_stores/vs_1/files/file-1",
        "/v1/vector_stores/vs_1/file_batches/b_1/cancel",
        "/v1/containers/cntr_1/files",
        "/v1/skills",
        "/v1/skills/s_1/versions",
        "/v1/files",
        "/v1/uploads/u_1/parts",
        "/v1/batches/batch_1/cancel",
        "/v1/responses/resp_1/cancel",
        "/v1/responses/input_tokens",
        // Azure, and its agents.
        "/openai/threads",
        "/openai/assistants/asst_1",
        "/openai/v1/conversations",
        "/api/projects/p/threads/thread_1",
        "/api/projects/p/openai/v1/conversations/conv_1/items",
    ] {
        assert_eq!(told(&openai, "POST", path), None, "{path}");
    }
    for path in [
        "/v1/skills",
        "/v1/skills/s_1/versions",
        "/v1/files",
        "/v1/messages/count_tokens",
        "/v1/messages/batches/b_1/cancel",
        "/v1beta/models/gemini-2.5-pro:countTokens",
        "/v1beta/batches/b1:cancel",
        "/upload/v1beta/files",
        "/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict",
        "/model/milli/count-tokens",
        "/model-invocation-job/j/stop",
        "/v1/batch/jobs/j/cancel",
    ] {
        assert_eq!(told(&gate(&house("1")), "POST", path), None, "{path}");
    }
}

#[test]
fn what_is_stored_is_read_and_deleted_at_no_cost() {
    let openai = at("openai", "1");
    for method in ["GET", "DELETE", "HEAD"] {
        for path in [
            "/v1/responses/resp_1",
            "/v1/conversations/conv_1",
            "/v1/containers/cntr_1",
            "/v1/vector_stores/vs_1",
            "/v1/messages/batches/b_1/results",
            "/v1/batches",
            "/v1beta/cachedContents/c",
        ] {
            assert_eq!(told(&openai, method, path), None, "{method} {path}");
        }
    }
}

#[test]
fn files_pass_behind_any_base() {
    let paths = [
        "/llm/files",
        "/llm/containers/c/files",
        "/containers/v1/files",
        "/vector_stores/v1/files",
        "/llm/uploads/u/parts",
    ];
    for path in paths {
        assert_eq!(told(&gate(&house("1")), "POST", path), None, "{path}");
    }
}

#[test]
fn what_costs_and_cannot_be_held_says_why_and_names_the_switch() {
    let gate = gate(&house("1"));
    for (path, why) in [
        ("/v1/batches", "begins a batch"),
        ("/v1/messages/batches", "begins a batch"),
        ("/v1/batch/jobs", "begins a batch"),
        ("/v1beta/models/gemini-2.5-pro:batchGenerateContent", "begins a batch"),
        ("/v1/projects/p/locations/l/batchPredictionJobs", "begins a batch"),
        ("/model-invocation-job", "begins a batch"),
        ("/v1/threads/runs", "a stored thread"),
        ("/v1/threads/t/runs", "a stored thread"),
        ("/v1/threads/t/runs/r/submit_tool_outputs", "a stored thread"),
        ("/openai/threads/t/runs", "a stored thread"),
        ("/v1/conversations", "HttpBudget::provider_of"),
        ("/v1/conversations/c/restart", "answered by a model"),
        ("/v1/vector_stores", "time for which it is kept"),
        ("/v1/vector_stores/vs_1/files", "time for which it is kept"),
        ("/v1/vector_stores/vs_1/file_batches", "time for which it is kept"),
        ("/v1beta/cachedContents", "time for which it is kept"),
        ("/v1/projects/p/locations/l/cachedContents", "time for which it is kept"),
        ("/v1/containers", "a container"),
        ("/v1/realtime/client_secrets", "hands out a key"),
        ("/v1/images/edits", "a form"),
        ("/v1/audio/transcriptions", "a form"),
        ("/v1/fine_tuning/jobs", "trains a model"),
        ("/v1/nobody/knows/this", "is not known here"),
        // Behind a base without a version, and behind one with a version of its own, storage is storage before it is
        // a file.
        ("/llm/vector_stores/vs/files", "time for which it is kept"),
        ("/v1/account/gateway/openai/vector_stores/vs/files", "time for which it is kept"),
        ("/assistants/vector_stores/vs/files", "time for which it is kept"),
        ("/llm/fine_tuning/files", "trains a model"),
        ("/llm/threads/t/runs", "a stored thread"),
        // An id that looks like the beginning of another path.
        ("/v1/threads/v1/runs", "a stored thread"),
        ("/v1/threads/openai/runs", "a stored thread"),
        ("/openai/v1/threads/v1/runs", "a stored thread"),
    ] {
        let said = told(&gate, "POST", path).unwrap_or_else(|| panic!("{path} passed"));
        assert!(said.contains(why) && said.contains("OnUnknownPath::Pass"), "{path}: {said}");
    }
    let said = told(&gate, "PATCH", "/v1beta/cachedContents/c").expect("longer is dearer");
    assert!(said.contains("time for which it is kept"), "{said}");
    let said = told(&gate, "PUT", "/v1/chat/completions").expect("nobody knows it");
    assert!(said.contains("for this method"), "{said}");
}

// Mistral answers what OpenAI only stores, under the same path.
#[test]
fn a_conversation_is_free_only_where_its_provider_only_stores_it() {
    for provider in ["openai", "azure", "azure_ai"] {
        assert_eq!(told(&at(provider, "1"), "POST", "/v1/conversations"), None, "{provider}");
    }
    for path in ["/v1/conversations", "/v1/conversations/c", "/v1/conversations/c/restart"] {
        assert!(told(&at("mistral", "1"), "POST", path).is_some(), "{path}");
    }
}

#[test]
fn a_compaction_is_held_for_the_models_maximum_and_charged_what_it_says() {
    // `pair` costs a tenth of a cent for each token and has a context of 7,000, which is all that it can generate:
    // whatever limit the body names, since the API reads none.
    let house = house("20");
    let gate = gate(&house);
    let body = r#"{"model":"pair","input":[{"role":"user","content":"hello"}],"max_output_tokens":1}"#;
    let mut held = admitted(&gate, "/v1/responses/compact", body);
    assert!(held.take_body().is_none(), "it takes no limit, so none is written in");
    assert_eq!(held.reservation().output_tokens_each(), 7_000);
    let answer = r#"{"id":"resp_1","object":"response.compaction","output":[],
        "usage":{"input_tokens":10,"output_tokens":50,"total_tokens":60}}"#;
    assert!(read(held.send().answered(200, &JSON), Pieces::of([answer])).ended);
    assert_eq!(books(&house), ("0.06".to_owned(), "0.00".to_owned()));
}

// Google's servers take the method of this header in place of the one of the request, which was judged.
#[test]
fn a_header_that_asks_for_another_method_is_refused() {
    let gate = gate(&house("1"));
    for name in ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override"] {
        for method in ["GET", "POST"] {
            let headers = [(name, "POST")];
            let head = RequestHead::new(method, HOST, "/v1beta/models/milli:generateContent", &headers);
            let refusal = refused(block_on(gate.admit(&head, b"{}")));
            let said = json(&refusal.body)["error"]["message"].to_string();
            assert_eq!(refusal.status, 403, "{said}");
            assert!(said.contains(&name.to_ascii_lowercase()), "{said}");
        }
    }
    assert!(matches!(ready(gate.admit(&post(HOST, "/v1/files"), b"")), Ruling::Pass));
}
