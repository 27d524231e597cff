/* Covers: views/sync_text. What stands beside the score is said in words: what is not seen, what is
   not filled, what holds the window back, how the score comes about, and what is not known. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

#include "views/sync_text.h"

#define NOW (INT64_C(1795161600) * BW_SECOND)

/* A sync of which everything is known and nothing is wrong. */
static bw_sync_view well(void)
{
    return (bw_sync_view){
        .name = "shop.orders",
        .source = "shop",
        .target = "p.d.orders",
        .mode = "upsert",
        .table = "public.orders",
        .schedule = "every 1m",
        .health = BW_HEALTH_FRESH,
        .freshness = 100,
        .lag_s = 41,
        .freshness_target_us = 5 * BW_MINUTE,
        .rows_per_s = NAN,
        .last_success_us = NOW - 41 * BW_SECOND,
        .last_run_us = NOW - 41 * BW_SECOND,
        .next_run_us = NOW + 19 * BW_SECOND,
        .watermark_us = NOW - 41 * BW_SECOND,
        .parked_until_us = BW_TIME_NONE,
        .deletes_seen = true,
        .quota_left = 0.97,
        .max_bytes_per_day = INT64_C(1) << 40,
        .progress = {.rows_expected = NAN, .rows_per_s = NAN, .eta_us = BW_TIME_NONE},
    };
}

static char *text_of(const bw_sync_view *sync)
{
    bw_text_view *t = bw_text_view_new(0);
    bw_buf out = BW_BUF_INIT;
    bw_sync_text(t, sync, NULL, NOW, 100);
    for (size_t i = 0; i < bw_text_view_lines(t); i++) {
        bw_slice line = bw_text_view_line(t, i);
        bw_buf_add(&out, line.ptr, line.len);
        bw_buf_addc(&out, '\n');
    }
    char *text = bw_xstrdup(bw_buf_cstr(&out));
    bw_buf_fini(&out);
    bw_text_view_free(t);
    return text;
}

static void check(const bw_sync_view *sync, const char *sentence, bool expected)
{
    char *text = text_of(sync);
    if ((strstr(text, sentence) != NULL) != expected)
        fail_msg("\"%s\" is %sin\n%s", sentence, expected ? "not " : "", text);
    free(text);
}

static void what_is_not_seen_is_said(void **state)
{
    (void)state;
    bw_sync_view s = well();
    check(&s, "NULL cursor", false);
    check(&s, "ahead of", false);
    check(&s, "deletes at the source", false);
    s.null_cursors = 1;
    s.ahead_rows = 2;
    s.deletes_seen = false;
    check(&s, "1 row has a NULL cursor: changes to it are not seen", true);
    check(&s, "2 rows are ahead of the source's clock", true);
    check(&s, "deletes at the source are not seen", true);
    s.null_cursors = s.ahead_rows = -1; /* not known is not a number */
    check(&s, "NULL cursor", false);
    check(&s, " -1", false);
    s.held_back_by = "a transaction of psql (pid 4711, open for 20m)";
    check(&s, "held back by", true);
    check(&s, "pid 4711", true);
    check(&s, "slowed", false);
    s.slowed = "the next run comes after 2h24m instead of by the schedule";
    check(&s, "slowed", true);
    check(&s, "comes after 2h24m", true);
}

static void freshness_is_explained(void **state)
{
    (void)state;
    bw_sync_view s = well();
    check(&s, "100 of 100: what changed up to 41s ago is in the target", true);
    s.lag_s = 450; /* one and a half targets: 100 x 2^-0.5 */
    s.freshness = 70.71;
    s.health = BW_HEALTH_AGING;
    check(&s, "70 of 100: 7m30s behind, 5m is allowed", true);
    check(&s, "2^-((450 s - 300 s) / 300 s) = 70.7", true);
    s.lag_s = s.freshness = NAN;
    s.health = BW_HEALTH_UNKNOWN;
    check(&s, "unknown: the source does not answer", true);
    check(&s, "of 100", false);
    s.watermark_us = BW_TIME_NONE;
    check(&s, "unknown: nothing has been committed yet", true);
}

static void what_is_left_is_said(void **state)
{
    (void)state;
    bw_sync_view s = well();
    check(&s, "97% of the target's modifications of 24 h; other writers are not counted", true);
    s.quota_left = 0.099;
    check(&s, "9% of the target's", true);
    s.quota_left = NAN;
    s.bytes_today = s.dead_letters = -1;
    char *text = text_of(&s);
    const char *p = text;
    int unknown = 0;
    for (; (p = strstr(p, "not known")); p++)
        unknown++;
    assert_int_equal(unknown, 3);
    free(text);
}

static void drift_shows_both_sides(void **state)
{
    (void)state;
    static const char *const notes[] = {
        "column size is not filled before 2026-11-20T08:00:00Z: older rows have NULL"};
    static const bw_column_view columns[] = {
        {.source_name = "id",
         .source_type = "bigint",
         .name = "id",
         .type = "INT64",
         .key_part = true},
        {.source_name = "size",
         .source_type = "text",
         .name = "size",
         .type = "INT64",
         .drift = "retyped: the sync stops"},
        {.source_name = "",
         .source_type = "",
         .name = "old",
         .type = "STRING",
         .drift = "dropped: NULL"},
    };
    const bw_sync_detail detail = {
        .key_origin = "primary key",
        .cursor_origin = "",
        .columns = columns,
        .n_columns = BW_COUNT(columns),
        .notes = notes,
        .n_notes = 1,
        .record_confidence = NAN,
    };
    bw_sync_view s = well();
    check(&s, "the table has not been described yet", true);
    s.detail = &detail;
    check(&s, "drift: retyped: the sync stops", true);
    check(&s, "(gone)", true);
    check(&s, "drift: dropped: NULL", true);
    check(&s, "column size is not filled before 2026-11-20T08:00:00Z", true);
    check(&s, "not scored yet", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_seen_is_said),
        cmocka_unit_test(freshness_is_explained),
        cmocka_unit_test(what_is_left_is_said),
        cmocka_unit_test(drift_shows_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
