/* Toasts, graphs, the layout's bars, exports. */
#include "tests/support/frame.h"

#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "views/kit/export.h"
#include "views/kit/graph.h"
#include "views/kit/layout.h"
#include "views/kit/toast.h"

static void toasts_end_by_their_level(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    bw_toasts *t = bw_toasts_new(&clock.clock, false);
    bw_canvas *c = bw_canvas_new(1, 40, bw_glyphs_pick(true, false, false));
    assert_int_equal(bw_toasts_deadline(t), BW_FOREVER);
    bw_toasts_add(t, BW_TOAST_WARN, "slow");
    bw_toasts_add(t, BW_TOAST_INFO, "sent %d bytes", 12);
    assert_string_equal(bw_toasts_current(t)->text, "sent 12 bytes"); /* the newest */
    bw_toasts_draw(t, bw_canvas_region(c));
    assert_frame(c, " • sent 12 bytes                   (+1)\n");
    assert_int_equal(bw_toasts_deadline(t), 4 * BW_SECOND);
    clock.now_us = 4 * BW_SECOND;
    assert_string_equal(bw_toasts_current(t)->text, "slow"); /* comes back */
    assert_int_equal(bw_toasts_deadline(t), 8 * BW_SECOND);
    clock.now_us = 8 * BW_SECOND;
    assert_null(bw_toasts_current(t));
    bw_error err = BW_ERROR_INIT;
    bw_error_set(&err, BW_DENIED, "access denied");
    bw_error_hint(&err, "Grant the role.");
    bw_toasts_error(t, &err);
    clock.now_us += BW_DAY;
    assert_string_equal(bw_toasts_current(t)->text, "access denied. Grant the role.");
    assert_int_equal(bw_toasts_deadline(t), BW_FOREVER);
    assert_true(bw_toasts_dismiss(t));
    assert_false(bw_toasts_dismiss(t));
    for (int i = 0; i < 2 * BW_TOAST_HISTORY; i++)
        bw_toasts_add(t, BW_TOAST_ERROR, "error %d", i);
    assert_int_equal(bw_toasts_count(t), BW_TOAST_HISTORY);
    assert_string_equal(bw_toasts_at(t, BW_TOAST_HISTORY - 1)->text, "error 999");
    bw_canvas_free(c);
    bw_toasts_free(t);
}

/* What to do stands at the end of an error: it must not be what is cut. */
static void long_toasts_take_rows(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    bw_toasts *t = bw_toasts_new(&clock.clock, false);
    bw_canvas *c = bw_canvas_new(3, 30, bw_glyphs_pick(true, false, false));
    assert_int_equal(bw_toasts_rows(t, 30, 3), 0);
    bw_toasts_add(t, BW_TOAST_WARN, "slow");
    assert_int_equal(bw_toasts_rows(t, 30, 3), 1);
    bw_toasts_add(t, BW_TOAST_ERROR,
                  "state.db: the disk is full. Free space on it; nothing was lost");
    assert_int_equal(bw_toasts_rows(t, 30, 1), 1);
    assert_int_equal(bw_toasts_rows(t, 30, 2), 2);
    assert_int_equal(bw_toasts_rows(t, 30, 3), 3);
    assert_int_equal(bw_toasts_rows(t, 100, 3), 1);
    bw_toasts_draw(t, bw_canvas_region(c));
    assert_frame(c, " ✖ state.db: the disk is (+1)\n"
                    "   full. Free space on\n"
                    "   it; nothing was lost\n");
    bw_canvas_resize(c, 2, 64);
    bw_toasts_draw(t, bw_canvas_region(c));
    assert_frame(c, " ✖ 08:00:00 state.db: the disk is full. Free space on  (+1) esc\n"
                    "   it; nothing was lost\n");
    bw_canvas_free(c);
    bw_toasts_free(t);
}

