/* Quota bookings on the store: each modification of a target where the service counts it, and the
   bytes that a sync's questions read. */
#include "backend/core/units.h"
#include "backend/engine/run_internal.h"

/* BigQuery's limits: modifications of a table and of a partitioned table's partitions in 24 h, and
   load jobs of a project in 24 h. */
#define TABLE_MODIFICATIONS     1500
#define PARTITION_MODIFICATIONS 30000
#define PROJECT_LOAD_JOBS       100000

static bw_status used_up(bw_run *run, const char *what, const char *whom, const char *text,
                         int64_t limit, bw_error *err)
{
    int64_t sum, oldest;
    bw_error ignored = BW_ERROR_INIT;
    double wait = 600;
    if (bw_store_booked(run->env.store, what, whom, &sum, &oldest, &ignored) == BW_OK &&
        oldest != BW_TIME_NONE) {
        double until = (double)(oldest + BW_DAY - bw_wall_us(run->env.clock)) / BW_SECOND;
        wait = until < 60 ? 60 : until > 3600 ? 3600 : until;
    }
    bw_error_set(err, BW_QUOTA, "%s of %s used up in the last 24 h (%lld)", text, whom,
                 (long long)limit);
    err->retry_after_s = wait;
    return bw_error_hint(err, "Run this sync less often, or raise the limit where it is yours.");
}

static bw_status book(void *user, const char *table, int partitions, bw_error *err)
{
    bw_run *run = user;
    int64_t sum, limit = partitions > 0 ? PARTITION_MODIFICATIONS : TABLE_MODIFICATIONS;
    bw_status s = bw_store_book(run->env.store, "modifications", table,
                                partitions > 0 ? partitions : 1, &sum, err);
    if (s != BW_OK)
        return s;
    if (sum > limit)
        return used_up(run, "modifications", table, "table modifications", limit, err);
    s = bw_store_book(run->env.store, "load_jobs", "project", 1, &sum, err);
    if (s == BW_OK && sum > PROJECT_LOAD_JOBS)
        return used_up(run, "load_jobs", "project", "load jobs", PROJECT_LOAD_JOBS, err);
    return s;
}

static bw_status book_bytes(void *user, int64_t bytes, bw_error *err)
{
    bw_run *run = user;
    int64_t sum, limit = run->def->max_bytes_per_day;
    bw_status s = bw_store_book(run->env.store, "bytes", run->def->name, bytes, &sum, err);
    if (s != BW_OK || limit <= 0 || sum <= limit)
        return s;
    char text[BW_TIME_TEXT];
    s = used_up(run, "bytes", run->def->name, bw_format_bytes(limit, text), limit, err);
    return bw_error_hint(err, "Raise max_bytes_per_day, or let the sync run less often.");
}

bw_budget_ops bw_budget_on_store(bw_run *run)
{
    return (bw_budget_ops){.user = run, .book = book, .book_bytes = book_bytes};
}
