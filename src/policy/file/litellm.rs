//! What do the fields mean that LiteLLM keeps for a key, a team or a user, beside its one budget?
//!
//! Each becomes budgets, is passed over because it limits nothing, or is refused with what to write instead. None is
//! ignored that a limit might stand in. Shapes are those of LiteLLM's `/key/generate`, `/team/new`, `/user/new`,
//! `/customer/new`, `/organization/new` and `/budget/new` (`proxy/_types.py`, `duration_parser.py`; November 2026).

use serde::Deserialize;

use super::node::{Node, Table, View};
use super::passed::{is_limit, is_passed_over, refuse, sets};
use super::problem::{At, wrong};
use super::reader;
use super::value::{self, InFile, Metadata, Own};
use crate::policy::{Budget, Selector};
use crate::values::{ShortText, Unit};
use crate::{Error, Scope, Usd, Window};

/// How long a budget counts; none is for ever, however the gateway's own pages write none.
///
/// `1mo` is the calendar month in UTC. Every other duration rolls, though LiteLLM begins some of them by the calendar:
/// a rolling window never lets more pass in a stretch of that length.
pub(super) struct Duration(pub(super) Option<Window>);

impl InFile<'_> for Duration {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        let View::Text(text) = node.view()? else { return node.read().map(Some).map(Self) };
        let text = text.trim();
        if ["", "none", "null"].iter().any(|none| text.eq_ignore_ascii_case(none)) {
            return Ok(Self(None));
        }
        match text.strip_suffix("mo") {
            Some("1") => Ok(Self(Some(Window::month()))),
            Some(months) if !months.is_empty() && months.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(wrong(format!(
                    "{text:?} has no window, nor does LiteLLM reset after it; write 1mo, days such as 60d, or a \
                     budget with window = \"quarter\""
                )))
            }
            _ => value::parsed(text).map(Some).map(Self).map_err(|error| {
                let is_length = text.starts_with(|first: char| first.is_ascii_digit());
                if is_length { wrong(format!("{error}; the calendar month is 1mo")) } else { error }
            }),
        }
    }
}

/// Metadata as far as it describes. LiteLLM's own limits may stand there, too, and are not passed over.
#[derive(Default)]
pub(super) struct Describing(pub(super) Metadata);

impl InFile<'_> for Describing {
    fn of(node: Node<'_>) -> Result<Self, Error> {
        let mut plain = Table::new();
        for (name, node) in node.table()? {
            if is_limit(&name) && sets(node)? {
                return Err(wrong("is a limit; write it beside metadata")).at(&name);
            }
            if !matches!(node.view()?, View::Null | View::List(_) | View::Table(_)) {
                plain.push((name, node));
            }
        }
        Metadata::of_table(plain).map(Self)
    }
}

/// The budgets of one of the fields that hold further limits.
pub(super) fn further(field: &str, node: Node<'_>, scope: &Scope) -> Result<Vec<Budget>, Error> {
    let budgets = match field {
        "budget_limits" => windows(node, scope),
        "model_max_budget" => by_model(node, |model, node| model_limits(model, node, scope)),
        "model_tpm_limit" => model_rates(field, Unit::Tokens, node, scope),
        "model_rpm_limit" => model_rates(field, Unit::Requests, node, scope),
        _ => budget_table(node, scope),
    };
    budgets.at(field)
}

