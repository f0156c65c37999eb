//! What do the books tell of a call, so that a report can be made of them alone?
//!
//! Each test asks the ledger in memory and the one in a file, which must tell the same.

use std::sync::Arc;
use std::time::Duration;

use token_budget::call::{Conditions, ServiceTier};
use token_budget::enforcer::{Actual, OnAbandon};
use token_budget::ledger::{About, Attribution, Certainty, Ended, Entry, EntryKind, Note, Tenant};
use token_budget::policy::{OnUnknownModel, Unbound};
use token_budget::pricing::{PriceRow, Rates};
use token_budget::time::ManualClock;
use token_budget::usage::Unit;
use token_budget::{
    Budget, BudgetLedger, Call, Enforcer, ErrorKind, MemoryLedger, Policy, PricingTable, Scope, Usage, Usd,
    Window,
};

use crate::support::{NOON, at, block_on, call, open_purse, prices, team, usd};

/// An enforcer over one of the ledgers, and what it wrote.
struct Books {
    enforcer: Enforcer,
    ledger: Arc<dyn BudgetLedger>,
    clock: Arc<ManualClock>,
    #[cfg(feature = "sqlite")]
    _folder: Option<crate::sqlite::support::Folder>,
}

impl Books {
    fn over(policy: &Policy, clock: Arc<ManualClock>, ledger: Arc<dyn BudgetLedger>) -> Self {
        let enforcer = Enforcer::builder().policy(policy.clone()).prices(priced()).clock(clock.clone());
        let enforcer = enforcer.shared_ledger(Arc::clone(&ledger)).build();
        Self {
            enforcer,
            ledger,
            clock,
            #[cfg(feature = "sqlite")]
            _folder: None,
        }
    }

    /// One of each ledger.
    fn each(policy: &Policy) -> Vec<Self> {
        let clock = Arc::new(ManualClock::at(at(NOON)));
        let memory = MemoryLedger::with_clock(clock.clone());
        let memory = Self::over(policy, clock, Arc::new(memory));
        #[cfg(not(feature = "sqlite"))]
        return vec![memory];
        #[cfg(feature = "sqlite")]
        return vec![memory, Self::in_a_file(policy)];
    }

    #[cfg(feature = "sqlite")]
    fn in_a_file(policy: &Policy) -> Self {
        use token_budget::ledger::{SqliteLedger, SqliteOptions};
        let folder = crate::sqlite::support::Folder::in_memory();
        let clock = Arc::new(ManualClock::at(at(NOON)));
        let ledger =
            SqliteLedger::with_options(folder.file("books.db"), clock.clone(), SqliteOptions::default());
        let books = Self::over(policy, clock, Arc::new(ledger.expect("a ledger")));
        Self { _folder: Some(folder), ..books }
    }

    /// Sends the call, and charges what was reported of it.
    fn charge(&self, call: &Call, actual: impl Into<Actual>) -> token_budget::Receipt {
        let admission = block_on(self.enforcer.reserve(call)).expect("an answer");
        let sent = admission.or_refusal().expect("room").send();
        block_on(sent.reconcile(actual)).expect("a charge")
    }

    fn entries(&self) -> Vec<Entry> {
        block_on(self.ledger.entries(&Tenant::unnamed(), 1, 100)).expect("a journal")
    }

    /// What the last charge says of itself.
    fn last(&self) -> Entry {
        let is_charge = |entry: &Entry| {
            matches!(
                entry.kind,
                EntryKind::Reconciled(_) | EntryKind::Unheld(_) | EntryKind::Recorded | EntryKind::Released
            )
        };
        self.entries().into_iter().rfind(is_charge).expect("a charge")
    }
}

/// The usual prices, and those of a fast lane.
fn priced() -> PricingTable {
    let rates = |output: &str| Rates::per_million("0", output).expect("rates");
    let row = PriceRow::new("own", "laned").with_rates(ServiceTier::Standard, rates("1000"));
    let row = row.with_rates(ServiceTier::Priority, rates("2000"));
    prices().with_rows([row]).expect("prices")
}

fn dollars() -> Policy {
    Policy::new([Budget::usd("search", team(), Usd::dollars(10), Window::day())]).expect("a policy")
}

/// A budget that counts something else than dollars.
fn counting(unit: Unit) -> Policy {
    Policy::new([Budget::count("search", team(), unit, 1_000_000, Window::day())]).expect("a policy")
}

/// A level of the house's own.
fn squad(name: &str) -> Scope {
    Scope::new("squad".parse().expect("a kind"), name).expect("a name")
}

fn about(entry: &Entry) -> &About {
    entry.note.about.as_deref().expect("what the call is about")
}

fn scopes(entry: &Entry) -> Vec<String> {
    about(entry).scopes.iter().map(Scope::to_string).collect()
}

