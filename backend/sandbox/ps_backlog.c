/* What Cloud Monitoring shows of subscriptions. */
#include "backend/sandbox/ps_store.h"

static bw_status read_backlog(bw_sb_pubsub *ps, int64_t subscription, bw_sb_backlog *out,
                              bw_error *err)
{
    sqlite3_stmt *q;
    *out = (bw_sb_backlog){0};
    bw_status status = ps_query(ps, err, &q,
                                "SELECT count(*), min(message), total(size) FROM delivery"
                                " INDEXED BY delivery_state"
                                " WHERE subscription = ?1 AND state IN (0, 1, 2, 4)",
                                "i", subscription);
    if (status != BW_OK)
        return status;
    if (bw_sb_db_next(q) && sqlite3_column_int64(q, 0) > 0) {
        int64_t age = bw_wall_us(ps->clock) - sqlite3_column_int64(q, 1);
        out->undelivered = sqlite3_column_int64(q, 0);
        out->oldest_unacked_age_us = age > 0 ? age : 0;
        out->bytes = sqlite3_column_int64(q, 2);
    }
    return ps_done(ps, q, err);
}

bool bw_sb_pubsub_backlog(bw_sb_pubsub *ps, const char *project, const char *subscription,
                          bw_sb_backlog *out)
{
    bw_error err = BW_ERROR_INIT;
    int64_t id = 0;
    ps_lock(ps);
    bw_status status =
        ps_value(ps, &err, &id, "SELECT id FROM subscription WHERE project = ?1 AND name = ?2",
                 "tt", project, subscription);
    if (status == BW_OK && id)
        status = read_backlog(ps, id, out, &err);
    ps_unlock(ps);
    return status == BW_OK && id;
}

void bw_sb_pubsub_each_backlog(bw_sb_pubsub *ps, const char *project, bw_sb_backlog_visit *visit,
                               void *user)
{
    bw_error err = BW_ERROR_INIT;
    bw_arena arena = BW_ARENA_INIT;
    sqlite3_stmt *q;
    ps_lock(ps);
    bw_status status = ps_query(ps, &err, &q,
                                "SELECT id, name, topic_name FROM subscription"
                                " WHERE project = ?1 ORDER BY name",
                                "t", project);
    if (status == BW_OK) {
        while (bw_sb_db_next(q)) {
            bw_sb_backlog backlog;
            const char *topic = bw_sb_db_text(&arena, q, 2), *slash = strrchr(topic, '/');
            if (read_backlog(ps, sqlite3_column_int64(q, 0), &backlog, &err) == BW_OK)
                visit(user, bw_sb_db_text(&arena, q, 1), slash ? slash + 1 : topic, &backlog);
        }
        status = ps_done(ps, q, &err);
    }
    ps_unlock(ps);
    bw_arena_fini(&arena);
    (void)status; /* what could be read has been visited */
}
