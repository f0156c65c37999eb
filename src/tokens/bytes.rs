//! What number do a few bytes of a file's header stand for?
//!
//! Readers of images, sounds and films look for sizes at fixed places. Each of them must
//! survive a file that is cut anywhere, so both functions answer `None` beyond the end and
//! never index. For example, `big(b"\x01\x02", 0, 2)` is 258, and `little(b"\x01\x02", 0,
//! 2)` is 513.

/// The number that `count` bytes at `at` write, the first the highest; `None` beyond the
/// end.
///
/// More than eight bytes lose their highest ones: no caller asks for more.
pub(in crate::tokens) fn big(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(count)?)?;
    Some(bytes.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
}

/// The same number if the first byte is the lowest.
pub(in crate::tokens) fn little(bytes: &[u8], at: usize, count: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(count)?)?;
    Some(bytes.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
}
