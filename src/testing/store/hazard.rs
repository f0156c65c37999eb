//! What can go wrong between a book and its store?

/// A thing that real stores do, and that a book must live with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Hazard {
    /// Somebody else has it for the moment.
    Busy,
    /// It says that somebody else has written since.
    Moved,
    /// It says that a write came too late.
    Late,
    /// A write never arrives, and neither does an answer.
    LostBefore,
    /// A write takes effect, and its answer is lost.
    LostAfter,
    /// A read says that rows may have changed without a new version.
    Doubted,
    /// A read brings holds without the accounts that only their lines name: the book has to ask for these by their numbers.
    Sparse,
}

/// How often each hazard happens, in percent.
///
/// # Example: half of all answers are lost, and five calls count as five
/// ```
/// use token_budget::ledger::store::Book;
/// use token_budget::testing::{Hazard, Hazards, ScriptedStore};
/// use token_budget::usage::Unit;
/// use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usage, Window};
///
/// let store = ScriptedStore::default().with(Hazards::none().with(Hazard::LostAfter, 50), 7);
/// let budget = Budget::count("key", Scope::api_key("k1")?, Unit::Requests, 10, Window::lifetime());
/// let ledger = Book::new(store.clone(), 256)?;
/// let enforcer = Enforcer::builder().policy(Policy::new([budget])?).ledger(ledger).build();
///
/// let call = Call::new("gpt-4o").api_key("k1").input_tokens(1_200).output_tokens(500);
/// for _ in 0..5 {
///     enforcer.reserve(&call).wait()?.or_refusal()?.send().reconcile(Usage::of(1_200, 350)).wait()?;
/// }
/// assert_eq!(enforcer.check(&call).wait()?.budgets()[0].spent, 5);
/// assert!(store.unheard() > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hazards([u8; 7]);

impl Hazards {
    /// None of them.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Each of them, so many times in a hundred.
    #[must_use]
    pub fn all(percent: u8) -> Self {
        Self([percent; 7])
    }

    /// The same, but with that chance for one.
    #[must_use]
    pub fn with(mut self, hazard: Hazard, percent: u8) -> Self {
        if let Some(chance) = self.0.get_mut(hazard as usize) {
            *chance = percent;
        }
        self
    }

    /// How often that one happens, in percent.
    pub(super) fn chance(self, hazard: Hazard) -> u64 {
        self.0.get(hazard as usize).copied().map_or(0, u64::from)
    }
}
