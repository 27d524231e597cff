/*
 * FORMAT_*, PARSE_* and FORMAT: the format elements that GoogleSQL documents, without locale.
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
    int day_of_year = (int)(m->days - first), first_weekday = bq_iso_weekday(first);
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
        {'U', "%02d", (day_of_year + first_weekday % 7) / 7},
        {'W', "%02d", (day_of_year + first_weekday - 1) / 7},
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
        bw_buf_adds(out, "UTC");
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
    bool pm, has_pm;
} parsed;

static bool take_number(bw_slice *s, int max, int64_t *out)
{
    int n = 0;

    while (s->len > 0 && s->ptr[0] == ' ') {
        s->ptr++;
        s->len--;
    }
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
        {'Y', 4, &p->year},   {'m', 2, &p->month},  {'d', 2, &p->day},  {'e', 2, &p->day},
        {'H', 2, &p->hour},   {'k', 2, &p->hour},   {'I', 2, &p->hour}, {'l', 2, &p->hour},
        {'M', 2, &p->minute}, {'S', 2, &p->second},
    };
    static const struct {
        char letter;
        const char *format;
    } composites[] = {{'F', "%Y-%m-%d"}, {'T', "%H:%M:%S"}, {'D', "%m/%d/%y"}, {'R', "%H:%M"}};
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
            while (s->len > 0 && s->ptr[0] == ' ')
                *s = (bw_slice){s->ptr + 1, s->len - 1};
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

static void parse(sqlite3_context *ctx, int argc, sqlite3_value **argv, bq_kind kind)
{
    parsed p = {.year = 1970, .month = 1, .day = 1};
    int64_t days, offset;

    if (bq_any_null(ctx, argc, argv))
        return;
    bw_slice f = bq_arg_slice(argv[0]), s = bq_arg_slice(argv[1]), rest = s;
    bool ok = parse_format(f, &rest, &p) && rest.len == 0;
    if (p.has_pm)
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
        p.offset = p.offset ? p.offset : offset;
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

/* ---- FORMAT ------------------------------------------------------------------------------------ */

/* %d %s %t %T %f %x with width, zero and left flags; what the argument's type does not allow is an
   error. */
static bool add_argument(char spec, const char *flags, const bq_field *type, const bq_value *v,
                         bw_buf *out)
{
    bw_buf text = BW_BUF_INIT;
    long width = strtol(flags + strspn(flags, "-+ 0#"), NULL, 10);
    const char *point = strchr(flags, '.');
    bool left = strchr(flags, '-') != NULL, zero = flags[strspn(flags, "-+ #")] == '0';
    bool ok = true;

    if (v->cls == BQ_NULL)
        bw_buf_adds(&text, "NULL");
    else if ((spec == 'd' || spec == 'i') && type->kind == BQ_INT64)
        bw_buf_addf(&text, "%lld", (long long)v->i);
    else if (spec == 'x' && type->kind == BQ_INT64)
        bw_buf_addf(&text, "%llx", (long long)v->i);
    else if (spec == 'f' && type->kind == BQ_FLOAT64)
        bw_buf_addf(&text, "%.*f", point ? (int)strtol(point + 1, NULL, 10) : 6,
                    bq_float_decode(v->i));
    else if (spec == 's' && type->kind == BQ_STRING)
        bw_buf_add(&text, v->s.ptr, v->s.len);
    else if ((spec == 't' || spec == 'T') && type->mode != BQ_REPEATED && type->kind != BQ_STRUCT)
        bq_value_print(type, v, &text);
    else
        ok = false;
    if (width > 1024)
        ok = false;
    for (long pad = width - bq_text_length(bw_buf_slice(&text)); ok && !left && pad > 0; pad--)
        bw_buf_addc(out, zero ? '0' : ' ');
    bw_buf_add(out, text.ptr, text.len);
    for (long pad = width - bq_text_length(bw_buf_slice(&text)); ok && left && pad > 0; pad--)
        bw_buf_addc(out, ' ');
    bw_buf_fini(&text);
    return ok;
}

/* (format, value, type, value, type, ...) */
static void call_format(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    bw_buf out = BW_BUF_INIT;
    int next = 1;
    bool ok = true;

    if (bq_any_null(ctx, 1, argv))
        return;
    bw_slice f = bq_arg_slice(argv[0]);
    for (size_t i = 0; ok && i < f.len; i++) {
        char flags[16] = "";
        size_t n = 0;
        if (f.ptr[i] != '%') {
            bw_buf_addc(&out, f.ptr[i]);
            continue;
        }
        for (i++; i < f.len && strchr("-+ 0#123456789.", f.ptr[i]) && n + 1 < sizeof(flags); i++)
            flags[n++] = f.ptr[i];
        if (i < f.len && f.ptr[i] == '%') {
            bw_buf_addc(&out, '%');
            continue;
        }
        ok = i < f.len && next + 1 < argc && bq_arg_type(argv[next + 1]);
        if (ok) {
            bq_value v = bq_arg(argv[next]);
            ok = add_argument(f.ptr[i], flags, bq_arg_type(argv[next + 1]), &v, &out);
        }
        next += 2;
    }
    if (ok && next == argc)
        bq_result_text(ctx, bw_buf_slice(&out));
    else
        bq_result_error(ctx, "Invalid format string or arguments in FORMAT: %.*s", BW_SLICE_ARG(f));
    bw_buf_fini(&out);
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
    {"bq_format", -1, call_format, false},
};

const size_t bq_format_function_count = BW_COUNT(bq_format_functions);
