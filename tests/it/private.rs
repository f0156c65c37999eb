//! Who may read the files that hold books? Their owner alone.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use token_budget::enforcer::OutboxFile;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("token-budget-private-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

// Books made under the usual umask could be read by everybody on the machine.
#[test]
fn an_outbox_is_readable_by_its_owner_alone() {
    let folder = folder("outbox");
    let path = folder.join("outbox");
    drop(OutboxFile::open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
    for (before, after) in [(0o644, 0o600), (0o660, 0o660)] {
        fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
        drop(OutboxFile::open(&path).unwrap());
        assert_eq!(mode(&path), after, "{before:o}");
    }
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_file_that_is_missing_names_itself_once() {
    let error = OutboxFile::open("/nowhere/outbox").unwrap_err();
    assert_eq!(error.to_string().matches("/nowhere/outbox").count(), 1, "{error}");
    assert!(error.to_string().contains("No such file"), "it says why: {error}");
    let error = token_budget::Policy::from_path("/nowhere/policy.json").unwrap_err();
    assert_eq!(error.to_string().matches("/nowhere/policy.json").count(), 1, "{error}");
    assert_eq!(format!("{error:?}").matches("No such file").count(), 1, "{error:?}");
    #[cfg(feature = "sqlite")]
    {
        let error = token_budget::ledger::SqliteLedger::open("/nowhere/books.db").unwrap_err();
        assert_eq!(format!("{error} {error:?}").matches("/nowhere/books.db").count(), 2, "{error:?}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn books_in_a_file_are_readable_by_their_owner_alone() {
    use token_budget::ledger::SqliteLedger;
    use token_budget::{Budget, Call, Enforcer, Policy, Scope, Usd, Window};

    let folder = folder("books");
    let path = folder.join("books.db");
    let beside = |end: &str| folder.join(format!("books.db{end}"));
    let spend = || {
        let ledger = SqliteLedger::open(&path).unwrap();
        let day = Budget::usd("all", Scope::team("search").unwrap(), Usd::dollars(5), Window::day());
        let enforcer = Enforcer::builder().policy(Policy::new([day]).unwrap()).ledger(ledger.clone()).build();
        let call = Call::new("gpt-4o").team("search").input_tokens(10).output_tokens(10);
        let held = crate::support::block_on(enforcer.reserve(&call)).unwrap().or_refusal().unwrap();
        for end in ["", "-wal", "-shm"] {
            assert_eq!(mode(&beside(end)), 0o600, "{end}");
        }
        drop(held);
        crate::support::block_on(enforcer.flush()).unwrap();
    };
    spend();
    // As an older version left it.
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    spend();
    let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("-new-")), "nothing is left: {names:?}");
    fs::remove_dir_all(&folder).unwrap();
}
