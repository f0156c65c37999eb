//! How do the limits that gateways keep for a key or a team become budgets?

use rust_decimal::{Decimal, RoundingStrategy};
use serde::Deserialize;

use super::budget::rising;
use super::litellm::{self, Describing, Duration, of_field};
use super::node::{Node, Table};
use super::problem::{At, wrong};
use super::value::{self, Channels, Id, InFile, Own};
use super::{passed, reader};
use crate::policy::guardrail::Guardrail;
use crate::policy::{Budget, Tier, Tiers};
use crate::values::{ScopeKind, ShortText, TierAction, Unit};
use crate::{Error, Scope, Usd, Window};

/// For whom a gateway keeps limits.
pub(super) struct Holder {
    /// What an entry is called in errors.
    pub(super) noun: &'static str,
    /// The fields that may name it; of these one stands, beside the id or not.
    names: &'static [&'static str],
    /// The gateway's own id, which names it where nothing else does.
    id: Option<&'static str>,
    kind: ScopeKind,
    /// The fields that say to whom it belongs; a call says so itself.
    owners: &'static [&'static str],
}

impl Holder {
    /// Every field that may name it.
    pub(super) fn called(&self) -> Vec<&'static str> {
        self.names.iter().copied().chain(self.id).collect()
    }
}

pub(super) const KEY: Holder = Holder {
    noun: "key",
    names: &["name", "key", "key_alias"],
    id: None,
    kind: ScopeKind::ApiKey,
    owners: &["team_id", "user_id", "organization_id", "project_id", "agent_id"],
};

pub(super) const TEAM: Holder = Holder {
    noun: "team",
    names: &["name", "team_alias"],
    id: Some("team_id"),
    kind: ScopeKind::Team,
    owners: &["organization_id"],
};

pub(super) const ORGANIZATION: Holder = Holder {
    noun: "organization",
    names: &["name", "organization_alias"],
    id: Some("organization_id"),
    kind: ScopeKind::Organization,
    owners: &[],
};

/// Calls carry the id of a user, so it goes before the alias, which is then a description.
pub(super) const USER: Holder = Holder {
    noun: "user",
    names: &["name", "user_id"],
    id: Some("user_alias"),
    kind: ScopeKind::User,
    owners: &["organization_id"],
};

/// Those on whose behalf an application calls; the scope is of the kind `customer`.
pub(super) const CUSTOMER: Holder = Holder {
    noun: "customer",
    names: &["name", "user_id"],
    id: Some("alias"),
    kind: ScopeKind::Custom(ShortText::from_static("customer")),
    owners: &[],
};

/// The limits of one entry, as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    #[serde(alias = "monthly_limit_usd")]
    monthly_limit: Option<Own<Usd>>,
    #[serde(alias = "daily_limit_usd")]
    daily_limit: Option<Own<Usd>>,
    #[serde(alias = "thresholds")]
    alert_thresholds: Option<Vec<Own<Decimal>>>,
    #[serde(alias = "hard_stop_percent")]
    hard_stop: Option<Own<Decimal>>,
    #[serde(default, alias = "notification_channels", alias = "channels")]
    alert_channels: Own<Channels>,
    max_budget: Option<Own<Usd>>,
    #[serde(alias = "duration")]
    budget_duration: Option<Own<Duration>>,
    soft_budget: Option<Own<Usd>>,
    tpm_limit: Option<Own<i64>>,
    rpm_limit: Option<Own<i64>>,
    #[serde(borrow)]
    budget_limits: Option<Node<'a>>,
    model_max_budget: Option<Node<'a>>,
    model_tpm_limit: Option<Node<'a>>,
    model_rpm_limit: Option<Node<'a>>,
    litellm_budget_table: Option<Node<'a>>,
    #[serde(default)]
    metadata: Own<Describing>,
    #[serde(default)]
    observe: bool,
    #[serde(default)]
    restart: bool,
}

