#include "backend/sandbox/sql_run.h"

#include <stdlib.h>

#include "backend/sandbox/bq_functions.h"
#include "backend/sandbox/sql_parser.h"
#include "backend/sandbox/sql_script.h"

/* ---- SQLite ------------------------------------------------------------------------------------ */

/* SQLite's own limits, which no check of the translation stands before. */
static bool is_too_complex(const char *message)
{
    static const char *const limits[] = {"parser stack overflow", "too many ", "at most ",
                                         "Expression tree is too large", "string or blob too big"};

    for (size_t i = 0; i < BW_COUNT(limits); i++) {
        if (strncmp(message, limits[i], strlen(limits[i])) == 0)
            return true;
    }
    return false;
}

/* What SQLite does not run in a recursive query is found only by it. */
static bool is_recursion(const char *message)
{
    return strstr(message, "recursive") || strncmp(message, "circular reference", 18) == 0;
}

static bw_status sqlite_failed(sql_run *r, int code, bool preparing)
{
    const char *message = sqlite3_errmsg(r->db);

    if (code == SQLITE_INTERRUPT)
        return bq_error_set(r->err, "stopped", NULL,
                            "Job execution was cancelled: User requested cancellation");
    if (preparing && is_too_complex(message))
        return bq_error_set(r->err, "resourcesExceeded", "query",
                            "Not enough resources for query planning - too many subqueries or "
                            "query is too complex: %s",
                            message);
    if (preparing && is_recursion(message))
        return bq_error_set(r->err, "invalidQuery", "query",
                            "Unsupported: this form of a recursive query is not part of the "
                            "sandbox's SQL: %s",
                            message);
    if (preparing)
        return bq_error_set(r->err, "internalError", "query",
                            "the sandbox could not translate the statement: %s", message);
    if (code == SQLITE_ERROR)
        return bq_error_set(r->err, "invalidQuery", "query", "%s", message);
    return bq_error_set(r->err, "internalError", "query", "the sandbox's storage failed: %s",
                        message);
}

static void bind_all(sql_run *r, sqlite3_stmt *stmt)
{
    int most = sqlite3_bind_parameter_count(stmt);

    for (size_t i = 0; i < r->a.bind_count && (int)i < most; i++) {
        const sql_bind *b = &r->a.binds[i];
        if (b->type)
            sqlite3_bind_pointer(stmt, (int)i + 1, (void *)(uintptr_t)b->type, BQ_POINTER_TYPE,
                                 NULL);
        else
            bq_store_bind(stmt, (int)i + 1, &b->value);
    }
}

bw_status sql_step_failed(sql_run *r, int code)
{
    return sqlite_failed(r, code, false);
}

bw_status sql_prepare(sql_run *r, const char *sql, sqlite3_stmt **stmt)
{
    int code = sqlite3_prepare_v2(r->db, sql, -1, stmt, NULL);

    if (code != SQLITE_OK)
        return sqlite_failed(r, code, true);
    bind_all(r, *stmt);
    return BW_OK;
}

bw_status sql_exec(sql_run *r, const char *sql, int64_t *changes)
{
    sqlite3_stmt *stmt;
    bw_status status = sql_prepare(r, sql, &stmt);
    int code;

    if (status != BW_OK)
        return status;
    do {
        code = sqlite3_step(stmt);
    } while (code == SQLITE_ROW);
    if (code != SQLITE_DONE)
        status = sql_step_failed(r, code);
    else if (changes)
        *changes = sqlite3_changes64(r->db);
    sqlite3_finalize(stmt);
    return status;
}

