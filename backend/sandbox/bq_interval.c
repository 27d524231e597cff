#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/bq_time.h"

#define MONTHS_MAX (12 * INT64_C(10000))
#define DAYS_MAX   INT64_C(3660000)
#define US_MAX     INT64_C(316224000000000000)

static bool take_number(bw_slice *s, int64_t *out)
{
    size_t n = 0;

    *out = 0;
    while (s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9') {
        if (++n > 12)
            return false;
        *out = *out * 10 + (s->ptr[0] - '0');
        s->ptr++;
        s->len--;
    }
    return n > 0;
}

static bool take_char(bw_slice *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    s->ptr++;
    s->len--;
    return true;
}

static int take_sign(bw_slice *s)
{
    if (take_char(s, '-'))
        return -1;
    take_char(s, '+');
    return 1;
}

static bool take_fraction(bw_slice *s, int64_t *us)
{
    int64_t scale = 100000;

    *us = 0;
    if (!take_char(s, '.') && !take_char(s, ','))
        return true;
    while (s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9') {
        if (scale == 0)
            return false;
        *us += (s->ptr[0] - '0') * scale;
        scale /= 10;
        s->ptr++;
        s->len--;
    }
    return scale != 100000;
}

/* [-]Y-M, [-]D, [-]H:M:S[.F]: one of them, or several in this order with a space between. A number
   alone is days only between others. */
static bool parse_canonical(bw_slice s, bq_interval *out)
{
    int64_t first, second, third, fraction;
    int place = 0; /* of what has been read: 1 months, 2 days, 3 time */

    *out = (bq_interval){0, 0, 0};
    while (s.len > 0 && place < 3) {
        int sign = take_sign(&s);
        if (!take_number(&s, &first))
            return false;
        if (place == 0 && take_char(&s, '-')) {
            if (!take_number(&s, &second))
                return false;
            out->months = sign * (first * 12 + second);
            place = 1;
        } else if (take_char(&s, ':')) {
            if (!take_number(&s, &second) || !take_char(&s, ':') || !take_number(&s, &third) ||
                !take_fraction(&s, &fraction) || first > 90000000 || second > INT64_C(5400000000))
                return false;
            out->us = sign * ((first * 3600 + second * 60 + third) * BQ_US_PER_SECOND + fraction);
            place = 3;
        } else if (place < 2) {
            out->days = sign * first;
            place = 2;
            if (s.len == 0 && out->months == 0)
                return false;
        } else {
            return false;
        }
        if (s.len > 0 && !take_char(&s, ' '))
            return false;
    }
    return place > 0 && s.len == 0;
}

/* What a letter of ISO 8601 adds, in the date part and in the time part. */
typedef struct iso_unit {
    char letter;
    bool in_time;
    int64_t months, days, us;
} iso_unit;

static const iso_unit iso_units[] = {
    {'Y', false, 12, 0, 0},
    {'M', false, 1, 0, 0},
    {'W', false, 0, 7, 0},
    {'D', false, 0, 1, 0},
    {'H', true, 0, 0, 3600 * BQ_US_PER_SECOND},
    {'M', true, 0, 0, 60 * BQ_US_PER_SECOND},
    {'S', true, 0, 0, BQ_US_PER_SECOND},
};

static bool parse_iso(bw_slice s, bq_interval *out)
{
    bool in_time = false, any = false;

    *out = (bq_interval){0, 0, 0};
    if (!take_char(&s, 'P'))
        return false;
    while (s.len > 0) {
        int64_t n, f = 0;
        if (!in_time && take_char(&s, 'T')) {
            in_time = true;
            continue;
        }
        int sign = take_sign(&s);
        if (!take_number(&s, &n) || n > INT64_C(316224000000))
            return false;
        bool fraction = s.len > 0 && (s.ptr[0] == '.' || s.ptr[0] == ',');
        if (!take_fraction(&s, &f) || s.len == 0)
            return false;
        const iso_unit *unit = NULL;
        for (size_t i = 0; i < BW_COUNT(iso_units); i++) {
            if (iso_units[i].letter == s.ptr[0] && iso_units[i].in_time == in_time)
                unit = &iso_units[i];
        }
        if (!unit || (fraction && unit->us != BQ_US_PER_SECOND))
            return false;
        int64_t us;
        if (__builtin_mul_overflow(n, unit->us, &us) ||
            __builtin_add_overflow(out->us, sign * (us + f), &out->us))
            return false;
        out->months += sign * n * unit->months;
        out->days += sign * n * unit->days;
        take_char(&s, unit->letter);
        any = true;
    }
    return any;
}

