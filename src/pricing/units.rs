//! In which whole units is a rate kept, and how does a decimal become units?
//!
//! A unit is 10⁻²⁷ dollars. Public tables write a rate per token with up to 24
//! decimals, so 27 decimals keep every published figure exactly. A rate that does
//! not fit is refused and never rounded, because nobody could tell afterwards that
//! it was; the same holds for its product with the factor of a tier or a region.
//!
//! The exponent follows from how people write a rate. USD per million tokens needs
//! 27 − 6 = 21 more digits to be whole units a token; USD per piece or hour needs all 27.
//!
//! 128 bits are enough: the dearest token is capped at one dollar, which is
//! 10²⁷ < 2⁹⁰ units, so the price of 2³⁸ such tokens, 275 billion dollars, still fits.

use rust_decimal::Decimal;

use crate::values::{Meter, MeterUnit};

/// Units in a dollar.
const USD: u128 = 1_000_000_000_000_000_000_000_000_000;
/// The dearest token: one dollar, a thousand times the dearest one listed.
pub(super) const TOKEN_MAX: u128 = USD;
/// The dearest request, page or image: ten dollars.
const PIECE_MAX: u128 = USD.saturating_mul(10);
/// The dearest hour of sound or video: ten thousand dollars.
const HOUR_MAX: u128 = USD.saturating_mul(10_000);
/// Milliseconds in an hour, for which sound and video are priced.
const HOUR_MS: u128 = 3_600_000;

/// Rates in units for one token, piece or hour, where named.
pub(super) type Given = [Option<u128>; Meter::COUNT];

pub(super) fn at(given: &Given, meter: Meter) -> Option<u128> {
    given.get(meter as usize).copied().flatten()
}

/// Rates with every gap filled, where anything fills it.
pub(super) struct Filled {
    pub(super) rates: Given,
    /// They are those of the tier, and not the dearest of others.
    pub(super) is_known: bool,
}

/// How many decimals turn a rate in USD into units for one token, piece or hour.
const fn unit_digits(meter: Meter) -> u32 {
    match meter.unit() {
        MeterUnit::Token | MeterUnit::Character => 21,
        MeterUnit::Millisecond | MeterUnit::Piece => 27,
    }
}

/// A rate in USD as units for one token, piece or hour, or what is wrong with it.
pub(super) fn units(meter: Meter, rate: Decimal) -> Result<u128, String> {
    let digits = unit_digits(meter);
    let (max, usd) = match meter.unit() {
        MeterUnit::Token => (TOKEN_MAX, "1000000 USD per million tokens"),
        MeterUnit::Character => (TOKEN_MAX, "1000000 USD per million characters"),
        MeterUnit::Piece => (PIECE_MAX, "10 USD a request"),
        MeterUnit::Millisecond => (HOUR_MAX, "10000 USD an hour"),
    };
    if rate.is_sign_negative() && !rate.is_zero() {
        return Err("is negative".to_owned());
    }
    let rate = rate.normalize();
    let Some(power) = digits.checked_sub(rate.scale()) else {
        return Err(format!("has more than {digits} decimals and cannot be kept exactly"));
    };
    10_u128
        .checked_pow(power)
        .and_then(|unit| unit.checked_mul(rate.mantissa().unsigned_abs()))
        .filter(|units| *units <= max)
        .ok_or_else(|| format!("is above {usd}, which is taken for an error"))
}

/// Units for that many, exact but for time billed by the hour, which is rounded up.
pub(super) fn amount(meter: Meter, quantity: u64, rate: u128) -> Option<u128> {
    let product = rate.checked_mul(u128::from(quantity))?;
    match meter.unit() {
        MeterUnit::Millisecond => Some(product.div_ceil(HOUR_MS)),
        _ => Some(product),
    }
}

/// Units as a rate in USD per million, per piece or per hour: the reverse of [`units`].
pub(super) fn as_rate(meter: Meter, mut units: u128) -> Option<Decimal> {
    let mut digits = unit_digits(meter);
    while digits > 0 && units.checked_rem(10)? == 0 {
        units = units.checked_div(10)?;
        digits = digits.checked_sub(1)?;
    }
    Decimal::try_from_i128_with_scale(i128::try_from(units).ok()?, digits).ok()
}

/// The product in whole units, rounded up, and whether that is all of it; `None` beyond 128 bits.
pub(super) fn multiplied(rate: u128, factor: Decimal) -> Option<(u128, bool)> {
    let unit = 10_u128.checked_pow(factor.scale())?;
    let product = rate.checked_mul(factor.mantissa().unsigned_abs())?;
    let whole = product.div_ceil(unit);
    Some((whole, whole.checked_mul(unit)? == product))
}
