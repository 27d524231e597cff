/* The engine's sign of life. */
#include "backend/store/internal.h"

#include <stdio.h>

#define ALIVE_FOR (15 * BW_SECOND)

static bw_status note_remote(bw_store *store, int64_t remote_letters, bw_error *err)
{
    bw_sql q = bw_sql_open(store, "INSERT INTO meta VALUES ('remote_letters', ?) ON CONFLICT (key)"
                                  " DO UPDATE SET value = excluded.value");
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)remote_letters);
    bw_sql_bind_text(&q, text);
    return bw_sql_run(&q, NULL, err);
}

bw_status bw_store_heartbeat(bw_store *store, int64_t remote_letters, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "UPDATE engine SET heartbeat = ?");
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    st = bw_sql_run(&q, NULL, err);
    if (st == BW_OK)
        st = note_remote(store, remote_letters, err);
    return bw_tx_end(store, st, err);
}

bw_status bw_store_engine(bw_store *store, bw_arena *arena, bw_engine_record *out, bw_error *err)
{
    *out = (bw_engine_record){
        .started_us = BW_TIME_NONE, .heartbeat_us = BW_TIME_NONE, .remote_letters = -1};
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, "SELECT started, heartbeat, version, host, pid, coalesce((SELECT"
                                  " CAST(value AS INTEGER) FROM meta WHERE key = 'remote_letters'),"
                                  " -1) FROM engine");
    if (bw_sql_next(&q)) {
        out->started_us = bw_sql_time(&q);
        out->heartbeat_us = bw_sql_time(&q);
        out->version = bw_sql_text(&q, arena);
        out->host = bw_sql_text(&q, arena);
        out->pid = bw_sql_int(&q);
        out->remote_letters = bw_sql_int(&q);
    }
    bw_status st = bw_sql_end(&q, err);
    bw_tx_read_end(store);
    char holder[128];
    out->running = st == BW_OK && out->heartbeat_us != BW_TIME_NONE &&
                   bw_wall_us(store->clock) - out->heartbeat_us < ALIVE_FOR &&
                   bw_store_engine_runs(store->dir, holder);
    if (!out->running)
        out->remote_letters = -1;
    return st;
}