#[test]
fn a_charge_tells_all_scopes_of_its_call_though_one_of_them_has_a_budget() {
    for books in Books::each(&dollars()) {
        let call = call("milli", 100).user("ada").project("index").environment("production");
        let call = call.scope(squad("blue"));

        books.charge(&call, Usage::of(0, 60));

        let all = ["environment/production", "team/search", "project/index", "user/ada", "squad/blue"];
        for entry in books.entries() {
            assert_eq!((scopes(&entry), entry.lines.len()), (all.map(String::from).to_vec(), 1));
        }
        let id = books.last().id;
        let hold = block_on(books.ledger.hold(&Tenant::unnamed(), id)).expect("an answer").expect("a hold");
        assert_eq!(hold.about.map(|about| about.scopes.len()), Some(5));
    }
}

#[test]
fn a_call_that_no_budget_binds_is_told_with_who_and_what_it_cost() {
    for (unbound, lines) in [(Unbound::Count, 3), (Unbound::Allow, 0)] {
        for books in Books::each(&Policy::default().unbound(unbound)) {
            books.charge(&call("milli", 100), Usage::of(0, 60));

            let entry = books.last();
            assert_eq!(entry.kind, EntryKind::Reconciled(Certainty::Reported));
            assert_eq!((scopes(&entry), entry.lines.len()), (vec!["team/search".to_owned()], lines));
            assert_eq!((entry.note.cost, entry.note.usage), (Some(usd("0.06")), Some(Usage::of(0, 60))));
        }
    }
}

#[test]
fn what_only_observes_tells_the_same() {
    for books in Books::each(&dollars().observing()) {
        // Eleven dollars are above the limit of ten.
        books.charge(&call("milli", 11_000).user("ada"), Usage::of(0, 11_000));

        let entry = books.last();
        assert_eq!(scopes(&entry), ["team/search", "user/ada"]);
        assert_eq!(entry.note.cost, Some(Usd::dollars(11)));
    }
}

#[test]
fn a_cost_that_nobody_knows_is_absent_and_never_zero() {
    let unpriced = [dollars().observing(), open_purse().with_unknown_model(OnUnknownModel::CountOnly)];
    for policy in unpriced {
        for books in Books::each(&policy) {
            // A provider's own zero is no price either.
            for cost in [None, Some(Usd::ZERO)] {
                let report = Actual { cost, ..Actual::from(Usage::of(0, 60)) };
                books.charge(&call("nobody-knows", 100), report);
                let entry = books.last();
                assert_eq!((entry.note.cost, &*about(&entry).price), (None, "none"));
                assert_eq!(entry.note.served, None);
            }
            let entry = books.last();
            assert_eq!(entry.note.usage, Some(Usage::of(0, 60)));

            let sent = block_on(books.enforcer.reserve(&call("nobody-knows", 100))).expect("an answer");
            drop(sent.or_refusal().expect("room").send());
            block_on(books.enforcer.flush()).expect("books");
            let entry = books.last();
            assert_eq!((entry.kind, entry.note.cost), (EntryKind::Reconciled(Certainty::Provisional), None));

            // What is free is known to cost nothing.
            books.charge(&call("free", 100), Usage::of(0, 60));
            assert_eq!(books.last().note.cost, Some(Usd::ZERO));
        }
    }
}

#[test]
fn the_model_that_was_asked_and_the_one_that_served_are_both_told() {
    for books in Books::each(&dollars()) {
        let report = |model: &str| Actual { model: Some(model.into()), ..Actual::from(Usage::of(0, 100)) };
        books.charge(&call("medium", 100), report("small"));

        let entries = books.entries();
        assert!(entries.iter().all(|entry| about(entry).model == "medium"));
        assert_eq!(entries[0].note.served, None, "nobody served anything by then");
        let served = entries[1].note.served.as_deref().expect("another model");
        assert_eq!((&*served.model, &*served.price), ("small", &*about(&entries[0]).price));
        assert_eq!(entries[1].note.cost, Some(usd("0.10")));

        // Without a price of its own it is charged at that of the asked one, which the price says.
        books.charge(&call("medium", 100), report("nobody-knows"));
        let entry = books.last();
        let served = entry.note.served.as_deref().expect("another model");
        assert!(served.price.starts_with("assumed as medium: "), "{served:?}");
        assert_eq!((&*served.model, entry.note.cost), ("nobody-knows", Some(usd("0.50"))));

        // A provider's word is bounded as a caller's is, and written in one line.
        books.charge(&call("medium", 100), report(&format!("a\n{}", "é".repeat(500_000))));
        let served = books.last().note.served.expect("another model");
        assert_eq!(served.model, format!(r"a\n{}", "é".repeat(126)));

        books.charge(&call("medium", 100), report("medium"));
        assert_eq!(books.last().note.served, None);
    }
}

