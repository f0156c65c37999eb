//! Do the books hold what the provider billed?
//!
//! A budget is right if the bill at the end of the month is no higher than the books say.
//! The oracle is that sentence as an assertion, made after each test. For every account
//! that binds the calls, in the account's own unit:
//!
//! ```text
//! billed <= spent + reserved + unseen + allowed
//! ```
//!
//! `unseen` is what the provider generated and the client had no way to count; only the
//! scripted provider can know it. `allowed` is what the test itself allows. Without
//! faults the test asks for more: [`exactly`](Oracle::exactly) demands `billed = spent +
//! reserved`.
//!
//! Worked example: a stream is held for 100 tokens at $10 a million and dropped after 5,
//! while the provider is 3 ahead. It bills 8 tokens, $0.00008. The books charge 5,
//! $0.00005; unseen are 3, $0.00003. 0.00008 <= 0.00005 + 0.00003, so the books hold; a
//! client that had charged 4 tokens would be found.
//!
//! Rejected: comparing single calls with single charges. A charge may be provisional,
//! expired, or merged by an exemption, and still the account is right; and a leak shows
//! only in the sum.

mod journal;
mod report;
mod sums;

use std::fmt;

pub use report::{Difference, DifferenceKind, OracleReport};

use self::journal::Journal;
use self::sums::{Sum, Sums};
use super::bill::Bill;
use crate::values::Tenant;
use crate::{Call, Enforcer, Error, Usd};

/// Holds the books against what a provider billed, in one assertion.
///
/// For every budget that binds the charge sets given, it asserts that
///
/// - what was billed is no more than what is spent and reserved, save what the client had
///   no way to count ([`Bill::usd_unseen`]);
/// - the journal says the same as the balance;
/// - nothing is reserved any more, nothing is below zero, and nothing waits in the
///   enforcer's outbox (which is flushed first).
///
/// A hold that was leaked and a balance below zero are found on every account of the same
/// tenant, in every period, as long as the ledger keeps the whole journal. If the journal
/// no longer begins at its beginning (a [`MemoryLedger`](crate::MemoryLedger) keeps its
/// newest 512 entries unless told otherwise), only the present period is compared, and
/// the report [says so](OracleReport::folded). Let the ledger check itself then, with
/// [`verified_by`](Self::verified_by).
///
/// Dollars, tokens and requests are compared. A provider bills no iterations, tool calls
/// or seconds, so budgets in those units are checked for leaks only.
///
/// # Example: a charge that was lost is found
/// ```
/// use token_budget::testing::{Oracle, Reply, ScriptedProvider};
/// use token_budget::{Budget, Call, Enforcer, MemoryLedger, Policy, Scope, Usd, Window};
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let ledger = MemoryLedger::new();
/// let budget = Budget::usd("search", Scope::team("search")?, Usd::dollars(1), Window::day());
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).ledger(ledger.clone()).build();
/// let provider = ScriptedProvider::new().otherwise(Reply::tokens(10).input(100));
///
/// let call = Call::new("gpt-4o").team("search").input_tokens(100).output_tokens(10);
/// let in_flight = enforcer.reserve(&call).await?.or_refusal()?.send();
/// provider.call("/v1/chat/completions", br#"{"model": "gpt-4o", "messages": []}"#).await?;
/// in_flight.release().await?; // but the provider bills it
///
/// let oracle = Oracle::of(&enforcer).billed(&call, &provider.bill()).verified_by(|| ledger.verify());
/// let report = oracle.check().await;
/// assert_eq!(
///     report.to_string(),
///     "1 account checked, 1 difference:\n  \
///      team/search: search (USD, day): 0.00035 USD billed, 0.00 booked, 0.00 of the rest unseen"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "an oracle says nothing until it is asked"]
pub struct Oracle<'a> {
    enforcer: &'a Enforcer,
    charged: Vec<(Call, Bill)>,
    allowed: Usd,
    is_exact: bool,
    is_running: bool,
    verify: Option<Box<dyn Fn() -> Result<(), Error> + Send + Sync + 'a>>,
}

impl<'a> Oracle<'a> {
    /// An oracle over the books of that enforcer. It binds calls by the enforcer's
    /// policy, prices and clock as they are when it is asked.
    pub fn of(enforcer: &'a Enforcer) -> Self {
        Self {
            enforcer,
            charged: Vec::new(),
            allowed: Usd::ZERO,
            is_exact: false,
            is_running: false,
            verify: None,
        }
    }

