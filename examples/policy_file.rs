//! Reads who may spend what from a file, and changes it while calls are running.
//!
//! An operator edits text; nobody rebuilds a program to raise a limit. Shown here:
//!
//! 1. a policy is read, and a call is judged under it;
//! 2. a file with a slip in it is refused with the budget and the field, and
//!    the policy in force stays;
//! 3. a new version is put in place: limits change, books stay.
//!
//! The text is JSON, which every build reads. With the feature `toml`,
//! `Policy::from_toml` reads the same fields in TOML, and `Policy::from_path`
//! takes either by the file's ending.
//!
//! ```text
//! cargo run --example policy_file
//! ```

use std::error::Error;

use token_budget::{Call, Decision, Enforcer, Policy, Usage, Usd};

/// A month with soft warnings and a backstop, a day inside it, and a template for users.
const NOVEMBER: &str = r#"{
    "budgets": [
        {
            "id": "search", "scope": "team/search", "limit": "500", "window": "month",
            "tiers": {"soft": 80, "hard": 120},
            "guardrail": {"limit": "75", "window": "day"},
            "metadata": {"cost_center": "42", "lead": "ada"},
            "channels": ["slack", "email"]
        },
        {"id": "users", "each": "user", "limit": "5", "window": "day"}
    ]
}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let enforcer = Enforcer::builder().policy(Policy::from_json(NOVEMBER)?).build();
    a_call_is_judged_under_the_file(&enforcer)?;
    a_slip_is_named_and_changes_nothing(&enforcer)?;
    a_new_version_keeps_the_books(&enforcer)
}

/// Eight dollars fit into the team's day, but not into the user's.
fn a_call_is_judged_under_the_file(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    println!("1. The file is in force");
    let _receipt =
        enforcer.reserve(&call(50)).wait()?.or_refusal()?.send().reconcile(Usage::of(0, 400_000)).wait()?;
    let refused = refusal(enforcer, &call(50))?;
    println!("   {refused}");

    let [by_user] = &refused.refusals()[..] else { return Err("only the user's day is full".into()) };
    assert_eq!(by_user.budget, "users");
    assert_eq!((by_user.spent, by_user.requested), (Usd::dollars(4).nanos(), Usd::dollars(4).nanos()));
    Ok(())
}

/// `limit` is spelt wrong: read as "no limit", that would be an open purse.
fn a_slip_is_named_and_changes_nothing(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    println!("2. A slip in a new version");
    let slip = NOVEMBER.replace(r#""limit": "500""#, r#""limti": "500""#);
    match Policy::from_json(&slip) {
        Ok(_) => return Err("a misspelt field was passed over".into()),
        Err(error) => println!("   not taken: {error}"),
    }
    assert_eq!(enforcer.policy().budgets().len(), 2); // what was in force still is
    Ok(())
}

/// The user may spend ten dollars now. The four that were spent are still spent.
fn a_new_version_keeps_the_books(enforcer: &Enforcer) -> Result<(), Box<dyn Error>> {
    println!("3. Users get ten dollars");
    enforcer.set_policy(Policy::from_json(&NOVEMBER.replace(r#""limit": "5","#, r#""limit": "10","#))?)?;
    let _receipt =
        enforcer.reserve(&call(50)).wait()?.or_refusal()?.send().reconcile(Usage::of(0, 400_000)).wait()?;
    let refused = refusal(enforcer, &call(50))?;
    println!("   {refused}");
    assert!(refused.to_string().contains("8.00 of 10.00 USD used, call needs 4.00"), "{refused}");

    // An edit that would begin new books is refused unless the budget says `restart`.
    let weekly = NOVEMBER.replace(r#""window": "month""#, r#""window": "week""#);
    match enforcer.set_policy(Policy::from_json(&weekly)?) {
        Ok(()) => return Err("a month became a week".into()),
        Err(error) => println!("   not taken: {error}"),
    }
    Ok(())
}

/// Eight thousand output tokens of gpt-4o are eight cents; fifty answers at once are four dollars.
fn call(answers: u32) -> Call {
    Call::new("gpt-4o").team("search").user("grace").input_tokens(0).output_tokens(8_000).choices(answers)
}

/// The refusal that this call meets.
fn refusal(enforcer: &Enforcer, call: &Call) -> Result<Box<Decision>, Box<dyn Error>> {
    match enforcer.reserve(call).wait()?.or_refusal() {
        Ok(_) => Err("the call has room".into()),
        Err(decision) => Ok(decision),
    }
}
