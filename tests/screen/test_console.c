/* What the console promises beside its looks: identities, refusals, honesty about old data. */
#include "tests/support/screen_fixture.h"

#include <stdlib.h>

#include "views/kit/toast.h"

static void open_usual(bw_screen_fixture *f)
{
    bw_screen_open(f, &(bw_screen_options){.environment = "PROD"});
}

static void shows(bw_screen_fixture *f, const char *text)
{
    if (!strstr(bw_screen_frame(f), text))
        fail_msg("\"%s\" is not on\n%s", text, bw_screen_frame(f));
}

static void hides(bw_screen_fixture *f, const char *text)
{
    if (strstr(bw_screen_frame(f), text))
        fail_msg("\"%s\" is on\n%s", text, bw_screen_frame(f));
}

static void sent(const bw_screen_fixture *f, bw_command_kind kind, const char *targets)
{
    assert_int_equal(f->n_sent, 1);
    assert_int_equal(f->sent[0].kind, kind);
    assert_string_equal(f->sent[0].targets, targets);
}

/* ---- identities ------------------------------------------------------------------------- */

static void selection_follows_its_sync(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_keys(&f, "j j");
    shows(&f, "▸ shop.prices");
    for (int i = 0; i < 5; i++) /* the fifth turns the order round */
        bw_screen_pass(&f, BW_SECOND);
    shows(&f, "▸ shop.prices");
    for (int i = 0; i < 4; i++) /* the held order ends */
        bw_screen_pass(&f, BW_SECOND);
    shows(&f, "▸ shop.prices");
    bw_screen_keys(&f, "r");
    sent(&f, BW_COMMAND_SYNC, "shop.prices");
    bw_screen_close(&f);
}

static void lines_stay_while_somebody_moves(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    for (int i = 0; i < 4; i++)
        bw_screen_pass(&f, BW_SECOND);
    bw_screen_keys(&f, "j");
    bw_screen_pass(&f, BW_SECOND);
    shows(&f, "held");
    bw_screen_pass(&f, 4 * BW_SECOND);
    hides(&f, "held");
    bw_screen_close(&f);
}

static void dialogs_keep_their_targets(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_keys(&f, "j space R");
    shows(&f, "sync shop.payments");
    for (int i = 0; i < 8; i++)
        bw_screen_pass(&f, BW_SECOND);
    shows(&f, "sync shop.payments");
    bw_screen_keys(&f, "y");
    sent(&f, BW_COMMAND_FULL, "shop.payments");
    bw_screen_close(&f);
}

static void marks_are_counted_when_hidden(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_keys(&f, "space space");
    bw_screen_keys(&f, "/");
    bw_screen_type(&f, "sync:events");
    bw_screen_keys(&f, "enter");
    shows(&f, "2 marked (1 hidden by filter)");
    bw_screen_keys(&f, "p"); /* more than the eye sees: the question says so */
    shows(&f, "2 syncs");
    bw_screen_keys(&f, "y");
    sent(&f, BW_COMMAND_PAUSE, "events.profile shop.payments");
    bw_screen_close(&f);
}

static void going_back_finds_the_place(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_keys(&f, "/");
    bw_screen_type(&f, "sync:shop");
    bw_screen_keys(&f, "enter j j");
    bw_buf before = BW_BUF_INIT;
    bw_buf_adds(&before, bw_screen_frame(&f));
    bw_screen_keys(&f, "enter G");
    hides(&f, bw_buf_cstr(&before));
    bw_screen_keys(&f, "esc");
    assert_string_equal(bw_screen_frame(&f), bw_buf_cstr(&before));
    bw_screen_keys(&f, "esc"); /* the filter goes before the screen */
    shows(&f, "events.profile");
    bw_buf_fini(&before);
    bw_screen_close(&f);
}

/* A screen that was covered is drawn from its own page, and the page below it still belongs to it. */
static void covered_screens_keep_their_pages(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "runs");
    bw_screen_keys(&f, "j enter");
    shows(&f, "run 41");
    f.options.no_pages = true; /* nothing more comes */
    bw_screen_keys(&f, "esc");
    shows(&f, "▸ 07:51:40");
    bw_screen_keys(&f, "?");
    shows(&f, "open the selected row");
    bw_screen_keys(&f, "esc esc");
    shows(&f, "shop.orders");
    bw_screen_close(&f);
}

static void late_answers_are_dropped(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    f.options.no_pages = true;
    bw_screen_command(&f, "runs");
    bw_page_query runs = f.asked;
    bw_screen_command(&f, "dlq");
    bw_console_page(f.console, bw_fixture_page(BW_FIXTURE_USUAL, &runs, f.clock.now_us,
                                               bw_wall_us(&f.clock.clock)));
    shows(&f, "loading");
    bw_screen_close(&f);
}

