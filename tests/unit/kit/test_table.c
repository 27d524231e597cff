/* The table: what is selected, marked and shown is bound to rows, never to lines. */
#include "tests/support/frame.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "views/kit/action.h"
#include "views/kit/chooser.h"
#include "views/kit/table.h"

enum { SYNC, STATE, FRESH, LAG, DLQ };

static const bw_column columns[] = {
    {.id = "sync", .title = "SYNC", .min = 12, .width = 16, .unit = BW_UNIT_TEXT},
    {.id = "state", .title = "STATE", .min = 8, .width = 10, .unit = BW_UNIT_TEXT},
    {.id = "fresh", .title = "FRESH", .min = 3, .width = 12, .align = BW_ALIGN_LEFT, .priority = 2},
    {.id = "lag",
     .title = "LAG",
     .min = 5,
     .width = 7,
     .align = BW_ALIGN_RIGHT,
     .unit = BW_UNIT_SECONDS,
     .descending = true,
     .priority = 1},
    {.id = "dlq", .title = "DLQ", .min = 4, .width = 4, .align = BW_ALIGN_RIGHT, .priority = 3},
};

typedef struct sync {
    const char *name, *state;
    double lag;
    int fresh, dlq;
} sync;

typedef struct model {
    const sync *rows;
    size_t count;
} model;

static const char *row_id(void *user, size_t row)
{
    return ((const model *)user)->rows[row].name;
}

static void row_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    const sync *s = &((const model *)user)->rows[row];
    switch (column) {
    case SYNC:
        cell->text = bw_slice_cstr(s->name);
        break;
    case STATE:
        cell->text = bw_slice_cstr(s->state);
        cell->has_glyph = true;
        cell->glyph = strcmp(s->state, "fresh") == 0 ? BW_GLYPH_OK : BW_GLYPH_ERROR;
        cell->style = strcmp(s->state, "fresh") == 0 ? BW_ROLE_OK : BW_ROLE_ERROR;
        break;
    case FRESH:
        cell->kind = BW_CELL_BAR;
        cell->share = s->fresh / 100.0;
        cell->number = s->fresh;
        bw_table_cell_printf(cell, "%d", s->fresh);
        break;
    case LAG:
        cell->number = s->lag;
        if (isnan(s->lag))
            cell->text = BW_SLICE_LIT("-");
        else
            bw_table_cell_printf(cell, "%.0fs", s->lag);
        break;
    default:
        cell->number = s->dlq;
        bw_table_cell_printf(cell, "%d", s->dlq);
        break;
    }
}

static const sync morning[] = {
    {"orders", "fresh", 2, 100, 0},     {"payments", "parked", 724, 38, 31},
    {"customers", "fresh", 41, 100, 0}, {"profile", "failed", 3720, 0, 6},
    {"世界", "fresh", NAN, 50, 0},
};

static bw_table *new_table(const bw_test_clock *clock, model *m)
{
    bw_table *t = bw_table_new(columns, BW_COUNT(columns), &clock->clock);
    bw_table_default_sort(t, "lag", true);
    bw_table_set_rows(t, &(bw_table_rows){m->count, row_id, row_cell, NULL, m, false});
    return t;
}

static void set(bw_table *t, model *m, const sync *rows, size_t count)
{
    *m = (model){rows, count};
    bw_table_set_rows(t, &(bw_table_rows){count, row_id, row_cell, NULL, m, false});
}

/* The visible rows' names in their order. */
static const char *order(const bw_table *t, const model *m, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < bw_table_visible(t); i++)
        snprintf(out + strlen(out), size - strlen(out), "%s ",
                 m->rows[bw_table_visible_row(t, i)].name);
    return out;
}

static void draws_aligned_columns(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    bw_canvas *c = bw_canvas_new(8, 64, bw_glyphs_pick(true, false, false));
    bw_region r = bw_canvas_region(c);
    bw_table_draw_title(t, r, 0, "Syncs");
    bw_table_draw(t, bw_region_sub(r, 1, 0, -1, -1), true);
    assert_frame(c, " Syncs                                            5  sort lag ▼\n"
                    "   SYNC              STATE       FRESH            LAG▼   DLQ\n"
                    " ▸ profile           ✖ failed               0    3720s     6\n"
                    "   payments          ✖ parked    ███       38     724s    31\n"
                    "   customers         ● fresh     ████████ 100      41s     0\n"
                    "   orders            ● fresh     ████████ 100       2s     0\n"
                    "   世界              ● fresh     ████      50        -     0\n"
                    "\n");
    /* The terminal's cursor stands on the selected row. */
    assert_int_equal(c->cursor_row, 2);
    assert_int_equal(c->cursor_col, 1);
    bw_canvas_free(c);
    bw_table_free(t);
}

