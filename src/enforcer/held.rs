//! How is a call ended by its id: by a webhook, by a poll in another task, by an operator after a crash?

use std::fmt;

use smallvec::SmallVec;

use super::Enforcer;
use crate::ledger::{Answer, Attribution, Certainty, Ended, Hold, HoldLine, Note, Record, Release, State};
use crate::reservation::{Actual, InFlight, Known};
use crate::values::{Binding, ReservationId, ScopeKind, Tenant, Unit};
use crate::{Call, Error, ErrorKind, Receipt, Scope, Usd};

/// A call that is known by its id: what it holds or was charged, and the ways to end it.
///
/// [`Enforcer::held`] finds it. Of a call that was [kept](Enforcer::keep) in this process everything is known, so that any
/// report of it is charged as its sender would have. Of another (its process died, or is another one) the ledger
/// knows lines, amounts, model and the version of the price. Then a report is priced if this process has that very
/// price and the report says what went in and came out; else the error names what is missing, and an
/// [`Amount`](crate::Amount) says what was used without any price.
///
/// Each end goes to the hold's own id. So it may be repeated, and two ends of one call never add up: a surer figure
/// replaces a less sure one, and of two different figures of one certainty the second is a conflict.
///
/// # Example: an operator ends the call of a process that died
/// ```
/// use token_budget::ledger::{Attribution, State};
/// use token_budget::{Budget, Call, Enforcer, MemoryLedger, Policy, Scope, Usage, Usd, Window};
///
/// let day = || Policy::new([Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day())]);
/// let books = MemoryLedger::new(); // stands for a ledger that both processes share
/// let worker = Enforcer::builder().policy(day()?).ledger(books.clone()).build();
/// let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500); // $0.008
/// let sent = worker.reserve(&call).wait()?.or_refusal()?.send();
/// let id = sent.id().expect("it is open");
/// std::mem::forget(sent); // … the process dies …
///
/// let operator = Enforcer::builder().policy(day()?).ledger(books).build();
/// let held = operator.held(None, id).wait()?;
/// assert_eq!((held.state(), held.model()), (State::Held, Some("gpt-4o")));
/// assert_eq!(held.lines()[0].amount, 8_000_000); // nano-dollars
///
/// // The provider's log says 1,200 and 100: $0.003 + $0.001.
/// let held = held.signed(Attribution::new("ops", "read off the provider's log"));
/// let receipt = held.reconcile(Usage::of(1_200, 100)).wait()?;
/// assert_eq!(receipt.cost(), "0.004".parse()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is ended until it is said how"]
pub struct Held {
    enforcer: Enforcer,
    tenant: Tenant,
    hold: Hold,
    known: Known,
    attribution: Option<Attribution>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({}, {}: {})", self.hold.id, self.model().unwrap_or("unknown"), self.hold.state.text())
    }
}

impl Enforcer {
    /// Takes a call into keeping that was sent and whose end somebody else will tell: a webhook, a poll in another task.
    ///
    /// Whoever hears how it ended asks [`held`](Self::held) for it by the id that this returns. At most 10,000 are kept; one
    /// more pushes out the oldest. What is pushed out, or still kept when the last clone of the enforcer is dropped, is
    /// charged all that it holds, as a background call that nobody heard of again. One whose hold grows too old is charged what
    /// its reserve said ([`OnAbandon`](super::OnAbandon)), which is all that it holds if the call was reserved
    /// [in the background](crate::Call::in_background), until its report comes.
    ///
    /// # Errors
    /// `Invalid` where the call has ended already, or is another enforcer's.
    ///
    /// # Example: the webhook reconciles what another task sent
    /// ```
    /// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
    ///
    /// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
    /// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
    /// let call = Call::new("gpt-4o").team("search").input_tokens(1_000).output_tokens(1_000).in_background();
    ///
    /// let sent = enforcer.reserve(&call).wait()?.or_refusal()?.send();
    /// let id = enforcer.keep(sent)?; // goes out as the request's metadata, and comes back with the webhook
    ///
    /// let receipt = enforcer.held(None, id).wait()?.reconcile(Usage::of(1_000, 200)).wait()?;
    /// assert_eq!(receipt.cost(), "0.0045".parse()?); // $0.0025 + $0.002
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keep(&self, call: InFlight) -> Result<ReservationId, Error> {
        if !call.is_of(self.core()) {
            return Err(Error::invalid(
                "call",
                "has ended, or was reserved by another enforcer: that one keeps it",
            ));
        }
        self.keeping().keep(call)
    }

