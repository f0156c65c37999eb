//! Why does a budget refuse a call, and what is the reader's next move?
//!
//! A refusal is often all that a person sees of a budget. So its line says which budget, how much of how much, what the call
//! needs, and what to do now: `budget team/search month 2026-11: 482.10 of 500.00 USD used, call needs 21.75; resets
//! 2026-12-01T00:00:00Z`. Names that came with a request are shown on one line, escaped if need be.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::Scope;
use crate::values::amount::Figure;
use crate::values::one_line::OneLine;
use crate::values::{MarkAction, ScopeKind, ShortText, Timestamp, Unit};

/// Why a budget refuses a call, and so what helps: waiting, asking for less, or a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RefusalKind {
    /// What is spent leaves no room.
    Exhausted {
        /// When there will be room: the window begins anew, or enough has aged out.
        #[serde(skip_serializing_if = "Option::is_none")]
        resets_at: Option<Timestamp>,
    },
    /// The call would fit if the calls that run now cost nothing: ask again soon.
    InFlight,
    /// The call would fit if no part of the run were set aside for a run below: close that one, or ask for less.
    HeldForChild {
        /// The run that has it; of several, the one with the largest part.
        child: Scope,
    },
    /// The call would not fit into an empty budget either: ask for less, or raise the limit.
    NeverFits,
    /// The model has no price.
    Unpriced,
    /// The request may incur a fee beside its tokens, and nobody knows the model's rate of it.
    UnpricedFee {
        /// What the fee is counted by, as a price row names it: `web_search`.
        meter: ShortText,
    },
    /// The scope is frozen, or the run was stopped or closed.
    Frozen {
        /// By which mark.
        mark: MarkAction,
        /// By whom and why.
        by: ShortText,
        /// The reason that was given.
        reason: ShortText,
    },
    /// A limit of the run itself: iterations, time, a stop.
    RunLimit,
    /// The call would fit if the rest were not kept back for the run's final call.
    KeptBack,
    /// None of the call's scopes has a budget, and nobody said that it may pass.
    Unbound {
        /// The scopes that the call names.
        scopes: Vec<Scope>,
        /// There is no budget at all: no policy was given, or an empty one.
        policy_is_empty: bool,
        /// The kind of scope nearest to the call's that has a budget, where the call names none of that kind.
        #[serde(skip_serializing_if = "Option::is_none")]
        nearest: Option<ScopeKind>,
    },
    /// The call's input was never said, and a limit counts tokens or dollars.
    InputNotSaid,
    /// The run has passed its deadline.
    Deadline {
        /// The first instant at which nothing is admitted any more.
        at: Timestamp,
    },
}

/// One budget that refuses, with the figures it was judged by.
///
/// Figures are in the budget's unit, dollars in nano-dollars. As JSON dollars are text
/// (`"5.00"`), and everything else that is counted is a number. A refusal that comes from
/// no budget (a freeze, a missing price) has an empty `budget` and no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The budget's id; empty if not a budget but the scope or the model itself refuses.
    pub budget: ShortText,
    /// The scope that pays.
    pub scope: Option<Scope>,
    /// The window, as people read it: `month 2026-11`.
    pub window: String,
    /// What the budget counts.
    pub unit: Unit,
    /// The limit, raises included.
    pub limit: Option<i64>,
    /// The most that may be spent and reserved; above the limit if the budget has a backstop.
    pub ceiling: i64,
    /// What was spent.
    pub spent: i64,
    /// What was held for calls in flight.
    pub reserved: i64,
    /// What this call asked for.
    pub requested: i64,
    /// Why it does not fit.
    pub kind: RefusalKind,
}

impl Refusal {
    /// Not a budget but the scope, the model or the call itself refuses.
    pub(super) fn without_budget(scope: Option<Scope>, kind: RefusalKind) -> Self {
        Self {
            budget: ShortText::default(),
            scope,
            window: String::new(),
            unit: Unit::Usd,
            limit: None,
            ceiling: i64::MAX,
            spent: 0,
            reserved: 0,
            requested: 0,
            kind,
        }
    }
}

impl fmt::Display for Refusal {
    /// `budget team/search month 2026-11: 482.10 of 500.00 USD used, call needs 21.75; resets 2026-12-01T00:00:00Z`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            RefusalKind::Frozen { mark, by, reason } => {
                self.name_scope(f)?;
                let (what, next_move) = match mark {
                    MarkAction::Stop => ("was stopped", "begin another run, or reopen this one"),
                    MarkAction::Close => ("was closed", "begin another run, or reopen this one"),
                    MarkAction::Freeze | MarkAction::Reopen => ("is frozen", "reopen it to go on"),
                };
                write!(f, "{what} by {}: {}; {next_move}", OneLine(by), OneLine(reason))
            }
            RefusalKind::UnpricedFee { meter } => write!(
                f,
                "the request may use {meter}, whose fee is not known for this model; name {meter} in a price row"
            ),
            RefusalKind::Unpriced => f
                .write_str("the model has no price; add a price row or an alias, or name a fallback price in the policy"),
            RefusalKind::Deadline { at } => {
                self.name_scope(f)?;
                write!(f, "had until {at}; the run ends here")
            }
            RefusalKind::Unbound { scopes, policy_is_empty, nearest } => {
                unbound(f, scopes, *policy_is_empty, nearest.as_ref())
            }
            RefusalKind::InputNotSaid => f.write_str(
                "the call does not say what goes in, and its budgets count that; give it input_tokens, a prompt \
                 or a message (input_tokens(0) is said)",
            ),
            _ => self.by_figures(f),
        }
    }
}

