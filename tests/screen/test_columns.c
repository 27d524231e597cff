/* Titles stand over their cells: after sorting, filtering, hiding, and at every width. */
#include "tests/support/screen_fixture.h"

#include <stdlib.h>

#include "backend/core/text.h"

/* The text of a row's cells [from, to). */
static void cells(const bw_canvas *c, int row, int from, int to, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (int col = from; col < to && col < c->cols && n < size; col++)
        n += (size_t)snprintf(out + n, size - n, "%s",
                              c->cells[row * c->cols + col].width == 0
                                  ? ""
                                  : (c->cells[row * c->cols + col].text[0]
                                         ? c->cells[row * c->cols + col].text
                                         : " "));
}

/* Where a title stands in the row of titles; false when it is not shown. */
static bool find_title(const bw_canvas *c, const char *title, int *from, int *to)
{
    int len = (int)strlen(title);
    for (int col = 0; col + len <= c->cols; col++) {
        char text[64];
        cells(c, 2, col, col + len, text, sizeof(text));
        if (strcmp(text, title) != 0)
            continue;
        *from = col;
        *to = col + len;
        return true;
    }
    return false;
}

static int find_row(const bw_canvas *c, const char *name)
{
    for (int row = 3; row < c->rows; row++) {
        char text[512];
        cells(c, row, 0, 40, text, sizeof(text));
        if (strncmp(text, "----", 4) == 0)
            return -1; /* the table's end */
        if (strstr(text, name))
            return row;
    }
    return -1;
}

/* What must stand under a title, by sync: left ones begin, right ones end with it. */
static const struct {
    const char *title, *sync, *text;
    bool right;
} truths[] = {
    {"STATE", "shop.payments", "! parked", false}, {"LAG", "shop.payments", "12m04s", true},
    {"DLQ", "shop.payments", "31", true},          {"ROWS/S", "shop.orders", "48.2k", true},
    {"STATE", "shop.stock", "! aging", false},     {"LAG", "shop.stock", "7m27s", true},
    {"LAST OK", "shop.payments", "12m ago", true}, {"NEXT", "shop.payments", "in 8m", true},
    {"MODE", "shop.payments", "append", false},    {"DLQ", "events.profile", "6", true},
    {"LAG", "events.profile", "1h02m", true},      {"STATE", "events.profile", "x failed", false},
};

/* Compares every truth whose title and row are on the screen; returns how many there were. */
static int check(const bw_screen_fixture *f)
{
    int checked = 0;
    for (size_t i = 0; i < BW_COUNT(truths); i++) {
        int from, to, row = find_row(f->canvas, truths[i].sync);
        char text[128];
        if (row < 0 || !find_title(f->canvas, truths[i].title, &from, &to))
            continue;
        int len = (int)strlen(truths[i].text);
        /* The sign of the sort order may stand at the title's end. */
        cells(f->canvas, 2, to, to + 1, text, sizeof(text));
        if (truths[i].right && (text[0] == '^' || text[0] == 'v'))
            to++;
        if (truths[i].right)
            cells(f->canvas, row, to - len, to, text, sizeof(text));
        else
            cells(f->canvas, row, from, from + len, text, sizeof(text));
        if (strcmp(text, truths[i].text) != 0)
            fail_msg("%d columns: under %s of %s stands \"%s\", not \"%s\"", f->canvas->cols,
                     truths[i].title, truths[i].sync, text, truths[i].text);
        checked++;
    }
    return checked;
}

static void at_every_width(void **state)
{
    (void)state;
    bw_screen_fixture f;
    bw_screen_open(&f, &(bw_screen_options){.ascii = true});
    for (int cols = 40; cols <= 200; cols++) {
        bw_screen_resize(&f, cols, 24);
        assert_true(check(&f) >= 5);
    }
    assert_int_equal(check(&f), (int)BW_COUNT(truths));
    bw_screen_close(&f);
}

static void after_each_sort(void **state)
{
    (void)state;
    bw_screen_fixture f;
    bw_screen_open(&f, &(bw_screen_options){.cols = 160, .ascii = true});
    for (int i = 0; i < 12; i++) {
        bw_screen_keys(&f, ">");
        assert_int_equal(check(&f), (int)BW_COUNT(truths));
        bw_screen_keys(&f, "I");
        assert_int_equal(check(&f), (int)BW_COUNT(truths));
    }
    bw_screen_command(&f, "sort lag desc");
    assert_true(find_row(f.canvas, "events.profile") < find_row(f.canvas, "shop.payments"));
    assert_true(find_row(f.canvas, "shop.payments") < find_row(f.canvas, "shop.orders"));
    /* The unknown is last in both directions. */
    assert_true(find_row(f.canvas, "shop.orders") < find_row(f.canvas, "crm.contacts"));
    bw_screen_keys(&f, "I");
    assert_true(find_row(f.canvas, "events.profile") < find_row(f.canvas, "crm.contacts"));
    bw_screen_close(&f);
}

static void after_filtering(void **state)
{
    (void)state;
    bw_screen_fixture f;
    bw_screen_open(&f, &(bw_screen_options){.cols = 160, .ascii = true});
    bw_screen_command(&f, "filter lag>5m");
    assert_int_equal(find_row(f.canvas, "shop.orders"), -1);
    assert_int_equal(find_row(f.canvas, "crm.contacts"), -1);
    assert_true(check(&f) >= 9);
    bw_screen_command(&f, "filter state:parked");
    assert_true(check(&f) >= 4);
    bw_screen_close(&f);
}

