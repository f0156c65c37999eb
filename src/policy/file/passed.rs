//! Which fields of a gateway's entry limit nothing, and which limit what no budget here does?
//!
//! The first are passed over, the second are refused with what to write instead; so is a limit that stands inside a
//! field that is passed over, where nothing would keep it.

use super::litellm::LIMITS;
use super::tree::{Entry, Node, wrong};
use crate::Error;

/// Fields in which no limit stands: figures of the past, who made the entry and when, what else the gateway does.
pub(super) const PASSED_OVER: [&str; 45] = [
    "access_group_ids",
    "admins",
    "aliases",
    "allowed_cache_controls",
    "allowed_model_region",
    "allowed_routes",
    "auto_rotate",
    "blocked",
    "budget_id",
    "budget_reset_at",
    "config",
    "created_at",
    "created_by",
    "default_model",
    "expires",
    "guardrails",
    "key_name",
    "key_type",
    "last_active",
    "litellm_model_table",
    "members",
    "members_with_roles",
    "model_id",
    "model_spend",
    "models",
    "object_permission",
    "object_permission_id",
    "permissions",
    "policies",
    "prompts",
    "reset_at",
    "rotation_count",
    "rotation_interval",
    "soft_budget_cooldown",
    "spend",
    "sso_user_id",
    "tags",
    "team_member_permissions",
    "teams",
    "token",
    "token_id",
    "updated_at",
    "updated_by",
    "user_email",
    "user_role",
];

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
pub(super) fn refuse(entry: &Node) -> Result<(), Error> {
    let entries = entry.table()?;
    let found = |field: &str| entries.iter().find(|(name, _)| name == field).map(|(_, node)| node);
    for (field, problem) in REFUSED {
        if found(field).is_some() {
            return Err(wrong(problem).within(field));
        }
    }
    let conditional = [
        (
            "models",
            found("models").is_some_and(|node| !matches!(node, Node::List(models) if models.is_empty())),
            MODELS,
        ),
        ("blocked", found("blocked").is_some_and(|node| !matches!(node, Node::Flag(false))), BLOCKED),
        ("budget_id", found("budget_id").is_some() && found("litellm_budget_table").is_none(), ELSEWHERE),
    ];
    match conditional.into_iter().find(|(_, stands, _)| *stands) {
        Some((field, _, problem)) => Err(wrong(problem).within(field)),
        None => refuse_inside(entries),
    }
}

/// Refuses a limit that stands inside a field that is passed over: a user's teams may be written out whole.
fn refuse_inside(entries: &[Entry]) -> Result<(), Error> {
    for (field, node) in entries.iter().filter(|(field, _)| PASSED_OVER.contains(&field.as_str())) {
        if let Some(name) = limit_inside(node) {
            let problem = format!("holds {name:?}, which is a limit; write it in an entry of its own");
            return Err(wrong(problem).within(field));
        }
    }
    Ok(())
}

/// The first field that sets a limit, however deep it stands.
fn limit_inside(node: &Node) -> Option<&str> {
    match node {
        Node::List(nodes) => nodes.iter().find_map(limit_inside),
        Node::Table(entries) => entries.iter().find_map(|(name, node)| {
            (is_limit(name) && sets(node)).then_some(name.as_str()).or_else(|| limit_inside(node))
        }),
        _ => None,
    }
}

pub(super) fn is_limit(name: &str) -> bool {
    LIMITS.contains(&name)
        || REFUSED.iter().any(|(field, _)| *field == name)
        || ["max_budget", "tpm_limit", "rpm_limit", "soft_budget"].contains(&name)
}

/// Whether a field says anything; an empty list or table sets no limit.
pub(super) fn sets(node: &Node) -> bool {
    match node {
        Node::Null => false,
        Node::List(nodes) => !nodes.is_empty(),
        Node::Table(entries) => !entries.is_empty(),
        _ => true,
    }
}