    /// Finds a call by the id of its hold, in the books of that organisation (`None`: those without one).
    ///
    /// The organisation is part of the question, so that nobody ends another tenant's call by guessing ids.
    ///
    /// # Errors
    /// `State` where nothing is known of that id there: it was never held, or was forgotten. `LedgerUnavailable` when
    /// the ledger cannot be reached.
    pub fn held<'a>(&'a self, organization: Option<&'a str>, id: ReservationId) -> Answer<'a, Held> {
        Answer::walk(async move {
            let tenant = Tenant::named(organization.unwrap_or_default())?;
            let core = self.core();
            let kept = self.keeping().known(&tenant, id);
            let hold = core.ledger.hold(&tenant, id).await?;
            let (hold, known) = match (hold, kept) {
                (Some(hold), Some(known)) => (hold, known),
                (None, Some(known)) => (known.hold(), known),
                (Some(hold), None) => {
                    let known = Known::of_ledger(core, &tenant, &hold)?;
                    (hold, known)
                }
                (None, None) => {
                    let text = format!(
                        "reservation {id} is not known in these books: it was never held, or is forgotten"
                    );
                    return Err(Error::new(ErrorKind::State, text));
                }
            };
            Ok(Held { enforcer: self.clone(), tenant, hold, known, attribution: None })
        })
    }
}