static void named_screens_do_not_pile_up(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "runs");
    bw_screen_command(&f, "log");
    bw_screen_command(&f, "runs");
    shows(&f, " Syncs › Runs ");
    bw_screen_command(&f, "syncs");
    hides(&f, "›");
    bw_screen_close(&f);
}

/* ---- what may be done ------------------------------------------------------------------- */

static void read_only_sends_nothing(void **state)
{
    (void)state;
    static const char *const keys[] = {"r", "R", "p", "P", "x"};
    bw_screen_fixture f;
    bw_screen_open(&f, &(bw_screen_options){.read_only = true});
    shows(&f, "[read-only]");
    for (size_t i = 0; i < BW_COUNT(keys); i++) {
        bw_screen_keys(&f, keys[i]);
        shows(&f, "read-only: nothing can be changed");
        bw_screen_keys(&f, "y backspace");
    }
    bw_screen_command(&f, "take-over");
    bw_screen_keys(&f, "y");
    bw_screen_command(&f, "dlq");
    bw_screen_keys(&f, "enter r y X y enter r y X y");
    assert_int_equal(f.n_sent, 0);
    bw_screen_close(&f);
}

static void cancel_is_the_default(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_keys(&f, "R enter");
    hides(&f, "Full resync");
    bw_screen_keys(&f, "R esc R n");
    assert_int_equal(f.n_sent, 0);
    bw_screen_close(&f);
}

static void names_are_typed_where_it_matters(void **state)
{
    (void)state;
    bw_screen_fixture f;
    bw_screen_open(&f, &(bw_screen_options){.environment = "PROD", .confirm_type = true});
    bw_screen_keys(&f, "R y enter");
    shows(&f, "Type events.profile");
    assert_int_equal(f.n_sent, 0);
    bw_screen_keys(&f, "esc R");
    shows(&f, " PROD ");
    bw_screen_type(&f, "events.profile");
    bw_screen_keys(&f, "enter");
    sent(&f, BW_COMMAND_FULL, "events.profile");
    bw_screen_close(&f);
}

static void refusals_say_why(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_keys(&f, "x");
    shows(&f, "nothing is running");
    bw_screen_keys(&f, "backspace j j p");
    shows(&f, "it is paused already");
    bw_screen_resize(&f, 160, 24);
    bw_screen_keys(&f, "backspace ?");
    shows(&f, "not now: it is paused already");
    assert_int_equal(f.n_sent, 0);
    bw_screen_close(&f);
}

static void the_sync_screen_acts_on_its_sync(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "sync shop.customers");
    bw_screen_keys(&f, "r");
    sent(&f, BW_COMMAND_SYNC, "shop.customers");
    bw_screen_close(&f);
}

static void letters_are_replayed_by_id(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "dlq");
    bw_screen_keys(&f, "enter space space r");
    shows(&f, "2 dead letters: {\"id\":4711}, {\"id\":4712}");
    bw_screen_keys(&f, "y");
    sent(&f, BW_COMMAND_REPLAY, "11 12");
    bw_screen_close(&f);
}

static void contradicting_letters_say_so(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "dlq");
    bw_screen_keys(&f, "down space"); /* groups are not marked: that would do nothing */
    shows(&f, "one group at a time");
    bw_screen_keys(&f, "enter");
    hides(&f, "contradicts letter 21, under one event id");
    bw_screen_keys(&f, "j");
    shows(&f, "contradicts letter 21, under one event id");
    bw_screen_keys(&f, "enter");
    shows(&f, "same id    contradicts letter 21");
    bw_screen_close(&f);
}

/* Only messages can be edited, and a letter under way cannot be touched: the footer says neither. */
static void the_footer_offers_what_works(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "dlq");
    bw_screen_keys(&f, "enter");
    shows(&f, "r replay  p preview  X discard");
    hides(&f, "e edit");
    bw_screen_keys(&f, "space space e"); /* nor with marks: it edits the one under the cursor */
    shows(&f, "mend it there");
    bw_screen_keys(&f, "u G");
    hides(&f, "r replay");
    hides(&f, "X discard");
    bw_screen_keys(&f, "esc down enter");
    shows(&f, "r replay  p preview  e edit  X discard");
    bw_screen_close(&f);
}

