//! What is charged where an answer says too little: through a mask, behind a filter, after its end, in several tiers?

use token_budget::call::{Conditions, ServiceTier};
use token_budget::enforcer::Actual;
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::ledger::Certainty;
use token_budget::stream::{StreamReader, StreamSeen};
use token_budget::usage::Meter;
use token_budget::wire::{UsageReport, extract};
use token_budget::{Budget, Call, Enforcer, Policy, Receipt, Scope, Usage, Usd, Window};

use crate::http_support::{Pieces, read_some};
use crate::support::{ready, usd};

fn read(body: &str) -> UsageReport {
    extract(None, body.as_bytes(), []).unwrap()
}

fn enforcer() -> Enforcer {
    let scope = Scope::team("search").unwrap();
    let policy = Policy::new([Budget::usd("search", scope, Usd::dollars(100), Window::day())]).unwrap();
    Enforcer::builder().policy(policy).build()
}

fn charged(call: Call, report: impl Into<Actual>) -> Receipt {
    let call = call.team("search");
    enforcer().reserve(&call).wait().unwrap().or_refusal().unwrap().send().reconcile(report).wait().unwrap()
}

/// What a request through the gate is charged, whose provider is said to be that one.
fn spent(provider: &'static str, path: &str, body: &str, status: u16, answer: &str) -> Usd {
    let enforcer = enforcer();
    let gate = HttpBudget::new(enforcer.clone(), |_| Ok(Call::charging().team("search")))
        .provider_of(move |_| Some(provider.into()));
    let headers = [("content-type", "application/json")];
    let head = RequestHead::new("POST", "acme.openai.azure.com", path, &headers);
    let ruling = ready(gate.admit(&head, body.as_bytes()));
    let Ruling::Admitted(admitted) = ruling else { panic!("not admitted: {ruling:?}") };
    let answered = admitted.send().answered(status, &headers);
    read_some(answered, Pieces::of([answer.as_bytes().to_vec()]), usize::MAX);
    ready(enforcer.flush()).unwrap();
    let none = Call::new("gpt-4o").team("search").input_tokens(0).output_tokens(0);
    Usd::from_nanos(ready(enforcer.check(&none)).unwrap().budgets()[0].spent)
}

/// Azure bills the input of a prompt that its filter refused. Who was told that the provider is OpenAI, because
/// a proxy stands between, charged nothing.
#[test]
fn a_prompt_that_azures_filter_refused_is_charged_whoever_the_provider_is_said_to_be() {
    let body = format!(
        r#"{{"messages":[{{"role":"user","content":"{}"}}],"max_tokens":10}}"#,
        "lorem ".repeat(2_000)
    );
    let path = "/openai/deployments/gpt-4o/chat/completions";
    for error in [
        r#"{"error":{"code":"content_filter","message":"filtered","status":400}}"#,
        r#"{"error":{"code":null,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
        r#"{"error":{"message":"x","type":null,"param":"prompt","code":"content_filter","status":400,
            "innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true}}}}}"#,
    ] {
        let spent = spent("openai", path, &body, 400, error);
        assert!(spent > usd("0.001"), "{spent} for {error}");
    }
    // OpenAI's own refusal, and errors of other kinds, are not billed.
    for error in [
        r#"{"error":{"code":"content_policy_violation","message":"no"}}"#,
        r#"{"error":{"code":"invalid_request","message":"content_filter"}}"#,
    ] {
        assert_eq!(spent("openai", path, &body, 400, error), Usd::ZERO, "{error}");
    }
}

