/* The pager. */
#include "tests/support/frame.h"

#include "views/kit/action.h"
#include "views/kit/text_view.h"

static bw_canvas *drawn(bw_text_view *v, int rows, int cols)
{
    bw_canvas *c = bw_canvas_new(rows, cols, bw_glyphs_pick(true, false, false));
    bw_text_view_draw(v, bw_canvas_region(c));
    return c;
}

static void expect(bw_text_view *v, int rows, int cols, const char *frame)
{
    bw_canvas *c = drawn(v, rows, cols);
    assert_frame(c, frame);
    bw_canvas_free(c);
}

static void add_numbers(bw_text_view *v, int from, int to)
{
    for (int i = from; i <= to; i++)
        bw_text_view_addf(v, BW_ROLE_TEXT, "line %d", i);
}

static void a_reader_keeps_his_line_while_others_arrive(void **state)
{
    (void)state;
    bw_text_view *v = bw_text_view_new(20000);
    bw_text_view_follow(v, true);
    add_numbers(v, 1, 100);
    expect(v, 3, 20, "line 98\nline 99\nline 100\n");
    assert_int_equal(bw_text_view_act(v, BW_ACTION_UP), BW_REACT_REDRAW);
    assert_false(bw_text_view_following(v));
    add_numbers(v, 101, 10100);
    expect(v, 3, 20, "line 97\nline 98\nline 99\n");
    bw_text_view_act(v, BW_ACTION_END);
    assert_true(bw_text_view_following(v)); /* back at the end of something that grows */
    add_numbers(v, 10101, 10101);
    expect(v, 3, 20, "line 10099\nline 10100\nline 10101\n");
    bw_text_view_free(v);
}

static void the_oldest_lines_go(void **state)
{
    (void)state;
    bw_text_view *v = bw_text_view_new(50);
    add_numbers(v, 1, 60);
    assert_int_equal(bw_text_view_lines(v), 50);
    expect(v, 2, 20, "line 11\nline 12\n");
    add_numbers(v, 61, 65); /* also the one that was being read */
    expect(v, 2, 20, "line 16\nline 17\n");
    bw_text_view_free(v);
}

static void wraps_and_scrolls_by_rows(void **state)
{
    (void)state;
    bw_text_view *v = bw_text_view_new(0);
    bw_text_view_add(v, BW_ROLE_TEXT, BW_SLICE_LIT("one two three four\n\nlast"));
    expect(v, 4, 10, "one two t›\n\nlast\n\n");
    bw_text_view_act(v, BW_ACTION_RIGHT);
    expect(v, 4, 10, "‹hree four\n\n‹\n\n");
    bw_text_view_act(v, BW_ACTION_WRAP);
    expect(v, 4, 10, "one two\nthree four\n\nlast\n");
    expect(v, 2, 10, "one two\nthree four\n");
    bw_text_view_act(v, BW_ACTION_DOWN);
    expect(v, 2, 10, "three four\n\n");
    bw_text_view_act(v, BW_ACTION_END);
    expect(v, 2, 10, "\nlast\n");
    assert_int_equal(bw_text_view_act(v, BW_ACTION_DOWN), BW_REACT_HANDLED);
    bw_text_view_act(v, BW_ACTION_HOME);
    expect(v, 2, 10, "one two\nthree four\n");
    bw_text_view_free(v);
}

static void searches_around_the_end(void **state)
{
    (void)state;
    bw_text_view *v = bw_text_view_new(0);
    add_numbers(v, 1, 30);
    expect(v, 3, 20, "line 1\nline 2\nline 3\n");
    assert_false(bw_text_view_search(v, "Line 2")); /* as written, once there is a capital */
    bw_text_view_addf(v, BW_ROLE_TEXT, "Last LINE");
    assert_true(bw_text_view_search(v, "last line"));
    assert_true(bw_text_view_search(v, "Last L"));
    bw_text_view_clear(v);
    add_numbers(v, 1, 30);
    assert_true(bw_text_view_search(v, "line 2"));
    bw_text_view_act(v, BW_ACTION_SEARCH_NEXT);
    expect(v, 3, 20, "line 20\nline 21\nline 22\n");
    bw_text_view_act(v, BW_ACTION_SEARCH_PREVIOUS);
    expect(v, 3, 20, "line 2\nline 3\nline 4\n");
    bw_text_view_act(v, BW_ACTION_SEARCH_PREVIOUS); /* over the beginning to the last one */
    expect(v, 3, 20, "line 28\nline 29\nline 30\n");
    bw_canvas *c = drawn(v, 3, 20);
    assert_int_equal(BW_STYLE_ROLE(c->cells[20].style), BW_ROLE_MATCH);
    bw_canvas_free(c);
    bw_buf status = BW_BUF_INIT;
    bw_text_view_status(v, &status);
    assert_string_equal(bw_buf_cstr(&status), "28-30/30  /line 2");
    bw_buf_fini(&status);
    assert_int_equal(bw_text_view_act(v, BW_ACTION_BACK), BW_REACT_REDRAW);
    assert_int_equal(bw_text_view_act(v, BW_ACTION_BACK), BW_REACT_NONE);
    bw_text_view_free(v);
}

static void hostile_lines_stay_on_their_line(void **state)
{
    (void)state;
    bw_text_view *v = bw_text_view_new(0);
    bw_text_view_add(v, BW_ROLE_TEXT, BW_SLICE_LIT("a\x1b[31m\rb\tc"));
    bw_text_view_extend(v, BW_ROLE_KEY, BW_SLICE_LIT("\x07世"));
    expect(v, 2, 30, "a^[[31m^Mb^Ic^G世\n\n");
    for (int rows = 0; rows < 4; rows++) {
        for (int cols = 0; cols < 12; cols++) {
            bw_text_view_wrap(v, cols % 2);
            bw_canvas_free(drawn(v, rows, cols));
            bw_text_view_act(v, BW_ACTION_PAGE_DOWN);
        }
    }
    bw_text_view_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_keeps_his_line_while_others_arrive),
        cmocka_unit_test(the_oldest_lines_go),
        cmocka_unit_test(wraps_and_scrolls_by_rows),
        cmocka_unit_test(searches_around_the_end),
        cmocka_unit_test(hostile_lines_stay_on_their_line),
    };
    return BW_RUN_TESTS(tests);
}
