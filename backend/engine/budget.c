/* Quota bookings on the store: each modification of a target where the service counts it, and the
   bytes that a sync's questions read. */
#include <stdio.h>

#include "backend/core/units.h"
#include "backend/engine/limits.h"
#include "backend/engine/run_internal.h"

/* Refuses what would go over the limit of 24 h; else books it, before it is sent. */
static bw_status book_within(bw_run *run, const char *what, const char *whom, int64_t n,
                             int64_t limit, const char *text, bw_error *err)
{
    int64_t sum, oldest;
    bw_status s = bw_store_booked(run->env.store, what, whom, &sum, &oldest, err);
    if (s != BW_OK)
        return s;
    if (limit <= 0 || sum + n <= limit)
        return bw_store_book(run->env.store, what, whom, n, &sum, err);
    double wait = 600;
    if (oldest != BW_TIME_NONE) {
        wait = (double)(oldest + BW_DAY - bw_wall_us(run->env.clock)) / BW_SECOND;
        wait = wait < 60 ? 60 : wait > 3600 ? 3600 : wait;
    }
    bw_error_set(err, BW_QUOTA, "the %s of %s in 24 h are used up", text, whom);
    err->retry_after_s = wait;
    return bw_error_hint(err, "Let the sync run less often, or raise the limit where it is yours "
                              "(max_bytes_per_day).");
}

static bw_status book(void *user, const char *table, int partitions, bw_error *err)
{
    bw_run *run = user;
    bool partitioned = partitions > 0;
    bw_status s = book_within(
        run, "modifications", table, partitioned ? partitions : 1,
        partitioned ? BW_PARTITION_MODIFICATIONS : BW_TABLE_MODIFICATIONS,
        partitioned ? "30,000 partition modifications" : "1,500 table modifications", err);
    if (s == BW_OK)
        s = book_within(run, "load_jobs", "project", 1, BW_PROJECT_LOAD_JOBS, "100,000 load jobs",
                        err);
    return s;
}

static bw_status book_bytes(void *user, int64_t bytes, bw_error *err)
{
    bw_run *run = user;
    char limit[BW_TIME_TEXT], text[80];
    bw_format_bytes(run->def->max_bytes_per_day, limit);
    snprintf(text, sizeof(text), "%s that queries may read", limit);
    bw_status s =
        book_within(run, "bytes", run->def->name, bytes, run->def->max_bytes_per_day, text, err);
    run->bytes_refused = s == BW_QUOTA ? bytes : 0;
    return s;
}

bw_budget_ops bw_budget_on_store(bw_run *run)
{
    return (bw_budget_ops){.user = run, .book = book, .book_bytes = book_bytes};
}
