/*
 * Time zones: UTC and fixed offsets by themselves, names from the system's compiled tz database
 * (TZif, RFC 8536). The file is read per call: zones are rare in the statements that come here, and
 * a cache would be shared state.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend/sandbox/bq_time.h"

#define ZONE_FILE_MAX (256 * 1024)

/* +H, +HH, +H:MM, +HH:MM */
static bool offset_parse(bw_slice s, int64_t *us)
{
    int64_t h = 0, m = 0;
    size_t i = 1, n = 0;

    for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9' && n < 2; i++, n++)
        h = h * 10 + (s.ptr[i] - '0');
    if (n == 0)
        return false;
    if (i < s.len) {
        if (s.ptr[i] != ':' || s.len - i != 3)
            return false;
        for (i++; i < s.len; i++) {
            if (s.ptr[i] < '0' || s.ptr[i] > '9')
                return false;
            m = m * 10 + (s.ptr[i] - '0');
        }
    }
    if (h > 14 || m > 59 || (h == 14 && m > 0))
        return false;
    *us = (s.ptr[0] == '-' ? -1 : 1) * (h * 60 + m) * 60 * BQ_US_PER_SECOND;
    return true;
}

static bool name_is_safe(bw_slice name)
{
    if (name.len == 0 || name.len > 60 || name.ptr[0] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '+' || c == '/';
        if (!ok)
            return false;
    }
    return true;
}

