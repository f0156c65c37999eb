//! Is a limit believed only where its API reads it, and is one that bounds nothing written anew?

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use token_budget::client::JsonClient;
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::pricing::PriceRow;
use token_budget::{Budget, BudgetEnforcedClient, Call, Enforcer, Policy, PricingTable, Usd, Window};

use crate::no_limit_clients::Priced;
use crate::support::{ready, team};

/// A token out is a tenth of a cent, and no model writes more than eight thousand.
const ROWS: &str = r#"[
    {"provider": "own", "model": "m", "reasoning": "never", "output_tokens_max": 8000,
        "standard": {"input": "0", "output": "1000"}},
    {"provider": "own", "model": "gpt-5", "reasoning": "never", "output_tokens_max": 8000,
        "standard": {"input": "0", "output": "1000"}},
    {"provider": "own", "model": "gpt-3.5-turbo-instruct", "reasoning": "never", "output_tokens_max": 8000,
        "standard": {"input": "0", "output": "1000"}}
]"#;

fn enforcer() -> Enforcer {
    let table = PricingTable::empty().with_rows(PriceRow::list_from_json(ROWS).unwrap()).unwrap();
    let budget = Budget::usd("search", team(), Usd::dollars(1_000), Window::day());
    Enforcer::builder().policy(Policy::new([budget]).unwrap()).prices(table).build()
}

fn charge() -> Call {
    Call::charging().team("search").provider("own")
}

/// What the gate holds, in tokens of output, and what it sends.
fn at_gate(host: &str, path: &str, seller: Option<&'static str>, charge: Call, body: &Value) -> (u64, Value) {
    let gate = HttpBudget::new(enforcer(), move |_| Ok(charge.clone()));
    let gate = match seller {
        Some(seller) => gate.provider_of(move |_| Some(seller.into())),
        None => gate,
    };
    let head = RequestHead::new("POST", host, path, &[("", ""); 0]);
    match ready(gate.admit(&head, body.to_string().as_bytes())) {
        Ruling::Admitted(mut admitted) => {
            let sent = admitted.take_body().map(|sent| serde_json::from_slice(&sent).unwrap());
            (admitted.reservation().output_tokens(), sent.unwrap_or_else(|| body.clone()))
        }
        other => panic!("not admitted: {other:?}"),
    }
}

/// What a client of JSON is charged by a provider that says nothing of usage, in tokens of output, and what it sends.
fn by_client(seller: &'static str, body: &Value) -> (i64, Value) {
    let sent = Arc::new(Mutex::new(Value::Null));
    let kept = Arc::clone(&sent);
    let post = move |body: Value| {
        *kept.lock().unwrap() = body;
        async { Ok::<_, String>("{}") }
    };
    let client =
        BudgetEnforcedClient::new(Priced { client: JsonClient::new(seller, post) }, enforcer(), charge());
    let receipt = ready(client.call(body.clone())).unwrap().receipt.unwrap();
    let sent = sent.lock().unwrap().clone();
    (receipt.cost().nanos() / 1_000_000, sent)
}

/// It was held at the sixteen tokens at which the API stops that is told of no limit at all, and sent as it came.
#[test]
fn a_limit_that_is_no_number_is_written_anew_and_held() {
    for odd in [json!(-1), json!("4000"), json!(" 4000 "), json!(true), json!([1]), json!(-0.5)] {
        for seller in ["openai", "vllm"] {
            let body = json!({"model": "m", "prompt": "hi", "max_tokens": odd});
            let mut expected = body.clone();
            expected["max_tokens"] = json!(8_000);
            assert_eq!(by_client(seller, &body), (8_000, expected.clone()), "{seller} {odd}");
            if !odd.is_string() {
                // A number in quotes is refused at the gate: it can be read in two ways.
                let gate = at_gate("llm.test", "/v1/completions", Some(seller), charge(), &body);
                assert_eq!(gate, (8_000, expected), "{seller} {odd}");
            }
        }
    }
    let whole = json!({"model": "m", "prompt": "hi", "max_tokens": 4000.0});
    assert_eq!(by_client("vllm", &whole), (4_000, whole.clone()));
    let unsaid = json!({"model": "m", "prompt": "hi", "max_tokens": null});
    assert_eq!(by_client("vllm", &unsaid), (16, unsaid.clone()), "null says nothing");
}

/// The odd limit in another API's words was overwritten, and none was written in those that are read.
#[test]
fn an_odd_limit_in_foreign_words_does_not_stand_for_ones_own() {
    let body = json!({"model": "m", "messages": [], "num_predict": "all"});
    let (held, sent) = by_client("nobody-knows", &body);
    assert_eq!((held, &sent["max_tokens"]), (8_000, &json!(8_000)));
}

