//! Which part of a token is only a part of a character?
//!
//! Who makes the facts (`examples/make_known.rs`) and who reads them ask this in the same words.

fn is_inner(byte: &u8) -> bool {
    byte & 0xc0 == 0x80
}

/// Bytes at the front of a token that belong to a character begun before it.
pub(super) fn front(token: &[u8]) -> usize {
    let inner = token.iter().take_while(|byte| is_inner(byte)).count();
    if inner < token.len() { inner } else { 0 }
}

/// Bytes at the end of a token whose character goes on behind it.
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