/// The fields that are set, without those that limit nothing.
fn limits_of(node: Node<'_>) -> Result<Table<'_>, Error> {
    let mut fields = node.table_of_set()?;
    fields.retain(|(field, _)| !is_passed_over(field));
    Ok(fields)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    max_budget: Own<Usd>,
    budget_duration: Own<Duration>,
}

/// Several budgets of one entry, each with its own window; all of them bind.
fn windows(node: Node<'_>, scope: &Scope) -> Result<Vec<Budget>, Error> {
    let mut budgets: Vec<Budget> = Vec::new();
    for (node, number) in node.read::<Vec<_>>()?.into_iter().zip(1_u32..) {
        let span = limits_of(node).and_then(reader::read);
        let Span { max_budget, budget_duration } = span.at(&number.to_string())?;
        let window = budget_duration.0.0.unwrap_or_else(Window::lifetime);
        if budgets.iter().any(|other| *other.window() == window) {
            return Err(wrong("has the window of another one; keep one of them")).at(&number.to_string());
        }
        let field = ShortText::of(format_args!("budget_limits {window}"));
        budgets.push(of_field(scope, &field, Unit::Usd, max_budget.0.nanos(), window));
    }
    Ok(budgets)
}

/// A budget for calls of one model: in dollars, and in tokens and requests a minute.
fn model_limits(model: &str, node: Node<'_>, scope: &Scope) -> Result<Vec<Budget>, Error> {
    let field = ShortText::of(format_args!("model_max_budget {model}"));
    if !matches!(node.view()?, View::Table(_)) {
        return Ok(vec![dollars(scope, &field, Usd::of(node)?, None)]);
    }
    let limits: Limits = reader::read(limits_of(node)?)?;
    let budgets = limits.budgets(scope, &field)?;
    if budgets.is_empty() {
        return Err(wrong("has no limit: expected one of max_budget, budget_limit, tpm_limit, rpm_limit"));
    }
    Ok(budgets)
}

fn model_rates(field: &str, unit: Unit, node: Node<'_>, scope: &Scope) -> Result<Vec<Budget>, Error> {
    by_model(node, |model, node| {
        let field = ShortText::of(format_args!("{field} {model}"));
        Ok(vec![of_field(scope, &field, unit.clone(), i64::of(node)?, Window::rolling_minute())])
    })
}

fn by_model(
    node: Node<'_>,
    read: impl Fn(&str, Node<'_>) -> Result<Vec<Budget>, Error>,
) -> Result<Vec<Budget>, Error> {
    let mut budgets = Vec::new();
    for (model, node) in node.table_of_set()? {
        let read = check_model(&model).and_then(|()| read(&model, node)).at(&model)?;
        budgets.extend(read.into_iter().map(|budget| of_model(budget, &model)));
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
fn budget_table(node: Node<'_>, scope: &Scope) -> Result<Vec<Budget>, Error> {
    let mut said = node.table_of_set()?;
    said.retain(|(field, _)| field != "budget_id");
    if said.iter().any(|(field, _)| field == "soft_budget") {
        return Err(wrong("write it beside the entry's own max_budget")).at("soft_budget");
    }
    refuse(&said)?;
    let (models, own): (Table<'_>, Table<'_>) =
        limits_of(node)?.into_iter().partition(|(field, _)| field == "model_max_budget");
    let mut budgets = reader::read::<Limits>(own)?.budgets(scope, "litellm_budget_table")?;
    for (field, node) in models {
        budgets.extend(further(&field, node, scope)?);
    }
    Ok(budgets)
}

/// A budget in dollars and rates, as they stand together for a model or under a `budget_id`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    #[serde(alias = "budget_limit")]
    max_budget: Option<Own<Usd>>,
    #[serde(alias = "time_period")]
    budget_duration: Option<Own<Duration>>,
    tpm_limit: Option<Own<i64>>,
    rpm_limit: Option<Own<i64>>,
}

impl Limits {
    /// What these fields limit, named after the field that they stand in.
    fn budgets(self, scope: &Scope, field: &str) -> Result<Vec<Budget>, Error> {
        let window = self.budget_duration.and_then(|duration| duration.0.0);
        let dollars = match (self.max_budget, window) {
            (Some(Own(limit)), window) => Some(dollars(scope, field, limit, window)),
            (None, Some(_)) => return Err(Error::invalid("budget_duration", "stands without max_budget")),
            (None, None) => None,
        };
        let before = ShortText::of(format_args!("{field} "));
        Ok(dollars.into_iter().chain(rates(scope, &before, self.tpm_limit, self.rpm_limit)).collect())
    }
}

/// A budget in a rolling minute for each rate that is said.
pub(super) fn rates(
    scope: &Scope,
    before: &str,
    tpm: Option<Own<i64>>,
    rpm: Option<Own<i64>>,
) -> impl Iterator<Item = Budget> {
    let rates = [("tpm_limit", Unit::Tokens, tpm), ("rpm_limit", Unit::Requests, rpm)];
    rates.into_iter().filter_map(move |(rate, unit, limit)| {
        let field = ShortText::of(format_args!("{before}{rate}"));
        limit.map(|Own(limit)| of_field(scope, &field, unit, limit, Window::rolling_minute()))
    })
}

/// Without a duration a gateway never resets it.
fn dollars(scope: &Scope, field: &str, limit: Usd, window: Option<Window>) -> Budget {
    of_field(scope, field, Unit::Usd, limit.nanos(), window.unwrap_or_else(Window::lifetime))
}

/// A budget of that scope, named after the field that it comes from.
pub(super) fn of_field(scope: &Scope, field: &str, unit: Unit, limit: i64, window: Window) -> Budget {
    Budget::new(
        ShortText::of(format_args!("{scope} {field}")),
        Selector::Scope(scope.clone()),
        unit,
        Some(limit),
        window,
    )
}
