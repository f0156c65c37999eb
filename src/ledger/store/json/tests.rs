//! Does each row come back as it was, and does an error say which field it is about?

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{from_str, to_string};

use super::*;
use crate::ledger::rules::State;
use crate::ledger::store::{Digest, ExpiryCharge};
use crate::ledger::{About, Certainty, Ended, EntryKind, MarkAction, Served};
use crate::values::{
    Account, Attribution, Balance, BudgetKey, FrozenScope, ReservationId, Tenant, Timestamp, Unit,
};
use crate::{Scope, Usage, Usd};

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(row: &T) {
    let text = to_string(row).expect("a row can be written");
    assert_eq!(from_str::<T>(&text).expect(&text), *row, "{text}");
}

fn account(budget: &str) -> Account {
    let tenant = Tenant::named("Ämter & Söhne/\"1\"").expect("a name");
    let key = BudgetKey { tenant, budget: budget.into(), unit: Unit::Usd, window: "month".into() };
    Account::new(Arc::new(key), Scope::team("search/eu").expect("a name"))
}

fn hold(state: State) -> HoldRow {
    HoldRow {
        id: ReservationId::from_bits(u128::MAX),
        state,
        body: u128::MAX,
        expires_at: Timestamp::MAX,
        on_expiry: ExpiryCharge::Amounts,
        unheld: true,
        ended_at: Some(Timestamp::MIN),
        about: Some([0xab; 32]),
        lines: vec![KnownLine {
            account: u32::MAX,
            period: i64::MIN,
            amount: i64::MAX,
            refunded: 0,
            on_expiry: i64::MAX,
        }]
        .into(),
    }
}

fn entry(kind: EntryKind) -> EntryRow {
    EntryRow {
        sequence: u64::MAX,
        at: Timestamp::MIN,
        id: ReservationId::from_bits(0),
        kind,
        scope: Some(Scope::user("ada\\\"b").expect("a name")),
        call: Some([255; 32]),
        served: Some(Arc::new(Served { model: "gpt-4o\"".into(), ..Served::default() })),
        usage: Some(Usage::of(1_200, 350)),
        cost: Some(Usd::from_nanos(i64::MIN)),
        ended: Some(Ended::BrokeOff),
        attribution: Some(Attribution::new("ada", "the \"bill\" was wrong")),
        lines: vec![Line { account: 1, period: -1, spent: i64::MIN, reserved: i64::MAX }],
        link: [0; 32],
    }
}

#[test]
fn each_row_comes_back_with_the_largest_and_the_smallest_numbers() {
    for number in [u64::MIN, u64::MAX] {
        let version = Version { counter: number, tag: number };
        let time = if number == 0 { Timestamp::MIN } else { Timestamp::MAX };
        let tenant =
            TenantRow { version, time, entries: number, head: [7; 32], accounts: u32::MAX, forgotten: time };
        comes_back(&Sealed { row: tenant, seal: i64::MIN });
        let row = AccountRow {
            number: 1,
            account: account("b"),
            span: 61,
            newest: i64::MIN,
            fired: u32::MAX,
            live: number,
        };
        comes_back(&Sealed { row, seal: i64::MAX });
        comes_back(&Sealed {
            row: EventRow {
                sequence: number,
                at: time,
                account: u32::MAX,
                period: i64::MAX,
                tier: u8::MAX,
                threshold: i64::MAX,
                spent: i64::MIN,
                delivered_at: Some(time),
            },
            seal: 0,
        });
    }
    let balance = Balance { spent: i64::MIN, reserved: i64::MAX };
    comes_back(&BalanceRow { account: 0, period: i64::MIN, balance, fired: 0 });
}

#[test]
fn a_hold_comes_back_in_each_state_full_and_bare() {
    let states =
        [State::Held, State::Released, State::Refused, State::Tombstone, State::Recorded].into_iter();
    let charged = [Certainty::Expired, Certainty::Provisional, Certainty::Estimated, Certainty::Reported];
    for state in states.chain(charged.map(State::Charged)) {
        comes_back(&Sealed { row: hold(state), seal: 1 });
        let bare = HoldRow { ended_at: None, about: None, lines: Default::default(), ..hold(state) };
        comes_back(&Sealed { row: bare, seal: -1 });
    }
    for on_expiry in [ExpiryCharge::Nothing, ExpiryCharge::Hold] {
        comes_back(&HoldRow { on_expiry, ..hold(State::Held) });
    }
}

