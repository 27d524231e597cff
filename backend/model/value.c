#include "backend/model/value.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/json.h"
#include "backend/core/text.h"
#include "backend/core/units.h"

#define JSON_VALUE_DEPTH 500 /* of BigQuery's JSON type */

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool same_word(bw_slice s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.ptr, word, s.len) == 0;
}

/* The parts of a decimal number, as slices of the text: sign, integer digits without leading
   zeros, fraction digits without trailing zeros. False when it is not a plain decimal. */
typedef struct decimal {
    bool negative;
    bw_slice integer, fraction;
} decimal;

static bool split_decimal(bw_slice s, decimal *d)
{
    size_t i = 0;
    *d = (decimal){0};
    if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
        d->negative = s.ptr[i++] == '-';
    size_t start = i;
    while (i < s.len && digit(s.ptr[i]))
        i++;
    size_t end = i, f_start = i, f_end = i;
    if (i < s.len && s.ptr[i] == '.') {
        f_start = ++i;
        while (i < s.len && digit(s.ptr[i]))
            i++;
        f_end = i;
    }
    if (i != s.len || (end == start && f_end == f_start))
        return false;
    while (start < end && s.ptr[start] == '0')
        start++;
    while (f_end > f_start && s.ptr[f_end - 1] == '0')
        f_end--;
    d->integer = (bw_slice){s.ptr + start, end - start};
    d->fraction = (bw_slice){s.ptr + f_start, f_end - f_start};
    return true;
}

bw_reason bw_value_decimal(bw_slice text, bw_type type, int precision, int scale, bw_slice *out)
{
    decimal d;
    if (!split_decimal(text, &d)) {
        if (same_word(text, "NaN") || same_word(text, "Infinity") || same_word(text, "-Infinity"))
            return BW_REASON_NOT_FINITE;
        return BW_REASON_BAD_VALUE;
    }
    size_t max_scale = type == BW_TYPE_NUMERIC ? 9 : 38;
    size_t max_integer = type == BW_TYPE_NUMERIC ? 29 : 38;
    if (precision > 0) {
        max_scale = (size_t)scale;
        max_integer = (size_t)(precision - scale);
    }
    if (d.integer.len > max_integer)
        return BW_REASON_NUMERIC_OVERFLOW;
    if (d.fraction.len > max_scale)
        return BW_REASON_NUMERIC_SCALE;
    if (d.integer.len == 0 && d.fraction.len == 0) {
        *out = BW_SLICE_LIT("0");
        return BW_REASON_NONE;
    }
    /* Sources print at least "0" before the point and a minus right before the digits, so what is
       kept is one run of the text. Where it is not (leading zeros after a minus), the caller's text
       is not canonical and is refused. */
    const char *begin = d.integer.ptr;
    if (d.integer.len == 0) {
        if (d.fraction.ptr - text.ptr < 2 || d.fraction.ptr[-2] != '0')
            return BW_REASON_BAD_VALUE;
        begin = d.fraction.ptr - 2;
    }
    if (d.negative) {
        if (begin == text.ptr || begin[-1] != '-')
            return BW_REASON_BAD_VALUE;
        begin--;
    }
    const char *end =
        d.fraction.len ? d.fraction.ptr + d.fraction.len : d.integer.ptr + d.integer.len;
    *out = (bw_slice){begin, (size_t)(end - begin)};
    return BW_REASON_NONE;
}

/* The digits of a JSON number without its zeros at either end, and the power of ten of the last one:
   equal for two texts exactly when the numbers are equal. */
static bool significant(bw_slice s, char *digits, size_t cap, size_t *n, long *exponent)
{
    size_t i = 0, count = 0;
    long exp10 = 0;
    bool point = false;
    if (i < s.len && s.ptr[i] == '-')
        i++;
    for (; i < s.len && (digit(s.ptr[i]) || s.ptr[i] == '.'); i++) {
        if (s.ptr[i] == '.') {
            point = true;
            continue;
        }
        if (point)
            exp10--;
        if (count == 0 && s.ptr[i] == '0')
            continue;
        if (count >= cap)
            return false;
        digits[count++] = s.ptr[i];
    }
    if (i < s.len) {
        long written = 0;
        bool minus = s.ptr[++i] == '-';
        if (s.ptr[i] == '-' || s.ptr[i] == '+')
            i++;
        for (; i < s.len && written < 100000; i++)
            written = written * 10 + (s.ptr[i] - '0');
        exp10 += minus ? -written : written;
    }
    while (count > 0 && digits[count - 1] == '0') {
        count--;
        exp10++;
    }
    *n = count;
    *exponent = count ? exp10 : 0;
    return true;
}