impl RefusalKind {
    /// Whether a budget refuses by what was used, held and asked for.
    pub(super) fn is_by_figures(&self) -> bool {
        matches!(
            self,
            Self::Exhausted { .. }
                | Self::InFlight
                | Self::HeldForChild { .. }
                | Self::NeverFits
                | Self::RunLimit
                | Self::KeptBack
        )
    }
}

impl Refusal {
    fn name_scope(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "{scope} "),
            None => Ok(()),
        }
    }

    /// A budget that refuses, with the figures that it refuses by.
    fn by_figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.scope {
            Some(scope) => write!(f, "budget {scope} {}: ", self.window)?,
            None => write!(f, "{}: ", self.budget)?,
        }
        let unit = &self.unit;
        write!(f, "{} of ", unit.figure(self.spent))?;
        match self.limit {
            Some(limit) => write!(f, "{} used", unit.show(limit))?,
            None => write!(f, "{unit} used")?,
        }
        if self.limit.is_some_and(|limit| limit != self.ceiling) {
            write!(f, " (stops above {})", unit.figure(self.ceiling))?;
        }
        if self.reserved > 0 {
            write!(f, ", {} held", unit.figure(self.reserved))?;
            if !matches!(self.kind, RefusalKind::HeldForChild { .. }) {
                f.write_str(" for calls in flight")?;
            }
        }
        write!(f, ", call needs {}", unit.figure(self.requested))?;
        match &self.kind {
            RefusalKind::Exhausted { resets_at: Some(at) } => write!(f, "; resets {at}"),
            RefusalKind::Exhausted { resets_at: None } => f.write_str("; raise the limit to go on"),
            RefusalKind::InFlight => f.write_str("; fits once calls in flight end, ask again soon"),
            RefusalKind::HeldForChild { child } => {
                write!(f, "; a part is set aside for {child}, fits once that run is closed")
            }
            RefusalKind::NeverFits => f.write_str("; can never fit, ask for less or raise the limit"),
            RefusalKind::RunLimit => f.write_str(match unit {
                Unit::ToolCalls | Unit::Tool(_) => "; the run may make no more of them",
                Unit::Children | Unit::Depth => "; the run may begin no more of them",
                _ => "; the run ends here",
            }),
            RefusalKind::KeptBack => f.write_str("; what is left is kept back for the final call"),
            _ => Ok(()),
        }
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            budget: &'a str,
            scope: Option<&'a Scope>,
            window: &'a str,
            unit: &'a Unit,
            limit: Option<Figure<'a>>,
            ceiling: Option<Figure<'a>>,
            spent: Figure<'a>,
            reserved: Figure<'a>,
            requested: Figure<'a>,
            #[serde(flatten)]
            kind: &'a RefusalKind,
        }
        let figure = |figure| Figure(&self.unit, figure);
        Shown {
            budget: &self.budget,
            scope: self.scope.as_ref(),
            window: &self.window,
            unit: &self.unit,
            limit: self.limit.map(figure),
            ceiling: Some(self.ceiling).filter(|ceiling| *ceiling < i64::MAX).map(figure),
            spent: figure(self.spent),
            reserved: figure(self.reserved),
            requested: figure(self.requested),
            kind: &self.kind,
        }
        .serialize(serializer)
    }
}

/// Whom no budget binds, and both ways to go on: give a budget, or let such calls pass by
/// name.
fn unbound(
    f: &mut fmt::Formatter<'_>,
    scopes: &[Scope],
    policy_is_empty: bool,
    nearest: Option<&ScopeKind>,
) -> fmt::Result {
    if policy_is_empty {
        return f.write_str(
            "there is no budget at all; give the enforcer a policy with budgets, or let calls without one pass by \
             name: .unbound(Unbound::Allow) on the builder, or unbound = \"allow\" in the policy",
        );
    }
    f.write_str("no budget binds the call: ")?;
    for (place, scope) in scopes.iter().enumerate() {
        write!(f, "{}{scope}", if place > 0 { ", " } else { "" })?;
    }
    f.write_str(match scopes {
        [] => "it names nobody who pays; name a team, a user, a key",
        [_] => " has none; give it one",
        _ => " have none; give one of them a budget",
    })?;
    if let Some(kind) = nearest {
        write!(f, ", charge the call to one of kind {kind}, which has a budget,")?;
    } else {
        f.write_str(",")?;
    }
    f.write_str(" or let such calls pass by name: unbound = \"allow\" in the policy")
}
