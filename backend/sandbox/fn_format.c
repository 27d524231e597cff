/*
 * FORMAT_*: the format elements that GoogleSQL documents, without locale.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_text.h"
#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/fn_time.h"

/* A time on its way to text. */
typedef struct moment {
    int64_t local, utc, offset, days;
    bq_civil c;
    int hour, minute, second, micro;
} moment;

static moment moment_of(int64_t local, int64_t offset)
{
    moment m = {.local = local, .utc = local - offset, .offset = offset};

    m.days = bq_floor_div(local, BQ_US_PER_DAY);
    m.c = bq_civil_of(local);
    m.hour = (int)(m.c.us_of_day / (3600 * BQ_US_PER_SECOND));
    m.minute = (int)(m.c.us_of_day / (60 * BQ_US_PER_SECOND) % 60);
    m.second = (int)(m.c.us_of_day / BQ_US_PER_SECOND % 60);
    m.micro = (int)(m.c.us_of_day % BQ_US_PER_SECOND);
    return m;
}

static void add_format(bw_slice format, const moment *m, bw_buf *out);
static void add_element(char e, const moment *m, bw_buf *out);

static void add_offset(const moment *m, bool colon, bw_buf *out)
{
    int64_t minutes = llabs(m->offset) / (60 * BQ_US_PER_SECOND);

    bw_buf_addf(out, "%c%02d%s%02d", m->offset < 0 ? '-' : '+', (int)(minutes / 60),
                colon ? ":" : "", (int)(minutes % 60));
}

/* UTC, UTC-8, UTC+5:30 */
static void add_zone(const moment *m, bw_buf *out)
{
    int64_t minutes = llabs(m->offset) / (60 * BQ_US_PER_SECOND);

    bw_buf_adds(out, "UTC");
    if (minutes > 0)
        bw_buf_addf(out, "%c%d", m->offset < 0 ? '-' : '+', (int)(minutes / 60));
    if (minutes % 60 > 0)
        bw_buf_addf(out, ":%02d", (int)(minutes % 60));
}

/* What follows %E: 4Y, *S, 3S, z, or one of the elements that E changes nothing of. Returns how many
   characters of the format it used, 0 when it is none of them. */
static size_t add_extended(bw_slice f, const moment *m, bw_buf *out)
{
    if (f.len >= 1 && f.ptr[0] == 'z') {
        add_offset(m, true, out);
        return 1;
    }
    if (f.len >= 1 && f.ptr[0] && strchr("CcXxYy", f.ptr[0])) {
        add_element(f.ptr[0], m, out);
        return 1;
    }
    if (f.len < 2)
        return 0;
    if (f.ptr[0] == '4' && f.ptr[1] == 'Y') {
        bw_buf_addf(out, "%04d", (int)m->c.year);
        return 2;
    }
    if (f.ptr[1] == 'S' && (f.ptr[0] == '*' || (f.ptr[0] >= '0' && f.ptr[0] <= '9'))) {
        char fraction[16];
        int digits = f.ptr[0] == '*' ? 6 : f.ptr[0] - '0';
        snprintf(fraction, sizeof(fraction), "%06d000", m->micro);
        while (f.ptr[0] == '*' && digits > 0 && fraction[digits - 1] == '0')
            digits--;
        bw_buf_addf(out, "%02d", m->second);
        if (digits > 0)
            bw_buf_addf(out, ".%.*s", digits, fraction);
        return 2;
    }
    return 0;
}

/* From 0: the ISO year begins on the Monday of its first week. */
static int iso_day_of_year(int64_t days)
{
    int64_t year, week;

    bq_iso_week(days, &year, &week);
    return (int)((week - 1) * 7 + bq_iso_weekday(days) - 1);
}

/* The elements that are numbers, with their least width and what fills it. */
static bool add_number(char e, const moment *m, bw_buf *out)
{
    int64_t year, week, first = 0;
    int weekday = bq_iso_weekday(m->days);
    int hour12 = m->hour % 12 == 0 ? 12 : m->hour % 12;

    bq_days_of(m->c.year, 1, 1, &first);
    bq_iso_week(m->days, &year, &week);
    int day_of_year = (int)(m->days - first);
    const struct {
        char letter;
        const char *format;
        int value;
    } numbers[] = {
        {'Y', "%d", (int)m->c.year},
        {'C', "%02d", (int)(m->c.year / 100)},
        {'y', "%02d", (int)(m->c.year % 100)},
        {'m', "%02d", (int)m->c.month},
        {'d', "%02d", (int)m->c.day},
        {'e', "%2d", (int)m->c.day},
        {'H', "%02d", m->hour},
        {'k', "%2d", m->hour},
        {'I', "%02d", hour12},
        {'l', "%2d", hour12},
        {'M', "%02d", m->minute},
        {'S', "%02d", m->second},
        {'j', "%03d", day_of_year + 1},
        {'J', "%03d", iso_day_of_year(m->days) + 1},
        {'G', "%d", (int)year},
        {'g', "%02d", (int)(year % 100)},
        {'V', "%02d", (int)week},
        {'U', "%02d", (day_of_year + 7 - weekday % 7) / 7},
        {'W', "%02d", (day_of_year + 8 - weekday) / 7},
        {'u', "%d", weekday},
        {'w', "%d", weekday % 7},
        {'Q', "%d", ((int)m->c.month - 1) / 3 + 1},
    };
    for (size_t i = 0; i < BW_COUNT(numbers); i++) {
        const char *f = numbers[i].format;
        if (numbers[i].letter != e)
            continue;
        if (f[1] == '0')
            bw_buf_addf(out, "%0*d", f[2] - '0', numbers[i].value);
        else
            bw_buf_addf(out, "%*d", f[1] == 'd' ? 0 : f[1] - '0', numbers[i].value);
        return true;
    }
    return false;
}