#[test]
fn the_tier_that_was_served_is_told_beside_the_one_that_was_asked() {
    for books in Books::each(&dollars()) {
        let conditions = Conditions::new().with_tier(ServiceTier::Priority);
        let report = |tier| Actual { tier: Some(tier), ..Actual::from(Usage::of(0, 100)) };

        books.charge(&call("laned", 100).conditions(conditions), report(ServiceTier::Standard));
        let entry = books.last();
        let served = entry.note.served.as_deref().expect("another tier");
        assert_eq!(
            (about(&entry).conditions.tier(), served.conditions.tier()),
            (ServiceTier::Priority, ServiceTier::Standard)
        );
        assert_eq!((&*served.model, entry.note.cost), ("laned", Some(usd("0.10"))));

        books.charge(&call("laned", 100).conditions(conditions), report(ServiceTier::Priority));
        let entry = books.last();
        assert_eq!((entry.note.served.clone(), entry.note.cost), (None, Some(usd("0.20"))));
    }
}

#[test]
fn tags_use_case_provider_and_price_are_told() {
    for books in Books::each(&dollars()) {
        let named =
            call("milli", 100).tag("feature", "search").tag("cost centre", "4711").use_case("code_review");
        books.charge(&named, Usage::of(0, 60));
        let entry = books.last();
        let tags = [("feature", "search"), ("cost centre", "4711")];
        assert_eq!(about(&entry).tags, tags.map(|(key, value)| (key.into(), value.into())));
        assert_eq!(about(&entry).use_case.as_deref(), Some("code_review"));
        // Nobody named a provider; the row of the price does.
        assert_eq!(about(&entry).provider.as_deref(), Some("own"));
        assert!(about(&entry).price.starts_with("own rows"), "{:?}", about(&entry));

        books.charge(&call("milli", 100).provider("own"), Usage::of(0, 60));
        assert_eq!(about(&books.last()).provider.as_deref(), Some("own"));
    }
    // Who sells the model of an assumed price need not sell this one.
    for books in Books::each(&dollars().with_unknown_model(OnUnknownModel::PricedAs("short".into()))) {
        books.charge(&call("nobody-knows", 100), Usage::of(0, 60));
        assert_eq!(about(&books.last()).provider, None);
    }
}

#[test]
fn a_cost_is_told_where_no_budget_counts_dollars() {
    for unit in [Unit::Requests, Unit::Tokens, Unit::TokensOutput] {
        for books in Books::each(&counting(unit)) {
            books.charge(&call("milli", 100), Usage::of(0, 60));
            assert_eq!(books.last().note.cost, Some(usd("0.06")));

            // Nobody saw its end: it is charged all that it held, and costs that.
            let sent = block_on(books.enforcer.reserve(&call("milli", 100))).expect("an answer");
            drop(sent.or_refusal().expect("room").send());
            block_on(books.enforcer.flush()).expect("books");
            let entry = books.last();
            assert_eq!(entry.kind, EntryKind::Reconciled(Certainty::Provisional));
            assert_eq!((entry.note.cost, entry.note.ended), (Some(usd("0.10")), Some(Ended::Abandoned)));
        }
    }
}

#[test]
fn a_release_costs_nothing_where_its_call_was_never_sent_and_is_of_unknown_cost_where_it_was() {
    for books in Books::each(&dollars()) {
        let releasing = Enforcer::builder().policy(dollars()).prices(priced()).on_abandon(OnAbandon::Release);
        let releasing = releasing.clock(books.clock.clone()).shared_ledger(Arc::clone(&books.ledger)).build();
        for (is_sent, cost) in [(false, Some(Usd::ZERO)), (true, None)] {
            let held = block_on(releasing.reserve(&call("milli", 100))).expect("an answer");
            let held = held.or_refusal().expect("room");
            if is_sent {
                drop(held.send())
            } else {
                drop(held)
            }
            block_on(releasing.flush()).expect("books");
            let entry = books.last();
            assert_eq!((entry.kind, entry.note.cost), (EntryKind::Released, cost));
        }
    }
}

#[test]
fn a_charge_tells_how_sure_it_is_and_a_surer_one_what_stands_from_then_on() {
    for books in Books::each(&dollars()) {
        let estimated = Actual { estimated: true, ..Actual::from(Usage::of(0, 60)) };
        books.charge(&call("milli", 100), estimated);
        let entry = books.last();
        assert_eq!(
            (entry.kind, entry.note.ended),
            (EntryKind::Reconciled(Certainty::Estimated), Some(Ended::Estimated))
        );

        let sent = block_on(books.enforcer.reserve(&call("milli", 100))).expect("an answer");
        let sent = sent.or_refusal().expect("room").send();
        books.clock.advance(Duration::from_secs(301));
        block_on(books.enforcer.check(&call("milli", 100))).expect("what is due ends");
        let entry = books.last();
        assert_eq!(
            (entry.kind, entry.note.cost),
            (EntryKind::Reconciled(Certainty::Expired), Some(usd("0.10")))
        );
        assert_eq!(scopes(&entry), ["team/search"]);

        // The lines are the difference, the cost is the whole.
        block_on(sent.reconcile(Usage::of(0, 70))).expect("a charge");
        let entry = books.last();
        assert_eq!(
            (entry.kind, entry.note.cost),
            (EntryKind::Reconciled(Certainty::Reported), Some(usd("0.07")))
        );
        assert_eq!(entry.lines[0].spent, usd("-0.03").nanos());
    }
}

