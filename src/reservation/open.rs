//! What is known of an open call?
//!
//! From its reserve on: what is held of each budget, at which price, what stood there before, and how far the call may still go.
//! `Reservation` and `InFlight` are two names for it, so that the compiler knows which of its ends are free. Here are also the
//! commands that end it, as the outbox keeps them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::engine::{GrowingPlace, Hidden, OnAbandon, Pending, Plan, Priced, Quoted};
use crate::ledger::{Certainty, Ended, Note};
use crate::tokens::{Estimate, Trimmed};
use crate::values::verdict::Observed;
use crate::values::{Balance, Binding, Excess, Prompt, ReservationId, Timestamp};
use crate::{Error, Usage, Usd, Verdict};

/// What both states of an open call know.
///
/// It stays in one box from its draft to its receipt: what moves is a pointer, and a drop finds all that it needs. It keeps the
/// plan of its reserve, so that whatever was swapped since, it is charged on the lines and at the prices that it was held by.
#[derive(Clone)]
pub(crate) struct Open {
    pub(crate) plan: Arc<Plan>,
    /// Charged under an exemption's own budget.
    pub(crate) exempt: bool,
    pub(crate) id: ReservationId,
    /// What is held on each line of the binding.
    pub(crate) amounts: SmallVec<[i64; 8]>,
    /// The same in tokens and dollars.
    pub(crate) priced: Priced,
    /// What stood in the budgets just before.
    pub(crate) balances: SmallVec<[Balance; 8]>,
    pub(crate) verdict: Verdict,
    pub(crate) estimate: Estimate,
    /// The input was estimated from a prompt, so that what it really took teaches something.
    pub(crate) from_prompt: bool,
    pub(crate) reach: Reach,
    /// The ledger's instant of the reserve: prices are those of then.
    pub(crate) now: Timestamp,
    /// The ledger holds room; not where the call went out while it was away.
    pub(crate) held: bool,
    /// How it ended, where more is known than its charge says.
    pub(crate) ended: Option<Ended>,
    /// When it was sent; when it was reserved until then.
    pub(crate) sent_at: Timestamp,
    /// Whoever drops it closes its connection.
    pub(crate) is_watched: bool,
    /// What it used was counted here: of nothing seen, nothing is charged.
    pub(crate) is_counted: bool,
    /// Tools ran at the provider, and nobody saw what they did.
    pub(crate) tools_unseen: bool,
    /// Its place among the streams that grow, given up once it has ended.
    pub(crate) place: Option<Arc<GrowingPlace>>,
    /// What was sent, where it may still have to be counted.
    pub(crate) prompt: Option<Arc<Prompt>>,
    /// What would have refused it beside the budgets, were it enforced.
    pub(crate) observed: Option<Box<Observed>>,
    /// What was left out of its prompt so that it fitted.
    pub(crate) trimmed: Option<Box<Trimmed>>,
}

impl fmt::Debug for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(f, "Open", Some(self))
    }
}

/// One line of that one call, and nothing of the books that it is held in.
pub(super) fn describe(f: &mut fmt::Formatter<'_>, state: &str, open: Option<&Open>) -> fmt::Result {
    match open {
        Some(open) => {
            write!(f, "{state}({}, {}: {} USD held)", open.id, open.binding().model, open.priced.usd)
        }
        None => write!(f, "{state}(ended)"),
    }
}

/// What a call may still become, and how long it may take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reach {
    /// What it may use above what is held for it.
    pub(crate) excess: Excess,
    /// How many answers were asked for at once.
    pub(crate) choices: u32,
    /// The answer begins with the prompt, which is no output.
    pub(crate) echoes: bool,
    /// Whether the request itself limits its output, so that the provider stops there.
    pub(crate) is_limited: bool,
    /// The request does not name the limit that is held for, and must be sent with it.
    pub(crate) is_written: bool,
    /// The limit that it was sent with is not its own: it was written in, or lowered.
    pub(crate) limit_is_ours: bool,
    /// It goes on though nobody listens.
    pub(crate) in_background: bool,
    /// Whether the request switches reasoning on or off.
    pub(crate) reasoning: Option<bool>,
    /// It is a stream that is held by slices.
    pub(crate) by_slices: bool,
    /// How long its hold lives from when it is made or prolonged.
    pub(crate) life: Duration,
    /// When its hold ends by itself.
    pub(crate) expires_at: Timestamp,
}