static void after_choosing_columns(void **state)
{
    (void)state;
    bw_screen_fixture f;
    int from, to;
    bw_screen_open(&f, &(bw_screen_options){.cols = 160, .ascii = true});
    bw_screen_command(&f, "columns fresh");
    assert_false(find_title(f.canvas, "FRESH", &from, &to));
    assert_int_equal(check(&f), (int)BW_COUNT(truths));
    bw_screen_keys(&f, "C j j > > enter"); /* STATE two columns to the right */
    assert_int_equal(check(&f), (int)BW_COUNT(truths));
    bw_screen_close(&f);
}

/* Clicking a title sorts by it, wherever it stands. */
static void titles_are_clicked(void **state)
{
    (void)state;
    bw_screen_fixture f;
    int from, to;
    bw_screen_open(&f, &(bw_screen_options){.cols = 120, .ascii = true});
    assert_true(find_title(f.canvas, "DLQ", &from, &to));
    bw_input click = bw_test_click(2, from);
    (void)bw_console_event(f.console, &click);
    (void)bw_screen_frame(&f);
    assert_int_equal(find_row(f.canvas, "shop.payments"), 3);
    check(&f);
    bw_screen_close(&f);
}

static void kept(const bw_screen_fixture *f, const char *want)
{
    bw_buf layout = BW_BUF_INIT;
    bw_console_layout(f->console, &layout);
    assert_string_equal(bw_buf_cstr(&layout), want);
    bw_buf_fini(&layout);
}

#define ARRANGED                                                                            \
    "syncs: sort lag desc columns sync mode lag state -fresh rows last next dlq spark why " \
    "-source -target\n"

/* What was arranged is there at the next start, and wins over the configuration; a list that was
   not touched follows the configuration. */
static void the_next_start_finds_it_arranged(void **state)
{
    (void)state;
    static const char *const configured[][2] = {{"syncs", "+source -dlq"}, {"sources", "-kind"}};
    bw_screen_fixture f;
    int from, to, lag, status;
    bw_screen_open(&f, &(bw_screen_options){.cols = 160, .ascii = true});
    kept(&f, "");
    bw_screen_command(&f, "sort lag desc");
    bw_screen_command(&f, "columns -fresh lag<state");
    kept(&f, ARRANGED);
    bw_screen_close(&f);
    bw_screen_options again = {.cols = 160,
                               .ascii = true,
                               .layout = "nosuch: sort x asc\nruns: sort\n" ARRANGED
                                         "sources: columns gone -version where\n",
                               .columns = configured,
                               .n_columns = BW_COUNT(configured)};
    bw_screen_open(&f, &again);
    assert_false(find_title(f.canvas, "FRESH", &from, &to));
    assert_false(find_title(f.canvas, "SOURCE", &from, &to));
    assert_true(find_title(f.canvas, "DLQ", &from, &to));
    assert_true(find_title(f.canvas, "LAGv", &lag, &to));
    assert_true(find_title(f.canvas, "STATE", &status, &to));
    assert_true(lag < status);
    assert_int_equal(check(&f), (int)BW_COUNT(truths));
    bw_screen_command(&f, "sources");
    assert_false(find_title(f.canvas, "VERSION", &from, &to));
    assert_true(find_title(f.canvas, "WHERE", &from, &to));
    assert_true(find_title(f.canvas, "SOURCE", &lag, &to) && from < lag);
    bw_screen_close(&f);

    again.layout = NULL;
    bw_screen_open(&f, &again);
    assert_true(find_title(f.canvas, "SOURCE", &from, &to));
    assert_false(find_title(f.canvas, "DLQ", &from, &to));
    kept(&f, "");
    bw_screen_close(&f);
}

/* Within one start, too: a screen that is opened again is as it was left. */
static void a_screen_is_opened_as_it_was_left(void **state)
{
    (void)state;
    bw_screen_fixture f;
    int from, to;
    bw_screen_open(&f, &(bw_screen_options){.cols = 120, .ascii = true});
    bw_screen_command(&f, "sources");
    bw_screen_command(&f, "columns -kind");
    bw_screen_keys(&f, "q");
    bw_screen_command(&f, "sources");
    assert_false(find_title(f.canvas, "KIND", &from, &to));
    bw_screen_command(&f, "columns reset");
    bw_screen_keys(&f, "q");
    kept(&f, "");
    bw_screen_close(&f);
}

static void configured_columns_have_to_exist(void **state)
{
    (void)state;
    static const struct {
        const char *const pair[1][2];
        const char *message, *hint;
    } cases[] = {
        {{{"sincs", "-lag"}}, "ui.columns: sincs: no screen is called so", "Did you mean syncs?"},
        {{{"syncs", "-lagg"}}, "ui.columns: syncs: no column is called lagg", "Did you mean lag?"},
        {{{"log", "-lag"}}, "ui.columns: log: this screen has no columns", ""},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_test_clock clock = bw_test_clock_at(0);
        bw_console *console;
        bw_error err = BW_ERROR_INIT;
        const bw_console_options o = {
            .clock = &clock.clock, .columns = cases[i].pair, .n_columns = 1};
        assert_int_equal(bw_console_new(&o, &console, &err), BW_NOT_FOUND);
        assert_string_equal(err.message, cases[i].message);
        assert_string_equal(err.hint, cases[i].hint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(at_every_width),
        cmocka_unit_test(after_each_sort),
        cmocka_unit_test(after_filtering),
        cmocka_unit_test(after_choosing_columns),
        cmocka_unit_test(titles_are_clicked),
        cmocka_unit_test(the_next_start_finds_it_arranged),
        cmocka_unit_test(a_screen_is_opened_as_it_was_left),
        cmocka_unit_test(configured_columns_have_to_exist),
    };
    return BW_RUN_TESTS(tests);
}
