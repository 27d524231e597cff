#include "backend/core/units.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

typedef struct unit {
    const char *name;
    int64_t factor;
} unit;

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads "12" or "1.5" at *at and multiplies by the unit that follows; the unit's text is letters. */
static bool take_quantity(bw_slice s, size_t *at, const unit *units, size_t n_units, int64_t *out)
{
    size_t i = *at;
    int64_t whole = 0, fraction = 0, scale = 1;
    if (i >= s.len || !digit(s.ptr[i]))
        return false;
    for (; i < s.len && digit(s.ptr[i]); i++) {
        if (whole > (INT64_MAX - 9) / 10)
            return false;
        whole = whole * 10 + (s.ptr[i] - '0');
    }
    if (i < s.len && s.ptr[i] == '.') {
        size_t first = ++i;
        for (; i < s.len && digit(s.ptr[i]); i++) {
            if (scale < 1000000000) {
                fraction = fraction * 10 + (s.ptr[i] - '0');
                scale *= 10;
            }
        }
        if (i == first)
            return false;
    }
    while (i < s.len && s.ptr[i] == ' ')
        i++;
    size_t start = i;
    while (i < s.len && !digit(s.ptr[i]) && s.ptr[i] != ' ')
        i++;
    bw_slice name = {s.ptr + start, i - start};
    for (size_t u = 0; u < n_units; u++) {
        if (!bw_slice_is(name, units[u].name))
            continue;
        int64_t big;
        if (__builtin_mul_overflow(whole, units[u].factor, &big))
            return false;
        double part = (double)fraction / (double)scale * (double)units[u].factor;
        if (__builtin_add_overflow(big, (int64_t)llround(part), out))
            return false;
        *at = i;
        return true;
    }
    return false;
}