static void progress_is_one_line_and_not_kept(void **state)
{
    (void)state;
    bw_test_clock clock = bw_test_clock_at(0);
    bw_toasts *t = bw_toasts_new(&clock.clock, false);
    bw_toasts_progress(t, "1 of 3");
    bw_toasts_progress(t, "2 of 3");
    assert_string_equal(bw_toasts_current(t)->text, "2 of 3");
    bw_toasts_add(t, BW_TOAST_INFO, "an answer"); /* is seen first */
    bw_toasts_progress(t, "3 of 3");
    assert_string_equal(bw_toasts_current(t)->text, "an answer");
    assert_int_equal(bw_toasts_count(t), 1);
    assert_true(bw_toasts_dismiss(t));
    assert_string_equal(bw_toasts_current(t)->text, "3 of 3");
    bw_toasts_progress(t, NULL);
    assert_null(bw_toasts_current(t));
    bw_toasts_progress(t, "1 of 9");
    clock.now_us += 4 * BW_SECOND; /* nobody says more: it is not known to go on */
    assert_null(bw_toasts_current(t));
    for (int i = 0; i < 20; i++)
        bw_toasts_add(t, BW_TOAST_ERROR, "error %d", i);
    bw_toasts_progress(t, "2 of 9");
    assert_string_equal(bw_toasts_current(t)->text, "error 19");
    bw_toasts_free(t);
}

static void bars_never_round_to_a_lie(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(6, 4, bw_glyphs_pick(true, false, false));
    bw_region r = bw_canvas_region(c);
    static const double shares[] = {0, 0.0001, 0.5, 0.9999, 1, NAN};
    for (int i = 0; i < 6; i++)
        bw_draw_bar(r, i, 0, 4, shares[i], BW_ROLE_BAR);
    assert_frame(c, "\n▏\n██\n███▉\n████\n\n");
    bw_canvas_free(c);
}

static void gaps_stay_gaps(void **state)
{
    (void)state;
    static const double values[] = {0, 1, NAN, 4, 8};
    bw_canvas *c = bw_canvas_new(1, 8, bw_glyphs_pick(true, false, false));
    bw_draw_spark(bw_canvas_region(c), 0, 0, 8, values, 5, NAN, BW_ROLE_GRAPH);
    assert_frame(c, "   ▁▁·▄█\n");
    bw_canvas_clear(c);
    bw_draw_spark(bw_canvas_region(c), 0, 0, 3, values, 5, 16, BW_ROLE_GRAPH); /* the newest */
    assert_frame(c, "·▂▄\n");
    bw_canvas_free(c);
}

static const char *as_seconds(double value, char *out, size_t size)
{
    snprintf(out, size, "%.0fs", value);
    return out;
}

static void graphs_have_an_axis_and_units(void **state)
{
    (void)state;
    double values[20];
    for (int i = 0; i < 20; i++)
        values[i] = i >= 8 && i < 12 ? (double)NAN : i;
    bw_graph g = {.title = "lag",
                  .values = values,
                  .count = 20,
                  .format = as_seconds,
                  .span_us = 15 * BW_MINUTE,
                  .max = NAN,
                  .symbol = BW_GRAPH_BLOCK,
                  .style = BW_ROLE_GRAPH};
    bw_canvas *c = bw_canvas_new(5, 24, bw_glyphs_pick(true, false, false));
    bw_graph_draw(&g, bw_canvas_region(c));
    assert_frame(c, "lag  19s\n"
                    "20s               ▁▂▄▅▆▇\n"
                    "           ▁    ▇███████\n"
                    " 0s ▁▂▃▄▅▆██····████████\n"
                    "    15m00s ago       now\n");
    bw_canvas_free(c);
}

static void graphs_degrade_to_ascii_and_to_words(void **state)
{
    (void)state;
    static const double values[] = {1, 2, 3, 4};
    bw_graph g = {
        .title = "rows", .values = values, .count = 4, .max = NAN, .style = BW_ROLE_GRAPH};
    bw_canvas *c = bw_canvas_new(4, 20, bw_glyphs_pick(true, true, false));
    bw_graph_draw(&g, bw_canvas_region(c));
    bw_buf out = BW_BUF_INIT;
    bw_canvas_dump(c, &out);
    for (size_t i = 0; i < out.len; i++)
        assert_true((unsigned char)out.ptr[i] < 0x80);
    bw_buf_fini(&out);
    bw_canvas_free(c);
    c = bw_canvas_new(4, 40, bw_glyphs_pick(true, false, true));
    bw_graph_draw(&g, bw_canvas_region(c));
    assert_frame(c, "rows: now 4, at most 4\n\n\n\n");
    bw_canvas_free(c);
}

