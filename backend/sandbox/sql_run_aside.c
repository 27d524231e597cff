/*
 * Queries that take long. All of the catalog waits for its mutex, so such a query is analysed under
 * it, then reads a snapshot without it, and its rows are appended like those of a load: the mutex is
 * taken for each slice, and nothing is seen before the commit. The indexes that its subqueries want
 * are made before the snapshot, which goes on seeing them, and are dropped at once.
 */
#include "backend/sandbox/sql_run.h"

typedef struct aside {
    sql_run *run;
    const char *text; /* selects the result's columns */
    bq_table_ref ref;
    bq_table table; /* to be made, or the shape of what is added */
    bq_append_options options;
    bq_sql_before_commit *hook;
    void *user;
} aside;

/* Where the rows go to. */
static bw_status find_place(aside *s)
{
    sql_run *r = s->run;
    const bq_sql_request *q = r->a.request;
    int64_t number;

    s->table = (bq_table){.schema = r->result->schema, .expires_us = BW_TIME_NONE};
    s->options = (bq_append_options){.write = q->write, .create = q->create, .evolve = q->evolve};
    s->options.table = &s->table;
    if (q->destination) {
        s->ref = *q->destination;
        return BW_OK;
    }
    bw_status status = bq_storage_number(r->catalog, r->result->schema.count, &number, r->err);
    if (status == BW_OK)
        status = bq_store_anonymous(r->catalog, q->project, r->a.location, r->err);
    s->ref = (bq_table_ref){q->project, BQ_ANONYMOUS_DATASET,
                            sql_printf(&r->a, "anonq%015llx", (unsigned long long)number)};
    s->table.expires_us = r->a.now_us + BQ_ANONYMOUS_LIFE;
    s->options.create = true;
    return status;
}

static bw_status plan(aside *s)
{
    bw_status status = sql_query_text(s->run, &s->text);

    return status == BW_OK ? find_place(s) : status;
}

/* Under the mutex. */
static bw_status open_snapshot(aside *s)
{
    sql_run *r = s->run;
    sqlite3 *snapshot = NULL;
    bw_status status = bq_store_begin(r->catalog, r->err);

    if (status == BW_OK)
        status = bq_store_end(r->catalog, plan(s), r->err);
    if (status != BW_OK)
        return status;
    status = bq_snapshot_open(r->catalog, &snapshot, r->err);
    bw_status dropped = sql_drop_indexes(r);
    r->db = snapshot;
    return status == BW_OK ? dropped : status;
}

/* For each column of the table that of the result, or -1. */
static int *match_columns(aside *s, const bq_schema *schema)
{
    int *columns = BW_ARENA_ARRAY(s->run->a.arena, int, schema->count + 1);

    for (size_t i = 0; i < schema->count; i++)
        columns[i] = bq_schema_find(&s->run->result->schema, bw_slice_cstr(schema->fields[i].name));
    return columns;
}

static bw_status append_rows(aside *s, bq_append *append)
{
    static const bq_value none = {.cls = BQ_NULL}, empty = {.cls = BQ_BLOB, .s = {"\0\0\0", 4}};
    sql_run *r = s->run;
    const bq_schema *schema = bq_append_schema(append);
    const int *columns = match_columns(s, schema);
    bq_value *row = BW_ARENA_ARRAY(r->a.arena, bq_value, schema->count + 1);
    sqlite3_stmt *stmt;
    int code = SQLITE_DONE;
    bw_status status = sql_prepare(r, s->text, &stmt);

    if (status != BW_OK)
        return status;
    while (status == BW_OK && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (size_t i = 0; i < schema->count; i++) {
            bool repeated = schema->fields[i].mode == BQ_REPEATED;
            row[i] = columns[i] >= 0 ? bq_store_column(stmt, columns[i]) : repeated ? empty : none;
        }
        status = bq_append_row(append, row, r->err);
    }
    if (status == BW_OK && code != SQLITE_DONE)
        status = sql_step_failed(r, code);
    sqlite3_finalize(stmt);
    return status;
}

static bw_status before_commit(void *user, bq_catalog *catalog, bq_error *err)
{
    aside *s = user;

    return s->hook ? s->hook(s->user, catalog, s->run->result, err) : BW_OK;
}

static bw_status run(aside *s)
{
    sql_run *r = s->run;
    bw_arena *arena = &r->result->arena;
    const char *partition;
    bq_append *append;
    bw_status status = bq_append_begin(r->catalog, s->ref, &s->options, &append, r->err);

    if (status != BW_OK)
        return status;
    status = append_rows(s, append);
    if (status != BW_OK) {
        bq_append_abort(append);
        return status;
    }
    bq_table_ref ref = bq_partition_split(arena, s->ref, &partition);
    r->result->destination =
        (bq_table_ref){bw_arena_strdup(arena, ref.project), bw_arena_strdup(arena, ref.dataset),
                       bw_arena_strdup(arena, ref.table)};
    r->result->total_rows = bq_append_rows(append);
    return bq_append_commit(append, before_commit, s, r->err);
}

bw_status sql_run_aside(sql_run *r, bq_sql_before_commit *hook, void *user)
{
    aside s = {.run = r, .hook = hook, .user = user};

    bq_store_lock(r->catalog);
    bw_status status = open_snapshot(&s);
    bq_store_unlock(r->catalog);
    if (status == BW_OK) {
        sql_watch(r);
        status = run(&s);
    }
    if (r->db != r->catalog->db->handle)
        sqlite3_close(r->db);
    return status;
}
