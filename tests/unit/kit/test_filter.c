/* The filter language. */
#include "tests/support/frame.h"

#include <math.h>

#include "views/kit/filter.h"

static const bw_filter_column columns[] = {
    {"sync", BW_UNIT_TEXT},   {"state", BW_UNIT_TEXT}, {"lag", BW_UNIT_SECONDS},
    {"bytes", BW_UNIT_BYTES}, {"dlq", BW_UNIT_PLAIN},
};

typedef struct data {
    const char *text[5];
    double number[5];
} data;

static const data rows[] = {
    {{"shop.orders", "fresh", "2s", "1 MiB", "0"}, {NAN, NAN, 2, 1048576, 0}},
    {{"shop.payments", "parked", "12m04s", "-", "31"}, {NAN, NAN, 724, NAN, 31}},
    {{"events.profile", "failed", "1h02m", "0 B", "6"}, {NAN, NAN, 3720, 0, 6}},
    {{"CRM.Accounts", "aging: slow", "-", "5 MiB", "1"}, {NAN, NAN, NAN, 5242880, 1}},
};

static void get(void *user, size_t column, bw_slice *text, double *number)
{
    const data *d = user;
    *text = bw_slice_cstr(d->text[column]);
    *number = d->number[column];
}

/* The rows that pass, as digits. */
static const char *passing(const char *text, char out[8])
{
    bw_filter *f;
    bw_error err = BW_ERROR_INIT;
    assert_ok(bw_filter_new(&f, text, columns, BW_COUNT(columns), &err), err);
    size_t n = 0;
    for (size_t i = 0; i < BW_COUNT(rows); i++) {
        bw_filter_row row = {get, (void *)&rows[i]};
        if (bw_filter_match(f, &row))
            out[n++] = (char)('0' + i);
    }
    out[n] = '\0';
    bw_filter_free(f);
    return out;
}

static void terms_select_rows(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "0123"},
        {"   ", "0123"},
        {"shop", "01"},
        {"SHOP", ""}, /* a capital: as written */
        {"crm", "3"}, /* none: either case */
        {"Accounts", "3"},
        {"shop.orders", "0"}, /* a dot in a name is a dot */
        {"!shop", "23"},
        {"shop parked", "1"},
        {"shop !parked", "0"},
        {"state:failed", "2"},
        {"st:f", "02"}, /* a unique beginning of the column's name */
        {"!state:failed", "013"},
        {"sync:^shop", "01"},
        {"^shop|^events", "012"},
        {"(orders|payments)$", "01"},
        {"lag>60", "12"},
        {"lag>1h", "2"},
        {"lag<=12m04s", "01"},
        {"!lag>60", "03"}, /* an unknown lag is not over 60 */
        {"lag!=2", "123"},
        {"bytes>=1MiB", "03"},
        {"bytes<2M", "02"},
        {"dlq=0", "0"},
        {"dlq>5 state:failed", "2"},
        {"state=parked", "1"},
        {"state!=parked", "023"},
        {"\"aging: slow\"", "3"},
        {"\"lag>60\"", ""}, /* quoted: text */
        {"12m", "1"},
        {"!", ""}, /* begun, not finished: text */
        {"state:", "0123"},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        char got[8];
        if (strcmp(passing(cases[i].text, got), cases[i].expected) != 0)
            fail_msg("%s: rows %s, not %s", cases[i].text, got, cases[i].expected);
    }
}

static void mistakes_are_explained(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message, *hint;
    } cases[] = {
        {"stat:x y", NULL, NULL},
        {"lagg>60", "unknown column lagg", "Did you mean lag?"},
        {"s:x", "several columns begin with s", ""},
        {"(abc", "unmatched ( or \\(", ""},
        {"[abc", NULL, NULL},
        {"lag>much", "much is not a number or a duration like 5m", ""},
        {"dlq>", "dlq has to be compared with a number", ""},
        {"state>3", "column state has no number to compare", ""},
        {"(a{90}){90}", "more than one repetition count", ""},
        {"a{30000}", "a repetition of over 100 times", ""},
        {"a+++++++++", "more than 8 signs of repetition", ""},
        {"(a)\\1", "back-references are not supported", ""},
    };
    for (size_t i = 0; i < BW_COUNT(cases); i++) {
        bw_filter *f = NULL;
        bw_error err = BW_ERROR_INIT;
        bw_status status = bw_filter_new(&f, cases[i].text, columns, BW_COUNT(columns), &err);
        if (i == 0) { /* "stat" is a unique beginning */
            assert_int_equal(status, BW_OK);
            bw_filter_free(f);
            continue;
        }
        assert_int_equal(status, BW_INVALID);
        assert_null(f);
        if (cases[i].message && strcasecmp(err.message, cases[i].message) != 0)
            fail_msg("%s: %s", cases[i].text, err.message);
        if (cases[i].hint)
            assert_string_equal(err.hint, cases[i].hint);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_select_rows),
        cmocka_unit_test(mistakes_are_explained),
    };
    return BW_RUN_TESTS(tests);
}