bw_status sql_exec_int(sql_run *r, const char *sql, int64_t none, int64_t *out)
{
    sqlite3_stmt *stmt;
    bw_status status = sql_prepare(r, sql, &stmt);

    *out = none;
    if (status != BW_OK)
        return status;
    int code = sqlite3_step(stmt);
    if (code == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(stmt, 0);
    else if (code != SQLITE_ROW && code != SQLITE_DONE)
        status = sql_step_failed(r, code);
    sqlite3_finalize(stmt);
    return status;
}

bw_status sql_rows_bytes(sql_run *r, int64_t storage, const bq_schema *schema,
                         const char *condition, int64_t *bytes)
{
    bw_buf sql = BW_BUF_INIT;
    sqlite3_stmt *stmt;
    int code;

    *bytes = 0;
    bw_buf_adds(&sql, "SELECT 0");
    for (size_t i = 0; i < schema->count; i++) {
        bw_buf_addc(&sql, ',');
        bq_store_quote(&sql, schema->fields[i].name);
    }
    bw_buf_addf(&sql, " FROM \"t%lld\" WHERE %s", (long long)storage, condition);
    bw_status status = sql_prepare(r, bw_buf_cstr(&sql), &stmt);
    bw_buf_fini(&sql);
    if (status != BW_OK)
        return status;
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (size_t i = 0; i < schema->count; i++) {
            bq_value v = bq_store_column(stmt, (int)i + 1);
            *bytes += bq_value_bytes(&schema->fields[i], &v);
        }
    }
    if (code != SQLITE_DONE)
        status = sql_step_failed(r, code);
    sqlite3_finalize(stmt);
    return status;
}

/* ---- Estimates --------------------------------------------------------------------------------- */

static int64_t fixed_width(const bq_field *f)
{
    return f->mode == BQ_REPEATED ? 0 : bq_kind_bytes(f->kind);
}

/* Columns of fixed width exactly; the others share what the table's size leaves. */
static int64_t table_estimate(const sql_table *t)
{
    const bq_schema *schema = &t->table.schema;
    int64_t fixed = 0, used_fixed = 0, open = 0, used_open = 0;

    for (size_t i = 0; i < schema->count; i++) {
        int64_t width = fixed_width(&schema->fields[i]) * t->table.rows;
        bool used = t->used[i];
        fixed += width;
        used_fixed += used ? width : 0;
        open += width == 0;
        used_open += used && width == 0;
    }
    int64_t rest = t->table.bytes > fixed ? t->table.bytes - fixed : 0;
    return used_fixed + (open > 0 ? rest / open * used_open : 0);
}

/* ---- Indexes for one statement ----------------------------------------------------------------- */

#define INDEX_FROM_ROWS 1000

static bw_status make_indexes(sql_run *r)
{
    bw_status status = BW_OK;
    bw_buf sql = BW_BUF_INIT;

    for (size_t i = 0; status == BW_OK && !r->dry_run && i < r->a.index_count; i++) {
        const sql_index *x = &r->a.indexes[i];
        if (x->table->table.rows < INDEX_FROM_ROWS)
            continue;
        /* One may be left of a statement that was killed. */
        status = sql_exec(r, sql_printf(&r->a, "DROP INDEX IF EXISTS \"bw_index%zu\"", i), NULL);
        bw_buf_clear(&sql);
        bw_buf_addf(&sql, "CREATE INDEX \"bw_index%zu\" ON \"t%lld\"(", i,
                    (long long)x->table->storage);
        bq_store_quote(&sql, x->table->table.schema.fields[x->column].name);
        bw_buf_addc(&sql, ')');
        if (status == BW_OK)
            status = sql_exec(r, bw_buf_cstr(&sql), NULL);
    }
    bw_buf_fini(&sql);
    return status;
}

bw_status sql_drop_indexes(sql_run *r)
{
    bw_status status = BW_OK;

    for (size_t i = 0; status == BW_OK && i < r->a.index_count; i++)
        status = sql_exec(r, sql_printf(&r->a, "DROP INDEX IF EXISTS \"bw_index%zu\"", i), NULL);
    return status;
}

#define MEGABYTE INT64_C(1048576)

