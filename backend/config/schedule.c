#include "backend/config/schedule.h"

#include <stdio.h>
#include <time.h>

#include "backend/core/units.h"

/* 29 February can be eight years away (2096 to 2104). */
#define HORIZON_DAYS (9 * 366)
/* Runs looked at for the longest pause between two. */
#define PERIOD_SAMPLE 64

/* ---- parsing ---- */

typedef struct field {
    const char *name;
    unsigned min, max;
    const char *const *names; /* of min, min + 1, ...; or NULL */
    size_t n_names;
} field;

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const field fields[] = {
    {"minute", 0, 59, NULL, 0},
    {"hour", 0, 23, NULL, 0},
    {"day of month", 1, 31, NULL, 0},
    {"month", 1, 12, month_names, BW_COUNT(month_names)},
    {"day of week", 0, 7, day_names, BW_COUNT(day_names)},
};

static const struct {
    const char *name, *fields;
} shortcuts[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

typedef struct parser {
    bw_slice text;
    size_t at;
    bw_error *err;
} parser;

static char peek(const parser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static void skip_spaces(parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\t')
        p->at++;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* A number or a name of the field. */
static bw_status take_value(parser *p, const field *f, unsigned *out)
{
    size_t from = p->at;
    unsigned v = 0;
    while (peek(p) >= '0' && peek(p) <= '9' && p->at - from < 4)
        v = v * 10 + (unsigned)(p->text.ptr[p->at++] - '0');
    if (p->at > from) {
        if (v >= f->min && v <= f->max) {
            *out = v;
            return BW_OK;
        }
        p->at = from;
        return bw_error_set(p->err, BW_INVALID, "%s %u is not within %u to %u", f->name, v, f->min,
                            f->max);
    }
    for (size_t i = 0; i < f->n_names && p->text.len - p->at >= 3; i++) {
        const char *s = p->text.ptr + p->at;
        if (lower(s[0]) != f->names[i][0] || lower(s[1]) != f->names[i][1] ||
            lower(s[2]) != f->names[i][2])
            continue;
        p->at += 3;
        *out = f->min + (unsigned)i;
        return BW_OK;
    }
    bw_error_set(p->err, BW_INVALID, "the %s is missing or not understood", f->name);
    return bw_error_hint(p->err,
                         f->names ? "A number from %u to %u, its English name in three "
                                    "letters, a range, a list, or *."
                                  : "A number from %u to %u, a range a-b, a list a,b, "
                                    "a step */n, or *.",
                         f->min, f->max);
}

/* "*", "a", "a-b", each with "/step" where there is a range. */
static bw_status take_range(parser *p, const field *f, uint64_t *bits)
{
    unsigned from = f->min, to = f->max, step = 1;
    bool range = true;
    bw_status s;
    if (peek(p) == '*') {
        p->at++;
    } else {
        size_t start = p->at;
        if ((s = take_value(p, f, &from)) != BW_OK)
            return s;
        to = from;
        range = peek(p) == '-';
        if (range) {
            p->at++;
            if ((s = take_value(p, f, &to)) != BW_OK)
                return s;
        }
        if (to < from) {
            p->at = start;
            bw_error_set(p->err, BW_INVALID, "the %s range runs backwards", f->name);
            return bw_error_hint(p->err, "Write it as two ranges: %u-%u,%u-%u.", from, f->max,
                                 f->min, to);
        }
    }
    if (peek(p) == '/') {
        size_t slash = p->at++;
        step = 0;
        while (peek(p) >= '0' && peek(p) <= '9' && step < 1000)
            step = step * 10 + (unsigned)(p->text.ptr[p->at++] - '0');
        if (!range || step == 0 || step > f->max) {
            p->at = slash;
            bw_error_set(p->err, BW_INVALID, "the %s step is not understood", f->name);
            return bw_error_hint(p->err, "Write */n or a-b/n, with n from 1 to %u.", f->max);
        }
    }
    for (unsigned v = from; v <= to; v += step)
        *bits |= UINT64_C(1) << v;
    return BW_OK;
}

static bw_status take_field(parser *p, const field *f, uint64_t *bits, bool *star)
{
    bw_status s;
    skip_spaces(p);
    *bits = 0;
    *star = peek(p) == '*';
    for (;;) {
        if ((s = take_range(p, f, bits)) != BW_OK)
            return s;
        if (peek(p) != ',')
            break;
        p->at++;
    }
    if (peek(p) == '\0' || peek(p) == ' ' || peek(p) == '\t')
        return BW_OK;
    bw_error_set(p->err, BW_INVALID, "the %s ends in something else", f->name);
    return bw_error_hint(p->err, "Five fields: minute, hour, day of month, month, day of week.");
}

static bw_status take_cron(parser *p, bw_schedule *out)
{
    uint64_t bits[BW_COUNT(fields)];
    bool star[BW_COUNT(fields)];
    for (size_t i = 0; i < BW_COUNT(fields); i++) {
        bw_status s = take_field(p, &fields[i], &bits[i], &star[i]);
        if (s != BW_OK)
            return s;
    }
    skip_spaces(p);
    if (p->at < p->text.len) {
        bw_error_set(p->err, BW_INVALID, "there is something after the fifth field");
        return bw_error_hint(p->err,
                             "Five fields: minute, hour, day of month, month, day of week.");
    }
    *out = (bw_schedule){
        .kind = BW_SCHEDULE_CRON,
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint16_t)bits[3],
        .weekdays = (uint8_t)((bits[4] | bits[4] >> 7) & 0x7F),
        .either_day = !star[2] && !star[4],
        .by_real_time = star[0] || star[1],
    };
    return BW_OK;
}

static bw_status take_every(parser *p, bw_schedule *out)
{
    skip_spaces(p);
    bw_slice rest = {p->text.ptr + p->at, p->text.len - p->at};
    int64_t us;
    if (!bw_parse_duration(rest, &us) || us < BW_SECOND || us > 366 * BW_DAY) {
        bw_error_set(p->err, BW_INVALID, "every needs a duration from 1s to 366d");
        return bw_error_hint(p->err, "For example: every 30s, every 5m, every 1h30m.");
    }
    *out = (bw_schedule){.kind = BW_SCHEDULE_EVERY, .every_us = us};
    return BW_OK;
}

/* The word at the beginning and what may follow it, a colon or a space. */
static bool take_word(parser *p, const char *word)
{
    size_t n = strlen(word);
    if (p->text.len - p->at < n || memcmp(p->text.ptr + p->at, word, n) != 0)
        return false;
    char after = p->at + n < p->text.len ? p->text.ptr[p->at + n] : '\0';
    if (after != '\0' && after != ' ' && after != '\t' && after != ':')
        return false;
    p->at += n + (after == ':');
    return true;
}

static bw_status take_schedule(parser *p, bw_schedule *out)
{
    skip_spaces(p);
    while (p->text.len > p->at && p->text.ptr[p->text.len - 1] == ' ')
        p->text.len--;
    bw_slice rest = {p->text.ptr + p->at, p->text.len - p->at};
    if (bw_slice_is(rest, "manual")) {
        *out = (bw_schedule){.kind = BW_SCHEDULE_MANUAL};
        return BW_OK;
    }
    if (take_word(p, "every"))
        return take_every(p, out);
    if (take_word(p, "cron")) {
        skip_spaces(p);
        rest = (bw_slice){p->text.ptr + p->at, p->text.len - p->at};
    }
    for (size_t i = 0; i < BW_COUNT(shortcuts); i++) {
        parser whole = {bw_slice_cstr(shortcuts[i].fields), 0, p->err};
        if (bw_slice_is(rest, shortcuts[i].name))
            return take_cron(&whole, out);
    }
    if (rest.len > 0 &&
        (strchr("*@", rest.ptr[0]) || (rest.ptr[0] >= '0' && rest.ptr[0] <= '9') || p->at > 0))
        return take_cron(p, out);
    bw_error_set(p->err, BW_INVALID, "it is neither every, cron nor manual");
    return bw_error_hint(p->err,
                         "Write \"every 5m\", \"cron: 0 */2 * * *\" (five fields) or \"manual\".");
}

bw_status bw_schedule_parse(bw_slice text, bw_schedule *out, size_t *at, bw_error *err)
{
    parser p = {text, 0, err};
    bw_status s = take_schedule(&p, out);
    if (at)
        *at = s == BW_OK ? 0 : p.at;
    return s;
}

/* ---- the next time ---- */

/* Local minus universal time, in seconds, at an instant. */
static int64_t offset_at(int64_t instant_s)
{
    struct tm tm;
    time_t t = (time_t)instant_s;
    return localtime_r(&t, &tm) ? (int64_t)tm.tm_gmtoff : 0;
}

/* The last instant before which `offset_at` is not yet `after`, within (from, to]. */
static int64_t transition(int64_t from, int64_t to)
{
    int64_t old = offset_at(from);
    while (to - from > 1) {
        int64_t middle = from + (to - from) / 2;
        if (offset_at(middle) == old)
            from = middle;
        else
            to = middle;
    }
    return to;
}

/* The earliest instant later than `after` at which clocks on the wall show `wall` (seconds as if
   they were universal), or INT64_MAX. `before` and `behind` are the offsets in force around it. */
static int64_t instant_of(int64_t wall, int64_t before, int64_t behind, bool real_time,
                          int64_t after)
{
    int64_t first = wall - before, second = wall - behind;
    bool first_is = offset_at(first) == before, second_is = offset_at(second) == behind;
    if (first_is && first > after)
        return first;
    /* Shown twice: the second time counts only for what goes by real time. */
    if (second_is && second > after && (!first_is || second == first || real_time))
        return second;
    if (first_is || second_is || real_time)
        return INT64_MAX;
    /* Never shown: it falls due when the clocks have jumped over it. */
    int64_t jump = transition(second, first);
    return jump > after ? jump : INT64_MAX;
}

static bool day_matches(const bw_schedule *s, int64_t day)
{
    int64_t year;
    unsigned month, dom;
    bw_civil_from_days(day, &year, &month, &dom);
    if (!(s->months >> month & 1))
        return false;
    unsigned dow = (unsigned)(((day + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
    bool by_dom = s->days >> dom & 1, by_dow = s->weekdays >> dow & 1;
    return s->either_day ? by_dom || by_dow : by_dom && by_dow;
}

/* The earliest run on a day of the local calendar that is later than `after`, or INT64_MAX. */
static int64_t next_on_day(const bw_schedule *s, int64_t day, int64_t after)
{
    int64_t midnight = day * 86400, best = INT64_MAX;
    /* Wide enough for a zone that moves across the date line. */
    int64_t before = offset_at(midnight - 36 * 3600), behind = offset_at(midnight + 60 * 3600);
    for (unsigned hour = 0; hour < 24; hour++) {
        if (!(s->hours >> hour & 1))
            continue;
        for (unsigned minute = 0; minute < 60; minute++) {
            int64_t wall = midnight + hour * 3600 + minute * 60, t;
            if (!(s->minutes >> minute & 1))
                continue;
            if (before == behind && wall - before > after)
                return wall - before;
            if (before == behind)
                continue;
            t = instant_of(wall, before, behind, s->by_real_time, after);
            if (t < best)
                best = t;
        }
    }
    return best;
}

static int64_t next_cron(const bw_schedule *s, int64_t after_us)
{
    int64_t after = after_us / BW_SECOND - (after_us % BW_SECOND < 0);
    int64_t local = after + offset_at(after);
    /* One day back: where midnight is repeated, an instant can belong to either day. */
    int64_t today = local / 86400 - (local % 86400 < 0) - 1;
    for (int64_t day = today; day < today + HORIZON_DAYS; day++) {
        if (!day_matches(s, day))
            continue;
        int64_t t = next_on_day(s, day, after);
        if (t != INT64_MAX)
            return t * BW_SECOND;
    }
    return BW_TIME_NONE;
}

int64_t bw_schedule_next(const bw_schedule *s, int64_t after_us)
{
    int64_t next;
    if (after_us == BW_TIME_NONE)
        return BW_TIME_NONE;
    if (s->kind == BW_SCHEDULE_CRON)
        return next_cron(s, after_us);
    if (s->kind == BW_SCHEDULE_EVERY && !__builtin_add_overflow(after_us, s->every_us, &next))
        return next;
    return BW_TIME_NONE;
}

int64_t bw_schedule_period(const bw_schedule *s, int64_t from_us)
{
    int64_t longest = 0, t, next;
    if (s->kind != BW_SCHEDULE_CRON)
        return s->kind == BW_SCHEDULE_EVERY ? s->every_us : 0;
    t = bw_schedule_next(s, from_us);
    for (int i = 0; i < PERIOD_SAMPLE && t != BW_TIME_NONE; i++, t = next) {
        next = bw_schedule_next(s, t);
        if (next != BW_TIME_NONE && next - t > longest)
            longest = next - t;
    }
    return longest;
}