static void narrow_screens_drop_the_least_important_columns(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    bw_canvas *c = bw_canvas_new(4, 40, bw_glyphs_pick(true, true, false));
    bw_table_draw(t, bw_canvas_region(c), true);
    assert_frame(c, "  SYNC           STATE    FRE  LAGv  DLQ\n"
                    "> profile        x failed   0 3720s    6\n"
                    "  payments       x parked  38  724s   31\n"
                    "v customers      o fresh  100   41s    0\n");
    bw_canvas_resize(c, 4, 24);
    bw_table_draw(t, bw_canvas_region(c), true);
    assert_hides(c, "FRE");
    assert_hides(c, "DLQ");
    assert_shows(c, "profile");
    for (int cols = 0; cols < 30; cols++) { /* and nothing falls over on the way down */
        bw_canvas_resize(c, cols % 5, cols);
        bw_table_draw(t, bw_canvas_region(c), true);
        bw_table_draw_title(t, bw_canvas_region(c), 0, "Syncs");
    }
    bw_canvas_free(c);
    bw_table_free(t);
}

static void the_selection_follows_its_row(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(100 * BW_SECOND);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    char got[128];
    assert_string_equal(bw_table_selected(t), "profile");
    assert_true(bw_table_act(t, BW_ACTION_DOWN) & BW_REACT_SELECT);
    assert_string_equal(bw_table_selected(t), "payments");
    clock.now_us += 10 * BW_SECOND;
    /* It recovers and sinks to the end: the cursor goes with it. */
    static const sync later[] = {
        {"customers", "fresh", 45, 100, 0},
        {"payments", "fresh", 1, 100, 0},
        {"profile", "failed", 3730, 0, 6},
        {"orders", "fresh", 3, 100, 0},
    };
    set(t, &m, later, BW_COUNT(later));
    assert_string_equal(order(t, &m, got, sizeof(got)), "profile customers orders payments ");
    assert_string_equal(bw_table_selected(t), "payments");
    assert_int_equal(bw_table_selected_index(t), 1);
    /* Gone: what took its place is selected. */
    clock.now_us += 10 * BW_SECOND;
    set(t, &m, morning, 1);
    assert_string_equal(bw_table_selected(t), "orders");
    set(t, &m, morning, 0);
    assert_null(bw_table_selected(t));
    assert_int_equal(bw_table_selected_index(t), SIZE_MAX);
    bw_table_free(t);
}

static void until_something_is_chosen_the_worst_row_is_selected(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(100 * BW_SECOND);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    static const sync later[] = {{"orders", "failed", 9999, 0, 0}, {"profile", "fresh", 1, 100, 0}};
    set(t, &m, later, BW_COUNT(later));
    assert_string_equal(bw_table_selected(t), "orders");
    bw_table_free(t);
}

static void the_order_holds_still_after_a_move(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(100 * BW_SECOND);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    char got[128];
    assert_int_equal(bw_table_deadline(t), BW_FOREVER);
    bw_table_act(t, BW_ACTION_DOWN);
    static const sync later[] = {
        {"orders", "failed", 9999, 0, 0},   {"payments", "parked", 725, 38, 31},
        {"customers", "fresh", 41, 100, 0}, {"profile", "failed", 3720, 0, 6},
        {"novel", "fresh", 5000, 50, 0},
    };
    clock.now_us += BW_SECOND;
    set(t, &m, later, BW_COUNT(later));
    assert_string_equal(order(t, &m, got, sizeof(got)), "profile payments customers orders novel ");
    bw_canvas *c = bw_canvas_new(3, 60, bw_glyphs_pick(true, false, false));
    bw_table_draw_title(t, bw_canvas_region(c), 0, "Syncs");
    assert_shows(c, "sort lag ▼ held");
    assert_int_equal(bw_table_deadline(t), 103 * BW_SECOND);
    assert_int_equal(bw_table_tick(t), BW_REACT_NONE);
    clock.now_us = 103 * BW_SECOND;
    assert_int_equal(bw_table_tick(t), BW_REACT_REDRAW);
    assert_string_equal(order(t, &m, got, sizeof(got)), "orders novel profile payments customers ");
    assert_string_equal(bw_table_selected(t), "payments");
    assert_int_equal(bw_table_deadline(t), BW_FOREVER);
    bw_canvas_free(c);
    bw_table_free(t);
}

