//! Do the laws hold where commands and answers are lost, delayed, repeated and reordered?
//!
//! A law that holds on a good wire may fail on a bad one: a retry that holds twice, a
//! late copy that undoes a newer command. [`OverFaultyWire`] puts a [`FaultyLedger`]
//! before each handle and a [`Retrying`] client before that, and then runs the very same
//! laws.
//!
//! Each handle has faults of its own, drawn from the law's seed and the number of the
//! handle, so a breach repeats with `TOKEN_BUDGET_SEED`. A crash takes the wire with it,
//! and whatever was still under way.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Driver, Factory, Fault, Offers, Setup, Store};
use crate::testing::{FaultyLedger, Odds, Retrying};
use crate::{BudgetLedger, Error};

/// Wraps a factory so that commands and answers are lost, delayed, repeated and reordered
/// on the way ([`FaultyLedger`]), and a client sends again until it is answered
/// ([`Retrying`]).
///
/// Each law is tried eight times, each time with other faults. What only a first answer
/// tells (balances just before, thresholds reached, holds expired) is compared only as
/// long as none was lost. Outcomes, balances and journal are compared always.
///
/// Use it beside the plain factory, not instead of it: the plain one compares more.
///
/// # Example: a retry that is executed twice would show here
/// ```
/// use token_budget::MemoryLedger;
/// use token_budget::testing::Odds;
/// use token_budget::testing::conformance::{self, Maker, OverFaultyWire, Standing};
///
/// let memory = Maker::new("memory", |clock| MemoryLedger::with_clock(clock));
/// let odds = Odds { answer_lost: 50, ..Odds::ALL_WELL }; // every second answer is lost
/// let wire = OverFaultyWire::new(memory).with_odds(odds).rounds(2);
/// let law = conformance::law("a_repeated_refund_is_posted_once").expect("a law");
/// assert_eq!(law.run(&wire), Standing::Held);
/// ```
#[derive(Clone, Debug)]
pub struct OverFaultyWire<F> {
    factory: F,
    odds: Odds,
    rounds: u64,
}

impl<F: Factory> OverFaultyWire<F> {
    /// Those ledgers, with the faults of [`Odds::BAD_DAY`]: one command in three meets
    /// one.
    pub fn new(factory: F) -> Self {
        Self { factory, odds: Odds::default(), rounds: 8 }
    }

    /// Draws faults with these odds instead.
    #[must_use]
    pub fn with_odds(mut self, odds: Odds) -> Self {
        self.odds = odds;
        self
    }

    /// Tries each law so often, each time with other faults.
    #[must_use]
    pub fn rounds(mut self, rounds: u64) -> Self {
        self.rounds = rounds;
        self
    }
}

impl<F: Factory> Factory for OverFaultyWire<F> {
    fn name(&self) -> String {
        format!("{} over a faulty wire", self.factory.name())
    }

    fn make(&self, setup: &Setup) -> Result<Box<dyn Store>, Error> {
        let store = self.factory.make(setup)?;
        let wires = Mutex::new(Wires { open: Vec::new(), opened: 0, unheard_before: 0 });
        Ok(Box::new(FarStore {
            store,
            wires,
            odds: self.odds,
            seed: setup.seed,
            driver: self.factory.driver(),
        }))
    }

    fn offers(&self) -> Offers {
        Offers { faults: true, ..self.factory.offers() }
    }

    fn rounds(&self) -> u64 {
        self.rounds
    }

    fn driver(&self) -> Driver {
        self.factory.driver()
    }
}

/// A store at the other end of several wires.
struct FarStore {
    store: Box<dyn Store>,
    wires: Mutex<Wires>,
    odds: Odds,
    seed: u64,
    driver: Driver,
}

/// Every wire to one store.
struct Wires {
    /// Those that are open, each with the address of the handle that speaks over it.
    open: Vec<(usize, FaultyLedger)>,
    opened: u64,
    /// Answers that were lost on wires that are closed.
    unheard_before: u64,
}

impl FarStore {
    fn open_wires(&self) -> Vec<FaultyLedger> {
        self.wires.lock().open.iter().map(|(_, wire)| wire.clone()).collect()
    }
}

/// A handle is known by its address: a crash is told which handle dies, and must find
/// that handle's wire.
fn address(handle: &Arc<dyn BudgetLedger>) -> usize {
    Arc::as_ptr(handle).cast::<()>() as usize
}

impl Store for FarStore {
    fn open(&self) -> Result<Arc<dyn BudgetLedger>, Error> {
        let mut wires = self.wires.lock();
        // Each handle has faults of its own.
        let seed = self.seed.wrapping_add(wires.opened.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        wires.opened = wires.opened.saturating_add(1);
        let wire = FaultyLedger::new(self.store.open()?, seed).with_odds(self.odds);
        let handle: Arc<dyn BudgetLedger> = Arc::new(Retrying::new(wire.clone()));
        wires.open.push((address(&handle), wire));
        Ok(handle)
    }

    fn crash(&self, handle: Arc<dyn BudgetLedger>) {
        let mut wires = self.wires.lock();
        let place = wires.open.iter().rposition(|(at, _)| *at == address(&handle));
        let Some((_, wire)) = place.map(|place| wires.open.swap_remove(place)) else { return };
        wires.unheard_before = wires.unheard_before.saturating_add(wire.unheard());
        let far = wire.ledger();
        // What is under way on this wire is lost with it.
        drop((wire, handle));
        self.store.crash(far);
    }

    fn verify(&self) -> Result<(), Error> {
        self.store.verify()
    }

    fn open_holds(&self) -> Option<usize> {
        self.store.open_holds()
    }

    fn fail_at(&self, operation: u64, fault: Fault) {
        self.open_wires().iter().for_each(|wire| wire.fail_at(operation, fault));
    }

    fn unheard(&self) -> u64 {
        let before = self.wires.lock().unheard_before;
        self.open_wires().iter().map(FaultyLedger::unheard).fold(before, u64::saturating_add)
    }

    fn arrive(&self) -> Result<(), Error> {
        for wire in self.open_wires() {
            self.driver.wait(async {
                wire.arrive().await;
                Ok(())
            })?;
        }
        Ok(())
    }
}