/* Whether a JSON number survives in BigQuery: int64, uint64, or equal after a trip through double.
   The comparison is of decimal digits and needs no locale-dependent printing. */
static bool exact_number(bw_slice s)
{
    char digits[800], again[800], text[512];
    size_t n, m;
    long e1, e2;
    if (s.len >= sizeof(text) || !significant(s, digits, sizeof(digits), &n, &e1))
        return false;
    if (memchr(s.ptr, '.', s.len) == NULL && memchr(s.ptr, 'e', s.len) == NULL &&
        memchr(s.ptr, 'E', s.len) == NULL) {
        bool minus = s.ptr[0] == '-';
        bw_slice abs = minus ? (bw_slice){s.ptr + 1, s.len - 1} : s;
        const char *limit = minus ? "9223372036854775808" : "18446744073709551615";
        size_t limit_len = strlen(limit);
        if (abs.len < limit_len || (abs.len == limit_len && memcmp(abs.ptr, limit, abs.len) <= 0))
            return true;
    }
    if (n <= 15 && e1 >= -290 && e1 <= 290)
        return true; /* 15 digits always round-trip through a double */
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    /* strtod reads a point only where LC_NUMERIC says so; the program never sets LC_NUMERIC. */
    double v = strtod(text, NULL);
    if (v - v != 0) /* infinite */
        return false;
    /* The service prints the shortest text that reads back as the same double. */
    for (int precision = 1; precision <= 17; precision++) {
        int len = snprintf(text, sizeof(text), "%.*e", precision - 1, v);
        if (strtod(text, NULL) != v)
            continue;
        return significant((bw_slice){text, (size_t)len}, again, sizeof(again), &m, &e2) &&
               n == m && e1 == e2 && memcmp(digits, again, n) == 0;
    }
    return false;
}

/* The code unit of an escape \uXXXX at p, or -1 when something else stands there. */
static int escaped_unit(const char *p, const char *end)
{
    char hex[5] = {0};
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    memcpy(hex, p + 2, 4);
    return (int)strtol(hex, NULL, 16);
}

