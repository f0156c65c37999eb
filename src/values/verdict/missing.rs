//! What is said of a model without a price?
//!
//! "No price" is mostly a misspelt name, a new model, or a model that the seller has
//! under another name. So the message names the nearest rows, and both cures: a row or an
//! alias, or a fallback price in the policy.

use std::fmt;

use crate::values::ShortText;

use crate::values::one_line::OneLine;

/// Where a price was looked for, and what is there instead.
#[derive(Clone, Debug, Default)]
pub(crate) struct MissingPrice {
    pub(crate) provider: Option<ShortText>,
    /// Rows that may have been meant, as people read them.
    pub(crate) nearest: Vec<String>,
    /// Why no row can have that name, if none can.
    pub(crate) unknowable: Option<&'static str>,
    /// The model, where it is not the call's own but one that the request lets its provider call.
    pub(crate) beside: Option<ShortText>,
    /// The model whose price the policy assumes in its place, which has none that could be.
    pub(crate) fallback: Option<ShortText>,
}

impl fmt::Display for MissingPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.beside {
            Some(model) => write!(f, "the request may call {}, which has no price", OneLine(model))?,
            None => f.write_str("the model has no price")?,
        }
        if let Some(provider) = &self.provider {
            write!(f, " at {}", OneLine(provider))?;
        }
        if let Some(why) = self.unknowable {
            write!(f, "; {why}")?;
        } else if !self.nearest.is_empty() {
            write!(f, "; nearest: {}", self.nearest.join(", "))?;
        }
        f.write_str("; add a price row or an alias, or name a fallback price in the policy")?;
        match &self.fallback {
            Some(fallback) => {
                write!(f, " that is known and not free: that of {} is not", OneLine(fallback))
            }
            None => Ok(()),
        }
    }
}
