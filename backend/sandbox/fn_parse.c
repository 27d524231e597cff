/*
 * PARSE_DATE, PARSE_TIME, PARSE_DATETIME and PARSE_TIMESTAMP: the format elements that GoogleSQL
 * documents. White space in the format stands for any, also none; around the input it is ignored.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/fn_time.h"

const char *const bq_month_names[12] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
const char *const bq_weekday_names[7] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday"};

typedef struct parsed {
    int64_t year, month, day, hour, minute, second, micro, offset;
    int64_t hour12, day_of_year, quarter, century, short_year, epoch;
    bool pm, has_pm, has_zone, has_epoch;
    char unsupported; /* an element that is not part of the subset */
} parsed;

#define UNSET (-1) /* of what decides only when it was there */

static void skip_space(bw_slice *s)
{
    while (s->len > 0 && s->ptr[0] && strchr(" \t\n\r\f\v", s->ptr[0]))
        *s = (bw_slice){s->ptr + 1, s->len - 1};
}

/* As many digits as there are, at most `digits`, and no more than keep it within `most`. */
static bool take_number(bw_slice *s, int digits, int64_t most, int64_t *out)
{
    int n = 0;

    skip_space(s);
    for (*out = 0; n < digits && s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9'; n++) {
        int64_t next = *out * 10 + (s->ptr[0] - '0');
        if (next > most)
            break;
        *out = next;
        *s = (bw_slice){s->ptr + 1, s->len - 1};
    }
    return n > 0;
}

static bool take_name(bw_slice *s, const char *const *names, int count, int64_t *out)
{
    for (int i = 0; i < count; i++) {
        size_t full = strlen(names[i]);
        size_t n = s->len >= full && strncasecmp(s->ptr, names[i], full) == 0 ? full : 3;
        if (s->len < n || strncasecmp(s->ptr, names[i], n) != 0)
            continue;
        *out = i + 1;
        *s = (bw_slice){s->ptr + n, s->len - n};
        return true;
    }
    return false;
}

static bool take_fraction(bw_slice *s, int64_t *micro)
{
    int64_t scale = 100000;

    *micro = 0;
    if (s->len == 0 || s->ptr[0] != '.')
        return true;
    for (s->ptr++, s->len--; s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9';
         s->ptr++, s->len--) {
        *micro += (s->ptr[0] - '0') * scale;
        scale /= 10;
    }
    return true;
}

static bool parse_format(bw_slice f, bw_slice *s, parsed *p);

static bool take_zone(bw_slice *s, parsed *p)
{
    size_t n = 0;
    char compact[8];

    while (n < s->len && s->ptr[n] != ' ')
        n++;
    bw_slice zone = {s->ptr, n};
    /* "+0530" is written without its colon. */
    if (n == 5 && (zone.ptr[0] == '+' || zone.ptr[0] == '-') && !memchr(zone.ptr, ':', n)) {
        snprintf(compact, sizeof(compact), "%.3s:%.2s", zone.ptr, zone.ptr + 3);
        zone = bw_slice_cstr(compact);
    }
    if (!bq_zone_offset(zone, 0, true, &p->offset))
        return false;
    p->has_zone = true;
    *s = (bw_slice){s->ptr + n, s->len - n};
    return true;
}

/* The elements that are numbers. Later ones win: %Y after %C, %C after %Y. */
static bool take_field(char e, bw_slice *s, parsed *p)
{
    const struct {
        char letter;
        int digits;
        int64_t most;
        int64_t *field;
    } numbers[] = {
        {'Y', 5, 10000, &p->year},    {'m', 2, 99, &p->month},        {'d', 2, 99, &p->day},
        {'e', 2, 99, &p->day},        {'H', 2, 99, &p->hour},         {'k', 2, 99, &p->hour},
        {'I', 2, 99, &p->hour12},     {'l', 2, 99, &p->hour12},       {'M', 2, 99, &p->minute},
        {'S', 2, 99, &p->second},     {'j', 3, 999, &p->day_of_year}, {'Q', 1, 4, &p->quarter},
        {'y', 2, 99, &p->short_year}, {'C', 3, 100, &p->century},
    };
    for (size_t i = 0; i < BW_COUNT(numbers); i++) {
        if (numbers[i].letter != e)
            continue;
        if (!take_number(s, numbers[i].digits, numbers[i].most, numbers[i].field))
            return false;
        if (e == 'Y')
            p->century = p->short_year = UNSET;
        if (e == 'H' || e == 'k')
            p->hour12 = UNSET;
        return true;
    }
    return false;
}

