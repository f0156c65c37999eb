//! How do threads race? All at once, each with a handle of its own.
//!
//! A race that deadlocks must fail the law, not hang the build. The threads are therefore
//! spawned and never joined: each sends its answer over a channel, and the law waits as
//! long as *some* command of *any* thread still ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use super::*;

/// More threads than a small build machine has cores, so that some are taken off in the
/// middle of a command.
pub(super) const THREADS: usize = 8;

/// Where no command ended for so long, all of them wait for ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs `work` on all threads at once, each with a handle and its number; says what each returned.
///
/// The threads are not joined: one that waits for ever breaks the law instead of hanging the suite.
pub(super) fn together<T: Send + 'static>(
    books: &Books,
    work: impl Fn(usize, &Books) -> Held<T> + Send + Sync + 'static,
) -> Held<Vec<T>> {
    let (work, barrier) = (Arc::new(work), Arc::new(Barrier::new(THREADS)));
    let (tell, told) = mpsc::channel();
    let handles = (0..THREADS).map(|_| books.another()).collect::<Held<Vec<Books>>>()?;
    for (thread, books) in handles.into_iter().enumerate() {
        let (work, barrier, tell) = (Arc::clone(&work), Arc::clone(&barrier), tell.clone());
        thread::spawn(move || {
            barrier.wait();
            let answer = catch_unwind(AssertUnwindSafe(|| work(thread, &books)));
            let answer = answer.unwrap_or_else(|panic| Err(Why::panicked(&*panic)));
            // A handle is closed before its thread is said to have ended.
            drop(books);
            let _ = tell.send(answer);
        });
    }
    (0..THREADS).map(|_| patiently(books, &told)).collect()
}

/// What the next thread returned: a slow ledger is waited for as long as some command still ends.
fn patiently<T>(books: &Books, told: &mpsc::Receiver<Held<T>>) -> Held<T> {
    loop {
        let before = books.commands();
        match told.recv_timeout(PATIENCE) {
            Ok(answer) => return answer,
            Err(_) if books.commands() != before => {}
            Err(_) => {
                let text = format!("no command ended in {PATIENCE:?}: the threads wait for one another");
                return Err(Why::new(text));
            }
        }
    }
}
