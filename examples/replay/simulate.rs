//! Makes the calls: several workers, one simulated clock, hundreds in flight.

use std::collections::{BTreeMap, HashMap};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use token_budget::enforcer::Prepared;
use token_budget::time::{ManualClock, Timestamp};
use token_budget::{Admission, Amount, Enforcer, Error, InFlight, Reservation, Usd, Verdict};

use crate::audit::{Audit, Auditor, Bound, LineName, LineTally};
use crate::levels;
use crate::provider::Provider;
use crate::trace::{Request, Trace, later};

/// What is replayed, through what.
#[derive(Debug)]
pub(crate) struct Replay<'a> {
    pub(crate) trace: &'a Trace,
    pub(crate) provider: &'a Provider,
    pub(crate) enforcer: &'a Enforcer,
    pub(crate) clock: &'a ManualClock,
    pub(crate) model: &'a str,
    /// What each call asks for; its true output is not known before it ends.
    pub(crate) output_tokens_max: u64,
}

/// What became of the calls.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) admitted: u64,
    pub(crate) refused: u64,
    pub(crate) warned: u64,
    /// The provider's own bill.
    pub(crate) billed: Usd,
    /// Dollars used above what was held.
    pub(crate) overrun: Usd,
    pub(crate) in_flight_max: usize,
    pub(crate) lines: HashMap<LineName, LineTally>,
}

/// The next request, and the simulated present: moved together, so that time never runs backwards.
#[derive(Debug)]
struct Cursor {
    next: usize,
    now: Timestamp,
}

/// A call that was sent.
struct Flight {
    request: Request,
    in_flight: InFlight,
    bound: Arc<Bound>,
    /// What is held on each line.
    held: Vec<i64>,
}

/// One worker: it takes requests in turn, and reconciles its own calls when they are due.
struct Worker<'a> {
    replay: &'a Replay<'a>,
    cursor: &'a RwLock<Cursor>,
    open: &'a AtomicUsize,
    payers: &'a [Prepared],
    auditor: Auditor<'a>,
    flights: BTreeMap<(Timestamp, usize), Flight>,
    tally: Tally,
}

impl Replay<'_> {
    /// Makes every call of the trace, and waits until the last has ended.
    pub(crate) fn run(&self, threads: usize) -> Result<Tally, Error> {
        let policy = self.enforcer.policy();
        let calls = levels::payers(&policy, self.trace, self.model)?;
        let payers = calls.iter().map(|call| self.enforcer.prepare(call)).collect::<Result<Vec<_>, _>>()?;
        let audit = Audit::new(&policy, &calls);
        let cursor = RwLock::new(Cursor { next: 0, now: self.trace.begins() });
        let open = AtomicUsize::new(0);
        let worker = || Worker {
            replay: self,
            cursor: &cursor,
            open: &open,
            payers: &payers,
            auditor: audit.auditor(),
            flights: BTreeMap::new(),
            tally: Tally::default(),
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| worker().work())).collect();
            workers.into_iter().try_fold(Tally::default(), |sum, worker| {
                let tally = worker.join().map_err(|_| Error::invalid("worker", "panicked"))??;
                sum.merge(tally)
            })
        })
    }
}