/* Whether every \uD800 to \uDFFF of a scanned string is half of a pair: one alone is no character. */
static bool surrogates_paired(bw_slice raw)
{
    const char *p = raw.ptr, *end = raw.ptr + raw.len;
    while ((p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
        int unit = escaped_unit(p, end);
        if (unit < 0xD800 || unit > 0xDFFF) {
            p += 2;
            continue;
        }
        int low = escaped_unit(p + 6, end);
        if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
            return false;
        p += 12;
    }
    return true;
}

bw_reason bw_value_check_json(bw_slice text)
{
    bw_json_scan scan = bw_json_scan_init(text);
    bw_json_token t;
    do {
        if (!bw_json_next(&scan, &t)) {
            if (strstr(scan.error, "deeply"))
                return BW_REASON_JSON_DEPTH;
            return strstr(scan.error, "UTF-8") ? BW_REASON_BAD_UTF8 : BW_REASON_JSON_INVALID;
        }
        if (t.type == BW_JSON_NUMBER && !exact_number(t.raw))
            return BW_REASON_JSON_WIDE_NUMBER;
        if (t.depth >= JSON_VALUE_DEPTH && (t.type == BW_JSON_OBJECT || t.type == BW_JSON_ARRAY))
            return BW_REASON_JSON_DEPTH;
        if (t.escaped && !surrogates_paired(t.raw))
            return BW_REASON_JSON_INVALID;
    } while (t.type != BW_JSON_END);
    return BW_REASON_NONE;
}

/* n digits at p as a number, or -1. */
static int number_at(const char *p, int n)
{
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (!digit(p[i]))
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

static bool date_at(const char *p, int64_t *days)
{
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y = number_at(p, 4), m = number_at(p + 5, 2), d = number_at(p + 8, 2);
    if (p[4] != '-' || p[7] != '-' || y < 1 || m < 1 || m > 12 || d < 1 || d > month_days[m - 1])
        return false;
    if (m == 2 && d == 29 && (y % 4 || (y % 100 == 0 && y % 400)))
        return false;
    *days = bw_days_from_civil(y, (unsigned)m, (unsigned)d);
    return true;
}

/* HH:MM:SS[.ffffff]; a fraction has no trailing zero. Returns the bytes read, 0 on an error. */
static size_t time_at(bw_slice s, int64_t *us)
{
    if (s.len < 8 || s.ptr[2] != ':' || s.ptr[5] != ':')
        return 0;
    int h = number_at(s.ptr, 2), m = number_at(s.ptr + 3, 2), sec = number_at(s.ptr + 6, 2);
    if (h < 0 || h > 23 || m < 0 || m > 59 || sec < 0 || sec > 59)
        return 0;
    *us = (h * INT64_C(3600) + m * 60 + sec) * BW_SECOND;
    if (s.len == 8 || s.ptr[8] != '.')
        return 8;
    size_t i = 9;
    int64_t unit = 100000;
    for (; i < s.len && digit(s.ptr[i]); i++, unit /= 10) {
        if (unit == 0)
            return 0;
        *us += (s.ptr[i] - '0') * unit;
    }
    return i > 9 && s.ptr[i - 1] != '0' ? i : 0;
}

static bool datetime(bw_slice s, const char *suffix, int64_t *us)
{
    int64_t days, time;
    size_t n;
    if (s.len < 19 || s.ptr[10] != ' ' || !date_at(s.ptr, &days))
        return false;
    n = time_at((bw_slice){s.ptr + 11, s.len - 11}, &time);
    if (n == 0 || !bw_slice_is((bw_slice){s.ptr + 11 + n, s.len - 11 - n}, suffix))
        return false;
    *us = days * BW_DAY + time;
    return true;
}

static bool integer(bw_slice s, int64_t *out)
{
    size_t i = 0;
    bool minus = s.len > 0 && s.ptr[0] == '-';
    int64_t v = 0;
    if (minus)
        i++;
    if (i >= s.len || (s.ptr[i] == '0' && s.len > 1))
        return false;
    for (; i < s.len; i++) {
        if (!digit(s.ptr[i]) || __builtin_mul_overflow(v, (int64_t)10, &v) ||
            __builtin_sub_overflow(v, (int64_t)(s.ptr[i] - '0'), &v))
            return false;
    }
    if (!minus && v == INT64_MIN)
        return false;
    *out = minus ? v : -v;
    return true;
}

bool bw_value_version(bw_slice text, bw_type type, int64_t *out)
{
    int64_t days;
    switch (type) {
    case BW_TYPE_INT64:
        return integer(text, out);
    case BW_TYPE_TIMESTAMP:
        return datetime(text, "+00", out);
    case BW_TYPE_DATETIME:
        return datetime(text, "", out);
    case BW_TYPE_DATE:
        if (text.len != 10 || !date_at(text.ptr, &days))
            return false;
        *out = days * BW_DAY;
        return true;
    default:
        return false;
    }
}

static bw_reason check_float(bw_slice s)
{
    if (bw_slice_is(s, "NaN") || bw_slice_is(s, "Infinity") || bw_slice_is(s, "-Infinity"))
        return BW_REASON_NONE;
    bw_json_scan scan = bw_json_scan_init(s);
    bw_json_token t;
    if (!bw_json_next(&scan, &t) || t.type != BW_JSON_NUMBER || t.raw.len != s.len)
        return BW_REASON_BAD_VALUE;
    char *text = bw_xstrndup(s.ptr, s.len);
    double v = strtod(text, NULL);
    free(text);
    return v - v != 0 ? BW_REASON_NUMERIC_OVERFLOW : BW_REASON_NONE;
}

static bw_reason check_bytes(bw_slice s)
{
    bw_buf b = BW_BUF_INIT;
    bool good = bw_base64_decode(&b, s);
    bw_buf_fini(&b);
    return good ? BW_REASON_NONE : BW_REASON_BAD_VALUE;
}

static bw_reason ok_or_bad(bool ok)
{
    return ok ? BW_REASON_NONE : BW_REASON_BAD_VALUE;
}

bw_reason bw_value_check(bw_slice text, bw_type type, int precision, int scale)
{
    int64_t v;
    bw_slice canonical;
    bw_reason r;
    switch (type) {
    case BW_TYPE_BOOL:
        return ok_or_bad(bw_slice_is(text, "true") || bw_slice_is(text, "false"));
    case BW_TYPE_INT64:
    case BW_TYPE_DATE:
    case BW_TYPE_DATETIME:
    case BW_TYPE_TIMESTAMP:
        return ok_or_bad(bw_value_version(text, type, &v));
    case BW_TYPE_TIME:
        return ok_or_bad(time_at(text, &v) == text.len && text.len > 0);
    case BW_TYPE_FLOAT64:
        return check_float(text);
    case BW_TYPE_NUMERIC:
    case BW_TYPE_BIGNUMERIC:
        r = bw_value_decimal(text, type, precision, scale, &canonical);
        return r ? r : ok_or_bad(bw_slice_eq(canonical, text));
    case BW_TYPE_BYTES:
        return check_bytes(text);
    case BW_TYPE_JSON:
        return bw_value_check_json(text);
    default:
        return bw_utf8_valid(text) ? BW_REASON_NONE : BW_REASON_BAD_UTF8;
    }
}
