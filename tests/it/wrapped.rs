//! Does a wrapped client charge what its provider bills, and hand on what it says?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use token_budget::client::{CallError, Completed, Failure};
use token_budget::enforcer::Actual;
use token_budget::policy::Caps;
use token_budget::{Budget, BudgetEnforcedClient, Call, LlmClient, Policy, Usage, Usd, Window};

use crate::support::{House, block_on, call, nanos, ready, team, usd};

/// How the provider ends a call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Script {
    Answers(u64),
    Fails(Failure),
}

/// A client whose request is its output limit.
#[derive(Clone, Debug)]
struct Client {
    script: Script,
    sent: Arc<AtomicU64>,
    can_clamp: bool,
}

#[derive(Debug, PartialEq)]
struct Broken(Failure);

impl LlmClient for Client {
    type Request = u64;
    type Response = u64;
    type Error = Broken;

    fn describe(&self, request: &u64, call: Call) -> Call {
        call.with_model("milli").input_tokens(0).output_tokens(*request)
    }

    async fn call(&self, request: u64) -> Result<u64, Broken> {
        self.sent.store(request, Ordering::SeqCst);
        match self.script {
            Script::Answers(tokens) => Ok(tokens),
            Script::Fails(failure) => Err(Broken(failure)),
        }
    }

    fn actual(&self, response: &u64) -> Actual {
        Usage::of(0, *response).into()
    }

    fn failure(&self, error: &Broken) -> Failure {
        error.0
    }

    fn clamp(&self, request: &mut u64, output_tokens: u64) -> bool {
        if self.can_clamp {
            *request = (*request).min(output_tokens);
        }
        self.can_clamp
    }
}

fn wrapped(script: Script, caps: Caps) -> (House, BudgetEnforcedClient<Client>) {
    let budget = Budget::usd("search", team(), Usd::dollars(10), Window::month()).per_call(caps);
    let house = House::new(Policy::new([budget]).unwrap().unbound(token_budget::policy::Unbound::Allow));
    let client = Client { script, sent: Arc::default(), can_clamp: true };
    let client = BudgetEnforcedClient::new(client, house.enforcer.clone(), Call::charging().team("search"));
    (house, client)
}

fn sent(client: &BudgetEnforcedClient<Client>) -> u64 {
    client.inner().sent.load(Ordering::SeqCst)
}

#[test]
fn an_answer_comes_with_its_receipt() {
    let (house, client) = wrapped(Script::Answers(700), Caps::default());
    let Completed { response, receipt, .. } = ready(client.call(1_000)).unwrap();
    assert_eq!((response, receipt.unwrap().cost()), (700, usd("0.70")));
    assert_eq!(house.dollars(&call("milli", 0)), (usd("0.70"), Usd::ZERO));
}

#[test]
fn a_refusal_sends_nothing_and_is_no_client_error() {
    let (house, client) = wrapped(Script::Answers(700), Caps::default());
    let error = ready(client.call(10_001)).unwrap_err();
    let CallError::Refused(decision) = &error else { panic!("{error:?}") };
    assert_eq!(decision.affordable_output_tokens(), Some(10_000));
    assert_eq!((sent(&client), house.dollars(&call("milli", 0))), (0, (Usd::ZERO, Usd::ZERO)));
}

#[test]
fn how_an_attempt_failed_decides_whether_it_is_charged() {
    for (failure, charged) in [(Failure::NotSent, "0"), (Failure::NotBilled, "0"), (Failure::Unknown, "1")] {
        let (house, client) = wrapped(Script::Fails(failure), Caps::default());
        let error = ready(client.call(1_000)).unwrap_err();
        assert!(matches!(&error, CallError::Client(broken) if *broken == Broken(failure)), "unchanged");
        assert_eq!(house.dollars(&call("milli", 0)), (usd(charged), Usd::ZERO), "{failure:?}");
    }
}

