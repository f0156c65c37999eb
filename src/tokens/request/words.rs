//! What does a name stand for, of a fixed set of them, without comparing each?

use foldhash::fast::FixedState;

/// Names and what each stands for.
pub(super) type Words<T> = hashbrown::HashMap<&'static str, T, FixedState>;

/// Words by what they stand for; those of one meaning have blanks between them.
pub(super) fn words<T: Copy>(groups: &[(T, &'static str)]) -> Words<T> {
    let mut words = Words::with_hasher(FixedState::default());
    for (meaning, together) in groups {
        words.extend(together.split_ascii_whitespace().map(|word| (word, *meaning)));
    }
    words
}
