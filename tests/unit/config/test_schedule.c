/* Covers: backend/config/schedule. When a schedule is due, also when the clocks change. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <time.h>

#include "backend/config/schedule.h"
#include "backend/core/units.h"

static void zone(const char *tz)
{
    setenv("TZ", tz, 1);
    tzset();
}

static bw_schedule parsed(const char *text)
{
    bw_error err = BW_ERROR_INIT;
    bw_schedule s;
    assert_ok(bw_schedule_parse(bw_slice_cstr(text), &s, NULL, &err), err);
    return s;
}

static int64_t at(const char *time)
{
    int64_t us;
    assert_true(bw_parse_time(bw_slice_cstr(time), &us));
    return us;
}

/* The runs after `from` are exactly `want` (as UTC), a NULL-terminated list. */
static void check_runs(const char *schedule, const char *from, const char *const *want)
{
    bw_schedule s = parsed(schedule);
    int64_t t = at(from);
    for (size_t i = 0; want[i]; i++) {
        char text[BW_TIME_TEXT];
        t = bw_schedule_next(&s, t);
        assert_string_equal(bw_format_time(t, text), want[i]);
    }
}
#define RUNS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void plain_schedules(void **state)
{
    (void)state;
    zone("UTC");
    assert_int_equal(parsed("manual").kind, BW_SCHEDULE_MANUAL);
    assert_int_equal(parsed("every 1m").every_us, BW_MINUTE);
    assert_int_equal(parsed("every: 1h30m").every_us, 90 * BW_MINUTE);
    bw_schedule manual = parsed("manual"), every = parsed("every 5m");
    assert_int_equal(bw_schedule_next(&manual, 0), BW_TIME_NONE);
    assert_int_equal(bw_schedule_next(&every, 7), 5 * BW_MINUTE + 7);
    assert_int_equal(bw_schedule_period(&manual, 0), 0);
    assert_int_equal(bw_schedule_period(&every, 0), 5 * BW_MINUTE);
    bw_schedule cron = parsed("0 6,18 * * 1-5");
    assert_int_equal(bw_schedule_period(&cron, at("2026-11-18T00:00:00Z")), 60 * BW_HOUR);
}

static void cron_fields(void **state)
{
    (void)state;
    zone("UTC");
    check_runs("cron: 0 */2 * * *", "2026-11-20T08:37:00Z",
               RUNS("2026-11-20T10:00:00Z", "2026-11-20T12:00:00Z"));
    check_runs("0 */2 * * *", "2026-11-20T23:00:00Z", RUNS("2026-11-21T00:00:00Z"));
    check_runs("5-15/5,50 9-10 * * *", "2026-01-01T09:05:00Z",
               RUNS("2026-01-01T09:10:00Z", "2026-01-01T09:15:00Z", "2026-01-01T09:50:00Z",
                    "2026-01-01T10:05:00Z"));
    check_runs("0 0 1 jan,JUL *", "2026-03-01T00:00:00Z",
               RUNS("2026-07-01T00:00:00Z", "2027-01-01T00:00:00Z"));
    check_runs("0 0 * * sun", "2026-11-20T00:00:00Z", RUNS("2026-11-22T00:00:00Z"));
    check_runs("0 0 * * 7", "2026-11-20T00:00:00Z", RUNS("2026-11-22T00:00:00Z"));
    check_runs("0 0 * * fri-7", "2026-11-22T00:00:00Z",
               RUNS("2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z", "2026-11-29T00:00:00Z"));
    check_runs("@daily", "2026-11-20T00:00:00Z", RUNS("2026-11-21T00:00:00Z"));
    check_runs("cron: @hourly", "2026-11-20T00:59:59.5Z", RUNS("2026-11-20T01:00:00Z"));
    check_runs("0 0 29 2 *", "2026-01-01T00:00:00Z",
               RUNS("2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"));
    check_runs("0 0 29 2 *", "2096-03-01T00:00:00Z", RUNS("2104-02-29T00:00:00Z"));
    check_runs("0 0 30 2 *", "2026-01-01T00:00:00Z", RUNS("-"));
}

static void either_day_may_match_when_both_are_restricted(void **state)
{
    (void)state;
    zone("UTC");
    check_runs("0 0 13 * 5", "2026-11-01T00:00:00Z",
               RUNS("2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"));
    check_runs("0 0 13 * 1", "2026-11-10T00:00:00Z",
               RUNS("2026-11-13T00:00:00Z", "2026-11-16T00:00:00Z"));
    /* A day that begins with * is not restricted, whatever its step. */
    check_runs("0 0 */2 * 1", "2026-11-01T00:00:00Z",
               RUNS("2026-11-09T00:00:00Z", "2026-11-23T00:00:00Z"));
}

