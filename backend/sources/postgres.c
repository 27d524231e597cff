#include "backend/sources/postgres.h"

#include <stdlib.h>

#include "backend/sources/postgres_advice.h"
#include "backend/sources/postgres_reader.h"
#include "backend/sources/postgres_settings.h"
#include "backend/sources/postgres_window.h"

/* A source is its connection. */
static bw_pgconn *conn_of(bw_source *source)
{
    return (bw_pgconn *)source;
}

static bw_status pg_open(const bw_source_class *class, const bw_config_node *settings,
                         const bw_source_env *env, bw_source **out, bw_error *err)
{
    bw_arena arena = BW_ARENA_INIT;
    bw_pgparams params;
    bw_pgconn *conn = NULL;
    char *password;
    (void)class;
    bw_status status = bw_pg_params(settings, env, &params, &password, &arena, err);
    if (status == BW_OK)
        status = bw_pgconn_open(&params, env, &conn, err);
    if (password)
        explicit_bzero(password, strlen(password));
    free(password);
    bw_arena_fini(&arena);
    *out = (bw_source *)conn;
    return status;
}

static void pg_close(bw_source *source)
{
    bw_pgconn_close(conn_of(source));
}

static bw_status pg_status(bw_source *source, bw_arena *arena, bw_source_status *out, bw_error *err)
{
    bw_pgconn *conn = conn_of(source);
    const bw_pgserver *server = bw_pgconn_server(conn);
    const bw_clock *clock = bw_pgconn_env(conn)->clock;
    bw_pgwarnings warnings = {NULL, 0};
    int64_t before = bw_mono_us(clock);
    *out = (bw_source_status){.now_us = BW_TIME_NONE};
    bw_status status = bw_pg_clock(conn, &out->now_us, err);
    if (status != BW_OK)
        return status;
    out->latency_us = bw_mono_us(clock) - before;
    out->version = bw_arena_printf(arena, "PostgreSQL %s", server->version_text);
    bw_pgadvice_server(server, &warnings, arena);
    out->warnings = warnings.items;
    out->n_warnings = warnings.count;
    return BW_OK;
}

static bw_status pg_list(bw_source *source, const char *pattern, bw_arena *arena,
                         const char *const **names, size_t *count, bw_error *err)
{
    return bw_pgtable_list(conn_of(source), pattern, arena, names, count, err);
}

static bw_status pg_describe(bw_source *source, const bw_table_spec *spec, bw_arena *arena,
                             bw_table_info *out, bw_error *err)
{
    bw_pgtable table;
    bw_status status = bw_pgtable_load(conn_of(source), spec, arena, &table, err);
    if (status == BW_OK)
        status = bw_pgadvice_table(conn_of(source), &table, arena, err);
    *out = table.info;
    return status;
}

static bw_status pg_reader_open(bw_source *source, const bw_table_spec *spec,
                                const bw_table_info *info, const bw_read_request *request,
                                bw_reader **out, bw_error *err)
{
    return bw_pgreader_open(conn_of(source), spec, info, request, out, err);
}

const bw_source_class bw_source_postgres = {
    .kind = "postgres",
    .name = "PostgreSQL",
    .capabilities = BW_SOURCE_TABLES | BW_SOURCE_CURSOR | BW_SOURCE_KEYS,
    .settings = bw_pg_settings,
    .n_settings = BW_PG_SETTINGS,
    .open = pg_open,
    .close = pg_close,
    .status = pg_status,
    .list = pg_list,
    .describe = pg_describe,
    .reader_open = pg_reader_open,
    .reader_next = bw_pgreader_next,
    .reader_fetch = bw_pgreader_fetch,
    .reader_end = bw_pgreader_end,
    .reader_restart = bw_pgreader_restart,
    .reader_close = bw_pgreader_close,
};
