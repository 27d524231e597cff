/* Text from outside that tries to act on the terminal: on every screen, at every size, it is visible
   characters in its own cells and nothing else. */
#include "tests/support/screen_fixture.h"

#include "backend/core/text.h"

/* Every screen, and the dialogs that name what came from outside. */
static const struct {
    const char *command, *keys;
} places[] = {
    {NULL, ""},
    {NULL, "R"},
    {"sync shop.orders", ""},
    {"sync shop.orders", "pgdn pgdn"},
    {"sync shop.orders", "G"},
    {"runs", "j"},
    {"runs", "enter"},
    {"runs", "enter G"},
    {"dlq", ""},
    {"dlq", "enter"},
    {"dlq", "enter space space X"},
    {"dlq", "enter r"},
    {"dlq", "enter enter"},
    {"dlq", "enter enter G"},
    {"sources", ""},
    {"sources", "j"},
    {"log", ""},
    {"log", "w"},
    {NULL, "?"},
};

/* Each cell is one cluster that sanitising leaves alone, as wide as it says, and rows are full. */
static void check_cells(const bw_screen_fixture *f)
{
    const bw_canvas *c = f->canvas;
    for (int row = 0; row < c->rows; row++) {
        int used = 0;
        for (int col = 0; col < c->cols; col++) {
            const bw_cell *cell = &c->cells[row * c->cols + col];
            bw_buf clean = BW_BUF_INIT;
            bw_slice text = {cell->text, strnlen(cell->text, sizeof(cell->text))};
            bw_text_sanitise(&clean, text);
            bool same = bw_slice_eq(bw_buf_slice(&clean), text);
            bw_buf_fini(&clean);
            if (!same)
                fail_msg("row %d, column %d holds what a terminal would act on", row, col);
            if (cell->width > 0 && text.len > 0)
                assert_int_equal(bw_text_width(text), cell->width);
            for (size_t i = 0; f->options.ascii && i < text.len; i++)
                assert_in_range((unsigned char)text.ptr[i], 0x20, 0x7E);
            used += cell->width;
        }
        assert_int_equal(used, c->cols);
    }
}

static void check_everywhere(int cols, int rows, bool ascii)
{
    for (size_t i = 0; i < BW_COUNT(places); i++) {
        bw_screen_fixture f;
        bw_screen_open(&f, &(bw_screen_options){.kind = BW_FIXTURE_HOSTILE,
                                                .cols = cols,
                                                .rows = rows,
                                                .ascii = ascii,
                                                .environment = BW_HOSTILE});
        if (places[i].command)
            bw_screen_command(&f, places[i].command);
        bw_screen_keys(&f, places[i].keys);
        check_cells(&f);
        bw_console_toast(f.console, 2, "%s", BW_HOSTILE);
        (void)bw_screen_frame(&f);
        check_cells(&f);
        bw_screen_close(&f);
    }
}

static void at_80x24(void **state)
{
    (void)state;
    check_everywhere(80, 24, false);
    check_everywhere(80, 24, true);
}

static void at_40x10(void **state)
{
    (void)state;
    check_everywhere(40, 10, false);
    check_everywhere(40, 10, true);
}

static void at_200x50(void **state)
{
    (void)state;
    check_everywhere(200, 50, false);
    check_everywhere(200, 50, true);
}

/* The rows around hostile ones look as if nothing were wrong with their neighbours. */
static void neighbours_stay_in_place(void **state)
{
    (void)state;
    bw_screen_fixture usual, hostile;
    bw_screen_open(&usual, &(bw_screen_options){.kind = BW_FIXTURE_USUAL});
    bw_screen_open(&hostile, &(bw_screen_options){.kind = BW_FIXTURE_HOSTILE});
    bool found = false;
    for (int row = 3; row < 12; row++) {
        const bw_cell *a = &usual.canvas->cells[row * 80], *b = &hostile.canvas->cells[row * 80];
        if (strcmp(a[3].text, "s") != 0 || strcmp(a[8].text, "o") != 0)
            continue;
        found = true; /* shop.orders: its name and state are no text from outside */
        for (int col = 0; col < 30; col++)
            assert_string_equal(a[col].text, b[col].text);
    }
    assert_true(found);
    bw_screen_close(&usual);
    bw_screen_close(&hostile);
}

/* What the clipboard gets is what the screen shows, not what the row holds. */
static void copies_are_clean(void **state)
{
    (void)state;
    bw_screen_fixture f;
    bw_console_wishes w;
    bw_screen_open(&f, &(bw_screen_options){.kind = BW_FIXTURE_HOSTILE});
    bw_screen_command(&f, "sources");
    bw_input copy = bw_test_key("Y");
    (void)bw_console_event(f.console, &copy);
    bw_console_wishes_take(f.console, &w);
    assert_non_null(w.copy.ptr);
    for (size_t i = 0; i < w.copy.len; i++) {
        unsigned char c = (unsigned char)w.copy.ptr[i];
        assert_true(c == '\t' || (c >= 0x20 && c != 0x7F));
    }
    bw_screen_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_80x24),         cmocka_unit_test(at_40x10),
        cmocka_unit_test(at_200x50),        cmocka_unit_test(neighbours_stay_in_place),
        cmocka_unit_test(copies_are_clean),
    };
    return BW_RUN_TESTS(tests);
}
