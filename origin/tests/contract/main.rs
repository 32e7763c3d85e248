//! The store's contract, and the decision over it: one suite, run on SQLite and on PostgreSQL.

#![allow(clippy::print_stdout)] // the seed, for whoever reads the run

mod calls;
mod feed;
mod feeds;
mod holds;
mod keys;
mod ledger;
mod memory;
mod model;
mod naive;
mod orders;
mod owners;
mod releases;
mod runbook;
mod search;
mod shop;
mod stock;
mod alerting;
mod trail;
mod upgrade;
mod users;
mod verbs;

use shop::Shop;

#[test]
fn names_of_tables() {
    ledger::names_of_tables();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_at_200_000_items() {
    search::plans_at_200_000_items(Shop::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_upgraded_with_its_rows() {
    upgrade::the_rows_of_v4_are_there_after_an_upgrade(Shop::sqlite_at(4, &upgrade::rows("0")).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_upgraded_with_its_rows() {
    upgrade::the_rows_of_v4_are_there_after_an_upgrade(Shop::postgres_at(4, &upgrade::rows("now()")).await).await;
}

/// Each scenario on each store.
macro_rules! on_both {
    ($($module:ident::$name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$module::$name(super::Shop::sqlite().await).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$module::$name(super::Shop::postgres().await).await;
            })+
        }
    };
}

on_both!(
    holds::priority_fills_in_order_and_leaves_disabled_out,
    holds::too_much_is_refused_with_what_there_is,
    holds::partial_holds_what_there_is,
    holds::backorder_ends_at_its_limit,
    holds::a_policy_may_come_before_stock,
    holds::a_cancelled_hold_gives_its_stock_back,
    holds::strategies_choose_as_named,
    holds::each_short_line_is_named,
    holds::the_same_sku_on_two_lines_is_taken_once,
    holds::all_available_is_used_before_any_backorder,
    holds::unknown_names_are_told,
    holds::fewest_splits_counts_lines_that_name_a_location,
    feed::a_hold_dead_by_the_stored_moment_is_released,
    verbs::a_reservation_lives_to_its_end,
    verbs::every_state_refuses_what_it_must,
    verbs::a_part_confirmed_gives_the_rest_back_from_the_last,
    verbs::never_more_ships_than_is_on_hand,
    verbs::a_dead_hold_never_refuses_a_live_buyer,
    keys::a_key_gets_its_first_answer_again,
    keys::one_batch_may_hold_the_same_key_twice,
    keys::a_refusal_for_stock_is_kept_and_others_are_not,
    keys::what_was_kept_in_the_first_form_is_compared_in_it,
    orders::each_record_is_taken_in_once,
    orders::nothing_is_taken_in_beyond_a_hole,
    orders::an_order_is_decided_only_as_the_next_of_its_line,
    orders::what_is_set_aside_leaves_its_line,
    orders::a_replay_goes_on_step_by_step,
    orders::a_decision_makes_a_notice_for_each_target,
    orders::a_payment_counts_only_under_the_attempt_that_is_under_way,
    owners::another_owners_reservation_does_not_exist,
    owners::who_sees_all_moves_all,
    owners::one_subjects_keys_are_others_for_another_owner,
    owners::open_units_end_at_the_limit,
    owners::what_has_expired_is_not_open,
    owners::a_hold_lasts_no_longer_than_it_may,
    owners::a_hundred_holds_at_once_cannot_pass_the_limit,
    stock::counts_adjustments_and_transfers,
    stock::versions_rise_over_deletion,
    stock::two_batches_make_the_same_items,
    stock::a_batch_of_many_is_written_as_a_short_one_is,
    stock::an_origin_that_stands_still_in_a_copy_loses_its_locks,
    stock::an_item_in_use_is_not_deleted,
    stock::the_ledger_adds_up,
    ledger::rows_are_rebuilt_from_the_ledger_alone,
    ledger::what_does_not_agree_is_named,
    ledger::the_ledger_is_append_only,
    ledger::lines_tell_a_changed_policy,
    stock::maintenance_stops_writes_only,
    search::searches_find_what_a_naive_filter_finds,
    search::pages_neither_repeat_nor_miss,
    search::odd_words_are_only_words,
    feed::a_batch_since_the_round_stays_in_the_outbox,
    feed::what_is_under_way_is_left_out_under_its_term_only,
    feed::a_long_outbox_is_read_in_parts,
    feed::one_relay_leads_until_its_lease_ends,
    feed::a_moment_covers_what_was_committed_before_it,
    feed::the_moment_of_a_round_is_kept,
    feed::own_holds_can_be_left_out,
    feeds::a_row_is_kept_until_every_feed_has_it,
    feeds::two_feeds_strike_the_same_rows_at_once,
    feeds::what_is_committed_before_the_fill_ends_is_in_it_or_kept,
    feeds::a_silent_feed_is_left_out_and_filled_when_it_is_back,
    feeds::one_feed_alone_is_never_left_out,
    runbook::what_is_low_is_listed_since_it_crossed,
    runbook::what_is_held_most_comes_first,
    runbook::a_crossing_is_told_once_to_each_target,
    runbook::a_flapping_threshold_is_told_once_a_look,
    runbook::stuck_reservations_are_listed,
    runbook::a_planted_fault_is_found_and_set_right,
    runbook::reserved_follows_the_open_reservations,
    runbook::an_answer_of_many_commands_is_kept,
    runbook::connections_restart_under_load,
    releases::a_push_is_kept_whole_and_says_who,
    releases::the_same_push_changes_nothing,
    releases::stages_follow_each_other_and_go_back,
    releases::what_was_signed_before_is_not_released_again,
    releases::what_is_not_announced_is_taken_until_it_is,
    releases::pushes_at_once_follow_each_other,
    alerting::one_replica_tells_and_only_of_what_changed,
    alerting::a_telling_that_came_to_nothing_is_taken_again,
    alerting::the_backlog_is_what_waits,
    trail::a_change_and_its_line_are_one_commit,
    trail::what_changes_nothing_leaves_no_line,
    trail::lines_are_found_by_actor_kind_and_time,
    trail::lines_are_never_changed_and_go_when_they_are_old,
    model::the_store_decides_as_the_model,
    users::an_invitation_is_used_once_and_gives_its_role,
    users::sessions_are_over_after_a_change,
    users::a_removed_users_name_stays_taken,
    users::users_are_listed_by_name,
);