bw_status sql_ready(sql_run *r)
{
    const bq_sql_request *q = r->a.request;
    bq_sql_result *out = r->result;

    if (r->a.failed)
        return r->err->reason && strcmp(r->err->reason, "notFound") == 0 ? BW_NOT_FOUND
                                                                         : BW_INVALID;
    out->bytes_processed = 0;
    out->referenced = BW_ARENA_ARRAY(&out->arena, bq_table_ref, r->a.table_count + 1);
    out->referenced_count = r->a.table_count;
    for (size_t i = 0; i < r->a.table_count; i++) {
        const bq_table *t = &r->a.tables[i]->table;
        out->bytes_processed += table_estimate(r->a.tables[i]);
        out->referenced[i] = (bq_table_ref){bw_arena_strdup(&out->arena, t->project),
                                            bw_arena_strdup(&out->arena, t->dataset),
                                            bw_arena_strdup(&out->arena, t->id)};
    }
    int64_t billed = (out->bytes_processed + MEGABYTE - 1) / MEGABYTE * MEGABYTE;
    if (billed > 0 && billed < 10 * MEGABYTE)
        billed = 10 * MEGABYTE;
    if (q->maximum_bytes_billed > 0 && billed > q->maximum_bytes_billed && !r->dry_run)
        return bq_error_set(r->err, "bytesBilledLimitExceeded", NULL,
                            "Query exceeded limit for bytes billed: %lld. %lld or higher "
                            "required.",
                            (long long)q->maximum_bytes_billed, (long long)billed);
    return make_indexes(r);
}

void sql_set_target(sql_run *r, bq_table_ref ref)
{
    bw_arena *arena = &r->result->arena;

    r->result->target =
        (bq_table_ref){bw_arena_strdup(arena, ref.project), bw_arena_strdup(arena, ref.dataset),
                       bw_arena_strdup(arena, ref.table)};
}

/* ---- The statement ----------------------------------------------------------------------------- */

/* A function that nothing uses. */
static bw_status run_create_function(sql_run *r)
{
    r->result->ddl_operation = "CREATE";
    return BW_OK;
}

static const struct {
    const char *type;
    sql_runner *run;
} runners[] = {
    [SQL_S_QUERY] = {"SELECT", sql_run_query},
    [SQL_S_INSERT] = {"INSERT", sql_run_insert},
    [SQL_S_UPDATE] = {"UPDATE", sql_run_update},
    [SQL_S_DELETE] = {"DELETE", sql_run_delete},
    [SQL_S_TRUNCATE] = {"TRUNCATE_TABLE", sql_run_truncate},
    [SQL_S_MERGE] = {"MERGE", sql_run_merge},
    [SQL_S_CREATE_TABLE] = {"CREATE_TABLE", sql_run_create},
    [SQL_S_DROP_TABLE] = {"DROP_TABLE", sql_run_drop},
    [SQL_S_ALTER_TABLE] = {"ALTER_TABLE", sql_run_alter},
    [SQL_S_CREATE_VIEW] = {"CREATE_VIEW", sql_run_create_view},
    [SQL_S_DROP_VIEW] = {"DROP_VIEW", sql_run_drop_view},
    [SQL_S_CREATE_SCHEMA] = {"CREATE_SCHEMA", sql_run_create_schema},
    [SQL_S_DROP_SCHEMA] = {"DROP_SCHEMA", sql_run_drop_schema},
    [SQL_S_CREATE_FUNCTION] = {"CREATE_FUNCTION", run_create_function},
};

bw_status sql_run_kind(sql_run *r)
{
    r->result->statement_type = runners[r->stmt->kind].type;
    return runners[r->stmt->kind].run(r);
}

/* So long a query holds the catalog before it is run aside. */
#define PATIENCE_US (BW_SECOND / 10)

static int must_stop(void *user)
{
    sql_run *r = user;

    r->gave_up = r->give_up_us && bw_mono_us(r->catalog->clock) >= r->give_up_us;
    return r->gave_up || bw_cancelled(r->a.request->cancel);
}

void sql_watch(sql_run *r)
{
    sqlite3_progress_handler(r->db, 20000, must_stop, r);
}

