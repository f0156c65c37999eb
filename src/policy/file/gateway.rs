//! How do the limits that gateways keep for a key or a team become budgets?

use compact_str::{CompactString, format_compact};
use rust_decimal::{Decimal, RoundingStrategy};

use super::super::budget::Guardrail;
use super::super::{Budget, Selector, Tier, Tiers};
use super::budget::rising;
use super::tree::{Fields, Node, wrong};
use super::{litellm, passed, value};
use crate::values::{ScopeKind, TierAction, Unit};
use crate::{Error, Scope, Usd, Window};

/// For whom a gateway keeps limits.
pub(super) struct Holder {
    /// What an entry is called in errors.
    pub(super) noun: &'static str,
    /// The fields that may name it; of these one stands, beside the id or not.
    pub(super) names: &'static [&'static str],
    /// The gateway's own id, which names it where nothing else does.
    pub(super) id: Option<&'static str>,
    kind: ScopeKind,
    durations: &'static [&'static str],
    /// The fields that say to whom it belongs; a call says so itself.
    pub(super) owners: &'static [&'static str],
}

impl Holder {
    /// Every field that may name it.
    pub(super) fn called(&self) -> Vec<&'static str> {
        self.names.iter().copied().chain(self.id).collect()
    }
}

/// In LiteLLM a key's own `duration` is how long the key is valid, so it is none of a budget's names here.
pub(super) const KEY: Holder = Holder {
    noun: "key",
    names: &["name", "key", "key_alias"],
    id: None,
    kind: ScopeKind::ApiKey,
    durations: &["budget_duration"],
    owners: &["team_id", "user_id", "organization_id", "project_id", "agent_id"],
};

pub(super) const TEAM: Holder = Holder {
    noun: "team",
    names: &["name", "team_alias"],
    id: Some("team_id"),
    kind: ScopeKind::Team,
    durations: &["budget_duration", "duration"],
    owners: &["organization_id"],
};

pub(super) const ORGANIZATION: Holder = Holder {
    noun: "organization",
    names: &["name", "organization_alias"],
    id: Some("organization_id"),
    kind: ScopeKind::Organization,
    durations: &["budget_duration"],
    owners: &[],
};

/// Calls carry the id of a user, so it goes before the alias, which is then a description.
pub(super) const USER: Holder = Holder {
    noun: "user",
    names: &["name", "user_id"],
    id: Some("user_alias"),
    kind: ScopeKind::User,
    durations: &["budget_duration"],
    owners: &["organization_id"],
};

/// Those on whose behalf an application calls; the scope is of the kind `customer`.
pub(super) const CUSTOMER: Holder = Holder {
    noun: "customer",
    names: &["name", "user_id"],
    id: Some("alias"),
    kind: ScopeKind::Custom(CompactString::const_new("customer")),
    durations: &["budget_duration"],
    owners: &[],
};

const MONTHLY: [&str; 2] = ["monthly_limit", "monthly_limit_usd"];
const DAILY: [&str; 2] = ["daily_limit", "daily_limit_usd"];
const THRESHOLDS: [&str; 2] = ["alert_thresholds", "thresholds"];
const HARD_STOP: [&str; 2] = ["hard_stop", "hard_stop_percent"];
const CHANNELS: [&str; 3] = ["alert_channels", "notification_channels", "channels"];
const REST: [&str; 7] =
    ["max_budget", "soft_budget", "tpm_limit", "rpm_limit", "metadata", "observe", "restart"];

/// Rates of a gateway: the field, and what it counts in a rolling minute.
const RATES: [(&str, Unit); 2] = [("tpm_limit", Unit::Tokens), ("rpm_limit", Unit::Requests)];

/// Whether a whole file is one entry, as a gateway's own interface writes it.
///
/// A key may say to which team it belongs, and a team to which organisation, so the smallest is asked for first.
pub(super) fn alone(document: &Node) -> Result<Option<&'static Holder>, Error> {
    let names = document.table()?;
    let any = |fields: &[&str]| names.iter().any(|(name, _)| fields.contains(&name.as_str()));
    Ok(if any(&["key_alias"]) {
        Some(&KEY)
    } else if any(&["team_alias", "team_id"]) {
        Some(&TEAM)
    } else if any(&MONTHLY) {
        Some(&KEY)
    } else if any(&["user_id"]) {
        Some(&USER)
    } else if any(&["organization_alias", "organization_id"]) {
        Some(&ORGANIZATION)
    } else {
        None
    })
}