#[test]
fn an_entry_comes_back_in_each_kind_full_and_bare() {
    let kinds = [
        EntryKind::Reserved,
        EntryKind::Resized,
        EntryKind::Reconciled(Certainty::Estimated),
        EntryKind::Unheld(Certainty::Reported),
        EntryKind::Released,
        EntryKind::Recorded,
        EntryKind::Reached(u8::MAX),
        EntryKind::Marked(MarkAction::Reopen),
    ];
    for kind in kinds {
        comes_back(&entry(kind));
        comes_back(&EntryRow {
            scope: None,
            call: None,
            usage: None,
            ended: None,
            attribution: None,
            lines: vec![],
            ..entry(kind)
        });
    }
}

#[test]
fn calls_and_marks_come_back() {
    let about = About { model: "gpt-4o".into(), tags: vec![("a\"".into(), "b".into())], ..About::default() };
    comes_back(&CallRow::of(Arc::new(about)));
    comes_back(&CallRow::of(Arc::new(About::default())));
    for since in [Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX] {
        let scope = Scope::team("search").expect("a name");
        comes_back(&FrozenScope {
            scope,
            action: MarkAction::Stop,
            since,
            attribution: Attribution::new("a", "b"),
        });
    }
}

#[test]
fn rows_are_written_in_plain_numbers_digits_and_words() {
    let tenant = Tenant::unnamed();
    let key = BudgetKey { tenant: tenant.clone(), budget: "b".into(), unit: Unit::Usd, window: "day".into() };
    let account = Account::new(Arc::new(key), Scope::team("search").expect("a name"));
    let names = r#"{"tenant":"","budget":"b","scope":"team/search","unit":"usd","window":"day"}"#;
    assert_eq!(to_string(&account).expect("text"), names);

    let hold = HoldRow {
        id: ReservationId::from_bits(0x1f),
        body: 0x2f,
        expires_at: Timestamp::from_secs(1),
        ended_at: None,
        on_expiry: ExpiryCharge::Hold,
        unheld: false,
        lines: Default::default(),
        ..hold(State::Charged(Certainty::Estimated))
    };
    let text = format!(
        r#"{{"id":"{}1f","state":"estimated","body":"{}2f","expires_at":1000000000,"on_expiry":"hold","unheld":false,"ended_at":null,"about":"{}","lines":[]}}"#,
        "0".repeat(30),
        "0".repeat(30),
        "ab".repeat(32),
    );
    assert_eq!(to_string(&hold).expect("text"), text);
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_the_field() {
    let text = to_string(&Sealed { row: hold(State::Held), seal: 1 }).expect("text");
    let wrong = [
        (r#""state":"held""#, r#""state":"lent""#, "state: "),
        (r#""on_expiry":"amounts""#, r#""on_expiry":7"#, "on_expiry: "),
        (r#""unheld":true"#, r#""unheld":1"#, "unheld: "),
        (r#""amount":9223372036854775807"#, r#""amount":9223372036854775808"#, "lines: amount: "),
        (r#""refunded":0"#, r#""refunded":0.5"#, "lines: refunded: "),
        (r#""ended_at":-9223372036854775808,"#, "", "ended_at"),
        (r#""unheld":true"#, r#""unheld":true,"unheld":true"#, "unheld"),
        (r#""unheld":true"#, r#""unheld":true,"heldun":true"#, "heldun"),
        ("abab", "abxb", "about: "),
        ("abab", "ab", "about: "),
        (r#""seal":1"#, r#""seal":"1""#, "seal: "),
    ];
    for (sound, broken, named) in wrong {
        let broken = text.replacen(sound, broken, 1);
        assert_ne!(broken, text, "{sound} is not there");
        let error = from_str::<Sealed<HoldRow>>(&broken).expect_err(&broken).to_string();
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn equal_accounts_have_one_text_and_others_another() {
    assert_eq!(to_string(&account("b")).expect("text"), to_string(&account("b")).expect("text"));
    assert_ne!(to_string(&account("b")).expect("text"), to_string(&account("B")).expect("text"));
}

#[test]
fn a_digest_is_64_digits() {
    let digest: Digest = std::array::from_fn(|at| u8::try_from(at).expect("small"));
    assert_eq!(hex(&digest), "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
}
