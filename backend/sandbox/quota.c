#include "backend/sandbox/quota.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct used {
    char *table;
    int64_t since_us, jobs;
} used;

struct bw_sb_quota {
    int64_t jobs, window_us;
    const bw_clock *clock;
    pthread_mutex_t mu;
    used *tables; /* guarded by mu */
    size_t count, cap;
};

bw_sb_quota *bw_sb_quota_new(int64_t jobs, int64_t window_us, const bw_clock *clock)
{
    bw_sb_quota *q = bw_xcalloc(1, sizeof *q);
    q->jobs = jobs;
    q->window_us = window_us;
    q->clock = clock;
    pthread_mutex_init(&q->mu, NULL);
    return q;
}

void bw_sb_quota_reset(bw_sb_quota *q)
{
    pthread_mutex_lock(&q->mu);
    for (size_t i = 0; i < q->count; i++)
        free(q->tables[i].table);
    q->count = 0;
    pthread_mutex_unlock(&q->mu);
}

void bw_sb_quota_free(bw_sb_quota *q)
{
    if (!q)
        return;
    bw_sb_quota_reset(q);
    free(q->tables);
    pthread_mutex_destroy(&q->mu);
    free(q);
}

static used *find(bw_sb_quota *q, const char *table)
{
    for (size_t i = 0; i < q->count; i++) {
        if (strcmp(q->tables[i].table, table) == 0)
            return &q->tables[i];
    }
    BW_GROW(q->tables, q->count + 1, q->cap);
    used *u = &q->tables[q->count++];
    *u = (used){.table = bw_xstrdup(table), .since_us = bw_mono_us(q->clock)};
    return u;
}

bw_status bw_sb_quota_take(bw_sb_quota *q, bq_table_ref table, bq_error *err)
{
    char name[1024];
    if (q->jobs == 0)
        return BW_OK;
    bq_table_name(table, name, sizeof name);
    pthread_mutex_lock(&q->mu);
    used *u = find(q, name);
    int64_t now = bw_mono_us(q->clock);
    if (now - u->since_us >= q->window_us) {
        u->since_us = now;
        u->jobs = 0;
    }
    bool left = u->jobs < q->jobs;
    u->jobs += left;
    pthread_mutex_unlock(&q->mu);
    if (left)
        return BW_OK;
    return bq_error_set(err, "quotaExceeded", "load_job_per_table.long",
                        "Quota exceeded: Your table exceeded quota for imports or query appends "
                        "per table. For more information, see "
                        "https://cloud.google.com/bigquery/docs/troubleshoot-quotas");
}