/* The elements that stand for several. */
static bool add_composite(char e, const moment *m, bw_buf *out)
{
    static const struct {
        char letter;
        const char *format;
    } composites[] = {
        {'F', "%Y-%m-%d"}, {'T', "%H:%M:%S"}, {'D', "%m/%d/%y"},    {'R', "%H:%M"},
        {'x', "%m/%d/%y"}, {'X', "%H:%M:%S"}, {'r', "%I:%M:%S %p"}, {'c', "%a %b %e %H:%M:%S %Y"}};

    for (size_t i = 0; i < BW_COUNT(composites); i++) {
        if (composites[i].letter == e) {
            add_format(bw_slice_cstr(composites[i].format), m, out);
            return true;
        }
    }
    return false;
}

static void add_element(char e, const moment *m, bw_buf *out)
{
    const char *month = bq_month_names[(m->c.month + 11) % 12];
    const char *day = bq_weekday_names[bq_iso_weekday(m->days) - 1];

    if (add_number(e, m, out) || add_composite(e, m, out))
        return;
    if (e == 'A' || e == 'a')
        bw_buf_addf(out, "%.*s", e == 'A' ? 9 : 3, day);
    else if (e == 'B' || e == 'b' || e == 'h')
        bw_buf_addf(out, "%.*s", e == 'B' ? 9 : 3, month);
    else if (e == 'p' || e == 'P')
        bw_buf_adds(out, e == 'p' ? (m->hour < 12 ? "AM" : "PM") : (m->hour < 12 ? "am" : "pm"));
    else if (e == 'z')
        add_offset(m, false, out);
    else if (e == 'Z')
        add_zone(m, out);
    else if (e == 's')
        bw_buf_addf(out, "%lld", (long long)bq_floor_div(m->utc, BQ_US_PER_SECOND));
    else if (e == 'n' || e == 't' || e == '%')
        bw_buf_addc(out, e == 'n' ? '\n' : e == 't' ? '\t' : '%');
    else
        bw_buf_addf(out, "%%%c", e);
}

static void add_format(bw_slice f, const moment *m, bw_buf *out)
{
    for (size_t i = 0; i < f.len; i++) {
        if (f.ptr[i] != '%' || i + 1 >= f.len) {
            bw_buf_addc(out, f.ptr[i]);
            continue;
        }
        i++;
        bw_slice rest = {f.ptr + i + 1, f.len - i - 1};
        size_t used = 0;
        if (f.ptr[i] == 'E') {
            used = add_extended(rest, m, out);
        } else if (f.ptr[i] == 'O' && rest.len > 0 && rest.ptr[0] &&
                   strchr("deHImMSuUVwWy", rest.ptr[0])) {
            add_element(rest.ptr[0], m, out);
            used = 1;
        } else {
            add_element(f.ptr[i], m, out);
            continue;
        }
        if (used == 0)
            bw_buf_addf(out, "%%%c", f.ptr[i]);
        i += used;
    }
}

static void format(sqlite3_context *ctx, int argc, sqlite3_value **argv, int64_t unit)
{
    bw_buf out = BW_BUF_INIT;
    int64_t offset = 0;

    if (bq_any_null(ctx, argc, argv))
        return;
    int64_t v = sqlite3_value_int64(argv[1]) * unit;
    if (argc > 2 && !bq_zone_offset(bq_arg_slice(argv[2]), v, false, &offset)) {
        bw_slice zone = bq_arg_slice(argv[2]);
        bq_result_error(ctx, "Invalid time zone: %.*s", BW_SLICE_ARG(zone));
        return;
    }
    moment m = moment_of(v + offset, offset);
    add_format(bq_arg_slice(argv[0]), &m, &out);
    bq_result_text(ctx, bw_buf_slice(&out));
    bw_buf_fini(&out);
}

static void format_moment(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    format(ctx, argc, argv, 1);
}

static void format_date(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    format(ctx, argc, argv, BQ_US_PER_DAY);
}

const bq_function bq_format_functions[] = {
    {"bq_format_timestamp", -1, format_moment, false},
    {"bq_format_datetime", 2, format_moment, false},
    {"bq_format_time", 2, format_moment, false},
    {"bq_format_date", 2, format_date, false},
};

const size_t bq_format_function_count = BW_COUNT(bq_format_functions);
