//! Is the provider's bill ever above the books, at any instant, whatever is asked and whoever leaves?
//!
//! A provider bills what it generates as it generates it: in the background, unseen, without a limit, for lists of
//! prompts, with wrong figures. It is never faster than its rows say. One thread, one clock, one seed.

mod provider;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use serde_json::{Value, json};
use token_budget::http::{HttpBudget, MeteredAnswer, Ruling};
use token_budget::time::ManualClock;
use token_budget::{Budget, Call, Enforcer, MemoryLedger, Policy, Scope, Usd, Window};

use self::provider::{Figures, Line, Provider};
use crate::http_support::{EVENTS, JSON, post};
use crate::support::{Dice, NOON, at, ready, setting};

const OPENAI: &str = "api.openai.com";

/// A reader that has asked, and may leave before it has its answer.
struct Reader {
    answer: Pin<Box<MeteredAnswer<Line, Vec<u8>>>>,
    /// Steps until it leaves; `None` stays to the end.
    patience: Option<u64>,
}

/// A request of one of the kinds that once leaked.
fn request(dice: &mut Dice) -> (&'static str, Value) {
    let limit = 1 + dice.below(3_000);
    let chat = |model: &str| json!({"model": model, "messages": [{"role": "user", "content": "How is the weather in Kiel today?"}]});
    let mut body = match dice.below(7) {
        0 | 1 => chat("gpt-4o"),
        2 | 3 => chat("gpt-5"),
        4 => {
            let mut body =
                json!({"model": "gpt-5", "input": "How is the weather in Kiel today?", "background": true});
            if dice.one_in(2) {
                body["max_output_tokens"] = limit.into();
            }
            body["stream"] = dice.one_in(2).into();
            return ("/v1/responses", body);
        }
        _ => {
            let prompts = vec!["word"; 1 + dice.below(20) as usize];
            let mut body = json!({"model": "gpt-3.5-turbo-instruct", "prompt": prompts});
            if dice.one_in(2) {
                body["max_tokens"] = (1 + dice.below(300)).into();
            }
            if dice.one_in(3) {
                body["n"] = (1 + dice.below(3)).into();
            }
            return ("/v1/completions", body);
        }
    };
    if dice.one_in(2) {
        body["max_completion_tokens"] = limit.into();
    }
    if dice.one_in(4) {
        body["n"] = 2.into();
    }
    body["stream"] = dice.one_in(2).into();
    ("/v1/chat/completions", body)
}

struct House {
    clock: Arc<ManualClock>,
    ledger: MemoryLedger,
    enforcer: Enforcer,
    gate: HttpBudget,
}

impl House {
    fn new(limit: Usd) -> Self {
        let clock = Arc::new(ManualClock::at(at(NOON)));
        let ledger = MemoryLedger::with_clock(clock.clone());
        let key = Scope::api_key("k").expect("a name");
        let policy = Policy::new([Budget::usd("k", key, limit, Window::lifetime())]).expect("a policy");
        let builder = Enforcer::builder().policy(policy).ledger(ledger.clone()).clock(clock.clone());
        let enforcer = builder.build();
        let gate = HttpBudget::new(enforcer.clone(), |_| Ok(Call::charging().api_key("k")));
        Self { clock, ledger, enforcer, gate }
    }

    /// Spent and reserved, in nano-dollars.
    fn books(&self) -> (u64, u64) {
        let nothing = Call::new("gpt-4o").api_key("k").input_tokens(0).output_tokens(0);
        let advice = ready(self.enforcer.check(&nothing)).expect("a ledger in memory");
        let budget = &advice.budgets()[0];
        let whole = |nanos: i64| u64::try_from(nanos).expect("no balance is negative");
        (whole(budget.spent), whole(budget.reserved))
    }
}

/// What happened on the way, so that a run shows that it met everything.
#[derive(Debug, Default)]
struct Met {
    admitted: u64,
    refused: u64,
    left: u64,
    answered: u64,
}

#[test]
fn the_bill_is_never_above_the_books_at_any_instant() {
    let mut dice = Dice::new("rim");
    let requests = setting("TOKEN_BUDGET_RIM", 1_000);
    // Less than is asked for, so that some are refused.
    let house = House::new(Usd::cents(u32::try_from(requests).expect("some") * 12));
    let mut provider = Provider::default();
    let mut readers: Vec<Reader> = Vec::new();
    let mut met = Met::default();

    while met.admitted + met.refused < requests || !provider.is_idle() || !readers.is_empty() {
        if met.admitted + met.refused < requests && (readers.is_empty() || dice.one_in(2)) {
            match ask(&house, &mut provider, &mut dice) {
                Some(reader) => {
                    met.admitted += 1;
                    readers.extend(reader);
                }
                None => met.refused += 1,
            }
        }
        let span = Duration::from_millis(10 + dice.below(3_000));
        house.clock.advance(span);
        provider.work(span, &mut dice);
        readers.retain_mut(|reader| goes_on(reader, &mut met));
        let (spent, reserved) = house.books();
        let known = provider.billed - provider.unread;
        assert!(
            known <= spent + reserved,
            "{met:?}: billed {} (of which {} unread), spent {spent}, reserved {reserved}",
            provider.billed,
            provider.unread
        );
    }

    ready(house.enforcer.flush()).expect("a ledger in memory");
    let (spent, reserved) = house.books();
    println!("{met:?}: billed {}, of which {} unread; spent {spent}", provider.billed, provider.unread);
    assert_eq!(reserved, 0, "nothing is held once everything has ended");
    house.ledger.verify().expect("the journal and the balances agree");
    for (what, count) in [("answered", met.answered), ("left", met.left), ("refused", met.refused)] {
        assert!(count > 0, "nothing was {what}");
    }
}

/// Sends one request; `None` where it is refused, nobody where the reader left before an answer came.
fn ask(house: &House, provider: &mut Provider, dice: &mut Dice) -> Option<Option<Reader>> {
    let (path, body) = request(dice);
    let text = body.to_string();
    let mut admitted = match ready(house.gate.admit(&post(OPENAI, path), text.as_bytes())) {
        Ruling::Admitted(admitted) => admitted,
        Ruling::Refused(refusal) => {
            assert!(matches!(refusal.status, 402 | 429), "{}", String::from_utf8_lossy(&refusal.body));
            return None;
        }
        Ruling::Pass => panic!("{path} is billed"),
    };
    let sent = admitted.take_body().unwrap_or_else(|| text.into_bytes());
    let streams = body["stream"] == true;
    let line = provider.take(path, &sent, *dice.pick(&Figures::ALL), dice);
    let exchange = admitted.send();
    if dice.one_in(20) {
        // It hangs up before the answer's head: line and exchange are dropped.
        return Some(None);
    }
    let answered = exchange.answered(200, if streams { &EVENTS } else { &JSON });
    let answer = Box::pin(answered.meter(line));
    let patience = dice.one_in(3).then(|| dice.below(20));
    Some(Some(Reader { answer, patience }))
}

/// Lets a reader read what has come; false once it is done.
fn goes_on(reader: &mut Reader, met: &mut Met) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match reader.answer.as_mut().poll_next(&mut context) {
            Poll::Ready(Some(_)) => {}
            Poll::Ready(None) => {
                met.answered += 1;
                return false;
            }
            Poll::Pending => break,
        }
    }
    match &mut reader.patience {
        Some(0) => {
            met.left += 1;
            false
        }
        Some(steps) => {
            *steps -= 1;
            true
        }
        None => true,
    }
}