impl Open {
    /// The call as it will be held, by a plan and a quote. Its id stands for this attempt from now on.
    ///
    /// The ledger's answer fills in the rest: what stood there before, the verdict, the instant.
    #[inline]
    pub(crate) fn drafted(
        plan: &Arc<Plan>,
        exempt: bool,
        quoted: &Quoted<'_>,
        now: Timestamp,
    ) -> Result<Box<Self>, Error> {
        let Quoted { ask, held, excess } = quoted;
        let life = ask.timeout.unwrap_or_default().saturating_add(plan.core.hold_grace);
        let reach = Reach {
            excess: *excess,
            choices: ask.choices,
            echoes: ask.echoes,
            is_limited: ask.limit.stops,
            is_written: ask.limit.is_written,
            limit_is_ours: false,
            in_background: ask.in_background,
            reasoning: ask.reasoning,
            by_slices: ask.slice.is_some(),
            life,
            expires_at: now + life,
        };
        let amounts = plan.amounts(plan.binding(exempt), *held)?;
        let id = ReservationId::generate(now);
        Ok(Self::new(Arc::clone(plan), exempt, (id, now), amounts, *held, reach))
    }

    /// An open call of which no more is known than what is asked for it, since when, and under which id.
    #[inline]
    pub(super) fn new(
        plan: Arc<Plan>,
        exempt: bool,
        (id, now): (ReservationId, Timestamp),
        amounts: SmallVec<[i64; 8]>,
        priced: Priced,
        reach: Reach,
    ) -> Box<Self> {
        Box::new(Self {
            plan,
            exempt,
            id,
            amounts,
            priced,
            balances: SmallVec::new(),
            verdict: Verdict::Allow,
            estimate: Estimate::count(priced.tokens_input),
            from_prompt: false,
            reach,
            now,
            held: true,
            ended: None,
            sent_at: now,
            is_watched: false,
            is_counted: false,
            tools_unseen: false,
            place: None,
            prompt: None,
            observed: None,
            trimmed: None,
        })
    }

    #[inline]
    pub(crate) fn binding(&self) -> &Arc<Binding> {
        self.plan.binding(self.exempt)
    }

    /// What is charged for a call that nobody saw the end of. What goes on unheard is no matter of choice.
    #[inline]
    pub(crate) fn abandoned(&self) -> OnAbandon {
        if self.reach.in_background { OnAbandon::Hold } else { self.plan.core.abandoned }
    }

    /// The output that the call may use, all choices together.
    #[inline]
    pub(super) fn output_tokens(&self) -> u64 {
        self.priced.tokens_output.saturating_add(self.reach.excess.output_tokens)
    }

    /// The same of each choice.
    pub(super) fn limit_each(&self) -> u64 {
        self.output_tokens().checked_div(u64::from(self.reach.choices.max(1))).unwrap_or(0)
    }

    /// What may be generated of it that nobody sees.
    pub(super) fn hidden(&self) -> Hidden {
        self.plan.hidden(self.reach.in_background, self.reach.reasoning)
    }

    pub(super) fn note(&self, usage: Option<Usage>, ended: Ended) -> Note {
        Note { about: self.plan.note.about.clone(), usage, ended: Some(ended), ..Note::default() }
    }

    /// Ends it by that command without waiting, and tells whoever brought its lines.
    pub(super) fn end_dropped(&self, pending: Pending) {
        let core = &self.plan.core;
        core.end_without_waiting(pending);
        self.plan.own.call_dropped(core);
    }

    /// The release of a call that costs nothing, for the outbox.
    pub(super) fn pending_release(&self) -> Pending {
        self.released_at(Some(Usd::ZERO))
    }

    /// The release of a call at that cost: nothing, or unknown.
    pub(super) fn released_at(&self, cost: Option<Usd>) -> Pending {
        let note = Note { cost, ..self.note(None, Ended::Released) };
        Pending::Release { id: self.id, binding: Arc::clone(self.binding()), note }
    }

    /// Usage came and cannot be counted: all that is held is charged, however abandoned calls are.
    pub(super) fn pending_uncountable(&self) -> Pending {
        self.pending_uncounted(self.all_held())
    }

    pub(super) fn pending_reconcile(
        &self,
        amounts: SmallVec<[i64; 8]>,
        certainty: Certainty,
        note: Note,
    ) -> Pending {
        let held = if self.held { self.expired_amounts() } else { SmallVec::new() };
        Pending::Reconcile {
            id: self.id,
            binding: Arc::clone(self.binding()),
            amounts,
            held,
            certainty,
            note,
            correction: None,
        }
    }
}
