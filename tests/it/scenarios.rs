//! What every store and allocation must satisfy, through HTTP: one suite, run over SQLite
//! (`onhand dev --empty`) and over the whole world of PostgreSQL, Redis and Kafka.
//!
//! Each group has one place to itself; the scenarios in it keep apart by the names they use.

mod allocation;
mod changing;
mod deadlines;
mod goods;
mod holding;
mod names;
mod place;
mod table;

use place::Place;

macro_rules! on_both_stores {
    ($($group:ident: [$($scenario:ident),+ $(,)?]),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $group() {
                let place = super::Place::sqlite().await;
                $(super::$group::$scenario(&place).await;)+
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $group() {
                let place = super::Place::postgres().await;
                $(super::$group::$scenario(&place).await;)+
            })+
        }
    };
}

on_both_stores!(
    allocation: [
        priority_order_and_a_disabled_location,
        too_much_is_refused_and_partial_holds_what_there_is,
        most_stock_priority_and_a_pickup_point,
        ten_and_fifteen_serve_thirteen,
        all_four_strategies,
        a_channel_serves_from_its_own_list,
        available_goes_before_backorder_and_safety_stock_never,
    ],
    holding: [
        sellable_by_channel_and_to_the_backorder_limit,
        cancelled_stock_is_there_again,
        the_same_sku_on_several_lines,
        ones_own_hold_is_left_out_of_a_lookup,
        the_same_key_gets_the_first_answer,
        partial_lines_may_be_empty,
        a_hundred_callers_for_the_last_unit,
    ],
    table: [every_state_and_verb, too_many_on_a_line, no_such_reservation],
    goods: [
        a_part_confirmed_gives_back_from_the_last_allocation,
        a_backorder_waits_for_its_goods,
        a_cancelled_remainder_is_free_and_shipped_goods_come_back,
        counts_below_what_is_reserved,
        only_what_is_available_moves,
        an_item_in_use_stays,
    ],
    names: [
        what_is_not_active_is_not_to_be_had,
        names_that_look_alike_are_refused,
        a_call_is_the_same_however_it_is_spelt,
    ],
    changing: [
        a_reservation_is_found_by_its_orders_number,
        a_holds_lines_change_all_or_nothing,
        an_allocation_moves,
        it_ships_from_another_location,
        a_place_goes_when_nothing_depends_on_it,
    ],
    deadlines: [
        a_dead_hold_refuses_nobody,
        edges_see_a_dead_hold_s_stock_return,
        an_extended_hold_outlives_its_first_deadline,
    ],
);
