//! Which number does a request say, and how are the uses of what is billed added up?

use crate::tokens::document::Node;
use crate::values::Meter;

/// A number that is not negative, however it is written: `4096.0`, `1e3`. A fraction is rounded up, and what is too
/// large is the largest.
pub(crate) fn whole_text(text: &str) -> Option<u64> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if !whole.starts_with(|digit: char| digit.is_ascii_digit()) {
        return None;
    }
    let mut digits = whole.bytes().chain(fraction.bytes());
    if !digits.clone().all(|digit| digit.is_ascii_digit()) {
        return Some(u64::MAX);
    }
    if digits.clone().all(|digit| digit == b'0') {
        return Some(0);
    }
    let largest = if exponent.starts_with('-') { i64::MIN } else { i64::MAX };
    let exponent = exponent.parse().unwrap_or(largest);
    let before_point = i64::try_from(whole.len()).unwrap_or(i64::MAX).saturating_add(exponent);
    let mut value = 0_u64;
    for _ in 0..before_point {
        let digit = digits.next().map_or(0, |digit| u64::from(digit.saturating_sub(b'0')));
        match value.checked_mul(10).and_then(|tens| tens.checked_add(digit)) {
            Some(more) => value = more,
            None => return Some(u64::MAX),
        }
    }
    Some(value.saturating_add(u64::from(digits.any(|digit| digit != b'0'))))
}

/// A whole number, also where it stands in quotes; what is begun counts as whole.
pub(super) fn figure(field: Node<'_>) -> Option<u64> {
    let text = field.text();
    let text = text.as_deref().unwrap_or(field.raw());
    whole_text(text)
}

/// Adds a fee. The same fee of two tools may be incurred as often as both together, and if
/// nobody knows how often one is used, nobody knows it of both.
pub(super) fn add(uses: &mut Vec<(Meter, Option<u64>)>, meter: Meter, count: Option<u64>) {
    match uses.iter_mut().find(|(known, _)| *known == meter) {
        // Two tools may be used one after the other.
        Some((_, known)) => *known = known.zip(count).map(|(one, other)| one.saturating_add(other)),
        None => uses.push((meter, count)),
    }
}