static bool take_epoch(bw_slice *s, parsed *p)
{
    bool negative = s->len > 0 && s->ptr[0] == '-';

    *s = (bw_slice){s->ptr + negative, s->len - negative};
    if (!take_number(s, 12, INT64_MAX / 10 - 1, &p->epoch))
        return false;
    p->epoch = negative ? -p->epoch : p->epoch;
    p->has_epoch = true;
    return true;
}

static bool take_half(bw_slice *s, parsed *p)
{
    if (s->len < 2 || (s->ptr[1] | 32) != 'm' ||
        ((s->ptr[0] | 32) != 'a' && (s->ptr[0] | 32) != 'p'))
        return false;
    p->has_pm = true;
    p->pm = (s->ptr[0] | 32) == 'p';
    *s = (bw_slice){s->ptr + 2, s->len - 2};
    return true;
}

static bool parse_format(bw_slice f, bw_slice *s, parsed *p);

static bool parse_element(char e, bw_slice *s, parsed *p)
{
    static const struct {
        char letter;
        const char *format;
    } composites[] = {
        {'F', "%Y-%m-%d"}, {'T', "%H:%M:%S"}, {'D', "%m/%d/%y"},    {'R', "%H:%M"},
        {'x', "%m/%d/%y"}, {'X', "%H:%M:%S"}, {'r', "%I:%M:%S %p"}, {'c', "%a %b %e %H:%M:%S %Y"}};
    int64_t n;

    for (size_t i = 0; i < BW_COUNT(composites); i++) {
        if (composites[i].letter == e)
            return parse_format(bw_slice_cstr(composites[i].format), s, p);
    }
    if (e && strchr("BbhAa", e))
        return take_name(s, e == 'A' || e == 'a' ? bq_weekday_names : bq_month_names,
                         e == 'A' || e == 'a' ? 7 : 12, e == 'A' || e == 'a' ? &n : &p->month);
    if (e == 'u' || e == 'w')
        return take_number(s, 1, 7, &n); /* without a week it says nothing */
    if (e == 'p' || e == 'P')
        return take_half(s, p);
    if (e == 'z' || e == 'Z')
        return take_zone(s, p);
    if (e == 's')
        return take_epoch(s, p);
    if (e == 'n' || e == 't') {
        skip_space(s);
        return true;
    }
    if (e && strchr("UWVGgJ", e))
        p->unsupported = e;
    return take_field(e, s, p);
}

static bool take_literal(bw_slice *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = (bw_slice){s->ptr + 1, s->len - 1};
    return true;
}

/* %E4Y, %E*S, %E3S, %Ez, %EY, %Od: how many characters behind the % are read. 0: none of them. */
static size_t parse_modified(bw_slice f, bw_slice *s, parsed *p, bool *ok)
{
    if (f.len < 2 || (f.ptr[0] != 'E' && f.ptr[0] != 'O'))
        return 0;
    if (strchr(f.ptr[0] == 'E' ? "zCcXxYy" : "deHImMSuUVwWy", f.ptr[1])) {
        *ok = f.ptr[1] != '\0' && parse_element(f.ptr[1], s, p);
        return 2;
    }
    bool year = f.len > 2 && f.ptr[1] == '4' && f.ptr[2] == 'Y';
    bool second = f.len > 2 && f.ptr[2] == 'S' && f.ptr[1] && strchr("*0123456789", f.ptr[1]);
    if (f.ptr[0] == 'O' || (!year && !second))
        return 0;
    *ok = parse_element(f.ptr[2], s, p) && (year || take_fraction(s, &p->micro));
    return 3;
}

static bool parse_format(bw_slice f, bw_slice *s, parsed *p)
{
    for (size_t i = 0; i < f.len; i++) {
        bool ok = true;
        if (f.ptr[i] && strchr(" \t\n\r\f\v", f.ptr[i])) {
            skip_space(s);
        } else if (f.ptr[i] != '%' || i + 1 >= f.len) {
            ok = take_literal(s, f.ptr[i]);
        } else {
            bw_slice rest = {f.ptr + i + 1, f.len - i - 1};
            size_t used = parse_modified(rest, s, p, &ok);
            if (used == 0)
                ok = rest.ptr[0] == '%' ? take_literal(s, '%') : parse_element(rest.ptr[0], s, p);
            i += used ? used : 1;
        }
        if (!ok)
            return false;
    }
    return true;
}