    /// States that calls of this charge set were billed so. Call it again for another
    /// charge set, and both are compared.
    ///
    /// An account that several charge sets share is held against the sum of their bills:
    /// [`Bill::only`] splits one bill between them. Name the model in the call if a
    /// budget selects by model.
    ///
    /// # Example: a team of two users, one bill split in two
    /// ```
    /// use token_budget::testing::{Oracle, Reply, ScriptedProvider};
    /// use token_budget::call::ScopeKind;
    /// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Usd, Window};
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let team = Budget::usd("team", Scope::team("search")?, Usd::dollars(1), Window::day());
    /// let each = Budget::each_usd("each", ScopeKind::User, Usd::dollars(1), Window::day());
    /// let enforcer = Enforcer::builder().policy(Policy::new([team, each])?).build();
    /// let provider = ScriptedProvider::new().otherwise(Reply::tokens(10).input(100));
    ///
    /// let of = |user: &str| Call::new("gpt-4o").team("search").user(user).input_tokens(100).output_tokens(10);
    /// for user in ["ada", "bob"] {
    ///     let in_flight = enforcer.reserve(&of(user)).await?.or_refusal()?.send();
    ///     let body = format!(r#"{{"model": "gpt-4o", "user": "{user}", "messages": []}}"#);
    ///     provider.call("/v1/chat/completions", body.as_bytes()).await?;
    ///     in_flight.reconcile(Usage::of(100, 10)).await?;
    /// }
    ///
    /// let bill = provider.bill();
    /// let by = |user: &str| bill.only(|call| call.user.as_deref() == Some(user));
    /// let oracle = Oracle::of(&enforcer).billed(&of("ada"), &by("ada")).billed(&of("bob"), &by("bob"));
    /// let report = oracle.exactly().check().await;
    /// assert_eq!(report.to_string(), "3 accounts checked, 0 differences"); // the team, Ada, Bob
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn billed(mut self, call: &Call, bill: &Bill) -> Self {
        self.charged.push((call.clone(), bill.clone()));
        self
    }

    /// Allows that many dollars more on the bill: for what lay unread in a socket when a
    /// client hung up. Units other than dollars get no allowance.
    pub fn allowing(mut self, usd: Usd) -> Self {
        self.allowed = usd;
        self
    }

    /// Demands that exactly what was billed is booked. Use it in every scenario without
    /// faults: it also finds charges that are too high.
    pub fn exactly(mut self) -> Self {
        self.is_exact = true;
        self
    }

    /// Accepts open holds, for a look while calls are running. The bill has only calls
    /// that have ended, so the inequality holds at any time.
    pub fn while_running(mut self) -> Self {
        self.is_running = true;
        self
    }

    /// Asks the ledger to check itself too: `|| ledger.verify()`.
    pub fn verified_by(mut self, verify: impl Fn() -> Result<(), Error> + Send + Sync + 'a) -> Self {
        self.verify = Some(Box::new(verify));
        self
    }

    /// Asserts that the books hold.
    ///
    /// # Panics
    /// If they do not; the message is the whole report.
    #[expect(clippy::panic, reason = "an assertion, for tests")]
    pub async fn assert_holds(&self) {
        let report = self.check().await;
        if !report.holds() {
            panic!("the books do not hold: {report}");
        }
    }

    /// Compares everything and returns every difference. A ledger that cannot be read is
    /// a difference, not an error.
    pub async fn check(&self) -> OracleReport {
        let mut report = OracleReport::default();
        self.check_outbox(&mut report).await;
        match Sums::of(self.enforcer, &self.charged) {
            Ok(sums) => {
                if let Err(error) = self.check_accounts(&sums, &mut report).await {
                    report.add(None, DifferenceKind::Unreadable { reason: error.to_string() });
                }
            }
            Err(error) => report.add(None, DifferenceKind::Unreadable { reason: error.to_string() }),
        }
        if let Some(Err(error)) = self.verify.as_ref().map(|verify| verify()) {
            report.add(None, DifferenceKind::Unverified { reason: error.to_string() });
        }
        report
    }

    /// Flushes the outbox, and reports what still waits in it.
    async fn check_outbox(&self, report: &mut OracleReport) {
        // What cannot be delivered keeps waiting, and is counted below.
        let _ = self.enforcer.flush().await;
        let waiting = self.enforcer.undelivered();
        if waiting > 0 {
            report.add(None, DifferenceKind::Undelivered { commands: waiting });
        }
    }

    /// Reads journals and balances once, then compares account by account.
    ///
    /// The exemption's account of a call may have been charged in place of the budget's
    /// own, so what is booked for a budget is the sum of both.
    async fn check_accounts(&self, sums: &Sums, report: &mut OracleReport) -> Result<(), Error> {
        report.accounts = sums.accounts.len();
        if sums.is_empty() {
            report.add(None, DifferenceKind::NoBudget);
        }
        let mut journals: Vec<(&Tenant, Journal)> = Vec::new();
        for sum in &sums.accounts {
            let tenant = sum.account.tenant();
            if !journals.iter().any(|(known, _)| *known == tenant) {
                journals.push((tenant, Journal::read(self.enforcer.ledger(), tenant).await?));
            }
        }
        let lines: Vec<_> = sums.accounts.iter().map(|sum| (sum.account.clone(), sum.period)).collect();
        let balances = self.enforcer.ledger().balances(&lines).await?;
        let booked = |sum: &Sum| {
            let journal = journals.iter().find(|(tenant, _)| *tenant == sum.account.tenant());
            let at = sums.accounts.iter().position(|other| other.account == sum.account);
            let balance = at.and_then(|at| balances.get(at)).copied().unwrap_or_default();
            (balance, journal.map(|(_, journal)| journal))
        };
        for sum in &sums.accounts {
            let (balance, journal) = booked(sum);
            sum.check_balance(balance, journal, self.is_running, report);
            let mut used = sum.used(balance, journal);
            for other in sums.instead_of(sum) {
                let (balance, journal) = booked(other);
                used = used.saturating_add(other.used(balance, journal));
            }
            sum.check_bill(used, self.allowed, self.is_exact, report);
        }
        for (tenant, journal) in &journals {
            if journal.is_whole {
                journal.check_rest(&lines, self.is_running, report);
            } else {
                report.folded.push((*tenant).clone());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Oracle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oracle").field("charged", &self.charged).field("is_exact", &self.is_exact).finish()
    }
}