/// DeepSeek answered with 76 tokens where `max_completion_tokens` said five.
#[test]
fn a_limit_that_its_seller_ignores_is_written_in_by_the_name_that_it_reads() {
    let body = json!({"model": "m", "messages": [], "max_completion_tokens": 50});
    let mut told = body.clone();
    told["max_tokens"] = json!(50);
    for host in ["api.deepseek.com", "api.together.xyz", "api.z.ai", "api.perplexity.ai", "api.mistral.ai"] {
        assert_eq!(
            at_gate(host, "/v1/chat/completions", None, charge(), &body),
            (50, told.clone()),
            "{host}"
        );
    }
    let azure =
        |body: &Value| at_gate("a.services.ai.azure.com", "/models/chat/completions", None, charge(), body);
    assert_eq!(azure(&body), (50, told.clone()));
    assert_eq!(
        at_gate("api.cohere.ai", "/compatibility/v1/chat/completions", None, charge(), &body),
        (50, told.clone())
    );
    for seller in ["deepseek", "mistral", "together", "perplexity"] {
        assert_eq!(by_client(seller, &body), (50, told.clone()), "{seller}");
    }
    // Beside the name that is read, the other says nothing.
    let both = json!({"model": "m", "messages": [], "max_completion_tokens": 5_000, "max_tokens": 70});
    assert_eq!(at_gate("api.deepseek.com", "/chat/completions", None, charge(), &both), (70, both.clone()));
    let most = json!({"model": "m", "messages": [], "max_completion_tokens": 90_000});
    let (held, sent) = at_gate("api.deepseek.com", "/chat/completions", None, charge(), &most);
    assert_eq!((held, &sent["max_tokens"]), (8_000, &json!(8_000)));
}

#[test]
fn a_seller_that_reads_both_names_is_told_by_the_one_that_stands_there() {
    let body = json!({"model": "m", "messages": [], "max_completion_tokens": 50});
    for host in [
        "api.openai.com",
        "api.groq.com",
        "api.cerebras.ai",
        "openrouter.ai",
        "api.x.ai",
        "api.fireworks.ai",
        "api.moonshot.ai",
        "a.openai.azure.com",
        "llm.test",
    ] {
        // OpenAI refuses a request that has both.
        assert_eq!(
            at_gate(host, "/v1/chat/completions", None, charge(), &body),
            (50, body.clone()),
            "{host}"
        );
    }
    let body = json!({"model": "gpt-5", "messages": [], "max_completion_tokens": 50});
    let host = "a.services.ai.azure.com";
    assert_eq!(at_gate(host, "/models/chat/completions", None, charge(), &body), (50, body.clone()));
}

/// Whose words they are was not asked: a Llama that was told `max_tokens` writes as it pleases.
#[test]
fn behind_invoke_a_limit_counts_in_the_words_of_the_models_maker() {
    let host = "bedrock-runtime.us-east-1.amazonaws.com";
    // The price is that of `m`; whoever pays says so.
    let held = |model: &str, body: Value| {
        let path = format!("/model/{model}/invoke");
        let (held, sent) = at_gate(host, &path, None, charge().with_model("m"), &body);
        assert_eq!(sent, body, "nothing is written");
        held
    };
    for (model, own, foreign) in [
        ("us.anthropic.claude-sonnet-4-v1:0", json!({"max_tokens": 70}), json!({"max_gen_len": 70})),
        ("meta.llama3-70b-instruct-v1:0", json!({"max_gen_len": 70}), json!({"max_tokens": 70})),
        (
            "amazon.nova-pro-v1:0",
            json!({"inferenceConfig": {"maxTokens": 70}}),
            json!({"textGenerationConfig": {"maxTokenCount": 70}}),
        ),
        (
            "amazon.titan-text-express-v1",
            json!({"textGenerationConfig": {"maxTokenCount": 70}}),
            json!({"max_tokens": 70}),
        ),
        ("openai.gpt-oss-120b-1:0", json!({"max_completion_tokens": 70}), json!({"maxTokens": 70})),
        ("mistral.mistral-large-2407-v1:0", json!({"max_tokens": 70}), json!({"max_completion_tokens": 70})),
    ] {
        assert_eq!(held(model, own), 70, "{model}");
        assert_eq!(held(model, foreign), 8_000, "{model}");
    }
    assert_eq!(held("mine", json!({"max_tokens": 70})), 8_000, "nobody knows whose it is");
}

/// The sixteen tokens are OpenAI's; the other model that may answer stops nowhere by itself.
#[test]
fn what_bounds_one_of_several_models_bounds_none_of_the_others() {
    let held = |models: Value| {
        let body = json!({"model": "gpt-3.5-turbo-instruct", "models": models, "prompt": "hi"});
        at_gate("llm.test", "/v1/completions", None, charge(), &body)
    };
    assert_eq!(held(json!(["gpt-3.5-turbo-instruct"])).0, 16);
    let (held, sent) = held(json!(["gpt-3.5-turbo-instruct", "m"]));
    assert_eq!((held, &sent["max_tokens"]), (8_000, &json!(8_000)));
}
