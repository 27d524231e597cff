#include "backend/destination/internal.h"

#include <stdlib.h>

#define DEFAULT_STEP (10 * BW_MINUTE)

bw_destination *bw_destination_new(const bw_google *google, const bw_clock *clock,
                                   const bw_cancel *cancel, const bw_budget_ops *budget)
{
    bw_destination *d = bw_xcalloc(1, sizeof *d);
    d->google = google;
    d->clock = clock;
    d->cancel = cancel;
    if (budget)
        d->budget = *budget;
    d->bq = bw_bigquery_new(google, clock, cancel);
    bw_destination_set_deadline(d, DEFAULT_STEP);
    return d;
}

void bw_destination_free(bw_destination *d)
{
    if (!d)
        return;
    bw_bigquery_free(d->bq);
    free(d);
}

void bw_destination_set_deadline(bw_destination *d, int64_t per_step_us)
{
    d->step_us = per_step_us;
    bw_bigquery_set_deadline(d->bq, per_step_us);
}

void bw_destination_set_listener(bw_destination *d, void (*tell)(void *user, const char *text),
                                 void *user)
{
    bw_bigquery_set_listener(d->bq, tell, user);
}

void bw_destination_set_compression(bw_destination *d, bw_compression compression)
{
    d->compression = compression;
}

bw_status bw_destination_book(bw_destination *d, const bw_target *target, const char *table,
                              bw_error *err)
{
    if (!d->budget.book)
        return BW_OK;
    char *name = bw_xasprintf("%s.%s.%s", target->project, target->dataset, table);
    bw_status s = d->budget.book(d->budget.user, name, target->partitioned ? 1 : 0, err);
    free(name);
    return s;
}

bw_status bw_destination_ask(bw_destination *d, const bw_target *target, const char *sql,
                             bw_arena *arena, const char **answer, bw_error *err)
{
    bw_question q = {.project = target->project, .location = target->location, .sql = sql};
    bw_buf text = BW_BUF_INIT;
    bool is_null;
    bw_status s = bw_bigquery_ask_scalar(d->bq, &q, &text, &is_null, err);
    if (s == BW_OK)
        *answer = is_null ? NULL : bw_arena_strndup(arena, text.ptr ? text.ptr : "", text.len);
    bw_buf_fini(&text);
    return s;
}