static void ties_keep_the_order_of_the_data_and_unknown_is_last(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    static const sync same[] = {{"d", "x", 5, 0, 0},
                                {"b", "x", NAN, 0, 0},
                                {"c", "x", 5, 0, 0},
                                {"a", "x", 5, 0, 0},
                                {"e", "x", 7, 0, 0}};
    model m = {same, BW_COUNT(same)};
    bw_table *t = new_table(&clock, &m);
    bw_error err = BW_ERROR_INIT;
    char got[64];
    assert_string_equal(order(t, &m, got, sizeof(got)), "e d c a b ");
    assert_ok(bw_table_sort(t, "lag", false, &err), err);
    assert_string_equal(order(t, &m, got, sizeof(got)), "d c a e b ");
    /* The operator's choice wins over a default that is set later. */
    assert_ok(bw_table_sort(t, "sync", false, &err), err);
    bw_table_default_sort(t, "lag", true);
    assert_string_equal(order(t, &m, got, sizeof(got)), "a b c d e ");
    assert_int_equal(bw_table_sort(t, "lagg", false, &err), BW_NOT_FOUND);
    assert_string_equal(err.hint, "Did you mean lag?");
    bw_table_free(t);
}

static void sort_keys_walk_the_columns(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    bool descending;
    bw_table_act(t, BW_ACTION_SORT_NEXT);
    assert_string_equal(bw_table_sort_column(t, &descending), "dlq");
    bw_table_act(t, BW_ACTION_SORT_NEXT);
    assert_string_equal(bw_table_sort_column(t, &descending), "sync");
    bw_table_act(t, BW_ACTION_SORT_PREVIOUS);
    bw_table_act(t, BW_ACTION_SORT_PREVIOUS);
    assert_string_equal(bw_table_sort_column(t, &descending), "lag");
    assert_true(descending);
    bw_table_act(t, BW_ACTION_SORT_INVERT);
    bw_table_sort_column(t, &descending);
    assert_false(descending);
    bw_table_free(t);
}

static void marks_survive_sorting_filtering_and_refreshing(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    bw_error err = BW_ERROR_INIT;
    size_t hidden;
    char **ids;
    bw_table_act(t, BW_ACTION_MARK); /* profile */
    bw_table_act(t, BW_ACTION_DOWN);
    bw_table_act(t, BW_ACTION_MARK_RANGE); /* from profile to customers */
    assert_int_equal(bw_table_marked(t, &hidden), 3);
    assert_ok(bw_table_sort(t, "sync", true, &err), err);
    assert_true(bw_table_is_marked(t, "payments"));
    assert_ok(bw_table_filter(t, "state:failed", &err), err);
    assert_int_equal(bw_table_marked(t, &hidden), 3);
    assert_int_equal(hidden, 2);
    bw_canvas *c = bw_canvas_new(3, 90, bw_glyphs_pick(true, false, false));
    bw_table_draw_title(t, bw_canvas_region(c), 0, "Syncs");
    assert_shows(c, "3 marked (2 hidden by filter)  /state:failed  1/5");
    /* What an action works on includes the hidden ones: the title has said so. */
    assert_int_equal(bw_table_targets(t, &ids), 3);
    assert_string_equal(ids[0], "profile");
    bw_table_targets_free(ids);
    assert_int_equal(bw_table_act(t, BW_ACTION_BACK), BW_REACT_REDRAW); /* esc: the filter first */
    assert_false(bw_table_filtered(t));
    assert_int_equal(bw_table_act(t, BW_ACTION_BACK), BW_REACT_NONE);
    /* A row that is gone is not marked any more; on a partial page nobody knows. */
    m.count = 3;
    bw_table_set_rows(t, &(bw_table_rows){3, row_id, row_cell, NULL, &m, true});
    assert_int_equal(bw_table_marked(t, &hidden), 3);
    bw_table_set_rows(t, &(bw_table_rows){3, row_id, row_cell, NULL, &m, false});
    assert_int_equal(bw_table_marked(t, &hidden), 2);
    bw_table_act(t, BW_ACTION_MARK_INVERT);
    assert_true(bw_table_is_marked(t, "orders"));
    assert_false(bw_table_is_marked(t, "payments"));
    bw_table_act(t, BW_ACTION_MARK_CLEAR);
    assert_int_equal(bw_table_marked(t, &hidden), 0);
    assert_int_equal(bw_table_targets(t, &ids), 1); /* the selected row */
    bw_table_targets_free(ids);
    bw_canvas_free(c);
    bw_table_free(t);
}

