//! Which model is asked next, where one has no room?
//!
//! One walk serves the enforcer, a wrapped client and a run. Each model is bound, quoted and reserved by itself; a
//! model that blocks does not end the walk; and where none has room the answer is the first refusal, because it is
//! the one about the model that the caller asked for.

use std::sync::Arc;

use crate::values::ShortText;

use super::core::Core;
use crate::pricing::Asked;
use crate::{Call, Decision};

/// Which models may be asked below the one that a call names, strongest first.
#[derive(Clone, Debug, Default)]
pub(crate) enum Ladder {
    /// None.
    #[default]
    Stays,
    /// The policy's, below the rung by which it means the call's model.
    Policy,
    /// These, below the rung that means the call's model; none where no rung does.
    Below(Arc<[ShortText]>),
    /// All of these, whatever model the call names.
    Fallbacks(Arc<[ShortText]>),
}

/// One call on its way down a ladder.
pub(crate) struct Walk<'a> {
    core: &'a Core,
    ladder: &'a Ladder,
    tried: usize,
    first: Option<Box<Decision>>,
}

impl Ladder {
    /// The model to ask after the call's own, as the one after `tried`.
    pub(crate) fn next(&self, core: &Core, call: &Call, tried: usize) -> Option<ShortText> {
        match self {
            Self::Stays => None,
            Self::Policy => {
                let policy = core.policy();
                let prices = core.prices();
                // A client that is told of another model and goes on naming the same has tried them all by then.
                policy.next_rung(Asked::of(call, Some(&prices))).filter(|_| tried < policy.rungs())
            }
            Self::Below(models) => {
                let prices = core.prices();
                let rung = Asked::of(call, Some(&prices)).rung(models)?;
                models.get(rung.checked_add(1)?).cloned()
            }
            Self::Fallbacks(models) => models.get(tried.checked_sub(1)?).cloned(),
        }
    }
}

impl<'a> Walk<'a> {
    pub(crate) fn new(core: &'a Core, ladder: &'a Ladder) -> Self {
        Self { core, ladder, tried: 0, first: None }
    }

    /// The model to ask after one was refused, where `sends` can send the call to it; else the first refusal.
    pub(crate) fn below(
        &mut self,
        call: &Call,
        refused: Box<Decision>,
        sends: impl FnOnce(&str) -> bool,
    ) -> Result<ShortText, Box<Decision>> {
        self.tried = self.tried.saturating_add(1);
        let first = self.first.take().unwrap_or(refused);
        match self.ladder.next(self.core, call, self.tried).filter(|model| sends(model)) {
            Some(model) => {
                self.first = Some(first);
                Ok(model)
            }
            None => Err(first),
        }
    }
}
