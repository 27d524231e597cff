/* The question before something is changed. */
#include "tests/support/frame.h"

#include "views/kit/dialog.h"

static const char *const ids[] = {"11", "12", "13", "14", "15", "16",
                                  "17", "18", "19", "20", "21", "22"};

static bw_reaction press(bw_dialog *d, const char *key)
{
    bw_input e = bw_test_key(key);
    return bw_dialog_event(d, &e);
}

static bw_dialog *new_dialog(size_t count, bool typed, bool danger)
{
    return bw_dialog_new(&(bw_dialog_options){
        .title = "Discard dead letters",
        .verb = "discard",
        .what = count == 1 ? "dead letter" : "dead letters",
        .ids = ids,
        .count = count,
        .effect = "Their rows stay missing at the destination. The audit trail keeps who did it.",
        .environment = "PROD",
        .environment_role = BW_ROLE_ENV_RED,
        .danger = danger,
        .typed = typed,
    });
}

static void draw(bw_dialog *d)
{
    bw_canvas *c = bw_canvas_new(24, 80, bw_glyphs_pick(true, false, false));
    bw_dialog_draw(d, bw_canvas_region(c));
    bw_canvas_free(c);
}

static void names_target_count_environment_and_effect(void **state)
{
    (void)state;
    bw_dialog *d = new_dialog(7, false, true);
    bw_canvas *c = bw_canvas_new(14, 66, bw_glyphs_pick(true, false, false));
    bw_dialog_draw(d, bw_canvas_region(c));
    assert_frame(c, "\n"
                    "\n"
                    "┌─ Discard dead letters ─────────────────────────────────────────┐\n"
                    "│  PROD                                                          │\n"
                    "│ 7 dead letters: 11, 12, 13, 14, 15 and 2 more                  │\n"
                    "│ Their rows stay missing at the destination. The audit trail    │\n"
                    "│ keeps who did it.                                              │\n"
                    "│                                                                │\n"
                    "│ [ cancel ]    discard                                          │\n"
                    "│ y discard   n or esc cancel                                    │\n"
                    "└────────────────────────────────────────────────────────────────┘\n"
                    "\n\n\n");
    bw_canvas_free(c);
    bw_dialog_free(d);
}

static void cancel_is_the_default(void **state)
{
    (void)state;
    static const char *const cancels[] = {"enter", "esc", "n", "q"};
    for (size_t i = 0; i < BW_COUNT(cancels); i++) {
        bw_dialog *d = new_dialog(1, false, false);
        draw(d);
        assert_true(press(d, cancels[i]) & BW_REACT_CANCEL);
        bw_dialog_free(d);
    }
    bw_dialog *d = new_dialog(1, false, false);
    draw(d);
    assert_int_equal(press(d, "j"), BW_REACT_HANDLED); /* nothing falls through to the table */
    assert_true(press(d, "tab") & BW_REACT_REDRAW);
    assert_true(press(d, "enter") & BW_REACT_ACCEPT);
    assert_true(press(d, "y") & BW_REACT_ACCEPT);
    bw_dialog_free(d);
}

static void typed_ahead_keys_confirm_nothing(void **state)
{
    (void)state;
    bw_dialog *d = new_dialog(1, false, false);
    assert_int_equal(press(d, "y"), BW_REACT_HANDLED);
    assert_int_equal(press(d, "enter"), BW_REACT_HANDLED);
    draw(d);
    assert_true(press(d, "y") & BW_REACT_ACCEPT);
    bw_dialog_free(d);
}

static void many_targets_or_production_have_to_be_typed(void **state)
{
    (void)state;
    bw_dialog *d = new_dialog(10, false, false);
    assert_null(bw_dialog_typed(d));
    bw_dialog_free(d);
    d = new_dialog(12, false, false);
    assert_string_equal(bw_dialog_typed(d), "12");
    draw(d);
    assert_false(press(d, "y") & BW_REACT_ACCEPT); /* typed into the line */
    press(d, "backspace");
    press(d, "tab");
    assert_false(press(d, "enter") & BW_REACT_ACCEPT);
    press(d, "1");
    assert_false(press(d, "enter") & BW_REACT_ACCEPT);
    press(d, "2");
    assert_true(press(d, "enter") & BW_REACT_ACCEPT);
    bw_dialog_free(d);
    d = new_dialog(1, true, false);
    assert_string_equal(bw_dialog_typed(d), "11");
    draw(d);
    assert_true(press(d, "enter") & BW_REACT_CANCEL); /* an empty line is still a cancel */
    /* Pasting the name is typing it; a newline in it submits nothing. */
    bw_input paste = {.type = BW_EVENT_PASTE, .text = BW_SLICE_LIT("11\n")};
    assert_false(bw_dialog_event(d, &paste) & BW_REACT_ACCEPT);
    assert_true(press(d, "enter") & BW_REACT_ACCEPT);
    bw_dialog_free(d);
}

static void is_bound_to_the_rows_it_was_opened_with(void **state)
{
    (void)state;
    char first[] = "4711", second[] = "4712";
    const char *const rows[] = {first, second};
    bw_dialog *d = bw_dialog_new(&(bw_dialog_options){
        .title = "Replay", .verb = "replay", .what = "dead letters", .ids = rows, .count = 2});
    memcpy(first, "9999", 4); /* the view moves on */
    assert_int_equal(bw_dialog_count(d), 2);
    assert_string_equal(bw_dialog_id(d, 0), "4711");
    bw_canvas *c = bw_canvas_new(24, 80, bw_glyphs_pick(true, false, false));
    bw_dialog_draw(d, bw_canvas_region(c));
    assert_shows(c, "4711, 4712");
    bw_canvas_free(c);
    bw_dialog_free(d);
}

static void fits_small_screens(void **state)
{
    (void)state;
    bw_dialog *d = new_dialog(12, true, true);
    bw_canvas *c = bw_canvas_new(10, 40, bw_glyphs_pick(false, true, false));
    bw_dialog_draw(d, bw_canvas_region(c));
    assert_shows(c, "Type 12 to discard:");
    assert_shows(c, "[ cancel ]");
    for (int rows = 0; rows < 12; rows++) {
        for (int cols = 0; cols < 44; cols += 3) {
            bw_canvas_resize(c, rows, cols);
            bw_dialog_draw(d, bw_canvas_region(c));
        }
    }
    bw_canvas_free(c);
    bw_dialog_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_target_count_environment_and_effect),
        cmocka_unit_test(cancel_is_the_default),
        cmocka_unit_test(typed_ahead_keys_confirm_nothing),
        cmocka_unit_test(many_targets_or_production_have_to_be_typed),
        cmocka_unit_test(is_bound_to_the_rows_it_was_opened_with),
        cmocka_unit_test(fits_small_screens),
    };
    return BW_RUN_TESTS(tests);
}