static bw_status run_in_transaction(sql_run *r, bq_sql_before_commit *hook, void *user)
{
    bw_status status = r->dry_run ? BW_OK : bq_store_begin(r->catalog, r->err);

    if (status != BW_OK)
        return status;
    sql_watch(r);
    status = runners[r->stmt->kind].run(r);
    sqlite3_progress_handler(r->db, 0, NULL, NULL);
    if (r->dry_run)
        return status;
    if (status == BW_OK)
        status = sql_drop_indexes(r);
    if (status == BW_OK && hook)
        status = hook(user, r->catalog, r->result, r->err);
    return bq_store_end(r->catalog, status, r->err);
}

static bool only_queries_have_destinations(sql_run *r)
{
    if (!r->a.request->destination || r->stmt->kind == SQL_S_QUERY)
        return true;
    sql_error(&r->a, r->stmt->pos,
              "Cannot set destination table in jobs with DML or DDL "
              "statements");
    return false;
}

/* How a statement is run: at once in the catalog, or aside. */
typedef bw_status run_way(sql_run *r, bq_sql_before_commit *hook, void *user);

static bw_status run_locked(sql_run *r, bq_sql_before_commit *hook, void *user)
{
    bq_store_lock(r->catalog);
    if (r->give_up_us)
        r->give_up_us += bw_mono_us(r->catalog->clock);
    bw_status status = run_in_transaction(r, hook, user);
    bq_store_unlock(r->catalog);
    return status;
}

typedef struct attempt {
    bq_catalog *catalog;
    const bq_sql_request *request;
    bq_sql_before_commit *hook;
    void *user;
    bq_sql_result *result;
    bq_error *err;
    bool script;  /* what the text is */
    bool gave_up; /* it took too long */
} attempt;

/* From the text on. `patience_us` 0: as long as it takes. */
static bw_status run_once(attempt *t, run_way *way, int64_t patience_us)
{
    bw_arena arena = BW_ARENA_INIT;
    sql_stmt stmt;
    sql_run r = {.stmt = &stmt,
                 .result = t->result,
                 .catalog = t->catalog,
                 .db = t->catalog->db->handle,
                 .err = t->err,
                 .dry_run = t->request->dry_run};

    *t->result = (bq_sql_result){.arena = BW_ARENA_INIT};
    r.err->reason = NULL;
    r.a =
        (sql_analysis){.arena = &arena, .catalog = t->catalog, .request = t->request, .err = r.err};
    r.a.location = t->request->location && *t->request->location ? t->request->location : "US";
    r.a.now_us = bw_wall_us(t->catalog->clock);
    bw_status status = sql_parse(&arena, t->request->text, &stmt, r.err);
    t->script = stmt.script;
    r.a.functions = stmt.functions;
    r.a.function_count = stmt.function_count;
    if (status == BW_OK) {
        t->result->statement_type = runners[stmt.kind].type;
        status = only_queries_have_destinations(&r) ? BW_OK : BW_INVALID;
        r.give_up_us = stmt.kind == SQL_S_QUERY ? patience_us : 0;
    }
    if (status == BW_OK)
        status = way(&r, t->hook, t->user);
    t->gave_up = status != BW_OK && r.gave_up;
    for (size_t i = 0; i < r.a.table_count; i++)
        bq_table_fini(&r.a.tables[i]->table);
    bw_arena_fini(&arena);
    if (status != BW_OK)
        bq_sql_result_fini(t->result);
    return status;
}

bw_status bq_sql_run(bq_catalog *catalog, const bq_sql_request *request, bq_sql_before_commit *hook,
                     void *user, bq_sql_result *result, bq_error *err)
{
    bq_error local = BQ_ERROR_INIT;
    attempt t = {catalog, request, hook, user, result, err ? err : &local, false, false};
    bw_status status = run_once(&t, run_locked, PATIENCE_US);

    if (t.script)
        return sql_run_script(catalog, request, hook, user, result, t.err);
    if (t.gave_up)
        status = run_once(&t, bq_snapshot_fits(catalog) ? sql_run_aside : run_locked, 0);
    return status;
}

void bq_sql_result_fini(bq_sql_result *result)
{
    bw_arena_fini(&result->arena);
    *result = (bq_sql_result){.arena = BW_ARENA_INIT};
}
