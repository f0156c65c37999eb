//! What do the fields mean that LiteLLM keeps for a key, a team or a user, beside its one budget?
//!
//! Each becomes budgets, is passed over because it limits nothing, or is refused with what to write instead. None is
//! ignored that a limit might stand in. Shapes are those of LiteLLM's `/key/generate`, `/team/new`, `/user/new`,
//! `/customer/new`, `/organization/new` and `/budget/new` (`proxy/_types.py`, `duration_parser.py`; November 2026).

use compact_str::{CompactString, format_compact};

use super::super::Budget;
use super::gateway::{of_field, rates};
use super::passed::{PASSED_OVER, is_limit, refuse, sets};
use super::tree::{Fields, Node, shown, wrong};
use super::value;
use crate::values::Unit;
use crate::{Error, Scope, Usd, Window};

/// Fields that become further budgets.
pub(super) const LIMITS: [&str; 5] =
    ["budget_limits", "model_max_budget", "model_tpm_limit", "model_rpm_limit", "litellm_budget_table"];

/// The entry without the fields that are null: they are not set.
pub(super) fn without_nulls(node: &Node) -> Result<Node, Error> {
    let entries = node.table()?.iter().filter(|(_, node)| !matches!(node, Node::Null));
    Ok(Node::Table(entries.cloned().collect()))
}

/// How long a budget counts; none is for ever, however the gateway's own pages write none.
///
/// `1mo` is the calendar month in UTC. Every other duration rolls, though LiteLLM begins some of them by the calendar:
/// a rolling window never lets more pass in a stretch of that length.
pub(super) fn window(node: &Node) -> Result<Option<Window>, Error> {
    let Node::Text(text) = node else { return value::window(node).map(Some) };
    let text = text.trim();
    if ["", "none", "null"].iter().any(|none| text.eq_ignore_ascii_case(none)) {
        return Ok(None);
    }
    match text.strip_suffix("mo") {
        Some("1") => Ok(Some(Window::month())),
        Some(months) if !months.is_empty() && months.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(wrong(format!(
                "{text:?} has no window, nor does LiteLLM reset after it; write 1mo, days such as 60d, or a budget \
                 with window = \"quarter\""
            )))
        }
        _ => value::window(&Node::Text(text.to_owned())).map(Some).map_err(|error| {
            let is_length = text.starts_with(|first: char| first.is_ascii_digit());
            if is_length { wrong(format!("{error}; the calendar month is 1mo")) } else { error }
        }),
    }
}

/// Metadata as far as it describes. LiteLLM's own limits may stand there, too, and are not passed over.
pub(super) fn metadata(node: &Node) -> Result<Vec<(CompactString, CompactString)>, Error> {
    let entries = node.table()?;
    if let Some((name, _)) = entries.iter().find(|(name, node)| is_limit(name) && sets(node)) {
        return Err(wrong("is a limit; write it beside metadata").within(&shown(name)));
    }
    let plain =
        entries.iter().filter(|(_, node)| !matches!(node, Node::Null | Node::List(_) | Node::Table(_)));
    value::metadata(&Node::Table(plain.cloned().collect()))
}

/// The budgets of every further limit.
pub(super) fn more(fields: &Fields<'_>, scope: &Scope) -> Result<Vec<Budget>, Error> {
    let mut budgets = Vec::new();
    budgets.extend(fields.find("budget_limits", |node| windows(node, scope))?.unwrap_or_default());
    budgets.extend(fields.find("model_max_budget", |node| models(node, scope))?.unwrap_or_default());
    for (field, unit) in [("model_tpm_limit", Unit::Tokens), ("model_rpm_limit", Unit::Requests)] {
        let rates = fields.find(field, |node| {
            by_model(node, |model, node| {
                let limit = value::figure(node, &unit)?;
                let field = format_compact!("{field} {model}");
                Ok(vec![of_field(scope, &field, unit.clone(), limit, Window::rolling_minute())])
            })
        })?;
        budgets.extend(rates.unwrap_or_default());
    }
    budgets.extend(fields.find("litellm_budget_table", |node| table(node, scope))?.unwrap_or_default());
    Ok(budgets)
}

/// Several budgets of one entry, each with its own window; all of them bind.
fn windows(node: &Node, scope: &Scope) -> Result<Vec<Budget>, Error> {
    let mut budgets: Vec<Budget> = Vec::new();
    for (node, number) in node.list()?.iter().zip(1_u32..) {
        let budget = span(node, scope).map_err(|error| error.within(&number.to_string()))?;
        if budgets.iter().any(|other| other.window() == budget.window()) {
            return Err(wrong("has the window of another one; keep one of them").within(&number.to_string()));
        }
        budgets.push(budget);
    }
    Ok(budgets)
}

