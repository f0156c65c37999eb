//! Are holds found, ordered and given back?

use super::*;

fn id(number: u64) -> ReservationId {
    ReservationId::from_bits(u128::from(number))
}

fn holds() -> Holds {
    Holds::new(Memory { ended: 2, unreported: 2 })
}

fn insert(holds: &mut Holds, number: u64, lines: usize) -> u32 {
    let place = holds.draft(lines).expect("room");
    let key = holds.key(id(number));
    holds.name(place, &key, State::Held);
    place
}

#[test]
fn the_heap_gives_holds_back_by_end_and_then_by_id() {
    let mut holds = holds();
    // 7 and 11 walk through all residues of 101, so ends come shuffled and each comes twice.
    for number in 0..202_u64 {
        let place = insert(&mut holds, number.wrapping_mul(7) % 202, 1);
        holds.schedule(place, Timestamp::from_secs((number.wrapping_mul(77) % 101) as i64));
    }
    for number in (0..202).step_by(3) {
        let place = holds.find(&holds.key(id(number))).expect("known");
        holds.unschedule(place);
    }
    let mut last = None;
    let mut seen = 0;
    while let Some((place, at)) = holds.next_due() {
        let this = (at, holds.get(place).id());
        assert!(last.is_none_or(|last| last < this), "{last:?} came before {this:?}");
        holds.unschedule(place);
        (last, seen) = (Some(this), seen + 1);
    }
    assert_eq!(seen, 202 - 68);
}

#[test]
fn a_hold_of_nine_lines_takes_three_places_and_gives_them_back() {
    let mut holds = holds();
    let place = insert(&mut holds, 1, 9);
    holds.set_amounts(place, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let amounts: Vec<i64> = holds.lines(place).iter().map(|line| line.amount).collect();
    assert_eq!(amounts, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(holds.holds.places(), 3);
    holds.discard(place);
    insert(&mut holds, 2, 12);
    assert_eq!(holds.holds.places(), 3);
}

#[test]
fn an_open_hold_of_four_lines_takes_at_most_128_bytes() {
    // The index holds a place and a byte for each id, and is at least 7/16 full once it has doubled.
    let index = (size_of::<u32>() + 1) * 16 / 7;
    assert!(size_of::<Hold>() + size_of::<Due>() + index <= 128);
}

#[test]
fn folding_lays_the_upper_half_of_a_product_over_the_lower() {
    // 6 times 2^63 + 1 is 3 times 2^64, and 6: 0b011 over 0b110.
    assert_eq!(fold((1 << 63) + 1, 6), 0b101);
}