bool bq_interval_valid(const bq_interval *v)
{
    return llabs(v->months) <= MONTHS_MAX && llabs(v->days) <= DAYS_MAX && llabs(v->us) <= US_MAX;
}

bool bq_interval_parse(bw_slice s, bq_interval *out)
{
    bool ok = s.len > 0 && s.ptr[0] == 'P' ? parse_iso(s, out) : parse_canonical(s, out);
    return ok && bq_interval_valid(out);
}

static int range_part(bw_slice name)
{
    static const char *const names[] = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"};

    for (int i = 0; i < (int)BW_COUNT(names); i++) {
        if (strlen(names[i]) == name.len && strncasecmp(names[i], name.ptr, name.len) == 0)
            return i;
    }
    return -1;
}

bool bq_interval_parse_range(bw_slice s, bw_slice from, bw_slice to, bq_interval *out)
{
    static const char before[] = {'\0', '-', ' ', ' ', ':', ':'};
    int first = range_part(from), last = range_part(to), sign = 1;
    int64_t parts[6] = {0}, fraction = 0;

    if (first < 0 || last <= first)
        return false;
    for (int i = first; i <= last; i++) {
        if (i > first && !take_char(&s, before[i]))
            return false;
        /* One sign for Y-M, one for D, one for H:M:S. */
        if (i == first || before[i] == ' ')
            sign = take_sign(&s);
        if (!take_number(&s, &parts[i]))
            return false;
        parts[i] *= sign;
    }
    if (last == 5 && !take_fraction(&s, &fraction))
        return false;
    *out = (bq_interval){parts[0] * 12 + parts[1], parts[2], 0};
    for (int i = 3; i < 6; i++) {
        if (llabs(parts[i]) > US_MAX / BQ_US_PER_SECOND)
            return false;
        out->us = out->us * 60 + parts[i];
    }
    if (llabs(out->us) > US_MAX / BQ_US_PER_SECOND)
        return false;
    out->us = out->us * BQ_US_PER_SECOND + sign * fraction;
    return s.len == 0 && bq_interval_valid(out);
}

void bq_interval_print(const bq_interval *v, bw_buf *out)
{
    int64_t months = llabs(v->months);
    int64_t us = llabs(v->us);
    int64_t seconds = us / BQ_US_PER_SECOND;

    bw_buf_addf(out, "%s%lld-%lld %lld %s%lld:%lld:%lld", v->months < 0 ? "-" : "",
                (long long)(months / 12), (long long)(months % 12), (long long)v->days,
                v->us < 0 ? "-" : "", (long long)(seconds / 3600), (long long)(seconds / 60 % 60),
                (long long)(seconds % 60));
    us %= BQ_US_PER_SECOND;
    if (us % 1000 != 0)
        bw_buf_addf(out, ".%06d", (int)us);
    else if (us != 0)
        bw_buf_addf(out, ".%03d", (int)(us / 1000));
}

static void put64(unsigned char *p, int64_t v)
{
    for (int i = 0; i < 8; i++)
        p[i] = (unsigned char)((uint64_t)v >> (56 - 8 * i));
}

static int64_t get64(const unsigned char *p)
{
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

void bq_interval_encode(const bq_interval *v, unsigned char out[24])
{
    put64(out, v->months);
    put64(out + 8, v->days);
    put64(out + 16, v->us);
}

bool bq_interval_decode(bw_slice blob, bq_interval *out)
{
    const unsigned char *p = (const unsigned char *)blob.ptr;

    if (blob.len != 24)
        return false;
    *out = (bq_interval){get64(p), get64(p + 8), get64(p + 16)};
    return true;
}

int64_t bq_interval_total(const bq_interval *v)
{
    return (v->months * 30 + v->days) * BQ_US_PER_DAY + v->us;
}