#[test]
fn a_cost_that_somebody_states_is_told_as_stated() {
    for books in Books::each(&dollars()) {
        let report = Actual { cost: Some(usd("0.05")), ..Actual::from(Usage::of(0, 60)) };
        books.charge(&call("milli", 100), report);
        let entry = books.last();
        let served = entry.note.served.as_deref().expect("another price");
        assert_eq!((&*served.model, &*served.price), ("milli", "stated by the provider"));
        assert_eq!(entry.note.cost, Some(usd("0.05")));

        books.charge(&call("milli", 100), token_budget::Amount::request(usd("0.04"), 0, 50));
        let entry = books.last();
        assert_eq!(entry.note.served.as_deref().map(|served| &*served.price), Some("stated"));
        assert_eq!(entry.note.cost, Some(usd("0.04")));
    }
}

#[test]
fn a_refund_tells_what_it_gives_back() {
    for books in Books::each(&dollars()) {
        books.charge(&call("milli", 100).user("ada"), Usage::of(0, 60));
        let id = books.last().id;
        let held = block_on(books.enforcer.held(None, id)).expect("the charge");
        block_on(held.refund(Attribution::new("ops", "credited"))).expect("a refund");

        let entry = books.last();
        assert_eq!((entry.kind, entry.note.cost), (EntryKind::Recorded, Some(usd("-0.06"))));
        assert_eq!(scopes(&entry), ["team/search", "user/ada"]);
    }
}

/// How many bytes the journal keeps of a call.
fn bytes(note: &Note) -> usize {
    serde_json::to_string(note.about.as_deref().expect("a call")).expect("JSON").len()
}

// The entry of a call that names no provider names that of its price, and a call that is ended by its id is priced by it.
#[test]
fn each_bundled_model_is_found_again_by_the_seller_that_its_price_names() {
    let (table, now) = (PricingTable::bundled(), at(NOON));
    let mut found = 0;
    for row in table.prices() {
        for name in [row.model().to_owned(), format!("{}/{}", row.provider(), row.model())] {
            let Some(price) = table.find(None, &name, now) else { continue };
            let again = table.find(Some(price.provider()), &name, now);
            assert!(again.is_some_and(|again| Arc::ptr_eq(again, price)), "{name}: {again:?}, not {price:?}");
            found += 1;
        }
    }
    assert!(found > 1_000, "{found}");
}

#[test]
fn two_kilobytes_are_kept_of_a_call_and_one_byte_more_is_refused_by_its_name() {
    type Longer = fn(usize) -> Call;
    /// How many of so many bytes the part of that number has, of parts that hold at most so many.
    fn part(bytes: usize, number: usize, most: usize) -> usize {
        bytes.saturating_sub(number * most).min(most)
    }
    let tags: Longer = |bytes| {
        let tag = |call: Call, number| call.tag(format!("k{number}"), "v".repeat(part(bytes, number, 256)));
        (0..8).fold(call("milli", 100), tag)
    };
    let scopes: Longer = |bytes| {
        let name = |number| format!("{number:02}{}", "s".repeat(part(bytes, number, 126)));
        (0..14).fold(call("milli", 100), |call, number| call.scope(squad(&name(number))))
    };
    for (field, longer) in [("call: tags", tags), ("call: scopes", scopes)] {
        for books in Books::each(&dollars()) {
            books.charge(&longer(0), Usage::of(0, 60));
            let most = About::BYTES_MAX - bytes(&books.last().note);

            books.charge(&longer(most), Usage::of(0, 60));
            let written = books.entries();
            assert_eq!((bytes(&written[2].note), bytes(&books.last().note)), (2_048, 2_048));

            let error = block_on(books.enforcer.reserve(&longer(most + 1))).expect_err("a byte too many");
            assert_eq!(error.kind(), ErrorKind::Invalid);
            let text = error.to_string();
            assert!(text.starts_with(field) && text.contains("of the 2049 bytes"), "{text}");
            assert_eq!(
                books.enforcer.prepare(&longer(most + 1)).map(drop).map_err(|error| error.kind()),
                Err(ErrorKind::Invalid)
            );
            assert_eq!(books.entries(), written, "nothing was reserved");
        }
    }
}