static void clocks_going_forward(void **state)
{
    (void)state;
    zone("Europe/Berlin"); /* 2026-03-29 02:00 CET becomes 03:00 CEST, at 01:00 UTC */
    check_runs("30 2 * * *", "2026-03-28T12:00:00Z",
               RUNS("2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"));
    check_runs("0,30 2 * * *", "2026-03-28T12:00:00Z",
               RUNS("2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"));
    check_runs("*/30 * * * *", "2026-03-29T00:10:00Z",
               RUNS("2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"));
    check_runs("15 1 * * *", "2026-03-28T12:00:00Z",
               RUNS("2026-03-29T00:15:00Z", "2026-03-29T23:15:00Z"));
    /* 03:00 itself and what was skipped fall together and run once. */
    check_runs("0 2,3 * * *", "2026-03-28T12:00:00Z",
               RUNS("2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"));
}

static void clocks_going_back(void **state)
{
    (void)state;
    zone("Europe/Berlin"); /* 2026-10-25 03:00 CEST becomes 02:00 CET, at 01:00 UTC */
    check_runs("30 2 * * *", "2026-10-24T12:00:00Z",
               RUNS("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"));
    check_runs("*/30 * * * *", "2026-10-24T23:50:00Z",
               RUNS("2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z",
                    "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"));
    check_runs("0 3 * * *", "2026-10-24T12:00:00Z",
               RUNS("2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"));
}

static void odd_zones(void **state)
{
    (void)state;
    /* Midnight itself is skipped: 2026-03-08 in Havana begins at 01:00. */
    zone("America/Havana");
    check_runs("0 0 * * *", "2026-03-07T12:00:00Z",
               RUNS("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"));
    /* Half an hour only. */
    zone("Australia/Lord_Howe"); /* 2026-10-04 02:00 becomes 02:30 */
    check_runs("15 2 * * *", "2026-10-03T00:00:00Z",
               RUNS("2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"));
    /* A day that never was: 2011-12-30 in Apia. */
    zone("Pacific/Apia");
    check_runs("0 12 * * *", "2011-12-29T23:00:00Z",
               RUNS("2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"));
    zone("UTC");
}

/* Minute by minute over two years: a schedule is due exactly where the calendar says so. */
static void agrees_with_the_calendar(void **state)
{
    (void)state;
    zone("America/New_York");
    bw_schedule s = parsed("*/7 1-3 * * *");
    int64_t t = at("2026-01-01T00:00:00Z"), end = at("2027-12-31T00:00:00Z");
    int64_t due = bw_schedule_next(&s, t);
    for (t += BW_MINUTE; t < end; t += BW_MINUTE) {
        struct tm tm;
        time_t seconds = (time_t)(t / BW_SECOND);
        localtime_r(&seconds, &tm);
        bool want = tm.tm_min % 7 == 0 && tm.tm_hour >= 1 && tm.tm_hour <= 3;
        assert_int_equal(want, due == t);
        if (want)
            due = bw_schedule_next(&s, t);
    }
    zone("UTC");
}

static void check_wrong(const char *text, size_t where, const char *message)
{
    bw_error err = BW_ERROR_INIT;
    bw_schedule s;
    size_t at_byte = 99;
    assert_int_equal(bw_schedule_parse(bw_slice_cstr(text), &s, &at_byte, &err), BW_INVALID);
    assert_string_equal(err.message, message);
    assert_int_equal(at_byte, where);
}

static void errors_say_where(void **state)
{
    (void)state;
    check_wrong("", 0, "it is neither every, cron nor manual");
    check_wrong("hourly", 0, "it is neither every, cron nor manual");
    check_wrong("every", 5, "every needs a duration from 1s to 366d");
    check_wrong("every 5 parsecs", 6, "every needs a duration from 1s to 366d");
    check_wrong("every 10ms", 6, "every needs a duration from 1s to 366d");
    check_wrong("60 * * * *", 0, "minute 60 is not within 0 to 59");
    check_wrong("cron: 0 24 * * *", 8, "hour 24 is not within 0 to 23");
    check_wrong("0 0 0 * *", 4, "day of month 0 is not within 1 to 31");
    check_wrong("0 0 * foo *", 6, "the month is missing or not understood");
    check_wrong("0 0 * *", 7, "the day of week is missing or not understood");
    check_wrong("0 0 * * * *", 10, "there is something after the fifth field");
    check_wrong("*/0 * * * *", 1, "the minute step is not understood");
    check_wrong("5/10 * * * *", 1, "the minute step is not understood");
    check_wrong("0 22-4 * * *", 2, "the hour range runs backwards");
    check_wrong("0x * * * *", 1, "the minute ends in something else");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_schedules),
        cmocka_unit_test(cron_fields),
        cmocka_unit_test(either_day_may_match_when_both_are_restricted),
        cmocka_unit_test(clocks_going_forward),
        cmocka_unit_test(clocks_going_back),
        cmocka_unit_test(odd_zones),
        cmocka_unit_test(agrees_with_the_calendar),
        cmocka_unit_test(errors_say_where),
    };
    return BW_RUN_TESTS(tests);
}