static void a_bad_filter_keeps_the_rows(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_table_filter(t, "orders|profile", &err), err);
    assert_int_equal(bw_table_visible(t), 2);
    assert_int_equal(bw_table_filter(t, "orders|(", &err), BW_INVALID);
    assert_int_equal(bw_table_visible(t), 2);
    assert_string_equal(bw_table_filter_text(t), "orders|(");
    bw_canvas *c = bw_canvas_new(1, 70, bw_glyphs_pick(true, false, false));
    bw_table_draw_title(t, bw_canvas_region(c), 0, "Syncs");
    assert_shows(c, "/orders|(  2/5");
    assert_shows(c, "nmatched (");
    bw_canvas_free(c);
    bw_table_free(t);
}

static void titles_stand_over_their_cells(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    bw_error err = BW_ERROR_INIT;
    bw_canvas *c = bw_canvas_new(4, 80, bw_glyphs_pick(true, false, false));
    bw_table_show_column(t, FRESH, false);
    bw_table_move_column(t, DLQ, -1);
    bw_table_move_column(t, DLQ, -1);
    assert_ok(bw_table_filter(t, "payments", &err), err);
    bw_table_draw(t, bw_canvas_region(c), true);
    assert_frame(c, "   SYNC              STATE        DLQ     LAG▼\n"
                    " ▸ payments          ✖ parked      31     724s\n\n\n");
    bw_table_move_column(t, SYNC, -1); /* already leftmost */
    bw_table_reset_columns(t);
    bw_canvas_clear(c);
    bw_table_draw(t, bw_canvas_region(c), true);
    assert_shows(c, "STATE       FRESH            LAG▼   DLQ");
    bw_canvas_free(c);
    bw_table_free(t);
}

/* The columns' ids from left to right, hidden ones in brackets. */
static const char *arranged(const bw_table *t, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < bw_table_columns(t); i++) {
        size_t column = bw_table_column_at(t, i);
        bool shown = bw_table_column_shown(t, column);
        snprintf(out + strlen(out), size - strlen(out), shown ? "%s " : "[%s] ",
                 bw_table_column(t, column)->id);
    }
    return out;
}

static void columns_are_arranged_by_what_differs(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    bw_error err = BW_ERROR_INIT;
    char got[128];
    assert_ok(bw_table_arrange(t, "-fresh dlq<state", &err), err);
    assert_string_equal(arranged(t, got, sizeof(got)), "sync dlq state [fresh] lag ");
    assert_ok(bw_table_arrange(t, "sync>lag +fresh", &err), err);
    assert_string_equal(arranged(t, got, sizeof(got)), "dlq state fresh lag sync ");
    assert_ok(bw_table_arrange(t, "dlq<sync dlq>dlq", &err), err);
    assert_string_equal(arranged(t, got, sizeof(got)), "state fresh lag dlq sync ");
    assert_int_equal(bw_table_arrange(t, "-state -lagg", &err), BW_NOT_FOUND);
    assert_string_equal(err.hint, "Did you mean lag?");
    assert_string_equal(arranged(t, got, sizeof(got)), "state fresh lag dlq sync ");
    assert_ok(bw_table_arrange(t, "lag", &err), err);
    assert_string_equal(arranged(t, got, sizeof(got)), "state fresh [lag] dlq sync ");
    assert_ok(bw_table_arrange(t, "reset", &err), err);
    assert_string_equal(arranged(t, got, sizeof(got)), "sync state fresh lag dlq ");
    bw_table_free(t);
}