static void marked_letters_are_previewed(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "dlq");
    bw_screen_keys(&f, "enter p"); /* the one under the cursor */
    assert_int_equal(f.asked.kind, BW_PAGE_PREVIEW);
    assert_int_equal(f.asked.n_ids, 1);
    assert_int_equal(f.asked.ids[0], 11);
    bw_screen_keys(&f, "esc space space p"); /* the marked ones, and not the one under it */
    assert_int_equal(f.asked.kind, BW_PAGE_PREVIEW);
    assert_int_equal(f.asked.n_ids, 2);
    assert_int_equal(f.asked.ids[0], 11);
    assert_int_equal(f.asked.ids[1], 12);
    shows(&f, " 12  {\"entity_key\"");
    hides(&f, " 13  {\"entity_key\"");
    hides(&f, "of the first");
    assert_int_equal(f.n_sent, 0);
    bw_screen_close(&f);
}

static void one_letter_is_discarded(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "dlq");
    bw_screen_keys(&f, "enter j enter X y");
    sent(&f, BW_COMMAND_DISCARD, "12");
    bw_screen_close(&f);
}

static void a_letter_under_way_is_left_alone(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "dlq");
    bw_screen_keys(&f, "enter G r");
    shows(&f, "it is being replayed");
    assert_int_equal(f.n_sent, 0);
    bw_screen_close(&f);
}

/* ---- honesty ---------------------------------------------------------------------------- */

static void frozen_is_still(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_keys(&f, "Z");
    shows(&f, "FROZEN at 08:01:40");
    bw_buf before = BW_BUF_INIT;
    bw_buf_adds(&before, bw_screen_frame(&f));
    for (int i = 0; i < 20; i++)
        bw_screen_pass(&f, BW_SECOND);
    assert_string_equal(bw_screen_frame(&f), bw_buf_cstr(&before));
    assert_true(bw_console_deadline(f.console) == BW_FOREVER);
    bw_screen_keys(&f, "Z");
    hides(&f, "FROZEN");
    shows(&f, "fresh    ████████ 100      22s");
    bw_buf_fini(&before);
    bw_screen_close(&f);
}

static void messages_end_while_frozen(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_keys(&f, "Z x");
    shows(&f, "nothing is running");
    f.clock.now_us = bw_console_deadline(f.console);
    assert_true(bw_console_tick(f.console) & BW_REACT_REDRAW);
    hides(&f, "nothing is running");
    assert_true(bw_console_deadline(f.console) == BW_FOREVER);
    bw_screen_close(&f);
}

static void thawing_without_news_keeps_what_is_there(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_keys(&f, "Z j Z");
    shows(&f, "▸ shop.payments");
    bw_screen_close(&f);
}

static void old_data_says_its_age(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    hides(&f, "old");
    assert_true(bw_console_deadline(f.console) > f.clock.now_us);
    f.clock.now_us += 14 * BW_SECOND; /* and no snapshot comes */
    assert_true(bw_console_deadline(f.console) <= f.clock.now_us);
    assert_true(bw_console_tick(f.console) & BW_REACT_REDRAW);
    shows(&f, "data 14s old");
    assert_false(bw_console_tick(f.console) & BW_REACT_REDRAW);
    bw_screen_resize(&f, 40, 10);
    shows(&f, "data 14s old");
    bw_screen_close(&f);
}

/* In 80 columns there is room for the reason, not for the way to it; and messages say what to do. */
static void what_stops_the_engine_is_not_cut(void **state)
{
    (void)state;
    static const char note[] = "nothing new is started: state file /var/lib/bridgewatch/prod/eu/"
                               "state.db: the disk is full";
    bw_screen_fixture f;
    bw_screen_open(&f, &(bw_screen_options){.engine_note = note, .environment = "PROD"});
    shows(&f, "nothing new is started: the disk is full");
    bw_console_toast(f.console, BW_TOAST_ERROR,
                     "state file /var/lib/bridgewatch/prod/eu/state.db: the disk is full  HINT: "
                     "Free space on the disk of /var/lib/bridgewatch/prod/eu; nothing was lost");
    shows(&f, "nothing was lost");
    shows(&f, "r resync");
    bw_screen_resize(&f, 40, 10);
    shows(&f, "▸ ");
    bw_screen_close(&f);
}

/* A deadline that has passed and changes nothing would be met again and again. */
static void nothing_is_due_twice(void **state)
{
    (void)state;
    static const int sizes[][2] = {{80, 24}, {40, 10}, {20, 5}};
    for (size_t i = 0; i < BW_COUNT(sizes); i++) {
        bw_screen_fixture f;
        bw_screen_open(&f, &(bw_screen_options){.cols = sizes[i][0], .rows = sizes[i][1]});
        bw_screen_command(&f, "runs");
        bw_screen_keys(&f, "> x");
        for (int k = 0; k < 40; k++) {
            int64_t due = bw_console_deadline(f.console);
            if (due == BW_FOREVER)
                break;
            assert_true(due >= f.clock.now_us);
            f.clock.now_us = due;
            (void)bw_console_tick(f.console);
            if (f.has_asked) {
                f.has_asked = false;
                bw_console_page(f.console,
                                bw_fixture_page(BW_FIXTURE_USUAL, &f.asked, f.clock.now_us,
                                                bw_wall_us(&f.clock.clock)));
            }
            (void)bw_screen_frame(&f);
            assert_true(bw_console_deadline(f.console) > f.clock.now_us);
        }
        bw_screen_close(&f);
    }
}

