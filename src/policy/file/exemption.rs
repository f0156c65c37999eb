//! How is an exemption written?

use super::super::Exemption;
use super::tree::{Fields, Node, wrong};
use super::value;
use crate::Error;
use crate::values::{ScopeKind, Unit};

const FIELDS: [&str; 12] = [
    "id",
    "scope",
    "unit",
    "raise",
    "budgets",
    "use_case",
    "from",
    "until",
    "requester",
    "approver",
    "reason",
    "emergency",
];

/// Reads one; `is_budget` knows the ids that it may name.
pub(super) fn exemption(
    node: &Node,
    kinds: &[ScopeKind],
    is_budget: impl Fn(&str) -> bool,
) -> Result<Exemption, Error> {
    let fields = Fields::of(node, &FIELDS)?;
    // Dollars by default, because tokens are not equal.
    let unit = fields.find("unit", value::unit)?.unwrap_or(Unit::Usd);
    let budgets = |node| {
        let ids = value::names(node)?;
        match ids.iter().find(|id| !is_budget(id)) {
            Some(id) => Err(wrong(format!("{id:?} is no budget of this policy"))),
            None if ids.is_empty() => Err(wrong("is empty; leave it out to raise all of the scope")),
            None => Ok(ids),
        }
    };
    Ok(Exemption {
        id: fields.get("id", value::id)?,
        scope: fields.get("scope", |node| value::scope(node, kinds))?,
        raise: fields.get("raise", |node| value::figure(node, &unit))?,
        budgets: fields.find("budgets", budgets)?.unwrap_or_default(),
        use_case: fields.find("use_case", value::name)?,
        from: fields.find("from", value::instant)?,
        until: fields.find("until", value::instant)?,
        requester: fields.find("requester", value::name)?.unwrap_or_default(),
        approver: fields.find("approver", value::name)?.unwrap_or_default(),
        reason: fields.find("reason", value::name)?.unwrap_or_default(),
        emergency: fields.flag("emergency")?,
        unit,
    })
}