impl Held {
    /// The hold's id.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.hold.id
    }

    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> State {
        self.hold.state
    }

    /// What it holds or was charged, line by line.
    #[must_use]
    pub fn lines(&self) -> &[HoldLine] {
        &self.hold.lines
    }

    /// The model that it was held for; `None` where the ledger does not say so any more.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.hold.about.as_ref().map(|about| about.model.as_str())
    }

    /// Which price it was held at: publication, version and date.
    #[must_use]
    pub fn price(&self) -> Option<&str> {
        self.hold.about.as_ref().map(|about| about.price.as_str())
    }

    /// Everything that the ledger says of it.
    #[must_use]
    pub fn hold(&self) -> &Hold {
        &self.hold
    }

    /// Says who ends it and why, where a person does: the journal keeps it.
    pub fn signed(mut self, attribution: Attribution) -> Self {
        self.attribution = Some(attribution);
        self
    }

    /// Replaces the hold, or a less sure charge, by what was really used: a usage, a report, or an
    /// [`Amount`](crate::Amount).
    ///
    /// Never refuses, however large or late. An overrun is told against what stood there before.
    ///
    /// # Errors
    /// `Invalid` where the price of its reserve is not known here, or the report leaves out what this process does not
    /// know: state an amount. `Conflict` where another figure stands that is as sure. After an error the call is as it was,
    /// and may be ended again.
    pub fn reconcile(self, actual: impl Into<Actual>) -> Answer<'static, Receipt> {
        let actual = actual.into();
        Answer::walk(async move {
            let Self { enforcer, hold, known, attribution, .. } = self;
            let payers = run_payers(known.binding());
            let receipt = known.reconcile(&actual, attribution.as_ref()).await?;
            // A less sure figure may yet be replaced by a report, which needs all that is known of the call.
            if receipt.is_reported() {
                enforcer.keeping().ended(hold.id);
            }
            tell_run(&enforcer, payers).await;
            Ok(receipt)
        })
    }

    /// Gives the hold back, or withdraws a charge that the provider did not report: the call is known not to be billed.
    ///
    /// # Errors
    /// `Invalid` where a charge is withdrawn and nobody [signed](Self::signed) it; `State` where the provider reported the
    /// charge: see [`refund`](Self::refund).
    pub fn release(self) -> Answer<'static, ()> {
        Answer::walk(async move {
            let Self { enforcer, tenant, hold, known, attribution } = self;
            let core = enforcer.core();
            // It may have been charged since it was found.
            let hold = core.ledger.hold(&tenant, hold.id).await?.unwrap_or(hold);
            if attribution.is_none() && matches!(hold.state, State::Charged(_)) {
                let text = "a charge is withdrawn by somebody, for a reason: say who and why";
                return Err(Error::invalid("attribution", text));
            }
            let about = hold.about.clone();
            let (cost, ended) = (Some(Usd::ZERO), Some(Ended::Released));
            let note = Note { about, cost, ended, ..Note::default() };
            let attribution = attribution.as_ref();
            let command = Release { id: hold.id, tenant: &tenant, attribution, note: &note, now: None };
            let reply = core.release(core.now(), command).await?;
            core.tell_effects(known.binding(), reply.effects);
            enforcer.keeping().ended(hold.id);
            tell_run(&enforcer, run_payers(known.binding())).await;
            Ok(())
        })
    }

    /// Takes back what is left of a charge that was reported: the provider gave the money back.
    ///
    /// The refund is a posting of its own that names the charge, signed, in the charge's own period. It cannot exceed what is
    /// left of the charge, so two of them do not give back twice.
    ///
    /// # Errors
    /// `State` where nothing was reported, or nothing is left; what is less sure than reported is
    /// [released](Self::release).
    ///
    /// # Example: a charge is given back once
    /// ```
    /// use token_budget::ledger::Attribution;
    /// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
    ///
    /// let day = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
    /// let enforcer = Enforcer::builder().policy(Policy::new([day])?).build();
    /// let call = Call::new("gpt-4o").team("search").input_tokens(1_200).output_tokens(500);
    /// let spent = || enforcer.check(&call).wait().map(|decision| decision.budgets()[0].spent);
    ///
    /// let id = enforcer.keep(enforcer.reserve(&call).wait()?.or_refusal()?.send())?;
    /// enforcer.held(None, id).wait()?.reconcile(Usage::of(1_200, 500)).wait()?;
    /// assert_eq!(spent()?, 8_000_000); // nano-dollars
    ///
    /// let goodwill = || Attribution::new("ops", "credited by the provider, ticket 4711");
    /// enforcer.held(None, id).wait()?.refund(goodwill()).wait()?;
    /// assert_eq!(spent()?, 0);
    /// assert!(enforcer.held(None, id).wait()?.refund(goodwill()).wait().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn refund(self, attribution: Attribution) -> Answer<'static, ()> {
        Answer::walk(async move {
            let Self { enforcer, hold, known, .. } = self;
            let core = enforcer.core();
            let left = |line: &HoldLine| line.amount.saturating_sub(line.refunded).max(0).saturating_neg();
            let amounts: SmallVec<[i64; 8]> = hold.lines.iter().map(left).collect();
            let is_reported = hold.state == State::Charged(Certainty::Reported);
            if !is_reported || amounts.iter().all(|amount| *amount == 0) {
                let state = if is_reported { "was refunded in full" } else { hold.state.text() };
                let text = format!("reservation {} {state}: there is nothing to refund", hold.id);
                return Err(Error::new(ErrorKind::State, text));
            }
            let dollars = hold.lines.iter().filter(|line| line.account.unit() == &Unit::Usd);
            let cost = dollars.map(left).min().filter(|nanos| *nanos < 0).map(Usd::from_nanos);
            let (now, note) = (core.now(), Note { about: hold.about.clone(), cost, ..Note::default() });
            let command = Record {
                id: ReservationId::generate(now),
                claim: &known.binding().claim,
                amounts: &amounts,
                used_at: None,
                corrects: Some(hold.id),
                attribution: &attribution,
                note: &note,
                now: None,
            };
            let reply = core.record(now, command).await?;
            core.tell_effects(known.binding(), reply.effects);
            tell_run(&enforcer, run_payers(known.binding())).await;
            Ok(())
        })
    }
}

/// The runs that the call was held on, in the books of its organisation; `None` where it was held on none.
fn run_payers(binding: &Binding) -> Option<Call> {
    let claim = &binding.claim;
    let runs = claim.lines().iter().map(|line| line.account.scope());
    let runs: Vec<&Scope> = runs.filter(|scope| scope.kind() == &ScopeKind::Run).collect();
    let organization = Some(claim.tenant().name()).filter(|name| !name.is_empty());
    let call = organization.map_or_else(Call::charging, |name| Call::charging().organization(name));
    let call = runs.iter().fold(call, |call, run| call.scope(Scope::clone(run)));
    (!runs.is_empty()).then(|| call.with_model("-"))
}

/// Tells the run that its call has ended. The end stands whatever comes of it, and the run's family finds it in the books.
async fn tell_run(enforcer: &Enforcer, payers: Option<Call>) {
    if let Some(payers) = payers {
        drop(enforcer.0.runs.ended(enforcer, &payers).await);
    }
}
