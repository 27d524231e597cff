/* The memory canvas: clipping, widths of clusters, sanitising, ASCII. */
#include "tests/support/frame.h"

#include "backend/core/text.h"

static const bw_glyphs *utf8_set(void)
{
    return bw_glyphs_pick(true, false, false);
}

static void puts_inside_its_region_only(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(4, 10, utf8_set());
    bw_region r = bw_region_sub(bw_canvas_region(c), 1, 2, 2, 5);
    bw_region_puts(r, 0, 0, BW_ROLE_TEXT, "abcdefghij");
    bw_region_puts(r, 1, -2, BW_ROLE_TEXT, "0123");
    bw_region_puts(r, 2, 0, BW_ROLE_TEXT, "below");
    bw_region_puts(r, -1, 0, BW_ROLE_TEXT, "above");
    assert_frame(c, "\n  abcde\n  23\n\n");
    bw_canvas_free(c);
}

static void regions_never_reach_out_of_their_parent(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(3, 6, utf8_set());
    for (int row = -2; row < 6; row++) {
        for (int col = -3; col < 9; col++) {
            bw_region r = bw_region_sub(bw_canvas_region(c), row, col, 3, 4);
            bw_region_fill(r, BW_ROLE_OK);
            bw_region_frame(r, BW_ROLE_BORDER, "title");
            bw_region_shade(r, 0, -3, 99, BW_ROLE_SELECTED);
            bw_region_puts(bw_region_sub(r, -1, -1, -1, -1), 0, 0, BW_ROLE_TEXT, "世世世世");
            assert_true(r.row >= 0 && r.row + r.rows <= 3 && r.col + r.cols <= 6);
        }
    }
    bw_canvas_free(c);
}

static void aligns_wide_and_combined_clusters(void **state)
{
    (void)state;
    static const char *const names[] = {"世界", "e\u0301te\u0301", "👩‍👩‍👧 x", "plain",
                                        "ｆｕｌｌ"};
    bw_canvas *c = bw_canvas_new(BW_COUNT(names), 14, utf8_set());
    bw_region r = bw_canvas_region(c);
    for (int i = 0; i < (int)BW_COUNT(names); i++) {
        bw_region_field(r, i, 0, 10, BW_ALIGN_LEFT, BW_ROLE_TEXT, bw_slice_cstr(names[i]));
        bw_region_puts(r, i, 10, BW_ROLE_TEXT, "|end");
        /* Whatever stands before it, the column begins in the same cell. */
        assert_string_equal(c->cells[i * 14 + 10].text, "|");
    }
    assert_string_equal(c->cells[14].text, "e\u0301");
    assert_int_equal(c->cells[0].width, 2);
    assert_int_equal(c->cells[1].width, 0);
    bw_canvas_free(c);
}

static void cuts_wide_clusters_whole(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(3, 5, utf8_set());
    bw_region r = bw_canvas_region(c);
    bw_region_puts(r, 0, 0, BW_ROLE_TEXT, "世界世"); /* the third does not fit */
    bw_region_puts(r, 1, -1, BW_ROLE_TEXT, "世a");
    bw_region_puts(r, 2, 0, BW_ROLE_TEXT, "世界");
    bw_region_puts(r, 2, 1, BW_ROLE_TEXT, "x"); /* over the right half: the left goes, too */
    assert_frame(c, "世界\n a\n x界\n");
    bw_canvas_free(c);
}

static void truncates_with_an_ellipsis(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int width;
        bool ascii;
        const char *expected;
    } cases[] = {
        {"orders", 6, false, "orders"},
        {"orders!", 6, false, "order…"},
        {"orders!", 6, true, "ord..."},
        {"orders", 1, false, "…"},
        {"世界世界", 5, false, "世界…"},
        {"世界世界", 4, false, "世…"},
        {"orders", 0, false, ""},
        {"orders", 2, true, "o."},
        {"e\u0301e\u0301e\u0301", 2, false, "e\u0301…"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_buf out = BW_BUF_INIT;
        int cells = bw_text_truncate(&out, bw_slice_cstr(cases[i].text), cases[i].width,
                                     bw_glyphs_pick(true, cases[i].ascii, false));
        assert_string_equal(bw_buf_cstr(&out), cases[i].expected);
        assert_int_equal(cells, bw_text_width(bw_slice_cstr(cases[i].expected)));
        bw_buf_fini(&out);
    }
}