static void braille_draws_two_values_per_cell(void **state)
{
    (void)state;
    static const double values[] = {1, 4, NAN, NAN, 4, NAN};
    bw_graph g = {.values = values, .count = 6, .max = 4, .style = BW_ROLE_GRAPH};
    bw_canvas *c = bw_canvas_new(3, 16, bw_glyphs_pick(true, false, false));
    bw_graph_draw(&g, bw_canvas_region(c));
    assert_shows(c, "⣿");
    assert_shows(c, "·");
    bw_canvas_free(c);
}

static void progress_promises_nothing_it_does_not_know(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(3, 60, bw_glyphs_pick(true, false, false));
    bw_region r = bw_canvas_region(c);
    bw_progress p = {420000, 1000000, 190 * BW_SECOND, "rows"};
    bw_draw_progress(r, 0, 0, 60, &p);
    p.eta_us = BW_TIME_NONE;
    bw_draw_progress(r, 1, 0, 30, &p);
    p.total = NAN;
    bw_draw_progress(r, 2, 0, 60, &p);
    assert_shows(c, "42%  420.0k/1.0M rows  ETA 3m10s");
    bw_buf out = BW_BUF_INIT;
    bw_canvas_dump(c, &out);
    const char *last = strstr(bw_buf_cstr(&out), "ETA");
    assert_null(strstr(last + 3, "ETA"));
    assert_null(strstr(last, "\n100%"));
    bw_buf_fini(&out);
    /* More than were expected: the estimate was wrong, and nobody knows how much is left. */
    bw_canvas_clear(c);
    p = (bw_progress){7929, 212, 5 * BW_SECOND, "rows"};
    bw_draw_progress(r, 0, 0, 60, &p);
    bw_canvas_dump(c, &out);
    assert_non_null(strstr(bw_buf_cstr(&out), "7929 rows"));
    assert_null(strstr(bw_buf_cstr(&out), "%"));
    assert_null(strstr(bw_buf_cstr(&out), "ETA"));
    bw_buf_fini(&out);
    bw_canvas_free(c);
}

static void bars_of_parts_give_way(void **state)
{
    (void)state;
    const bw_part parts[] = {
        {"bridgewatch", BW_ROLE_TITLE, 0, false}, {"PROD", BW_ROLE_ENV_RED, 0, false},
        {"12 syncs", BW_ROLE_TEXT, 2, false},     {NULL, BW_ROLE_TEXT, 0, false},
        {"quota 83%", BW_ROLE_WARN, 1, true},     {"14:02:11", BW_ROLE_TEXT, 0, true},
    };
    bw_canvas *c = bw_canvas_new(1, 60, bw_glyphs_pick(true, false, false));
    bw_parts_draw(bw_canvas_region(c), 0, BW_ROLE_HEADER, parts, BW_COUNT(parts), 2);
    assert_frame(c, " bridgewatch  PROD  12 syncs            quota 83%  14:02:11\n");
    bw_canvas_resize(c, 1, 40);
    bw_parts_draw(bw_canvas_region(c), 0, BW_ROLE_HEADER, parts, BW_COUNT(parts), 2);
    assert_frame(c, " bridgewatch  PROD  quota 83%  14:02:11\n");
    bw_canvas_resize(c, 1, 20);
    bw_parts_draw(bw_canvas_region(c), 0, BW_ROLE_HEADER, parts, BW_COUNT(parts), 2);
    assert_frame(c, " bridgew…  14:02:11\n");
    bw_canvas_free(c);
}