/* ---- What the fields mean together -------------------------------------------------------------- */

/* %s: the whole time, at UTC. */
static void set_epoch(parsed *p)
{
    bq_civil c = bq_civil_of(p->epoch * BQ_US_PER_SECOND);
    int64_t seconds = c.us_of_day / BQ_US_PER_SECOND;

    *p = (parsed){.year = c.year,
                  .month = c.month,
                  .day = c.day,
                  .hour = seconds / 3600,
                  .minute = seconds / 60 % 60,
                  .second = seconds % 60,
                  .has_zone = true};
}

static bool settle(parsed *p)
{
    int64_t first;

    if (p->has_epoch) {
        set_epoch(p);
        return true;
    }
    if (p->century != UNSET)
        p->year = p->century * 100 + (p->short_year == UNSET ? 0 : p->short_year);
    else if (p->short_year != UNSET)
        p->year = p->short_year + (p->short_year < 69 ? 2000 : 1900);
    if (p->quarter == 0)
        return false;
    if (p->quarter != UNSET)
        p->month = p->quarter * 3 - 2;
    if (p->hour12 != UNSET && (p->hour12 < 1 || p->hour12 > 12))
        return false;
    if (p->hour12 != UNSET)
        p->hour = p->hour12 % 12 + (p->has_pm && p->pm ? 12 : 0);
    if (p->hour12 == 12 && !p->has_pm)
        p->hour = 12;
    if (p->day_of_year == UNSET)
        return true;
    if (!bq_days_of(p->year, 1, 1, &first))
        return false;
    bq_civil c = bq_civil_of((first + p->day_of_year - 1) * BQ_US_PER_DAY);
    p->month = c.month;
    p->day = c.day;
    return c.year == p->year;
}

static void parse(sqlite3_context *ctx, int argc, sqlite3_value **argv, bq_kind kind)
{
    parsed p = {.year = 1970, .month = 1, .day = 1};
    int64_t days, offset;

    if (bq_any_null(ctx, argc, argv))
        return;
    p.hour12 = p.day_of_year = p.quarter = p.century = p.short_year = UNSET;
    bw_slice f = bq_arg_slice(argv[0]), s = bq_arg_slice(argv[1]), rest = s;
    skip_space(&rest);
    bool ok = parse_format(f, &rest, &p);
    skip_space(&rest);
    ok = ok && rest.len == 0 && settle(&p) && bq_days_of(p.year, p.month, p.day, &days) &&
         p.hour <= 23 && p.minute <= 59 && p.second <= 60;
    if (!ok) {
        if (p.unsupported)
            bq_result_error(ctx,
                            "Unsupported: the element %%%c in PARSE_ functions is not part of the "
                            "sandbox's SQL",
                            p.unsupported);
        else
            bq_result_error(ctx, "Failed to parse input string \"%.*s\"", BW_SLICE_ARG(s));
        return;
    }
    int64_t clock = ((p.hour * 60 + p.minute) * 60 + p.second) * BQ_US_PER_SECOND + p.micro;
    int64_t local = days * BQ_US_PER_DAY + clock;
    if (kind == BQ_TIMESTAMP && argc > 2 &&
        bq_zone_offset(bq_arg_slice(argv[2]), local, true, &offset))
        p.offset = p.has_zone ? p.offset : offset;
    sqlite3_result_int64(ctx, kind == BQ_DATE        ? days
                              : kind == BQ_TIME      ? clock % BQ_US_PER_DAY
                              : kind == BQ_TIMESTAMP ? local - p.offset
                                                     : local);
}

static void parse_timestamp(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    parse(ctx, argc, argv, BQ_TIMESTAMP);
}

static void parse_datetime(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    parse(ctx, argc, argv, BQ_DATETIME);
}

static void parse_date(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    parse(ctx, argc, argv, BQ_DATE);
}

static void parse_time(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    parse(ctx, argc, argv, BQ_TIME);
}

const bq_function bq_parse_functions[] = {
    {"bq_parse_timestamp", -1, parse_timestamp, false},
    {"bq_parse_datetime", 2, parse_datetime, false},
    {"bq_parse_date", 2, parse_date, false},
    {"bq_parse_time", 2, parse_time, false},
};

const size_t bq_parse_function_count = BW_COUNT(bq_parse_functions);
