//! Which fields of a gateway's entry limit nothing, and which limit what no budget here does?
//!
//! The first are passed over, the second are refused with what to write instead; so is a limit that stands inside a
//! field that is passed over, where nothing would keep it.

use super::node::{Node, Table, View};
use super::problem::{At, wrong};
use crate::Error;

/// Fields in which no limit stands: figures of the past, who made the entry and when, what else the gateway does.
const PASSED_OVER: &str = "
    access_group_ids admins aliases allowed_cache_controls allowed_model_region allowed_routes
    auto_rotate blocked budget_id budget_reset_at config created_at created_by default_model
    expires guardrails key_name key_type last_active litellm_model_table members members_with_roles
    model_id model_spend models object_permission object_permission_id permissions policies prompts
    reset_at rotation_count rotation_interval soft_budget_cooldown spend sso_user_id tags
    team_member_permissions teams token token_id updated_at updated_by user_email user_role
";

pub(super) fn is_passed_over(field: &str) -> bool {
    PASSED_OVER.split_whitespace().any(|name| name == field)
}

/// Fields that become further budgets.
const LIMITS: [&str; 5] =
    ["budget_limits", "model_max_budget", "model_tpm_limit", "model_rpm_limit", "litellm_budget_table"];

const MEMBERS: &str = "limits each member of a team; write a budget with each = \"user\" instead";
const RAISES: &str = "raises a limit for a time; write an exemption instead, with scope, raise and until";
const MODELS: &str =
    "says which models may be called, which no budget does; keep it in the gateway and leave it out here";
const BLOCKED: &str =
    "is blocked in the gateway; here a max_budget of 0 refuses every call that costs anything";
const ELSEWHERE: &str = "names limits that stand elsewhere; write them here, or as litellm_budget_table";

/// Fields that limit something which no budget here does, and what to do.
const REFUSED: [(&str, &str); 10] = [
    (
        "max_parallel_requests",
        "limits how many calls run at once, which no budget does; keep it in the gateway and leave it out here",
    ),
    ("temp_budget_increase", RAISES),
    ("temp_budget_expiry", RAISES),
    ("max_budget_in_team", MEMBERS),
    ("team_member_budget", MEMBERS),
    ("team_member_budget_id", MEMBERS),
    ("team_member_budget_duration", MEMBERS),
    ("team_member_tpm_limit", MEMBERS),
    ("team_member_rpm_limit", MEMBERS),
    ("tag_budget", "limits a tag; write a budget with a scope and tags instead"),
];

/// Refuses what would let money pass that the gateway stops.
pub(super) fn refuse(entry: &Table<'_>) -> Result<(), Error> {
    let found = |field: &str| entry.iter().find(|(name, _)| name == field).map(|(_, node)| node.view());
    let refused = REFUSED.into_iter().find(|(field, _)| found(field).is_some());
    let refused = refused.or_else(|| match (found("models"), found("blocked"), found("budget_id")) {
        (Some(models), _, _) if !matches!(&models, Ok(View::List(models)) if models.is_empty()) => {
            Some(("models", MODELS))
        }
        (_, Some(blocked), _) if !matches!(blocked, Ok(View::Flag(false))) => Some(("blocked", BLOCKED)),
        (_, _, Some(_)) if found("litellm_budget_table").is_none() => Some(("budget_id", ELSEWHERE)),
        _ => None,
    });
    match refused {
        Some((field, problem)) => Err(wrong(problem)).at(field),
        None => refuse_inside(entry),
    }
}

/// Refuses a limit that stands inside a field that is passed over: a user's teams may be written out whole.
fn refuse_inside(entry: &Table<'_>) -> Result<(), Error> {
    for (field, node) in entry.iter().filter(|(field, _)| is_passed_over(field)) {
        if let Some(name) = limit_inside(*node)? {
            let problem = format!("holds {name:?}, which is a limit; write it in an entry of its own");
            return Err(wrong(problem)).at(field);
        }
    }
    Ok(())
}

/// The first field that sets a limit, however deep it stands.
fn limit_inside(node: Node<'_>) -> Result<Option<String>, Error> {
    let inside: Table<'_> = match node.view()? {
        View::List(nodes) => nodes.into_iter().map(|node| (String::new(), node)).collect(),
        View::Table(entries) => entries,
        _ => return Ok(None),
    };
    for (name, node) in inside {
        if is_limit(&name) && sets(node)? {
            return Ok(Some(name));
        }
        if let Some(name) = limit_inside(node)? {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

pub(super) fn is_limit(name: &str) -> bool {
    LIMITS.contains(&name)
        || REFUSED.iter().any(|(field, _)| *field == name)
        || ["max_budget", "tpm_limit", "rpm_limit", "soft_budget"].contains(&name)
}

/// Whether a field says anything; an empty list or table sets no limit.
pub(super) fn sets(node: Node<'_>) -> Result<bool, Error> {
    Ok(match node.view()? {
        View::Null => false,
        View::List(nodes) => !nodes.is_empty(),
        View::Table(entries) => !entries.is_empty(),
        _ => true,
    })
}
