//! Does money leak at the rim? Needs requests that once leaked it: `$TOKEN_BUDGET_DATA/cases/attacks/cases.jsonl`,
//! and is skipped without them.
//!
//! Each line is a request to the gate, mostly with a scripted answer, and what must hold of the hold or the charge.
//! Refusing is safe, save where a case says that the request must be admitted.

use std::fs;

use serde::Deserialize;
use serde_json::{Map, Value};
use token_budget::http::{HttpBudget, RequestHead, Ruling};
use token_budget::tokens::FamilyEstimator;
use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};

use crate::http_support::{End, Pieces, read_some};
use crate::support::ready;

#[derive(Deserialize)]
struct Case {
    klass: String,
    name: String,
    why: String,
    want: Map<String, Value>,
    method: Option<String>,
    host: String,
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<Value>,
    raw: Option<String>,
    limit: Option<String>,
    #[serde(default)]
    clamp: bool,
    estimator: Option<String>,
    provider: Option<String>,
    answer: Option<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    status: Option<u16>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    pieces: Vec<String>,
    #[serde(default)]
    hex: bool,
    drop_after: Option<usize>,
    #[serde(default)]
    breaks: bool,
    #[serde(default)]
    hangs: bool,
}

/// What came of a case: the hold, and what was charged in the end.
struct Outcome {
    input: u64,
    output: u64,
    quoted: Usd,
    spent: Usd,
}

#[test]
fn every_request_that_leaked_money_is_held_for_charged_or_refused() {
    let Ok(data) = std::env::var("TOKEN_BUDGET_DATA") else {
        println!("skipped: TOKEN_BUDGET_DATA is not set");
        return;
    };
    let Ok(lines) = fs::read_to_string(format!("{data}/cases/attacks/cases.jsonl")) else {
        println!("skipped: there are no attack cases in {data}");
        return;
    };
    let cases: Vec<Case> =
        lines.lines().map(|line| serde_json::from_str(line).expect("a case that can be read")).collect();

    let problems: Vec<String> = cases.iter().filter_map(problem).collect();

    println!("{} of {} attack cases hold", cases.len() - problems.len(), cases.len());
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(cases.len() >= 28, "only {} cases were found", cases.len());
}

/// What does not hold in a case; `None` where all does.
fn problem(case: &Case) -> Option<String> {
    let wrong = match run(case) {
        None if case.want.contains_key("admitted") => vec!["it was refused".to_owned()],
        None => Vec::new(),
        Some(outcome) => {
            let wants = case.want.iter().filter(|(what, _)| *what != "admitted");
            wants.filter_map(|(what, figure)| shortfall(&outcome, what, figure)).collect()
        }
    };
    let Case { klass, name, why, .. } = case;
    (!wrong.is_empty()).then(|| format!("[{klass}] {name}: {} ({why})", wrong.join("; ")))
}

fn shortfall(outcome: &Outcome, what: &str, figure: &Value) -> Option<String> {
    let (field, at_least) = match what.strip_suffix("_at_least") {
        Some(field) => (field, true),
        None => (what.strip_suffix("_at_most").expect("at least or at most"), false),
    };
    let dollars = || figure.as_str().expect("dollars").parse::<Usd>().expect("dollars").nanos();
    let tokens = || figure.as_i64().expect("tokens");
    let (is, wanted) = match field {
        "input" => (i64::try_from(outcome.input).unwrap_or(i64::MAX), tokens()),
        "output" => (i64::try_from(outcome.output).unwrap_or(i64::MAX), tokens()),
        "quoted" => (outcome.quoted.nanos(), dollars()),
        "spent" => (outcome.spent.nanos(), dollars()),
        other => panic!("a case wants {other}, which is not looked at"),
    };
    let holds = if at_least { is >= wanted } else { is <= wanted };
    (!holds).then(|| format!("{what} {figure}, and {field} is {is}"))
}

/// Sends a case through the gate; `None` where it is refused.
fn run(case: &Case) -> Option<Outcome> {
    let enforcer = enforcer(case);
    let mut gate = HttpBudget::new(enforcer.clone(), |_| Ok(Call::charging().api_key("k")));
    if case.clamp {
        gate = gate.clamp_output();
    }
    if let Some(provider) = case.provider.clone() {
        gate = gate.provider_of(move |_| Some(provider.as_str().into()));
    }
    let body = match (&case.raw, &case.body) {
        (Some(raw), _) => raw.clone(),
        (None, Some(body)) => body.to_string(),
        (None, None) => String::new(),
    };
    let method = case.method.as_deref().unwrap_or("POST");
    let head = RequestHead::new(method, &case.host, &case.path, &case.headers);
    let admitted = match ready(gate.admit(&head, body.as_bytes())) {
        Ruling::Admitted(admitted) => admitted,
        Ruling::Pass => {
            return Some(Outcome { input: 0, output: 0, quoted: Usd::ZERO, spent: Usd::ZERO });
        }
        Ruling::Refused(_) => return None,
    };
    let held = admitted.reservation();
    let (input, output, quoted) = (held.estimate().tokens, held.output_tokens(), held.quoted());
    if let Some(answer) = &case.answer {
        let answered = admitted.send().answered(answer.status.unwrap_or(200), &answer.headers);
        let end = match answer {
            Answer { breaks: true, .. } => End::Resets,
            Answer { hangs: true, .. } => End::Waits,
            _ => End::Ends,
        };
        let pieces = Pieces::of(answer.pieces.iter().map(|piece| bytes(piece, answer.hex))).then(end);
        read_some(answered, pieces, answer.drop_after.unwrap_or(usize::MAX));
        ready(enforcer.flush()).expect("a ledger in memory");
    }
    Some(Outcome { input, output, quoted, spent: spent(&enforcer) })
}

fn enforcer(case: &Case) -> Enforcer {
    let limit: Usd = case.limit.as_deref().unwrap_or("1000000").parse().expect("dollars");
    let key = Scope::api_key("k").expect("a name");
    let policy = Policy::new([Budget::usd("k", key, limit, Window::day())]).expect("a policy");
    let builder = Enforcer::builder().policy(policy);
    match case.estimator.as_deref() {
        None => builder.build(),
        Some("family") => builder.estimator(FamilyEstimator::new()).build(),
        #[cfg(feature = "tiktoken")]
        Some("family_tt") => builder
            .estimator(FamilyEstimator::counting(token_budget::tokens::TiktokenEstimator::new()))
            .build(),
        #[cfg(feature = "tiktoken")]
        Some("tt") => builder.estimator(token_budget::tokens::TiktokenEstimator::new()).build(),
        Some(other) => panic!("a case names the estimator {other}, which this build does not have"),
    }
}

fn spent(enforcer: &Enforcer) -> Usd {
    let advice = ready(enforcer.check(&Call::new("gpt-4o").api_key("k").input_tokens(0).output_tokens(0)));
    Usd::from_nanos(advice.expect("a ledger in memory").budgets()[0].spent)
}

fn bytes(piece: &str, is_hex: bool) -> Vec<u8> {
    if !is_hex {
        return piece.as_bytes().to_vec();
    }
    let pairs = (0..piece.len() / 2).map(|at| &piece[2 * at..2 * at + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
}
