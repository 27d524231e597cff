/*
 * FORMAT_* and PARSE_*: the format elements that GoogleSQL documents, without locale.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_text.h"
#include "backend/sandbox/bq_tuple.h"
#include "backend/sandbox/fn_time.h"

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};

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

/* %E4Y, %E*S, %E3S, %Ez: returns how many characters of the format it used, 0 when unknown. */
static size_t add_extended(bw_slice f, const moment *m, bw_buf *out)
{
    if (f.len >= 2 && f.ptr[0] == 'z') {
        add_offset(m, true, out);
        return 1;
    }
    if (f.len < 2)
        return 0;
    if (f.ptr[0] == '4' && f.ptr[1] == 'Y') {
        bw_buf_addf(out, "%04d", (int)m->c.year);
        return 2;
    }
    if (f.ptr[1] == 'S' && (f.ptr[0] == '*' || (f.ptr[0] >= '0' && f.ptr[0] <= '9'))) {
        char micros[8];
        int digits = f.ptr[0] == '*' ? 6 : f.ptr[0] - '0';
        snprintf(micros, sizeof(micros), "%06d", m->micro);
        while (f.ptr[0] == '*' && digits > 0 && micros[digits - 1] == '0')
            digits--;
        bw_buf_addf(out, "%02d", m->second);
        if (digits > 0)
            bw_buf_addf(out, ".%.*s", digits > 6 ? 6 : digits, micros);
        return 2;
    }
    return 0;
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
    const char *month = months[(m->c.month + 11) % 12];
    const char *day = weekdays[bq_iso_weekday(m->days) - 1];

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
}