static void too_small_says_so(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(3, 44, bw_glyphs_pick(true, false, false));
    assert_false(bw_layout_fits(bw_canvas_region(c)));
    assert_frame(c, "\n     44x3 is too small; 40x10 is needed\n\n");
    bw_canvas_resize(c, 10, 40);
    assert_true(bw_layout_fits(bw_canvas_region(c)));
    bw_canvas_free(c);
}

static const bw_column columns[] = {
    {.id = "name", .title = "NAME", .min = 8, .unit = BW_UNIT_TEXT},
    {.id = "lag", .title = "LAG", .min = 5, .unit = BW_UNIT_SECONDS},
    {.id = "state", .title = "STATE", .min = 5, .unit = BW_UNIT_PLAIN, .ranked = true},
};

static const char *const names[] = {"=cmd|'/c calc'!A0", "plain", "a,\"b\"\nc", "-5", "@x"};

static const char *name_id(void *user, size_t row)
{
    (void)user;
    return names[row];
}

static void name_cell(void *user, size_t row, size_t column, bw_table_cell *cell)
{
    (void)user;
    if (column == 0) {
        cell->text = bw_slice_cstr(names[row]);
        return;
    }
    if (column == 2) {
        cell->number = 7;
        cell->text = BW_SLICE_LIT("fresh");
        return;
    }
    cell->number = row ? (double)row + 0.5 : NAN;
    cell->text = row ? BW_SLICE_LIT("some") : BW_SLICE_LIT("-");
}

static void exports_are_safe_and_private(void **state)
{
    (void)state;
    bw_table *t = bw_table_new(columns, BW_COUNT(columns), bw_clock_system());
    bw_table_set_rows(t, &(bw_table_rows){BW_COUNT(names), name_id, name_cell, NULL, NULL, false});
    bw_buf out = BW_BUF_INIT;
    bw_export_text(t, BW_EXPORT_CSV, &out);
    assert_string_equal(bw_buf_cstr(&out), "name,lag,state\r\n"
                                           "'=cmd|'/c calc'!A0,,fresh\r\n"
                                           "plain,1.5,fresh\r\n"
                                           "\"a,\"\"b\"\"^Jc\",2.5,fresh\r\n"
                                           "-5,3.5,fresh\r\n"
                                           "'@x,4.5,fresh\r\n");
    bw_buf_clear(&out);
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_table_filter(t, "plain", &err), err);
    bw_export_text(t, BW_EXPORT_JSON, &out);
    assert_string_equal(bw_buf_cstr(&out),
                        "[\n{\"name\":\"plain\",\"lag\":1.5,\"state\":\"fresh\"}\n]\n");
    char dir[] = "/tmp/bw-export-XXXXXX", path[64];
    size_t rows;
    struct stat st;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/out.json", dir);
    assert_ok(bw_export_file(t, BW_EXPORT_JSON, path, &rows, &err), err);
    assert_int_equal(rows, 1);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, out.len);
    assert_int_equal(bw_export_file(t, BW_EXPORT_JSON, path, &rows, &err), BW_EXISTS);
    assert_int_equal(rows, 0);
    unlink(path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    assert_int_equal(bw_export_file(t, BW_EXPORT_JSON, path, &rows, &err), BW_EXISTS);
    unlink(path);
    rmdir(dir);
    assert_int_equal(bw_export_file(t, BW_EXPORT_CSV, path, &rows, &err), BW_IO);
    bw_buf_fini(&out);
    bw_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toasts_end_by_their_level),
        cmocka_unit_test(long_toasts_take_rows),
        cmocka_unit_test(progress_is_one_line_and_not_kept),
        cmocka_unit_test(bars_never_round_to_a_lie),
        cmocka_unit_test(gaps_stay_gaps),
        cmocka_unit_test(graphs_have_an_axis_and_units),
        cmocka_unit_test(graphs_degrade_to_ascii_and_to_words),
        cmocka_unit_test(braille_draws_two_values_per_cell),
        cmocka_unit_test(progress_promises_nothing_it_does_not_know),
        cmocka_unit_test(bars_of_parts_give_way),
        cmocka_unit_test(too_small_says_so),
        cmocka_unit_test(exports_are_safe_and_private),
    };
    return BW_RUN_TESTS(tests);
}