fn span(node: &Node, scope: &Scope) -> Result<Budget, Error> {
    let said = without_nulls(node)?;
    let fields = Fields::of(&said, &["max_budget", "budget_duration", "reset_at", "spend"])?;
    let limit = fields.get("max_budget", value::money)?;
    let window = fields.get("budget_duration", window)?.unwrap_or_else(Window::lifetime);
    let field = format_compact!("budget_limits {window}");
    Ok(of_field(scope, &field, Unit::Usd, limit.nanos(), window))
}

/// A budget for calls of one model: in dollars, and in tokens and requests a minute.
fn models(node: &Node, scope: &Scope) -> Result<Vec<Budget>, Error> {
    by_model(node, |model, node| {
        let field = format_compact!("model_max_budget {model}");
        if !matches!(node, Node::Table(_)) {
            let limit = value::money(node)?;
            return Ok(vec![dollars(scope, &field, limit, None)]);
        }
        let said = without_nulls(node)?;
        let known = [
            "max_budget",
            "budget_limit",
            "budget_duration",
            "time_period",
            "tpm_limit",
            "rpm_limit",
            "spend",
        ];
        let budgets = limits(&Fields::of(&said, &known)?, scope, &field)?;
        if budgets.is_empty() {
            return Err(wrong(
                "has no limit: expected one of max_budget, budget_limit, tpm_limit, rpm_limit",
            ));
        }
        Ok(budgets)
    })
}

fn by_model(
    node: &Node,
    read: impl Fn(&str, &Node) -> Result<Vec<Budget>, Error>,
) -> Result<Vec<Budget>, Error> {
    let mut budgets = Vec::new();
    for (model, node) in node.table()?.iter().filter(|(_, node)| !matches!(node, Node::Null)) {
        let named = check_model(model).and_then(|()| read(model, node));
        let read = named.map_err(|error| error.within(&shown(model)))?;
        budgets.extend(read.into_iter().map(|budget| of_model(budget, model)));
    }
    Ok(budgets)
}

/// A name that no call can bear limits nothing.
fn check_model(model: &str) -> Result<(), Error> {
    if model.contains('*') {
        let instead = "write a budget with providers, or one for each model";
        return Err(wrong(format!("is a pattern, which binds no call; {instead}")));
    }
    value::plain_name(model)
}

/// A model may be written with its provider, and be called without: the budget binds both.
fn of_model(budget: Budget, model: &str) -> Budget {
    match model.split_once('/') {
        Some((_, bare)) if !bare.is_empty() => budget.model(model).model(bare),
        _ => budget.model(model),
    }
}

/// The limits that LiteLLM keeps under a `budget_id`, which bind beside the entry's own.
fn table(node: &Node, scope: &Scope) -> Result<Vec<Budget>, Error> {
    let said = without_nulls(node)?;
    refuse_in_table(&said)?;
    let own = ["max_budget", "budget_duration", "soft_budget", "tpm_limit", "rpm_limit", "model_max_budget"];
    let fields = Fields::of(&said, &[&own[..], &PASSED_OVER].concat())?;
    let mut budgets = limits(&fields, scope, "litellm_budget_table")?;
    budgets.extend(fields.find("model_max_budget", |node| models(node, scope))?.unwrap_or_default());
    Ok(budgets)
}

fn refuse_in_table(said: &Node) -> Result<(), Error> {
    let entries = said.table()?;
    if entries.iter().any(|(field, _)| field == "soft_budget") {
        return Err(wrong("write it beside the entry's own max_budget").within("soft_budget"));
    }
    let own = entries.iter().filter(|(field, _)| field != "budget_id").cloned();
    refuse(&Node::Table(own.collect()))
}

/// What these fields limit, named after the field that they stand in.
fn limits(fields: &Fields<'_>, scope: &Scope, field: &str) -> Result<Vec<Budget>, Error> {
    let mut budgets = Vec::new();
    let max = fields.find_any(&["max_budget", "budget_limit"], value::money)?;
    let window = fields.find_any(&["budget_duration", "time_period"], window)?.flatten();
    match (max, window) {
        (Some(limit), window) => budgets.push(dollars(scope, field, limit, window)),
        (None, Some(_)) => return Err(Error::invalid("budget_duration", "stands without max_budget")),
        (None, None) => {}
    }
    budgets.extend(rates(fields, scope, |rate| format_compact!("{field} {rate}"))?);
    Ok(budgets)
}

/// Without a duration a gateway never resets it.
fn dollars(scope: &Scope, field: &str, limit: Usd, window: Option<Window>) -> Budget {
    of_field(scope, field, Unit::Usd, limit.nanos(), window.unwrap_or_else(Window::lifetime))
}
