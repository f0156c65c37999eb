//! Do large, deep and shared families of runs keep their books, whoever closes what, and however late a call ends?

use token_budget::ledger::Attribution;
use token_budget::run::{RunPart, Turn};
use token_budget::{Budget, Call, Enforcer, ErrorKind, InFlight, Policy, RunGuard, Usage, Usd, Window};

use crate::runs_kept::{Books, again, leave, open, report, spend};
use crate::support::{block_on, call, prices, team, usd};

/// Its part of the top run.
fn carved(top: &RunGuard, name: &'static str, part: &str) -> RunGuard {
    block_on(top.child(name).carve(RunPart::Usd(usd(part))).open()).unwrap().or_refusal().unwrap()
}

fn child(parent: &RunGuard, name: &str) -> RunGuard {
    block_on(parent.child(name).open()).unwrap().or_refusal().unwrap()
}

fn sent(run: &RunGuard, tokens: u64) -> InFlight {
    block_on(run.reserve(&call("milli", tokens))).unwrap().or_refusal().unwrap().send()
}

/// Spent and held of a run, as somebody sees it who only reads the books and mends nothing.
fn in_books(books: &Books, id: &'static str) -> (Usd, Usd) {
    let enforcer = books.enforcer();
    let told = report(&again(id, &enforcer));
    (told.spent_usd, told.reserved_usd)
}

// With 19 children the figures were read by one claim of 273 lines, and a claim carries 255.
#[test]
fn a_run_with_many_children_is_reported_saved_and_closed() {
    for books in Books::all() {
        let enforcer = books.enforcer();
        let top = open(RunGuard::builder("top").usd(usd("1.00")).tool("search", 9), &enforcer);
        let names: Vec<String> = (0..60).map(|number| format!("c{number:02}")).collect();
        let children: Vec<RunGuard> = names.iter().map(|name| child(&top, name)).collect();
        children.iter().for_each(|child| assert!(spend(child, 10).is_ok()));

        let told = report(&top);
        assert_eq!((told.spent_usd, told.direct.usd, told.children), (usd("0.60"), Usd::ZERO, 60));
        let each: Vec<Usd> = told.child_runs.iter().map(|child| child.subtree.usd).collect();
        assert_eq!(each, [usd("0.01"); 60]);
        let Turn::Over(over) = block_on(top.turn(&call("milli", 401))).unwrap() else {
            panic!("0.60 of 1.00")
        };
        assert_eq!((over.left.usd, over.child_runs.len()), (Some(usd("0.40")), 60));
        assert_eq!(block_on(top.save()).unwrap().run(), "top");
        assert_eq!(block_on(top.close()).unwrap().spent_usd, usd("0.60"));
    }
}

/// Opens runs below each other as deep as they go; the deepest, and why the next was refused.
fn as_deep_as_it_goes(top: RunGuard) -> (Vec<RunGuard>, token_budget::Error) {
    let mut family = vec![top];
    loop {
        match block_on(family.last().unwrap().child("a").open()) {
            Ok(next) => family.push(next.or_refusal().unwrap()),
            Err(error) => return (family, error),
        }
    }
}

// 43 levels deep a run was opened, counted and written down, and then every call of it was an error.
#[test]
fn a_run_too_deep_for_its_calls_is_refused_when_it_is_begun() {
    for books in Books::all() {
        let enforcer = books.enforcer();
        let (family, error) = as_deep_as_it_goes(open(RunGuard::builder("r").usd(usd("1.00")), &enforcer));
        // 3 lines of its own and 6 of each run above: 3 + 6 * 42 = 255.
        assert_eq!((family.len(), error.kind()), (43, ErrorKind::Invalid));
        let text = error.to_string();
        assert!(text.contains("lies 43 runs deep") && text.contains("would bind 261 lines"), "{text}");
        let deepest = family.last().unwrap();
        assert!(spend(deepest, 100).is_ok());
        assert_eq!(report(&family[0]).spent_usd, usd("0.10"));
        assert_eq!(report(deepest).children, 0, "who was refused is not counted");

        // Its own dollars spare it those of the 43 runs above: 3 + 4 * 43 = 175.
        let part = carved(deepest, "a", "0.20");
        assert!(spend(&part, 100).is_ok());
        assert_eq!(block_on(part.close()).unwrap().spent_usd, usd("0.10"));
        assert_eq!(report(&family[0]).spent_usd, usd("0.20"));
    }
}

