//! Which laws are there? All of them, in the order of the report.
//!
//! The list is written once and used twice: as the data of [`laws`](super::laws), and as
//! the tests of [`conformance_tests!`](crate::conformance_tests). A law that is missing
//! here would never be tried, so the compiler's warning about an unused function is the
//! guard. In brackets stands what a law needs of a ledger.

use super::Factory;
use super::law::Law;
use super::need::Need;

/// All laws, in the order of the report.
///
/// # Example: what is asked of a durable ledger only
/// ```
/// use token_budget::testing::conformance::{self, Need};
///
/// let durable = conformance::laws().iter().filter(|law| law.needs().contains(&Need::Durable));
/// let subjects: Vec<_> = durable.map(|law| law.subject()).collect();
/// assert!(subjects.iter().all(|subject| ["crashes", "pending"].contains(subject)));
/// ```
#[must_use]
pub fn laws() -> &'static [Law] {
    LAWS
}

/// Finds a law by its name, with `_` between the words.
#[must_use]
pub fn law(name: &str) -> Option<&'static Law> {
    laws().iter().find(|law| law.name() == name)
}

/// Tries the law of that name, as a test does.
/// [`conformance_tests!`](crate::conformance_tests) calls it.
///
/// # Panics
/// If the ledger breaks the law, or if there is no such law.
#[expect(clippy::panic, reason = "an assertion, for tests")]
pub fn assert_law(name: &str, factory: &dyn Factory) {
    match law(name) {
        Some(law) => law.assert_holds(factory),
        None => panic!("there is no law {name}"),
    }
}

/// Names each law once: as data, and as a test of [`conformance_tests!`](crate::conformance_tests).
macro_rules! list_of_laws {
    ($dollar:tt $($subject:ident :: $law:ident [$($need:ident),*])*) => {
        /// All laws, in the order of the report.
        pub(super) const LAWS: &[Law] = &[$(Law {
            name: stringify!($law),
            subject: stringify!($subject),
            needs: &[$(Need::$need),*],
            check: super::laws::$subject::$law,
        }),*];

        /// Makes one `#[test]` of each law, so that a broken one is seen by its name.
        ///
        /// Takes an expression that makes a [`Factory`](crate::testing::conformance::Factory); each test evaluates
        /// it anew. Call the macro in a module of its own, because it makes one function a law. A law whose
        /// needs are not offered passes and says so on the standard output (`cargo test -- --nocapture`).
        ///
        /// # Example: the whole test of a backend
        /// ```
        /// mod conformance {
        ///     use token_budget::MemoryLedger;
        ///     use token_budget::testing::conformance::Maker;
        ///
        ///     token_budget::conformance_tests!(Maker::new("memory", |clock| MemoryLedger::with_clock(clock)));
        /// }
        /// ```
        #[macro_export]
        macro_rules! conformance_tests {
            ($dollar factory:expr) => {$(
                #[test]
                fn $law() {
                    $crate::testing::conformance::assert_law(stringify!($law), &$dollar factory);
                }
            )*};
        }
    };
}