static void nothing_from_outside_acts_on_the_terminal(void **state)
{
    (void)state;
    static const char hostile[] = "a\x1b[2J\r\n\tb\x7f\xc2\x9b"
                                  "31m\xe2\x80\xae"
                                  "evil\xff\x07";
    bw_canvas *c = bw_canvas_new(1, 80, utf8_set());
    bw_region_put(bw_canvas_region(c), 0, 0, BW_ROLE_TEXT,
                  (bw_slice){hostile, sizeof(hostile) - 1});
    assert_frame(c, "a^[[2J^M^J^Ib^?\\x9B31m\\u{202E}evil\\xFF^G\n");
    for (int i = 0; i < 80; i++) {
        assert_true((unsigned char)c->cells[i].text[0] >= 0x20);
        assert_true(c->cells[i].text[0] != 0x7f);
    }
    bw_canvas_free(c);
}

static void an_ascii_canvas_holds_ascii_only(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(3, 12, bw_glyphs_pick(true, true, false));
    bw_region r = bw_canvas_region(c);
    bw_region_frame(r, BW_ROLE_BORDER, "Größe");
    bw_region_puts(r, 1, 1, BW_ROLE_TEXT, "世e\u0301👩‍👩‍👧|");
    assert_frame(c, "+- Gr??e --+\n|?????|    |\n+----------+\n");
    bw_canvas_free(c);
}

static void every_sign_is_one_cell_wide(void **state)
{
    (void)state;
    for (int set = 0; set < 4; set++) {
        const bw_glyphs *g = bw_glyphs_pick(set & 1, false, set & 2);
        for (int i = 0; i < BW_GLYPH_COUNT; i++) {
            assert_non_null(g->sign[i]);
            if (i != BW_GLYPH_ELLIPSIS)
                assert_int_equal(bw_text_width(bw_slice_cstr(g->sign[i])), 1);
            for (const char *p = g->sign[i]; g->ascii && *p; p++)
                assert_true((unsigned char)*p < 0x80);
        }
        for (int i = 0; i < 9; i++) {
            assert_int_equal(bw_text_width(bw_slice_cstr(g->bar[i])), 1);
            assert_int_equal(bw_text_width(bw_slice_cstr(g->level[i])), 1);
        }
    }
}

static void wraps_at_blanks_and_says_that_text_is_missing(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(3, 12, utf8_set());
    bw_region r = bw_canvas_region(c);
    assert_int_equal(bw_region_wrap(r, 0, BW_ROLE_TEXT, BW_SLICE_LIT("rows are\nloaded again")), 2);
    assert_frame(c, "rows are\nloaded again\n\n");
    bw_canvas_clear(c);
    assert_int_equal(bw_region_wrap(r, 0, BW_ROLE_TEXT,
                                    BW_SLICE_LIT("one two three four five six seven eight nine")),
                     3);
    assert_frame(c, "one two\nthree four\nfive six…\n");
    bw_canvas_clear(c);
    bw_region_wrap(r, 0, BW_ROLE_TEXT, BW_SLICE_LIT("averyveryverylongword"));
    assert_frame(c, "averyveryver\nylongword\n\n");
    bw_canvas_free(c);
}

static void shades_a_row_without_losing_its_roles(void **state)
{
    (void)state;
    bw_canvas *c = bw_canvas_new(1, 6, utf8_set());
    bw_region r = bw_canvas_region(c);
    bw_region_puts(r, 0, 0, BW_ROLE_ERROR, "ab");
    bw_region_puts(r, 0, 2, BW_ROLE_OK | BW_WITH(BW_ATTR_BOLD), "cd");
    bw_region_shade(r, 0, 0, 6, BW_ROLE_SELECTED);
    bw_buf out = BW_BUF_INIT;
    bw_canvas_dump_roles(c, &out);
    assert_string_equal(bw_buf_cstr(&out), "aabbcc\n"
                                           "a error on selected\n"
                                           "b ok on selected bold\n"
                                           "c text on selected\n");
    bw_buf_fini(&out);
    bw_canvas_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_inside_its_region_only),
        cmocka_unit_test(regions_never_reach_out_of_their_parent),
        cmocka_unit_test(aligns_wide_and_combined_clusters),
        cmocka_unit_test(cuts_wide_clusters_whole),
        cmocka_unit_test(truncates_with_an_ellipsis),
        cmocka_unit_test(nothing_from_outside_acts_on_the_terminal),
        cmocka_unit_test(an_ascii_canvas_holds_ascii_only),
        cmocka_unit_test(every_sign_is_one_cell_wide),
        cmocka_unit_test(wraps_at_blanks_and_says_that_text_is_missing),
        cmocka_unit_test(shades_a_row_without_losing_its_roles),
    };
    return BW_RUN_TESTS(tests);
}
