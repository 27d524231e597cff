#include "backend/sandbox/bq_time.h"

#include <stdio.h>
#include <stdlib.h>

#include "backend/core/units.h"
#include "backend/sandbox/bq_float.h"
#include "backend/sandbox/bq_type.h"

/* Reads 1 to `max` digits. */
static bool take_digits(bw_slice *s, int min, int max, int64_t *out)
{
    int n = 0;

    *out = 0;
    while (n < max && s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9') {
        *out = *out * 10 + (s->ptr[0] - '0');
        s->ptr++;
        s->len--;
        n++;
    }
    return n >= min;
}

static bool take_char(bw_slice *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    s->ptr++;
    s->len--;
    return true;
}

bool bq_days_of(int64_t year, int64_t month, int64_t day, int64_t *days)
{
    static const unsigned char lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t last = month == 2 && !leap ? 28 : lengths[month - 1];
    if (day > last)
        return false;
    *days = bw_days_from_civil(year, (unsigned)month, (unsigned)day);
    return true;
}

static bool take_date(bw_slice *s, int64_t *days)
{
    int64_t y, m, d;

    return take_digits(s, 4, 5, &y) && take_char(s, '-') && take_digits(s, 1, 2, &m) &&
           take_char(s, '-') && take_digits(s, 1, 2, &d) && bq_days_of(y, m, d, days);
}

/* The digits after a point as microseconds; more than six are refused, not cut. */
static bool take_fraction(bw_slice *s, int64_t *us)
{
    int64_t scale = 100000;

    *us = 0;
    if (!take_char(s, '.'))
        return true;
    while (s->len > 0 && s->ptr[0] >= '0' && s->ptr[0] <= '9') {
        if (scale == 0)
            return false;
        *us += (s->ptr[0] - '0') * scale;
        scale /= 10;
        s->ptr++;
        s->len--;
    }
    return true;
}

static bool take_time(bw_slice *s, int64_t *us)
{
    int64_t h, m, sec, fraction;

    if (!take_digits(s, 1, 2, &h) || !take_char(s, ':') || !take_digits(s, 1, 2, &m) ||
        !take_char(s, ':') || !take_digits(s, 1, 2, &sec) || !take_fraction(s, &fraction) ||
        h > 23 || m > 59 || sec > 59)
        return false;
    *us = ((h * 60 + m) * 60 + sec) * BQ_US_PER_SECOND + fraction;
    return true;
}

bool bq_date_parse(bw_slice s, int64_t *days)
{
    return take_date(&s, days) && s.len == 0;
}

bool bq_time_parse(bw_slice s, int64_t *us)
{
    return take_time(&s, us) && s.len == 0;
}

static bool take_datetime(bw_slice *s, int64_t *us)
{
    int64_t days, time = 0;

    if (!take_date(s, &days))
        return false;
    bool digit_follows = s->len > 1 && s->ptr[1] >= '0' && s->ptr[1] <= '9';
    if (digit_follows && (take_char(s, ' ') || take_char(s, 'T') || take_char(s, 't'))) {
        if (!take_time(s, &time))
            return false;
    }
    *us = days * BQ_US_PER_DAY + time;
    return true;
}

bool bq_datetime_parse(bw_slice s, int64_t *us)
{
    return take_datetime(&s, us) && s.len == 0;
}

bool bq_timestamp_parse(bw_slice s, int64_t default_offset_us, int64_t *us)
{
    int64_t offset = default_offset_us;

    if (!take_datetime(&s, us))
        return false;
    if (s.len > 0) {
        bool named = take_char(&s, ' ');
        bool sign = s.len > 0 && (s.ptr[0] == '+' || s.ptr[0] == '-');
        bool utc = s.len == 1 && (s.ptr[0] == 'Z' || s.ptr[0] == 'z');
        if ((!named && !sign && !utc) || !bq_zone_offset(s, *us, true, &offset))
            return false;
    }
    *us -= offset;
    return *us >= BQ_TIMESTAMP_MIN && *us <= BQ_TIMESTAMP_MAX;
}

bq_civil bq_civil_of(int64_t datetime_us)
{
    bq_civil c;
    int64_t days = bq_floor_div(datetime_us, BQ_US_PER_DAY);

    c.us_of_day = datetime_us - days * BQ_US_PER_DAY;
    bw_civil_from_days(days, &c.year, &c.month, &c.day);
    return c;
}

int bq_iso_weekday(int64_t days)
{
    /* 1970-01-01 was a Thursday. */
    return (int)(days + 3 - bq_floor_div(days + 3, 7) * 7) + 1;
}

/* At least `width` digits; printf() takes many times as long, and each row has a time. */
static void add_digits(bw_buf *out, int64_t number, size_t width)
{
    char text[20], *at = text + sizeof text;

    for (; number > 0 || width > 0; number /= 10) {
        *--at = (char)('0' + number % 10);
        width -= width > 0;
    }
    bw_buf_add(out, at, (size_t)(text + sizeof text - at));
}

void bq_date_print(int64_t days, bw_buf *out)
{
    int64_t y;
    unsigned m, d;

    bw_civil_from_days(days, &y, &m, &d);
    add_digits(out, y, 4);
    bw_buf_addc(out, '-');
    add_digits(out, m, 2);
    bw_buf_addc(out, '-');
    add_digits(out, d, 2);
}

static void print_fraction(int64_t us, bw_buf *out)
{
    if (us == 0)
        return;
    bw_buf_addc(out, '.');
    if (us % 1000 != 0)
        add_digits(out, us, 6);
    else
        add_digits(out, us / 1000, 3);
}

void bq_time_print(int64_t us, bw_buf *out)
{
    int64_t s = us / BQ_US_PER_SECOND;

    add_digits(out, s / 3600, 2);
    bw_buf_addc(out, ':');
    add_digits(out, s / 60 % 60, 2);
    bw_buf_addc(out, ':');
    add_digits(out, s % 60, 2);
    print_fraction(us % BQ_US_PER_SECOND, out);
}

void bq_datetime_print(int64_t us, char separator, bw_buf *out)
{
    int64_t days = bq_floor_div(us, BQ_US_PER_DAY);

    bq_date_print(days, out);
    bw_buf_addc(out, separator);
    bq_time_print(us - days * BQ_US_PER_DAY, out);
}

void bq_timestamp_print(int64_t us, bw_buf *out)
{
    bq_datetime_print(us, ' ', out);
    bw_buf_adds(out, "+00");
}

void bq_timestamp_print_json(int64_t us, bw_buf *out)
{
    int64_t second = bq_floor_div(us, BQ_US_PER_SECOND);
    int64_t fraction = us - second * BQ_US_PER_SECOND;

    bq_datetime_print(second * BQ_US_PER_SECOND, 'T', out);
    print_fraction(fraction, out);
    bw_buf_addc(out, 'Z');
}

void bq_timestamp_print_seconds(int64_t us, bw_buf *out)
{
    bq_float_digits f = {.negative = us < 0};
    char digits[24];

    if (us == 0) {
        bw_buf_adds(out, "0.0");
        return;
    }
    f.count = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)llabs(us));
    f.exponent = f.count - 1 - 6;
    memcpy(f.digits, digits, (size_t)f.count);
    while (f.digits[f.count - 1] == '0')
        f.count--;
    bq_float_print_digits(&f, out);
}
