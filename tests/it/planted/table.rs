//! Which mistakes are planted, and which law catches each? The list, and how a mistake is made into a ledger.

use token_budget::testing::conformance::{self, Differential, Factory, Law, Maker, Need, Standing};

use super::bugs::{Bug, Planted};
use super::oversights::{Overlooking, Oversight};
use super::slips::{Slip, Slipping};
use super::without::Without;

/// One of the mistakes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mistake {
    Bug(Bug),
    Slip(Slip),
    Oversight(Oversight),
}

/// A mistake with the law that is named for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planting {
    pub(super) mistake: Mistake,
    pub(super) law: &'static str,
}

/// What ledgers leave out: a mistake in it can only be made by one that offers it.
const KINDS: [Need; 6] =
    [Need::Rolling, Need::Thresholds, Need::Resizing, Need::Marks, Need::Postings, Need::Refunds];

impl Planting {
    /// The law, which must be there.
    pub(super) fn law(self) -> &'static Law {
        conformance::law(self.law).expect("a law of that name")
    }

    /// How the law stands before a ledger with that mistake.
    pub(super) fn tried(self) -> Standing {
        self.with(&[], |ledger| self.law().run(ledger))
    }

    /// Whether a ledger that leaves this out can make the mistake: its law is about something else.
    pub(super) fn can_be_made_without(self, left_out: &[Need]) -> bool {
        let needs = self.law().needs().iter().filter(|need| KINDS.contains(need));
        needs.clone().all(|need| !left_out.contains(need))
    }

    /// Which law, or the game, catches the mistake in a ledger that leaves this out; none if nothing does.
    pub(super) fn caught_without(self, left_out: &[Need]) -> Option<&'static str> {
        self.with(left_out, |ledger| {
            let is_broken = |law: &&Law| matches!(law.run(ledger), Standing::Broken { .. });
            if is_broken(&self.law()) {
                return Some(self.law);
            }
            let game = Differential::of(ledger).seed(7).commands(6_000).in_games_of(6_000);
            if game.run().is_err() {
                return Some("the game");
            }
            conformance::laws().iter().find(is_broken).map(Law::name)
        })
    }

    /// Does something with ledgers that make the mistake, and leave this out.
    fn with<T>(self, left_out: &[Need], work: impl FnOnce(&dyn Factory) -> T) -> T {
        let (name, left_out) = (format!("{:?}", self.mistake), left_out.to_vec());
        match self.mistake {
            Mistake::Bug(bug) => {
                work(&Maker::new(name, move |clock| Without::new(Planted::new(bug, clock), &left_out)))
            }
            Mistake::Slip(slip) => {
                work(&Maker::new(name, move |clock| Without::new(Slipping::new(slip, clock), &left_out)))
            }
            Mistake::Oversight(oversight) => work(&Maker::new(name, move |clock| {
                Without::new(Overlooking::new(oversight, clock), &left_out)
            })),
        }
    }
}

/// Writes the list: `kind Mistake => "law";`
macro_rules! plantings {
    ($($kind:ident $mistake:ident => $law:literal;)*) => {
        /// All of them, in the order of `docs/RELIABILITY.md`.
        pub(super) const PLANTINGS: &[Planting] =
            &[$(Planting { mistake: Mistake::$kind($kind::$mistake), law: $law }),*];
    };
}

