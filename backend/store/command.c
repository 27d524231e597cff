#include "backend/store/internal.h"

#define COLUMNS "id, at, who, kind, args, state, outcome"

static void read_command(bw_sql *q, bw_arena *arena, void *item)
{
    bw_command_record *c = item;
    c->id = bw_sql_int(q);
    c->at_us = bw_sql_time(q);
    c->who = bw_sql_text(q, arena);
    c->kind = bw_sql_text(q, arena);
    c->args = bw_sql_text(q, arena);
    c->state = bw_sql_text(q, arena);
    c->outcome = bw_sql_text(q, arena);
}

bw_status bw_store_command_put(bw_store *store, const char *who, const char *kind, const char *args,
                               int64_t *id, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(
        store, "INSERT INTO commands (at, who, kind, args, state) VALUES (?, ?, ?, ?, 'new')");
    bw_sql_bind_int(&q, bw_wall_us(store->clock));
    bw_sql_bind_text(&q, who);
    bw_sql_bind_text(&q, kind);
    bw_sql_bind_text(&q, args ? args : "{}");
    st = bw_sql_run(&q, NULL, err);
    *id = sqlite3_last_insert_rowid(store->db);
    st = bw_tx_end(store, st, err);
    if (st == BW_OK)
        bw_wake_send(store);
    return st;
}

static bw_status any_new(bw_store *store, bool *any, bw_error *err)
{
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, "SELECT 1 FROM commands WHERE state IN ('new', 'taken')"
                                  " AND state = 'new' LIMIT 1");
    *any = bw_sql_next(&q);
    bw_status st = bw_sql_end(&q, err);
    bw_tx_read_end(store);
    return st;
}

bw_status bw_store_command_take(bw_store *store, bw_arena *arena, bw_command_record **out,
                                size_t *count, bw_error *err)
{
    *out = NULL;
    *count = 0;
    /* Asked often, with mostly nothing there: not worth a writing transaction. */
    bool any;
    bw_status st = any_new(store, &any, err);
    if (st != BW_OK || !any)
        return st;
    st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    void *items;
    bw_sql q = bw_sql_open(store, "SELECT id, at, who, kind, args, 'taken', outcome FROM commands"
                                  " WHERE state IN ('new', 'taken') AND state = 'new' ORDER BY id");
    st = bw_sql_list(&q, arena, sizeof(**out), read_command, &items, count, err);
    if (st == BW_OK)
        st = bw_sql_script(store, "UPDATE commands SET state = 'taken' WHERE state = 'new'", err);
    st = bw_tx_end(store, st, err);
    *out = items;
    if (st != BW_OK)
        *count = 0;
    return st;
}

bw_status bw_store_command_progress(bw_store *store, int64_t id, const char *text, bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q =
        bw_sql_open(store, "UPDATE commands SET outcome = ? WHERE id = ? AND state = 'taken'");
    bw_sql_bind_text(&q, text);
    bw_sql_bind_int(&q, id);
    return bw_tx_end(store, bw_sql_run(&q, NULL, err), err);
}

bw_status bw_store_command_done(bw_store *store, int64_t id, bool ok, const char *outcome,
                                bw_error *err)
{
    bw_status st = bw_tx_begin(store, err);
    if (st != BW_OK)
        return st;
    bw_sql q = bw_sql_open(store, "UPDATE commands SET state = ?, outcome = ? WHERE id = ?");
    bw_sql_bind_text(&q, ok ? "done" : "failed");
    bw_sql_bind_text(&q, outcome ? outcome : "");
    bw_sql_bind_int(&q, id);
    return bw_tx_end(store, bw_sql_run(&q, NULL, err), err);
}

bw_status bw_store_command_get(bw_store *store, int64_t id, bw_arena *arena, bw_command_record *out,
                               bw_error *err)
{
    *out = (bw_command_record){0};
    bw_tx_read(store);
    bw_sql q = bw_sql_open(store, "SELECT " COLUMNS " FROM commands WHERE id = ?");
    bw_sql_bind_int(&q, id);
    bool found = bw_sql_next(&q);
    if (found)
        read_command(&q, arena, out);
    bw_status st = bw_sql_end(&q, err);
    bw_tx_read_end(store);
    if (st == BW_OK && !found)
        st = bw_error_set(err, BW_NOT_FOUND, "no command %lld", (long long)id);
    return st;
}