// A run that stood was to be opened even where the policy has grown: nobody else can stop or close it.
#[test]
fn the_policys_lines_count_for_the_depth_of_runs_that_begin_and_not_of_those_that_stand() {
    for books in Books::all() {
        let with = |days: u64| {
            let budget = |day| Budget::usd(format!("day {day}"), team(), usd("9"), Window::day());
            let policy = Policy::new((0..days).map(budget)).unwrap();
            Enforcer::builder().policy(policy).prices(prices()).clock(books.clock.clone())
        };
        let charging = || RunGuard::builder("r").usd(usd("1.00")).charging(Call::charging().team("search"));
        let few = with(6).shared_ledger(books.ledger()).build();
        let (family, error) = as_deep_as_it_goes(open(charging(), &few));
        // 3 + 6 * 41 + 6 = 255.
        assert_eq!(family.len(), 42);
        assert!(error.to_string().contains("and 6 of the policy"), "{error}");
        assert!(spend(family.last().unwrap(), 100).is_ok());

        let many = with(253).shared_ledger(books.ledger()).build();
        let error = block_on(charging().open(&many)).map(|run| run.id().to_owned());
        assert_eq!(error.unwrap(), "r", "it stands");
        let new = RunGuard::builder("n").usd(usd("1.00")).charging(Call::charging().team("search"));
        let text = block_on(new.open(&many)).unwrap_err().to_string();
        assert!(text.contains("would bind 256 lines"), "{text}");
        let deep = family.last().unwrap().id().to_owned();
        let stands = open(RunGuard::builder(deep).charging(Call::charging().team("search")), &many);
        block_on(stands.stop(Attribution::new("ada", "it loops"))).unwrap();
        assert!(spend(family.last().unwrap(), 1).is_err());
    }
}

// The part was known by the first guard alone: closed by a second one it stayed held, for ever where the family was gone.
#[test]
fn whichever_guard_closes_a_carved_child_the_part_is_replaced_once() {
    for is_elsewhere in [false, true] {
        for closes_first in [true, false] {
            for is_other_dropped in [true, false] {
                for books in Books::all() {
                    let here = books.enforcer();
                    let there = if is_elsewhere { books.enforcer() } else { here.clone() };
                    let top = open(RunGuard::builder("top").usd(usd("1.00")), &here);
                    let first = carved(&top, "child", "0.60");
                    let second = again("top/child", &there);
                    assert!(spend(&first, 100).is_ok() && spend(&second, 200).is_ok());
                    assert_eq!(in_books(&books, "top"), (Usd::ZERO, usd("0.60")));

                    let case = format!("{is_elsewhere} {closes_first} {is_other_dropped}");
                    let (closer, other) = if closes_first { (first, second) } else { (second, first) };
                    let other = if is_other_dropped {
                        leave(other, if closes_first { &there } else { &here });
                        None
                    } else {
                        Some(other)
                    };
                    block_on(closer.close()).unwrap();
                    assert_eq!(in_books(&books, "top"), (usd("0.30"), Usd::ZERO), "{case}");
                    other.into_iter().for_each(|other| drop(block_on(other.close()).unwrap()));
                    assert!(spend(&top, 700).is_ok(), "{case}");
                    assert_eq!(in_books(&books, "top"), (usd("1.00"), Usd::ZERO), "{case}");
                }
            }
        }
    }
}

#[test]
fn guards_that_close_a_carved_child_at_once_post_what_it_spent_once() {
    for books in Books::all() {
        let enforcers: Vec<Enforcer> = (0..3).map(|_| books.enforcer()).collect();
        let top = open(RunGuard::builder("top").usd(usd("9.00")), &enforcers[0]);
        for (round, name) in (1..=12_u32).zip(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"]) {
            let first = carved(&top, name, "0.60");
            let others = &enforcers[1..];
            let mut guards: Vec<RunGuard> =
                others.iter().map(|there| open(RunGuard::builder(format!("top/{name}")), there)).collect();
            let late: Vec<InFlight> = guards.iter().map(|guard| sent(guard, 100)).collect();
            assert!(spend(&first, 100).is_ok());
            guards.push(first);
            std::thread::scope(|scope| {
                for guard in guards {
                    scope.spawn(move || block_on(guard.close()).unwrap());
                }
                for late in late {
                    scope.spawn(move || block_on(late.reconcile(Usage::of(0, 50))).unwrap());
                }
            });
            let spent = Usd::cents(20 * round);
            assert_eq!(in_books(&books, "top"), (spent, Usd::ZERO), "after round {round}");
        }
    }
}