#[test]
fn a_status_of_the_provider_says_whether_it_billed() {
    for status in [400, 401, 403, 404, 413, 422, 429, 498] {
        assert_eq!(Failure::of_status(status), Failure::NotBilled, "{status}");
    }
    for status in [408, 499, 500, 502, 503, 504, 529, 200, 302] {
        assert_eq!(Failure::of_status(status), Failure::Unknown, "{status}");
    }
}

#[test]
fn a_request_above_the_cap_is_sent_with_the_cap_where_clamping_was_asked_for() {
    let caps = Caps { tokens_output: Some(100), ..Caps::default() };
    let (_house, client) = wrapped(Script::Answers(100), caps);
    let client = client.clamp_output();
    let answer = ready(client.call(5_000)).unwrap();
    assert_eq!((sent(&client), answer.receipt.unwrap().overrun()), (100, Usd::ZERO));
}

#[test]
fn a_request_without_room_is_fitted_to_it_down_to_the_minimum() {
    let (house, client) = wrapped(Script::Answers(600), Caps::default());
    let _ = house.spend(&call("milli", 0), 9_400);
    assert!(matches!(ready(client.call(5_000)), Err(CallError::Refused(_))), "only where asked for");

    let fitting = client.clone().fit_to_room(600);
    assert!(ready(fitting.call(5_000)).is_ok());
    assert_eq!(sent(&fitting), 600);

    let (house, client) = wrapped(Script::Answers(600), Caps::default());
    let _ = house.spend(&call("milli", 0), 9_400);
    let above = client.fit_to_room(601);
    assert!(matches!(ready(above.call(5_000)), Err(CallError::Refused(_))));
    assert_eq!(house.dollars(&call("milli", 0)).1, Usd::ZERO);
}

#[test]
fn other_levels_may_be_charged_for_one_call() {
    let (house, client) = wrapped(Script::Answers(700), Caps::default());
    let _ = ready(client.call_as(Call::charging().team("other"), 50_000)).unwrap();
    assert_eq!(house.dollars(&call("milli", 0)), (Usd::ZERO, Usd::ZERO));
}

#[test]
fn a_closure_is_run_under_a_permit_and_charged_by_what_it_says() {
    let (house, _) = wrapped(Script::Answers(0), Caps::default());
    let work = |permit: token_budget::client::Permit| async move {
        assert_eq!(permit.output_tokens, 1_000);
        Ok::<_, Broken>(("hello", Actual::from(Usage::of(0, 400))))
    };
    let answer = block_on(house.enforcer.guard(&call("milli", 1_000), work)).unwrap();
    assert_eq!((answer.response, answer.receipt.unwrap().cost()), ("hello", usd("0.40")));

    // An error may have been billed, unless the caller knows better.
    let broken = |_| async { Err::<((), Actual), _>(Broken(Failure::NotSent)) };
    let error = block_on(house.enforcer.guard(&call("milli", 1_000), broken)).unwrap_err();
    assert!(matches!(error, CallError::Client(_)));
    assert_eq!(house.dollars(&call("milli", 0)).0, usd("1.40"));
    let asked = call("milli", 1_000);
    let known = house.enforcer.guard_classified(&asked, broken, |error| error.0);
    assert!(matches!(block_on(known), Err(CallError::Client(_))));
    assert_eq!(house.dollars(&call("milli", 0)), (usd("1.40"), Usd::ZERO));

    let never = |_| async { unreachable!("a refused call is not run") };
    let refused = block_on(house.enforcer.guard::<(), Broken, _, _>(&call("milli", 9_000), never));
    assert!(matches!(refused, Err(CallError::Refused(_))));
}

#[test]
fn a_client_that_panics_leaves_a_charge_and_no_hold() {
    let (house, _) = wrapped(Script::Answers(0), Caps::default());
    let asked = call("milli", 1_000);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let work = |_| async { panic!("the client is broken") };
        let _ = block_on(house.enforcer.guard::<(), Broken, _, _>(&asked, work));
    }));
    assert!(panicked.is_err());
    assert_eq!(house.balances(&asked), [(nanos("1"), 0)]);
}
