//! Which commands may wait?
//!
//! Those that end a call. Each owns what it needs, since the call that made it is gone.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::ledger::{Certainty, Note};
use crate::values::{Binding, ReservationId};

/// A command that ends a call, with everything that its repeat needs.
#[derive(Clone, Debug)]
pub(crate) enum Pending {
    /// Give back what was never sent.
    Release { id: ReservationId, binding: Arc<Binding>, note: Note },
    /// Charge what was sent.
    Reconcile {
        id: ReservationId,
        binding: Arc<Binding>,
        amounts: SmallVec<[i64; 8]>,
        /// What the hold is charged by its age, should the ledger have forgotten it; nothing where none was made.
        held: SmallVec<[i64; 8]>,
        certainty: Certainty,
        note: Note,
        /// The id of the posting that stands for it, once the ledger was found to have forgotten its own.
        correction: Option<ReservationId>,
    },
}

impl Pending {
    pub(crate) fn id(&self) -> ReservationId {
        match self {
            Self::Release { id, .. } | Self::Reconcile { id, .. } => *id,
        }
    }
}