static void unknown_is_not_zero(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "sync crm.contacts");
    shows(&f, "unknown: nothing has been committed yet");
    bw_screen_keys(&f, "pgdn pgdn");
    shows(&f, "quota left    not known");
    shows(&f, "bytes today   not known");
    bw_screen_close(&f);
}

static void drift_is_marked(void **state)
{
    (void)state;
    bw_screen_fixture f;
    bw_screen_open(&f, &(bw_screen_options){.cols = 120, .rows = 60});
    bw_screen_command(&f, "sync shop.orders");
    bw_screen_keys(&f, "pgdn");
    shows(&f, "! bonus");
    shows(&f, "(not there)");
    shows(&f, "drift: not added");
    bw_screen_close(&f);
}

/* ---- screens that keep a place in what moves ---------------------------------------------- */

static void refreshing_does_not_scroll(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "sync shop.orders");
    bw_screen_keys(&f, "pgdn");
    shows(&f, "staging table");
    for (int i = 0; i < 3; i++)
        bw_screen_pass(&f, BW_SECOND);
    shows(&f, "staging table");
    hides(&f, "Freshness");
    bw_screen_close(&f);
}

static void log_lines_come_once(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "log");
    for (int i = 0; i < 3; i++)
        bw_screen_pass(&f, BW_SECOND);
    shows(&f, "1-4/4");
    bw_screen_command(&f, "level error");
    shows(&f, "1-1/1");
    shows(&f, "Access Denied");
    bw_screen_close(&f);
}

static void themes_are_tried_on(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "themes");
    bw_screen_keys(&f, "j j");
    shows(&f, "▸ light                     in use");
    bw_screen_keys(&f, "esc");
    bw_screen_command(&f, "themes");
    shows(&f, "▸ dark                      in use");
    bw_screen_keys(&f, "k enter esc");
    bw_screen_command(&f, "themes");
    shows(&f, "▸ colour-blind-safe         in use");
    bw_screen_close(&f);
}

static void sources_lead_to_their_syncs(void **state)
{
    (void)state;
    bw_screen_fixture f;
    open_usual(&f);
    bw_screen_command(&f, "sources");
    bw_screen_keys(&f, "enter");
    shows(&f, "1/7");
    shows(&f, "crm.contacts");
    bw_screen_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selection_follows_its_sync),
        cmocka_unit_test(lines_stay_while_somebody_moves),
        cmocka_unit_test(dialogs_keep_their_targets),
        cmocka_unit_test(marks_are_counted_when_hidden),
        cmocka_unit_test(going_back_finds_the_place),
        cmocka_unit_test(covered_screens_keep_their_pages),
        cmocka_unit_test(late_answers_are_dropped),
        cmocka_unit_test(named_screens_do_not_pile_up),
        cmocka_unit_test(read_only_sends_nothing),
        cmocka_unit_test(cancel_is_the_default),
        cmocka_unit_test(names_are_typed_where_it_matters),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(the_sync_screen_acts_on_its_sync),
        cmocka_unit_test(letters_are_replayed_by_id),
        cmocka_unit_test(contradicting_letters_say_so),
        cmocka_unit_test(the_footer_offers_what_works),
        cmocka_unit_test(marked_letters_are_previewed),
        cmocka_unit_test(one_letter_is_discarded),
        cmocka_unit_test(a_letter_under_way_is_left_alone),
        cmocka_unit_test(frozen_is_still),
        cmocka_unit_test(messages_end_while_frozen),
        cmocka_unit_test(thawing_without_news_keeps_what_is_there),
        cmocka_unit_test(old_data_says_its_age),
        cmocka_unit_test(what_stops_the_engine_is_not_cut),
        cmocka_unit_test(nothing_is_due_twice),
        cmocka_unit_test(unknown_is_not_zero),
        cmocka_unit_test(drift_is_marked),
        cmocka_unit_test(refreshing_does_not_scroll),
        cmocka_unit_test(log_lines_come_once),
        cmocka_unit_test(themes_are_tried_on),
        cmocka_unit_test(sources_lead_to_their_syncs),
    };
    return BW_RUN_TESTS(tests);
}
