//! How is an exemption written?

use super::node::Node;
use super::problem::{At, wrong};
use super::reader;
use super::value::{self, Id, InFile};
use crate::Error;
use crate::policy::Exemption;
use crate::values::{ScopeKind, ShortText, Unit};

/// Reads one; `is_budget` knows the ids that it may name.
pub(super) fn exemption(
    node: Node<'_>,
    kinds: &[ScopeKind],
    is_budget: impl Fn(&str) -> bool,
) -> Result<Exemption, Error> {
    let mut fields = node.table()?;
    let find = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, node)| *node);
    find("id").map_or(Ok(()), |node| Id::of(node).map(drop)).at("id")?;
    // Dollars by default, because tokens are not equal.
    let usd = Node(r#""usd""#);
    let is_silent = find("unit").is_none();
    let unit: Unit = find("unit").unwrap_or(usd).read().at("unit")?;
    find("budgets").map_or(Ok(()), |node| check_ids(node, is_budget)).at("budgets")?;
    // An exemption keeps its raise in nano-dollars, and a file writes dollars.
    let raise = find("raise").map_or(Ok(0), |node| value::figure(node, &unit)).at("raise")?.to_string();
    if let Some((_, node)) = fields.iter_mut().find(|(field, _)| field == "raise") {
        *node = Node(&raise);
    }
    if is_silent {
        fields.push(("unit".into(), usd));
    }
    let exemption: Exemption = reader::read(fields)?;
    value::known(exemption.scope.kind(), kinds).at("scope")?;
    Ok(exemption)
}

fn check_ids(ids: Node<'_>, is_budget: impl Fn(&str) -> bool) -> Result<(), Error> {
    let ids = Vec::<ShortText>::of(ids)?;
    match ids.iter().find(|id| !is_budget(id)) {
        Some(id) => Err(wrong(format!("{id:?} is no budget of this policy"))),
        None if ids.is_empty() => Err(wrong("is empty; leave it out to raise all of the scope")),
        None => Ok(()),
    }
}