/// The budgets of one entry, each named after its scope and the field that it comes from.
pub(super) fn budgets(node: &Node, holder: &Holder) -> Result<Vec<Budget>, Error> {
    let said = litellm::without_nulls(node)?;
    let groups =
        [&holder.called(), &MONTHLY[..], &DAILY, &THRESHOLDS, &HARD_STOP, &CHANNELS, holder.durations, &REST];
    let known = [&groups.concat()[..], &litellm::LIMITS, holder.owners].concat();
    passed::refuse(&said)?;
    refuse_validity(&said, holder)?;
    let fields = Fields::of_some(&said, &known, &passed::PASSED_OVER)?;
    let scope = Scope::new(holder.kind.clone(), called(&fields, holder)?)?;
    let unlimited =
        node.table()?.iter().any(|(field, node)| field == "max_budget" && matches!(node, Node::Null));
    let mut budgets: Vec<_> = dollars(&fields, holder, &scope, unlimited)?.into_iter().collect();
    budgets.extend(rates(&fields, &scope, |rate| rate.into())?);
    budgets.extend(litellm::more(&fields, &scope)?);
    if budgets.is_empty() {
        return Err(wrong(
            "has no limit: expected one of monthly_limit, max_budget, tpm_limit, rpm_limit; \
             who has none stands among budgets, with limit = \"none\"",
        ));
    }
    let metadata = fields.find("metadata", litellm::metadata)?.unwrap_or_default();
    let channels = fields.find_any(&CHANNELS, value::channels)?.unwrap_or_default();
    let (observe, restart) = (fields.flag("observe")?, fields.flag("restart")?);
    for budget in &mut budgets {
        budget.metadata.clone_from(&metadata);
        budget.channels.clone_from(&channels);
        (budget.observe, budget.restart) = (observe, restart);
    }
    Ok(budgets)
}

/// How long a key is valid is none of a budget's windows, and is easily taken for one.
fn refuse_validity(said: &Node, holder: &Holder) -> Result<(), Error> {
    if holder.durations.contains(&"duration") || !said.table()?.iter().any(|(field, _)| field == "duration") {
        return Ok(());
    }
    let noun = holder.noun;
    let problem = format!(
        "is how long the {noun} is valid, which no budget is; leave it out, or write budget_duration"
    );
    Err(wrong(problem).within("duration"))
}

/// What the entry is called: by its name, else by the gateway's id.
fn called(fields: &Fields<'_>, holder: &Holder) -> Result<CompactString, Error> {
    let by_id = || holder.id.map_or(Ok(None), |id| fields.find(id, name));
    match fields.find_any(holder.names, name)? {
        Some(name) => Ok(name),
        None => by_id()?.ok_or_else(|| missing(&holder.called())),
    }
}