static void add_format(bw_slice f, const moment *m, bw_buf *out)
{
    for (size_t i = 0; i < f.len; i++) {
        if (f.ptr[i] != '%' || i + 1 >= f.len) {
            bw_buf_addc(out, f.ptr[i]);
            continue;
        }
        i++;
        if (f.ptr[i] == 'E')
            i += add_extended((bw_slice){f.ptr + i + 1, f.len - i - 1}, m, out);
        else
            add_element(f.ptr[i], m, out);
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

/* ---- PARSE_* ----------------------------------------------------------------------------------- */

typedef struct parsed {
    int64_t year, month, day, hour, minute, second, micro, offset;
    int64_t day_of_year, epoch;
    bool pm, has_pm, has_zone, has_epoch;
} parsed;

static void skip_space(bw_slice *s)
{
    while (s->len > 0 && s->ptr[0] && strchr(" \t\n\r\f\v", s->ptr[0]))
        *s = (bw_slice){s->ptr + 1, s->len - 1};
}

static bool take_number(bw_slice *s, int max, int64_t *out)
{
    int n = 0;

    skip_space(s);
    for (*out = 0; n < max && s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9'; n++) {
        *out = *out * 10 + (s->ptr[0] - '0');
        s->ptr++;
        s->len--;
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

static bool parse_element(char e, bw_slice *s, parsed *p)
{
    const struct {
        char letter;
        int digits;
        int64_t *field;
    } numbers[] = {
        {'Y', 4, &p->year},   {'m', 2, &p->month},  {'d', 2, &p->day},         {'e', 2, &p->day},
        {'H', 2, &p->hour},   {'k', 2, &p->hour},   {'I', 2, &p->hour},        {'l', 2, &p->hour},
        {'M', 2, &p->minute}, {'S', 2, &p->second}, {'j', 3, &p->day_of_year},
    };
    static const struct {
        char letter;
        const char *format;
    } composites[] = {
        {'F', "%Y-%m-%d"}, {'T', "%H:%M:%S"}, {'D', "%m/%d/%y"},    {'R', "%H:%M"},
        {'x', "%m/%d/%y"}, {'X', "%H:%M:%S"}, {'r', "%I:%M:%S %p"}, {'c', "%a %b %e %H:%M:%S %Y"}};
    int64_t n;

    for (size_t i = 0; i < BW_COUNT(numbers); i++) {
        if (numbers[i].letter == e)
            return take_number(s, numbers[i].digits, numbers[i].field);
    }
    for (size_t i = 0; i < BW_COUNT(composites); i++) {
        if (composites[i].letter == e)
            return parse_format(bw_slice_cstr(composites[i].format), s, p);
    }
    switch (e) {
    case 'y':
        if (!take_number(s, 2, &n))
            return false;
        p->year = n + (n < 69 ? 2000 : 1900);
        return true;
    case 'B':
    case 'b':
    case 'h':
        return take_name(s, months, 12, &p->month);
    case 'A':
    case 'a':
        return take_name(s, weekdays, 7, &n);
    case 'p':
        if (s->len < 2)
            return false;
        p->has_pm = true;
        p->pm = (s->ptr[0] | 32) == 'p';
        *s = (bw_slice){s->ptr + 2, s->len - 2};
        return true;
    case 'z':
    case 'Z':
        return take_zone(s, p);
    case 'n':
    case 't':
        skip_space(s);
        return true;
    case 's':
        p->has_epoch = true;
        bool negative = s->len > 0 && s->ptr[0] == '-';
        *s = (bw_slice){s->ptr + negative, s->len - negative};
        if (!take_number(s, 12, &p->epoch))
            return false;
        p->epoch = negative ? -p->epoch : p->epoch;
        return true;
    case '%':
        if (s->len == 0 || s->ptr[0] != '%')
            return false;
        *s = (bw_slice){s->ptr + 1, s->len - 1};
        return true;
    default:
        return false;
    }
}

static bool parse_format(bw_slice f, bw_slice *s, parsed *p)
{
    for (size_t i = 0; i < f.len; i++) {
        if (f.ptr[i] == ' ') {
            skip_space(s);
        } else if (f.ptr[i] != '%') {
            if (s->len == 0 || s->ptr[0] != f.ptr[i])
                return false;
            *s = (bw_slice){s->ptr + 1, s->len - 1};
        } else if (i + 3 < f.len + 1 && i + 2 < f.len && f.ptr[i + 1] == 'E') {
            bool zone = f.ptr[i + 2] == 'z';
            char last = zone ? 'z' : i + 3 < f.len ? f.ptr[i + 3] : 0;
            i += zone ? 2 : 3;
            if (!parse_element(last, s, p) || (last == 'S' && !take_fraction(s, &p->micro)))
                return false;
        } else if (i + 1 < f.len) {
            if (!parse_element(f.ptr[++i], s, p))
                return false;
        }
    }
    return true;
}

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

static void parse(sqlite3_context *ctx, int argc, sqlite3_value **argv, bq_kind kind)
{
    parsed p = {.year = 1970, .month = 1, .day = 1};
    int64_t days, offset;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice f = bq_arg_slice(argv[0]), s = bq_arg_slice(argv[1]), rest = s;
    skip_space(&rest);
    bool ok = parse_format(f, &rest, &p);
    skip_space(&rest);
    ok = ok && rest.len == 0;
    if (ok && p.day_of_year > 0 && bq_days_of(p.year, 1, 1, &days)) {
        bq_civil c = bq_civil_of((days + p.day_of_year - 1) * BQ_US_PER_DAY);
        ok = c.year == p.year;
        p.month = c.month;
        p.day = c.day;
    }
    if (ok && p.has_epoch) {
        set_epoch(&p);
    } else if (p.has_pm)
        p.hour = p.hour % 12 + (p.pm ? 12 : 0);
    ok = ok && bq_days_of(p.year, p.month, p.day, &days) && p.hour <= 23 && p.minute <= 59 &&
         p.second <= 59;
    if (!ok) {
        bq_result_error(ctx, "Failed to parse input string \"%.*s\"", BW_SLICE_ARG(s));
        return;
    }
    int64_t clock = ((p.hour * 60 + p.minute) * 60 + p.second) * BQ_US_PER_SECOND + p.micro;
    int64_t local = days * BQ_US_PER_DAY + clock;
    if (kind == BQ_TIMESTAMP && argc > 2 &&
        bq_zone_offset(bq_arg_slice(argv[2]), local, true, &offset))
        p.offset = p.has_zone ? p.offset : offset;
    sqlite3_result_int64(ctx, kind == BQ_DATE        ? days
                              : kind == BQ_TIME      ? clock
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

const bq_function bq_format_functions[] = {
    {"bq_format_timestamp", -1, format_moment, false},
    {"bq_format_datetime", 2, format_moment, false},
    {"bq_format_time", 2, format_moment, false},
    {"bq_format_date", 2, format_date, false},
    {"bq_parse_timestamp", -1, parse_timestamp, false},
    {"bq_parse_datetime", 2, parse_datetime, false},
    {"bq_parse_date", 2, parse_date, false},
    {"bq_parse_time", 2, parse_time, false},
};

const size_t bq_format_function_count = BW_COUNT(bq_format_functions);