/// How a late call ends, and what it then costs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Reconciled,
    Released,
    Dropped,
    ByItsId,
}

// What a call below a closed part used was posted above only once somebody opened the child again or asked its family.
#[test]
fn a_late_end_below_a_closed_part_is_posted_above_when_it_comes() {
    for end in [End::Reconciled, End::Released, End::Dropped, End::ByItsId] {
        for (is_elsewhere, is_family_gone, is_below) in [
            (false, false, false),
            (false, true, false),
            (true, false, true),
            (true, true, false),
            (true, true, true),
        ] {
            for books in Books::all() {
                let case = format!("{end:?}, {is_elsewhere} {is_family_gone} {is_below}");
                let (here, there) = (books.enforcer(), books.enforcer());
                let top = open(RunGuard::builder("top").usd(usd("1.00")), &here);
                let part = carved(&top, "child", "0.60");
                assert!(spend(&part, 200).is_ok());
                let below = is_below.then(|| child(&part, "below"));
                let late = sent(below.as_ref().unwrap_or(&part), 300);
                let closer = if is_elsewhere { again("top/child", &there) } else { child(&top, "child") };
                let family = (!is_family_gone).then_some((top, part, below));
                block_on(here.flush()).unwrap();
                block_on(closer.close()).unwrap();
                assert_eq!(in_books(&books, "top"), (usd("0.20"), usd("0.30")), "{case}");

                match end {
                    End::Reconciled => drop(block_on(late.reconcile(Usage::of(0, 100))).unwrap()),
                    End::Released => block_on(late.release()).unwrap(),
                    // Nobody waits in a drop: where the ledger must be waited for, the next flush does it.
                    End::Dropped => {
                        drop(late);
                        block_on(here.flush()).unwrap();
                    }
                    // An operator's process, which has never seen the family.
                    End::ByItsId => {
                        let id = late.id().unwrap();
                        std::mem::forget(late);
                        let held = block_on(books.enforcer().held(None, id)).unwrap();
                        let used =
                            token_budget::Amount { usd: usd("0.10"), ..token_budget::Amount::default() };
                        drop(block_on(held.reconcile(used)).unwrap());
                    }
                }
                let spent = match end {
                    End::Released => usd("0.20"),
                    End::Dropped => usd("0.50"), // all that it held
                    End::Reconciled | End::ByItsId => usd("0.30"),
                };
                assert_eq!(in_books(&books, "top"), (spent, Usd::ZERO), "{case}");
                drop(family);
            }
        }
    }
}

#[test]
fn a_late_report_after_its_holds_age_corrects_what_was_posted_above() {
    for books in Books::all() {
        let (here, there) = (books.enforcer(), books.enforcer());
        let top = open(RunGuard::builder("top").usd(usd("1.00")), &here);
        let part = carved(&top, "child", "0.60");
        let (cheap, dear) = (sent(&part, 200), sent(&part, 300));
        leave(part, &here);
        leave(top, &here);
        block_on(again("top/child", &there).close()).unwrap();
        assert_eq!(in_books(&books, "top"), (Usd::ZERO, usd("0.50")));
        // Both are charged what they held; nobody is told of it, so that what is above still stands for them.
        books.clock.advance(std::time::Duration::from_secs(300));
        drop(block_on(cheap.reconcile(Usage::of(0, 100))).unwrap());
        assert_eq!(in_books(&books, "top"), (usd("0.40"), Usd::ZERO));
        drop(block_on(dear.reconcile(Usage::of(0, 350))).unwrap());
        assert_eq!(in_books(&books, "top"), (usd("0.45"), Usd::ZERO));
    }
}