plantings! {
    Bug ChecksOutsideTheLock => "of_all_who_want_the_last_unit_exactly_one_is_admitted";
    Bug LocksInTheOrderOfTheClaim => "claims_that_name_their_lines_in_opposite_orders_all_end";
    Bug ChargesTheWindowOfTheReconcile => "a_charge_lands_in_the_day_of_its_reserve";
    Bug CountsAScopeAsOftenAsItIsNamed => "a_scope_that_a_claim_names_twice_is_held_once";
    Bug KeepsTheFloorBesideTheActual => "a_higher_certainty_replaces_a_charge_in_full";
    Bug CountsMoneyInFloatingPoint => "amounts_are_exact_to_the_last_unit";
    Bug ExpiresANanosecondLate => "a_hold_lives_to_the_last_nanosecond_before_its_expiry";
    Bug AsksForARefusedIdAnew => "a_refused_id_stays_refused_even_when_there_is_room_by_now";
    Bug IgnoresTombstones => "a_release_that_overtakes_its_reserve_leaves_a_tombstone";
    Bug ExpiresOnlyWhenSwept => "results_are_the_same_whether_or_not_other_commands_ran_in_between";
    Bug RefusesAtTheCeiling => "the_ceiling_itself_is_still_allowed_and_one_more_is_not";
    Bug FiresOnlyAboveTheThreshold => "a_threshold_fires_at_its_figure_and_not_one_below";
    Bug ForgetsToRelease => "a_release_gives_the_hold_back_on_every_line";
    Bug FreezesWhatObserves => "a_frozen_scope_that_only_observes_is_named_and_refuses_nothing";

    Slip CountsEveryUnitOnOneAccount => "accounts_that_differ_in_one_part_are_two_accounts";
    Slip ComparesNamesWithoutTheirCase => "names_are_told_apart_to_the_last_letter";
    Slip KeepsTheLast64BitsOfAnId => "ids_are_told_apart_to_the_last_bit";
    Slip FreezesTheScopeUnderEveryTenant => "a_scope_frozen_under_one_tenant_is_open_under_another";
    Slip EndsLaterThanItSays => "where_ends_are_at_once_nobody_waits_for_one";
    Slip AnswersWithTheBalancesOfThen =>
        "a_reserve_sent_again_gets_its_first_outcome_and_holds_nothing_more";
    Slip TakesTheDeadlineForPartOfTheBody => "limits_thresholds_and_deadlines_are_no_part_of_a_body";
    Slip TakesAnotherDayForTheSameBody => "the_same_id_in_another_period_is_a_conflict";
    Slip ChargesTheLinesThatAreNamed =>
        "a_command_on_fewer_or_more_lines_than_were_held_is_a_conflict";
    Slip LooksAtFreezesBeforeTheId =>
        "a_retry_hears_its_first_outcome_whatever_was_frozen_or_opened_since";
    Slip BuriesForAMinute => "a_tombstone_stands_for_an_hour_however_many_follow";
    Slip ExecutesWhatItForgot => "what_was_forgotten_is_too_old_and_never_executed_again";
    Slip RemembersLessThanItSays => "an_ended_id_is_remembered_for_as_long_as_is_said";
    Slip AnswersWithTheTimeOfTheMachine => "every_reply_bears_the_ledgers_instant";
    Slip LooksAtTheFirstLinesPeriodOnly => "one_stale_line_makes_the_whole_reserve_stale";
    Slip EndsTiesAsTheyCame => "holds_end_oldest_first_and_by_id_where_they_are_due_together";
    Slip CountsLinesForEntries => "the_journal_is_read_page_by_page_without_a_gap";
    Slip DropsNotes => "an_entry_keeps_the_note_and_the_signature_of_its_command";
    Slip DropsWhoReleased => "an_entry_keeps_the_note_and_the_signature_of_its_command";
    Slip TellsWhoServedForWhoWasAsked => "what_is_said_of_a_call_comes_back_whole_and_unchanged";
    Slip TakesAnUnknownCostForZero => "what_is_said_of_a_call_comes_back_whole_and_unchanged";
    Slip TellsTheNewestPeriodInEveryEntry =>
        "an_entry_tells_every_line_with_the_period_that_it_changed";
    Slip TellsAThresholdWithoutItsAccount =>
        "a_threshold_that_was_reached_is_told_by_account_and_period";
    Slip HoldsTheFirstLineOfASumThatDoesNotFit =>
        "a_sum_that_does_not_fit_on_the_last_line_changes_no_other";
    Slip GrowsOutsideTheLock => "growth_that_races_with_reserves_stops_at_the_ceiling";
    Slip LooksForTheIdOutsideTheLock =>
        "usage_of_an_id_never_seen_is_recorded_once_by_many_threads";

    Oversight BindsTheFirst32Lines => "the_last_line_binds_however_many_a_claim_has";
    Oversight ChargesTheFirst32LinesAtExpiry => "the_widest_claim_expires_on_every_line";
    Oversight ShowsTheFirst32Lines => "the_widest_claim_is_held_charged_and_given_back_on_every_line";
    Oversight TellsTheFirst16Tiers => "every_tier_is_told_at_its_own_figure";
    Oversight KeepsFourThresholds => "all_tiers_that_one_charge_reaches_are_told";
    Oversight KeepsFourTags => "a_note_and_a_signature_are_kept_whole_however_long";
    Oversight CutsReasonsInTheJournal => "a_note_and_a_signature_are_kept_whole_however_long";
    Oversight CutsReasonsOfMarks => "a_mark_tells_its_whole_reason_wherever_it_is_shown";
    Oversight CutsNamesAt64Bytes => "long_names_are_shown_whole_and_told_apart_to_their_end";
    Oversight LooksAtFourScopes => "each_of_many_scopes_stops_the_call";
    Oversight AdmitsEveryThousandthRefusal => "a_refusal_is_the_same_each_time_it_is_asked_for";
    Oversight ForgetsRefusalsAfterASecond => "a_refusal_is_answered_again_for_a_minute";
    Oversight WritesRefusalsDown => "a_refusal_leaves_nothing_that_can_be_seen";
    Oversight RemembersRefusalsForAnHour => "after_a_minute_a_refused_id_is_judged_as_new";
    Oversight ForgetsWhatSixtyThousandFollowed =>
        "an_id_is_executed_once_however_many_others_came_between";
    Oversight ForgetsImportsAfterAMonth => "an_imported_row_is_remembered_for_400_days_after_its_usage";
    Oversight TellsImportsApartByTheirDay => "an_imported_row_is_posted_once_however_often_it_comes";
    Oversight ImportsUsageOfAnyAge => "an_imported_row_is_remembered_for_400_days_after_its_usage";
    Oversight HoldsUnderTheIdOfAnImport => "the_id_of_an_imported_row_is_only_posted";
    Oversight GrowsBackUnchecked => "a_hold_that_shrank_grows_back_only_where_there_is_room";
    Oversight RefusesToProlongAboveTheCeiling => "a_resize_that_grows_on_no_line_never_refuses";
    Oversight KeepsAnEndThatMovesByLessThanASecond => "an_end_moves_by_as_little_as_a_nanosecond";
    Oversight KeepsEndsInMilliseconds => "an_end_moves_by_as_little_as_a_nanosecond";
    Oversight OnlyProlongs => "the_last_end_of_a_hold_counts_however_often_it_moved";
    Oversight TellsExpiriesToWhoeverAsks => "an_expiry_is_told_to_its_own_tenant_alone";
    Oversight DatesEntriesByTheMachine => "an_entry_bears_the_ledgers_instant";
    Oversight DatesMarksByTheMachine => "a_mark_stands_since_the_ledgers_instant";
    Oversight DatesErrorsByTheMachine => "every_error_bears_the_ledgers_instant";
    Oversight SaysNoInstantWithAConflict => "every_error_bears_the_ledgers_instant";
    Oversight RefusesIdsASecondAhead => "an_id_may_be_made_a_day_ahead_of_the_ledgers_time_and_no_more";
    Oversight TakesIdsOfAnyDay => "an_id_may_be_made_a_day_ahead_of_the_ledgers_time_and_no_more";
    Oversight AgesIdsByTheMachine => "ids_are_as_old_as_the_ledgers_time_says";
    Oversight ForgetsClaimsWithoutLines => "a_claim_without_lines_is_remembered_as_any_other";
    Oversight TakesTheSignatureForPartOfTheBody => "signatures_and_remarks_are_no_part_of_a_body";
    Oversight TakesTheRemarkForPartOfTheBody => "signatures_and_remarks_are_no_part_of_a_body";
    Oversight ReadsAnAccountOnce => "balances_are_read_one_for_each_line_that_is_named_also_twice";
    Oversight ReadsAnAccountInItsFirstPeriod =>
        "balances_are_read_one_for_each_line_that_is_named_also_twice";
    Oversight TakesTheLatestMark => "marks_count_or_are_repeats_in_every_order";
    Oversight KeepsTheFirstMark => "marks_count_or_are_repeats_in_every_order";
    Oversight NamesTheFirstFrozenScope =>
        "two_marked_scopes_of_a_call_are_named_in_its_order_each_with_its_mark";
}