static int64_t be(const unsigned char *p, int size)
{
    uint64_t v = (p[0] & 0x80) ? ~UINT64_C(0) : 0;

    for (int i = 0; i < size; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

/* ---- The rule at the end of the file (POSIX TZ), for times after the last transition ---------- */

typedef struct rule_change {
    int month, week, day;
    int64_t at; /* seconds of local time */
} rule_change;

typedef struct rule {
    int64_t standard, daylight; /* offsets in seconds */
    bool has_daylight;
    rule_change start, end;
} rule;

static const char *rule_name(const char *p)
{
    if (*p == '<') {
        while (*p && *p != '>')
            p++;
        return *p ? p + 1 : p;
    }
    while ((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z'))
        p++;
    return p;
}

static const char *rule_hms(const char *p, int64_t *seconds)
{
    int sign = *p == '-' ? -1 : 1;
    int64_t part[3] = {0, 0, 0};

    if (*p == '-' || *p == '+')
        p++;
    for (int i = 0; i < 3; i++) {
        while (*p >= '0' && *p <= '9' && part[i] < 10000)
            part[i] = part[i] * 10 + (*p++ - '0');
        if (*p != ':')
            break;
        p++;
    }
    *seconds = sign * ((part[0] * 60 + part[1]) * 60 + part[2]);
    return p;
}

/* Only the Mm.w.d form: the tz database writes no other for living zones. */
static const char *rule_date(const char *p, rule_change *c)
{
    int *parts[] = {&c->month, &c->week, &c->day};

    if (*p++ != 'M')
        return NULL;
    for (int i = 0; i < 3; i++) {
        *parts[i] = 0;
        while (*p >= '0' && *p <= '9' && *parts[i] < 100)
            *parts[i] = *parts[i] * 10 + (*p++ - '0');
        if (i < 2 && *p++ != '.')
            return NULL;
    }
    c->at = 2 * 3600;
    if (*p == '/')
        p = rule_hms(p + 1, &c->at);
    return c->month >= 1 && c->month <= 12 ? p : NULL;
}

static bool rule_parse(const char *p, rule *r)
{
    p = rule_hms(rule_name(p), &r->standard);
    r->standard = -r->standard;
    r->has_daylight = *p != '\0';
    if (!r->has_daylight)
        return true;
    r->daylight = r->standard + 3600;
    p = rule_name(p);
    if (*p && *p != ',') {
        p = rule_hms(p, &r->daylight);
        r->daylight = -r->daylight;
    }
    if (*p++ != ',' || !(p = rule_date(p, &r->start)) || *p++ != ',')
        return false;
    return rule_date(p, &r->end) != NULL;
}

static int64_t rule_instant(const rule_change *c, int64_t year, int64_t offset)
{
    int64_t first = 0;

    bq_days_of(year, c->month, 1, &first);
    int weekday = bq_iso_weekday(first) % 7; /* Sunday 0, as the rule counts */
    int64_t day = first + (c->day - weekday + 7) % 7 + (c->week - 1) * 7;
    int64_t next = first + 31;
    if (c->month < 12)
        bq_days_of(year, c->month + 1, 1, &next);
    while (day >= next)
        day -= 7;
    return day * 86400 + c->at - offset;
}

static int64_t rule_offset(const rule *r, int64_t utc)
{
    if (!r->has_daylight)
        return r->standard;
    int64_t year = bq_civil_of((utc + r->standard) * BQ_US_PER_SECOND).year;
    int64_t start = rule_instant(&r->start, year, r->standard);
    int64_t end = rule_instant(&r->end, year, r->daylight);
    bool inside = start < end ? utc >= start && utc < end : utc >= start || utc < end;
    return inside ? r->daylight : r->standard;
}

/* ---- The file --------------------------------------------------------------------------------- */

typedef struct zone_file {
    const unsigned char *times, *kinds, *types;
    int64_t time_count, type_count;
    char footer[128];
} zone_file;

/* The second block of a version 2+ file, with 64-bit times. */
static bool zone_file_parse(const unsigned char *data, size_t size, zone_file *z)
{
    if (size < 44 || memcmp(data, "TZif", 4) != 0 || data[4] < '2')
        return false;
    const unsigned char *h = data + 20;
    size_t skip = 44 + (size_t)(be(h + 12, 4) * 5 + be(h + 16, 4) * 6 + be(h + 20, 4) +
                                be(h + 8, 4) * 8 + be(h + 4, 4) + be(h, 4));
    if (skip + 44 > size || memcmp(data + skip, "TZif", 4) != 0)
        return false;
    h = data + skip + 20;
    z->time_count = be(h + 12, 4);
    z->type_count = be(h + 16, 4);
    int64_t rest = z->time_count * 9 + z->type_count * 6 + be(h + 20, 4) + be(h + 8, 4) * 12 +
                   be(h + 4, 4) + be(h, 4);
    if (z->time_count < 0 || z->type_count < 1 || rest < 0 || skip + 44 + (size_t)rest > size)
        return false;
    z->times = data + skip + 44;
    z->kinds = z->times + z->time_count * 8;
    z->types = z->kinds + z->time_count;
    const unsigned char *footer = data + skip + 44 + rest;
    size_t n = 0;
    for (footer++; footer < data + size && *footer != '\n' && n + 1 < sizeof(z->footer); footer++)
        z->footer[n++] = (char)*footer;
    z->footer[n] = '\0';
    return true;
}

static int64_t zone_file_offset(const zone_file *z, int64_t utc)
{
    int64_t low = 0, high = z->time_count; /* first transition after utc */

    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (be(z->times + middle * 8, 8) <= utc)
            low = middle + 1;
        else
            high = middle;
    }
    rule r;
    if (low == z->time_count && z->footer[0] && rule_parse(z->footer, &r))
        return rule_offset(&r, utc);
    int64_t kind = low == 0 ? 0 : z->kinds[low - 1];
    return kind < z->type_count ? be(z->types + kind * 6, 4) : 0;
}

static bool zone_named(bw_slice zone, int64_t us, bool local, int64_t *offset_us)
{
    char path[128];
    zone_file z;

    if (!name_is_safe(zone))
        return false;
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.*s", BW_SLICE_ARG(zone));
    FILE *f = fopen(path, "rbe");
    if (!f)
        return false;
    unsigned char *data = bw_xmalloc(ZONE_FILE_MAX);
    size_t size = fread(data, 1, ZONE_FILE_MAX, f);
    fclose(f);
    bool ok = zone_file_parse(data, size, &z);
    if (ok) {
        int64_t second = bq_floor_div(us, BQ_US_PER_SECOND);
        int64_t offset = zone_file_offset(&z, second);
        if (local) {
            /* The offset that holds before a change is the one for a local time in its gap or
               overlap, so the earlier instant is asked first. */
            int64_t before = zone_file_offset(&z, second - offset - 86400);
            int64_t guess = zone_file_offset(&z, second - before);
            offset = guess == before ? before : zone_file_offset(&z, second - guess);
        }
        *offset_us = offset * BQ_US_PER_SECOND;
    }
    free(data);
    return ok;
}

bool bq_zone_offset(bw_slice zone, int64_t us, bool local, int64_t *offset_us)
{
    static const char *const utc[] = {"UTC", "Z", "z", "GMT", "Etc/UTC", "Etc/GMT", "utc"};

    if (zone.len > 0 && (zone.ptr[0] == '+' || zone.ptr[0] == '-'))
        return offset_parse(zone, offset_us);
    for (size_t i = 0; i < BW_COUNT(utc); i++) {
        if (bw_slice_is(zone, utc[i])) {
            *offset_us = 0;
            return true;
        }
    }
    return zone_named(zone, us, local, offset_us);
}