static void the_chooser_changes_the_table_at_once(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    bw_chooser *chooser = bw_chooser_new(t);
    static const char *const keys[] = {"down", "space", "j", "<", "<", "x"};
    char got[128];
    for (size_t i = 0; i < BW_COUNT(keys); i++) {
        bw_input e = bw_test_key(keys[i]);
        bw_chooser_event(chooser, &e);
    }
    assert_string_equal(arranged(t, got, sizeof(got)), "fresh sync [state] lag dlq ");
    bw_canvas *c = bw_canvas_new(9, 40, bw_glyphs_pick(true, true, false));
    bw_chooser_draw(chooser, bw_canvas_region(c));
    assert_frame(c, "  +- Columns ------------------------+\n"
                    "  | [x] FRESH                        |\n"
                    "  | [x] SYNC                         |\n"
                    "  | [ ] STATE                        |\n"
                    "  | [x] LAG                          |\n"
                    "  | [x] DLQ                          |\n"
                    "  | space show  < > move  r reset    |\n"
                    "  +----------------------------------+\n"
                    "\n");
    for (int i = 0; i < 10; i++) { /* the last shown column cannot be hidden */
        bw_input space = bw_test_key("space"), down = bw_test_key("down");
        for (size_t k = 0; k < BW_COUNT(columns); k++) {
            if (bw_table_column_shown(t, bw_table_column_at(t, k)))
                bw_chooser_event(chooser, &space);
            bw_chooser_event(chooser, &down);
        }
    }
    assert_non_null(strstr(arranged(t, got, sizeof(got)), "dlq "));
    bw_input esc = bw_test_key("esc");
    assert_true(bw_chooser_event(chooser, &esc) & BW_REACT_ACCEPT);
    for (int rows = 0; rows < 6; rows++) {
        bw_canvas_resize(c, rows, rows * 5);
        bw_chooser_draw(chooser, bw_canvas_region(c));
    }
    bw_canvas_free(c);
    bw_chooser_free(chooser);
    bw_table_free(t);
}

static void the_mouse_selects_opens_and_sorts(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(10 * BW_SECOND);
    model m = {morning, BW_COUNT(morning)};
    bw_table *t = new_table(&clock, &m);
    bool descending;
    bw_canvas *c = bw_canvas_new(10, 64, bw_glyphs_pick(true, false, false));
    bw_table_draw(t, bw_region_sub(bw_canvas_region(c), 2, 0, -1, -1), true);
    bw_input e = bw_test_click(5, 10);
    assert_true(bw_table_mouse(t, &e) & BW_REACT_SELECT);
    assert_string_equal(bw_table_selected(t), "customers");
    clock.now_us += BW_SECOND / 10;
    assert_int_equal(bw_table_mouse(t, &e), BW_REACT_ACCEPT);
    clock.now_us += BW_SECOND;
    assert_int_equal(bw_table_mouse(t, &e), BW_REACT_HANDLED);
    e = bw_test_click(2, 5);
    assert_int_equal(bw_table_mouse(t, &e), BW_REACT_REDRAW);
    assert_string_equal(bw_table_sort_column(t, &descending), "sync");
    e = bw_test_click(9, 5); /* below the rows */
    assert_int_equal(bw_table_mouse(t, &e), BW_REACT_HANDLED);
    e = bw_test_click(0, 5); /* outside */
    assert_int_equal(bw_table_mouse(t, &e), BW_REACT_NONE);
    bw_canvas_free(c);
    bw_table_free(t);
}

