//! How do the budgets stand, for whoever asks with a key?

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::{IntoResponse, Json};
use serde_json::{Value, json};
use token_budget::decision::BudgetState;
use token_budget::http::RequestHead;
use token_budget::usage::Unit;
use token_budget::{Error, ErrorKind, Usd};

use crate::keys::Holder;
use crate::log::Line;
use crate::proxy::{Fields, Gateway};

/// The model whose budgets are shown where the query does not name one: `/budgets?model=gpt-4o`.
const MODEL: &str = "gpt-4o";

pub(crate) async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response<Body> {
    let mut line = gateway.line("GET", "/budgets");
    let model = query.get("model").map_or(MODEL, String::as_str);
    let answer = shown(&gateway, &Fields(&headers), model, &mut line).await;
    line.status = answer.status().as_u16();
    answer
}

async fn shown(gateway: &Gateway, headers: &Fields<'_>, model: &str, line: &mut Line) -> Response<Body> {
    let head = RequestHead::new("GET", "", "/budgets", headers);
    let holder = match gateway.keys.holder(&head) {
        Ok(holder) => holder,
        Err(denial) => return gateway.denied(&head, denial),
    };
    line.key = Some(holder.name.clone());
    match budgets(gateway, holder, model).await {
        Ok(budgets) => Json(budgets).into_response(),
        Err(error) if error.kind() == ErrorKind::Invalid => gateway.denied(&head, error.into()),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the ledger cannot be reached\n").into_response(),
    }
}

/// Every budget that binds the reader's calls of that model; for an operator those of all keys.
async fn budgets(gateway: &Gateway, reader: &Holder, model: &str) -> Result<Value, Error> {
    let mut states: Vec<BudgetState> = Vec::new();
    for holder in gateway.keys.holders().filter(|holder| reader.is_operator || std::ptr::eq(*holder, reader))
    {
        let decision = gateway.enforcer().check(&holder.charge().with_model(model)).await?;
        for state in decision.budgets() {
            let same = |known: &BudgetState| {
                (&known.budget, &known.scope, &known.window) == (&state.budget, &state.scope, &state.window)
            };
            // A team's budget binds all of its keys.
            if !states.iter().any(same) {
                states.push(state);
            }
        }
    }
    states.sort_by_key(|state| (state.scope.to_string(), state.window.clone()));
    Ok(states.iter().map(budget).collect())
}

fn budget(state: &BudgetState) -> Value {
    let figure = |figure: i64| match state.unit {
        // As text: many readers of JSON keep money in floating point.
        Unit::Usd => json!(Usd::from_nanos(figure).to_string()),
        _ => json!(figure),
    };
    json!({
        "scope": state.scope, "window": state.window, "unit": state.unit, "limit": state.limit.map(figure),
        "spent": figure(state.spent), "reserved": figure(state.reserved),
        "remaining": state.remaining.map(figure), "percent": percent(state),
    })
}

/// What is used of the limit, in whole percent, rounded down; of no limit and of nothing there is no share.
fn percent(state: &BudgetState) -> Option<i64> {
    let used = i128::from(state.spent).checked_add(state.reserved.into())?.checked_mul(100)?;
    used.checked_div(state.limit?.into())?.try_into().ok()
}