impl Worker<'_> {
    fn work(mut self) -> Result<Tally, Error> {
        while let Some((number, request)) = self.take() {
            while let Some(due) = self.flights.first_entry().filter(|flight| flight.key().0 <= request.at) {
                let flight = due.remove();
                self.reconcile(flight)?;
            }
            self.make(number, request)?;
        }
        // The clock stays at the last request, which another worker may be making just now: a
        // charge lands in the window of its reserve, whenever it is reconciled.
        while let Some((_, flight)) = self.flights.pop_first() {
            self.reconcile(flight)?;
        }
        self.tally.lines = self.auditor.lines;
        Ok(self.tally)
    }

    /// The next request; the clock moves to its time.
    fn take(&self) -> Option<(usize, Request)> {
        let mut cursor = self.cursor();
        let number = cursor.next;
        let request = *self.replay.trace.requests.get(number)?;
        cursor.next = number.saturating_add(1);
        cursor.advance(self.replay.clock, request.at);
        drop(cursor);
        progress(number, self.replay.trace.requests.len());
        Some((number, request))
    }

    fn cursor(&self) -> RwLockWriteGuard<'_, Cursor> {
        self.cursor.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for room, and sends the call if there is some.
    fn make(&mut self, number: usize, request: Request) -> Result<(), Error> {
        let payer = self.payers.get(request.client);
        let payer = payer.ok_or_else(|| Error::invalid("client", "is not known"))?;
        // Time may not move while anyone asks: a trace's hour passes in a blink, and a call that
        // was resolved for one second would find itself in the next before the ledger has seen it.
        let standing_still = self.cursor.read().unwrap_or_else(PoisonError::into_inner);
        let answer = payer.reserve(request.input, self.replay.output_tokens_max).wait()?;
        drop(standing_still);
        match answer {
            Admission::Admitted(reservation) => self.send(number, request, reservation),
            Admission::Refused(decision) => {
                self.tally.refused = self.tally.refused.saturating_add(1);
                let bound = self.auditor.bound(request.client, decision.at())?;
                self.auditor.decided(&bound, &decision.budgets(), false);
                Ok(())
            }
        }
    }

    fn send(&mut self, number: usize, request: Request, reservation: Reservation) -> Result<(), Error> {
        let warned = reservation.verdict() == Verdict::Warn;
        self.tally.admitted = self.tally.admitted.saturating_add(1);
        self.tally.warned = self.tally.warned.saturating_add(u64::from(warned));

        let decision = reservation.decision();
        let budgets = decision.budgets();
        let bound = self.auditor.bound(request.client, decision.at())?;
        self.auditor.decided(&bound, &budgets, true);
        let held = budgets.iter().map(|budget| budget.requested).collect();

        let due = later(request.at, self.replay.provider.latency(&request));
        let flight = Flight { request, in_flight: reservation.send(), bound, held };
        self.flights.insert((due, number), flight);
        let open = self.open.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        self.tally.in_flight_max = self.tally.in_flight_max.max(open);
        Ok(())
    }

    /// The provider answers: it bills, and says what was used.
    fn reconcile(&mut self, flight: Flight) -> Result<(), Error> {
        let Flight { request, in_flight, bound, held } = flight;
        let bill = self.replay.provider.bill(&request)?;
        self.tally.billed = self.tally.billed.checked_add(bill)?;
        self.auditor.will_reconcile(&bound, &held, &Amount::request(bill, request.input, request.output))?;

        let receipt = in_flight.reconcile(request.usage()).wait()?;
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.tally.overrun = self.tally.overrun.checked_add(receipt.overrun())?;
        self.auditor.reconciled(&bound, &receipt.lines());
        Ok(())
    }
}

impl Cursor {
    fn advance(&mut self, clock: &ManualClock, at: Timestamp) {
        if at > self.now {
            self.now = at;
            clock.set(at);
        }
    }
}

impl Tally {
    fn merge(mut self, other: Self) -> Result<Self, Error> {
        self.admitted = self.admitted.saturating_add(other.admitted);
        self.refused = self.refused.saturating_add(other.refused);
        self.warned = self.warned.saturating_add(other.warned);
        self.billed = self.billed.checked_add(other.billed)?;
        self.overrun = self.overrun.checked_add(other.overrun)?;
        self.in_flight_max = self.in_flight_max.max(other.in_flight_max);
        for (name, line) in other.lines {
            match self.lines.get_mut(&name) {
                Some(known) => known.merge(line),
                None => drop(self.lines.insert(name, line)),
            }
        }
        Ok(self)
    }
}

/// Draws a bar where somebody watches: fifty steps in all.
fn progress(number: usize, of: usize) {
    const STEPS: usize = 50;
    let step = of.div_ceil(STEPS).max(1);
    let last = number.saturating_add(1) == of;
    if (number.checked_rem(step) != Some(0) && !last) || !std::io::stderr().is_terminal() {
        return;
    }
    let done = if last { STEPS } else { number.checked_div(step).unwrap_or(STEPS) };
    // A bar that nobody can see any more is no reason to stop.
    let _ = write!(
        std::io::stderr(),
        "\r[{:-<STEPS$}] {} of {of}{}",
        "#".repeat(done),
        number.saturating_add(1),
        if last { "\n" } else { "" }
    );
}