static void scrolling_keeps_the_cursor_in_sight(void **state)
{
    (void)state;
    enum { ROWS = 100 };
    bw_test_clock clock = bw_test_clock_at(0);
    sync rows[ROWS];
    char names[ROWS][16];
    for (int i = 0; i < ROWS; i++) {
        snprintf(names[i], sizeof(names[i]), "sync-%02d", i);
        rows[i] = (sync){names[i], "fresh", ROWS - i, 100, 0};
    }
    model m = {rows, ROWS};
    bw_table *t = new_table(&clock, &m);
    bw_canvas *c = bw_canvas_new(11, 40, bw_glyphs_pick(true, false, false));
    static const int moves[] = {BW_ACTION_END,  BW_ACTION_PAGE_UP,   BW_ACTION_UP,
                                BW_ACTION_HOME, BW_ACTION_PAGE_DOWN, BW_ACTION_PAGE_DOWN,
                                BW_ACTION_DOWN};
    static const char *const selected[] = {"sync-99", "sync-90", "sync-89", "sync-00",
                                           "sync-09", "sync-18", "sync-19"};
    for (size_t i = 0; i < BW_COUNT(moves); i++) {
        bw_table_act(t, moves[i]);
        bw_canvas_clear(c);
        bw_table_draw(t, bw_canvas_region(c), true);
        assert_string_equal(bw_table_selected(t), selected[i]);
        char line[32];
        snprintf(line, sizeof(line), "▸ %s", selected[i]);
        assert_shows(c, line);
    }
    bw_canvas_free(c);
    bw_table_free(t);
}

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The bar is 50 ms on a quiet machine; the limit here leaves room for sanitizers and load, and still
   catches anything quadratic. The measured times are printed. */
static void ten_thousand_rows_are_quick(void **state)
{
    (void)state;
    enum { ROWS = 10000 };
    bw_test_clock clock = bw_test_clock_at(0);
    sync *rows = calloc(ROWS, sizeof(*rows));
    char(*names)[32] = calloc(ROWS, sizeof(*names));
    for (int i = 0; i < ROWS; i++) {
        snprintf(names[i], sizeof(names[i]), "shop.table_%05d", i * 7919 % ROWS);
        rows[i] = (sync){names[i], i % 3 ? "fresh" : "failed", (i * 31) % 5000, i % 100, i % 7};
    }
    model m = {rows, ROWS};
    double start = seconds();
    bw_table *t = new_table(&clock, &m);
    bw_error err = BW_ERROR_INIT;
    double sorted = seconds();
    assert_ok(bw_table_filter(t, "table_0 !failed", &err), err);
    double filtered = seconds();
    assert_ok(bw_table_filter(t, "^shop.*(1|2)$", &err), err);
    double matched = seconds();
    assert_ok(bw_table_filter(t, "", &err), err);
    assert_ok(bw_table_sort(t, "sync", false, &err), err);
    double by_text = seconds();
    bw_canvas *c = bw_canvas_new(50, 200, bw_glyphs_pick(true, false, false));
    bw_table_draw(t, bw_canvas_region(c), true);
    double drawn = seconds();
    print_message("10,000 rows: load and sort %.1f ms, filter %.1f ms, regex %.1f ms, unfilter and "
                  "sort by text %.1f ms, draw %.1f ms\n",
                  (sorted - start) * 1e3, (filtered - sorted) * 1e3, (matched - filtered) * 1e3,
                  (by_text - matched) * 1e3, (drawn - by_text) * 1e3);
    assert_true(drawn - start < 2.0);
    bw_canvas_free(c);
    bw_table_free(t);
    free(rows);
    free(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_aligned_columns),
        cmocka_unit_test(narrow_screens_drop_the_least_important_columns),
        cmocka_unit_test(the_selection_follows_its_row),
        cmocka_unit_test(until_something_is_chosen_the_worst_row_is_selected),
        cmocka_unit_test(the_order_holds_still_after_a_move),
        cmocka_unit_test(ties_keep_the_order_of_the_data_and_unknown_is_last),
        cmocka_unit_test(sort_keys_walk_the_columns),
        cmocka_unit_test(marks_survive_sorting_filtering_and_refreshing),
        cmocka_unit_test(a_bad_filter_keeps_the_rows),
        cmocka_unit_test(titles_stand_over_their_cells),
        cmocka_unit_test(columns_are_arranged_by_what_differs),
        cmocka_unit_test(the_chooser_changes_the_table_at_once),
        cmocka_unit_test(the_mouse_selects_opens_and_sorts),
        cmocka_unit_test(scrolling_keeps_the_cursor_in_sight),
        cmocka_unit_test(ten_thousand_rows_are_quick),
    };
    return BW_RUN_TESTS(tests);
}
