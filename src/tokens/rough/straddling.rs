//! Which part of a token is only a part of a character?
//!
//! Tokens are bytes, and some begin or end in the middle of a character: ` —` may be the
//! token `20 e2 80` and another that holds the last byte `94`. Such tokens allow more cuts
//! of a character than the character alone does. For `20 e2 80` [`back`] answers 2: two
//! bytes of a character that needs three. For `94 20` [`front`] answers 1.
//!
//! Who makes the facts (`examples/make_known.rs`) and who reads them ask this in the same
//! words: the example includes this file.

/// Whether a byte goes on with a character that began before it.
fn is_inner(byte: &u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Bytes at the front of a token that belong to a character begun before the token; zero
/// for a token that is nothing else.
pub(super) fn front(token: &[u8]) -> usize {
    let inner = token.iter().take_while(|byte| is_inner(byte)).count();
    if inner < token.len() { inner } else { 0 }
}

/// Bytes at the end of a token whose character goes on behind the token; zero for a token
/// that begins with that character.
pub(super) fn back(token: &[u8]) -> usize {
    let have = token.iter().rev().take_while(|byte| is_inner(byte)).count().saturating_add(1);
    let lead = token.len().checked_sub(have).filter(|at| *at > 0).and_then(|at| token.get(at));
    let need = match lead {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    if have < need { have } else { 0 }
}
