//! Do the books hold what the provider billed?

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
/// For every budget that binds the charge sets given it asserts that
/// - what was billed is no more than what is spent and reserved, but for what
///   the client had no way to count ([`Bill::usd_unseen`]);
/// - the journal says the same as the balance;
/// - nothing is reserved any more, nothing is below zero, and nothing waits
///   in the enforcer's outbox (which is flushed first).
///
/// A hold that was leaked, and a balance below zero, are found on every account
/// of the same books, in every period, as long as the ledger keeps the whole
/// journal. Where it does not (a [`MemoryLedger`](crate::MemoryLedger) keeps its
/// newest 512 entries unless told otherwise), only the present period is
/// compared, and the report [says so](OracleReport::folded): let the ledger
/// check itself then, with [`verified_by`](Self::verified_by).
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
    /// An oracle over the books of that enforcer.
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

    /// Calls of this charge set were billed so. Given again for another charge set, both are looked at.
    ///
    /// An account that several charge sets share is held against the sum of
    /// their bills: [`Bill::only`] splits a bill between them.
    pub fn billed(mut self, call: &Call, bill: &Bill) -> Self {
        self.charged.push((call.clone(), bill.clone()));
        self
    }

    /// Allows that much more dollars on the bill: for what lay unread in a socket when a client hung up.
    pub fn allowing(mut self, usd: Usd) -> Self {
        self.allowed = usd;
        self
    }

    /// Asserts that exactly what was billed is spent: for scenarios without faults.
    pub fn exactly(mut self) -> Self {
        self.is_exact = true;
        self
    }

    /// Lets holds stand: for a look while calls are running.
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
    /// With the whole report, where they do not.
    #[expect(clippy::panic, reason = "an assertion, for tests")]
    pub async fn assert_holds(&self) {
        let report = self.check().await;
        if !report.holds() {
            panic!("the books do not hold: {report}");
        }
    }

    /// Looks at the books, and reports every difference.
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

    async fn check_outbox(&self, report: &mut OracleReport) {
        // What cannot be delivered keeps waiting, and is counted below.
        let _ = self.enforcer.flush().await;
        let waiting = self.enforcer.undelivered();
        if waiting > 0 {
            report.add(None, DifferenceKind::Undelivered { commands: waiting });
        }
    }

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