bool bw_parse_duration(bw_slice s, int64_t *us)
{
    static const unit units[] = {
        {"us", 1},          {"ms", 1000},   {"s", BW_SECOND}, {"m", BW_MINUTE},
        {"min", BW_MINUTE}, {"h", BW_HOUR}, {"d", BW_DAY},    {"w", 7 * BW_DAY},
    };
    int64_t total = 0;
    size_t at = 0;
    if (s.len == 0)
        return false;
    while (at < s.len) {
        int64_t part;
        if (!take_quantity(s, &at, units, BW_COUNT(units), &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
    }
    *us = total;
    return true;
}

bool bw_parse_size(bw_slice s, int64_t *bytes)
{
    static const unit units[] = {
        {"", 1},
        {"B", 1},
        {"KiB", INT64_C(1) << 10},
        {"MiB", INT64_C(1) << 20},
        {"GiB", INT64_C(1) << 30},
        {"TiB", INT64_C(1) << 40},
        {"PiB", INT64_C(1) << 50},
        {"kB", 1000},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", INT64_C(1000000000000)},
    };
    size_t at = 0;
    return take_quantity(s, &at, units, BW_COUNT(units), bytes) && at == s.len;
}

int64_t bw_days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * ((int64_t)m + (m > 2 ? -3 : 9)) + 2) / 5 + (int64_t)d - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

void bw_civil_from_days(int64_t days, int64_t *y, unsigned *m, unsigned *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *m = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

/* Reads exactly n digits. */
static bool fixed(bw_slice s, size_t *at, size_t n, unsigned *out)
{
    unsigned v = 0;
    if (s.len - *at < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = s.ptr[*at + i];
        if (!digit(c))
            return false;
        v = v * 10 + (unsigned)(c - '0');
    }
    *at += n;
    *out = v;
    return true;
}

static bool expect(bw_slice s, size_t *at, char c)
{
    if (*at >= s.len || s.ptr[*at] != c)
        return false;
    (*at)++;
    return true;
}

static bool parse_offset(bw_slice s, size_t *at, int64_t *offset)
{
    *offset = 0;
    if (*at == s.len)
        return true;
    char c = s.ptr[(*at)++];
    if (c == 'Z' || c == 'z')
        return *at == s.len;
    unsigned h, m = 0;
    if ((c != '+' && c != '-') || !fixed(s, at, 2, &h))
        return false;
    if (*at < s.len && s.ptr[*at] == ':')
        (*at)++;
    if (*at < s.len && !fixed(s, at, 2, &m))
        return false;
    *offset = ((int64_t)h * BW_HOUR + (int64_t)m * BW_MINUTE) * (c == '-' ? -1 : 1);
    return *at == s.len && h < 24 && m < 60;
}

bool bw_parse_time(bw_slice s, int64_t *us)
{
    static const unsigned month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned y, mo, d, h = 0, mi = 0, sec = 0;
    int64_t micros = 0, offset = 0;
    size_t at = 0;
    if (!fixed(s, &at, 4, &y) || !expect(s, &at, '-') || !fixed(s, &at, 2, &mo) ||
        !expect(s, &at, '-') || !fixed(s, &at, 2, &d))
        return false;
    if (mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1] ||
        (mo == 2 && d == 29 && (y % 4 || (y % 100 == 0 && y % 400))))
        return false;
    if (at < s.len) {
        if (s.ptr[at] != 'T' && s.ptr[at] != 't' && s.ptr[at] != ' ')
            return false;
        at++;
        if (!fixed(s, &at, 2, &h) || !expect(s, &at, ':') || !fixed(s, &at, 2, &mi))
            return false;
        if (at < s.len && s.ptr[at] == ':' && (at++, !fixed(s, &at, 2, &sec)))
            return false;
        if (at < s.len && s.ptr[at] == '.') {
            int64_t unit_us = 100000;
            at++;
            if (at >= s.len || !digit(s.ptr[at]))
                return false;
            for (; at < s.len && digit(s.ptr[at]); at++, unit_us /= 10)
                micros += (s.ptr[at] - '0') * unit_us;
        }
        if (h > 23 || mi > 59 || sec > 60 || !parse_offset(s, &at, &offset))
            return false;
    }
    *us = bw_days_from_civil(y, mo, d) * BW_DAY + (int64_t)h * BW_HOUR + (int64_t)mi * BW_MINUTE +
          (int64_t)sec * BW_SECOND + micros - offset;
    return true;
}

/* Times are in every row and every message: printf would be most of what they cost. */
static char *put_digits(char *to, uint64_t v, int count)
{
    for (int i = count; i-- > 0; v /= 10)
        to[i] = (char)('0' + v % 10);
    return to + count;
}

static char *put_part(char *to, char before, uint64_t v)
{
    *to = before;
    return put_digits(to + 1, v, 2);
}

const char *bw_format_time(int64_t us, char out[BW_TIME_TEXT])
{
    if (us == BW_TIME_NONE) {
        snprintf(out, BW_TIME_TEXT, "-");
        return out;
    }
    int64_t days = us / BW_DAY, rest = us % BW_DAY, y;
    unsigned m, d;
    if (rest < 0) {
        rest += BW_DAY;
        days--;
    }
    bw_civil_from_days(days, &y, &m, &d);
    char *p = out;
    if (y >= 0 && y <= 9999)
        p = put_digits(p, (uint64_t)y, 4);
    else
        p += snprintf(out, BW_TIME_TEXT, "%04lld", (long long)y);
    p = put_part(p, '-', m);
    p = put_part(p, '-', d);
    p = put_part(p, 'T', (uint64_t)(rest / BW_HOUR));
    p = put_part(p, ':', (uint64_t)(rest / BW_MINUTE % 60));
    p = put_part(p, ':', (uint64_t)(rest / BW_SECOND % 60));
    int64_t micros = rest % BW_SECOND;
    if (micros) {
        *p++ = '.';
        p = put_digits(p, (uint64_t)micros, 6);
        while (p[-1] == '0')
            p--;
    }
    *p++ = 'Z';
    *p = '\0';
    return out;
}

const char *bw_format_clock(int64_t us, bool local, char out[BW_TIME_TEXT])
{
    struct tm tm;
    time_t t = (time_t)(us / BW_SECOND);
    if (us == BW_TIME_NONE || !(local ? localtime_r(&t, &tm) : gmtime_r(&t, &tm)))
        snprintf(out, BW_TIME_TEXT, "-");
    else
        snprintf(out, BW_TIME_TEXT, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
    return out;
}

const char *bw_format_duration(int64_t us, char out[BW_TIME_TEXT])
{
    int64_t s = us / BW_SECOND;
    if (us == BW_TIME_NONE || us < 0)
        snprintf(out, BW_TIME_TEXT, "-");
    else if (s < 60)
        snprintf(out, BW_TIME_TEXT, "%ds", (int)s);
    else if (s < 3600)
        snprintf(out, BW_TIME_TEXT, "%dm%02ds", (int)(s / 60), (int)(s % 60));
    else if (s < 86400)
        snprintf(out, BW_TIME_TEXT, "%dh%02dm", (int)(s / 3600), (int)(s / 60 % 60));
    else
        snprintf(out, BW_TIME_TEXT, "%lldd%02dh", (long long)(s / 86400), (int)(s / 3600 % 24));
    return out;
}

const char *bw_format_elapsed(int64_t us, char out[BW_TIME_TEXT])
{
    if (us < 0 || us >= 10 * BW_SECOND)
        return bw_format_duration(us, out);
    snprintf(out, BW_TIME_TEXT, "%d.%ds", (int)(us / BW_SECOND),
             (int)(us % BW_SECOND / (BW_SECOND / 10)));
    return out;
}

const char *bw_format_duration_exact(int64_t us, char out[BW_TIME_TEXT])
{
    static const unit units[] = {
        {"d", BW_DAY}, {"h", BW_HOUR}, {"m", BW_MINUTE}, {"s", BW_SECOND}, {"ms", 1000}, {"us", 1},
    };
    for (size_t i = 0; i < BW_COUNT(units); i++) {
        if (us != 0 && us % units[i].factor == 0) {
            snprintf(out, BW_TIME_TEXT, "%lld%s", (long long)(us / units[i].factor), units[i].name);
            return out;
        }
    }
    snprintf(out, BW_TIME_TEXT, "0s");
    return out;
}

const char *bw_format_count(double n, char out[BW_TIME_TEXT])
{
    static const char suffix[] = {'k', 'M', 'G', 'T', 'P'};
    size_t i = 0;
    if (isnan(n) || n < 0) {
        snprintf(out, BW_TIME_TEXT, "-");
        return out;
    }
    if (n < 9999.5) {
        snprintf(out, BW_TIME_TEXT, "%.0f", n);
        return out;
    }
    for (n /= 1000; n >= 999.95 && i + 1 < sizeof(suffix); n /= 1000)
        i++;
    /* The decimal point is ours, whatever LC_NUMERIC says. */
    long tenths = lround(n * 10);
    snprintf(out, BW_TIME_TEXT, "%ld.%ld%c", tenths / 10, tenths % 10, suffix[i]);
    return out;
}

const char *bw_format_bytes(int64_t n, char out[BW_TIME_TEXT])
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB"};
    if (n < 1024) {
        snprintf(out, BW_TIME_TEXT, "%lld B", (long long)n);
        return out;
    }
    size_t i = 0;
    double v = (double)n / 1024;
    for (; v >= 1023.95 && i + 1 < BW_COUNT(names); v /= 1024)
        i++;
    long tenths = lround(v * 10);
    if (tenths % 10)
        snprintf(out, BW_TIME_TEXT, "%ld.%ld %s", tenths / 10, tenths % 10, names[i]);
    else
        snprintf(out, BW_TIME_TEXT, "%ld %s", tenths / 10, names[i]);
    return out;
}
