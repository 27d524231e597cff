#include "backend/sandbox/stamp.h"

#include <stdio.h>
#include <string.h>

#include "backend/sandbox/bq_time.h"

/* Exactly `count` digits, no more and no fewer. */
static bool digits(const char **at, int count, int64_t *out)
{
    *out = 0;
    for (int i = 0; i < count; i++) {
        char c = *(*at)++;
        if (c < '0' || c > '9')
            return false;
        *out = *out * 10 + (c - '0');
    }
    return true;
}

static bool take(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* "T22:13:20" */
static bool time_of_day(const char **at, int64_t *seconds)
{
    int64_t h, m, s;
    if (!take(at, 'T') && !take(at, 't'))
        return false;
    if (!digits(at, 2, &h) || !take(at, ':') || !digits(at, 2, &m) || !take(at, ':') ||
        !digits(at, 2, &s) || h > 23 || m > 59 || s > 60)
        return false;
    *seconds = h * 3600 + m * 60 + s;
    return true;
}

static bool fraction(const char **at, int64_t *ns)
{
    int64_t scale = BW_SB_NS_PER_S;
    *ns = 0;
    if (!take(at, '.'))
        return true;
    const char *from = *at;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        scale /= 10;
        *ns += scale * (**at - '0');
    }
    return *at > from && *at - from <= 9;
}

static bool zone(const char **at, int64_t *offset_s)
{
    int64_t h, m;
    *offset_s = 0;
    if (take(at, 'Z') || take(at, 'z'))
        return true;
    int64_t sign = **at == '-' ? -1 : 1;
    if (!take(at, '+') && !take(at, '-'))
        return false;
    if (!digits(at, 2, &h) || !take(at, ':') || !digits(at, 2, &m) || h > 23 || m > 59)
        return false;
    *offset_s = sign * (h * 3600 + m * 60);
    return true;
}

bool bw_sb_stamp_parse(const char *text, int64_t *ns)
{
    int64_t year, month, day, days, seconds, parts, offset, total;
    const char *at = text;
    if (!digits(&at, 4, &year) || !take(&at, '-') || !digits(&at, 2, &month) || !take(&at, '-') ||
        !digits(&at, 2, &day) || !bq_days_of(year, month, day, &days))
        return false;
    if (!time_of_day(&at, &seconds) || !fraction(&at, &parts) || !zone(&at, &offset) || *at)
        return false;
    total = days * 86400 + seconds - offset;
    if (__builtin_mul_overflow(total, BW_SB_NS_PER_S, ns) || __builtin_add_overflow(*ns, parts, ns))
        *ns = total < 0 ? INT64_MIN : INT64_MAX;
    return true;
}

const char *bw_sb_stamp_print(int64_t ns, char out[BW_SB_STAMP])
{
    int64_t seconds = bq_floor_div(ns, BW_SB_NS_PER_S);
    int64_t parts = ns % BW_SB_NS_PER_S;
    parts += parts < 0 ? BW_SB_NS_PER_S : 0;
    bq_civil civil = bq_civil_of(seconds * BQ_US_PER_SECOND);
    int64_t of_day = civil.us_of_day / BQ_US_PER_SECOND;
    int n =
        snprintf(out, BW_SB_STAMP, "%04d-%02u-%02uT%02d:%02d:%02d", (int)civil.year, civil.month,
                 civil.day, (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60));
    char *end = out + n;
    size_t room = BW_SB_STAMP - (size_t)n;
    if (parts == 0)
        snprintf(end, room, "Z");
    else if (parts % 1000000 == 0)
        snprintf(end, room, ".%03dZ", (int)(parts / 1000000));
    else if (parts % 1000 == 0)
        snprintf(end, room, ".%06dZ", (int)(parts / 1000));
    else
        snprintf(end, room, ".%09dZ", (int)parts);
    return out;
}
