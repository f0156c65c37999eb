//! Does the durable ledger keep every law that the one in memory keeps?

use crate::backend::durable;
use crate::reference;

/// Runs each law again, over books in a file.
macro_rules! laws {
    ($($module:ident { $($law:ident)* })*) => {
        $(mod $module {
            $(#[test]
            fn $law() {
                super::durable(crate::laws::$module::$law);
            })*
        })*

        const LISTED: &[(&str, &[&str])] = &[$((stringify!($module), &[$(stringify!($law)),*])),*];
    };
}

laws! {
    admission {
        a_reserve_holds_every_line_where_all_have_room
        one_line_without_room_leaves_all_others_untouched
        the_ceiling_itself_is_still_allowed_and_one_more_is_not
        a_refusal_makes_no_row_and_no_journal_entry
        a_refusal_answers_with_the_balances_of_all_lines
        a_doomed_large_call_does_not_make_a_small_one_fail
        zero_is_a_limit_that_allows_nothing_that_costs
        a_line_of_amount_zero_never_refuses_even_above_its_ceiling
        lowering_a_ceiling_below_what_is_spent_refuses_new_calls_only
        an_amount_below_zero_is_an_error_that_names_the_field
        amounts_that_do_not_stand_beside_the_lines_are_an_error
        a_sum_that_does_not_fit_is_an_error_and_changes_nothing
    }
    expiry {
        a_hold_lives_to_the_last_nanosecond_before_its_expiry
        an_expired_hold_is_charged_as_it_was_told
        holds_end_oldest_first_and_by_id_where_they_are_due_together
        an_expiry_charge_follows_what_the_hold_holds_at_that_moment
        results_are_the_same_whether_or_not_other_commands_ran_in_between
        a_hold_that_was_ended_does_not_expire
        time_never_runs_backwards
        an_expiry_found_by_a_command_that_fails_is_told_by_the_next_reply
        an_expiry_found_by_reading_is_told_by_the_next_reply
    }
    ids {
        a_reserve_sent_again_gets_its_first_outcome_and_holds_nothing_more
        a_reserve_sent_again_after_its_hold_ended_gets_its_first_outcome
        a_refused_id_stays_refused_even_when_there_is_room_by_now
        the_same_id_with_another_body_is_a_conflict_that_changes_nothing
        a_refused_id_with_another_body_is_a_conflict
        a_release_that_overtakes_its_reserve_leaves_a_tombstone
        usage_for_a_tombstone_is_recorded_all_the_same
        an_unknown_id_is_too_old_after_an_hour_and_not_before
        an_open_hold_is_never_too_old
        a_tombstone_lasts_until_its_id_is_too_old
    }
    journal {
        every_confirmed_change_is_one_entry_numbered_without_gaps
        an_expiry_is_an_entry_of_its_own
        the_journal_is_read_from_a_number_on
        two_roots_are_separate_books
        a_line_of_another_root_cannot_be_claimed
    }
    marks {
        a_level_fires_at_its_figure_and_not_one_below
        one_charge_over_several_levels_fires_them_lowest_first
        a_hold_fires_nothing_because_events_look_at_spent_alone
        a_level_does_not_fire_again_when_money_moves_back_and_forth
        a_tier_fires_once_even_where_its_level_moves
        a_lowered_level_is_found_by_the_next_reserve
        a_lowered_level_is_found_by_a_reserve_that_is_refused
        a_level_fires_again_in_a_new_day
        a_late_charge_fires_in_the_day_of_its_reserve
        an_expiry_charge_is_found_by_the_command_that_ended_it
    }
    postings {
        an_import_is_posted_once
        a_refund_names_its_charge
        refunds_cannot_exceed_their_charge_even_together
        a_repeated_refund_is_posted_once
        a_refund_lands_in_the_day_of_its_charge
        withdrawing_a_refunded_charge_gives_back_only_what_is_left_of_it
        a_surer_figure_below_what_was_refunded_leaves_nothing_spent
        a_correction_on_other_lines_does_not_make_room_for_a_second_refund
        two_late_lines_of_idle_accounts_are_two_accounts
        a_charge_whose_sum_does_not_fit_makes_no_row
    }
    ranks {
        a_reconcile_replaces_the_hold_by_what_was_used
        usage_above_the_hold_and_above_the_limit_is_recorded_in_full
        a_reply_names_the_rank_that_was_replaced_and_none_for_a_live_hold
        a_higher_rank_replaces_a_charge_in_full
        a_lower_rank_is_ignored
        the_same_report_again_is_repeated_and_another_of_its_rank_is_a_conflict
        a_report_after_the_expiry_replaces_the_expiry_charge
        usage_of_an_id_never_seen_is_recorded_once_and_its_late_reserve_fails
        usage_of_a_refused_id_is_recorded_in_full
        a_release_gives_the_hold_back_on_every_line
        a_release_withdraws_a_charge_that_nobody_reported
        a_release_cannot_withdraw_what_the_provider_reported
        usage_after_a_release_is_recorded_in_full
        other_commands_on_an_ended_or_unknown_hold_name_its_state
    }
    resizing {
        growth_takes_room_on_every_line_or_on_none
        refused_growth_does_not_prolong_the_hold
        shrinking_never_refuses
        a_hold_can_be_prolonged_and_cut_short
        a_resized_hold_still_answers_its_first_reserve
        a_resize_names_the_lines_that_were_held
        growth_in_a_past_day_counts_against_that_day
        growth_in_a_past_day_whose_balance_is_forgotten_is_refused
    }
    scopes {
        a_frozen_scope_refuses_with_its_reason_until_it_is_reopened
        a_frozen_scope_refuses_a_line_of_amount_zero
        a_frozen_scope_stops_calls_that_no_budget_of_it_binds
        all_frozen_scopes_of_a_call_are_named
        calls_in_flight_are_recorded_in_a_stopped_scope
        a_hold_in_a_frozen_scope_may_shrink_but_not_grow
        a_second_stop_changes_nothing
        a_close_after_a_freeze_counts_and_is_opened_by_one_reopen
        marks_are_read_as_they_stand_and_an_open_scope_has_none
        reopening_what_is_open_changes_nothing
    }
    windows {
        a_new_day_begins_empty
        a_reserve_outside_its_lines_interval_is_stale_and_changes_nothing
        a_stale_id_can_be_asked_again_with_its_line_resolved_anew
        a_retry_of_yesterdays_reserve_is_answered_not_stale
        a_charge_lands_in_the_day_of_its_reserve
        a_hold_that_outlives_two_days_expires_into_its_own
        reading_a_coming_day_does_not_close_the_present_one
        a_rolling_window_counts_its_sixty_sub_periods_and_the_running_one
        a_rolling_window_never_lets_go_before_its_length
        a_rolling_refusal_says_after_how_many_sub_periods_it_would_fit
        a_charge_older_than_a_rolling_window_goes_to_the_journal_only
        a_line_that_did_not_refuse_says_nothing_about_when_it_frees
    }
}

#[test]
fn every_law_is_listed_here() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/laws");
    for (module, listed) in LISTED {
        let text = std::fs::read_to_string(folder.join(format!("{module}.rs"))).expect("a file of laws");
        let laws = text.split("#[test]\npub(crate) fn ").skip(1);
        let laws: Vec<&str> = laws.map(|law| law.split('(').next().expect("a name")).collect();
        assert_eq!(laws, *listed, "tests/it/laws/{module}.rs");
        assert_eq!(text.matches("#[test]").count(), laws.len(), "a law that cannot be called from here");
    }
    let modules = std::fs::read_to_string(folder.join("mod.rs")).expect("the list of files");
    assert_eq!(modules.matches("pub(crate) mod ").count(), LISTED.len());
}

#[test]
fn the_durable_ledger_answers_every_command_like_the_model() {
    let commands = reference::setting(
        "TOKEN_BUDGET_SQLITE_COMMANDS",
        if cfg!(debug_assertions) { 4_000 } else { 40_000 },
    );
    durable(|| reference::play(commands));
}