list_of_laws! {
    $
    admission::a_reserve_holds_every_line_where_all_have_room []
    admission::one_line_without_room_leaves_all_others_untouched []
    admission::the_ceiling_itself_is_still_allowed_and_one_more_is_not []
    admission::a_refusal_makes_no_journal_entry [Journal]
    admission::a_refusal_answers_with_the_balances_of_all_lines []
    admission::a_doomed_large_call_does_not_make_a_small_one_fail []
    admission::zero_is_a_limit_that_allows_nothing_that_costs []
    admission::a_line_of_amount_zero_never_refuses_even_above_its_ceiling []
    admission::lowering_a_ceiling_below_what_is_spent_refuses_new_calls_only []
    admission::an_amount_below_zero_is_an_error []
    admission::amounts_that_do_not_stand_beside_the_lines_are_an_error []
    admission::a_sum_that_does_not_fit_is_an_error_and_changes_nothing []
    admission::a_sum_that_does_not_fit_is_refused_where_there_is_a_ceiling []
    admission::a_sum_that_does_not_fit_on_the_last_line_changes_no_other []
    admission::amounts_are_exact_to_the_last_unit []
    admission::a_scope_that_a_claim_names_twice_is_held_once []

    ids::a_reserve_sent_again_gets_its_first_outcome_and_holds_nothing_more []
    ids::a_reserve_sent_again_after_its_hold_ended_gets_its_first_outcome [Time]
    ids::a_refused_id_stays_refused_even_when_there_is_room_by_now []
    ids::the_same_id_with_another_body_is_a_conflict_that_changes_nothing []
    ids::a_refused_id_with_another_body_is_a_conflict []
    ids::limits_thresholds_and_deadlines_are_no_part_of_a_body []
    ids::a_retry_does_not_prolong_its_hold [Time]
    ids::the_same_id_in_another_period_is_a_conflict [Time]
    ids::a_command_on_fewer_or_more_lines_than_were_held_is_a_conflict []
    ids::a_release_that_overtakes_its_reserve_leaves_a_tombstone []
    ids::usage_for_a_tombstone_is_recorded_all_the_same []
    ids::signatures_and_remarks_are_no_part_of_a_body []

    once::an_id_is_executed_once_however_many_others_came_between []
    once::after_a_minute_a_refused_id_is_judged_as_new [Time]

    refusals::a_refusal_is_answered_again_for_a_minute [Time]
    refusals::a_refusal_leaves_nothing_that_can_be_seen [Journal]
    refusals::a_refusal_is_the_same_each_time_it_is_asked_for []
    refusals::growth_that_is_refused_leaves_no_entry [Resizing, Journal]

    width::the_last_line_binds_however_many_a_claim_has []
    width::each_line_of_the_widest_claim_binds []
    width::the_widest_claim_is_held_charged_and_given_back_on_every_line []
    width::growth_is_judged_on_every_line_of_the_widest_claim [Resizing]
    width::the_widest_claim_expires_on_every_line [Time]
    width::every_tier_is_told_at_its_own_figure [Thresholds, Journal]
    width::all_tiers_that_one_charge_reaches_are_told [Thresholds]
    width::a_note_and_a_signature_are_kept_whole_however_long [Journal]
    width::a_mark_tells_its_whole_reason_wherever_it_is_shown [Marks]
    width::long_names_are_shown_whole_and_told_apart_to_their_end []
    width::balances_are_read_one_for_each_line_that_is_named_also_twice []
    width::a_claim_without_lines_is_remembered_as_any_other []

    ages::a_tombstone_stands_for_an_hour_however_many_follow [Time]
    ages::an_open_hold_is_never_too_old [Time]
    ages::an_ended_id_is_remembered_for_as_long_as_is_said [Time]
    ages::what_was_forgotten_is_too_old_and_never_executed_again [Time]
    ages::an_id_may_be_made_a_day_ahead_of_the_ledgers_time_and_no_more []
    ages::ids_are_as_old_as_the_ledgers_time_says [Time]

    names::accounts_that_differ_in_one_part_are_two_accounts []
    names::names_are_told_apart_to_the_last_letter []
    names::ids_are_told_apart_to_the_last_bit []
    names::an_id_is_known_under_its_own_tenant_only []
    names::a_scope_frozen_under_one_tenant_is_open_under_another [Marks]
    names::a_refund_names_a_charge_of_its_own_tenant [Refunds]
    names::where_ends_are_at_once_nobody_waits_for_one []

    certainty::a_reconcile_replaces_the_hold_by_what_was_used []
    certainty::usage_above_the_hold_and_above_the_limit_is_recorded_in_full []
    certainty::a_reply_names_the_certainty_that_was_replaced_and_none_for_a_live_hold []
    certainty::a_higher_certainty_replaces_a_charge_in_full []
    certainty::a_lower_certainty_is_ignored []
    certainty::the_same_report_again_is_repeated_and_another_of_its_certainty_is_a_conflict [Journal]
    certainty::a_report_after_the_expiry_replaces_the_expiry_charge [Time]
    certainty::usage_of_an_id_never_seen_is_recorded_once_and_its_late_reserve_fails []
    certainty::usage_of_a_refused_id_is_recorded_in_full []
    certainty::a_release_gives_the_hold_back_on_every_line []
    certainty::a_release_withdraws_a_charge_that_nobody_reported []
    certainty::a_release_cannot_withdraw_what_the_provider_reported []
    certainty::usage_after_a_release_is_recorded_in_full []
    certainty::a_guess_does_not_charge_what_was_given_back []
    certainty::other_commands_on_an_ended_or_unknown_hold_are_errors []

    holds::an_id_is_shown_as_it_stands_to_its_tenant_alone []
    holds::an_id_past_its_time_is_shown_as_expired [Time]
    holds::a_late_report_replaces_what_was_charged_by_hand []

    resizing::growth_takes_room_on_every_line_or_on_none [Resizing]
    resizing::refused_growth_does_not_prolong_the_hold [Resizing, Time]
    resizing::shrinking_never_refuses [Resizing]
    resizing::a_hold_can_be_prolonged_and_cut_short [Resizing, Time]
    resizing::a_resized_hold_still_answers_its_first_reserve [Resizing]
    resizing::a_resize_names_the_lines_that_were_held [Resizing]
    resizing::growth_in_a_past_day_counts_against_that_day [Resizing, Time]
    resizing::a_hold_that_shrank_grows_back_only_where_there_is_room [Resizing]
    resizing::a_resize_that_grows_on_no_line_never_refuses [Resizing]
    resizing::an_end_moves_by_as_little_as_a_nanosecond [Resizing, Time]
    resizing::the_last_end_of_a_hold_counts_however_often_it_moved [Resizing, Time]

    expiry::a_hold_lives_to_the_last_nanosecond_before_its_expiry [Time]
    expiry::an_expired_hold_is_charged_as_it_was_told [Time]
    expiry::holds_end_oldest_first_and_by_id_where_they_are_due_together [Time]
    expiry::an_expiry_charge_follows_what_the_hold_holds_at_that_moment [Resizing, Time]
    expiry::an_expiry_charge_that_does_not_fit_is_replaced_by_what_the_line_holds [Time]
    expiry::results_are_the_same_whether_or_not_other_commands_ran_in_between [Time]
    expiry::a_hold_that_was_ended_does_not_expire [Time]
    expiry::time_never_runs_backwards [Time]
    expiry::every_reply_bears_the_ledgers_instant [Time]
    expiry::an_expiry_found_by_a_command_that_fails_is_told_by_the_next_reply [Time]
    expiry::an_expiry_found_by_reading_is_told_by_the_next_reply [Time]

    facts::what_is_said_of_a_call_comes_back_whole_and_unchanged [Journal]
    facts::calls_that_differ_in_one_fact_are_told_apart [Journal]
    facts::a_call_that_expires_costs_what_its_dollars_were_charged [Time, Journal]

    instants::an_entry_bears_the_ledgers_instant [Time, Journal]
    instants::a_mark_stands_since_the_ledgers_instant [Time, Marks]
    instants::every_error_bears_the_ledgers_instant [Time]
    instants::an_expiry_is_told_to_its_own_tenant_alone [Time]
    instants::a_threshold_is_told_to_its_own_tenant_alone [Time, Thresholds]

    windows::a_new_day_begins_empty [Time]
    windows::an_account_that_is_used_again_begins_the_next_day_empty [Time]
    windows::a_reserve_outside_its_lines_interval_is_stale_and_changes_nothing [Time, Journal]
    windows::one_stale_line_makes_the_whole_reserve_stale [Time]
    windows::a_stale_id_can_be_asked_again_with_its_line_resolved_anew [Time]
    windows::a_retry_of_yesterdays_reserve_is_answered_not_stale [Time]
    windows::a_charge_lands_in_the_day_of_its_reserve [Time]
    windows::a_hold_that_outlives_two_days_expires_into_its_own [Time]
    windows::reading_a_coming_day_does_not_close_the_present_one [Time]
    windows::a_rolling_window_counts_its_sixty_sub_periods_and_the_running_one [Rolling, Time]
    windows::a_rolling_window_never_lets_go_before_its_length [Rolling, Time]
    windows::a_rolling_refusal_says_after_how_many_sub_periods_it_would_fit [Rolling, Time]
    windows::a_charge_older_than_a_rolling_window_goes_to_the_journal_only [Rolling, Time, Journal]
    windows::a_line_that_did_not_refuse_says_nothing_about_when_it_frees [Rolling, Marks, Time]

    thresholds::a_threshold_fires_at_its_figure_and_not_one_below [Thresholds, Time, Journal]
    thresholds::one_charge_over_several_thresholds_fires_them_lowest_first [Thresholds, Time, Journal]
    thresholds::a_hold_fires_nothing_because_events_look_at_spent_alone [Thresholds, Time, Journal]
    thresholds::a_threshold_does_not_fire_again_when_money_moves_back_and_forth [Thresholds, Time, Journal]
    thresholds::a_tier_fires_once_even_where_its_threshold_moves [Thresholds, Time]
    thresholds::a_lowered_threshold_is_found_by_the_next_reserve [Thresholds, Time]
    thresholds::a_lowered_threshold_is_found_by_a_reserve_that_is_refused [Thresholds, Time, Journal]
    thresholds::a_threshold_fires_again_in_a_new_day [Thresholds, Time]
    thresholds::a_late_charge_fires_in_the_day_of_its_reserve [Thresholds, Time]
    thresholds::an_expiry_charge_is_found_by_the_command_that_ended_it [Thresholds, Time]

    postings::an_import_is_posted_once [Postings]
    imports::an_imported_row_is_posted_once_however_often_it_comes [Postings]
    imports::an_imported_row_is_remembered_for_400_days_after_its_usage [Postings, Time]
    imports::the_id_of_an_imported_row_is_only_posted [Postings]
    postings::a_refund_names_its_charge [Refunds]
    postings::refunds_cannot_exceed_their_charge_even_together [Refunds]
    postings::a_repeated_refund_is_posted_once [Refunds]
    postings::a_refund_lands_in_the_day_of_its_charge [Refunds, Time]
    postings::withdrawing_a_refunded_charge_gives_back_only_what_is_left_of_it [Refunds]
    postings::a_surer_figure_below_what_was_refunded_leaves_nothing_spent [Refunds]
    postings::a_correction_on_other_lines_does_not_make_room_for_a_second_refund [Refunds]
    postings::two_late_lines_of_idle_accounts_are_two_accounts [Time]
    postings::a_charge_whose_sum_does_not_fit_changes_no_line []

    scopes::a_frozen_scope_refuses_with_its_reason_until_it_is_reopened [Marks]
    scopes::a_frozen_scope_refuses_a_line_of_amount_zero [Marks]
    scopes::a_frozen_scope_stops_calls_that_no_budget_of_it_binds [Marks]
    scopes::all_frozen_scopes_of_a_call_are_named [Marks]
    scopes::calls_in_flight_are_recorded_in_a_stopped_scope [Marks]
    scopes::a_retry_hears_its_first_outcome_whatever_was_frozen_or_opened_since [Marks]
    scopes::a_hold_in_a_frozen_scope_may_shrink_but_not_grow [Resizing, Marks]
    scopes::a_second_stop_changes_nothing [Marks, Time, Journal]
    scopes::a_close_after_a_freeze_counts_and_is_opened_by_one_reopen [Marks]
    scopes::marks_are_read_as_they_stand_and_an_open_scope_has_none [Marks, Time]
    scopes::reopening_what_is_open_changes_nothing [Marks, Journal]
    scopes::a_frozen_scope_that_only_observes_is_named_and_refuses_nothing [Marks]

    marks::marks_count_or_are_repeats_in_every_order [Marks, Time]
    marks::two_marked_scopes_of_a_call_are_named_in_its_order_each_with_its_mark [Marks]
    marks::each_of_many_scopes_stops_the_call [Marks]

    runs::a_run_opened_again_has_the_limits_and_the_figures_that_it_was_left_with [Thresholds, Marks]
    runs::a_run_observes_in_every_process_or_in_none_as_it_was_first_opened [Thresholds, Marks]
    runs::a_stop_of_a_run_is_known_to_every_process_and_refuses_unless_the_run_observes [Thresholds, Marks]

    journal::every_confirmed_change_is_one_entry_numbered_without_gaps [Journal]
    journal::an_expiry_is_an_entry_of_its_own [Time, Journal]
    journal::the_journal_is_read_from_a_number_on [Journal]
    journal::the_journal_is_read_page_by_page_without_a_gap [Journal]
    journal::an_entry_tells_every_line_with_the_period_that_it_changed [Time, Journal]
    journal::an_entry_keeps_the_note_and_the_signature_of_its_command [Journal]
    journal::a_mark_is_an_entry_that_says_who_and_why [Marks, Journal]
    journal::a_threshold_that_was_reached_is_told_by_account_and_period [Thresholds, Time, Journal]
    journal::two_tenants_are_separate_books [Journal]

    races::two_hundred_parallel_reserves_for_the_room_of_a_hundred_admit_a_hundred []
    races::of_all_who_want_the_last_unit_exactly_one_is_admitted []
    races::a_doomed_amount_asked_for_again_and_again_refuses_nobody_else []
    races::two_tenants_that_race_do_not_see_each_other []
    races::retries_of_one_reserve_on_many_threads_hold_once []
    races::a_report_and_a_release_that_race_leave_the_report_standing []
    races::a_threshold_fires_once_whatever_the_concurrency [Thresholds]
    races::claims_that_name_their_lines_in_opposite_orders_all_end []

    rivals::growth_that_races_with_reserves_stops_at_the_ceiling [Resizing]
    rivals::refunds_that_race_cannot_exceed_their_charge [Refunds]
    rivals::usage_of_an_id_never_seen_is_recorded_once_by_many_threads []
    rivals::a_posting_that_many_threads_send_is_posted_once [Postings]
    rivals::a_hold_that_is_due_is_charged_once_whoever_finds_it [Time]
    rivals::a_reserve_and_its_release_that_race_leave_no_hold []

    crashes::what_was_acknowledged_stands_after_a_crash [Durable, Journal]
    crashes::every_answer_is_given_again_after_a_crash [Durable]
    crashes::a_hold_of_a_process_that_died_ends_by_its_rule [Durable, Time]
    crashes::ledger_time_does_not_run_back_over_a_crash [Durable, Time]
    crashes::a_frozen_scope_stays_frozen_over_a_crash [Marks, Durable]
    crashes::a_threshold_that_fired_does_not_fire_again_after_a_crash [Thresholds, Durable, Journal]

    pending::a_threshold_is_pending_over_a_crash_until_somebody_confirms_to_have_told_it [Thresholds, Durable, Journal]

    faults::a_command_whose_operation_failed_can_be_sent_again [Resizing, Marks, Refunds, Faults]
    faults::a_command_whose_answer_was_lost_can_be_sent_again [Resizing, Marks, Refunds, Faults]

    model::every_command_is_answered_like_the_reference_model [Time]
    model::tenants_that_are_used_at_once_answer_like_a_model_each [Time]
}