/// Whether a whole file is one entry, as a gateway's own interface writes it.
///
/// A key may say to which team it belongs, and a team to which organisation, so the smallest is asked for first.
pub(super) fn alone(fields: &Table<'_>) -> Option<&'static Holder> {
    let holders: [(&[&str], &'static Holder); 5] = [
        (&["key_alias"], &KEY),
        (&["team_alias", "team_id"], &TEAM),
        (&["monthly_limit", "monthly_limit_usd"], &KEY),
        (&["user_id"], &USER),
        (&["organization_alias", "organization_id"], &ORGANIZATION),
    ];
    let is_told = |names: &[&str]| fields.iter().any(|(field, _)| names.contains(&field.as_str()));
    holders.into_iter().find(|(names, _)| is_told(names)).map(|(_, holder)| holder)
}

/// The budgets of one entry, each named after its scope and the field that it comes from.
pub(super) fn budgets(table: Table<'_>, holder: &Holder) -> Result<Vec<Budget>, Error> {
    // Null is a field that is not set.
    let (unset, mut said): (Table<'_>, Table<'_>) = table.into_iter().partition(|(_, node)| node.is_null());
    passed::refuse(&said)?;
    refuse_validity(&said, holder)?;
    let scope = Scope::new(holder.kind.clone(), name(&said, holder)?)?;
    let of_holder = [&holder.called()[..], holder.owners].concat();
    said.retain(|(field, _)| !of_holder.contains(&field.as_str()) && !passed::is_passed_over(field));
    let mut entry: Entry<'_> = reader::read(said)?;
    let is_unlimited = unset.iter().any(|(field, _)| field == "max_budget");
    let mut budgets: Vec<_> = dollars(&mut entry, &scope, is_unlimited)?.into_iter().collect();
    budgets.extend(litellm::rates(&scope, "", entry.tpm_limit, entry.rpm_limit));
    for (field, node) in [
        ("budget_limits", entry.budget_limits),
        ("model_max_budget", entry.model_max_budget),
        ("model_tpm_limit", entry.model_tpm_limit),
        ("model_rpm_limit", entry.model_rpm_limit),
        ("litellm_budget_table", entry.litellm_budget_table),
    ] {
        let further = node.map(|node| litellm::further(field, node, &scope)).transpose()?;
        budgets.extend(further.unwrap_or_default());
    }
    if budgets.is_empty() {
        return Err(wrong(
            "has no limit: expected one of monthly_limit, max_budget, tpm_limit, rpm_limit; \
             who has none stands among budgets, with limit = \"none\"",
        ));
    }
    for budget in &mut budgets {
        budget.metadata.clone_from(&entry.metadata.0.0.0);
        budget.channels.clone_from(&entry.alert_channels.0.0);
        (budget.observe, budget.restart) = (entry.observe, entry.restart);
    }
    Ok(budgets)
}

/// Only a team's own `duration` is that of its budget. How long a key is valid is none of a budget's windows, and is easily taken for one.
fn refuse_validity(said: &Table<'_>, holder: &Holder) -> Result<(), Error> {
    if holder.kind == ScopeKind::Team || !said.iter().any(|(field, _)| field == "duration") {
        return Ok(());
    }
    let noun = holder.noun;
    let problem = format!(
        "is how long the {noun} is valid, which no budget is; leave it out, or write budget_duration"
    );
    Err(wrong(problem)).at("duration")
}

/// What the entry is called: by its name, else by the gateway's id.
fn name(said: &Table<'_>, holder: &Holder) -> Result<ShortText, Error> {
    let find = |name: &&str| said.iter().find(|(field, _)| field == name);
    let mut named = holder.names.iter().filter_map(find);
    let (first, second) = (named.next(), named.next());
    if let (Some((first, _)), Some((second, _))) = (first, second) {
        return Err(wrong(format!("says the same as {first}; keep one of them"))).at(second);
    }
    let Some((field, node)) = first.or_else(|| holder.id.as_ref().and_then(find)) else {
        return Err(wrong(format!("has no name: expected one of {}", holder.called().join(", "))));
    };
    shown_name(*node).at(field)
}

/// A name that may be shown. Who writes the key itself would have it in every report.
fn shown_name(node: Node<'_>) -> Result<ShortText, Error> {
    let Id(name) = Id::of(node)?;
    value::plain_name(&name)?;
    if is_secret(&name) {
        return Err(wrong("looks like the key itself; write a name, and keep the key out of this file"));
    }
    Ok(name)
}

/// Whether this is how providers and gateways begin their keys.
pub(super) fn is_secret(name: &str) -> bool {
    name.starts_with("sk-")
}

/// The budget in dollars, if there is one, with its guardrail and tiers.
///
/// Where the entry has a budget of null it is unlimited: then a duration says nothing.
fn dollars(entry: &mut Entry<'_>, scope: &Scope, is_unlimited: bool) -> Result<Option<Budget>, Error> {
    let window = entry.budget_duration.take().and_then(|duration| duration.0.0);
    let (field, limit, window) = match (entry.monthly_limit.take(), entry.max_budget.take(), window) {
        (Some(limit), None, None) => ("monthly_limit", limit.0, Window::month()),
        // Without a duration a gateway never resets it.
        (None, Some(limit), window) => ("max_budget", limit.0, window.unwrap_or_else(Window::lifetime)),
        (Some(_), Some(_), _) => {
            return Err(Error::invalid("max_budget", "stands beside monthly_limit; keep one of them"));
        }
        (None, None, Some(_)) if is_unlimited => return without_dollars(entry),
        (_, None, Some(_)) => return Err(Error::invalid("budget_duration", "stands without max_budget")),
        (None, None, None) => return without_dollars(entry),
    };
    let guardrail = |limit: Own<Usd>| Guardrail { limit: limit.0.nanos(), window: Window::day() };
    Ok(Some(Budget {
        guardrail: entry.daily_limit.take().map(guardrail),
        tiers: tiers(entry, limit)?,
        ..of_field(scope, field, Unit::Usd, limit.nanos(), window)
    }))
}

/// What is a share or a part of a limit in dollars needs one.
fn without_dollars(entry: &Entry<'_>) -> Result<Option<Budget>, Error> {
    let parts = [
        ("daily_limit", entry.daily_limit.is_some()),
        ("alert_thresholds", entry.alert_thresholds.is_some()),
        ("hard_stop", entry.hard_stop.is_some()),
        ("soft_budget", entry.soft_budget.is_some()),
    ];
    match parts.into_iter().find(|(_, is_told)| *is_told) {
        Some((field, _)) => Err(Error::invalid(field, "stands without monthly_limit or max_budget")),
        None => Ok(None),
    }
}

fn tiers(entry: &mut Entry<'_>, limit: Usd) -> Result<Tiers, Error> {
    let alerts = entry.alert_thresholds.take().map(alerts).transpose().at("alert_thresholds")?;
    match (entry.soft_budget.take(), alerts, entry.hard_stop.take()) {
        (None, None, None) => Ok(Tiers::plain()),
        (Some(soft), None, None) => soft_tiers(soft.0, limit).at("soft_budget"),
        (Some(_), _, _) => Err(Error::invalid("soft_budget", "stands beside thresholds; keep one of them")),
        (None, Some(_), None) => {
            Err(Error::invalid("hard_stop", "is missing: at which percent are calls blocked?"))
        }
        (None, alerts, Some(Own(percent))) => {
            let alerts = alerts.unwrap_or_default();
            rising(alerts.into_iter().chain([Tier { percent, action: TierAction::Block }])).at("hard_stop")
        }
    }
}

/// Warns from the soft limit on, blocks what would reach the hard one.
fn soft_tiers(soft: Usd, limit: Usd) -> Result<Tiers, Error> {
    if soft >= limit || soft == Usd::ZERO {
        return Err(wrong(format!("{soft} is not between zero and the limit of {limit}")));
    }
    // A third has no last digit. Rounded down here, the threshold, which is the
    // smallest whole figure at or above the share, is the soft limit itself.
    let share = soft.to_decimal().checked_mul(Decimal::ONE_HUNDRED);
    let percent = share
        .and_then(|share| share.checked_div(limit.to_decimal()))
        .map(|percent| percent.round_dp_with_strategy(20, RoundingStrategy::ToZero))
        .ok_or_else(|| Error::overflow("percent"))?;
    rising([
        Tier { percent, action: TierAction::Warn },
        Tier { percent: Decimal::ONE_HUNDRED, action: TierAction::Block },
    ])
}

/// Alerts as hot as the hybrid preset has them at that share.
fn alerts(percents: Vec<Own<Decimal>>) -> Result<Vec<Tier>, Error> {
    let alert = |Own(percent): Own<Decimal>| {
        let action = if percent < Decimal::from(80) {
            TierAction::Notice
        } else if percent < Decimal::ONE_HUNDRED {
            TierAction::Warn
        } else {
            TierAction::Critical
        };
        Tier { percent, action }
    };
    let tiers: Vec<_> = percents.into_iter().map(alert).collect();
    rising(tiers.iter().copied())?;
    Ok(tiers)
}
