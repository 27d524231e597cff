#include <stdlib.h>
#include <strings.h>

#include "backend/sandbox/bq_type.h"
#include "backend/sandbox/fn_time.h"

#define HOUR_US INT64_C(3600000000)

static const bq_part parts[] = {
    {"MICROSECOND", 1, 0, 0, false},
    {"MILLISECOND", 1000, 0, 0, false},
    {"SECOND", BQ_US_PER_SECOND, 0, 0, false},
    {"MINUTE", 60 * BQ_US_PER_SECOND, 0, 0, false},
    {"HOUR", HOUR_US, 0, 0, false},
    {"DAY", BQ_US_PER_DAY, 0, 0, false},
    {"WEEK", 7 * BQ_US_PER_DAY, 0, 7, false},
    {"ISOWEEK", 7 * BQ_US_PER_DAY, 0, 1, false},
    {"WEEK(MONDAY)", 7 * BQ_US_PER_DAY, 0, 1, false},
    {"WEEK(TUESDAY)", 7 * BQ_US_PER_DAY, 0, 2, false},
    {"WEEK(WEDNESDAY)", 7 * BQ_US_PER_DAY, 0, 3, false},
    {"WEEK(THURSDAY)", 7 * BQ_US_PER_DAY, 0, 4, false},
    {"WEEK(FRIDAY)", 7 * BQ_US_PER_DAY, 0, 5, false},
    {"WEEK(SATURDAY)", 7 * BQ_US_PER_DAY, 0, 6, false},
    {"WEEK(SUNDAY)", 7 * BQ_US_PER_DAY, 0, 7, false},
    {"MONTH", 0, 1, 0, false},
    {"QUARTER", 0, 3, 0, false},
    {"YEAR", 0, 12, 0, false},
    {"ISOYEAR", 0, 12, 0, true},
};

const bq_part *bq_part_find(bw_slice name)
{
    for (size_t i = 0; i < BW_COUNT(parts); i++) {
        if (strlen(parts[i].name) == name.len &&
            strncasecmp(parts[i].name, name.ptr, name.len) == 0)
            return &parts[i];
    }
    return NULL;
}

static bool in_range(int64_t us)
{
    return us >= BQ_TIMESTAMP_MIN && us <= BQ_TIMESTAMP_MAX;
}

bool bq_part_add(const bq_part *part, int64_t datetime_us, int64_t n, int64_t *out)
{
    if (part->us > 0) {
        int64_t move;
        return !__builtin_mul_overflow(n, part->us, &move) &&
               !__builtin_add_overflow(datetime_us, move, out) && in_range(*out);
    }
    bq_civil c = bq_civil_of(datetime_us);
    if (llabs(n) > 120000)
        return false;
    int64_t months = c.year * 12 + (int64_t)c.month - 1 + n * part->months;
    int64_t year = bq_floor_div(months, 12), days;
    int64_t month = months - year * 12 + 1;
    int64_t day = c.day;
    while (day > 28 && !bq_days_of(year, month, day, &days))
        day--;
    if (!bq_days_of(year, month, day, &days))
        return false;
    *out = days * BQ_US_PER_DAY + c.us_of_day;
    return true;
}

void bq_iso_week(int64_t days, int64_t *year, int64_t *week)
{
    /* A week belongs to the year that its Thursday is in. */
    int64_t thursday = days - bq_iso_weekday(days) + 4, first = 0;
    bq_civil c = bq_civil_of(thursday * BQ_US_PER_DAY);

    bq_days_of(c.year < 1 ? 1 : c.year, 1, 1, &first);
    *year = c.year;
    *week = (thursday - first) / 7 + 1;
}

static int64_t iso_year_start(int64_t days)
{
    int64_t year, week;

    bq_iso_week(days, &year, &week);
    return days - bq_iso_weekday(days) + 1 - (week - 1) * 7;
}

int64_t bq_part_trunc(const bq_part *part, int64_t datetime_us)
{
    int64_t days = bq_floor_div(datetime_us, BQ_US_PER_DAY);

    if (part->week_start > 0) {
        int back = (bq_iso_weekday(days) - part->week_start + 7) % 7;
        return (days - back) * BQ_US_PER_DAY;
    }
    if (part->us > 0)
        return bq_floor_div(datetime_us, part->us) * part->us;
    if (part->iso_year)
        return iso_year_start(days) * BQ_US_PER_DAY;
    bq_civil c = bq_civil_of(datetime_us);
    int64_t month = ((int64_t)c.month - 1) / part->months * part->months + 1;
    bq_days_of(c.year, month, 1, &days);
    return days * BQ_US_PER_DAY;
}

int64_t bq_part_diff(const bq_part *part, int64_t a, int64_t b)
{
    if (part->week_start > 0)
        return (bq_part_trunc(part, a) - bq_part_trunc(part, b)) / (7 * BQ_US_PER_DAY);
    if (part->us > 0)
        return bq_floor_div(a, part->us) - bq_floor_div(b, part->us);
    bq_civil x = bq_civil_of(a), y = bq_civil_of(b);
    if (part->iso_year) {
        int64_t yx, yy, week;
        bq_iso_week(bq_floor_div(a, BQ_US_PER_DAY), &yx, &week);
        bq_iso_week(bq_floor_div(b, BQ_US_PER_DAY), &yy, &week);
        return yx - yy;
    }
    return (x.year * 12 + (int64_t)x.month - 1) / part->months -
           (y.year * 12 + (int64_t)y.month - 1) / part->months;
}
