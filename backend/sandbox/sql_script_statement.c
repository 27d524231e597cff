/*
 * The statements of a script: each in a savepoint of the script's transaction.
 */
#include "backend/sandbox/sql_script_run.h"

static bw_status savepoint(script *s, const char *sql)
{
    return bq_store_execf(s->catalog, s->err, "%s", sql);
}

bw_status sql_script_fail(script *s, size_t pos, const char *reason, const char *message)
{
    sql_position at = sql_position_of(s->inner.text, pos);

    return bq_error_set(s->err, reason, "query", "%s at [%d:%d]", message, at.line, at.column);
}

void sql_script_begin(script *s, sql_run *r, bw_arena *arena, const sql_stmt *stmt,
                      bq_sql_result *result)
{
    *r = (sql_run){.stmt = stmt,
                   .result = result,
                   .catalog = s->catalog,
                   .db = s->catalog->db->handle,
                   .err = s->err};
    *result = (bq_sql_result){.arena = BW_ARENA_INIT};
    s->inner.variables = s->variables;
    s->inner.variable_count = s->variable_count;
    s->inner.temps = s->temps;
    s->inner.temp_count = s->temp_count;
    r->a = (sql_analysis){.arena = arena,
                          .catalog = s->catalog,
                          .request = &s->inner,
                          .err = s->err,
                          .functions = s->functions,
                          .function_count = s->function_count};
    r->a.location = s->inner.location && *s->inner.location ? s->inner.location : "US";
    r->a.now_us = bw_wall_us(s->catalog->clock);
    s->err->reason = NULL;
}

bw_status sql_script_end(sql_run *r, bw_status status)
{
    sqlite3_progress_handler(r->db, 0, NULL, NULL);
    /* Also after a failure: an expression has no savepoint that would undo them. */
    bw_status dropped = sql_drop_indexes(r);
    for (size_t i = 0; i < r->a.table_count; i++)
        bq_table_fini(&r->a.tables[i]->table);
    return status == BW_OK ? dropped : status;
}

/* The rows of the last query are the script's. */
static void take_rows(script *s, bq_sql_result *from)
{
    bq_sql_result *to = s->result;

    to->bytes_processed += from->bytes_processed;
    if (from->schema.count == 0)
        return;
    bq_schema_copy(&to->arena, &from->schema, &to->schema);
    to->destination = (bq_table_ref){bw_arena_strdup(&to->arena, from->destination.project),
                                     bw_arena_strdup(&to->arena, from->destination.dataset),
                                     bw_arena_strdup(&to->arena, from->destination.table)};
    to->total_rows = from->total_rows;
}

static bw_status tell_child(script *s, const sql_step *step, const bq_sql_result *result)
{
    if (!s->request->child)
        return BW_OK;
    sql_position from = sql_position_of(s->request->text, step->pos);
    sql_position to = sql_position_of(s->request->text, step->end);
    bq_sql_child child = {.number = s->children,
                          .text = {s->request->text.ptr + step->pos, step->end - step->pos},
                          .line = from.line,
                          .column = from.column,
                          .end_line = to.line,
                          .end_column = to.column,
                          .result = result};
    return s->request->child(s->user, s->catalog, &child, s->err);
}

/* CREATE TEMP TABLE: its name means a table of the hidden dataset from here on. */
static bw_status add_temp(script *s, const sql_stmt *stmt)
{
    const sql_names *path = &stmt->target->path;
    bq_sql_temp temp = {.ref = {s->request->project, BQ_ANONYMOUS_DATASET, NULL}};
    sql_analysis list = {.arena = &s->arena};

    if (path->count != 1)
        return sql_script_fail(s, stmt->target->pos, "invalidQuery",
                               "The name of a temporary table must not be qualified");
    temp.name = bw_arena_strndup(&s->arena, path->items[0].ptr, path->items[0].len);
    for (size_t i = 0; i < s->temp_count; i++) {
        if (sql_name_equal(path->items[0], s->temps[i].name))
            return BW_OK;
    }
    temp.ref.table =
        bw_arena_printf(&s->arena, "script%016llx_%zu_%s",
                        (unsigned long long)bw_wall_us(s->catalog->clock), s->steps, temp.name);
    *SQL_ADD(&list, s->temps, s->temp_count) = temp;
    const char *location = s->request->location;
    return bq_store_anonymous(s->catalog, s->request->project,
                              location && *location ? location : "US", s->err);
}

bw_status sql_script_statement(script *s, const sql_step *step, const sql_stmt *stmt)
{
    bw_arena arena = BW_ARENA_INIT;
    bq_sql_result result;
    sql_run r;

    if (stmt->kind == SQL_S_CREATE_FUNCTION) {
        *SQL_ADD((&(sql_analysis){.arena = s->parsed}), s->functions, s->function_count) =
            stmt->functions[0];
        return BW_OK;
    }
    bw_status status = stmt->temporary ? add_temp(s, stmt) : BW_OK;
    if (status != BW_OK)
        return status;
    sql_script_begin(s, &r, &arena, stmt, &result);
    status = savepoint(s, "SAVEPOINT script_statement");
    if (status == BW_OK) {
        sql_watch(&r);
        status = sql_script_end(&r, sql_run_kind(&r));
        if (status == BW_OK)
            status = tell_child(s, step, &result);
        if (status == BW_OK)
            status = savepoint(s, "RELEASE script_statement");
        else
            sqlite3_exec(r.db, "ROLLBACK TO script_statement; RELEASE script_statement", NULL, NULL,
                         NULL);
    }
    if (status == BW_OK) {
        take_rows(s, &result);
        s->children++;
    }
    bq_sql_result_fini(&result);
    bw_arena_fini(&arena);
    return status;
}
