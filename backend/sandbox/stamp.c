#include "backend/sandbox/stamp.h"

#include <stdio.h>
#include <string.h>

#include "backend/sandbox/bq_time.h"

typedef struct parts {
    int64_t seconds, ns;
} parts;

/* Exactly `count` digits, no more and no fewer. */
static bool take_number(bw_slice s, size_t *at, size_t count, int64_t *out)
{
    *out = 0;
    for (size_t end = *at + count; *at < end; (*at)++) {
        if (*at >= s.len || s.ptr[*at] < '0' || s.ptr[*at] > '9')
            return false;
        *out = *out * 10 + (s.ptr[*at] - '0');
    }
    return true;
}

static bool take_char(bw_slice s, size_t *at, const char *any)
{
    if (*at >= s.len || !memchr(any, s.ptr[*at], strlen(any)))
        return false;
    (*at)++;
    return true;
}

static bool take_fraction(bw_slice s, size_t *at, int64_t *ns)
{
    int64_t scale = BW_SB_NS_PER_S;
    *ns = 0;
    if (!take_char(s, at, "."))
        return true;
    size_t from = *at;
    for (; *at < s.len && s.ptr[*at] >= '0' && s.ptr[*at] <= '9'; (*at)++) {
        scale /= 10;
        *ns += scale * (s.ptr[*at] - '0');
    }
    return *at > from && *at - from <= 9;
}

static bool take_offset(bw_slice s, size_t *at, int64_t *seconds)
{
    int64_t hours, minutes;
    *seconds = 0;
    if (take_char(s, at, "Zz"))
        return true;
    bool west = *at < s.len && s.ptr[*at] == '-';
    if (!take_char(s, at, "+-") || !take_number(s, at, 2, &hours) || !take_char(s, at, ":") ||
        !take_number(s, at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *seconds = (hours * 60 + minutes) * 60 * (west ? -1 : 1);
    return true;
}

static bool parse(bw_slice s, parts *out)
{
    int64_t year, month, day, hour, minute, second, offset, days, first, last;
    size_t at = 0;
    bool ok = take_number(s, &at, 4, &year) && take_char(s, &at, "-") &&
              take_number(s, &at, 2, &month) && take_char(s, &at, "-") &&
              take_number(s, &at, 2, &day) && take_char(s, &at, "Tt") &&
              take_number(s, &at, 2, &hour) && take_char(s, &at, ":") &&
              take_number(s, &at, 2, &minute) && take_char(s, &at, ":") &&
              take_number(s, &at, 2, &second) && take_fraction(s, &at, &out->ns) &&
              take_offset(s, &at, &offset) && at == s.len;
    if (!ok || hour > 23 || minute > 59 || second > 59 || !bq_days_of(year, month, day, &days) ||
        !bq_days_of(1, 1, 1, &first) || !bq_days_of(9999, 12, 31, &last))
        return false;
    out->seconds = days * 86400 + (hour * 60 + minute) * 60 + second - offset;
    return out->seconds >= first * 86400 && out->seconds < (last + 1) * 86400;
}

bool bw_sb_stamp_parse(const char *text, int64_t *ns)
{
    parts p;
    if (!parse(bw_slice_cstr(text), &p))
        return false;
    if (__builtin_mul_overflow(p.seconds, BW_SB_NS_PER_S, ns) ||
        __builtin_add_overflow(*ns, p.ns, ns))
        *ns = p.seconds < 0 ? INT64_MIN : INT64_MAX;
    return true;
}

bool bw_sb_stamp_parse_us(bw_slice text, int64_t *us)
{
    parts p;
    if (!parse(text, &p))
        return false;
    *us = p.seconds * BQ_US_PER_SECOND + p.ns / BW_SB_NS_PER_US;
    return true;
}

const char *bw_sb_stamp_print(int64_t ns, char out[BW_SB_STAMP])
{
    int64_t seconds = bq_floor_div(ns, BW_SB_NS_PER_S);
    int64_t rest = ns % BW_SB_NS_PER_S;
    rest += rest < 0 ? BW_SB_NS_PER_S : 0;
    bq_civil civil = bq_civil_of(seconds * BQ_US_PER_SECOND);
    int64_t of_day = civil.us_of_day / BQ_US_PER_SECOND;
    int n =
        snprintf(out, BW_SB_STAMP, "%04d-%02u-%02uT%02d:%02d:%02d", (int)civil.year, civil.month,
                 civil.day, (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60));
    char *end = out + n;
    size_t room = BW_SB_STAMP - (size_t)n;
    if (rest == 0)
        snprintf(end, room, "Z");
    else if (rest % 1000000 == 0)
        snprintf(end, room, ".%03dZ", (int)(rest / 1000000));
    else if (rest % 1000 == 0)
        snprintf(end, room, ".%06dZ", (int)(rest / 1000));
    else
        snprintf(end, room, ".%09dZ", (int)rest);
    return out;
}

void bw_sb_stamp_print_us(bw_buf *out, int64_t us)
{
    bq_datetime_print(us, 'T', out);
    bw_buf_addc(out, 'Z');
}