/// `?fields=` let through what it would; what it left out was charged as zero, or at the price of something else.
#[test]
fn what_a_mask_leaves_out_is_charged_as_held_where_the_total_does_not_tell() {
    let call = |model: &str| Call::new(model).input_tokens(10).output_tokens(9_000);
    let candidates = r#""candidates":[{"content":{"parts":[{"text":"42"}]},"finishReason":"STOP"}],"#;
    // Each of them alone, with the text and without.
    for usage in [
        r#"{"promptTokenCount":10}"#,
        r#"{"promptTokenCount":10,"candidatesTokenCount":1}"#,
        r#"{"candidatesTokenCount":1}"#,
        r#"{"totalTokenCount":400}"#,
        r#"{"totalTokenCount":400,"candidatesTokenCount":1}"#,
        r#"{"thoughtsTokenCount":3}"#,
        r#"{"trafficType":"ON_DEMAND"}"#,
    ] {
        for text in [candidates, "", r#""candidates":[{"finishReason":"STOP"}],"#] {
            let receipt =
                charged(call("gemini-2.5-pro"), read(&format!(r#"{{{text}"usageMetadata":{usage}}}"#)));
            let usage_charged = (receipt.usage().output(), receipt.certainty());
            assert_eq!(usage_charged, (Some(9_000), Certainty::Estimated), "{text} {usage}");
        }
    }
    // A model that does not reason has used what is said of it.
    let body =
        format!(r#"{{{candidates}"usageMetadata":{{"promptTokenCount":10,"candidatesTokenCount":1}}}}"#);
    let receipt = charged(call("gemini-2.0-flash"), read(&body));
    assert_eq!((receipt.usage().output(), receipt.certainty()), (Some(1), Certainty::Reported));
    // Where the total is there, what was thought is what the others do not tell.
    for (usage, input, output) in [
        (r#"{"promptTokenCount":10,"totalTokenCount":400}"#, 10, 390),
        (r#"{"promptTokenCount":10,"candidatesTokenCount":1,"totalTokenCount":400}"#, 10, 390),
        (
            r#"{"promptTokenCount":10,"candidatesTokenCount":1,"thoughtsTokenCount":389,"totalTokenCount":400}"#,
            10,
            390,
        ),
        (r#"{"promptTokenCount":10,"totalTokenCount":10}"#, 10, 0),
    ] {
        let receipt = charged(call("gemini-2.5-pro"), read(&format!(r#"{{"usageMetadata":{usage}}}"#)));
        let counts = (receipt.usage().input(), receipt.usage().output(), receipt.certainty());
        assert_eq!(counts, (Some(input), Some(output), Certainty::Reported), "{usage}");
    }
}

/// Legacy completions begin with the prompt where the request says `echo`: that is no output.
#[test]
fn an_echoed_prompt_is_no_output() {
    let prompt = "a long tale of old kings ".repeat(400);
    let ask = |echo: &str| {
        format!(r#"{{"model":"gpt-3.5-turbo-instruct","prompt":"{prompt}","max_tokens":100{echo}}}"#)
    };
    let answer = format!(
        r#"{{"model":"gpt-3.5-turbo-instruct","choices":[{{"text":"{prompt}end","finish_reason":"stop"}}],
            "usage":{{"prompt_tokens":2400,"completion_tokens":1,"total_tokens":2401}}}}"#
    );
    let spent = |echo| spent("openai", "/v1/completions", &ask(echo), 200, &answer);
    // $1.50 and $2 a million.
    assert_eq!(spent(r#","echo":true"#), usd("0.003602"));
    assert!(spent("") > usd("0.0037"), "without it the text is all output");
}

/// A reader of one's own said that the answer was whole, and then, of a frame behind it, that it had one token.
#[test]
fn usage_after_the_end_of_a_stream_replaces_nothing() {
    let mut seen = StreamSeen::default();
    let mut reader = |usage: &Option<u64>, seen: &mut StreamSeen| match usage {
        Some(output) => seen.usage(Usage::of(90, *output)),
        None => seen.finished(),
    };
    let told = |seen: &StreamSeen| format!("{seen:?}");
    for item in [Some(5), Some(9), None] {
        reader.read(&item, &mut seen);
    }
    let before = told(&seen);
    reader.read(&Some(1), &mut seen);
    assert_eq!(
        (before.as_str(), told(&seen).as_str()),
        ("StreamSeen(0 bytes of answer, 9 tokens reported)", before.as_str())
    );
    // Where nothing was said before, it is the first word.
    let mut seen = StreamSeen::default();
    for item in [None, Some(9)] {
        reader.read(&item, &mut seen);
    }
    assert_eq!(told(&seen), "StreamSeen(0 bytes of answer, 9 tokens reported)");
}

/// All answers of a log were charged by the tier of the last: half of what a standard one costs.
#[test]
fn each_answer_is_priced_at_its_own_tier() {
    let answer = |id: &str, tier: &str| {
        format!(
            r#"{{"id":"{id}","object":"chat.completion","model":"gpt-5","choices":[{{"finish_reason":"stop"}}],{tier}
                "usage":{{"prompt_tokens":1000,"completion_tokens":1000}}}}"#
        )
    };
    let [flex, standard, unsaid] = [
        answer("a", r#""service_tier":"flex","#),
        answer("b", r#""service_tier":"default","#),
        answer("c", ""),
    ];
    let call = || Call::new("gpt-5").input_tokens(3_000).output_tokens(3_000);
    let priority = || call().conditions(Conditions::new().with_tier(ServiceTier::Priority));
    // Standard costs $1.25 and $10 a million, flex half, priority double.
    for (log, call, cost) in [
        (vec![&flex, &standard], call(), "0.016875"),
        (vec![&standard, &flex], call(), "0.016875"),
        (vec![&unsaid, &flex], call(), "0.016875"),
        (vec![&flex, &unsaid], call(), "0.016875"),
        (vec![&unsaid, &flex], priority(), "0.028125"),
        (vec![&flex], priority(), "0.005625"),
    ] {
        let log: String = log.into_iter().map(|body| body.replace('\n', " ") + "\n").collect();
        let receipt = charged(call, read(&log));
        assert_eq!((receipt.cost(), receipt.certainty()), (usd(cost), Certainty::Reported), "{log}");
    }
    let report = read(&flex);
    assert_eq!(report.lines[0].tier(), Some(ServiceTier::Flex));
    assert_eq!(report.usage().unwrap().count(Meter::Output), Some(1_000));
}