/// A name that may be shown. Who writes the key itself would have it in every report.
fn name(node: &Node) -> Result<CompactString, Error> {
    let name = value::id(node)?;
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

fn missing(names: &[&str]) -> Error {
    wrong(format!("has no name: expected one of {}", names.join(", ")))
}

/// A budget for each rate that is said, named after what `name` makes of its field.
pub(super) fn rates(
    fields: &Fields<'_>,
    scope: &Scope,
    name: impl Fn(&str) -> CompactString,
) -> Result<Vec<Budget>, Error> {
    let mut budgets = Vec::new();
    for (rate, unit) in RATES {
        if let Some(limit) = fields.find(rate, |node| value::figure(node, &unit))? {
            budgets.push(of_field(scope, &name(rate), unit, limit, Window::rolling_minute()));
        }
    }
    Ok(budgets)
}

pub(super) fn of_field(scope: &Scope, field: &str, unit: Unit, limit: i64, window: Window) -> Budget {
    Budget::new(format_compact!("{scope} {field}"), Selector::Scope(scope.clone()), unit, Some(limit), window)
}

/// The budget in dollars, if there is one, with its guardrail and tiers.
///
/// `unlimited` says that the entry has a budget of null: then a duration says nothing.
fn dollars(
    fields: &Fields<'_>,
    holder: &Holder,
    scope: &Scope,
    unlimited: bool,
) -> Result<Option<Budget>, Error> {
    let monthly = fields.find_any(&MONTHLY, value::money)?;
    let max = fields.find("max_budget", value::money)?;
    let window = fields.find_any(holder.durations, litellm::window)?.flatten();
    let (field, limit, window) = match (monthly, max, window) {
        (Some(limit), None, None) => ("monthly_limit", limit, Window::month()),
        // Without a duration a gateway never resets it.
        (None, Some(limit), window) => ("max_budget", limit, window.unwrap_or_else(Window::lifetime)),
        (Some(_), Some(_), _) => {
            return Err(Error::invalid("max_budget", "stands beside monthly_limit; keep one of them"));
        }
        (None, None, Some(_)) if unlimited => return without_dollars(fields),
        (_, None, Some(_)) => return Err(Error::invalid("budget_duration", "stands without max_budget")),
        (None, None, None) => return without_dollars(fields),
    };
    let guardrail = |limit: Usd| Guardrail { limit: limit.nanos(), window: Window::day() };
    let daily = fields.find_any(&DAILY, value::money)?;
    Ok(Some(Budget {
        guardrail: daily.map(guardrail),
        tiers: tiers(fields, limit)?,
        ..of_field(scope, field, Unit::Usd, limit.nanos(), window)
    }))
}

/// What is a share or a part of a limit in dollars needs one.
fn without_dollars(fields: &Fields<'_>) -> Result<Option<Budget>, Error> {
    let parts = [&DAILY[..], &THRESHOLDS, &HARD_STOP, &["soft_budget"]].concat();
    match parts.into_iter().find(|field| fields.has(field)) {
        Some(field) => Err(Error::invalid(field, "stands without monthly_limit or max_budget")),
        None => Ok(None),
    }
}

fn tiers(fields: &Fields<'_>, limit: Usd) -> Result<Tiers, Error> {
    let soft = fields.find("soft_budget", |node| soft_tiers(value::money(node)?, limit))?;
    let alerts = fields.find_any(&THRESHOLDS, alerts)?;
    let hard_stop = fields.find_any(&HARD_STOP, value::percent)?;
    match (soft, alerts, hard_stop) {
        (None, None, None) => Ok(Tiers::plain()),
        (Some(tiers), None, None) => Ok(tiers),
        (Some(_), _, _) => Err(Error::invalid("soft_budget", "stands beside thresholds; keep one of them")),
        (None, Some(_), None) => {
            Err(Error::invalid("hard_stop", "is missing: at which percent are calls blocked?"))
        }
        (None, alerts, Some(percent)) => {
            let alerts = alerts.unwrap_or_default();
            rising(alerts.into_iter().chain([Tier { percent, action: TierAction::Block }]))
                .map_err(|error| error.within("hard_stop"))
        }
    }
}

/// Warns from the soft limit on, blocks what would reach the hard one.
fn soft_tiers(soft: Usd, limit: Usd) -> Result<Tiers, Error> {
    if soft >= limit || soft == Usd::ZERO {
        return Err(wrong(format!("{soft} is not between zero and the limit of {limit}")));
    }
    // A third has no last digit. Rounded down here, the level, which is the
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
fn alerts(node: &Node) -> Result<Vec<Tier>, Error> {
    let alert = |(node, number): (&Node, u32)| {
        let percent = value::percent(node).map_err(|error| error.within(&number.to_string()))?;
        let action = if percent < Decimal::from(80) {
            TierAction::Notice
        } else if percent < Decimal::ONE_HUNDRED {
            TierAction::Warn
        } else {
            TierAction::Critical
        };
        Ok(Tier { percent, action })
    };
    let tiers = node.list()?.iter().zip(1_u32..).map(alert).collect::<Result<Vec<_>, _>>()?;
    rising(tiers.iter().copied())?;
    Ok(tiers)
}
