//! How does the tower layer stand between an axum server and a provider?

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Response, StatusCode, Uri};
use axum::response::{IntoResponse, Json};
use axum::routing::get;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use token_budget::client::Failure;
use token_budget::http::{BudgetLayer, HttpBudget, RequestHead};
use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};
use token_budget_clients::MODEL;
use tower::{Layer, ServiceExt, service_fn};

/// Everything but `/budgets` goes to `upstream`, by way of the layer; the client's key is its team.
pub(crate) fn router(upstream: String) -> Result<Router, token_budget::Error> {
    let rich = Budget::usd("rich", Scope::team("vk-rich")?, Usd::dollars(100), Window::lifetime());
    let poor = Budget::usd("poor", Scope::team("vk-poor")?, "0.001".parse()?, Window::lifetime());
    let enforcer = Enforcer::builder().policy(Policy::new([rich, poor])?).build();
    let gate = HttpBudget::new(enforcer.clone(), |head| {
        Ok(Call::charging().team(head.api_key().unwrap_or("nobody")))
    })
    .provider_of(|head: &RequestHead<'_>| {
        Some(if head.path().ends_with("/messages") { "anthropic" } else { "openai" }.into())
    })
    .inject_usage_for("127.0.0.1");

    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let send = service_fn(move |mut request: Request| {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri: Uri = format!("{upstream}{path}").parse().expect("the path of a request that came in");
        *request.uri_mut() = uri;
        client.request(request)
    });
    let not_sent = |error: &Error| if error.is_connect() { Failure::NotSent } else { Failure::Unknown };
    let service = BudgetLayer::new(gate).classify(not_sent).layer(send);

    let forward = async move |request: Request| -> Response<Body> {
        match service.oneshot(request).await {
            Ok(answer) => answer.map(Body::new),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        }
    };
    Ok(Router::new().route("/budgets", get(async move || Json(books(&enforcer).await))).fallback(forward))
}

async fn books(enforcer: &Enforcer) -> Vec<Value> {
    let mut books = Vec::new();
    for team in ["vk-rich", "vk-poor"] {
        let decision = enforcer.check(&Call::new(MODEL).team(team)).await.expect("a ledger in memory");
        books.extend(decision.budgets().iter().map(|budget| {
            let usd = |figure| Usd::from_nanos(figure).to_string();
            json!({"scope": budget.scope, "unit": "usd", "spent": usd(budget.spent), "reserved": usd(budget.reserved)})
        }));
    }
    books
}
