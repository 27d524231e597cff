/* The engine's sign of life. */
#include "backend/store/internal.h"

#define ALIVE_FOR (15 * BW_SECOND)

bw_status bw_store_heartbeat(bw_store *store, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "UPDATE engine SET heartbeat = ?");
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    return bw_tx_end(store, bw_sql_run(&q, NULL, err), err);
}

bw_status bw_store_engine(bw_store *store, bw_arena *arena, bw_engine_record *out, bw_error *err)
{
    *out = (bw_engine_record){.started_us = BW_TIME_NONE, .heartbeat_us = BW_TIME_NONE};
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, "SELECT started, heartbeat, version, host, pid FROM engine");
    if (bw_sql_next(&q)) {
        out->started_us = bw_sql_time(&q);
        out->heartbeat_us = bw_sql_time(&q);
        out->version = bw_sql_text(&q, arena);
        out->host = bw_sql_text(&q, arena);
        out->pid = bw_sql_int(&q);
    }
    bw_status st = bw_sql_end(&q, err);
    bw_tx_read_end(store);
    char holder[128];
    out->running = st == BW_OK && out->heartbeat_us != BW_TIME_NONE &&
                   bw_wall_us(store->clock) - out->heartbeat_us < ALIVE_FOR &&
                   bw_store_engine_runs(store->dir, holder);
    return st;
}
